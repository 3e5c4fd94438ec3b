"""Every error that a public call can raise.

PromptJugglerError
├── ApiError
├── NetworkError
│   └── RequestTimeout (TimeoutError)
├── DecodeError
├── ValidationError (ValueError)
└── WaitTimeout (TimeoutError)

In brackets: the builtin error that it also is. So one `except PromptJugglerError` catches
all of them. `WaitTimeout` is in `waits`, since it holds a result, and results raise the
errors that are here. The standard library's own error, where there is one, is the `__cause__`. Only
a path to upload that cannot be opened raises something else, its `OSError`, before
anything is sent, as does the journal of a batch. All errors can be pickled, with all that
they say.

May the request have been carried out all the same, was a run started that costs money?
`may_have_taken_effect` of every error tells. It is False only where it is certain that
the API did not carry the request out: nothing was sent, or it was refused by an answer
with a status of 3xx, or of 4xx but 408. So this line decides whether to start a run again:

    except PromptJugglerError as error:
        if not error.may_have_taken_effect:
            ...  # start it again
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from email import message as email_message
else:
    from ._annotations import email_message, waits

__all__ = [
    "ApiError",
    "DecodeError",
    "NetworkError",
    "PromptJugglerError",
    "RequestTimeout",
    "ValidationError",
]


class PromptJugglerError(Exception):
    """The base of every error of this package.

    may_have_taken_effect  False only where it is certain that the API did not carry out
                           what was asked for
    """

    def __init__(
        self, message: str = "", *, may_have_taken_effect: bool = True
    ) -> None:
        super().__init__(message)
        self.may_have_taken_effect = may_have_taken_effect


class ApiError(PromptJugglerError):
    """The API, or a server in between, answered with an error status.

    Its text is the `error` of the API's answer, where there is one; else what the body
    says of the error in other forms, or such as `HTTP 502 Bad Gateway`. In it, what was
    sent as a secret is masked, and what cannot be printed is escaped; `body` has neither.

    status_code  the HTTP status, such as 404; None for an error that did not come from an
                 answer
    body         the body of the answer as text, as it came, up to 1 MiB
    headers      those of the answer, found by their names in any case; None for an error
                 that did not come from an answer
    retry_after  seconds after which the server asks to come back; None if it does not
    attempts     how often the request was sent
    method, url  of the request; "" for an error that was not made by one
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        *,
        body: str = "",
        headers: email_message.Message | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
        method: str = "",
        url: str = "",
    ) -> None:
        effect = _may_have_effect(status_code)
        super().__init__(message, may_have_taken_effect=effect)
        self.status_code = status_code
        self.body = body
        self.headers = headers
        self.retry_after = retry_after
        self.attempts = attempts
        self.method = method
        self.url = url
        _note_request(self, status_code)


class NetworkError(PromptJugglerError):
    """There is no complete answer: the connection could not be made, or it broke.

    Its text says which part of the way failed: the proxy, or the host with its address and
    port; what came, if that was no HTTP; and what can be done about a certificate.

    request_sent  False only where it is certain that no byte of the request was sent: the
                  name was not found, the connection refused, or a handshake failed. Then
                  it is safe to send it again
    attempts      how often the request was tried
    method, url   of the request; "" for an error that was not made by one

    A request that may be sent again was: the error is that of the last attempt.
    `may_have_taken_effect` is about all attempts.
    """

    def __init__(
        self,
        message: str,
        *,
        request_sent: bool = True,
        attempts: int = 1,
        method: str = "",
        url: str = "",
    ) -> None:
        super().__init__(message, may_have_taken_effect=request_sent)
        self.request_sent = request_sent
        self.attempts = attempts
        self.method = method
        self.url = url
        _note_request(self)


class RequestTimeout(NetworkError, TimeoutError):
    """The connection, or the answer, took longer than `timeout` or `total_timeout`.

    `request_sent` is False where the time ran out before the connection was made, and True
    where it ran out while the request was sent, or the answer was awaited.
    """


class DecodeError(PromptJugglerError):
    """A document that is not what the API promises.

    Where it is an answer, the API carried the request out. Where it is a document of your
    own, as of `PromptRun.from_json`, nothing was sent.

    path         where in the document, such as `transcript[3].citations[0].url`; "" for
                 the document itself
    status_code  of the answer; None for a document that is none
    body         the document as it came
    headers      of the answer; None for a document that is none
    method, url  of the request; "" for a document that is no answer
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        status_code: int | None = None,
        body: bytes = b"",
        headers: email_message.Message | None = None,
        method: str = "",
        url: str = "",
    ) -> None:
        super().__init__(message, may_have_taken_effect=status_code is not None)
        self.path = path
        self.status_code = status_code
        self.body = body
        self.headers = headers
        self.method = method
        self.url = url
        _note_request(self, status_code)


class ValidationError(PromptJugglerError, ValueError):
    """An argument is wrong; nothing was sent.

    The text names the argument, and what it must be, without the value where that can be a
    secret.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, may_have_taken_effect=False)


def _may_have_effect(status: int | None) -> bool:
    """Whether a request that was answered so may have been carried out.

    A redirect and a refusal are given instead of carrying it out (RFC 9110, 15.4, 15.5).
    A 408 comes from a server, or one in between, that gave up at some point.
    """
    if status is None or status == 408:
        return True
    return not 300 <= status < 500


def _note_request(
    error: ApiError | NetworkError | DecodeError, status: int | None = None
) -> None:
    """Add to tracebacks what the text does not say. Python has notes from 3.11 on.

    status  of the answer; None where there was none
    """
    if not error.method:
        return
    outcome = "" if status is None else f"HTTP {status}: "
    if sys.version_info >= (3, 11):
        error.add_note(f"{outcome}{error.method} {error.url}")


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """`WaitTimeout`, for programs and pickles that have it from here."""
        if name == "WaitTimeout":
            return waits.WaitTimeout
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
