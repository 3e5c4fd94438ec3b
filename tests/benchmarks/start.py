"""How long it takes to begin: whole processes, from their start to their end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from .documents import RUN_ID
from .environment import Bench, Subject
from .measure import in_turns, spread
from .report import FLOOR, OURS, PEER, Ratio, Table, seconds_text

WEBHOOK = "from promptjuggler import verify_webhook_signature"
WEBHOOK_FLOOR = "import hmac, hashlib, time"
CLIENT = "from promptjuggler import PromptJuggler; PromptJuggler('k')"
CLIENT_FLOOR = "import urllib.request, ssl, json"
FIRST_RUN = """
import sys
from promptjuggler import PromptJuggler
assert PromptJuggler("k", base_url=sys.argv[1]).get_prompt_run(sys.argv[2]).output
"""
# Everything of the standard library that the package is made of, and one request.
FIRST_RUN_FLOOR = """
import atexit, dataclasses, datetime, http.client, importlib, json, selectors, ssl, sys, typing, urllib.request, uuid
from urllib.parse import urlsplit
url = urlsplit(sys.argv[1])
kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
connection = kind(url.hostname, url.port)
connection.request("GET", "/api/v1/promptruns/" + sys.argv[2], headers={"Authorization": "Bearer k"})
assert json.loads(connection.getresponse().read())["output"]
"""

IMPORTS, MAKES, GETS = (
    "imports `verify_webhook_signature`",
    "makes a client",
    "gets a run",
)
GOALS = {IMPORTS: (14, 1.15), MAKES: (4.5, 1.15), GETS: (4, 1.2)}
"""What a process does: how much faster than 1.7.0 at least, and how much of the floor at most."""


def measure(bench: Bench) -> Iterator[Ratio | Table]:
    """The rows of the design, and the same with the package as source alone and in a zip."""
    alone = in_turns(
        bench.effort.times(11), {"nothing": lambda: bench.floor.start("pass")}
    )
    with bench.server() as server:
        ports = server.answer()
        urls = {
            scheme: f"{scheme}://localhost:{port}" for scheme, port in ports.items()
        }
        yield from _rows(bench, "", bench.ours, bench.peer, 11, urls)
        no_caches = bench.python.finding(bench.source, caches=False)
        yield from _rows(
            bench,
            ", no compiled caches",
            no_caches,
            _peer_without_caches(bench),
            3,
            urls,
        )
        # The published package cannot be imported from a zip: a part of it is machine code.
        yield from _rows(
            bench,
            ", from a zip of sources",
            bench.python.finding(bench.archive),
            None,
            5,
            urls,
        )
    text = seconds_text(spread(alone["nothing"]).median)
    yield Table(
        "Within every time of a whole process",
        ["what", "time"],
        [["the interpreter alone", text]],
        [alone],
    )


def _rows(
    bench: Bench,
    how: str,
    ours: Subject,
    peer: Subject | None,
    rounds: int,
    urls: dict[str, str],
) -> Iterator[Ratio]:
    goals = not how  # The goals are for the ordinary case.

    def row(
        what: str, code: str, floor_code: str, floor: str, *arguments: str
    ) -> Ratio:
        subjects = {OURS: lambda: ours.start(code, *arguments)}
        if peer:
            subjects[PEER] = lambda: peer.start(code, *arguments)
        subjects[FLOOR] = lambda: bench.floor.start(floor_code, *arguments)
        return Ratio(what + how, in_turns(bench.effort.times(rounds), subjects), floor)

    webhook = row(
        "import verify_webhook_signature", WEBHOOK, WEBHOOK_FLOOR, f"`{WEBHOOK_FLOOR}`"
    )
    client = row(
        "import and make PromptJuggler", CLIENT, CLIENT_FLOOR, f"`{CLIENT_FLOOR}`"
    )
    if goals:
        webhook.peer_goal, webhook.floor_goal = GOALS[IMPORTS]
        client.peer_goal, client.floor_goal = GOALS[MAKES]
    yield webhook
    yield client
    for scheme, url in urls.items():
        what, floor = (
            f"cold start to first run, {scheme}",
            "the same modules, `http.client`",
        )
        first = row(what, FIRST_RUN, FIRST_RUN_FLOOR, floor, url, RUN_ID)
        if goals:
            first.peer_goal, first.floor_goal = GOALS[GETS]
        yield first


def _peer_without_caches(bench: Bench) -> Subject | None:
    if not bench.peer:
        return None
    folder = bench.work / "peer-source"
    if not folder.exists():
        found = Path(bench.peer.env["PYTHONPATH"])
        unused = shutil.ignore_patterns(
            "__pycache__",
            "pip",
            "setuptools",
            "pkg_resources",
            "_distutils_hack",
            "*.pth",
        )
        shutil.copytree(found, folder, ignore=unused)
    return bench.python.finding(folder, caches=False)
