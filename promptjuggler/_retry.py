"""May a request be sent again, and how long to wait before. Pure."""

from collections.abc import Callable


def may_send_again(*, repeatable: bool, status_code: int | None, request_sent: bool) -> bool:
    """Whether a request that failed may be sent again. `status_code`: None without an answer.

    What is not `repeatable` (a run costs money) only where it certainly did not arrive, or got 429.
    """
    if status_code is None:
        return repeatable or not request_sent
    return status_code == 429 or (repeatable and status_code in {408, 500, 502, 503, 504})


def seconds_to_wait(attempt: int, retry_after: float | None, random: Callable[[], float]) -> float | None:
    """The seconds to wait after attempt number `attempt`, from 1; never less than `retry_after`, and None where that is
    over a minute."""
    retry_after = retry_after or 0.0
    if retry_after > 60.0:
        return None
    # Less a part by chance, so that many clients do not come back at once.
    return max(0.5 * 2.0 ** min(attempt - 1, 4) * (1 - random() / 4), retry_after)


FIRST_STREAM_DELAY = 0.5
LONGEST_STREAM_DELAY = 10.0
LONGEST_RETRY_AFTER = 60.0
"""Seconds. A server that asks for a longer pause than this is not waited for."""


class Backoff:
    """How long a stream waits before it connects again. Pure: it counts, and never sleeps.

    The delays double from `FIRST_STREAM_DELAY` to `LONGEST_STREAM_DELAY` while nothing
    succeeds. The stream tells what happened, and asks `next()` at each failure or loss.
    """

    __slots__ = ("_delay",)

    def __init__(self) -> None:
        self._delay = FIRST_STREAM_DELAY

    def reset(self) -> None:
        """A connection has succeeded: the delays start over."""
        self._delay = FIRST_STREAM_DELAY

    def at_once(self) -> None:
        """The server hands over: the next connection is made without a delay."""
        self._delay = 0.0

    def next(self, retry_after: float | None = None) -> float:
        """The seconds to wait now; the next delay is twice as long.

        retry_after  the least number of seconds, as the server asked with its failure;
                     no more than `LONGEST_RETRY_AFTER` of them count. None: it did not.
        """
        delay = self._delay
        self._delay = min(max(delay * 2, FIRST_STREAM_DELAY), LONGEST_STREAM_DELAY)
        return max(delay, min(retry_after or 0.0, LONGEST_RETRY_AFTER))
