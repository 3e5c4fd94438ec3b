"""What goes wrong, in our errors: the one place that maps the standard library's errors,
error statuses, and answers that cannot be read, to those of the package.

Every text here is `masked` and `printable`: rule 5 of _secrets.py.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
from http.client import HTTPException, IncompleteRead
from urllib.error import URLError
from urllib.parse import urljoin

from .._secrets import Secret, printable
from ..errors import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    RequestTimeout,
)
from .certificates import advice_about_certificate, is_certificate_failure
from .exceptions import AddressError, NotHttp, TunnelRefused, UnreadableBody
from .messages import Reply, Stage, UrllibRequest
from .retry_after import retry_after_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_ERROR_BODY = 2**20
"""So many bytes of the body of an error are read, and no more."""

_LONGEST_MESSAGE = 1000
_LONGEST_QUOTE = 60

# The other side speaks no TLS, or not a version of it that we do.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})
_OLD_TLS = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
)


class network_errors:  # noqa: N801  # read as a statement: `with network_errors(request):`
    """Within it, what the standard library raises for a request becomes a `NetworkError`.

    Three families: URLError and OSError, HTTPException, and the ValueErrors of bodies
    and of framing. A class, and not a generator: that would cost 2 µs of each call.
    """

    __slots__ = ("_request",)

    def __init__(self, request: UrllibRequest) -> None:
        self._request = request

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: object
    ) -> None:
        if error is None or isinstance(error, PromptJugglerError):
            return
        # Rule 4 of _secrets.py: the frames of http.client hold the key, also where an
        # exception of a signal handler passes through them.
        if not isinstance(error, (OSError, HTTPException, ValueError)):
            raise error.with_traceback(None)
        cause = _without_secrets(error)
        raise _network_error(self._request, error, cause) from cause


def is_final(error: PromptJugglerError) -> bool:
    """Whether another attempt would certainly fail in the same way.

    Of certificates, of a proxy that wants another password, of what speaks no HTTP or no
    TLS: trying again cannot help, and locks accounts.
    """
    cause = error.__cause__
    if is_certificate_failure(cause) or isinstance(cause, NotHttp):
        return True
    if isinstance(cause, ssl.SSLError):
        return cause.reason in _NO_TLS or cause.reason in _OLD_TLS
    return isinstance(cause, TunnelRefused) and cause.status in (401, 403, 407)


def _without_secrets(error: BaseException) -> BaseException:
    """The error of the standard library that is behind another, as a cause: its frames,
    and the documents that it holds, would show what is secret."""
    cause = error
    if isinstance(cause, URLError) and isinstance(cause.reason, BaseException):
        cause = cause.reason
    if isinstance(cause, AddressError):
        cause = cause.failure
    if isinstance(cause, IncompleteRead):
        cause = IncompleteRead(b"", cause.expected)
    cause.__context__ = None
    return cause.with_traceback(None)


def _network_error(
    request: UrllibRequest, error: BaseException, cause: BaseException
) -> NetworkError:
    """The error of a request that has no complete answer.

    error  what was raised; it can be one of our own exceptions
    cause  what is behind it, of the standard library
    """
    kind = NetworkError
    sent = _may_have_been_sent(request, cause)
    if isinstance(cause, TimeoutError):
        kind = RequestTimeout
        failed = _what_failed(request, error, sent, verb="no connection to")
        text = f"{failed} within {request.deadline.seconds:g} s"
    elif isinstance(error, UnreadableBody):
        text = f"the request could not be sent whole: {error}"
    else:
        failed = _what_failed(request, error, sent, verb="could not connect to")
        said = str(cause) or type(cause).__name__
        text = f"{failed}: {said}{_advice(request, cause)}"
    return kind(
        _clean(request, text),
        request_sent=sent,
        attempts=request.times_sent or 1,
        method=request.get_method(),
        url=request.shown_url,
    )


def _may_have_been_sent(request: UrllibRequest, cause: BaseException) -> bool:
    """False only where it is certain that no byte of the request left."""
    if request.route is not None:
        return request.times_sent > 0
    # With an opener of the caller we did not see the connect: the kind of error tells.
    before_sending = (
        socket.gaierror,
        ConnectionRefusedError,
        ssl.SSLCertVerificationError,
    )
    return not isinstance(cause, before_sending)


def _what_failed(
    request: UrllibRequest, error: BaseException, sent: bool, *, verb: str
) -> str:
    """Which part of the way failed: the answer, the proxy, or the way to the host."""
    host = request.host_and_port
    route = request.route
    if sent:
        return f"no complete answer from {host}"
    if route is not None and route.through_proxy:
        proxy = f"the proxy {route.address} (for {host})"
        if request.stage == Stage.CONNECT:
            return f"{verb} {proxy}"
        if request.stage == Stage.TUNNEL:
            return f"no tunnel through {proxy}"
    if isinstance(error, AddressError) and error.address != host:
        return f"{verb} {host} ({error.address})"
    return f"{verb} {host}"


def _advice(request: UrllibRequest, cause: BaseException) -> str:
    """What can be done about a failure, in brackets; "" where there is nothing to say."""
    if is_certificate_failure(cause):
        trust = request.route.trust if request.route is not None else None
        return advice_about_certificate(cause, trust)
    if not isinstance(cause, ssl.SSLError):
        return ""
    if cause.reason in _NO_TLS:
        return " (the server speaks no TLS there: is the URL to begin with http://?)"
    if cause.reason in _OLD_TLS:
        return " (the server speaks no TLS that is at least version 1.2)"
    return ""


def _clean(request: UrllibRequest, text: str) -> str:
    """Rule 5 of _secrets.py."""
    return printable(request.secrets.masked(text))


# Answers with an error status


def api_error(
    request: UrllibRequest,
    response: http.client.HTTPResponse,
    chunks: Iterable[bytes],
) -> ApiError:
    """The error of an answer with an error status; `chunks` are those of its body.

    Raises TimeoutError where the body does not come in time.
    """
    content, is_cut = _read_as_far_as_possible(chunks)
    body = content.decode("utf-8-sig", "replace")
    message = "" if is_cut else _message_of(body)
    if not message:
        message = _status_text(request, response)
        if is_cut:
            message += f" (its body was cut off after {len(content)} bytes)"
    return ApiError(
        _clean(request, message),
        response.status,
        body=body,
        headers=response.headers,
        retry_after=retry_after_seconds(response.headers),
        attempts=request.times_sent or 1,
        method=request.get_method(),
        url=request.shown_url,
    )


def _read_as_far_as_possible(chunks: Iterable[bytes]) -> tuple[bytes, bool]:
    """The body of an error, or its beginning, and whether it was cut off."""
    body = io.BytesIO()
    is_cut = False
    try:
        body.writelines(chunks)
    except TimeoutError:
        raise
    except (OSError, HTTPException, ValueError):
        is_cut = True  # The status says what matters.
    return body.getvalue(), is_cut


def _message_of(body: str) -> str:
    """What a body says of its error: the `error` of the API exactly, or what gateways and
    other servers say in its place; "" where there is no such text."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return _plain_message_of(body)
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        return str(document["error"])
    return _text_in(document)[:_LONGEST_MESSAGE]


