"""The parts of an answer that a prompt's function may give, beside texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Tool(NamedTuple):
    """In an answer: the model called a tool, and the call has ended.

    A stream tells of it by a `tool_start` and a `tool_end`, the run has it in
    its transcript.

    name         of the tool
    status       "ok" or "error"
    queries      what was searched for, a list or tuple of texts
    citations    a list of dicts with `title` and `url`, no URL twice
    """

    name: str
    status: str = "ok"
    queries: Iterable[str] = ()
    citations: Iterable[Mapping[str, str]] = ()


class Payload(NamedTuple):
    """In an answer: the model called an emit tool.

    A stream tells of it by `data`, the run has it in its transcript and in
    `emitted`.

    tool       the name of the emit tool
    payload    a dict of what JSON can hold
    """

    tool: str
    payload: Mapping[str, Any]


class Reset(NamedTuple):
    """In an answer: a segment is generated, or generated again.

    What came in it and in all higher segments is void: it is no part of the
    run. Every answer begins in segment 0, as if by `Reset(0)`.

    segment    its number. The same again is a retry; the next one is how an answer goes
               on after an asynchronous tool call
    """

    segment: int = 0


Part = str | Tool | Payload | Reset
"""A part of an answer. Each text is one token of the stream."""
