"""The only module that opens sockets: `urllib.request` over connections of `http.client` that are kept alive.

An answer that was read to its end gives its connection back to the pool. Every other one closes it, so that nothing is
left for the next request. `_errors_mapped` alone makes a `NetworkError` of the standard library's errors, and
`_api_error` an `ApiError` of a status.
"""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import socket
import ssl
import sys
import time
import urllib.request
from base64 import b64encode
from calendar import timegm
from collections import deque, namedtuple
from contextlib import closing, contextmanager, suppress
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from time import monotonic
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urljoin, urlsplit

from . import __version__
from .errors import ApiError, DecodeError, NetworkError, RequestTimeout, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_USER_AGENT = f"promptjuggler-stdlib/{__version__} python/{'.'.join(map(str, sys.version_info[:3]))}"
_PIECE = 64 * 1024
_LARGEST_ANSWER = 100 * 1024 * 1024
_LARGEST_ERROR = 1024 * 1024
_MOST_IDLE = 8
_LONGEST_IDLE = 30.0
# A server may close an idle connection just when a request is on its way. What must not be sent twice is lost then.
_LONGEST_IDLE_FOR_ONCE = 5.0

# A whole interim answer (RFC 9110, 15.2). 101 was not asked for.
_INTERIM = re.compile(rb"HTTP/1\.\d 1(?!01)\d\d[^\n]*\n(?:[^\r\n][^\n]*\n)*\r?\n")


class Secret:
    """A value that shows in no repr: error trackers record the variables of all frames."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self.value,)

    def __repr__(self) -> str:
        return "Secret(...)"


def type_problem(name: str, expected: str, value: object) -> str:
    return f"{name} must be {expected}, not {type(value).__name__}"


def wrong_type(name: str, expected: str, value: object) -> ValidationError:
    return ValidationError(type_problem(name, expected, value))


def is_header_text(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def checked_base_url(name: str, value: object) -> str:
    """An http or https URL without a trailing slash; a path prefix stays."""
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    text = value.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValidationError(f"{name} is not a URL") from None
    for wrong, problem in (
        (parts.scheme not in ("http", "https"), "be an http or https URL"),
        (not parts.hostname or port == 0 or "%" in parts.netloc, "name a host"),  # urllib would decode %.
        ("@" in parts.netloc, "not hold a user name or password"),
        ("?" in text or "#" in text, "not have a query or fragment"),
        (not is_header_text(text) or "\\" in text, "be printable ASCII without spaces"),
    ):
        if wrong:
            raise ValidationError(f"{name} must {problem}")
    return text


def checked_proxy(name: str, url: Secret) -> tuple[str, Secret | None]:
    """Host with port, and Proxy-Authorization if any, of a proxy's URL; one without a scheme is http."""
    if not isinstance(url.value, str):
        raise wrong_type(name, "a str or False", url.value)
    host, credentials = "", None
    try:
        parts = urlsplit(("" if "://" in url.value else "http://") + url.value.strip())
        if parts.scheme == "http" and parts.hostname and " " not in parts.hostname:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            host += f":{80 if parts.port is None else parts.port}"
            if parts.username is not None:
                pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                credentials = Secret(f"Basic {b64encode(pair.encode()).decode()}")
    except ValueError:
        host = ""
    parts = pair = None  # type: ignore[assignment]  # The password is in them.
    if not host:
        example = "such as http://proxy.example:3128 (no https:// and no socks://)"
        raise ValidationError(f"{name} must be the URL of an HTTP proxy, {example}")
    return host, credentials


class Request(namedtuple("Request", ("method", "path", "body", "content_type", "repeatable"))):
    """To the API: a quoted `path`, and a `body` that is None, or the `Secret` of bytes or of a `Multipart`.
    `repeatable`: sending it twice does no more than sending it once."""

    __slots__ = ()


class Reply(namedtuple("Reply", ("status", "body"))):
    """A whole answer. `body` is the `Secret` of its bytes: a token can be in it."""

    __slots__ = ()


