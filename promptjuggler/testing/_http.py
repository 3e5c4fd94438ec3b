"""HTTP/1.1 for the stand-in: connections, the requests on them, and their faults.

It knows no route: who makes a Listener hands in what answers a request.
"""

from __future__ import annotations

import http.server
import os
import re
import socket
import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, cast

from ._jobs import Jobs
from ._state import State
from ._streams import Subscription
from .messages import Answer, RecordedRequest

_HOST = "127.0.0.1"


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
        answer: Callable[[RecordedRequest], Answer | Subscription],
    ) -> None:
        """Bind the port; 0 is any free one.

        Raises `OSError` if it is in use.
        """
        self.state = state
        self.jobs = jobs
        self.answer = answer
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


class _Handler(http.server.BaseHTTPRequestHandler):
    """The requests of one connection, one after the other."""

    protocol_version = "HTTP/1.1"

    @property
    def _listener(self) -> Listener:
        """Who made this handler."""
        return cast("Listener", self.server)

    def _serve_request(self) -> None:
        """One request, whose head has been read."""
        length = self.headers.get("Content-Length", "0")
        is_sized = re.fullmatch("[0-9]{1,9}", length) is not None
        if "Transfer-Encoding" in self.headers or not is_sized:
            self.send_error(411)
            # Where the next request begins is not known.
            self.close_connection = True
            return
        state = self._listener.state
        fault = state.take_fault()
        if fault.hang_up == "before_reading":
            state.requests.append(self._recorded(b""))
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return  # The client hung up in its midst: nothing is carried out.
        request = self._recorded(body)
        state.requests.append(request)
        answer = fault.answer or self._listener.answer(request)
        is_closing = self._listener.jobs.sleep(fault.delay)
        if is_closing or fault.hang_up == "after_reading":
            self.close_connection = True
        elif isinstance(answer, Subscription):
            self._send_stream(answer)
        else:
            self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve_request

    def _recorded(self, body: bytes) -> RecordedRequest:
        """The request, with what was read of its body."""
        return RecordedRequest(self.command, self.path, self.headers, body)

    def _send(self, answer: Answer) -> None:
        """Send a whole answer."""
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        # RFC 9110, 8.6: a 204 has no length. (One that a test asks for has a body.)
        if answer.body or answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

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
