"""Runs of prompts and workflows, and what starts one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from .._model import Model, UnknownVariant
from .._enums import OpenEnum


class RunStatus(OpenEnum):
    """How far a run is."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class ToolStatus(OpenEnum):
    """How the call of a tool ended."""

    OK = "ok"
    ERROR = "error"
    PENDING = "pending"


class ServiceTier(OpenEnum):
    """The service tier of a provider."""

    AUTO = "auto"
    DEFAULT = "default"
    FLEX = "flex"
    PRIORITY = "priority"


@dataclass(frozen=True, slots=True)
class Citation(Model):
    """A source that the model cited."""

    title: str
    url: str


@dataclass(frozen=True, slots=True)
class TranscriptText(Model):
    """Text. `citations` holds each source once."""

    content: str
    citations: tuple[Citation, ...]
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class TranscriptTool(Model):
    """A call of a tool. `queries` and `citations`: of the built-in web search."""

    name: str
    status: ToolStatus
    queries: tuple[str, ...]
    citations: tuple[Citation, ...]
    type: Literal["tool"] = "tool"


@dataclass(frozen=True, slots=True)
class TranscriptData(Model):
    """The payload of an emit tool."""

    tool: str
    payload: Mapping[str, Any]
    type: Literal["data"] = "data"


@dataclass(frozen=True, slots=True)
class UnknownTranscriptItem(UnknownVariant):
    """An item with a `type` newer than this version; `data`: the whole object."""


TranscriptItem = TranscriptText | TranscriptTool | TranscriptData | UnknownTranscriptItem


@dataclass(frozen=True, slots=True)
class EmittedItem(Model):
    """The payload of an emit tool: its arguments."""

    tool: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TokenUsage(Model):
    """Numbers of tokens."""

    input: int
    input_cached: int
    output: int
    reasoning: int
    total: int
    service_tier: ServiceTier | None = None
    input_cache_write: int = 0


@dataclass(frozen=True, slots=True)
class ModelCost(Model):
    """Costs of a model, in US dollars."""

    input: float
    cached_input: float
    cache_write: float
    output: float
    web_search: float
    total: float


@dataclass(frozen=True, slots=True)
class RunCost(Model):
    """Costs of a run, in US dollars."""

    success: ModelCost
    retries: ModelCost
    total: float


@dataclass(frozen=True, slots=True)
class PromptRun(Model):
    """A run of a prompt. Its `status` alone says how it ended.

    `output`: the text so far; None where the run failed. `transcript` and `emitted`: empty until the run is completed.
    `error`: of the latest failed attempt, even where a later one succeeds. `cost`: None while the run is pending, or
    where no price is known.
    """

    id: UUID
    status: RunStatus
    created_at: datetime
    emitted: tuple[EmittedItem, ...]
    transcript: tuple[TranscriptItem, ...]
    finished_at: datetime | None = None
    output: str | None = None
    error: str | None = None
    token_usage: TokenUsage | None = None
    cost: RunCost | None = None


@dataclass(frozen=True, slots=True)
class WorkflowRun(Model):
    """A run of a workflow. Its `status` alone says how it ended.

    `outputs`: of the completed output nodes, by name. `errors`: of nodes, even where a later one succeeds.
    """

    id: UUID
    status: RunStatus
    created_at: datetime
    outputs: Mapping[str, str | None]
    errors: tuple[str, ...]
    finished_at: datetime | None = None
    token_usage: TokenUsage | None = None
    cost: RunCost | None = None


MetadataValue = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateWorkflowRun(Model):
    """What starts a run of a workflow. `env_vars` can be secrets: not in the repr."""

    inputs: Mapping[str, str]
    thread: UUID | None = None
    priority: str | None = None
    environment: str | None = None
    env_vars: Mapping[str, str] | None = field(default=None, repr=False)
    metadata: Mapping[str, MetadataValue] | None = None


@dataclass(frozen=True, slots=True)
class CreatePromptRun(Model):
    """What starts a run of a prompt. `env_vars` can be secrets: not in the repr."""

    inputs: Mapping[str, str]
    thread: UUID | None = None
    priority: str | None = None
    environment: str | None = None
    env_vars: Mapping[str, str] | None = field(default=None, repr=False)
    metadata: Mapping[str, MetadataValue] | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True)
class CreatePromptRunResponse(Model):
    """A run of a prompt that was started, and its thread."""

    id: UUID
    thread: UUID


@dataclass(frozen=True, slots=True)
class CreateWorkflowRunResponse(Model):
    """A run of a workflow that was started, and its thread."""

    id: UUID
    thread: UUID


@dataclass(frozen=True, slots=True)
class ErrorResponse(Model):
    """The body of an error."""

    error: str
