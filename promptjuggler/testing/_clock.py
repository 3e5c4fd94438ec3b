"""The real clock, for what takes time.

A program that freezes time for its tests puts other functions in the place of those of
`time`, in every module that has imported them. Who waits by a clock that stands still, or
that jumps by years, waits for ever. So the clock is taken when this module is loaded, and
kept in a class, where nobody looks for it.

Moments that a client sees (`createdAt`, the time of a signature) are those of the frozen
clock: the program under test lives in that time.
"""

from __future__ import annotations

import time


class RealClock:
    """Real time, whatever has become of the module `time`."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)
    """Seconds that only grow."""
