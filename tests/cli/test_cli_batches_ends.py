"""Many runs in a terminal, and how they end too early: by signals, and by no signal at all."""

import collections
import json
import os
import random
import re
import shlex
import signal
import subprocess
import time

import pytest
from helpers.calls import at_once, eventually
from helpers.commandline import (
    PLAIN,
    Terminal,
    account,
    modules_loaded_by,
    run,
    run_pasted,
    started,
)
from helpers.package import NAME
from helpers.servers import PATIENCE

from promptjuggler._cli.again import same_command
from promptjuggler._cli.arguments import parse

GREETINGS = ["run-prompts", "greeting", "production"]


@pytest.fixture
def names(tmp_path):
    """A file of 500 names."""
    path = tmp_path / "the names.csv"
    path.write_text("name\n" + "".join(f"n{number}\n" for number in range(500)))
    return str(path)


@pytest.fixture
def some(tmp_path):
    """A file of 40 names."""
    path = tmp_path / "some names.csv"
    path.write_text("name\n" + "".join(f"n{number}\n" for number in range(40)))
    return str(path)


def starts_of(server):
    """How often each name was sent with a start."""
    return collections.Counter(
        request.json()["inputs"]["name"]
        for request in list(server.requests)
        if request.method == "POST"
    )


def has_started(server, number):
    """Whether so many runs were started."""
    posts = [each for each in list(server.requests) if each.method == "POST"]
    return len(posts) >= number


def test_500_rows_of_which_the_command_is_killed_20_times_end_with_500_answers(
    own_server, names
):
    """And nothing is started twice but what may not have been, when that is asked for."""
    env = account(own_server)
    command = [*GREETINGS, names, "--workers", "8"]
    # Some rows are waited for when a kill comes, and some are not yet, or no more.
    own_server.run_seconds = lambda call: random.choice((0, 0, 0, 0.01))
    for kill in range(1, 21):
        with started(*command, "--output", os.devnull, env=env) as process:
            eventually(lambda number=kill * 20: has_started(own_server, number))
            process.kill()
    assert max(starts_of(own_server).values()) == 1
    code, out, _ = run(*command, env=env)
    results = [json.loads(line) for line in out.splitlines()]
    unsure = {each["inputs"]["name"] for each in results if each["error"]}
    assert (code, len(results)) == (5 if unsure else 0, 500)
    assert len(unsure) <= 20 * 8
    starts = starts_of(own_server)
    assert (max(starts.values()), len(starts.keys() | unsure)) == (1, 500)
    code, out, _ = run(*command, "--restart-unsure", env=env)
    results = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert {each["index"]: each["run"]["output"] for each in results} == {
        number: f"Hello, n{number}!" for number in range(500)
    }
    again = starts_of(own_server)
    assert again.keys() == {f"n{number}" for number in range(500)}
    assert {name for name, number in again.items() if number > 1} <= unsure


# --- signals ---

CASES = {
    signal.SIGINT: (130, "interrupted"),
    signal.SIGTERM: (143, "terminated"),
    signal.SIGHUP: (129, "hung up"),
}


@pytest.mark.parametrize("number", CASES)
def test_a_signal_ends_it_and_the_line_has_the_command_that_goes_on(
    own_server, some, number
):
    expected, said = CASES[number]
    own_server.run_seconds = 0.2
    env = account(own_server)
    options = ["--input", "greeting=it's", "--wait-timeout", "60"]
    with started(*GREETINGS, some, *options, env=env) as process:
        eventually(lambda: has_started(own_server, 20))
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == expected
    line = re.fullmatch(
        rf"promptjuggler: {said}; (\d+) of 40 rows in \d+ s: \1 completed; the same"
        r" command goes on: (.+)\n",
        err.decode(),
    )
    assert line, err
    # It can come between a result that is written, and the sums of all.
    assert len(out.splitlines()) - int(line[1]) in (0, 1)
    # Pasted into a shell, it does: no run is started twice, and none is unsure.
    own_server.run_seconds = 0
    code, out, err = run_pasted(line[2], env=env)
    assert (code, len(out.splitlines())) == (0, 40), err
    starts = starts_of(own_server)
    assert (len(starts), max(starts.values())) == (40, 1)


