"""`promptjuggler.moving` says what is so: each of its rows is tried on this package.

`test_published.py` tries them on the one that they come from.
"""

import importlib
import inspect
import os
import re
from pathlib import Path

import pytest
from helpers.calls import client_of
from helpers.package import FOLDER
from moving import program, rows

import promptjuggler
from promptjuggler import ApiError, PromptJuggler
from promptjuggler.testing import FakeServer

SOURCE = (FOLDER / "moving.py").read_text("utf-8")
RAISING = rows.rows(SOURCE, rows.RAISING)
DIFFERENT = rows.rows(SOURCE, rows.DIFFERENT)
TYPED = rows.rows(SOURCE, rows.TYPED)
CLIENT = rows.rows(SOURCE, rows.CLIENT)
# Those with pydantic are tried where it is: in `test_published.py`.
PYDANTIC = rows.rows(SOURCE, rows.PYDANTIC)
CHANGES = sorted(
    {code for row in RAISING + DIFFERENT + CLIENT for _, code in row.changes}
)
TYPED_CODE = [
    code for row in TYPED for code in [*row.code, *(code for _, code in row.changes)]
]


@pytest.fixture(scope="module")
def server():
    """A stand-in with what the program and the rows use."""
    with FakeServer() as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow("summary", lambda inputs: {"summary": inputs["text"]})
        server.add_knowledge_base("manuals")
        yield server


@pytest.fixture(scope="module")
def scope(server):
    """The names of the rows."""
    scope = rows.names(server.url, server.api_key)
    yield scope
    scope["pj"].close()


def test_the_program_for_both_packages_runs_on_this_one(server, capsys):
    program.main(server.url, server.api_key)
    assert capsys.readouterr().out == "done\n"


def test_the_rows_are_read_whole():
    for group in (RAISING, DIFFERENT, TYPED, PYDANTIC, CLIENT):
        assert len(group) >= (2 if group is PYDANTIC else 4)
        for row in group:
            assert row.code
            assert row.text
            assert row.changes
    assert set(rows.groups(SOURCE)) == {
        rows.RAISING,
        rows.DIFFERENT,
        rows.TYPED,
        rows.PYDANTIC,
        rows.CLIENT,
        rows.SAME,
    }
    assert len(rows.unchanged(SOURCE)) >= 10


@pytest.mark.parametrize(
    ("code", "text"),
    [(code, row.text) for row in RAISING for code in row.code],
)
def test_what_raises_here_raises_what_its_row_says(code, text, scope):
    said = re.match(r"(\w+)(?: or (\w+))?(?=[:,])", text)
    raised = rows.outcome(code, scope)["raised"]
    assert raised[0] in said.groups(), raised


@pytest.mark.parametrize("code", [code for row in DIFFERENT for code in row.code])
def test_what_is_to_be_looked_for_raises_nothing(code, scope):
    assert "value" in rows.outcome(code, scope)


def test_the_values_that_are_named_are_those(scope):
    found = [rows.outcome(row.code[0], scope)["value"] for row in DIFFERENT]
    assert found[:3] == [False, "completed", rows.DATA["id"]]
    assert found[3] == ["datetime", "2026-01-02 03:04:05+00:00"]
    assert found[4:] == ["a.txt", "in trouble"]
    assert [row.text.partition(":")[0] for row in DIFFERENT[4:]] == [
        '"a.txt"',
        '"in trouble"',
    ]


@pytest.mark.parametrize("code", CHANGES)
def test_what_is_to_be_written_runs(code, scope):
    assert "value" in rows.outcome(code, scope)


@pytest.mark.parametrize("code", TYPED_CODE)
def test_what_type_checkers_refuse_runs(code, scope):
    assert "value" in rows.outcome(code, rows.emitting(scope))


@pytest.mark.parametrize("code", rows.unchanged(SOURCE))
def test_what_need_not_be_changed_runs(code, scope):
    assert rows.outcome(code, scope).get("value") is not False


def test_a_name_of_the_old_modules_is_there_no_more():
    (code,) = [row.code[0] for row in CLIENT if row.code[0].startswith("from ")]
    assert rows.outcome(code, {})["raised"][0] == "ModuleNotFoundError"


def test_a_run_that_is_turned_away_is_started_again_unless_the_client_says_no(server):
    server.fail_next(429, retry_after=1)
    with client_of(server, api_key=server.api_key) as pj:
        assert pj.run_prompt("greeting", 1, {"name": "Ada"})
        assert [1 <= delay <= 1.1 for delay in pj.delays] == [True]
    server.fail_next(429, retry_after=1)
    once = PromptJuggler(server.api_key, base_url=server.url, max_retries=0)
    with once as pj, pytest.raises(ApiError) as caught:
        pj.run_prompt("greeting", 1, {"name": "Ada"})
    assert caught.value.status_code == 429


def test_the_address_of_the_environment_is_followed(server, monkeypatch):
    monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", server.url)
    with PromptJuggler(server.api_key) as pj:
        assert pj.get_prompt("greeting", 1)


def test_results_and_enums_have_the_methods_that_1_7_itself_gives_them():
    own = {"from_dict", "from_json", "to_dict", "to_json", "to_str"}
    for name in promptjuggler.models.__all__:
        kind = getattr(promptjuggler, name)
        if inspect.isclass(kind) and hasattr(kind, "to_dict"):
            assert own <= set(dir(kind)), name
    assert promptjuggler.RunStatus.from_json('"brewing"') == "brewing"


def test_the_text_of_a_result_is_that_of_its_json_in_lines():
    run = promptjuggler.PromptRun.from_dict({**rows.DATA, "output": "long " * 100})
    text = run.to_str()
    assert eval(text) == run.to_dict()
    assert text.count("\n") > 4


@pytest.mark.parametrize("text", ["5", "null", "pending", "", "[]"])
def test_a_json_text_of_no_string_is_no_status(text):
    with pytest.raises(ValueError, match="not a valid RunStatus|Expecting value"):
        promptjuggler.RunStatus.from_json(text)


def test_the_module_has_nothing_but_its_text_and_the_package_points_at_it():
    module = importlib.import_module("promptjuggler.moving")
    assert not {name for name in vars(module) if not name.startswith("__")}
    assert re.search(r"^moving +\w", promptjuggler.__doc__, re.MULTILINE)
    assert Path(module.__file__).resolve() == (FOLDER / "moving.py").resolve()
    assert os.path.basename(module.__file__) == "moving.py"
