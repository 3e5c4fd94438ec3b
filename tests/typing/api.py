"""A user's program, as type checkers see it. Never run: `assert_type` is what is checked."""

import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

from typing_extensions import assert_never, assert_type

import promptjuggler
from promptjuggler import (
    ApiError,
    Batch,
    BatchCounts,
    BatchResult,
    Citation,
    ConnectedEvent,
    ContentMessageResponse,
    CreatePromptRun,
    CreatePromptRunResponse,
    CreateWorkflowRunResponse,
    DataEvent,
    DecodeError,
    DisconnectedEvent,
    DoneEvent,
    Emit,
    EmittedItem,
    FailureEvent,
    GapEvent,
    HttpCall,
    HttpHeader,
    IdOrTag,
    JsonObjectFormat,
    JsonSchemaFormat,
    KnowledgeBaseResponse,
    KnowledgeBaseStatus,
    KnowledgeDocumentResponse,
    KnowledgeDocumentStatus,
    KnowledgeDocumentSummary,
    KnowledgeSearch,
    Mcp,
    Memory,
    MetadataValue,
    ModelCost,
    ModelParams,
    NetworkError,
    PromptCall,
    PromptJuggler,
    PromptJugglerError,
    PromptRevision,
    PromptRun,
    PromptRunFinished,
    Provider,
    RequestTimeout,
    ResetEvent,
    ResponseFormat,
    Role,
    RunCost,
    RunStatus,
    RunStream,
    RunView,
    ScriptCall,
    ServiceTier,
    StaleEvent,
    StreamEvent,
    StreamTokenResponse,
    TextFormat,
    ThreadStream,
    TokenEvent,
    TokenUsage,
    Tool,
    ToolEndEvent,
    ToolStartEvent,
    ToolStatus,
    TranscriptData,
    TranscriptItem,
    TranscriptText,
    TranscriptTool,
    UnknownResponseFormat,
    UnknownTool,
    UnknownTranscriptItem,
    UploadFile,
    ValidationError,
    VersionRef,
    WaitTimeout,
    WebSearch,
    WorkflowCall,
    WorkflowRun,
    verify_webhook_signature,
)
from promptjuggler.errors import ApiError as ErrorOfTheModule
from promptjuggler.testing import (
    Call,
    Delivery,
    Error,
    FakeServer,
    Message,
    Node,
    Payload,
    RecordedRequest,
    Reset,
    Text,
    Tool as CalledTool,
    Usage,
    sign_webhook,
)

SOME_ID = UUID(int=1)

# --- the client ---

assert_type(PromptJuggler(), PromptJuggler)
pj = PromptJuggler(
    "key", base_url="https://gateway.example/pj", timeout=10, max_retries=0
)
PromptJuggler(
    "key", ssl_context=ssl.create_default_context(), proxy="http://proxy.example:3128"
)
PromptJuggler("key", proxy=False)
PromptJuggler("key", opener=urllib.request.build_opener())
assert_type(pj.with_options(timeout=5.0, max_retries=1), PromptJuggler)
assert_type(pj.close(), None)
with PromptJuggler() as opened:
    assert_type(opened, PromptJuggler)

# --- the operations ---

