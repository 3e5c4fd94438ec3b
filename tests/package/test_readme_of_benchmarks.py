"""tests/benchmarks/README.md does what it says, and names what is measured."""

import re
import shlex
from functools import partial
from pathlib import Path

import pytest
from benchmarks import __main__ as program, calls, decode, start
from benchmarks.__main__ import GROUPS, main, parser
from benchmarks.environment import Subject
from benchmarks.measure import in_turns
from helpers.package import FOLDER

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "tests/benchmarks/README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, text in BLOCKS for line in text.splitlines()]
PROGRAM = "python3 -m tests.benchmarks"

# So that it takes no minutes, and wants no network.
LITTLE = ["--effort", "0.001", "--no-peer", "--package", str(FOLDER)]


def table(heading):
    """The rows of the table below a heading, as cells."""
    section = TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in lines][
        2:
    ]


def once(start):
    """A `Subject.start` that gives the seconds of what it has started before."""
    seconds = {}

    def start_once(subject, *what):
        key = (repr(subject), *what)
        if key not in seconds:
            seconds[key] = start(subject, *what)
        return seconds[key]

    return start_once


def test_every_block_has_commands_of_the_benchmarks():
    assert COMMANDS
    assert {language for language, _ in BLOCKS} == {"sh"}
    assert all(command.startswith(PROGRAM) for command in COMMANDS)


def test_the_commands_run_one_after_the_other(bench, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # Each would make the same one: test_benchmarks.py sees that.
    monkeypatch.setattr(program, "Bench", lambda *arguments: bench)
    # Nobody reads the numbers: so a first round that does not count is left out, and
    # each process is started once.
    monkeypatch.setattr(start, "in_turns", partial(in_turns, warm_up=0))
    monkeypatch.setattr(Subject, "start", once(Subject.start))
    for command in COMMANDS:
        arguments = shlex.split(command.removeprefix(PROGRAM))
        options = parser().parse_args(arguments)
        if not options.saved:
            # One of what it asks for: the whole would build wheels, and look for Pythons.
            names = [
                "--only",
                "decode" if "decode" in options.only else options.only[0],
            ]
            arguments += [*names, *LITTLE]
        main(arguments)
        assert "Medians" in capsys.readouterr().out
    assert (tmp_path / "picture.svg").exists()


def test_the_table_has_each_group_and_names_it_in_its_order():
    named = [re.sub("`", "", row[0]) for row in table("What is measured")]
    assert named == list(GROUPS)


@pytest.mark.parametrize("option", re.findall(r"`(--[a-z-]+)`", TEXT))
def test_an_option_that_is_named_is_there(option):
    assert option in parser().format_help()


def test_the_goals_are_those_that_the_tables_show():
    goals = {row[0]: row[1:] for row in table("Goals")}
    warm = goals["`get_prompt_run`, warm"]
    assert [float(cell) for cell in warm] == [calls.PEER_GOAL, calls.FLOOR_GOAL]
    (decoding,) = [row for what, row in goals.items() if what.startswith("decoding")]
    assert [float(cell) for cell in decoding] == [decode.PEER_GOAL, decode.FLOOR_GOAL]
    for what, wanted in start.GOALS.items():
        assert [float(cell) for cell in goals[f"process that {what}"]] == list(wanted)


def test_the_file_has_a_place_for_what_was_measured_and_tried():
    assert "\n## What was measured\n" in TEXT
    assert "\n## What was tried\n" in TEXT
