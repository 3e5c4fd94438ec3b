"""Time that a test moves on.

What must run out then need not be waited for, and what must not run out has so much time
that no machine is too busy for it.
"""

from __future__ import annotations

import contextlib
import logging
import time

from promptjuggler._clock import Clock, RealTime


class MovableClock:
    """Stands in for the monotonic clock: it goes on as ever, and can be moved on.

    Every limit that the package keeps is reckoned by it. A wait that is under way in the
    system is not: it ends with the next byte, or after the seconds that it was given.
    """

    def __init__(self, monkeypatch) -> None:
        self._real = time.monotonic
        self._ahead = 0.0
        monkeypatch.setattr(time, "monotonic", self)
        monkeypatch.setattr(RealTime, "monotonic", staticmethod(self))

    def __call__(self) -> float:
        return self._real() + self._ahead

    def move(self, seconds: float) -> None:
        """As if so many seconds had passed just now."""
        self._ahead += seconds


@contextlib.contextmanager
def after_answers(count, do):
    """Do something once so many attempts have their whole answer: then they are logged.

    Each one that failed counts too. The client does nothing else meanwhile.
    """

    class Counter(logging.Handler):
        answers = 0

        def emit(self, record):
            self.answers += 1
            if self.answers == count:
                do()

    logger, counter = logging.getLogger("promptjuggler"), Counter()
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(counter)
    try:
        yield
    finally:
        logger.removeHandler(counter)
        logger.setLevel(level)


class ScriptedClock(Clock):
    """The clock of a client, with functions of the test in place of some of its own."""

    def __init__(self, **functions) -> None:
        vars(self).update(functions)


def replace_clock(client, **functions):
    """Give a client another `sleep`, `random`, `wall` or `monotonic`; the rest stay."""
    before = client._clock
    kept = vars(before) if isinstance(before, ScriptedClock) else {}
    clock = ScriptedClock(**{**kept, **functions})
    client._clock = clock
    client._transport.pool.clock = clock
