"""What the transport uses of the insides of the standard library is still there.

Each test has the name of a seam, as the docstring of `promptjuggler._http` lists them.
One that fails on a new Python says what has moved.
"""

import _thread
import io
import re
import socket
import ssl
import threading
import urllib.request
from http.client import HTTPConnection, HTTPResponse, IncompleteRead, NotConnected
from urllib.error import HTTPError

import pytest
from helpers.package import FOLDER
from helpers.servers import (
    PATIENCE,
    ScriptedServer,
    client_context,
    respond,
    server_context,
)

import promptjuggler._http
from promptjuggler._http.deadline import Deadline
from promptjuggler._http.messages import UrllibRequest
from promptjuggler._http.response import Response
from promptjuggler._http.transport import socket_behind
from promptjuggler._secrets import Secret

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nHello"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nHe\r\n3\r\nllo\r\n0\r\n\r\n"


class Recorder:
    """Takes the place of a socket, and notes what is done with it."""

    def __init__(self, received=b""):
        self.calls = []
        self.sent = b""
        self.received = received

    def sendall(self, data):
        self.sent += bytes(data)

    def makefile(self, *arguments):
        self.calls.append(("makefile", *arguments))
        return io.BufferedReader(io.BytesIO(self.received))

    def close(self):
        self.calls.append(("close",))


def response_to(received, kind=HTTPResponse, method="GET"):
    response = kind(Recorder(received), 0, method)
    response.begin()
    return response


def test_http_connection_sock():
    """HTTPConnection.sock can be assigned: sendall, makefile("rb") and close are called."""
    connection = HTTPConnection("a.example")
    connection.sock = sock = Recorder(HELLO)
    connection.request("POST", "/x", b"body", {"Host": "a.example"})
    assert sock.sent.startswith(b"POST /x HTTP/1.1\r\n")
    assert sock.sent.endswith(b"\r\n\r\nbody")
    assert connection.getresponse().read() == b"Hello"
    assert sock.calls == [("makefile", "rb")]
    assert connection.sock is sock
    connection.close()
    assert sock.calls == [("makefile", "rb"), ("close",)]


def test_http_connection_sock_is_closed_before_an_answer_that_ends_the_connection():
    connection = HTTPConnection("a.example")
    connection.sock = sock = Recorder(HELLO.replace(b"OK", b"OK\r\nConnection: close"))
    connection.request("GET", "/")
    response = connection.getresponse()
    assert sock.calls == [("makefile", "rb"), ("close",)]
    assert response.read() == b"Hello"


def test_http_connection_auto_open():
    """HTTPConnection.auto_open = 0: it does not connect by itself."""
    connection = HTTPConnection("127.0.0.1", 9)
    connection.auto_open = 0
    with pytest.raises(NotConnected):
        connection.request("GET", "/")


def test_http_connection_response_class():
    """HTTPConnection.response_class makes the answers, of the socket and the method."""
    made = []

    class Response(HTTPResponse):
        def __init__(self, *arguments, **options):
            made.append((arguments, options))
            super().__init__(*arguments, **options)

    connection = HTTPConnection("a.example")
    connection.response_class = Response
    connection.sock = sock = Recorder(HELLO)
    connection.request("GET", "/")
    assert isinstance(connection.getresponse(), Response)
    assert made == [((sock,), {"method": "GET"})]


def test_http_response_of_a_socket():
    """HTTPResponse(sock) makes its file by sock.makefile("rb"), and does no more."""
    sock = Recorder(HELLO)
    HTTPResponse(sock)
    assert sock.calls == [("makefile", "rb")]


@pytest.mark.parametrize("status", [b"102", b"103"])
def test_http_response_headers(status):
    """HTTPResponse.headers is what HTTPResponse.begin goes by: None, and it reads a head."""
    interim = b"HTTP/1.1 %s X\r\nLink: y\r\n\r\n" % status
    response = HTTPResponse(Recorder(interim + HELLO))
    response.begin()
    if response.status == int(status):  # New Pythons may skip it.
        response.begin()
        assert response.status == int(status)
        response.headers = None
        response.begin()
    assert (response.status, response.read()) == (200, b"Hello")


