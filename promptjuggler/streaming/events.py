"""What the stream of a thread gives: its events, and the view of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ..models.runs import Citation, ToolStatus, TranscriptItem

__all__ = [
    "RunView",
    "ConnectedEvent",
    "DisconnectedEvent",
    "TokenEvent",
    "ResetEvent",
    "DataEvent",
    "ToolStartEvent",
    "ToolEndEvent",
    "GapEvent",
    "StaleEvent",
    "DoneEvent",
    "FailureEvent",
    "StreamEvent",
]


@dataclass(frozen=True, slots=True)
class RunView:
    """What came of a run: how its answer begins. `text`: all text, `data`: the payloads, `transcript`: both and the
    calls of tools, without citations of text. `gapped`: something was lost; `get_prompt_run` has it all."""

    text: str
    transcript: tuple[TranscriptItem, ...]
    data: tuple[Mapping[str, Any], ...]
    gapped: bool


@dataclass(frozen=True, slots=True)
class ConnectedEvent:
    """The stream is connected, for the first time or again."""


@dataclass(frozen=True, slots=True)
class DisconnectedEvent:
    """The connection was lost; the stream connects again. `reason`: in words."""

    reason: str


@dataclass(frozen=True, slots=True)
class TokenEvent:
    """A piece of text. `seq` is its place in the segment."""

    run_id: UUID
    channel: str
    segment: int
    seq: int
    text: str


@dataclass(frozen=True, slots=True)
class ResetEvent:
    """The segment is generated, for the first time or again: what came of it and of any higher one is void."""

    run_id: UUID
    channel: str
    segment: int


@dataclass(frozen=True, slots=True)
class DataEvent:
    """A payload of an emit tool."""

    run_id: UUID
    channel: str
    tool: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ToolStartEvent:
    """A call of a tool. `ref` stands for it until its end."""

    run_id: UUID
    channel: str
    ref: str
    tool: str


@dataclass(frozen=True, slots=True)
class ToolEndEvent:
    """The end of a call of a tool, which can come before its start. `queries` and `citations`: of the built-in web
    search, each source once."""

    run_id: UUID
    channel: str
    ref: str
    status: ToolStatus
    queries: tuple[str, ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True)
class GapEvent:
    """Something of the run was lost, at `segment`, 0 if not known."""

    run_id: UUID
    channel: str
    segment: int


@dataclass(frozen=True, slots=True)
class StaleEvent:
    """The server could not resume: what came of all runs is void, and may come again."""


@dataclass(frozen=True, slots=True)
class DoneEvent:
    """The run finished. `gapped`: something was lost; `get_prompt_run` or `get_workflow_run` has it all."""

    run_id: UUID
    channel: str
    gapped: bool
    view: RunView


@dataclass(frozen=True, slots=True)
class FailureEvent:
    """The run failed, after all retries. `code` is for programs, `message` for people."""

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
