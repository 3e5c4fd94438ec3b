"""What happened in a run of a prompt, in its order: texts, calls of tools, payloads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from .._model import Model, UnknownVariant, Variant
from .enums import ToolStatus

__all__ = [
    "Citation",
    "TranscriptData",
    "TranscriptItem",
    "TranscriptText",
    "TranscriptTool",
    "UnknownTranscriptItem",
]


@dataclass(frozen=True, slots=True, repr=False)
class Citation(Model):
    """A source that the model cited.

    title  of the page
    url    of the page
    """

    title: str
    url: str


@dataclass(frozen=True, slots=True, repr=False)
class TranscriptText(Variant):
    """A text of the model.

    content    the text
    citations  the sources of the text, each once; empty where there are none
    type       always "text"
    """

    content: str
    citations: tuple[Citation, ...]
    type: Literal["text"] = "text"


@dataclass(frozen=True, slots=True, repr=False)
class TranscriptTool(Variant):
    """A call of a tool.

    name       of the tool
    status     how the call ended
    queries    what the built-in web search looked for; empty for other tools
    citations  what the built-in web search found; empty for other tools
    type       always "tool"
    """

    name: str
    status: ToolStatus
    queries: tuple[str, ...]
    citations: tuple[Citation, ...]
    type: Literal["tool"] = "tool"


@dataclass(frozen=True, slots=True, repr=False)
class TranscriptData(Variant):
    """The payload of an emit tool.

    tool     the name of the tool
    payload  the arguments that the model gave it: JSON, by name
    type     always "data"
    """

    tool: str
    payload: Mapping[str, Any]
    type: Literal["data"] = "data"


@dataclass(frozen=True, slots=True, repr=False)
class UnknownTranscriptItem(UnknownVariant):
    """An item whose `type` is newer than this version.

    type  what it is
    data  the whole JSON object; not in the repr
    """


TranscriptItem = (
    TranscriptText | TranscriptTool | TranscriptData | UnknownTranscriptItem
)
