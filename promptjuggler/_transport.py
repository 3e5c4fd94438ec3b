"""Requests out, answers in: by `urllib.request`, over connections that are kept alive, or through a given opener.

`_errors_mapped` alone makes a `NetworkError` of the standard library's errors, `_api_error` an `ApiError` of a status.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import time
import urllib.request
from calendar import timegm
from collections import namedtuple
from contextlib import closing, contextmanager, suppress
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead, responses
from io import BytesIO
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin

from . import __version__
from ._arguments import Secret, checked_proxy
from ._connection import Connection, EndableLimit, Limit, Pool, Response, UnreadableBody
from .errors import ApiError, DecodeError, NetworkError, RequestTimeout, ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["EndableLimit", "Incoming", "Limit", "Reply", "Request", "Transport", "is_certificate_failure", "log"]

_USER_AGENT = f"promptjuggler-stdlib/{__version__} python/{'.'.join(map(str, sys.version_info[:3]))}"
_PIECE = 64 * 1024
_LARGEST_ANSWER = 100 * 1024 * 1024
_LARGEST_ERROR = 1024 * 1024
# A server may close an idle connection just when a request is on its way. What must not be sent twice is lost then.
_LONGEST_IDLE_FOR_ONCE = 5.0


class Request(namedtuple("Request", ("method", "path", "body", "content_type", "repeatable"))):
    """To the API: a quoted `path`, and a `body` that is None, or the `Secret` of bytes or of a `Multipart`.
    `repeatable`: sending it twice does no more than sending it once."""

    __slots__ = ()


class Reply(namedtuple("Reply", ("status", "body"))):
    """A whole answer. `body` is the `Secret` of its bytes: a token can be in it."""

    __slots__ = ()


class _Visited(dict):  # type: ignore[type-arg]
    """What urllib's redirect handler, if such an opener has one, takes for too many visits of any URL: it gives up."""

    def get(self, *_: object) -> int:
        return sys.maxsize


class _Call(urllib.request.Request):
    """A request as urllib wants it, with what `_exchange` needs."""

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
            call.data = data = request.body.value
            call.add_unredirected_header("Content-type", request.content_type)
            length = len(data) if isinstance(data, bytes) else data.content_length
            del data
            call.add_unredirected_header("Content-length", str(length))
        with _errors_mapped(call), closing(self._open(call, range(200, 300))) as response:
            declared = getattr(response, "length", None) or 0
            body = Secret(_body(call, response) if declared <= _LARGEST_ANSWER else b"")
            if max(declared, len(body.value)) > _LARGEST_ANSWER:
                del body
                problem = f"the document is larger than {_LARGEST_ANSWER // 2**20} MiB"
                raise DecodeError(problem, status_code=response.status)
            return Reply(response.status, body)

    def open_stream(self, url: str, token: Secret, headers: dict[str, str], limit: Limit) -> Incoming:
        """GET a URL with a token instead of the key, and give the answer while it is coming. `limit` bounds the connect
        and the headers. Raises what `send` raises, `ApiError` for all but a 200."""
        call = _Call(self, "GET", url, token, headers, limit)
        with _errors_mapped(call):
            return Incoming(call, self._open(call, range(200, 201)))

    def close(self) -> None:
        """Close the idle connections."""
        self.pool.close()

    def _open(self, call: _Call, success: range) -> HTTPResponse:
        if self.opener:
            call.limit.start()
            try:
                response = self.opener.open(call, timeout=call.limit.left())
            except HTTPError as error:
                response = error
                if not error.fp or error.headers is None:  # A handler has made it up.
                    headers, body = error.hdrs or Message(), error.fp or BytesIO()
                    response = HTTPError(call.full_url, error.code, error.msg, headers, body)
            except ValueError as error:  # A redirect that leads to no URL.
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


