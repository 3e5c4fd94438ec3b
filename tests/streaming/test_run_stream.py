"""One run and its events: `stream_prompt` and `stream_workflow`."""

from __future__ import annotations

import contextlib
import inspect
import threading
import time
import typing
import uuid
from concurrent.futures import ThreadPoolExecutor
from enum import Enum

import pytest
from helpers.calls import at_once, eventually
from helpers.clock import after_answers
from helpers.frames import LOST, RUN, STALE, done, failure, reset, token
from helpers.hub import (
    HELLO,
    THREAD,
    Consumer,
    Hub,
    RunHub,
    answers,
    client_of,
    ends,
    hangs,
    instead_of_waiting,
    poll_quickly,
    says,
    sends,
    streaming,
    texts,
    until,
)
from helpers.secrets import assert_silent
from helpers.servers import PATIENCE, Conn, ScriptedServer, descriptors

from promptjuggler import (
    ApiError,
    DoneEvent,
    FailureEvent,
    NetworkError,
    PromptJuggler,
    PromptJugglerError,
    PromptRun,
    RequestTimeout,
    ResetEvent,
    RunStream,
    StaleEvent,
    TokenEvent,
    ToolEndEvent,
    ToolStartEvent,
    ValidationError,
    WaitTimeout,
    WorkflowRun,
    _retry,
)
from promptjuggler.testing import FakeServer, Payload, Reset, Tool


@pytest.fixture
def fake():
    with FakeServer(api_key="pj-sekret-key", run_seconds=0.02) as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow(
            "summary", lambda inputs: {"summary": inputs["text"].upper()}
        )
        yield server


def methods_of(fake):
    return [(request.method, request.path.split("/")[-1]) for request in fake.requests]


def test_the_stream_is_connected_before_the_run_starts(fake):
    with (
        client_of(fake) as pj,
        pj.stream_prompt("greeting", "production", {"name": "Ada"}) as stream,
    ):
        assert methods_of(fake) == [
            ("POST", "stream-token"),
            ("GET", str(stream.thread)),
            ("POST", "runs"),
        ]
        assert fake.requests[-1].json() == {
            "inputs": {"name": "Ada"},
            "thread": str(stream.thread),
        }


def test_the_events_are_those_of_the_run_up_to_its_end(fake):
    with (
        client_of(fake) as pj,
        pj.stream_prompt("greeting", "production", {"name": "Ada"}) as stream,
    ):
        events = list(stream)
        assert [type(event) for event in events] == [
            ResetEvent,
            TokenEvent,
            TokenEvent,
            DoneEvent,
        ]
        assert {event.run_id for event in events} == {stream.run_id}
        assert texts(events) == ["Hello, ", "Ada!"]
        assert events[-1].view is stream.view
        assert stream.view.text == "Hello, Ada!"
        assert list(stream) == []


@pytest.mark.parametrize("kind", ["prompt", "workflow"])
@pytest.mark.parametrize("fails", [False, True])
def test_an_end_that_was_missed_is_fetched(fake, kind, fails):
    """The connection is lost before any event: a new one begins with what comes next,
    which can be nothing at all."""

    dropped = threading.Event()

    def work(inputs):
        assert dropped.wait(PATIENCE)
        assert not fails, "no luck"
        return {"a": "b"} if kind == "workflow" else "a b"

    getattr(fake, f"add_{kind}")("slow", work)
    with client_of(fake) as pj, getattr(pj, f"stream_{kind}")("slow", 1, {}) as stream:
        poll_quickly(pj)
        instead_of_waiting(stream, lambda seconds: (dropped.set(), stream.result()))
        fake.drop_streams()
        (event,) = stream
    assert (event.run_id, event.channel, event.gapped, event.view.gapped) == (
        stream.run_id,
        "default",
        True,
        True,
    )
    assert isinstance(event, FailureEvent if fails else DoneEvent)
    assert not fails or "no luck" in event.message


RUN_OF_A_PROMPT = {
    "id": str(RUN),
    "status": "failed",
    "createdAt": "2026-01-02T03:04:05Z",
    "emitted": [],
    "transcript": [],
}
RUN_OF_A_WORKFLOW = {
    "id": str(RUN),
    "status": "failed",
    "createdAt": "2026-01-02T03:04:05Z",
    "outputs": {},
}


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (PromptRun.from_dict(RUN_OF_A_PROMPT), ""),
        (PromptRun.from_dict({**RUN_OF_A_PROMPT, "error": "No luck."}), "No luck."),
        (WorkflowRun.from_dict({**RUN_OF_A_WORKFLOW, "errors": []}), ""),
        (WorkflowRun.from_dict({**RUN_OF_A_WORKFLOW, "errors": ["a", "b"]}), "a; b"),
    ],
    ids=["prompt", "prompt with a text", "workflow", "workflow with texts"],
)
def test_a_failure_that_was_missed_has_the_text_of_the_run_or_none(run, message):
    with Hub(sends(then=ends), says()) as server, streaming(server, waits=[]) as thread:
        stream = RunStream(
            thread,
            uuid.UUID(THREAD),
            "side",
            start=lambda end: RUN,
            get=lambda run_id, deadline: run,
            wait=lambda run_id: run,
        )
        with stream:
            assert list(stream) == [
                FailureEvent(RUN, "side", "unknown", message, True, LOST)
            ]
        assert stream.result() is run


