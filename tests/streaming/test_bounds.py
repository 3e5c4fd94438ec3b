"""However much a server sends: what is held of runs is bounded, and so is the time that
each frame takes."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any
from uuid import UUID

import pytest
from helpers.frames import (
    LOST,
    OTHER,
    RUN,
    Frame,
    assemble,
    done,
    payload,
    receive,
    reset,
    token,
    tool_end,
    tool_start,
)
from helpers.memory import held_by, traced_memory

import promptjuggler
from promptjuggler.streaming import _assembly
from promptjuggler.streaming._assembly import (
    MOST_BYTES,
    MOST_BYTES_OF_A_RUN,
    MOST_RUNS,
    MOST_VERDICTS,
    Assembler,
)
from promptjuggler.streaming._held import MOST_WAITING_ENDS
from promptjuggler.streaming.events import DoneEvent, GapEvent, StreamEvent

MEBIBYTE = 2**20


def run_id(number: int) -> UUID:
    """The id of one of many runs."""
    return UUID(int=number)


def gaps_of(events: Iterable[StreamEvent]) -> list[UUID]:
    """The runs of the gaps that were announced."""
    return [event.run_id for event in events if isinstance(event, GapEvent)]


def held_after(frames: Iterable[Frame]) -> tuple[Assembler, list[UUID], int]:
    """A new assembler that has received the frames, the runs whose gaps were announced,
    and the bytes that it takes in memory."""
    texts = [(kind, json.dumps(fields)) for kind, fields in frames]
    with traced_memory():
        assembler = Assembler()
        gaps: list[UUID] = []
        for kind, text in texts:
            gaps += gaps_of(assembler.receive(kind, text))
        return assembler, gaps, held_by(promptjuggler, json)


# --- what is held ---


def test_of_more_runs_than_are_held_the_oldest_go_each_with_a_gap() -> None:
    """Twice as many run ids as are held."""
    count = 2 * MOST_RUNS
    assembler, events = assemble(
        *(token(1, "a", run=run_id(number)) for number in range(count))
    )
    assert gaps_of(events) == [run_id(number) for number in range(count - MOST_RUNS)]
    assert assembler.view(run_id(0)) == LOST
    assert assembler.view(run_id(count - 1)).text == "a"
    assert not assembler.view(run_id(count - MOST_RUNS)).gapped


def test_run_ids_without_end_take_no_more_memory_than_those_that_are_held() -> None:
    """That is less than 4 KiB for each, and something for the verdicts of the others."""
    count = MOST_VERDICTS + MOST_RUNS + 100
    frames = (token(1, "a", run=run_id(number)) for number in range(count))
    _, gaps, held = held_after(frames)
    assert len(set(gaps)) == count - MOST_RUNS
    assert held < 4 * MEBIBYTE


FEW_BYTES = MOST_BYTES_OF_A_RUN // 8
"""A bound for tests of what is reckoned, which need not be about as much as a run may be."""


@pytest.fixture
def few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a run, `FEW_BYTES` are held."""
    monkeypatch.setattr(_assembly, "MOST_BYTES_OF_A_RUN", FEW_BYTES)


def test_a_run_is_held_up_to_its_bound_and_goes_with_more() -> None:
    tokens = [token(seq, "x" * MEBIBYTE) for seq in range(1, 33)]
    assert len(tokens) * MEBIBYTE == MOST_BYTES_OF_A_RUN
    assembler, events = assemble(*tokens[:-1])
    assert gaps_of(events) == []
    assert len(assembler.view(RUN).text) == 31 * MEBIBYTE
    assert gaps_of(receive(assembler, tokens[-1])) == [RUN]


BIG = {
    "tokens": lambda number: token(number + 1, "x" * MEBIBYTE),
    "payloads": lambda number: payload(number + 1, "x" * MEBIBYTE),
    "payloads of tiny values": lambda number: payload(number + 1, [[]] * 2_000),
    "calls": lambda number: tool_start(number + 1, f"{number}" * 100_000),
    "the same call": lambda number: tool_start(number + 1, "ref", tool="x" * MEBIBYTE),
    "ends that wait": lambda number: tool_end(f"{number}", queries=["x" * MEBIBYTE]),
    "segments": lambda number: reset(number),
    "segments of tokens": lambda number: token(1, "x" * 10_000, segment=number),
    "a channel": lambda number: (
        "reset",
        {**reset()[1], "channel": "x" * (FEW_BYTES + 1)},
    ),
}


