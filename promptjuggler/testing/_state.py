"""What the stand-in knows: one object, shared by its parts, which know no other part.

Threads of many connections and runs use it side by side. Whoever changes a
record, or reads more than one field of it, holds `State.lock`.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Literal, TypeVar
from uuid import NAMESPACE_URL, uuid4, uuid5

from ._bodies import RunBody, UploadedFile
from ._calls import Call, Function, Message
from ._clock import RealClock
from .messages import RecordedRequest
from .parts import Error

Kind = Literal["prompt", "workflow"]
Json = dict[str, object]
"""A JSON object."""
RunSeconds = float | Callable[[Call], float]
"""How long runs stay pending, or what tells it of each."""

Index = Callable[[str, bytes], object]
"""What indexes a document, of its file name and content."""

LATEST = "__latest__"
"""The tag that the newest version has."""

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
    function: Function
    revision: Json = field(default_factory=dict)
    """What was said about a prompt, as PromptRevision has it."""

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
            **self.revision,
        }

    def reads_memory(self) -> bool:
        """Whether its runs see what was said in their thread."""
        return self.revision.get("memory") in ("read_write", "read_only")

    def writes_memory(self) -> bool:
        """Whether what its runs say is kept in their thread."""
        return self.revision.get("memory") in ("read_write", "write_only")


class Ending:
    """When a record that is pending ends."""

    def __init__(self, due: float) -> None:
        """Let it be pending until then.

        due    of the real clock
        """
        self.due = due
        self._ended = threading.Event()

    def has_come(self) -> None:
        """The record can be seen as ended now."""
        self._ended.set()

    def wait(self, until: float) -> None:
        """Wait for it, if it is due: then only the function is in the way.

        until    of the real clock: no longer than that
        """
        now = RealClock.monotonic()
        if self.due <= now:
            self._ended.wait(max(until - now, 0.0))


@dataclass
class Run:
    """A run of a prompt or a workflow."""

    kind: Kind
    body: RunBody
    ending: Ending
    workflow: str | None = None
    """The id of the run that it is a node of, which ends it."""
    id: str = field(default_factory=new_id)
    created_at: str = field(default_factory=timestamp)
    status: str = "pending"
    result: Json = field(default_factory=dict)
    """What it has only once it has ended."""

    def finish(self, status: str, result: Json) -> None:
        """It is "completed" or "failed"."""
        self.status = status
        self.result = {**result, "finishedAt": timestamp()}
        self.ending.has_come()

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
    ending: Ending
    id: str = field(default_factory=new_id)
    status: str = "pending"
    chunk_count: int = 0

    def is_under_way(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("pending", "sealed")

    def begin(self) -> None:
        """It is being indexed."""
        self.status = "sealed"

    def fail(self) -> None:
        """It cannot be indexed."""
        self.status = "failed"
        self.ending.has_come()

    def finish(self) -> None:
        """It is indexed."""
        self.status = "ready"
        # Divided and rounded up.
        self.chunk_count = -(-len(self.file.content) // _BYTES_OF_A_CHUNK)
        self.ending.has_come()

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


@dataclass
class State:
    """All records, and what was set up for the requests to come."""

    api_key: str
    run_seconds: RunSeconds
    url: str = ""
    """Empty before the first start."""
    requests: list[RecordedRequest] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    """Tracebacks of functions, below what they were for."""
    versions: dict[tuple[Kind, str, str], Version] = field(default_factory=dict)
    """By kind, slug, and number or tag."""
    runs: dict[str, Run] = field(default_factory=dict)
    bases: dict[str, str] = field(default_factory=dict)
    """Ids by slugs."""
    indexers: dict[str, Index] = field(default_factory=dict)
    """The functions of the bases that have one, by slugs."""
    documents: dict[str, Document] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """The path of the one stream that each token opens."""
    memories: dict[tuple[str, str], tuple[Message, ...]] = field(default_factory=dict)
    """What was said, by thread and channel."""
    lock: threading.RLock = field(default_factory=threading.RLock)

    def note(self, words: str, error: BaseException) -> None:
        """Keep the traceback of an error that nobody wanted, below what it was for."""
        if isinstance(error, Error):
            return
        try:
            text = "".join(traceback.format_exception(error))
        except Exception:
            # Whatever is wrong with the error itself, what was to be done must end.
            text = f"{type(error).__name__}, of which no traceback can be made"
        self.errors.append(f"{words}:\n{text}")

    def add_version(
        self,
        kind: Kind,
        slug: str,
        function: Function,
        tags: Iterable[str],
        revision: Json,
    ) -> int:
        """Add the next version of a prompt or a workflow, and move tags to it.

        Returns its number.
        """
        with self.lock:
            newest = self.versions.get((kind, slug, LATEST))
            number = newest.number + 1 if newest else 1
            version = Version(slug, number, function, revision)
            for name in (str(number), LATEST, *tags):
                self.versions[kind, slug, name] = version
            return number

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

    def ended_by(self, record_id: str) -> str:
        """The id of the record that ends with this one, in the same job.

        While a node is pending, that is its workflow: the job is of both.
        """
        run = self.runs.get(record_id)
        if run is None or run.workflow is None or run.status != "pending":
            return record_id
        return run.workflow

    def document(self, document_id: str) -> Document:
        """The document of that id, in any case, or NotFound."""
        return _found(self.documents.get(document_id.lower()))

    def endings_of_base(self, slug: str) -> list[Ending]:
        """When the documents of a base are indexed, of all that are not."""
        with self.lock:
            return [
                document.ending
                for document in self.documents.values()
                if document.base == slug and document.is_under_way()
            ]

    def base_to_json(self, slug: str) -> Json:
        """A knowledge base as KnowledgeBaseResponse, or NotFound."""
        with self.lock:
            base_id = _found(self.bases.get(slug))
            inside = [one for one in self.documents.values() if one.base == slug]
            return {
                "id": base_id,
                "status": _status_of_base(inside),
                "documentCount": len(inside),
                "chunkCount": sum(document.chunk_count for document in inside),
                "documents": [document.to_json() for document in inside],
            }

    def remembered(self, body: RunBody) -> tuple[Message, ...]:
        """What was said before in the thread and channel of a run."""
        return self.memories.get((body.thread, body.channel), ())

    def remember(self, body: RunBody, output: str) -> None:
        """Keep what a run was given and said, for the next one of its thread and channel."""
        asked = Message("user", "\n".join(body.inputs.values()))
        said = (asked, Message("assistant", output))
        with self.lock:
            place = (body.thread, body.channel)
            self.memories[place] = (*self.remembered(body), *said)


def _status_of_base(documents: Collection[Document]) -> str:
    """Whether a base with these documents can be searched."""
    if any(document.is_under_way() for document in documents):
        return "pending"
    if documents and all(document.status == "failed" for document in documents):
        return "failed"
    return "ready"


_Record = TypeVar("_Record")


def _found(record: _Record | None) -> _Record:
    """A record that was looked up, or NotFound."""
    if record is None:
        raise NotFound
    return record
