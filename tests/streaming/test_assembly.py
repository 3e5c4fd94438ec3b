"""The assembly of runs: which events a frame gives, and what is held of a run then."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from helpers.frames import (
    LOST,
    NOTHING,
    OTHER,
    RUN,
    STALE,
    Frame,
    assemble,
    done,
    ended,
    failure,
    gaps,
    payload,
    pending,
    receive,
    reset,
    text,
    token,
    tool_end,
    tool_start,
    view_of,
)

from promptjuggler import (
    Citation,
    ToolStatus,
    TranscriptData,
    TranscriptTool,
)
from promptjuggler.streaming._assembly import Assembler
from promptjuggler.streaming.events import (
    DataEvent,
    DoneEvent,
    FailureEvent,
    GapEvent,
    ResetEvent,
    RunView,
    StaleEvent,
    TokenEvent,
    ToolEndEvent,
    ToolStartEvent,
)

# --- events ---


def test_each_kind_of_frame_gives_its_event() -> None:
    """The fields of a frame are those of its event; a whole run gives nothing else."""
    _, events = assemble(
        reset(),
        token(1, "Hi"),
        payload(2, 7),
        tool_start(3, "r1"),
        tool_end("r1", "error", queries=["q"], citations=[{"title": "T", "url": "u"}]),
        done(),
    )
    view = RunView(
        "Hi",
        (
            text("Hi"),
            TranscriptData("emit", {"value": 7}),
            TranscriptTool("search", ToolStatus.ERROR, ("q",), (Citation("T", "u"),)),
        ),
        ({"value": 7},),
        gapped=False,
    )
    assert events == [
        ResetEvent(RUN, "default", 0),
        TokenEvent(RUN, "default", 0, 1, "Hi"),
        DataEvent(RUN, "default", "emit", {"value": 7}),
        ToolStartEvent(RUN, "default", "r1", "search"),
        ToolEndEvent(
            RUN, "default", "r1", ToolStatus.ERROR, ("q",), (Citation("T", "u"),)
        ),
        DoneEvent(RUN, "default", False, view),
    ]


def test_a_failure_carries_its_code_its_message_and_the_last_view() -> None:
    """`failure` ends a run as `done` does."""
    _, events = assemble(token(1, "Hi"), failure("quota", "No more."))
    view = RunView("Hi", (text("Hi"),), (), gapped=False)
    assert events[1:] == [
        FailureEvent(RUN, "default", "quota", "No more.", False, view)
    ]


def test_a_frame_keeps_its_channel() -> None:
    """The channel of an event is that of its frame, gaps included."""
    kind, fields = token(5, "x")
    _, events = assemble((kind, {**fields, "channel": "side"}))
    assert events == [TokenEvent(RUN, "side", 0, 5, "x"), GapEvent(RUN, "side", 0)]


@pytest.mark.parametrize(
    "kind", ["token", "reset", "data", "tool_start", "tool_end", "done", "failure"]
)
@pytest.mark.parametrize(
    "data",
    [
        "",
        " ",
        "nope",
        "{",
        '{"runId": "11111111-1111-4111-8111-111111111111"} {}',
        '{"runId": "11111111-1111-4111-8111-111111111111",}',
        '{"runId": "11111111-1111-4111-8111-111111111111", "seq": NaN}',
        '{"runId": "11111111-1111-4111-8111-111111111111", "payload": {"x": -Infinity}}',
        '{"runId": "11111111-1111-4111-8111-111111111111", "seq": ' + "1" * 5000 + "}",
        '{"runId": "11111111-1111-4111-8111-111111111111", "payload": ' + "[" * 200_000,
        '{"payload": '
        + "[" * 200_000
        + "]" * 200_000
        + ', "runId": "11111111-1111-4111-8111-111111111111"}',
        "null",
        "7",
        '"text"',
        '["11111111-1111-4111-8111-111111111111"]',
        "{}",
        '{"runId": null}',
        '{"runId": 7}',
        '{"runId": ["11111111-1111-4111-8111-111111111111"]}',
        '{"runId": {}}',
        '{"runId": ""}',
        '{"runId": "run-1"}',
        '{"runId": "11111111-1111-4111-8111-11111111111"}',
        '{"runId": "{11111111-1111-4111-8111-111111111111}"}',
        '{"runId": "11111111-1111-4111-8111-111111111111\\n"}',
        '{"runId": "\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661-1111-4111-8111-111111111111"}',
    ],
    ids=lambda data: data[:60] + "..." * (len(data) > 60) or "nothing",
)
def test_what_is_no_json_object_of_a_run_is_skipped(kind: str, data: str) -> None:
    """It gives no event and changes nothing, whatever the kind of the frame."""
    assembler, _ = assemble(reset(), token(1, "a"))
    assert assembler.receive(kind, data) == []
    assert receive(assembler, token(2, "b")) == [TokenEvent(RUN, "default", 0, 2, "b")]
    assert assembler.view(RUN) == RunView("ab", (text("ab"),), (), gapped=False)


@pytest.mark.parametrize(
    "kind", ["message", "", "Token", "tool", "reconnect", "token ", "heartbeat"]
)
def test_an_unknown_kind_is_skipped(kind: str) -> None:
    """Neither an event nor a change, however well the frame looks; `reconnect` is the
    connection's own matter."""
    assembler, _ = assemble(token(1, "a"))
    assert receive(assembler, (kind, token(2, "b")[1])) == []
    assert assembler.view(RUN).text == "a"


