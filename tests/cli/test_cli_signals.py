"""Signals that end a command: what was started is named first."""

import fcntl
import io
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading

import pytest
from helpers.calls import eventually
from helpers.commandline import (
    AS_MODULE,
    GREET,
    PROGRAM,
    Terminal,
    account,
    run,
    started,
)
from helpers.package import NAME
from helpers.servers import PATIENCE

from promptjuggler._cli import main
from promptjuggler._cli.signals import Signals

CASES = {
    signal.SIGINT: (130, "interrupted"),
    signal.SIGTERM: (143, "terminated"),
    signal.SIGHUP: (129, "hung up"),
}
EACH = pytest.mark.parametrize("number", CASES)


def ended_by(number, process):
    """Exit code and standard error of a command that gets a signal."""
    process.send_signal(number)
    out, err = process.communicate(timeout=PATIENCE)
    assert out == b""
    assert b"Traceback" not in err
    return process.returncode, err.decode()


@EACH
def test_a_signal_names_the_run_that_was_started_and_how_to_get_its_answer(
    own_server, number
):
    own_server.run_seconds = 60
    with started(*GREET, env=account(own_server)) as process:
        eventually(lambda: len(own_server.requests) > 1)
        code, err = ended_by(number, process)
    run_id = own_server.requests[-1].path.rpartition("/")[2]
    expected, said = CASES[number]
    fetch = f"{sys.executable} -m {NAME} wait-prompt-run {run_id}"
    assert code == expected
    assert err == f"promptjuggler: {said}; run {run_id} was started: {fetch}\n"


@EACH
def test_a_signal_during_a_start_says_that_it_may_have_been(own_server, number):
    own_server.delay_next(60)
    with started(*GREET, env=account(own_server)) as process:
        eventually(lambda: own_server.requests)
        code, err = ended_by(number, process)
    expected, said = CASES[number]
    assert code == expected
    assert err == f"promptjuggler: {said}; it may have been carried out all the same\n"


@EACH
def test_a_signal_while_something_is_only_read_says_nothing_of_a_start(
    own_server, number
):
    own_server.delay_next(60)
    with started("get-prompt", "greeting", "1", env=account(own_server)) as process:
        eventually(lambda: own_server.requests)
        assert ended_by(number, process) == (
            CASES[number][0],
            f"promptjuggler: {CASES[number][1]}\n",
        )


def test_a_signal_while_documents_are_waited_for_names_them(own_server, tmp_path):
    own_server.run_seconds = 60
    (tmp_path / "a.txt").write_bytes(b"x")
    command = ["upload-documents", "manuals", str(tmp_path / "a.txt"), "--wait"]
    with started(*command, env=account(own_server)) as process:
        eventually(lambda: len(own_server.requests) > 1)
        code, err = ended_by(signal.SIGTERM, process)
    document = own_server.requests[-1].path.rpartition("/")[2]
    wait = f"{sys.executable} -m {NAME} wait-knowledge-base manuals"
    assert code == 143
    assert err == f"promptjuggler: terminated; uploaded as {document}: {wait}\n"


def test_a_signal_while_an_answer_is_streamed_names_the_run(own_server):
    over = threading.Event()

    def slowly(inputs):
        yield "Hello"
        over.wait(PATIENCE)

    own_server.add_prompt("slow", slowly)
    command = ["run-prompt", "slow", "1", "--stream=always"]
    with started(*command, env=account(own_server)) as process:
        assert process.stdout.read(5) == b"Hello"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=PATIENCE)
    over.set()
    assert (process.returncode, out) == (143, b"\n")
    assert re.fullmatch(
        r"promptjuggler: terminated; run ([0-9a-f-]{36}) was started: "
        r"\S+ -m \S+ wait-prompt-run \1\n",
        err.decode(),
    )


def is_full(pipe):
    """Whether a pipe, as Linux has it, takes no byte more until somebody reads."""
    answer = fcntl.ioctl(pipe, termios.FIONREAD, bytes(4))
    return struct.unpack("i", answer)[0] == fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


