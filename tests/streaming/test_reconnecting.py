"""How connections end, over real sockets, and how a stream connects again."""

from __future__ import annotations

import contextlib
import threading
import time

import pytest
from helpers.frames import done, reset, token
from helpers.hub import (
    CHUNKED,
    CHUNKED_HEAD,
    EACH_STEP,
    FAILURES,
    HEAD,
    Hub,
    answers,
    chunk,
    ends,
    failing,
    instead_of_waiting,
    says,
    sends,
    streaming,
    texts,
    until,
    wire,
)
from helpers.secrets import assert_silent
from helpers.servers import (
    PATIENCE,
    Conn,
    server_context,
)

from promptjuggler import (
    ConnectedEvent,
    DecodeError,
    DisconnectedEvent,
    DoneEvent,
    GapEvent,
    NetworkError,
    TokenEvent,
)
from promptjuggler.streaming._sse import FrameTooLong

DELAYS = [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


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
        assert released.wait(PATIENCE)
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
    first = says(token(1, "a"), then=lambda conn: (go.wait(PATIENCE), then(conn)))
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


# --- how a connection ends ---


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
        assert seen.wait(PATIENCE)
        close(conn)

    return script


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
            idle_timeout=0.1 if "silence" in name_in(ENDINGS, ending) else PATIENCE,
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
    mebibyte = chunk(b"x" * 2**20)

    def script(conn):
        conn.send(CHUNKED + chunk(wire(token(1, "a"))))
        for _ in range(9):  # Eight are the most.
            conn.send(mebibyte)
        conn.hang()

    with Hub(script) as server, streaming(server) as stream:
        with pytest.raises(DecodeError, match="longer than") as caught:
            until(stream, DoneEvent)
        error = caught.value
        assert isinstance(error.__cause__, FrameTooLong)
        assert (error.status_code, error.may_have_taken_effect) == (200, True)
        assert error.headers["Content-Type"] == "text/event-stream"
        assert len(server.gets) == 1
        assert stream.closed


def test_frames_that_say_nothing_are_skipped():
    odd = b"event: token\ndata: {\n\nevent: news\ndata: {}\n\ndata: {}\n\nevent: token\ndata: {}\n\nretry: 1\n\n: x\n\n"
    script = sends(odd, wire(done()))
    with Hub(script) as server, streaming(server) as stream:
        assert [type(event) for event in until(stream, DoneEvent)] == [
            ConnectedEvent,
            DoneEvent,
        ]


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


# --- a connection counts once it gave a frame of the protocol ---

RECONNECT = ("reconnect", {})


def waits_at(server, count, *, seconds=0.0, clock=None, **options):
    """The first delays of a stream, which are not waited for.

    seconds  so long each connection or attempt seems to last
    """
    waits = []
    connections = 0

    def wait(delay):
        waits.append(delay)
        if clock is not None:
            clock.move(delay)
        if len(waits) == count:
            stream.close()

    with server, streaming(server, client={"max_retries": 0}, **options) as stream:
        instead_of_waiting(stream, wait)
        for event in stream:
            if isinstance(event, ConnectedEvent):
                connections += 1
                # Without any delay, it would go on for ever.
                assert connections <= 2 * count, "there is no delay between them"
                if seconds:
                    clock.move(seconds)
    return waits


HASTY = {
    "alone": [RECONNECT],
    "after a frame": [token(1, "a"), RECONNECT],
    "after a whole run": [reset(), token(1, "a"), done(), RECONNECT],
    "after stale": [("stale", {}), RECONNECT],
}


@pytest.mark.parametrize("frames", HASTY.values(), ids=HASTY)
def test_a_server_that_hands_over_each_connection_at_once_is_asked_less_and_less(
    frames,
):
    """The first time it is followed at once, whatever came before it."""
    assert waits_at(Hub(says(*frames)), 7) == DELAYS


def test_a_storm_of_hand_overs_is_a_few_requests_in_a_minute(clock):
    server = Hub(says(token(1, "a"), RECONNECT))
    begun = time.monotonic()
    waits = waits_at(server, 24, clock=clock)
    assert time.monotonic() - begun > 60
    # Besides the 24, some that were followed at once.
    assert server.minted < 32
    assert waits[:5] == DELAYS[:5]


def test_hand_overs_that_are_five_seconds_apart_are_followed_at_once(clock):
    waits = []
    scripts = [says(token(number, "a"), RECONNECT) for number in range(1, 6)]
    with (
        Hub(*scripts, says(done())) as server,
        streaming(server, waits=waits) as stream,
    ):
        for event in stream:
            if isinstance(event, ConnectedEvent):
                clock.move(5.0)
            if isinstance(event, DoneEvent):
                break
        assert (waits, server.minted) == ([], 6)


NO_COUNT, COUNTS = [0.5, 1.0, 2.0, 4.0], [0.5] * 4

FIRST_BYTES = {
    "no byte": (b"", NO_COUNT),
    "heartbeats": (b":\n\n" * 5, NO_COUNT),
    "frames of another protocol": (
        b"event: news\ndata: {}\n\ndata: x\n\n",
        NO_COUNT,
    ),
    "half a frame": (wire(token(1, "a"))[:-1], NO_COUNT),
    "a token that is no JSON": (b"event: token\ndata: <html>\n\n", NO_COUNT),
    "a token that is nested too deep": (
        b"event: token\ndata: " + b"[" * 100_000 + b"\n\n",
        NO_COUNT,
    ),
    "a token that is no object": (b"event: token\ndata: [1]\n\n", NO_COUNT),
    "a token of no run": (b'event: token\ndata: {"runId": "x"}\n\n', NO_COUNT),
    "a broken stale": (b"event: stale\ndata: <html>\n\n", NO_COUNT),
    "a token": (wire(token(1, "a")), COUNTS),
    "an end": (wire(done()), COUNTS),
    "stale": (wire(("stale", {})), COUNTS),
}


@pytest.mark.parametrize("end", [ends, Conn.close])
@pytest.mark.parametrize(("data", "delays"), FIRST_BYTES.values(), ids=FIRST_BYTES)
def test_the_delay_grows_until_a_connection_has_given_a_frame_of_the_protocol(
    data, delays, end
):
    """Heartbeats alone do not count, nor does a head of an answer."""

    def script(conn):
        conn.send(CHUNKED + (chunk(data) if data else b""))
        end(conn)

    assert waits_at(Hub(script), 4) == delays


def test_the_delay_grows_over_failures_and_connections_that_do_not_count():
    no = FAILURES["an error"]
    empty = says(then=ends)
    server = Hub(says(token(1, "a"), then=ends), no, empty, no, empty, empty)
    assert waits_at(server, 6) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0]


