"""Functions that decode JSON values, one for each kind of value. Pure.

Those for arrays and the like are made from the functions for what is in them.
A value that is not what it should be raises `Mismatch`, to which each level on
the way out adds where it was: a good document pays nothing for the paths of
bad ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from ._enums import OpenEnum
from ._json import LARGEST_FLOAT, is_uuid, parse_time
from ._masking import Secrets
from ._secrets import Secret

DecodeFunction = Callable[[object], object]
"""Gives what a JSON value stands for, or raises `Mismatch`."""

_LONGEST_SHOWN = 60
_LARGEST_SHOWN = 10**30


class Mismatch(Exception):
    """A value is not what is expected at its place.

    problem  what is wrong, such as `expected a string`
    shown    the value as JSON, or what kind of thing it is; empty where there is none
    path     the place in the document, as far as the levels passed so far know it
    text     the value, where it is a text; it is shown in place of `shown`
    """

    def __init__(
        self,
        problem: str,
        shown: str = "",
        path: str = "",
        text: Secret[str] | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.shown = shown
        self.path = path
        self.text = text

    def __str__(self) -> str:
        return self.said(Secrets())

    def said(self, secrets: Secrets) -> str:
        """What it says, without secrets, short whatever the value is."""
        shown = self.shown
        if self.text is not None:
            # Rule 5 of _secrets.py: masked before it is cut.
            text = secrets.masked(self.text.value)
            if len(text) > _LONGEST_SHOWN:
                text = f"{text[: _LONGEST_SHOWN - 3]}..."
            shown = json.dumps(text)
        return f"{self.problem}, got {shown}" if shown else self.problem


def unexpected(expected: str, value: object) -> Mismatch:
    """The error for a value, with a text that stays short whatever the value is."""
    if isinstance(value, dict):
        shown = "an object"
    elif isinstance(value, (list, tuple)):
        shown = "an array"
    elif isinstance(value, int) and abs(value) >= _LARGEST_SHOWN:
        shown = "a huge number"
    elif isinstance(value, str):
        return Mismatch(f"expected {expected}", text=Secret(value))
    elif value is None or isinstance(value, (int, float)):
        shown = json.dumps(value)
    else:
        # from_dict() alone can be given such a thing. "Expected a UUID, got a
        # UUID" would not say what is wrong with it.
        shown = f"a {type(value).__name__} object, which is no JSON"
    return Mismatch(f"expected {expected}", shown)


def decode_anything(value: object) -> object:
    """What it is given, as it is."""
    return value


def decode_text(value: object) -> str:
    """A JSON string, as it is."""
    if isinstance(value, str):
        return value
    raise unexpected("a string", value)


def decode_integer(value: object) -> int:
    """A JSON number without a fraction, as it is."""
    # A bool is an int in Python, but not in JSON.
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise unexpected("an integer", value)


def decode_boolean(value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    raise unexpected("a boolean", value)


def decode_number(value: object) -> float:
    """Any JSON number, as a float."""
    # By the exact class, since a bool is an int in Python.
    if type(value) is not float and type(value) is not int:
        raise unexpected("a number", value)
    # The comparison is false for NaN, and exact for integers of any size.
    if -LARGEST_FLOAT <= value <= LARGEST_FLOAT:
        return float(value)
    raise unexpected("a number", value)


def decode_uuid(value: object) -> UUID:
    """The id of a text with 32 hexadecimal digits, with or without hyphens."""
    if isinstance(value, str) and is_uuid(value):
        return UUID(value)
    raise unexpected("a UUID", value)


def decode_time(value: object) -> datetime:
    """The moment of an RFC 3339 text."""
    moment = parse_time(value) if isinstance(value, str) else None
    if moment is None:
        raise unexpected("a date and time (RFC 3339)", value)
    return moment


def decode_object(value: object) -> dict[str, object]:
    """A JSON object; a copy, so that a result does not change with its document."""
    if isinstance(value, dict):
        return dict(value)
    raise unexpected("an object", value)


def copied(document: object) -> Any:
    """A copy of a JSON document, with all the objects and arrays that are in it.

    Not by `copy.deepcopy`, which does not get as deep as documents may be.
    """
    top = [document]
    copies: dict[int, Any] = {}
    to_fill: list[Any] = [top]
    while to_fill:
        container = to_fill.pop()
        is_object = isinstance(container, dict)
        for key, value in container.items() if is_object else enumerate(container):
            if not isinstance(value, (dict, list)):
                continue
            if id(value) not in copies:
                copy = dict(value) if isinstance(value, dict) else list(value)
                copies[id(value)] = copy
                to_fill.append(copy)
            container[key] = copies[id(value)]
    return top[0]


class MapFromArray(dict[str, object]):
    """An empty map that the document has as `[]`: PHP has one type for both.

    Equal to any empty map; `to_dict` writes it as it came.
    """

    __slots__ = ()


def decode_map(value: object) -> dict[str, object]:
    """A JSON object whose keys are free, or an empty array; a copy, as of any object."""
    if isinstance(value, list) and not value:
        return MapFromArray()
    return decode_object(value)


def array_decoder(decode_element: DecodeFunction) -> DecodeFunction:
    """For an array, or a tuple that `from_dict` is given for one."""

    def decode(value: object) -> tuple[object, ...]:
        if not isinstance(value, (list, tuple)):
            raise unexpected("an array", value)
        if not value:
            return ()
        elements: list[object] = []
        for element in value:
            try:
                elements.append(decode_element(element))
            except Mismatch as error:
                error.path = f"[{len(elements)}]{error.path}"
                raise
        return tuple(elements)

    return decode


def map_decoder(decode_element: DecodeFunction) -> DecodeFunction:
    """For an object whose keys are free."""

    def decode(value: object) -> dict[str, object]:
        result = decode_map(value)
        for key, element in result.items():
            try:
                result[key] = decode_element(element)
            except Mismatch as error:
                error.path = f".{key}{error.path}"
                raise
        return result

    return decode


def constant_decoder(constant: str) -> DecodeFunction:
    """For a string that can be but one."""

    def decode(value: object) -> str:
        if value == constant:
            return constant
        raise unexpected(f'"{constant}"', value)

    return decode


def enum_decoder(kind: type[OpenEnum]) -> DecodeFunction:
    """For a string of an open enum."""
    # To look here is quicker than to call the class, which new values alone
    # need.
    members = {member.value: member for member in kind}

    def decode(value: object) -> OpenEnum:
        if not isinstance(value, str):
            raise unexpected("a string", value)
        member = members.get(value)
        return kind(value) if member is None else member

    return decode


def optional_decoder(decode_value: DecodeFunction) -> DecodeFunction:
    """For what may be null."""

    def decode(value: object) -> object:
        return None if value is None else decode_value(value)

    return decode


def secret_decoder(decode_value: DecodeFunction) -> DecodeFunction:
    """For a value that no error may show."""

    def decode(value: object) -> object:
        try:
            return decode_value(value)
        except Mismatch as error:
            error.shown = ""
            error.text = None
            raise

    return decode


class _PlainType:
    """What may stand in a union without a `type`: its name in errors, its classes."""

    __slots__ = ("classes", "decode", "name")

    def __init__(
        self, name: str, classes: tuple[type, ...], decode: DecodeFunction
    ) -> None:
        self.name = name
        self.classes = classes
        self.decode = decode


PLAIN_TYPES: Mapping[object, _PlainType] = {
    int: _PlainType("an integer", (int,), decode_integer),
    str: _PlainType("a string", (str,), decode_text),
    tuple[str, ...]: _PlainType(
        "an array of strings", (list, tuple), array_decoder(decode_text)
    ),
}
"""What may stand in a union without a `type`."""


def plain_union_decoder(annotations: tuple[Any, ...]) -> DecodeFunction:
    """For a union such as `int | str`, where the value itself shows which it is."""
    plain_types = [PLAIN_TYPES[annotation] for annotation in annotations]
    expected = " or ".join(plain_type.name for plain_type in plain_types)

    def decode(value: object) -> object:
        # A bool is an int in Python, but not in JSON.
        if not isinstance(value, bool):
            for plain_type in plain_types:
                if isinstance(value, plain_type.classes):
                    return plain_type.decode(value)
        raise unexpected(expected, value)

    return decode
