"""AWS Lambda in small: a process that is frozen between calls while the server hangs up, with little memory."""

from __future__ import annotations

import os
import signal
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .environment import Bench, Subject
from .measure import spread
from .process import HERE, Failed, Process
from .report import OURS, PEER, Table, bytes_text, seconds_text

BUDGET = 128 * 2**20

HANDLER = """
import os
from promptjuggler import PromptJuggler

pj = PromptJuggler(os.environ["PROMPTJUGGLER_API_KEY"], base_url=os.environ["PROMPTJUGGLER_BASE_URL"])

def handler(event, context):
    created = pj.run_prompt("greeting", "production", {"name": event["name"]})
    return {"output": pj.get_prompt_run(created.id).output}
"""

# What the runtime of Lambda does: limit, import, and call for every event. `worker` tells how much memory it took.
RUNTIME = """
import json, os, sys
budget = int(sys.argv[2])
limited = False
if budget:
    try:
        import resource
        resource.setrlimit(resource.RLIMIT_AS, (budget, budget))
        limited = True
    except (ImportError, ValueError, OSError):
        pass
sys.path.insert(0, sys.argv[1])
from handler import handler
for line in sys.stdin:
    event = json.loads(line)
    if event["do"] == "memory":
        with open(sys.argv[3]) as stream:
            scope = {"__name__": "memory"}
            exec(stream.read(), scope)
        answer = {**scope["memory"](), "limited": limited}
    else:
        try:
            answer = handler(event, None)
        except Exception as error:
            answer = {"failed": repr(error)}
    print(json.dumps(answer), flush=True)
os._exit(0)
"""


def measure(bench: Bench) -> Iterator[Table]:
    """Cold and warm times, errors, and peak memory, for a zip with handler and package."""
    archive = bench.work / "lambda.zip"
    archive.write_bytes(bench.archive.read_bytes())
    with zipfile.ZipFile(archive, "a") as zipped:
        zipped.writestr("handler.py", HANDLER)
    folder = bench.work / "lambda"
    folder.mkdir(exist_ok=True)
    (folder / "handler.py").write_text(HANDLER)
    rows, numbers = [], []
    with bench.server() as server:
        ports = server.answer()
        for scheme in ("http", "https"):
            url = f"{scheme}://localhost:{ports[scheme]}"
            cases = {
                f"{OURS}, one zip": (
                    bench.python.finding(archive, caches=False),
                    archive,
                ),
                f"{OURS}, unzipped, no caches": (
                    bench.python.finding(bench.source, caches=False),
                    folder,
                ),
            }
            if bench.peer:
                cases[f"{PEER}, installed"] = (bench.peer, folder)
            for name, (subject, task) in cases.items():
                result = Freezer(bench, server, subject, task, url).measure()
                numbers.append({"what": name, "scheme": scheme, **result})
                rows.append([f"{name}, {scheme}", *_cells(result)])
    counted = ["calls", "errors", "runs started", "resident", "address space"]
    header = ["what", "cold start", "warm call", "thawed call", *counted]
    title = (
        "A Lambda in small: each call starts a run and gets it; frozen between calls while the server hangs up; "
        f"{BUDGET // 2**20} MiB of address space"
    )
    yield Table(title, header, rows, numbers)


def _cells(result: dict[str, Any]) -> list[str]:
    if "refused" in result:
        return [result["refused"], *[""] * 7]
    times = [
        seconds_text(spread(result[name]).median) for name in ("cold", "warm", "thawed")
    ]
    return [
        *times, str(result["calls"]), str(len(result["errors"])), str(result["posts"]), bytes_text(result["resident"]),
        bytes_text(result["space"]) if result["space"] else "not told",
    ]  # fmt: skip


class Freezer:
    """Starts the small Lambda, calls it, and freezes it."""

    def __init__(
        self, bench: Bench, server: Process, subject: Subject, task: Path, url: str
    ) -> None:
        self.server = server
        self.cold_starts, self.freezes = bench.effort.times(5), bench.effort.times(20)
        self.subject, self.task, self.url = subject, task, url
        self.errors: list[str] = []
        self.calls = 0

    def measure(self) -> dict[str, Any]:
        """The seconds of the calls, cold, warm and thawed, and what was counted; or why it did not even start."""
        cold, warm, thawed, memory = (
            [],
            [],
            [],
            {"resident": 0, "space": 0, "limited": False},
        )
        self.server.ask("reset")
        try:
            for _ in range(self.cold_starts):
                begun = time.perf_counter()
                with self._started() as process:
                    self._call(process)
                    cold.append(time.perf_counter() - begun)
                    warm.append(self._call(process))
                    for _ in range(self.freezes):
                        self._freeze(process)
                        thawed.append(self._call(process))
                    memory = process.ask("memory")
        except Failed as error:
            return {
                "refused": str(error).strip().splitlines()[-1][:60],
                "calls": self.calls,
                "errors": self.errors,
            }
        counted = {
            "calls": self.calls,
            "errors": self.errors,
            "posts": self.server.ask("count")["posts"],
        }
        return {"cold": cold, "warm": warm, "thawed": thawed, **counted, **memory}

    def _started(self) -> Process:
        account = {"PROMPTJUGGLER_API_KEY": "key", "PROMPTJUGGLER_BASE_URL": self.url}
        return self.subject.process(
            RUNTIME, str(self.task), str(BUDGET), str(HERE / "worker.py"), **account
        )

    def _call(self, process: Process) -> float:
        begun = time.perf_counter()
        answer = process.ask("handle", name="Ada")
        seconds = time.perf_counter() - begun
        self.calls += 1
        if not answer.get("output"):
            self.errors.append(answer.get("failed", "no output"))
        return seconds

    def _freeze(self, process: Process) -> None:
        os.kill(process.pid, signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)  # Until it stands still.
        self.server.ask("hang_up")
        os.kill(process.pid, signal.SIGCONT)
