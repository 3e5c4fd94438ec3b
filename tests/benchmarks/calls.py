"""Calls on a client that is warm: one after another, from many threads, and polling."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from .documents import PENDING_ID, RUN_ID
from .environment import Bench, Subject
from .measure import in_turns, spread
from .process import Process
from .report import FLOOR, OURS, PEER, Fact, Finding, Ratio, Table, ratio_text

PEER_GOAL, FLOOR_GOAL = 2.5, 1.5
CALLS = 100
THREADS = (1, 2, 4, 8, 16)


def measure(bench: Bench) -> Iterator[Finding]:
    """The rows of the design over http and https, and how calls grow with threads."""
    with bench.server() as server:
        for scheme, port in server.answer().items():
            url = f"{scheme}://localhost:{port}"
            server.ask("pend", runs=[PENDING_ID], polls=10**9)
            for state, run_id in (("completed", RUN_ID), ("pending", PENDING_ID)):
                yield warm(
                    bench,
                    bench.subjects(),
                    f"get_prompt_run, {state}, warm, {scheme}",
                    url,
                    15,
                    run_id,
                )
            yield from _eight_threads(bench, server, scheme, url)
            if scheme == "http":
                polling = _polling(bench, server, url)
                growth = _growth(bench, server, url)
        yield polling
        yield growth


def warm(
    bench: Bench,
    subjects: dict[str, Subject],
    what: str,
    url: str,
    rounds: int,
    run_id: str = RUN_ID,
) -> Ratio:
    """Calls one after another in a process for each subject; the seconds are those of one call."""
    with ExitStack() as stack:
        timed = {}
        for name, subject in subjects.items():
            worker = _connected(stack, subject, url, name == FLOOR)
            timed[name] = _caller(worker, run_id)
        seconds = in_turns(bench.effort.times(rounds), timed)
    return Ratio(what, seconds, "`http.client`, `json.loads`", PEER_GOAL, FLOOR_GOAL)


def _connected(stack: ExitStack, subject: Subject, url: str, floor: bool) -> Process:
    worker = stack.enter_context(subject.worker())
    worker.ask("connect", url=url, floor=floor)
    return worker


def _caller(worker: Process, run_id: str) -> Callable[[], float]:
    def call() -> float:
        seconds: float = worker.ask("calls", run_id=run_id, count=CALLS)["seconds"]
        return seconds

    return call


class Threads:
    """The same work from many threads of a process for each subject, with what the server counted."""

    def __init__(
        self, server: Process, run_ids: list[str], threads: int, polls: int
    ) -> None:
        self.server = server
        self.run_ids, self.threads, self.polls = run_ids, threads, polls
        self.connections: dict[str, list[int]] = {}
        self.errors: dict[str, list[str]] = {}
        self.calls: dict[str, int] = {}

    def measure(self, bench: Bench, url: str, rounds: int) -> dict[str, list[float]]:
        """The seconds of each round. Every one is of a new process, which has made one call before."""
        return in_turns(
            bench.effort.times(rounds),
            {
                name: self._round(name, subject, url)
                for name, subject in bench.subjects().items()
            },
            warm_up=0,
        )

    def _round(self, name: str, subject: Subject, url: str) -> Callable[[], float]:
        def work() -> float:
            with ExitStack() as stack:
                self.server.ask("reset")
                worker = _connected(stack, subject, url, name == FLOOR)
                worker.ask("calls", run_id=RUN_ID, count=1)
                self.server.ask(
                    "pend",
                    runs=self.run_ids if self.polls > 1 else [],
                    polls=self.polls - 1,
                )
                answer = worker.ask(
                    "in_threads",
                    run_ids=self.run_ids,
                    threads=self.threads,
                    polls=self.polls,
                )
                self.connections.setdefault(name, []).append(
                    self.server.ask("count")["connections"]
                )
            self.errors.setdefault(name, []).extend(answer["errors"])
            self.calls[name] = answer["calls"]
            seconds: float = answer["seconds"]
            return seconds

        return work

    def counted(self, name: str) -> str:
        """The most connections of any round, and the errors of all."""
        if name not in self.connections:
            return ""
        return f"{max(self.connections[name])} connections, {len(self.errors[name])} errors"

    def numbers(self) -> dict[str, object]:
        """All that was counted."""
        return {
            "connections": self.connections,
            "errors": self.errors,
            "calls": self.calls,
        }


def _eight_threads(
    bench: Bench, server: Process, scheme: str, url: str
) -> Iterator[Finding]:
    count = bench.effort.times(4000)
    threads = Threads(server, [RUN_ID] * count, 8, 1)
    seconds = threads.measure(bench, url, 3)
    what = f"{count:,} calls from 8 threads, {scheme}"
    yield Ratio(what, seconds, "one `http.client` for each thread", 1)
    yield Fact(
        what,
        threads.counted(OURS),
        threads.counted(PEER),
        "at most 8 connections",
        threads.numbers(),
        max(threads.connections[OURS]) <= 8 and not threads.errors[OURS],
    )


def _polling(bench: Bench, server: Process, url: str) -> Table:
    runs = bench.effort.times(200)
    ids = [str(uuid.UUID(int=number)) for number in range(1, runs + 1)]
    threads = Threads(server, ids, 20, 5)
    seconds = threads.measure(bench, url, 3)
    rows = []
    for name, values in seconds.items():
        rate = threads.calls[name] / spread(values).median
        rows.append(
            [name, f"{threads.calls[name]:,}", f"{rate:,.0f}", threads.counted(name)]
        )
    title = f"Polling {runs} runs at once from 20 threads, each five times, over http"
    return Table(
        title,
        ["", "calls", "calls per second", "counted"],
        rows,
        [{"seconds": seconds, **threads.numbers()}],
    )


def _growth(bench: Bench, server: Process, url: str) -> Table:
    rows, numbers = [], []
    count = bench.effort.times(500)
    for number in bench.effort.sizes(THREADS):
        threads = Threads(server, [RUN_ID] * count, number, 1)
        seconds = threads.measure(bench, url, 2)
        rates = {
            name: f"{count / spread(values).median:,.0f}"
            for name, values in seconds.items()
        }
        ratio = Ratio("", seconds)
        rows.append([
            str(number), *(rates.get(name, "") for name in (OURS, PEER, FLOOR)), ratio_text(ratio.times_faster()),
            ratio_text(ratio.times_floor()), threads.counted(OURS), threads.counted(PEER),
        ])  # fmt: skip
        numbers.append({"threads": number, "seconds": seconds, **threads.numbers()})
    rates_header = [f"{name}: calls/s" for name in (OURS, PEER, FLOOR)]
    header = ["threads", *rates_header, "times faster", "times the floor", OURS, PEER]
    return Table(
        f"Calls against threads: {count:,} calls over http", header, rows, numbers
    )
