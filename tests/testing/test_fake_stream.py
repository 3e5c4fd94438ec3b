"""The streams of FakeServer, read by http.client, and what the assembler makes of them."""

from __future__ import annotations

import http.client
import json
import math
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from helpers.calls import eventually
from helpers.servers import PATIENCE

from promptjuggler import (
    DoneEvent,
    FailureEvent,
    GapEvent,
    PromptRun,
    ResetEvent,
    StreamEvent,
    TokenEvent,
)
from promptjuggler.streaming._assembly import Assembler
from promptjuggler.streaming._sse import Frame, FrameDecoder
from promptjuggler.testing import FakeServer, Payload, Reset, Tool

THREAD = "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11"
# `close()` takes 5 seconds where a thread does not end.
SOON = 4.0
OTHER = "4a63d1f6-0a2b-4b9a-8d0c-0b6a1f6e2b0a"


def ask(
    server: FakeServer,
    method: str,
    path: str,
    body: object = None,
    key: str | None = None,
) -> Any:
    """The document of an answer of the API."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", urlsplit(server.url).port, timeout=PATIENCE
    )
    headers = {"Authorization": f"Bearer {key or server.api_key}"}
    connection.request(
        method, path, None if body is None else json.dumps(body), headers
    )
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    assert answer.status == 200, content
    return json.loads(content)


def run(
    server: FakeServer,
    slug: str,
    thread: str = THREAD,
    kind: str = "prompt",
    **options: Any,
) -> str:
    """Start a run, and give its id."""
    body = {"inputs": {"name": "Ada"}, "thread": thread, **options}
    started: str = ask(server, "POST", f"/api/v1/{kind}s/{slug}/1/runs", body)["id"]
    return started


class Reader:
    """One connection to the stream of a thread."""

    def __init__(
        self,
        server: FakeServer,
        query: str = "",
        *,
        last_id: str | None = None,
        **changes: str,
    ) -> None:
        token = ask(
            server,
            "POST",
            f"/api/v1/threads/{changes.get('thread', THREAD)}/stream-token",
        )
        address = urlsplit(changes.get("url", token["url"]))
        headers = {
            "Authorization": changes.get("authorization", f"Bearer {token['token']}")
        }
        if last_id is not None:
            headers["Last-Event-ID"] = last_id
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", address.port, timeout=PATIENCE
        )
        self.connection.request("GET", address.path + query, headers=headers)
        self.answer = self.connection.getresponse()
        self.raw = bytearray()
        self.frames: list[Frame] = []
        self._decoder = FrameDecoder()

    def read(
        self, until: Callable[[list[Frame]], bool] = lambda frames: False
    ) -> list[Frame]:
        """All frames, once there are those that are wanted, or at the end, whatever it is."""
        try:
            while not until(self.frames) and (data := self.answer.read1(65536)):
                self.raw += data
                self.frames += self._decoder.feed(data)
        finally:
            if until(self.frames):
                self.close()
        return self.frames

    def close(self) -> None:
        self.answer.close()
        self.connection.close()


def ended(frames: list[Frame]) -> bool:
    """Whether there is a terminal frame."""
    return any(frame.event in ("done", "failure") for frame in frames)


def at_least(number: int) -> Callable[[list[Frame]], bool]:
    return lambda frames: len(frames) >= number


def assembled(frames: Iterable[Frame]) -> list[StreamEvent]:
    """What a client makes of frames."""
    assembler = Assembler()
    return [
        event
        for frame in frames
        for event in assembler.receive(frame.event, frame.data)
    ]


def said(frames: Iterable[Frame]) -> str:
    """The text of the view that the one run ends with, which must be whole."""
    (end,) = [
        event
        for event in assembled(frames)
        if isinstance(event, (DoneEvent, FailureEvent))
    ]
    assert not end.gapped
    return end.view.text


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(api_key="test-key", run_seconds=0.02) as server:
        server.add_prompt(
            "greeting", lambda inputs: f"Hello, {inputs['name']}! How are you?"
        )
        yield server


def held(server: FakeServer) -> threading.Event:
    """Add a prompt that says three words and waits for an event before the last two."""
    go = threading.Event()

    def parts(inputs: dict[str, str]) -> Iterator[str]:
        yield "one "
        assert go.wait(PATIENCE)
        yield "two "
        yield "three"

    server.add_prompt("held", parts)
    return go


# What a stream looks like


def test_a_stream_is_a_chunked_text_event_stream(server: FakeServer) -> None:
    reader = Reader(server)
    assert (reader.answer.status, reader.answer.headers["Content-Type"]) == (
        200,
        "text/event-stream",
    )
    assert reader.answer.chunked
    reader.close()


def test_a_text_goes_out_as_a_reset_its_words_and_done(server: FakeServer) -> None:
    reader = Reader(server)
    run_id = run(server, "greeting")
    frames = reader.read(ended)
    about = {"runId": run_id, "channel": "default"}
    tokens = ["Hello, ", "Ada! ", "How ", "are ", "you?"]
    assert [(frame.event, json.loads(frame.data)) for frame in frames] == [
        ("reset", {**about, "segment": 0, "seq": 0}),
        *[
            ("token", {**about, "segment": 0, "seq": seq, "text": text})
            for seq, text in enumerate(tokens, 1)
        ],
        ("done", about),
    ]
    assert [frame.id for frame in frames] == ["1", "2", "3", "4", "5", "6", "7"]
    assert reader.raw.startswith(b'id: 1\nevent: reset\ndata: {"runId": ')


@pytest.mark.parametrize(
    "text",
    ["", " ", "one", "  a\n\nb\u2028c\u00a0d ", "\U0001f600 \u00fc", "x" * 70_000],
)
def test_the_words_of_any_text_make_the_text_again(
    server: FakeServer, text: str
) -> None:
    server.add_prompt("text", lambda inputs: text)
    reader = Reader(server)
    run_id = run(server, "text")
    assert said(reader.read(ended)) == text
    assert ask(server, "GET", f"/api/v1/promptruns/{run_id}")["output"] == text


def test_when_done_comes_the_run_is_there(server: FakeServer) -> None:
    for _ in range(5):
        reader = Reader(server)
        run_id = run(server, "greeting")
        reader.read(ended)
        assert (
            ask(server, "GET", f"/api/v1/promptruns/{run_id}")["status"] == "completed"
        )


def test_the_words_are_spread_over_run_seconds(server: FakeServer) -> None:
    server.run_seconds = PATIENCE
    server.add_prompt("long", lambda inputs: "word " * 200)
    reader = Reader(server)
    started = time.monotonic()
    run(server, "long")
    frames = reader.read(lambda frames: "token" in [frame.event for frame in frames])
    assert len(frames) < 202
    assert time.monotonic() - started < PATIENCE
    server.run_seconds = math.inf
    reader = Reader(server, thread=OTHER)
    run(server, "greeting", OTHER)
    assert [frame.event for frame in reader.read(at_least(1))] == ["reset"]


def test_a_generator_goes_out_as_it_yields(server: FakeServer) -> None:
    server.run_seconds = 0
    go = held(server)
    reader = Reader(server)
    run_id = run(server, "held")
    reader.read(lambda frames: any("one" in frame.data for frame in frames))
    assert len(reader.frames) == 2
    assert ask(server, "GET", f"/api/v1/promptruns/{run_id}")["status"] == "pending"
    again = Reader(server, last_id="2")
    go.set()
    assert said(reader.frames + again.read(ended)) == "one two three"


SOURCES = [
    {"title": "X", "url": "https://x.example"},
    {"title": "Y", "url": "https://y.example"},
]
ANSWERS: list[list[Any]] = [
    [],
    ["Hel", "lo"],
    ["", ""],
    ["lost ", Tool("lost"), Reset(), "kept"],
    ["a", Reset(0), "b", Reset(0), "c"],
    ["one ", Tool("search", queries=["x", "y"], citations=SOURCES), "two"],
    [Tool("broken", status="error"), Tool("broken")],
    [
        "a",
        Payload("emit", {"b": [1, None]}),
        "c",
        Payload("emit", {}),
        Payload("other", {"d": {"e": "\u00fc"}}),
    ],
    ["first, ", Reset(1), "second, ", Reset(2), "third"],
    ["first, ", Reset(1), "lost, ", Reset(2), Payload("lost", {}), Reset(1), "second"],
    ["lost", Reset(3), Tool("lost"), Reset(), Tool("a"), Reset(1), "b", Reset(2)],
    [
        "a",
        Reset(1),
        Payload("emit", {}),
        Reset(2),
        "b",
        Reset(2),
        Tool("search", queries=("q",)),
        "c",
    ],
]


@pytest.mark.parametrize("parts", ANSWERS, ids=range(len(ANSWERS)))
@pytest.mark.parametrize("make", [list, iter], ids=["list", "iterator"])
def test_what_a_client_assembles_of_the_parts_is_what_the_run_holds(
    server: FakeServer, parts: list[Any], make: Callable[[list[Any]], Any]
) -> None:
    server.run_seconds = 0
    server.add_prompt("parts", lambda inputs: make(parts))
    reader = Reader(server)
    run_id = run(server, "parts")
    events = assembled(reader.read(ended))
    end = events[-1]
    assert isinstance(end, DoneEvent)
    assert not [event for event in events if isinstance(event, GapEvent)]
    held = PromptRun.from_dict(ask(server, "GET", f"/api/v1/promptruns/{run_id}"))
    assert end.run_id == held.id == UUID(run_id)
    assert end.view.transcript == held.transcript
    assert end.view.text == held.output
    assert end.view.data == tuple(item.payload for item in held.emitted)
    assert not end.gapped
    assert "lost" not in str(held)


def test_the_frames_of_a_tool_and_of_a_payload_have_the_fields_of_the_protocol(
    server: FakeServer,
) -> None:
    source = [{"title": "X", "url": "https://x.example"}]
    tool, payload = (
        Tool("search", "error", ["q"], source),
        Payload("emit", {"found": 1}),
    )
    server.add_prompt("parts", lambda inputs: [tool, Reset(1), payload])
    reader = Reader(server)
    about = {"runId": run(server, "parts"), "channel": "default"}
    _, start, end, reset, data, _ = (
        (frame.event, json.loads(frame.data)) for frame in reader.read(ended)
    )
    ref = start[1]["ref"]
    assert start == (
        "tool_start",
        {**about, "segment": 0, "seq": 1, "ref": ref, "tool": "search"},
    )
    result = {"status": "error", "queries": ["q"], "citations": source}
    assert end == ("tool_end", {**about, "ref": ref, "tool": "search", **result})
    assert reset == ("reset", {**about, "segment": 1, "seq": 0})
    assert data == (
        "data",
        {**about, "segment": 1, "seq": 1, "tool": "emit", "payload": {"found": 1}},
    )


def failing(*parts: Any) -> Callable[[dict[str, str]], Iterator[Any]]:
    def function(inputs: dict[str, str]) -> Iterator[Any]:
        yield from parts
        raise ValueError("the model is out")

    return function


@pytest.mark.parametrize(
    ("function", "text", "message"),
    [
        (failing(), "", "the model is out"),
        (failing("so ", "far"), "so far", "the model is out"),
        (lambda inputs: inputs["unknown"], None, "'unknown'"),
        (lambda inputs: ["so ", "far", 7], "so far", "not a part of an answer: 7"),
        (
            lambda inputs: [Payload("emit", {"not": {"JSON"}})],
            None,
            "not JSON serializable",
        ),
    ],
)
def test_a_function_that_fails_ends_in_a_failure_frame_and_a_failed_run(
    server: FakeServer,
    function: Callable[[dict[str, str]], Any],
    text: str | None,
    message: str,
) -> None:
    server.add_prompt("bad", function)
    reader = Reader(server)
    run_id = run(server, "bad", channel="side")
    end = assembled(reader.read(ended))[-1]
    assert isinstance(end, FailureEvent)
    assert (end.run_id, end.channel, end.code) == (UUID(run_id), "side", "run_failed")
    assert message in end.message
    # Nothing was generated where the function itself raises.
    assert (end.gapped, end.view.text) == (text is None, text or "")
    held = PromptRun.from_dict(ask(server, "GET", f"/api/v1/promptruns/{run_id}"))
    assert (held.status, held.error, held.transcript, held.emitted) == (
        "failed",
        end.message,
        (),
        (),
    )


def test_a_workflow_run_streams_its_end_alone(server: FakeServer) -> None:
    server.add_workflow("flow", lambda inputs: {"a": "b"})
    reader = Reader(server)
    run_id = run(server, "flow", kind="workflow")
    (frame,) = reader.read(ended)
    assert (frame.event, json.loads(frame.data)) == (
        "done",
        {"runId": run_id, "channel": "default"},
    )
    assert ask(server, "GET", f"/api/v1/workflowruns/{run_id}")["status"] == "completed"
    server.add_workflow("bad", lambda inputs: {"a": inputs["unknown"]})
    reader = Reader(server)
    run(server, "bad", kind="workflow")
    (frame,) = reader.read(ended)
    assert frame.event == "failure"


# Who hears what


def test_a_stream_brings_its_own_thread_alone_to_all_who_listen(
    server: FakeServer,
) -> None:
    here, too, there = Reader(server), Reader(server), Reader(server, thread=OTHER)
    mine, other = run(server, "greeting"), run(server, "greeting", OTHER.upper())
    for reader, run_id in ((here, mine), (too, mine), (there, other)):
        assert {json.loads(frame.data)["runId"] for frame in reader.read(ended)} == {
            run_id
        }


def test_only_the_wanted_channels_go_out(server: FakeServer) -> None:
    one = Reader(server, "?channel=a%20b")
    both = Reader(server, "?channel=a%20b&channel=%C3%BC&other=c")
    for channel in ("default", "c", "\u00fc", "a b"):
        server.publish(THREAD, "done", {"runId": str(uuid4()), "channel": channel})
    server.publish(THREAD, "anything", {"without": "a channel"})
    assert [
        json.loads(frame.data).get("channel") for frame in one.read(at_least(2))
    ] == ["a b", None]
    assert [
        json.loads(frame.data).get("channel") for frame in both.read(at_least(3))
    ] == ["\u00fc", "a b", None]


def test_a_fresh_connection_starts_at_the_live_tip(server: FakeServer) -> None:
    server.publish(THREAD, "done", {"runId": "before"})
    for last_id in (None, ""):
        reader = Reader(server, last_id=last_id)
        server.publish(THREAD, "done", {"runId": "after"})
        (frame,) = reader.read(at_least(1))
        assert json.loads(frame.data) == {"runId": "after"}


def test_a_frame_can_be_published_for_a_thread_in_any_of_its_forms(
    server: FakeServer,
) -> None:
    reader = Reader(server)
    for thread in (THREAD, THREAD.upper(), UUID(THREAD)):
        server.publish(thread, "done", {})
    assert len(reader.read(at_least(3))) == 3


# Who may listen


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer wrong", "Bearer test-key", "Basic fake"]
)
def test_without_its_token_a_stream_is_401_and_the_key_does_not_open_it(
    server: FakeServer, authorization: str
) -> None:
    reader = Reader(server, authorization=authorization)
    assert reader.answer.status == 401
    assert list(json.loads(reader.answer.read())) == ["error"]
    reader.close()


def test_a_token_opens_one_thread_and_not_the_api(server: FakeServer) -> None:
    token = ask(server, "POST", f"/api/v1/threads/{OTHER}/stream-token")["token"]
    for url in (
        f"{server.url}/stream/{THREAD}",
        f"{server.url}/stream/",
        f"{server.url}/api/v1/knowledge-bases/x",
    ):
        reader = Reader(server, url=url, authorization=f"Bearer {token}")
        assert reader.answer.status == 401
        reader.close()
    reader = Reader(server, thread=OTHER, authorization=f"bearer {token}")
    assert reader.answer.status == 200
    reader.close()


# Coming back


def test_last_event_id_brings_all_that_came_after_it(server: FakeServer) -> None:
    reader = Reader(server)
    run(server, "greeting")
    frames = list(reader.read(ended))
    for position in range(8):
        again = Reader(server, last_id=str(position))
        server.publish(THREAD, "live", {"n": position})
        assert (
            again.read(lambda frames, now=position: f'"n": {now}' in str(frames[-1:]))[
                : 7 - position
            ]
            == frames[position:]
        )


def test_an_unknown_last_event_id_brings_stale_and_all_that_is_kept(
    server: FakeServer,
) -> None:
    reader = Reader(server)
    run(server, "greeting")
    frames = reader.read(ended)
    for last_id in ("8", "-1", "01", "x", "\u00b2", "9" * 5000):
        stale, *again = Reader(server, last_id=last_id).read(ended)
        assert stale == ("stale", "{}", "0")
        assert again == frames


def test_what_is_sent_again_is_filtered_too(server: FakeServer) -> None:
    for channel in "abab":
        server.publish(THREAD, "done", {"channel": channel})
    assert [
        frame.id
        for frame in Reader(server, "?channel=b", last_id="1").read(at_least(2))
    ] == ["2", "4"]


def test_a_server_that_is_closed_and_started_again_in_mid_stream_loses_nothing(
    server: FakeServer,
) -> None:
    server.add_prompt(
        "long", lambda inputs: " ".join(f"word{number}" for number in range(40))
    )
    server.run_seconds = 0.5
    reader = Reader(server)
    run_id = run(server, "long")
    frames = list(reader.read(at_least(4)))
    server.close()
    assert not ended(frames)
    server.start()
    assert ask(server, "GET", f"/api/v1/promptruns/{run_id}")["status"] == "pending"
    frames += Reader(server, last_id=frames[-1].id).read(ended)
    assert said(frames) == " ".join(f"word{number}" for number in range(40))
    assert ask(server, "GET", f"/api/v1/promptruns/{run_id}")["output"] == said(frames)


# Faults on demand


def test_a_hand_over_ends_the_stream_and_the_client_that_comes_back_misses_nothing(
    server: FakeServer,
) -> None:
    go = held(server)
    reader = Reader(server)
    run(server, "held")
    reader.read(at_least(2))
    reader = Reader(server, last_id="0")
    server.hand_over_streams()
    *frames, last = reader.read()
    reader.close()
    assert (last.event, last.data) == ("reconnect", "{}")
    go.set()
    frames += Reader(server, last_id=last.id).read(ended)
    assert said(frames) == "one two three"


def test_a_hand_over_before_the_first_frame_loses_nothing_either(
    server: FakeServer,
) -> None:
    reader = Reader(server, "?channel=x")
    server.hand_over_streams()
    (last,) = reader.read()
    reader.close()
    run(server, "greeting", channel="x")
    assert (
        said(Reader(server, "?channel=x", last_id=last.id).read(ended))
        == "Hello, Ada! How are you?"
    )


def test_dropped_streams_end_in_the_middle_of_a_chunk(server: FakeServer) -> None:
    reader = Reader(server)
    server.publish(THREAD, "done", {"runId": "x"})
    server.drop_streams()
    with pytest.raises(http.client.IncompleteRead):
        reader.read()
    assert [frame.event for frame in reader.frames] == ["done"]
    reader.close()


@pytest.mark.parametrize("lost", [1, 2])
def test_lost_frames_are_a_gap_that_coming_back_does_not_heal(
    server: FakeServer, lost: int
) -> None:
    reader = Reader(server)
    run_id = run(server, "greeting")
    reader.read(ended)
    reader = Reader(server)
    server.publish(THREAD, "reset", {"runId": run_id})
    server.lose_next_frames(lost)
    for seq in (1, 2, 3):
        server.publish(THREAD, "token", {"runId": run_id, "seq": seq, "text": str(seq)})
    server.publish(THREAD, "done", {"runId": run_id})
    frames = reader.read(ended)
    events = assembled(frames)
    assert [type(event) for event in events if not isinstance(event, TokenEvent)] == [
        ResetEvent,
        GapEvent,
        DoneEvent,
    ]
    assert isinstance(events[-1], DoneEvent)
    assert events[-1].gapped
    assert Reader(server, last_id=frames[0].id).read(ended) == frames[1:]


def test_a_run_of_which_a_frame_is_lost_is_gapped(server: FakeServer) -> None:
    reader = Reader(server)
    server.lose_next_frames(2)
    run(server, "greeting")
    end = assembled(reader.read(ended))[-1]
    assert isinstance(end, DoneEvent)
    assert (end.gapped, end.view.text) == (True, "")


def test_send_stale_is_followed_by_all_that_is_kept_so_that_a_client_can_rebuild_it(
    server: FakeServer,
) -> None:
    go = held(server)
    reader = Reader(server)
    run(server, "held")
    reader.read(at_least(2))
    reader = Reader(server, last_id="2")
    server.send_stale()
    go.set()
    frames = reader.read(ended)
    assert [frame.event for frame in frames[:3]] == ["stale", "reset", "token"]
    assert said(frames) == "one two three"
    # Whoever is cut off right after it is not sent on as if nothing had been.
    assert Reader(server, last_id=frames[0].id).read(ended) == frames[1:]


def test_a_straggler_after_done_is_one_published_frame(server: FakeServer) -> None:
    reader = Reader(server)
    run_id = run(server, "greeting")
    frames = reader.read(ended)
    reader = Reader(server, last_id=frames[-1].id)
    server.publish(
        THREAD,
        "token",
        {"runId": run_id, "channel": "default", "segment": 0, "seq": 6, "text": "late"},
    )
    frames = frames + reader.read(at_least(1))
    assert [type(event) for event in assembled(frames)][-2:] == [DoneEvent, GapEvent]


def test_the_other_faults_meet_the_request_of_a_stream_too(server: FakeServer) -> None:
    token = ask(server, "POST", f"/api/v1/threads/{THREAD}/stream-token")["token"]

    def connect() -> http.client.HTTPResponse:
        connection = http.client.HTTPConnection(
            "127.0.0.1", urlsplit(server.url).port, timeout=PATIENCE
        )
        connection.request(
            "GET", f"/stream/{THREAD}", headers={"Authorization": f"Bearer {token}"}
        )
        connections.append(connection)
        return connection.getresponse()

    connections: list[http.client.HTTPConnection] = []
    server.fail_next(503, retry_after=1)
    failed = connect()
    assert (failed.status, failed.headers["Retry-After"]) == (503, "1")
    failed.close()
    for after_reading in (True, False):
        server.drop_next(after_reading=after_reading)
        with pytest.raises(ConnectionError):
            connect()
    server.delay_next(0.1)
    started = time.monotonic()
    late = connect()
    assert late.status == 200
    assert time.monotonic() - started >= 0.1
    late.close()
    for connection in connections:
        connection.close()


# The end


def test_close_ends_streams_and_their_threads_at_once(
    capfd: pytest.CaptureFixture[str],
) -> None:
    before = set(threading.enumerate())
    server = FakeServer(run_seconds=60)
    server.start()
    server.add_prompt("greeting", lambda inputs: "Hello!")
    reader, gone = Reader(server), Reader(server)
    gone.close()
    run(server, "greeting")
    started = time.monotonic()
    server.close()
    assert time.monotonic() - started < SOON
    assert set(threading.enumerate()) <= before
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        reader.read()
    reader.close()
    assert capfd.readouterr() == ("", "")


def test_a_client_that_does_not_read_holds_up_neither_the_others_nor_the_end(
    server: FakeServer,
) -> None:
    reader, lazy = Reader(server), Reader(server)
    for _ in range(30):
        server.publish(THREAD, "token", {"text": "x" * 500_000})
    server.publish(THREAD, "done", {})
    assert len(reader.read(ended)) == 31
    started = time.monotonic()
    server.close()
    assert time.monotonic() - started < SOON
    lazy.close()


def test_a_client_that_went_away_is_forgotten_quietly(
    server: FakeServer, capfd: pytest.CaptureFixture[str]
) -> None:
    def forgotten() -> bool:
        server.publish(THREAD, "live", {})
        return not server._streams.subscriptions

    Reader(server).close()
    eventually(forgotten)
    assert capfd.readouterr() == ("", "")


def test_a_client_that_went_away_is_noticed_also_where_nothing_is_sent(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Heartbeats find it, and the thread that served it ends."""

    def noticed() -> bool:
        ask(server, "GET", "/api/v1/prompts/greeting/1")
        return len(server._streams.subscriptions) == 1 and len(server._jobs.threads) < 7

    monkeypatch.setattr(server._streams, "heartbeat_seconds", 0.005)
    staying = Reader(server)
    for _ in range(5):
        Reader(server).close()
    eventually(noticed)
    server.publish(THREAD, "done", {})
    assert [frame.event for frame in staying.read(ended)] == ["done"]
    assert b":\n\n" in staying.raw
    staying.close()


def test_the_address_of_a_stream_is_for_get_alone(server: FakeServer) -> None:
    token = ask(server, "POST", f"/api/v1/threads/{THREAD}/stream-token")["token"]
    connection = http.client.HTTPConnection(
        "127.0.0.1", urlsplit(server.url).port, timeout=PATIENCE
    )
    headers = {"Authorization": f"Bearer {token}"}
    connection.request("DELETE", f"/stream/{THREAD}", headers=headers)
    assert connection.getresponse().status == 404
    connection.close()
