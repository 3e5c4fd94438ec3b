"""What was measured, as tables for people and as JSON: beside each goal, whether it is met.

A goal is met where the median meets it. A run on a busy machine proves little either way: the quartiles say how much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from .measure import Spread, ratios, spread

OURS, PEER, FLOOR = "ours", "1.7.0", "floor"


@dataclass
class Ratio:
    """One job, done by all in turns: the seconds of each round, by name."""

    what: str
    seconds: dict[str, list[float]]
    floor: str = ""
    """What the floor is, in words."""
    peer_goal: float | None = None
    """How many times faster than the published package it is to be, at least."""
    floor_goal: float | None = None
    """How many times as long as the floor it may take, at most."""

    def times_faster(self) -> Spread | None:
        """How many times as long the published package takes."""
        return (
            ratios(self.seconds[PEER], self.seconds[OURS])
            if PEER in self.seconds
            else None
        )

    def times_floor(self) -> Spread | None:
        """How many times as long as the floor it takes."""
        return (
            ratios(self.seconds[OURS], self.seconds[FLOOR])
            if FLOOR in self.seconds
            else None
        )

    def meets_peer_goal(self) -> bool | None:
        """Whether it is as much faster as it is to be; None where that was not measured or there is no goal."""
        faster = self.times_faster()
        if faster is None or self.peer_goal is None:
            return None
        return faster.median >= self.peer_goal

    def meets_floor_goal(self) -> bool | None:
        """Whether it takes no more of the floor than it may; None as above."""
        floor = self.times_floor()
        if floor is None or self.floor_goal is None:
            return None
        return floor.median <= self.floor_goal

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        faster, floor = self.times_faster(), self.times_floor()
        return {
            **asdict(self),
            "spreads": {
                name: asdict(spread(values)) for name, values in self.seconds.items()
            },
            "times_faster_than_peer": asdict(faster) if faster else None,
            "times_the_floor": asdict(floor) if floor else None,
            "meets_peer_goal": self.meets_peer_goal(),
            "meets_floor_goal": self.meets_floor_goal(),
        }

    def cells(self) -> list[str]:
        """The row of the table."""
        medians = {
            name: seconds_text(spread(values).median)
            for name, values in self.seconds.items()
        }
        return [
            self.what,
            medians[OURS],
            medians.get(PEER, ""),
            ratio_text(self.times_faster()),
            goal_text("at least", self.peer_goal, self.meets_peer_goal()),
            f"{medians[FLOOR]} {self.floor}" if FLOOR in medians else "",
            ratio_text(self.times_floor()),
            goal_text("at most", self.floor_goal, self.meets_floor_goal()),
        ]


RATIO_HEADER = (
    "what",
    OURS,
    PEER,
    "times faster",
    "goal",
    "floor",
    "times the floor",
    "goal",
)


@dataclass
class Fact:
    """Something counted or weighed: texts for the table, and the numbers for the JSON."""

    what: str
    ours: str
    peer: str = ""
    goal: str = ""
    numbers: dict[str, Any] = field(default_factory=dict)
    is_met: bool | None = None
    """None where nothing says so."""

    def to_dict(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)

    def cells(self) -> list[str]:
        """The row of the table."""
        return [self.what, self.goal + _MET[self.is_met], self.ours, self.peer]


FACT_HEADER = ("what", "goal", OURS, PEER)


@dataclass
class Table:
    """How something grows: a table of its own."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: list[dict[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """All of it: what is shown, and the numbers behind it."""
        return {
            "title": self.title,
            "header": list(self.header),
            "cells": [list(row) for row in self.rows],
            "rows": self.numbers,
        }


Finding = Ratio | Fact | Table


def to_dict(finding: Finding) -> dict[str, Any]:
    """A finding as JSON: all of it, and its kind."""
    return {"kind": type(finding).__name__, **finding.to_dict()}


def from_dict(saved: dict[str, Any]) -> Finding:
    """The finding that was saved so. What follows from its numbers is found anew."""
    if saved["kind"] == "Table":
        return Table(saved["title"], saved["header"], saved["cells"], saved["rows"])
    kind: type[Ratio] | type[Fact] = {"Ratio": Ratio, "Fact": Fact}[saved["kind"]]
    names = [field.name for field in fields(kind)]
    return kind(**{name: saved[name] for name in names})


def text(findings: Sequence[Finding]) -> str:
    """All findings as tables of Markdown: ratios, facts, and every other table."""
    parts = []
    ratio_rows = [finding.cells() for finding in findings if isinstance(finding, Ratio)]
    if ratio_rows:
        parts.append(table(RATIO_HEADER, ratio_rows))
    fact_rows = [finding.cells() for finding in findings if isinstance(finding, Fact)]
    if fact_rows:
        parts.append(table(FACT_HEADER, fact_rows))
    parts += [
        f"{one.title}\n\n{table(one.header, one.rows)}"
        for one in findings
        if isinstance(one, Table)
    ]
    return "\n\n".join(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of Markdown that can be read as it stands."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [header, ["-" * width for width in widths], *rows]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        for line in lines
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded)


def ratio_text(ratio: Spread | None) -> str:
    """A ratio, and in brackets its quartiles."""
    if ratio is None:
        return ""
    digits = 2 if ratio.median < 9.95 else 1
    return (
        f"{ratio.median:.{digits}f} ({ratio.low:.{digits}f} to {ratio.high:.{digits}f})"
    )


_MET = {True: ": met", False: ": MISSED", None: ""}


def goal_text(words: str, goal: float | None, is_met: bool | None) -> str:
    """A goal and whether it is met, or nothing."""
    return "" if goal is None else f"{words} {goal:g}{_MET[is_met]}"


def seconds_text(seconds: float) -> str:
    """A time with three digits or so."""
    for limit, factor, unit in ((1e-3, 1e6, "µs"), (1.0, 1e3, "ms")):
        if seconds < limit:
            value = seconds * factor
            return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
    return f"{seconds:.2f} s"


def bytes_text(count: float) -> str:
    """A number of bytes."""
    if count >= 2**20:
        return f"{count / 2**20:.1f} MiB"
    return f"{count / 2**10:.0f} KiB"
