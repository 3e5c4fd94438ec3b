"""What goes wrong on the way, in our errors: the one place that maps the errors of the
standard library to those of the package.
"""

from __future__ import annotations

import re
import socket
import ssl
import sys
from http.client import (
    BadStatusLine,
    HTTPException,
    IncompleteRead,
    LineTooLong,
    RemoteDisconnected,
    UnknownProtocol,
)

from .._loading import FAILURES_OF_LOADING
from ..errors import (
    ApiError,
    NetworkError,
    PromptJugglerError,
    RequestTimeout,
)
from .causes import cause_of, reason_of, scrub
from .certificates import advice_about_certificate, is_certificate_failure
from .exceptions import AddressError, NotHttp, TunnelRefused, UnreadableBody
from .messages import (
    PROXY_WANTS_PASSWORD,
    SERVER_SPEAKS_TLS,
    Stage,
    UrllibRequest,
)

# The other side speaks no TLS, or not a version of it that we do.
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL"})
_OLD_TLS = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
)

# How a proxy answers a CONNECT whose user or password it does not know.
_OTHER_PASSWORD = (401, PROXY_WANTS_PASSWORD)

# What http.client raises, also under an opener of the caller, for what is no HTTP/1.
_NO_HTTP = (NotHttp, BadStatusLine, LineTooLong, UnknownProtocol)

# How an answer of a server begins that speaks TLS: an alert, or a handshake (RFC 8446,
# 5.1). As `scrub` has made it printable.
_TLS_RECORD = r"\\x1[56]\\x03\\x0[0-4]"

_LONGEST_QUOTE = 60


class network_errors:  # noqa: N801  # read as a statement: `with network_errors(call):`
    """Within it, what the standard library raises for a request becomes a `NetworkError`.

    Four families: URLError and OSError, HTTPException, the ValueErrors of bodies and of
    framing, and the EOFError of what reads in an opener of the caller. Whatever else
    passes through it, such as an exception of a signal handler, stays what
    it is, but holds nothing secret afterwards (rule 4 of _secrets.py).

    A class, and not a generator: that would cost 2 µs of each call.
    """

    __slots__ = ("_call", "_handled")

    def __init__(self, call: UrllibRequest) -> None:
        self._call = call
        self._handled: BaseException | None = None

    def __enter__(self) -> None:
        # What the caller is handling just now is none of ours, see `scrub`.
        self._handled = sys.exc_info()[1]

    def __exit__(
        self, kind: object, error: BaseException | None, traceback: object
    ) -> None:
        if error is None or isinstance(error, PromptJugglerError):
            return
        scrub(error, self._call.secrets, self._handled)
        if isinstance(error, (OSError, HTTPException, ValueError, EOFError)):
            reason = reason_of(error)
            cause = cause_of(reason)
            # The `__cause__`. Of a file that is uploaded, it is what the file raised.
            shown = cause.__cause__ if isinstance(cause, UnreadableBody) else cause
            raise _network_error(self._call, reason, cause) from shown
        try:
            raise error
        finally:
            del error  # It would keep itself alive: its traceback holds this frame.


def is_final(error: PromptJugglerError) -> bool:
    """Whether another attempt would certainly fail in the same way.

    Of certificates, of a proxy that wants another password, of what speaks no HTTP or no
    TLS: trying again cannot help, and locks accounts.
    """
    if isinstance(error, ApiError):
        return error.status_code == PROXY_WANTS_PASSWORD
    if not isinstance(error, NetworkError):
        return False  # An answer that cannot be read may be that of a gateway.
    cause = error.__cause__
    if isinstance(cause, RemoteDisconnected):
        return False  # Nothing came at all; http.client counts it as a bad answer.
    if is_certificate_failure(cause) or isinstance(cause, _NO_HTTP):
        return True
    if isinstance(cause, FAILURES_OF_LOADING):
        return True
    if isinstance(cause, ValueError):
        # Under an opener of the caller, a handler tried to follow a redirect to what is no
        # URL. No ApiError can be made of it: nothing public leads to that answer.
        return True
    if isinstance(cause, ssl.SSLError):
        return _reason_of_tls(cause) in _NO_TLS | _OLD_TLS
    return _status_of_refusal(cause) in _OTHER_PASSWORD


def _status_of_refusal(cause: BaseException | None) -> int | None:
    """By which status a proxy did not make a tunnel; None where that is not the failure."""
    if isinstance(cause, TunnelRefused):
        return cause.status
    # seam: HTTPConnection._tunnel. Under an opener of the caller, http.client says it in
    # words, and nowhere else.
    match = re.match(r"Tunnel connection failed: (\d{3})\b", str(cause))
    return int(match[1]) if match and isinstance(cause, OSError) else None


