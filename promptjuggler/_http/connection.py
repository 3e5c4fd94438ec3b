"""One connection: connect, exchange, then be given back or closed."""

from __future__ import annotations

import os
import ssl
from http.client import HTTPConnection
from urllib.parse import urlsplit

from .._clock import RealTime
from .addresses import addresses_of, connected_socket
from .deadline import Deadline
from .exceptions import NotHttp, TunnelRefused, UnreadableBody
from .messages import Route, Stage, UrllibRequest
from .response import Response, makes_tunnel
from .sockets import CHUNK_SIZE, Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# What the wall clock may say between two requests on one connection, and between the first
# and the last: a name can move to another address.
_LONGEST_IDLE = 30.0
_GREATEST_AGE = 300.0
_NEVER = float("inf")


class Connection:
    """A connection along a route, for one thread at a time.

    `exchange` connects first where need be. Its answer must be read to the end and closed;
    then `become_idle` says whether another exchange may follow. In any other case, and after
    any failure of `exchange`, the connection is closed.

    made_at       wall-clock time at which it was made
    idle_since    wall-clock time at which it became idle
    any_received  whether anything of the answer came, after an exchange that failed
    """

    def __init__(self, route: Route, made_at: float) -> None:
        self.route = route
        self.made_at = made_at
        self.idle_since = 0.0
        self.any_received = False
        # What the server said last: it closes the connection then.
        self._idle_limit = _NEVER
        self._process = os.getpid()
        self._deadline: Deadline | None = None
        self._wire: Wire | None = None
        self._request_fully_sent = False
        # It formats requests and keeps the order of requests and answers; the socket is
        # connected here, by deadline, through proxies, and with TLS.
        self._http = HTTPConnection(route.address)
        # seam: HTTPConnection.auto_open, HTTPConnection.response_class. The first is
        # 0 so that it never connects, the second is the class of the answers.
        self._http.auto_open = 0
        self._http.response_class = Response

    def exchange(self, call: UrllibRequest) -> Response:
        """Send a request, and read the head of its answer.

        Raises OSError, HTTPException, or `UnreadableBody`; the connection is closed then.
        """
        try:
            if self._wire is None:
                self.connect(call)
            else:
                self._go_on_with(self._wire, call.deadline)
            self._send(call)
            call.stage = Stage.ANSWER
            call.deadline.restart()
            # It is of our class, see __init__.
            response: Response = self._http.getresponse()  # type: ignore[assignment]
            self._idle_limit = response.keep_alive_seconds
            return response
        except BaseException:
            if self._wire is not None:
                self.any_received = self._wire.reader.any_received
            self.close()
            raise

    def become_idle(self, now: float) -> bool:
        """After an answer that ended: wait for no one. False if it cannot be used again."""
        self._let_go_of_deadline()
        wire = self._wire
        if wire is None or not self._request_fully_sent or wire.reader.peer_closed:
            return False
        wire.reader.any_received = False
        self.idle_since = now
        return True

    def is_usable(self, now: float) -> bool:
        """Whether an idle connection can serve a request: this process made it, not too
        long ago, the wall clock has not gone on for longer than either side allows, and
        the server neither hung up nor said anything."""
        if self._wire is None or self._process != os.getpid():
            return False
        # A process that was frozen notices by the wall clock. It can be set back, too.
        idle = now - self.idle_since
        if not 0 <= idle <= _LONGEST_IDLE or idle >= self._idle_limit:
            return False
        if not 0 <= now - self.made_at < _GREATEST_AGE:
            return False
        try:
            return self._wire.is_silent()
        except OSError:
            return False

    def close(self) -> None:
        """Close the socket, for good."""
        self._let_go_of_deadline()
        # First of all: http.client closes an answer that is still open, which then asks
        # this connection to become idle.
        wire = self._wire
        self._wire = None
        self._http.close()
        if wire is not None:
            wire.close_for_good()

    def __del__(self) -> None:
        # As Python ends, finalizers of weakref are called no more. It can have been
        # interrupted in __init__.
        if "_http" in self.__dict__:
            # The deadline may watch the next connection of the same stream by now.
            self._deadline = None
            self.close()

    def _let_go_of_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.watch()
            self._deadline = None
        if self._wire is not None:
            self._wire.rest()

    # Connecting

    def connect(self, call: UrllibRequest) -> None:
        """Connect, with the handshakes of a proxy and of TLS: together they are one step."""
        deadline = call.deadline
        self._deadline = deadline
        route = self.route
        call.stage = Stage.CONNECT
        deadline.restart()
        usual_port = 80 if route.through_proxy or route.trust is None else 443
        host, port = _host_and_port(route.address, usual_port)
        sock = connected_socket(addresses_of(host, port), deadline)
        wire = Wire(sock, deadline)
        self._use(wire)
        if route.tunnel_to is not None:
            call.stage = Stage.TUNNEL
            _open_tunnel(wire, route)
        if route.trust is not None:
            call.stage = Stage.TLS
            self._start_tls(wire, route.trust.context(), deadline)

    def _use(self, wire: Wire) -> None:
        self._wire = wire
        self._http.sock = wire  # see the seam at Wire

    def _go_on_with(self, wire: Wire, deadline: Deadline) -> None:
        """Use the wire again, with the deadline of another request."""
        self._deadline = deadline
        wire.begin(deadline)
        deadline.watch(wire.socket)

    def _start_tls(
        self, wire: Wire, context: ssl.SSLContext, deadline: Deadline
    ) -> None:
        """Shake hands with the host, be it behind a tunnel."""
        name, _ = _host_and_port(self.route.host_of_tls, 443)
        # The dot at the end of a whole name is for look-ups: it stands in no certificate,
        # and must not in the handshake (RFC 6066, 3).
        name = name.removesuffix(".")
        # wrap_socket() takes the descriptor over; a shutdown in between would be lost.
        # Stop watching, check, wrap, and watch again.
        deadline.watch()
        deadline.remaining()
        sock = context.wrap_socket(
            wire.socket, server_hostname=name, do_handshake_on_connect=False
        )
        self._use(Wire(sock, deadline))
        deadline.watch(sock)
        sock.settimeout(deadline.remaining())
        sock.do_handshake()

    # Sending

    def _send(self, call: UrllibRequest) -> None:
        """Send a request, or as much of it as the server wants to read."""
        assert self._wire is not None, "it is connected"
        call.stage = Stage.SEND
        self._wire.begin_step()
        call.times_sent += 1
        self._request_fully_sent = True
        try:
            # Rule 2 of _secrets.py: the headers hold the key, so they are in no variable.
            self._http.request(
                call.get_method(),
                call.target,
                self._body_of(call),
                {name.title(): value for name, value in call.header_items()},
            )
        except OSError:
            # A server that refuses a body often answers and hangs up (RFC 9112, 9.6).
            if not self._stop_if_answered():
                raise

    def _body_of(
        self, call: UrllibRequest
    ) -> bytes | Iterator[bytes | memoryview] | None:
        """The body: all at once with the head where it is small, else in chunks."""
        data = call.data
        if data is None:
            return None
        if isinstance(data, bytes):
            if len(data) <= CHUNK_SIZE:
                return data
            return self._request_chunks(_slices(data), call.deadline)
        # The transport sets it: it is no file.
        return self._request_chunks(data, call.deadline)  # type: ignore[arg-type]

    def _request_chunks(
        self, chunks: Iterable[bytes | memoryview], deadline: Deadline
    ) -> Iterator[bytes | memoryview]:
        """The chunks of a body, until the server answers."""
        if self._wire is not None:
            self._wire.queue_little()
        rest = iter(chunks)
        while True:
            begun = RealTime.monotonic()
            try:
                chunk = next(rest, None)
            except OSError as error:
                # Rule 4 of _secrets.py: its frames hold the document.
                raise UnreadableBody(str(error)) from error.with_traceback(None)
            if chunk is None or self._stop_if_answered():
                return
            # A slow disk is not the fault of the other side.
            deadline.postpone(RealTime.monotonic() - begun)
            yield chunk

    def _stop_if_answered(self) -> bool:
        """Send no more where the server answers, or hung up, before it has the whole
        request. True if it did.
        """
        if self._wire is None or not self._wire.reader.answer_began():
            return False
        self._request_fully_sent = False
        return True


