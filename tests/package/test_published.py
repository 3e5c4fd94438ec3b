"""`promptjuggler.moving`, held against the package that it comes from: `tox -e moving`.

There, the published 1.7.0 is installed. These tests themselves use the package of this
checkout, which PYTHONPATH puts before it; only what they start without has the other.
"""

import bisect
import itertools
import json
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from moving import rows

from promptjuggler.testing import FakeServer

ROOT = Path(__file__).parents[2]
MOVING = ROOT / "promptjuggler/moving.py"
PROGRAM = ROOT / "tests/moving/program.py"
SOURCE = MOVING.read_text("utf-8")
THERE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
HERE = {**THERE, "PYTHONPATH": str(ROOT)}

# Prints which error comes of a run that the server turns away, and after how long.
TURNED_AWAY = """
import sys, time
from promptjuggler import ApiError, PromptJuggler
pj, begun = PromptJuggler(sys.argv[2], base_url=sys.argv[1]), time.monotonic()
try:
    pj.run_prompt("greeting", 1, {"name": "Ada"})
    print("started", time.monotonic() - begun >= 1)
except ApiError as error:
    print(error.status_code, time.monotonic() - begun >= 1)
"""

# What type checkers see of the names in the rows.
IMPORTS = """
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from promptjuggler import PromptJuggler, PromptRun, WorkflowRun
"""
PARAMETERS = (
    "pj: PromptJuggler, run: PromptRun, workflow_run: WorkflowRun, TIME: str, "
    "data: dict[str, Any], priority: str, "
    "known_priority: Literal['onsite', 'normal', 'low']"
)


@pytest.fixture(scope="module")
def server():
    """A stand-in with what the program and the rows use."""
    with FakeServer() as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow("summary", lambda inputs: {"summary": inputs["text"]})
        server.add_knowledge_base("manuals")
        yield server


