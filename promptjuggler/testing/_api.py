"""The API itself: a request in, its answer out, and the work that goes on after it."""

from __future__ import annotations

import time
from operator import length_hint
from urllib.parse import parse_qs, unquote

from ._bodies import read_run_body, read_thread, read_upload
from ._deliveries import Deliveries
from ._jobs import Job, Jobs
from ._runs import (
    Fields,
    completed,
    failed,
    frames_of,
    parts_of,
    prompt_result,
    workflow_result,
)
from ._state import Document, Kind, NotFound, Run, State, Version, new_id, timestamp
from ._streams import Streams, Subscription
from .messages import Answer, RecordedRequest, error_answer, json_answer
from .parts import Part

_ROOT = "/api/v1/"
_STREAMS = "/stream/"
_TOKEN_SECONDS = 300


class Api:
    """Answers requests, from the records of a State. Usable in any thread."""

    def __init__(
        self, state: State, streams: Streams, jobs: Jobs, deliveries: Deliveries
    ) -> None:
        self._state = state
        self._streams = streams
        self._jobs = jobs
        self._deliveries = deliveries

    def answer(self, request: RecordedRequest) -> Answer | Subscription:
        """Carry a request out. A stream is not heard until it is entered."""
        path, _, query = request.path.partition("?")
        if not self._is_allowed(request, path):
            return error_answer(401, "Wrong key or token.")
        try:
            if path.startswith(_STREAMS):
                return self._open_stream(request, path, query)
            return self._route(request, path)
        except NotFound:
            return error_answer(404, "Not found.")
        except (ValueError, RecursionError) as error:
            # `Refused`, or a body that is no JSON, or is nested too deep.
            return error_answer(422, str(error))

    def _is_allowed(self, request: RecordedRequest, path: str) -> bool:
        """Whether it has the key, or for a stream the token of that stream."""
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
                return json_answer(200, self._state.base_to_json(slug))
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
        due = time.monotonic() + self._state.run_seconds
        started = self._state.version(kind, slug, version)
        run = Run(kind, read_run_body(body))
        self._state.add_run(run)
        self._jobs.start(self._carry_out(run, started, due))
        return json_answer(200, {"id": run.id, "thread": run.body.thread})

    def _get_run(self, kind: Kind, run_id: str) -> Answer:
        with self._state.lock:
            return json_answer(200, self._state.run(kind, run_id).to_json())

    def _create_stream_token(self, thread: str) -> Answer:
        token = f"fake-{new_id()}"
        path = _STREAMS + read_thread(thread)
        with self._state.lock:
            self._state.tokens[token] = path
        expires_at = timestamp(later=_TOKEN_SECONDS)
        url = self._state.url + path
        return json_answer(200, {"token": token, "expiresAt": expires_at, "url": url})

    def _upload_documents(self, slug: str, request: RecordedRequest) -> Answer:
        if slug not in self._state.bases:
            raise NotFound
        files = read_upload(request.headers, request.body)
        documents = [Document(slug, file) for file in files]
        with self._state.lock:
            for document in documents:
                self._state.documents[document.id] = document
            answer = json_answer(200, [document.to_json() for document in documents])
        self._jobs.start(self._index(slug, documents, self._state.run_seconds))
        return answer

    def _get_document(self, document_id: str) -> Answer:
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

    # Jobs

    def _carry_out(self, run: Run, version: Version, due: float) -> Job:
        """Call the function of a version, stream what it says, end the run when due."""
        inputs = run.body.inputs
        said: list[Part] = []
        try:
            output = version.function(dict(inputs))
            if run.kind == "prompt":
                yield from self._say(run, output, said, due)
                end = completed(prompt_result(inputs, said))
            else:
                end = completed(workflow_result(inputs, output))
        except GeneratorExit:
            # This job itself is thrown away, in its `yield`.
            raise
        except BaseException as error:
            # All others: what pytest.fail() raises, for one, is no Exception.
            end = failed(run.kind, error)
        yield due - time.monotonic()
        # In this order: who hears of the end finds the run ended.
        with self._state.lock:
            run.finish(end.status, end.result)
        self._publish(run, end.event, end.fields)
        self._deliveries.deliver({"id": run.id, "status": run.status})

    def _say(self, run: Run, output: object, said: list[Part], due: float) -> Job:
        """Stream an answer, spread over the time that is left, and note its parts.

        Those of a generator, whose number nobody knows, go out as it yields
        them.
        """
        parts = parts_of(output)
        number = length_hint(parts)
        pause = 0.0
        if number:
            # There is one more pause than parts: after the reset that opens the run.
            pause = (due - time.monotonic()) / (number + 1)
        for part, frames in frames_of(parts, new_id):
            said.append(part)
            for event, fields in frames:
                self._publish(run, event, fields)
            yield pause

    def _publish(self, run: Run, event: str, fields: Fields) -> None:
        """Send a frame of a run."""
        about = {"runId": run.id, "channel": run.body.channel}
        self._streams.publish(run.body.thread, event, {**about, **fields})

    def _index(self, slug: str, documents: list[Document], seconds: float) -> Job:
        """Make uploaded documents ready, but for those that were deleted meanwhile."""
        yield seconds
        with self._state.lock:
            there = [one for one in documents if one.id in self._state.documents]
            for document in there:
                document.finish()
            base = self._state.base_to_json(slug)
        for document in there:
            self._deliver_fields(document.to_json(), "id", "status", "chunkCount")
        if there and base["status"] == "ready":
            names = ("id", "status", "documentCount", "chunkCount")
            self._deliver_fields(base, *names)

    def _deliver_fields(self, record: dict[str, object], *names: str) -> None:
        """Deliver these fields of a record."""
        self._deliveries.deliver({name: record[name] for name in names})