def test_white_space_around_the_json_is_no_harm() -> None:
    """JSON allows it."""
    kind, fields = token(1, "a")
    assert (
        len(Assembler().receive(kind, f" \t\r\n{json.dumps(fields, indent=1)}\n ")) == 1
    )


def test_missing_fields_count_as_empty() -> None:
    """segment and seq as 0, text as "", the channel as default, a status as ok, a code
    as unknown."""
    bare = {"runId": str(RUN)}
    kinds = ["reset", "token", "data", "tool_start", "tool_end", "failure"]
    events = [Assembler().receive(kind, json.dumps(bare))[0] for kind in kinds]
    assert events == [
        ResetEvent(RUN, "default", 0),
        TokenEvent(RUN, "default", 0, 0, ""),
        DataEvent(RUN, "default", "", {}),
        ToolStartEvent(RUN, "default", "", ""),
        ToolEndEvent(RUN, "default", "", ToolStatus.OK, (), ()),
        FailureEvent(RUN, "default", "unknown", "", True, LOST),
    ]


@pytest.mark.parametrize(
    "wrong", [None, True, 1.5, "1", [], {}, [1], {"a": 1}], ids=repr
)
def test_fields_of_a_wrong_type_count_as_missing(wrong: object) -> None:
    """What is of the right type by chance is taken as it is; no other gets into an event."""
    names = [
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
        "code",
    ]
    data = json.dumps(
        {"runId": str(RUN), "message": wrong, **dict.fromkeys(names, wrong)}
    )
    word = wrong if isinstance(wrong, str) else ""
    channel = word or "default"
    mapping = wrong if isinstance(wrong, dict) else {}
    kinds = ["reset", "token", "data", "tool_start", "tool_end", "failure"]
    assert [Assembler().receive(kind, data)[0] for kind in kinds] == [
        ResetEvent(RUN, channel, 0),
        TokenEvent(RUN, channel, 0, 0, word),
        DataEvent(RUN, channel, word, mapping),
        ToolStartEvent(RUN, channel, word, word),
        ToolEndEvent(RUN, channel, word, ToolStatus(word or "ok"), (), ()),
        FailureEvent(RUN, channel, word or "unknown", word, True, LOST),
    ]


def test_whole_numbers_may_be_written_with_a_fraction_of_zero() -> None:
    """1.0 is 1 in JSON."""
    kind, fields = token(1, "a", segment=0)
    assembler, events = assemble((kind, {**fields, "seq": 1.0, "segment": 0.0}))
    assert events == [TokenEvent(RUN, "default", 0, 1, "a")]
    assert assembler.view(RUN).text == "a"


