"""How far a batch is, and what ends it early."""

from __future__ import annotations

import threading
from enum import IntEnum


class Phase(IntEnum):
    """How far a batch is. Each comes after those before it, and may pass some over."""

    NEW = 0
    """It is not entered."""

    TAKING = 1
    """Rows are taken from the inputs."""

    ENDING = 2
    """No more are taken; the results of those that were taken are to come."""

    ENDED = 3
    """All results were given."""

    LEFT = 4
    """The `with` statement is over."""


class Course:
    """The phase of a batch, and the error that ends it early; any thread may tell."""

    __slots__ = ("_error", "_lock", "phase")

    def __init__(self) -> None:
        self.phase = Phase.NEW
        self._error: BaseException | None = None
        # A generator that has a batch can be collected amid anything, and leaves it.
        self._lock = threading.RLock()

    def go_on_to(self, phase: Phase) -> None:
        """Come to a phase, unless the batch is there or further."""
        with self._lock:
            self.phase = max(self.phase, phase)

    def end_with(self, error: BaseException) -> None:
        """Take no more rows, and raise this in the end. The first error is the one."""
        with self._lock:
            if self._error is None:
                self._error = error
            self.phase = max(self.phase, Phase.ENDING)

    def end(self) -> BaseException | None:
        """All results were given. Gives the error that is to be raised now, once."""
        self.go_on_to(Phase.ENDED)
        error = self._error
        self._error = None
        return error
