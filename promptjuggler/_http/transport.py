"""The way in: a request is sent through an opener of urllib, its answer is read whole or
as a stream.

An answer that was read to its end gives its connection back to the pool; any other closes
it, so that nothing is left for the next request.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import sys
import urllib.request
from contextlib import closing
from http.client import HTTPMessage
from urllib.error import HTTPError, URLError

from .._arguments import wrong_type
from .._clock import Clock
from .._loading import load
from .._secrets import Secret
from ..errors import ApiError, DecodeError, NetworkError, ValidationError
from .bodies import body_pieces, read_whole, refuse_packed_stream
from .certificates import Trust
from .deadline import CancellableDeadline, Deadline
from .error_answers import (
    LARGEST_ERROR_BODY,
    api_error,
    decode_error,
    problem_of_deletion,
)
from .failures import (
    THE_TOTAL_TIMEOUT,
    add_total_timeout,
    is_final,
    network_errors,
)
from .messages import Reply, Request, Route, UrllibRequest
from .pool import KeepAliveHandler, Pool
from .proxy import Proxy, proxy_of_environment, proxy_of_url
from .sockets import CHUNK_SIZE, is_interim

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from email.message import Message
    from typing import Literal

__all__ = [
    "THE_TOTAL_TIMEOUT",
    "CancellableDeadline",
    "Deadline",
    "Reply",
    "Request",
    "StreamedAnswer",
    "Transport",
    "add_total_timeout",
    "decode_error",
    "is_final",
    "log_attempt",
    "log_delay",
    "problem_of_deletion",
]

# A server may be closing a connection that is idle for longer just now; what must not be
# sent twice does not risk that.
_LONGEST_IDLE_FOR_WHAT_IS_SENT_ONCE = 5.0

# For names of hosts, which getaddrinfo() takes as str, and for what errors say.
_CODECS = ("encodings.idna:getregentry", "encodings.utf_8_sig:getregentry")

_SUCCESS = range(200, 300)
_STREAM_OPENED = range(200, 201)


class Transport:
    """Sends requests to one base URL with one key; any thread may use it.

    base_url     without a trailing slash
    api_key      checked already
    ssl_context  for https; None: one that trusts what the system trusts
    proxy        its URL; False: none; None: that of the environment
    opener       an opener to send through instead of the built-in one; then the two
                 above must be None
    clock        its wall-clock time tells how long connections were idle; None: that of
                 the system

    Raises `ValidationError` for arguments of other types. Clients that `with_options` makes
    share one transport, and so its connections. It can be pickled without `ssl_context` and
    `opener`.
    """

    def __init__(
        self,
        base_url: str,
        api_key: Secret[str],
        ssl_context: ssl.SSLContext | None,
        proxy: Secret[str | Literal[False]] | None,
        opener: urllib.request.OpenerDirector | None,
        clock: Clock | None = None,
    ) -> None:
        _check_types(ssl_context, opener)
        if opener is not None and (ssl_context is not None or proxy is not None):
            raise ValidationError("ssl_context and proxy have no effect with an opener")
        self.base_url = base_url
        self.pool = Pool(clock or Clock())
        self._api_key = api_key
        self._ssl_context = ssl_context
        # As it was given, for a pickle.
        self._proxy_argument = proxy
        self._given_proxy = _checked_proxy(proxy)
        self._follows_environment = proxy is None
        self._opener = opener
        self._kept_alive = urllib.request.OpenerDirector()
        self._kept_alive.add_handler(KeepAliveHandler(self.pool))
        self._trust = Trust(ssl_context)
        # By scheme and host.
        self._routes: dict[tuple[str, str], Route] = {}

    def __reduce__(self) -> tuple[object, ...]:
        if self._ssl_context is not None or self._opener is not None:
            raise TypeError(
                "a PromptJuggler with an ssl_context or an opener cannot be pickled"
            )
        return Transport, (
            self.base_url,
            self._api_key,
            None,
            self._proxy_argument,
            None,
        )

    def send(self, request: Request, deadline: Deadline) -> Reply:
        """Send a request once, and read its answer.

        `deadline` bounds the connect, each send, and the whole answer. Raises `ApiError`,
        `NetworkError`, or `DecodeError` for an answer that is too large.
        """
        url = self.base_url + request.path
        call = UrllibRequest(
            request.method, url, deadline, self._api_key, request.secrets
        )
        with network_errors(call):
            if not request.repeatable:
                call.longest_idle = _LONGEST_IDLE_FOR_WHAT_IS_SENT_ONCE
            if request.body is not None:
                call.data = request.body.value
                call.add_unredirected_header("Content-type", request.content_type)
                call.add_unredirected_header(
                    "Content-length", str(request.content_length)
                )
            with closing(self._open(call, _SUCCESS)) as response:
                body = read_whole(call, response, self._socket_to_bound(response))
                return Reply(call, response.status, response.headers, body)

    def open_stream(
        self,
        url: str,
        token: Secret[str],
        headers: dict[str, str],
        deadline: CancellableDeadline,
    ) -> StreamedAnswer:
        """Send a GET with a token, and give its answer once the head has come.

        `deadline` bounds the connect and the head, and then, as it is set, each read.
        Raises `ApiError` for any other status than 200, `DecodeError` for a stream that is
        packed, or `NetworkError`.
        """
        call = UrllibRequest("GET", url, deadline, token)
        for name, value in headers.items():
            call.add_unredirected_header(name, value)
        with network_errors(call):
            response = self._open(call, _STREAM_OPENED)
            refuse_packed_stream(call, response)
            return StreamedAnswer(call, response, self._socket_to_bound(response))

    def _open(self, call: UrllibRequest, success: range) -> http.client.HTTPResponse:
        """The answer to a request, if its status is one of `success`.

        Raises `ApiError` for any other, or what the standard library raises.
        """
        call.authorize()
        opener = self._opener
        if opener is None:
            opener = self._kept_alive
            self._set_route(call)
        else:
            call.by_opener = True
            load(*_CODECS)
        call.deadline.restart()
        response: http.client.HTTPResponse | None
        try:
            response = opener.open(call, timeout=call.deadline.remaining())
        except HTTPError as error:
            response = _answer_of(call, error)
        except ValueError as error:
            # A handler tried to follow a redirect to what is no URL. The frames of urllib
            # hold an open answer: they go with the traceback.
            raise error.with_traceback(None) from None
        if response is None:
            raise URLError(f"the opener has no handler for {call.type}")
        if response.status not in success:
            with closing(response):
                sock = self._socket_to_bound(response)
                chunks = body_pieces(call, response, sock, LARGEST_ERROR_BODY)
                raise api_error(call, response, chunks)
        return response

    def _socket_to_bound(
        self, response: http.client.HTTPResponse
    ) -> socket.socket | None:
        """The socket of an answer of the caller's opener, so that its reads can be bounded
        one by one. None for our own answers, which do that themselves."""
        return None if self._opener is None else socket_behind(response)

    # Routes

    def _set_route(self, call: UrllibRequest) -> None:
        """Find the way to the host of a request. Raises OSError, or `ValidationError` for
        a wrong proxy in the environment."""
        origin = (call.type, call.host)
        route = self._routes.get(origin)
        if route is None:
            # Of two threads that come here at once, both get the same.
            route = self._routes.setdefault(origin, self._route_to(*origin))
        call.route = route
        if route.authorization is not None and route.tunnel_to is None:
            call.add_unredirected_header(
                "Proxy-authorization", route.authorization.value
            )

    def _route_to(self, scheme: str, host: str) -> Route:
        load("._http.connection:Connection", *_CODECS)
        trust: Trust | None = None
        if scheme == "https":
            trust = self._trust
            # Now, so that the time for it is not that of the connect.
            trust.context()
        proxy = self._given_proxy
        if self._follows_environment:
            proxy = proxy_of_environment(scheme, host)
        if proxy is None:
            return Route(host, trust=trust)
        return Route(
            proxy.address,
            trust=trust,
            tunnel_to=host if trust is not None else None,
            through_proxy=True,
            authorization=proxy.authorization,
            secrets=proxy.secrets,
        )

    def preload(self) -> None:
        """Make what the first request would make. Raises `NetworkError`."""
        if self._opener is None and self.base_url.startswith("https:"):
            try:
                self.context()
            except OSError as error:
                text = f"the context of TLS cannot be made: {error}"
                raise NetworkError(text, request_sent=False) from error

    def context(self) -> ssl.SSLContext:
        """The context of TLS, made when it is first needed. Raises OSError."""
        return self._trust.context()


class StreamedAnswer:
    """An answer that is still coming. One thread reads; any may close it."""

    def __init__(
        self,
        call: UrllibRequest,
        response: http.client.HTTPResponse,
        sock: socket.socket | None,
    ) -> None:
        self._call = call
        self._response = response
        # Of an answer of the caller's opener; our own answers bound their reads.
        self._socket = sock
        if sock is not None:
            call.deadline.watch(sock)

    @property
    def headers(self) -> Message:
        """Those of the answer."""
        return self._response.headers

    def unreadable(
        self, problem: str, begin: Secret[bytes] | None = None
    ) -> DecodeError:
        """The error of an answer that is not what was asked for.

        begin  of its body: the error says what that is
        """
        response = self._response
        body = begin or Secret(b"")
        reply = Reply(self._call, response.status, response.headers, body)
        return decode_error(reply, DecodeError(problem))

    def read(self) -> bytes:
        """What comes next; nothing at the end. Raises `NetworkError`."""
        deadline = self._call.deadline
        deadline.restart()
        with network_errors(self._call):
            if self._socket is not None:
                self._socket.settimeout(deadline.remaining())
            return self._response.read1(CHUNK_SIZE)

    def close(self) -> None:
        """Close the answer, read to its end or not.

        Its connection is closed, too, unless the answer was read to its end.
        """
        self._call.deadline.watch()
        self._response.close()


def _check_types(ssl_context: object, opener: object) -> None:
    if ssl_context is not None and not isinstance(ssl_context, ssl.SSLContext):
        raise wrong_type("ssl_context", "an ssl.SSLContext", ssl_context)
    if opener is not None and not isinstance(opener, urllib.request.OpenerDirector):
        raise wrong_type("opener", "a urllib.request.OpenerDirector", opener)


def _checked_proxy(proxy: Secret[str | Literal[False]] | None) -> Proxy | None:
    """The proxy of the argument; None also where it asks for none."""
    if proxy is None or proxy.value is False:
        return None
    if not isinstance(proxy.value, str):
        raise wrong_type("proxy", "a str or False", proxy.value)
    return proxy_of_url("proxy", Secret(proxy.value))


def _answer_of(call: UrllibRequest, error: HTTPError) -> http.client.HTTPResponse:
    """The answer of an HTTPError, which has all that is used of one."""
    if is_interim(error.code) and isinstance(error.fp, http.client.HTTPResponse):
        _skip_interim(call, error)
    # seam: HTTPError.fp, HTTPError.hdrs. None where a handler raised it without an answer
    # behind it.
    if error.fp is None or error.hdrs is None:
        headers = error.hdrs or HTTPMessage()
        file = error.fp or io.BytesIO()
        error = HTTPError(call.full_url, error.code, error.msg, headers, file)
    return error  # type: ignore[return-value]


def _skip_interim(call: UrllibRequest, error: HTTPError) -> None:
    """Read on, to the answer behind interim ones. Those of 100 are none of them:
    http.client has skipped them already.

    seam: HTTPResponse.headers, HTTPResponse.begin. The second reads the next head where
    the first is None. Raises TimeoutError, or what http.client raises.
    """
    response = error.fp
    assert isinstance(response, http.client.HTTPResponse)
    sock = socket_behind(response)
    try:
        while is_interim(response.status):
            if sock is not None:
                sock.settimeout(call.deadline.remaining())
            response.headers = None  # type: ignore[assignment]
            response.begin()
    except BaseException:
        error.close()
        raise
    # It closes its file when it is gone, so it stays what is handed on.
    error.code = response.status
    error.msg = response.reason
    error.hdrs = error.headers = response.headers


def socket_behind(response: http.client.HTTPResponse) -> socket.socket | None:
    """The socket that an answer of urllib's own handlers is read from, or None.

    seam: HTTPResponse.fp.raw._sock. Nothing public leads to it.
    If it is not found, the reads of an opener's answer have the whole timeout each.
    """
    file = getattr(response, "fp", None)
    # An HTTPError holds the answer as its file.
    file = getattr(file, "fp", None) or file
    sock = getattr(getattr(file, "raw", None), "_sock", None)
    return sock if isinstance(sock, socket.socket) else None


def _logger() -> logging.Logger | None:
    """The logger of the package, if the program uses `logging`.

    None where that is not loaded, or only in part: a signal handler can come amid its
    import.
    """
    get_logger = getattr(sys.modules.get("logging"), "getLogger", None)
    return None if get_logger is None else get_logger("promptjuggler")


def log_delay(method: str, path: str, seconds: float, error: Exception) -> None:
    """An INFO line for the delay before another attempt, after one with this error."""
    logger = _logger()
    if logger is None:
        return
    outcome: object = type(error).__name__
    if isinstance(error, ApiError):
        outcome = error.status_code
    logger.info("%s %s: %s, again in %.1f s", method, path, outcome, seconds)


def log_attempt(
    method: str, path: str, outcome: object, seconds: float, attempt: int
) -> None:
    """A DEBUG line for an attempt, if the program has imported logging.

    outcome   a status, or the name of an error
    seconds   that the attempt took
    """
    logger = _logger()
    if logger is None:
        return
    logger.debug(
        "%s %s: %s in %.0f ms (attempt %d)",
        method,
        path,
        outcome,
        seconds * 1000,
        attempt,
    )
