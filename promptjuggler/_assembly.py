"""The frames of a thread's stream in, events and views of runs out. Pure.

What is held of a run is always how it truly begins. `token`, `data`, `tool_start` and the `reset` that opens a segment
are counted within their segment: where a number is missing, it is gapped, and frozen. `tool_end`, `done` and `failure`
are published by another process, and can come early or late.

No input raises. A frame that is no JSON object, belongs to no run or is of an unknown kind is skipped. A field that is
missing, or of a wrong type, counts as empty: 0, "", no entries; and the channel as "default".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar
from uuid import UUID

from .models.events import (
    DataEvent,
    DoneEvent,
    FailureEvent,
    GapEvent,
    ResetEvent,
    RunView,
    StaleEvent,
    StreamEvent,
    TokenEvent,
    ToolEndEvent,
    ToolStartEvent,
)
from .models.runs import Citation, ToolStatus, TranscriptData, TranscriptItem, TranscriptText, TranscriptTool

__all__ = ["MOST_VERDICTS", "Assembler"]

_T = TypeVar("_T")

MOST_VERDICTS = 4096
"""Of so many finished runs it is known how they ended, for frames that come late; the oldest are forgotten first. Else
a process that reads a busy thread for months would grow with every run."""

_KINDS = frozenset({"token", "reset", "data", "tool_start", "tool_end", "done", "failure", "stale"})


class Assembler:
    """What is held of every run of one thread. It outlives connections: what is sent on after a loss fits."""

    def __init__(self) -> None:
        # By the UUID as text, in the form that the server writes.
        self._runs: dict[str, _Run] = {}
        self._verdicts: dict[str, bool] = {}

    def receive(self, kind: str, data: str) -> list[StreamEvent]:
        """The events of a frame: `kind` is its name, `data` its JSON text, or nothing for a `stale`."""
        if kind not in _KINDS:
            return []
        try:
            fields = _parsed(data or "null")
        except (ValueError, RecursionError):  # A number with thousands of digits is a ValueError too.
            return []
        if kind == "stale":
            self._runs.clear()
            self._verdicts.clear()
            return [StaleEvent()]
        run_id = fields.get("runId") if isinstance(fields, dict) else None
        # A UUID is read once for each run, not for each token.
        key = run_id if isinstance(run_id, str) and run_id in self._runs else _run_key(run_id)
        if key is None:
            return []
        channel = fields.get("channel")
        if not isinstance(channel, str):
            channel = "default"
        if kind in ("done", "failure"):
            return [self._finish(kind, key, channel, fields)]
        run = self._runs.get(key)
        if run is None:
            verdict = self._verdicts.get(key)
            if verdict is not None:
                # The run was called whole, and it was not: that is said once.
                self._verdicts[key] = True
                return [] if verdict else [GapEvent(UUID(key), channel, _integer(fields.get("segment")))]
            run = self._runs[key] = _Run(UUID(key))
        if kind == "tool_end":
            end = _tool_end(run.id, channel, fields)
            run.end_tool(end)
            return [end]
        return run.receive(kind, channel, fields)

    def view(self, run_id: str | UUID) -> RunView:
        """What is held of a run, built now; of a finished one nothing but its verdict."""
        key = _run_key(str(run_id)) or ""
        run = self._runs.get(key)
        return run.view(run.gapped) if run else RunView("", (), (), self._verdicts.get(key, False))

    def _finish(self, kind: str, key: str, channel: str, fields: Mapping[str, Any]) -> StreamEvent:
        """A terminal frame. The first one settles the verdict, and what was held goes out with it."""
        run = self._runs.pop(key, None) or _Run(UUID(key))
        if key not in self._verdicts:
            if len(self._verdicts) >= MOST_VERDICTS:
                del self._verdicts[next(iter(self._verdicts))]
            self._verdicts[key] = run.gapped or not run.segments
        gapped = self._verdicts[key]
        view = run.view(gapped)
        if kind == "done":
            return DoneEvent(run.id, channel, gapped, view)
        code, message = _of(str, fields.get("code")) or "unknown", _of(str, fields.get("message"))
        return FailureEvent(run.id, channel, code, message, gapped, view)


class _Segment:
    """What is held of one segment."""

    __slots__ = ("gapped", "items", "last", "pending")

    def __init__(self) -> None:
        self.last = 0  # The number of the reset that opens it: where that alone was missed, nothing is lost.
        self.gapped = False
        # Text in the pieces that came, so that a token costs the same at the end of a long answer.
        self.items: list[str | TranscriptItem] = []
        # Where the calls of tools without an end are among them, by ref.
        self.pending: dict[str, list[int]] = {}

    def end_tool(self, end: ToolEndEvent) -> bool:
        """End the first call that is pending with that ref. Whether there is one."""
        places = self.pending.get(end.ref)
        if not places:
            return False
        place = places.pop(0)
        tool = self.items[place]
        assert isinstance(tool, TranscriptTool)
        self.items[place] = TranscriptTool(tool.name, end.status, end.queries, end.citations)
        return True


class _Run:
    """What is held of a run that is not finished."""

    __slots__ = ("headless", "id", "segments", "waiting")

    def __init__(self, run_id: UUID) -> None:
        self.id = run_id
        self.segments: dict[int, _Segment] = {}  # Never empty again once a frame in sequence came.
        # Whether the first of those was above segment 0: what came before ran unseen, and no reset brings it back.
        self.headless = False
        # The ends of tools that overtook their starts, by ref: the latest of each.
        self.waiting: dict[str, ToolEndEvent] = {}

    def _in_order(self) -> list[_Segment]:
        # Of a copy, since another thread may be asking for the view: a copy is made in one step.
        return [segment for _, segment in sorted(self.segments.copy().items())]

    @property
    def gapped(self) -> bool:
        """Whether something is known to be lost."""
        return self.headless or any(segment.gapped for segment in self._in_order())

    def receive(self, kind: str, channel: str, fields: Mapping[str, Any]) -> list[StreamEvent]:
        """A frame in sequence: its event, and then the gap that it reveals, if any."""
        number, seq = _integer(fields.get("segment")), _integer(fields.get("seq"))
        gap = False
        if not self.segments:
            self.headless = gap = number > 0
        event: StreamEvent
        if kind == "reset":
            event = ResetEvent(self.id, channel, number)
            self._reset(number)
        else:
            item: str | TranscriptItem
            ref = None
            if kind == "token":
                item = _of(str, fields.get("text"))
                event = TokenEvent(self.id, channel, number, seq, item)
            elif kind == "data":
                item = TranscriptData(_of(str, fields.get("tool")), _of(dict, fields.get("payload")))
                event = DataEvent(self.id, channel, item.tool, item.payload)
            else:
                ref = _of(str, fields.get("ref"))
                item = TranscriptTool(_of(str, fields.get("tool")), ToolStatus.PENDING, (), ())
                event = ToolStartEvent(self.id, channel, ref, item.name)
            gap |= self._place(number, seq, item, ref)
        return [event, GapEvent(self.id, channel, number)] if gap else [event]

    def _place(self, number: int, seq: int, item: str | TranscriptItem, ref: str | None) -> bool:
        """Add an item, if it is the next one. Whether this reveals that one is lost: then the segment is frozen."""
        segment = self.segments.get(number)
        if segment is None:
            segment = self.segments[number] = _Segment()
        # The end is that of this call, also where the call cannot be shown.
        end = None if ref is None else self.waiting.pop(ref, None)
        if segment.gapped:
            return False
        segment.gapped = seq != segment.last + 1
        if not segment.gapped:
            segment.last = seq
            segment.items.append(item)
            if ref is not None:
                segment.pending.setdefault(ref, []).append(len(segment.items) - 1)
                if end:
                    segment.end_tool(end)
        return segment.gapped

    def _reset(self, number: int) -> None:
        """A segment is generated (again). An end that still waits is one of what this makes void; where there was
        nothing yet, it has overtaken this reset together with its start."""
        void = [held for held in self.segments if held >= number]
        for held in void:
            del self.segments[held]
        if void:
            self.waiting.clear()
        self.segments[number] = _Segment()

    def end_tool(self, end: ToolEndEvent) -> None:
        """The end of a tool: of the first one pending with that ref, or else of one whose start is still to come."""
        if not any(segment.end_tool(end) for segment in self._in_order()):
            self.waiting[end.ref] = end

    def view(self, gapped: bool) -> RunView:
        """What is held, up to the first gap: of a gapped segment too, but of none above it."""
        transcript: list[TranscriptItem] = []
        pieces: list[str] = []
        for segment in [] if self.headless else self._in_order():
            for item in segment.items:
                if isinstance(item, str):
                    pieces.append(item)
                    continue
                _flush(pieces, transcript)
                transcript.append(item)
            if segment.gapped:
                break
        _flush(pieces, transcript)
        text = "".join(item.content for item in transcript if isinstance(item, TranscriptText))
        data = tuple(item.payload for item in transcript if isinstance(item, TranscriptData))
        return RunView(text, tuple(transcript), data, gapped)


def _flush(pieces: list[str], transcript: list[TranscriptItem]) -> None:
    if pieces:
        text = "".join(pieces)
        if not text.isascii():
            # A token can end in the middle of a character above U+FFFF: its halves are joined here.
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
        transcript.append(TranscriptText(text, ()))
        pieces.clear()


# --- the fields of a frame ---


def _tool_end(run_id: UUID, channel: str, fields: Mapping[str, Any]) -> ToolEndEvent:
    queries = tuple(query for query in _of(list, fields.get("queries")) if isinstance(query, str))
    citations: dict[str, Citation] = {}  # By their addresses: the first of each.
    for entry in _of(list, fields.get("citations")):
        source = _of(dict, entry)
        url = _of(str, source.get("url"))
        if url:
            citations.setdefault(url, Citation(_of(str, source.get("title")), url))
    ref, status = _of(str, fields.get("ref")), ToolStatus(_of(str, fields.get("status")) or "ok")
    return ToolEndEvent(run_id, channel, ref, status, queries, tuple(citations.values()))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_json = json.JSONDecoder(parse_constant=_refuse_constant)  # NaN and Infinity are Python's extension of JSON.


def _parsed(data: str) -> Any:
    text = data.strip(" \t\r\n")
    # Not decode(): it does the same, but looks for the space around with regular expressions, half of its time.
    value, end = _json.raw_decode(text)
    if end != len(text):
        raise ValueError("more than one JSON text")
    return value


# Not what UUID() takes: braces, underscores, and the digits of every script.
_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def _run_key(value: object) -> str | None:
    """The one text of a UUID; None where `value` is none."""
    return str(UUID(value)) if isinstance(value, str) and _UUID.fullmatch(value) else None


def _integer(value: object) -> int:
    if type(value) is int:
        return value
    # To JSON, 1 and 1.0 are the same number.
    return int(value) if isinstance(value, float) and value.is_integer() else 0


def _of(kind: type[_T], value: object) -> _T:
    return value if isinstance(value, kind) else kind()
