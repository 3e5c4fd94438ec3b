"""The only module that opens sockets: `urllib.request` over connections of `http.client` that are kept alive.

An answer that was read to its end gives its connection back to the pool; any other closes it, so that nothing is left
for the next request.
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
from collections import deque, namedtuple
from contextlib import closing, suppress
from datetime import timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPMessage, HTTPResponse, HTTPSConnection, IncompleteRead
from urllib.error import HTTPError, URLError
from urllib.parse import unquote, urljoin, urlsplit

from . import __version__
from .errors import ApiError, DecodeError, NetworkError, RequestTimeout, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

_HEADERS = {"Accept": "application/json", "Accept-encoding": "identity"}
_HEADERS["User-agent"] = f"promptjuggler-stdlib/{__version__} python/{'.'.join(map(str, sys.version_info[:3]))}"
_PIECE = 2**16
_LARGEST_ANSWER = 100 * 2**20
_LONGEST_IDLE = 30.0
_LONGEST_IDLE_FOR_ONCE = 5.0  # For what must not be sent twice: a server may be closing the connection just now.


class Secret:
    """A value that shows in no repr: error trackers record the variables of all frames."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self.value,)

    def __repr__(self) -> str:
        return "Secret(...)"


def wrong_type(name: str, expected: str, value: object) -> ValidationError:
    """The error for a value."""
    return ValidationError(f"{name} must be {expected}, not {type(value).__name__}")


def is_header_text(value: str) -> bool:
    """Whether it can be sent in a header."""
    return value.isascii() and value.isprintable() and " " not in value


def checked_base_url(name: str, value: object) -> str:
    """An http or https URL without a trailing slash."""
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


def checked_proxy(name: str, url: Secret) -> tuple[str, Secret]:
    """The host and headers of a proxy."""
    host, headers = "", Secret({})
    if url.value is False:
        return host, headers
    if not isinstance(url.value, str):
        raise wrong_type(name, "a str or False", url.value)
    with suppress(ValueError):
        parts = urlsplit(("" if "://" in url.value else "http://") + url.value.strip())
        if parts.scheme == "http" and parts.hostname and " " not in parts.hostname:
            if parts.username is not None:
                pair = Secret(unquote(f"{parts.username}:{parts.password or ''}").encode())
                headers.value["Proxy-Authorization"] = "Basic " + b64encode(pair.value).decode()
            host = parts.netloc.rpartition("@")[2].rstrip(":") + (":80" if parts.port is None else "")
    parts = None  # type: ignore[assignment]  # The password is in it.
    if not host:
        raise ValidationError(f"{name} must be the URL of an HTTP proxy, such as http://proxy.example:3128 (no https://)")
    return host, headers


# `body`: None, or the `Secret` of bytes or of a `Multipart`. `repeatable`: to send it twice does no more than once.
Request = namedtuple("Request", "method path body content_type repeatable")
Reply = namedtuple("Reply", "status body")