class Limit:
    """The time for a step: `timeout` seconds from `start()`, and none after `deadline`, of `time.monotonic`."""

    def __init__(self, timeout: float, deadline: float = float("inf")) -> None:
        self.timeout = timeout
        self.deadline = deadline
        self.start()

    def start(self) -> None:
        self._end = min(monotonic() + self.timeout, self.deadline)

    def left(self) -> float:
        """The seconds left; TimeoutError where there are none."""
        left = self._end - monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, 1e6)  # settimeout() refuses more than about 25 days.

    def watch(self, sock: socket.socket | None) -> None:
        """From now on this socket is waited for."""


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
        if self.ended.is_set():
            raise ConnectionAbortedError("the wait was ended")
        if self.each:
            self.start()
        return super().left()

    def watch(self, sock: socket.socket | None) -> None:
        with self._lock:
            self._sock = sock

    def end(self) -> None:
        self.ended.set()
        with self._lock, suppress(OSError):  # It is not connected yet.
            if self._sock:
                # Not SSLSocket.shutdown: who waits would read on as if nothing were encrypted.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


class _UnreadableBody(ValueError):
    """A body could not be read to its end: an OSError of a file must not be taken for one of the socket."""


class _AnsweredEarly(Exception):
    """The server answered before the request was sent whole."""


