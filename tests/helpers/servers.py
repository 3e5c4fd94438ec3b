"""Servers for the tests that do what a script says, good and bad, over real sockets on
a port of their own.

A handler is a function that is called in a thread for each connection, with a `Conn`:

    def hang_up_once(conn):
        conn.read_request()
        if conn.index == 0:
            conn.reset()
        else:
            conn.reply(200, {"id": "1"})

    with ScriptedServer(hang_up_once) as server:
        ...                             # server.url, server.requests, server.connections

When the handler returns, its connection is closed. When the `with` block is left,
everything is closed at once, and an error in a handler (but for a client that went
away) is raised there.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import select
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import urlsplit

TLS = Path(__file__).parents[1] / "data" / "tls"
CA_FILE = TLS / "ca.pem"
CLIENT_FILE = TLS / "client.pem"

PATIENCE = 20.0
"""Seconds for whatever must not run out of time: a test that waits this long has failed.

What must run out may be given little time. A limit that must hold for one thing and run
out for another is given after the first, or is moved on by the `clock` of conftest.py.
"""


def server_context(cert: str = "server", client_ca: bool = False) -> ssl.SSLContext:
    """A context for a server.

    `cert` is "server" (for localhost, 127.0.0.1 and ::1), "other" (for another name),
    "expired" or "self_signed". With `client_ca` only a client that has a certificate
    from our CA gets in.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / f"{cert}.pem")
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(CA_FILE)
    return context


def client_context(with_certificate: bool = False) -> ssl.SSLContext:
    """A context for a client that trusts our CA alone and, if asked to, has the client
    certificate.
    """
    context = ssl.create_default_context(cafile=CA_FILE)
    if with_certificate:
        context.load_cert_chain(CLIENT_FILE)
    return context


def descriptors() -> set[str]:
    """The open file descriptors of this process; none are known where the system does
    not list them.
    """
    with contextlib.suppress(OSError):
        return set(os.listdir("/dev/fd"))
    return set()


class ClientGone(ConnectionError):
    """The client hung up in the middle of a request."""


