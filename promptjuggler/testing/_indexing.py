"""What goes on after an upload: documents are indexed."""

from __future__ import annotations

from ._answers import kind_of
from ._bodies import UploadedFile
from ._clock import RealClock
from ._deliveries import Deliveries
from ._jobs import Job, Jobs
from ._state import Document, Ending, Index, Json, State
from .parts import Error


class Indexing:
    """Indexes documents, as jobs. Usable in any thread."""

    def __init__(self, state: State, jobs: Jobs, deliveries: Deliveries) -> None:
        self._state = state
        self._jobs = jobs
        self._deliveries = deliveries

    def start(self, slug: str, files: list[UploadedFile]) -> list[Json]:
        """Keep files in a knowledge base. They are pending at first.

        Returns the documents as they are now.
        """
        run_seconds = self._state.run_seconds
        seconds = 0.0 if callable(run_seconds) else run_seconds
        due = RealClock.monotonic() + seconds
        documents = [Document(slug, file, Ending(due)) for file in files]
        with self._state.lock:
            for document in documents:
                self._state.documents[document.id] = document
            pending = [document.to_json() for document in documents]
        ids = [document.id for document in documents]
        self._jobs.start(self._index(slug, documents, seconds), ids)
        return pending

    def _index(self, slug: str, documents: list[Document], seconds: float) -> Job:
        """Index uploaded documents, but for those that were deleted meanwhile."""
        yield seconds
        for document in documents:
            self._index_one(document, self._state.indexers.get(slug))
        with self._state.lock:
            there = [one for one in documents if one.id in self._state.documents]
            base = self._state.base_to_json(slug)
        for document in there:
            told = _fields(document.to_json(), "id", "status", "chunkCount")
            yield from self._deliveries.deliver("knowledgedocument.finished", told)
        if there and base["status"] != "pending":
            told = _fields(base, "id", "status", "documentCount", "chunkCount")
            yield from self._deliveries.deliver("knowledgebase.finished", told)

    def _index_one(self, document: Document, index: Index | None) -> None:
        """Make a document ready, or let it fail, as the function of its base has it."""
        if document.id not in self._state.documents:
            return
        problem: BaseException | None = None
        if index is not None:
            with self._state.lock:
                document.begin()
            problem = self._problem_of(document, index)
        with self._state.lock:
            if problem is None:
                document.finish()
            else:
                document.fail()

    def _problem_of(self, document: Document, index: Index) -> BaseException | None:
        """Call the function of a base; what is wrong with the document, if anything."""
        file = document.file
        try:
            given = index(file.name, file.content)
            if isinstance(given, Error):
                return given
            if given is not None:
                raise TypeError(
                    f"the function gave {kind_of(given)}: it gives None or an Error"
                )
        except BaseException as error:
            self._state.note(f"document {file.name!r} of {document.base!r}", error)
            return error
        return None


def _fields(record: Json, *names: str) -> Json:
    """These fields of a record."""
    return {name: record[name] for name in names}
