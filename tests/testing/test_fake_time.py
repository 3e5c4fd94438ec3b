"""How long things take on FakeServer, and how a test holds them."""

from __future__ import annotations

import math
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from helpers.calls import eventually
from helpers.package import ENV, NAME
from helpers.servers import PATIENCE
from helpers.stand_in import THREAD, Api, multipart

from promptjuggler import PromptJuggler
from promptjuggler.testing import Call, FakeServer, Node


@pytest.fixture
def quick() -> Iterator[FakeServer]:
    """A server as users have it, without `run_seconds`."""
    with FakeServer() as server:
        server.add_prompt("greeting", lambda inputs: "Hello, you!")
        server.add_workflow("flow", lambda inputs: {"a": "b"})
        server.add_knowledge_base("docs")
        # However busy the machine is.
        server._work.longest_look = PATIENCE
        yield server


@pytest.fixture
def client(quick: FakeServer) -> Iterator[PromptJuggler]:
    with PromptJuggler(quick.api_key, base_url=quick.url) as client:
        yield client


def test_a_wait_sees_the_end_at_its_first_look(
    quick: FakeServer, client: PromptJuggler
) -> None:
    run = client.run_prompt("greeting", 1, {})
    assert client.wait_for_prompt_run(run.id).status == "completed"
    flow = client.run_workflow("flow", 1, {})
    assert client.wait_for_workflow_run(flow.id).status == "completed"
    (document,) = client.upload_documents("docs", [("a.txt", b"x")])
    assert document.status == "pending"
    assert client.wait_for_knowledge_document(document.id).status == "ready"
    client.upload_documents("docs", [("a.txt", b"x"), ("b.txt", b"x")])
    assert client.wait_for_knowledge_base("docs").chunk_count == 3
    assert [request.method for request in quick.requests] == ["POST", "GET"] * 4


def test_a_function_that_takes_long_is_seen_as_pending(
    quick: FakeServer, client: PromptJuggler
) -> None:
    go = threading.Event()
    quick.add_prompt("slow", lambda inputs: str(go.wait(PATIENCE)))
    assert FakeServer()._work.longest_look == 0.2
    quick._work.longest_look = 0.01
    run = client.run_prompt("slow", 1, {})
    assert client.get_prompt_run(run.id).status == "pending"
    go.set()
    quick._work.longest_look = PATIENCE
    assert client.get_prompt_run(run.id).output == "True"


def test_a_look_at_what_is_not_due_is_answered_at_once(
    quick: FakeServer, client: PromptJuggler
) -> None:
    quick.run_seconds = PATIENCE
    started = time.monotonic()
    run = client.run_prompt("greeting", 1, {})
    assert client.get_prompt_run(run.id).status == "pending"
    client.upload_documents("docs", [("a.txt", b"x")])
    assert client.get_knowledge_base("docs").status == "pending"
    assert time.monotonic() - started < PATIENCE / 2


def test_run_seconds_may_be_a_function_of_the_call(
    quick: FakeServer, client: PromptJuggler
) -> None:
    quick.add_prompt("slow", lambda inputs: "Done.")
    calls: list[Call] = []

    def seconds(call: Call) -> float:
        calls.append(call)
        return math.inf if call.slug == "slow" else 0

    quick.run_seconds = seconds
    assert quick.run_seconds is seconds
    slow = client.run_prompt("slow", 1, {}, thread=THREAD)
    run = client.run_prompt("greeting", 1, {})
    assert client.get_prompt_run(run.id).status == "completed"
    assert client.get_prompt_run(slow.id).status == "pending"
    assert [(call.slug, call.run_id) for call in calls] == [
        ("slow", slow.id),
        ("greeting", run.id),
    ]
    # Documents take none.
    client.upload_documents("docs", [("a.txt", b"x")])
    assert client.get_knowledge_base("docs").status == "ready"


@pytest.mark.parametrize(
    ("seconds", "problem"),
    [
        (-1, "what run_seconds gives must be at least 0"),
        ("1", "what run_seconds gives must be a number"),
        (None, "division by zero"),
        (pytest.fail.Exception("boo"), "boo"),
        (GeneratorExit(), "the function raised GeneratorExit"),
    ],
)
def test_a_function_of_seconds_that_is_wrong_fails_the_run(
    quick: FakeServer, client: PromptJuggler, seconds: object, problem: str
) -> None:
    def wrong(call: Call) -> Any:
        if isinstance(seconds, BaseException):
            raise seconds
        return seconds if seconds is not None else 1 / 0

    quick.run_seconds = wrong
    run = client.run_prompt("greeting", 1, {})
    error = client.wait_for_prompt_run(run.id).error
    assert error is not None
    assert error.startswith(problem)
    assert len(quick.errors) == 1


# Held


