"""How many runs go: a bar in a terminal, and a line from time to time in a log."""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress

from .amounts import in_dollars, in_words
from .line import columns
from .output import print_note

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .. import BatchCounts

SECONDS_BETWEEN_LINES = 60.0
"""How often a log says how it goes."""

_WINDOW = 30.0
"""Seconds that a rate is the mean of, where it is asked for more often."""

_SHORTEST_BAR = 10
_LONGEST_BAR = 30


class Overview:
    """Says how a batch goes, again and again.

    counts    gives how many rows are in which state
    cost      gives the US dollars so far
    total     how many rows there are; None where that is not known
    """

    __slots__ = ("_cost", "_counts", "_rate", "_total")

    def __init__(
        self,
        counts: Callable[[], BatchCounts],
        cost: Callable[[], float],
        total: int | None,
    ) -> None:
        self._counts = counts
        self._cost = cost
        self._total = total
        self._rate = _Rate()

    def text(self, seconds: float) -> str:
        """How it goes, in words; `seconds` have passed since the beginning."""
        counts = self._counts()
        of = "" if self._total is None else f" of {self._total:,}"
        parts = [f"{counts.done:,}{of} done"]
        for number, state in ((counts.failed, "failed"), (counts.unsure, "unsure")):
            if number:
                parts.append(f"{number:,} {state}")
        parts.append(f"{counts.under_way:,} under way")
        ended = _ended(counts)
        rate = self._rate.after(seconds, ended)
        if rate > 0.0:
            parts.append(_rate_in_words(rate))
            if self._total is not None:
                parts.append(f"{in_words((self._total - ended) / rate)} left")
        cost = self._cost()
        if cost > 0.0:
            parts.append(in_dollars(cost))
        return ", ".join(parts)

    def bar(self, seconds: float) -> str:
        """The same, behind a bar where it is known how many rows there are.

        The bar takes what the line has left.
        """
        text = self.text(seconds)
        if not self._total:
            return text
        room = columns() - len(text) - len("[] ") - 1
        length = max(_SHORTEST_BAR, min(room, _LONGEST_BAR))
        filled = length * min(_ended(self._counts()), self._total) // self._total
        return f"[{'#' * filled:{length}}] {text}"


def _ended(counts: BatchCounts) -> int:
    """How many rows have a result."""
    return counts.done + counts.failed + counts.unsure


class _Rate:
    """How many rows end in a second, of late."""

    __slots__ = ("_looks",)

    def __init__(self) -> None:
        # The seconds of each look, and how many rows had ended then.
        self._looks = deque([(0.0, 0)])

    def after(self, seconds: float, ended: int) -> float:
        """The rate now, when so many rows have ended; 0 where it cannot be told."""
        self._looks.append((seconds, ended))
        # One that is older than the window stays, so that there is all of it.
        while len(self._looks) > 2 and self._looks[1][0] < seconds - _WINDOW:
            self._looks.popleft()
        since, before = self._looks[0]
        return (ended - before) / (seconds - since) if seconds > since else 0.0


def _rate_in_words(rate: float) -> str:
    if rate < 1.0:
        return f"{rate * 60:.0f}/min"
    return f"{rate:.0f}/s"


class LogLines:
    """Writes a line a minute, by a thread, from its `with` to the end of that.

    text_after    gives the line, from the seconds that have passed
    """

    __slots__ = ("_begun", "_over", "_text_after", "_thread")

    def __init__(self, text_after: Callable[[float], str]) -> None:
        self._text_after = text_after
        self._begun = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._write_until_over, daemon=True)

    def __enter__(self) -> LogLines:
        # Where there can be no more threads, nothing is said, and the runs go on.
        with suppress(RuntimeError, MemoryError):
            self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._over.set()
        # A signal can come before it was started.
        if self._thread.is_alive():
            self._thread.join()

    def _write_until_over(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LINES):
            print_note(self._text_after(time.monotonic() - self._begun))
