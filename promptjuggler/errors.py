"""Every error that a public call can raise.

PromptJugglerError
├── ApiError
├── NetworkError
│   └── RequestTimeout (TimeoutError)
├── DecodeError
├── ValidationError (ValueError)
└── WaitTimeout (TimeoutError)

In brackets: the builtin that it also is. `__cause__`: the standard library's own error. Only a path to upload that
cannot be opened raises another, `OSError`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from email.message import Message


class PromptJugglerError(Exception):
    """The base of every error of this package."""


class ApiError(PromptJugglerError):
    """The API answered with another status than 2xx.

    The text is the server's own `error`, or such as `HTTP 502 Bad Gateway`. `headers`: names in any case.
    `retry_after`: seconds to wait, as the server asks. `attempts`: how often the request was sent.
    """

    def __init__(
        self,
        message: str,
        status_code: int | None = None,
        *,
        body: str = "",
        headers: Message | None = None,
        retry_after: float | None = None,
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.body = body
        self.headers = headers
        self.retry_after = retry_after
        self.attempts = attempts


class NetworkError(PromptJugglerError):
    """No complete answer: the connection could not be made, or it broke.

    `request_sent`: False only where no byte of the request was sent: it is safe to try again. `attempts`: how often the
    request was tried.
    """

    def __init__(self, message: str, *, request_sent: bool = True, attempts: int = 1) -> None:
        super().__init__(message)
        self.request_sent = request_sent
        self.attempts = attempts


class RequestTimeout(NetworkError, TimeoutError):
    """The connection or the answer took over `timeout` seconds."""


class DecodeError(PromptJugglerError):
    """A document that is not what the API promises. Where it is an answer, the request was carried out.

    `path`: where, such as `transcript[3].citations[0].url`. `status_code`: of the answer, if any. `body`: as
    it came.
    """

    def __init__(self, message: str, *, path: str = "", status_code: int | None = None, body: bytes = b"") -> None:
        super().__init__(message)
        self.path = path
        self.status_code = status_code
        self.body = body


class ValidationError(PromptJugglerError, ValueError):
    """An argument is wrong; nothing was sent."""


class WaitTimeout(PromptJugglerError, TimeoutError):
    """A wait ran out of time; the run goes on. `last`: the last result, if any."""

    def __init__(self, message: str, *, last: object = None) -> None:
        super().__init__(message)
        self.last = last
