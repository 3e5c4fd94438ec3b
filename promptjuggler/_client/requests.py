"""The requests of the operations: the one place that builds paths and bodies.

Each operation begins here, so what it needs is loaded here. Arguments are checked. Raises
`ValidationError`, and `NetworkError` where something cannot be loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .. import models
from .._arguments import (
    checked_metadata,
    checked_priority,
    checked_segment,
    checked_text,
    checked_texts,
    checked_uuid,
    checked_version,
)
from .._http.transport import Request
from .._loading import load
from .._masking import Secrets
from .._secrets import Secret
from ..errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict
    from uuid import UUID

    class RunOptions(TypedDict):
        """What all runs are started with, checked."""

        inputs: Mapping[str, str]
        priority: str | None
        thread: UUID | None
        environment: str | None
        env_vars: Mapping[str, str] | None
        metadata: Mapping[str, models.MetadataValue] | None


def prompt_revision(slug: object, version: object) -> Request:
    """For a revision of a prompt."""
    load(".models:PromptRevision")
    return _get(_version_path("prompts", slug, version))


def prompt_run(run_id: object) -> Request:
    """For a run of a prompt."""
    load(".models:PromptRun")
    return _get(_path("promptruns", checked_uuid("run_id", run_id)))


def workflow_run(run_id: object) -> Request:
    """For a run of a workflow."""
    load(".models:WorkflowRun")
    return _get(_path("workflowruns", checked_uuid("run_id", run_id)))


def new_prompt_run(
    slug: object, version: object, options: Secret[RunOptions], channel: object
) -> Request:
    """That starts a run of a prompt."""
    load(".models:CreatePromptRun", ".models:CreatePromptRunResponse")
    path = _version_path("prompts", slug, version)
    text = checked_text("channel", channel)
    return _start(path, models.CreatePromptRun, options, {"channel": text})


def new_workflow_run(
    slug: object, version: object, options: Secret[RunOptions]
) -> Request:
    """That starts a run of a workflow."""
    load(".models:CreateWorkflowRun", ".models:CreateWorkflowRunResponse")
    path = _version_path("workflows", slug, version)
    return _start(path, models.CreateWorkflowRun, options, {})


def run_options(
    inputs: object,
    *,
    priority: object,
    thread: object,
    environment: object,
    env_vars: Secret[Mapping[str, str] | None],
    metadata: object,
) -> Secret[RunOptions]:
    """The options of a run, checked."""
    load("uuid:UUID")
    try:
        return Secret(
            {
                "inputs": checked_texts("inputs", inputs),
                "priority": checked_priority(priority),
                "thread": _checked_thread(thread),
                "environment": checked_text("environment", environment),
                "env_vars": _checked_env_vars(env_vars),
                "metadata": None if metadata is None else checked_metadata(metadata),
            }
        )
    except BaseException as error:
        # Rule 4 of _secrets.py: the frames of the checks hold values. An exception of a
        # signal handler can pass through them, too.
        raise error.with_traceback(None) from None


def thread_of_run(thread: object) -> UUID:
    """The thread of a run that is streamed: to be listened to, it must be known before."""
    load("uuid:uuid4", ".streaming:RunStream")
    from uuid import uuid4

    return _checked_thread(thread) or uuid4()


def stream_token(thread: object) -> Request:
    """For a token of a thread's stream. A second token does no harm."""
    load(".models:StreamTokenResponse")
    path = _path("threads", checked_uuid("thread", thread), "stream-token")
    return Request("POST", path, repeatable=True)


def knowledge_base(slug: object) -> Request:
    """For a knowledge base."""
    load(".models:KnowledgeBaseResponse")
    return _get(_path("knowledge-bases", checked_segment("slug", slug)))


def new_documents(slug: object, files: object) -> Request:
    """That uploads files. Raises the OSError of a path, too."""
    load(".models:KnowledgeDocumentResponse", "._http.multipart:Multipart")
    # Most programs upload nothing.
    from .._http.multipart import Multipart

    path = _path("knowledge-bases", checked_segment("slug", slug), "documents")
    try:
        body = Multipart(files)
    except (TypeError, ValueError) as error:
        # Rule 4 of _secrets.py: the frames of multipart hold the files.
        raise ValidationError(str(error)) from error.with_traceback(None)
    content: Secret[Iterable[bytes]] = Secret(body)
    return Request(
        "POST",
        path,
        repeatable=False,
        body=content,
        content_type=body.content_type,
        content_length=body.content_length,
    )


def knowledge_document(document_id: object, *, method: str = "GET") -> Request:
    """For a document, or with "DELETE" to delete it."""
    load(".models:KnowledgeDocumentResponse")
    checked = checked_uuid("document_id", document_id)
    path = _path("knowledge-documents", checked)
    return Request(method, path, repeatable=True)


def load_batches() -> None:
    """Load what many runs need, beside what one does."""
    load(
        "._batch.clock:StoppableClock",
        "._client.batches:about_call",
        ".batch:Batch",
    )


def _path(*segments: str) -> str:
    """The path of segments that are percent-encoded already."""
    return "/".join(("/api/v1", *segments))


def _version_path(resource: str, slug: object, version: object) -> str:
    return _path(resource, checked_segment("slug", slug), checked_version(version))


def _get(path: str) -> Request:
    return Request("GET", path, repeatable=True)


def _start(
    version_path: str,
    kind: type[models.CreatePromptRun] | type[models.CreateWorkflowRun],
    options: Secret[RunOptions],
    more_options: Mapping[str, str | None],
) -> Request:
    """A request that must never be sent twice: each run costs money."""
    # Its module is that of the models, which are loaded by now, and no earlier. Their
    # constructor would check once more, with a module of its own, what is checked here.
    from .._model import made_of

    try:
        values = Secret({**options.value, **more_options})
        body = Secret(made_of(kind, values.value).to_json().encode())
    except BaseException as error:
        # Rule 4 of _secrets.py, as in `run_options`.
        raise error.with_traceback(None) from None
    return Request(
        "POST",
        f"{version_path}/runs",
        repeatable=False,
        body=body,
        content_type="application/json",
        content_length=len(body.value),
        secrets=Secrets((options.value["env_vars"] or {}).values()),
    )


def _checked_thread(thread: object) -> UUID | None:
    if thread is None:
        return None
    from uuid import UUID

    return UUID(checked_uuid("thread", thread))


def _checked_env_vars(
    env_vars: Secret[Mapping[str, str] | None],
) -> dict[str, str] | None:
    if env_vars.value is None:
        return None
    return checked_texts("env_vars", env_vars.value)