def test_entries_of_a_wrong_type_are_left_out() -> None:
    """Queries that are no text, and citations without an address, are none."""
    citations = [
        7,
        {},
        {"title": "T"},
        {"url": ""},
        {"url": 7},
        {"url": "u"},
        {"url": "v", "title": 7},
    ]
    _, events = assemble(
        tool_end("r", queries=["a", 1, None, "b"], citations=citations)
    )
    assert events == [
        ToolEndEvent(
            RUN,
            "default",
            "r",
            ToolStatus.OK,
            ("a", "b"),
            (Citation("", "u"), Citation("", "v")),
        )
    ]


def test_a_status_newer_than_this_version_is_passed_on() -> None:
    """ToolStatus is an open enum."""
    _, events = assemble(tool_end("r", "cancelled"))
    assert isinstance(events[0], ToolEndEvent)
    assert events[0].status == "cancelled"


def test_the_run_of_a_frame_is_the_uuid_however_it_is_written() -> None:
    """Upper case is the same run; views can be asked for by text or UUID, in any spelling."""
    upper = UUID("ABCDEF01-1111-4111-8111-111111111111")
    first, second = token(1, "a", run=upper), token(2, "b", run=upper)
    second[1]["runId"] = str(upper).upper()
    assembler, events = assemble(first, second)
    assert gaps(events) == []
    assert {event.run_id for event in events if isinstance(event, TokenEvent)} == {
        upper
    }
    for spelling in (upper, str(upper), str(upper).upper(), upper.hex):
        assert assembler.view(spelling).text == "ab"


def test_a_view_of_an_unknown_run_is_empty() -> None:
    """So is that of something that is no run at all."""
    assembler, _ = assemble(token(1, "a"))
    assert assembler.view(OTHER) == NOTHING
    assert assembler.view("no such run") == NOTHING


def test_runs_are_held_apart() -> None:
    """What happens to one run changes nothing in another."""
    assembler, events = assemble(
        token(1, "a"), token(1, "x", run=OTHER), token(2, "b"), token(3, "z", run=OTHER)
    )
    assert gaps(events) == [0]
    assert assembler.view(RUN) == RunView("ab", (text("ab"),), (), gapped=False)
    assert assembler.view(OTHER) == RunView("x", (text("x"),), (), gapped=True)


# --- the rules of assembly, by their numbers ---


def test_1_a_segment_first_seen_at_1_has_lost_nothing() -> None:
    """Only its reset was missed."""
    assembler, events = assemble(token(1, "a"), token(2, "b"), token(1, "c", segment=1))
    assert gaps(events) == []
    assert assembler.view(RUN) == RunView("abc", (text("abc"),), (), gapped=False)


@pytest.mark.parametrize(
    "frame",
    [token(2, "b"), payload(2, 1), tool_start(7, "r")],
    ids=lambda frame: frame[0],
)
def test_1_a_segment_first_seen_above_1_is_gapped(frame: Frame) -> None:
    """Its head is lost, so nothing of it is held, also where what follows is in sequence."""
    assembler, events = assemble(frame, token(frame[1]["seq"] + 1, "c"))
    assert gaps(events) == [0]
    assert assembler.view(RUN) == LOST


def test_1_a_later_segment_first_seen_above_1_is_gapped() -> None:
    """The segment before it is still shown."""
    assembler, events = assemble(token(1, "a"), token(2, "x", segment=1))
    assert gaps(events) == [1]
    assert assembler.view(RUN) == RunView("a", (text("a"),), (), gapped=True)


@pytest.mark.parametrize("seq", [0, 1, 2, 4, 5, -1, 10**30])
def test_2_a_seq_that_is_not_the_next_freezes_the_segment(seq: int) -> None:
    """A hole, a repetition, a step back: the segment stays at what it has, and later
    frames of it are dropped."""
    assembler, events = assemble(
        reset(),
        token(1, "a"),
        token(2, "b"),
        token(seq, "x"),
        token(3, "c"),
        token(4, "d"),
    )
    assert gaps(events) == [0]
    assert assembler.view(RUN) == RunView("ab", (text("ab"),), (), gapped=True)


