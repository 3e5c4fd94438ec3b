"""Processes: one that is timed as a whole, and one that takes orders over a pipe."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).resolve().parent


class Failed(Exception):
    """A process did not do what it was to do; the text is what it said."""


def whole(command: Sequence[str], env: Mapping[str, str], folder: Path) -> float:
    """The seconds that a process takes from its start to its end, in a folder.

    Raises `Failed` where it ends with an error.
    """
    with tempfile.TemporaryFile() as errors:
        begun = time.perf_counter()
        nowhere = subprocess.DEVNULL
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdin=nowhere, stdout=nowhere, stderr=errors
        )
        status = process.wait()
        seconds = time.perf_counter() - begun
        if status:
            errors.seek(0)
            raise Failed(errors.read().decode(errors="replace")[-2000:])
    return seconds


class Process:
    """A process that reads orders, one JSON object in each line, and answers each one by such a line."""

    def __init__(
        self, command: Sequence[str], env: Mapping[str, str], folder: Path
    ) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # It is closed where this ends.
        self._process = subprocess.Popen(
            command,
            env=env,
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self.pid = self._process.pid

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        assert self._process.stdout
        try:
            self._process.stdin.close()  # It ends where there are no more orders.
        except BrokenPipeError:
            pass
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def ask(self, do: str, **order: Any) -> dict[str, Any]:
        """Give an order, and have the answer. Raises `Failed` where there is none, or where it is an error."""
        self.send({"do": do, **order})
        return self.answer()

    def send(self, order: dict[str, Any]) -> None:
        """Give an order, and do not wait."""
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(order).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # Why, the standard error says: `answer` raises it.

    def answer(self) -> dict[str, Any]:
        """The next line of the process."""
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise Failed(
                self._errors.read().decode(errors="replace")[-2000:]
                or "the process ended"
            )
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise Failed(answer["error"])
        return answer