def _network_error(
    call: UrllibRequest, reason: BaseException, cause: BaseException
) -> NetworkError:
    """The error of a request that has no complete answer.

    reason  what was raised, by the standard library or by us: it says what failed
    cause   what is behind it, as `cause_of` has it: it says why
    """
    kind = NetworkError
    sent = _may_have_been_sent(call, cause)
    if isinstance(cause, TimeoutError):
        kind = RequestTimeout
        failed = _what_failed(call, reason, sent, if_not_sent="no connection to")
        limit = call.deadline.limit
        text = f"{failed} within {limit:g} s" if limit else f"{failed} in time"
    elif isinstance(reason, UnreadableBody):
        text = f"the request could not be sent whole: {reason}"
    else:
        failed = _what_failed(call, reason, sent, if_not_sent="could not connect to")
        text = f"{failed}: {_said_by(cause)}{_advice(call, cause)}"
    return kind(
        call.clean(text),
        request_sent=sent,
        attempts=call.times_sent or 1,
        method=call.get_method(),
        url=call.shown_url,
    )


def _said_by(cause: BaseException) -> str:
    """What an error says, and how the answer began that is none."""
    if isinstance(cause, IncompleteRead):
        return "it was cut off"
    text = str(cause) or type(cause).__name__
    if isinstance(cause, NotHttp) and cause.came:
        # `scrub` has masked it, so it may be cut here.
        text += f": '{cause.came[:_LONGEST_QUOTE]}'"
    return text


TOTAL_TIMEOUT = "total_timeout="
THE_TOTAL_TIMEOUT = "the total_timeout of the client"
"""How texts name that argument. Who calls the command line has an option instead, as
`_cli/advice.py` says."""


def add_total_timeout(error: ApiError | NetworkError, seconds: float) -> None:
    """Say in an error that `total_timeout` ended the attempts, and how many there were.

    The text of an `ApiError` stays that of the server: there, it is a note.
    """
    times = "attempt" if error.attempts == 1 else "attempts"
    text = f"{TOTAL_TIMEOUT}{seconds:g} s ended it after {error.attempts} {times}"
    if isinstance(error, NetworkError):
        error.args = (f"{error}; {text}",)
    elif sys.version_info >= (3, 11):
        error.add_note(text)


def _may_have_been_sent(call: UrllibRequest, cause: BaseException) -> bool:
    """False only where it is certain that no byte of the request left."""
    if not call.by_opener:
        return call.times_sent > 0
    # With an opener of the caller we did not see the connect: the kind of error tells.
    before_sending = (
        socket.gaierror,
        ConnectionRefusedError,
        ssl.SSLCertVerificationError,
    )
    return not isinstance(cause, before_sending)


def _what_failed(
    call: UrllibRequest, reason: BaseException, sent: bool, *, if_not_sent: str
) -> str:
    """Which part of the way failed: the answer, the proxy, or the way to the host.

    if_not_sent  what stands before the host, or the proxy, that was not reached
    """
    host = call.host_and_port
    route = call.route
    through = ""
    if route is not None and route.through_proxy:
        proxy = f"the proxy {route.address}"
        if not sent and call.stage == Stage.CONNECT:
            return f"{if_not_sent} {proxy} (for {call.host})"
        if not sent and call.stage == Stage.TUNNEL:
            return f"no tunnel through {proxy} (for {call.host})"
        through = f" (through {proxy})"
    if sent:
        return f"no complete answer from {host}{through}"
    if isinstance(reason, AddressError) and reason.address != host:
        return f"{if_not_sent} {host} ({reason.address})"
    return f"{if_not_sent} {host}{through}"


def _advice(call: UrllibRequest, cause: BaseException) -> str:
    """What can be done about a failure, in brackets; "" where there is nothing to say."""
    if call.type == "http" and isinstance(cause, ConnectionResetError):
        return _advice_about_plain_http(call)
    if is_certificate_failure(cause):
        trust = call.route.trust if call.route is not None else None
        return advice_about_certificate(cause, trust)
    came = cause.came if isinstance(cause, NotHttp) else str(cause)
    if isinstance(cause, _NO_HTTP) and re.match(_TLS_RECORD, came):
        return SERVER_SPEAKS_TLS
    if not isinstance(cause, ssl.SSLError):
        return ""
    reason = _reason_of_tls(cause)
    if reason in _NO_TLS:
        return " (the server speaks no TLS there: is the URL to begin with http://?)"
    if reason in _OLD_TLS:
        return " (no version of TLS in common: here, it must be at least 1.2)"
    return ""


def _advice_about_plain_http(call: UrllibRequest) -> str:
    """For a server that hung up without an answer, as many do that speak TLS alone."""
    route = call.route
    if route is None or route.through_proxy or call.stage != Stage.ANSWER:
        return ""
    return " (if it speaks TLS alone, the URL must begin with https://)"


def _reason_of_tls(cause: ssl.SSLError) -> str:
    """OpenSSL's name for a failure; one that was made in Python has none."""
    return getattr(cause, "reason", None) or ""
