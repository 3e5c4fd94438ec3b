"""The client: one short method for each operation, and the one loop that sends a request."""

from __future__ import annotations

import os
import random
import time

from ._arguments import (
    Secret,
    checked_api_key,
    checked_base_url,
    checked_count,
    checked_run_options,
    checked_seconds,
    checked_segment,
    checked_text,
    checked_uuid,
    checked_version,
)
from ._retry import may_send_again, seconds_to_wait
from ._transport import Limit, Reply, Request, Transport, is_certificate_failure, log
from .errors import ApiError, DecodeError, NetworkError, ValidationError, WaitTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Literal, TypeVar
    from urllib.request import OpenerDirector
    from uuid import UUID

    from ._multipart import UploadFile
    from ._stream import RunStream, ThreadStream
    from .models.knowledge import KnowledgeBaseResponse, KnowledgeDocumentResponse
    from .models.prompts import PromptRevision
    from .models.runs import CreatePromptRunResponse, CreateWorkflowRunResponse, PromptRun, WorkflowRun
    from .models.streaming import StreamTokenResponse

    _T = TypeVar("_T")
    _Metadata = Mapping[str, str | Sequence[str]]

__all__ = ["PromptJuggler"]

_LAST_POLL = 0.05  # With less time left, there is no use in one more poll.
_RUN_UNDER_WAY = frozenset({"pending"})
_KNOWLEDGE_UNDER_WAY = frozenset({"pending", "sealed"})