@dataclass
class Request:
    """A request as it came.

    Names of headers are in lower case; of a header that came twice, the last one
    counts.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int
    """The index of the connection on which it came."""
    head: bytes = field(repr=False)
    """The request line and the headers as they were on the wire."""

    def json(self) -> Any:
        return json.loads(self.body)


class Conn:
    """One connection, as a handler sees it."""

    def __init__(self, server: ScriptedServer, sock: socket.socket, index: int) -> None:
        self.server = server
        self.sock = sock
        self.index = index
        """0 for the first connection that the server accepted, and so on."""
        self.closed = False
        self._received = bytearray()

    def read_request(self) -> Request | None:
        """The next request with its whole body; None where the client hung up instead
        of sending one.
        """
        request = self._receive_head()
        if request is None:
            return None
        if request.headers.get("transfer-encoding", "").lower() == "chunked":
            request.body = self._receive_chunks()
        else:
            request.body = self._receive_exactly(
                int(request.headers.get("content-length", 0))
            )
        self.server.record(request)
        return request

    def read_head(self) -> Request | None:
        """The next request up to the end of its headers; the body, if there is one, is
        not waited for.
        """
        request = self._receive_head()
        if request is not None:
            self.server.record(request)
        return request

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def reply(
        self,
        status: int,
        body: Any = b"",
        headers: dict[str, str] | Iterable[tuple[str, str]] = (),
        reason: str | None = None,
        keep: bool = True,
    ) -> None:
        """Send a whole answer; `body` is bytes, a str, or anything else as JSON.

        Content-Length and Content-Type are added where `headers` do not have them. With
        `keep=False` the answer says `Connection: close`, and the connection is closed
        after it.
        """
        self.send(make_reply(status, body, headers, reason, keep))
        if not keep:
            self.close()

    def drip(self, data: bytes, delay: float) -> None:
        """Send a byte every `delay` seconds, until the data, the client's patience or
        the test is over.
        """
        for position in range(len(data)):
            self.send(data[position : position + 1])
            if self.wait(delay):
                return

    def wait(self, seconds: float) -> bool:
        """Do nothing for some time. Returns at once when the server is closed: then it is True."""
        return self.server.closing.wait(seconds)

    def hang(self) -> None:
        """Say nothing more, and read whatever comes, until the client hangs up or the
        server is closed.
        """
        while self._receive():
            self._received.clear()

    def tunnel(self, other: socket.socket) -> None:
        """Pass on everything in both directions, until one side hangs up."""
        other.sendall(self._received)
        self._received.clear()
        ways = {self.sock: other, other: self.sock}
        while True:
            for source in select.select(list(ways), [], [], PATIENCE)[0]:
                data = source.recv(65536)
                if not data:
                    return
                ways[source].sendall(data)

    def reset(self) -> None:
        """Break the connection off (RST): what was sent and not yet read by the client
        may be lost.
        """
        # To linger for no time at all is what makes the system send an RST.
        self.sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self.close()

    def close(self) -> None:
        """Hang up.

        Over TLS there is no goodbye before it, as with a server that was killed.

        Where something that the client sent was not read, the system makes a `reset` of
        it: `hang` instead.
        """
        self.closed = True
        self.sock.close()

    def _receive(self) -> bool:
        data = b"" if self.closed else self.sock.recv(65536)
        self._received += data
        return bool(data)

    def _receive_until(self, end: bytes) -> bytes:
        while end not in self._received:
            if not self._receive():
                raise ClientGone
        return self._take(self._received.index(end) + len(end))

    def _receive_exactly(self, count: int) -> bytes:
        while len(self._received) < count:
            if not self._receive():
                raise ClientGone
        return self._take(count)

    def _take(self, count: int) -> bytes:
        data = bytes(self._received[:count])
        del self._received[:count]
        return data

    def _receive_head(self) -> Request | None:
        if not self._received and not self._receive():
            return None
        head = self._receive_until(b"\r\n\r\n")
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, target, _version = first.split(" ")
        pairs = [line.split(":", 1) for line in lines]
        headers = {name.lower(): value.strip() for name, value in pairs}
        return Request(method, target, headers, b"", self.index, head)

    def _receive_chunks(self) -> bytes:
        body = b""
        while size := int(self._receive_until(b"\r\n"), 16):
            body += self._receive_exactly(size)
            assert self._receive_exactly(2) == b"\r\n"
        assert self._receive_exactly(2) == b"\r\n"
        return body


def wake(sock: socket.socket) -> None:
    """End what a thread is waiting for on a socket."""
    with contextlib.suppress(OSError):  # it is closed already
        # Not SSLSocket.shutdown: that would take the TLS state away from the thread
        # that is using it.
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


Handler = Callable[[Conn], object]
Server = TypeVar("Server", bound="ScriptedServer")
Reply = bytes | tuple[Any, ...] | Callable[[Conn, Request], object]


def make_reply(
    status: int,
    body: Any = b"",
    headers: dict[str, str] | Iterable[tuple[str, str]] = (),
    reason: str | None = None,
    keep: bool = True,
) -> bytes:
    """The bytes of an answer; see `Conn.reply`."""
    lines: list[Any] = list(headers.items() if isinstance(headers, dict) else headers)
    names = {name.lower() for name, _ in lines}
    kind = "text/plain"
    if isinstance(body, str):
        body = body.encode()
    elif not isinstance(body, bytes):
        body, kind = json.dumps(body).encode(), "application/json"
    if body and "content-type" not in names:
        lines.append(("Content-Type", kind))
    # RFC 9110, 8.6: an interim answer and a 204 have no length.
    if (
        status >= 200
        and status != 204
        and not names & {"content-length", "transfer-encoding"}
    ):
        lines.append(("Content-Length", str(len(body))))
    if not keep:
        lines.append(("Connection", "close"))
    if reason is None:
        reason = http.client.responses.get(status, "")
    head = [
        f"HTTP/1.1 {status} {reason}",
        *(f"{name}: {value}" for name, value in lines),
    ]
    return b"".join([*(f"{line}\r\n".encode("latin-1") for line in [*head, ""]), body])


def respond(*replies: Reply) -> Handler:
    """A handler that answers each request with the next of `replies`; the last one is
    for all that follow.

    They are counted over all connections. A reply is a tuple with the arguments of
    `Conn.reply`, the bytes of a whole answer, or a function of the connection and the
    request. The connection is kept unless the reply closes it.
    """
    lock = threading.Lock()
    waiting = list(replies)

    def handler(conn: Conn) -> None:
        while not conn.closed and (request := conn.read_request()):
            with lock:
                reply = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            if isinstance(reply, tuple):
                conn.reply(*reply)
            elif isinstance(reply, bytes):
                conn.send(reply)
            else:
                reply(conn, request)

    return handler


class ScriptedServer:
    """Accepts connections and calls `handler` for each of them, in a thread of its own;
    a context manager.

    `tls` is a context from `server_context`. `port` is for a server that comes back at
    the address of another one.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.handler = handler
        self.tls = tls
        self.host = host
        self.requests: list[Request] = []
        """Every request that was read, in that order."""
        self.connections = 0
        """How many connections were accepted."""
        self.closing = threading.Event()
        self._errors: list[Exception] = []
        self._lock = threading.Lock()
        self._conns: list[Conn] = []
        self._threads: list[threading.Thread] = []
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._waker, self._wakened = socket.socketpair()
        self._accepter = threading.Thread(
            target=self._accept, name=f"accepts on port {self.port}", daemon=True
        )
        self._accepter.start()

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls else 'http'}://{host}:{self.port}"

    def record(self, request: Request) -> None:
        with self._lock:
            self.requests.append(request)

    def close(self) -> None:
        """Close every connection, end every thread, and raise the first error of a
        handler. Can be called again.
        """
        self.closing.set()
        if self._listener.fileno() >= 0:
            self._waker.send(b"x")
            self._accepter.join()
            for conn in self._conns:
                wake(conn.sock)
            for thread in self._threads:
                thread.join(PATIENCE)
            for sock in (self._listener, self._waker, self._wakened):
                sock.close()
            assert not any(thread.is_alive() for thread in self._threads), (
                "a handler does not end"
            )
        if self._errors:
            raise self._errors.pop(0)

    def __enter__(self: Server) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Where the test has failed as well, both errors are shown: the one here is
        # often the reason for the other.
        self.close()

    def _accept(self) -> None:
        while (
            self._wakened
            not in select.select([self._listener, self._wakened], [], [])[0]
        ):
            try:
                sock = self._listener.accept()[0]
                sock.settimeout(PATIENCE)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self.tls:
                    # The handshake waits for the client: it is for the thread of the connection.
                    sock = self.tls.wrap_socket(
                        sock, server_side=True, do_handshake_on_connect=False
                    )
            except OSError:
                continue  # the client is gone already
            conn = Conn(self, sock, self.connections)
            thread = threading.Thread(
                target=self._serve,
                args=(conn,),
                name=f"connection {conn.index}",
                daemon=True,
            )
            self.connections += 1
            self._conns.append(conn)
            self._threads.append(thread)
            thread.start()

    def _serve(self, conn: Conn) -> None:
        try:
            if isinstance(conn.sock, ssl.SSLSocket):
                conn.sock.do_handshake()
            self.handler(conn)
        except (ConnectionError, ssl.SSLError):
            pass  # the client went away, or did not like our certificate
        except Exception as error:
            # What is closed under the hands of a handler may end in any OSError.
            if not (
                isinstance(error, OSError) and (conn.closed or self.closing.is_set())
            ):
                self._errors.append(error)
        finally:
            conn.close()