def test_a_second_signal_does_not_wait_for_the_requests_that_are_on_their_way(
    own_server, names
):
    own_server.delay_next(PATIENCE * 3)
    with started(*GREETINGS, names, env=account(own_server)) as process:
        eventually(lambda: own_server.requests)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.1)  # nothing shows from outside that it was handled
        assert process.poll() is None
        # More than once, if the first was not handled yet.
        eventually(lambda: process.poll() or process.terminate())
        err = process.stderr.read()
    assert process.returncode == 143
    assert err.startswith(b"promptjuggler: terminated; ")
    assert b"the same command goes on: " in err


def test_a_signal_while_rows_are_waited_for_ends_it_too(own_server, tmp_path):
    own_server.run_seconds = 60
    command = [*GREETINGS, "-", "--journal", str(tmp_path / "kept")]
    with started(*command, env=account(own_server)) as process:
        process.stdin.write(b"name\nAda\n")
        process.stdin.flush()
        eventually(lambda: has_started(own_server, 1))
        process.terminate()
        assert process.wait(PATIENCE) == 143
        err = process.stderr.read()
    said = b"promptjuggler: terminated; the same command goes on, with the same input: "
    assert err.startswith(said)
    assert err.endswith(b" greeting production -\n")


def test_without_a_journal_the_line_says_that_nothing_goes_on(own_server, names):
    own_server.run_seconds = 60
    command = [*GREETINGS, names, "--no-journal"]
    with started(*command, env=account(own_server)) as process:
        eventually(lambda: has_started(own_server, 8))
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    said = "without a journal, the same command starts all of it again"
    assert err.decode() == f"promptjuggler: terminated; {said}\n"


def test_a_demo_ends_by_a_signal_without_a_word_about_what_is_gone(names):
    with started("--demo", *GREETINGS, names, env=PLAIN) as process:
        assert process.stdout.readline().startswith(b'{"index": ')
        process.terminate()
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 143
    # It can come before the first result is counted.
    counted = rb"(; (\d+) of 500 rows in \d+ s: \2 completed)?"
    assert re.search(rb"promptjuggler: terminated" + counted + rb"\n$", err)


# --- the command to be pasted ---


@pytest.mark.parametrize(
    "arguments",
    [
        ["run-prompts", "a b", "1", "it's.csv", "--journal=-x", "--workers=3"],
        ["run-workflows", "a", "1", "--delimiter=tab", "--", "-odd.csv"],
        ["run-prompts", "a", "1", "-", "--input=a=1", "--input=b=$x", "--quiet"],
        [
            "run-prompts",
            "a",
            "1",
            "f",
            "--timeout=0.5",
            "--metadata=a=1",
            "--format=csv",
        ],
        ["run-prompts", "a", "1", "f", "--proxy=http://proxy.example:3128"],
        # The secret is in the file.
        ["run-prompts", "a", "1", "f", "--env-var=TOKEN=@a file"],
        ["run-prompts", "a", "1", "f", "--env-var=TOKEN=@-"],
    ],
)
def test_the_command_to_be_pasted_says_what_was_said(arguments):
    args = parse(arguments)
    words = shlex.split(same_command(args))
    assert words[:3] == ["python3", "-m", NAME]
    assert vars(parse(words[3:])) == vars(args)


def test_the_command_to_be_pasted_has_no_secret_and_a_shell_asks_for_it():
    secrets = [
        "--env-var=TOKEN=hidden1",
        "--env-var=my token=hidden2",
        "--env-var=AT=@@hidden",
        "--proxy=http://user:hidden3@proxy.example",
    ]
    command = same_command(parse(["run-prompts", "a", "1", "f.csv", *secrets]))
    assert "hidden" not in command
    for option in (
        '--env-var=TOKEN="${TOKEN:?}"',
        "--env-var='my token'=\"${VALUE:?}\"",
        '--env-var=AT="${AT:?}"',
        '--proxy="${HTTPS_PROXY:?}"',
    ):
        assert f" {option} " in command
    echoed = command.replace("python3 -m", "printf '%s\\n'")
    values = {"TOKEN": "1", "VALUE": "2", "AT": "@@x", "HTTPS_PROXY": "3"}
    for given, code in (({}, 2), (values, 0)):
        done = subprocess.run(["sh", "-c", echoed], env=given, capture_output=True)
        assert bool(done.returncode) is bool(code)
    assert "--env-var=my token=2" in done.stdout.decode().splitlines()


# --- in a terminal ---


