"""Numbers: taking turns, medians, and ratios of what was measured side by side."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """How much is measured: an `amount` of 1.0 is all of it."""

    amount: float = 1.0

    def times(self, count: int) -> int:
        """How often to do what is done `count` times at full effort."""
        return max(1, round(count * self.amount))

    def sizes(self, sizes: Sequence[int]) -> list[int]:
        """Which of `sizes` to measure, from the smallest on."""
        return list(sizes[: self.times(len(sizes))])


@dataclass(frozen=True)
class Spread:
    """The middle of some numbers: the median, the quartiles around it, and the least of all."""

    median: float
    low: float
    high: float
    least: float


def spread(values: Sequence[float]) -> Spread:
    """The `Spread` of some numbers, at least one."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high, min(values))


def ratios(above: Sequence[float], below: Sequence[float]) -> Spread:
    """What `above` is as a multiple of `below`, round by round.

    Each round's ratio is of two measurements made right after one another: a machine that is slow for a while is slow
    for both of them.
    """
    return spread([first / second for first, second in zip(above, below, strict=True)])


def in_turns(
    rounds: int, subjects: Mapping[str, Callable[[], float]], warm_up: int = 1
) -> dict[str, list[float]]:
    """Measure every subject once in each round. The rounds of the `warm_up` come before, and do not count.

    The subject that begins is another one in each round, so that none always comes after the same one.
    """
    results: dict[str, list[float]] = {name: [] for name in subjects}
    names = list(subjects)
    for number in range(-warm_up, rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            value = subjects[name]()
            if number >= 0:
                results[name].append(value)
    return results
