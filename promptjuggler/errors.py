"""Every error that a public call can raise.

PromptJugglerError
├── ApiError
├── NetworkError
│   └── RequestTimeout (TimeoutError)
├── DecodeError
├── ValidationError (ValueError)
└── WaitTimeout (TimeoutError)

In brackets: the builtin error that it also is. So one `except PromptJugglerError` catches
all of them. The standard library's own error, where there is one, is the `__cause__`. Only
a path to upload that cannot be opened raises something else, its `OSError`, before
anything is sent. All errors can be pickled, with all that they say.

Was a run started that will cost money? After a `ValidationError`, no. After a
`NetworkError`, `request_sent` tells. After an `ApiError` with a `status_code` from 400 to
499, no; from 500 on, perhaps. After a `DecodeError` of an answer, yes.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from email.message import Message
    from typing import TypeAlias

    from .models.knowledge import KnowledgeBaseResponse, KnowledgeDocumentResponse
    from .models.prompt_runs import PromptRun
    from .models.workflow_runs import WorkflowRun

    Waited: TypeAlias = (
        PromptRun | WorkflowRun | KnowledgeBaseResponse | KnowledgeDocumentResponse
    )

__all__ = [
    "ApiError",
    "DecodeError",
    "NetworkError",
    "PromptJugglerError",
    "RequestTimeout",
    "ValidationError",
    "WaitTimeout",
]


class PromptJugglerError(Exception):
    """The base of every error of this package."""


class ApiError(PromptJugglerError):
    """The API answered with another status than 2xx.

    Its text is the server's own `error`, or such as `HTTP 502 Bad Gateway`.

    status_code  the HTTP status, such as 404
    body         the body of the answer as text, up to 1 MiB
    headers      those of the answer, found by their names in any case; None for an error
                 that did not come from an answer
    retry_after  seconds after which the server asks to come back; None if it does not
    attempts     how often the request was sent
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
    """There is no complete answer: the connection could not be made, or it broke.

    request_sent  False only where it is certain that no byte of the request was sent: the
                  name was not found, the connection refused, or a handshake failed. Then
                  it is safe to send it again
    attempts      how often the request was tried

    A request that may be sent again was: the error is that of the last attempt.
    """

    def __init__(
        self, message: str, *, request_sent: bool = True, attempts: int = 1
    ) -> None:
        super().__init__(message)
        self.request_sent = request_sent
        self.attempts = attempts


class RequestTimeout(NetworkError, TimeoutError):
    """The connection, or the answer, took longer than `timeout` of the client.

    `request_sent` is False where the time ran out before the connection was made, and True
    where it ran out while the answer was awaited.
    """


class DecodeError(PromptJugglerError):
    """A document that is not what the API promises.

    Where it is an answer, the API carried the request out.

    path         where in the document, such as `transcript[3].citations[0].url`; "" for
                 the document itself
    status_code  of the answer; None for a document that is none
    body         the document as it came
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        status_code: int | None = None,
        body: bytes = b"",
    ) -> None:
        super().__init__(message)
        self.path = path
        self.status_code = status_code
        self.body = body


class ValidationError(PromptJugglerError, ValueError):
    """An argument is wrong; nothing was sent. The text names the argument, and what it
    must be, without the value where that can be a secret."""


class WaitTimeout(PromptJugglerError, TimeoutError):
    """A wait, or a stream, ran out of time. The run goes on: it can be waited for again.

    last  the last result that was seen, which is still under way; None if there was none
    """

    def __init__(self, message: str, *, last: Waited | None = None) -> None:
        super().__init__(message)
        self.last = last
