"""Frames of a thread's stream, as the server sends them, and what an assembler makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from promptjuggler import (
    ToolStatus,
    TranscriptText,
    TranscriptTool,
)
from promptjuggler.streaming._assembly import Assembler
from promptjuggler.streaming.events import (
    GapEvent,
    RunView,
    StreamEvent,
)

RUN = UUID("11111111-1111-4111-8111-111111111111")
OTHER = UUID("22222222-2222-4222-8222-222222222222")
NOTHING = RunView("", (), (), gapped=False)
LOST = RunView("", (), (), gapped=True)

Frame = tuple[str, dict[str, Any]]


def token(seq: int, text: str, segment: int = 0, run: UUID = RUN) -> Frame:
    return "token", {
        "runId": str(run),
        "channel": "default",
        "segment": segment,
        "seq": seq,
        "text": text,
    }


def reset(segment: int = 0, run: UUID = RUN) -> Frame:
    return "reset", {
        "runId": str(run),
        "channel": "default",
        "segment": segment,
        "seq": 0,
    }


def payload(seq: int, value: object, segment: int = 0) -> Frame:
    fields = {
        "segment": segment,
        "seq": seq,
        "tool": "emit",
        "payload": {"value": value},
    }
    return "data", {"runId": str(RUN), "channel": "default", **fields}


def tool_start(seq: int, ref: str, segment: int = 0, tool: str = "search") -> Frame:
    return "tool_start", {
        "runId": str(RUN),
        "channel": "default",
        "segment": segment,
        "seq": seq,
        "ref": ref,
        "tool": tool,
    }


def tool_end(ref: str, status: str = "ok", run: UUID = RUN, **more: object) -> Frame:
    return "tool_end", {
        "runId": str(run),
        "channel": "default",
        "ref": ref,
        "tool": "search",
        "status": status,
        **more,
    }


def done(run: UUID = RUN) -> Frame:
    return "done", {"runId": str(run), "channel": "default"}


def failure(code: str = "timeout", message: str = "It took too long.") -> Frame:
    return "failure", {
        "runId": str(RUN),
        "channel": "default",
        "code": code,
        "message": message,
    }


STALE: Frame = ("stale", {})


def receive(assembler: Assembler, *frames: Frame) -> list[StreamEvent]:
    """The events of the frames."""
    return [
        event
        for kind, fields in frames
        for event in assembler.receive(kind, json.dumps(fields))
    ]


def assemble(*frames: Frame) -> tuple[Assembler, list[StreamEvent]]:
    """A new assembler that has received the frames, and the events."""
    assembler = Assembler()
    return assembler, receive(assembler, *frames)


def view_of(*frames: Frame) -> RunView:
    """The view after the frames."""
    return assemble(*frames)[0].view(RUN)


def gaps(events: Iterable[StreamEvent]) -> list[int]:
    """The segments of the gaps that were announced."""
    return [event.segment for event in events if isinstance(event, GapEvent)]


def text(content: str) -> TranscriptText:
    return TranscriptText(content, ())


def pending(name: str = "search") -> TranscriptTool:
    return TranscriptTool(name, ToolStatus.PENDING, (), ())


def ended(
    status: ToolStatus = ToolStatus.OK, queries: tuple[str, ...] = ()
) -> TranscriptTool:
    return TranscriptTool("search", status, queries, ())
