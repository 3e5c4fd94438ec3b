"""Times and sums of money in words. Pure."""

from __future__ import annotations


def in_words(seconds: float) -> str:
    """A time, in the unit that suits it."""
    if seconds < 100.0:
        return f"{seconds:.0f} s"
    if seconds < 6000.0:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


_LEAST_SHOWN = 0.0001
"""US dollars; less would look like none."""


def in_dollars(cost: float) -> str:
    """A sum of US dollars above 0; a small one with what a single run costs."""
    if cost < _LEAST_SHOWN:
        return f"less than ${_LEAST_SHOWN:.4f}"
    return f"${cost:.4f}" if cost < 1.0 else f"${cost:,.2f}"