class Looked:
    """What a run is when it is looked up, one after the other; the last one stays."""

    def __init__(self, *found):
        self.found = list(found)
        self.times = 0

    def __call__(self, run_id, deadline=None):
        self.times += 1
        found = self.found.pop(0) if len(self.found) > 1 else self.found[0]
        if isinstance(found, Exception):
            raise found
        return found


def stream_of_run(thread, look):
    """The stream of the run RUN, which is looked up so."""
    return RunStream(
        thread, uuid.UUID(THREAD), "side", start=lambda end: RUN, get=look, wait=look
    )


PENDING = PromptRun.from_dict({**RUN_OF_A_PROMPT, "status": "pending"})
COMPLETED = PromptRun.from_dict({**RUN_OF_A_PROMPT, "status": "completed"})
FAILED = PromptRun.from_dict({**RUN_OF_A_PROMPT, "error": "No luck."})


@pytest.mark.parametrize(
    ("run", "end"),
    [
        (COMPLETED, DoneEvent(RUN, "side", True, LOST)),
        (FAILED, FailureEvent(RUN, "side", "unknown", "No luck.", True, LOST)),
    ],
    ids=["done", "failure"],
)
def test_an_end_that_the_server_cannot_send_again_is_looked_up(run, end):
    """It says `stale`: it knows the id to go on after no more."""
    look = Looked(run)
    server = Hub(says(reset(), token(1, "a"), then=ends), says(STALE))
    with (
        server,
        streaming(server, waits=[], timeout=PATIENCE) as thread,
        stream_of_run(thread, look) as stream,
    ):
        events = list(stream)
    assert [type(event) for event in events[:-1]] == [
        ResetEvent,
        TokenEvent,
        StaleEvent,
    ]
    assert events[-1] == end
    assert look.times == 1
    assert server.gets[1].headers["last-event-id"] == "b"


def test_a_run_that_goes_on_after_a_stale_is_streamed_to_its_end():
    """It is looked up once, however often the server says that all is void."""
    look = Looked(PENDING)
    server = Hub(
        says(reset(), token(1, "a"), then=ends),
        says(STALE, STALE, reset(), token(1, "b"), done()),
    )
    with (
        server,
        streaming(server, waits=[], timeout=PATIENCE) as thread,
        stream_of_run(thread, look) as stream,
    ):
        events = list(stream)
    assert texts(events) == ["a", "b"]
    assert (events[-1].gapped, events[-1].view.text) == (False, "b")
    assert look.times == 1


def test_without_a_loss_a_stale_is_no_reason_to_look_the_run_up():
    look = Looked(COMPLETED)
    server = Hub(says(reset(), STALE, reset(), token(1, "b"), done()))
    with (
        server,
        streaming(server, timeout=PATIENCE) as thread,
        stream_of_run(thread, look) as stream,
    ):
        assert texts(list(stream)) == ["b"]
    assert look.times == 0


def test_an_end_is_looked_up_again_where_that_failed():
    look = Looked(NetworkError("no luck"), COMPLETED)
    server = Hub(says(reset(), then=ends), says(STALE))
    with (
        server,
        streaming(server, waits=[], timeout=PATIENCE) as thread,
        stream_of_run(thread, look) as stream,
    ):
        with pytest.raises(NetworkError, match="no luck"):
            list(stream)
        assert list(stream) == [DoneEvent(RUN, "side", True, LOST)]
    assert look.times == 2


@pytest.mark.parametrize("kind", [KeyboardInterrupt, MemoryError])
def test_whatever_ends_the_start_of_the_run_closes_the_stream(kind):
    def start(end):
        raise kind

    with Hub(says(*HELLO)) as server, streaming(server) as thread:
        before = len(descriptors())
        stream = RunStream(
            thread, uuid.UUID(THREAD), "default", start=start, get=None, wait=None
        )
        with pytest.raises(kind):
            stream.__enter__()
        assert thread.closed
        eventually(lambda: len(descriptors()) <= before)
        with pytest.raises(RuntimeError, match="with statement"):
            list(stream)


def test_a_run_that_is_under_way_after_a_loss_is_streamed_to_its_end(fake):
    looked = threading.Event()

    def work(inputs):
        # Not before the client was told that the run is under way.
        assert looked.wait(PATIENCE)
        return "a b"

    fake.add_prompt("slow", work)
    with client_of(fake) as pj, pj.stream_prompt("slow", 1, {}) as stream:
        look = stream._get

        def look_and_tell(run_id, deadline):
            run = look(run_id, deadline)
            looked.set()
            return run

        stream._get = look_and_tell
        instead_of_waiting(stream, lambda seconds: None)
        fake.drop_streams()
        events = list(stream)
    assert [type(event) for event in events] == [
        ResetEvent,
        TokenEvent,
        TokenEvent,
        DoneEvent,
    ]
    assert not events[-1].gapped


