"""`python3 -m tests.benchmarks`: measure, print the tables, and write the JSON if asked to."""

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
from .report import Finding, text

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
) -> tuple[list[Finding], dict[str, Any]]:
    """What the groups found about a package, and all of it for the JSON. What is made on the way is removed."""
    findings: list[Finding] = []
    numbers: dict[str, Any] = {"machine": machine()}
    with tempfile.TemporaryDirectory(prefix="promptjuggler-benchmarks-") as work:
        bench = Bench(package, Path(work), effort, peer)
        for name in groups:
            begun = time.perf_counter()
            found = list(GROUPS[name].measure(bench))
            findings += found
            numbers[name] = [
                {"kind": type(finding).__name__, **finding.to_dict()}
                for finding in found
            ]
            print(f"{name}: {time.perf_counter() - begun:.0f} s", file=sys.stderr)
        numbers["peer"] = bench.missing or PEER
    return findings, numbers


def machine() -> dict[str, Any]:
    """What the numbers depend on, as far as it can be told."""
    system = f"{platform.system()} {platform.machine()}"
    return {
        "python": platform.python_version(),
        "system": system,
        "cores": os.cpu_count(),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
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
    parser.add_argument("--package", type=Path, default=HERE.parents[1] / "promptjuggler", metavar="FOLDER",
                        help="the folder to measure, if not that of this project")  # fmt: skip
    options = parser.parse_args(arguments)
    findings, numbers = measured(
        options.package, options.only, Effort(options.effort), not options.no_peer
    )
    about = numbers["machine"]
    print(
        f"CPython {about['python']}, {about['system']}, {about['cores']} cores. Compared with: {numbers['peer']}."
    )
    print("Medians; in brackets the quartiles of the ratios, round by round.\n")
    print(text(findings))
    if options.json:
        Path(options.json).write_text(json.dumps(numbers, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
