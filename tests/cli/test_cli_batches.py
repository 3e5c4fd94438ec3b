"""Many runs on the command line: results, sums, exit codes, the journal."""

import json
import os
import re
import shlex
import subprocess
import time

import pytest
from helpers.calls import eventually
from helpers.commandline import PROGRAM, account, run, started
from helpers.package import NAME
from helpers.servers import PATIENCE

from promptjuggler import BatchCounts, PromptJuggler
from promptjuggler._cli import amounts, bar

GREETINGS = ["run-prompts", "greeting", "production"]


def posts_of(server):
    return [request for request in server.requests if request.method == "POST"]


def results_of(out):
    """The results by their index."""
    documents = [json.loads(line) for line in out.splitlines()]
    return {document["index"]: document for document in documents}


@pytest.fixture
def names(tmp_path):
    """Makes a file of names."""

    def make(*names, file="names.csv"):
        path = tmp_path / file
        path.write_text("".join(f"{name}\n" for name in ("name", *names)))
        return str(path)

    return make


def test_each_row_is_a_line_of_json_and_the_sums_are_a_line_for_people(
    cli, server, names
):
    code, out, err = cli(*GREETINGS, names("Ada", "Zoë"))
    assert code == 0
    assert re.fullmatch(r"promptjuggler: 2 rows in \d+ s: 2 completed\n", err)
    results = results_of(out)
    assert [results[index]["inputs"]["name"] for index in (0, 1)] == ["Ada", "Zoë"]
    for index, result in results.items():
        assert result.keys() == {"index", "inputs", "run_id", "run", "error"}
        with PromptJuggler() as client:
            run = client.get_prompt_run(result["run_id"])
        assert result["run"] == run.to_dict()
        assert (result["index"], result["error"]) == (index, None)


def test_a_workflow_is_run_for_each_row_too(cli, server, tmp_path):
    path = tmp_path / "pages.jsonl"
    path.write_text('{"text": "A page of a book."}\n')
    code, out, _ = cli("run-workflows", "summary", "1", str(path))
    assert code == 0
    assert results_of(out)[0]["run"]["outputs"]["summary"] == "A page of"
    assert "/workflows/summary/1/runs" in posts_of(server)[0].path


def test_the_options_of_a_run_are_those_of_each(cli, server, names):
    options = {"priority": "low", "environment": "staging", "channel": "side"}
    arguments = [f"--{name}={value}" for name, value in options.items()]
    arguments += ["--metadata", "a=1", "--metadata", "a=2", "--env-var", "K=v"]
    code, _, _ = cli(*GREETINGS, names("Ada", "Bob"), *arguments)
    assert code == 0
    for request in posts_of(server):
        body = request.json()
        assert {name: body[name] for name in options} == options
        assert body["metadata"] == {"a": ["1", "2"]}
        assert body["envVars"] == {"K": "v"}


def test_no_more_than_the_workers_are_under_way_at_once(cli, server, names):
    code, _, err = cli(*GREETINGS, names("Ada"), "--workers", "0")
    assert (code, "--workers: must be a whole number above 0" in err) == (2, True)
    most = []
    running = []

    def slow(inputs):
        running.append(inputs)
        most.append(len(running))
        time.sleep(0.01)
        running.pop()
        return "done"

    server.add_prompt("slow", slow)
    code, _, _ = cli("run-prompts", "slow", "1", names(*"abcdef"), "--workers", "1")
    assert (code, max(most)) == (0, 1)


# --- exit codes ---


def some_fail(inputs):
    if inputs["name"] == "failing":
        raise ValueError("the model\nis \x1b[31mtired")
    return "Hello!"


def test_the_exit_code_is_that_of_the_worst_row(cli, server, names):
    """All completed is 0, a run that failed 3, an error 1, and one unsure 5."""
    server.add_prompt("some", some_fail)
    command = ["run-prompts", "some", "1", "--no-journal", "--workers", "1"]
    code, out, err = cli(*command, names("Ada", "failing", "Bob"))
    assert code == 3
    assert results_of(out)[1]["run"]["status"] == "failed"
    assert re.fullmatch(
        r"promptjuggler: 3 rows in \d+ s: 2 completed, 1 failed; row 1: run \S{36} ended as"
        r" failed: the model is \\x1b\[31mtired\n",
        err,
    )
    server.fail_next(422)
    code, out, err = cli(*command, names("Ada", "failing"))
    assert code == 1
    assert results_of(out)[0]["error"] == {
        "type": "ApiError",
        "message": "The test wants 422.",
        "status_code": 422,
        "may_have_taken_effect": False,
    }
    assert err.endswith(
        " 0 completed, 1 failed, 1 with an error; row 0: The test wants 422.\n"
    ), err
    server.fail_next(422)
    server.drop_next()
    code, out, err = cli(*command, names("Ada", "Bob", "failing"))
    assert code == 5
    assert results_of(out)[1]["error"]["may_have_taken_effect"] is True
    assert results_of(out)[1]["run"] is None
    assert " 0 completed, 1 failed, 1 with an error, 1 unsure; row 0: The" in err


