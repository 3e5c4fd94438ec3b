"""What the stream of a thread gives: its events, and the view of a run.

    with pj.stream_prompt("greeting", "production", {"name": "Ada"}) as stream:
        for event in stream:
            match event:
                case TokenEvent(text=text):
                    print(text, end="", flush=True)
                case ResetEvent():
                    print("\\n--- once more ---")
                case DoneEvent(gapped=gapped) | FailureEvent(gapped=gapped):
                    print("\\n", "something was lost" if gapped else "complete")

All of them are frozen values: they can be compared, copied and pickled, and hashed
where they hold no payload. They are made of the frames of the stream, and none of them
is a document of the API.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from .._frozen import Frozen
from ..models.enums import ToolStatus
from ..models.transcripts import Citation, TranscriptItem

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


@dataclass(frozen=True, slots=True, repr=False)
class RunView(Frozen):
    """What came of a run so far: always a true beginning of its answer.

    text        all its text, joined
    transcript  text, payloads and calls of tools in the order of the answer, in the
                types of `PromptRun.transcript`; citations of text are not streamed, so
                its text items have none
    data        the payloads of its emit tools, in order
    gapped      True if something was lost on the way: the view then ends where the
                first loss was, and `get_prompt_run` has the whole
    """

    text: str
    transcript: tuple[TranscriptItem, ...]
    data: tuple[Mapping[str, Any], ...]
    gapped: bool


@dataclass(frozen=True, slots=True, repr=False)
class ConnectedEvent(Frozen):
    """The stream is connected: for the first time, or again."""


@dataclass(frozen=True, slots=True, repr=False)
class DisconnectedEvent(Frozen):
    """The connection was lost, or an attempt to connect again has failed.

    There is nothing to do: the stream goes on trying by itself, and a `ConnectedEvent`
    follows once it has succeeded.

    reason  what happened, in words for people
    """

    reason: str


@dataclass(frozen=True, slots=True, repr=False)
class TokenEvent(Frozen):
    """A piece of the answer's text.

    It need not be a token of the model, and can end in the middle of a character above
    U+FFFF; the texts of a view are joined rightly.

    run_id   the run that it belongs to
    channel  the channel of that run; "default" where it has none
    segment  which part of the answer: an answer has segment 0, and one more after each
             asynchronous call of a tool
    seq      its place in the segment, from 1; payloads and calls are counted too
    text     the piece itself
    """

    run_id: UUID
    channel: str
    segment: int
    seq: int
    text: str


@dataclass(frozen=True, slots=True, repr=False)
class ResetEvent(Frozen):
    """A segment is generated, for the first time or again.

    What came of it before, and of every higher segment, is void: who shows text takes it
    back, or shows `view().text` anew.

    run_id   the run that it belongs to
    channel  the channel of that run
    segment  the lowest segment that is void
    """

    run_id: UUID
    channel: str
    segment: int


@dataclass(frozen=True, slots=True, repr=False)
class DataEvent(Frozen):
    """The model called an emit tool: its payload.

    run_id   the run that it belongs to
    channel  the channel of that run
    tool     the name of the tool
    payload  the arguments of the call, a JSON object
    """

    run_id: UUID
    channel: str
    tool: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class ToolStartEvent(Frozen):
    """The model called a tool, whose `ToolEndEvent` is still to come or came already.

    run_id   the run that it belongs to
    channel  the channel of that run
    ref      stands for this call, to be found again in its end
    tool     the name of the tool
    """

    run_id: UUID
    channel: str
    ref: str
    tool: str


@dataclass(frozen=True, slots=True, repr=False)
class ToolEndEvent(Frozen):
    """A call of a tool has ended.

    It comes from another process than the text does, so it can come before the start of
    its call; the transcript of a view has both together.

    run_id     the run that it belongs to
    channel    the channel of that run
    ref        that of the call's `ToolStartEvent`
    status     `ToolStatus.OK` or `ToolStatus.ERROR`
    queries    what the built-in web search looked for; empty for other tools
    citations  what it found, each address once; empty for other tools
    """

    run_id: UUID
    channel: str
    ref: str
    status: ToolStatus
    queries: tuple[str, ...]
    citations: tuple[Citation, ...]


@dataclass(frozen=True, slots=True, repr=False)
class GapEvent(Frozen):
    """Something of a run was lost on the way, so its view ends there.

    A `ResetEvent` of that segment, or of a lower one, mends this: it is generated again.
    Only where the beginning of the run was missed, or where more came of it, or of all
    runs, than is held (32 MiB of one, 64 MiB and 1,024 of all), nothing does, and the
    view is empty.

    run_id   the run that it belongs to
    channel  the channel of that run
    segment  the segment in which something is missing; 0 where that is not known
    """

    run_id: UUID
    channel: str
    segment: int


@dataclass(frozen=True, slots=True, repr=False)
class StaleEvent(Frozen):
    """The server could not resume where the connection was lost.

    What came of every run of the thread is void, and the views are empty again; it may
    come once more.
    """


@dataclass(frozen=True, slots=True, repr=False)
class DoneEvent(Frozen):
    """A run has finished.

    run_id   the run that it belongs to
    channel  the channel of that run
    gapped   True if not all of it came; as `view.gapped`
    view     what came. The result that counts is that of `get_prompt_run` or
             `get_workflow_run`, which has the citations and the cost too
    """

    run_id: UUID
    channel: str
    gapped: bool
    view: RunView


@dataclass(frozen=True, slots=True, repr=False)
class FailureEvent(Frozen):
    """A run has failed, after all its retries.

    run_id   the run that it belongs to
    channel  the channel of that run
    code     what went wrong, for programs; "unknown" where the server does not say
    message  the same for people; "" where the server does not say
    gapped   True if not all that was generated came; as `view.gapped`
    view     what came before the failure
    """

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
"""Any of them: what iterating over a stream gives."""