assert_type(pj.get_prompt("greeting", 3), PromptRevision)
assert_type(pj.get_prompt("greeting", "production"), PromptRevision)
assert_type(
    pj.run_prompt("greeting", "production", {"name": "Ada"}), CreatePromptRunResponse
)
env_vars: dict[str, str] = {"TOKEN": "t"}
tags: list[str] = ["a", "b"]
texts_or_lists: dict[str, str | list[str]] = {"tags": ["a"], "team": "blue"}
assert_type(
    pj.run_prompt(
        "greeting",
        1,
        {"name": "Ada"},
        priority="low",
        thread=SOME_ID,
        environment="staging",
        env_vars=env_vars,
        metadata={"team": "blue", "tags": tags},
        channel="news",
    ),
    CreatePromptRunResponse,
)
pj.run_prompt(
    "greeting",
    1,
    {"name": "Ada"},
    priority=None,
    thread=None,
    environment=None,
    env_vars=None,
)
pj.run_prompt("greeting", 1, {}, metadata=texts_or_lists, channel=None)
pj.run_prompt("greeting", 1, {}, metadata=None, thread=str(SOME_ID))
assert_type(
    pj.run_workflow(
        "summary",
        "production",
        {"text": "..."},
        priority="onsite",
        thread=str(SOME_ID),
        environment="staging",
        env_vars=env_vars,
        metadata={"tags": ("a", "b")},
    ),
    CreateWorkflowRunResponse,
)
assert_type(pj.get_prompt_run(SOME_ID), PromptRun)
assert_type(pj.get_prompt_run(str(SOME_ID)), PromptRun)
assert_type(pj.get_workflow_run(SOME_ID), WorkflowRun)
assert_type(pj.create_stream_token(SOME_ID), StreamTokenResponse)
assert_type(pj.get_knowledge_base("manuals"), KnowledgeBaseResponse)
assert_type(pj.get_knowledge_document(SOME_ID), KnowledgeDocumentResponse)
assert_type(pj.delete_knowledge_document(SOME_ID), None)
with open("b.pdf", "rb") as file:
    documents = pj.upload_documents(
        "manuals", [("a.txt", b"text"), ("b.pdf", file), "c.md", Path("d.md")]
    )
assert_type(documents[0], KnowledgeDocumentResponse)
assert_type([document.id for document in documents], list[UUID])
pairs: list[tuple[str, bytes]] = [("a.txt", b"text")]
pj.upload_documents("manuals", pairs)
assert_type(pj.wait_for_prompt_run(SOME_ID), PromptRun)
assert_type(
    pj.wait_for_prompt_run(str(SOME_ID), timeout=60, poll_interval=0.5), PromptRun
)
assert_type(
    pj.wait_for_workflow_run(SOME_ID, timeout=60.0, poll_interval=None), WorkflowRun
)
assert_type(
    pj.wait_for_knowledge_document(SOME_ID, timeout=60.0), KnowledgeDocumentResponse
)
assert_type(pj.wait_for_knowledge_base("manuals", timeout=60.0), KnowledgeBaseResponse)


def files_to_upload(folder: Path) -> list[UploadFile]:
    return [("a.txt", b"text"), folder / "b.pdf", str(folder / "c.md")]


pj.upload_documents("manuals", files_to_upload(Path()))
the_priority: Literal["onsite", "normal", "low"] = "low"
pj.run_prompt("greeting", 1, {}, priority=the_priority)

# --- the results ---


def prompt_run(run: PromptRun) -> None:
    assert_type(run.id, UUID)
    assert_type(run.status, RunStatus)
    assert_type(run.created_at, datetime)
    assert_type(run.finished_at, datetime | None)
    assert_type(run.output, str | None)
    assert_type(run.emitted, tuple[EmittedItem, ...])
    assert_type(run.error, str | None)
    assert_type(run.token_usage, TokenUsage | None)
    assert_type(run.cost, RunCost | None)
    if run.cost is not None:
        assert_type(run.cost.success, ModelCost)
        assert_type(run.cost.total, float)
    if run.token_usage is not None:
        assert_type(run.token_usage.service_tier, ServiceTier | None)
        assert_type(run.token_usage.input_cache_write, int)
    if run.status == RunStatus.COMPLETED and run.output is not None:
        assert_type(run.output.upper(), str)
    assert_type(RunStatus("brewing"), RunStatus)
    assert_type(run.status.upper(), str)


def through_the_module(run: promptjuggler.models.PromptRun) -> None:
    assert_type(run, PromptRun)


def transcript(run: PromptRun) -> None:
    assert_type(run.transcript, tuple[TranscriptItem, ...])
    for item in run.transcript:
        match item:
            case TranscriptText(content=content, citations=citations):
                assert_type(content, str)
                assert_type(citations, tuple[Citation, ...])
            case TranscriptTool():
                assert_type(item.status, ToolStatus)
                assert_type(item.queries, tuple[str, ...])
            case TranscriptData():
                assert_type(item.tool, str)
            case UnknownTranscriptItem():
                assert_type(item.data, Mapping[str, Any])
            case _:
                assert_never(item)


