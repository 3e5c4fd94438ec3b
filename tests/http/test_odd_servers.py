"""Servers that break the rules, or use all that the rules allow: the right answer, or
an error of ours, and no more.
"""

from __future__ import annotations

import collections
import contextlib
import json
import random
import socket
import tracemalloc
import urllib.request

import pytest
from helpers.calls import (
    CALLS,
    ID,
    Zeros,
    answer,
    answer_all,
    client_of,
    document,
    document_as_text,
    get,
)
from helpers.servers import (
    PATIENCE,
    ScriptedServer,
    client_context,
    make_reply,
    respond,
    server_context,
)

from promptjuggler import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJuggler,
    PromptJugglerError,
    RequestTimeout,
)
from promptjuggler._http.sockets import SocketReader
from promptjuggler._json import MOST_PARTS

DOCUMENT = document_as_text(ID)
MIB = 2**20


@pytest.fixture(params=["http", "https"])
def serve(request):
    """Starts a server with a handler."""
    with contextlib.ExitStack() as stack:
        tls = server_context() if request.param == "https" else None
        yield lambda handler: stack.enter_context(ScriptedServer(handler, tls=tls))


def chunked(*chunks, trailers=b""):
    """A body in chunks."""
    pieces = [b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks]
    return b"".join([*pieces, b"0\r\n", trailers, b"\r\n"])


def from_outside():
    """An opener of the caller's."""
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        # The certificates of the system, which it would load, take ten milliseconds.
        urllib.request.HTTPSHandler(context=client_context()),
    )


def asked(raw, *, end="close", call=CALLS["GET"]):
    """What a client makes of these bytes as the answer to its request."""

    def handler(conn):
        if conn.read_request():
            with contextlib.suppress(ConnectionError):
                conn.send(raw)
                if end == "hang":
                    conn.hang()

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        return call(client)


# --- interim answers ---

INTERIM = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\nLink: </x>\r\n\r\n",
    b"HTTP/1.1 100 \r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    b"HTTP/1.0 100 Continue\r\n\r\n",
    b"HTTP/1.1 199 Whatever\n\n",
    b"".join(
        b"HTTP/1.1 %d Go on\r\nX: y\r\n\r\n" % status
        for status in (100, 102, 103, 100, 100, 103)
    ),
    b"HTTP/1.1 100 Continue\r\n\r\n" * 200,
]


@pytest.mark.parametrize("interim", INTERIM)
@pytest.mark.parametrize("kind", ["GET", "prompt", "DELETE"])
def test_interim_answers_are_skipped_and_the_connection_is_kept(serve, interim, kind):
    def handler(conn):
        while request := conn.read_request():
            conn.send(interim + answer(request))

    server = serve(handler)
    with client_of(server, max_retries=0) as client:
        for _ in range(2):
            CALLS[kind](client)
            get(client)
        assert server.connections == 1


def test_interim_answers_are_skipped_wherever_they_are_split():
    raw = b"".join(INTERIM[:3]) + make_reply(200, DOCUMENT)

    def handler(conn):
        while conn.read_request():
            at = (len(conn.server.requests) - 1) % len(raw)
            conn.send(raw[:at])
            conn.wait(0.0005)
            conn.send(raw[at:])

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        for _ in range(len(raw)):
            CALLS["GET"](client)
        assert server.connections == 1


