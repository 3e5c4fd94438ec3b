"""`WaitTimeout`: a wait, or a stream, ran out of time.

It is apart from the other errors, which `errors` has, because it holds a result. Results
raise those: so they stand below the results, and this one above.
"""

from __future__ import annotations

from .errors import PromptJugglerError

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

__all__ = ["WaitTimeout"]


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
