"""Connections of `http.client` that are kept alive, and the time limits on them.

An answer that was read to its end gives its connection back to the `Pool`; every other one closes it, so that no bytes
are left for the next request.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import socket
import ssl
import time
from collections import deque
from contextlib import suppress
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

__all__ = ["Connection", "EndableLimit", "Limit", "Pool", "Response", "UnreadableBody", "connected_socket"]

_MOST_IDLE = 8
_LONGEST_IDLE = 30.0
_PIECE = 64 * 1024

# A whole interim answer (RFC 9110, 15.2). 101 was not asked for.
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")


class Limit:
    """The time for a step: `timeout` seconds from `start()`, and none after `deadline`, of `time.monotonic`."""

    def __init__(self, timeout: float, deadline: float = float("inf")) -> None:
        self.timeout = timeout
        self.deadline = deadline
        self.start()

    def start(self) -> None:
        """A new step begins."""
        self._end = min(monotonic() + self.timeout, self.deadline)

    def left(self) -> float:
        """The seconds left; TimeoutError where there are none."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, 1e6)  # settimeout() refuses more than about 25 days.

    def watch(self, sock: socket.socket | None) -> None:
        """The socket that is waited for from now on."""


class EndableLimit(Limit):
    """A limit that another thread, or a signal handler, can end: then the wait ends at once."""

    def __init__(self, timeout: float) -> None:
        import threading

        super().__init__(timeout)
        self.ended = threading.Event()
        self.each = False  # Whether `timeout` is for each wait, not for all those of a step together.
        self._sock: socket.socket | None = None
        # No socket is closed, or given back, while another thread ends it. A handler may interrupt its own thread here.
        self._lock = threading.RLock()

    def left(self) -> float:
        """As of any limit; ConnectionAbortedError where it was ended."""
        if self.ended.is_set():
            raise ConnectionAbortedError("the wait was ended")
        if self.each:
            self.start()
        return super().left()

    def watch(self, sock: socket.socket | None) -> None:
        """As of any limit."""
        with self._lock:
            self._sock = sock

    def end(self) -> None:
        """End it for good."""
        self.ended.set()
        with self._lock, suppress(OSError):  # It is not connected yet.
            if self._sock:
                # Not SSLSocket.shutdown: who waits would read on as if nothing were encrypted.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


class UnreadableBody(Exception):
    """The body of a request could not be read to its end."""


class _AnsweredEarly(Exception):
    """The server answered before the request was sent whole."""