class PromptJuggler:
    """A client of the PromptJuggler API, for any number of threads, also after a fork.

    `api_key`, `base_url`: else PROMPTJUGGLER_API_KEY and PROMPTJUGGLER_BASE_URL of the environment. `timeout`: seconds,
    for the connect, each send, and the whole answer. `max_retries`: how many times a request is sent again; one that
    starts a run or uploads, only where it certainly did not arrive, or was turned away (429). `ssl_context`: for a
    private certificate authority or a client certificate. `proxy`: the URL of an HTTP proxy; None follows the
    environment, False uses none. `opener`: a `urllib.request.OpenerDirector` to send through instead.

    Every method raises `ApiError` for an error status, `NetworkError` where there is no complete answer, `DecodeError`
    for one that is not what the API promises, and `ValidationError` for an argument that must not be sent, as does the
    constructor.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        max_retries: int = 2,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | Literal[False] | None = None,
        opener: OpenerDirector | None = None,
    ) -> None:
        # Error trackers record the variables of all frames: from here on none holds a secret.
        key, secret_proxy = Secret(api_key), None if proxy is None else Secret(proxy)
        del api_key, proxy
        name = "base_url"
        if base_url is None:
            name = "PROMPTJUGGLER_BASE_URL"
            base_url = os.environ.get(name) or "https://promptjuggler.com"
        base = checked_base_url(name, base_url)
        self._timeout = checked_seconds("timeout", timeout)
        self._max_retries = checked_count("max_retries", max_retries)
        self._transport = Transport(base, checked_api_key(key), ssl_context, secret_proxy, opener)

    # Of the class: no part of a pickle.
    _sleep = staticmethod(time.sleep)
    _random = staticmethod(random.random)

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> PromptJuggler:
        """A client with another `timeout` or `max_retries` that shares the connections of this one."""
        client = object.__new__(type(self))
        client.__dict__.update(self.__dict__)
        if timeout is not None:
            client._timeout = checked_seconds("timeout", timeout)
        if max_retries is not None:
            client._max_retries = checked_count("max_retries", max_retries)
        return client

    def close(self) -> None:
        """Close the idle connections. The client can still be used."""
        self._transport.close()

    def __enter__(self) -> PromptJuggler:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        # Error trackers ask also where the constructor has failed.
        transport = self.__dict__.get("_transport")
        return f"PromptJuggler(base_url={transport.base_url!r})" if transport else "PromptJuggler()"

    def get_prompt(self, slug: str, version: int | str) -> PromptRevision:
        """A revision of a prompt, by its number or a tag such as `production`."""
        from .models.prompts import PromptRevision

        request = _get("prompts", checked_segment("slug", slug), checked_version("version", version))
        return self._call(PromptRevision, request)

    def run_prompt(
        self,
        slug: str,
        version: int | str,
        inputs: Mapping[str, str],
        *,
        priority: str | None = None,
        thread: str | UUID | None = None,
        environment: str | None = None,
        env_vars: Mapping[str, str] | None = None,
        metadata: _Metadata | None = None,
        channel: str | None = None,
    ) -> CreatePromptRunResponse:
        """Start a run of a prompt, and give its id and thread at once; `wait_for_prompt_run` gives the answer.

        `priority`: onsite, normal or low. `thread`: a conversation to go on with. `environment`: which webhooks fire
        and which variables the run sees. `env_vars`: variables for this run alone, at most 50 and 64 KB, with
        UPPER_CASE names. `metadata`: texts, or lists of texts, to find the run by. `channel`: the part of the thread's
        memory to use.
        """
        from .models.runs import CreatePromptRun, CreatePromptRunResponse

        secret, env_vars = Secret(env_vars), None
        run = CreatePromptRun(
            **checked_run_options(inputs, priority, thread, environment, secret, metadata),
            channel=checked_text("channel", channel),
        )
        return self._call(CreatePromptRunResponse, _start("prompts", slug, version, run))

    def get_prompt_run(self, run_id: str | UUID) -> PromptRun:
        """A run of a prompt, as far as it is."""
        from .models.runs import PromptRun

        return self._call(PromptRun, _get("promptruns", str(checked_uuid("run_id", run_id))))

    def wait_for_prompt_run(
        self, run_id: str | UUID, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> PromptRun:
        """Poll a run until it is no longer pending, and give it: completed, failed, or a status yet to be invented.

        `timeout`: seconds in all, then `WaitTimeout`. `poll_interval`: seconds, else 0.5 growing to 5. Single polls may
        fail, but not with 401, 403, 404, or a certificate that is not trusted.
        """
        from .models.runs import PromptRun

        request = _get("promptruns", str(checked_uuid("run_id", run_id)))
        return self._wait(PromptRun, request, _RUN_UNDER_WAY, timeout, poll_interval)

    def run_workflow(
        self,
        slug: str,
        version: int | str,
        inputs: Mapping[str, str],
        *,
        priority: str | None = None,
        thread: str | UUID | None = None,
        environment: str | None = None,
        env_vars: Mapping[str, str] | None = None,
        metadata: _Metadata | None = None,
    ) -> CreateWorkflowRunResponse:
        """As `run_prompt`, for a workflow."""
        from .models.runs import CreateWorkflowRun, CreateWorkflowRunResponse

        secret, env_vars = Secret(env_vars), None
        run = CreateWorkflowRun(**checked_run_options(inputs, priority, thread, environment, secret, metadata))
        return self._call(CreateWorkflowRunResponse, _start("workflows", slug, version, run))

    def get_workflow_run(self, run_id: str | UUID) -> WorkflowRun:
        """A run of a workflow, as far as it is."""
        from .models.runs import WorkflowRun

        return self._call(WorkflowRun, _get("workflowruns", str(checked_uuid("run_id", run_id))))

    def wait_for_workflow_run(
        self, run_id: str | UUID, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> WorkflowRun:
        """As `wait_for_prompt_run`, for a run of a workflow."""
        from .models.runs import WorkflowRun

        request = _get("workflowruns", str(checked_uuid("run_id", run_id)))
        return self._wait(WorkflowRun, request, _RUN_UNDER_WAY, timeout, poll_interval)

    def create_stream_token(self, thread: str | UUID) -> StreamTokenResponse:
        """A short-lived token for the stream of a thread, which need not exist yet, and the stream's URL."""
        from .models.streaming import StreamTokenResponse

        return self._call(StreamTokenResponse, _token_request(thread))

    def stream(
        self,
        thread: str | UUID,
        *,
        channels: Iterable[str] = (),
        last_event_id: str | None = None,
        idle_timeout: float = 60.0,
        timeout: float | None = None,
        reconnect: bool = True,
    ) -> ThreadStream:
        """The events of a thread's runs while they happen: entering it connects, iterating gives the events.

        It begins with what comes next: enter it before you start the run. `channels`: only these. `last_event_id`: of
        an earlier stream, to go on after. A connection on which nothing came for `idle_timeout` seconds counts as lost.
        A lost one is made again, or raises `NetworkError` with `reconnect=False`; 401, 403 and 404 raise `ApiError`.
        `timeout`: seconds in all, then `WaitTimeout`.
        """
        from ._stream import ThreadStream
        from .models.streaming import StreamTokenResponse

        request = _token_request(thread)
        return ThreadStream(
            self._transport,
            lambda limit: _decoded(StreamTokenResponse, self._send(request, 0, limit)),
            channels=channels,
            last_event_id=last_event_id,
            connect_timeout=self._timeout,
            idle_timeout=checked_seconds("idle_timeout", idle_timeout),
            timeout=None if timeout is None else checked_seconds("timeout", timeout),
            attempts=self._max_retries + 1,
            reconnect=reconnect,
        )

    def stream_prompt(
        self,
        slug: str,
        version: int | str,
        inputs: Mapping[str, str],
        *,
        idle_timeout: float = 60.0,
        timeout: float | None = None,
        **options: Any,
    ) -> RunStream[PromptRun]:
        """Run a prompt and iterate over the events of this run, to its end. Entering it starts the run. Options as in
        `run_prompt` and `stream`."""
        from ._stream import RunStream

        secret = Secret(options)
        del options
        return RunStream(self, "prompt", (slug, version, inputs), secret, idle_timeout, timeout)

    def stream_workflow(
        self,
        slug: str,
        version: int | str,
        inputs: Mapping[str, str],
        *,
        idle_timeout: float = 60.0,
        timeout: float | None = None,
        **options: Any,
    ) -> RunStream[WorkflowRun]:
        """As `stream_prompt`, for a workflow."""
        from ._stream import RunStream

        secret = Secret(options)
        del options
        return RunStream(self, "workflow", (slug, version, inputs), secret, idle_timeout, timeout)

    def get_knowledge_base(self, slug: str) -> KnowledgeBaseResponse:
        """A knowledge base and its documents."""
        from .models.knowledge import KnowledgeBaseResponse

        return self._call(KnowledgeBaseResponse, _get("knowledge-bases", checked_segment("slug", slug)))

    def wait_for_knowledge_base(
        self, slug: str, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> KnowledgeBaseResponse:
        """Poll a knowledge base until it is neither pending nor sealed, as `wait_for_prompt_run`."""
        from .models.knowledge import KnowledgeBaseResponse

        request = _get("knowledge-bases", checked_segment("slug", slug))
        return self._wait(KnowledgeBaseResponse, request, _KNOWLEDGE_UNDER_WAY, timeout, poll_interval)

    def upload_documents(self, slug: str, files: Iterable[UploadFile]) -> tuple[KnowledgeDocumentResponse, ...]:
        """Upload documents to a knowledge base, which then processes them: `wait_for_knowledge_document`.

        Each file is a path, or a tuple of a file name and bytes or a seekable binary file, which is sent from where it
        stands, read in pieces. Raises the `OSError` of a path that cannot be opened, before anything is sent.
        """
        from ._multipart import Multipart
        from .models.knowledge import KnowledgeDocumentResponse

        path = _path("knowledge-bases", checked_segment("slug", slug), "documents")
        try:
            body = Multipart(files)
        except (TypeError, ValueError) as error:
            raise ValidationError(str(error)) from error
        request = Request("POST", path, Secret(body), body.content_type, False)
        return self._call(tuple[KnowledgeDocumentResponse, ...], request)

    def get_knowledge_document(self, document_id: str | UUID) -> KnowledgeDocumentResponse:
        """A document of a knowledge base."""
        from .models.knowledge import KnowledgeDocumentResponse

        request = _get("knowledge-documents", str(checked_uuid("document_id", document_id)))
        return self._call(KnowledgeDocumentResponse, request)

    def wait_for_knowledge_document(
        self, document_id: str | UUID, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> KnowledgeDocumentResponse:
        """Poll a document until it is neither pending nor sealed, as `wait_for_prompt_run`."""
        from .models.knowledge import KnowledgeDocumentResponse

        request = _get("knowledge-documents", str(checked_uuid("document_id", document_id)))
        return self._wait(KnowledgeDocumentResponse, request, _KNOWLEDGE_UNDER_WAY, timeout, poll_interval)

    def delete_knowledge_document(self, document_id: str | UUID) -> None:
        """Delete a document of a knowledge base."""
        path = _path("knowledge-documents", str(checked_uuid("document_id", document_id)))
        self._send(Request("DELETE", path, None, "", True), self._max_retries)

    def _call(self, kind: type[_T], request: Request) -> _T:
        return _decoded(kind, self._send(request, self._max_retries))

    def _send(self, request: Request, max_retries: int, limit: Limit | None = None) -> Reply:
        attempt = sent = 0
        may_have_arrived = False
        while True:
            attempt += 1
            begun = time.monotonic()
            try:
                reply = self._transport.send(request, limit or Limit(self._timeout))
                log(request.method, request.path, reply.status, begun, attempt)
                return reply
            except (ApiError, NetworkError) as error:
                status = getattr(error, "status_code", None)
                retry_after = getattr(error, "retry_after", None)
                request_sent = getattr(error, "request_sent", True)
                log(request.method, request.path, status or type(error).__name__, begun, attempt)
                if status == 404 and request.method == "DELETE" and (may_have_arrived or error.attempts > 1):
                    # An earlier attempt has deleted it.
                    return Reply(204, Secret(b""))
                may_have_arrived = may_have_arrived or request_sent
                error.attempts = sent = sent + error.attempts
                again = not is_certificate_failure(error.__cause__) and may_send_again(
                    repeatable=request.repeatable, status_code=status, request_sent=request_sent
                )
                delay = seconds_to_wait(attempt, retry_after, self._random)
                if not again or delay is None or attempt > max_retries:
                    raise
            self._sleep(delay)

    def _wait(
        self, kind: type[_T], request: Request, under_way: frozenset[str], timeout: float, poll_interval: float | None
    ) -> _T:
        timeout = checked_seconds("timeout", timeout)
        interval = 0.5 if poll_interval is None else checked_seconds("poll_interval", poll_interval)
        deadline = time.monotonic() + timeout
        last: Any = None
        while True:
            failure: Exception | None = None
            retry_after = 0.0
            try:
                last = _decoded(kind, self._send(request, 0, Limit(self._timeout, deadline)))
                if last.status not in under_way:
                    return last  # type: ignore[no-any-return]
            except (ApiError, NetworkError, DecodeError) as error:
                if isinstance(error, ApiError):
                    retry_after = error.retry_after or 0.0
                    if error.status_code in (401, 403, 404) or time.monotonic() + retry_after > deadline:
                        raise
                if is_certificate_failure(error.__cause__):
                    raise
                failure = error
            left = deadline - time.monotonic()
            if left < _LAST_POLL:
                state = "gave no status within" if last is None else f"is still {last.status} after"
                try:
                    raise WaitTimeout(f"{request.path} {state} {timeout:g} s", last=last) from failure
                finally:
                    del failure  # It holds this frame, and the frame holds it.
            # The last poll still needs time.
            self._sleep(max(min(interval, left * 0.9), retry_after))
            if poll_interval is None:
                interval = min(interval * 1.5, 5.0)


def _path(*segments: str) -> str:
    return "/".join(("/api/v1", *segments))


def _get(*segments: str) -> Request:
    return Request("GET", _path(*segments), None, "", True)


def _token_request(thread: str | UUID) -> Request:
    return Request("POST", _path("threads", str(checked_uuid("thread", thread)), "stream-token"), None, "", True)


def _start(resource: str, slug: str, version: int | str, run: Any) -> Request:
    path = _path(resource, checked_segment("slug", slug), checked_version("version", version), "runs")
    return Request("POST", path, Secret(run.to_json().encode()), "application/json", False)


def _decoded(kind: type[_T], reply: Reply) -> _T:
    from ._decode import read

    return read(kind, reply.body.value, reply.status)