def test_a_terminal_has_a_bar_below_the_results_which_is_gone_in_the_end(
    own_server, some
):
    own_server.run_seconds = 0.05
    with Terminal(*GREETINGS, some, env=account(own_server), columns=100) as terminal:
        code, lines = terminal.finish()
    assert code == 0
    results = [json.loads(line) for line in lines if line.startswith("{")]
    assert len(results) == 40
    assert re.fullmatch(r"promptjuggler: 40 rows in \d+ s: 40 completed", lines[-2])
    assert len(lines) == 42
    bars = re.findall(r"\r(\[[# ]+\] [^\r\n]+)", terminal.raw)
    assert any(
        re.fullmatch(
            r"\[#+ +\] \d+ of 40 done, \d+ under way, \d+/s, \d+ s left *", bar
        )
        for bar in bars
    ), bars[-3:]


def test_a_bar_says_what_has_failed_and_fits_into_the_terminal(
    own_server, some, tmp_path
):
    def answer(inputs):
        if inputs["name"].endswith("7"):
            raise ValueError("no sevens")
        return "Hello!"

    def check(columns):
        journal = str(tmp_path / f"journal {columns}")
        command = ["run-prompts", "picky", "1", some, "--journal", journal]
        command += ["--output", str(tmp_path / f"answers {columns}")]
        terminal = Terminal(*command, env=account(own_server), columns=columns)
        with terminal:
            code, lines = terminal.finish()
        assert code == 3
        drawn = re.findall(r"\r(\[[# ]+\] [^\r\n]+)", terminal.raw)
        assert max(map(len, drawn)) <= columns - 1
        assert lines[0].startswith("promptjuggler: 40 rows in ")
        assert ": 36 completed, 4 failed; row 7: run " in "".join(lines)
        # As long as there is room for it.
        length = {40: 10, 200: 30}[columns]
        assert re.search(rf"\r\[#{{{length}}}\] 36 of 40 done, ", terminal.raw)
        if columns == 200:
            assert "36 of 40 done, 4 failed, 0 under way, " in terminal.raw

    own_server.add_prompt("picky", answer)
    own_server.run_seconds = 0.05
    at_once(check, [40, 200])


def test_ctrl_c_in_a_terminal_ends_it_and_the_bar_is_gone(own_server, names):
    own_server.run_seconds = 60
    with Terminal(*GREETINGS, names, env=account(own_server)) as terminal:
        terminal.read_until(r"0 of 500 done, \d+ under way")
        terminal.type("\x03")
        code, lines = terminal.finish()
    assert code == 130
    assert "under way" not in "".join(lines)
    assert "promptjuggler: interrupted; " in lines[-2]
    assert "the same command goes on: " in lines[-2]


def test_what_would_steer_the_terminal_is_an_escape_there_and_itself_in_a_pipe(
    own_server, tmp_path
):
    own_server.add_prompt("red", lambda inputs: "\x1b[31m\u202e")
    path = tmp_path / "rows.jsonl"
    path.write_text('{"name": "\\u009b1m"}\n')
    command = ["run-prompts", "red", "1", str(path), "--no-journal"]
    with Terminal(*command, env=account(own_server), columns=300) as terminal:
        code, lines = terminal.finish()
    shown = json.loads(lines[0])
    assert (code, shown["run"]["output"]) == (0, "\x1b[31m\u202e")
    assert shown["inputs"] == {"name": "\x9b1m"}
    for character in "\x1b\u202e\x9b":
        assert character not in terminal.raw
    _, out, _ = run(*command, env=account(own_server))
    assert "\u202e" in out.decode()


def test_there_is_no_bar_where_it_is_not_wanted(own_server, tmp_path):
    own_server.run_seconds = 0.05
    env = account(own_server)
    path = tmp_path / "one.csv"
    path.write_text("name\nAda\n")
    command = [*GREETINGS, str(path), "--output", os.devnull]
    with Terminal(*command, "--quiet", env=env) as terminal:
        assert terminal.finish() == (0, [""])
    assert "under way" not in terminal.raw
    command[-1] = f"{path}.answers"
    with Terminal(*command, "--verbose", "--no-journal", env=env) as terminal:
        code, _ = terminal.finish()
    assert code == 0
    assert "under way" not in terminal.raw
    assert "POST " in terminal.raw


def test_what_many_runs_need_does_not_slow_the_other_commands_down():
    loaded = modules_loaded_by(f"from {NAME}._cli import commands")
    assert not loaded & {f"{NAME}._cli.batches", "csv", "json"}