def test_2_a_frame_without_its_number_is_in_no_place() -> None:
    """A missing seq is 0, which is that of a reset and of nothing else."""
    kind, fields = token(0, "x")
    del fields["seq"]
    assembler, events = assemble((kind, fields), token(1, "a"))
    assert gaps(events) == [0]
    assert assembler.view(RUN) == LOST


def test_2_the_kinds_in_sequence_share_one_sequence() -> None:
    """Tokens, payloads and starts of tools are counted together, and each segment by itself."""
    _, events = assemble(
        reset(),
        token(1, "a"),
        payload(2, 1),
        tool_start(3, "r"),
        token(4, "b"),
        reset(1),
        payload(1, 2, segment=1),
        tool_start(2, "r", segment=1),
        token(3, "c", segment=1),
        token(5, "d"),
    )
    assert gaps(events) == []


@pytest.mark.parametrize(
    "frame",
    [token(3, "x"), payload(3, 1), tool_start(3, "r")],
    ids=lambda frame: frame[0],
)
def test_2_only_a_reset_heals_a_segment(frame: Frame) -> None:
    """A hole before a frame of any kind is a gap; after the reset the count starts over."""
    assembler, events = assemble(token(1, "a"), frame, token(2, "b"))
    assert gaps(events) == [0]
    assert assembler.view(RUN).text == "a"
    assert gaps(receive(assembler, reset(), token(1, "A"), token(2, "B"))) == []
    assert assembler.view(RUN) == RunView("AB", (text("AB"),), (), gapped=False)


def test_2_the_gap_follows_the_event_that_revealed_it() -> None:
    """And it is announced once, though events go out for each frame that the gap keeps
    out of the view."""
    _, events = assemble(
        token(1, "a"), token(3, "c"), token(4, "d"), payload(9, 1), tool_start(10, "r")
    )
    assert events == [
        TokenEvent(RUN, "default", 0, 1, "a"),
        TokenEvent(RUN, "default", 0, 3, "c"),
        GapEvent(RUN, "default", 0),
        TokenEvent(RUN, "default", 0, 4, "d"),
        DataEvent(RUN, "default", "emit", {"value": 1}),
        ToolStartEvent(RUN, "default", "r", "search"),
    ]


def test_2_a_segment_that_was_healed_can_be_gapped_again() -> None:
    """Then that is announced again."""
    _, events = assemble(
        token(1, "a"), token(3, "c"), reset(), token(1, "a"), token(4, "d")
    )
    assert gaps(events) == [0, 0]


@pytest.mark.parametrize(
    "frame",
    [
        token(1, "x", segment=2),
        payload(1, 1, segment=2),
        tool_start(1, "r", segment=2),
        reset(2),
    ],
    ids=lambda frame: frame[0],
)
def test_3_a_run_first_seen_above_segment_0_is_gapped_for_good(frame: Frame) -> None:
    """By any frame in sequence; nothing of it is shown, not even after a reset of its
    first segment."""
    assembler, events = assemble(frame)
    assert gaps(events) == [2]
    assert isinstance(events[-1], GapEvent)
    assert assembler.view(RUN) == LOST
    assert (
        gaps(
            receive(
                assembler, reset(2), token(1, "y", segment=2), reset(0), token(1, "z")
            )
        )
        == []
    )
    assert assembler.view(RUN) == LOST
    assert receive(assembler, done()) == [DoneEvent(RUN, "default", True, LOST)]


def test_3_one_frame_reveals_one_gap() -> None:
    """Also one that is the first of its run, above segment 0, and in the middle of that segment."""
    _, events = assemble(
        token(4, "x", segment=1), token(5, "y", segment=1), token(2, "z", segment=2)
    )
    assert gaps(events) == [1, 2]


