"""tests/README.md names what is there: files, folders, helpers, environments, figures."""

import configparser
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.package import ENV, NAME

import promptjuggler

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
TEXT = (TESTS / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
PROSE = re.sub(r"^```.*?^```$", "", TEXT, flags=re.MULTILINE | re.DOTALL)
CODE = re.findall(r"`([^`\n]+)`", PROSE)

FILES = [name for name in CODE if re.search(r"/$|\.(?:py|md|json|sh)$|^\.ci/", name)]
HELPERS = [
    (name, file)
    for names, file in re.findall(
        r"^\| (`.*?) \| `(\w+)\.py` \|", TEXT, flags=re.MULTILINE
    )
    for name in re.findall(r"`(\w+)`", names)
]
# Where a file may be that is named without its folder.
FOLDERS = [
    ROOT,
    TESTS,
    TESTS / "helpers",
    TESTS / "data",
    TESTS / "typing",
    ROOT / "promptjuggler",
    ROOT / "promptjuggler" / "_client",
    ROOT / "promptjuggler" / "testing",
]


@pytest.mark.parametrize("name", sorted(set(FILES)))
def test_a_file_or_folder_that_is_named_is_there(name):
    found = [folder for folder in FOLDERS if (folder / name).exists()]
    assert found
    assert name.endswith("/") == (found[0] / name).is_dir()


@pytest.mark.parametrize(("name", "file"), HELPERS)
def test_a_helper_that_is_named_is_in_its_file(name, file):
    assert hasattr(importlib.import_module(f"helpers.{file}"), name)


def test_every_folder_and_every_file_of_helpers_is_named():
    folders = {path.name for path in TESTS.iterdir() if path.is_dir()}
    named = {name.rstrip("/") for name in CODE if name.endswith("/")}
    assert folders - {"__pycache__", "helpers"} <= named
    helpers = {path.stem for path in (TESTS / "helpers").glob("[!_]*.py")}
    assert helpers == {file for _, file in HELPERS}


def test_the_environments_are_those_of_tox():
    config = configparser.ConfigParser(interpolation=None)
    config.read(ROOT / "tox.ini", encoding="utf-8")
    of_all = set(config["tox"]["env_list"].split(", "))
    table = TEXT.partition("| environment |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    sections = {
        section.removeprefix("testenv:")
        for section in config.sections()
        if section.startswith("testenv:")
    }
    assert named == of_all | sections
    assert {name for name in named if not name.startswith("py")} == sections
    # Those that are not run by `tox` alone.
    said = TEXT.partition("`tox` alone runs all but ")[2].partition(".\n")[0]
    assert set(re.findall(r"`(\w+)`", said.partition(". ")[0])) == named - of_all
    asked = {name for _, text in BLOCKS for name in re.findall(r"tox -e (\w+)", text)}
    assert asked
    assert asked <= named


def test_the_least_coverage_is_that_of_the_settings():
    settings = (ROOT / "pyproject.toml").read_text("utf-8")
    (least,) = re.findall(r"^fail_under = (.*)$", settings, re.MULTILINE)
    assert f"at least {least} %" in TEXT


def test_the_line_that_runs_everything_is_that_of_the_readme():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    (line,) = [line for line in lines if re.match("python3 -m venv .*pytest", line)]
    assert line in TEXT.splitlines()


# What is done of each command here: the rest of what it begins with wants a network, other
# Pythons, or a release. The line that runs everything is that of the README, see above.
RUN, COLLECTED, ELSEWHERE = "run", "collected", "elsewhere"
KINDS = {
    "python3 -m venv": ELSEWHERE,
    ".venv/bin/python -m pip": ELSEWHERE,
    ".venv/bin/python -m build": ELSEWHERE,
    ".venv/bin/pytest": ELSEWHERE,
    ".venv/bin/tox": ELSEWHERE,
    ".venv/bin/twine": ELSEWHERE,
    ".venv/try/bin/python -m pip": ELSEWHERE,
    "bash .ci/newest-pythons": ELSEWHERE,
    "git tag": ELSEWHERE,
    ".venv/bin/python -m pytest": COLLECTED,
    ".venv/try/bin/promptjuggler": RUN,
}
COMMANDS = [
    command
    for _, text in BLOCKS
    for line in text.splitlines()
    # At what is not in quotes.
    for command in re.split(r" && (?=(?:[^']*'[^']*')*[^']*$)", line)
]


def kind(command):
    """What is done of a command."""
    (found,) = [kind for words, kind in KINDS.items() if command.startswith(words)]
    return found


def outcome(*arguments, env=ENV):
    """What this Python prints; it must succeed."""
    result = subprocess.run(
        [sys.executable, *arguments],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_every_command_is_of_a_kind_that_is_known_and_the_scripts_are_there():
    assert {kind(command) for command in COMMANDS} == {RUN, COLLECTED, ELSEWHERE}
    for script in {word for one in COMMANDS for word in re.findall(r"\.ci/\S+", one)}:
        subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


@pytest.mark.parametrize("command", [one for one in COMMANDS if kind(one) == COLLECTED])
def test_a_command_that_runs_some_tests_finds_them(command):
    _, *arguments = shlex.split(command)
    # They are for the source, whichever copy is under test here.
    env = {name: text for name, text in ENV.items() if name != "PROMPTJUGGLER_PACKAGE"}
    # It need not know how to show an assertion that fails, which takes time to prepare.
    quick = ["--collect-only", "--assert=plain", "-p", "no:cacheprovider"]
    said = outcome(*arguments, *quick, env=env)
    assert re.search(r"\d+(?:/\d+)? tests collected|^tests/.*: \d+$", said, re.M), said


@pytest.mark.parametrize("command", [one for one in COMMANDS if kind(one) == RUN])
def test_a_command_of_the_package_runs(command):
    _, *arguments = shlex.split(command)
    assert outcome("-m", NAME, *arguments).strip()


def test_the_tag_of_a_release_is_the_version():
    (code,) = re.findall(r"\$\(python3 -c '(.*?)'\)", TEXT)
    said = outcome("-c", code.replace("promptjuggler", NAME))
    assert said.strip() == promptjuggler.__version__


def test_a_test_that_is_chosen_by_its_name_is_there():
    chosen = [
        match
        for _, text in BLOCKS
        for match in re.findall(r"(tests/\S+\.py) -k (\w+)", text)
    ]
    assert chosen
    for file, name in chosen:
        assert re.search(
            rf"^def test_\w*{name}", (ROOT / file).read_text("utf-8"), re.M
        )


def test_every_block_says_its_language_and_the_file_stays_short():
    assert {language for language, _ in BLOCKS} == {"sh"}
    assert TEXT.count("```") == 2 * len(BLOCKS)
    assert TEXT.count("\n") <= 120