def test_a_token_that_cannot_be_had_means_that_no_run_was_started(fake):
    fake.drop_next()
    with client_of(fake, max_retries=0) as pj, pytest.raises(NetworkError) as caught:
        pj.stream_prompt("greeting", 1, {}).__enter__()
    assert caught.value.request_sent is False
    assert {name for _, name in methods_of(fake)} == {"stream-token"}


def test_the_result_is_the_run_as_it_is_fetched(fake):
    with client_of(fake) as pj:
        with pj.stream_prompt("greeting", "production", {"name": "Ada"}) as stream:
            list(stream)
        result = stream.result()
        assert result == pj.get_prompt_run(stream.run_id)
        assert (result.output, result.status) == ("Hello, Ada!", "completed")


def test_the_result_can_be_had_without_reading_the_events(fake):
    with client_of(fake) as pj:
        poll_quickly(pj)
        with pj.stream_prompt("greeting", 1, {"name": "Ada"}) as stream:
            assert stream.result().output == "Hello, Ada!"


def test_the_view_is_what_is_held_so_far_in_the_types_of_a_run(fake):
    parts = [
        "a",
        Tool("search"),
        "b",
        Reset(),
        "x",
        Tool("search"),
        Payload("emit", {"n": 1}),
        "y",
    ]
    fake.add_prompt("tools", lambda inputs: parts)
    with client_of(fake) as pj, pj.stream_prompt("tools", 1, {}) as stream:
        seen = []
        for event in stream:
            seen.append(stream.view.text)
            assert not isinstance(event, ToolEndEvent) or event.status == "ok"
        assert seen == ["", "a", "a", "a", "ab", "", "x", "x", "x", "x", "xy", "xy"]
        assert stream.view.transcript == stream.result().transcript
        assert [dict(payload) for payload in stream.view.data] == [{"n": 1}]


@pytest.mark.parametrize(
    "form",
    [
        str,
        lambda thread: thread,
        lambda thread: str(thread).upper(),
        lambda thread: thread.urn,
    ],
)
def test_the_thread_is_the_given_one(fake, form):
    thread = uuid.uuid4()
    with (
        client_of(fake) as pj,
        pj.stream_prompt("greeting", 1, {"name": "Ada"}, thread=form(thread)) as stream,
    ):
        assert stream.thread == thread
        assert fake.requests[-1].json()["thread"] == str(thread)
        assert texts(stream) == ["Hello, ", "Ada!"]


@pytest.mark.parametrize("options", [{}, {"thread": None}])
def test_without_a_thread_each_run_has_a_new_one(fake, options):
    with client_of(fake) as pj:
        threads = {
            pj.stream_prompt("greeting", 1, {"name": "Ada"}, **options).thread
            for _ in range(3)
        }
        assert len(threads) == 3
        assert {thread.version for thread in threads} == {4}


def test_the_options_are_those_of_run_prompt(fake):
    options = {
        "priority": "low",
        "environment": "staging",
        "env_vars": {"A": "sekret"},
        "metadata": {"k": ["v"]},
        "channel": "side",
    }
    with (
        client_of(fake) as pj,
        pj.stream_prompt("greeting", 1, {"name": "Ada"}, **options) as stream,
    ):
        body = fake.requests[-1].json()
        assert body == {
            "inputs": {"name": "Ada"}, "thread": str(stream.thread), "priority": "low", "environment": "staging",
            "envVars": {"A": "sekret"}, "metadata": {"k": ["v"]}, "channel": "side",
        }  # fmt: skip
        assert {event.channel for event in stream} == {"side"}


def test_a_workflow_is_run_and_followed_in_the_same_way(fake):
    summary = ("summary", "production", {"text": "short"})
    with client_of(fake) as pj, pj.stream_workflow(*summary, priority="low") as stream:
        assert fake.requests[-1].path == "/api/v1/workflows/summary/production/runs"
        assert fake.requests[-1].json()["priority"] == "low"
        assert [type(event) for event in stream] == [DoneEvent]
        assert stream.result() == pj.get_workflow_run(stream.run_id)
        assert stream.result().outputs == {"summary": "SHORT"}


def test_a_run_that_fails_ends_with_a_failure(fake):
    def fails(inputs):
        yield "so far"
        raise ValueError("no good")

    fake.add_prompt("bad", fails)
    with client_of(fake) as pj, pj.stream_prompt("bad", 1, {}) as stream:
        events = list(stream)
        assert isinstance(events[-1], FailureEvent)
        assert (events[-1].message, stream.view.text) == ("no good", "so far")
        assert stream.result().status == "failed"