def test_3_a_tool_end_is_no_sight_of_a_run() -> None:
    """It is in no sequence, and tells nothing of where the run is."""
    assembler, events = assemble(tool_end("r"), reset(1))
    assert gaps(events) == [1]
    assembler, events = assemble(tool_end("r"), reset(0), token(1, "a"))
    assert gaps(events) == []
    assert assembler.view(RUN).text == "a"


def test_4_what_is_above_the_lowest_gap_is_withheld() -> None:
    """The gapped segment shows what it has, and no segment above it shows anything,
    gapped or not."""
    assembler, _ = assemble(
        token(1, "a"), token(1, "b", segment=1), token(1, "c", segment=2)
    )
    assert assembler.view(RUN).text == "abc"
    events = receive(
        assembler, token(3, "x", segment=1), payload(2, 1, segment=2), token(2, "d")
    )
    assert gaps(events) == [1]
    assert assembler.view(RUN) == RunView("adb", (text("adb"),), (), gapped=True)
    receive(assembler, token(9, "x"))
    assert assembler.view(RUN) == RunView("ad", (text("ad"),), (), gapped=True)


def test_4_segments_count_by_their_numbers_not_by_when_they_came() -> None:
    """A token of a lower segment that comes late is in its place."""
    view = view_of(
        token(1, "a"),
        token(1, "c", segment=10),
        token(1, "b", segment=9),
        token(2, "A"),
    )
    assert view.text == "aAbc"


def test_5_a_reset_removes_its_segment_and_all_higher_ones() -> None:
    """Lower ones stay. Its segment starts whole: a first token is then 1."""
    assembler, _ = assemble(
        token(1, "a"), token(1, "b", segment=1), token(1, "c", segment=2)
    )
    assert receive(assembler, reset(1)) == [ResetEvent(RUN, "default", 1)]
    assert assembler.view(RUN) == RunView("a", (text("a"),), (), gapped=False)
    assert (
        gaps(receive(assembler, token(1, "B", segment=1), token(2, "C", segment=1)))
        == []
    )
    assert assembler.view(RUN).text == "aBC"
    assert gaps(receive(assembler, token(2, "x", segment=2))) == [2]


def test_5_a_reset_removes_gaps_too() -> None:
    """A gap of a segment that is no more is no gap of the run, and the verdict is clean."""
    assembler, events = assemble(
        token(1, "a"), token(1, "b", segment=1), token(5, "x", segment=2), reset(1)
    )
    assert gaps(events) == [2]
    assert assembler.view(RUN) == RunView("a", (text("a"),), (), gapped=False)
    (event,) = receive(assembler, done())
    assert isinstance(event, DoneEvent)
    assert not event.gapped


def test_5_a_reset_starts_at_0_whatever_its_own_seq() -> None:
    """The count of a segment is that of the rule, not of the frame."""
    kind, fields = reset()
    _, events = assemble((kind, {**fields, "seq": 7}), token(1, "a"))
    assert gaps(events) == []


def test_5_a_reset_that_removed_something_forgets_ends_that_wait() -> None:
    """They belong to calls that are void: a call of the new attempt with the same ref
    is pending."""
    view = view_of(reset(), token(1, "a"), tool_end("r"), reset(), tool_start(1, "r"))
    assert view.transcript == (pending(),)
    # Of its segment nothing but the opening was held: that is something too.
    assert view_of(reset(), tool_end("r"), reset(), tool_start(1, "r")).transcript == (
        pending(),
    )
    # Only a higher segment was held.
    view = view_of(
        token(1, "a"),
        token(1, "b", segment=2),
        tool_end("r"),
        reset(1),
        tool_start(1, "r", segment=1),
    )
    assert view.transcript == (text("a"), pending())


