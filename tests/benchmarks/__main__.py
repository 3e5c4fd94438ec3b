"""`python3 -m tests.benchmarks`: measure, print the tables, and write JSON and a picture if asked to."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import (
    batch,
    calls,
    chart,
    commandline,
    decode,
    frozen,
    pythons,
    size,
    start,
    stream,
    upload,
)
from .environment import PEER, Bench
from .measure import Effort
from .process import HERE
from .report import Finding, from_dict, text, to_dict

GROUPS = {
    "start": start,
    "commandline": commandline,
    "calls": calls,
    "batch": batch,
    "decode": decode,
    "stream": stream,
    "upload": upload,
    "lambda": frozen,
    "size": size,
    "pythons": pythons,
}


def measured(
    package: Path, groups: Sequence[str], effort: Effort, peer: bool
) -> dict[str, Any]:
    """What the groups found about a package, as it is saved. What is made on the way is removed."""
    saved: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="promptjuggler-benchmarks-") as work:
        bench = Bench(package, Path(work), effort, peer)
        for name in groups:
            begun = time.perf_counter()
            saved[name] = [to_dict(found) for found in GROUPS[name].measure(bench)]
            print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        saved["peer"] = bench.missing or PEER
    return saved


def findings_of(saved: dict[str, Any]) -> list[Finding]:
    """The findings of all groups, in the order in which they were measured."""
    groups = [name for name in saved if name not in ("machine", "peer")]
    return [from_dict(one) for name in groups for one in saved[name]]


def machine() -> dict[str, Any]:
    """What the numbers depend on, as far as it can be told."""
    system = f"{platform.system()} {platform.machine()}"
    return {
        "python": platform.python_version(),
        "system": system,
        "cores": os.cpu_count(),
    }


def about(saved: dict[str, Any]) -> str:
    """On what it was measured, in a line."""
    its = saved["machine"]
    return f"CPython {its['python']}, {its['system']}, {its['cores']} cores"


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.benchmarks", description=__doc__
    )
    names = list(GROUPS)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=names,
        default=names,
        metavar="GROUP",
        help=", ".join(names),
    )
    parser.add_argument(
        "--effort",
        type=float,
        default=1.0,
        metavar="N",
        help="the share of all rounds and sizes",
    )
    parser.add_argument(
        "--quick",
        action="store_const",
        const=0.25,
        dest="effort",
        help="the same as --effort 0.25",
    )
    parser.add_argument(
        "--no-peer",
        action="store_true",
        help=f"leave out {PEER}, which is installed otherwise",
    )
    parser.add_argument("--json", metavar="FILE", help="write every number to FILE")
    parser.add_argument(
        "--from",
        dest="saved",
        metavar="FILE",
        help="measure nothing: show what --json has written to FILE",
    )
    parser.add_argument(
        "--chart", metavar="FILE", help="draw the rows with goals as an SVG"
    )
    parser.add_argument("--package", type=Path, default=HERE.parents[1] / "promptjuggler", metavar="FOLDER",
                        help="the folder to measure, if not that of this project")  # fmt: skip
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    options = parser().parse_args(arguments)
    if options.saved:
        saved = json.loads(Path(options.saved).read_text("utf-8"))
    else:
        effort = Effort(options.effort)
        saved = measured(options.package, options.only, effort, not options.no_peer)
    findings = findings_of(saved)
    print(f"{about(saved)}. Compared with: {saved['peer']}.")
    print("Medians; in brackets the quartiles of the ratios, round by round.\n")
    print(text(findings))
    if options.json:
        Path(options.json).write_text(json.dumps(saved, indent=1) + "\n", "utf-8")
    if options.chart:
        Path(options.chart).write_text(chart.svg(findings, about(saved)), "utf-8")


if __name__ == "__main__":
    main()