@pytest.fixture(scope="module")
def said(server, tmp_path_factory):
    """Gives what a process prints that has one of the packages, and the server's account."""
    folder = tmp_path_factory.mktemp("elsewhere")

    def run(env, *arguments):
        command = [sys.executable, *arguments, server.url, server.api_key]
        result = subprocess.run(
            command, env=env, cwd=folder, capture_output=True, text=True, timeout=60
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    return run


@pytest.fixture(scope="module")
def outcomes(said):
    """What comes of each piece of code: there, and here."""
    command = [str(ROOT / "tests/moving/rows.py"), str(MOVING)]
    return json.loads(said(THERE, *command)), json.loads(said(HERE, *command))


def test_what_the_processes_have_is_the_published_package_or_this_one(said):
    code = "import promptjuggler; print(promptjuggler.__file__)"
    there, here = (Path(said(env, "-c", code).strip()) for env in (THERE, HERE))
    assert (there.parent / "_generated").is_dir()
    assert here.parent == MOVING.parent


@pytest.mark.parametrize("env", [THERE, HERE], ids=["there", "here"])
def test_the_program_runs_unchanged_on_both(env, said):
    assert said(env, str(PROGRAM)) == "done\n"


def mypy(env, file, cache):
    """The exit code of mypy for a program of a user, and what it prints."""
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(cache)]
    result = subprocess.run(
        [*command, "--follow-imports", "silent", str(file)],
        # It does not look at PYTHONPATH.
        env={**env, "MYPYPATH": env.get("PYTHONPATH", "")},
        cwd=cache,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return result.returncode, result.stdout


@pytest.mark.parametrize("env", [THERE, HERE], ids=["there", "here"])
def test_type_checkers_accept_the_program_on_both(env, tmp_path):
    code, said = mypy(env, PROGRAM, tmp_path)
    assert code == 0, said


def test_type_checkers_see_here_what_took_lists(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from promptjuggler import PromptRun\n"
        "def is_silent(run: PromptRun) -> bool:\n"
        "    emitted: list[object] = [*run.emitted]\n"
        "    return run.emitted == [] or run.emitted == emitted\n"
    )
    assert mypy(THERE, program, tmp_path)[0] == 0
    code, said = mypy(HERE, program, tmp_path)
    assert (code, said.count("[comparison-overlap]")) == (1, 2), said


def refused(env, codes, cache):
    """Those of the pieces of code that mypy reports, and all that it prints."""
    program = cache / "program.py"
    functions = [f"def f{n}({PARAMETERS}) -> None:\n" for n in range(len(codes))]
    bodies = [textwrap.indent(code, "    ") for code in codes]
    parts = [head + body + "\n" for head, body in zip(functions, bodies, strict=True)]
    program.write_text("".join([IMPORTS, *parts]))
    _, said = mypy(env, program, cache)
    lines = [int(line) for line in re.findall(r"^\S+?:(\d+): error", said, re.M)]
    ends = list(itertools.accumulate(part.count("\n") for part in [IMPORTS, *parts]))
    assert all(line > ends[0] for line in lines), said
    return {codes[bisect.bisect_left(ends, line) - 1] for line in lines}, said


def test_type_checkers_see_what_is_said_of_them_and_accept_what_is_to_be_written(
    tmp_path,
):
    group = rows.rows(SOURCE, rows.TYPED)
    old = [code for row in group for code in row.code]
    changes = [change for row in group for change in row.changes]
    both = [code for kind, code in changes if kind == "both"]
    on_both = [c for row in group if "on both packages" in row.text for c in row.code]
    there, said = refused(THERE, old + both, tmp_path)
    assert there == set(on_both), said
    here, said = refused(HERE, old + [code for _, code in changes], tmp_path)
    assert here == set(old), said


def test_what_to_write_on_both_gives_the_same_on_both(outcomes):
    there, here = outcomes
    groups = (rows.RAISING, rows.DIFFERENT, rows.TYPED, rows.PYDANTIC, rows.CLIENT)
    every = [row for heading in groups for row in rows.rows(SOURCE, heading)]
    codes = [code for row in every for kind, code in row.changes if kind == "both"]
    for code in [*codes, *rows.unchanged(SOURCE)]:
        assert "value" in here[code], code
        assert there[code] == here[code], code


def test_what_raises_here_did_not_there_or_raised_what_is_said(outcomes):
    there, here = outcomes
    for row in rows.rows(SOURCE, rows.RAISING):
        named = re.findall(r"there, an `(\w+)`", row.text)
        for code in row.code:
            assert "raised" in here[code]
            assert there[code].get("raised", named)[:1] == named[:1], code


def test_what_is_to_be_looked_for_means_something_else(outcomes):
    there, here = outcomes
    for row in rows.rows(SOURCE, rows.DIFFERENT):
        for code in row.code:
            assert "value" in there[code]
            assert there[code] != here[code], code


def test_what_a_type_checker_refuses_gives_the_same_on_both(outcomes):
    there, here = outcomes
    for row in rows.rows(SOURCE, rows.TYPED):
        for code in row.code:
            assert "value" in there[code]
            assert there[code] == here[code], code


def test_fields_of_pydantic_have_the_names_that_are_said(outcomes):
    there, here = outcomes
    written, read = rows.rows(SOURCE, rows.PYDANTIC)
    assert "createdAt" in there[written.code[0]]["value"]["run"]
    assert "created_at" in here[written.code[0]]["value"]["run"]
    assert "value" in there[read.code[0]]
    assert here[read.code[0]]["raised"][:2] == ["ValidationError", "ValueError"]


def test_a_run_that_is_turned_away_is_an_error_at_once_there_alone(server, said):
    for env, expected in ((THERE, "429 False\n"), (HERE, "started True\n")):
        server.fail_next(429, retry_after=1)
        assert said(env, "-c", TURNED_AWAY) == expected


def test_the_environment_is_followed_here_alone(server, said):
    code = """
from promptjuggler import PromptJuggler
pj = PromptJuggler("some-key")
print(pj._prompts.api_client.configuration.host if hasattr(pj, "_prompts") else pj)
"""
    told = {"PROMPTJUGGLER_BASE_URL": server.url}
    assert said({**THERE, **told}, "-c", code) == "https://promptjuggler.com\n"
    assert server.url in said({**HERE, **told}, "-c", code)


def test_a_class_of_pydantic_can_have_a_result_as_a_field_in_both(said):
    code = f"""
import json, pydantic
from promptjuggler import PromptRun
class Report(pydantic.BaseModel):
    run: PromptRun
run = PromptRun.from_dict({rows.DATA!r})
report = Report(run=run)
again = Report.model_validate_json(report.model_dump_json()).run
print(report.run == run, Report.model_json_schema()["type"], again == run)
"""
    # There, an item of a transcript does not come back from JSON as it was.
    assert said(THERE, "-c", code) == "True object False\n"
    assert said(HERE, "-c", code) == "True object True\n"
