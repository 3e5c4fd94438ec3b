"""Runs a command in a pseudo-terminal, and notes what it writes."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


def recorded(
    command: Sequence[str],
    folder: Path,
    env: Mapping[str, str],
    columns: int,
    most_seconds: float = 60.0,
) -> str:
    """What a command writes to a terminal that it has for itself.

    folder        in which it runs
    env           its environment
    columns       of the terminal
    most_seconds  after which it is ended, and this is an error
    """
    ours, its = pty.openpty()
    size = struct.pack("HHHH", 24, columns, 0, 0)
    fcntl.ioctl(its, termios.TIOCSWINSZ, size)
    process = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=its, cwd=folder, env=env
    )
    os.close(its)
    written = b""
    deadline = time.monotonic() + most_seconds
    try:
        while True:
            left = max(0, deadline - time.monotonic())
            if not select.select([ours], [], [], left)[0]:
                raise TimeoutError(f"{command} takes over {most_seconds} seconds")
            data = _read(ours)
            if not data:
                return written.decode()
            written += data
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # How Linux says that the other side is closed.
        return b""