class _Raw(io.RawIOBase):
    """What a socket receives, each wait bounded by `limit`; without one it never waits, and gives None."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        # It keeps the descriptor open when http.client closes the socket before the answer is read.
        self._open = sock.makefile("rb", 0)
        self.limit: Limit | None = None
        self.received = self.ended = False
        self.early = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self.early:
            return self._receive(buffer, self.limit)
        with memoryview(buffer) as view:
            count = min(len(view), len(self.early))
            view[:count] = self.early[:count]
        del self.early[:count]
        return count

    def _receive(self, buffer: Any, limit: Limit | None) -> int | None:
        self.sock.settimeout(limit.left() if limit else 0)
        try:
            count = self.sock.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        self.received = self.received or count > 0
        self.ended = count == 0
        return count

    def final_answer_began(self) -> bool:
        """Whether the server has hung up, or begun an answer that is not interim."""
        piece = bytearray(4096)
        self.early += piece[: self._receive(piece, None) or 0]
        while match := _INTERIM.match(self.early):
            del self.early[: match.end()]
        undecided = b"HTTP/1.1 1".startswith(bytes(self.early[:10]).replace(b"/1.0", b"/1.1"))
        return self.ended or not undecided or len(self.early) > _PIECE

    def close(self) -> None:
        if hasattr(self, "_open"):  # A signal can come first.
            self._open.close()
        super().close()


class _Reader(io.BufferedReader):
    """The one buffer of a connection. `http.client` closes its file after each answer; this one stays."""

    raw: _Raw

    def makefile(self, mode: str) -> _Reader:
        return self

    def close(self) -> None:
        pass

    flush = close


class Response(HTTPResponse):
    """An answer that skips interim ones, and gives its connection back when it is closed."""

    connection: Connection | None = None

    def begin(self) -> None:
        super().begin()
        while 100 <= self.status < 200 and self.status != 101:
            self.headers = None  # type: ignore[assignment]  # Else begin() does nothing.
            super().begin()
        if self.fp.raw.ended:  # type: ignore[attr-defined]
            raise IncompleteRead(b"")  # http.client takes the end of what comes for the end of the head.
        lengths = set(self.headers.get_all("Content-Length", ()))
        if len(lengths) > 1:  # Where the answer ends cannot be told (RFC 9112, 6.3).
            raise HTTPException("the answer has two different lengths")
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
        complete = self.isclosed()  # http.client lets go of the file when it has read the answer to its end.
        super().close()
        connection, self.connection = self.connection, None
        if connection:
            connection.finish(complete and not self.will_close)

    def __del__(self) -> None:
        # It was forgotten, maybe with its connection, whose parts can be closed already.
        if self.connection:
            self.connection.close()


class Connection:
    """One connection, straight or through a proxy; TLS with a context. `route`: the host (with port) that it goes to,
    whether with TLS, and the host behind it for a proxy's tunnel."""

    def __init__(self, pool: Pool, route: tuple[str, bool, str | None], context: ssl.SSLContext | None) -> None:
        self.route = route
        self._context = context
        self._limit = Limit(0)
        self._reader: _Reader | None = None
        # None while idle in there: in a cycle the sockets would outlive the client.
        self.pool: Pool | None = pool
        self._pid = os.getpid()
        self.idle_since = 0.0
        self._http = http.client.HTTPSConnection(route[0], context=context) if context else HTTPConnection(route[0])
        self._http._create_connection = self._connected_socket  # type: ignore[attr-defined]
        self._http.response_class = self._response  # type: ignore[assignment]

    def connect(self, limit: Limit, credentials: Secret | None = None) -> None:
        """With the handshakes of proxy and TLS. `credentials`: for the proxy of a tunnel."""
        self._limit = limit
        limit.start()
        host = self.route[2]
        try:
            if host:
                headers = {"Proxy-Authorization": credentials.value} if credentials else {}
                self._http.set_tunnel(host, headers={"Host": host, **headers})
                if host.startswith("["):  # Before Python 3.13 it is sent without brackets.
                    self._http._tunnel_host = f"[{self._http._tunnel_host.strip('[]')}]"  # type: ignore[attr-defined]
            HTTPConnection.connect(self._http)
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

    def exchange(self, call: _Call) -> Response:
        """Send a request, and give the answer's beginning, also where it comes before all of the body is sent."""
        self._limit = limit = call.limit
        self._whole = True
        if self._reader:
            self._reader.raw.received = False
        try:
            limit.watch(self._http.sock)
            limit.start()
            self._http.sock.settimeout(limit.left())
            call.request_sent = True
            call.times_sent += 1
            # In no variable: there can be secrets in it.
            large = call.data is not None and (not isinstance(call.data, bytes) or len(call.data) > _PIECE)
            try:
                self._http.request(
                    call.get_method(), call.selector, self._pieces(call) if large else call.data, call.all_headers()
                )
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
        if reusable and self._whole and self._http.sock and self._reader and not self._reader.raw.ended and self.pool:
            self._limit.watch(None)
            self._limit = Limit(0)
            self.pool.put(self)
        else:
            self.close()

    def close(self) -> None:
        self._limit.watch(None)
        self._limit = Limit(0)
        self._http.close()
        if self._reader:
            self._reader.raw.close()

    def __del__(self) -> None:
        # A signal handler can raise where nobody closes it, such as right after `Pool.take`; or in __init__.
        if hasattr(self, "_http"):
            self._limit = Limit(0)  # By now, another connection may have it.
            self.close()

    def is_usable(self, now: float) -> bool:
        """Whether this process made it, and the server neither hung up nor said anything unasked. `now`: wall clock."""
        reader = self._reader
        if self._pid != os.getpid() or not 0 <= now - self.idle_since <= _LONGEST_IDLE or reader is None:
            return False
        reader.raw.limit = None
        try:
            return not reader.peek(1) and not reader.raw.ended
        except OSError:
            return False

    @property
    def answered(self) -> bool:
        """Whether any byte came for the latest request."""
        return self._reader is not None and self._reader.raw.received

    def _final_answer_began(self) -> bool:
        return self._attached(self._http.sock).raw.final_answer_began()

    def _pieces(self, call: _Call) -> Iterator[bytes | memoryview]:
        """A large body in pieces, each sent within the limit, until the server answers."""
        body: Any = iter(call.data)  # type: ignore[arg-type]
        if isinstance(call.data, bytes):
            body = (memoryview(call.data)[start : start + _PIECE] for start in range(0, len(call.data), _PIECE))
        while True:
            try:
                piece = next(body, None)
            except (OSError, ValueError) as error:
                raise _UnreadableBody(str(error)) from error
            if piece is None:
                return
            if self._final_answer_began():
                raise _AnsweredEarly
            self._limit.start()
            self._http.sock.settimeout(self._limit.left())
            yield piece

    def _connected_socket(self, address: tuple[str, int], timeout: object, source: object) -> socket.socket:
        # The look-up of the name takes as long as the system lets it. For a str, Python would load its tables for
        # international names.
        host, port = address
        name = host.encode() if host.isascii() else host
        return connected_socket(socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM), self._limit)

    def _response(self, sock: socket.socket, debuglevel: int = 0, method: str | None = None) -> Response:
        return Response(self._attached(sock), debuglevel, method)  # type: ignore[arg-type]

    def _attached(self, sock: socket.socket) -> _Reader:
        """The reader of `sock`: there is another one after the TLS handshake than before it."""
        if self._reader is None or self._reader.raw.sock is not sock:
            if self._reader:
                self._reader.raw.close()
            self._reader = _Reader(_Raw(sock))
        self._reader.raw.limit = self._limit
        return self._reader


