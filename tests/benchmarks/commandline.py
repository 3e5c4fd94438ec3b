"""How long the command line takes where it only prints: whole processes."""

from __future__ import annotations

from collections.abc import Iterator

from .environment import Bench
from .measure import in_turns
from .report import FLOOR, OURS, Ratio

CALL = "import sys; from promptjuggler._cli import main; sys.exit(main(sys.argv[1:]))"

# The least that a program can do that prints a help of its own: twenty options, as many
# as a command has. With a width, argparse does not look for that of the terminal.
HELP_FLOOR = """
import argparse
style = lambda prog, **more: argparse.HelpFormatter(prog, **{"width": 79, **more})
parser = argparse.ArgumentParser(prog="floor", formatter_class=style)
for number in range(20):
    parser.add_argument(f"--option-{number}", metavar="VALUE", help="an option of a command")
parser.parse_args(["--help"])
"""

GOAL = 1.15
"""The floor has no tables to make options of."""


def measure(bench: Bench) -> Iterator[Ratio]:
    """A row for each of the calls that load no client."""
    calls = {
        "command line, `--version`": ["--version"],
        "command line, `--help`": ["--help"],
        "command line, `run-prompt --help`": ["run-prompt", "--help"],
        "command line, `completion bash`": ["completion", "bash"],
    }
    for what, arguments in calls.items():

        def ours(arguments: list[str] = arguments) -> float:
            return bench.ours.start(CALL, *arguments)

        def floor() -> float:
            return bench.floor.start(HELP_FLOOR)

        subjects = {OURS: ours, FLOOR: floor}
        seconds = in_turns(bench.effort.times(11), subjects)
        row = Ratio(what, seconds, "argparse that prints a help")
        if "help" in what or "version" in what:
            row.floor_goal = GOAL
        yield row
