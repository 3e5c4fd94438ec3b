"""Tries the rows of `promptjuggler.moving` on the package that can be imported.

    python rows.py FILE URL KEY

FILE      the source of that module
URL, KEY  of a stand-in

Prints a JSON object: for each piece of code in the rows, what came of it. It runs on this
package and on the published one, so it imports nothing of these tests.
"""

from __future__ import annotations

import ast
import copy
import dataclasses
import datetime
import enum
import hashlib
import hmac
import json
import pickle
import re
import sys
import uuid
from pathlib import Path
from typing import Any

RAISING, DIFFERENT, CLIENT, SAME = (
    "Found by running the program",
    "Found by looking for it",
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


class Row:
    """One row.

    code     what a program from there may say: some lines, each by itself
    text     what it means here
    changes  what to write, as (`both` or `here`, code)
    """

    def __init__(self, block: str) -> None:
        lines = block.splitlines()
        self.code = [line for line in lines if not line.startswith(" ")]
        indented = [line.strip() for line in lines if line.startswith(" ")]
        marked = [re.match(r"(both|here): (.*)", line) for line in indented]
        self.changes = [(mark[1], mark[2]) for mark in marked if mark]
        unmarked = zip(indented, marked, strict=True)
        self.text = " ".join(line for line, mark in unmarked if not mark)


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
    digest = hmac.new(SECRET.encode(), f"{NOW}.{{}}".encode(), hashlib.sha256)
    modules = {"copy": copy, "dataclasses": dataclasses, "json": json, "pickle": pickle}
    return {
        **found,
        **modules,
        "ID": DATA["id"],
        "TIME": DATA["createdAt"],
        "NOW": NOW,
        "SECRET": SECRET,
        "SIGNATURE": f"t={NOW},v1={digest.hexdigest()}",
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


def outcome(code: str, scope: dict[str, Any]) -> dict[str, Any]:
    """What comes of code: `value`, or `raised`, the names of the error and its bases."""
    try:
        if code.startswith("from "):
            exec(code, {})
            return {"value": None}
        # A new one for each: there, some of them change it.
        run = scope["PromptRun"].from_json(scope["text"])
        return {"value": plain(eval(code, {**scope, "run": run}))}
    except Exception as error:
        return {"raised": [kind.__name__ for kind in type(error).__mro__]}


def main(file: str, url: str, key: str) -> None:
    """Try all, and print it."""
    source = Path(file).read_text("utf-8")
    scope = names(url, key)
    codes = list(unchanged(source))
    for heading in (RAISING, DIFFERENT, CLIENT):
        for row in rows(source, heading):
            if heading != CLIENT or row.code[0].startswith("from "):
                codes += row.code
            codes += [code for _, code in row.changes]
    print(json.dumps({code: outcome(code, scope) for code in codes}))


if __name__ == "__main__":
    main(*sys.argv[1:])
