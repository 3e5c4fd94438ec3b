"""The command line in pipes: interrupted, with streams that do not work, as a server."""

import json
import os
import re
import signal
import subprocess
import threading
import time

import pytest
from helpers.calls import at_once, eventually
from helpers.commandline import (
    GREET,
    PLAIN,
    PROGRAM,
    account,
    run,
    run_anew,
    started,
)
from helpers.servers import PATIENCE

from promptjuggler import PromptJuggler
from promptjuggler._cli import commands, demo


def test_the_readmes_first_command_prints_the_greeting():
    code, out, err = run_anew("--demo", *GREET)
    assert (code, out) == (0, b"Hello, Ada!\n")
    assert (
        err
        == b"promptjuggler: no model was called: with --demo, a stand-in on this machine answers\n"
    )


# --- interrupted ---


def test_ctrl_c_is_exit_code_130_with_the_id_of_a_run_that_was_started(own_server):
    own_server.run_seconds = 60
    with subprocess.Popen(
        [*PROGRAM, *GREET], env=account(own_server), stdout=-1, stderr=-1
    ) as process:
        eventually(lambda: len(own_server.requests) > 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    run_id = own_server.requests[-1].path.rpartition("/")[2]
    assert (process.returncode, out) == (130, b"")
    assert f"interrupted; run {run_id} was started" in err.decode()
    assert err.count(b"\n") == 1


def test_ctrl_c_while_a_run_is_started_says_that_it_may_have_been(own_server):
    own_server.delay_next(60)
    with started(*GREET, env=account(own_server)) as process:
        eventually(lambda: own_server.requests)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert (
        err
        == b"promptjuggler: interrupted; it may have been carried out all the same\n"
    )


def test_ctrl_c_while_standard_input_is_read_says_nothing_of_a_run(own_server):
    with started(
        "--demo", "run-prompt", "greeting", "1", "name=@-", env=account(own_server)
    ) as process:
        assert b"no model" in process.stderr.readline()
        time.sleep(0.1)  # nothing shows from outside that it reads
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"promptjuggler: interrupted\n")


# --- streams that do not work ---


