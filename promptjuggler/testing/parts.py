"""The parts of an answer that a function may give, beside texts.

A wrong argument of any of them is a `TypeError` or a `ValueError`, which names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ._checks import (
    checked_citations,
    checked_copy,
    checked_cost,
    checked_count,
    checked_nonempty,
    checked_str,
    checked_texts,
)

# They are no tuples: one of a list of parts, given alone by mistake, would be taken for
# a list of parts itself. What was given is checked and copied at once: an error then
# stands at the line that made the part.


@dataclass(frozen=True)
class Text:
    """In an answer: a text with sources. One without is a plain str.

    A stream has it as one token, without the sources; the run has them in its
    transcript.

    text         as the model said it
    citations    a list of dicts with `title` and `url`
    """

    text: str
    citations: Iterable[Mapping[str, str]] = ()

    def __post_init__(self) -> None:
        checked_str("the text of a Text", self.text)
        citations = checked_citations("the citations of a Text", self.citations)
        object.__setattr__(self, "citations", citations)


@dataclass(frozen=True)
class Tool:
    """In an answer: the model called a tool, and the call has ended.

    A stream tells of it by a `tool_start` and a `tool_end`, the run has it in
    its transcript.

    name         of the tool
    status       "ok" or "error"
    queries      what was searched for, texts
    citations    a list of dicts with `title` and `url`, no URL twice
    """

    name: str
    status: str = "ok"
    queries: Iterable[str] = ()
    citations: Iterable[Mapping[str, str]] = ()

    def __post_init__(self) -> None:
        checked_nonempty("the name of a Tool", self.name)
        if self.status not in ("ok", "error"):
            raise ValueError(
                f'the status of a Tool is "ok" or "error": {self.status!r}'
            )
        queries = checked_texts("the queries of a Tool", self.queries)
        citations = checked_citations("the citations of a Tool", self.citations)
        object.__setattr__(self, "queries", queries)
        object.__setattr__(self, "citations", citations)


@dataclass(frozen=True)
class Payload:
    """In an answer: the model called an emit tool.

    A stream tells of it by `data`, the run has it in its transcript and in
    `emitted`.

    tool       the name of the emit tool
    payload    a dict of what JSON can hold
    """

    tool: str
    payload: Mapping[str, Any]

    def __post_init__(self) -> None:
        checked_nonempty("the tool of a Payload", self.tool)
        payload = checked_copy("the payload of a Payload", self.payload)
        object.__setattr__(self, "payload", payload)


@dataclass(frozen=True)
class Reset:
    """In an answer: a segment is generated, or generated again.

    What came in it and in all higher segments is void: it is no part of the
    run. Every answer begins in segment 0, as if by `Reset(0)`.

    segment    its number. The same again is a retry; the next one is how an answer goes
               on after an asynchronous tool call
    """

    segment: int = 0

    def __post_init__(self) -> None:
        checked_count("the segment of a Reset", self.segment, least=0)


@dataclass(frozen=True)
class Usage:
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

    def __post_init__(self) -> None:
        for name in (
            "input",
            "output",
            "input_cached",
            "input_cache_write",
            "reasoning",
        ):
            checked_count(f"{name} of a Usage", getattr(self, name), least=0)
        checked_cost("cost of a Usage", self.cost)


class Error(Exception):
    """The run fails. A function raises it, gives it, or has it among the parts of an answer.

    text    the error of the run
    code    of the `failure` that ends its stream

        server.add_prompt("busy", lambda inputs: Error("Too long.", code="context_length"))

    It is no mistake of the function, and so not in `FakeServer.errors`.
    """

    # Of a class below this one, too, whose __init__ does not call that of this one.
    text: str = ""
    code: str = "run_failed"

    def __init__(self, text: str, code: str = "run_failed") -> None:
        checked_str("the text of an Error", text)
        checked_nonempty("the code of an Error", code)
        super().__init__(text, code)
        self.text = text
        self.code = code

    def __str__(self) -> str:
        return self.text


Part = str | Text | Tool | Payload | Reset | Usage | Error
"""A part of an answer. Each text is one token of the stream."""


@dataclass(frozen=True)
class Node:
    """What a workflow's function may give: a prompt node, which is a run of its own.

    The streams of the workflow's thread have the parts as they have those of a
    prompt, under an id of the node's own and on its channel; what it says is
    an output of the workflow. If it fails, the workflow fails too. By that id
    `get_prompt_run` finds it, and `FakeServer.finish()` ends it, and with it the
    workflow, of whose end alone webhooks tell.

    output     the name of the output
    answer     a text, a list or generator of parts, as of a prompt's function
    channel    as the editor of workflows has it for the node
    """

    output: str
    answer: Part | Iterable[Part]
    channel: str = "default"

    def __post_init__(self) -> None:
        checked_nonempty("the output of a Node", self.output)
        checked_nonempty("the channel of a Node", self.channel)
