"""May a request be sent again, and how long to wait before. Pure: it never sleeps."""

from __future__ import annotations

from collections.abc import Callable

LONGEST_RETRY_AFTER = 60.0
"""A `Retry-After` of more seconds is not waited for."""

SHORTEST_ATTEMPT = 0.05
"""An attempt needs time: with fewer seconds left, none is begun."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0

# Up to this part of a delay is taken off by chance, so that many clients that failed at
# the same moment do not come back at the same moment.
_JITTER = 0.25

# And up to this part is added to what a server asks for.
_SPREAD = 0.1

# The server is overloaded, or did not carry the request out in time: the same request
# may do better later.
# From 520 on they are those of widespread gateways.
_PASSING_STATUSES = frozenset(
    {408, 429, 500, 502, 503, 504, *range(520, 525), 529, 530}
)


def may_send_again(
    *, repeatable: bool, status_code: int | None, request_sent: bool
) -> bool:
    """Whether a request that failed may be sent again.

    repeatable    sending it twice has no more effect than sending it once
    status_code   of the answer; None where there was none
    request_sent  False only where it is certain that no byte of it left

    A run costs money: what is not repeatable is sent again only where it certainly did not
    arrive, or was refused by 429, which is given before anything is carried out.
    """
    if status_code is None:
        return repeatable or not request_sent
    if repeatable:
        return status_code in _PASSING_STATUSES
    return status_code == 429


def seconds_to_wait(
    attempt: int, retry_after: float | None, random: Callable[[], float]
) -> float | None:
    """The seconds to wait after a failed attempt; None where that would be too long.

    attempt      its number, from 1: the delay doubles with each
    retry_after  what the server asks for, in seconds: the least that is waited; by chance,
                 up to a tenth more
    random       gives a number from 0 to 1
    """
    least = retry_after or 0.0
    if least > LONGEST_RETRY_AFTER:
        return None
    doublings = min(attempt - 1, 10)
    delay = min(_FIRST_DELAY * 2.0**doublings, _LONGEST_DELAY)
    chance = random()
    return max(delay * (1 - _JITTER * chance), spread(least, chance))


def spread(seconds: float, chance: float) -> float:
    """What a server asks for, in seconds, and up to a tenth more by chance (from 0 to 1).

    It may have asked many clients for the same.
    """
    return seconds * (1 + _SPREAD * chance)


_FIRST_STREAM_DELAY = 0.5
_LONGEST_STREAM_DELAY = 10.0


class Backoff:
    """How long a stream waits before it connects again. Pure: it counts, and never sleeps.

    The delays double from 0.5 s to 10 s while nothing succeeds. The stream tells what
    happened, and asks `next()` at each failure or loss.
    """

    __slots__ = ("_delay",)

    def __init__(self) -> None:
        self._delay = _FIRST_STREAM_DELAY

    def reset(self) -> None:
        """A connection has succeeded: the delays start over."""
        self._delay = _FIRST_STREAM_DELAY

    def at_once(self) -> None:
        """The server hands over: the next connection is made without a delay."""
        self._delay = 0.0

    def next(self, retry_after: float | None = None) -> float:
        """The seconds to wait now; the next delay is twice as long.

        retry_after  the least number of seconds, as the server asked with its failure;
                     no more than `LONGEST_RETRY_AFTER` of them count. None: it did not.
        """
        delay = self._delay
        self._delay = min(max(delay * 2, _FIRST_STREAM_DELAY), _LONGEST_STREAM_DELAY)
        return max(delay, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