@EACH
def test_a_signal_ends_an_answer_that_is_streamed_into_a_pipe_that_nobody_reads(
    own_server, number
):
    own_server.add_prompt("long", lambda inputs: iter(["x" * 200_000] * 2))
    command = ["run-prompt", "long", "1", "--stream=always"]
    with started(*command, env=account(own_server)) as process:
        eventually(lambda: is_full(process.stdout))
        process.send_signal(number)
        code = process.wait(PATIENCE)
        err = process.stderr.read().decode()
    expected, said = CASES[number]
    assert code == expected
    assert re.match(rf"promptjuggler: {said}; run [0-9a-f-]{{36}} was started: ", err)
    assert err.count("\n") == 1


class InterruptedOutput(io.StringIO):
    """A signal comes when a part of an answer is written."""

    def write(self, text):
        super().write(text)
        if text == "Hello":
            signal.raise_signal(signal.SIGINT)


class BrokenOutput(io.StringIO):
    """Something breaks, which is no signal."""

    def write(self, text):
        super().write(text)
        if text == "Hello":
            raise ValueError("broken")


def test_the_line_is_ended_after_a_signal_only_where_it_is_known_that_nothing_waits(
    server, monkeypatch
):
    """Windows cannot tell of a pipe; a text in memory is no pipe."""

    def shown(output):
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", output)
            code = main(["run-prompt", "hello", "1", "--stream=always"])
        return code, output.getvalue()

    server.add_prompt("hello", lambda inputs: iter(["Hello", ", Ada!"]))
    assert shown(InterruptedOutput()) == (130, "Hello\n")
    monkeypatch.delattr(select, "poll")
    assert shown(InterruptedOutput()) == (130, "Hello")
    # What is no signal may take its time.
    assert shown(BrokenOutput()) == (5, "Hello\n")


def test_what_the_program_may_not_be_ended_by_stays_ignored(own_server):
    """As `nohup` has it for SIGHUP, and a shell for Ctrl-C in the background."""
    own_server.run_seconds = 0.3
    shell = 'trap "" HUP INT; exec "$@"'
    command = ["sh", "-c", shell, "sh", *PROGRAM, *GREET]
    with subprocess.Popen(
        command, env=account(own_server), stdout=-1, stderr=-1
    ) as process:
        eventually(lambda: len(own_server.requests) > 1)
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (0, b"Hello, Ada!\n", b"")


# A command that is slow to end: the program sleeps on its way out, for short times: a
# signal that comes just before a sleep begins is handled after it.
SLOW_TO_END = f"""
import sys, time
from {NAME} import PromptJuggler
from {NAME}._cli import main
def slow(self, *exception):
    print("closing", file=sys.stderr, flush=True)
    for _ in range({PATIENCE * 30:.0f}):
        time.sleep(0.1)
PromptJuggler.__exit__ = slow
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGTERM, signal.SIGHUP),
        (signal.SIGINT, signal.SIGINT),
    ],
)
def test_a_second_signal_ends_at_once_and_the_run_is_named_all_the_same(
    own_server, first, second
):
    own_server.run_seconds = 60
    env = account(own_server)
    with started(*GREET, env=env, program=SLOW_TO_END) as process:
        eventually(lambda: len(own_server.requests) > 1)
        process.send_signal(first)
        assert process.stderr.readline() == b"closing\n"
        code, err = ended_by(second, process)
    expected, said = CASES[first]
    assert code == expected
    assert re.match(rf"promptjuggler: {said}; run [0-9a-f-]{{36}} was started: ", err)
    assert err.count("\n") == 1


def terminated(program, own_server):
    """Exit code and standard error of a program that gets SIGTERM while a run goes on."""
    with started(*GREET, env=account(own_server), program=program) as process:
        eventually(lambda: len(own_server.requests) > 1)
        return ended_by(signal.SIGTERM, process)


# The first write of the program is interrupted by a signal after the bytes are gone, as
# the kernel does it: the stream still counts as being written.
INTERRUPTED_WRITE = """
import io, os, signal, sys
class Raw(io.FileIO):
    def write(self, data):
        written = super().write(data)
        if data == b"closing\\n":
            signal.raise_signal(signal.SIGTERM)
        return written
