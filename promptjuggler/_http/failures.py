"""What goes wrong, in our errors: the one place that maps the standard library's errors,
and error statuses, to those of the package."""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
import urllib.request
from datetime import timezone
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.error import URLError
from urllib.parse import urljoin

from ..errors import ApiError, NetworkError, PromptJugglerError, RequestTimeout
from .connection import UnreadableBody
from .messages import UrllibRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message

LARGEST_ERROR_BODY = 2**20
"""So many bytes of the body of an error are read, and no more."""


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
        if isinstance(error, PromptJugglerError):
            return
        if not isinstance(error, (OSError, HTTPException, ValueError)):
            return
        # Rule 4 of _secrets.py: the frames of http.client hold the key.
        cause: BaseException = error.with_traceback(None)
        if isinstance(error, URLError) and isinstance(error.reason, BaseException):
            cause = error.reason.with_traceback(None)
        raise _network_error(self._request, cause) from cause


def _network_error(request: UrllibRequest, cause: BaseException) -> NetworkError:
    """The error of a request that has no complete answer."""
    kind = NetworkError
    sent = _may_have_been_sent(request, cause)
    host = _host_of(request)
    if isinstance(cause, TimeoutError):
        kind = RequestTimeout
        awaited = "complete answer" if sent else "connection"
        text = f"no {awaited} from {host} within {request.deadline.seconds:g} s"
    else:
        text = f"could not connect to {host}"
        if sent:
            text = f"no complete answer from {host}"
        if isinstance(cause, UnreadableBody):
            text = "the request could not be sent whole"
        text += f": {str(cause) or type(cause).__name__}"
        if is_certificate_failure(cause):
            text += (
                " (for a private certificate authority,"
                " pass ssl_context= or set SSL_CERT_FILE)"
            )
    return kind(text, request_sent=sent, attempts=request.times_sent or 1)


def _may_have_been_sent(request: UrllibRequest, cause: BaseException) -> bool:
    """False only where it is certain that no byte of the request left."""
    if not request.by_opener:
        return request.times_sent > 0
    # With an opener of the caller we did not see the connect: the kind of error tells.
    before_sending = (
        socket.gaierror,
        ConnectionRefusedError,
        ssl.SSLCertVerificationError,
    )
    return not isinstance(cause, before_sending)


def _host_of(request: UrllibRequest) -> str:
    """The host of a request without its port; an IPv6 address in brackets."""
    return urllib.request.Request(request.full_url).origin_req_host


def is_certificate_failure(error: BaseException | None) -> bool:
    """Whether one side did not trust the other: sending again cannot help."""
    if not isinstance(error, ssl.SSLError):
        return False
    reason = str(error)
    return "CERTIFICATE" in reason or "UNKNOWN_CA" in reason


def api_error(
    request: UrllibRequest,
    response: http.client.HTTPResponse,
    chunks: Iterable[bytes],
) -> ApiError:
    """The error of an answer with an error status; `chunks` are those of its body.

    Raises TimeoutError where the body does not come in time.
    """
    text = _read_as_far_as_possible(chunks).decode("utf-8", "replace")
    status = response.status
    return ApiError(
        _message_of(text) or _status_text(request, response),
        status,
        body=text,
        headers=response.headers,
        retry_after=retry_after_seconds(response.headers),
        attempts=request.times_sent or 1,
    )


def _read_as_far_as_possible(chunks: Iterable[bytes]) -> bytes:
    """The body of an error, or its beginning: the status says what matters."""
    body = io.BytesIO()
    try:
        body.writelines(chunks)
    except TimeoutError:
        raise
    except (OSError, HTTPException, ValueError):
        pass
    return body.getvalue()


def _message_of(body: str) -> str:
    """The text that the API gives for an error, or "" for a body that is not the API's."""
    try:
        message = json.loads(body)["error"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return ""
    return message if isinstance(message, str) else ""


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


def retry_after_seconds(headers: Message) -> float | None:
    """The seconds that a Retry-After asks for: a number or a date (RFC 9110, 10.2.3).

    None where there is none that makes sense.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:10])
    try:
        moment = parsedate_to_datetime(value)
        if moment.tzinfo is None:
            # One of the three forms has no zone: all are UTC (RFC 9110, 5.6.7).
            moment = moment.replace(tzinfo=timezone.utc)
        return max(moment.timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None
