"""The examples in the docstrings of the package run.

An example is a block that is indented and is Python with a call in it. Those of `testing`
are tried in `tests/testing/`; the rows of `moving` in `test_moving.py`.
"""

import ast
import re
import textwrap
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers.package import FOLDER, nodes_of

import promptjuggler
from promptjuggler.testing import FakeServer, sign_webhook

BLOCK = re.compile(r"(?:\A|\n\n)((?:    .*(?:\n|\Z)|\n(?=    ))+)")
ELSEWHERE = {"testing", "moving.py"}
BODY = b'{"id": "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11", "status": "completed"}'
SECRET = "whsec"
# What comes before a block that is a part of a statement.
OPENINGS = {"except": "try:\n    pj.get_prompt('no-such-prompt', 1)\n"}


def docstrings(path: Path):
    """The docstrings of a module and of what is in it, by where they are."""
    for node in nodes_of(path):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            name = getattr(node, "name", "")
            yield f"{path.relative_to(FOLDER)} {name}", ast.get_docstring(node) or ""


def blocks():
    """The indented blocks of all docstrings, with what must stand before them."""
    for path in sorted(FOLDER.rglob("*.py")):
        if path.relative_to(FOLDER).parts[0] in ELSEWHERE:
            continue
        for place, text in docstrings(path):
            for number, match in enumerate(BLOCK.finditer(text)):
                block = textwrap.dedent(match[1])
                opening = OPENINGS.get(block.partition(" ")[0], "")
                yield f"{place} {number}", opening + block


def is_example(code: str) -> bool:
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return False
    return any(isinstance(node, ast.Call) for node in ast.walk(tree))


EXAMPLES, REST = [], []
for place, block in blocks():
    kind = EXAMPLES if is_example(block) else REST
    kind.append(pytest.param(block, id=place))


@pytest.fixture(scope="module")
def server():
    with FakeServer(run_seconds=0) as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow("summary", lambda inputs: {"summary": inputs["text"]})
        server.add_knowledge_base("manuals")
        yield server


@pytest.fixture
def scope(server, monkeypatch, tmp_path):
    """What the examples take for granted. Files that they write are nobody's."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", server.api_key)
    monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", server.url)
    headers = {"PromptJuggler-Signature": sign_webhook(BODY, SECRET)}
    public = {name: getattr(promptjuggler, name) for name in promptjuggler.__all__}
    with promptjuggler.PromptJuggler() as pj:
        yield {
            **public,
            "pj": pj,
            "uuid": uuid,
            "thread": uuid.uuid4(),
            "rows": [{"name": "Ada"}, {"name": "Bo"}],
            "body": BODY,
            "secret": SECRET,
            "SECRET": SECRET,
            "request": SimpleNamespace(body=BODY, headers=headers),
        }


def test_there_are_examples():
    assert len(EXAMPLES) >= 8


@pytest.mark.parametrize("code", EXAMPLES)
def test_an_example_runs(code, scope):
    exec(code, scope)
    if "handle" in scope:
        assert scope["handle"](scope["request"]) != 400
        assert scope["handle"](SimpleNamespace(body=b"{}", headers={})) == 400


@pytest.mark.parametrize("text", REST)
def test_what_is_no_example_does_not_look_like_one(text):
    assert not re.search(r"\bpj\.|\bimport\b|^def |^with ", text, re.MULTILINE)
