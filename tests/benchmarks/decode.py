"""Reading documents: a run with a long transcript, from bytes to objects."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from .documents import run
from .environment import Bench, Subject
from .measure import in_turns, spread
from .process import Process
from .report import FLOOR, OURS, PEER, Ratio, Table, ratio_text, seconds_text

PEER_GOAL, FLOOR_GOAL = 25, 3
LENGTH = 3000
LENGTHS = (10, 100, 300, 1000, 3000, 10_000, 30_000)


def measure(bench: Bench) -> Iterator[Ratio | Table]:
    """The row of the design, and how the time grows with the length of the transcript."""
    yield decoding(
        bench, bench.subjects(), f"decoding a run with {LENGTH:,} items", LENGTH, 11
    )
    rows, numbers = [], []
    for length in bench.effort.sizes(LENGTHS):
        row = decoding(bench, bench.subjects(), "", length, 1 if length > 3000 else 3)
        medians = {name: spread(values).median for name, values in row.seconds.items()}
        rows.append([
            f"{length:,}", *(seconds_text(medians[name]) if name in medians else "" for name in (OURS, PEER, FLOOR)),
            ratio_text(row.times_faster()), ratio_text(row.times_floor()), f"{medians[OURS] / length * 1e6:.2f} µs",
        ])  # fmt: skip
        numbers.append({"items": length, **row.to_dict()})
    header = [
        "items",
        OURS,
        PEER,
        "`json.loads`",
        "times faster",
        "times `json.loads`",
        f"{OURS}, for each item",
    ]
    yield Table("Decoding against the length of the transcript", header, rows, numbers)


def decoding(
    bench: Bench, subjects: dict[str, Subject], what: str, length: int, rounds: int
) -> Ratio:
    """One document, decoded by turns in a process for each subject; the seconds are those of one decoding."""
    file = bench.work / f"run-{length}.json"
    file.write_text(json.dumps(run(length)))
    with ExitStack() as stack:
        timed = {
            name: _decoder(stack.enter_context(subject.worker()), file, name, length)
            for name, subject in subjects.items()
        }
        seconds = in_turns(bench.effort.times(rounds), timed)
    return Ratio(what, seconds, "`json.loads`", PEER_GOAL, FLOOR_GOAL)


def _decoder(
    worker: Process, file: Path, name: str, length: int
) -> Callable[[], float]:
    # Long enough for the clock, and short enough for turns to be even.
    count = max(1, LENGTH // length // (20 if name == PEER else 1))

    def decode() -> float:
        answer = worker.ask("decode", file=str(file), count=count, floor=name == FLOOR)
        assert answer["items"] == length
        seconds: float = answer["seconds"]
        return seconds

    return decode
