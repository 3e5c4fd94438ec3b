"""What holds of the assembly whatever the frames are, and what it costs."""

from __future__ import annotations

import json
import random
import tracemalloc
from collections import defaultdict
from typing import Any
from uuid import UUID

from helpers.frames import (
    OTHER,
    RUN,
    Frame,
    assemble,
    done,
    gaps,
    payload,
    receive,
    reset,
    token,
    tool_end,
    tool_start,
    view_of,
)
from helpers.memory import held_by, traced_memory

import promptjuggler
from promptjuggler import (
    ToolStatus,
    TranscriptData,
    TranscriptItem,
    TranscriptText,
    TranscriptTool,
)
from promptjuggler.streaming._assembly import MOST_VERDICTS, Assembler
from promptjuggler.streaming.events import (
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

# --- cost ---


def test_finished_runs_leave_nothing_behind_but_a_bounded_number_of_verdicts() -> None:
    """Memory is flat over runs that finish; a run of long ago is forgotten, the newer
    ones are not."""
    assembler = Assembler()
    runs = [UUID(int=number) for number in range(MOST_VERDICTS + 1)]
    for run in runs:
        receive(assembler, token(1, "a", run=run), done(run))
    assert receive(assembler, token(2, "b", run=runs[1])) == [
        GapEvent(runs[1], "default", 0)
    ]
    assert receive(assembler, token(2, "b", run=runs[0])) == [
        TokenEvent(runs[0], "default", 0, 2, "b"),
        GapEvent(runs[0], "default", 0),
    ]


def test_the_text_of_finished_runs_is_let_go() -> None:
    """Ten runs of two megabytes each, one after the other, never need more than one of
    them does."""
    assembler = Assembler()
    frames = [
        (kind, json.dumps(fields))
        for kind, fields in (token(seq, "x" * 20_000) for seq in range(1, 101))
    ]
    with traced_memory():
        for number in range(10):
            for kind, data in frames:
                assembler.receive(kind, data.replace(str(RUN), str(UUID(int=number))))
            receive(assembler, done(UUID(int=number)))
        held = held_by(promptjuggler, json)
        _, peak = tracemalloc.get_traced_memory()
    assert held < 100_000
    assert peak < 8_000_000


def test_a_token_costs_the_same_at_the_end_of_a_long_answer() -> None:
    """With four megabytes of text held, a token needs no more memory for a moment than
    it does at the start."""
    assembler, _ = assemble(*(token(seq, "x" * 4000) for seq in range(1, 1001)))
    kind, fields = token(1001, "y")
    data = json.dumps(fields)
    tracemalloc.start()
    try:
        assembler.receive(kind, data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000
    assert len(assembler.view(RUN).text) == 4_000_001


# --- properties ---


class Model:
    """The rules again, in the plainest way: everything accepted is kept in one list,
    and looked through each time."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.accepted: dict[UUID, list[tuple[int, int, str, Any]]] = defaultdict(list)
        self.broken: dict[UUID, set[int]] = defaultdict(set)
        self.opened: dict[UUID, set[int]] = defaultdict(set)
        self.first: dict[UUID, int] = {}
        self.ends: dict[UUID, dict[str, dict[str, Any]]] = defaultdict(dict)
        self.verdicts: dict[UUID, bool] = {}

    def receive(  # noqa: C901  # the rules in their order
        self, kind: str, fields: dict[str, Any]
    ) -> list[tuple[str, int]]:
        """Names and segments of the events."""
        if kind == "stale":
            self.forget()
            return [("stale", 0)]
        run, segment, seq = (
            UUID(fields["runId"]),
            fields.get("segment", 0),
            fields.get("seq", 0),
        )
        if run in self.verdicts:
            if kind in ("done", "failure"):
                return [(kind, 0)]
            clean, self.verdicts[run] = not self.verdicts[run], True
            return [("gap", segment)] if clean else []
        if kind in ("done", "failure"):
            self.verdicts[run] = run not in self.first or self.gapped(run)
            return [(kind, 0)]
        if kind == "tool_end":
            self.end(run, fields)
            return [(kind, 0)]
        # The events of payloads and tools do not say their segment.
        result = [(kind, segment if kind in ("token", "reset") else 0)]
        if run not in self.first:
            self.first[run] = segment
            result += [("gap", segment)] if segment > 0 else []
        end = self.ends[run].pop(fields["ref"], None) if kind == "tool_start" else None
        if kind == "reset":
            if any(number >= segment for number in self.opened[run]):
                self.ends[run].clear()
            self.accepted[run] = [
                entry for entry in self.accepted[run] if entry[0] < segment
            ]
            self.broken[run] = {
                number for number in self.broken[run] if number < segment
            }
            self.opened[run] = {
                number for number in self.opened[run] if number < segment
            } | {segment}
            return result
        self.opened[run].add(segment)
        if segment in self.broken[run]:
            return result
        if seq != 1 + sum(entry[0] == segment for entry in self.accepted[run]):
            self.broken[run].add(segment)
            return [result[0], ("gap", segment)]
        content: Any = fields.get("text", fields.get("payload"))
        if kind == "tool_start":
            content = {
                "ref": fields["ref"],
                "status": end["status"] if end else "pending",
            }
        self.accepted[run].append((segment, seq, kind, content))
        return result

    def end(self, run: UUID, fields: dict[str, Any]) -> None:
        for _, _, kind, content in sorted(
            self.accepted[run], key=lambda entry: entry[:2]
        ):
            if kind == "tool_start" and content == {
                "ref": fields["ref"],
                "status": "pending",
            }:
                content["status"] = fields["status"]
                return
        self.ends[run][fields["ref"]] = fields

    def gapped(self, run: UUID) -> bool:
        return self.first.get(run, 0) > 0 or bool(self.broken[run])

    def atoms(self, run: UUID) -> list[Any]:
        """What is shown, in order: characters, payloads, and the statuses of tools."""
        if self.first.get(run, 0) > 0:
            return []
        end = min(self.broken[run] or [10**9])
        result: list[Any] = []
        for segment, _, kind, content in sorted(
            self.accepted[run], key=lambda entry: entry[:2]
        ):
            if segment <= end:
                result += (
                    list(content)
                    if kind == "token"
                    else [content.get("status", content)]
                )
        return result


def atoms(view: RunView) -> list[Any]:
    """What a view shows, in the same form; text, payloads and transcript of the view must agree."""
    texts = [
        item.content for item in view.transcript if isinstance(item, TranscriptText)
    ]
    assert view.text == "".join(texts)
    assert view.data == tuple(
        item.payload for item in view.transcript if isinstance(item, TranscriptData)
    )
    kinds = [item.type for item in view.transcript]
    assert ("text", "text") not in zip(kinds, kinds[1:], strict=False)
    return [atom for item in view.transcript for atom in _item_atoms(item)]


def _item_atoms(item: TranscriptItem) -> list[Any]:
    if isinstance(item, TranscriptText):
        return list(item.content)
    if isinstance(item, TranscriptData):
        return [item.payload]
    assert isinstance(item, TranscriptTool)
    return [item.status]


EVENT_NAMES = {
    TokenEvent: "token",
    ResetEvent: "reset",
    DataEvent: "data",
    ToolStartEvent: "tool_start",
    ToolEndEvent: "tool_end",
    GapEvent: "gap",
    StaleEvent: "stale",
    DoneEvent: "done",
    FailureEvent: "failure",
}


def random_frame(rng: random.Random, counts: dict[tuple[UUID, int], int]) -> Frame:
    """A frame that often goes on where its segment is, and often does not."""
    run, segment = rng.choice([RUN, RUN, OTHER]), rng.choice([0, 0, 0, 0, 1, 1, 2])
    kind = rng.choices(
        [
            "token",
            "data",
            "tool_start",
            "tool_end",
            "reset",
            "done",
            "failure",
            "stale",
        ],
        [9, 3, 4, 4, 2, 0.4, 0.3, 0.3],
    )[0]
    seq = counts.get((run, segment), 0) + rng.choices([1, 2, 0], [12, 1, 1])[0]
    counts[run, segment] = (
        0
        if kind == "reset"
        else seq
        if kind in ("token", "data", "tool_start")
        else seq - 1
    )
    ref = rng.choice("rs")
    status = rng.choice(["ok", "error"])
    fields: dict[str, Any] = {"runId": str(run), "channel": "default"}
    in_sequence = {**fields, "segment": segment, "seq": seq}
    return kind, {
        "token": {**in_sequence, "text": rng.choice(["a", "bc", "d"])},
        "data": {**in_sequence, "tool": "emit", "payload": {"n": seq}},
        "tool_start": {**in_sequence, "ref": ref, "tool": "search"},
        "tool_end": {**fields, "ref": ref, "status": status},
        "reset": {**in_sequence, "seq": 0},
        "stale": {},
    }.get(kind, fields)


def test_random_frames_give_what_the_rules_say() -> None:
    """Events and views after each of many thousand frames, against a model that is
    written in another way."""
    rng = random.Random(6)
    seen: dict[str, int] = {}
    for _ in range(200):
        assembler, model, counts = Assembler(), Model(), dict[tuple[UUID, int], int]()
        for _ in range(rng.randrange(60)):
            kind, fields = random_frame(rng, counts)
            last = (
                atoms(assembler.view(UUID(fields["runId"])))
                if kind in ("done", "failure")
                else []
            )
            events = receive(assembler, (kind, fields))
            names = [
                (EVENT_NAMES[type(event)], getattr(event, "segment", 0))
                for event in events
            ]
            assert names == model.receive(kind, fields)
            for name, _ in names:
                seen[name] = seen.get(name, 0) + 1
            for run in (RUN, OTHER):
                view = assembler.view(run)
                finished = run in model.verdicts
                assert view.gapped == (
                    model.verdicts[run] if finished else model.gapped(run)
                )
                assert atoms(view) == ([] if finished else model.atoms(run))
            for event in events:
                if isinstance(event, DoneEvent | FailureEvent):
                    assert (
                        event.gapped
                        == event.view.gapped
                        == model.verdicts[event.run_id]
                    )
                    assert atoms(event.view) == last
    assert min(seen.get(name, 0) for name in EVENT_NAMES.values()) > 25, seen


def true_run(rng: random.Random) -> list[Frame]:
    """All frames of one run, in order: segments with tokens, payloads and tools that
    end at last, and no retries."""
    frames: list[Frame] = []
    for segment in range(rng.randrange(1, 4)):
        frames.append(reset(segment))
        for seq in range(1, rng.randrange(3, 15)):
            kind = rng.choice(["token", "token", "token", "data", "tool"])
            if kind == "token":
                frames.append(token(seq, rng.choice(["a", "b", "cd"]), segment))
            elif kind == "data":
                frames.append(payload(seq, rng.randrange(9), segment))
            else:
                frames += [
                    tool_start(seq, f"{segment}.{seq}", segment),
                    tool_end(f"{segment}.{seq}"),
                ]
    return frames


def test_whatever_is_lost_the_view_is_a_true_prefix() -> None:
    """Frames of a true run are dropped at random. Only the last in sequence of each
    segment arrives always: that there was more to come after the last one that came is
    nothing that a client can know."""
    rng = random.Random(7)
    lost = 0
    for _ in range(250):
        frames = true_run(rng)
        whole = atoms(view_of(*frames))
        keep = {
            frame[1]["segment"]: index
            for index, frame in enumerate(frames)
            if "segment" in frame[1]
        }.values()
        rate = rng.choice([0.02, 0.1, 0.5])
        kept = [
            frame
            for index, frame in enumerate(frames)
            if index in keep or rng.random() > rate
        ]
        assembler, all_events = Assembler(), []
        for frame in kept:
            all_events += receive(assembler, frame)
            view = assembler.view(RUN)
            shown = ["ok" if atom == "pending" else atom for atom in atoms(view)]
            assert shown == whole[: len(shown)]
            assert view.gapped == bool(gaps(all_events))
        view = assembler.view(RUN)
        (terminal,) = receive(assembler, done())
        assert isinstance(terminal, DoneEvent)
        assert terminal.view == view
        if not terminal.gapped:
            assert [atom for atom in atoms(view) if atom != "pending"] == [
                atom
                for atom, other in zip(whole, atoms(view), strict=True)
                if other != "pending"
            ]
        lost += terminal.gapped
    assert 50 < lost < 250


def test_ends_of_tools_may_come_at_any_time() -> None:
    """However the frames that are in no sequence overtake the others or trail them, the
    run is the same in the end."""
    rng = random.Random(8)
    for _ in range(150):
        frames = true_run(rng)
        ends = [frame for frame in frames if frame[0] == "tool_end"]
        others = [frame for frame in frames if frame[0] != "tool_end"]
        for end in ends:
            others.insert(rng.randrange(len(others) + 1), end)
        assembler, events = assemble(*others)
        assert gaps(events) == []
        assert assembler.view(RUN) == view_of(*frames)


def test_no_input_raises() -> None:
    """Frames of arbitrary JSON under the right names: events have the types that they
    promise, views can be built."""
    rng = random.Random(9)
    values: list[Any] = [
        *(
            None,
            True,
            False,
            0,
            1,
            -1,
            2.0,
            1.5,
            1e300,
            10**40,
            "",
            "a",
            "\ud800",
            "1",
            str(RUN),
            str(OTHER),
            "ok",
        ),
        *(
            [],
            {},
            [None],
            ["a"],
            [[]],
            [{"url": "u"}],
            [{"url": 1}],
            [{"title": 1, "url": "u"}],
            {"a": None},
        ),
    ]
    names = [
        "runId",
        "channel",
        "segment",
        "seq",
        "text",
        "tool",
        "payload",
        "ref",
        "status",
        "queries",
        "citations",
    ]
    count = 0
    for _ in range(150):
        assembler = Assembler()
        for _ in range(40):
            fields = {
                name: rng.choice(values)
                for name in [*names, "code", "message"]
                if rng.random() < 0.8
            }
            if rng.random() < 0.9:
                fields["runId"] = rng.choice([str(RUN), str(OTHER)])
            if rng.random() < 0.5:
                fields["segment"], fields["seq"] = (
                    rng.choice([0, 1]),
                    rng.choice([1, 2, 3]),
                )
            data = json.dumps(fields)
            if rng.random() < 0.1:
                place = rng.randrange(len(data))
                data = (
                    data[:place]
                    + rng.choice(["", '"', "{", "\\", "NaN", "1e999"])
                    + data[place + 1 :]
                )
            for event in assembler.receive(
                rng.choice([*EVENT_NAMES.values(), "reconnect", "message"]), data
            ):
                check_types(event)
                count += 1
            for run in (RUN, OTHER):
                atoms(assembler.view(run))
    assert count > 2000


def check_types(event: StreamEvent) -> None:
    """The fields are of the types that their annotations say."""
    kinds = {
        "run_id": UUID,
        "channel": str,
        "segment": int,
        "seq": int,
        "text": str,
        "ref": str,
        "tool": str,
        "payload": dict,
        "status": ToolStatus,
        "queries": tuple,
        "citations": tuple,
        "code": str,
        "message": str,
        "gapped": bool,
        "view": RunView,
    }
    for name in type(event).__match_args__:
        assert type(getattr(event, name)) is kinds[name], event
