"""The client."""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

from ._retry import may_send_again, seconds_to_wait
from ._transport import (
    Limit,
    Reply,
    Request,
    Secret,
    Transport,
    checked_base_url,
    is_certificate_failure,
    is_header_text,
    log,
    wrong_type,
)
from .errors import ApiError, DecodeError, NetworkError, ValidationError, WaitTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any, Literal, TypeVar
    from urllib.request import OpenerDirector
    from uuid import UUID

    from ._multipart import UploadFile
    from ._stream import RunStream, ThreadStream
    from .models.knowledge import KnowledgeBaseResponse, KnowledgeDocumentResponse
    from .models.prompt_runs import PromptRun
    from .models.prompts import PromptRevision
    from .models.run_prompt import CreatePromptRunResponse
    from .models.run_workflow import CreateWorkflowRunResponse
    from .models.streaming import StreamTokenResponse
    from .models.workflow_runs import WorkflowRun

    _T = TypeVar("_T")


class PromptJuggler:
    """A client of the PromptJuggler API, for any number of threads, also after a fork.

    `api_key`, `base_url`: else PROMPTJUGGLER_API_KEY and PROMPTJUGGLER_BASE_URL of the environment. `timeout`: seconds,
    for the connect, each send, and the whole answer. `max_retries`: how often a request is sent again; one that starts
    a run or uploads, only if it certainly did not arrive, or got 429. `ssl_context`: for a private authority or a
    client certificate. `proxy`: a URL; None: of the environment, False: none. `opener`: a
    `urllib.request.OpenerDirector` to use instead.

    Each method raises `ApiError` for an error status, `NetworkError` without a whole answer, `DecodeError` for one that
    is not as the API promises, `ValidationError` for a wrong argument, as does this.
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
        # Error trackers record variables.
        key, secret_proxy = Secret(api_key), None if proxy is None else Secret(proxy)
        del api_key, proxy
        name = "base_url"
        if base_url is None:
            name = "PROMPTJUGGLER_BASE_URL"
            base_url = os.environ.get(name) or "https://promptjuggler.com"
        base_url = checked_base_url(name, base_url)
        self._timeout = _checked_seconds("timeout", timeout)
        self._max_retries = _checked_count("max_retries", max_retries)
        self._transport = Transport(base_url, _checked_api_key(key), ssl_context, secret_proxy, opener)

    # Not in a pickle.
    _sleep = staticmethod(time.sleep)
    _random = staticmethod(random.random)

    def with_options(self, *, timeout: float | None = None, max_retries: int | None = None) -> PromptJuggler:
        """A client with another `timeout` or `max_retries` on the same connections."""
        client = object.__new__(type(self))
        client.__dict__.update(self.__dict__)
        if timeout is not None:
            client._timeout = _checked_seconds("timeout", timeout)
        if max_retries is not None:
            client._max_retries = _checked_count("max_retries", max_retries)
        return client

    def close(self) -> None:
        """Close the idle connections. The client stays usable."""
        self._transport.pool.close()

    def __enter__(self) -> PromptJuggler:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        transport = self.__dict__.get("_transport")
        return f"PromptJuggler(base_url={transport.base_url!r})" if transport else "PromptJuggler()"

    def get_prompt(self, slug: str, version: int | str) -> PromptRevision:
        """A revision of a prompt, by its number or a tag."""
        from .models.prompts import PromptRevision

        return self._call(PromptRevision, _revision("prompts", slug, version))

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
        metadata: Mapping[str, str | Sequence[str]] | None = None,
        channel: str | None = None,
    ) -> CreatePromptRunResponse:
        """Start a run of a prompt, and give its id and thread; `wait_for_prompt_run` gives the answer.

        `priority`: onsite, normal or low. `thread`: to go on with. `environment`: whose webhooks fire and whose
        variables the run sees. `env_vars`: for this run alone, at most 50 and 64 KB, UPPER_CASE names. `metadata`: to
        find the run by. `channel`: the part of the thread's memory to use.
        """
        from .models.run_prompt import CreatePromptRun, CreatePromptRunResponse

        secret, env_vars = Secret(env_vars), None
        run = CreatePromptRun(
            **_checked_run_options(inputs, priority, thread, environment, secret, metadata),
            channel=_checked_text("channel", channel),
        )
        return self._call(CreatePromptRunResponse, _start("prompts", slug, version, run))

    def get_prompt_run(self, run_id: str | UUID) -> PromptRun:
        """A run of a prompt, as far as it is."""
        from .models.prompt_runs import PromptRun

        request = _get("promptruns", _checked_uuid("run_id", run_id))
        return self._call(PromptRun, request)

    def wait_for_prompt_run(
        self, run_id: str | UUID, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> PromptRun:
        """Poll a run until it is not pending: completed, failed, or a newer status.

        `timeout`: seconds in all, then `WaitTimeout`. `poll_interval`: seconds, else 0.5 growing to 5. A poll may
        fail, but not with 401, 403, 404, or an untrusted certificate.
        """
        from .models.prompt_runs import PromptRun

        request = _get("promptruns", _checked_uuid("run_id", run_id))
        return self._wait(PromptRun, request, timeout, poll_interval, "pending")

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
        metadata: Mapping[str, str | Sequence[str]] | None = None,
    ) -> CreateWorkflowRunResponse:
        """As `run_prompt`, for a workflow."""
        from .models.run_workflow import CreateWorkflowRun, CreateWorkflowRunResponse

        secret, env_vars = Secret(env_vars), None
        run = CreateWorkflowRun(**_checked_run_options(inputs, priority, thread, environment, secret, metadata))
        return self._call(CreateWorkflowRunResponse, _start("workflows", slug, version, run))

    def get_workflow_run(self, run_id: str | UUID) -> WorkflowRun:
        """A run of a workflow, as far as it is."""
        from .models.workflow_runs import WorkflowRun

        request = _get("workflowruns", _checked_uuid("run_id", run_id))
        return self._call(WorkflowRun, request)

    def wait_for_workflow_run(
        self, run_id: str | UUID, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> WorkflowRun:
        """As `wait_for_prompt_run`, for a run of a workflow."""
        from .models.workflow_runs import WorkflowRun

        request = _get("workflowruns", _checked_uuid("run_id", run_id))
        return self._wait(WorkflowRun, request, timeout, poll_interval, "pending")

    def create_stream_token(self, thread: str | UUID) -> StreamTokenResponse:
        """A short-lived token and the URL for the stream of a thread, even before the thread exists."""
        from .models.streaming import StreamTokenResponse

        request = _get("threads", _checked_uuid("thread", thread), "stream-token")._replace(method="POST")
        return self._call(StreamTokenResponse, request)

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

        Enter it before you start the run. `channels`: only these. `last_event_id`: of an earlier stream, to go on
        after. A connection that is lost, or silent for `idle_timeout` seconds, is made again, or raises `NetworkError`
        with `reconnect=False`; 401, 403 and 404 raise `ApiError`. `timeout`: seconds in all, then `WaitTimeout`.
        """
        from ._stream import ThreadStream
        from .models.streaming import StreamTokenResponse

        request = _get("threads", _checked_uuid("thread", thread), "stream-token")._replace(method="POST")
        return ThreadStream(
            self._transport,
            lambda limit: self._call(StreamTokenResponse, request, limit),
            channels=channels,
            last_event_id=last_event_id,
            connect_timeout=self._timeout,
            idle_timeout=_checked_seconds("idle_timeout", idle_timeout),
            timeout=None if timeout is None else _checked_seconds("timeout", timeout),
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
        """The events of a run of a prompt, to its end: entering it starts the run. Options of `run_prompt` and
        `stream`."""
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

        request = _get("knowledge-bases", _checked_segment("slug", slug))
        return self._call(KnowledgeBaseResponse, request)

    def wait_for_knowledge_base(
        self, slug: str, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> KnowledgeBaseResponse:
        """Poll a knowledge base until it is neither pending nor sealed, as `wait_for_prompt_run`."""
        from .models.knowledge import KnowledgeBaseResponse

        request = _get("knowledge-bases", _checked_segment("slug", slug))
        return self._wait(KnowledgeBaseResponse, request, timeout, poll_interval, "pending", "sealed")

    def upload_documents(self, slug: str, files: Iterable[UploadFile]) -> tuple[KnowledgeDocumentResponse, ...]:
        """Upload documents to a knowledge base, which then processes them: `wait_for_knowledge_document`.

        Each is a path, or a tuple of a file name and bytes or a seekable binary file, sent in pieces from where it is.
        Raises the `OSError` of a path that cannot be opened, with nothing sent.
        """
        from ._multipart import Multipart
        from .models.knowledge import KnowledgeDocumentResponse

        request = _get("knowledge-bases", _checked_segment("slug", slug))
        try:
            body = Multipart(files)
        except (TypeError, ValueError) as error:
            raise ValidationError(str(error)) from error
        request = Request("POST", request.path + "/documents", Secret(body), body.content_type, False)
        return self._call(tuple[KnowledgeDocumentResponse, ...], request)

    def get_knowledge_document(self, document_id: str | UUID) -> KnowledgeDocumentResponse:
        """A document of a knowledge base."""
        from .models.knowledge import KnowledgeDocumentResponse

        request = _get("knowledge-documents", _checked_uuid("document_id", document_id))
        return self._call(KnowledgeDocumentResponse, request)

    def wait_for_knowledge_document(
        self, document_id: str | UUID, *, timeout: float = 300.0, poll_interval: float | None = None
    ) -> KnowledgeDocumentResponse:
        """Poll a document until it is neither pending nor sealed, as `wait_for_prompt_run`."""
        from .models.knowledge import KnowledgeDocumentResponse

        request = _get("knowledge-documents", _checked_uuid("document_id", document_id))
        return self._wait(KnowledgeDocumentResponse, request, timeout, poll_interval, "pending", "sealed")

    def delete_knowledge_document(self, document_id: str | UUID) -> None:
        """Delete a document of a knowledge base."""
        self._send(_get("knowledge-documents", _checked_uuid("document_id", document_id))._replace(method="DELETE"))

    def _call(self, kind: type[_T], request: Request, limit: Limit | None = None) -> _T:
        from ._decode import read

        reply = self._send(request, limit)
        return read(kind, reply.body.value, reply.status)

    def _send(self, request: Request, limit: Limit | None = None) -> Reply:
        # With a `limit`, only once.
        attempt = sent = 0
        arrived = False  # Or may have.
        while True:
            attempt += 1
            begun = time.monotonic()
            try:
                reply = self._transport.send(request, limit or Limit(self._timeout))
                log(request.method, request.path, reply.status, begun, attempt)
                return reply
            except (ApiError, NetworkError) as error:
                status = getattr(error, "status_code", None)
                request_sent = getattr(error, "request_sent", True)
                log(request.method, request.path, status or type(error).__name__, begun, attempt)
                if status == 404 and request.method == "DELETE" and (arrived or error.attempts > 1):
                    return Reply(204, Secret(b""))  # An earlier attempt has deleted it.
                arrived |= request_sent
                error.attempts = sent = sent + error.attempts
                again = may_send_again(repeatable=request.repeatable, status_code=status, request_sent=request_sent)
                delay = seconds_to_wait(attempt, getattr(error, "retry_after", None), self._random)
                final = limit or attempt > self._max_retries or not again or is_certificate_failure(error.__cause__)
                if final or delay is None:
                    raise
            self._sleep(delay)

    def _wait(
        self, kind: type[_T], request: Request, timeout: float, poll_interval: float | None, *under_way: str
    ) -> _T:
        timeout = _checked_seconds("timeout", timeout)
        interval = 0.5 if poll_interval is None else _checked_seconds("poll_interval", poll_interval)
        deadline = time.monotonic() + timeout
        last: Any = None
        while True:
            failure: Exception | None = None
            retry_after = 0.0
            try:
                result = last = self._call(kind, request, Limit(self._timeout, deadline))
                if last.status not in under_way:
                    return result
            except (NetworkError, DecodeError) as error:
                if is_certificate_failure(error.__cause__):
                    raise
                failure = error
            except ApiError as error:
                retry_after = error.retry_after or 0.0
                if error.status_code in (401, 403, 404) or time.monotonic() + retry_after > deadline:
                    raise
                failure = error
            left = deadline - time.monotonic()
            if left < 0.05:
                state = "gave no status within" if last is None else f"is still {last.status} after"
                try:
                    raise WaitTimeout(f"{request.path} {state} {timeout:g} s", last=last) from failure
                finally:
                    del failure  # It holds this frame.
            self._sleep(max(min(interval, left * 0.9), retry_after))  # The last poll needs time.
            if poll_interval is None:
                interval = min(interval * 1.5, 5.0)


def _get(*segments: str) -> Request:
    return Request("GET", "/".join(("/api/v1", *segments)), None, "", True)


def _revision(resource: str, slug: str, version: int | str) -> Request:
    slug = _checked_segment("slug", slug)
    if isinstance(version, int) and not isinstance(version, bool):
        try:
            version = f"{version:d}"
        except ValueError:
            raise ValidationError("version is too large a number") from None
    if not isinstance(version, str):
        raise wrong_type("version", "an int or a str", version)
    return _get(resource, slug, _checked_segment("version", version))


def _start(resource: str, slug: str, version: int | str, run: Any) -> Request:
    path = _revision(resource, slug, version).path + "/runs"
    return Request("POST", path, Secret(run.to_json().encode()), "application/json", False)


# Checks give what to send; no error shows a secret.


def _checked_api_key(key: Secret) -> Secret:
    name = "api_key (or PROMPTJUGGLER_API_KEY)"
    if key.value is None:
        key.value = os.environ.get("PROMPTJUGGLER_API_KEY", "")
    if not isinstance(key.value, str):
        raise wrong_type(name, "a str", key.value)
    key.value = key.value.strip()
    if not key.value:
        raise ValidationError("there is no API key: give api_key, or set PROMPTJUGGLER_API_KEY")
    if not is_header_text(key.value):
        raise ValidationError(f"{name} must be printable ASCII without spaces")
    return key


def _checked_seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(name, "a number of seconds", value)
    if not 0 < value < float("inf"):
        raise ValidationError(f"{name} must be a finite number of seconds above 0")
    return float(min(value, 10**15))


def _checked_count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an int", value)
    if value < 0:
        raise ValidationError(f"{name} must be at least 0")
    return value


def _checked_segment(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    if value in ("", ".", ".."):  # Steps of a path, encoded or not.
        raise ValidationError(f"{name} must not be {value!r}")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise ValidationError(f"{name} must be encodable as UTF-8") from None


def _checked_uuid(name: str, value: object) -> str:
    from uuid import UUID

    if not isinstance(value, (str, UUID)):
        raise wrong_type(name, "a UUID or its text", value)
    text = value.lower() if isinstance(value, str) else str(value)
    if re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){4}[0-9a-f]{8}", text):  # UUID() takes longer.
        return text
    if not re.fullmatch("(urn:uuid:)?[{}]*(-*[0-9a-f]){32}-*[{}]*", text):  # UUID() takes more.
        raise ValidationError(f"{name} must be a UUID")
    return str(UUID(text))


def _checked_text(name: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    return value


def _checked_run_options(
    inputs: object, priority: object, thread: object, environment: object, env_vars: Secret, metadata: object
) -> dict[str, Any]:
    if _checked_text("priority", priority) not in (None, "onsite", "normal", "low"):
        raise ValidationError(f"priority must be 'onsite', 'normal' or 'low', not {str(priority)[:40]!r}")
    try:
        return {
            "inputs": _checked_map("inputs", inputs),
            "priority": priority,
            "thread": None if thread is None else _checked_uuid("thread", thread),
            "environment": _checked_text("environment", environment),
            "metadata": None if metadata is None else _checked_map("metadata", metadata),
            "env_vars": None if env_vars.value is None else _checked_map("env_vars", env_vars.value),
        }
    except ValidationError as error:
        raise error.with_traceback(None) from None  # No frame with values.


def _checked_map(name: str, value: object) -> dict[str, Any]:
    sequences = name == "metadata"
    expected = "str or a sequence of str" if sequences else "str"
    if not isinstance(value, Mapping):
        raise wrong_type(name, f"a mapping of str to {expected}", value)
    result = dict(value)
    for key, item in result.items():
        if not isinstance(key, str):
            raise wrong_type(f"every key of {name}", "a str", key)
        if sequences and isinstance(item, Sequence) and not isinstance(item, (str, bytes, bytearray, memoryview)):
            result[key] = tuple(item)
            for index, element in enumerate(item):
                if not isinstance(element, str):
                    raise wrong_type(f"{name}[{key!r}][{index}]", "a str", element)
        elif not isinstance(item, str):
            raise wrong_type(f"{name}[{key!r}]", f"a {expected}", item)
    return result
