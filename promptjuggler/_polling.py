"""When to look again for the end of something, and when to give up. Pure."""

from __future__ import annotations

RUN_UNDER_WAY = frozenset({"pending"})
"""The statuses of a run that has not ended."""

KNOWLEDGE_UNDER_WAY = frozenset({"pending", "sealed"})
"""The statuses of a document or a knowledge base that is not indexed yet."""

_FIRST_INTERVAL = 0.5
_LONGEST_INTERVAL = 5.0
_GROWTH = 1.5

# A look needs time, too: with less than this left, none is begun.
_SHORTEST_LOOK = 0.05
# The last look comes when this part of the rest has passed, so that it can still end.
_PART_BEFORE_LAST_LOOK = 0.9


class Poller:
    """The moments at which one wait looks.

    timeout   seconds in all
    interval  seconds from look to look; None: from 0.5, growing to 5
    now       when the wait begins, in seconds of a clock that only grows

    deadline  when it is over, of the same clock
    """

    __slots__ = ("_grows", "_interval", "deadline")

    def __init__(self, timeout: float, interval: float | None, now: float) -> None:
        self.deadline = now + timeout
        self._grows = interval is None
        self._interval = _FIRST_INTERVAL if interval is None else interval

    def delay(self, now: float, retry_after: float) -> float | None:
        """The seconds to wait before the next look; None where no time is left for one.

        retry_after  what the server asked for, 0 if nothing: the least that is waited
        """
        left = self.deadline - now
        if left < _SHORTEST_LOOK:
            return None
        delay = min(self._interval, left * _PART_BEFORE_LAST_LOOK)
        if self._grows:
            self._interval = min(self._interval * _GROWTH, _LONGEST_INTERVAL)
        return max(delay, retry_after)
