"""How the functions of prompts and workflows are called, and what they are told."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, cast
from uuid import UUID

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
)
_MOST_ARGUMENTS = 2


class Message(NamedTuple):
    """A message of a thread, as a prompt with memory has it.

    role       "user" or "assistant"
    content    its text
    """

    role: str
    content: str


@dataclass(frozen=True)
class Call:
    """What a function of two parameters is told of the run, beside its inputs.

    run_id         the `id` that `run_prompt` or `run_workflow` gives
    slug           of the prompt or workflow
    version        the number of the version that runs
    asked_for      the number or tag that the client asked for, as text
    thread         the conversation
    channel        the part of the thread's memory; "default" for a workflow
    environment    "" where the client named none
    metadata       texts, or lists of texts
    env_vars       not in the repr: they can be secrets
    priority       "onsite", "normal" or "low"
    messages       what was said before in the thread and channel, oldest first; empty
                   unless the prompt was added with a `memory` that reads
    """

    run_id: UUID
    slug: str
    version: int
    asked_for: str
    thread: UUID
    channel: str
    environment: str
    metadata: Mapping[str, str | list[str]]
    env_vars: Mapping[str, str] = field(repr=False)
    priority: str
    messages: tuple[Message, ...]


Function = Callable[[dict[str, str], Call], object]
"""A function of a prompt or workflow, in the form with two parameters."""


def in_full_form(function: object) -> Function:
    """A function that can be called with the inputs and the call.

    The second parameter of the given one counts if it has no default, or is
    named `call`: `lambda inputs, name=name: ...` is a usual way to keep a value.

    Raises `TypeError` if it can be called neither way.
    """
    if not callable(function):
        raise TypeError(f"function must be callable, not {function!r}")
    if _takes_call(function):
        return cast("Function", function)
    short = cast("Callable[[dict[str, str]], object]", function)
    return lambda inputs, call: short(inputs)


def _takes_call(function: Callable[..., object]) -> bool:
    """Whether a function wants the call, too."""
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except ValueError:
        # A class of C, as `str`, does not tell.
        return False
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    required = [one for one in positional if one.default is inspect.Parameter.empty]
    takes_any = any(one.kind is inspect.Parameter.VAR_POSITIONAL for one in parameters)
    if len(required) > _MOST_ARGUMENTS or not (positional or takes_any):
        raise TypeError(
            "function must take the inputs, and may take the call as a second parameter:"
            f" not {inspect.signature(function)}"
        )
    if len(required) == _MOST_ARGUMENTS:
        return True
    return len(positional) >= _MOST_ARGUMENTS and positional[1].name == "call"