class Limit:
    """The time for a step: `timeout` seconds from `start()`, and none after `deadline`, of `time.monotonic`."""

    def __init__(self, timeout: float, deadline: float = float("inf")) -> None:
        self.timeout = timeout
        self.deadline = deadline
        self.start()

    def start(self) -> None:
        """A new step begins."""
        self._end = min(time.monotonic() + self.timeout, self.deadline)

    def left(self) -> float:
        """The seconds left, or TimeoutError."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return min(left, 1e6)  # settimeout() refuses more than 25 days.

    def watch(self, sock: socket.socket | None) -> None:
        """This socket is waited for now."""


_OVER = Limit(0)


class EndableLimit(Limit):
    """A limit that another thread, or a signal handler, can end: then the wait ends at once."""

    def __init__(self, timeout: float) -> None:
        import threading

        super().__init__(timeout)
        self.ended = threading.Event()
        self.each = False  # Whether each wait has all of `timeout`.
        self._sock: socket.socket | None = None
        # No socket is closed while another thread, or a signal handler, ends it.
        self._lock = threading.RLock()

    def left(self) -> float:
        """As of any limit."""
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
        with self._lock, suppress(OSError):  # Not connected yet.
            if self._sock:
                # After SSLSocket.shutdown, who waits would read on without TLS.
                socket.socket.shutdown(self._sock, socket.SHUT_RDWR)


class _UnreadableBody(ValueError):
    """An error of a file, which must not be taken for one of the socket."""


class _Raw(io.RawIOBase):
    """What a socket receives, each wait bounded by `limit`; without one it never waits, and gives None."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        # It stays open when http.client closes the socket before the answer is read.
        self.file = sock.makefile("rb", 0)
        self.limit: Limit | None = None
        self.received = self.ended = False
        self.early = bytearray()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if not self.early:
            return self._receive(buffer)
        count = min(len(buffer), len(self.early))
        buffer[:count] = self.early[:count]
        del self.early[:count]
        return count

    def _receive(self, buffer: Any) -> int | None:
        self.sock.settimeout(self.limit.left() if self.limit else 0)
        try:
            count = self.sock.recv_into(buffer)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        self.received |= count > 0
        self.ended = count == 0
        return count

    def final_answer_began(self) -> bool:
        """Whether the server has hung up, or begun an answer that is not interim."""
        piece = bytearray(4096)
        self.early += piece[: self._receive(piece) or 0]
        # A whole interim answer (RFC 9110, 15.2), but not 101.
        while match := re.match(rb"HTTP/1\.\d 1(?!01)\d\d.*\n([^\r\n].*\n)*\r?\n", self.early):
            del self.early[: match.end()]
        undecided = b"HTTP/1.1 1".startswith(self.early[:10].replace(b"/1.0", b"/1.1"))
        return self.ended or not undecided or len(self.early) > _PIECE


class _Reader(io.BufferedReader):
    """The one buffer of a connection. http.client closes its file after each answer; this one stays."""

    raw: _Raw

    def makefile(self, mode: str) -> _Reader:
        return self

    def close(self) -> None:
        pass


class Response(HTTPResponse):
    """An answer that skips interim ones."""

    lease: tuple[Connection, Pool] | None = None
    fp: _Reader
    headers: Any

    def begin(self) -> None:
        super().begin()
        while 101 < self.status < 200:
            self.headers = None  # Else begin() does nothing.
            super().begin()
        if self.fp.raw.ended:
            raise IncompleteRead(b"")  # http.client takes it for the end of the head.
        lengths = set(self.headers.get_all("Content-Length", ()))
        if len(lengths) > 1:  # RFC 9112, 6.3.
            raise HTTPException("the answer has two different lengths")
        # Nobody knows then where the next answer begins.
        if self.status == 101 or self.chunked and (lengths or self.length == 0):
            self.will_close = True
        self.chunked = self.chunked and self.length is None

    def _read_next_chunk_size(self) -> int:
        # http.client reads on for ever after a negative size, and takes a bad one for the end.
        try:
            size: int = super()._read_next_chunk_size()  # type: ignore[misc]
            if size < 0 or self.fp.raw.ended:
                raise ValueError("negative, or cut off")
        except ValueError:
            self.will_close = True
            raise
        return size

    def close(self) -> None:
        complete = self.isclosed()  # At its end, http.client lets go of the file.
        if not complete:
            super().close()
        if self.lease:
            (connection, pool), self.lease = self.lease, None
            connection.close(pool if complete and not self.will_close else None)

    def __del__(self) -> None:
        self.lease = None  # The connection closes itself.