def test_a_paused_server_holds_runs_and_documents_and_calls_no_function(
    quick: FakeServer, client: PromptJuggler
) -> None:
    calls: list[dict[str, str]] = []
    quick.add_prompt("p", lambda inputs: str(calls.append(inputs)))
    quick.pause()
    run = client.run_prompt("p", 1, {})
    (document,) = client.upload_documents("docs", [("a.txt", b"x")])
    started = time.monotonic()
    for _ in range(3):
        assert client.get_prompt_run(run.id).status == "pending"
        assert client.get_knowledge_document(document.id).status == "pending"
        assert client.get_knowledge_base("docs").status == "pending"
    assert time.monotonic() - started < PATIENCE / 2
    assert calls == []
    quick.resume()
    assert client.wait_for_prompt_run(run.id).status == "completed"
    assert client.wait_for_knowledge_document(document.id).status == "ready"
    assert len(calls) == 1
    after = client.run_prompt("p", 1, {})
    assert client.get_prompt_run(after.id).status == "completed"


def test_a_run_that_streams_goes_no_further_than_the_pause(
    quick: FakeServer, client: PromptJuggler
) -> None:
    def parts(inputs: dict[str, str]) -> Iterator[str]:
        yield "one "
        quick.pause()
        yield "two "
        yield "three"

    quick.add_prompt("p", parts)
    with client.stream_prompt("p", 1, {}) as stream:
        texts = ""
        while texts != "one two ":
            texts += getattr(next(stream), "text", "")
        eventually(lambda: quick._jobs.wait_until_idle(PATIENCE))
        assert stream.view.text == "one two "
        quick.resume()
        assert [type(event).__name__ for event in stream][-1] == "DoneEvent"
        assert stream.result().output == "one two three"


def test_finish_ends_one_run_that_is_held_and_leaves_the_others(
    quick: FakeServer, client: PromptJuggler
) -> None:
    quick.pause()
    first, second = (client.run_prompt("greeting", 1, {}) for _ in range(2))
    quick.finish(second.id)
    assert client.get_prompt_run(second.id).output == "Hello, you!"
    assert client.get_prompt_run(first.id).status == "pending"
    quick.finish(str(first.id).upper())
    assert client.get_prompt_run(first.id).status == "completed"
    # It has ended already.
    quick.finish(first.id)


def test_finish_does_not_wait_for_the_time_that_is_left(
    quick: FakeServer, client: PromptJuggler
) -> None:
    quick.run_seconds = math.inf
    run = client.run_prompt("greeting", 1, {})
    flow = client.run_workflow("flow", 1, {})
    one, other = client.upload_documents("docs", [("a.txt", b"x"), ("b.txt", b"x")])
    for record in (run.id, flow.id, one.id):
        quick.finish(record, timeout=PATIENCE)
    assert client.get_prompt_run(run.id).status == "completed"
    assert client.get_workflow_run(flow.id).status == "completed"
    assert client.get_knowledge_document(other.id).status == "ready"


def runs_of(quick: FakeServer, client: PromptJuggler, count: int) -> list[UUID]:
    """Start a workflow; the ids of its nodes, of which so many begin, and its own."""
    flow = client.run_workflow("nodes", 1, {})
    eventually(lambda: len(quick._state.runs) == 1 + count)
    return [*(UUID(one) for one in quick._state.runs if UUID(one) != flow.id), flow.id]


@pytest.mark.parametrize("is_held", [False, True])
def test_finish_of_a_node_ends_it_with_its_workflow(
    quick: FakeServer, client: PromptJuggler, is_held: bool
) -> None:
    def nodes(inputs: dict[str, str]) -> list[Node]:
        if is_held:
            # Before the next step, which is the second one of the node.
            quick.pause()
        return [Node("a", ["one ", "two"]), Node("b", "three")]

    quick.run_seconds = 0 if is_held else math.inf
    quick.add_workflow("nodes", nodes)
    node, flow = runs_of(quick, client, 1)
    assert client.get_prompt_run(node).status == "pending"
    quick.finish(node, timeout=PATIENCE)
    assert client.get_prompt_run(node).output == "one two"
    assert client.get_workflow_run(flow).outputs == {"a": "one two", "b": "three"}


def test_finish_of_a_node_that_has_ended_leaves_its_workflow_as_it_is(
    quick: FakeServer, client: PromptJuggler
) -> None:
    def nodes(inputs: dict[str, str]) -> Iterator[Node]:
        yield Node("a", "one")
        quick.pause()
        yield Node("b", "two")

    quick.add_workflow("nodes", nodes)
    first, second, flow = runs_of(quick, client, 2)
    quick.finish(first, timeout=PATIENCE)
    assert client.get_prompt_run(first).status == "completed"
    assert client.get_prompt_run(second).status == "pending"
    assert client.get_workflow_run(flow).status == "pending"
    quick.finish(second, timeout=PATIENCE)
    assert client.get_prompt_run(second).status == "completed"
    assert client.get_workflow_run(flow).status == "completed"


def test_finish_says_when_it_cannot(quick: FakeServer, client: PromptJuggler) -> None:
    go = threading.Event()
    quick.add_prompt("slow", lambda inputs: str(go.wait(PATIENCE)))
    run = client.run_prompt("slow", 1, {})
    with pytest.raises(TimeoutError, match=f"run {run.id} has not ended after 0.01 s"):
        quick.finish(run.id, timeout=0.01)
    go.set()
    with pytest.raises(KeyError, match=THREAD):
        quick.finish(THREAD)
    with pytest.raises(ValueError, match="must be a UUID"):
        quick.finish("run")
    quick.close()
    with pytest.raises(RuntimeError, match="closed"):
        quick.finish(run.id)


