"""The clock of a client whose waits can be ended from outside."""

from __future__ import annotations

from queue import Empty, SimpleQueue

from .._clock import Clock


class Stopped(Exception):
    """The batch goes no further with this row. No error of a call: nobody sees it."""


class StoppableClock(Clock):
    """A clock whose `sleep` ends with `Stopped` as soon as `stop` was called.

    A wait for a run sleeps between two looks, so that this ends it: a request that is on
    its way gets its answer first.
    """

    __slots__ = ("_alarm", "_is_stopped")

    def __init__(self) -> None:
        self._is_stopped = False
        # Has something in it once it is stopped. By its documentation a put may come amid
        # a get of the same thread, as where a generator that has a batch is collected and
        # leaves it. An Event would wait for itself.
        self._alarm: SimpleQueue[None] = SimpleQueue()

    def sleep(self, seconds: float) -> None:
        """Do nothing for some time. Raises `Stopped`."""
        try:
            self._alarm.get(timeout=max(seconds, 0.0))
        except Empty:
            return
        # For the next that sleeps.
        self._alarm.put(None)
        raise Stopped

    def stop(self) -> None:
        """End what sleeps, and what will."""
        self._is_stopped = True
        self._alarm.put(None)

    def is_stopped(self) -> bool:
        """Whether it was stopped."""
        return self._is_stopped