def test_other_runs_in_the_same_thread_are_left_out(fake):
    thread = uuid.uuid4()
    with (
        client_of(fake) as pj,
        pj.stream_prompt("greeting", 1, {"name": "Ada"}, thread=thread) as one,
        pj.stream_prompt("greeting", 1, {"name": "Bob"}, thread=thread) as two,
    ):
        assert texts(two) == ["Hello, ", "Bob!"]
        assert texts(one) == ["Hello, ", "Ada!"]


def test_stale_is_passed_on_since_what_is_held_was_dropped():
    frames = [reset(), token(1, "a"), STALE, reset(), token(1, "b"), done()]
    with (
        RunHub(says(*frames)) as server,
        client_of(server) as pj,
        pj.stream_prompt("p", 1, {}) as stream,
    ):
        assert [event for event in stream if isinstance(event, StaleEvent)] == [
            StaleEvent()
        ]
        assert stream.view.text == "b"


def test_a_lost_connection_is_made_again_and_is_no_event_of_the_run():
    first = says(reset(), token(1, "a"), then=ends)
    with RunHub(first, says(token(2, "b"), done())) as server, client_of(server) as pj:
        stream = pj.stream_prompt("p", 1, {})
        instead_of_waiting(stream, lambda seconds: None)
        with stream:
            assert [type(event) for event in stream] == [
                ResetEvent,
                TokenEvent,
                TokenEvent,
                DoneEvent,
            ]
        assert stream.view.text == "ab"
        assert len(server.gets) == 2


def test_after_its_end_the_socket_is_closed_at_once():
    gone = threading.Event()
    script = lambda conn: (says(reset(), token(1, "a"), done())(conn), gone.set())  # noqa: E731
    with (
        RunHub(script) as server,
        client_of(server) as pj,
        pj.stream_prompt("p", 1, {}) as stream,
    ):
        list(stream)
        assert gone.wait(PATIENCE)


@pytest.mark.parametrize(
    "start", [(404, {"error": "No such prompt."}), (422, {"error": "No such prompt."})]
)
def test_where_the_run_cannot_be_started_the_stream_is_closed_and_the_error_raised(
    start,
):
    gone = threading.Event()
    with (
        RunHub(lambda conn: (says()(conn), gone.set()), start=start) as server,
        client_of(server) as pj,
    ):
        stream = pj.stream_prompt("p", 1, {}, env_vars={"A": "sekret"})
        with pytest.raises(ApiError, match="No such prompt") as caught, stream:
            pytest.fail("it was entered")
        assert gone.wait(PATIENCE)
        assert_silent(caught.value)
        assert stream._stream.closed


def test_where_there_is_no_stream_no_run_is_started():
    no = lambda conn: conn.reply(404, {"error": "Never."})  # noqa: E731
    with RunHub(no) as server, client_of(server) as pj:
        with pytest.raises(ApiError, match="Never"), pj.stream_prompt("p", 1, {}):
            pytest.fail("it was entered")
        assert not any(request.target.endswith("/runs") for request in server.requests)


def test_closed_while_it_connects_it_starts_no_run():
    connecting = threading.Event()
    with (
        RunHub(lambda conn: (connecting.set(), conn.hang())) as server,
        client_of(server) as pj,
    ):
        stream = pj.stream_prompt("p", 1, {})
        errors = []

        def enter():
            try:
                stream.__enter__()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=enter)
        thread.start()
        assert connecting.wait(PATIENCE)
        stream.close()
        thread.join(PATIENCE)
        assert [type(error) for error in errors] == [NetworkError]
        assert not errors[0].request_sent
        assert not any(request.target.endswith("/runs") for request in server.requests)


@pytest.mark.parametrize("options", [
    {"slug": ".."}, {"version": None}, {"inputs": {"a": 5}}, {"priority": "high"}, {"channel": 5}, {"thread": "x"},
    {"thread": ""}, {"env_vars": {"A": 5, "B": "sekret"}}, {"metadata": 5}, {"idle_timeout": 0}, {"timeout": 0},
])  # fmt: skip
@pytest.mark.parametrize("name", ["stream_prompt", "stream_workflow"])
def test_arguments_are_checked_before_anything_is_sent(fake, name, options):
    if name == "stream_workflow" and "channel" in options:
        options = {"environment": 5}
    given = {
        "slug": "p",
        "version": 1,
        "inputs": {},
        "env_vars": {"A": "sekret"},
        **options,
    }
    with client_of(fake) as pj, pytest.raises(ValidationError) as caught:
        getattr(pj, name)(**given)
    assert_silent(caught.value)
    assert fake.requests == []


@pytest.mark.parametrize("options", [{"chanel": "x"}, {"last_event_id": "1"}])
def test_an_option_that_run_prompt_does_not_have_is_a_type_error(fake, options):
    with client_of(fake) as pj, pytest.raises(TypeError, match=next(iter(options))):
        pj.stream_prompt("p", 1, {}, **options)
    with client_of(fake) as pj, pytest.raises(TypeError, match="channel"):
        pj.stream_workflow("p", 1, {}, channel="x")