@contextmanager
def _errors_mapped(call: _Call) -> Iterator[None]:
    """Around connecting, sending, headers and body: there are three families, URLError, OSError and HTTPException."""
    try:
        yield
    except (OSError, HTTPException, ValueError, UnreadableBody) as error:
        if isinstance(error, ValidationError):
            raise
        cause: BaseException = error.with_traceback(None)
        if isinstance(error, URLError) and isinstance(error.reason, BaseException):
            cause = error.reason
        # Without its traceback: the variables of http.client's frames hold the key.
        raise _network_error(call, cause) from cause.with_traceback(None)


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
        """Close the connection."""
        if self._sock:
            self._call.limit.watch(None)
        self._response.close()


class _KeepAliveHandler(urllib.request.BaseHandler):
    """It knows the transport from the call alone: in a cycle the sockets would outlive the client."""

    def http_open(self, call: _Call) -> Response:
        return _exchange(call)

    https_open = http_open


def _exchange(call: _Call) -> Response:
    if not call.host:
        raise URLError("no host given")
    context = call.transport.context() if call.type == "https" else None
    tunnel_host: str | None = call._tunnel_host  # type: ignore[attr-defined]
    pool = call.transport.pool

    def send(http: HTTPConnection, pieces: Iterator[Any] | None) -> None:
        call.request_sent = True
        call.times_sent += 1
        http.request(call.get_method(), call.selector, call.data if pieces is None else pieces, _headers(call))

    connection = pool.take((call.host, context is not None, tunnel_host), call.longest_idle)
    if connection:
        try:
            return connection.exchange(send, call)
        except (OSError, HTTPException) as error:
            # The server may have closed it just now.
            if call.get_method() == "POST" or isinstance(error, TimeoutError) or connection.answered:
                raise
    connection = Connection(pool, call.host, context)
    if tunnel_host:
        credentials = call.proxy_credentials
        connection.tunnel(tunnel_host, {"Proxy-Authorization": credentials.value} if credentials else {})
    connection.connect(call.limit)
    return connection.exchange(send, call)


def _headers(call: urllib.request.Request) -> dict[str, str]:
    # Apart, so that no frame that waits holds the key.
    return {name.title(): value for name, value in call.header_items()}


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


def _body(call: _Call, response: HTTPResponse) -> bytes:
    if getattr(response, "length", None) is not None and not _socket_of_opener(response):
        # Where there are no chunks, only read() without a size notices that it is cut off.
        return response.read()
    body = b"".join(_pieces(call, response, _LARGEST_ANSWER))
    if getattr(response, "length", None) and len(body) <= _LARGEST_ANSWER:
        raise IncompleteRead(b"")
    return body


def _network_error(call: _Call, cause: BaseException) -> NetworkError:
    sent = call.request_sent
    if sent is None:
        sent = not isinstance(cause, (socket.gaierror, ConnectionRefusedError, ssl.SSLCertVerificationError))
    host, attempts = call.origin_req_host, max(call.times_sent, 1)
    if isinstance(cause, TimeoutError):
        text = f"no {'complete answer' if sent else 'connection'} from {host} within {call.limit.timeout:g} s"
        return RequestTimeout(text, request_sent=sent, attempts=attempts)
    if isinstance(cause, UnreadableBody):
        text = f"the request could not be sent whole: {cause}"
    else:
        step = "no complete answer from" if sent else "could not connect to"
        text = f"{step} {host}: {str(cause) or type(cause).__name__}"
    if is_certificate_failure(cause):
        text += " (for a private certificate authority, pass ssl_context= or set SSL_CERT_FILE)"
    return NetworkError(text, request_sent=sent, attempts=attempts)


def log(method: str, path: str, outcome: object, begun: float, attempt: int) -> None:
    """A DEBUG line, where the program has imported logging."""
    logging = sys.modules.get("logging")
    if logging:
        milliseconds = (time.monotonic() - begun) * 1000
        logger = logging.getLogger("promptjuggler")
        logger.debug("%s %s: %s in %.0f ms (attempt %d)", method, path, outcome, milliseconds, attempt)


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
        reason = (None if location else response.reason) or responses.get(status, "")
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
