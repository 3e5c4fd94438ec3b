"""When the next run may be started: the brake that all workers of a batch share."""

from __future__ import annotations

import threading

from .._retry import seconds_to_wait, spread
from .clock import StoppableClock, Stopped

LONGEST_OUTAGE = 300.0
"""Seconds for which starts may fail, and none succeed, before the batch is ended."""

# Where nobody tried for so many seconds, though they could, nobody knows how long the
# server was away: inputs can come slowly.
_LONGEST_PAUSE = 60.0

# A worker that waits for its turn looks at the time at least so often.
_LONGEST_NAP = 0.5


class Pace:
    """Lets starts through: as many as come, or after a failure one at a time.

    After a failed start nobody starts before a delay is over, which grows from 0.5 s to
    8 s with each further failure, and is at least what the server asked for. Then one
    start is tried. Once one succeeds, all go on. So a server that is down for a minute
    sees few requests, and few rows can be lost to it.
    """

    __slots__ = (
        "_clock",
        "_condition",
        "_failing_since",
        "_failures",
        "_is_ended",
        "_is_tried",
        "_not_before",
    )

    def __init__(self, clock: StoppableClock) -> None:
        self._clock = clock
        self._condition = threading.Condition()
        # One after the other; those of starts that were under way at once are one.
        self._failures = 0
        self._failing_since: float | None = None
        self._not_before = clock.monotonic()
        # While there are failures: whether the one start is under way.
        self._is_tried = False
        self._is_ended = False

    def wait_for_turn(self) -> int:
        """Wait until a start may be made. Gives how many failures were seen until then.

        Raises `Stopped` once the batch starts no more.
        """
        with self._condition:
            while not self._is_ended:
                nap = self._nap()
                if nap <= 0.0:
                    self._is_tried = self._failures > 0
                    return self._failures
                self._condition.wait(min(nap, _LONGEST_NAP))
            raise Stopped

    def _nap(self) -> float:
        """The seconds to wait before a start may be made; 0 or less: none."""
        if self._failures > 0 and self._is_tried:
            return _LONGEST_NAP
        return self._not_before - self._clock.monotonic()

    def succeeded(self) -> None:
        """A start was answered: the server is there, whatever it said."""
        with self._condition:
            if self._failures == 0:
                return
            self._failures = 0
            self._failing_since = None
            self._is_tried = False
            self._condition.notify_all()

    def failed(self, failures_seen: int, retry_after: float | None) -> float | None:
        """A start failed, in a way that others would.

        failures_seen  as `wait_for_turn` gave it
        retry_after    the seconds that the server asked for; None: it did not

        Gives the seconds before the next start is tried; None where that would be too
        long after the first of such failures.
        """
        with self._condition:
            now = self._clock.monotonic()
            pause = now - self._not_before
            if self._failing_since is None or pause > _LONGEST_PAUSE:
                self._failing_since = now
            delay = spread(retry_after or 0.0, self._clock.random())
            # Only the first failure of those that were under way together counts: the
            # others saw fewer than there are now.
            is_first = self._failures == 0
            if is_first or self._failures == failures_seen:
                self._failures += 1
                usual = seconds_to_wait(self._failures, None, self._clock.random)
                delay = max(delay, usual or 0.0)
                self._is_tried = False
            self._not_before = max(self._not_before, now + delay)
            self._condition.notify_all()
            if self._not_before - self._failing_since > LONGEST_OUTAGE:
                return None
            return self._not_before - now

    def end(self) -> None:
        """Let no start through any more."""
        with self._condition:
            self._is_ended = True
            self._condition.notify_all()
