"""Streams: tokens from the socket to the events of the iteration, and what is held of them. The published package has
no streams."""

from __future__ import annotations

from collections.abc import Iterator

from .documents import THREAD_ID
from .environment import Bench, Subject
from .measure import in_turns, ratios, spread
from .process import Process
from .report import FLOOR, OURS, Fact, Table, bytes_text, ratio_text

TOKENS = 30_000
LEAST_RATE = 60_000
MOST_GROWTH = 4 * 2**20
"""What is flat: an allocator keeps a little, now more and now less."""
LENGTHS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000)
MANY = 1_000_000
OF_A_RUN = 1_000


def measure(bench: Bench) -> Iterator[Fact | Table]:
    """Tokens a second over http and https, and against the length of a run; and memory over many finished runs."""
    with bench.server() as server:
        urls = {
            scheme: f"{scheme}://localhost:{port}"
            for scheme, port in server.answer().items()
        }
        for scheme, url in urls.items():
            seconds = tokens(bench, server, url, bench.effort.times(TOKENS), 7)
            rates = {
                name: bench.effort.times(TOKENS) / spread(values).median
                for name, values in seconds.items()
            }
            yield Fact(
                f"tokens a second of one run, {scheme}",
                f"{rates[OURS]:,.0f} (a loop over `http.client`'s lines with `json.loads`: {rates[FLOOR]:,.0f})",
                goal=f"at least {LEAST_RATE:,}",
                numbers={"seconds": seconds, "tokens": bench.effort.times(TOKENS)},
                is_met=rates[OURS] >= LEAST_RATE,
            )
        yield _memory(bench, server, urls["http"])
        yield _growth(bench, server, urls["http"])


def tokens(
    bench: Bench, server: Process, url: str, count: int, rounds: int
) -> dict[str, list[float]]:
    """The seconds of each round for a run with so many tokens, from the first event to the last."""

    def turn(subject: Subject, floor: bool) -> float:
        seconds: float = _streamed(server, subject, url, 1, count, floor)["seconds"]
        return seconds

    subjects = {
        OURS: lambda: turn(bench.ours, False),
        FLOOR: lambda: turn(bench.floor, True),
    }
    return in_turns(bench.effort.times(rounds), subjects)


def _streamed(
    server: Process,
    subject: Subject,
    url: str,
    runs: int,
    count: int,
    floor: bool = False,
) -> dict[str, float]:
    server.ask("stream", runs=runs, tokens=count)
    with subject.worker() as worker:
        worker.ask("connect", url=url, floor=floor)
        answer = worker.ask("stream", thread=THREAD_ID, runs=runs)
    assert answer["tokens"] == runs * count
    return answer


def _memory(bench: Bench, server: Process, url: str) -> Fact:
    of_a_run = bench.effort.times(OF_A_RUN)
    runs = max(2, bench.effort.times(MANY) // of_a_run)
    few, many = (
        _streamed(server, bench.ours, url, number, of_a_run)["resident"]
        for number in (1, runs)
    )
    what = f"peak memory of {runs * of_a_run:,} tokens of {runs:,} runs, above that of one run"
    return Fact(
        what,
        f"+{bytes_text(max(many - few, 0))}",
        goal=f"under +{bytes_text(MOST_GROWTH)}",
        numbers={"one": few, "all": many},
        is_met=many - few < MOST_GROWTH,
    )


def _growth(bench: Bench, server: Process, url: str) -> Table:
    rows, numbers = [], []
    for length in bench.effort.sizes(LENGTHS):
        seconds = tokens(bench, server, url, length, 3)
        median = spread(seconds[OURS]).median
        each = f"{median / length * 1e6:.1f} µs"
        rows.append(
            [
                f"{length:,}",
                f"{length / median:,.0f}",
                each,
                ratio_text(ratios(seconds[OURS], seconds[FLOOR])),
            ]
        )
        numbers.append({"tokens": length, "seconds": seconds})
    header = [
        "tokens of the run",
        "tokens a second",
        "for each",
        "times a loop over `http.client`'s lines",
    ]
    return Table(
        "Streaming against the length of a run, over http", header, rows, numbers
    )
