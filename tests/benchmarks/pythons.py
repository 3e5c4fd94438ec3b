"""The rows of the design again, on every CPython of the classifiers that is there."""

from __future__ import annotations

from collections.abc import Iterator

from .calls import warm
from .decode import LENGTH, decoding
from .documents import RUN_ID
from .environment import Bench, Subject
from .measure import in_turns, spread
from .report import FLOOR, OURS, PEER, Ratio, Table, ratio_text, seconds_text
from .start import (
    CLIENT,
    CLIENT_FLOOR,
    FIRST_RUN,
    FIRST_RUN_FLOOR,
    WEBHOOK,
    WEBHOOK_FLOOR,
)


def measure(bench: Bench) -> Iterator[Table]:
    """A table with some rows for each Python."""
    rows, numbers = [], []
    with bench.server() as server:
        url = f"http://localhost:{server.answer()['http']}"
        for python, ours in bench.pythons():
            subjects = {
                OURS: ours,
                PEER: bench.peer_of(python),
                FLOOR: python.finding(None),
            }
            there = {name: subject for name, subject in subjects.items() if subject}
            for row in _rows(bench, there, url):
                times = [
                    seconds_text(spread(row.seconds[name]).median)
                    if name in there
                    else ""
                    for name in subjects
                ]
                ratios = [ratio_text(row.times_faster()), ratio_text(row.times_floor())]
                rows.append([python.version, row.what, *times, *ratios])
                numbers.append({"python": python.version, **row.to_dict()})
    header = ["CPython", "what", OURS, PEER, FLOOR, "times faster", "times the floor"]
    yield Table("On each CPython that is there", header, rows, numbers)


def _rows(bench: Bench, subjects: dict[str, Subject], url: str) -> Iterator[Ratio]:
    def whole(what: str, code: str, floor: str, *arguments: str) -> Ratio:
        timed = {}
        for name, subject in subjects.items():
            text = floor if name == FLOOR else code
            timed[name] = lambda subject=subject, text=text: subject.start(
                text, *arguments
            )
        return Ratio(what, in_turns(bench.effort.times(3), timed))

    yield whole("import verify_webhook_signature", WEBHOOK, WEBHOOK_FLOOR)
    yield whole("import and make PromptJuggler", CLIENT, CLIENT_FLOOR)
    yield whole(
        "cold start to first run, http", FIRST_RUN, FIRST_RUN_FLOOR, url, RUN_ID
    )
    yield warm(bench, subjects, "get_prompt_run, warm, http", url, 7)
    yield decoding(bench, subjects, f"decoding a run with {LENGTH:,} items", LENGTH, 3)