def test_5_a_reset_that_removed_nothing_keeps_ends_that_wait() -> None:
    """It opens a segment for the first time, and was overtaken together with the start
    of the call."""
    assert view_of(tool_end("r"), reset(), tool_start(1, "r")).transcript == (ended(),)
    view = view_of(
        token(1, "a"), tool_end("r"), reset(1), tool_start(1, "r", segment=1)
    )
    assert view.transcript == (text("a"), ended())


def test_5_calls_that_a_reset_removed_are_not_ended_any_more() -> None:
    """An end that comes for one of them waits for the next attempt's."""
    assembler, _ = assemble(tool_start(1, "r"), reset(), tool_end("r"))
    assert assembler.view(RUN).transcript == ()
    receive(assembler, tool_start(1, "r"))
    assert assembler.view(RUN).transcript == (ended(),)


def test_6_consecutive_tokens_are_one_block() -> None:
    """Also across the border of segments; a tool or a payload between them starts a new one."""
    view = view_of(
        reset(),
        token(1, "a"),
        token(2, "b"),
        payload(3, 1),
        payload(4, 2),
        token(5, "c"),
        reset(1),
        token(1, "d", segment=1),
        tool_start(2, "r", segment=1),
        reset(2),
        token(1, "e", segment=2),
        token(2, "f", segment=2),
    )
    assert view.transcript == (
        text("ab"),
        TranscriptData("emit", {"value": 1}),
        TranscriptData("emit", {"value": 2}),
        text("cd"),
        pending(),
        text("ef"),
    )
    assert view.text == "abcdef"
    assert view.data == ({"value": 1}, {"value": 2})
    assert not view.gapped


def test_6_the_transcript_has_the_types_of_a_prompt_run() -> None:
    """Its items give the API's own documents."""
    view = view_of(token(1, "a"), payload(2, 1), tool_start(3, "r"))
    assert [item.to_dict() for item in view.transcript] == [
        {"type": "text", "content": "a", "citations": []},
        {"type": "data", "tool": "emit", "payload": {"value": 1}},
        {
            "type": "tool",
            "name": "search",
            "status": "pending",
            "queries": [],
            "citations": [],
        },
    ]


def test_7_an_end_resolves_the_call_with_its_ref() -> None:
    """Status, queries and citations are those of the end; other calls stay pending."""
    view = view_of(
        tool_start(1, "r1"),
        tool_start(2, "r2"),
        tool_end(
            "r2", "error", queries=["q1", "q2"], citations=[{"title": "T", "url": "u"}]
        ),
    )
    assert view.transcript == (
        pending(),
        TranscriptTool("search", ToolStatus.ERROR, ("q1", "q2"), (Citation("T", "u"),)),
    )


def test_7_an_end_that_overtook_its_start_waits_for_it() -> None:
    """Its event goes out when it comes; the call is then never pending."""
    assembler, events = assemble(token(1, "a"), tool_end("r", "error"))
    assert [type(event) for event in events] == [TokenEvent, ToolEndEvent]
    assert assembler.view(RUN).transcript == (text("a"),)
    receive(assembler, tool_start(2, "x"), tool_start(3, "r"))
    assert assembler.view(RUN).transcript == (
        text("a"),
        pending(),
        ended(ToolStatus.ERROR),
    )


def test_7_the_first_pending_call_in_the_order_of_segments_is_resolved() -> None:
    """Not the one that came first, nor one that is resolved already."""
    frames = [
        token(1, "a"),
        tool_start(1, "r", segment=2, tool="third"),
        tool_start(1, "r", segment=1, tool="first"),
        tool_start(2, "r", segment=1, tool="second"),
    ]
    assembler, _ = assemble(*frames)
    names = []
    for _ in range(3):
        before = assembler.view(RUN).transcript
        receive(assembler, tool_end("r"))
        changed = set(assembler.view(RUN).transcript) - set(before)
        names += [item.name for item in changed if isinstance(item, TranscriptTool)]
    assert names == ["first", "second", "third"]


def test_7_of_ends_that_wait_with_one_ref_the_latest_counts() -> None:
    """It resolves one call."""
    view = view_of(
        tool_end("r"), tool_end("r", "error"), tool_start(1, "r"), tool_start(2, "r")
    )
    assert view.transcript == (ended(ToolStatus.ERROR), pending())


