"""Knowledge bases and their documents."""

from dataclasses import dataclass
from uuid import UUID

from .._model import Model
from .enums import KnowledgeBaseStatus, KnowledgeDocumentStatus

__all__ = [
    "KnowledgeBaseResponse",
    "KnowledgeDocumentResponse",
    "KnowledgeDocumentSummary",
]


@dataclass(frozen=True, slots=True, repr=False)
class KnowledgeDocumentResponse(Model):
    """A document of a knowledge base.

    id           of the document, for `get_knowledge_document`
    status       how far it is
    file_name    as it was uploaded
    bytes        the size of the file
    chunk_count  the number of pieces into which it was cut for the search
    """

    id: UUID
    status: KnowledgeDocumentStatus
    file_name: str
    bytes: int
    chunk_count: int


@dataclass(frozen=True, slots=True, repr=False)
class KnowledgeDocumentSummary(Model):
    """A document as its knowledge base lists it.

    id         of the document, for `get_knowledge_document`
    status     how far it is
    file_name  as it was uploaded
    bytes      the size of the file
    mime_type  what is in it, such as `application/pdf`
    """

    id: UUID
    status: KnowledgeDocumentStatus
    file_name: str
    bytes: int
    mime_type: str


@dataclass(frozen=True, slots=True, repr=False)
class KnowledgeBaseResponse(Model):
    """A knowledge base and its documents.

    id              of the knowledge base
    status          whether it can be searched
    document_count  the number of its documents
    chunk_count     the number of pieces into which they were cut for the search
    documents       the documents
    """

    id: UUID
    status: KnowledgeBaseStatus
    document_count: int
    chunk_count: int
    documents: tuple[KnowledgeDocumentSummary, ...]
