"""The frames of a thread's stream in, events and views of runs out. Pure.

What is held of a run is always how it begins. `token`, `data`, `tool_start` and the `reset` that opens a segment are
counted in it: where one is missing, it is gapped, and frozen. The others come from another process, early or late.
No input raises: what makes no sense is skipped, and a field of a wrong type is empty.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from uuid import UUID

from .models.enums import ToolStatus
from .models.transcripts import (
    Citation,
    TranscriptData,
    TranscriptItem,
    TranscriptText,
    TranscriptTool,
)

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

MOST_VERDICTS = 4096  # The oldest go first: a thread has ever more runs.

_json = json.JSONDecoder(parse_constant=int)  # It raises: NaN and Infinity are no JSON.


class Assembler:
    """What is held of the runs of a thread."""

    def __init__(self) -> None:
        self._runs: dict[str, _Run] = {}
        self._verdicts: dict[str, bool] = {}  # Whether finished ones were gapped.

    def receive(self, kind: str, data: str) -> list[StreamEvent]:
        """The events of a frame: `kind` is its name, `data` its JSON text."""
        if kind not in {"token", "reset", "data", "tool_start", "tool_end", "done", "failure", "stale"}:
            return []
        text = (data or "null").strip(" \t\r\n")
        try:
            # decode() takes twice as long, looking for space.
            fields, end = _json.raw_decode(text)
        except (ValueError, RecursionError):
            return []
        if end != len(text):
            return []
        if kind == "stale":
            self._runs.clear()
            self._verdicts.clear()
            return [StaleEvent()]
        key = _field(str, fields, "runId")
        if key not in self._runs:
            key = _run_key(key)
            if not key:
                return []
        channel = fields.get("channel")
        if not isinstance(channel, str):
            channel = "default"
        if kind in ("done", "failure"):
            return [self._finish(kind, key, channel, fields)]
        run = self._runs.get(key)
        if not run:
            if key in self._verdicts:
                # A late frame: that the run was not whole is said once.
                gapped, self._verdicts[key] = self._verdicts[key], True
                return [] if gapped else [GapEvent(UUID(key), channel, _integer(fields.get("segment")))]
            run = self._runs[key] = _Run(UUID(key))
        return run.end_tool(channel, fields) if kind == "tool_end" else run.receive(kind, channel, fields)

    def view(self, run_id: str | UUID) -> RunView:
        """What is held of a run; of a finished one only whether it was gapped."""
        key = _run_key(str(run_id))
        run = self._runs.get(key)
        return run.view(run.gapped) if run else RunView("", (), (), self._verdicts.get(key, False))

    def _finish(self, kind: str, key: str, channel: str, fields: Any) -> StreamEvent:
        run = self._runs.pop(key, None) or _Run(UUID(key))
        gapped = self._verdicts.setdefault(key, run.gapped or not run.segments)
        if len(self._verdicts) > MOST_VERDICTS:
            del self._verdicts[next(iter(self._verdicts))]
        view = run.view(gapped)
        if kind == "done":
            return DoneEvent(run.id, channel, gapped, view)
        code, message = _field(str, fields, "code") or "unknown", _field(str, fields, "message")
        return FailureEvent(run.id, channel, code, message, gapped, view)


class _Segment:
    __slots__ = ("gapped", "items", "last", "pending")

    def __init__(self) -> None:
        self.gapped = False
        self.last = 0  # The number of the reset that opens it: nothing is lost where that alone was missed.
        # Text in pieces: a token always costs the same.
        self.items: list[str | TranscriptItem] = []
        # By ref, the places and tools of calls without an end.
        self.pending: dict[str, list[tuple[int, str]]] = {}


class _Run:
    __slots__ = ("headless", "id", "segments", "waiting")

    def __init__(self, run_id: UUID) -> None:
        self.id = run_id
        self.segments: dict[int, _Segment] = {}  # Never empty again once a frame in sequence came.
        self.headless = False  # Whether that was above segment 0: no reset brings back what came before.
        self.waiting: dict[str, ToolEndEvent] = {}  # By ref, the ends of tools that overtook their starts.

    def _in_order(self) -> list[_Segment]:
        # copy() is one step: another thread may ask for the view.
        return [segment for _, segment in sorted(self.segments.copy().items())]

    @property
    def gapped(self) -> bool:
        return self.headless or any(segment.gapped for segment in self._in_order())

    def receive(self, kind: str, channel: str, fields: Any) -> list[StreamEvent]:
        """A frame in sequence: its event, and the gap that it reveals, if any."""
        number, seq = _integer(fields.get("segment")), _integer(fields.get("seq"))
        gap = not self.segments and number > 0
        self.headless |= gap
        item: str | TranscriptItem
        event: StreamEvent
        if kind == "reset":
            for held in list(self.segments):
                if held >= number:
                    del self.segments[held]
                    # Of what is void; else the ends have overtaken this reset too.
                    self.waiting.clear()
            self.segments[number] = _Segment()
            event = ResetEvent(self.id, channel, number)
        else:
            segment = self.segments.get(number)
            if not segment:
                segment = self.segments[number] = _Segment()
            fits = not segment.gapped and seq == segment.last + 1
            if kind == "token":
                event = TokenEvent(self.id, channel, number, seq, _field(str, fields, "text"))
                item = event.text
            elif kind == "data":
                item = TranscriptData(_field(str, fields, "tool"), _field(dict, fields, "payload"))
                event = DataEvent(self.id, channel, item.tool, item.payload)
            else:
                event = ToolStartEvent(self.id, channel, _field(str, fields, "ref"), _field(str, fields, "tool"))
                item = TranscriptTool(event.tool, ToolStatus.PENDING, (), ())
                end = self.waiting.pop(event.ref, None)
                if end:
                    item = TranscriptTool(event.tool, end.status, end.queries, end.citations)
                elif fits:
                    segment.pending.setdefault(event.ref, []).append((len(segment.items), event.tool))
            if fits:
                segment.last = seq
                segment.items.append(item)
            elif not segment.gapped:
                segment.gapped = gap = True
        return [event, GapEvent(self.id, channel, number)] if gap else [event]

    def end_tool(self, channel: str, fields: Any) -> list[StreamEvent]:
        """The end of the first call pending with its ref, or else of one whose start is still to come."""
        queries = tuple(query for query in _field(list, fields, "queries") if isinstance(query, str))
        citations: dict[str, Citation] = {}
        for source in _field(list, fields, "citations"):
            url = _field(str, source, "url")
            if url:
                citations.setdefault(url, Citation(_field(str, source, "title"), url))
        ref, status = _field(str, fields, "ref"), ToolStatus(_field(str, fields, "status") or "ok")
        end = ToolEndEvent(self.id, channel, ref, status, queries, tuple(citations.values()))
        for segment in self._in_order():
            if segment.pending.get(ref):
                place, tool = segment.pending[ref].pop(0)
                segment.items[place] = TranscriptTool(tool, end.status, end.queries, end.citations)
                break
        else:
            self.waiting[ref] = end
        return [end]

    def view(self, gapped: bool) -> RunView:
        """What is held, up to the first gap."""
        items: list[Any] = []
        for segment in [] if self.headless else self._in_order():
            items += segment.items
            if segment.gapped:
                break
        transcript: list[TranscriptItem] = []
        for kind, group in groupby(items, type):
            if kind is str:
                text = "".join(group)
                if not text.isascii():
                    # A token can end within a character above U+FFFF: its halves are joined here.
                    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
                transcript.append(TranscriptText(text, ()))
            else:
                transcript += group
        text = "".join(item.content for item in transcript if isinstance(item, TranscriptText))
        data = tuple(item.payload for item in transcript if isinstance(item, TranscriptData))
        return RunView(text, tuple(transcript), data, gapped)


def _field(kind: Any, fields: Any, name: str) -> Any:
    value = fields.get(name) if isinstance(fields, dict) else None
    return value if isinstance(value, kind) else kind()


def _integer(value: object) -> int:
    if type(value) is int:
        return value
    # To JSON, 1 and 1.0 are the same number.
    return int(value) if isinstance(value, float) and value.is_integer() else 0


def _run_key(text: str) -> str:
    """The one text of a UUID, or "": UUID() takes more."""
    return str(UUID(text)) if re.fullmatch("[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}", text, re.I) else ""
