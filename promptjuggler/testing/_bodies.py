"""Bodies of requests, checked as the API checks them. Pure.

One check for each rule, each with a text of its own: it is what the client of
a refused request sees.
"""

from __future__ import annotations

import email
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from itertools import pairwise
from uuid import UUID, uuid4

_PRIORITIES = ("onsite", "normal", "low")
_MOST_ENV_VARS = 50
_LARGEST_ENV_VARS = 65_536
"""Bytes, of all names and values together."""


class Refused(ValueError):
    """A request that the API answers with 422; its text is the error of the answer."""


@dataclass(frozen=True)
class RunBody:
    """The body of a request that starts a run, with the defaults of what it left out."""

    inputs: dict[str, str]
    thread: str
    """A UUID in lower case; a new one where the client named none."""
    channel: str
    priority: str
    environment: str
    env_vars: dict[str, str]
    metadata: dict[str, str | list[str]]


@dataclass(frozen=True)
class UploadedFile:
    """One part of an upload."""

    name: str
    mime_type: str
    content: bytes


def read_run_body(content: bytes) -> RunBody:
    """The body that starts a run of a prompt or a workflow.

    Raises `Refused`, or what `json.loads` does: a ValueError or
    RecursionError.
    """
    document = json.loads(content)
    if not isinstance(document, dict):
        raise Refused("the body must be an object")
    # Null is as good as absent.
    given = {name: value for name, value in document.items() if value is not None}
    _check("inputs" in given, "inputs must be given")
    priority = _text(given, "priority", "normal")
    _check(priority in _PRIORITIES, "priority must be onsite, normal or low")
    return RunBody(
        inputs=_texts(given, "inputs"),
        thread=_thread(given),
        channel=_text(given, "channel", "default"),
        priority=priority,
        environment=_text(given, "environment", ""),
        env_vars=_env_vars(given),
        metadata=_metadata(given),
    )


def read_thread(text: str) -> str:
    """The thread of a path, in lower case and with hyphens."""
    try:
        return str(UUID(text))
    except ValueError:
        raise Refused("thread must be a UUID") from None


def read_upload(headers: Message, body: bytes) -> list[UploadedFile]:
    """The files of an upload: multipart/form-data (RFC 7578) with files[0], files[1], ...

    Raises `Refused`.
    """
    is_form = headers.get_content_type() == "multipart/form-data"
    _check(is_form, "the body must be multipart/form-data")
    boundary = headers.get_boundary("")
    _check(boundary != "", "the content type must have a boundary")
    # RFC 2046, 5.1.1: the line break before a delimiter is a part of it, spaces may follow
    # it, and the last one has two more hyphens. What is around them counts for nothing.
    delimiter = rb"\r\n--%b(--)?[ \t]*(?=\r\n|\Z)" % re.escape(boundary.encode())
    body = b"\r\n" + body
    delimiters = list(re.finditer(delimiter, body))
    _check(len(delimiters) > 1, "the body must have a part for each file")
    _check(delimiters[-1][1] is not None, "the body must end with its boundary and --")
    return [
        _uploaded_file(index, body[before.end() : after.start()])
        for index, (before, after) in enumerate(pairwise(delimiters))
    ]


def _uploaded_file(index: int, part: bytes) -> UploadedFile:
    """A part of a form, with its headers, as a file."""
    head, _, content = part.partition(b"\r\n\r\n")
    headers = email.message_from_string(head.decode("utf-8", "replace").strip())
    expected = f"files[{index}]"
    name = headers.get_param("name", header="Content-Disposition")
    _check(name == expected, f"part {index + 1} of the body must be named {expected}")
    file_name = headers.get_filename()
    if not file_name:
        raise Refused(f"{expected} must have a file name")
    _check("Content-Type" in headers, f"{expected} must have a content type")
    return UploadedFile(file_name, headers.get_content_type(), content)


def _check(kept: bool, rule: str) -> None:
    """Raise the text of a rule that is not kept."""
    if not kept:
        raise Refused(rule)


def _text(given: Mapping[str, object], name: str, default: str) -> str:
    """A field that is a text."""
    text = given.get(name, default)
    if not isinstance(text, str):
        raise Refused(f"{name} must be a string")
    return text


def _object(given: Mapping[str, object], name: str) -> dict[str, object]:
    """A field that is an object, empty where it was left out."""
    value = given.get(name, {})
    if not isinstance(value, dict):
        raise Refused(f"{name} must be an object")
    return value


def _texts(given: Mapping[str, object], name: str) -> dict[str, str]:
    """A field that is an object of texts."""
    texts: dict[str, str] = {}
    for key, text in _object(given, name).items():
        if not isinstance(text, str):
            raise Refused(f"{name}[{key!r}] must be a string")
        texts[key] = text
    return texts


def _env_vars(given: Mapping[str, object]) -> dict[str, str]:
    """`envVars`. Their values are secrets, and stand in no error."""
    env_vars = _texts(given, "envVars")
    _check(len(env_vars) <= _MOST_ENV_VARS, f"envVars may be at most {_MOST_ENV_VARS}")
    for name in env_vars:
        in_upper_case = re.fullmatch("[A-Z_][A-Z0-9_]*", name) is not None
        _check(in_upper_case, f"envVars: {name!r} must be in UPPER_CASE")
    # A lone surrogate, which JSON can hold, counts as one byte.
    everything = "".join(name + value for name, value in env_vars.items())
    size = len(everything.encode("utf-8", "replace"))
    _check(size <= _LARGEST_ENV_VARS, "envVars may be at most 64 KB, names included")
    return env_vars


def _metadata(given: Mapping[str, object]) -> dict[str, str | list[str]]:
    """`metadata`."""
    metadata: dict[str, str | list[str]] = {}
    for key, value in _object(given, "metadata").items():
        if isinstance(value, str):
            metadata[key] = value
            continue
        if not isinstance(value, list):
            raise Refused(f"metadata[{key!r}] must be a string or a list of strings")
        for entry in value:
            is_text = isinstance(entry, str)
            _check(is_text, f"metadata[{key!r}] must be a list of strings alone")
        metadata[key] = value
    return metadata


def _thread(given: Mapping[str, object]) -> str:
    """`thread`: only 36 characters with hyphens will do, in either case."""
    thread = str(given.get("thread", uuid4())).lower()
    _check(read_thread(thread) == thread, "thread must be a UUID")
    return thread