def test_one_may_wait_without_end(quick: FakeServer, client: PromptJuggler) -> None:
    run = client.run_prompt("greeting", 1, {})
    quick.finish(run.id, math.inf)
    assert quick.wait_for_webhooks(math.inf) == []
    assert client.get_prompt_run(run.id).status == "completed"


def test_what_waits_goes_on_waiting_after_an_end_and_a_new_start(
    quick: FakeServer, client: PromptJuggler
) -> None:
    quick.run_seconds = math.inf
    run = client.run_prompt("greeting", 1, {})
    flow = client.run_workflow("flow", 1, {})
    (document,) = client.upload_documents("docs", [("a.txt", b"x")])
    for _ in range(2):
        quick.close()
        quick.start()
    assert not quick._jobs.wait_until_idle(0.1)
    assert client.get_prompt_run(run.id).status == "pending"
    assert client.get_workflow_run(flow.id).status == "pending"
    assert client.get_knowledge_document(document.id).status == "pending"
    quick.finish(flow.id)
    assert client.get_workflow_run(flow.id).status == "completed"


def test_what_is_held_stays_held_over_an_end_and_a_new_start(
    quick: FakeServer, client: PromptJuggler
) -> None:
    quick.pause()
    run = client.run_prompt("greeting", 1, {})
    quick.close()
    quick.start()
    assert client.get_prompt_run(run.id).status == "pending"
    quick.close()
    # Nothing is done while it is closed.
    quick.resume()
    assert "1 pending" in repr(quick)
    quick.start()
    assert client.wait_for_prompt_run(run.id).status == "completed"


def test_many_runs_can_be_held_and_go_on(quick: FakeServer) -> None:
    api = Api(quick)
    quick.pause()
    paths = [api.run("prompt", "greeting") for _ in range(50)]
    api.upload("docs", multipart(("a.txt", b"x")))
    quick.resume()
    quick.wait_for_webhooks(PATIENCE)
    assert {api("GET", path).document["status"] for path in paths} == {"completed"}
    api.connection.close()


# Frozen time

# What freezegun does, in short: every module that has a function of `time` gets another,
# which gives real time to those who are called by `threading`, as a rule.
FREEZING = f"""
import sys, time

REAL = {{name: getattr(time, name) for name in ("time", "monotonic", "perf_counter")}}

def is_called_by_threading():
    frame = sys._getframe(2)
    for _ in range(5):
        if frame is None:
            return False
        if frame.f_globals["__name__"] == "threading":
            return True
        frame = frame.f_back
    return False

def frozen(real, moment):
    return lambda: real() if is_called_by_threading() else moment

def freeze(moment):
    for module in list(sys.modules.values()):
        if module.__name__ in ("threading", "queue", "__main__"):
            continue
        for name, function in list(vars(module).items()):
            if any(function is one for one in REAL.values()):
                setattr(module, name, frozen(function, moment))

from {NAME} import PromptJuggler, RequestTimeout, WaitTimeout
from {NAME}.testing import FakeServer

def use(server, wait):
    server.add_prompt("p", lambda inputs: "Hello, you!")
    server.run_seconds = 0.1
    with PromptJuggler(server.api_key, base_url=server.url) as pj:
        run = pj.run_prompt("p", 1, {{}})
        server.wait_for_webhooks(20)
        print(pj.get_prompt_run(run.id).to_dict()["createdAt"])
        server.run_seconds = 0
        with pj.stream_prompt("p", 1, {{}}) as stream:
            print(type(list(stream)[-1]).__name__)
        server.run_seconds = float("inf")
        run = pj.run_prompt("p", 1, {{}})
        try:
            pj.wait_for_prompt_run(run.id, timeout=0.1)
        except WaitTimeout as error:
            print("WaitTimeout")
        # A byte in time, and never the end.
        server.answer_next("", drip=0.05, status=503)
        server.answer_next(" ", drip=0.05)
        hasty = PromptJuggler(
            server.api_key, base_url=server.url, timeout=0.3, max_retries=0
        )
        for _ in range(2):
            try:
                with hasty:
                    hasty.get_prompt_run(run.id)
            except RequestTimeout as error:
                print("RequestTimeout")
"""

AROUND = """
freeze(1_577_836_800.0)
with FakeServer() as server:
    use(server, 1)
"""

INSIDE = """
with FakeServer() as server:
    freeze(1_577_836_800.0)
    use(server, 1)
"""


@pytest.mark.parametrize("code", [AROUND, INSIDE], ids=["around", "inside"])
def test_frozen_time_around_it_or_inside_does_not_hang_it(code: str) -> None:
    command = [sys.executable, "-W", "error", "-c", FREEZING + code]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
    # What a client sees is of the frozen time; what it waits for is not.
    assert result.stdout.splitlines() == [
        "2020-01-01T00:00:00+00:00",
        "DoneEvent",
        "WaitTimeout",
        "RequestTimeout",
        "RequestTimeout",
    ]
