"""The command line as a process: in pipes, and in a terminal of its own."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from helpers.package import ENV, NAME
from helpers.servers import PATIENCE

KEY = "a-key-of-the-tests"
SOME_ID = "0190d5a8-7d4e-7c11-8d0f-5a5b0d6f2c3e"

PROGRAM = [sys.executable, "-W", "error", "-m", NAME]
"""What starts the command line."""

GREET = ["run-prompt", "greeting", "production", "name=Ada"]
"""Arguments that run a prompt that all servers of these tests have."""

AS_MODULE = (
    f"import runpy; runpy.run_module({NAME!r}, run_name='__main__', alter_sys=True)"
)
"""The same as the code of a program, for one that does something else before."""

FLOOR = """
import argparse
style = lambda prog: argparse.HelpFormatter(prog, width=79)
parser = argparse.ArgumentParser(prog="floor", formatter_class=style)
parser.add_argument("--option", help="an option")
parser.print_help()
"""
"""The least that a program can do that prints a help.

Which modules that takes is another matter on every Python. With a width, or argparse
would look for that of the terminal, which takes more.
"""

COLOURS = ("NO_COLOR", "FORCE_COLOR", "PYTHON_COLORS")
"""The variables that say whether there are colours."""

PLAIN = {
    name: value
    for name, value in ENV.items()
    if name not in (*COLOURS, "PYTHONUNBUFFERED")
} | {"TERM": "xterm-256color"}
"""An environment with all as it is by default, in a terminal that can have colours."""


def sent(server):
    """The body of the last request that started a run."""
    posts = [request for request in server.requests if request.method == "POST"]
    return posts[-1].json()


def account(server, **more):
    """An environment that points to a server."""
    return {
        **PLAIN,
        "PROMPTJUGGLER_API_KEY": server.api_key,
        "PROMPTJUGGLER_BASE_URL": server.url,
        **more,
    }


class LoadedProgram:
    """A Python that has loaded the program, and forks to be it: see `helpers._loaded`.

    A context manager, inside of which a `Process` can be started.
    """

    _orders = None

    def __enter__(self):
        LoadedProgram._orders, its = socket.socketpair(type=socket.SOCK_SEQPACKET)
        code = Path(__file__).with_name("_loaded.py").read_text("utf-8")
        command = [sys.executable, "-W", "error", "-c", code, str(its.fileno()), NAME]
        with its:
            self._process = subprocess.Popen(
                command,
                env=PLAIN,
                stdin=subprocess.DEVNULL,
                pass_fds=[its.fileno()],
                start_new_session=True,
            )
        return self

    def __exit__(self, *exception):
        self._orders.close()
        assert self._process.wait(PATIENCE) == 0

    @classmethod
    def fork(cls, order, streams):
        """Have it fork; gives the file that says which process that is, and how it ends."""
        ours, its = os.pipe()
        with open(its, "wb"):
            socket.send_fds(cls._orders, [order.encode()], [its, *streams])
        return open(ours, "rb", 0)


class Process:
    """The program as a process that need not load it; to be used as a `Popen`.

    program                  the code of another program, to be that
    stdin, stdout, stderr    files; None is for a pipe
    has_terminal             whether they are a terminal, which becomes its own
    """

    def __init__(
        self,
        *arguments,
        env,
        program=None,
        stdin=None,
        stdout=None,
        stderr=None,
        has_terminal=False,
    ):
        order = json.dumps(
            {
                "arguments": arguments,
                "env": env,
                "program": program,
                "folder": os.getcwd(),
                "has_terminal": has_terminal,
            }
        )
        with contextlib.ExitStack() as stack:
            self.stdin, its_stdin = _ends(stdin, "wb", stack)
            self.stdout, its_stdout = _ends(stdout, "rb", stack)
            self.stderr, its_stderr = _ends(stderr, "rb", stack)
            self._report = LoadedProgram.fork(
                order, [its_stdin, its_stdout, its_stderr]
            )
        self.pid = int(self._report.readline())
        self.returncode = None

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for stream in (self.stdin, self.stdout, self.stderr):
            if stream:
                stream.close()
        self.wait()

    def poll(self):
        """The exit code, or None while it runs."""
        try:
            return self.wait(0)
        except TimeoutError:
            return None

    def wait(self, timeout=PATIENCE):
        """Wait for its end; gives the exit code, for which a signal counts below zero."""
        if self.returncode is None:
            if not select.select([self._report], [], [], timeout)[0]:
                raise TimeoutError(f"it has not ended within {timeout} s")
            self.returncode = int(self._report.readline())
            self._report.close()
        return self.returncode

    def communicate(self, timeout=PATIENCE):
        """Read what it writes, to its end."""
        if self.stdin:
            self.stdin.close()
        overdue = threading.Timer(timeout, self.kill)
        overdue.start()
        with ThreadPoolExecutor(2) as pool:
            written = pool.map(_rest_of, (self.stdout, self.stderr))
        overdue.cancel()
        self.wait(timeout)
        return tuple(written)

    def send_signal(self, number):
        """Send a signal, if it has not ended."""
        if self.poll() is None:
            # It may have ended, and that not be reported yet.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self):
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self):
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


def _ends(file, mode, stack):
    """Our end of a pipe, if no file is given, and the file of the program."""
    if file is not None:
        return None, file if isinstance(file, int) else file.fileno()
    reading, writing = os.pipe()
    ours, its = (writing, reading) if mode == "wb" else (reading, writing)
    stack.callback(os.close, its)
    return open(ours, mode), its


def _rest_of(stream):
    return stream.read() if stream else None


def run(*arguments, env=PLAIN, **streams):
    """Run the program to its end; gives exit code, and as bytes, what it wrote.

    That is standard output and standard error.
    """
    with open(os.devnull, "rb") as nothing:
        process = Process(*arguments, env=env, **{"stdin": nothing} | streams)
    with process:
        out, err = process.communicate()
    assert b"Traceback" not in (err or b"")
    return process.returncode, out, err


def run_anew(*arguments, env=PLAIN, **streams):
    """The same in a new Python, where what is tested is decided when that starts."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env=env,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE,
        **pipes | streams,
    )
    assert b"Traceback" not in (done.stderr or b"")
    return done.returncode, done.stdout, done.stderr