@pytest.mark.parametrize("read", [HTTPResponse.read, HTTPResponse.read1])
def test_http_response_read_and_discard_trailer(read):
    """HTTPResponse._read_and_discard_trailer reads what is behind the last chunk."""
    begun = []

    class Response(HTTPResponse):
        def _read_and_discard_trailer(self):
            begun.append(self.fp.readline())
            assert self.fp.readline() == b"\r\n"

    response = response_to(CHUNKS[:-2] + b"X: y\r\n\r\n", Response)
    while read(response):
        pass
    assert begun == [b"X: y\r\n"]


@pytest.mark.parametrize(
    ("head", "length", "chunked", "will_close"),
    [
        ("Content-Length: 5", 5, False, False),
        ("Transfer-Encoding: chunked", None, True, False),
        ("Content-Length: 5\r\nConnection: close", 5, False, True),
        ("X: y", None, False, True),
    ],
)
def test_http_response_begin(head, length, chunked, will_close):
    """HTTPResponse.begin sets status, reason, headers, length, chunked, will_close."""
    response = response_to(f"HTTP/1.1 201 Made\r\n{head}\r\n\r\n".encode())
    assert (response.status, response.reason) == (201, "Made")
    assert response.headers.items() == [
        tuple(line.split(": ")) for line in head.split("\r\n")
    ]
    assert response.length == length
    assert bool(response.chunked) is chunked
    assert bool(response.will_close) is will_close


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 201 Made\r\nContent-Length: 5\r\n",
        b"HTTP/1.1 201 Made\r\nContent-Length: 5\r\nConnection: close\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\nX: z\r\n",
        b"HTTP/1.1 404 \r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\n",
        b"HTTP/1.1 304 Same\r\nContent-Length: 5\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n",
    ],
)
def test_our_begin_sets_what_that_of_http_client_sets(head):
    """HTTPResponse.begin, HTTPResponse.chunk_left: all that it sets, and nothing else."""
    responses = [response_to(head + b"\r\n", kind) for kind in (HTTPResponse, Response)]
    theirs, ours = (dict(vars(response)) for response in responses)
    for attributes in (theirs, ours):
        assert attributes["msg"] is attributes["headers"]
        attributes["headers"] = attributes.pop("msg").items()
        del attributes["fp"]
    assert ours.pop("when_ended") is None
    assert ours.pop("_is_asked_for_tunnel") is False
    assert ours == theirs


@pytest.mark.parametrize("read", [HTTPResponse.read, lambda answer: answer.read1(99)])
def test_http_response_read_next_chunk_size(read):
    """HTTPResponse._read_next_chunk_size reads every size; its ValueError ends the body."""
    sizes = []

    class Response(HTTPResponse):
        def _read_next_chunk_size(self):
            sizes.append(super()._read_next_chunk_size())
            if sizes[-1] == 3:
                raise ValueError
            return sizes[-1]

    response = response_to(CHUNKS, Response)
    read_twice = [read, read]
    with pytest.raises(IncompleteRead):
        b"".join(step(response) for step in read_twice)
    assert sizes == [2, 3]


@pytest.mark.parametrize(
    "read",
    [
        HTTPResponse.read,
        lambda answer: answer.read(99),
        lambda answer: answer.read1(99),
    ],
)
def test_http_response_safe_read(read):
    """HTTPResponse._safe_read reads the two bytes behind a chunk, and then alone
    HTTPResponse.chunk_left is 0."""
    behind_chunks = []

    class Response(HTTPResponse):
        def _safe_read(self, amt):
            data = super()._safe_read(amt)
            if self.chunk_left == 0:
                behind_chunks.append((amt, data))
            return data

    response = response_to(CHUNKS, Response)
    while read(response):
        pass
    assert behind_chunks == [(2, b"\r\n")] * 2