def test_7_a_call_that_a_gap_keeps_out_takes_its_end_with_it() -> None:
    """It reveals the gap, or comes after it: neither is shown, nor is the end that of a
    later call."""
    frames = [reset(0), token(1, "a"), tool_end("r"), tool_start(9, "r")]
    assert view_of(*frames, tool_start(1, "r", segment=1)).transcript == (text("a"),)
    assert view_of(*frames, reset(1), reset(0), tool_start(1, "r")).transcript == (
        pending(),
    )
    frames = [
        reset(0),
        tool_start(9, "x"),
        token(1, "b", segment=1),
        tool_end("r"),
        tool_start(2, "r"),
    ]
    assembler, _ = assemble(*frames)
    receive(assembler, reset(2))
    receive(assembler, tool_start(1, "r", segment=2))
    assert assembler._runs[str(RUN)].segments[2].items == [pending()]


def test_6_a_character_that_is_cut_in_two_is_whole_again() -> None:
    """A server may cut its text between the two halves that stand for it in JSON; alone
    they are no characters."""
    assembler, events = assemble(reset(0), token(1, "a\ud83d"), token(2, "\ude00b"))
    assert [event.text for event in events if isinstance(event, TokenEvent)] == [
        "a\ud83d",
        "\ude00b",
    ]
    assert assembler.view(RUN).text == "a\U0001f600b"
    assert view_of(token(1, "\ufeffé"), token(2, "\ud83d")).text == "\ufeffé\ud83d"


def test_7_citations_are_held_once_for_each_address() -> None:
    """The first one is kept."""
    citations = [
        {"title": title, "url": url}
        for title, url in [("A", "u"), ("B", "v"), ("C", "u"), ("A", "w")]
    ]
    assembler, events = assemble(tool_start(1, "r"), tool_end("r", citations=citations))
    once = (Citation("A", "u"), Citation("B", "v"), Citation("A", "w"))
    assert isinstance(events[1], ToolEndEvent)
    assert events[1].citations == once
    assert assembler.view(RUN).transcript == (
        TranscriptTool("search", ToolStatus.OK, (), once),
    )


# --- the terminal state ---


@pytest.mark.parametrize("terminal", [done(), failure()], ids=lambda frame: frame[0])
@pytest.mark.parametrize(
    ("frames", "gapped", "shown"),
    [
        ([reset(), token(1, "a")], False, "a"),
        ([reset()], False, ""),
        ([token(1, "a"), token(3, "c")], True, "a"),
        (
            [token(1, "a"), token(1, "b", segment=1), token(3, "c", segment=1)],
            True,
            "ab",
        ),
        ([token(1, "a"), token(3, "c"), reset(), token(1, "b")], False, "b"),
        ([reset(1)], True, ""),
        ([], True, ""),
        ([tool_end("r")], True, ""),
    ],
    ids=[
        "whole",
        "empty",
        "gap",
        "higher gap",
        "healed gap",
        "headless",
        "never seen",
        "only a tool's end",
    ],
)
def test_the_verdict_says_whether_the_run_came_whole(
    terminal: Frame, frames: list[Frame], gapped: bool, shown: str
) -> None:
    """Gapped: any segment is, or the beginning was never seen, or nothing in sequence ever was."""
    assembler, _ = assemble(*frames)
    (event,) = receive(assembler, terminal)
    assert isinstance(event, DoneEvent | FailureEvent)
    assert (event.gapped, event.view.gapped, event.view.text) == (gapped, gapped, shown)


def test_after_the_verdict_nothing_is_held() -> None:
    """The last view is in the terminal event; what is asked for later is empty, and
    knows the verdict."""
    assembler, _ = assemble(
        token(1, "a"), done(), token(2, "b", run=OTHER), done(OTHER)
    )
    assert assembler.view(RUN) == NOTHING
    assert assembler.view(OTHER) == LOST


