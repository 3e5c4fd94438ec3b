"""May a request be sent again, and how long to wait before. Pure: it never sleeps."""

from __future__ import annotations

from collections.abc import Callable

LONGEST_RETRY_AFTER = 60.0
"""A `Retry-After` of more seconds is not waited for."""

SHORTEST_ATTEMPT = 0.05
"""An attempt needs time: with fewer seconds left, none is begun."""

_FIRST_DELAY = 0.5
_LONGEST_DELAY = 8.0
# More would be longer than that by far, and too large for a float at some point.
_MOST_DOUBLINGS = 10

# Up to this part of a delay is taken off by chance, so that many clients that failed at
# the same moment do not come back at the same moment.
_JITTER = 0.25

# And up to this part is added to what a server asks for.
_SPREAD = 0.1

# The server is overloaded, or did not carry the request out in time: the same request
# may do better later. From 520 on they are those of widespread gateways.
# Not 501, 505 and the like: they say what a server can never do. Nor 425: it answers early
# data of TLS, of which there is none here, so that to wait has no known effect.
_MAY_BE_SENT_AGAIN = frozenset(
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
        return status_code in _MAY_BE_SENT_AGAIN
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
    doublings = min(attempt - 1, _MOST_DOUBLINGS)
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

# A server that hands over again so soon is not restarted: something is wrong with it.
_SHORTEST_BETWEEN_HAND_OVERS = 5.0


class Backoff:
    """How long a stream waits before it connects again. Pure: it counts, and never sleeps.

    The delays double from 0.5 s to 10 s, until a connection counts: the next loss or
    failure then waits for 0.5 s again. The stream tells what happened, and asks `next()`
    at each failure or loss.
    """

    __slots__ = ("_at_once", "_delay", "_last_hand_over", "_starts_over")

    def __init__(self) -> None:
        self._delay = _FIRST_STREAM_DELAY
        self._starts_over = False
        self._at_once = False
        self._last_hand_over = float("-inf")

    def reset(self) -> None:
        """A connection counts: the delays start over."""
        self._starts_over = True

    def hand_over(self, now: float) -> None:
        """The server asks for a new connection, which is made without a delay.

        But where it asked for one less than 5 s ago, that delay is due which has grown so
        far, whatever came over the connection: a server, or one in between, that hands
        over each connection at once would else be asked without a pause, for ever.

        now  seconds of a clock that only grows
        """
        is_too_soon = now - self._last_hand_over < _SHORTEST_BETWEEN_HAND_OVERS
        self._last_hand_over = now
        if is_too_soon:
            self._starts_over = False
        else:
            self._at_once = True

    def next(self, retry_after: float | None = None) -> float:
        """The seconds to wait now; the next delay is twice as long.

        retry_after  the least number of seconds, as the server asked with its failure;
                     no more than `LONGEST_RETRY_AFTER` of them count. None: it did not.
        """
        if self._starts_over:
            self._starts_over = False
            self._delay = _FIRST_STREAM_DELAY
        if self._at_once:
            self._at_once = False
            return 0.0
        delay = self._delay
        self._delay = min(delay * 2, _LONGEST_STREAM_DELAY)
        return max(delay, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