buffered = io.BufferedWriter(Raw(2, "wb", closefd=False))
sys.stderr = io.TextIOWrapper(buffered, line_buffering=True)
"""


def test_a_second_signal_in_the_middle_of_a_write_names_the_run_all_the_same(
    own_server,
):
    own_server.run_seconds = 60
    program = INTERRUPTED_WRITE + SLOW_TO_END
    code, err = terminated(program, own_server)
    assert code == 143
    assert re.fullmatch(
        r"closing\npromptjuggler: terminated; run \S+ was started: .+\n", err
    )


def test_a_signal_decides_how_it_ended_also_where_something_breaks_on_the_way_out(
    own_server,
):
    own_server.run_seconds = 60
    breaking = SLOW_TO_END.replace("time.sleep(0.1)", "raise OSError")
    code, err = terminated(breaking, own_server)
    assert code == 143
    assert "promptjuggler: terminated; run " in err


def handlers():
    return [signal.getsignal(number) for number in CASES]


def test_handlers_are_there_while_a_command_runs_and_put_back_after_it(
    cli, server, monkeypatch
):
    before = handlers()
    seen = []
    server.add_prompt("seen", lambda inputs: seen.append(handlers()) or "x")
    assert cli("run-prompt", "seen", "1")[0] == 0
    assert len(seen) == 1
    assert not set(map(str, seen[0])) & set(map(str, before))
    assert handlers() == before
    assert cli("get-prompt", "nothing", "1")[0] == 1
    assert handlers() == before


def test_a_handler_of_the_program_that_calls_stays(cli, server):
    def own(number, frame):
        pass

    before = signal.signal(signal.SIGTERM, own)
    try:
        seen = []
        server.add_prompt("kept", lambda inputs: seen.append(handlers()) or "x")
        assert cli("run-prompt", "kept", "1")[0] == 0
        assert own in seen[0]
        assert signal.getsignal(signal.SIGTERM) is own
    finally:
        signal.signal(signal.SIGTERM, before)


def test_in_another_thread_nothing_is_handled_and_all_else_works(server, capsys):
    codes = []
    thread = threading.Thread(
        target=lambda: codes.append(main(["run-prompt", "greeting", "1", "name=x"]))
    )
    before = handlers()
    thread.start()
    thread.join()
    assert codes == [0]
    assert handlers() == before
    assert capsys.readouterr().out == "Hello, x!\n"


def test_a_system_without_a_signal_does_without_it(monkeypatch):
    """Windows has no SIGHUP."""
    monkeypatch.delattr(signal, "SIGHUP")
    signals = Signals(lambda code: None)
    signals.install()
    try:
        assert signal.getsignal(signal.SIGTERM) == signals._handle
    finally:
        signals.restore()


def test_a_command_that_is_done_before_a_signal_comes_is_done(own_quick):
    code, out, err = run(*GREET, env=account(own_quick))
    assert (code, out, err) == (0, b"Hello, Ada!\n", b"")


def test_a_terminal_that_is_closed_ends_the_command(own_server):
    """The kernel sends SIGHUP, and nothing can be written any more."""
    own_server.run_seconds = 60
    with Terminal(*GREET, env=account(own_server)) as terminal:
        terminal.read_until(r"pending for \d s")
        assert terminal.hang_up() == 129


SIGNAL_IN_FINALIZER = f"""
import signal
from {NAME}._http.response import Response

finalize = Response.__del__
came = []

def finalize_amid_a_signal(response):
    # Of the first look at the run.
    if response.status == 200 and not came:
        came.append(True)
        signal.raise_signal(signal.SIGTERM)
    finalize(response)

Response.__del__ = finalize_amid_a_signal
{AS_MODULE}
"""


def test_a_signal_that_comes_amid_a_finalizer_ends_the_command_too(own_server):
    """Python ignores what a finalizer raises: the command would go on."""
    own_server.run_seconds = 60
    env = account(own_server)
    code, out, err = run(*GREET, env=env, program=SIGNAL_IN_FINALIZER)
    assert (code, out) == (143, b"")
    assert err.startswith(b"promptjuggler: terminated")
    assert b"wait-prompt-run" in err
