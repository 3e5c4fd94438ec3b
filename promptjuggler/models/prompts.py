"""A revision of a prompt, as `get_prompt` gives it."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from .._model import Model, UnknownVariant, Variant
from .enums import Memory, Provider, Role, ServiceTier
from .tools import Tool

__all__ = [
    "ContentMessageResponse",
    "JsonObjectFormat",
    "JsonSchemaFormat",
    "ModelParams",
    "PromptRevision",
    "ResponseFormat",
    "TextFormat",
    "UnknownResponseFormat",
]


@dataclass(frozen=True, slots=True, repr=False)
class ModelParams(Model):
    """The parameters of a model. None leaves a parameter to the provider.

    They are the provider's own: which of them a model knows, and the range of
    each, is said there and not by the API. That is also why two of them are
    open strings and no enums, although some values are known.

    max_completion_tokens  the most tokens that an answer may have
    temperature            how much chance has a part in the answer; 0 is the least
    top_p                  only the likeliest tokens that are this likely together, from
                           0 to 1, are chosen from
    verbosity              how long answers are; known: "low", "medium", "high"
    reasoning_effort       how much the model reasons; known: "none", "low", "medium",
                           "high", "xhigh", "max"
    reasoning_summary      whether a summary of the reasoning is asked for
    service_tier           how the provider treats the request
    """

    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    verbosity: str | None = None
    reasoning_effort: str | None = None
    reasoning_summary: bool | None = None
    service_tier: ServiceTier | None = None


@dataclass(frozen=True, slots=True, repr=False)
class TextFormat(Variant):
    """The answer is plain text.

    type  always "text"
    """

    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, repr=False)
class JsonObjectFormat(Variant):
    """The answer is a JSON object, whatever is in it.

    type  always "json_object"
    """

    type: Literal["json_object"] = "json_object"


@dataclass(frozen=True, slots=True, repr=False)
class JsonSchemaFormat(Variant):
    """The answer is JSON that follows a schema.

    name         of the schema
    schema       the JSON schema, as text
    strict       whether the provider must hold the answer to the schema, and not only
                 show it to the model; False where the API does not say
    description  what the model is told of the format, if anything
    type         always "json_schema"
    """

    name: str
    schema: str
    strict: bool | None = False
    description: str | None = None
    type: Literal["json_schema"] = "json_schema"

    @property
    def var_schema(self) -> str:
        """`schema`, by the name that it has in the pydantic-based package."""
        return self.schema


@dataclass(frozen=True, slots=True, repr=False)
class UnknownResponseFormat(UnknownVariant):
    """A format whose `type` is newer than this version.

    type  what it is
    data  the whole JSON object; not in the repr
    """


ResponseFormat = (
    TextFormat | JsonObjectFormat | JsonSchemaFormat | UnknownResponseFormat
)


@dataclass(frozen=True, slots=True, repr=False)
class ContentMessageResponse(Model):
    """A message of a prompt.

    role     whose message it is
    content  its text
    """

    role: Role
    content: str


@dataclass(frozen=True, slots=True, repr=False)
class PromptRevision(Model):
    """A revision of a prompt.

    id                  of this revision
    prompt_id           of the prompt
    memory              whether it uses the messages of its thread
    provider            of the model
    model               the provider's name for the model
    model_params        the parameters of the model
    response_format     what the answer is to look like
    messages            the messages of the prompt, in their order
    tools               what the model may call
    system_instruction  what the model is told first, if anything
    """

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
