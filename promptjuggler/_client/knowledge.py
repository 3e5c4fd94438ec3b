"""The methods for knowledge bases and their documents."""

from __future__ import annotations

from collections.abc import Iterable

from .. import models
from .._polling import KNOWLEDGE_UNDER_WAY
from . import requests
from .caller import Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    import uuid
else:
    from .._annotations import uuid


class KnowledgeMethods(Caller):
    """Uploads documents, and reads, waits for and deletes them."""

    def get_knowledge_base(self, slug: str) -> models.KnowledgeBaseResponse:
        """A knowledge base and its documents.

        slug  of the knowledge base

        Raises `ApiError` with status 404 where there is none.
        """
        request = requests.knowledge_base(slug)
        return self._call(models.KnowledgeBaseResponse, request)

    def wait_for_knowledge_base(
        self,
        slug: str,
        *,
        timeout: float = 300.0,
        poll_interval: float | None = None,
    ) -> models.KnowledgeBaseResponse:
        """Ask for a knowledge base until its documents are indexed.

        Gives it once its status is neither `pending` nor `sealed`. For the other arguments,
        and what is raised, see `wait_for_prompt_run`.
        """
        request = requests.knowledge_base(slug)
        return self._wait(
            models.KnowledgeBaseResponse,
            request,
            KNOWLEDGE_UNDER_WAY,
            timeout=timeout,
            poll_interval=poll_interval,
        )

    def upload_documents(
        self, slug: str, files: Iterable[models.UploadFile]
    ) -> tuple[models.KnowledgeDocumentResponse, ...]:
        """Upload documents to a knowledge base, which then indexes them.

        slug   of the knowledge base
        files  each is a path, or a tuple of a file name and bytes or a binary file that is
               open and can seek, which is sent from where it is and stays open. Content is
               read in pieces while it is sent, so it takes no memory

        Gives the documents in the same order; `wait_for_knowledge_document` waits until
        one is indexed. An upload that may have arrived is not sent again: it could be
        stored twice.

        Raises the `OSError` of a path that cannot be opened; nothing was sent then.
        """
        request = requests.new_documents(slug, files)
        return self._call(tuple[models.KnowledgeDocumentResponse, ...], request)

    def get_knowledge_document(
        self, document_id: str | uuid.UUID
    ) -> models.KnowledgeDocumentResponse:
        """A document of a knowledge base, as far as it is.

        document_id  as `upload_documents` gives it

        Raises `ApiError` with status 404 where there is none.
        """
        request = requests.knowledge_document(document_id)
        return self._call(models.KnowledgeDocumentResponse, request)

    def wait_for_knowledge_document(
        self,
        document_id: str | uuid.UUID,
        *,
        timeout: float = 300.0,
        poll_interval: float | None = None,
    ) -> models.KnowledgeDocumentResponse:
        """Ask for a document until it is indexed, or cannot be.

        Gives it once its status is neither `pending` nor `sealed`. For the other arguments,
        and what is raised, see `wait_for_prompt_run`.
        """
        request = requests.knowledge_document(document_id)
        return self._wait(
            models.KnowledgeDocumentResponse,
            request,
            KNOWLEDGE_UNDER_WAY,
            timeout=timeout,
            poll_interval=poll_interval,
        )

    def delete_knowledge_document(self, document_id: str | uuid.UUID) -> None:
        """Delete a document of a knowledge base.

        document_id  as `upload_documents` gives it

        Raises `ApiError` with status 404 where there is none; but where an earlier attempt
        of this call reached the server, which may have deleted it, that counts as done.
        """
        self._delete(requests.knowledge_document(document_id, method="DELETE"))
