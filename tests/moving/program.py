"""A program that runs unchanged on this package and on the pydantic-based 1.7.

    python program.py URL KEY

It calls every operation of a stand-in, and looks at what comes back. In the end it prints
"done". It is written as `promptjuggler.moving` says, and type checkers accept it on both.
"""

import copy
import hashlib
import hmac
import json
import pickle
import sys
import time
import uuid
from collections.abc import Sequence

from promptjuggler import (
    ApiError,
    CreatePromptRunResponse,
    DecodeError,
    KnowledgeDocumentResponse,
    NetworkError,
    PromptJuggler,
    PromptJugglerError,
    PromptRun,
    RunStatus,
    WorkflowRun,
    verify_webhook_signature,
)

SECRET = "whsec"


def ended_prompt_run(pj: PromptJuggler, created: CreatePromptRunResponse) -> PromptRun:
    """Look again until the run has ended."""
    while True:
        run = pj.get_prompt_run(created.id)
        if run.status != RunStatus.PENDING:
            return run
        time.sleep(0.02)


def ended_workflow_run(pj: PromptJuggler, run_id: uuid.UUID) -> WorkflowRun:
    """The same for a workflow."""
    while True:
        run = pj.get_workflow_run(str(run_id))
        if run.status != RunStatus.PENDING:
            return run
        time.sleep(0.02)


def run_prompt(pj: PromptJuggler) -> PromptRun:
    """A run with every option, and what can be read of it."""
    thread = uuid.uuid4()
    created = pj.run_prompt(
        "greeting",
        "production",
        {"name": "Ada"},
        priority="low",
        thread=thread,
        metadata={"job": "nightly", "tags": ["a", "b"]},
        env_vars={"TOKEN": "t"},
        channel="default",
    )
    assert created.thread == thread
    run = ended_prompt_run(pj, created)
    assert (run.id, run.status.value, run.output) == (
        created.id,
        "completed",
        "Hello, Ada!",
    )
    assert run.error is None
    assert list(run.emitted) == []
    (item,) = run.transcript
    assert getattr(item.actual_instance, "content", None) == "Hello, Ada!"
    assert run.finished_at is not None
    assert run.finished_at >= run.created_at
    assert run.created_at.tzinfo is not None
    return run


def run_workflow(pj: PromptJuggler) -> None:
    """A workflow with its outputs."""
    created = pj.run_workflow("summary", 1, {"text": "A long text."})
    run = ended_workflow_run(pj, created.id)
    assert (run.outputs or {})["summary"] == "A long text."


def look_at_the_rest(pj: PromptJuggler) -> None:
    """Prompts, documents and stream tokens."""
    revision = pj.get_prompt("greeting", "production")
    assert all(message.content for message in revision.messages)
    files = [("notes.txt", b"Some notes."), ("faq.md", "Ja, natürlich.".encode())]
    documents: Sequence[KnowledgeDocumentResponse] = pj.upload_documents(
        "manuals", files
    )
    assert [document.file_name for document in documents] == ["notes.txt", "faq.md"]
    base = pj.get_knowledge_base("manuals")
    assert {each.id for each in documents} <= {each.id for each in base.documents}
    assert pj.get_knowledge_document(documents[0].id).bytes == 11
    pj.delete_knowledge_document(documents[0].id)
    assert pj.create_stream_token(uuid.uuid4()).url.startswith("http")


def keep_and_build(run: PromptRun) -> None:
    """JSON and back, copies, and results that a test builds by hand."""
    assert PromptRun.from_json(run.to_json()) == run == copy.deepcopy(run)
    assert pickle.loads(pickle.dumps(run)) == run
    document = json.loads(run.to_json())
    assert document["status"] == "completed"
    changed = PromptRun.from_dict({**run.to_dict(), "output": "Hi."})
    assert changed is not None
    assert (changed.id, changed.output) == (run.id, "Hi.")
    assert "Hello, Ada!" in run.to_str()
    built = PromptRun.from_dict({**document, "status": "brewing"})
    assert built is not None
    assert built.status == RunStatus("brewing") == "brewing"
    assert RunStatus.from_json('"failed"') == RunStatus.FAILED


def verify_webhooks() -> None:
    """A right signature, and wrong ones."""
    body, now = '{"id": "1"}', int(time.time())
    digest = hmac.new(SECRET.encode(), f"{now}.{body}".encode(), hashlib.sha256)
    signature = f"t={now},v1={digest.hexdigest()}"
    assert verify_webhook_signature(body, signature, SECRET)
    assert not verify_webhook_signature(body, signature, "another")
    assert not verify_webhook_signature(body, signature, SECRET, now=now + 301)
    assert not verify_webhook_signature(body, "nonsense", SECRET)


def status_of_error(pj: PromptJuggler, slug: str) -> int | None:
    """The status by which the API answers a run, or None where it is started."""
    try:
        pj.run_prompt(slug, "production", {"name": "Ada"})
    except ApiError as error:
        return error.status_code
    return None


def is_refused(pj: PromptJuggler, run_id: str) -> bool:
    """Whether an id is none."""
    try:
        pj.get_prompt_run(run_id)
    except ValueError:
        return True
    return False


def meet_errors(pj: PromptJuggler, url: str) -> None:
    """What is not there, a wrong key, a wrong id, and the tree of errors."""
    assert status_of_error(pj, "no-such-prompt") == 404
    assert status_of_error(PromptJuggler("wrong", base_url=url), "greeting") == 401
    assert status_of_error(pj, "greeting") is None
    assert is_refused(pj, "no id")
    for made in (ApiError("gone", 410), NetworkError("no answer"), DecodeError("?")):
        assert isinstance(made, PromptJugglerError)


def main(url: str, key: str) -> None:
    """All of it."""
    pj = PromptJuggler(key, base_url=url)
    keep_and_build(run_prompt(pj))
    run_workflow(pj)
    look_at_the_rest(pj)
    verify_webhooks()
    meet_errors(pj, url)
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