def test_before_it_is_entered_there_is_no_run(fake):
    with client_of(fake) as pj:
        stream = pj.stream_prompt("greeting", 1, {"name": "Ada"})
        for use in (
            lambda: stream.run_id,
            lambda: stream.view,
            stream.result,
            lambda: next(stream),
        ):
            with pytest.raises(RuntimeError, match="with statement"):
                use()
        assert fake.requests == []


@pytest.mark.parametrize("kind", ["reset", "html", "401"])
def test_no_secret_shows_when_the_start_of_a_run_fails(kind):
    def handler(conn):
        while not conn.closed and (request := conn.read_request()):
            if request.method == "GET":
                says()(conn)
            elif request.target.endswith("/stream-token"):
                document = {
                    "token": "sekret-token",
                    "expiresAt": "2030-01-01T00:00:00Z",
                    "url": server.url + "/s",
                }
                conn.reply(200, document)
            elif kind == "reset":
                conn.reset()
            else:
                conn.reply(
                    *{"html": (200, "<html>"), "401": (401, {"error": "Who?"})}[kind]
                )

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as pj:
        stream = pj.stream_prompt("p", 1, {"a": "b"}, env_vars={"A": "sekret-variable"})
        assert "sekret" not in repr(stream)
        assert "sekret" not in repr(vars(stream))
        with pytest.raises(PromptJugglerError) as caught, stream:
            pytest.fail("it was entered")
        assert_silent(caught.value)


def test_the_timeout_is_for_the_iteration(clock):
    with RunHub(says(reset(), token(1, "a"))) as server, client_of(server) as pj:
        with pj.stream_prompt("p", 1, {}, timeout=PATIENCE) as stream:
            clock.move(PATIENCE * 0.7)
            assert [type(next(stream)) for _ in range(2)] == [ResetEvent, TokenEvent]
            clock.move(PATIENCE - 0.1)
            with pytest.raises(WaitTimeout):
                list(stream)
        assert stream.view.text == "a"


def test_the_idle_timeout_is_that_of_the_stream():
    with RunHub(says(reset()), says(done())) as server, client_of(server) as pj:
        stream = pj.stream_prompt("p", 1, {}, idle_timeout=0.05)
        instead_of_waiting(stream, lambda seconds: None)
        with stream:
            assert isinstance(list(stream)[-1], DoneEvent)
        assert len(server.gets) == 2


def test_close_from_another_thread_ends_the_iteration():
    hub = RunHub(says(reset(), token(1, "a")))
    with hub as server, client_of(server) as pj, pj.stream_prompt("p", 1, {}) as stream:
        assert isinstance(next(stream), ResetEvent)
        assert isinstance(next(stream), TokenEvent)
        consumer = Consumer(stream)
        stream.close()
        consumer.join(PATIENCE)
        assert not consumer.is_alive()
        assert (consumer.events, consumer.error) == ([], None)
        assert stream.view.text == "a"


def test_a_verdict_that_came_while_the_run_was_started_is_not_missed():
    """A quick run can be over before the answer to the request that started it has come."""
    over = threading.Event()

    class Quick(RunHub):
        def mint(self, conn):
            if self.requests[-1].target.endswith("/runs"):
                assert over.wait(PATIENCE)
            super().mint(conn)

    script = says(
        reset(), token(1, "a"), done(), then=lambda conn: (over.set(), hangs(conn))
    )
    with (
        Quick(script) as server,
        client_of(server) as pj,
        pj.stream_prompt("p", 1, {}) as stream,
    ):
        assert texts(stream) == ["a"]


def test_the_example_prints_what_the_run_says_and_starts_again_after_a_reset(
    fake, capsys
):
    fake.add_prompt(
        "greeting", lambda inputs: ["Oh no", Reset(), "Hello, ", f"{inputs['name']}!"]
    )
    with client_of(fake) as pj:
        thread = uuid.uuid4()
        with pj.stream(thread) as stream:
            run = pj.run_prompt(
                "greeting", "production", {"name": "Ada"}, thread=thread
            )
            for event in stream:
                match event:
                    case TokenEvent(text=text):
                        print(text, end="", flush=True)
                    case ResetEvent():
                        print("|", end="")
                    case DoneEvent() | FailureEvent() if event.run_id == run.id:
                        break
    assert capsys.readouterr().out == "|Oh no|Hello, Ada!"


def test_events_of_tools_carry_what_they_found(fake):
    source = {"title": "T", "url": "https://a.example"}
    fake.add_prompt(
        "search", lambda inputs: [Tool("web_search", queries=["q"], citations=[source])]
    )
    with client_of(fake) as pj, pj.stream_prompt("search", 1, {}) as stream:
        start, end = [
            event
            for event in stream
            if isinstance(event, (ToolStartEvent, ToolEndEvent))
        ]
        assert (start.tool, start.ref) == ("web_search", end.ref)
        assert end.queries == ("q",)
        assert [citation.to_dict() for citation in end.citations] == [source]


