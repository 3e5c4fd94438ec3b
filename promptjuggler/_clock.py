"""Time, chance and sleep, in one object that tests replace."""

from __future__ import annotations

import random
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queue import SimpleQueue


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

    __slots__ = ("_bell", "is_ringing")

    def __init__(self) -> None:
        # Loaded here: a client without streams and batches needs none.
        from queue import SimpleQueue

        self.is_ringing = False
        # There is something in it once it rings. `SimpleQueue.put` is reentrant, as its
        # documentation says: a signal handler, or what ends where something is collected,
        # can ring while its own thread sleeps or rings. An Event is not: it would wait
        # for the lock of that thread.
        self._bell: SimpleQueue[None] = SimpleQueue()

    def ring(self) -> None:
        """Wake all who sleep."""
        # In this order: who comes too late to be woken finds that it rings.
        self.is_ringing = True
        if self._bell.empty():
            self._bell.put(None)

    def sleep(self, seconds: float) -> bool:
        """Sleep until it rings; True if it does. 0 or less: no sleep."""
        # It is loaded, see __init__.
        from queue import Empty

        if self.is_ringing:
            return True
        try:
            self._bell.get(timeout=max(seconds, 0.0))
        except Empty:
            return self.is_ringing
        # For the next who sleeps: several threads can.
        self._bell.put(None)
        return True
