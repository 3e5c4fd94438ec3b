"""What is held of a run that has not finished. Pure.

The rules that are cited here by their numbers are those of `_assembly`.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from itertools import groupby
from sys import getsizeof
from typing import cast
from uuid import UUID

from ..models.enums import ToolStatus
from ..models.transcripts import (
    TranscriptData,
    TranscriptItem,
    TranscriptText,
    TranscriptTool,
)
from ._fields import (
    Fields,
    channel_of,
    citations_of,
    object_of,
    size_in_memory,
    text_of,
    texts_of,
    whole_number,
)
from .events import (
    DataEvent,
    GapEvent,
    ResetEvent,
    RunView,
    StreamEvent,
    TokenEvent,
    ToolEndEvent,
    ToolStartEvent,
)

MOST_WAITING_ENDS = 1024
"""How many ends of tools wait for their starts, in a run."""

# About the bytes that a thing takes in memory, beside the texts in it.
_SIZE_OF_RUN = 1024
_SIZE_OF_SEGMENT = 512
_SIZE_OF_CALL = 1024


class Size:
    """About the bytes that a run takes in memory, and when its bounds are looked at.

    total      all of them
    noted      what of it is in the sum of all runs
    next_look  with so much in total, it is time to look at the bounds again
    """

    __slots__ = ("_of_ends", "next_look", "noted", "total")

    def __init__(self, total: int) -> None:
        self.total = total
        self.noted = 0
        self.next_look = 0
        self._of_ends = 0

    def add_end(self, size: int) -> None:
        """The end of a tool waits for its start."""
        self._of_ends += size
        self.total += size

    def remove_end(self, size: int) -> None:
        """It does not wait any more."""
        self.add_end(-size)

    def remove_ends(self) -> None:
        """None waits any more."""
        self.remove_end(self._of_ends)

    def look_soon(self) -> None:
        """The bounds are to be looked at with the next frame, however little it has."""
        self.next_look = 0

    def note(self, step: int) -> int:
        """The bounds are looked at: so much has come since they were.

        step  the bytes after which they are looked at again
        """
        grown = self.total - self.noted
        self.noted = self.total
        self.next_look = self.total + step
        return grown


class HeldRun:
    """What is held of a run that has not finished.

    channel  that of its first frame
    """

    __slots__ = (
        "_numbers",
        "_open_tools",
        "channel",
        "early_tool_ends",
        "id",
        "missed_beginning",
        "segments",
        "size",
    )

    def __init__(self, run_id: UUID, channel: str) -> None:
        self.id = run_id
        self.channel = channel
        self.size = Size(_SIZE_OF_RUN + getsizeof(channel))
        # By number. Empty only before the first frame in sequence: a reset that removes
        # all of them adds its own.
        self.segments: dict[int, _Segment] = {}
        self._numbers: list[int] = []  # Of the segments, ascending.
        self.missed_beginning = False
        # By ref, the numbers of the segments with open calls, ascending.
        self._open_tools: dict[str, list[int]] = {}
        # Those that overtook their starts, by ref.
        self.early_tool_ends: dict[str, _WaitingEnd] = {}

    def _in_order(self) -> list[_Segment]:
        # Another thread may be asking for the view; copy() is a single step.
        return [segment for _, segment in sorted(self.segments.copy().items())]

    @property
    def gapped(self) -> bool:
        """Whether anything is known to be lost."""
        if self.missed_beginning:
            return True
        return any(segment.gapped for segment in self._in_order())

    def receive(self, kind: str, fields: Fields, data: str) -> list[StreamEvent]:
        """A frame that is not terminal: its event, then the gap that it reveals, if any.

        fields  its document
        data    the text of that
        """
        channel = channel_of(fields)
        if kind == "tool_end":
            return [self._end_tool(channel, fields, size_in_memory(data))]
        number = fields.get("segment")
        if type(number) is not int:  # It is, nearly always: a call costs time.
            number = whole_number(number)
        first_seen_late = number > 0 and not self.segments
        if first_seen_late:
            self.missed_beginning = True  # Rule 3.
        event: StreamEvent
        if kind == "reset":
            event = ResetEvent(self.id, channel, number)
            self._reset(number)
            lost = False
        else:
            segment = self.segments.get(number) or self._begin_segment(number)
            seq = fields.get("seq")
            if type(seq) is not int:
                seq = whole_number(seq)
            if kind == "token":
                text = text_of(fields, "text")
                event = TokenEvent(self.id, channel, number, seq, text)
                lost = segment.add(seq, text)
                if not segment.gapped:
                    self.size.total += getsizeof(text)
            elif kind == "data":
                tool, payload = text_of(fields, "tool"), object_of(fields, "payload")
                event = DataEvent(self.id, channel, tool, payload)
                lost = segment.add(seq, TranscriptData(tool, payload))
                self._count(segment, size_in_memory(data))
            else:  # tool_start
                ref, tool = text_of(fields, "ref"), text_of(fields, "tool")
                event = ToolStartEvent(self.id, channel, ref, tool)
                lost = self._start_tool(number, seq, ref, tool)
                self._count(segment, _SIZE_OF_CALL + size_in_memory(data))
        if lost or first_seen_late:
            return [event, GapEvent(self.id, channel, number)]
        return [event]

    def _begin_segment(self, number: int) -> _Segment:
        segment = self.segments[number] = _Segment()
        insort(self._numbers, number)
        self._count(segment, _SIZE_OF_SEGMENT + getsizeof(number))
        return segment

    def _count(self, segment: _Segment, size: int) -> None:
        """A segment holds so much more; a frozen one does not."""
        if not segment.gapped:
            segment.size_without_texts += size
            self.size.total += size

    def _reset(self, number: int) -> None:
        """A segment is generated, by rule 5."""
        first_void = bisect_left(self._numbers, number)
        void = self._numbers[first_void:]
        del self._numbers[first_void:]
        # The highest first: who looks meanwhile sees a true beginning.
        for held in reversed(void):
            segment = self.segments.pop(held)
            self.size.total -= segment.size
            for ref in segment.open_tools:
                self._forget_calls(ref, number)
        if void:
            self.early_tool_ends.clear()
            self.size.remove_ends()
            self.size.look_soon()
        self._begin_segment(number)

    def _forget_calls(self, ref: str, number: int) -> None:
        """No call with this ref is open any more, in this segment and the higher ones."""
        numbers = self._open_tools.get(ref)
        if numbers is None:
            return
        del numbers[bisect_left(numbers, number) :]
        if not numbers:
            del self._open_tools[ref]

    def _start_tool(self, number: int, seq: int, ref: str, tool: str) -> bool:
        """A call of a tool, whose end may have come already. True if it is a loss."""
        segment = self.segments[number]
        was_open = ref in segment.open_tools
        # Also where the call cannot be shown: the end is that of this call.
        waiting = self.early_tool_ends.pop(ref, None)
        if waiting is None:
            lost = segment.add_tool(seq, ref, tool, None)
        else:
            self.size.remove_end(waiting.size)
            lost = segment.add_tool(seq, ref, tool, waiting.end)
            self._count(segment, waiting.size)
        if ref in segment.open_tools and not was_open:
            insort(self._open_tools.setdefault(ref, []), number)
        return lost

    def _end_tool(self, channel: str, fields: Fields, size: int) -> ToolEndEvent:
        """The end of a call, by rule 7."""
        end = ToolEndEvent(
            self.id,
            channel,
            text_of(fields, "ref"),
            ToolStatus(text_of(fields, "status") or "ok"),
            texts_of(fields, "queries"),
            citations_of(fields),
        )
        numbers = self._open_tools.get(end.ref)
        if numbers is None:
            self._let_wait(end, size)
            return end
        segment = self.segments[numbers[0]]
        segment.end_tool(end)
        self._count(segment, size)
        if end.ref not in segment.open_tools:
            del numbers[0]
            if not numbers:
                del self._open_tools[end.ref]
        return end

    def _let_wait(self, end: ToolEndEvent, size: int) -> None:
        """Hold an end for its start; instead of another with its ref, if there is one."""
        before = self.early_tool_ends.get(end.ref)
        if before is not None:
            self.size.remove_end(before.size)
        waiting = self.early_tool_ends[end.ref] = _WaitingEnd(end, _SIZE_OF_CALL + size)
        self.size.add_end(waiting.size)
        if len(self.early_tool_ends) > MOST_WAITING_ENDS:
            self.size.look_soon()

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


class _WaitingEnd:
    """The end of a call that has not begun, and what it takes in memory."""

    __slots__ = ("end", "size")

    def __init__(self, end: ToolEndEvent, size: int) -> None:
        self.end = end
        self.size = size


class _Segment:
    """What is held of a segment."""

    __slots__ = ("gapped", "items", "next_seq", "open_tools", "size_without_texts")

    def __init__(self) -> None:
        self.size_without_texts = 0
        self.gapped = False
        self.next_seq = 1  # The reset before it was 0; nothing is lost without it.
        # Text in the pieces that came: a token costs the same in a long answer.
        self.items: list[str | TranscriptItem] = []
        # By ref, the calls without an end: their places in `items`, and their tools.
        self.open_tools: dict[str, deque[tuple[int, str]]] = {}

    @property
    def size(self) -> int:
        """About the bytes that it takes in memory."""
        texts = [item for item in self.items if isinstance(item, str)]
        return self.size_without_texts + sum(map(getsizeof, texts))

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

    def end_tool(self, end: ToolEndEvent) -> None:
        """End the first open call with that ref, of which there must be one."""
        calls = self.open_tools[end.ref]
        place, tool = calls.popleft()
        self.items[place] = _tool_item(tool, end)
        if not calls:
            del self.open_tools[end.ref]


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