def test_failure_frames_of_the_wire_are_failures_of_the_run():
    with (
        RunHub(says(failure("timeout", "Too long."))) as server,
        client_of(server) as pj,
    ):
        with contextlib.closing(pj.stream_prompt("p", 1, {})) as stream, stream:
            (event,) = stream
        assert (event.code, event.message, event.gapped) == (
            "timeout",
            "Too long.",
            True,
        )


# --- entered once ---


def test_entering_a_second_time_starts_no_second_run_and_leaves_the_first(fake):
    """As a helper does that enters what its caller has entered in an ExitStack."""
    with client_of(fake) as pj, contextlib.ExitStack() as stack:
        stream = stack.enter_context(pj.stream_prompt("greeting", 1, {"name": "Ada"}))
        run_id = stream.run_id
        with pytest.raises(RuntimeError, match="entered once"), stream:
            pytest.fail("it was entered")
        assert stream.run_id == run_id
        assert texts(stream) == ["Hello, ", "Ada!"]
        assert stream.result().id == run_id
    runs = [request for request in fake.requests if request.path.endswith("/runs")]
    assert len(runs) == 1


def test_entering_again_after_the_end_starts_no_second_run(fake):
    with client_of(fake) as pj:
        stream = pj.stream_prompt("greeting", 1, {"name": "Ada"})
        for number in range(3):
            with (
                contextlib.nullcontext()
                if number == 0
                else pytest.raises(RuntimeError, match="entered once"),
                stream,
            ):
                list(stream)
    runs = [request for request in fake.requests if request.path.endswith("/runs")]
    assert len(runs) == 1


def test_of_threads_that_enter_at_once_one_starts_a_run(fake):
    def enter(stream):
        try:
            stream.__enter__()
        except RuntimeError:
            return 0
        return 1

    with client_of(fake) as pj:
        stream = pj.stream_prompt("greeting", 1, {"name": "Ada"})
        with ThreadPoolExecutor(8) as pool:
            assert sum(pool.map(enter, [stream] * 8)) == 1
        stream.close()
    runs = [request for request in fake.requests if request.path.endswith("/runs")]
    assert len(runs) == 1


# --- ids however they are written ---


class Known(str, Enum):
    """An id of the program's own, as the text that it is."""

    THREAD = THREAD
    RUN = str(RUN)


SPELLINGS = {
    "a str enum": lambda known: known,
    "a UUID": lambda known: uuid.UUID(known.value),
    "capitals": lambda known: known.value.upper(),
    "a URN": lambda known: f"urn:uuid:{known.value}",
    "a URN in capitals": lambda known: f"URN:UUID:{known.value.upper()}",
    "braces": lambda known: "{" + known.value + "}",
    "no hyphens": lambda known: known.value.replace("-", ""),
}


@pytest.mark.parametrize("method", ["stream_prompt", "stream_workflow"])
@pytest.mark.parametrize("form", SPELLINGS.values(), ids=SPELLINGS)
def test_the_thread_of_a_run_may_be_written_as_for_every_other_method(
    fake, form, method
):
    given = form(Known.THREAD)
    with client_of(fake) as pj:
        stream = getattr(pj, method)("summary", 1, {"text": "a"}, thread=given)
        assert stream.thread == uuid.UUID(THREAD)
        pj.create_stream_token(given)
        assert fake.requests[-1].path == f"/api/v1/threads/{THREAD}/stream-token"


@pytest.mark.parametrize("form", SPELLINGS.values(), ids=SPELLINGS)
def test_the_run_of_a_view_may_be_written_as_for_every_other_method(form):
    with Hub(says(reset(), token(1, "a"))) as server, streaming(server) as stream:
        until(stream, TokenEvent)
        assert stream.view(form(Known.RUN)).text == "a"


@pytest.mark.parametrize("wrong", ["", "x", 5, None, b"1", f"{RUN}\n"])
def test_a_view_of_what_is_no_id_is_refused(wrong):
    with (
        Hub() as server,
        streaming(server) as stream,
        pytest.raises(ValidationError, match="run_id must be a UUID"),
    ):
        stream.view(wrong)


# --- the options, and subclasses ---


@pytest.mark.parametrize("name", ["stream_prompt", "stream_workflow"])
def test_the_options_are_spelled_out_with_their_types(name):
    """For type checkers, and for tools that look at signatures."""
    method = getattr(PromptJuggler, name)
    parameters = inspect.signature(method).parameters
    run = inspect.signature(getattr(PromptJuggler, name.replace("stream", "run")))
    of_stream = ["idle_timeout", "timeout", "reconnect"]
    assert list(parameters) == [*run.parameters, *of_stream]
    assert not any(
        parameter.kind is inspect.Parameter.VAR_KEYWORD
        for parameter in parameters.values()
    )
    assert set(typing.get_type_hints(method)) == {*parameters, "return"} - {"self"}