class Connection:
    """One connection. `route`: its host, the context of TLS, and the host behind it where it is a proxy's tunnel."""

    _http: Any = None
    _reader: Any = None
    _limit = _OVER
    idle_since = 0.0

    def __init__(self, route: tuple[str, ssl.SSLContext | None, str | None]) -> None:
        self.route = route
        self._pid = os.getpid()
        context = route[1]
        self._http = HTTPSConnection(route[0], context=context) if context else HTTPConnection(route[0])
        self._http._create_connection = self._connected_socket
        self._http.response_class = self._response

    def connect(self, limit: Limit, proxy_headers: Secret) -> None:
        """With the handshakes of proxy and TLS."""
        self._limit = limit
        self._limit.start()
        _, context, host = self.route
        if host:
            self._http.set_tunnel(host, headers={"Host": host, **proxy_headers.value})
            if host.startswith("["):  # Python before 3.13 sends it without.
                self._http._tunnel_host = f"[{self._http._tunnel_host}]"
        HTTPConnection.connect(self._http)
        if context:
            # HTTPSConnection.connect hides the socket during the handshake.
            name = (self._http._tunnel_host or self._http.host).strip("[]")
            self._limit.watch(None)  # What is ended while it is wrapped would never be closed.
            self._limit.left()
            self._http.sock = context.wrap_socket(self._http.sock, server_hostname=name, do_handshake_on_connect=False)
            self._reader = _Reader(_Raw(self._http.sock))
            self._limit.watch(self._http.sock)
            self._http.sock.settimeout(self._limit.left())
            self._http.sock.do_handshake()

    def exchange(self, call: _Call) -> Response:
        """Send a request, and begin the answer."""
        self._limit = call.limit
        self._whole = True
        try:
            if not self._http.sock:
                self.connect(call.limit, call.proxy_headers)
            self._limit.watch(self._http.sock)
            self._limit.start()
            self._http.sock.settimeout(self._limit.left())
            call.attempts += 1
            small = call.data is None or isinstance(call.data, bytes) and len(call.data) <= _PIECE
            try:
                # In no variable: error trackers record them.
                self._http.request(
                    call.get_method(),
                    call.selector,
                    call.data if small else self._pieces(call),
                    {name.title(): value for name, value in call.header_items()},
                )
            except OSError:
                # A server that refuses a body often answers and hangs up.
                if not self._final_answer_began():
                    raise
            self._limit.start()
            response: Response = self._http.getresponse()
        except BaseException:
            self.close()
            raise
        response.lease = self, call.transport.pool
        return response

    def close(self, pool: Pool | None = None) -> None:
        """Into the pool, if there is one and the connection can be used again."""
        self._limit.watch(None)
        self._limit = _OVER
        if pool and self._whole and self._http.sock and not self._reader.raw.ended:
            self._reader.raw.limit = None
            self._reader.raw.received = False
            pool.put(self)
            return
        self._http.close()
        if self._reader:
            self._reader.raw.file.close()

    def __del__(self) -> None:
        # A signal can come where nobody closes it, or in __init__.
        if self._http:
            self._limit = _OVER  # By now, another connection may have it.
            self.close()

    def is_usable(self, now: float) -> bool:
        """Whether this process made it, and the server neither hung up nor said anything unasked."""
        try:
            return (
                self._pid == os.getpid()
                and 0 <= now - self.idle_since <= _LONGEST_IDLE
                and not self._reader.peek(1)
                and not self._reader.raw.ended
            )
        except OSError:
            return False

    def _final_answer_began(self) -> bool:
        self._whole = not self._reader.raw.final_answer_began()
        return not self._whole

    def _pieces(self, call: _Call) -> Iterator[bytes | memoryview]:
        body: Any = iter(call.data)
        if isinstance(call.data, bytes):
            body = (memoryview(call.data)[start : start + _PIECE] for start in range(0, len(call.data), _PIECE))
        while True:
            try:
                piece = next(body, None)
            except OSError as error:
                raise _UnreadableBody(str(error)) from error
            if piece is None or self._final_answer_began():
                return
            self._limit.start()
            self._http.sock.settimeout(self._limit.left())
            yield piece

    def _connected_socket(self, address: tuple[str, int], *_: object) -> socket.socket:
        # A str would load the tables for international names.
        name = address[0].encode() if address[0].isascii() else address[0]
        sock = connected_socket(socket.getaddrinfo(name, address[1], 0, socket.SOCK_STREAM), self._limit)
        self._reader = _Reader(_Raw(sock))
        return sock

    def _response(self, sock: socket.socket, *debuglevel: Any, **method: Any) -> Response:
        self._reader.raw.limit = self._limit
        return Response(self._reader, *debuglevel, **method)


