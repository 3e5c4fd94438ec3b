"""How the functions of prompts and workflows are called, and what they are told."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar, cast
from uuid import UUID

_T = TypeVar("_T")

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
    One that is for keywords alone counts if it is named `call`.

    Raises `TypeError` if it can be called in none of these ways.
    """
    if not callable(function):
        raise TypeError(f"function must be callable, not {function!r}")
    signature = _signature(function)
    way = "inputs" if signature is None else _way_to_call(signature)
    if way == "positional":
        return cast("Function", function)
    if way == "keyword":
        by_keyword = cast("Callable[..., object]", function)
        return lambda inputs, call: by_keyword(inputs, call=call)
    short = cast("Callable[[dict[str, str]], object]", function)
    return lambda inputs, call: short(inputs)


def checked_function_of_call(
    name: str, function: Callable[..., _T]
) -> Callable[..., _T]:
    """A function that can be called with the call alone.

    Raises `TypeError` if it cannot.
    """
    _check_arguments(function, 1, f"{name} must take the call as its one argument")
    return function


def checked_index(function: Callable[[str, bytes], _T]) -> Callable[[str, bytes], _T]:
    """A function that can be called with a file name and content.

    Raises `TypeError` if it cannot.
    """
    if not callable(function):
        raise TypeError(f"index must be callable, not {function!r}")
    _check_arguments(function, 2, "index must take a file name and the content")
    return function


def _check_arguments(function: Callable[..., object], number: int, rule: str) -> None:
    """Raise `TypeError` if a function cannot be called with so many arguments."""
    signature = _signature(function)
    if signature is None:
        return
    try:
        signature.bind(*[None] * number)
    except TypeError:
        raise TypeError(f"{rule}: not {signature}") from None


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    """The parameters of a function; a class of C, as `str`, does not tell."""
    try:
        return inspect.signature(function)
    except ValueError:
        return None


def _way_to_call(
    signature: inspect.Signature,
) -> Literal["inputs", "positional", "keyword"]:
    """How a function takes the call, beside the inputs: "inputs" if it does not."""
    parameters = list(signature.parameters.values())
    positional = [one for one in parameters if one.kind in _POSITIONAL]
    required = [one for one in positional if one.default is one.empty]
    by_keyword = [one for one in parameters if one.kind is one.KEYWORD_ONLY]
    takes_any = any(one.kind is one.VAR_POSITIONAL for one in parameters)
    unknown = [
        one for one in by_keyword if one.default is one.empty and one.name != "call"
    ]
    takes_keyword = any(one.name == "call" for one in by_keyword)
    most = 1 if takes_keyword else _MOST_ARGUMENTS
    takes_inputs = bool(positional) or takes_any
    if len(required) > most or unknown or not takes_inputs:
        raise TypeError(
            "function must take the inputs, and may take the call as a second parameter:"
            f" not {signature}"
        )
    if takes_keyword:
        return "keyword"
    if len(required) == _MOST_ARGUMENTS:
        return "positional"
    is_named = len(positional) >= _MOST_ARGUMENTS and positional[1].name == "call"
    return "positional" if is_named else "inputs"
