"""The head of an answer, and where its body ends: what can be read in one way alone is read,
all else is an error at once that says what came.
"""

from __future__ import annotations

import contextlib
import pickle
import time
import traceback

import pytest
from helpers.calls import CALLS, ID, answer_all, client_of, document_as_text, get
from helpers.servers import (
    PATIENCE,
    ConnectProxy,
    ScriptedServer,
    respond,
    server_context,
)

from promptjuggler import NetworkError, RequestTimeout

DOCUMENT = document_as_text(ID)
LENGTH = len(DOCUMENT)
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


def outcome(raw, kind="GET", **options):
    """The error, or the result, of a call whose every connection gets these bytes and then
    silence; how many requests it took, and how long."""

    def handler(conn):
        while conn.read_request():
            with contextlib.suppress(ConnectionError):
                conn.send(raw)

    begun = time.monotonic()
    with ScriptedServer(handler) as server, client_of(server, **options) as client:
        try:
            result = CALLS[kind](client)
        except NetworkError as error:
            result = error
        return result, len(server.requests), time.monotonic() - begun


def check_refused_at_once(raw, *said, kind="GET"):
    error, requests, seconds = outcome(raw, kind)
    assert isinstance(error, NetworkError)
    assert not isinstance(error, RequestTimeout)
    assert error.request_sent
    assert error.may_have_taken_effect
    assert (requests, error.attempts) == (1, 1)
    assert seconds < PATIENCE / 2
    text = str(error)
    assert text.isprintable()
    assert len(text) < 300
    for part in said:
        assert part in text
    return error


# --- heads with a line that is none ---

LINES = {
    "without a colon": b"no colon here",
    "with a space before the colon": b"X : y",
    "with a name of nothing": b": y",
    "with a name of two words": b"X y: z",
    "with a name that is not ASCII": b"\xc3\xa9: y",
    "with a tab in its name": b"X\ty: z",
    "with a NUL in its name": b"X\0: y",
    "of a mailbox": b"From nobody Sat Jan  3 01:05:34 1996",
    "with a CR in its value": b"X: a\rContent-Length: 5",
    "that ends with CR CR LF": b"X: a\r",
    "that is a status line": b"HTTP/1.1 200 OK",
}


@pytest.mark.parametrize("kind", ["GET", "prompt"])
@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
@pytest.mark.parametrize("place", ["first", "between", "last"])
def test_a_malformed_line_in_the_head_is_an_error_at_once(line, place, kind):
    """And the length that stands behind it is not lost, so that the whole timeout is
    waited for."""
    lines = [b"Server: x", b"Content-Length: %d" % LENGTH]
    lines.insert(["first", "between", "last"].index(place), line)
    head = OK + b"".join(line + b"\r\n" for line in lines) + b"\r\n"
    error = check_refused_at_once(head + DOCUMENT, "no header: '", kind=kind)
    assert str(error).endswith("'")


def test_a_malformed_line_in_an_interim_head_is_an_error_too():
    check_refused_at_once(b"HTTP/1.1 103 Early\r\nno colon\r\n\r\n", "'no colon'")


def test_a_head_that_begins_with_a_continuation_is_an_error_at_once():
    check_refused_at_once(OK + b" X: y\r\n\r\n" + DOCUMENT, "'X: y'")


@pytest.mark.parametrize(
    ("lines", "headers"),
    [
        (b"X: one\r\n two\r\n\tthree  \r\n", [("X", "one two three")]),
        (b"X:\r\n two\r\n", [("X", "two")]),
        (b"X: one\r\n  \r\n", [("X", "one")]),
        (b"X:  one \t\r\n", [("X", "one")]),
        (b"X:\nY: y\n", [("X", ""), ("Y", "y")]),
        (b"x: 1\r\nX: 2\r\n", [("x", "1"), ("X", "2")]),
        (b"X!#$%&'*+-.^_`|~9: a:b\r\n", [("X!#$%&'*+-.^_`|~9", "a:b")]),
        (b"X: \x00\xff\r\n", [("X", "\x00\xff")]),
        (
            b"Content-Type: multipart/mixed; boundary=x\r\n",
            [("Content-Type", "multipart/mixed; boundary=x")],
        ),
        (b"From: nobody\r\n", [("From", "nobody")]),
    ],
)
def test_all_headers_of_a_head_are_read(lines, headers):
    raw = b"HTTP/1.1 500 Oh\r\n" + lines + b"Content-Length: 2\r\n\r\nno"
    with (
        ScriptedServer(respond(raw)) as server,
        client_of(server, max_retries=0) as client,
    ):
        with pytest.raises(Exception, match="no") as caught:
            CALLS["GET"](client)
        assert caught.value.headers.items() == [*headers, ("Content-Length", "2")]
        with contextlib.suppress(Exception):
            CALLS["GET"](client)
        assert server.connections == 1