@pytest.mark.parametrize("name", ["stream_prompt", "stream_workflow"])
def test_a_misspelled_option_is_a_type_error_that_names_the_method(fake, name):
    with (
        client_of(fake) as pj,
        pytest.raises(TypeError, match=rf"{name}\(\).*'priorty'"),
    ):
        getattr(pj, name)("p", 1, {}, priorty="low")
    assert fake.requests == []


def test_reconnect_false_is_an_option_of_a_run():
    """The loss of its only connection is an error."""
    with (
        RunHub(says(reset(), token(1, "a"), then=ends)) as server,
        client_of(server) as pj,
        pj.stream_prompt("p", 1, {}, reconnect=False) as stream,
    ):
        with pytest.raises(NetworkError, match="ended the stream"):
            list(stream)
        assert len(server.gets) == 1


def test_a_subclass_may_do_with_the_results_of_its_methods_what_it_likes(fake):
    """Streams call none of the methods that it can replace to start a run."""
    started = []

    class Client(PromptJuggler):
        def run_prompt(self, *arguments, **options):
            run = super().run_prompt(*arguments, **options)
            started.append(run.id)
            return str(run.id)

        def run_workflow(self, *arguments, **options):
            return None

        def create_stream_token(self, thread):
            return super().create_stream_token(thread).token

    with Client(fake.api_key, base_url=fake.url) as pj:
        with pj.stream_prompt("greeting", 1, {"name": "Ada"}) as stream:
            assert texts(stream) == ["Hello, ", "Ada!"]
        with pj.stream_workflow("summary", 1, {"text": "a"}) as stream:
            assert list(stream)
        assert started == []
        assert pj.run_prompt("greeting", 1, {"name": "Ada"}) == str(started[0])


# --- how long a look may take, and the start ---

BUSY = answers(503, {"error": "Busy."}, {"Retry-After": "30"})
LOOKS_THAT_FAIL = {
    "no answer": (hangs, 0, RequestTimeout),
    "no answer, with retries": (hangs, 2, RequestTimeout),
    "busy": (BUSY, 2, ApiError),
}
NOTHING_CAME = (sends(then=ends), says())  # So a look tells whether it has ended.


@pytest.mark.parametrize("kind", ["prompt", "workflow"])
def test_the_timeout_bounds_the_look_at_a_missed_end(kind):
    def check(look):
        script, max_retries, cause = LOOKS_THAT_FAIL[look]
        with (
            RunHub(*NOTHING_CAME, script) as server,
            client_of(server, max_retries=max_retries) as pj,
            getattr(pj, f"stream_{kind}")("p", 1, {}, timeout=0.4) as stream,
        ):
            instead_of_waiting(stream, lambda seconds: None)
            begun = time.monotonic()
            with pytest.raises(WaitTimeout, match="within 0.4 s") as caught:
                list(stream)
            assert 0.4 <= time.monotonic() - begun < PATIENCE
            assert type(caught.value.__cause__) is cause
            assert_silent(caught.value)
            assert caught.value.may_have_taken_effect is True
            assert list(stream) == []
            assert len(server.gets) == 3

    at_once(check, LOOKS_THAT_FAIL)


@pytest.mark.parametrize("script", [hangs, BUSY], ids=["no answer", "a delay"])
def test_close_from_another_thread_ends_a_look(script):
    looking = threading.Event()
    with (
        RunHub(*NOTHING_CAME, lambda conn: (looking.set(), script(conn))) as server,
        client_of(server) as pj,
        pj.stream_prompt("p", 1, {}) as stream,
    ):
        instead_of_waiting(stream, lambda seconds: None)
        consumer = Consumer(stream)
        assert looking.wait(PATIENCE)
        time.sleep(0.02)
        begun = time.monotonic()
        stream.close()
        consumer.join(PATIENCE)
        assert not consumer.is_alive()
        assert time.monotonic() - begun < PATIENCE
        assert (consumer.events, consumer.error) == ([], None)
        assert len(server.gets) == 3


def test_a_closed_stream_does_not_look():
    look = Looked(NetworkError("no luck"), COMPLETED)
    server = Hub(says(reset(), then=ends), says(STALE))
    with server, streaming(server, waits=[]) as thread:
        with stream_of_run(thread, look) as stream, pytest.raises(NetworkError):
            list(stream)
        assert list(stream) == []
    assert look.times == 1


@pytest.fixture
def hardly_any_delay(monkeypatch):
    """A look that failed is sent again nearly at once."""
    monkeypatch.setattr(_retry, "_FIRST_DELAY", 0.01)


@pytest.mark.usefixtures("hardly_any_delay")
def test_a_look_is_sent_again_where_that_is_right():
    failed = answers(503, {"error": "Busy."})
    completed = answers(200, {**RUN_OF_A_PROMPT, "status": "completed"})
    with (
        RunHub(*NOTHING_CAME, failed, completed) as server,
        client_of(server, max_retries=1, total_timeout=PATIENCE) as pj,
        pj.stream_prompt("p", 1, {}, timeout=PATIENCE) as stream,
    ):
        instead_of_waiting(stream, lambda seconds: None)
        assert list(stream) == [DoneEvent(RUN, "default", True, LOST)]
        assert len(server.gets) == 4


