"""The frames of a thread's stream in, events and views of runs out. Pure.

A run is generated in segments. A retry generates its own segment again; what follows an
asynchronous call of a tool is a segment of a higher number. `token`, `data` and
`tool_start` are numbered through within their segment, from 1, and the `reset` that
opens it is number 0: these are the frames *in sequence*. `tool_end`, `done` and
`failure` come from another process; they can overtake the others, or trail them.

What is held of a run is at any time a true beginning of it. The rules, which the code
and the tests cite by their numbers:

1. A segment that is first seen at number 1 is whole: only its reset was missed. First
   seen above 1, its head is lost, and it is *gapped*.
2. A number that is not the next one makes the segment gapped. It is then frozen: its
   later frames are dropped, and only a reset mends it.
3. A run whose first frame in sequence is of a segment above 0, be it a reset, ran unseen
   before. It has *missed its beginning*: it stays gapped, and nothing of it is shown.
4. What is in segments above the lowest gapped one is not shown.
5. A reset removes its segment and all higher ones, and opens its segment anew. If it
   removed any, the ends of tools that still wait for their starts are forgotten: they
   are of calls that are void now. If it removed none, they stay: they have overtaken
   this very reset.
6. Tokens that follow one another are one block of text, across segments too. A call of
   a tool or a payload between them begins another block.
7. A `tool_end` ends the first open call with its `ref`, in the order of segments. If
   there is none, it waits for its `tool_start`; of several that wait with one `ref` the
   latest counts. Citations are held once for each URL, the first one.
8. The first `done` or `failure` settles the verdict: gapped if any segment is, if the
   beginning was missed, or if no frame in sequence ever came. What was held goes out
   with it, and the verdict alone is kept. A repeated one repeats the verdict.
9. A frame that comes after the verdict changes nothing but this: where the verdict was
   clean, it turns to gapped.
10. `stale` drops all that is held of all runs, verdicts too.
11. A gap is announced when a segment becomes gapped, when a run has missed its
    beginning, and when a clean verdict turns; one frame announces one gap.

No input raises. A frame that is no JSON object, is of no run or of an unknown kind is
skipped. A field that is missing or of a wrong type counts as empty: 0, "", no entries;
the channel as "default".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any, cast
from uuid import UUID

from .._json import canonical_uuid, strict_json
from ..models.enums import ToolStatus
from ..models.transcripts import (
    Citation,
    TranscriptData,
    TranscriptItem,
    TranscriptText,
    TranscriptTool,
)
from .events import (
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

MOST_VERDICTS = 4096
"""How many finished runs are remembered, for frames that come late. The oldest are
forgotten first: a process that reads a busy thread for months would else grow."""

_TERMINAL = frozenset({"done", "failure"})
_KINDS = _TERMINAL | {"token", "reset", "data", "tool_start", "tool_end", "stale"}


class Assembler:
    """What is held of every run of one thread.

    It outlives connections: what the server sends again after a loss fits in. One thread
    calls `receive`; `view` may be called by others meanwhile.
    """

    def __init__(self) -> None:
        # By the UUID's canonical text, which is how the server writes it.
        self._runs: dict[str, _Run] = {}
        self._gapped_verdicts: dict[str, bool] = {}

    def receive(  # noqa: C901  # one after the other, what makes a frame be skipped
        self, kind: str, data: str
    ) -> list[StreamEvent]:
        """The events that a frame gives: mostly one, at times none or two.

        kind  the name of the frame
        data  its JSON text; "" for a `stale`, which says it all by its name
        """
        if kind not in _KINDS:
            return []
        try:
            fields = _decoded(data or "null")
        except (ValueError, RecursionError):  # Too deep.
            return []
        if kind == "stale":
            self._runs.clear()
            self._gapped_verdicts.clear()
            return [StaleEvent()]
        if not isinstance(fields, dict):
            return []
        run_id = _text(fields, "runId")
        # Nearly every frame is of a run that is held, and spells its id in the one way.
        run = self._runs.get(run_id)
        key = run_id if run else canonical_uuid(run_id)
        if key is None:
            return []
        channel = fields.get("channel")
        if not isinstance(channel, str):
            channel = "default"
        if kind in _TERMINAL:
            return [self._finish(kind, key, channel, fields)]
        if run is None:
            if key in self._gapped_verdicts:
                return self._straggler(key, channel, fields)
            run = self._runs.setdefault(key, _Run(UUID(key)))
        if kind == "tool_end":
            return [run.end_tool(channel, fields)]
        return run.receive(kind, channel, fields)

    def view(self, run_id: str | UUID) -> RunView:
        """What is held of a run, built now; of a finished one, nothing but the verdict."""
        key = canonical_uuid(str(run_id)) or ""
        run = self._runs.get(key)
        if run is None:
            return RunView("", (), (), self._gapped_verdicts.get(key, False))
        return run.view(run.gapped)

    def _finish(
        self, kind: str, key: str, channel: str, fields: _Fields
    ) -> StreamEvent:
        """A terminal frame, by rule 8."""
        run = self._runs.pop(key, None) or _Run(UUID(key))
        gapped = self._gapped_verdicts.setdefault(key, run.gapped or not run.segments)
        if len(self._gapped_verdicts) > MOST_VERDICTS:
            del self._gapped_verdicts[next(iter(self._gapped_verdicts))]
        view = run.view(gapped)
        if kind == "done":
            return DoneEvent(run.id, channel, gapped, view)
        code = _text(fields, "code") or "unknown"
        message = _text(fields, "message")
        return FailureEvent(run.id, channel, code, message, gapped, view)

    def _straggler(self, key: str, channel: str, fields: _Fields) -> list[StreamEvent]:
        """A frame of a run that has finished, by rules 9 and 11."""
        if self._gapped_verdicts[key]:
            return []
        self._gapped_verdicts[key] = True
        return [GapEvent(UUID(key), channel, _whole_number(fields.get("segment")))]


class _Run:
    """What is held of a run that has not finished."""

    __slots__ = ("early_tool_ends", "id", "missed_beginning", "segments")

    def __init__(self, run_id: UUID) -> None:
        self.id = run_id
        # By number. Empty only before the first frame in sequence: a reset that removes
        # all of them adds its own.
        self.segments: dict[int, _Segment] = {}
        self.missed_beginning = False
        # Those that overtook their starts, by ref.
        self.early_tool_ends: dict[str, ToolEndEvent] = {}

    def _in_order(self) -> list[_Segment]:
        # Another thread may be asking for the view; copy() is a single step.
        return [segment for _, segment in sorted(self.segments.copy().items())]

    @property
    def gapped(self) -> bool:
        """Whether anything is known to be lost."""
        if self.missed_beginning:
            return True
        return any(segment.gapped for segment in self._in_order())

    def receive(self, kind: str, channel: str, fields: _Fields) -> list[StreamEvent]:
        """A frame in sequence: its event, then the gap that it reveals, if any."""
        number = _whole_number(fields.get("segment"))
        first_seen_late = not self.segments and number > 0
        if first_seen_late:
            self.missed_beginning = True  # Rule 3.
        event: StreamEvent
        if kind == "reset":
            event = ResetEvent(self.id, channel, number)
            self._reset(number)
            lost = False
        else:
            segment = self.segments.get(number)
            if segment is None:
                segment = self.segments[number] = _Segment()
            seq = _whole_number(fields.get("seq"))
            if kind == "token":
                text = _text(fields, "text")
                event = TokenEvent(self.id, channel, number, seq, text)
                lost = segment.add(seq, text)
            elif kind == "data":
                payload = TranscriptData(
                    _text(fields, "tool"), _object(fields, "payload")
                )
                event = DataEvent(self.id, channel, payload.tool, payload.payload)
                lost = segment.add(seq, payload)
            else:
                ref, tool = _text(fields, "ref"), _text(fields, "tool")
                event = ToolStartEvent(self.id, channel, ref, tool)
                # Also where the call cannot be shown: the end is that of this call.
                end = self.early_tool_ends.pop(ref, None)
                lost = segment.add_tool(seq, ref, tool, end)
        if lost or first_seen_late:
            return [event, GapEvent(self.id, channel, number)]
        return [event]

    def _reset(self, number: int) -> None:
        """A segment is generated, by rule 5."""
        void = [held for held in self.segments if held >= number]
        for held in void:
            del self.segments[held]
        if void:
            self.early_tool_ends.clear()
        self.segments[number] = _Segment()

    def end_tool(self, channel: str, fields: _Fields) -> ToolEndEvent:
        """The end of a call, by rule 7."""
        end = ToolEndEvent(
            self.id,
            channel,
            _text(fields, "ref"),
            ToolStatus(_text(fields, "status") or "ok"),
            tuple(
                query for query in _list(fields, "queries") if isinstance(query, str)
            ),
            _citations(_list(fields, "citations")),
        )
        for segment in self._in_order():
            if segment.end_tool(end):
                return end
        self.early_tool_ends[end.ref] = end
        return end

    def view(self, gapped: bool) -> RunView:
        """What is shown of the run."""
        items: list[str | TranscriptItem] = []
        for segment in self._shown():
            items += segment.items
        transcript: list[TranscriptItem] = []
        for kind, group in groupby(items, type):
            if kind is str:
                # Rule 6. A long answer is 30,000 pieces: this loops over them in C.
                transcript.append(_text_item("".join(cast("Iterable[str]", group))))
            else:
                transcript.extend(cast("Iterable[TranscriptItem]", group))
        text = "".join(
            item.content for item in transcript if isinstance(item, TranscriptText)
        )
        data = tuple(
            item.payload for item in transcript if isinstance(item, TranscriptData)
        )
        return RunView(text, tuple(transcript), data, gapped)

    def _shown(self) -> list[_Segment]:
        """The segments up to the lowest gapped one, by rules 3 and 4."""
        if self.missed_beginning:
            return []
        shown: list[_Segment] = []
        for segment in self._in_order():
            shown.append(segment)
            if segment.gapped:
                break
        return shown


class _Segment:
    """What is held of a segment."""

    __slots__ = ("gapped", "items", "next_seq", "open_tools")

    def __init__(self) -> None:
        self.gapped = False
        self.next_seq = 1  # The reset before it was 0; nothing is lost without it.
        # Text in the pieces that came: a token costs the same in a long answer.
        self.items: list[str | TranscriptItem] = []
        # By ref, the calls without an end: their places in `items`, and their tools.
        self.open_tools: dict[str, deque[tuple[int, str]]] = {}

    def add(self, seq: int, item: str | TranscriptItem) -> bool:
        """Hold what comes next. True if it is not the next, which freezes the segment."""
        if self.gapped:
            return False
        if seq != self.next_seq:
            self.gapped = True
            return True
        self.next_seq += 1
        self.items.append(item)
        return False

    def add_tool(self, seq: int, ref: str, tool: str, end: ToolEndEvent | None) -> bool:
        """As `add`, for a call of a tool whose end came before, or is still to come."""
        place = len(self.items)
        lost = self.add(seq, _tool_item(tool, end))
        was_added = len(self.items) > place
        if was_added and end is None:
            self.open_tools.setdefault(ref, deque()).append((place, tool))
        return lost

    def end_tool(self, end: ToolEndEvent) -> bool:
        """End the first open call with that ref; False if there is none."""
        calls = self.open_tools.get(end.ref)
        if not calls:
            return False
        place, tool = calls.popleft()
        self.items[place] = _tool_item(tool, end)
        return True


def _tool_item(tool: str, end: ToolEndEvent | None) -> TranscriptTool:
    if end is None:
        return TranscriptTool(tool, ToolStatus.PENDING, (), ())
    return TranscriptTool(tool, end.status, end.queries, end.citations)


def _text_item(text: str) -> TranscriptText:
    if not text.isascii():
        # JSON writes a character above U+FFFF as two halves, and a token can end between
        # them. Python keeps such halves apart; through UTF-16 they become one again.
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return TranscriptText(text, ())


# --- the fields of a frame ---

_Fields = Mapping[str, object]


def _decoded(data: str) -> object:
    """The JSON value that a text is, or ValueError."""
    text = data.strip(" \t\r\n")
    # decode() finds the space around by regular expressions: 1.27 µs for a token, of
    # which this saves 0.42 (CPython 3.13), in a path of 2.3 µs.
    value: object
    value, end = strict_json.raw_decode(text)
    if end != len(text):
        raise ValueError("there is more than one JSON value")
    return value


def _text(fields: _Fields, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _list(fields: _Fields, name: str) -> list[object]:
    value = fields.get(name)
    return value if isinstance(value, list) else []


def _object(fields: _Fields, name: str) -> dict[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _whole_number(value: object) -> int:
    if type(value) is int:  # A bool is an int too, for isinstance().
        return value
    # To JSON, 1 and 1.0 are the same number.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return 0


def _citations(sources: list[object]) -> tuple[Citation, ...]:
    """Those with a URL, each once (rule 7)."""
    found: dict[str, Citation] = {}
    for source in sources:
        if not isinstance(source, dict):
            continue
        url = _text(source, "url")
        if url:
            found.setdefault(url, Citation(_text(source, "title"), url))
    return tuple(found.values())
