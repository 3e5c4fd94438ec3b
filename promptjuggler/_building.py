"""Results that are built by hand: what each field may be given, and what it becomes. Pure.

A field takes what has its type, and what JSON has in its place. Decoding does not come
through here. No text shows a value, which can be a secret.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING
from datetime import datetime, timezone
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from ._arguments import shown_key, uuid_of
from ._decode import Field, fields_of, variants_of
from ._enums import OpenEnum
from ._fields import is_model, is_union_of_models
from ._json import LARGEST_FLOAT, MOST_DIGITS, TOO_LARGE_INT, parse_time

_FitFunction = Callable[[object], object]
"""Gives a value of the right type, or raises `_Misfit`."""


class _Misfit(Exception):
    """A value does not fit.

    problem  what it must be, such as `must be a str, not int`
    path     the place below the result, as far as the levels passed so far know it
    """

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.path = path


def _unfit(expected: str, value: object) -> _Misfit:
    return _Misfit(f"must be {expected}, not {type(value).__name__}")


def _a(name: str) -> str:
    """The name of a class with its article."""
    return f"an {name}" if name[0] in "AEIOU" else f"a {name}"


def misfit_of(result: object) -> str | None:
    """Give each field of a result a value of its type.

    Returns what is wrong where that is not possible, such as `PromptRun.status must be
    ...`. It does not raise: its variables hold values (rule 3 of _secrets.py).
    """
    model: type = type(result)
    for part in _parts_of(model):
        value = getattr(result, part.field.name)
        if type(value) in part.exact_types:
            continue
        try:
            fitted = part.fit(value)
        except _Misfit as misfit:
            place = f"{model.__name__}.{part.field.name}{misfit.path}"
            return f"{place} {misfit.problem}"
        except RecursionError:
            return f"{model.__name__}.{part.field.name} is nested too deep"
        part.field.set_value(result, fitted)
    return None


class _Part:
    """What is known of one field for those who build by hand; made once.

    exact_types  the classes whose instances are right as they are
    fit          the function for any other value
    default      what it is where nothing is given, or MISSING
    """

    __slots__ = ("default", "exact_types", "field", "fit")

    def __init__(self, field: Field, default: object) -> None:
        self.field = field
        self.exact_types = _exact_types(field.annotation)
        self.fit = _fit_of(field.annotation)
        self.default = default
        if not field.is_required and default is not None:
            # In documents, null is the default too.
            self.exact_types -= {NoneType}
            self.fit = _default_fit(default, self.fit)


def _default_fit(default: object, fit_value: _FitFunction) -> _FitFunction:
    def fit(value: object) -> object:
        return default if value is None else fit_value(value)

    return fit


@cache
def _parts_of(model: type) -> tuple[_Part, ...]:
    defaults = {item.name: item.default for item in dataclasses.fields(model)}
    return tuple(_Part(field, defaults[field.name]) for field in fields_of(model))


def _exact_types(annotation: Any) -> frozenset[type]:
    """The classes whose instances are right as they are, at any place."""
    if get_origin(annotation) in (Union, UnionType):
        return frozenset().union(*map(_exact_types, get_args(annotation)))
    # Not int, since it may be too large.
    if annotation in (str, bool, UUID, NoneType) or is_model(annotation):
        return frozenset({annotation})
    if isinstance(annotation, type) and issubclass(annotation, OpenEnum):
        return frozenset({annotation})
    return frozenset()


@cache
def _fit_of(annotation: Any) -> _FitFunction:
    """The function for what an annotation describes."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is tuple and arguments[1:] == (...,):
        return _tuple_fit(arguments[0])
    if origin is Mapping:
        return _mapping_fit(arguments[1])
    if origin is Literal and len(arguments) == 1:
        return _constant_fit(arguments[0])
    if origin in (Union, UnionType):
        return _union_fit(arguments)
    if is_model(annotation):
        return _model_fit(annotation)
    if isinstance(annotation, type) and issubclass(annotation, OpenEnum):
        return _enum_fit(annotation)
    # Anything, or a type of a user's subclass, of which nothing is known.
    return _fit_anything


# --- scalars ---


def _fit_anything(value: object) -> object:
    return value


def _fit_json(value: object) -> object:
    """Any value that JSON has, such as those of a `payload`, and what it becomes there."""
    # One function, and loops in it: so little of the stack goes for each level.
    if isinstance(value, (list, tuple)):
        elements: list[object] = []
        for element in value:
            try:
                elements.append(_fit_json(element))
            except _Misfit as misfit:
                misfit.path = f"[{len(elements)}]{misfit.path}"
                raise
        return elements
    if not isinstance(value, Mapping):
        return _fit_json_scalar(value)
    members: dict[str, object] = {}
    for key, element in value.items():
        name = _fit_key(key)
        try:
            members[name] = _fit_json(element)
        except _Misfit as misfit:
            misfit.path = f"[{shown_key(name)}]{misfit.path}"
            raise
    return members