def connected_socket(addresses: list[Any], limit: Limit) -> socket.socket:
    """A socket that is connected to the first address (of `getaddrinfo`) that answers. They share the time;
    `socket.create_connection` gives all of it to each."""
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

    def take(self, route: tuple[str, bool, str | None], longest_idle: float) -> Connection | None:
        """A usable connection for `route`, idle for under `longest_idle` seconds."""
        others: list[Connection] = []
        found = None
        with suppress(IndexError):  # There are no more.
            while not found:
                connection = self._idle.pop()
                now = self.clock()
                if not connection.is_usable(now):
                    connection.close()
                elif connection.route == route and now - connection.idle_since < longest_idle:
                    found = connection
                    found.pool = self
                else:
                    others.append(connection)
        self._idle.extend(reversed(others))
        return found

    def put(self, connection: Connection) -> None:
        """Keep a connection, in place of the one idle the longest."""
        connection.idle_since = self.clock()
        connection.pool = None
        self._idle.append(connection)
        self._close_all_but(_MOST_IDLE)

    def close(self) -> None:
        self._close_all_but(0)

    def _close_all_but(self, number: int) -> None:
        with suppress(IndexError):  # Another thread was faster.
            while len(self._idle) > number:
                self._idle.popleft().close()

    __del__ = close


class _Visited(dict):  # type: ignore[type-arg]
    """What urllib's redirect handler, if such an opener has one, takes for too many visits of any URL: it gives up."""

    def get(self, *_: object) -> int:
        return sys.maxsize


class _Call(urllib.request.Request):
    """A request as urllib wants it, with what sending it needs."""

    def __init__(
        self, transport: Transport, method: str, url: str, key: Secret, headers: dict[str, str], limit: Limit
    ) -> None:
        super().__init__(url, method=method, headers={"Accept-encoding": "identity", "User-agent": _USER_AGENT})
        # Now, because through a tunnel urllib would take the proxy for the host.
        self.add_unredirected_header("Host", self.host)
        self.add_unredirected_header("Authorization", f"Bearer {key.value}")
        for name, value in headers.items():
            self.add_unredirected_header(name, value)
        self.transport = transport
        self.limit = limit
        self.longest_idle = float("inf")
        # With an opener from outside, only the error tells.
        self.request_sent = None if transport.opener else False
        self.times_sent = 0
        self.proxy_credentials: Secret | None = None
        self.redirect_dict = _Visited()

    def all_headers(self) -> dict[str, str]:
        return {name.title(): value for name, value in self.header_items()}


