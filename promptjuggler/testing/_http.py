"""HTTP/1.1 for the stand-in: connections, the requests on them, and their faults.

It knows no route: `_api` answers a request. What is refused here is refused by its head
alone.
"""

from __future__ import annotations

import http.server
import os
import re
import socket
import socketserver
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from itertools import chain, repeat
from typing import Any, cast

from ._api import Api
from ._faults import Fault, Faults
from ._jobs import Jobs
from ._state import State
from ._streams import Subscription
from .messages import Answer, RecordedRequest, error_answer

_HOST = "127.0.0.1"
_NAMES = ("127.0.0.1", "localhost", "[::1]")
"""By which it can be asked. A page of the web that lets its own name lead to this machine
(DNS rebinding) sends that name."""

_LARGEST_BODY = 64 * 2**20
"""Bytes. What came is kept in memory."""
_PIECE = 65_536
_FRAMING = frozenset({"content-length", "transfer-encoding"})
"""The headers that tell where a body ends (RFC 9112, 6)."""
_SECONDS_TO_LET_GO = 0.5


class Listener(socketserver.TCPServer):
    """Listens on a port of this machine, and serves each connection in its own thread."""

    allow_reuse_address = True
    # With 5, which is the default, a crowd waits a second to be let in.
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        state: State,
        jobs: Jobs,
        faults: Faults,
        api: Api,
    ) -> None:
        """Bind the port; 0 is any free one.

        Raises `OSError` if it is in use.
        """
        self.state = state
        self.jobs = jobs
        self.faults = faults
        self.api = api
        self._connections: set[socket.socket] = set()
        self._hung_up = False
        self._process = os.getpid()
        self._lock = threading.Lock()
        super().__init__((_HOST, port), _Handler)
        self.port: int = self.socket.getsockname()[1]

    def was_forked(self) -> bool:
        """Whether this is the copy that a forked child has of its parent's listener."""
        return self._process != os.getpid()

    def accept_connections(self) -> None:
        """Serve, until the jobs are told to end; it is noticed with the next connection."""
        while not self.jobs.is_closing():
            self.handle_request()

    def hang_up(self) -> None:
        """Cut every connection off, and wake who waits for the next one."""
        with self._lock:
            self._hung_up = True
            connections = list(self._connections)
        for connection in connections:
            _shut_down(connection)
        with suppress(OSError):
            socket.create_connection((_HOST, self.port)).close()

    def server_close(self) -> None:
        """Let go of the port; where a forked child has a copy of it, for that one too."""
        if not self.was_forked():
            _shut_down(self.socket)
        super().server_close()

    # seam: socketserver.process_request
    # handle_request() calls it in its own thread for each connection, and leaves the
    # connection open when it returns.
    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection (socketserver calls it a request) in a thread of its own."""
        with self._lock:
            self._connections.add(request)
            if self._hung_up:
                _shut_down(request)
        self.jobs.start_thread(partial(self._serve, request, client_address))

    def _serve(self, connection: socket.socket, address: object) -> None:
        """Serve a connection to its end, and close it."""
        with connection:
            try:
                # The parts of an answer are written one by one: none waits for another.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # seam: socketserver.finish_request
                # It returns when the handler has served the whole connection.
                self.finish_request(connection, address)
            except OSError:
                pass  # The client hung up, or close() did.
            except Exception:
                self.handle_error(connection, address)
            finally:
                with self._lock:
                    self._connections.discard(connection)
                _shut_down(connection, socket.SHUT_WR)


def _shut_down(connection: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    """End a connection under the hands of who uses it; closing would not wake a thread."""
    with suppress(OSError):
        connection.shutdown(how)


def _name_of(host: str) -> str:
    """The value of a `Host` header without its port, in lower case."""
    name, colon, port = host.strip().rpartition(":")
    if not colon or not port.isdecimal():
        name = host.strip()
    return name.lower()


def _parts_of_target(target: str) -> tuple[str | None, str]:
    """The host and port that the target of a request names, and the path with the query.

    None where it names none, as is usual. Clients of proxies send a whole URL, the
    absolute form, which every server must take (RFC 9112, 3.2.2).
    """
    scheme, mark, rest = target.partition("://")
    if not mark or scheme.lower() != "http":
        return None, target
    host = re.split("[/?]", rest, maxsplit=1)[0]
    path = rest.removeprefix(host)
    return host, path if path.startswith("/") else f"/{path}"


class _Handler(http.server.BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"

    @property
    def _listener(self) -> Listener:
        """Who made this handler."""
        return cast("Listener", self.server)

    def _serve_request(self) -> None:
        """One request, whose head has been read."""
        host, self.path = _parts_of_target(self.path)
        refusal = self._refusal(host)
        if refusal is not None:
            self._refuse(refusal)
            return
        listener = self._listener
        fault = listener.faults.take(self.command, self.path)
        head = self._recorded(b"")
        if fault.hang_up == "before_reading":
            listener.state.requests.append(head)
            self.close_connection = True
            return
        request = self._read_request(head)
        if request is None:
            return  # The client hung up in its midst: nothing is carried out.
        listener.state.requests.append(request)
        answer = fault.answer or listener.api.answer(request)
        is_closing = listener.jobs.sleep(fault.delay)
        if is_closing or fault.hang_up == "after_reading":
            self.close_connection = True
        elif isinstance(answer, Subscription):
            self._send_stream(answer)
        elif fault.answer is None:
            self._send(fault.changed(answer), fault)
        else:
            self._send(answer, fault)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """What serves a method: `do_GET`, and so for all others, be they known or not."""
        if not name.startswith("do_"):
            raise AttributeError(name)
        return self._serve_request

    def _refusal(self, host: str | None) -> Answer | None:
        """The answer to a request of which the head alone is enough to refuse it.

        host    that its target names, which counts in place of the header then
        """
        hosts = self.headers.get_all("Host", [])
        named = hosts if host is None else [host]
        if len(hosts) != 1 or _name_of(named[0]) not in _NAMES:
            return error_answer(421, "A FakeServer answers to its own address alone.")
        length = self.headers.get("Content-Length", "0")
        is_sized = re.fullmatch("[0-9]{1,9}", length) is not None
        if "Transfer-Encoding" in self.headers or not is_sized:
            return error_answer(411, "The length of the body must be known.")
        if int(length) > _LARGEST_BODY:
            return error_answer(413, f"A body may have {_LARGEST_BODY} bytes.")
        return None

    def _refuse(self, refusal: Answer) -> None:
        """Answer a request whose body is not read, and end the connection.

        RFC 9112, 9.6: an end with unread bytes would be a reset, which can take the answer
        away from the client. So what still comes is thrown away, for a moment.
        """
        self._listener.state.requests.append(self._recorded(b""))
        self.close_connection = True
        self._send(refusal, Fault(), ("Connection", "close"))
        _shut_down(self.connection, socket.SHUT_WR)
        self.connection.settimeout(_SECONDS_TO_LET_GO)
        left = _LARGEST_BODY
        while left > 0 and (piece := self.rfile.read1(_PIECE)):
            left -= len(piece)

    def _read_request(self, head: RecordedRequest) -> RecordedRequest | None:
        """A request with its body; None if it did not come whole.

        That of a request without the right key is read, and not kept: whoever can reach
        this port could fill the memory.
        """
        left = int(self.headers.get("Content-Length", "0"))
        is_kept = self._listener.api.is_allowed(head)
        body = bytearray()
        while left:
            piece = self.rfile.read(min(left, _PIECE))
            if not piece:
                return None
            left -= len(piece)
            if is_kept:
                body += piece
        return head._replace(body=bytes(body))

    def _recorded(self, body: bytes) -> RecordedRequest:
        """The request, with what was read of its body."""
        return RecordedRequest(self.command, self.path, self.headers, body)

    def _send(
        self, answer: Answer, fault: Fault, *more_headers: tuple[str, str]
    ) -> None:
        """Send a whole answer, or as much of it as a fault leaves."""
        headers = (*answer.headers, *more_headers)
        names = {name.lower() for name, _ in headers}
        if fault.cut_at is not None and not answer.body:
            # Of an answer that is a head alone, that is cut: in its first line.
            self.close_connection = True
            self.wfile.write(b"HTTP/1.")
            return
        self._begin_head(answer.status, names)
        for name, value in headers:
            self.send_header(name, value)
        if fault.drip is not None:
            self._drip(answer.body, fault.drip)
            return
        if names & _FRAMING:
            # A test wants its own, true or not: what follows would be read amiss.
            self.close_connection = True
        elif answer.body or answer.status != 204:
            # RFC 9110, 8.6: a 204 has no length. (One that a test asks for has a body.)
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: fault.cut_at])
        if fault.cut_at is not None:
            self.close_connection = True

    def _begin_head(self, status: int, names: Collection[str]) -> None:
        """Begin the head of an answer, with what each has unless it has its own.

        names    of its own headers, in lower case
        """
        self.send_response_only(status)
        if "server" not in names:
            self.send_header("Server", self.version_string())
        if "date" not in names:
            self.send_header("Date", self.date_time_string())

    def _drip(self, body: bytes, seconds: float) -> None:
        """Send a body byte by byte, and then spaces, until someone hangs up.

        Of an answer that is a head alone, that drips: it never ends.
        """
        self.close_connection = True
        if body:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
        else:
            self.flush_headers()
            self.wfile.write(b"X-Drip: ")
        for byte in chain(body, repeat(ord(" "))):
            self.wfile.write(b"1\r\n%c\r\n" % byte if body else b" ")
            if self._listener.jobs.sleep(seconds):
                return

    def _send_stream(self, subscription: Subscription) -> None:
        """Send a stream to its end, which is the end of the connection too."""
        self.close_connection = True
        # It hears before the head goes out: who got the head misses nothing.
        with subscription:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
            self.end_headers()
            for chunk in subscription.chunks():
                self.wfile.write(chunk)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: what came stands in `FakeServer.requests`."""