def run_pasted(line, *, env):
    """The same for a line that is pasted into a shell, which cuts it into words."""
    command = ["bash", "-c", f"printf '%s\\0' {line}"]
    done = subprocess.run(command, env=env, capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    python, option, name, *arguments = done.stdout.decode().split("\0")[:-1]
    assert (python, option, name) == (sys.executable, "-m", NAME)
    return run(*arguments, env=env)


@contextlib.contextmanager
def started(*arguments, env, program=None):
    """The program while it runs; it does not outlive the block."""
    with Process(*arguments, env=env, program=program) as process:
        try:
            yield process
        finally:
            process.kill()


def modules_loaded_by(code, env=PLAIN):
    """The modules that a new interpreter has when it has run some code."""
    shown = f"{code}\nimport sys; print('loaded:', *sys.modules)"
    command = [sys.executable, "-W", "error", "-c", shown]
    done = subprocess.run(
        command,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.decode().rpartition("loaded: ")[2].split())


class Terminal:
    """A program that runs in a pseudo-terminal of its own. A context manager.

    program   its code; by default that of the command line
    raw       all that it has written there and that was read
    """

    def __init__(self, *arguments, env, columns=80, program=None):
        self.raw = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        streams = {"stdin": slave, "stdout": slave, "stderr": slave}
        self._process = Process(
            *arguments, env=env, program=program, has_terminal=True, **streams
        )
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with self._process:
            self._process.kill()
        if self._master is not None:
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
        """Press keys."""
        os.write(self._master, text.encode())

    def hang_up(self):
        """Close the terminal, as its window; gives the exit code."""
        os.close(self._master)
        self._master = None
        return self._process.wait(PATIENCE)

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


def shown_in_a_terminal(*arguments, env=PLAIN, **options):
    """All that the program writes in a terminal, with what steers it."""
    with Terminal(*arguments, env=env, **options) as terminal:
        terminal.finish()
    return terminal.raw