def prompt(revision: PromptRevision) -> None:
    assert_type(revision.memory, Memory)
    assert_type(revision.provider, Provider)
    assert_type(revision.model_params, ModelParams)
    assert_type(revision.model_params.temperature, float | None)
    assert_type(revision.messages, tuple[ContentMessageResponse, ...])
    assert_type(revision.messages[0].role, Role)
    assert_type(revision.tools, tuple[Tool, ...])
    assert_type(revision.response_format, ResponseFormat)
    match revision.response_format:
        case JsonSchemaFormat(schema=schema):
            assert_type(schema, str)
        case TextFormat() | JsonObjectFormat() | UnknownResponseFormat():
            pass
        case _:
            assert_never(revision.response_format)


def tool_by_class(tool: Tool) -> str:
    assert_type(tool.actual_instance, Tool)
    if isinstance(tool, HttpCall):
        assert_type(tool, HttpCall)
        assert_type(tool.actual_instance, HttpCall)
        assert_type(tool.headers, tuple[HttpHeader, ...] | None)
        return tool.url
    if isinstance(tool, (PromptCall, WorkflowCall)):
        assert_type(tool.version_ref, VersionRef)
        assert_type(tool.version_ref.id_or_tag, IdOrTag)
        return tool.name
    if isinstance(tool, WebSearch):
        return ", ".join(tool.allowed_domains or ())
    if isinstance(tool, UnknownTool):
        assert_type(tool.to_dict(), dict[str, Any])
        newer: str = tool.type
        return newer
    assert_type(tool, Emit | KnowledgeSearch | Mcp | ScriptCall)
    return tool.name


def tool_by_type(tool: Tool) -> str:
    if tool.type == "http":
        assert_type(tool, HttpCall)
        return tool.url
    if tool.type == "script":
        assert_type(tool, ScriptCall)
        return tool.language
    if tool.type == "mcp":
        assert_type(tool.authorization_token, str | None)
    if tool.type == "unknown":
        # What it is in fact is not known to a checker, or no other comparison would narrow.
        assert_type(tool, UnknownTool)
        return str(tool.data["type"])
    return ""


def tool_by_match(tool: Tool) -> str:
    match tool:
        case HttpCall(url=url):
            return url
        case WorkflowCall(version_ref=VersionRef(id_or_tag=tag)):
            return str(tag)
        case (
            Emit()
            | KnowledgeSearch()
            | Mcp()
            | PromptCall()
            | ScriptCall()
            | WebSearch()
            | UnknownTool()
        ):
            return tool.type
        case _:
            assert_never(tool)


def transcript_item_by_type(item: TranscriptItem) -> str:
    if item.type == "text":
        assert_type(item, TranscriptText)
        assert_type(item.type, Literal["text"])
        return item.content
    if item.type == "tool":
        assert_type(item, TranscriptTool)
        return item.name
    if item.type == "data":
        return item.tool
    assert_type(item, UnknownTranscriptItem)
    return ""


def format_by_type(response_format: ResponseFormat) -> str | None:
    return response_format.schema if response_format.type == "json_schema" else None


def others(
    run: WorkflowRun, base: KnowledgeBaseResponse, token: StreamTokenResponse
) -> None:
    assert_type(run.outputs, Mapping[str, str | None])
    assert_type(run.outputs["summary"], str | None)
    assert_type(run.errors, tuple[str, ...])
    assert_type(base.status, KnowledgeBaseStatus)
    assert_type(base.documents, tuple[KnowledgeDocumentSummary, ...])
    assert_type(base.documents[0].status, KnowledgeDocumentStatus)
    assert_type(token.expires_at, datetime)
    assert_type(token.url, str)


# --- documents that are read, written and built ---