@pytest.mark.parametrize(
    "frames", [[token(1, "a")], [token(2, "b")]], ids=["clean", "gapped"]
)
def test_a_repeated_terminal_frame_repeats_the_verdict(frames: list[Frame]) -> None:
    """Of whichever kind it is. The view went out with the first."""
    assembler, (*_, first) = assemble(*frames, done())
    assert isinstance(first, DoneEvent)
    empty = RunView("", (), (), first.gapped)
    assert receive(assembler, done(), failure("c", "m")) == [
        DoneEvent(RUN, "default", first.gapped, empty),
        FailureEvent(RUN, "default", "c", "m", first.gapped, empty),
    ]


STRAGGLERS = [
    token(2, "b"),
    token(1, "b", segment=3),
    payload(2, 1),
    tool_start(2, "r"),
    reset(),
    reset(1),
    tool_end("r"),
]


@pytest.mark.parametrize("straggler", STRAGGLERS, ids=lambda frame: frame[0])
def test_a_straggler_turns_a_clean_verdict_and_is_announced_once(
    straggler: Frame,
) -> None:
    """It gives no event of its own and changes nothing else; from then on the verdict is gapped."""
    assembler, _ = assemble(reset(), token(1, "a"), done())
    assert receive(assembler, straggler) == [
        GapEvent(RUN, "default", straggler[1].get("segment", 0))
    ]
    assert assembler.view(RUN) == LOST
    assert receive(assembler, *STRAGGLERS) == []
    assert receive(assembler, done()) == [DoneEvent(RUN, "default", True, LOST)]


@pytest.mark.parametrize("straggler", STRAGGLERS, ids=lambda frame: frame[0])
def test_a_straggler_after_a_gapped_verdict_is_nothing_new(straggler: Frame) -> None:
    """No event at all."""
    assembler, _ = assemble(token(1, "a"), token(3, "c"), failure())
    assert receive(assembler, straggler) == []
    assert receive(assembler, failure()) == [
        FailureEvent(RUN, "default", "timeout", "It took too long.", True, LOST),
    ]


def test_a_straggler_concerns_its_own_run_alone() -> None:
    """Another run that is finished keeps its verdict."""
    assembler, _ = assemble(
        token(1, "a"), token(1, "b", run=OTHER), done(), done(OTHER), token(2, "c")
    )
    assert assembler.view(RUN).gapped
    assert not assembler.view(OTHER).gapped


# --- stale ---


@pytest.mark.parametrize("data", ["{}", "", "[]", "null", '{"reason": "x"}'])
def test_stale_drops_everything(data: str) -> None:
    """Content, gaps, ends that wait and verdicts. It needs no data, for it has nothing to say."""
    assembler, _ = assemble(
        token(1, "a"),
        tool_end("r"),
        token(5, "x"),
        token(1, "b", run=OTHER),
        done(OTHER),
    )
    assert assembler.receive("stale", data) == [StaleEvent()]
    assert assembler.view(RUN) == NOTHING
    assert gaps(receive(assembler, reset(), token(1, "a"), tool_start(2, "r"))) == []
    assert assembler.view(RUN).transcript == (text("a"), pending())
    (reset_event, token_event, done_event) = receive(
        assembler, reset(run=OTHER), token(1, "again", run=OTHER), done(OTHER)
    )
    assert isinstance(reset_event, ResetEvent)
    assert isinstance(token_event, TokenEvent)
    assert done_event == DoneEvent(
        OTHER, "default", False, RunView("again", (text("again"),), (), gapped=False)
    )


def test_a_stale_that_is_broken_is_skipped() -> None:
    """As every frame is whose data is not JSON."""
    assembler, _ = assemble(token(1, "a"))
    assert assembler.receive("stale", "{") == []
    assert assembler.view(RUN).text == "a"


def test_stale_is_an_event_also_where_nothing_is_held() -> None:
    """The user may hold something."""
    assert receive(Assembler(), STALE, STALE) == [StaleEvent(), StaleEvent()]
