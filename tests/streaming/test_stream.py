"""The stream of a thread over real sockets: how it connects, how connections end, and how it is ended."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import re
import signal
import socket
import ssl
import threading
import time
import urllib.request
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.calls import at_once, port_without_answer, postponed
from helpers.frames import OTHER, RUN, STALE, done, failure, reset, token
from helpers.secrets import assert_silent
from helpers.servers import (
    Conn,
    ConnectProxy,
    ScriptedServer,
    client_context,
    descriptors,
    server_context,
)

from promptjuggler import (
    ApiError,
    ConnectedEvent,
    DecodeError,
    DisconnectedEvent,
    DoneEvent,
    FailureEvent,
    GapEvent,
    NetworkError,
    PromptJuggler,
    ResetEvent,
    StaleEvent,
    TokenEvent,
    ValidationError,
    WaitTimeout,
)
from promptjuggler.streaming._sse import LONGEST_LINE
from promptjuggler.testing import FakeServer

THREAD = "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11"
SLACK = 5.0
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
DELAYS = [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def wire(frame, id=""):
    """A frame as it is sent."""
    kind, fields = frame
    text = f"event: {kind}\ndata: {json.dumps(fields)}\n\n"
    return (f"id: {id}\n{text}" if id else text).encode()


def hangs(conn):
    conn.hang()


def says(*frames, then=hangs, first=1):
    """A connection that sends frames, whose ids are a, b, c ..., each in a chunk; as a rule it then says no more."""
    data = b"".join(
        chunk(wire(frame, chr(96 + number)))
        for number, frame in enumerate(frames, first)
    )

    def script(conn):
        conn.send(CHUNKED + data)
        then(conn)

    return script


def ends(conn):
    """End a chunked body as it should be."""
    conn.send(b"0\r\n\r\n")


def answers(*reply):
    return lambda conn: conn.reply(*reply)


class Hub(ScriptedServer):
    """The API as far as streams need it: each connection to the stream, and each token, is the next of those given.

    The last one is for all that follow. The tokens that are not scripted are sekret-token-1, sekret-token-2 ...
    """

    def __init__(self, *scripts, mints=(), path="/stream", keep=False, **options):
        self.keep = keep
        self.scripts, self.mints, self.path = list(scripts), [*mints, None], path
        self.minted = 0
        super().__init__(self._handle, **options)

    @property
    def gets(self):
        """The requests for the stream."""
        return [request for request in self.requests if request.method == "GET"]

    def mint(self, conn):
        self.minted += 1
        url = self.path if "://" in self.path else self.url + self.path
        document = {
            "token": f"sekret-token-{self.minted}",
            "expiresAt": "2030-01-01T00:00:00Z",
            "url": url,
        }
        # On a connection that was used before, a GET is sent twice if need be: not here, where requests are counted.
        conn.reply(200, document, keep=self.keep)

    def _handle(self, conn):
        while not conn.closed and (request := conn.read_request()):
            queue = self.mints if request.method == "POST" else self.scripts
            script = queue.pop(0) if len(queue) > 1 else queue[0]
            (script or self.mint)(conn)


@contextlib.contextmanager
def client_of(server, **options):
    options = {
        "timeout": 10.0,
        "ssl_context": client_context() if server.url.startswith("https") else None,
        **options,
    }
    with PromptJuggler(
        "pj-sekret-key", base_url=options.pop("base_url", server.url), **options
    ) as client:
        yield client


@contextlib.contextmanager
def streaming(server, *, client=(), waits=None, **options):
    """A stream of a server that is not entered yet. With `waits`, it does not wait: the delays are noted there."""
    with client_of(server, **dict(client)) as pj:
        stream = pj.stream(THREAD, **options)
        if waits is not None:
            stream._wait = waits.append
        with contextlib.closing(stream):
            yield stream


def until(stream, *kinds):
    """The events up to the first one of a kind."""
    events = []
    for event in stream:
        events.append(event)
        if isinstance(event, kinds):
            return events
    raise AssertionError(f"the stream ended: {events}")


def texts(events):
    return [event.text for event in events if isinstance(event, TokenEvent)]


def wait_for(condition):
    deadline = time.monotonic() + SLACK
    while not condition():
        assert time.monotonic() < deadline, "it does not come to that"
        time.sleep(0.002)


HELLO = (reset(), token(1, "Hel"), token(2, "lo"), done())


# Connecting


def test_entering_connects_and_iterating_gives_the_events():
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        with stream as entered:
            assert entered is stream
            assert [request.method for request in server.requests] == ["POST", "GET"]
            events = until(stream, DoneEvent)
        assert [type(event) for event in events] == [
            ConnectedEvent,
            ResetEvent,
            TokenEvent,
            TokenEvent,
            DoneEvent,
        ]
        assert events[-1].view.text == "Hello"


def test_the_token_is_asked_for_with_the_key_and_the_stream_with_the_token_alone():
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        until(stream, DoneEvent)
        post, get = server.requests
        assert (post.target, post.headers["authorization"]) == (
            f"/api/v1/threads/{THREAD}/stream-token", "Bearer pj-sekret-key",
        )  # fmt: skip
        assert (get.target, get.headers["authorization"]) == (
            "/stream",
            "Bearer sekret-token-1",
        )
        assert get.headers["accept"] == "text/event-stream"
        assert get.headers["accept-encoding"] == "identity"
        assert "last-event-id" not in get.headers
        assert b"pj-sekret-key" not in get.head


def test_each_connection_has_a_token_of_its_own_and_goes_on_after_the_last_event():
    with (
        Hub(
            says(reset(), token(1, "a"), then=ends),
            says(token(2, "b"), then=ends, first=3),
            says(done()),
        ) as server,
        streaming(server, waits=[]) as stream,
    ):
        events = until(stream, DoneEvent)
        assert texts(events) == ["a", "b"]
        assert not events[-1].gapped
        assert [get.headers["authorization"] for get in server.gets] == [
            f"Bearer sekret-token-{n}" for n in (1, 2, 3)
        ]
        assert [get.headers.get("last-event-id") for get in server.gets] == [
            None,
            "b",
            "c",
        ]


@pytest.mark.parametrize("id", ["7-0", "grün→🙂", "a b:c", "%41", "0"])
def test_an_event_id_is_sent_back_as_it_came_in_utf_8(id):
    first = lambda conn: (
        conn.send(CHUNKED + chunk(wire(token(1, "a"), id))),
        ends(conn),
    )  # noqa: E731
    with Hub(first, says(done())) as server, streaming(server, waits=[]) as stream:
        until(stream, TokenEvent)
        assert stream.last_event_id == id
        until(stream, DoneEvent)
        assert server.gets[1].headers["last-event-id"].encode("latin-1").decode() == id


def test_an_empty_event_id_means_that_there_is_none():
    first = lambda conn: (
        conn.send(CHUNKED + chunk(wire(token(1, "a"), "x") + b"id\n\n")),
        ends(conn),
    )  # noqa: E731
    with Hub(first, says(done())) as server, streaming(server, waits=[]) as stream:
        until(stream, DoneEvent)
        assert "last-event-id" not in server.gets[1].headers


def test_an_id_is_kept_where_the_frames_after_it_have_none():
    first = lambda conn: (
        conn.send(CHUNKED + chunk(wire(token(1, "a"), "x"))),
        ends(conn),
    )  # noqa: E731
    second = lambda conn: (conn.send(CHUNKED + chunk(wire(token(2, "b")))), ends(conn))  # noqa: E731
    with (
        Hub(first, second, says(done())) as server,
        streaming(server, waits=[]) as stream,
    ):
        until(stream, DoneEvent)
        assert [get.headers.get("last-event-id") for get in server.gets] == [
            None,
            "x",
            "x",
        ]


def test_the_id_of_a_frame_that_is_skipped_counts_and_that_of_half_a_frame_does_not():
    def first(conn):
        conn.send(
            CHUNKED
            + chunk(b"id: 1\nevent: news\ndata: ?\n\nid: 2\nevent: token\ndata: {")
        )
        ends(conn)

    with Hub(first, says(done())) as server, streaming(server, waits=[]) as stream:
        until(stream, DoneEvent)
        assert server.gets[1].headers["last-event-id"] == "1"


def test_a_stream_can_begin_after_an_event_of_an_earlier_one():
    with Hub(says(*HELLO)) as server, streaming(server, last_event_id="grün") as stream:
        assert stream.last_event_id == "grün"
        until(stream, DoneEvent)
        assert (
            server.gets[0].headers["last-event-id"].encode("latin-1").decode() == "grün"
        )


CHANNELS = ["main", "a b&c=d", "grün/%2F?#", "+", ".."]


@pytest.mark.parametrize(
    ("path", "before"),
    [("/s", {}), ("/s?x=1", {"x": ["1"]}), ("/s?", {}), ("/s?x=1#part", {"x": ["1"]})],
)
def test_the_wanted_channels_are_parameters_of_the_url(path, before):
    with (
        Hub(says(*HELLO), path=path) as server,
        streaming(server, channels=(name for name in CHANNELS)) as stream,
    ):
        until(stream, DoneEvent)
        target = server.gets[0].target
        assert re.fullmatch(r"/s\?[!-~]+", target)
        assert "#" not in target
        assert parse_qs(urlsplit(target).query, strict_parsing=True) == {
            **before,
            "channel": CHANNELS,
        }


def test_without_channels_the_url_is_left_as_it_came():
    with (
        Hub(says(*HELLO), path="/a%20b/?q=%2F&&x") as server,
        streaming(server) as stream,
    ):
        until(stream, DoneEvent)
        assert server.gets[0].target == "/a%20b/?q=%2F&&x"


@pytest.mark.parametrize("options", [
    {"channels": "main"}, {"channels": [5]}, {"channels": [""]}, {"channels": 5}, {"channels": b"main"},
    {"channels": ["\ud800"]}, {"last_event_id": 5}, {"last_event_id": "a\nb"}, {"last_event_id": "a\rb"},
    {"last_event_id": "a\0"}, {"last_event_id": "\ud800"}, {"idle_timeout": 0}, {"timeout": -1}, {"timeout": "x"},
    {"thread": "x"},
])  # fmt: skip
def test_arguments_are_checked_before_anything_is_sent(options):
    with Hub(says()) as server, client_of(server) as pj:
        with pytest.raises(ValidationError):
            pj.stream(**{"thread": THREAD, **options})
        assert server.connections == 0


def test_iterating_without_entering_connects_too():
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        assert texts(until(stream, DoneEvent)) == ["Hel", "lo"]
        assert len(server.gets) == 1


def test_one_stream_serves_several_loops():
    with Hub(says(*HELLO)) as server, streaming(server) as stream, stream:
        assert len(until(stream, TokenEvent)) == 3
        assert len(until(stream, TokenEvent)) == 1
        assert len(until(stream, DoneEvent)) == 1
        assert len(server.gets) == 1


# A connection that cannot be made


EACH_STEP = pytest.mark.parametrize("step", ["mints", "scripts"])


def failing(step, *failures, **options):
    """A server at which one of the two steps fails a few times."""
    scripts = [*failures, says(*HELLO)] if step == "scripts" else [says(*HELLO)]
    return Hub(*scripts, mints=failures if step == "mints" else (), **options)


FAILURES = {
    "an error": answers(500, {"error": "No."}),
    "another error": answers(400, {"error": "No."}),
    "nothing": Conn.close,
    "a reset": Conn.reset,
    "half an answer": lambda conn: (conn.send(b"HTTP/1.1 200 O"), conn.close()),
    "no HTTP": lambda conn: (conn.send(b"SMTP\r\n\r\n"), conn.close()),
    "no content": answers(204),
    "a redirect": answers(302, "", {"Location": "https://elsewhere.example/"}),
}


@EACH_STEP
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_the_first_connection_is_tried_again_as_often_as_the_client_allows(
    step, failure
):
    waits = []
    with (
        failing(step, failure, failure) as server,
        streaming(server, waits=waits, client={"max_retries": 2}) as stream,
    ):
        assert until(stream, DoneEvent)[-1].view.text == "Hello"
        assert waits == [0.5, 1.0]
    waits = []
    with (
        failing(step, *[failure] * 3) as server,
        streaming(server, waits=waits, client={"max_retries": 2}) as stream,
        pytest.raises((ApiError, NetworkError, DecodeError)) as caught,
    ):
        stream.__enter__()
    assert waits == [0.5, 1.0]
    assert getattr(caught.value, "attempts", 3) == 3


def test_without_retries_there_is_one_attempt():
    waits = []
    with (
        failing("scripts", FAILURES["an error"]) as server,
        streaming(server, waits=waits, client={"max_retries": 0}) as stream,
    ):
        with pytest.raises(ApiError, match=r"^No\.$"):
            stream.__enter__()
        assert len(server.gets) == 1
    assert waits == []


@pytest.mark.parametrize("reconnect", [True, False])
@EACH_STEP
@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize("connected", [False, True])
def test_what_is_not_allowed_or_not_there_ends_the_stream_with_its_error(
    status, step, connected, reconnect
):
    refusal = answers(status, {"error": "Never."})
    scripts, mints = [says(then=ends)] * connected, [None] * connected
    (scripts if step == "scripts" else mints).append(refusal)
    waits = []
    with (
        Hub(*scripts, mints=mints) as server,
        streaming(server, waits=waits, reconnect=reconnect) as stream,
    ):
        if connected and reconnect:
            assert len(until(stream, DisconnectedEvent)) == 2
        elif connected:
            return
        with pytest.raises(ApiError, match=r"^Never\.$") as caught:
            next(stream)
        assert caught.value.status_code == status
        assert waits == [0.5] * connected
        assert list(stream) == []


def test_a_certificate_that_is_not_trusted_ends_it_at_once():
    waits = []
    with (
        Hub(says(), tls=server_context("self_signed")) as server,
        streaming(server, waits=waits) as stream,
    ):
        with pytest.raises(NetworkError, match="certificate"):
            next(stream)
        assert waits == []


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_is_given_the_time_that_it_asks_for(status):
    waits = []
    busy = answers(status, "", {"Retry-After": "7"})
    with (
        Hub(busy, says(then=ends), busy, says(done())) as server,
        streaming(server, waits=waits) as stream,
    ):
        until(stream, DoneEvent)
    assert waits == [7.0, 0.5, 7.0]


def test_a_server_that_asks_for_more_than_a_minute_gets_it_from_a_first_connection_not_at_all():
    waits = []
    busy = answers(503, "", {"Retry-After": "3600"})
    with Hub(busy) as server, streaming(server, waits=waits) as stream:
        with pytest.raises(ApiError) as caught:
            next(stream)
        assert caught.value.retry_after == 3600
    with (
        Hub(says(then=ends), busy, says(done())) as server,
        streaming(server, waits=waits) as stream,
    ):
        until(stream, DoneEvent)
    assert waits == [0.5, 60.0]


# Reconnecting


@EACH_STEP
@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_the_delays_double_to_ten_seconds_and_start_over_after_a_success(failure, step):
    lost = says(token(1, "a"), then=ends)
    fails = [failure] * 6
    if step == "scripts":
        server = Hub(lost, *fails, lost, failure, says(done()))
    else:
        server = Hub(lost, lost, says(done()), mints=[None, *fails, None, failure])
    waits = []
    with server, streaming(server, waits=waits, client={"max_retries": 0}) as stream:
        events = until(stream, DoneEvent)
    assert waits == [*DELAYS, 0.5, 1.0]
    kinds = [
        type(event) for event in events if not isinstance(event, (TokenEvent, GapEvent))
    ]
    # Each attempt that fails is told at once, as the loss is.
    assert kinds == [ConnectedEvent, *[DisconnectedEvent] * 7, ConnectedEvent, *[DisconnectedEvent] * 2, ConnectedEvent,
                     DoneEvent]  # fmt: skip


@pytest.mark.parametrize(
    "frame",
    [
        b"event: reconnect\n\n",
        b"event: reconnect\ndata: {}\n\n",
        b"event:reconnect\r\r",
    ],
)
def test_a_hand_over_is_followed_at_once_by_a_new_connection(frame):
    released = threading.Event()

    def first(conn):
        conn.send(
            CHUNKED
            + chunk(wire(reset(), "1"))
            + chunk(wire(token(1, "a"), "2"))
            + chunk(b"id: 3\n" + frame)
        )
        conn.hang()
        released.set()

    waits = []
    with (
        Hub(first, says(token(2, "b"), done())) as server,
        streaming(server, waits=waits) as stream,
    ):
        events = until(stream, DoneEvent)
        assert released.wait(SLACK)
        assert waits == []
        assert texts(events) == ["a", "b"]
        assert "new connection" in next(
            event.reason for event in events if isinstance(event, DisconnectedEvent)
        )
        assert server.gets[1].headers["last-event-id"] == "3"
        assert not events[-1].gapped


def test_what_follows_a_hand_over_on_the_same_connection_is_not_read():
    first = says(reset(), token(1, "a"), ("reconnect", {}), token(2, "x"))
    with Hub(first, says(token(2, "b"), done())) as server, streaming(server) as stream:
        assert texts(until(stream, DoneEvent)) == ["a", "b"]
        assert server.gets[1].headers["last-event-id"] == "c"


def test_after_a_hand_over_that_fails_the_delays_are_those_after_a_loss():
    no = FAILURES["an error"]
    waits = []
    with (
        Hub(says(("reconnect", {})), no, no, no, says(done())) as server,
        streaming(server, waits=waits) as stream,
    ):
        until(stream, DoneEvent)
    assert waits == [0.5, 1.0, 2.0]


@pytest.mark.parametrize(
    "then",
    [
        ends,
        Conn.close,
        Conn.reset,
        lambda conn: conn.send(chunk(wire(("reconnect", {})))),
    ],
)
def test_without_reconnect_the_first_loss_is_an_error(then):
    go = threading.Event()
    first = says(token(1, "a"), then=lambda conn: (go.wait(SLACK), then(conn)))
    with (
        Hub(first, says(done())) as server,
        streaming(server, reconnect=False) as stream,
    ):
        assert texts(until(stream, TokenEvent)) == ["a"]
        go.set()
        with pytest.raises(NetworkError):
            until(stream, DisconnectedEvent)
        assert len(server.gets) == 1
        assert list(stream) == []


def test_without_reconnect_the_first_connection_is_tried_again_all_the_same():
    waits = []
    with (
        failing("scripts", Conn.reset) as server,
        streaming(server, waits=waits, reconnect=False) as stream,
    ):
        until(stream, DoneEvent)
    assert waits == [0.5]


def test_an_answer_without_sense_in_place_of_a_token_is_one_more_failed_attempt():
    waits = []
    mints = [
        None,
        answers(200, "<html>"),
        answers(200, {"token": "x"}),
        answers(200, b'{"token": "x'),
    ]
    with (
        Hub(says(then=ends), says(done()), mints=mints) as server,
        streaming(server, waits=waits) as stream,
    ):
        until(stream, DoneEvent)
    assert waits == [0.5, 1.0, 2.0, 4.0]


# How a connection ends


WHOLE, HALF = wire(token(1, "a"), "1"), wire(token(2, "b"), "2")[:-1]
LAST_CHUNK = b"0\r\n\r\n"


def ending(head, before, after, close=Conn.close, frame=HALF):
    """A connection that sends a whole frame and the half of one, and then ends in some way."""
    encode = chunk if b"chunked" in head else bytes
    first, second = (
        encode(WHOLE),
        before + (encode(frame) if before != b"ff\r\n" else frame) + after,
    )

    def script(conn, seen):
        conn.send(head + b"\r\n" + first + second)
        assert seen.wait(SLACK)
        close(conn)

    return script


CHUNKED_HEAD = HEAD + b"Transfer-Encoding: chunked\r\n"
ENDINGS = {
    "with the last chunk": ending(CHUNKED_HEAD, b"", LAST_CHUNK),
    "with the last chunk, and a connection that is kept": ending(
        CHUNKED_HEAD, b"", LAST_CHUNK, lambda conn: None
    ),
    "between two chunks": ending(CHUNKED_HEAD, b"", b""),
    "in the middle of a chunk": ending(CHUNKED_HEAD, b"ff\r\n", b""),
    "in the size of a chunk": ending(CHUNKED_HEAD, b"", b"f"),
    "after the size of a chunk": ending(CHUNKED_HEAD, b"", b"ff\r\n"),
    "in the last chunk": ending(CHUNKED_HEAD, b"", b"0\r\n"),
    "with no size of a chunk": ending(CHUNKED_HEAD, b"", b"zz\r\n"),
    "with a negative chunk": ending(CHUNKED_HEAD, b"", b"-5\r\nabc\r\n"),
    "with a reset": ending(CHUNKED_HEAD, b"", b"", Conn.reset),
    "without a length": ending(HEAD, b"", b""),
    "without a length, with a reset": ending(HEAD, b"", b"", Conn.reset),
    "with its whole length": ending(
        HEAD + b"Content-Length: %d\r\n" % len(WHOLE + HALF),
        b"",
        b"",
        lambda conn: None,
    ),
    "before its length": ending(HEAD + b"Content-Length: 999\r\n", b"", b""),
    "with silence": ending(CHUNKED_HEAD, b"", b"", Conn.hang),
    "with silence in a chunk": ending(CHUNKED_HEAD, b"ff\r\n", b"", Conn.hang),
}


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_however_a_connection_ends_it_is_a_loss_and_half_a_frame_is_not_delivered(
    ending, tls
):
    seen = threading.Event()
    scripts = [lambda conn: ending(conn, seen), says(token(2, "b"), done())]
    with (
        Hub(*scripts, tls=server_context() if tls else None) as server,
        streaming(
            server,
            waits=[],
            idle_timeout=0.1 if "silence" in name_in(ENDINGS, ending) else 10.0,
        ) as stream,
    ):
        events = until(stream, TokenEvent)
        seen.set()
        events += until(stream, DisconnectedEvent)
        assert [type(event) for event in events] == [
            ConnectedEvent,
            TokenEvent,
            DisconnectedEvent,
        ]
        assert events[-1].reason
        events += until(stream, DoneEvent)
        assert texts(events) == ["a", "b"]
        assert not events[-1].gapped
        assert [get.headers.get("last-event-id") for get in server.gets] == [None, "1"]


def name_in(table, value):
    return next(name for name, other in table.items() if other is value)


def test_a_proper_goodbye_of_tls_is_a_loss_too():
    def goodbye(conn):
        with contextlib.suppress(OSError):
            conn.sock.unwrap()

    with (
        Hub(
            says(token(1, "a"), then=goodbye),
            says(token(2, "b"), done()),
            tls=server_context(),
        ) as server,
        streaming(server, waits=[]) as stream,
    ):
        events = until(stream, DoneEvent)
        assert [type(event) for event in events][2:4] == [
            DisconnectedEvent,
            ConnectedEvent,
        ]
        assert texts(events) == ["a", "b"]


@pytest.mark.parametrize("size", [1, 7])
def test_where_the_bytes_are_cut_makes_no_difference(size):
    data = b"".join(
        wire(frame, "x")
        for frame in (reset(), token(1, "grün→"), token(2, "🙂\u2028"), done())
    )

    def script(conn):
        conn.send(CHUNKED)
        for start in range(0, len(data), size):
            conn.send(chunk(data[start : start + size]))
        conn.hang()

    with Hub(script) as server, streaming(server) as stream:
        assert until(stream, DoneEvent)[-1].view.text == "grün→🙂\u2028"


def test_a_line_that_is_too_long_is_an_error_and_no_loss():
    piece = chunk(b"x" * 2**20)

    def script(conn):
        conn.send(CHUNKED + chunk(wire(token(1, "a"))))
        for _ in range(LONGEST_LINE // 2**20 + 1):
            conn.send(piece)
        conn.hang()

    with Hub(script) as server, streaming(server) as stream:
        with pytest.raises(DecodeError, match="longer than"):
            until(stream, DoneEvent)
        assert len(server.gets) == 1
        assert stream.closed


def test_frames_that_say_nothing_are_skipped():
    odd = b"event: token\ndata: {\n\nevent: news\ndata: {}\n\ndata: {}\n\nevent: token\ndata: {}\n\nretry: 1\n\n: x\n\n"
    script = lambda conn: (
        conn.send(CHUNKED + chunk(odd) + chunk(wire(done()))),
        conn.hang(),
    )  # noqa: E731
    with Hub(script) as server, streaming(server) as stream:
        assert [type(event) for event in until(stream, DoneEvent)] == [
            ConnectedEvent,
            DoneEvent,
        ]


# Time limits


def test_heartbeats_are_signs_of_life_however_slowly_they_come():
    """Each byte of them is one: five of these come in the time in which nothing at all would be a loss."""

    def check(way):
        tls, piece = way

        def script(conn):
            conn.send(CHUNKED)
            conn.drip(piece * 2, 0.03)
            conn.send(chunk(wire(done())))
            conn.hang()

        with (
            Hub(script, tls=server_context() if tls else None) as server,
            streaming(server, idle_timeout=0.15) as stream,
        ):
            begun = time.monotonic()
            assert [type(event) for event in until(stream, DoneEvent)] == [
                ConnectedEvent,
                DoneEvent,
            ]
            assert time.monotonic() - begun > 0.3

    at_once(
        check,
        [
            (tls, piece)
            for tls in (False, True)
            for piece in (b"2\r\n:\n\r\n", chunk(b":\n\n"))
        ],
    )


def test_silence_is_a_loss_after_the_idle_timeout_and_not_before():
    with (
        Hub(says(token(1, "a")), says(done())) as server,
        streaming(server, waits=[], idle_timeout=0.15) as stream,
    ):
        until(stream, TokenEvent)
        begun = time.monotonic()
        assert "0.15 s" in until(stream, DisconnectedEvent)[-1].reason
        assert 0.14 < time.monotonic() - begun < SLACK
        until(stream, DoneEvent)


def test_the_idle_timeout_does_not_bound_the_connecting():
    slow = lambda conn: (conn.wait(0.1), says(done())(conn))  # noqa: E731
    with Hub(slow) as server, streaming(server, idle_timeout=0.02) as stream:
        assert len(until(stream, DoneEvent)) == 2
        assert len(server.gets) == 1


def drips(conn):
    conn.send(CHUNKED)
    while not conn.wait(0.01):
        conn.send(chunk(b":\n\n"))


def talks(conn):
    conn.send(CHUNKED + chunk(wire(reset())))
    for number in range(1, 10**6):
        conn.send(chunk(wire(token(number, "x"))))
        if conn.wait(0.005):
            return


NO_ONE = answers(503, {"error": "No."})
WAYS_TO_WAIT = {
    "while nothing comes": ([says(token(1, "a"))], []),
    "while heartbeats come": ([drips], []),
    "while tokens come": ([talks], []),
    "in the first delay": ([says(then=ends), NO_ONE], []),
    "in the second delay": ([says(then=ends), NO_ONE], []),
    "in the step in which a token is made": ([says(then=ends)], [None, hangs]),
    "in the step in which the stream is opened": ([says(then=ends), hangs], []),
    "between hand-overs": ([says(("reconnect", {}))], []),
}


def test_the_timeout_bounds_the_whole_iteration():
    def check(way):
        scripts, mints = WAYS_TO_WAIT[way]
        timeout = 0.6 if way == "in the second delay" else 0.1
        with (
            Hub(*scripts, mints=mints) as server,
            streaming(server, timeout=timeout) as stream,
        ):
            if "step" in way:
                stream._wait = lambda seconds: None
            begun = time.monotonic()
            with pytest.raises(WaitTimeout, match=f"{timeout:g} s"):
                list(stream)
            assert timeout <= time.monotonic() - begun < timeout + SLACK
            assert stream.closed
            assert list(stream) == []

    at_once(check, WAYS_TO_WAIT)


def test_the_timeout_holds_also_where_the_consumer_is_slow():
    """A whole answer has come, in one piece; the time is over before it is looked at."""
    with Hub(says(*HELLO)) as server, streaming(server, timeout=0.05) as stream:
        assert len(until(stream, TokenEvent)) == 3
        time.sleep(0.06)
        with pytest.raises(WaitTimeout):
            next(stream)


def test_the_timeout_begins_with_the_iteration():
    with Hub(says(*HELLO)) as server, streaming(server, timeout=0.2) as stream, stream:
        time.sleep(0.1)
        begun = time.monotonic()
        until(stream, DoneEvent)
        with pytest.raises(WaitTimeout):
            next(stream)
        assert time.monotonic() - begun >= 0.2


# Closing


class Consumer(threading.Thread):
    """Iterates over a stream in a thread of its own: the events, and the error that ended it."""

    def __init__(self, stream):
        super().__init__()
        self.stream, self.events, self.error = stream, [], None
        self.start()

    def run(self):
        try:
            self.events.extend(self.stream)
        except BaseException as error:
            self.error = error


WAYS_TO_BE_BUSY = {
    "the next event": (says(token(1, "a")), None),
    "the rest of a chunk": (
        lambda conn: (conn.send(CHUNKED + b"ff\r\n:"), conn.hang()),
        None,
    ),
    "a token": (says(), hangs),
    "the head of the stream": (hangs, None),
    "the rest of the head": (lambda conn: (conn.send(HEAD), conn.hang()), None),
}


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("reconnected", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("way", WAYS_TO_BE_BUSY.values(), ids=WAYS_TO_BE_BUSY)
def test_close_ends_the_iteration_of_another_thread_and_closes_the_socket_at_once(
    way, reconnected, tls
):
    waiting, gone = threading.Event(), threading.Event()

    def watched(script):
        def handler(conn):
            hang = conn.hang
            conn.hang = lambda: (waiting.set(), hang(), gone.set())
            script(conn)

        return handler

    script, mint = way
    over = says(("reconnect", {}), then=lambda conn: None)
    scripts, mints = [over] * reconnected + [watched(script)], [None] * reconnected
    if mint:
        mints.append(watched(mint))
    with Hub(*scripts, mints=mints, tls=server_context() if tls else None) as server:
        with streaming(server) as stream:
            consumer = Consumer(stream)
            assert waiting.wait(SLACK)
            time.sleep(0.01)
            begun = time.monotonic()
            stream.close()
            consumer.join(SLACK)
            assert not consumer.is_alive()
            assert gone.wait(SLACK)
            assert time.monotonic() - begun < 1
            assert consumer.error is None
            assert stream.closed
            assert stream._answer is None
        assert server.minted <= 1 + reconnected


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "way",
    ["a full port", "a silent proxy", "a handshake", "a handshake through a proxy"],
)
def test_close_ends_an_attempt_to_connect(way, scheme):
    with contextlib.ExitStack() as stack:
        options = {
            "ssl_context": client_context(),
            "base_url": f"{scheme}://localhost:9",
        }
        if way == "a full port":
            options["base_url"] = (
                f"{scheme}://127.0.0.1:{stack.enter_context(port_without_answer())}"
            )
        silent = stack.enter_context(ScriptedServer(Conn.hang))
        if way == "a handshake":
            options["base_url"] = f"https://127.0.0.1:{silent.port}"
        elif "proxy" in way:
            behaviour = "silent" if way == "a silent proxy" else "forward"
            proxy = stack.enter_context(
                ConnectProxy(target=("127.0.0.1", silent.port), behaviour=behaviour)
            )
            options["proxy"] = proxy.url
        stream = stack.enter_context(streaming(silent, client=options))
        consumer = Consumer(stream)
        time.sleep(0.03)
        assert consumer.is_alive()
        begun = time.monotonic()
        stream.close()
        consumer.join(SLACK)
        assert time.monotonic() - begun < 1
        assert (consumer.events, consumer.error) == ([], None)


def test_close_ends_a_delay():
    waiting = threading.Event()
    with Hub(says(then=ends), NO_ONE) as server, streaming(server) as stream:
        wait = stream._wait
        stream._wait = lambda seconds: (waiting.set(), wait(30))
        consumer = Consumer(stream)
        assert waiting.wait(SLACK)
        stream.close()
        consumer.join(SLACK)
        assert not consumer.is_alive()
        assert [type(event) for event in consumer.events] == [
            ConnectedEvent,
            DisconnectedEvent,
        ]
        assert consumer.error is None


def test_close_at_any_moment_ends_the_iteration_and_leaves_nothing_open():
    """Streams that connect again and again, each closed a little later than the one before."""
    script = says(reset(), token(1, "a"), ("reconnect", {}), then=lambda conn: None)
    with Hub(script, tls=server_context()) as server, client_of(server) as pj:
        for number in range(30):
            stream = pj.stream(THREAD)
            consumer = Consumer(stream)
            time.sleep(number * 0.0007)
            stream.close()
            consumer.join(SLACK)
            assert not consumer.is_alive()
            assert consumer.error is None
            assert stream._answer is None
        # The connections of the client are as good as before.
        assert pj.create_stream_token(THREAD).token


def test_close_in_the_loop_ends_it_with_the_event_that_was_given_last():
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        events = []
        for event in stream:
            events.append(event)
            if isinstance(event, TokenEvent):
                stream.close()
        assert texts(events) == ["Hel"]


def test_leaving_the_with_block_closes_the_socket_at_once():
    gone = threading.Event()
    with (
        Hub(lambda conn: (says(*HELLO)(conn), gone.set())) as server,
        client_of(server) as pj,
    ):
        with pj.stream(THREAD) as stream:
            for event in stream:
                if isinstance(event, TokenEvent):
                    break
            assert not gone.is_set()
        assert gone.wait(SLACK)
        assert list(stream) == []
        stream.close()


def test_a_stream_that_is_forgotten_closes_its_socket_without_the_garbage_collector():
    gone = threading.Event()
    with (
        Hub(lambda conn: (says(*HELLO)(conn), gone.set())) as server,
        client_of(server) as pj,
    ):
        gc.disable()
        try:
            for event in pj.stream(THREAD):
                if isinstance(event, TokenEvent):
                    break
            assert gone.wait(SLACK)
        finally:
            gc.enable()


def test_a_closed_stream_stays_closed():
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        stream.close()
        with stream:
            assert list(stream) == []
        assert server.connections == 0


class Interruption(Exception):
    pass


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("way", WAYS_TO_BE_BUSY.values(), ids=WAYS_TO_BE_BUSY)
@pytest.mark.parametrize("handler", ["raises", "closes"])
def test_a_signal_in_the_middle_leaves_nothing_open(way, tls, handler):
    """It may raise, as Ctrl-C does, or close the stream: in the very thread that waits."""
    script, mint = way
    with Hub(
        script, mints=[mint] * bool(mint), tls=server_context() if tls else None
    ) as server:
        with streaming(server) as stream:

            def handle(number, frame):
                if handler != "raises":
                    stream.close()
                elif not postponed(frame):
                    raise Interruption

            before = signal.signal(signal.SIGALRM, handle)
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.03)
                begun = time.monotonic()
                with (
                    pytest.raises(Interruption)
                    if handler == "raises"
                    else contextlib.nullcontext()
                ):
                    list(stream)
                assert time.monotonic() - begun < SLACK
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            assert stream.closed
            assert stream._answer is None
        wait_for(lambda: not any(thread.is_alive() for thread in server._threads))


def test_streams_leave_no_threads_and_no_sockets_behind():
    def count():
        return threading.active_count(), len(descriptors())

    with (
        FakeServer(api_key="pj-sekret-key", run_seconds=0) as server,
        client_of(server) as pj,
    ):
        server.add_prompt("p", lambda inputs: "one two")
        counts = []
        for _ in range(5):
            with pj.stream(THREAD) as stream:
                run = pj.run_prompt("p", 1, {}, thread=THREAD)
                assert until(stream, DoneEvent)[-1].run_id == run.id
            pj.close()
            gc.collect()
            time.sleep(0.02)
            counts.append(count())
        assert counts[-1] <= max(counts[:2])


# Where the token goes


def minted(**changes):
    document = {
        "token": "sekret-token",
        "expiresAt": "2030-01-01T00:00:00Z",
        "url": "http://127.0.0.1:1/",
        **changes,
    }
    return answers(200, document)


def test_over_https_the_token_is_not_sent_over_http():
    with (
        Hub(says(*HELLO)) as plain,
        Hub(says(), tls=server_context(), path=f"{plain.url}/stream") as server,
    ):
        waits = []
        with (
            streaming(server, waits=waits) as stream,
            pytest.raises(DecodeError) as caught,
        ):
            next(stream)
        assert caught.value.path == "url"
        assert waits == []
        assert plain.connections == 0
        assert_silent(caught.value)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_client_of_an_http_base_url_may_stream_over_both(tls):
    with Hub(says(*HELLO), tls=server_context() if tls else None) as hub:
        path = f"{hub.url}/stream".replace("http", "HTTP", 1)
        with (
            Hub(says(), path=path) as server,
            streaming(server, client={"ssl_context": client_context()}) as stream,
        ):
            assert until(stream, DoneEvent)[-1].view.text == "Hello"


@pytest.mark.parametrize("url", [
    "", "/stream", "stream", "//127.0.0.1/x", "ftp://127.0.0.1/x", "file:///etc/passwd", "data:,x", "http:", "http://",
    "http:///x", "http://127.0.0.1:0/", "http://127.0.0.1:x/", "http://127.0.0.1:99999/", "http://[::1/",
    "http://user:pass@127.0.0.1/", "http://a b/", "http://%31/", "http://127.0.0.1\\@x/", "http://\ud800/", "\0",
    "http://grün.example/",
])  # fmt: skip
@pytest.mark.parametrize("connected", [False, True])
def test_an_address_that_is_none_ends_the_stream(url, connected):
    waits = []
    with (
        Hub(says(then=ends), mints=[None] * connected + [minted(url=url)]) as server,
        streaming(server, waits=waits) as stream,
    ):
        if connected:
            until(stream, DisconnectedEvent)
        with pytest.raises(DecodeError, match="^url: expected ") as caught:
            next(stream)
        assert caught.value.path == "url"
        assert len(waits) == connected
        assert_silent(caught.value)


def test_what_does_not_belong_into_a_url_is_encoded():
    with (
        Hub(says(*HELLO), path='/a b/grün/"<>|?q=ü \\{^}`') as server,
        streaming(server) as stream,
    ):
        until(stream, DoneEvent)
        assert (
            server.gets[0].target
            == "/a%20b/gr%C3%BCn/%22%3C%3E%7C?q=%C3%BC%20%5C%7B%5E%7D%60"
        )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sekret token",
        "sekret\r\nX: y",
        "sekret\n",
        "sekrét",
        "sekret\ud800",
        "sekret→",
    ],
)
def test_a_token_that_cannot_be_sent_is_refused_and_shown_nowhere(text):
    with (
        Hub(says(), mints=[minted(token=text)] * 3) as server,
        streaming(server, waits=[]) as stream,
    ):
        with pytest.raises(DecodeError, match="^token: expected") as caught:
            next(stream)
        assert_silent(caught.value)
        assert server.gets == []


def test_redirects_are_not_followed():
    with Hub(says(*HELLO)) as other:
        away = answers(307, "", {"Location": f"{other.url}/stream"})
        with (
            Hub(away) as server,
            streaming(server, client={"max_retries": 0}) as stream,
            pytest.raises(ApiError, match="redirects are not followed") as caught,
        ):
            next(stream)
        assert other.connections == 0
        assert_silent(caught.value)


@EACH_STEP
@pytest.mark.parametrize(
    "failure",
    [*FAILURES.values(), answers(401, {"error": "Who?"}), answers(200, "<html>")],
)
def test_no_secret_shows_when_a_stream_fails(step, failure, caplog):
    caplog.set_level(logging.DEBUG)
    with (
        failing(step, failure) as server,
        streaming(server, client={"max_retries": 0}, reconnect=False) as stream,
    ):
        assert "sekret" not in repr(stream)
        with pytest.raises((ApiError, NetworkError, DecodeError)) as caught:
            list(stream)
        assert_silent(caught.value)
    assert caplog.records
    assert "sekret" not in caplog.text


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS)
def test_no_secret_shows_when_a_stream_is_lost(ending):
    seen = threading.Event()
    seen.set()
    with (
        Hub(lambda conn: ending(conn, seen)) as server,
        streaming(server, reconnect=False, idle_timeout=0.1) as stream,
    ):
        with pytest.raises(NetworkError) as caught:
            list(stream)
        assert_silent(caught.value)


@pytest.mark.parametrize("way", WAYS_TO_WAIT.values(), ids=WAYS_TO_WAIT)
def test_no_secret_shows_when_the_time_is_over(way):
    scripts, mints = way
    with (
        Hub(*scripts, mints=mints) as server,
        streaming(server, timeout=0.02, waits=[]) as stream,
    ):
        with pytest.raises(WaitTimeout) as caught:
            list(stream)
        assert_silent(caught.value)


def test_each_attempt_is_logged_without_the_query(caplog):
    caplog.set_level(logging.DEBUG)
    no = FAILURES["an error"]
    with (
        Hub(no, Conn.reset, says(*HELLO), path="/a%20b?x=sekret") as server,
        streaming(server, waits=[], channels=["sekret"]) as stream,
    ):
        until(stream, DoneEvent)
    lines = [
        re.sub(r"\d+ ms", "N ms", record.getMessage()) for record in caplog.records
    ]
    post = f"POST /api/v1/threads/{THREAD}/stream-token: 200 in N ms (attempt 1)"
    assert lines == [
        post, "GET /a%20b: 500 in N ms (attempt 1)", post, "GET /a%20b: NetworkError in N ms (attempt 2)",
        post, "GET /a%20b: 200 in N ms (attempt 3)",
    ]  # fmt: skip
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


# The view, and going on later


def test_the_view_grows_with_the_events():
    script = says(
        reset(), token(1, "Hel"), token(2, "lo"), token(1, "x", run=OTHER), done()
    )
    with Hub(script) as server, streaming(server) as stream:
        seen = [stream.view(RUN).text for event in stream_until(stream, DoneEvent)]
        assert seen == ["", "", "Hel", "Hello", "Hello", ""]
        assert stream.view(str(OTHER)).text == "x"
        assert stream.view(uuid.uuid4()).text == ""


def stream_until(stream, kind):
    for event in stream:
        yield event
        if isinstance(event, kind):
            return


def test_another_thread_can_look_at_the_view_at_any_time():
    count = 1500
    frames = [
        frame
        for part in range(count)
        for frame in (reset(part), token(1, f"{part} ", segment=part))
    ]
    expected = "".join(f"{part} " for part in range(count))
    data = b"".join(map(wire, [*frames, done()]))
    with (
        Hub(lambda conn: (conn.send(CHUNKED + chunk(data)), conn.hang())) as server,
        streaming(server) as stream,
    ):
        stop, problems, views = threading.Event(), [], 0

        def look():
            nonlocal views
            try:
                while not stop.is_set():
                    view = stream.view(RUN)
                    assert expected.startswith(view.text)
                    views += 1
            except BaseException as error:
                problems.append(error)

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            assert until(stream, DoneEvent)[-1].view.text == expected
        finally:
            stop.set()
            watcher.join()
        assert problems == []
        assert views


def test_stale_is_passed_on_and_what_follows_rebuilds_the_run():
    frames = [
        reset(),
        token(1, "a"),
        STALE,
        reset(),
        token(1, "a"),
        token(2, "b"),
        done(),
    ]
    with Hub(says(*frames)) as server, streaming(server) as stream:
        events = until(stream, DoneEvent)
        assert StaleEvent() in events
        assert (events[-1].view.text, events[-1].gapped) == ("ab", False)


def words(count):
    return [f"word{number} " for number in range(count)]


@pytest.fixture
def fake():
    with FakeServer(api_key="pj-sekret-key", run_seconds=0.1) as server:
        server.add_prompt("long", lambda inputs: words(40))
        yield server


def started(pj):
    return pj.run_prompt("long", 1, {}, thread=THREAD).id


def test_the_id_of_any_event_can_be_stored_and_the_rest_is_had_later_without_loss_or_repetition(
    fake,
):
    fake.run_seconds = 0
    with client_of(fake) as pj:
        with pj.stream(THREAD) as stream:
            run_id = started(pj)
            stored = [
                (event, stream.last_event_id)
                for event in stream_until(stream, DoneEvent)
            ]
        events = [event for event, _ in stored]
        assert texts(events) == words(40)
        for position in (1, 2, 20, 40):
            with pj.stream(THREAD, last_event_id=stored[position][1]) as stream:
                rest = until(stream, DoneEvent)
            given = [
                event
                for event in rest[1:]
                if not isinstance(event, (GapEvent, DoneEvent))
            ]
            assert given == events[position + 1 : -1]
            assert rest[-1].run_id == run_id


@pytest.mark.parametrize("fault", ["drop_streams", "hand_over_streams", "restart"])
def test_a_text_arrives_whole_whatever_happens_to_the_server_in_mid_stream(fake, fault):
    """Killed and started again, handing over, or cutting off: every few words."""
    waits = []
    with client_of(fake) as pj, contextlib.closing(pj.stream(THREAD)) as stream, stream:
        stream._wait = lambda seconds: (waits.append(seconds), time.sleep(0.01))
        started(pj)
        events = []
        for event in stream_until(stream, DoneEvent):
            events.append(event)
            if isinstance(event, TokenEvent) and event.seq % 10 == 5:
                if fault == "restart":
                    fake.close()
                    threading.Timer(0.03, fake.start).start()
                else:
                    getattr(fake, fault)()
        assert texts(events) == words(40)
        assert (events[-1].view.text, events[-1].gapped) == ("".join(words(40)), False)
        assert sum(isinstance(event, DisconnectedEvent) for event in events) >= 3
        assert bool(waits) == (fault != "hand_over_streams")


def test_what_is_lost_on_the_server_is_a_gap(fake):
    with client_of(fake) as pj, pj.stream(THREAD) as stream:
        started(pj)
        events = until(stream, TokenEvent)
        fake.lose_next_frames(2)
        events += until(stream, DoneEvent)
        assert sum(isinstance(event, GapEvent) for event in events) == 1
        assert events[-1].gapped
        assert "".join(words(40)).startswith(events[-1].view.text)
        assert len(texts(events)) == 38


def test_a_server_that_comes_back_with_stale_loses_nothing(fake):
    with client_of(fake) as pj, pj.stream(THREAD) as stream:
        started(pj)
        events = until(stream, TokenEvent)
        fake.send_stale()
        events += until(stream, DoneEvent)
        assert StaleEvent() in events
        assert (events[-1].view.text, events[-1].gapped) == ("".join(words(40)), False)


def test_a_consumer_that_is_slower_than_the_server_gets_everything():
    count, text = 2000, "x" * 500

    def script(conn):
        conn.send(CHUNKED + chunk(wire(reset())))
        for number in range(1, count + 1):
            conn.send(chunk(wire(token(number, text))))
        conn.send(chunk(wire(done())))
        conn.hang()

    with Hub(script) as server, streaming(server, idle_timeout=0.1) as stream:
        until(stream, TokenEvent)
        time.sleep(
            0.2
        )  # longer than the idle timeout: it is the server that must not be idle
        end = until(stream, DoneEvent)[-1]
        assert (end.view.text, end.gapped) == (text * count, False)


def test_a_failed_run_ends_with_its_code_and_the_last_view():
    with (
        Hub(says(reset(), token(1, "a"), failure("timeout", "Too long."))) as server,
        streaming(server) as stream,
    ):
        end = until(stream, FailureEvent)[-1]
        assert (end.code, end.message, end.view.text, end.gapped) == (
            "timeout",
            "Too long.",
            "a",
            False,
        )


def test_two_streams_of_one_client_do_not_disturb_each_other(fake):
    with (
        client_of(fake) as pj,
        pj.stream(THREAD) as one,
        pj.stream(THREAD, channels=["none"]) as other,
    ):
        started(pj)
        other.close()
        assert texts(until(one, DoneEvent)) == words(40)
        assert list(other) == []


# Ways to the server


def test_a_stream_goes_over_tls_of_a_private_authority_and_through_a_proxy():
    with (
        Hub(says(*HELLO), tls=server_context()) as server,
        ConnectProxy(
            target=("127.0.0.1", server.port), user="ann", password="sekret"
        ) as proxy,
        streaming(
            server,
            client={
                "proxy": f"http://ann:sekret@127.0.0.1:{proxy.port}",
                "base_url": f"https://localhost:{server.port}",
            },
        ) as stream,
    ):
        assert until(stream, DoneEvent)[-1].view.text == "Hello"
        assert {request.method for request in proxy.requests} == {"CONNECT"}


def test_a_stream_goes_through_a_plain_proxy_as_it_comes():
    """Of what a proxy sees, the token is for the server alone; the stream comes in the pieces that it passes on."""
    with Hub(says(*HELLO)) as server:

        def proxy(conn):
            request = conn.read_request()
            conn._received = bytearray(
                request.head.replace(b"http://api.example", b"", 1) + request.body
            )
            with socket.create_connection(("127.0.0.1", server.port)) as other:
                conn.tunnel(other)

        server.path = "http://api.example/stream"
        with (
            ScriptedServer(proxy) as between,
            streaming(
                server, client={"proxy": between.url, "base_url": "http://api.example"}
            ) as stream,
        ):
            assert until(stream, DoneEvent)[-1].view.text == "Hello"
            assert between.requests[-1].target.startswith("http://api.example/")


def through_opener(server):
    handler = urllib.request.HTTPSHandler(context=client_context())
    return {
        "opener": urllib.request.build_opener(urllib.request.ProxyHandler({}), handler),
        "ssl_context": None,
    }


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_with_an_opener_from_outside_the_idle_timeout_holds_and_close_works_too(tls):
    with (
        Hub(
            says(reset(), token(1, "a")),
            says(token(2, "b")),
            tls=server_context() if tls else None,
        ) as server,
        streaming(
            server, waits=[], client=through_opener(server), idle_timeout=0.1
        ) as stream,
    ):
        events = until(stream, DisconnectedEvent)
        assert texts(events) == ["a"]
        stream._idle_timeout = 10.0
        until(stream, TokenEvent)
        consumer = Consumer(stream)
        time.sleep(0.02)
        begun = time.monotonic()
        stream.close()
        consumer.join(SLACK)
        assert time.monotonic() - begun < 1
        assert consumer.error is None
        wait_for(lambda: not any(thread.is_alive() for thread in server._threads))


def test_the_context_of_the_client_is_used():
    with (
        Hub(says(*HELLO), tls=server_context(client_ca=True)) as server,
        streaming(
            server, client={"ssl_context": client_context(with_certificate=True)}
        ) as stream,
    ):
        assert until(stream, DoneEvent)[-1].view.text == "Hello"
    with (
        Hub(says(*HELLO), tls=server_context("other")) as server,
        streaming(server) as stream,
    ):
        with pytest.raises(NetworkError) as caught:
            next(stream)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