assert_type(PromptRun.from_json(b"{}"), PromptRun)
assert_type(PromptRunFinished.from_json("{}"), PromptRunFinished)
assert_type(PromptRun.from_dict({}), PromptRun)
assert_type(PromptRunFinished.from_json("{}").status, RunStatus)
assert_type(PromptRunFinished(SOME_ID, RunStatus.FAILED).to_json(), str)
some_metadata: Mapping[str, MetadataValue] = {"team": "blue", "tags": ("a", "b")}
assert_type(
    CreatePromptRun(inputs={"name": "Ada"}, metadata=some_metadata), CreatePromptRun
)
a_tool: Tool = HttpCall(
    params_schema="{}",
    url="https://example.com",
    method="GET",
    name="get",
    fail_fast=True,
)

# --- the stream of a thread ---


def event_of(event: StreamEvent) -> str:
    match event:
        case TokenEvent(text=text):
            return text
        case DoneEvent(view=view) | FailureEvent(view=view):
            assert_type(view, RunView)
            assert_type(view.transcript, tuple[TranscriptItem, ...])
            return view.text
        case DataEvent():
            assert_type(event.payload, Mapping[str, Any])
        case ToolStartEvent() | ToolEndEvent() | ResetEvent() | GapEvent():
            assert_type(event.run_id, UUID)
        case DisconnectedEvent():
            return event.reason
        case ConnectedEvent() | StaleEvent():
            pass
        case _:
            assert_never(event)
    return ""


with pj.stream(SOME_ID, channels=["news"], last_event_id="7", timeout=60) as stream:
    assert_type(stream, ThreadStream)
    assert_type([event_of(event) for event in stream], list[str])
    assert_type(stream.view(SOME_ID), RunView)
    assert_type(stream.last_event_id, str | None)
with pj.stream_prompt(
    "greeting", "production", {"name": "Ada"}, thread=SOME_ID, channel="news"
) as prompt_stream:
    assert_type(prompt_stream, RunStream[PromptRun])
    assert_type([event_of(event) for event in prompt_stream], list[str])
    assert_type(prompt_stream.result(), PromptRun)
    assert_type(prompt_stream.view.text, str)
with pj.stream_workflow(
    "summary", 1, {"text": "..."}, priority="low"
) as workflow_stream:
    assert_type(workflow_stream.result(), WorkflowRun)
pj.stream_prompt(
    "greeting",
    1,
    {"name": "Ada"},
    priority="onsite",
    thread=str(SOME_ID),
    environment="staging",
    env_vars=env_vars,
    metadata=texts_or_lists,
    channel="news",
    idle_timeout=30.0,
    timeout=None,
    reconnect=False,
)
pj.stream_workflow(
    "summary",
    1,
    {"text": "..."},
    priority=the_priority,
    thread=SOME_ID,
    environment="staging",
    env_vars=env_vars,
    metadata={"team": "blue", "tags": tags},
    idle_timeout=30,
    timeout=60,
    reconnect=True,
)

# --- errors ---

try:
    pj.get_prompt("greeting", 1)
except ApiError as error:
    assert_type(error.status_code, int | None)
    assert_type(error.body, str)
    assert_type(error.retry_after, float | None)
    assert_type(error.attempts, int)
    if error.headers is not None:
        error.headers["Content-Type"]
except RequestTimeout as error:
    assert_type(error.request_sent, bool)
    as_builtin: TimeoutError = error
    as_network_error: NetworkError = error
except DecodeError as error:
    assert_type(error.path, str)
    assert_type(error.body, bytes)
except WaitTimeout as error:
    assert_type(
        error.last,
        PromptRun
        | WorkflowRun
        | KnowledgeBaseResponse
        | KnowledgeDocumentResponse
        | None,
    )
except ValidationError as error:
    as_value_error: ValueError = error
except PromptJugglerError as error:
    assert_type(str(error), str)

same: type[ApiError] = ErrorOfTheModule
through_the_package: type[ApiError] = promptjuggler.errors.ApiError
assert_type(promptjuggler.__version__, str)