@pytest.mark.parametrize("document", [HELLO, CHUNKS])
def test_http_response_isclosed(document):
    """HTTPResponse.isclosed() is true once the body was read to its end, and not before."""
    response = response_to(document)
    response.read(3)
    assert not response.isclosed()
    response.read()
    assert response.isclosed()


def test_http_response_length():
    """HTTPResponse.length counts down while the body is read."""
    response = response_to(HELLO)
    assert response.length == 5
    response.read(2)
    assert response.length == 3
    response.read1(1)
    assert response.length == 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_request_redirect_dict(status):
    """Request.redirect_dict is what HTTPRedirectHandler takes as followed before."""
    with ScriptedServer(respond((status, "", {"Location": "/there"}))) as server:
        url = server.url + "/here"
        request = UrllibRequest("GET", url, Deadline(PATIENCE), Secret("key"))
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with pytest.raises(HTTPError) as caught:
            opener.open(request, timeout=PATIENCE)
        caught.value.close()
        assert caught.value.code == status
        assert [request.target for request in server.requests] == ["/here"]


def test_http_error_fp():
    """HTTPError.fp, HTTPError.hdrs: what a handler gave, be it None."""
    error = HTTPError("http://a.example/", 500, "made up", None, None)
    assert error.hdrs is None
    error.close()
    body = io.BytesIO(b"x")
    with HTTPError("http://a.example/", 500, "made up", {}, body) as error:
        assert error.fp is body


@pytest.mark.parametrize("status", [200, 404])
def test_http_response_fp_raw_sock(status):
    """HTTPResponse.fp.raw._sock is the socket behind the answer of any opener."""
    with ScriptedServer(respond((status, "x"))) as server:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            answer = opener.open(server.url, timeout=PATIENCE)
        except HTTPError as error:
            answer = error
        with answer:
            sock = socket_behind(answer)
            assert sock is not None
            assert sock.getpeername() == ("127.0.0.1", server.port)


def test_ssl_socket_shutdown():
    """SSLSocket.shutdown of the class below ends the connection, and not its TLS."""
    with ScriptedServer(lambda conn: conn.hang(), tls=server_context()) as server:
        plain = socket.create_connection(("127.0.0.1", server.port), PATIENCE)
        context = client_context()
        with context.wrap_socket(plain, server_hostname="localhost") as sock:
            assert isinstance(sock, socket.SocketType)
            socket.SocketType.shutdown(sock, socket.SHUT_RDWR)
            assert sock.version() is not None
            with pytest.raises((ConnectionError, ssl.SSLError)):
                sock.sendall(b"x")


def test_http_connection_tunnel():
    """HTTPConnection._tunnel says in words by which status a proxy refuses."""
    with ScriptedServer(respond((407, "", {"Connection": "close"}))) as proxy:
        connection = HTTPConnection("127.0.0.1", proxy.port, timeout=PATIENCE)
        connection.set_tunnel("api.invalid")
        with pytest.raises(OSError, match=r"^Tunnel connection failed: 407\b"):
            connection.connect()
        connection.close()


def test_thread_rlock():
    """_thread.RLock is what threading.RLock() gives: its own thread gets it again."""
    lock = _thread.RLock()
    assert isinstance(threading.RLock(), _thread.RLock)
    assert lock.acquire(timeout=PATIENCE)
    assert lock.acquire(timeout=PATIENCE)
    lock.release()
    lock.release()


def test_the_list_of_seams_has_every_mark_and_a_test_for_each():
    marked = set()
    for path in (FOLDER / "_http").glob("*.py"):
        for names in re.findall(r"seam: (.+?)\. ", path.read_text("utf-8")):
            marked.update(names.split(", "))
    listed = promptjuggler._http.__doc__.partition("insides")[2]
    assert marked
    for name in marked:
        assert name in listed, f"{name} is not listed"
    tests = " ".join(
        str(value.__doc__) for name, value in globals().items() if name[:5] == "test_"
    )
    for line in re.findall(
        r"^(?:HTTP|Request|SSL|_thread).*?(?=  |$)", listed, re.MULTILINE
    ):
        for name in line.split(", "):
            assert name in tests, f"{name} has no test"
