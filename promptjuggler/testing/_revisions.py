"""What is said of a prompt when it is added, checked: `get_prompt` will give it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ._checks import checked_copy, checked_nonempty, checked_str
from ._state import Json, new_id

if TYPE_CHECKING:
    from .. import PromptRevision

_MEMORIES = ("stateless", "read_only", "read_write", "write_only")


def checked_revision(
    *,
    messages: object,
    system_instruction: object,
    tools: object,
    response_format: object,
    provider: object,
    model: object,
    model_params: object,
    memory: object,
) -> Json:
    """The arguments of `add_prompt()` as PromptRevision has them, copied.

    Raises `TypeError` or `ValueError`, with the place, for what no client could read,
    and for a name that this version does not know: it is a slip.
    """
    if memory not in _MEMORIES:
        raise ValueError(f"memory must be one of {_MEMORIES}, not {memory!r}")
    if response_format is None:
        response_format = {"type": "text"}
    revision: Json = {
        "memory": memory,
        "provider": checked_nonempty("provider", provider),
        "model": checked_nonempty("model", model),
        "modelParams": checked_copy(
            "model_params", {} if model_params is None else model_params
        ),
        "messages": _objects("messages", messages),
        "tools": _objects("tools", tools),
        "responseFormat": checked_copy("response_format", response_format),
    }
    if system_instruction is not None:
        text = checked_str("system_instruction", system_instruction)
        revision["systemInstruction"] = text
    is_plain = not (messages or tools or model_params or system_instruction)
    if is_plain and provider == "openai" and response_format == {"type": "text"}:
        # As most prompts of tests are: the client's models need not be loaded.
        return revision
    _check_names(_read(revision), revision)
    return revision


def _objects(name: str, value: object) -> list[Json]:
    """A list of objects. One alone, or a text, is a mistake, though it can be iterated."""
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list of dicts, not {value!r}")
    return [checked_copy(f"{name}[{index}]", one) for index, one in enumerate(value)]


def _read(revision: Json) -> PromptRevision:
    """What a client makes of it. Raises `ValueError`, with the place, if it cannot."""
    from .. import DecodeError, PromptRevision

    ids = dict.fromkeys(["id", "promptId"], new_id())
    try:
        return PromptRevision.from_dict({**revision, **ids})
    except DecodeError as error:
        raise ValueError(f"no client could read this prompt: {error}") from None


def _check_names(read: PromptRevision, revision: Json) -> None:
    """Raise `ValueError` for a name that a client passes on without knowing it.

    Such a one can be newer than the client, and in a test is a slip.
    """
    from .. import Provider, Role, UnknownResponseFormat, UnknownTool

    _check_known("provider", read.provider, list(Provider))
    for index, message in enumerate(read.messages):
        _check_known(f"messages[{index}].role", message.role, list(Role))
    for index, tool in enumerate(read.tools):
        if isinstance(tool, UnknownTool):
            raise ValueError(f"tools[{index}].type: there is no {tool.type!r}")
    if isinstance(read.response_format, UnknownResponseFormat):
        kind = read.response_format.type
        raise ValueError(f"response_format.type: there is no {kind!r}")
    params = revision["modelParams"]
    known = read.model_params.to_dict()
    if isinstance(params, dict):
        for name, value in params.items():
            if name not in known and value is not None:
                raise ValueError(f"model_params has {name!r}, which there is not")


def _check_known(place: str, value: str, known: list[str]) -> None:
    """Raise `ValueError` for what is none of the known names."""
    if value not in known:
        names = ", ".join(str.__str__(name) for name in known)
        raise ValueError(f"{place} must be one of {names}, not {str.__str__(value)!r}")