@pytest.mark.usefixtures("few_bytes")
@pytest.mark.parametrize("make", BIG.values(), ids=BIG)
def test_a_run_without_end_goes_when_it_is_too_big_and_leaves_the_others(
    make: Callable[[int], Frame],
) -> None:
    """A gap is announced. Nothing of it is held from then on, and it is never taken for
    whole."""
    assembler, _ = assemble(token(1, "a", run=OTHER))
    number = 0
    gaps: list[UUID] = []
    while not gaps:
        gaps = gaps_of(receive(assembler, make(number)))
        number += 1
        assert number < 10_000
    assert gaps == [RUN]
    assert assembler.view(RUN) == LOST
    assert receive(assembler, reset(), make(number), tool_end("r")) == []
    assert receive(assembler, done()) == [DoneEvent(RUN, "default", True, LOST)]
    assert assembler.view(OTHER).text == "a"


REAL = {name: make for name, make in BIG.items() if name != "a channel"}


@pytest.mark.parametrize("make", REAL.values(), ids=REAL)
def test_what_a_run_takes_in_memory_is_no_more_than_is_reckoned(
    make: Callable[[int], Frame],
) -> None:
    """About: by a quarter at most. So the bounds are of real bytes."""
    frames = [make(number) for number in range(10)]
    assembler, gaps, held = held_after(frames)
    assert gaps == []
    (run,) = assembler._runs.values()
    assert held < run.size.total * 1.25 + 10_000


def test_of_runs_that_are_too_big_together_the_oldest_go() -> None:
    """Each is small enough."""
    text = "x" * MEBIBYTE
    of_one = MOST_BYTES_OF_A_RUN // MEBIBYTE - 1
    assembler = Assembler()
    gaps: list[UUID] = []
    for number in range(4):
        for seq in range(1, of_one + 1):
            frame = token(seq, text, run=run_id(number))
            gaps += gaps_of(receive(assembler, frame))
    assert gaps == [run_id(number) for number in range(2)]
    assert len(assembler.view(run_id(3)).text) == of_one * MEBIBYTE
    assert sum(run.size.total for run in assembler._runs.values()) <= MOST_BYTES


def test_ends_of_tools_that_wait_are_held_up_to_a_number() -> None:
    """Up to there each finds its start; a run with one more goes."""
    ends = [tool_end(f"{number}") for number in range(MOST_WAITING_ENDS)]
    starts = [
        tool_start(number + 1, f"{number}") for number in range(MOST_WAITING_ENDS)
    ]
    assembler, events = assemble(*ends, *starts)
    assert gaps_of(events) == []
    statuses = {str(item.status) for item in assembler.view(RUN).transcript}  # type: ignore[union-attr]
    assert statuses == {"ok"}
    _, events = assemble(*ends, tool_end("one more"))
    assert gaps_of(events) == [RUN]


def test_ends_of_tools_without_starts_take_no_more_memory_than_those_that_are_held() -> (
    None
):
    """Nothing is held of their run, in the end."""
    frames = (tool_end(f"{number}") for number in range(4_000))
    _, gaps, held = held_after(frames)
    assert gaps == [RUN]
    assert held < MEBIBYTE


def test_an_answer_of_150_000_tokens_is_held_whole() -> None:
    """It is more than any model gives."""
    assembler = Assembler()
    head = json.dumps(token(0, "four")[1])
    for seq in range(1, 150_001):
        assembler.receive("token", head.replace('"seq": 0', f'"seq": {seq}'))
    (event,) = receive(assembler, done())
    assert isinstance(event, DoneEvent)
    assert (len(event.view.text), event.gapped) == (600_000, False)


