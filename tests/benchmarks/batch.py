"""Many runs: a batch against the bare calls from as many threads, with and without a journal; and its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from .environment import Bench
from .measure import in_turns
from .process import HERE, Process
from .report import FLOOR, OURS, Fact, Ratio, bytes_text
from .stream import MOST_GROWTH

RUNS = 10_000
FEW = 500
WORKERS = 8
WORKER = (HERE / "batch_worker.py").read_text("utf-8")


def measure(bench: Bench) -> Iterator[Ratio | Fact]:
    """Seconds of 10,000 runs, and the memory of them above that of some."""
    count = bench.effort.times(RUNS)
    few = min(FEW, count)
    with bench.server() as server:
        url = f"http://localhost:{server.answer()['http']}"
        yield against_calls(bench, url, count, "")
        journal = str(bench.work / "timed.journal")
        yield against_calls(bench, url, count, journal)
        for what, path, again in (
            ("", "", False),
            (" with a journal", "grown.journal", False),
            (" that a journal has", "grown.journal", True),
        ):
            yield growth(bench, url, few, count, what, path, again)


def against_calls(bench: Bench, url: str, count: int, journal: str) -> Ratio:
    """A batch and the bare calls, in turns, in a process for each."""
    with ExitStack() as stack:

        def timed(order: str, **options: object) -> Callable[[], float]:
            worker = stack.enter_context(connected(bench, url))

            def call() -> float:
                answer = worker.ask(order, count=count, workers=WORKERS, **options)
                seconds: float = answer["seconds"]
                return seconds

            return call

        subjects = {
            OURS: timed("batch", journal=journal),
            FLOOR: timed("calls"),
        }
        seconds = in_turns(bench.effort.times(3), subjects)
    what = f"{count:,} runs by run_prompts{', with a journal' if journal else ''}"
    floor = f"run_prompt and wait_for_prompt_run in {WORKERS} threads"
    return Ratio(what, seconds, floor, floor_goal=None if journal else 1.3)


def connected(bench: Bench, url: str) -> Process:
    """A process that takes the orders of `batch_worker.py`."""
    worker = bench.ours.process(WORKER)
    worker.ask("connect", url=url)
    return worker


def growth(
    bench: Bench, url: str, few: int, count: int, what: str, name: str, again: bool
) -> Fact:
    """The peak memory of so many runs above that of a few, each in a process of its own.

    again   the runs have ended before: the journal gives them
    """
    peaks = []
    for number in (few, count):
        journal = str(bench.work / f"{number}-{name}") if name else ""
        with connected(bench, url) as worker:
            answer = worker.ask(
                "batch", count=number, workers=WORKERS, journal=journal, again=again
            )
        peaks.append(answer["resident"])
    grown = max(peaks[1] - peaks[0], 0)
    return Fact(
        f"peak memory of {count:,} runs{what}, above that of {few:,}",
        f"+{bytes_text(grown)}",
        goal=f"under +{bytes_text(MOST_GROWTH)}",
        numbers={"few": peaks[0], "all": peaks[1]},
        is_met=grown < MOST_GROWTH,
    )
