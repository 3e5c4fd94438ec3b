"""The parts of an answer that a function may give, beside texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple


class Text(NamedTuple):
    """In an answer: a text with sources. One without is a plain str.

    A stream has it as one token, without the sources; the run has them in its
    transcript.

    text         as the model said it
    citations    a list of dicts with `title` and `url`
    """

    text: str
    citations: Iterable[Mapping[str, str]] = ()


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


class Usage(NamedTuple):
    """In an answer: the tokens and the cost of the run, in place of words that cost nothing.

    No stream tells of it. Of several in one answer, the sum counts.

    input                tokens that the model read
    output               tokens that it wrote
    cost                 of the run, in the currency of the account
    input_cached         tokens of `input` that came from a cache
    input_cache_write    tokens that were written to a cache
    reasoning            tokens of `output` that were spent on reasoning
    """

    input: int = 0
    output: int = 0
    cost: float = 0.0
    input_cached: int = 0
    input_cache_write: int = 0
    reasoning: int = 0


class Error(Exception):
    """The run fails. A function raises it, gives it, or has it among the parts of an answer.

    text    the error of the run
    code    of the `failure` that ends its stream

        server.add_prompt("busy", lambda inputs: Error("Too long.", code="context_length"))

    It is no mistake of the function, and so not in `FakeServer.errors`.
    """

    def __init__(self, text: str, code: str = "run_failed") -> None:
        super().__init__(text, code)
        self.text = text
        self.code = code

    def __str__(self) -> str:
        return self.text


Part = str | Text | Tool | Payload | Reset | Usage | Error
"""A part of an answer. Each text is one token of the stream."""


class Node(NamedTuple):
    """What a workflow's function may give: a prompt node, which is a run of its own.

    The streams of the workflow's thread have the parts as they have those of a
    prompt, under an id of the node's own and on its channel; what it says is
    an output of the workflow. If it fails, the workflow fails too.

    output     the name of the output
    answer     a text, a list or generator of parts, as of a prompt's function
    channel    as the editor of workflows has it for the node
    """

    output: str
    answer: Part | Iterable[Part]
    channel: str = "default"
