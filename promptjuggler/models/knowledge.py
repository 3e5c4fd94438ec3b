"""Knowledge bases and their documents."""

from dataclasses import dataclass
from uuid import UUID

from .._model import Model
from .._enums import OpenEnum


class KnowledgeBaseStatus(OpenEnum):
    """Whether a knowledge base can be searched."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class KnowledgeDocumentStatus(OpenEnum):
    """How far a document is; pending and sealed are under way."""

    PENDING = "pending"
    SEALED = "sealed"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentResponse(Model):
    """A document. `bytes`: its size."""

    id: UUID
    status: KnowledgeDocumentStatus
    file_name: str
    bytes: int
    chunk_count: int


@dataclass(frozen=True, slots=True)
class KnowledgeDocumentSummary(Model):
    """A document as its knowledge base lists it. `bytes`: its size."""

    id: UUID
    status: KnowledgeDocumentStatus
    file_name: str
    bytes: int
    mime_type: str


@dataclass(frozen=True, slots=True)
class KnowledgeBaseResponse(Model):
    """A knowledge base and its documents."""

    id: UUID
    status: KnowledgeBaseStatus
    document_count: int
    chunk_count: int
    documents: tuple[KnowledgeDocumentSummary, ...]
