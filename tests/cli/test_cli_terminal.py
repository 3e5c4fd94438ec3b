"""The command line as a process: in pipes and in a terminal, interrupted, and with streams that do not work."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import uuid

import pytest
from helpers.calls import at_once
from helpers.package import ENV, NAME

from promptjuggler import PromptJuggler
from promptjuggler.testing import FakeServer, Reset

PATIENCE = 20.0
PROGRAM = [sys.executable, "-W", "error", "-m", NAME]
AS_MODULE = (
    f"import runpy; runpy.run_module({NAME!r}, run_name='__main__', alter_sys=True)"
)
GREET = ["run-prompt", "greeting", "production", "name=Ada"]
# The least that a program can do that prints a help: which modules this needs is
# another matter on every Python. With a width, or it looks for that of the terminal.
FLOOR = """
import argparse, sys
style = lambda prog: argparse.HelpFormatter(prog, width=79)
parser = argparse.ArgumentParser(prog="floor", formatter_class=style)
parser.add_argument("--option", help="an option")
parser.print_help()
"""
BUFFERED = {name: value for name, value in ENV.items() if name != "PYTHONUNBUFFERED"}


@pytest.fixture
def server():
    with FakeServer(run_seconds=0) as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_knowledge_base("manuals")
        yield server


@pytest.fixture
def quick(server):
    """A server with which nobody waits: it says that a run was started only when that has ended."""
    server.delay_next(0.01, times=100)
    return server


def account(server, **more):
    return {
        **BUFFERED,
        "PROMPTJUGGLER_API_KEY": server.api_key,
        "PROMPTJUGGLER_BASE_URL": server.url,
        **more,
    }


def run(*arguments, env=BUFFERED, **options):
    """Run the program to its end; gives exit code, standard output, standard error, both as bytes."""
    options = {
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "stdin": subprocess.DEVNULL,
    } | options
    result = subprocess.run(
        [*PROGRAM, *arguments], env=env, timeout=PATIENCE, **options
    )
    assert b"Traceback" not in (result.stderr or b"")
    return result.returncode, result.stdout, result.stderr


@contextlib.contextmanager
def started(*arguments, env):
    """The program while it runs; it does not outlive the block."""
    process = subprocess.Popen(
        [*PROGRAM, *arguments], env=env, stdin=-1, stdout=-1, stderr=-1
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "this does not come to pass"
        time.sleep(0.005)


class Terminal:
    """A program that runs in a pseudo-terminal of its own. `raw` is all that it wrote there. A context manager."""

    def __init__(self, *arguments, env, columns=80, program=AS_MODULE):
        self.raw = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        # In a new session, the terminal becomes the controlling one, so that ^C is a signal.
        start = (
            "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0)\n"
            f"{program}"
        )
        command = [sys.executable, "-W", "error", "-c", start, *arguments]
        self._process = subprocess.Popen(
            command,
            env=env,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._process.kill()
        self._process.wait()
        os.close(self._master)

    def read_until(self, pattern):
        """Read until it is there, or, with None, to the end."""
        deadline = time.monotonic() + PATIENCE
        while pattern is None or not re.search(pattern, self.raw):
            assert select.select(
                [self._master], [], [], max(0, deadline - time.monotonic())
            )[0], self.raw
            try:
                data = os.read(self._master, 65536)
            except OSError:  # how Linux says that the other side is closed
                data = b""
            if not data:
                assert pattern is None, self.raw
                return
            self.raw += data.decode()

    def type(self, text):
        os.write(self._master, text.encode())

    def finish(self):
        """The exit code, and what is to be seen in the end, line by line."""
        self.read_until(None)
        code = self._process.wait(PATIENCE)
        assert "Traceback" not in self.raw
        lines, column = [""], 0
        for part in re.split("(\r|\n)", self.raw):
            if part == "\n":
                lines.append("")
                column = 0
            elif part == "\r":
                column = 0
            elif part:
                lines[-1] = (
                    lines[-1][:column].ljust(column)
                    + part
                    + lines[-1][column + len(part) :]
                )
                column += len(part)
        return code, [line.rstrip() for line in lines]


# --- in a terminal ---


def test_while_a_run_is_pending_a_line_shows_for_how_long_and_it_is_gone_in_the_end(
    server,
):
    """Nor is it ever wider than the terminal."""

    def check(columns):
        with Terminal(*GREET, env=account(server), columns=columns) as terminal:
            code, lines = terminal.finish()
        assert (code, lines) == (0, ["Hello, Ada!", ""])
        drawn = {
            part
            for part in re.split("[\r\n]", terminal.raw)
            if part.startswith("pending ")
        }
        assert {len(part) for part in drawn} == {
            min(columns - 1, len(f"pending for 0 s: run {uuid.uuid4()}"))
        }
        assert all(
            re.fullmatch("pending for [01] s: run [0-9a-f-]+", part) for part in drawn
        )

    server.run_seconds = 0.3
    at_once(check, [80, 30])


def test_there_is_no_progress_where_it_is_not_wanted_or_would_be_among_other_lines(
    server,
):
    def check(option):
        with Terminal(*GREET, option, env=account(server)) as terminal:
            code, lines = terminal.finish()
        assert (code, lines[-2:]) == (0, ["Hello, Ada!", ""])
        assert "pending for" not in terminal.raw
        assert "\r" not in terminal.raw.replace("\r\n", "")

    server.run_seconds = 0.1
    at_once(check, ["--quiet", "--verbose"])


def test_an_upload_has_a_bar_with_bytes_and_rate(server, tmp_path):
    files = [tmp_path / "a.bin", tmp_path / "b.bin"]
    for file in files:
        file.write_bytes(bytes(2_000_000))
    with Terminal(
        "upload-documents", "manuals", *map(str, files), env=account(server)
    ) as terminal:
        code, lines = terminal.finish()
    assert code == 0
    assert [document["bytes"] for document in json.loads("\n".join(lines))] == [
        2_000_000,
        2_000_000,
    ]
    assert re.search(
        r"\r\[#{20}\] 4,000,000 of 4,000,000 bytes, [0-9,]+ a second", terminal.raw
    )


def test_ctrl_c_in_a_terminal_ends_a_wait_and_the_line_says_the_id(server):
    server.run_seconds = 60
    with Terminal(*GREET, env=account(server)) as terminal:
        terminal.read_until(r"pending for \d s: run \S{36}")
        terminal.type("\x03")
        code, lines = terminal.finish()
    run_id = re.search(r"pending for \d s: run (\S{36})", terminal.raw)[1]
    assert code == 130
    fetch = f"python3 -m {NAME} get-prompt-run {run_id}"
    # What the terminal shows of the key itself, ^C, may stand before it.
    assert lines[-2].endswith(
        f"promptjuggler: interrupted; run {run_id} was started: {fetch}"
    ), lines
    assert "pending" not in "".join(lines)


def test_standard_input_can_be_typed(quick):
    with Terminal(
        "run-prompt", "greeting", "1", "name=@-", "--quiet", env=account(quick)
    ) as terminal:
        terminal.type("\u00c5da\n\x04")
        code, lines = terminal.finish()
    assert (code, lines[-3:]) == (0, ["Hello, \u00c5da", "!", ""])


def test_a_streamed_answer_starts_anew_after_a_reset_in_a_terminal(server):
    server.add_prompt("again", lambda inputs: ["Wait", Reset(), "Hello, ", "Ada!"])
    with Terminal(
        "run-prompt", "again", "1", "--stream", env=account(server)
    ) as terminal:
        assert terminal.finish() == (0, ["Wait", "Hello, Ada!", ""])


# --- colours ---

# What a user's environment says about colours is not what the other tests are about.
PLAIN = {
    name: value
    for name, value in BUFFERED.items()
    if name not in ("NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS")
} | {"TERM": "xterm-256color"}


def shown_in_a_terminal(*arguments, env=PLAIN, **options):
    with Terminal(*arguments, env=env, **options) as terminal:
        terminal.finish()
    return terminal.raw


def test_a_help_in_a_terminal_has_the_colours_of_argparse():
    """Those are none before Python 3.14."""
    coloured = "\x1b[" in shown_in_a_terminal(program=FLOOR)
    for arguments in (["--help"], ["run-prompt", "--help"]):
        assert ("\x1b[" in shown_in_a_terminal(*arguments)) is coloured


@pytest.mark.parametrize(
    "arguments", [["--help"], ["run-prompt", "--help"], ["--version"], ["x"]]
)
def test_there_are_no_colours_in_a_pipe_nor_where_nobody_wants_them(arguments):
    """And all that they are is added: without them it is the same text."""
    piped = b"".join(run(*arguments, env=PLAIN)[1:]).decode()
    assert "\x1b" not in piped
    plain = shown_in_a_terminal(*arguments, env={**PLAIN, "NO_COLOR": "1"})
    assert plain.replace("\r\n", "\n") == piped
    coloured = shown_in_a_terminal(*arguments).replace("\r\n", "\n")
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == piped


# --- in pipes ---


def test_the_readmes_first_command_prints_the_greeting():
    code, out, err = run("--demo", *GREET)
    assert (code, out) == (0, b"Hello, Ada!\n")
    assert (
        err
        == b"promptjuggler: no model was called: with --demo, a stand-in on this machine answers\n"
    )


def test_ctrl_c_is_exit_code_130_with_the_id_of_a_run_that_was_started(server):
    server.run_seconds = 60
    with started(*GREET, env=account(server)) as process:
        wait_for(lambda: len(server.requests) > 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    run_id = server.requests[-1].path.rpartition("/")[2]
    assert (process.returncode, out) == (130, b"")
    assert f"interrupted; run {run_id} was started" in err.decode()
    assert err.count(b"\n") == 1


def test_ctrl_c_while_a_run_is_started_says_that_it_may_have_been(server):
    server.delay_next(60)
    with started(*GREET, env=account(server)) as process:
        wait_for(lambda: server.requests)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (130, b"")
    assert (
        err
        == b"promptjuggler: interrupted; it may have been carried out all the same\n"
    )


def test_ctrl_c_while_standard_input_is_read_says_nothing_of_a_run(server):
    with started(
        "--demo", "run-prompt", "greeting", "1", "name=@-", env=account(server)
    ) as process:
        assert b"no model" in process.stderr.readline()
        time.sleep(0.1)  # nothing shows from outside that it reads
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"promptjuggler: interrupted\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_broken_pipe_is_silent(quick, unbuffered):
    def answer_is_lost(arguments):
        code, _, err = run(*arguments, env=env, stdout=writing)
        assert (code, err) == (1, b"")

    def lines_for_people_are_lost(options):
        assert run(*GREET, *options, env=env, stderr=writing)[:2] == (
            0,
            b"Hello, Ada!\n",
        )

    reading, writing = os.pipe()
    os.close(reading)
    env = account(quick, PYTHONUNBUFFERED=unbuffered)
    at_once(answer_is_lost, [GREET, ["--help"]])
    at_once(lines_for_people_are_lost, [[], ["--demo"], ["--verbose"]])
    os.close(writing)


def test_a_result_that_cannot_be_written_is_exit_code_1_and_the_line_says_how_to_get_it(
    quick,
):
    with open("/dev/full", "wb") as full:
        code, _, err = run(*GREET, env=account(quick), stdout=full)
        assert code == 1
        assert re.search(
            rb"cannot be written: No space left on device; run [0-9a-f-]{36} was started: ",
            err,
        )
        # Where even that cannot be said, the exit code still is right.
        assert run("get-prompt", env=account(quick), stderr=full)[0] == 2


def test_streams_can_be_closed(quick):
    command = f'"$@" {" ".join(GREET)}'
    expected = {
        "<&-": (0, b"Hello, Ada!\n"),
        "2>&-": (0, b"Hello, Ada!\n"),
        ">&-": (2, b""),
    }
    for closed, result in expected.items():
        shell = ["sh", "-c", f"{command} {closed}", "sh", *PROGRAM]
        done = subprocess.run(
            shell, env=account(quick), capture_output=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stdout) == result, closed
        assert b"Traceback" not in done.stderr
    assert b"standard output is closed" in done.stderr


def test_what_an_encoding_lacks_is_escaped_and_json_is_ascii_then(quick):
    quick.add_workflow("echo", dict)
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
        env = account(quick, **own)
        assert run("run-prompt", "greeting", "1", snow, env=env)[:2] == (
            0,
            shown[encoding],
        )
        if encoding == "ascii":
            code, out, _ = run("run-workflow", "echo", "1", snow, env=env)
            assert (code, json.loads(out)) == (0, {"name": "\u2603 \u00e9"})
            assert out.isascii()

    at_once(check, shown)


def test_arguments_and_file_names_that_are_not_utf_8(quick, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9=.txt"
    with open(name, "wb") as file:
        file.write(b"Ada")
    env = account(quick, LC_ALL="C.UTF-8")
    code, out, err = run("run-prompt", "greeting", "1", b"name=\xff", env=env)
    assert (code, out, err) == (
        2,
        b"",
        b"promptjuggler: the inputs and options must be valid text\n",
    )
    assert run("run-prompt", "greeting", "1", b"name=@" + name, env=env)[:2] == (
        0,
        b"Hello, Ada!\n",
    )
    code, out, err = run("upload-documents", "manuals", name, env=env)
    assert (code, json.loads(out)[0]["fileName"], err) == (0, "caf\ufffd=.txt", b"")
    code, _, err = run("upload-documents", "manuals", name + b"x", env=env)
    assert code == 2
    assert b"caf\\udce9=.txtx cannot be read" in err


# --- fake-server ---


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_fake_server_prints_address_and_key_and_serves_until_it_is_interrupted(
    number, code
):
    with started("fake-server", env=BUFFERED) as process:
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
                "get-prompt-run", str(created.id), env={**BUFFERED, **values}
            )
            assert (status, json.loads(out)["output"]) == (0, "Hello, Ada!")
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out) == (code, b"")
    assert b"Traceback" not in err


# --- what is loaded ---


def modules_loaded_by(code, env=ENV):
    """The modules that a new interpreter has when it has run some code."""
    shown = f"{code}\nprint('loaded:', *sys.modules)"
    command = [sys.executable, "-W", "error", "-c", shown]
    done = subprocess.run(command, env=env, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.decode().rpartition("loaded: ")[2].split())


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--version"], 0),
        (["--help"], 0),
        (["run-prompt", "--help"], 0),
        (["x"], 2),
        (["run-prompt"], 2),
        (["run-prompt", "a", "1", "--x"], 2),
        (["--timeout", "x"], 2),
    ],
)
def test_version_help_and_usage_errors_load_no_more_than_a_bare_argparse(
    arguments, code
):
    ours = (
        f"import sys; from {NAME}._cli import main; assert main({arguments}) == {code}"
    )
    more = modules_loaded_by(ours) - modules_loaded_by(FLOOR)
    parents = {NAME.rsplit(".", count)[0] for count in range(NAME.count(".") + 1)}
    others = {name for name in more if not name.startswith(f"{NAME}._cli")} - parents
    assert others & sys.stdlib_module_names <= {"__future__"}
    assert not {name for name in others if name.startswith(NAME)}


def test_a_webhook_is_verified_without_the_client_and_json(server):
    code = f"""
import os, sys
from {NAME}._cli import main
main(["verify-webhook", "--signature", "x"])
print(sorted(name for name in sys.modules if name.startswith({NAME!r}) or name in ("ssl", "urllib.request")))
"""
    env = {**ENV, "PROMPTJUGGLER_WEBHOOK_SECRET": "s"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        input=b"x",
        capture_output=True,
        timeout=PATIENCE,
    )
    invalid, loaded = done.stdout.decode().splitlines()
    assert invalid == "invalid"
    assert f"{NAME}.client" not in loaded
    assert f"{NAME}.testing" not in loaded
    assert "ssl" not in loaded
