"""What the stream of a thread brings, and what is held of a run meanwhile.

Not `Model`s: these are no documents of the API, but what is made of its frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from .runs import Citation, ToolStatus, TranscriptItem

__all__ = [
    "ConnectedEvent",
    "DataEvent",
    "DisconnectedEvent",
    "DoneEvent",
    "FailureEvent",
    "GapEvent",
    "ResetEvent",
    "RunView",
    "StaleEvent",
    "StreamEvent",
    "TokenEvent",
    "ToolEndEvent",
    "ToolStartEvent",
]


@dataclass(frozen=True, slots=True)
class RunView:
    """What is held of a run: as far as it goes, it is how the answer begins.

    `text` is all text joined, `data` the payloads of the emit tools in order, `transcript` both and the calls of tools
    in sequence; its text blocks carry no citations. `gapped`: something was lost on the way, so that more was
    generated than can be shown. The whole result is to be had from `get_prompt_run`.
    """

    text: str
    transcript: tuple[TranscriptItem, ...]
    data: tuple[Mapping[str, Any], ...]
    gapped: bool


@dataclass(frozen=True, slots=True)
class ConnectedEvent:
    """The stream is connected: for the first time, or again."""


@dataclass(frozen=True, slots=True)
class DisconnectedEvent:
    """The connection was lost, which `reason` explains to people; the stream connects again by itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A piece of assistant text. `seq` is its place in the segment."""

    run_id: UUID
    channel: str
    segment: int
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class ResetEvent:
    """The segment is generated, for the first time or again: what came of it before, and of every higher segment,
    is void."""

    run_id: UUID
    channel: str
    segment: int


@dataclass(frozen=True, slots=True)
class DataEvent:
    """A payload of the emit tool `tool`."""

    run_id: UUID
    channel: str
    tool: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolStartEvent:
    """The model called a tool. `ref` stands for this call until its end."""

    run_id: UUID
    channel: str
    ref: str
    tool: str


@dataclass(frozen=True, slots=True)
class ToolEndEvent:
    """A call of a tool ended. This can come before its start, since it takes another way. `queries` and `citations`
    are those of the built-in web search, each source once, and empty otherwise."""

    run_id: UUID
    channel: str
    ref: str
    status: ToolStatus
    queries: tuple[str, ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class GapEvent:
    """Something of the run was lost on the way, at `segment` (0 where the frame that showed it has none)."""

    run_id: UUID
    channel: str
    segment: int


@dataclass(frozen=True, slots=True)
class StaleEvent:
    """The server could not go on where the stream was lost: everything held of every run was dropped. What follows
    may repeat what came before."""


@dataclass(frozen=True, slots=True)
class DoneEvent:
    """The run finished. `gapped`: not all of it came; `view` is what did. The authoritative result is to be had from
    `get_prompt_run` or `get_workflow_run`."""

    run_id: UUID
    channel: str
    gapped: bool
    view: RunView


@dataclass(frozen=True, slots=True)
class FailureEvent:
    """The run failed, after all its retries. `code` is for programs, `message` for people; `gapped` and `view` are
    those of `DoneEvent`."""

    run_id: UUID
    channel: str
    code: str
    message: str
    gapped: bool
    view: RunView


StreamEvent = (
    ConnectedEvent
    | DisconnectedEvent
    | TokenEvent
    | ResetEvent
    | DataEvent
    | ToolStartEvent
    | ToolEndEvent
    | GapEvent
    | StaleEvent
    | DoneEvent
    | FailureEvent
)
