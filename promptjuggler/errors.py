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

# Their classes stand below the results, which raise them.
from ._errors import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    RequestTimeout,
    ValidationError,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from . import models

    Waited: TypeAlias = (
        models.PromptRun
        | models.WorkflowRun
        | models.KnowledgeBaseResponse
        | models.KnowledgeDocumentResponse
    )
else:
    from ._annotations import models

__all__ = [
    "ApiError",
    "DecodeError",
    "NetworkError",
    "PromptJugglerError",
    "RequestTimeout",
    "ValidationError",
    "WaitTimeout",
]


class WaitTimeout(PromptJugglerError, TimeoutError):
    """A wait, or a stream, ran out of time. The run goes on: it can be waited for again.

    last  the last result that was seen, which is still under way; None if there was none
    """

    def __init__(
        self,
        message: str,
        *,
        # `Waited` spelled out: that name is there for type checkers alone.
        last: models.PromptRun
        | models.WorkflowRun
        | models.KnowledgeBaseResponse
        | models.KnowledgeDocumentResponse
        | None = None,
    ) -> None:
        super().__init__(message)
        self.last = last
