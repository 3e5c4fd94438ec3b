"""The tools of a prompt.

`HttpCall.method` and `ScriptCall.language` are plain strings, although a few
values are known: the API promises no list of them, and what is new must not be
an error.
"""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from .._model import Model, UnknownVariant, Variant

__all__ = [
    "Emit",
    "HttpCall",
    "HttpHeader",
    "IdOrTag",
    "KnowledgeSearch",
    "Mcp",
    "PromptCall",
    "ScriptCall",
    "Tool",
    "UnknownTool",
    "VersionRef",
    "WebSearch",
    "WorkflowCall",
]

IdOrTag = int | str
"""A version: its number, or a text, which is an id or a tag such as `production`."""


@dataclass(frozen=True, slots=True, repr=False)
class VersionRef(Model):
    """Which version of a prompt or workflow a tool runs.

    definition_id  the id of the prompt or workflow
    id_or_tag      the version: its number, its id, or a tag such as `production`
    """

    definition_id: UUID
    id_or_tag: IdOrTag


@dataclass(frozen=True, slots=True, repr=False)
class HttpHeader(Model):
    """A header of a request.

    key    the name of the header
    value  its value; it can be a secret, so it is not in the repr
    """

    key: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class Emit(Variant):
    """A tool that hands its arguments to whoever started the run.

    They are the payloads in `PromptRun.emitted`, and of `DataEvent` in a
    stream.

    params_schema  the JSON schema of the arguments, as text
    name           by which the model calls the tool
    fail_fast      whether an error of the tool ends the run at once
    description    what the model is told of the tool, if anything
    type           always "emit"
    """

    params_schema: str
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["emit"] = "emit"


@dataclass(frozen=True, slots=True, repr=False)
class HttpCall(Variant):
    """A tool that sends an HTTP request.

    params_schema  the JSON schema of the arguments, as text
    url            where the request goes
    method         the HTTP method, an open string: servers define more
    name           by which the model calls the tool
    fail_fast      whether an error of the tool ends the run at once
    headers        of the request; None where there are none
    description    what the model is told of the tool, if anything
    type           always "http"
    """

    params_schema: str
    url: str
    method: str
    name: str
    fail_fast: bool
    headers: tuple[HttpHeader, ...] | None = None
    description: str | None = None
    type: Literal["http"] = "http"


@dataclass(frozen=True, slots=True, repr=False)
class KnowledgeSearch(Variant):
    """A tool that searches a knowledge base.

    knowledge_base_id  where it looks
    name               by which the model calls the tool
    fail_fast          whether an error of the tool ends the run at once
    description        what the model is told of the tool, if anything
    type               always "knowledge_search"
    """

    knowledge_base_id: UUID
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["knowledge_search"] = "knowledge_search"


@dataclass(frozen=True, slots=True, repr=False)
class Mcp(Variant):
    """The tools of an MCP server.

    name                 of the server, to the model
    url                  of the server
    authorization_token  for the server; a secret, so it is not in the repr
    allowed_tools        which of its tools the model may call; None is all
    type                 always "mcp"
    """

    name: str
    url: str
    authorization_token: str | None = field(default=None, repr=False)
    allowed_tools: tuple[str, ...] | None = None
    type: Literal["mcp"] = "mcp"


@dataclass(frozen=True, slots=True, repr=False)
class PromptCall(Variant):
    """A tool that runs another prompt.

    version_ref  which prompt, and which version of it
    name         by which the model calls the tool
    fail_fast    whether an error of the tool ends the run at once
    description  what the model is told of the tool, if anything
    type         always "prompt"
    """

    version_ref: VersionRef
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["prompt"] = "prompt"


@dataclass(frozen=True, slots=True, repr=False)
class ScriptCall(Variant):
    """A tool that runs a script.

    language     "python" or "javascript", as far as is known: an open string, since the
                 API may add languages
    code         the script
    name         by which the model calls the tool
    fail_fast    whether an error of the tool ends the run at once
    description  what the model is told of the tool, if anything
    type         always "script"
    """

    language: str
    code: str
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["script"] = "script"


@dataclass(frozen=True, slots=True, repr=False)
class WebSearch(Variant):
    """The provider's own web search.

    allowed_domains  where it looks; None is everywhere
    type             always "web_search"
    """

    allowed_domains: tuple[str, ...] | None = None
    type: Literal["web_search"] = "web_search"


@dataclass(frozen=True, slots=True, repr=False)
class WorkflowCall(Variant):
    """A tool that runs a workflow.

    version_ref  which workflow, and which version of it
    name         by which the model calls the tool
    fail_fast    whether an error of the tool ends the run at once
    description  what the model is told of the tool, if anything
    type         always "workflow"
    """

    version_ref: VersionRef
    name: str
    fail_fast: bool
    description: str | None = None
    type: Literal["workflow"] = "workflow"


@dataclass(frozen=True, slots=True, repr=False)
class UnknownTool(UnknownVariant):
    """A tool whose `type` is newer than this version.

    type  what it is
    data  the whole JSON object; not in the repr
    """


Tool = (
    Emit
    | HttpCall
    | KnowledgeSearch
    | Mcp
    | PromptCall
    | ScriptCall
    | WebSearch
    | WorkflowCall
    | UnknownTool
)