def _fit_json_scalar(value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return _fit_number(value)
    if isinstance(value, int):
        return _fit_integer(value)
    raise _unfit("what JSON has", value)


def _fit_key(key: object) -> str:
    if not isinstance(key, str):
        raise _Misfit(f"must have a str for each key, not {type(key).__name__}")
    return str.__str__(key)


def _fit_text(value: object) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    raise _unfit("a str", value)


def _fit_integer(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _unfit("an int", value)
    if abs(value) >= TOO_LARGE_INT:
        raise _Misfit(f"must be an int of at most {MOST_DIGITS} digits")
    return int(value)


def _fit_boolean(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise _unfit("a bool", value)


def _fit_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _unfit("a number", value)
    # The comparison is false for NaN, and exact for integers of any size.
    if -LARGEST_FLOAT <= value <= LARGEST_FLOAT:
        return float(value)
    raise _Misfit("must be a finite number")


def _fit_uuid(value: object) -> UUID:
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str):
        raise _unfit("a UUID or its text", value)
    text = uuid_of(value)
    if text is None:
        raise _Misfit("must be a UUID")
    return UUID(text)


def _fit_time(value: object) -> datetime:
    if isinstance(value, str):
        moment = parse_time(value)
        if moment is None:
            raise _Misfit("must be a date and time (RFC 3339)")
        return moment
    if not isinstance(value, datetime):
        raise _unfit("a datetime or its text", value)
    if value.utcoffset() is None:
        # As a text without an offset.
        return value.replace(tzinfo=timezone.utc)
    return value


_SCALARS: Mapping[object, _FitFunction] = {
    str: _fit_text,
    int: _fit_integer,
    bool: _fit_boolean,
    float: _fit_number,
    UUID: _fit_uuid,
    datetime: _fit_time,
    object: _fit_json,
    Any: _fit_json,
}


# --- what is made of others ---


def _constant_fit(constant: object) -> _FitFunction:
    def fit(value: object) -> object:
        if value == constant:
            return constant
        raise _Misfit(f"must be {constant!r}")

    return fit


def _enum_fit(kind: type[OpenEnum]) -> _FitFunction:
    def fit(value: object) -> OpenEnum:
        if isinstance(value, str):
            return kind(value)
        raise _unfit(f"{_a(kind.__name__)} or its text", value)

    return fit


def _tuple_fit(annotation: Any) -> _FitFunction:
    """For a tuple, or a list or another sequence in its place."""
    exact_types = _exact_types(annotation)
    fit_element = _fit_of(annotation)

    def fit(value: object) -> tuple[object, ...]:
        if isinstance(value, _NO_SEQUENCES) or not isinstance(value, Sequence):
            raise _unfit("a tuple or a list", value)
        # Quick for what was decoded, of which dataclasses.replace makes another.
        if exact_types.issuperset(map(type, value)):
            return tuple(value)
        elements: list[object] = []
        for element in value:
            try:
                elements.append(fit_element(element))
            except _Misfit as misfit:
                misfit.path = f"[{len(elements)}]{misfit.path}"
                raise
        return tuple(elements)

    return fit


# They are sequences to Python.
_NO_SEQUENCES = (str, bytes, bytearray, memoryview)


def _mapping_fit(annotation: Any) -> _FitFunction:
    """For a dict with keys of any text. It is copied: a result does not change with it."""
    fit_element = _fit_of(annotation)

    def fit(value: object) -> dict[str, object]:
        if not isinstance(value, Mapping):
            raise _unfit("a dict", value)
        elements: dict[str, object] = {}
        for key, element in value.items():
            name = _fit_key(key)
            try:
                elements[name] = fit_element(element)
            except _Misfit as misfit:
                misfit.path = f"[{shown_key(name)}]{misfit.path}"
                raise
        return elements

    return fit


def _union_fit(members: tuple[Any, ...]) -> _FitFunction:
    """For `X | None`, for a union of models, or for one of plain types."""
    some = tuple(member for member in members if member is not NoneType)
    if len(some) == 1:
        fit_some = _fit_of(some[0])
    elif is_union_of_models(some):
        fit_some = _model_union_fit(some)
    else:
        fit_some = _plain_union_fit(some)
    if some == members:
        return fit_some

    def fit(value: object) -> object:
        return None if value is None else fit_some(value)

    return fit


def _plain_union_fit(members: tuple[Any, ...]) -> _FitFunction:
    """For a union such as `int | str`, where the value itself shows which it is."""
    if not all(member in _PLAIN_NAMES for member in members):
        return _fit_anything
    fits = [_fit_of(member) for member in members]
    expected = " or ".join(_PLAIN_NAMES[member] for member in members)

    def fit(value: object) -> object:
        for fit_member in fits:
            try:
                return fit_member(value)
            except _Misfit as misfit:
                if misfit.path:  # An element of it: the right member, but for that.
                    raise
        raise _unfit(expected, value)

    return fit


_PLAIN_NAMES = {int: "an int", str: "a str", tuple[str, ...]: "a tuple or list of str"}


def _model_fit(model: type) -> _FitFunction:
    def fit(value: object) -> object:
        if isinstance(value, model):
            return value
        if isinstance(value, Mapping):
            return _built(model, value)
        raise _unfit(f"{_a(model.__name__)} or a dict", value)

    return fit


def _model_union_fit(members: tuple[type, ...]) -> _FitFunction:
    """For a union of models, which a dict shows by its `type`."""
    by_type, unknown = variants_of(members)
    name = unknown.__name__.removeprefix("Unknown")

    def fit(value: object) -> object:
        if isinstance(value, members):
            return value
        if not isinstance(value, Mapping):
            raise _unfit(f"{_a(name)} or a dict", value)
        kind = value.get("type", "")
        if "type" not in value:
            raise _Misfit("is missing", path=".type")
        if isinstance(kind, str) and kind in by_type:
            return _built(by_type[kind], value)
        return _built(unknown, {"type": kind, "data": value})

    return fit


def _built(model: type, values: Mapping[str, object]) -> object:
    """The object of a dict, whose keys are the names of Python or those of the API."""
    result: object = object.__new__(model)
    for part in _parts_of(model):
        field = part.field
        name = field.wire_name if field.wire_name in values else field.name
        value = values.get(name, part.default)
        if value is MISSING:
            raise _Misfit("is missing", path=f".{name}")
        try:
            field.set_value(result, part.fit(value))
        except _Misfit as misfit:
            misfit.path = f".{name}{misfit.path}"
            raise
    return result