@pytest.mark.parametrize("interim", INTERIM)
@pytest.mark.parametrize("pieces", [1, 2, 1000])
def test_interim_answers_during_an_upload_do_not_stop_it(serve, interim, pieces):
    def handler(conn):
        request = conn.read_head()
        step = max(1, len(interim) // pieces)
        for start in range(0, len(interim), step):
            conn.send(interim[start : start + step])
        request.body = conn._receive_exactly(int(request.headers["content-length"]))
        conn.send(answer(request))
        answer_all(conn)

    server = serve(handler)
    with client_of(server, max_retries=0) as client:
        client.upload_documents("base", [("zeros", Zeros(3_000_000))])
        assert server.requests[0].body.count(0) == 3_000_000
        get(client)
        assert server.connections == 1


def _raw_with(data):
    """A `SocketReader` that has received these bytes, and whose peer is still there."""
    left, right = socket.socketpair()
    right.sendall(data)
    return SocketReader(left), left, right


@pytest.mark.parametrize(
    ("data", "began"),
    [
        (b"", False),
        (b"H", False),
        (b"HTTP/1.1 ", False),
        (b"HTTP/1.1 1", False),
        (b"HTTP/1.1 103 Early\r\nLink: x\r\n", False),
        (b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", False),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 1", False),
        (b"HTTP/1.1 4", True),
        (b"HTTP/1.0 200 OK", True),
        (b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 2", True),
        (b"SSH-2.0", True),
        (b"\r\n", True),
    ],
)
def test_only_what_can_be_nothing_but_an_interim_answer_lets_an_upload_go_on(
    data, began
):
    for cut in range(len(data) + 1):
        raw, left, right = _raw_with(data[:cut])
        with left, right, raw:
            raw.answer_began()
            right.sendall(data[cut:])
            assert raw.answer_began() is began


def test_headers_without_end_of_an_interim_answer_stop_an_upload():
    raw, left, right = _raw_with(b"HTTP/1.1 103 Early\r\n")
    with left, right, raw:
        for _ in range(40):
            right.sendall(b"X: " + b"y" * 4000 + b"\r\n")
            if raw.answer_began():
                break
        assert len(raw._pushback) < 100_000
        assert raw.answer_began()


# --- answers that come early ---


def _upload(client, size=20_000_000):
    return client.upload_documents("base", [("zeros", Zeros(size))])


def _run(client):
    return client.run_prompt("greeting", 1, {"text": "x" * 12_000_000})


def _close(conn):
    conn.close()


def _reset_in_a_moment(conn):
    conn.wait(0.05)
    conn.reset()


def _read_on(conn):
    conn.hang()


def _stop_reading(conn):
    conn.wait(PATIENCE)


def _say_goodbye_and_read_on(conn):
    socket.socket.shutdown(conn.sock, socket.SHUT_WR)
    conn.wait(0.05)


AFTERWARDS = [
    _close,
    _reset_in_a_moment,
    _read_on,
    _stop_reading,
    _say_goodbye_and_read_on,
]


@pytest.mark.parametrize("afterwards", AFTERWARDS)
@pytest.mark.parametrize("call", [_upload, _run])
def test_an_answer_to_an_upload_that_comes_early_is_the_answer(serve, call, afterwards):
    def handler(conn):
        if conn.index:
            answer_all(conn)
            return
        conn.send(answer(conn.read_request()))
        conn.read_head()
        conn.reply(413, {"error": "that is too large"})
        afterwards(conn)

    server = serve(handler)
    # Where the server stops reading, what it said is looked at when the time is over.
    timeout = 0.5 if afterwards is _stop_reading else PATIENCE
    with client_of(server) as client:
        # The time is not for the connection.
        get(client)
        with pytest.raises(ApiError) as caught:
            call(client.with_options(timeout=timeout))
        assert str(caught.value) == "that is too large"
        assert caught.value.status_code == 413
        assert caught.value.attempts == server.connections == 1
        assert len(server.requests) == 2
        # The rest of the body was not sent: nothing else may go over this connection.
        get(client)
        assert server.connections == 2


@pytest.mark.parametrize("status", [301, 400, 401, 404, 500, 503])
def test_any_error_can_come_early(status):
    def handler(conn):
        conn.read_head()
        conn.reply(status, {"error": "no"})
        conn.hang()

    with ScriptedServer(handler) as server, client_of(server) as client:
        with pytest.raises(ApiError) as caught:
            _upload(client)
        assert str(caught.value) == "no"
        assert caught.value.status_code == status
        assert server.connections == 1


def test_a_success_can_come_early(serve):
    def handler(conn):
        if conn.index:
            answer_all(conn)
            return
        conn.send(answer(conn.read_head()))
        conn.hang()

    server = serve(handler)
    with client_of(server) as client:
        assert str(_upload(client)[0].id) == ID
        get(client)
        assert server.connections == 2


def test_an_early_answer_that_drips_is_read_to_its_end(serve):
    reply = make_reply(413, {"error": "that is too large"})

    def handler(conn):
        conn.read_head()
        conn.send(INTERIM[0] + reply[:5])
        for byte in reply[5:]:
            conn.wait(0.0005)
            conn.send(bytes([byte]))
        conn.hang()

    with (
        client_of(serve(handler)) as client,
        pytest.raises(ApiError, match="^that is too large"),
    ):
        _upload(client)


def test_an_early_429_means_that_the_upload_is_sent_again():
    def handler(conn):
        if conn.index == 0:
            conn.read_head()
            conn.reply(429, "", {"Retry-After": "1"})
            conn.hang()
        else:
            answer_all(conn)

    with ScriptedServer(handler) as server, client_of(server) as client:
        _upload(client, 20_000_000)
        assert client.delays == [1.0]
        assert server.requests[1].body.count(0) == 20_000_000


def test_a_server_that_hangs_up_in_the_middle_of_an_upload_is_no_answer(serve):
    def handler(conn):
        conn.read_head()
        conn.sock.recv(100_000)

    server = serve(handler)
    with client_of(server) as client:
        with pytest.raises(NetworkError) as caught:
            _upload(client)
        assert caught.value.request_sent
        assert server.connections == caught.value.attempts == 1


# --- what is asked for ---


@pytest.mark.parametrize("kind", CALLS)
def test_an_answer_that_is_not_compressed_is_asked_for(kind):
    with ScriptedServer(answer_all) as server, client_of(server) as client:
        CALLS[kind](client)
        assert server.requests[0].headers["accept-encoding"] == "identity"
        assert server.requests[0].head.lower().count(b"\r\naccept-encoding:") == 1


# --- answers in all their forms ---


@pytest.mark.parametrize(
    "raw",
    [
        make_reply(200, DOCUMENT),
        make_reply(200, DOCUMENT, reason=""),
        make_reply(201, DOCUMENT),
        make_reply(299, DOCUMENT, reason="Strange"),
        b"HTTP/1.1 200\r\n\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\n\r\n" + DOCUMENT,
        b"HTTP/1.0 200 OK\r\n\r\n" + DOCUMENT,
        b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%s" % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\ncontent-length:%d\r\n\r\n%s" % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: %d\r\n\r\n%s"
        % (len(DOCUMENT), len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(DOCUMENT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"
        + chunked(DOCUMENT[:1], DOCUMENT[1:7], DOCUMENT[7:]),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(*(bytes([byte]) for byte in DOCUMENT)),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(DOCUMENT, trailers=b"X: y\r\nZ: z\r\n"),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x;name=value\r\n%s\r\n0;last\r\n\r\n"
        % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n000%X\r\n%s\r\n000\r\n\r\n"
        % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n"
        + chunked(DOCUMENT),
        b"HTTP/1.1 200 OK\r\nX: one\r\n two\r\nContent-Length: %d\r\n\r\n%s"
        % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\nX: \x00\xff\x80\r\nContent-Length: %d\r\n\r\n%s"
        % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 \xe9t\xe9 \x00\r\nContent-Length: %d\r\n\r\n%s"
        % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99 + b"\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 60_000 + b"\r\n\r\n" + DOCUMENT,
    ],
)
def test_an_answer_that_can_be_understood_is_understood(raw):
    assert str(asked(raw).id) == ID

    # In pieces of one byte as well.
    def drip(conn):
        conn.read_request()
        for start in range(0, len(raw), max(1, len(raw) // 400)):
            conn.send(raw[start : start + max(1, len(raw) // 400)])

    with ScriptedServer(drip) as server, client_of(server) as client:
        assert str(client.get_knowledge_document(ID).id) == ID


TRAILERS = {
    "none": (b"\r\n", True),
    "one": (b"X: y\r\n\r\n", True),
    "100": (b"X: y\r\n" * 100 + b"\r\n", True),
    "101": (b"X: y\r\n" * 101 + b"\r\n", False),
    "5000": (b"X: y\r\n" * 5000 + b"\r\n", False),
    "a long one": (b"X: " + b"y" * 70_000 + b"\r\n\r\n", False),
    "no header": (b"HTTP/1.1 200 OK\r\n\r\n", False),
    "no header, and no end": (b"HTTP/1.1 200 OK\r\n", False),
    "a carriage return in one": (b"X: y\rZ: z\r\n\r\n", False),
}


@pytest.mark.parametrize("kind", ["GET", "prompt"])
@pytest.mark.parametrize(("trailers", "is_kept"), TRAILERS.values(), ids=TRAILERS)
def test_whatever_is_behind_the_last_chunk_the_answer_is_read_and_odd_things_end_the_connection(
    trailers, is_kept, kind
):
    def handler(conn):
        while not conn.closed and (request := conn.read_request()):
            body = json.dumps(document(request.target)).encode()
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            conn.send(head + chunked(body)[:-2] + trailers)

    with ScriptedServer(handler) as server, client_of(server) as client:
        CALLS[kind](client)
        CALLS[kind](client)
        assert len(server.requests) == 2
        assert server.connections == (1 if is_kept else 2)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"\r\n\r\n",
        b"{}",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/0.9 200 OK\r\nX\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/3.0 200 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 1000 OK\r\n\r\n",
        b"HTTP/1.1 -200 OK\r\n\r\n",
        b"HTTP/1.1 \xb2\xb0\xb0 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"\xff\xfe\x00" * 10,
        b"HTTP/1.1 200 OK" + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 101 + b"\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000,
        b"HTTP/1.1 102 Go on\r\n" + b"X: y\r\n" * 10_000,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"
        % (len(DOCUMENT) + 1, DOCUMENT),
        b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Length: 5\r\n\r\n%s"
        % (len(DOCUMENT), DOCUMENT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(DOCUMENT)[:-5],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"f" * 50
        + b"\r\n"
        + DOCUMENT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"1" * 70_000
        + b"\r\n"
        + DOCUMENT,
    ],
)
def test_what_is_no_whole_answer_is_a_network_error(raw):
    with pytest.raises(NetworkError) as caught:
        asked(raw)
    assert caught.value.request_sent
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + DOCUMENT,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n\x1f\x8b\x08",
    ],
)
def test_a_whole_answer_that_is_no_document_is_a_decode_error(raw):
    with pytest.raises(DecodeError) as caught:
        asked(raw)
    assert caught.value.status_code in (200, 204)


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (101, "HTTP 101 Switching Protocols"),
        (300, "HTTP 300 Multiple Choices"),
        (304, "HTTP 304 Not Modified"),
        (400, "HTTP 400 Bad Request"),
        (404, "HTTP 404 Not Found"),
        (502, "HTTP 502 Bad Gateway"),
        (599, "HTTP 599"),
        (999, "HTTP 999"),
    ],
)
def test_every_status_but_success_is_an_api_error(status, text):
    for reason in ("", None):
        raw = b"HTTP/1.1 %d %s\r\n%s\r\n" % (
            status,
            b"" if reason == "" else text[9:].encode(),
            b"",
        )
        with pytest.raises(ApiError) as caught:
            asked(raw)
        assert str(caught.value) == text
        assert caught.value.status_code == status
        assert caught.value.body == ""


@pytest.mark.parametrize(
    "headers",
    [
        b"Upgrade: chat\r\nConnection: upgrade\r\n",
        b"",
        b"Connection: keep-alive\r\nContent-Length: 0\r\n",
    ],
)
def test_a_change_of_protocol_that_was_not_asked_for_leaves_no_connection(headers):
    def handler(conn):
        while conn.read_request():
            conn.send(b"HTTP/1.1 101 Switching Protocols\r\n" + headers + b"\r\n")

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        for number in (1, 2):
            with pytest.raises(ApiError) as caught:
                get(client)
            assert (caught.value.status_code, server.connections) == (101, number)
            assert not client._transport.pool._idle


def test_a_change_of_protocol_during_an_upload_is_no_interim_answer():
    def handler(conn):
        conn.read_head()
        conn.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\n")
        conn.hang()

    with (
        ScriptedServer(handler) as server,
        client_of(server) as client,
        pytest.raises(ApiError) as caught,
    ):
        _upload(client, 10_000_000)
    assert caught.value.status_code == 101


@pytest.mark.parametrize(
    "location",
    [
        "/else",
        "http://elsewhere.example/x",
        "//[",
        "http://[::1",
        "",
        "\xff",
        "x" * 9000,
        "http://:99999/",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_api_error_wherever_it_leads(status, location):
    def handler(conn):
        while conn.read_request():
            conn.reply(status, "", {"Location": location})

    with ScriptedServer(handler) as server, client_of(server) as client:
        for kind in ("GET", "prompt"):
            with pytest.raises(ApiError) as caught:
                CALLS[kind](client)
            assert caught.value.status_code == status
        assert len(server.requests) == 2


@pytest.mark.parametrize(
    "raw",
    [
        make_reply(200, DOCUMENT),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + chunked(DOCUMENT[:20], DOCUMENT[20:], trailers=b"X: y\r\n"),
        INTERIM[2] + make_reply(200, DOCUMENT),
    ],
    ids=["length", "chunks", "interim"],
)
def test_an_answer_that_is_cut_off_anywhere_is_a_network_error(serve, raw):
    """And so it is sent again, where it may be."""
    # The end of the trailers may be left out: the body is whole without them.
    whole = raw.index(b"\r\n0\r\n") + 5 if b"chunked" in raw else len(raw)
    cut = 0

    def handler(conn):
        if conn.read_request():
            conn.send(raw[:cut])

    server = serve(handler)
    with client_of(server, max_retries=0) as client:
        # A handshake for each takes its time: over TLS it is every fifth place, and the last ones.
        for cut in [*range(0, whole, 5 if server.tls else 1), whole - 2, whole - 1]:  # noqa: B007
            with pytest.raises(NetworkError):
                client.get_knowledge_document(ID)


def test_an_error_answer_whose_head_is_cut_off_anywhere_is_a_network_error():
    raw = (
        b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"
    )
    cuts = iter(range(len(raw)))

    def handler(conn):
        if conn.read_request():
            conn.send(raw[: next(cuts)])

    with ScriptedServer(handler) as server, client_of(server) as client:
        for cut in range(len(raw)):
            with pytest.raises(NetworkError):
                CALLS["prompt"](client)
            assert len(server.requests) == cut + 1


LENGTHS = pytest.mark.parametrize(
    "head", ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"]
)


@LENGTHS
def test_an_answer_that_ends_before_its_body_began_is_a_network_error(head):
    with pytest.raises(NetworkError):
        asked(f"HTTP/1.1 200 OK\r\n{head}\r\n".encode())


@LENGTHS
@pytest.mark.parametrize("body", ["", "9\r\n{", "-5\r\n{", "zz\r\n{"])
def test_an_error_whose_body_is_cut_off_is_that_error(head, body):
    """Its status says what to do: a run that was turned away is sent again, and a wait
    for what is forbidden ends.
    """
    with pytest.raises(ApiError) as caught:
        asked(f"HTTP/1.1 403 No\r\n{head}\r\n{body}".encode())
    assert caught.value.status_code == 403
    assert str(caught.value).startswith("HTTP 403 No (its body was cut off after ")
    turned_away = f"HTTP/1.1 429 Wait\r\n{head}\r\n{body}".encode()

    def handler(conn):
        request = conn.read_request()
        conn.send(answer(request) if conn.index else turned_away)

    with ScriptedServer(handler) as server, client_of(server) as client:
        CALLS["prompt"](client)
        assert server.connections == 2


def test_a_refusal_of_an_upload_is_told_also_where_the_connection_breaks_then():
    def handler(conn):
        conn.read_head()
        conn.send(
            b'HTTP/1.1 413 Big\r\nConnection: close\r\n\r\n{"error": "too large"}'
        )
        conn.wait(0.05)
        conn.reset()

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        with pytest.raises(ApiError) as caught:
            client.upload_documents("base", [("zeros", Zeros(20_000_000))])
        assert caught.value.status_code == 413


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_that_has_no_body_is_not_waited_for_whatever_its_head_says(status):
    """RFC 9112, 6.3."""
    raw = f"HTTP/1.1 {status} X\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    with (
        contextlib.nullcontext()
        if status == 204
        else pytest.raises(ApiError, match="HTTP 304")
    ):
        asked(raw, end="hang", call=CALLS["DELETE"])


def test_a_bad_chunk_is_a_network_error_with_an_opener_from_outside_too():
    def handler(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nabc")

    with ScriptedServer(handler) as server:
        for kind in ("GET", "prompt"):
            with (
                PromptJuggler(
                    "key", base_url=server.url, opener=from_outside(), max_retries=0
                ) as client,
                pytest.raises(NetworkError),
            ):
                CALLS[kind](client)


@pytest.mark.parametrize("status", [102, 103, 199])
def test_interim_answers_are_skipped_with_an_opener_from_outside_too(status):
    """http.client skips those of 100 alone."""

    def handler(conn):
        request = conn.read_request()
        interim = b"HTTP/1.1 %d X\r\nLink: </x>\r\n\r\n" % status
        conn.send(interim * 3)
        conn.send(b"HTTP/1.1 100 Continue\r\n\r\n" + interim)
        if request.method == "DELETE":
            conn.reply(409, {"error": "Not now."})
        else:
            conn.send(answer(request))

    with ScriptedServer(handler) as server:
        client = client_of(server, opener=from_outside(), max_retries=0)
        get(client)
        CALLS["prompt"](client)
        with pytest.raises(ApiError, match="Not now") as caught:
            CALLS["DELETE"](client)
        assert caught.value.status_code == 409


def test_a_server_that_sends_interim_answers_alone_is_cut_off_with_an_opener_too():
    def handler(conn):
        conn.read_request()
        for _ in range(200):
            conn.wait(0.02)
            conn.send(b"HTTP/1.1 103 X\r\n\r\n")

    with ScriptedServer(handler) as server:
        client = client_of(server, opener=from_outside(), max_retries=0, timeout=0.1)
        with pytest.raises(RequestTimeout):
            get(client)


def test_the_eoferror_of_a_handler_of_an_opener_is_a_network_error():
    """As of one that unpacks what comes, and is cut off."""

    class Broken(urllib.request.BaseHandler):
        handler_order = 1

        def http_open(self, request):
            raise EOFError("packed data ended early")

    opener = from_outside()
    opener.add_handler(Broken())
    client = client_of("http://a.example", opener=opener, max_retries=0)
    with pytest.raises(NetworkError, match="packed data ended early") as caught:
        get(client)
    assert isinstance(caught.value.__cause__, EOFError)


# --- size ---


def _memory_of(call):
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _pour(conn, head, piece):
    conn.read_request()
    with contextlib.suppress(OSError):
        conn.send(head)
        while not conn.server.closing.is_set():
            conn.send(piece)


@pytest.mark.parametrize("size", [32 * MIB + 1, 10**12, 10**30])
def test_an_answer_that_says_that_it_is_over_32_mib_is_not_read(serve, size):
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()
    server = serve(lambda conn: _pour(conn, head, b" " * 65536))

    def call():
        with (
            client_of(server) as client,
            pytest.raises(DecodeError, match="32 MiB") as caught,
        ):
            client.get_knowledge_document(ID)
        assert caught.value.status_code == 200
        assert server.connections == 1

    assert _memory_of(call) < 20 * MIB


@pytest.mark.parametrize("opener", [None, from_outside()], ids=["built-in", "outside"])
def test_an_answer_without_end_is_given_up_at_32_mib(opener):
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    piece = b"100000\r\n" + b" " * MIB + b"\r\n"

    def call():
        with (
            ScriptedServer(lambda conn: _pour(conn, head, piece)) as server,
            client_of(server, timeout=30.0, opener=opener) as client,
            pytest.raises(DecodeError, match="32 MiB"),
        ):
            client.get_knowledge_document(ID)

    assert _memory_of(call) < 40 * MIB


@pytest.mark.parametrize("kind", ["GET", "DELETE"])
@pytest.mark.parametrize("opening", [b"[", b'{"error":"No.","more":['], ids=["[", "{"])
def test_an_answer_of_brackets_alone_is_never_parsed(kind, opening):
    """Not to read it, and not to tell what it is, if it is not what was asked for."""
    end = b"]" if opening == b"[" else b"]}"
    body = opening + b"[]," * MOST_PARTS + b"[]" + end

    def call():
        with (
            ScriptedServer(respond((200, body))) as server,
            client_of(server, timeout=PATIENCE) as client,
            pytest.raises(DecodeError) as caught,
        ):
            CALLS[kind](client)
        problem = {
            "GET": "the document has too many arrays and objects",
            "DELETE": "the document is no answer to a DELETE",
        }
        assert str(caught.value).startswith(problem[kind])
        assert "No." not in str(caught.value)

    # Parsed, it has 130 MiB.
    assert _memory_of(call) < 60 * MIB


@pytest.mark.parametrize("size", ["-1", "-100", "ffffffffffffffffffff"])
def test_a_chunk_of_an_absurd_size_takes_no_memory(size):
    """A negative size most of all: to the standard library it means all that ever comes."""
    head = f"HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n".encode()

    def call():
        with (
            ScriptedServer(lambda conn: _pour(conn, head, b" " * 65536)) as server,
            client_of(server, max_retries=0) as client,
            pytest.raises((ApiError, NetworkError)),
        ):
            client.get_knowledge_document(ID)

    assert _memory_of(call) < 20 * MIB


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"Content-Length: 90000000\r\n\r\n", b"x" * 65536),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + b"x" * 65536 + b"\r\n"),
        (b"\r\n", b"x" * 65536),
    ],
    ids=["length", "chunks", "until close"],
)
def test_the_body_of_an_error_is_cut_at_one_mib(head, piece):
    def call():
        server = ScriptedServer(
            lambda conn: _pour(conn, b"HTTP/1.1 500 Oh\r\n" + head, piece)
        )
        with server, client_of(server, max_retries=0) as client:
            with pytest.raises(ApiError) as caught:
                client.get_knowledge_document(ID)
            assert str(caught.value) == "x" * 1000
            assert caught.value.body == "x" * MIB
            assert not client._transport.pool._idle

    assert _memory_of(call) < 20 * MIB


def test_an_answer_of_some_megabytes_is_read_whole():
    long = b'{"padding": "' + b"x" * 5 * MIB + b'", ' + DOCUMENT[1:]
    with (
        ScriptedServer(
            respond(make_reply(200, long), make_reply(200, DOCUMENT))
        ) as server,
        client_of(server) as client,
    ):
        assert str(client.get_knowledge_document(ID).id) == ID
        client.get_knowledge_document(ID)
        assert server.connections == 1


# --- anything at all ---

WORDS = [
    b"HTTP/1.1 ",
    b"HTTP/1.0 ",
    b"HTTP/",
    b"200",
    b"204",
    b"100",
    b"101",
    b"404",
    b"429",
    b"503",
    b" OK",
    b"\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b": ",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: keep-alive\r\n",
    b"Retry-After: ",
    b"Location: ",
    b"Content-Type: ",
    b"0",
    b"5",
    b"-1",
    b"ffff",
    b"0x",
    b"1_0",
    b";",
    b" ",
    b"\t",
    b"\x00",
    b"\xff",
    b"\xc3\xa9",
    b"{",
    b"}",
    b"[" * 300,
    b'"',
    b'"error": ',
    b"null",
    b"NaN",
    b"[",
    b"//[",
    DOCUMENT,
    b"x" * 100,
    b"=?utf-8?q?=00?=",
    b"GMT",
    b"Mon, 01 Jan 2030 00:00:00 ",
    b"9" * 30,
]


def _nonsense(chance):
    """Bytes that look like an answer more or less."""
    kind = chance.random()
    if kind < 0.1:
        return chance.randbytes(chance.randrange(200))
    words = b"".join(chance.choices(WORDS, k=chance.randrange(30)))
    if kind < 0.3:
        return words
    if kind < 0.6:
        head = b"HTTP/1.%d %d %s\r\n" % (
            chance.randrange(2),
            chance.choice((200, 404, 302, 503)),
            chance.choice(WORDS),
        )
        return (
            head
            + words
            + b"\r\n\r\n"
            + b"".join(chance.choices(WORDS, k=chance.randrange(10)))
        )
    mutated = bytearray(chance.choice(INTERIM[:7]) if kind < 0.7 else b"")
    mutated += chance.choice(
        [
            make_reply(200, DOCUMENT),
            make_reply(404, {"error": "none"}),
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(DOCUMENT[:9], DOCUMENT[9:]),
            make_reply(302, "", {"Location": "http://elsewhere.example/[x]"}),
            make_reply(429, "", {"Retry-After": "Mon, 01 Jan 2001 00:00:00 GMT"}),
        ]
    )
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(mutated))
        mutated[at : at + chance.randrange(4)] = chance.choice(
            [*WORDS, chance.randbytes(2)]
        )
    return bytes(mutated)


@pytest.mark.parametrize("seed", range(2))
def test_whatever_a_server_sends_only_our_errors_leave(seed):
    chance = random.Random(seed)
    nonsense = b""
    outcomes = collections.Counter()

    def handler(conn):
        if conn.read_request():
            conn.send(nonsense)

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        for _ in range(200):
            nonsense = _nonsense(chance)
            try:
                CALLS[chance.choice(["GET", "DELETE", "prompt"])](client)
                outcomes["success"] += 1
            except PromptJugglerError as error:
                outcomes[type(error).__name__] += 1
    errors = {"ApiError", "DecodeError", "NetworkError"}
    assert errors <= set(outcomes) <= {*errors, "success"}