def _slices(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    for start in range(0, len(data), CHUNK_SIZE):
        yield view[start : start + CHUNK_SIZE]


def _host_and_port(address: str, usual_port: int) -> tuple[str, int]:
    """`[::1]:8443` is `::1` and 8443; without a port, it is the usual one."""
    parts = urlsplit(f"//{address}")
    return parts.hostname or "", parts.port or usual_port


def _open_tunnel(wire: Wire, route: Route) -> None:
    """Ask a proxy for a tunnel (RFC 9110, 9.3.6). Raises OSError if it gives none."""
    # Rule 2 of _secrets.py: the password is in no variable.
    wire.sendall(_connect_request(route))
    answer = Response(wire, method="CONNECT")
    answer.begin()
    if not makes_tunnel(answer.status):
        raise TunnelRefused(answer.status, answer.reason.strip())
    # Over TLS the client speaks first: this is not the host. TLS would wait for ever, as
    # it would not see what the buffer has.
    came = wire.came_ahead()
    if came:
        raise NotHttp("the proxy made a tunnel, and sent something itself", came)


def _connect_request(route: Route) -> bytes:
    """The request for a tunnel to the host of a route."""
    host, port = _host_and_port(route.host_of_tls, 443)
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    head = f"CONNECT {authority} HTTP/1.1\r\nHost: {route.host_of_tls}\r\n"
    if route.authorization is None:
        return f"{head}\r\n".encode()
    # Rule 2 again.
    return (f"{head}Proxy-Authorization: {route.authorization.value}\r\n\r\n").encode()
