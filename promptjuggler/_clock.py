"""Time, chance and sleep, in one object that tests replace."""

from __future__ import annotations

import random
import time


class RealTime:
    """The clock for deadlines, taken when this module is loaded.

    A program that freezes time for its tests puts other functions in the place of those
    of `time`, in every module that has them; a wait with a deadline would then never end.
    In a class, nobody looks for them.
    """

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)
    """Seconds that only grow. They stand still while a process is frozen by its system."""


class Clock:
    """What the world gives a client: the time, and chance.

    A client has one as `_clock`; its connections and streams share it. A test puts
    another in its place, so that it neither waits nor depends on chance.
    """

    __slots__ = ()

    def monotonic(self) -> float:
        """Seconds that only grow, for deadlines: those of `RealTime`."""
        return RealTime.monotonic()

    def wall(self) -> float:
        """Unix time: it goes on while a process is frozen, so it tells how old a connection is."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Do nothing for some time."""
        time.sleep(seconds)

    def random(self) -> float:
        """A number from 0 up to, not including, 1."""
        return random.random()
