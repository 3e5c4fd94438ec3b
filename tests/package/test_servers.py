"""The servers of the tests do what they say: shown with the standard library's own client."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from helpers.calls import eventually
from helpers.servers import (
    PATIENCE,
    Conn,
    ConnectProxy,
    Request,
    ScriptedServer,
    client_context,
    respond,
    server_context,
)


@contextmanager
def client(
    server: ScriptedServer, **options: Any
) -> Iterator[http.client.HTTPConnection]:
    with closing(
        http.client.HTTPConnection(
            "127.0.0.1", server.port, timeout=PATIENCE, **options
        )
    ) as connection:
        yield connection


def ask(
    connection: http.client.HTTPConnection,
    method: str = "GET",
    target: str = "/",
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    connection.request(method, target, body, headers or {}, encode_chunked=True)
    response = connection.getresponse()
    return response.status, response.read()


# ScriptedServer


def test_replies_come_in_order_over_one_connection_and_the_last_one_repeats() -> None:
    replies = respond(
        (200, {"id": "1"}),
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 3\r\n\r\nraw",
        lambda conn, request: conn.reply(404, request.target),
    )
    with ScriptedServer(replies) as server, client(server) as connection:
        answers = [ask(connection, "GET", f"/{number}") for number in range(4)]
        assert answers == [
            (200, b'{"id": "1"}'),
            (202, b"raw"),
            (404, b"/2"),
            (404, b"/3"),
        ]
        assert server.connections == 1
        assert [(request.method, request.target) for request in server.requests] == [
            ("GET", f"/{number}") for number in range(4)
        ]


def test_bodies_with_a_length_and_in_chunks_are_read_whole() -> None:
    with ScriptedServer(respond((204,))) as server, client(server) as connection:
        ask(connection, "POST", "/", b'{"a": 1}', {"X-Name": "Value"})
        ask(connection, "POST", "/", iter([b"x" * 100_000, b"y"]))
        first, second = server.requests
        assert first.json() == {"a": 1}
        assert first.headers["x-name"] == "Value"
        assert b"X-Name: Value\r\n" in first.head
        assert second.body == b"x" * 100_000 + b"y"


def test_a_reply_that_does_not_keep_the_connection_closes_it() -> None:
    with (
        ScriptedServer(respond((200, b"", (), "Fine", False))) as server,
        client(server) as connection,
    ):
        connection.request("GET", "/")
        response = connection.getresponse()
        assert (response.reason, response.getheader("Connection")) == ("Fine", "close")
        response.read()
        ask(connection)
        assert server.connections == 2
        assert [request.connection for request in server.requests] == [0, 1]


def test_a_handler_can_break_a_connection_off() -> None:
    def handler(conn: Conn) -> None:
        conn.read_request()
        conn.reset()

    with (
        ScriptedServer(handler) as server,
        client(server) as connection,
        pytest.raises(ConnectionResetError, match="reset by peer"),
    ):
        ask(connection)


def test_a_handler_can_hang_up_without_an_answer() -> None:
    with (
        ScriptedServer(lambda conn: conn.read_request()) as server,
        client(server) as connection,
        pytest.raises(http.client.RemoteDisconnected),
    ):
        ask(connection)


def test_a_handler_can_answer_before_the_body_has_come() -> None:
    def handler(conn: Conn) -> None:
        request = conn.read_head()
        assert request is not None
        assert request.body == b""
        conn.reply(413, "too large", {"Connection": "close"})
        conn.hang()

    with ScriptedServer(handler) as server, client(server) as connection:
        assert ask(connection, "POST", "/", b"x" * 1_000_000) == (413, b"too large")


def test_a_dripping_server_sends_byte_by_byte() -> None:
    reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab"
    with (
        ScriptedServer(
            respond(lambda conn, request: conn.drip(reply, 0.001))
        ) as server,
        client(server) as connection,
    ):
        start = time.monotonic()
        assert ask(connection) == (200, b"ab")
        assert time.monotonic() - start >= 0.001 * (len(reply) - 1)


def test_closing_does_not_wait_for_handlers_or_clients() -> None:
    """Not for one that hangs, drips or waits, nor for a client in the middle of a
    request or of a handshake.
    """
    handlers = [
        lambda conn: conn.hang(),
        lambda conn: conn.drip(b"x" * 1000, 60),
        lambda conn: conn.wait(60),
        lambda conn: conn.read_request(),
    ]
    before = threading.active_count()
    start = time.monotonic()
    for handler in handlers:
        for tls in (None, server_context()):
            with (
                ScriptedServer(handler, tls=tls) as server,
                socket.create_connection(("127.0.0.1", server.port)) as sock,
            ):
                sock.sendall(b"POST / HTTP/1.1\r\nContent-Le")
                eventually(lambda: server.connections)  # noqa: B023
    assert time.monotonic() - start < PATIENCE
    assert threading.active_count() == before


def test_an_error_in_a_handler_is_raised_when_the_server_is_closed() -> None:
    def handler(conn: Conn) -> None:
        assert conn.read_request() is None, "a request came"

    server = ScriptedServer(handler)
    with client(server) as connection, pytest.raises(http.client.RemoteDisconnected):
        ask(connection)
    with pytest.raises(AssertionError, match="a request came"):
        server.close()
    server.close()


def test_a_client_that_goes_away_is_no_error() -> None:
    def handler(conn: Conn) -> None:
        conn.read_head()
        conn.drip(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1000, 0.001)

    with ScriptedServer(handler) as server:
        for request in (b"", b"GET", b"GET / HTTP/1.1\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port)) as sock:
                sock.sendall(request)


def test_a_closed_server_refuses_and_another_one_can_take_its_port() -> None:
    with ScriptedServer(respond((200, "first"))) as first, client(first) as connection:
        assert ask(connection) == (200, b"first")
    with client(first) as connection, pytest.raises(ConnectionRefusedError):
        ask(connection)
    with (
        ScriptedServer(respond((200, "second")), port=first.port) as second,
        client(second) as connection,
    ):
        assert ask(connection) == (200, b"second")


def test_a_server_can_listen_on_ipv6() -> None:
    with ScriptedServer(respond((200, "six")), host="::1") as server:
        assert server.url == f"http://[::1]:{server.port}"
        with closing(
            http.client.HTTPConnection("::1", server.port, timeout=PATIENCE)
        ) as connection:
            assert ask(connection) == (200, b"six")


# TLS


@contextmanager
def tls_client(
    port: int, context: ssl.SSLContext, host: str = "localhost"
) -> Iterator[http.client.HTTPSConnection]:
    with closing(
        http.client.HTTPSConnection(host, port, timeout=PATIENCE, context=context)
    ) as connection:
        yield connection


@pytest.mark.parametrize(
    ("host", "address"),
    [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")],
)
def test_the_server_certificate_is_good_for_its_names_by_the_strictest_rules(
    host: str, address: str
) -> None:
    context = client_context()
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # by default from Python 3.13 on
    with ScriptedServer(
        respond((200, "safe")), tls=server_context(), host=address
    ) as server:
        assert server.url.startswith("https://")
        with tls_client(server.port, context, host) as connection:
            assert ask(connection) == (200, b"safe")


@pytest.mark.parametrize(
    ("cert", "reason"),
    [
        ("other", "Hostname mismatch"),
        ("expired", "certificate has expired"),
        ("self_signed", "self.signed certificate"),
    ],
)
def test_every_bad_certificate_is_bad_for_its_own_reason(
    cert: str, reason: str
) -> None:
    with (
        ScriptedServer(respond((200,)), tls=server_context(cert)) as server,
        tls_client(server.port, client_context()) as connection,
    ):
        with pytest.raises(ssl.SSLCertVerificationError, match=reason):
            ask(connection)
        assert server.requests == []


def test_the_server_certificate_is_not_trusted_without_our_ca() -> None:
    with (
        ScriptedServer(respond((200,)), tls=server_context()) as server,
        tls_client(server.port, ssl.create_default_context()) as connection,
        pytest.raises(
            ssl.SSLCertVerificationError, match="unable to get local issuer certificate"
        ),
    ):
        ask(connection)


def test_only_a_client_with_a_certificate_gets_in_where_one_is_asked_for() -> None:
    with ScriptedServer(
        respond((200, "in")), tls=server_context(client_ca=True)
    ) as server:
        with tls_client(
            server.port, client_context(with_certificate=True)
        ) as connection:
            assert ask(connection) == (200, b"in")
        with (
            tls_client(server.port, client_context()) as connection,
            pytest.raises(OSError),  # noqa: PT011
        ):
            ask(connection)
        assert len(server.requests) == 1


# ConnectProxy

LOGIN = {"Proxy-Authorization": "Basic " + base64.b64encode(b"ada:secret").decode()}


def test_the_proxy_passes_plain_requests_on_and_keeps_the_connection() -> None:
    with (
        ScriptedServer(respond((200, "one"), (404, {"error": "two"}))) as server,
        ConnectProxy() as proxy,
        client(proxy) as connection,
    ):
        assert ask(
            connection, "GET", f"{server.url}/a?b=c", headers={"X-Name": "Value"}
        ) == (200, b"one")
        assert ask(connection, "POST", f"{server.url}/", b"body") == (
            404,
            b'{"error": "two"}',
        )
        assert [(request.target, request.body) for request in server.requests] == [
            ("/a?b=c", b""),
            ("/", b"body"),
        ]
        assert server.requests[0].headers["x-name"] == "Value"
        assert [request.target for request in proxy.requests] == [
            f"{server.url}/a?b=c",
            f"{server.url}/",
        ]
        assert proxy.connections == 1


def test_the_proxy_makes_tunnels_to_the_target_whatever_the_name() -> None:
    with (
        ScriptedServer(
            respond((200, "through")), tls=server_context("other")
        ) as server,
        ConnectProxy(target=("127.0.0.1", server.port)) as proxy,
        tls_client(proxy.port, client_context(), "127.0.0.1") as connection,
    ):
        connection.set_tunnel("other.example", 443)
        assert ask(connection) == (200, b"through")
        assert ask(connection) == (200, b"through")
        assert [(request.method, request.target) for request in proxy.requests] == [
            ("CONNECT", "other.example:443")
        ]


def test_the_proxy_wants_the_user_and_the_password() -> None:
    with (
        ScriptedServer(respond((200, "in"))) as server,
        ConnectProxy(user="ada", password="secret") as proxy,
        client(proxy) as connection,
    ):
        assert ask(connection, "GET", server.url)[0] == 407
        assert (
            ask(
                connection,
                "GET",
                server.url,
                headers={"Proxy-Authorization": "Basic YTpi"},
            )[0]
            == 407
        )
        assert ask(connection, "GET", server.url, headers=LOGIN) == (200, b"in")
        assert "proxy-authorization" not in server.requests[0].headers
        connection.close()
        connection.set_tunnel("127.0.0.1", server.port)
        with pytest.raises(OSError, match="407"):
            connection.connect()
        connection.set_tunnel("127.0.0.1", server.port, LOGIN)
        assert ask(connection) == (200, b"in")


def test_the_proxy_can_refuse_and_says_so_where_nobody_is_there() -> None:
    with ScriptedServer(respond((200,))) as gone:
        pass
    for proxy in (ConnectProxy(behaviour="refuse"), ConnectProxy()):
        with proxy, client(proxy) as connection:
            assert ask(connection, "GET", gone.url)[0] == 502
            connection.close()
            connection.set_tunnel("127.0.0.1", gone.port)
            with pytest.raises(OSError, match="502"):
                connection.connect()


def test_the_proxy_can_drip_its_answer() -> None:
    with (
        ScriptedServer(respond((200, "late"))) as server,
        ConnectProxy(behaviour="drip", delay=0.001) as proxy,
        client(proxy) as connection,
    ):
        connection.set_tunnel("127.0.0.1", server.port)
        assert ask(connection) == (200, b"late")


def test_the_proxy_is_closed_at_once_whatever_it_is_doing() -> None:
    """Silent, in a tunnel, dripping, and waiting for a server that does not answer."""

    def wait_for_end(conn: Conn, request: Request) -> None:
        conn.hang()

    start = time.monotonic()
    with ScriptedServer(respond(wait_for_end)) as server:
        requests = [
            ("silent", f"GET {server.url}/ HTTP/1.1\r\n\r\n"),
            ("silent", f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\n"),
            ("forward", f"GET {server.url}/ HTTP/1.1\r\n\r\n"),
            ("forward", f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\n"),
            ("drip", f"CONNECT 127.0.0.1:{server.port} HTTP/1.1\r\n\r\n"),
        ]
        for behaviour, request in requests:
            with (
                ConnectProxy(behaviour=behaviour, delay=60) as proxy,
                socket.create_connection(("127.0.0.1", proxy.port)) as sock,
            ):
                sock.sendall(request.encode())
                eventually(lambda: proxy.requests)  # noqa: B023
                time.sleep(0.02)  # let it come to the point at which it waits
    assert time.monotonic() - start < PATIENCE