def test_a_run_that_has_not_ended_in_time_is_unsure_and_waited_for_again(
    cli, server, names
):
    path = names("Ada")
    server.run_seconds = 60
    try:
        code, out, err = cli(*GREETINGS, path, "--wait-timeout", "0.01")
    finally:
        server.run_seconds = 0
    result = results_of(out)[0]
    assert (code, result["error"]["type"]) == (5, "WaitTimeout")
    assert err.endswith("; the same command goes on with what has no result\n")
    code, out, _ = cli(*GREETINGS, path, "--wait-timeout", "0.01")
    assert (code, results_of(out)[0]["run_id"]) == (5, result["run_id"])
    assert len(posts_of(server)) == 1


def test_what_would_be_the_answer_to_every_row_ends_all_of_it(cli, server, names):
    path = names(*"abcdefghijklmnopqrstuvwxyz")
    code, out, err = cli("run-prompts", "nothing", "7", path, "--workers", "2")
    assert code == 1
    assert 1 <= len(posts_of(server)) <= 3
    assert 'there is no prompt "nothing" with version "7" (POST ' in err
    assert re.search(r"; \d of 26 rows in \d+ s: 0 completed, \d with an error; ", err)
    assert (
        f"; the same command goes on: python3 -m {NAME} run-prompts --workers=2" in err
    )
    assert results_of(out)[0]["error"]["status_code"] == 404


def test_an_end_too_early_is_unsure_where_a_row_is(cli, server, names):
    server.drop_next()
    server.fail_next(401)
    path = names("Ada", "Bob", "Cy")
    code, out, err = cli(*GREETINGS, path, "--workers", "1")
    assert (code, list(results_of(out))) == (5, [0, 1])
    assert "promptjuggler: HTTP 401: The test wants 401.; 2 of 3 rows in " in err
    assert ": 0 completed, 1 with an error, 1 unsure; the same command goes on: " in err


def test_with_verbose_the_body_of_the_error_that_ended_it_is_shown(cli, server, names):
    path = names("Ada")
    server.fail_next(401)
    code, _, err = cli(*GREETINGS, path, "--verbose")
    assert code == 1
    assert "the body of the answer:\n" in err
    assert "POST " in err


def test_wrong_usage_is_said_before_anything_is_sent(cli, server, names, tmp_path):
    path = names("Ada")
    same = f"{tmp_path}/./names.csv"
    os.link(path, tmp_path / "link.csv")
    for options, problem in {
        ("--journal", "x", "--no-journal"): "contradict each other",
        ("--journal", same): f"{same} cannot be two of FILE, --journal and --output",
        ("--output", str(tmp_path / "link.csv")): "cannot be two of FILE",
        ("--output", f"{path}.journal"): "cannot be two of FILE",
        ("--journal", "-"): "--journal needs a file: - is a standard stream",
        ("--output", ""): "a file without a name cannot be written: ",
        ("--input", "x"): "input must have the form NAME=VALUE",
        ("--output", "/missing/x"): "/missing/x cannot be written: No such file",
        ("--journal", "/missing/x"): "journal /missing/x cannot be written: No such",
        ("--demo", "--journal", "x"): "--demo has no journal",
        ("--thread", "x"): "thread must be a UUID",
    }.items():
        code, out, err = cli(*GREETINGS, path, *options)
        assert (code, out) == (2, ""), options
        assert problem in err
    assert not server.requests
    with open(path) as file:
        assert file.read() == "name\nAda\n"


ONE_FILE = {
    "read and appended to": "- --no-journal < {0} >> {0}",
    "read and written": "- --no-journal --output {0} < {0}",
    "named and appended to": "{0} --no-journal >> {0}",
    "the journal beside it": "{0} >> {0}.journal",
    "a journal that is read": "- --journal {0} < {0}",
}


