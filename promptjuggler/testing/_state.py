"""What the stand-in knows: one object, shared by its parts, which know no other part.

Threads of many connections and runs use it side by side. Whoever changes a
record, or reads more than one field of it, holds `State.lock`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal, TypeVar
from uuid import NAMESPACE_URL, uuid4, uuid5

from ._bodies import RunBody, UploadedFile
from .messages import Answer, RecordedRequest

Kind = Literal["prompt", "workflow"]
Json = dict[str, object]
"""A JSON object."""

_BYTES_OF_A_CHUNK = 1000


class NotFound(Exception):
    """There is no such record; the API answers with 404."""


def new_id() -> str:
    """An id that no other record has."""
    return str(uuid4())


def timestamp(later: int = 0) -> str:
    """Now, or so many seconds later, as the API writes times."""
    moment = datetime.fromtimestamp(int(time.time()) + later, timezone.utc)
    return moment.isoformat()


@dataclass(frozen=True)
class Version:
    """A version of a prompt or a workflow."""

    slug: str
    number: int
    function: Callable[[dict[str, str]], object]

    def to_json(self) -> Json:
        """As PromptRevision."""
        return {
            "id": str(uuid5(NAMESPACE_URL, f"{self.slug} {self.number}")),
            "promptId": str(uuid5(NAMESPACE_URL, self.slug)),
            "memory": "stateless",
            "provider": "openai",
            "model": "fake",
            "modelParams": {},
            "messages": [],
            "responseFormat": {"type": "text"},
            "tools": [],
        }


@dataclass
class Run:
    """A run of a prompt or a workflow."""

    kind: Kind
    body: RunBody
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=timestamp)
    status: str = "pending"
    result: Json = field(default_factory=dict)
    """What it has only once it has ended."""

    def finish(self, status: str, result: Json) -> None:
        """It is "completed" or "failed"."""
        self.status = status
        self.result = {**result, "finishedAt": timestamp()}

    def to_json(self) -> Json:
        """As PromptRun or WorkflowRun."""
        about: Json = {
            "id": self.id,
            "status": self.status,
            "createdAt": self.created_at,
        }
        if self.kind == "prompt":
            return {**about, "emitted": [], "transcript": [], **self.result}
        return {**about, "outputs": {}, "errors": [], **self.result}


@dataclass
class Document:
    """A document of a knowledge base."""

    base: str
    """The slug of its base."""
    file: UploadedFile
    id: str = field(default_factory=new_id)
    status: str = "pending"
    chunk_count: int = 0

    def finish(self) -> None:
        """It is indexed."""
        self.status = "ready"
        # Divided and rounded up.
        self.chunk_count = -(-len(self.file.content) // _BYTES_OF_A_CHUNK)

    def to_json(self) -> Json:
        """As KnowledgeDocumentResponse."""
        return {
            "id": self.id,
            "status": self.status,
            "fileName": self.file.name,
            "bytes": len(self.file.content),
            "mimeType": self.file.mime_type,
            "chunkCount": self.chunk_count,
        }


@dataclass(frozen=True)
class Fault:
    """What befalls one request; nothing, by default."""

    answer: Answer | None = None
    """Goes out in place of that of the API, which then does not get the request."""
    hang_up: Literal["before_reading", "after_reading"] | None = None
    """Before the body is read, and then the API does not get the request either; or when
    it has carried the request out, in place of the answer."""
    delay: float = 0.0
    """Seconds before the answer."""


@dataclass
class State:
    """All records, and what was set up for the requests to come."""

    api_key: str
    run_seconds: float
    url: str = ""
    """Empty before the first start."""
    requests: list[RecordedRequest] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    versions: dict[tuple[Kind, str, str], Version] = field(default_factory=dict)
    """By kind, slug, and number or tag."""
    runs: dict[str, Run] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    """Ids by slugs."""
    documents: dict[str, Document] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """The path of the one stream that each token opens."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def add_version(
        self, kind: Kind, slug: str, function: Callable[[dict[str, str]], object]
    ) -> None:
        """Add the next version of a prompt or a workflow, and move the tags to it."""
        with self.lock:
            newest = self.versions.get((kind, slug, "__latest__"))
            number = newest.number + 1 if newest else 1
            version = Version(slug, number, function)
            for name in (str(number), "production", "__latest__"):
                self.versions[kind, slug, name] = version

    def version(self, kind: Kind, slug: str, name: str) -> Version:
        """The version of that number or tag, or NotFound."""
        return _found(self.versions.get((kind, slug, name)))

    def add_run(self, run: Run) -> None:
        """Keep a run that has begun."""
        with self.lock:
            self.runs[run.id] = run

    def run(self, kind: Kind, run_id: str) -> Run:
        """The run of that id, in any case, or NotFound."""
        run = _found(self.runs.get(run_id.lower()))
        if run.kind != kind:
            raise NotFound
        return run

    def document(self, document_id: str) -> Document:
        """The document of that id, in any case, or NotFound."""
        return _found(self.documents.get(document_id.lower()))

    def base_to_json(self, slug: str) -> Json:
        """A knowledge base as KnowledgeBaseResponse, or NotFound."""
        with self.lock:
            base_id = _found(self.bases.get(slug))
            inside = [one for one in self.documents.values() if one.base == slug]
            is_pending = any(document.status == "pending" for document in inside)
            return {
                "id": base_id,
                "status": "pending" if is_pending else "ready",
                "documentCount": len(inside),
                "chunkCount": sum(document.chunk_count for document in inside),
                "documents": [document.to_json() for document in inside],
            }

    def take_fault(self) -> Fault:
        """The fault that the next request meets."""
        with self.lock:
            return self.faults.pop(0) if self.faults else Fault()


_Record = TypeVar("_Record")


def _found(record: _Record | None) -> _Record:
    """A record that was looked up, or NotFound."""
    if record is None:
        raise NotFound
    return record
