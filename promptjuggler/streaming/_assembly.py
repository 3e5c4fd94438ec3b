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
12. What is held is bounded. A run of more than `MOST_BYTES_OF_A_RUN`, or with more than
    `MOST_WAITING_ENDS`, is let go; where all runs together are more than `MOST_RUNS` or
    `MOST_BYTES`, the oldest are. The verdict of a run that is let go is settled, as
    gapped, and a gap of its segment 0 is announced: its view is empty from then on, and
    no reset mends it.

Each frame takes the time that its own length needs, however much is held. No input
raises. A frame that is no JSON object, is of no run or of an unknown kind is
skipped. A field that is missing or of a wrong type counts as empty: 0, "", no entries;
the channel as "default".
"""

from __future__ import annotations

from uuid import UUID

from .._json import canonical_uuid
from ._fields import Fields, channel_of, decoded, text_of, whole_number
from ._held import MOST_WAITING_ENDS, HeldRun
from .events import (
    DoneEvent,
    FailureEvent,
    GapEvent,
    RunView,
    StaleEvent,
    StreamEvent,
)

MOST_VERDICTS = 4096
"""How many finished runs are remembered, for frames that come late. The oldest are
forgotten first: a process that reads a busy thread for months would else grow."""

MOST_RUNS = 1024
"""How many runs that have not finished are held."""

MOST_BYTES_OF_A_RUN = 32 * 2**20
"""How much of a run is held: about the bytes that it takes in memory."""

MOST_BYTES = 64 * 2**20
"""How much of all runs together is held."""

# The bounds are looked at whenever a run has grown by so much. With each frame, that
# would take a twentieth of the time of a token.
_STEP = 64 * 2**10

_TERMINAL = frozenset({"done", "failure"})
_KINDS = _TERMINAL | {"token", "reset", "data", "tool_start", "tool_end", "stale"}


class Assembler:
    """What is held of every run of one thread.

    It outlives connections: what the server sends again after a loss fits in. One thread
    calls `receive`; `view` may be called by others meanwhile.
    """

    def __init__(self) -> None:
        # By the UUID's canonical text, which is how the server writes it.
        self._runs: dict[str, HeldRun] = {}
        self._gapped_verdicts: dict[str, bool] = {}
        self._noted_size = 0  # Of all runs.

    @staticmethod
    def understands(kind: str, data: str) -> bool:
        """Whether a frame is one of the protocol, which `receive` does not skip.

        It reads the frame once more, so it is not for each of them.
        """
        fields = _document_of(kind, data)
        if fields is None:
            return False
        return kind == "stale" or canonical_uuid(text_of(fields, "runId")) is not None

    def receive(self, kind: str, data: str) -> list[StreamEvent]:
        """The events that a frame gives: mostly one, at times none or several.

        kind  the name of the frame
        data  its JSON text; "" for a `stale`, which says it all by its name
        """
        fields = _document_of(kind, data)
        if fields is None:
            return []
        if kind == "stale":
            self._runs.clear()
            self._noted_size = 0
            self._gapped_verdicts.clear()
            return [StaleEvent()]
        run_id = text_of(fields, "runId")
        # Nearly every frame is of a run that is held, and spells its id in the one way.
        run = self._runs.get(run_id)
        key = run_id if run else canonical_uuid(run_id)
        if key is None:
            return []
        if kind in _TERMINAL:
            return [self._finish(kind, key, fields)]
        if run is None:
            if key in self._gapped_verdicts:
                return self._straggler(key, fields)
            new = HeldRun(UUID(key), channel_of(fields))
            run = self._runs.setdefault(key, new)
        events = run.receive(kind, fields, data)
        if run.size.total >= run.size.next_look:
            events += self._let_go_of_excess(key, run)
        return events

    def view(self, run_id: str | UUID) -> RunView:
        """What is held of a run, built now; of a finished one, nothing but the verdict."""
        key = canonical_uuid(str(run_id)) or ""
        run = self._runs.get(key)
        if run is None:
            return RunView("", (), (), self._gapped_verdicts.get(key, False))
        return run.view(run.gapped)

    def _finish(self, kind: str, key: str, fields: Fields) -> StreamEvent:
        """A terminal frame, by rule 8."""
        channel = channel_of(fields)
        run = self._remove(key) or HeldRun(UUID(key), channel)
        gapped = self._settle(key, run.gapped or not run.segments)
        view = run.view(gapped)
        if kind == "done":
            return DoneEvent(run.id, channel, gapped, view)
        code = text_of(fields, "code") or "unknown"
        message = text_of(fields, "message")
        return FailureEvent(run.id, channel, code, message, gapped, view)

    def _straggler(self, key: str, fields: Fields) -> list[StreamEvent]:
        """A frame of a run that has finished, by rules 9 and 11."""
        if self._gapped_verdicts[key]:
            return []
        self._gapped_verdicts[key] = True
        number = whole_number(fields.get("segment"))
        return [GapEvent(UUID(key), channel_of(fields), number)]

    def _remove(self, key: str) -> HeldRun | None:
        run = self._runs.pop(key, None)
        if run is not None:
            self._noted_size -= run.size.noted
        return run

    def _settle(self, key: str, gapped: bool) -> bool:
        """Keep a verdict, and give it; one that the run has already stays."""
        gapped = self._gapped_verdicts.setdefault(key, gapped)
        if len(self._gapped_verdicts) > MOST_VERDICTS:
            del self._gapped_verdicts[next(iter(self._gapped_verdicts))]
        return gapped

    def _let_go_of_excess(self, key: str, run: HeldRun) -> list[GapEvent]:
        """Let go of what is too much, by rule 12. The run is new, or has changed much."""
        self._noted_size += run.size.note(_STEP)
        gaps: list[GapEvent] = []
        too_many_ends = len(run.early_tool_ends) > MOST_WAITING_ENDS
        if run.size.total > MOST_BYTES_OF_A_RUN or too_many_ends:
            gaps.append(self._let_go(key))
        while len(self._runs) > MOST_RUNS or self._noted_size > MOST_BYTES:
            gaps.append(self._let_go(next(iter(self._runs))))
        return gaps

    def _let_go(self, key: str) -> GapEvent:
        """Hold nothing of a run any more but its verdict, which is that it is gapped."""
        run = self._runs[key]
        # In this order: who asks for the view meanwhile is not told that nothing is lost.
        self._settle(key, True)
        self._remove(key)
        return GapEvent(run.id, run.channel, 0)


def _document_of(kind: str, data: str) -> Fields | None:
    """The document of a frame; None where it is no frame of the protocol, and skipped.

    That of a `stale` can be any: it says it all by its name.
    """
    if kind not in _KINDS:
        return None
    try:
        fields = decoded(data or "null")
    except (ValueError, RecursionError):  # Too deep.
        return None
    if isinstance(fields, dict):
        return fields
    return {} if kind == "stale" else None
