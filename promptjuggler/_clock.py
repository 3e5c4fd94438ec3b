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


class Alarm:
    """Ends sleep, and all that would follow, for good: from any thread or signal handler.

    is_ringing  whether `ring()` was called
    """

    __slots__ = ("_gate", "is_ringing")

    def __init__(self) -> None:
        # Loaded here: a client without streams and batches needs none.
        from threading import Lock

        self.is_ringing = False
        # Locked until it rings. To lock and unlock it takes no other lock, as an Event
        # does: a signal handler, or what ends where something is collected, can ring
        # while its own thread sleeps or rings. Nor is it a SimpleQueue: on Python 3.10, a
        # `get` of which the time is over at once can wait for ever.
        self._gate = Lock()
        self._gate.acquire()

    def ring(self) -> None:
        """Wake all who sleep."""
        # In this order: who is woken finds that it rings.
        self.is_ringing = True
        self._open()

    def sleep(self, seconds: float) -> bool:
        """Sleep until it rings; True if it does. 0 or less: no sleep."""
        if not self.is_ringing and self._gate.acquire(timeout=max(seconds, 0.0)):
            # For the next who sleeps: several threads can.
            self._open()
        return self.is_ringing

    def _open(self) -> None:
        try:
            self._gate.release()
        except RuntimeError:
            pass  # It is open.