@pytest.fixture
def broken_pipe():
    """What is written to it, nobody can read."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


def test_a_broken_pipe_is_silent(own_quick, broken_pipe):
    env = account(own_quick)
    # That of a run that was started is lost, too: the code says so.
    for code, *arguments in (
        (5, *GREET),
        (5, *GREET, "--stream=always"),
        (1, "--help"),
    ):
        lost = run(*arguments, env=env, stdout=broken_pipe)
        assert lost == (code, None, b""), arguments
    for options in ([], ["--demo"], ["--verbose"]):
        shown = run(*GREET, *options, env=env, stderr=broken_pipe)
        assert shown == (0, b"Hello, Ada!\n", None), options


def test_a_broken_pipe_is_silent_too_where_python_buffers_nothing(
    own_quick, broken_pipe
):
    env = account(own_quick, PYTHONUNBUFFERED="1")
    assert run_anew(*GREET, env=env, stdout=broken_pipe) == (5, None, b"")
    assert run_anew("--help", env=env, stdout=broken_pipe) == (1, None, b"")
    shown = run_anew(*GREET, "--verbose", env=env, stderr=broken_pipe)
    assert shown == (0, b"Hello, Ada!\n", None)


def test_a_result_that_cannot_be_written_is_exit_code_5_of_a_run_and_the_line_says_how_to_get_it(
    own_quick,
):
    with open("/dev/full", "wb") as full:
        code, _, err = run(*GREET, env=account(own_quick), stdout=full)
        assert code == 5
        assert re.search(
            rb"cannot be written: No space left on device; run [0-9a-f-]{36} was started: ",
            err,
        )
        read = ["get-prompt", "greeting", "1"]
        assert run(*read, env=account(own_quick), stdout=full)[0] == 1
        # Where even that cannot be said, the exit code still is right.
        assert run("get-prompt", env=account(own_quick), stderr=full)[0] == 2


def test_streams_can_be_closed(own_quick):
    command = f'"$@" {" ".join(GREET)}'
    expected = {
        "<&-": (0, b"Hello, Ada!\n"),
        "2>&-": (0, b"Hello, Ada!\n"),
        ">&-": (2, b""),
    }
    for closed, result in expected.items():
        shell = ["sh", "-c", f"{command} {closed}", "sh", *PROGRAM]
        done = subprocess.run(
            shell, env=account(own_quick), capture_output=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stdout) == result, closed
        assert b"Traceback" not in done.stderr
    assert b"standard output is closed" in done.stderr


def test_what_an_encoding_lacks_is_escaped_and_json_is_ascii_then(own_quick):
    own_quick.add_workflow("echo", dict)
    snow = "name=\u2603 \u00e9"
    shown = {
        "ascii": b"Hello, \\u2603 \\xe9!\n",
        "latin-1": b"Hello, \\u2603 \xe9!\n",
        "C": "Hello, \u2603 \u00e9!\n".encode(),
    }

    def check(encoding):
        own = (
            {"LC_ALL": "C", "LANG": "C"}
            if encoding == "C"
            else {"PYTHONIOENCODING": encoding}
        )
        env = account(own_quick, **own)
        assert run_anew("run-prompt", "greeting", "1", snow, env=env)[:2] == (
            0,
            shown[encoding],
        )
        if encoding == "ascii":
            code, out, _ = run_anew("run-workflow", "echo", "1", snow, env=env)
            assert (code, json.loads(out)) == (0, {"name": "\u2603 \u00e9"})
            assert out.isascii()

    at_once(check, shown)


def test_arguments_and_file_names_that_are_not_utf_8(own_quick, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9=.txt"
    with open(name, "wb") as file:
        file.write(b"Ada")
    env = account(own_quick, LC_ALL="C.UTF-8")
    code, out, err = run_anew("run-prompt", "greeting", "1", b"name=\xff", env=env)
    assert (code, out, err) == (
        2,
        b"",
        b"promptjuggler: the inputs and options must be valid text\n",
    )
    assert run_anew("run-prompt", "greeting", "1", b"name=@" + name, env=env)[:2] == (
        0,
        b"Hello, Ada!\n",
    )
    code, out, err = run_anew("upload-documents", "manuals", name, env=env)
    assert (code, json.loads(out)[0]["fileName"], err) == (0, "caf\ufffd=.txt", b"")
    code, _, err = run_anew("upload-documents", "manuals", name + b"x", env=env)
    assert code == 2
    assert b"caf\\udce9=.txtx cannot be read" in err


# --- fake-server ---


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_fake_server_prints_address_and_key_and_serves_until_a_signal_ends_it_well(
    number,
):
    """A signal that has a handler reaches process 1 of a container, too."""
    with started("fake-server", env=PLAIN) as process:
        lines = [process.stdout.readline().decode() for _ in range(2)]
        values = dict(
            re.fullmatch(r"export (\w+)=(\S+)\n", line).groups() for line in lines
        )
        assert set(values) == {"PROMPTJUGGLER_BASE_URL", "PROMPTJUGGLER_API_KEY"}
        with PromptJuggler(
            values["PROMPTJUGGLER_API_KEY"], base_url=values["PROMPTJUGGLER_BASE_URL"]
        ) as client:
            created = client.run_prompt("greeting", "production", {"name": "Ada"})
            assert (
                client.wait_for_prompt_run(created.id, poll_interval=0.02).output
                == "Hello, Ada!"
            )
            # For the other commands it is an API like any other: here the id is known.
            status, out, _ = run(
                "get-prompt-run", str(created.id), env={**PLAIN, **values}
            )
            assert (status, json.loads(out)["output"]) == (0, "Hello, Ada!")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (0, b"")
    assert b"Traceback" not in err


def test_fake_server_forgets_the_requests_which_nobody_can_read(monkeypatch, cli):
    """Else each of them would stay in memory, whole, as long as it serves."""
    ends = []

    def start_and_call(closing):
        server = demo.start_stand_in(closing)
        caller = threading.Thread(target=call_and_look, args=(server,))
        caller.start()
        return server

    def call_and_look(server):
        try:
            client = PromptJuggler(server.api_key, base_url=server.url, proxy=False)
            with client:
                # No name: the function of the prompt raises an error.
                client.run_prompt("greeting", "production", {})
            eventually(lambda: not server.requests and not server.errors)
            ends.append("forgotten")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(commands, "start_stand_in", start_and_call)
    monkeypatch.setattr(commands, "LONGEST_SLEEP", 0.01)
    assert cli("fake-server")[0] == 0
    assert ends == ["forgotten"]
