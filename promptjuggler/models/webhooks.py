"""The bodies of webhooks.

No body says which of the four it is, so give each kind an address of its own.
Verify the signature first, then read the very bytes that were verified:

    if not verify_webhook_signature(body, request.headers.get(...), secret):
        ...
    finished = PromptRunFinished.from_json(body)
"""

from dataclasses import dataclass
from uuid import UUID

from .._model import Model
from .enums import KnowledgeBaseStatus, KnowledgeDocumentStatus, RunStatus

__all__ = [
    "KnowledgeBaseFinished",
    "KnowledgeDocumentFinished",
    "PromptRunFinished",
    "WorkflowRunFinished",
]


@dataclass(frozen=True, slots=True, repr=False)
class PromptRunFinished(Model):
    """The body of `promptrun.finished`.

    id      of the run, for `get_prompt_run`
    status  how it ended
    """

    id: UUID
    status: RunStatus


@dataclass(frozen=True, slots=True, repr=False)
class WorkflowRunFinished(Model):
    """The body of `workflowrun.finished`.

    id      of the run, for `get_workflow_run`
    status  how it ended
    """

    id: UUID
    status: RunStatus


@dataclass(frozen=True, slots=True, repr=False)
class KnowledgeDocumentFinished(Model):
    """The body of `knowledgedocument.finished`.

    id           of the document, for `get_knowledge_document`
    status       how it ended
    chunk_count  the number of pieces into which it was cut for the search
    """

    id: UUID
    status: KnowledgeDocumentStatus
    chunk_count: int


@dataclass(frozen=True, slots=True, repr=False)
class KnowledgeBaseFinished(Model):
    """The body of `knowledgebase.finished`.

    id              of the knowledge base
    status          how it ended
    document_count  the number of its documents
    chunk_count     the number of pieces into which they were cut for the search
    """

    id: UUID
    status: KnowledgeBaseStatus
    document_count: int
    chunk_count: int