# --- an answer that is no event stream ---

NO_STREAMS = {
    "a login page": (
        (200, b"<!DOCTYPE html><p>Log in", {"Content-Type": "text/html"}),
        "text/html",
        "'<!DOCTYPE html><p>Log in'",
    ),
    "JSON": ((200, {"error": "Maintenance."}), "application/json", "Maintenance."),
    "a text": (
        (200, b"Hello", {"Content-Type": "text/plain; charset=utf-8"}),
        "text/plain",
        "'Hello'",
    ),
    "nothing": ((200, b"", {"Content-Type": "text/html"}), "text/html", ""),
}
EACH_NO_STREAM = pytest.mark.parametrize(
    ("reply", "kind", "begin"), NO_STREAMS.values(), ids=NO_STREAMS
)


@EACH_NO_STREAM
def test_an_answer_that_is_no_event_stream_is_an_error_at_the_first_connection(
    reply, kind, begin
):
    """It is tried as often as any failure, says what came, and from where."""
    waits = []
    with (
        Hub(answers(*reply)) as server,
        streaming(server, waits=waits, client={"max_retries": 2}) as stream,
    ):
        with pytest.raises(DecodeError) as caught:
            stream.__enter__()
        error = caught.value
        assert str(error).startswith(f"the answer is no text/event-stream but {kind}")
        assert begin in str(error)
        assert (error.method, error.url) == ("GET", f"{server.url}/stream")
        assert error.status_code == 200
        assert error.headers["Content-Type"]
        assert_silent(error)
        assert stream.closed
    assert (waits, server.minted) == ([0.5, 1.0], 3)


@EACH_NO_STREAM
def test_an_answer_that_is_no_event_stream_is_a_failed_attempt_later(
    reply, kind, begin
):
    no = answers(*reply)
    first = says(token(1, "a"), then=ends)
    with (
        Hub(first, no, no, says(token(2, "b"), done())) as server,
        streaming(server, waits=(waits := [])) as stream,
    ):
        events = until(stream, DoneEvent)
    assert waits == [0.5, 1.0, 2.0]
    reasons = [event.reason for event in events if isinstance(event, DisconnectedEvent)]
    assert len(reasons) == 3
    assert all(kind in reason and begin in reason for reason in reasons[1:])


def test_an_answer_that_is_no_event_stream_and_says_no_more_is_not_waited_for_long():
    """What it is, is known by its head."""

    def page(conn):
        head = (
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\n"
        )
        conn.send(head)
        conn.hang()

    with (
        Hub(page) as server,
        streaming(server, client={"max_retries": 0, "timeout": 0.5}) as stream,
        pytest.raises(DecodeError, match="no text/event-stream but text/html"),
    ):
        stream.__enter__()


def test_an_answer_that_is_no_event_stream_is_closed_before_the_next_attempt():
    hung_up = threading.Event()

    def page(conn):
        conn.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\n"
            b"<html>"
        )
        conn.hang()
        hung_up.set()

    with Hub(page, says(done())) as server, streaming(server) as stream:
        instead_of_waiting(stream, lambda seconds: hung_up.wait(PATIENCE))
        assert isinstance(next(stream.__enter__()), ConnectedEvent)
        assert hung_up.is_set()


def test_what_a_page_says_of_the_token_is_masked():
    """A server that shows the request shows the token too."""
    page = "<html>Bearer sekret-token-1\x1b[2J"
    no = answers(200, page, {"Content-Type": "text/html\x9b"})
    with (
        Hub(no) as server,
        streaming(server, client={"max_retries": 0}) as stream,
        pytest.raises(DecodeError) as caught,
    ):
        stream.__enter__()
    assert "Bearer ***" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "kind",
    [
        "text/event-stream; charset=utf-8",
        "TEXT/Event-Stream;charset=UTF-8",
        "text/event-stream;boundary=x",
    ],
)
def test_the_type_of_an_event_stream_may_have_parameters(kind):
    def script(conn):
        conn.send(CHUNKED.replace(b"text/event-stream", kind.encode()))
        conn.send(chunk(wire(done())))
        conn.hang()

    with Hub(script) as server, streaming(server) as stream:
        until(stream, DoneEvent)


@pytest.mark.parametrize(
    "end", [ends, Conn.reset, lambda conn: conn.send(chunk(wire(RECONNECT)))]
)
def test_the_error_of_a_loss_names_the_request(end):
    first = says(token(1, "a"), then=end)
    with (
        Hub(first, path="/a?x=sekret") as server,
        streaming(server, reconnect=False) as stream,
        pytest.raises(NetworkError) as caught,
    ):
        list(stream)
    assert (caught.value.method, caught.value.url) == ("GET", f"{server.url}/a")