def test_a_head_of_a_hundred_lines_is_read_and_a_longer_one_is_an_error_at_once():
    end = b"Content-Length: %d\r\n\r\n" % LENGTH + DOCUMENT
    result, _, _ = outcome(OK + b"X: y\r\n" * 99 + end)
    assert str(result.id) == ID
    check_refused_at_once(OK + b"X: y\r\n" * 100 + end, "over 100 lines")
    check_refused_at_once(OK + b"X: y\r\n" + b" y\r\n" * 149 + end, "over 100 lines")


def test_a_line_of_64_kib_is_read_and_a_longer_one_is_an_error_at_once():
    end = b"\r\nContent-Length: %d\r\n\r\n" % LENGTH + DOCUMENT
    line = b"X: " + b"y" * (64 * 1024 - 4)
    result, _, _ = outcome(OK + line + end)
    assert str(result.id) == ID
    check_refused_at_once(OK + line + b"yyy" + end, "64 KiB", "'X: yyy")
    check_refused_at_once(b"HTTP/1.1 200 " + b"x" * 70_000, "64 KiB")


# --- lengths ---


@pytest.mark.parametrize(
    "lines",
    [
        b"Content-Length: %d, %d" % (LENGTH, LENGTH),
        b"Content-Length: %d,%d ,\t%d" % (LENGTH, LENGTH, LENGTH),
        b"Content-Length: %d\r\nContent-Length: %d" % (LENGTH, LENGTH),
        b"Content-Length: %d, %d\r\ncontent-length:%d" % (LENGTH, LENGTH, LENGTH),
        b"Content-Length: 000%d" % LENGTH,
        b"Content-Length: %d \t" % LENGTH,
    ],
)
@pytest.mark.parametrize("kind", ["GET", "prompt"])
def test_a_length_that_is_said_several_times_is_one(lines, kind):
    with ScriptedServer(
        lambda conn: _answer_with(conn, lines)
    ) as server, client_of(server, max_retries=0) as client:  # fmt: skip
        for _ in range(2):
            CALLS[kind](client)
        assert server.connections == 1


def _answer_with(conn, lines):
    # As long as what the GET gets: JSON may have spaces behind it.
    run = b'{"id": "%b", "thread": "%b"}' % (ID.encode(), ID.encode())
    while request := conn.read_request():
        body = DOCUMENT if request.method == "GET" else run.ljust(LENGTH)
        conn.send(OK + lines + b"\r\n\r\n" + body)


