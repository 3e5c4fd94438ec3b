"""How a stream connects, over real sockets: what it asks for, what it sends the token to, and
what happens where the first connection cannot be made."""

from __future__ import annotations

import json
import logging
import re
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers.calls import refusing_port
from helpers.frames import done, reset, token
from helpers.hub import (
    EACH_STEP,
    FAILURES,
    HELLO,
    THREAD,
    Hub,
    RunHub,
    answers,
    client_of,
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
from helpers.secrets import assert_silent, chain, shows_a_secret
from helpers.servers import (
    PATIENCE,
    Conn,
    ConnectProxy,
    client_context,
    server_context,
)

from promptjuggler import (
    ApiError,
    ConnectedEvent,
    DecodeError,
    DisconnectedEvent,
    DoneEvent,
    NetworkError,
    ResetEvent,
    TokenEvent,
    ValidationError,
)

# --- connecting ---


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


SPELLINGS = {
    "text": str,
    "UUID": uuid.UUID,
    "capitals": str.upper,
    "URN": lambda text: uuid.UUID(text).urn,
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_the_token_is_made_for_the_thread_however_its_id_is_written(spelling):
    thread = spelling(THREAD)
    with RunHub(says(done())) as server, client_of(server) as pj:
        with pj.stream(thread):
            pass
        with pj.stream_prompt("p", 1, {}, thread=thread):
            pass
        pj.create_stream_token(thread)
        tokens = [
            request.target
            for request in server.requests
            if request.method == "POST" and not request.target.endswith("/runs")
        ]
    assert tokens == [f"/api/v1/threads/{THREAD}/stream-token"] * 3


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
    first = sends(wire(token(1, "a"), id), then=ends)
    with Hub(first, says(done())) as server, streaming(server, waits=[]) as stream:
        until(stream, TokenEvent)
        assert stream.last_event_id == id
        until(stream, DoneEvent)
        assert server.gets[1].headers["last-event-id"].encode("latin-1").decode() == id


def test_an_empty_event_id_means_that_there_is_none():
    first = sends(wire(token(1, "a"), "x") + b"id\n\n", then=ends)
    with Hub(first, says(done())) as server, streaming(server, waits=[]) as stream:
        until(stream, DoneEvent)
        assert "last-event-id" not in server.gets[1].headers


def test_an_id_is_kept_where_the_frames_after_it_have_none():
    first = sends(wire(token(1, "a"), "x"), then=ends)
    second = sends(wire(token(2, "b")), then=ends)
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
    data = b"id: 1\nevent: news\ndata: ?\n\nid: 2\nevent: token\ndata: {"
    first = sends(data, then=ends)
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


# --- a connection that cannot be made ---


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
        with pytest.raises(ApiError) as caught:
            stream.__enter__()
        assert str(caught.value) == "No."
        assert len(server.gets) == 1
    assert waits == []


@pytest.mark.parametrize("reconnect", [True, False])
@EACH_STEP
@pytest.mark.parametrize("status", [401, 403, 404, 407])
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
        with pytest.raises(ApiError) as caught:
            next(stream)
        assert str(caught.value) == "Never."
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


def test_a_wrong_password_of_a_proxy_is_sent_once():
    """Each further attempt brings nearer that the account is locked."""
    waits = []
    with ConnectProxy(user="ann", password="right") as proxy:
        client = {
            "base_url": "http://api.invalid",
            "proxy": f"http://ann:wrong-pw@127.0.0.1:{proxy.port}",
        }
        with streaming(proxy, client=client, waits=waits) as stream:
            with pytest.raises(ApiError) as caught:
                stream.__enter__()
            assert (caught.value.status_code, caught.value.attempts) == (407, 1)
            assert "wrong-pw" not in str(caught.value)
        assert len(proxy.requests) == 1
    assert waits == []


@EACH_STEP
@pytest.mark.parametrize("connected", [False, True])
def test_what_answers_and_speaks_no_http_ends_it_at_once(connected, step):
    def speaks_no_http(conn):
        conn.send(b"220 mail.example ESMTP\r\n\r\n")
        conn.close()

    scripts = [says(token(1, "a"), then=ends)] * connected
    mints = [None] * connected
    (scripts if step == "scripts" else mints).append(speaks_no_http)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) > 3:
            stream.close()  # It is to be over by now.

    with (
        Hub(*(scripts or [says()]), mints=mints) as server,
        streaming(server, timeout=PATIENCE) as stream,
    ):
        instead_of_waiting(stream, wait)
        with pytest.raises(NetworkError, match="220 mail"):
            list(stream)
        assert waits == [0.5] * connected
        assert server.minted <= 1 + connected


@pytest.mark.parametrize("status", [429, 503])
def test_the_server_is_given_the_time_that_it_asks_for(status):
    waits = []
    busy = answers(status, "", {"Retry-After": "7"})
    with (
        Hub(busy, says(token(1, "a"), then=ends), busy, says(done())) as server,
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


# --- where the token goes ---


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
    "http://[::1].evil.example/",
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
        assert isinstance(caught.value.__cause__, ValueError)
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


def test_each_attempt_is_logged_without_the_query(caplog):
    caplog.set_level(logging.DEBUG)
    no = FAILURES["an error"]
    with (
        Hub(no, Conn.reset, says(*HELLO), path="/a%20b?x=sekret") as server,
        streaming(server, waits=[], channels=["sekret"]) as stream,
    ):
        until(stream, DoneEvent)
    lines = [
        re.sub(r"\d+ ms", "N ms", record.getMessage())
        for record in caplog.records
        if record.levelname == "DEBUG"
    ]
    post = f"POST /api/v1/threads/{THREAD}/stream-token: 200 in N ms (attempt 1)"
    assert lines == [
        post, "GET /a%20b: 500 in N ms (attempt 1)", post, "GET /a%20b: NetworkError in N ms (attempt 2)",
        post, "GET /a%20b: 200 in N ms (attempt 3)",
    ]  # fmt: skip
    # Besides, there is one line at INFO for each delay.
    assert {record.levelname for record in caplog.records} == {"DEBUG", "INFO"}


CUT_TOKENS = {
    "in a chunk": b"%x\r\n%b",
    "between two chunks": b"%x\r\n%b\r\n",
    "in the size of the next chunk": b"%x\r\n%b\r\n1",
}


@pytest.mark.parametrize("framing", [*CUT_TOKENS, "before its length"])
def test_an_answer_with_a_token_that_is_cut_off_shows_it_nowhere(framing):
    """Not in what the standard library keeps of it, either: in `IncompleteRead`, say."""

    def cut(conn):
        body = json.dumps({"token": "sekret-token", "expiresAt": "2030-01-01T00:0"})
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        if framing in CUT_TOKENS:
            size = len(body) + 9 * (framing == "in a chunk")
            conn.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
            conn.send(CUT_TOKENS[framing] % (size, body.encode()))
        else:
            conn.send(head + b"Content-Length: 999\r\n\r\n" + body.encode())
        conn.close()

    with (
        Hub(says(), mints=[cut]) as server,
        streaming(server, client={"max_retries": 0}) as stream,
        pytest.raises(NetworkError) as caught,
    ):
        stream.__enter__()
    assert_silent(caught.value)
    for error in chain(caught.value):
        assert not shows_a_secret(repr(vars(error)))
        assert not shows_a_secret(repr(getattr(error, "partial", b"")))


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"url": "ftp://x"}, "url"), ({"token": "a b"}, "token")],
)
def test_the_error_of_a_token_that_is_not_right_names_the_request(changes, path):
    with (
        Hub(says(), mints=[minted(**changes)]) as server,
        streaming(server, client={"max_retries": 0}) as stream,
        pytest.raises(DecodeError) as caught,
    ):
        stream.__enter__()
    error = caught.value
    url = f"{server.url}/api/v1/threads/{THREAD}/stream-token"
    assert (error.path, error.method, error.url) == (path, "POST", url)
    assert error.status_code == 200
    assert error.may_have_taken_effect
    assert error.body == b""  # It has the token.
    assert getattr(error, "__notes__", []) in ([], [f"HTTP 200: POST {url}"])


@pytest.mark.parametrize("path", ["", "/", "/stream"])
def test_no_error_shows_the_query_of_a_streams_address_be_it_without_a_path(path):
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}{path}?signature=private"
        with (
            Hub(mints=[minted(url=url)]) as server,
            streaming(server, client={"max_retries": 0}) as stream,
            pytest.raises(NetworkError) as caught,
        ):
            stream.__enter__()
    error = caught.value
    assert str(error).startswith(f"could not connect to 127.0.0.1:{port}: ")
    assert "private" not in f"{error} {error.url} {getattr(error, '__notes__', '')}"


@pytest.mark.parametrize("target", ["#there", "?other=1", "/login"])
def test_the_target_of_a_redirect_does_not_show_the_query_of_a_streams_address(target):
    moved = answers(302, "<p>moved</p>", {"Location": target})
    with (
        Hub(moved, path="/stream?signature=private") as server,
        streaming(server, client={"max_retries": 0}) as stream,
        pytest.raises(ApiError) as caught,
    ):
        stream.__enter__()
    assert str(caught.value).endswith(target)
    assert "private" not in f"{caught.value} {caught.value.url}"