class ConnectProxy(ScriptedServer):
    """An HTTP proxy: it passes requests for http URLs on, and makes tunnels (CONNECT)
    for https.

    `target` is the (host, port) to which everything goes, whatever address was asked
    for. With `user`, who does not say `user` and `password` gets a 407. `behaviour` is
    "forward", or a way to fail: "silent" never answers, "refuse" answers 502, "drip"
    sends the answer to a CONNECT with `delay` seconds between its bytes.
    """

    def __init__(
        self,
        *,
        target: tuple[str, int] | None = None,
        user: str | None = None,
        password: str = "",
        behaviour: str = "forward",
        delay: float = 0.05,
    ) -> None:
        assert behaviour in ("forward", "silent", "refuse", "drip")
        self.target = target
        self.user = user
        self.expected = (
            "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        )
        self.behaviour = behaviour
        self.delay = delay
        self._onward: list[socket.socket] = []
        super().__init__(self._handle)

    def close(self) -> None:
        self.closing.set()
        for sock in self._onward:
            wake(sock)
        super().close()

    def _handle(self, conn: Conn) -> None:
        while not conn.closed and (request := conn.read_request()):
            if self.behaviour == "silent":
                conn.hang()
            elif (
                self.user is not None
                and request.headers.get("proxy-authorization") != self.expected
            ):
                conn.reply(
                    407, "who are you?", {"Proxy-Authenticate": 'Basic realm="tests"'}
                )
            elif self.behaviour == "refuse":
                conn.reply(502, "no way there")
            elif request.method == "CONNECT":
                self._connect(conn, request)
                return
            else:
                self._forward(conn, request)

    def _connect(self, conn: Conn, request: Request) -> None:
        host, _, port = request.target.rpartition(":")
        try:
            other = socket.create_connection(
                self.target or (host.strip("[]"), int(port)), PATIENCE
            )
        except OSError:
            conn.reply(502, "nobody is there")
            return
        with other:
            answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
            if self.behaviour == "drip":
                conn.drip(answer, self.delay)
            else:
                conn.send(answer)
            conn.tunnel(other)

    def _forward(self, conn: Conn, request: Request) -> None:
        url = urlsplit(request.target)
        host, port = self.target or (url.hostname or "", url.port or 80)
        hop = (
            "proxy-authorization",
            "proxy-connection",
            "connection",
            "transfer-encoding",
            "content-length",
        )
        headers = {
            name: value for name, value in request.headers.items() if name not in hop
        }
        path = url._replace(scheme="", netloc="").geturl() or "/"
        with contextlib.closing(
            http.client.HTTPConnection(host, port, timeout=PATIENCE)
        ) as other:
            try:
                other.connect()
                self._onward.append(other.sock)
                if self.closing.is_set():
                    wake(other.sock)
                other.request(request.method, path, request.body or None, headers)
                answer = other.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException):
                conn.reply(502, "no answer from there")
                return
        kept = [
            pair
            for pair in answer.getheaders()
            if pair[0].lower() not in ("connection", "transfer-encoding")
        ]
        conn.reply(answer.status, body, kept, answer.reason)