@pytest.mark.parametrize("case", ONE_FILE)
def test_a_standard_stream_is_no_file_that_is_used_already(own_quick, names, case):
    """Else the results would be rows, and runs be started without an end."""
    path = names("Ada", "Bob")
    program = shlex.join([*PROGRAM, *GREETINGS])
    command = f"{program} {ONE_FILE[case].format(shlex.quote(path))}"
    result = subprocess.run(
        ["sh", "-c", command],
        env=account(own_quick),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (result.returncode, result.stdout) == (2, "")
    assert "cannot be two of FILE, --journal and --output" in result.stderr
    assert not own_quick.requests
    with open(path) as file:
        assert file.read() == "name\nAda\nBob\n"


def test_standard_streams_can_be_other_files(own_quick, names):
    path = names("Ada", "Bob")
    with open(path) as file, open(f"{path}.out", "w+") as out:
        command = [*GREETINGS, "-", "--no-journal"]
        code, _, _ = run(*command, env=account(own_quick), stdin=file, stdout=out)
        out.seek(0)
        assert (code, len(out.readlines())) == (0, 2)


# --- the journal ---


def test_the_same_command_again_asks_for_nothing_and_prints_all_of_it(
    cli, server, names
):
    path = names("Ada", "Bob")
    code, out, _ = cli(*GREETINGS, path)
    assert os.path.exists(f"{path}.journal")
    server.requests.clear()
    again = cli(*GREETINGS, path)
    assert (again[0], results_of(again[1])) == (0, results_of(out))
    assert not server.requests
    # Rows that are added are run.
    path = names("Ada", "Bob", "Cy")
    code, out, _ = cli(*GREETINGS, path)
    assert (code, len(results_of(out)), len(posts_of(server))) == (0, 3, 1)


def test_without_a_journal_all_is_started_again(cli, server, names):
    path = names("Ada")
    for _ in range(2):
        assert cli(*GREETINGS, path, "--no-journal")[0] == 0
    assert not os.path.exists(f"{path}.journal")
    assert len(posts_of(server)) == 2


def test_other_inputs_than_the_first_time_are_refused_by_the_number_of_their_row(
    cli, server, names
):
    assert cli(*GREETINGS, names("Ada", "Bob"))[0] == 0
    server.requests.clear()
    path = names("Ada", "Eve")
    code, out, err = cli(*GREETINGS, path)
    assert (code, list(results_of(out))) == (2, [0])
    assert "the inputs of row 1, counted from 0, are not those that it had" in err
    assert ": use another journal, or delete this one; 1 of 2 rows in " in err
    assert "Eve" not in err
    assert not server.requests
    code, _, err = cli("run-prompts", "greeting", "1", path)
    assert (code, "is of another call: its version is" in err) == (2, True)


def test_after_a_slug_that_is_none_the_right_one_takes_the_same_journal(
    cli, server, names
):
    path = names("Ada", "Bob")
    code, _, err = cli("run-prompts", "greting", "production", path)
    assert (code, 'there is no prompt "greting"' in err) == (1, True)
    code, out, _ = cli(*GREETINGS, path)
    assert (code, len(results_of(out))) == (0, 2)


def test_two_commands_at_once_are_not_on_one_journal_and_the_output_stays(
    own_server, names, tmp_path
):
    own_server.run_seconds = 60
    path = names("Ada")
    output = tmp_path / "answers.jsonl"
    command = [*GREETINGS, path, "--output", str(output)]
    with started(*command, env=account(own_server)):
        eventually(lambda: len(own_server.requests) > 1)
        output.write_text("of the first\n")
        code, out, err = run(*command, env=account(own_server))
    assert (code, out) == (2, b"")
    assert b"names.csv.journal is in use by another batch" in err
    assert output.read_text() == "of the first\n"
    assert len(posts_of(own_server)) == 1


def test_what_is_unsure_is_started_again_only_if_that_is_asked_for(cli, server, names):
    path = names("Ada", "Bob")
    server.drop_next()
    command = [*GREETINGS, path, "--workers", "1"]
    code, out, err = cli(*command)
    assert code == 5
    advice = "with --restart-unsure, runs that nobody knows of are started again"
    assert err.endswith(f"; {advice}\n")
    server.requests.clear()
    code, out, _ = cli(*command)
    assert (code, results_of(out)[0]["error"]["type"]) == (5, "NetworkError")
    assert (
        "an earlier call may have started a run"
        in results_of(out)[0]["error"]["message"]
    )
    assert not server.requests
    code, out, _ = cli(*command, "--restart-unsure")
    assert (code, results_of(out)[0]["error"]) == (0, None)
    assert len(posts_of(server)) == 1


def test_a_run_that_is_gone_is_started_again_as_the_line_says(cli, server, names):
    path = names("Ada", "Bob")
    command = [*GREETINGS, path, "--workers", "1"]
    server.fail_next(404, method="GET")
    code, out, err = cli(*command)
    assert (code, results_of(out)[0]["error"]["status_code"]) == (5, 404)
    assert "1 completed, 1 unsure; row 0: " in err
    assert err.endswith(
        "; with --restart-unsure, runs that are gone are started again\n"
    )
    # Beside one that nobody knows of.
    path = names("Ada", "Bob", "Cy")
    server.fail_next(404, method="GET")
    server.drop_next(method="POST")
    code, _, err = cli(*command)
    assert (code, "1 completed, 2 unsure; row 0: " in err) == (5, True)
    assert err.endswith(
        "; with --restart-unsure, runs that are gone and runs that nobody knows of are"
        " started again\n"
    )
    server.requests.clear()
    server.fail_next(404, method="GET")
    code, out, _ = cli(*command, "--restart-unsure")
    assert (code, len(posts_of(server))) == (0, 2)
    assert results_of(out)[0]["run"]["output"] == "Hello, Ada!"


def test_a_demo_keeps_no_journal(cli, names):
    path = names("Ada")
    code, out, err = cli("--demo", *GREETINGS, path)
    assert (code, results_of(out)[0]["run"]["output"]) == (0, "Hello, Ada!")
    assert "no model was called" in err
    assert not os.path.exists(f"{path}.journal")


# --- the output ---


def test_results_can_go_to_a_file_that_is_written_anew(cli, server, names, tmp_path):
    path = names("Ada", "\N{SNOWMAN}")
    output = tmp_path / "answers.jsonl"
    output.write_text("older\n" * 1000)
    assert cli(*GREETINGS, path, "--output", str(output))[:2] == (0, "")
    results = results_of(output.read_text("utf-8"))
    assert results[1]["run"]["output"] == "Hello, \N{SNOWMAN}!"
    assert "\N{SNOWMAN}" in output.read_text("utf-8")
    assert cli(*GREETINGS, path, "--output", str(output))[:2] == (0, "")
    assert results_of(output.read_text("utf-8")) == results
    assert len(cli(*GREETINGS, path, "--output", "-")[1].splitlines()) == 2


def test_half_a_character_of_a_model_is_an_escape_in_the_file(
    cli, server, names, tmp_path
):
    server.add_prompt("half", lambda inputs: "\ud83d!")
    output = tmp_path / "answers.jsonl"
    command = ["run-prompts", "half", "1", names("Ada"), "--output", str(output)]
    assert cli(*command)[0] == 0
    assert results_of(output.read_bytes())[0]["run"]["output"] == "\ud83d!"


def test_a_full_disk_for_the_results_ends_it_and_the_same_command_goes_on(
    own_server, names
):
    path = names("Ada", "Bob", "Cy")
    full = run(*GREETINGS, path, "--output", "/dev/full", env=account(own_server))
    with open("/dev/full", "wb") as device:
        piped = run(*GREETINGS, path, env=account(own_server), stdout=device)
    for code, _, err in (full, piped):
        assert code == 5
        assert b"cannot be written: No space left on device; " in err
        assert b"the same command goes on: " in err
    code, out, _ = run(*GREETINGS, path, env=account(own_server))
    assert (code, len(results_of(out))) == (0, 3)
    assert len(posts_of(own_server)) == 3


def test_a_pipe_that_closes_ends_it_and_the_same_command_goes_on(own_server, names):
    # Together, the answers are longer than what a pipe takes (64 KiB on Linux).
    own_server.add_prompt("long", lambda inputs: "x" * 3000)
    command = ["run-prompts", "long", "1", names(*(f"n{n}" for n in range(50)))]
    with started(*command, env=account(own_server)) as process:
        assert process.stdout.readline().startswith(b'{"index": ')
        process.stdout.close()
        assert (process.wait(), process.stderr.read()) == (5, b"")
    code, out, _ = run(*command, env=account(own_server))
    assert (code, len(results_of(out))) == (0, 50)
    assert len(posts_of(own_server)) == 50


LIMITED = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from NAME._cli import main
sys.exit(main())
""".replace("NAME", NAME)


@pytest.mark.parametrize(("size", "sent"), [(0, 0), (2000, None)])
def test_a_journal_that_cannot_grow_ends_it_before_the_next_start(
    own_server, names, size, sent
):
    path = names(*(f"n{number}" for number in range(50)))
    command = [str(size), *GREETINGS, path]
    code, _, err = run(*command, env=account(own_server), program=LIMITED)
    assert code == 1, err
    said = f"the journal {path}.journal cannot be written: File too large"
    assert said in err.decode()
    starts = len(posts_of(own_server))
    assert starts < 50 if sent is None else starts == sent
    # What was started is known, or at least known to be unsure: none is started twice.
    code, out, _ = run(*GREETINGS, path, env=account(own_server))
    results = results_of(out)
    unsure = [result for result in results.values() if result["error"]]
    assert (code, len(results)) == (5 if unsure else 0, 50)
    assert len(posts_of(own_server)) + (0 if sent is None else len(unsure)) >= 50 - len(
        unsure
    )
    sent_names = [request.json()["inputs"]["name"] for request in posts_of(own_server)]
    assert len(set(sent_names)) == len(sent_names)


# --- how it goes, in a log ---


def test_a_log_says_from_time_to_time_how_it_goes(cli, server, names, monkeypatch):
    monkeypatch.setattr(bar, "SECONDS_BETWEEN_LINES", 0.01)
    lines = []
    monkeypatch.setattr(bar, "print_note", lines.append)

    def is_said(pattern):
        return any(re.fullmatch(pattern, line) for line in list(lines))

    def watched(inputs):
        """Ends once the log has said how it goes."""
        expected = {
            "Ada": "0 of 2 done, 1 under way",
            "Bob": r"1 of 2 done, 1 under way, \d+/(s|min), \d+ (s|min) left",
            "Cy": "0 of 1 done, 1 under way",
        }
        eventually(lambda: is_said(expected[inputs["name"]]))
        return "Hello!"

    server.add_prompt("watched", watched)
    command = ["run-prompts", "watched", "1"]
    code, _, err = cli(*command, names("Ada", "Bob"), "--workers", "1")
    assert code == 0
    assert "\r" not in err
    code, _, _ = cli(*command, names("Cy", file="other.csv"), "--verbose")
    assert code == 0


def test_with_quiet_nothing_is_said_where_all_is_well(cli, server, names, monkeypatch):
    monkeypatch.setattr(bar, "SECONDS_BETWEEN_LINES", 0.01)
    server.add_prompt("tired", lambda inputs: time.sleep(0.1) or "Hello!")
    code, _, err = cli("run-prompts", "tired", "1", names("Ada"), "--quiet")
    assert (code, err) == (0, "")


def test_the_rate_is_that_of_late_and_the_time_left_follows_from_it():
    ended = 0

    def counts():
        return BatchCounts(ended - 2, 1, 1, 8) if ended else BatchCounts(0, 0, 0, 8)

    overview = bar.Overview(counts, lambda: 0.25, 5000)
    assert overview.text(0.0) == "0 of 5,000 done, 8 under way, $0.2500"
    ended = 1000
    assert overview.text(1.0).endswith("8 under way, 1000/s, 4 s left, $0.2500")
    assert overview.text(1.0).startswith(
        "998 of 5,000 done, 1 failed, 1 unsure, 8 under"
    )
    # What the journal had in the first second counts no more after the window.
    for second in range(2, 61):
        ended = 1000 + 2 * second
        overview.text(float(second))
    assert ", 2/s, 32 min left" in overview.text(60.0)
    ended = 1120
    assert overview.bar(61.0).startswith("[##")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (5999, "100 min"), (9000, "2.5 h")],
)
def test_a_time_is_said_in_the_unit_that_suits_it(seconds, text):
    assert amounts.in_words(seconds) == text


def test_a_sum_of_money_has_what_one_run_costs():
    costs = (0.00000005, 0.0001, 0.00031, 0.5, 1234.5)
    assert [amounts.in_dollars(cost) for cost in costs] == [
        "less than $0.0001",
        "$0.0001",
        "$0.0003",
        "$0.5000",
        "$1,234.50",
    ]


def test_without_an_end_in_sight_there_is_no_bar_and_no_time_left():
    overview = bar.Overview(lambda: BatchCounts(3, 0, 0, 1), lambda: 2.0, None)
    assert overview.bar(6.0) == "3 done, 1 under way, 30/min, $2.00"


def test_what_may_have_been_started_is_told_in_words_of_options(cli, server, names):
    command = [*GREETINGS, names("Ada", "Bob"), "--workers", "1"]
    server.drop_next()
    assert cli(*command)[0] == 5
    code, out, err = cli(*command)
    assert code == 5
    assert "restart_unsure" not in out + err
    assert err.count("--restart-unsure") == 1
