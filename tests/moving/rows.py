"""Tries the rows of `promptjuggler.moving` on the package that can be imported.

    python rows.py FILE URL KEY

FILE      the source of that module
URL, KEY  of a stand-in

Prints a JSON object: for each piece of code in the rows, what came of it. It runs on this
package and on the published one, so it imports nothing of these tests.
"""

from __future__ import annotations

import ast
import collections.abc
import copy
import dataclasses
import datetime
import enum
import hashlib
import hmac
import importlib.util
import json
import pickle
import re
import sys
import uuid
from pathlib import Path
from typing import Any

RAISING, DIFFERENT, TYPED, PYDANTIC, CLIENT, SAME = (
    "Found by running the program",
    "Found by looking for it",
    "Found by a type checker",
    "Found with pydantic and FastAPI",
    "Done otherwise by the client",
    "Nothing to change",
)
"""The headings of the groups of rows."""

NOW = 1767323045
SECRET = "whsec"
DATA = {
    "id": "65a3f0c4-6a1e-4cc3-9d3f-2f6b8c1d4e5f",
    "status": "completed",
    "createdAt": "2026-01-02T03:04:05Z",
    "emitted": [],
    "output": "Hi.",
    "transcript": [{"type": "text", "content": "Hi.", "citations": []}],
}
EMITTING = {**DATA, "emitted": [{"tool": "found", "payload": {"n": 1}}]}
WORKFLOW_DATA = {
    "id": DATA["id"],
    "status": "completed",
    "createdAt": DATA["createdAt"],
    "outputs": {"summary": "Hi."},
    "errors": ["a warning"],
}

FOLD = "\0"
"""In place of the end of a line, within a statement."""


class Row:
    """One row.

    code     what a program from there may say: some lines, each by itself; a clause
             `except` belongs to the `try` before it
    text     what it means here
    changes  what to write, as (`both` or `here`, code)
    """

    def __init__(self, block: str) -> None:
        self.code: list[str] = []
        self.changes: list[tuple[str, str]] = []
        words = []
        folded = re.sub(r"\n *(?=except )", FOLD, block)
        for line in folded.splitlines():
            code = line.strip().replace(FOLD, "\n")
            mark = re.match(r"(both|here): (.*)", code, re.DOTALL)
            if mark:
                self.changes.append((mark[1], mark[2]))
            elif line.startswith(" "):
                words.append(code)
            else:
                self.code.append(code)
        self.text = " ".join(words)


def groups(source: str) -> dict[str, str]:
    """The texts below the headings, by heading."""
    text = ast.get_docstring(ast.parse(source)) or ""
    _, *parts = re.split(r"^(\S.*)\n-+\n", text, flags=re.MULTILINE)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def rows(source: str, heading: str) -> list[Row]:
    """The rows of a group."""
    blocks = re.split(r"\n{2,}", groups(source)[heading].strip("\n"))
    return [Row(block) for block in blocks if "\n    " in block]


def unchanged(source: str) -> list[str]:
    """The code that means the same on both."""
    return re.findall(r"^    (\S.*)$", groups(source)[SAME], re.MULTILINE)


def pydantic_classes(run: Any) -> dict[str, Any]:
    """The classes with a field, where there is pydantic."""
    if importlib.util.find_spec("pydantic") is None:
        return {}
    from pydantic import create_model

    return {
        "Report": create_model("Report", run=(run, ...)),
        "Record": create_model("Record", run=(dict[str, Any], ...)),
    }


def names(url: str, key: str) -> dict[str, Any]:
    """What the code of the rows can use."""
    import promptjuggler

    found: dict[str, Any] = {
        name: getattr(promptjuggler, name) for name in promptjuggler.__all__
    }
    if "TranscriptItem" not in found:
        from promptjuggler._generated.models.transcript_item import TranscriptItem

        found["TranscriptItem"] = TranscriptItem
    text = json.dumps(DATA)
    types = [collections.abc.Mapping, collections.abc.Sequence, Any]
    digest = hmac.new(SECRET.encode(), f"{NOW}.{{}}".encode(), hashlib.sha256)
    modules = {"copy": copy, "dataclasses": dataclasses, "json": json, "pickle": pickle}
    return {
        **found,
        **modules,
        **{kind.__name__: kind for kind in types},
        **pydantic_classes(found["PromptRun"]),
        "ID": DATA["id"],
        "TIME": DATA["createdAt"],
        "NOW": NOW,
        "SECRET": SECRET,
        "SIGNATURE": f"t={NOW},v1={digest.hexdigest()}",
        "priority": "low",
        "known_priority": "low",
        "workflow_run": found["WorkflowRun"].from_dict(WORKFLOW_DATA),
        "data": DATA,
        "text": text,
        "pj": found["PromptJuggler"](key, base_url=url),
    }


def plain(value: Any) -> Any:
    """A value as JSON: the same for both packages where it means the same."""
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain(element) for element in value]
    if isinstance(value, dict):
        # In 1.7, all that is null is written.
        return {k: plain(v) for k, v in value.items() if v is not None}
    if type(value).__name__ == "CreatePromptRunResponse":
        # Each has ids of its own.
        return type(value).__name__
    if hasattr(value, "to_json"):
        return plain(json.loads(value.to_json()))
    if isinstance(value, (uuid.UUID, datetime.datetime)):
        return [type(value).__name__, str(value)]
    if isinstance(value, BaseException):
        return [type(value).__name__, str(value)]
    if isinstance(value, str):
        # The order and the spaces of JSON differ; and UTC has two spellings.
        is_object = value.startswith('{"')
        return plain(json.loads(value)) if is_object else value.replace("+00:00", "Z")
    if value is None or isinstance(value, (int, float)):
        return value
    return type(value).__name__


def is_expression(code: str) -> bool:
    """Whether it has a value; if not, it is a statement."""
    return isinstance(ast.parse(code).body[0], ast.Expr)


def value_of(code: str, scope: dict[str, Any]) -> Any:
    """The value of an expression, or what a statement assigns."""
    if is_expression(code):
        return eval(code, scope)
    assigned: dict[str, Any] = {}
    exec(code, scope, assigned)
    values = [value for name, value in assigned.items() if not name.startswith("__")]
    return values[0] if values else None


def outcome(code: str, scope: dict[str, Any]) -> dict[str, Any]:
    """What comes of code: `value`, or `raised`, the names of the error and its bases."""
    try:
        if code.startswith("from "):
            exec(code, {})
            return {"value": None}
        # A new one for each: there, some of them change it.
        run = scope["PromptRun"].from_json(scope["text"])
        return {"value": plain(value_of(code, {**scope, "run": run}))}
    except Exception as error:
        return {"raised": [kind.__name__ for kind in type(error).__mro__]}


def emitting(scope: dict[str, Any]) -> dict[str, Any]:
    """The names, where `run` has emitted something: as type checkers' rows have it."""
    return {**scope, "text": json.dumps(EMITTING)}


def main(file: str, url: str, key: str) -> None:
    """Try all, and print it."""
    source = Path(file).read_text("utf-8")
    scope = names(url, key)
    outcomes = {code: outcome(code, scope) for code in unchanged(source)}
    for heading in (RAISING, DIFFERENT, TYPED, PYDANTIC, CLIENT):
        used = emitting(scope) if heading == TYPED else scope
        for row in rows(source, heading):
            codes = [code for _, code in row.changes]
            if heading != CLIENT or row.code[0].startswith("from "):
                codes += row.code
            outcomes.update((code, outcome(code, used)) for code in codes)
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(*sys.argv[1:])
