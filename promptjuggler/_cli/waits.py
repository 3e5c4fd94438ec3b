"""The commands that wait for what was started before: `wait-...`."""

from __future__ import annotations

from .demo import start_prompt_run, start_workflow_run, upload_document
from .output import print_json, print_text
from .results import (
    FINE_KNOWLEDGE,
    refuse_output_without_name,
    require_fine,
    show_prompt_run,
    show_workflow_run,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import KnowledgeBaseResponse, KnowledgeDocumentResponse
    from .session import Session


def wait_prompt_run(session: Session) -> None:
    """Wait for a run of a prompt; print its answer, or all of it."""
    client = session.connect()
    run_id = session.id_for(client, start_prompt_run)
    timeout = session.wait_timeout
    run = session.wait(
        f"run {run_id}", lambda: client.wait_for_prompt_run(run_id, timeout=timeout)
    )
    show_prompt_run(session, run)


def wait_workflow_run(session: Session) -> None:
    """Wait for a run of a workflow; print its outputs, one of them, or all of it."""
    refuse_output_without_name(session)
    client = session.connect()
    run_id = session.id_for(client, start_workflow_run)
    timeout = session.wait_timeout
    run = session.wait(
        f"run {run_id}", lambda: client.wait_for_workflow_run(run_id, timeout=timeout)
    )
    show_workflow_run(session, run)


def wait_knowledge_base(session: Session) -> None:
    """Wait until all documents of a knowledge base are indexed; print its status."""
    client = session.connect()
    slug = session.args.slug
    timeout = session.wait_timeout
    base = session.wait(
        f"knowledge base {slug}",
        lambda: client.wait_for_knowledge_base(slug, timeout=timeout),
    )
    _show(session, f"knowledge base {slug}", base)


def wait_knowledge_document(session: Session) -> None:
    """Wait until a document is indexed; print its status."""
    client = session.connect()
    document_id = session.id_for(client, upload_document)
    timeout = session.wait_timeout
    document = session.wait(
        f"document {document_id}",
        lambda: client.wait_for_knowledge_document(document_id, timeout=timeout),
    )
    _show(session, f"document {document_id}", document)


def _show(
    session: Session,
    what: str,
    result: KnowledgeBaseResponse | KnowledgeDocumentResponse,
) -> None:
    """Print the status, or with `--json` all of it. Raises `Stop` if it has failed."""
    if session.args.json:
        print_json(result.to_dict())
    require_fine(session, what, result.status, FINE_KNOWLEDGE)
    if not session.args.json:
        print_text(result.status)
