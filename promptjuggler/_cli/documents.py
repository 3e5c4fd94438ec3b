"""The commands about knowledge bases and their documents, but for those that wait."""

from __future__ import annotations

import os
import time

from .demo import upload_document
from .exits import WRONG_USAGE, Stop
from .files import FileToUpload
from .output import print_json
from .results import FINE_KNOWLEDGE, require_fine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import KnowledgeDocumentResponse, PromptJuggler, UploadFile
    from .session import Session


def get_knowledge_base(session: Session) -> None:
    """Print a knowledge base; one that has failed ends the command so."""
    slug = session.args.slug
    base = session.connect().get_knowledge_base(slug)
    print_json(base.to_dict())
    require_fine(session, f"knowledge base {slug}", base.status, FINE_KNOWLEDGE)


def upload_documents(session: Session) -> None:
    """Upload files, in a terminal with a bar; print the new documents.

    With `--wait` as they are when all of them are indexed.
    """
    args = session.args
    if args.wait_timeout is not None and not args.wait:
        raise Stop(WRONG_USAGE, "--wait-timeout needs --wait")
    client = session.connect()
    files = [_opened(path) for path in args.files]
    for file in files:
        session.closing.callback(file.close)
    total = sum(file.size for file in files)

    def text_after(seconds: float) -> str:
        done = sum(file.tell() for file in files)
        bar = "#" * (20 * done // (total or 1))
        rate = done / (seconds or 1)
        return f"[{bar:-<20}] {done:,} of {total:,} bytes, {rate:,.0f} a second"

    # It has what an upload uses, and not all that a file of Python has.
    named: list[UploadFile] = [(file.name, file) for file in files]  # type: ignore[misc]
    session.progress.begin()
    documents = session.with_progress(
        text_after, lambda: client.upload_documents(args.slug, named)
    )
    ids = ", ".join(str(document.id) for document in documents)
    session.began(f"uploaded as {ids}", "wait-knowledge-base", args.slug)
    if args.wait:
        documents = _wait_for_all(session, client, documents)
    print_json([document.to_dict() for document in documents])
    for document in documents:
        what = f"document {document.id}"
        require_fine(session, what, document.status, FINE_KNOWLEDGE)


def _opened(path: str) -> FileToUpload:
    """A file to upload. Raises `Stop` and `OSError`."""
    if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        # A named pipe would wait for somebody to write.
        raise Stop(WRONG_USAGE, f"{path} is not a regular file")
    return FileToUpload(path)


def _wait_for_all(
    session: Session,
    client: PromptJuggler,
    documents: tuple[KnowledgeDocumentResponse, ...],
) -> tuple[KnowledgeDocumentResponse, ...]:
    """The documents as they are once all are indexed, or cannot be.

    All of them together have the time of `--wait-timeout`.
    """
    end = time.monotonic() + session.wait_timeout

    def waited(document: KnowledgeDocumentResponse) -> KnowledgeDocumentResponse:
        session.progress.looked_for = f"document {document.id}"
        left = max(0.0, end - time.monotonic())
        return client.wait_for_knowledge_document(document.id, timeout=left)

    return session.wait(
        f"{len(documents)} documents",
        lambda: tuple(waited(document) for document in documents),
    )


def get_knowledge_document(session: Session) -> None:
    """Print a document; one that has failed ends the command so."""
    client = session.connect()
    document_id = session.id_for(client, upload_document)
    document = client.get_knowledge_document(document_id)
    print_json(document.to_dict())
    what = f"document {document.id}"
    require_fine(session, what, document.status, FINE_KNOWLEDGE)


def delete_knowledge_document(session: Session) -> None:
    """Delete a document; that has nothing to print."""
    client = session.connect()
    document_id = session.id_for(client, upload_document)
    session.progress.begin()
    client.delete_knowledge_document(document_id)
