"""The bodies of webhooks. None says which of the four it is: give each kind its own address."""

from dataclasses import dataclass
from uuid import UUID

from .._model import Model
from .knowledge import KnowledgeBaseStatus, KnowledgeDocumentStatus
from .runs import RunStatus


@dataclass(frozen=True, slots=True)
class PromptRunFinished(Model):
    """The body of `promptrun.finished`."""

    id: UUID
    status: RunStatus


@dataclass(frozen=True, slots=True)
class WorkflowRunFinished(Model):
    """The body of `workflowrun.finished`."""

    id: UUID
    status: RunStatus


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentFinished(Model):
    """The body of `knowledgedocument.finished`."""

    id: UUID
    status: KnowledgeDocumentStatus
    chunk_count: int


@dataclass(frozen=True, slots=True)
class KnowledgeBaseFinished(Model):
    """The body of `knowledgebase.finished`."""

    id: UUID
    status: KnowledgeBaseStatus
    document_count: int
    chunk_count: int
