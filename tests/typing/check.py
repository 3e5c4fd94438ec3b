"""Holds both type checkers to refused.py: what is marked there is refused, and why.

    python tests/typing/check.py [PYTHON]

PYTHON  the Python that has the package (default: this one)

A `type: ignore` would not do: it is content with any error of its line, and pyright
finds one where a name that can be imported is not used.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
FILE = HERE / "refused.py"

Refusals = set[tuple[int, str]]
"""Numbers of lines, each with the code or rule of a checker."""


def expected() -> tuple[Refusals, Refusals]:
    """What the comments say of mypy, and of pyright."""
    by_mypy: Refusals = set()
    by_pyright: Refusals = set()
    for number, line in enumerate(FILE.read_text("utf-8").splitlines(), 1):
        mark = re.search(r"# refused: (\S+), (\S+)$", line)
        if mark:
            by_mypy.add((number, mark[1]))
            by_pyright.add((number, mark[2]))
    return by_mypy, by_pyright


def output(*command: str) -> str:
    """What a checker prints. It must have found errors, and nothing worse."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 1:
        sys.exit(f"{command[0]} gave {result.returncode}: {result.stderr}")
    return result.stdout


def refused_by_mypy(python: str) -> Refusals:
    """The errors of mypy."""
    settings = HERE.parents[1] / "pyproject.toml"
    lines = output(
        "mypy", "--config-file", str(settings), "--python-executable", python,
        "--output", "json", str(FILE),
    ).splitlines()  # fmt: skip
    reports = [json.loads(line) for line in lines if line.startswith("{")]
    return {
        (report["line"], report["code"])
        for report in reports
        if report["severity"] == "error"
    }


def refused_by_pyright(python: str) -> Refusals:
    """The errors of pyright."""
    settings = HERE / "refused.json"
    report = json.loads(
        output(
            "basedpyright",
            "--project",
            str(settings),
            "--pythonpath",
            python,
            "--outputjson",
        )  # fmt: skip
    )
    return {
        (item["range"]["start"]["line"] + 1, item["rule"])
        for item in report["generalDiagnostics"]
        if item["severity"] == "error"
    }


def main(python: str) -> int:
    """Print what differs; the exit code says whether anything does."""
    by_mypy, by_pyright = expected()
    assert len(by_mypy) > 20, "refused.py has lost its marks"
    found = {
        "mypy": (by_mypy, refused_by_mypy(python)),
        "pyright": (by_pyright, refused_by_pyright(python)),
    }
    for checker, (wanted, seen) in found.items():
        for number, why in sorted(wanted - seen):
            print(f"{FILE.name}:{number}: {checker} does not refuse it by {why}")
        for number, why in sorted(seen - wanted):
            print(f"{FILE.name}:{number}: {checker} refuses it by {why}, unasked")
    return any(wanted != seen for wanted, seen in found.values())


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:] or [sys.executable]))