# --- webhooks and tests ---

assert_type(verify_webhook_signature("{}", "t=1,v1=00", "secret"), bool)
assert_type(
    verify_webhook_signature(b"{}", None, ["new", "old"], tolerance=60, now=1), bool
)
assert_type(sign_webhook("{}", "secret"), str)
with FakeServer() as server:
    assert_type(server, FakeServer)
    assert_type(server.url, str)
    assert_type(server.api_key, str)
    server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
    server.add_workflow("summary", lambda inputs: {"summary": inputs["text"]})
    server.add_knowledge_base("manuals")
    server.add_knowledge_base(
        "forms", lambda name, content: None if content else Error(f"{name} is empty.")
    )
    server.fail_next(503, times=2, retry_after=1)
    server.fail_next(503, path="/promptruns/", method="GET", after=1, body={"a": ["b"]})
    server.answer_next("<html>", status=200, headers={"X-Mine": "yes"}, times=2)
    server.answer_next(cut_at=10, path="/promptruns/")
    server.drop_next(method="POST")
    server.delay_next(1, after=2)
    server.add_webhook("http://localhost/", "s", events=["promptrun.finished"])
    assert_type(server.wait_for_webhooks(1), list[Delivery])
    assert_type(server.requests, list[RecordedRequest])
    assert_type(server.errors, list[str])
    server.run_seconds = lambda call: 0.5 if call.slug == "slow" else 0
    server.pause()
    server.finish("0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11", timeout=1)
    server.resume()


def of_call(
    inputs: dict[str, str], call: Call
) -> list[str | CalledTool | Text | Usage]:
    assert_type(call.messages, tuple[Message, ...])
    assert_type(call.version, int)
    return [
        "a",
        CalledTool("search"),
        Text("b", [{"title": "A", "url": "u"}]),
        Usage(1, 2),
    ]


def of_inputs(inputs: dict[str, str]) -> Iterator[str | Payload | Reset]:
    yield "a"
    yield Payload("emit", {"b": 1})


def fails(inputs: dict[str, str]) -> Error:
    return Error("No.", code="no")


def nodes(inputs: dict[str, str], call: Call) -> Iterator[Node | dict[str, str | None]]:
    yield Node("a", ["b", Reset()], channel="support")
    yield {"c": None}


prompts = FakeServer(api_key="k", run_seconds=lambda call: 1, strict_faults=True)
assert_type(prompts.add_prompt("a", of_call, tags=("beta",), memory="read_write"), int)
prompts.add_prompt("a", of_inputs, messages=[{"role": "user", "content": "a"}])
prompts.add_prompt("a", fails, tools=[{"type": "web_search"}], model_params={"topP": 1})
prompts.add_prompt("a", lambda inputs, call: f"{inputs['a']} {call.thread}")
prompts.add_workflow("a", nodes)
prompts.add_workflow("a", lambda inputs, call: {"a": inputs["a"], "b": None})


# --- many runs ---


def many(rows: list[dict[str, str]], path: Path) -> None:
    """Their results have the type of their runs."""
    batch = pj.run_prompts("greeting", "production", rows, journal=path, workers=4)
    assert_type(batch, Batch[PromptRun])
    with batch as entered:
        assert_type(entered, Batch[PromptRun])
        for result in entered:
            assert_type(result, BatchResult[PromptRun])
            assert_type(result.index, int)
            assert_type(result.inputs, Mapping[str, str])
            assert_type(result.run_id, UUID | None)
            assert_type(result.run, PromptRun | None)
            assert_type(result.error, PromptJugglerError | None)
    assert_type(batch.counts, BatchCounts)
    assert_type(batch.counts.under_way, int)
    assert_type(batch.cost, float)
    generated = ({"name": str(number)} for number in range(3))
    options: dict[str, str] = {"TOKEN": "a"}
    with pj.run_workflows("summary", 1, generated, env_vars=options) as workflows:
        assert_type(next(workflows).run, WorkflowRun | None)
