"""A server that speaks another protocol than the URL says: once, and with the reason."""

import http.client
import ssl
import urllib.request

import pytest
from helpers.calls import CALLS, answer_all, client_of
from helpers.servers import ScriptedServer, client_context, respond, server_context

from promptjuggler import ApiError, NetworkError


def failure_of(client, kind="GET"):
    with pytest.raises(NetworkError) as caught:
        CALLS[kind](client)
    return caught.value


def says(data):
    """A handler that answers whatever comes first by these bytes."""

    def handler(conn):
        conn.sock.recv(65536)
        conn.send(data)
        conn.hang()

    return handler


EACH_KIND = pytest.mark.parametrize("kind", ["GET", "DELETE", "prompt", "upload"])

PLAIN = {
    "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "smtp": b"220 mail.example ESMTP\r\n",
}


@EACH_KIND
@pytest.mark.parametrize("data", PLAIN.values(), ids=PLAIN)
def test_https_to_a_port_without_tls_is_tried_once_and_says_so(kind, data):
    with ScriptedServer(says(data)) as server:
        client = client_of(f"https://127.0.0.1:{server.port}")
        error = failure_of(client, kind)
        assert server.connections == error.attempts == 1
        assert client.delays == []
    assert str(error).startswith(f"could not connect to 127.0.0.1:{server.port}: ")
    assert "the server speaks no TLS there: is the URL to begin with http://?" in str(
        error
    )
    assert error.request_sent is False


# An alert, as of a server that got no handshake; and the beginning of a handshake.
@EACH_KIND
@pytest.mark.parametrize(
    "data",
    [b"\x15\x03\x01\x00\x02\x02\x46", b"\x16\x03\x03\x00\x31\x02\x00\x00-\x03\x03\n"],
)
def test_http_to_a_port_that_speaks_tls_sends_the_key_once_and_says_so(kind, data):
    def handler(conn):
        conn.read_request()
        conn.send(data)
        conn.close()

    with ScriptedServer(handler) as server:
        error = failure_of(client_of(server), kind)
        assert len(server.requests) == error.attempts == 1
    assert "the server speaks TLS there: is the URL to begin with https://?" in str(
        error
    )
    assert str(error).isprintable()


PAGES = {
    "nginx": "<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port"
    "</title></head>\r\n<body>\r\n<center><h1>400 Bad Request</h1></center>",
    "apache": "<!DOCTYPE HTML PUBLIC>\n<p>Reason: You're speaking plain HTTP to an "
    "SSL-enabled server port.<br />",
}


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_page_that_says_that_tls_is_spoken_there_is_told_in_few_words(page):
    hint = " (the server speaks TLS there: is the URL to begin with https://?)"
    with ScriptedServer(respond((400, page))) as server:
        with pytest.raises(ApiError) as caught:
            CALLS["GET"](client_of(server))
        assert server.connections == 1
    assert str(caught.value) == f"HTTP 400 Bad Request{hint}"


def test_a_page_that_comes_over_tls_has_no_hint_at_tls():
    """It may be of what is behind the server."""
    with (
        ScriptedServer(respond((400, PAGES["nginx"])), tls=server_context()) as server,
        pytest.raises(ApiError) as caught,
    ):
        CALLS["GET"](client_of(server))
    assert str(caught.value) == "HTTP 400 Bad Request"


def test_a_server_that_hangs_up_on_plain_http_may_speak_tls_alone():
    with ScriptedServer(answer_all, tls=server_context()) as server:
        url = f"http://127.0.0.1:{server.port}"
        error = failure_of(client_of(url, max_retries=0))
    hint = " (if it speaks TLS alone, the URL must begin with https://)"
    assert str(error).endswith(hint)
    with ScriptedServer(
        lambda conn: (conn.read_request(), conn.close()), tls=server_context()
    ) as server:
        assert hint not in str(failure_of(client_of(server, max_retries=0)))


def too_old():
    context = server_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context, client_context()


def too_new():
    context, ours = server_context(), client_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    ours.maximum_version = ssl.TLSVersion.TLSv1_2
    return context, ours


@EACH_KIND
@pytest.mark.parametrize("contexts", [too_old, too_new])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_version_of_tls_in_common_is_tried_once_and_says_so(kind, contexts):
    context, ours = contexts()
    with ScriptedServer(answer_all, tls=context) as server:
        client = client_of(server, ssl_context=ours)
        error = failure_of(client, kind)
        assert server.connections == error.attempts == 1
    assert "no version of TLS in common: here, it must be at least 1.2" in str(error)
    assert error.request_sent is False


@EACH_KIND
@pytest.mark.parametrize(
    "data",
    [b"SSH-2.0-OpenSSH_9.6\r\n", b"220 smtp \x1b[2J\x00\r\n", b"HTTP/9 200 OK\r\n\r\n"],
)
@pytest.mark.parametrize("outside", [False, True])
def test_what_is_no_http_is_tried_once_and_its_text_is_printable(kind, data, outside):
    opener = None
    if outside:
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPSHandler(context=client_context()),
        )
    with ScriptedServer(says(data)) as server:
        error = failure_of(
            client_of(server, opener=opener) if outside else client_of(server), kind
        )
        assert server.connections == error.attempts == 1
    assert str(error).isprintable()
    assert error.request_sent is True


class Raises(urllib.request.BaseHandler):
    """A handler that raises what it was given."""

    handler_order = 100

    def __init__(self, error):
        self.error = error
        self.times = 0

    def http_open(self, request):
        self.times += 1
        raise self.error


@pytest.mark.parametrize(
    ("error", "times"),
    [
        (http.client.BadStatusLine("SSH"), 1),
        (http.client.UnknownProtocol("HTTP/9"), 1),
        (http.client.LineTooLong("header line"), 1),
        (http.client.RemoteDisconnected("gone"), 3),
        (http.client.IncompleteRead(b"", 5), 3),
        (ssl.SSLError(1, "made in Python"), 3),
    ],
    ids=repr,
)
def test_of_an_outside_opener_too_only_what_can_change_is_tried_again(error, times):
    handler = Raises(error)
    opener = urllib.request.OpenerDirector()
    opener.add_handler(handler)
    failure = failure_of(client_of("http://a.example", opener=opener))
    assert (handler.times, failure.attempts) == (times, times)