def connected_socket(addresses: list[Any], limit: Limit) -> socket.socket:
    """Connected to the first address that answers. They share the time, unlike in `socket.create_connection`."""
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
            if not isinstance(error, OSError) or index + 1 == len(addresses):
                raise
    raise OSError("the name has no address")


class Pool:
    """The idle connections, the latest used last. A fork could copy a lock while it is held: a deque needs none."""

    def __init__(self) -> None:
        self._idle: deque[Connection] = deque()
        self.clock = time.time  # The wall clock goes on while the process is frozen.

    def take(self, route: tuple[str, ssl.SSLContext | None, str | None], longest_idle: float) -> Connection | None:
        """A usable connection, or None."""
        others: list[Connection] = []
        try:
            while True:
                connection = self._idle.pop()
                now = self.clock()
                if not connection.is_usable(now):
                    connection.close()
                elif connection.route == route and now - connection.idle_since < longest_idle:
                    return connection
                else:
                    others.insert(0, connection)
        except IndexError:
            return None
        finally:
            self._idle.extend(others)

    def put(self, connection: Connection) -> None:
        """Keep a connection."""
        connection.idle_since = self.clock()
        self._idle.append(connection)
        self.close(keep=8)

    def close(self, keep: int = 0) -> None:
        """Close all but some."""
        while len(self._idle) > keep:
            with suppress(IndexError):  # Another thread was faster.
                self._idle.popleft().close()

    __del__ = close


class _Visited(dict[str, int]):
    """With this, an opener's redirect handler gives up at once."""

    def get(self, *_: object) -> int:
        return sys.maxsize


class _Call(urllib.request.Request):
    """A request as urllib wants it, with what sending it needs."""

    data: Any
    _tunnel_host: str | None
    redirect_dict = _Visited()
    longest_idle = float("inf")
    attempts = 0
    proxy_headers: Secret
    # Of an answer from an opener, to bound each wait: our own answers do that themselves.
    sock: socket.socket | None = None

    def __init__(
        self, transport: Transport, method: str, url: str, key: Secret, headers: dict[str, str], limit: Limit
    ) -> None:
        super().__init__(url, method=method, origin_req_host="")  # Which would take long to find.
        # Through a tunnel, urllib would take the proxy for the host.
        self.unredirected_hdrs = {"Host": self.host, "Authorization": f"Bearer {key.value}", **_HEADERS, **headers}
        self.transport = transport
        self.limit = limit
        if not transport.opener:
            transport._set_proxy(self)

    def __enter__(self) -> None:
        """Within, errors of three families become ours: URLError, OSError and HTTPException."""

    def __exit__(self, _: object, error: BaseException | None, *traceback: object) -> None:
        if not isinstance(error, (OSError, HTTPException, ValueError)):
            return
        # The variables of http.client's frames hold the key.
        cause: BaseException = error.with_traceback(None)
        if isinstance(error, URLError) and isinstance(error.reason, BaseException):
            cause = error.reason.with_traceback(None)
        sent = self.attempts > 0
        if self.transport.opener:  # Only the error tells.
            sent = not isinstance(cause, (socket.gaierror, ConnectionRefusedError, ssl.SSLCertVerificationError))
        kind, host = NetworkError, urllib.request.Request(self.full_url).origin_req_host
        text = f"no complete answer from {host}" if sent else f"could not connect to {host}"
        if isinstance(cause, _UnreadableBody):
            text = "the request could not be sent whole"
        text += f": {str(cause) or type(cause).__name__}"
        if isinstance(cause, TimeoutError):
            kind = RequestTimeout
            text = f"no {'complete answer' if sent else 'connection'} from {host} within {self.limit.timeout:g} s"
        elif is_certificate_failure(cause):
            text += " (for a private certificate authority, pass ssl_context= or set SSL_CERT_FILE)"
        raise kind(text, request_sent=sent, attempts=self.attempts or 1) from cause