@pytest.mark.usefixtures("hardly_any_delay")
@pytest.mark.parametrize("status", [404, 503])
def test_the_error_of_a_look_that_is_not_sent_again_is_that_of_the_last(status):
    with (
        RunHub(*NOTHING_CAME, answers(status, {"error": "No."})) as server,
        client_of(server, max_retries=1) as pj,
        pj.stream_prompt("p", 1, {}, timeout=PATIENCE) as stream,
    ):
        instead_of_waiting(stream, lambda seconds: None)
        with pytest.raises(ApiError, match="No") as caught:
            list(stream)
        assert caught.value.attempts == (1 if status == 404 else 2)
        assert caught.value.may_have_taken_effect is True


class SlowHub(RunHub):
    """Half of the time is over with the token, and the rest with half an answer to the
    start of the run."""

    def __init__(self, clock):
        super().__init__(says())
        self.clock = clock

    def mint(self, conn):
        self.clock.move(PATIENCE / 2)
        if self.requests[-1].target.endswith("/runs"):
            conn.send(b"HTTP/1.1 2")
            conn.hang()
        else:
            super().mint(conn)


@pytest.mark.parametrize("name", ["stream_prompt", "stream_workflow"])
def test_the_total_timeout_bounds_the_connection_and_the_start_together(name, clock):
    with SlowHub(clock) as server, client_of(server, total_timeout=PATIENCE) as pj:
        stream = getattr(pj, name)("p", 1, {})
        with pytest.raises(RequestTimeout, match="total_timeout=20 s") as caught:
            stream.__enter__()
        assert caught.value.may_have_taken_effect is True
        assert stream._stream.closed
        starts = [one for one in server.requests if one.target.endswith("/runs")]
        assert len(starts) == 1


@pytest.mark.parametrize("name", ["stream_prompt", "stream_workflow"])
def test_no_run_is_started_where_the_connection_took_the_total_timeout(name, clock):
    with (
        RunHub(says()) as server,
        client_of(server, total_timeout=PATIENCE) as pj,
        after_answers(2, lambda: clock.move(PATIENCE)),
    ):
        stream = getattr(pj, name)("p", 1, {}, env_vars={"A": "sekret"})
        with pytest.raises(RequestTimeout, match="was not started") as caught:
            stream.__enter__()
        error = caught.value
        assert str(error).endswith("; total_timeout=20 s ended it after 0 attempts")
        assert (error.request_sent, error.may_have_taken_effect) == (False, False)
        assert (error.method, error.url[-5:]) == ("POST", "/runs")
        assert_silent(error)
        assert stream._stream.closed
        assert not any(one.target.endswith("/runs") for one in server.requests)


# --- what an error says of the start of the run ---

NO_STREAM = {
    "a status": answers(500, {"error": "No."}),
    "a refusal": answers(403, {"error": "No."}),
    "no answer": Conn.reset,
    "a page": answers(200, "<html>", {"Content-Type": "text/html"}),
}


@pytest.mark.parametrize("step", ["mints", "scripts"])
@pytest.mark.parametrize("no", NO_STREAM.values(), ids=NO_STREAM)
def test_where_there_is_no_stream_the_error_says_that_no_run_was_started(no, step):
    scripts, mints = ([no], []) if step == "scripts" else ([says()], [no] * 2)
    with (
        RunHub(*scripts, mints=mints) as server,
        client_of(server, max_retries=0) as pj,
    ):
        with pytest.raises(PromptJugglerError) as caught, pj.stream_prompt("p", 1, {}):
            pytest.fail("it was entered")
        assert caught.value.may_have_taken_effect is False
        assert getattr(caught.value, "request_sent", False) is False
        assert not any(request.target.endswith("/runs") for request in server.requests)


@pytest.mark.parametrize("no", NO_STREAM.values(), ids=NO_STREAM)
def test_what_fails_after_the_start_does_not_say_that_no_run_was_started(no, clock):
    """Who starts a run again by that word would pay for two."""
    first = says(reset(), token(1, "a"), then=ends)
    with (
        RunHub(first, no, mints=[None, None, no]) as server,
        client_of(server, max_retries=0) as pj,
        pj.stream_prompt("p", 1, {}, timeout=PATIENCE) as stream,
    ):
        instead_of_waiting(stream, clock.move)
        with pytest.raises(PromptJugglerError) as caught:
            list(stream)
        assert caught.value.may_have_taken_effect is True
        assert getattr(caught.value, "request_sent", True) is True


def test_a_result_that_is_refused_does_not_say_that_no_run_was_started():
    with (
        RunHub(says(reset()), answers(404, {"error": "No."})) as server,
        client_of(server) as pj,
        pj.stream_prompt("p", 1, {}) as stream,
    ):
        with pytest.raises(ApiError) as caught:
            stream.result()
        assert caught.value.may_have_taken_effect is True