def _plain_message_of(body: str) -> str:
    """The first line of a plain text. A page of HTML says little in its first line."""
    text = body.strip()
    if text.startswith(("<", "{", "[")):
        return ""
    return text.partition("\n")[0].rstrip()[:_LONGEST_MESSAGE]


_NAMES_OF_TEXTS = ("error", "message", "detail", "title", "errors")
_DEEPEST = 3


def _text_in(value: object, depth: int = 0) -> str:
    """The text of an error in one of the forms that servers use (RFC 9457 is one)."""
    if isinstance(value, str):
        return value
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        texts = [_text_in(item, depth + 1) for item in value[:10]]
        return "; ".join(text for text in texts if text)
    if isinstance(value, dict):
        for name in _NAMES_OF_TEXTS:
            text = _text_in(value.get(name), depth + 1)
            if text:
                return text
    return ""


def _status_text(request: UrllibRequest, response: http.client.HTTPResponse) -> str:
    """`HTTP 502 Bad Gateway`; for a redirect with where it leads to."""
    status = response.status
    target = response.headers.get("Location") if 300 <= status < 400 else None
    # urllib's redirect handler replaces the reason of a redirect by a long text.
    reason = "" if target else response.reason
    text = f"HTTP {status} {reason or http.client.responses.get(status, '')}".rstrip()
    if target:
        try:
            target = urljoin(request.full_url, target)
        except ValueError:
            pass  # It is no URL: it is shown as it is.
        text += f": redirects are not followed, this one leads to {target}"
    return text


# Answers that cannot be read


def decode_error(reply: Reply, problem: DecodeError) -> DecodeError:
    """The error of an answer, from that of its document."""
    text = str(problem)
    if problem.path:
        text += _what_it_says(reply)
    elif reply.body.value:
        url = reply.request.shown_url
        text += f"; it is {_kind_of(reply)}, {reply.status}, from {url}"
    return DecodeError(
        _clean(reply.request, text),
        path=problem.path,
        status_code=reply.status,
        body=reply.body.value,
        headers=reply.headers,
        method=reply.request.get_method(),
        url=reply.request.shown_url,
    )


def _what_it_says(reply: Reply) -> str:
    """The text of an error that came with a status of success."""
    said = ""
    try:
        # Rule 2 of _secrets.py.
        said = _text_in(json.loads(reply.body.value))
    except (ValueError, RecursionError):
        pass
    return f" (the answer says: {said[:_LONGEST_MESSAGE]})" if said else ""


def _kind_of(reply: Reply) -> str:
    """What an answer is that should be JSON, and how it begins."""
    begin = Secret(reply.body.value[: 4 * _LONGEST_QUOTE].decode("utf-8", "replace"))
    kind = reply.headers.get_content_type() if reply.headers else "text"
    if (
        begin.value.lstrip("\ufeff \t\r\n")
        .lower()
        .startswith(("<!doctype html", "<html"))
    ):
        return f"an HTML page ({_quoted(begin)})"
    return f"{kind} ({_quoted(begin)})"


def _quoted(text: Secret[str]) -> str:
    shown = " ".join(text.value.split())
    if len(shown) > _LONGEST_QUOTE:
        shown = shown[:_LONGEST_QUOTE] + "..."
    return f"{shown!r}"
