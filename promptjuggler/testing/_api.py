"""The API itself: a request in, its answer out."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote

from ._bodies import Refused, read_run_body, read_thread, read_upload
from ._indexing import Indexing
from ._state import Kind, NotFound, State, new_id, timestamp
from ._streams import Streams, Subscription
from ._work import Work
from .messages import Answer, RecordedRequest, error_answer, json_answer

_ROOT = "/api/v1/"
_STREAMS = "/stream/"
_TOKEN_SECONDS = 300


class Api:
    """Answers requests, from the records of a State. Usable in any thread."""

    def __init__(
        self, state: State, streams: Streams, work: Work, indexing: Indexing
    ) -> None:
        self._state = state
        self._streams = streams
        self._work = work
        self._indexing = indexing

    def answer(self, request: RecordedRequest) -> Answer | Subscription:
        """Carry a request out. A stream is not heard until it is entered."""
        if not self.is_allowed(request):
            return error_answer(401, "Wrong key or token.")
        path, _, query = request.path.partition("?")
        try:
            if path.startswith(_STREAMS):
                return self._open_stream(request, path, query)
            return self._route(request, path)
        except NotFound:
            return error_answer(404, "Not found.")
        except (ValueError, RecursionError) as error:
            # `Refused`, or a body that is no JSON, or is nested too deep.
            return error_answer(422, str(error))

    def is_allowed(self, request: RecordedRequest) -> bool:
        """Whether it has the key, or for a stream the token of that stream."""
        path = request.path.partition("?")[0]
        authorization = request.headers.get("Authorization", "")
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return False
        if path.startswith(_STREAMS):
            return self._state.tokens.get(key) == path
        return key == self._state.api_key

    def _route(  # noqa: C901  # as many ways as routes, and each is one line
        self, request: RecordedRequest, path: str
    ) -> Answer:
        """Dispatch by method and path, of which each segment is decoded once."""
        if not path.startswith(_ROOT):
            raise NotFound
        segments = path.removeprefix(_ROOT).split("/")
        match [request.method, *map(unquote, segments)]:
            case ["GET", "prompts", slug, version]:
                return self._get_prompt(slug, version)
            case ["POST", "prompts", slug, version, "runs"]:
                return self._start_run("prompt", slug, version, request.body)
            case ["POST", "workflows", slug, version, "runs"]:
                return self._start_run("workflow", slug, version, request.body)
            case ["GET", "promptruns", run_id]:
                return self._get_run("prompt", run_id)
            case ["GET", "workflowruns", run_id]:
                return self._get_run("workflow", run_id)
            case ["POST", "threads", thread, "stream-token"]:
                return self._create_stream_token(thread)
            case ["GET", "knowledge-bases", slug]:
                return self._get_base(slug)
            case ["POST", "knowledge-bases", slug, "documents"]:
                return self._upload_documents(slug, request)
            case ["GET", "knowledge-documents", document_id]:
                return self._get_document(document_id)
            case ["DELETE", "knowledge-documents", document_id]:
                return self._delete_document(document_id)
        raise NotFound

    # Routes: each has the name of the client's method, and does what it is for.
    # The lock is held while a record is written down, so that no half of a change goes out.

    def _get_prompt(self, slug: str, version: str) -> Answer:
        return json_answer(200, self._state.version("prompt", slug, version).to_json())

    def _start_run(self, kind: Kind, slug: str, version: str, body: bytes) -> Answer:
        """Start a run. It is kept first: who hears of it in a stream will find it."""
        started = self._state.version(kind, slug, version)
        run = self._work.start_run(kind, started, version, read_run_body(body))
        return json_answer(200, {"id": run.id, "thread": run.body.thread})

    def _get_run(self, kind: Kind, run_id: str) -> Answer:
        run = self._state.run(kind, run_id)
        self._work.wait_if_due([run.ending])
        with self._state.lock:
            return json_answer(200, run.to_json())

    def _create_stream_token(self, thread: str) -> Answer:
        token = f"fake-{new_id()}"
        try:
            path = _STREAMS + read_thread(thread)
        except Refused:
            # It is no part of a body, which could be refused with 422: there is no such
            # thread.
            raise NotFound from None
        with self._state.lock:
            self._state.tokens[token] = path
        expires_at = timestamp(later=_TOKEN_SECONDS)
        url = self._state.url + path
        return json_answer(200, {"token": token, "expiresAt": expires_at, "url": url})

    def _upload_documents(self, slug: str, request: RecordedRequest) -> Answer:
        if slug not in self._state.bases:
            raise NotFound
        files = read_upload(request.headers, request.body)
        return json_answer(200, self._indexing.start(slug, files))

    def _get_base(self, slug: str) -> Answer:
        self._work.wait_if_due(self._state.endings_of_base(slug))
        return json_answer(200, self._state.base_to_json(slug))

    def _get_document(self, document_id: str) -> Answer:
        self._work.wait_if_due([self._state.document(document_id).ending])
        with self._state.lock:
            return json_answer(200, self._state.document(document_id).to_json())

    def _delete_document(self, document_id: str) -> Answer:
        with self._state.lock:
            document = self._state.document(document_id)
            del self._state.documents[document.id]
        return Answer(204)

    def _open_stream(
        self, request: RecordedRequest, path: str, query: str
    ) -> Subscription:
        """The stream of a thread. It is heard by who enters it."""
        if request.method != "GET":
            raise NotFound
        # The token was for just this path, so that it holds a thread in lower case.
        thread = path.removeprefix(_STREAMS)
        channels = parse_qs(query).get("channel", [])
        last_id = request.headers.get("Last-Event-ID", "")
        return Subscription(self._streams, thread, channels, last_id)