class Transport:
    """Sends requests to one base URL with one key, from any number of threads."""

    def __init__(
        self,
        base_url: str,
        api_key: Secret,
        ssl_context: ssl.SSLContext | None = None,
        proxy: Secret | None = None,
        opener: urllib.request.OpenerDirector | None = None,
    ) -> None:
        """`proxy`: of a URL, or of False for none; None follows the environment."""
        if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
            raise ValidationError(f"ssl_context must be an ssl.SSLContext, not {type(ssl_context).__name__}")
        if opener is not None and not isinstance(opener, urllib.request.OpenerDirector):
            raise ValidationError(f"opener must be a urllib.request.OpenerDirector, not {type(opener).__name__}")
        if opener is not None and (ssl_context is not None or proxy is not None):
            raise ValidationError("ssl_context and proxy have no effect with an opener: give them to the opener")
        if proxy is not None and proxy.value is not False:
            checked_proxy("proxy", proxy)
        self.base_url = base_url
        self.api_key = api_key
        self.ssl_context = ssl_context
        self.proxy = proxy
        self.opener = opener
        self.pool = Pool()
        self._kept_alive = urllib.request.OpenerDirector()
        self._kept_alive.addheaders = []
        self._kept_alive.add_handler(_KeepAliveHandler())
        self._context = ssl_context
        self._proxies: dict[tuple[str, str], tuple[str, Secret | None] | None] = {}
        # By process: a fork can copy a lock while it is held.
        self._locks: dict[int, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        if self.ssl_context is not None or self.opener is not None:
            raise TypeError("a PromptJuggler with an ssl_context or an opener cannot be pickled")
        return Transport, (self.base_url, self.api_key, None, self.proxy)

    def send(self, request: Request, limit: Limit) -> Reply:
        """Send a request with the key, and give the whole answer. `limit` bounds connect, each send, and the answer.

        Raises `ApiError` for every status but 2xx, `NetworkError` where there is no whole answer, `DecodeError` for one
        that is too large, `ValidationError` for a proxy of the environment that cannot be used.
        """
        url = self.base_url + request.path
        call = _Call(self, request.method, url, self.api_key, {"Accept": "application/json"}, limit)
        if not request.repeatable:
            call.longest_idle = _LONGEST_IDLE_FOR_ONCE
        if request.body is not None:
            call.data = request.body.value
            length = len(call.data) if isinstance(call.data, bytes) else call.data.content_length  # type: ignore
            call.add_unredirected_header("Content-type", request.content_type)
            call.add_unredirected_header("Content-length", str(length))
        with _errors_mapped(call), closing(self._open(call, range(200, 300))) as response:
            declared = getattr(response, "length", None) or 0
            body = Secret(b"".join(_pieces(call, response, _LARGEST_ANSWER)) if declared <= _LARGEST_ANSWER else b"")
            if max(declared, len(body.value)) > _LARGEST_ANSWER:
                del body
                problem = f"the document is larger than {_LARGEST_ANSWER // 2**20} MiB"
                raise DecodeError(problem, status_code=response.status)
            if getattr(response, "length", None):
                raise IncompleteRead(b"")
            return Reply(response.status, body)

    def open_stream(self, url: str, token: Secret, headers: dict[str, str], limit: Limit) -> Incoming:
        """GET a URL with a token instead of the key, and give the answer while it is coming. `limit` bounds the connect
        and the headers. Raises what `send` raises, `ApiError` for all but a 200."""
        call = _Call(self, "GET", url, token, headers, limit)
        with _errors_mapped(call):
            return Incoming(call, self._open(call, range(200, 201)))

    def _open(self, call: _Call, success: range) -> HTTPResponse:
        if self.opener:
            call.limit.start()
            try:
                response = self.opener.open(call, timeout=call.limit.left())
            except HTTPError as error:
                response = error
                if not error.fp or error.headers is None:  # A handler has made it up.
                    headers, body = error.hdrs or Message(), error.fp or io.BytesIO()
                    response = HTTPError(call.full_url, error.code, error.msg, headers, body)
            except ValueError as error:  # A redirect to no URL; urllib's frames hold an open answer, and must go.
                raise URLError(error) from error
            if response is None:
                raise URLError(f"the opener has no handler for {call.type}")
        else:
            self._set_proxy(call)
            response = self._kept_alive.open(call)
        if response.status not in success:
            with closing(response):
                raise _api_error(call, response)
        return response  # type: ignore[no-any-return]

    def _set_proxy(self, call: _Call) -> None:
        """urllib's ProxyHandler puts the password into error texts, and NO_PROXY above a proxy that was asked for."""
        origin = (call.type, call.host)
        if origin not in self._proxies:
            name, url = "proxy", self.proxy
            if url is None:
                name = f"{call.type.upper()}_PROXY"
                bypassed = urllib.request.proxy_bypass(call.host)
                url = Secret(None if bypassed else urllib.request.getproxies().get(call.type))
            self._proxies[origin] = checked_proxy(name, url) if url.value else None
        proxy = self._proxies[origin]
        if proxy:
            host, call.proxy_credentials = proxy
            call.set_proxy(host, "http")
            if call.proxy_credentials and call.type == "http":
                call.add_unredirected_header("Proxy-authorization", call.proxy_credentials.value)

    def context(self) -> ssl.SSLContext:
        """The given one, or one that is made when first needed, which takes 30 ms. It honours SSL_CERT_FILE and
        SSL_CERT_DIR."""
        if self._context is None:
            import threading

            with self._locks.setdefault(os.getpid(), threading.Lock()):
                if self._context is None:
                    context = ssl.create_default_context()
                    context.set_alpn_protocols(["http/1.1"])
                    self._context = context
        return self._context


class _KeepAliveHandler(urllib.request.BaseHandler):
    """It knows the transport from the call alone: in a cycle the sockets would outlive the client."""

    def http_open(self, call: _Call) -> Response:
        transport = call.transport
        context = transport.context() if call.type == "https" else None
        route = (call.host, context is not None, call._tunnel_host)  # type: ignore[attr-defined]
        connection = transport.pool.take(route, call.longest_idle)
        if connection:
            try:
                return connection.exchange(call)
            except (OSError, HTTPException) as error:
                # The server may have closed it just now.
                if call.get_method() == "POST" or isinstance(error, TimeoutError) or connection.answered:
                    raise
        connection = Connection(transport.pool, route, context)
        connection.connect(call.limit, call.proxy_credentials)
        return connection.exchange(call)

    https_open = http_open


@contextmanager
def _errors_mapped(call: _Call) -> Iterator[None]:
    """Around connecting, sending, headers and body: there are three families, URLError, OSError and HTTPException."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        if isinstance(error, ValidationError):
            raise
        # Without their tracebacks: the variables of http.client's frames hold the key.
        cause: BaseException = error.with_traceback(None)
        if isinstance(error, URLError) and isinstance(error.reason, BaseException):
            cause = error.reason.with_traceback(None)
        raise _network_error(call, cause) from cause


class Incoming:
    """An answer that is still coming."""

    def __init__(self, call: _Call, response: HTTPResponse) -> None:
        self._call = call
        self._response = response
        self._sock = _socket_of_opener(response)
        if self._sock:
            call.limit.watch(self._sock)

    def read(self) -> bytes:
        """What comes next, within the limit; nothing at the end. Raises `NetworkError`."""
        self._call.limit.start()
        with _errors_mapped(self._call):
            if self._sock:
                self._sock.settimeout(self._call.limit.left())
            return self._response.read1(_PIECE)

    def close(self) -> None:
        if self._sock:
            self._call.limit.watch(None)
        self._response.close()


def _socket_of_opener(response: HTTPResponse) -> socket.socket | None:
    """The socket of an answer from an opener from outside, to bound each wait. Our own answers do that themselves."""
    file = getattr(response, "fp", None)
    file = getattr(file, "fp", None) or file  # An HTTPError has its answer as such a file.
    return getattr(getattr(file, "raw", None), "_sock", None)


def _pieces(call: _Call, response: HTTPResponse, largest: int) -> Iterator[bytes]:
    """The body; of one larger than `largest`, a byte more than that."""
    sock, left = _socket_of_opener(response), largest + 1
    read = response.read1 if sock else response.read
    if sock:
        call.limit.start()
    while left and (piece := read(min(_PIECE, left))):
        yield piece
        left -= len(piece)
        if sock and sock.fileno() >= 0:  # At the end it is closed.
            sock.settimeout(call.limit.left())


def _network_error(call: _Call, cause: BaseException) -> NetworkError:
    sent = call.request_sent
    if sent is None:
        sent = not isinstance(cause, (socket.gaierror, ConnectionRefusedError, ssl.SSLCertVerificationError))
    host, attempts = call.origin_req_host, max(call.times_sent, 1)
    if isinstance(cause, TimeoutError):
        text = f"no {'complete answer' if sent else 'connection'} from {host} within {call.limit.timeout:g} s"
        return RequestTimeout(text, request_sent=sent, attempts=attempts)
    step = f"no complete answer from {host}" if sent else f"could not connect to {host}"
    if isinstance(cause, _UnreadableBody):
        step = "the request could not be sent whole"
    text = f"{step}: {str(cause) or type(cause).__name__}"
    if is_certificate_failure(cause):
        text += " (for a private certificate authority, pass ssl_context= or set SSL_CERT_FILE)"
    return NetworkError(text, request_sent=sent, attempts=attempts)


def is_certificate_failure(error: BaseException | None) -> bool:
    """Whether one side did not trust the other."""
    # Of OpenSSL, such as `[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca`.
    reason = str(error) if isinstance(error, ssl.SSLError) else ""
    return isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE" in reason or "UNKNOWN_CA" in reason


def _api_error(call: _Call, response: HTTPResponse) -> ApiError:
    body = bytearray()
    try:
        for piece in _pieces(call, response, _LARGEST_ERROR):
            body += piece
    except TimeoutError:
        raise
    except (OSError, HTTPException, ValueError):
        pass  # Such as from a server that hangs up on a body that it does not want: the status says it all.
    text = body[:_LARGEST_ERROR].decode("utf-8", "replace")
    try:
        message = json.loads(text)["error"]
    except (ValueError, TypeError, LookupError, RecursionError):
        message = ""  # Not from the API itself: a page of some gateway.
    status = response.status
    if not message or not isinstance(message, str):
        location = response.headers.get("Location") if 300 <= status < 400 else None
        # That of a redirect which an opener wanted to follow is a long text of urllib's.
        reason = (None if location else response.reason) or http.client.responses.get(status, "")
        message = f"HTTP {status} {reason}".rstrip()
        if location:
            with suppress(ValueError):  # It is no URL.
                location = urljoin(call.full_url, location)
            message += f": redirects are not followed, this one leads to {location}"
    retry_after = _retry_after(response.headers.get("Retry-After"))
    attempts = max(call.times_sent, 1)
    return ApiError(message, status, body=text, headers=response.headers, retry_after=retry_after, attempts=attempts)


def _retry_after(value: str | None) -> float | None:
    """The seconds of a Retry-After header: a number or a date (RFC 9110, 10.2.3)."""
    value = (value or "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        # One of the three forms has no zone: all are UTC (5.6.7).
        return max(timegm(parsedate_to_datetime(value).utctimetuple()) - time.time(), 0.0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def log(method: str, path: str, outcome: object, begun: float, attempt: int) -> None:
    """A DEBUG line, where the program has imported logging."""
    logging = sys.modules.get("logging")
    if logging:
        milliseconds = (monotonic() - begun) * 1000
        logger = logging.getLogger("promptjuggler")
        logger.debug("%s %s: %s in %.0f ms (attempt %d)", method, path, outcome, milliseconds, attempt)