@pytest.mark.parametrize(
    "length",
    [
        b"banana", b"-5", b"+5", b"1_0", b"0x5", b"5.0", b"5 5", b"5;5", b"5,", b",5", b"", b"1e2",
        b"\xb2", b"5\0", b"9" * 5000, b"5, banana", b"5\r\n 5",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["GET", "prompt"])
def test_a_length_that_is_no_number_is_an_error_at_once(length, kind):
    raw = OK + b"Content-Length: " + length + b"\r\n\r\n" + DOCUMENT
    check_refused_at_once(raw, "Content-Length", kind=kind)


@pytest.mark.parametrize(
    "lines", [b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5, 6"]
)
def test_two_different_lengths_are_an_error_at_once(lines):
    raw = OK + lines + b"\r\n\r\n" + DOCUMENT
    check_refused_at_once(raw, "two different lengths")


# --- codings of the transfer, chunks ---


@pytest.mark.parametrize(
    "coding",
    [
        b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"identity", b"xchunked",
        b"\x0bchunked", b"chunked;q=1", b"chunked\0", b"", b"gzip\r\nTransfer-Encoding: chunked",
        b"chunked\r\nTransfer-Encoding: gzip",
    ],
)  # fmt: skip
def test_an_unknown_coding_of_the_transfer_is_an_error_at_once(coding):
    raw = OK + b"Transfer-Encoding: " + coding + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    check_refused_at_once(raw, "Transfer-Encoding")


@pytest.mark.parametrize("coding", [b"Chunked", b"chunked \t", b"\tCHUNKED"])
def test_chunks_are_known_however_the_word_is_written(coding):
    head = OK + b"Transfer-Encoding: " + coding + b"\r\n\r\n"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (LENGTH, DOCUMENT)
    result, requests, _ = outcome(head + body)
    assert (str(result.id), requests) == (ID, 1)


@pytest.mark.parametrize(
    "size",
    [
        b"0x5", b"1_0", b"+5", b"-5", b" 5", b"5 5", b"g", b"", b";x", b"5\r", b"5;a\rb", b"\xb25",
        b"0" * 17, b"f" * 50, b"5\0", b"5,",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["GET", "prompt"])
def test_a_size_of_a_chunk_that_is_none_is_an_error_at_once(size, kind):
    raw = CHUNKED + size + b"\r\n" + DOCUMENT + b"\r\n0\r\n\r\n"
    check_refused_at_once(raw, "chunk", kind=kind)


def test_a_line_feed_alone_does_not_end_the_size_of_a_chunk():
    check_refused_at_once(CHUNKED + b"5\nhello\r\n0\r\n\r\n", "chunk")


@pytest.mark.parametrize("behind", [b"XX", b"\n\n", b"\r\r", b"\r0", b"}\r"])
def test_a_chunk_that_does_not_end_where_it_says_is_an_error_at_once(behind):
    body = b"%x\r\n%b%b0\r\n\r\n" % (LENGTH, DOCUMENT, behind)
    check_refused_at_once(CHUNKED + body, "chunk")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: x, Close\r\n" % LENGTH,
        b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n" % LENGTH,
    ],
    ids=["two framings", "chunks in 1.0", "close", "1.0"],
)
def test_an_answer_whose_end_others_may_see_elsewhere_is_read_and_its_connection_closed(
    head,
):
    chunks = b"%x\r\n%b\r\n0\r\n\r\n" % (LENGTH, DOCUMENT)
    body = chunks if b"chunked" in head else DOCUMENT
    handler = respond(head + b"\r\n" + body)
    with ScriptedServer(handler) as server, client_of(server) as client:
        for number in (1, 2):
            assert str(CALLS["GET"](client).id) == ID
            assert server.connections == number


def test_a_204_that_announces_a_body_leaves_no_connection():
    raw = b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"
    with ScriptedServer(respond(raw)) as server, client_of(server) as client:
        for number in (1, 2):
            CALLS["DELETE"](client)
            assert server.connections == number


def test_an_answer_of_http_1_0_that_is_kept_alive_keeps_its_connection():
    head = b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: %d\r\n\r\n"
    raw = head % LENGTH + DOCUMENT
    with ScriptedServer(respond(raw)) as server, client_of(server) as client:
        for _ in range(2):
            CALLS["GET"](client)
        assert server.connections == 1


# --- other protocols ---

BANNERS = {
    "SSH": (b"SSH-2.0-OpenSSH_9.2\r\n", "'SSH-2.0-OpenSSH_9.2'"),
    "SMTP": (b"220 mail.example ESMTP\r\n", "'220 mail.example ESMTP'"),
    "FTP": (b"220-Welcome\r\n220-to\r\n220 it\r\n", "'220-Welcome'"),
    "NUL": (b"\0\0\0\0", r"'\x00\x00\x00\x00'"),
    "spaces": (b"    ", "'    '"),
    "HTTP/2 in frames": (b"\0\0\x12\x04\0\0\0\0\0", r"'\x00\x00\x12\x04"),
    "terminal controls": (b"\x1b[2J\x9b\x07\xe2\x80\xae", r"'\x1b[2J\x9b\x07\u202e'"),
    "HTML": (b"<html><body>hello</body></html>", "'<html><body>hello"),
    "ICY": (b"ICY 200 OK\r\n\r\n", "'ICY 200 OK'"),
    "lower case": (b"http/1.1 200 OK\r\n\r\n", "'http/1.1 200 OK'"),
    "much": (b"x" * 200_000, "'" + "x" * 60 + "'"),
}
STATUS_LINES = [
    b"HTTP/2 200", b"HTTP/2.0 200 OK", b"HTTP/3 200 OK", b"HTTP/0.9 200 OK", b"HTTP/1.1 000 Nothing",
    b"HTTP/1.1 2_00 OK", b"HTTP/1.1 +200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 1000 OK", b"HTTP/1.1 OK",
    b"HTTP/1.10 200 OK", b"HTTP/1. 200 OK", b"HTTP/1.1 200OK", b"HTTP/1.1\t200 OK", b"HTTP/1.1",
    b"HTTP/1.1 099 X", b"HTTP/", b"HTTP/1.1 0x1 X", b"HTTP/1.1 \xb2\xb0\xb0 X",
]  # fmt: skip


@pytest.mark.parametrize(("came", "shown"), BANNERS.values(), ids=BANNERS)
@pytest.mark.parametrize("kind", ["GET", "prompt"])
def test_another_protocol_is_an_error_at_once_that_shows_what_came(came, shown, kind):
    """Also where the server then waits for the client."""
    error = check_refused_at_once(came, "what came is no HTTP: ", shown, kind=kind)
    assert str(error) == str(pickle.loads(pickle.dumps(error)))


@pytest.mark.parametrize("came", [b"\r\n", b"\n", b"\r\n" + OK, b"\r\n\r\n" + OK])
def test_an_empty_line_before_an_answer_is_an_error_at_once_that_says_so(came):
    end_of_line = came.partition(b"\n")[0] + b"\n"
    shown = repr(end_of_line.decode())
    check_refused_at_once(came, "is no HTTP, but begins with an empty line: ", shown)


@pytest.mark.parametrize("line", STATUS_LINES)
def test_a_status_line_that_is_not_of_http_1_is_an_error_at_once(line):
    check_refused_at_once(line + b"\r\n\r\n" + DOCUMENT, "no HTTP/1: 'HTTP/")


def test_a_status_line_with_a_carriage_return_in_it_is_none():
    raw = b"HTTP/1.1 200 OK\rX: y\r\n\r\n" + DOCUMENT
    check_refused_at_once(raw, r"'HTTP/1.1 200 OK\rX: y'")


@pytest.mark.parametrize(
    "record",
    [
        b"\x15\x03\x01\x00\x02\x02\x46",  # an alert: protocol version
        b"\x15\x03\x03\x00\x02\x02\x0a",  # an alert: unexpected message
        b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76",  # a handshake
    ],
)
def test_a_server_that_speaks_tls_is_called_so(record):
    check_refused_at_once(record, "the server speaks TLS there", "https://")


def test_a_proxy_that_speaks_another_protocol_is_asked_once():
    def handler(conn):
        conn.read_request()
        conn.send(b"SSH-2.0-OpenSSH_9.2\r\n")
        conn.hang()

    with ScriptedServer(handler) as proxy:
        url = "https://api.example"
        with client_of(url, proxy=proxy.url) as client:
            with pytest.raises(NetworkError, match="'SSH-2.0-OpenSSH_9.2'") as caught:
                get(client)
            assert not caught.value.request_sent
            assert proxy.connections == 1


def test_the_framing_of_an_answer_to_connect_means_nothing():
    """RFC 9110, 9.3.6: what follows is the tunnel, whatever the head says."""

    class OddProxy(ConnectProxy):
        def _connect(self, conn, request):
            conn.send, send = (
                lambda data: send(data.replace(b"\r\n\r\n", odd)),
                conn.send,
            )
            super()._connect(conn, request)

    odd = b"\r\nContent-Length: many\r\nTransfer-Encoding: gzip\r\n\r\n"
    with (
        ScriptedServer(answer_all, tls=server_context()) as server,
        OddProxy() as proxy,
    ):
        with client_of(server, proxy=proxy.url, max_retries=0) as client:
            get(client)
        assert len(proxy.requests) == 1


@pytest.mark.parametrize("cut", [0, 25])
def test_a_secret_that_another_protocol_says_back_is_in_no_text_and_no_traceback(cut):
    """Nor a part of it, where the quote ends within."""
    key = "pj-sekret-key"
    came = f"ERR unknown command:{' ' * cut} Bearer {key}\r\n".encode()
    error, _, _ = outcome(came, api_key=key)
    assert f"'ERR unknown command:{' ' * cut} Bearer ***'" in str(error)
    assert key not in "".join(traceback.format_exception(error))
    assert key not in repr(error.__cause__) + repr(vars(error.__cause__))


# --- answers that end too early may be sent again ---


@pytest.mark.parametrize(
    "begun", [b"", b"H", b"HTTP", b"HTTP/1.1 20", OK[:-2], OK, OK + b"Content-Length"]
)
def test_a_head_that_is_cut_off_is_asked_for_again(begun):
    def handler(conn):
        if conn.index:
            answer_all(conn)
        elif conn.read_request():
            conn.send(begun)

    with ScriptedServer(handler) as server, client_of(server) as client:
        get(client)
        assert server.connections == 2


def test_any_number_of_interim_answers_is_skipped_within_the_deadline(clock):
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    end = b"Content-Length: %d\r\n\r\n" % LENGTH + DOCUMENT
    result, requests, _ = outcome(interim * 5000 + OK + end)
    assert (str(result.id), requests) == (ID, 1)

    def handler(conn):
        conn.read_request()
        with contextlib.suppress(OSError):
            while not conn.server.closing.is_set():
                clock.move(PATIENCE / 100)
                conn.send(interim * 50)

    with (
        ScriptedServer(handler) as server,
        client_of(server, max_retries=0) as client,
        pytest.raises(RequestTimeout),
    ):
        CALLS["GET"](client)
