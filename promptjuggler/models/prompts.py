"""Revisions of prompts."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from .._model import Model, UnknownVariant
from .._enums import OpenEnum
from .runs import ServiceTier


class Memory(OpenEnum):
    """How a prompt uses messages of its thread."""

    STATELESS = "stateless"
    READ_ONLY = "read_only"
    READ_WRITE = "read_write"
    WRITE_ONLY = "write_only"


class Provider(OpenEnum):
    """The provider of a model."""

    OPENAI = "openai"
    GEMINI = "gemini"
    ANTHROPIC = "anthropic"


class Role(OpenEnum):
    """Whose message it is."""

    ASSISTANT = "assistant"
    USER = "user"


@dataclass(frozen=True, slots=True)
class ModelParams(Model):
    """The parameters of a model; None is the provider's default.

    `verbosity`: low, medium or high. `reasoning_effort`: none, low, medium, high, xhigh or max.
    """

    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    verbosity: str | None = None
    reasoning_effort: str | None = None
    reasoning_summary: bool | None = None
    service_tier: ServiceTier | None = None


@dataclass(frozen=True, slots=True)
class TextFormat(Model):
    """The answer is plain text."""

    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class JsonObjectFormat(Model):
    """The answer is a JSON object."""

    type: Literal["json_object"] = "json_object"


@dataclass(frozen=True, slots=True)
class JsonSchemaFormat(Model):
    """The answer follows `schema`, a JSON schema as text."""

    name: str
    schema: str
    strict: bool | None = False
    description: str | None = None
    type: Literal["json_schema"] = "json_schema"

    @property
    def var_schema(self) -> str:
        """Its name in the pydantic-based package."""
        return self.schema


@dataclass(frozen=True, slots=True)
class UnknownResponseFormat(UnknownVariant):
    """A format with a `type` newer than this version; `data`: the whole object."""


ResponseFormat = TextFormat | JsonObjectFormat | JsonSchemaFormat | UnknownResponseFormat


@dataclass(frozen=True, slots=True)
class ContentMessageResponse(Model):
    """A message of a prompt."""

    role: Role
    content: str


IdOrTag = int | str


@dataclass(frozen=True, slots=True)
class VersionRef(Model):
    """A revision: its number, id, or a tag such as `production`."""

    definition_id: UUID
    id_or_tag: IdOrTag


@dataclass(frozen=True, slots=True)
class HttpHeader(Model):
    """A header. Its value can be a secret: not in the repr."""

    key: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Emit(Model):
    """A tool that hands its arguments to who started the run. `params_schema`: a JSON schema as text."""

    params_schema: str
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["emit"] = "emit"


@dataclass(frozen=True, slots=True)
class HttpCall(Model):
    """A tool that sends an HTTP request. `params_schema`: a JSON schema as text."""

    params_schema: str
    url: str
    method: str
    name: str
    fail_fast: bool
    headers: tuple[HttpHeader, ...] | None = None
    description: str | None = None
    type: Literal["http"] = "http"


@dataclass(frozen=True, slots=True)
class KnowledgeSearch(Model):
    """A tool that searches a knowledge base."""

    knowledge_base_id: UUID
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["knowledge_search"] = "knowledge_search"


@dataclass(frozen=True, slots=True)
class Mcp(Model):
    """The tools of an MCP server; without `allowed_tools`, all. Its token is not in the repr."""

    name: str
    url: str
    authorization_token: str | None = field(default=None, repr=False)
    allowed_tools: tuple[str, ...] | None = None
    type: Literal["mcp"] = "mcp"


@dataclass(frozen=True, slots=True)
class PromptCall(Model):
    """A tool that runs another prompt."""

    version_ref: VersionRef
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["prompt"] = "prompt"


@dataclass(frozen=True, slots=True)
class ScriptCall(Model):
    """A tool that runs a script. `language`: python or javascript."""

    language: str
    code: str
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["script"] = "script"


@dataclass(frozen=True, slots=True)
class WebSearch(Model):
    """The provider's own web search."""

    allowed_domains: tuple[str, ...] | None = None
    type: Literal["web_search"] = "web_search"


@dataclass(frozen=True, slots=True)
class WorkflowCall(Model):
    """A tool that runs a workflow."""

    version_ref: VersionRef
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["workflow"] = "workflow"


@dataclass(frozen=True, slots=True)
class UnknownTool(UnknownVariant):
    """A tool with a `type` newer than this version; `data`: the whole object."""


Tool = Emit | HttpCall | KnowledgeSearch | Mcp | PromptCall | ScriptCall | WebSearch | WorkflowCall | UnknownTool


@dataclass(frozen=True, slots=True)
class PromptRevision(Model):
    """A revision of a prompt."""

    id: UUID
    prompt_id: UUID
    memory: Memory
    provider: Provider
    model: str
    model_params: ModelParams
    response_format: ResponseFormat
    messages: tuple[ContentMessageResponse, ...]
    tools: tuple[Tool, ...]
    system_instruction: str | None = None
