"""The pure parts of the stand-in: what becomes of an answer, and jobs without a server."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
from helpers.servers import PATIENCE

from promptjuggler.testing import Payload, Reset, Tool
from promptjuggler.testing._answers import (
    frames_of,
    nodes_of,
    outputs_of,
    parts_of,
    prompt_result,
    standing_parts,
    transcript_of,
    usage,
)
from promptjuggler.testing._jobs import Jobs

SOURCES = [{"title": "X", "url": "https://x.example"}]


def frames(parts: object) -> list[tuple[str, dict[str, object]]]:
    """All frames of the parts; the calls of tools are named ref 1, ref 2, ..."""
    numbers = count(1)
    told = frames_of(parts_of(parts), lambda: f"ref {next(numbers)}")
    return [frame for _, of_part in told for frame in of_part]


def test_parts_become_frames_that_count_up_from_the_reset_of_their_segment() -> None:
    parts = [
        "a",
        Payload("emit", {"b": 1}),
        Reset(2),
        Tool("search", citations=SOURCES),
    ]
    end = {"status": "ok", "queries": [], "citations": SOURCES}
    assert frames(parts) == [
        ("reset", {"segment": 0, "seq": 0}),
        ("token", {"segment": 0, "seq": 1, "text": "a"}),
        ("data", {"segment": 0, "seq": 2, "tool": "emit", "payload": {"b": 1}}),
        ("reset", {"segment": 2, "seq": 0}),
        ("tool_start", {"segment": 2, "seq": 1, "ref": "ref 1", "tool": "search"}),
        ("tool_end", {"ref": "ref 1", "tool": "search", **end}),
    ]


def test_a_part_is_told_of_before_the_next_one_is_asked_for() -> None:
    asked: list[str] = []

    def parts() -> Iterator[str]:
        for text in ("one", "two"):
            asked.append(text)
            yield text

    told = frames_of(parts(), lambda: "")
    opening, _ = next(told)
    assert (opening, asked) == (Reset(0), [])
    assert next(told) == ("one", [("token", {"segment": 0, "seq": 1, "text": "one"})])
    assert asked == ["one"]


@pytest.mark.parametrize("wrong", [7, None, b"bytes", {"text": "x"}])
def test_what_is_no_part_is_a_type_error_after_those_before_it(wrong: object) -> None:
    told = frames_of(["one", wrong], lambda: "")
    assert [part for part, _ in (next(told), next(told))] == [Reset(0), "one"]
    with pytest.raises(TypeError, match="not a part of an answer: "):
        next(told)


def test_texts_beside_one_another_are_one_item_of_the_transcript() -> None:
    call = Tool("search", "error", ["q"], SOURCES)
    parts = ["a", "b", call, Payload("emit", {}), "c", Reset(1), "d"]
    assert transcript_of(standing_parts(parts)) == [
        {"type": "text", "content": "ab", "citations": []},
        {
            "type": "tool",
            "name": "search",
            "status": "error",
            "queries": ["q"],
            "citations": SOURCES,
        },
        {"type": "data", "tool": "emit", "payload": {}},
        {"type": "text", "content": "cd", "citations": []},
    ]


def test_what_a_reset_makes_void_is_in_no_result() -> None:
    parts = ["one ", Reset(1), "lost", Reset(2), Payload("lost", {}), Reset(1), "two"]
    result = prompt_result({"a": "x y", "b": "z"}, parts)
    assert (result["output"], result["emitted"]) == ("one two", [])
    assert result["tokenUsage"] == usage("x y z", "one two")["tokenUsage"]


def test_words_count_as_tokens_and_cost_nothing() -> None:
    used = usage("one two", "three  four\nfive")
    assert used["tokenUsage"] == {
        "input": 2,
        "inputCached": 0,
        "inputCacheWrite": 0,
        "output": 3,
        "reasoning": 0,
        "total": 5,
    }
    assert "0.0" in str(used["cost"])


@pytest.mark.parametrize("output", [None, 7, {"a": 7}, ["a"], {7: "a"}, "a", b"a"])
def test_outputs_of_a_workflow_are_texts_and_none_by_names(output: object) -> None:
    with pytest.raises(TypeError):
        list(map(outputs_of, nodes_of(output)))


# Jobs


def test_a_job_that_close_interrupts_waits_on_when_opened_again() -> None:
    jobs = Jobs()
    steps: list[str] = []
    waits = threading.Event()

    def job() -> Iterator[float]:
        steps.append("first")
        waits.set()
        yield PATIENCE
        steps.append("second")
        yield 0
        steps.append("third")

    jobs.open()
    jobs.start(job(), ["one"])
    assert waits.wait(PATIENCE)
    jobs.close()
    jobs.join(PATIENCE)
    assert (jobs.is_closing(), jobs.threads, steps) == (True, [], ["first"])
    jobs.open()
    assert not jobs.wait_until_idle(0.1)
    assert steps == ["first"]
    # Nothing but this ends it before its time.
    assert jobs.finish("one", PATIENCE)
    jobs.join(PATIENCE)
    assert steps == ["first", "second", "third"]


def test_the_time_that_jobs_are_closed_is_a_part_of_their_wait() -> None:
    jobs = Jobs()
    moments: list[float] = []

    def job() -> Iterator[float]:
        jobs.close()
        moments.append(time.monotonic())
        yield 0.1
        moments.append(time.monotonic())

    jobs.open()
    jobs.start(job())
    jobs.join(PATIENCE)
    assert len(moments) == 1
    jobs.open()
    jobs.join(PATIENCE)
    first, second = moments
    assert 0.1 <= second - first < PATIENCE


def test_a_job_that_raises_by_a_mistake_of_the_stand_in_leaves_nothing_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda given: told.append(given[0]))

    def job() -> Iterator[float]:
        yield 0
        raise ZeroDivisionError

    jobs = Jobs()
    jobs.open()
    jobs.start(job(), ["one"])
    assert jobs.finish("one", PATIENCE)
    assert jobs.wait_until_idle(PATIENCE)
    jobs.close()
    jobs.join(PATIENCE)
    assert told == [ZeroDivisionError]


def test_a_job_is_not_lost_if_it_is_opened_again_before_it_is_put_by() -> None:
    class OpenedAtOnce(Jobs):
        def _keep_if_due(self, task: Any) -> bool:
            if self.is_closing():
                self.open()
            return super()._keep_if_due(task)

    ended = threading.Event()

    def job() -> Iterator[float]:
        yield 0.2
        ended.set()

    jobs = OpenedAtOnce()
    jobs.open()
    jobs.start(job())
    jobs.close()
    assert ended.wait(PATIENCE)
    jobs.join(PATIENCE)


def test_a_job_may_wait_without_end() -> None:
    jobs = Jobs()
    jobs.open()
    jobs.start(iter([float("inf")]))
    jobs.close()
    jobs.join(PATIENCE)
    assert jobs.threads == []
