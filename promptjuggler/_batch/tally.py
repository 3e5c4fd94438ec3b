"""What a batch has come to so far."""

from __future__ import annotations

import threading

from .._polling import has_completed
from ..errors import PromptJugglerError
from .work import Run


class Tally:
    """Counts, and what the runs have cost; any thread may tell, any signal handler ask."""

    __slots__ = ("_done", "_failed", "_lock", "_under_way", "_unsure", "cost")

    def __init__(self) -> None:
        self.cost = 0.0
        self._done = 0
        self._failed = 0
        self._unsure = 0
        self._under_way = 0
        # A handler runs amid what its thread does, which can have the lock.
        self._lock = threading.RLock()

    def began(self) -> None:
        """A worker has a row."""
        with self._lock:
            self._under_way += 1

    def dropped(self) -> None:
        """A row that a worker has is not run after all."""
        with self._lock:
            self._under_way -= 1

    def ended(self, run: Run | None, error: PromptJugglerError | None) -> None:
        """There is a result."""
        with self._lock:
            self._under_way -= 1
            if error is not None and error.may_have_taken_effect:
                self._unsure += 1
            elif run is not None and has_completed(run.status):
                self._done += 1
            else:
                self._failed += 1
            if run is not None and run.cost is not None:
                self.cost += run.cost.total

    def counts(self) -> tuple[int, int, int, int]:
        """Done, failed, unsure and under way, all at one moment."""
        with self._lock:
            return self._done, self._failed, self._unsure, self._under_way
