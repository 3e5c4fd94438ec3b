"""The clock of a client whose waits can be ended from outside."""

from __future__ import annotations

from .._clock import Alarm, Clock


class Stopped(Exception):
    """The batch goes no further with this row. No error of a call: nobody sees it."""


class StoppableClock(Clock):
    """A clock whose `sleep` ends with `Stopped` as soon as `stop` was called.

    A wait for a run sleeps between two looks, so that this ends it: a request that is on
    its way gets its answer first.
    """

    __slots__ = ("_alarm",)

    def __init__(self) -> None:
        self._alarm = Alarm()

    def sleep(self, seconds: float) -> None:
        """Do nothing for some time. Raises `Stopped`."""
        if self._alarm.sleep(seconds):
            raise Stopped

    def stop(self) -> None:
        """End what sleeps, and what will."""
        self._alarm.ring()

    def is_stopped(self) -> bool:
        """Whether it was stopped."""
        return self._alarm.is_ringing
