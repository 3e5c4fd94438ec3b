"""The command line as a process: in pipes, and in a terminal of its own."""

import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

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
"""The same as the code of a program."""

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
    if name not in (*COLOURS, "PYTHONUNPLAIN")
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


def run(*arguments, env=PLAIN, **options):
    """Run the program to its end; gives exit code, and as bytes, what it wrote.

    That is standard output and standard error.
    """
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

    def __init__(self, *arguments, env, columns=80, program=AS_MODULE):
        self.raw = ""
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        # In a new session, the terminal becomes the controlling one: ^C is a signal.
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
