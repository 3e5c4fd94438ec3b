"""What has ended, when to look again for what has not, and when to give up. Pure."""

from __future__ import annotations

RUN_UNDER_WAY = frozenset({"pending"})
"""The statuses of a run that has not ended: any other one, also of a later API, is an end."""

_RUN_COMPLETED = "completed"

KNOWLEDGE_UNDER_WAY = frozenset({"pending", "sealed"})
"""The statuses of a document or a knowledge base that is not indexed yet."""

_FIRST_INTERVAL = 0.1
_LONGEST_INTERVAL = 5.0
_GROWTH = 1.5

SHORTEST_FIRST_LOOK = 1.0
"""The first look of a wait has at least so many seconds, however short the wait is: what
has ended already is given, and the time for a connection is not all of the wait."""

# A look needs time, too: with less than this left, none is begun.
_SHORTEST_LOOK = 0.05
# The last look comes when this part of the rest has passed, so that it can still end.
_PART_BEFORE_LAST_LOOK = 0.9

# sleep() refuses some hundreds of years.
_LONGEST_SLEEP = 86_400.0

# Of those that blame the request, the ones that ask for the same request later. 425 (RFC
# 8470, 5.2) among them: it is about the moment. Any other would be the answer to each look.
_4XX_THAT_HEAL = frozenset({408, 425, 429})


def has_ended(status: str) -> bool:
    """Whether a run of this status has ended, however it did."""
    return status not in RUN_UNDER_WAY


def has_completed(status: str) -> bool:
    """Whether a run of this status has ended well."""
    return status == _RUN_COMPLETED


def heals(status: int | None) -> bool:
    """Whether a look that was answered with this error status may be answered otherwise
    later: the server was overloaded, restarted, or broken for a moment.

    More of them than `_retry` has: a wait looks again in any case, at its own intervals and
    until its own end. So it passes over every 5xx, 501 and 505 too, where a single call is
    better told at once.
    """
    if status is None:
        return False
    return status in _4XX_THAT_HEAL or status >= 500


class Poller:
    """The moments at which one wait looks.

    end       when it is over, in seconds of a clock that only grows
    interval  seconds from look to look; None: from 0.1, growing to 5
    """

    __slots__ = ("_end", "_grows", "_interval")

    def __init__(self, end: float, interval: float | None) -> None:
        self._end = end
        self._grows = interval is None
        self._interval = _FIRST_INTERVAL if interval is None else interval

    def is_time_for_a_look(self, now: float) -> bool:
        """Whether another look could still end."""
        return self._end - now >= _SHORTEST_LOOK

    def next_delay(self, now: float, retry_after: float) -> float:
        """The seconds to wait before the next look, while there is time for one.

        The interval grows with each call.

        retry_after  what the server asked for, 0 if nothing. Where it reaches past the
                     end, the last look comes shortly before the end all the same
        """
        delay = max(self._interval, retry_after)
        if self._grows:
            self._interval = min(self._interval * _GROWTH, _LONGEST_INTERVAL)
        return min(delay, (self._end - now) * _PART_BEFORE_LAST_LOOK, _LONGEST_SLEEP)

    def rest(self, now: float) -> float:
        """The seconds that are left, without another look."""
        return max(self._end - now, 0.0)
