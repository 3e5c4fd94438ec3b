"""Uploads: the memory that they take. The files are sparse, so that they take no room on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .documents import RUN_ID
from .environment import Bench, Subject
from .report import Fact, Table, bytes_text

SIZE = 400
MOST_GROWTH = 4 * 2**20
SIZES = (1, 4, 16, 64, 256, 1024)


def measure(bench: Bench) -> Iterator[Fact | Table]:
    """The row of the design, and how memory grows with the size of the file."""
    with bench.server() as server:
        url = f"http://localhost:{server.answer()['http']}"
        size = bench.effort.times(SIZE)
        file = _sparse(bench.work, size)
        ours = _growth(bench.ours, url, file, False)
        peer = _growth(bench.peer, url, file, True) if bench.peer else None
        yield Fact(
            f"peak memory of a {size} MiB upload",
            f"+{bytes_text(ours['growth'])} in {ours['seconds']:.2f} s",
            f"+{bytes_text(peer['growth'])} ({peer['growth'] / file.stat().st_size:.2f}x the file)"
            if peer
            else "",
            "under +4 MiB",
            {"bytes": file.stat().st_size, "ours": ours, "peer": peer},
            ours["growth"] < MOST_GROWTH,
        )
        rows, numbers = [], []
        for megabytes in bench.effort.sizes(SIZES):
            file = _sparse(bench.work, megabytes)
            grown = _growth(bench.ours, url, file, False)
            rows.append(
                [
                    f"{megabytes:,} MiB",
                    f"+{bytes_text(grown['growth'])}",
                    f"{grown['seconds']:.2f} s",
                ]
            )
            numbers.append({"bytes": file.stat().st_size, **grown})
            file.unlink()
    yield Table(
        "Memory against the size of an upload, over http",
        ["file", "peak memory", "time"],
        rows,
        numbers,
    )


def _growth(subject: Subject, url: str, file: Path, whole: bool) -> dict[str, float]:
    """The peak of a process that uploads, above that of one that does everything but the upload."""
    peaks, seconds = [], 0.0
    for really in (False, True):
        with subject.worker() as worker:
            worker.ask("connect", url=url)
            answer = worker.ask(
                "upload", run_id=RUN_ID, file=str(file), whole=whole, really=really
            )
            peaks.append(answer["resident"])
            seconds = answer["seconds"]
    return {
        "growth": max(peaks[1] - peaks[0], 0),
        "without": peaks[0],
        "with": peaks[1],
        "seconds": seconds,
    }


def _sparse(folder: Path, megabytes: int) -> Path:
    file = folder / f"{megabytes}.bin"
    with open(file, "wb") as stream:
        stream.truncate(megabytes * 2**20)
    return file