@pytest.mark.usefixtures("few_bytes")
def test_what_a_reset_removes_is_held_no_longer() -> None:
    """A run that is generated again and again goes on, however long that is."""
    part = FEW_BYTES // 32
    assembler = Assembler()
    events: list[StreamEvent] = []
    for _ in range(3 * FEW_BYTES // (4 * part)):
        events += receive(
            assembler,
            reset(),
            token(1, "x" * part),
            payload(2, "x" * part),
            tool_start(3, "r" * part),
            tool_end("early", queries=["x" * part]),
        )
    assert gaps_of(events) == []
    assert len(assembler.view(RUN).transcript) == 3


def random_frame(rng: random.Random) -> Frame:
    """One of any kind that can be held."""
    seq, segment, ref = rng.randrange(1, 6), rng.randrange(3), rng.choice("ab")
    return rng.choice(
        [
            token(seq, "x" * rng.randrange(50), segment),
            payload(seq, [1] * rng.randrange(5), segment),
            tool_start(seq, ref, segment),
            tool_end(ref, queries=["q" * rng.randrange(50)]),
            reset(segment),
        ]
    )


def test_the_reckoning_is_right_whatever_comes() -> None:
    """After a reset of all, it is as if nothing had come before."""
    rng = random.Random(12)
    for _ in range(100):
        assembler, _ = assemble(reset(), *(random_frame(rng) for _ in range(40)))
        receive(assembler, reset())
        fresh, _ = assemble(reset())
        assert assembler._runs[str(RUN)].size.total == fresh._runs[str(RUN)].size.total
        receive(assembler, done())
        assert assembler._noted_size == 0


# --- the time ---


def steps_of(frames: list[Frame]) -> int:
    """The steps of the interpreter that an assembler needs for frames."""
    # Of a process, CPython 3.12 counts no steps the first time.
    _counted_steps(frames[:1])
    return _counted_steps(frames)


def _counted_steps(frames: list[Frame]) -> int:
    texts = [(kind, json.dumps(fields)) for kind, fields in frames]
    assembler = Assembler()
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        frame.f_trace_lines = False
        frame.f_trace_opcodes = True
        if event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for kind, text in texts:
            assembler.receive(kind, text)
    finally:
        sys.settrace(before)
    return count


def in_each_segment(count: int, make: Callable[[int], Frame]) -> list[Frame]:
    """Rising segments, each of a reset and another frame."""
    return [frame for number in range(count) for frame in (reset(number), make(number))]


def same_ref(number: int) -> Frame:
    """A call in a segment; all have the same ref."""
    return tool_start(1, "r", segment=number)


def own_ref(number: int) -> Frame:
    """A call in a segment; each has its own ref."""
    return tool_start(1, f"{number}", segment=number)


MANY: dict[str, Callable[[int], list[Frame]]] = {
    "tokens": lambda n: [token(seq, "a") for seq in range(1, n)],
    "resets of rising segments": lambda n: [reset(number) for number in range(n)],
    "falling segments": lambda n: [
        reset(),
        *(token(1, "a", segment=number) for number in range(n, 0, -1)),
    ],
    "resets of falling segments": lambda n: [
        *(reset(number) for number in range(n)),
        *(reset(number) for number in range(n, 0, -1)),
    ],
    "resets of the highest of many segments": lambda n: [
        *(reset(number) for number in range(n)),
        *[reset(n)] * n,
    ],
    "ends among many segments": lambda n: [
        *(token(1, "a", segment=number) for number in range(n)),
        *[tool_end("r")] * n,
    ],
    "ends of calls in many segments": lambda n: [
        *in_each_segment(n, own_ref),
        *(tool_end(f"{number}") for number in range(n, 0, -1)),
    ],
    "ends of calls with one ref": lambda n: [
        *in_each_segment(n, same_ref),
        *[tool_end("r")] * n,
    ],
    "resets that make calls void": lambda n: [
        *in_each_segment(n, same_ref),
        *[frame for _ in range(n) for frame in (reset(n), same_ref(n))],
    ],
    "gapped runs that end": lambda n: [done(run_id(number)) for number in range(n)],
}


@pytest.mark.parametrize("make", MANY.values(), ids=MANY)
def test_each_frame_takes_the_time_of_its_own_length(
    make: Callable[[int], list[Frame]],
) -> None:
    """Twice as many frames need twice the steps: it makes no difference how many
    segments, calls and runs are held."""
    few, many = steps_of(make(100)), steps_of(make(200))
    assert many < few * 2.2


def test_a_run_takes_the_time_of_its_own_length_however_many_are_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where one of those that are held is let go for it."""

    def steps(most: int) -> int:
        monkeypatch.setattr(_assembly, "MOST_RUNS", most)
        frames = [token(1, "a", run=run_id(number)) for number in range(2 * most)]
        return steps_of(frames)

    assert steps(100) < steps(50) * 2.2