class _Raw(io.RawIOBase):
    """What a socket receives, each wait bounded by `limit`; without one it never waits, and gives None."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        # It keeps the descriptor open when http.client closes the socket before the answer is read.
        self._open = sock.makefile("rb", 0)
        self.limit: Limit | None = None
        self.received = False
        self.ended = False
        self.early = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self.early:
            with memoryview(buffer) as view:
                count = min(len(view), len(self.early))
                view[:count] = self.early[:count]
            del self.early[:count]
            return count
        return self._receive(buffer)

    def _receive(self, buffer: Any) -> int | None:
        self.sock.settimeout(self.limit.left() if self.limit else 0)
        try:
            count = self.sock.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        self.received = self.received or count > 0
        self.ended = count == 0
        return count

    def final_answer_began(self) -> bool:
        """Whether the server has hung up, or begun an answer that is not interim."""
        limit, self.limit = self.limit, None
        try:
            piece = bytearray(4096)
            count = self._receive(piece)
        finally:
            self.limit = limit
        self.early += piece[: count or 0]
        while match := _INTERIM.match(self.early):
            del self.early[: match.end()]
        head = bytes(self.early[:10])
        undecided = any(start.startswith(head) for start in (b"HTTP/1.1 1", b"HTTP/1.0 1"))
        return self.ended or not undecided or len(self.early) > _PIECE

    def close(self) -> None:
        if hasattr(self, "_open"):  # A signal can come first.
            self._open.close()
        super().close()


class _Reader(io.BufferedReader):
    """The one buffer of a connection. `http.client` closes its file after each answer; this one stays."""

    def close(self) -> None:
        pass

    flush = close


class Response(http.client.HTTPResponse):
    """An answer that skips interim ones, and gives its connection back when it is closed."""

    connection: Connection | None = None

    def begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:
            self.headers = None  # type: ignore[assignment]  # Else begin() does nothing.
            super().begin()
        if self.fp.raw.ended:  # type: ignore[attr-defined]
            # http.client takes the end of what comes for the end of the head.
            raise http.client.IncompleteRead(b"")
        lengths = set(self.headers.get_all("Content-Length", ()))
        if len(lengths) > 1:
            # Where the answer ends cannot be told (RFC 9112, 6.3).
            raise http.client.HTTPException("the answer has two different lengths")
        # What follows a change of protocol, two kinds of length, or a 204 in chunks is not for the next request.
        self.will_close = self.will_close or self.status == 101 or (self.chunked and bool(lengths or self.length == 0))
        self.chunked = self.chunked and self.length is None

    def _read_next_chunk_size(self) -> int:
        # http.client reads on for ever after a negative size, and takes the answer for read after a bad one.
        try:
            size: int = super()._read_next_chunk_size()  # type: ignore[misc]
            if size < 0 or self.fp.raw.ended:  # type: ignore[attr-defined]
                raise ValueError("negative, or cut off")
        except ValueError:
            self.will_close = True
            raise
        return size

    def close(self) -> None:
        # http.client lets go of the file when it has read the answer to its end.
        complete = self.isclosed()
        super().close()
        connection, self.connection = self.connection, None
        if connection:
            connection.finish(complete and not self.will_close)

    def __del__(self) -> None:
        # It was forgotten, maybe with its connection, whose parts can be closed already.
        if self.connection:
            self.connection.close()


class Connection:
    """One connection to `host` (with port), straight or through a proxy's tunnel; TLS with a context."""

    def __init__(self, pool: Pool, host: str, context: ssl.SSLContext | None) -> None:
        self.route: tuple[Any, ...] = (host, context is not None, None)
        self._context = context
        self._limit = Limit(0)
        self._raw: _Raw | None = None
        self._reader: _Reader | None = None
        # None while idle in there: in a cycle the sockets would outlive the client.
        self.pool: Pool | None = pool
        if context:
            self._http: http.client.HTTPConnection = http.client.HTTPSConnection(host, context=context)
        else:
            self._http = http.client.HTTPConnection(host)
        self._http._create_connection = self._connected_socket  # type: ignore[attr-defined]
        self._http.response_class = self._response  # type: ignore[assignment]
        self._pid = os.getpid()
        self.idle_since = 0.0

    def tunnel(self, host: str, headers: dict[str, str]) -> None:
        """Reach `host` through the proxy at the other end."""
        self.route = (*self.route[:2], host)
        self._http.set_tunnel(host, headers={"Host": host, **headers})
        if host.startswith("["):  # Before Python 3.13 it is sent without brackets.
            self._http._tunnel_host = f"[{self._http._tunnel_host.strip('[]')}]"  # type: ignore[attr-defined]

    def connect(self, limit: Limit) -> None:
        """With the handshakes of proxy and TLS."""
        self._limit = limit
        limit.start()
        try:
            http.client.HTTPConnection.connect(self._http)
            if self._context:
                # HTTPSConnection.connect shows no one the socket before the handshake is over.
                name = (self._http._tunnel_host or self._http.host).strip("[]")  # type: ignore[attr-defined]
                limit.watch(None)  # What is ended while it is wrapped would never be closed.
                limit.left()
                plain, wrap = self._http.sock, self._context.wrap_socket
                self._http.sock = sock = wrap(plain, server_hostname=name, do_handshake_on_connect=False)
                limit.watch(sock)
                sock.settimeout(limit.left())
                sock.do_handshake()
        except BaseException:
            self.close()
            raise

    def exchange(self, request: Callable[[http.client.HTTPConnection, Any], None], call: Any) -> Response:
        """Send a request, and give the answer's beginning, also where it comes before all of the body is sent.

        `request` is called with the connection, and None or the pieces of a large body. `call.data`: None, bytes, or an
        iterable of bytes, and in no variable here: there can be secrets in it. `call.limit` bounds each step.
        """
        self._limit = limit = call.limit
        self._whole = True
        if self._raw:
            self._raw.received = False
        try:
            limit.watch(self._http.sock)
            limit.start()
            self._http.sock.settimeout(limit.left())
            try:
                large = call.data is not None and (not isinstance(call.data, bytes) or len(call.data) > _PIECE)
                request(self._http, self._pieces(call) if large else None)
            except (_AnsweredEarly, OSError) as error:
                # A server that refuses a body often answers and hangs up while it is being sent.
                self._whole = False
                if not isinstance(error, _AnsweredEarly) and not self._final_answer_began():
                    raise
            limit.start()
            response: Response = self._http.getresponse()  # type: ignore[assignment]
        except BaseException:
            self.close()
            raise
        response.connection = self
        return response

    def finish(self, reusable: bool) -> None:
        """The answer has been read, or given up: `reusable` says which."""
        if reusable and self._whole and self._http.sock and self._raw and not self._raw.ended and self.pool:
            self._limit.watch(None)
            self._limit = Limit(0)
            self.pool.put(self)
        else:
            self.close()

    def close(self) -> None:
        """Close it for good."""
        self._limit.watch(None)
        self._limit = Limit(0)
        self._http.close()
        if self._raw:
            self._raw.close()

    def __del__(self) -> None:
        # A signal handler can raise where nobody closes it, such as right after `Pool.take`; or in __init__.
        if hasattr(self, "_http"):
            self._limit = Limit(0)  # By now, another connection may have it.
            self.close()

    def is_usable(self, now: float) -> bool:
        """Whether this process made it, and the server neither hung up nor said anything unasked. `now`: wall clock."""
        idle = now - self.idle_since
        if self._pid != os.getpid() or not 0 <= idle <= _LONGEST_IDLE or self._raw is None or self._reader is None:
            return False
        self._raw.limit = None
        try:
            return not self._reader.peek(1) and not self._raw.ended
        except OSError:
            return False

    @property
    def answered(self) -> bool:
        """Whether any byte came for the latest request."""
        return self._raw is not None and self._raw.received

    def _final_answer_began(self) -> bool:
        self._attach(self._http.sock)
        return self._raw is not None and self._raw.final_answer_began()

    def _pieces(self, call: Any) -> Iterator[bytes | memoryview]:
        """A large body in pieces, each sent within the limit, until the server answers."""
        pieces = self._checked(call.data)
        if isinstance(call.data, bytes):
            view = memoryview(call.data)
            pieces = (view[start : start + _PIECE] for start in range(0, len(view), _PIECE))
        for piece in pieces:
            if self._final_answer_began():
                raise _AnsweredEarly
            self._limit.start()
            self._http.sock.settimeout(self._limit.left())
            yield piece

    def _checked(self, body: Iterable[bytes]) -> Iterator[bytes | memoryview]:
        # An OSError of a file must not be taken for one of the socket.
        try:
            yield from body
        except (OSError, ValueError) as error:
            raise UnreadableBody(str(error)) from error

    def _connected_socket(self, address: tuple[str, int], timeout: object, source: object) -> socket.socket:
        # The look-up of the name takes as long as the system lets it. For a str, Python would load its tables for
        # international names.
        host, port = address
        name = host.encode() if host.isascii() else host
        return connected_socket(socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM), self._limit)

    def makefile(self, mode: str) -> _Reader:
        """What `HTTPResponse` asks its socket for."""
        assert self._reader
        return self._reader

    def _response(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> Response:
        self._attach(sock)
        return Response(self, debuglevel, method)  # type: ignore[arg-type]

    def _attach(self, sock: socket.socket) -> None:
        """Read from `sock`: there is another one after the TLS handshake than before it."""
        if self._raw is None or self._raw.sock is not sock:
            if self._raw:
                self._raw.close()
            self._raw = _Raw(sock)
            self._reader = _Reader(self._raw)
        self._raw.limit = self._limit


def connected_socket(addresses: list[Any], limit: Limit) -> socket.socket:
    """A socket that is connected to the first address (of `getaddrinfo`) that answers.

    They share the time; `socket.create_connection` gives all of it to each.
    """
    failure: OSError = OSError("the name has no address")
    for index, (family, kind, protocol, _, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            limit.watch(sock)
            sock.settimeout(limit.left() / (len(addresses) - index))
            sock.connect(address)
            sock.settimeout(limit.left())
            return sock
        except BaseException as error:
            limit.watch(None)
            sock.close()
            if not isinstance(error, OSError):
                raise
            failure = error
    try:
        raise failure
    finally:
        del failure  # It holds this frame, and the frame holds it.


class Pool:
    """The idle connections, the latest used last. A fork could copy a lock while it is held: a deque needs none."""

    def __init__(self) -> None:
        self._idle: deque[Connection] = deque()
        self.clock: Callable[[], float] = time.time  # A frozen process must notice how long it slept: the wall clock.

    def take(self, route: tuple[Any, ...], longest_idle: float) -> Connection | None:
        """A usable connection for `route`, idle for under `longest_idle` seconds."""
        others = []
        found = None
        while not found:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            now = self.clock()
            if not connection.is_usable(now):
                connection.close()
            elif connection.route != route:
                others.append(connection)
            elif now - connection.idle_since < longest_idle:
                found = connection
                found.pool = self
            else:
                # The rest of them have been idle for longer still.
                others.append(connection)
                break
        self._idle.extend(reversed(others))
        return found

    def put(self, connection: Connection) -> None:
        """Keep a connection, in place of the one idle the longest."""
        connection.idle_since = self.clock()
        connection.pool = None
        self._idle.append(connection)
        with suppress(IndexError):  # Another thread was faster.
            while len(self._idle) > _MOST_IDLE:
                self._idle.popleft().close()

    def close(self) -> None:
        """Close all idle connections."""
        with suppress(IndexError):
            while True:
                self._idle.pop().close()

    def __del__(self) -> None:
        self.close()