class Transport:
    """Sends requests to one base URL with one key."""

    def __init__(
        self,
        base_url: str,
        api_key: Secret,
        ssl_context: ssl.SSLContext | None,
        proxy: Secret | None,
        opener: urllib.request.OpenerDirector | None,
    ) -> None:
        """`proxy`: of a URL, or of False; None follows the environment."""
        if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
            raise wrong_type("ssl_context", "an ssl.SSLContext", ssl_context)
        if opener is not None and not isinstance(opener, urllib.request.OpenerDirector):
            raise wrong_type("opener", "a urllib.request.OpenerDirector", opener)
        if opener and (ssl_context or proxy):
            raise ValidationError("ssl_context and proxy have no effect with an opener")
        if proxy:
            checked_proxy("proxy", proxy)
        self.base_url = base_url
        self.api_key = api_key
        self.ssl_context = ssl_context
        self.proxy = proxy
        self.opener = opener
        self.pool = Pool()
        self._kept_alive = urllib.request.OpenerDirector()
        self._kept_alive.add_handler(_KeepAliveHandler())
        self._context = ssl_context
        self._proxies: dict[tuple[str, str], tuple[str, Secret]] = {}
        # By process: a fork could copy a lock while it is held.
        self._locks: dict[int, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        if self.ssl_context or self.opener:
            raise TypeError("a PromptJuggler with an ssl_context or an opener cannot be pickled")
        return Transport, (self.base_url, self.api_key, None, self.proxy, None)

    def send(self, request: Request, limit: Limit) -> Reply:
        """`limit` bounds connect, each send, and the answer."""
        call = _Call(self, request.method, self.base_url + request.path, self.api_key, {}, limit)
        if not request.repeatable:
            call.longest_idle = _LONGEST_IDLE_FOR_ONCE
        if request.body:
            call.data = request.body.value
            length = len(call.data) if isinstance(call.data, bytes) else call.data.content_length
            call.unredirected_hdrs.update({"Content-type": request.content_type, "Content-length": str(length)})
        with call, closing(self._open(call, range(200, 300))) as response:
            length = getattr(response, "length", None) or 0
            body = Secret(b"" if length > _LARGEST_ANSWER else b"".join(_pieces(call, response, _LARGEST_ANSWER + 1)))
            if max(length, len(body.value)) > _LARGEST_ANSWER:
                del body
                raise DecodeError("the document is larger than 100 MiB", status_code=response.status)
            if missing := getattr(response, "length", None):
                raise IncompleteRead(body.value, missing)
            return Reply(response.status, body)

    def open_stream(self, url: str, token: Secret, headers: dict[str, str], limit: Limit) -> Incoming:
        """`limit` bounds connect and headers."""
        call = _Call(self, "GET", url, token, headers, limit)
        with call:
            return Incoming(call, self._open(call, range(200, 201)))

    def _open(self, call: _Call, success: range) -> Any:
        call.limit.start()
        try:
            response = (self.opener or self._kept_alive).open(call, timeout=call.limit.left())
        except HTTPError as error:
            response = error
            if not error.fp or error.hdrs is None:  # A handler has made it up.
                headers, body = error.hdrs or HTTPMessage(), error.fp or io.BytesIO()
                response = HTTPError(call.full_url, error.code, error.msg, headers, body)
        except ValueError as error:  # A redirect to no URL. urllib's frames hold an open answer.
            raise URLError(error) from error
        if response is None:
            raise URLError(f"the opener has no handler for {call.type}")
        if self.opener:
            file = getattr(response, "fp", None)
            file = getattr(file, "fp", None) or file  # Of an HTTPError.
            call.sock = getattr(getattr(file, "raw", None), "_sock", None)
        if response.status not in success:
            with closing(response):
                raise _api_error(call, response)
        return response

    def _set_proxy(self, call: _Call) -> None:
        # urllib's ProxyHandler puts the password into errors, and NO_PROXY above a proxy that was asked for.
        origin = (call.type, call.host)
        if origin not in self._proxies:
            name, url = "proxy", self.proxy
            if url is None:
                name = f"{call.type.upper()}_PROXY"
                bypassed = urllib.request.proxy_bypass(call.host)
                url = Secret(not bypassed and urllib.request.getproxies().get(call.type, False))
            self._proxies[origin] = checked_proxy(name, url)
        host, call.proxy_headers = self._proxies[origin]
        if host:
            call.set_proxy(host, "http")
            if call.type == "http":
                call.unredirected_hdrs.update(call.proxy_headers.value)

    def context(self) -> ssl.SSLContext:
        """Made when first needed: it takes 30 ms."""
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
        route = (call.host, transport.context() if call.type == "https" else None, call._tunnel_host)
        if connection := transport.pool.take(route, call.longest_idle):
            try:
                return connection.exchange(call)
            except (OSError, HTTPException) as error:
                # The server may have closed it just now.
                if call.get_method() == "POST" or isinstance(error, TimeoutError) or connection._reader.raw.received:
                    raise
        return Connection(route).exchange(call)

    https_open = http_open


class Incoming:
    """An answer that is still coming."""

    def __init__(self, call: _Call, response: HTTPResponse) -> None:
        self._call = call
        self._response = response
        if call.sock:
            call.limit.watch(call.sock)

    def read(self) -> bytes:
        """What comes next; nothing at the end."""
        self._call.limit.start()
        with self._call:
            if self._call.sock:
                self._call.sock.settimeout(self._call.limit.left())
            return self._response.read1(_PIECE)

    def close(self) -> None:
        """Close the connection."""
        self._call.limit.watch(None)
        self._response.close()


def _pieces(call: _Call, response: HTTPResponse, left: int) -> Iterator[bytes]:
    read = response.read1 if call.sock else response.read
    if call.sock:
        call.limit.start()
    while left and (piece := read(min(_PIECE, left))):
        yield piece
        left -= len(piece)
        if call.sock and call.sock.fileno() >= 0:  # At the end it is closed.
            call.sock.settimeout(call.limit.left())


def is_certificate_failure(error: BaseException | None) -> bool:
    """Whether one side did not trust the other."""
    reason = str(error) if isinstance(error, ssl.SSLError) else ""
    return "CERTIFICATE" in reason or "UNKNOWN_CA" in reason


def _api_error(call: _Call, response: HTTPResponse) -> ApiError:
    body = io.BytesIO()
    try:
        body.writelines(_pieces(call, response, 2**20))
    except TimeoutError:
        raise
    except (OSError, HTTPException, ValueError):
        pass  # The status says it all.
    text = body.getvalue().decode("utf-8", "replace")
    try:
        message = json.loads(text)["error"]
    except (ValueError, TypeError, LookupError, RecursionError):
        message = ""  # Not from the API.
    status = response.status
    if not message or not isinstance(message, str):
        location = response.headers.get("Location") if 300 <= status < 400 else None
        # Of an opener's redirect, it is a long text of urllib's.
        reason = (None if location else response.reason) or http.client.responses.get(status, "")
        message = f"HTTP {status} {reason}".rstrip()
        if location:
            with suppress(ValueError):
                location = urljoin(call.full_url, location)
            message += f": redirects are not followed, this one leads to {location}"
    return ApiError(
        message,
        status,
        body=text,
        headers=response.headers,
        retry_after=_retry_after(response.headers.get("Retry-After", "").strip()),
        attempts=call.attempts or 1,
    )


def _retry_after(value: str) -> float | None:
    """The seconds of a Retry-After header: a number or a date (RFC 9110, 10.2.3)."""
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        moment = parsedate_to_datetime(value)
        # One of the three forms has no zone: all are UTC (5.6.7).
        return max((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp() - time.time(), 0.0)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def log(method: str, path: str, outcome: object, begun: float, attempt: int) -> None:
    """A DEBUG line, where the program has imported logging."""
    if logging := sys.modules.get("logging"):
        debug, milliseconds = logging.getLogger("promptjuggler").debug, (time.monotonic() - begun) * 1000
        debug("%s %s: %s in %.0f ms (attempt %d)", method, path, outcome, milliseconds, attempt)
