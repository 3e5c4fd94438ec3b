"""Time that a test moves on.

What must run out then need not be waited for, and what must not run out has so much time
that no machine is too busy for it.
"""

from __future__ import annotations

import time


class MovableClock:
    """Stands in for `time.monotonic`: it goes on as ever, and can be moved on.

    Every limit that the package keeps is reckoned by it. A wait that is under way in the
    system is not: it ends with the next byte, or after the seconds that it was given.
    """

    def __init__(self, monkeypatch) -> None:
        self._real = time.monotonic
        self._ahead = 0.0
        monkeypatch.setattr(time, "monotonic", self)

    def __call__(self) -> float:
        return self._real() + self._ahead

    def move(self, seconds: float) -> None:
        """As if so many seconds had passed just now."""
        self._ahead += seconds
