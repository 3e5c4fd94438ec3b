"""JSON to the frozen dataclasses of `models`, by their annotations. Pure.

The first time that a class is read, the annotation of each of its fields
becomes a function that decodes a JSON value; the functions are kept.

A document can hold secrets. So a function that holds one gives its error back
instead of raising it (rule 3 of _secrets.py), and `value_or_raise` alone
raises it.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

from ._enums import OpenEnum
from ._fields import (
    SetFunction,
    annotations_of,
    is_model,
    is_union_of_models,
    setter_of,
    without_none,
)
from ._json import TooManyParts, read_document
from ._masking import Secrets
from ._secrets import printable
from ._values import (
    PLAIN_TYPES,
    DecodeFunction,
    Mismatch,
    array_decoder,
    constant_decoder,
    decode_anything,
    decode_boolean,
    decode_integer,
    decode_map,
    decode_number,
    decode_object,
    decode_text,
    decode_time,
    decode_uuid,
    enum_decoder,
    map_decoder,
    optional_decoder,
    plain_union_decoder,
    secret_decoder,
    unexpected,
)
from .errors import DecodeError

_T = TypeVar("_T")

# Those of the API's own names are shorter by far.
_LONGEST_PATH = 200


def value_or_raise(result: _T | DecodeError) -> _T:
    """Raise what is an error, and give what is none."""
    if isinstance(result, DecodeError):
        raise result
    return result


def decoded_text(
    kind: type[_T], document: object, secrets: Callable[[], Secrets] = Secrets
) -> _T | DecodeError:
    """The result of a JSON text or of UTF-8 bytes, or the error with its path and body.

    kind     a model, or `tuple[X, ...]` of one where the document is an array
    secrets  gives what the text of an error must not show; called where there is one
    """
    if not isinstance(document, (str, bytes, bytearray)):
        return DecodeError(f"the document: {unexpected('text or bytes', document)}")
    result: _T | DecodeError
    try:
        text = document if isinstance(document, str) else document.decode()
        data = read_document(text)
    except (RecursionError, ValueError) as error:
        result = _unreadable(error, is_empty=not document)
    else:
        result = decoded(kind, data, secrets)
    if isinstance(result, DecodeError):
        if isinstance(document, str):
            result.body = document.encode("utf-8", "surrogatepass")
        else:
            result.body = bytes(document)
    return result


def _unreadable(error: RecursionError | ValueError, is_empty: bool) -> DecodeError:
    """The error for what is no JSON; its cause, the parser's, has no document."""
    cause: Exception = error
    if isinstance(error, RecursionError):
        problem = "is nested too deep"
    elif isinstance(error, UnicodeDecodeError):
        problem = f"is not UTF-8 at byte {error.start}"
        # The document is one of its arguments, and so in its repr.
        cause = UnicodeDecodeError("utf-8", b"", error.start, error.end, error.reason)
    elif isinstance(error, TooManyParts):
        problem = str(error)
    elif is_empty:
        problem = "is empty"
    else:
        # Or int() refuses a number of over 4,300 digits.
        problem = f"is not JSON: {error}"
    if isinstance(error, json.JSONDecodeError):
        error.doc = ""
    # Rule 4 of _secrets.py. The context would be a StopIteration of the
    # parser.
    cause.__context__ = None
    result = DecodeError(f"the document {problem}")
    result.__cause__ = cause.with_traceback(None)
    return result


def decoded(
    kind: type[_T], data: object, secrets: Callable[[], Secrets] = Secrets
) -> _T | DecodeError:
    """The result of a JSON value, or the error with its path."""
    annotation: object = kind
    try:
        return cast(_T, decoder_of(annotation)(data))
    except Mismatch as mismatch:
        hidden = secrets()
        path = mismatch.path.removeprefix(".")
        # Rule 5 of _secrets.py: masked before it is cut.
        place = _shown_path(hidden.masked(path)) or "the document"
        return DecodeError(f"{place}: {mismatch.said(hidden)}", path=_shown_path(path))


def _shown_path(path: str) -> str:
    """A path as an error has it: the keys in it can be free, and so anything."""
    shown = printable(path)
    if len(shown) <= _LONGEST_PATH:
        return shown
    return f"{shown[: _LONGEST_PATH - 3]}..."


_SCALARS: Mapping[object, DecodeFunction] = {
    str: decode_text,
    int: decode_integer,
    bool: decode_boolean,
    float: decode_number,
    UUID: decode_uuid,
    datetime: decode_time,
}


@cache
def decoder_of(annotation: Any) -> DecodeFunction:
    """The function for what an annotation describes."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is tuple and arguments[1:] == (...,):
        return array_decoder(decoder_of(arguments[0]))
    if origin is Mapping:
        value_type = arguments[1]
        # What is free in form stays as it is.
        return decode_map if value_type is Any else map_decoder(decoder_of(value_type))
    if origin is Literal and len(arguments) == 1:
        return constant_decoder(arguments[0])
    if origin in (Union, UnionType):
        return _union_decoder(annotation)
    if isinstance(annotation, type) and issubclass(annotation, OpenEnum):
        return enum_decoder(annotation)
    if not is_model(annotation):
        # A type of a user's subclass, of which nothing is known.
        return decode_anything
    for field in fields_of(annotation):
        if field.is_whole_object:
            return _whole_object_decoder(annotation, field)
    return _model_decoder(annotation)


def _union_decoder(annotation: Any) -> DecodeFunction:
    """For `X | None`, for a union of models, or for one of plain types."""
    members = get_args(annotation)
    if NoneType in members:
        return optional_decoder(decoder_of(without_none(annotation)))
    if all(member in PLAIN_TYPES for member in members):
        return plain_union_decoder(members)
    if is_union_of_models(members):
        return _model_union_decoder(members)
    return decode_anything


def _model_union_decoder(members: tuple[type, ...]) -> DecodeFunction:
    """For a union of models, by the `type` that a document has."""
    by_type, unknown = variants_of(members)
    decode_unknown = decoder_of(unknown)
    decoders = {
        constant: _model_decoder(member, _type_field_of(member))
        for constant, member in by_type.items()
    }

    def decode(value: Any) -> object:
        try:
            decode_variant = decoders[value["type"]]
        except (KeyError, TypeError):
            # A newer type; or no object, or none whose type is a text, which
            # the decoder of the unknown finds.
            decode_variant = decode_unknown
        return decode_variant(value)

    return decode


# What the loops over the fields of a model need of each. A tuple is unpacked
# quicker than as many attributes are read: with attributes, a run with a long
# transcript takes 6 % longer on Python 3.10, and 1 % on 3.13.
_Required = tuple[str, SetFunction, DecodeFunction, Any]
_Optional = tuple[str, SetFunction, DecodeFunction, object]
_Respellable = tuple[str, str, object, bool]

WHOLE_OBJECT = {"whole_object": True}
"""The metadata of a dataclass field that is no key, but the whole JSON object."""


class Field:
    """What is known of one field of a model; made once.

    annotation       its type; a text, where it is one that cannot be looked up
    name             in Python, such as `created_at`
    wire_name        in JSON, such as `createdAt`
    constant         the one value of a `Literal`, else None
    default          what it is where a document has no such key, or MISSING
    is_required      whether a document must have the key
    is_whole_object  whether it is no key, but holds the whole document
    has_spellings    whether equal values can be written differently: ids, times, floats
    is_respellable   whether what a document has can be lost: spellings, null, defaults
    exact_type       a class whose instances are right as they are, or None
    decode           the function for its value; where it has a default, not for null
    set_value        puts a value into an instance, although the class is frozen
    """

    __slots__ = (
        "annotation",
        "constant",
        "decode",
        "default",
        "exact_type",
        "has_spellings",
        "is_required",
        "is_respellable",
        "is_whole_object",
        "name",
        "set_value",
        "wire_name",
    )

    def __init__(
        self, model: type, field: dataclasses.Field[Any], annotation: Any
    ) -> None:
        self.annotation = annotation
        self.name = field.name
        self.wire_name = re.sub("_(.)", lambda match: match[1].upper(), field.name)
        self.constant: str | None = None
        self.default: object = field.default
        if get_origin(annotation) is Literal and len(get_args(annotation)) == 1:
            (self.constant,) = get_args(annotation)
            # Its default is for who builds the object.
            self.default = MISSING
        self.is_required = self.default is MISSING
        self.is_whole_object = field.metadata == WHOLE_OBJECT
        types = {annotation, *get_args(annotation)}
        self.has_spellings = not types.isdisjoint({UUID, datetime, float})
        self.is_respellable = self.has_spellings or not self.is_required
        self.exact_type = annotation if annotation in (str, int, bool) else None
        if self.is_required:
            self.decode = decoder_of(annotation)
        else:
            self.decode = decoder_of(without_none(annotation))
        if not field.repr:
            self.decode = secret_decoder(self.decode)
        self.set_value = setter_of(model, field.name)

    def if_required(self) -> _Required:
        """Wire name, setter, decoder, and the class that needs no decoder."""
        return self.wire_name, self.set_value, self.decode, self.exact_type

    def if_optional(self) -> _Optional:
        """Wire name, setter, decoder, default."""
        return self.wire_name, self.set_value, self.decode, self.default

    def if_respellable(self) -> _Respellable:
        """Wire name, name, default, and whether it has spellings."""
        return self.wire_name, self.name, self.default, self.has_spellings


@cache
def fields_of(model: type) -> tuple[Field, ...]:
    """The fields of a model, in their order."""
    annotations = annotations_of(model)
    return tuple(
        Field(model, field, annotations[field.name])
        for field in dataclasses.fields(model)
    )


def variants_of(members: tuple[type, ...]) -> tuple[dict[str, type], type]:
    """The members of a union of models by the `type` of each, and the one for all others.

    That has no constant for its `type`: it is an `UnknownVariant`, for what is newer than
    this version.
    """
    by_type: dict[str, type] = {}
    unknown = members[-1]
    for member in members:
        constant = _type_field_of(member).constant
        if constant is None:
            unknown = member
        else:
            by_type[constant] = member
    return by_type, unknown


def _type_field_of(model: type) -> Field:
    """The field `type` of a member of a union."""
    (type_field,) = (field for field in fields_of(model) if field.name == "type")
    return type_field


def _whole_object_decoder(model: type, field: Field) -> DecodeFunction:
    """For a model with a field that holds the whole document."""
    decode_model = _model_decoder(model)

    def decode(document: object) -> object:
        return decode_model({**decode_object(document), field.wire_name: document})

    return decode


def _model_decoder(  # noqa: C901  # in one function for its speed, see below
    model: type, type_field: Field | None = None
) -> DecodeFunction:
    """For a model. `type_field`: its `type`, where a union has looked at that
    already.

    To set the type without another look takes 6 % off the time of a long run.
    Not to call a function for what is right as it is takes off 4 % on Python
    3.10, and 1 % on 3.13.
    """
    required, optional, respellable = _loops_over(model, type_field)
    set_type = type_field.set_value if type_field else None
    constant = type_field.constant if type_field else None
    new = object.__new__

    def decode(document: object) -> object:  # noqa: C901  # for its speed
        if not isinstance(document, dict):
            raise unexpected("an object", document)
        result: object = new(model)
        for wire_name, set_value, decode_value, exact_type in required:
            try:
                value = document[wire_name]
            except KeyError:
                raise Mismatch("missing", path=f".{wire_name}") from None
            try:
                if type(value) is not exact_type:
                    value = decode_value(value)
            except Mismatch as error:
                error.path = f".{wire_name}{error.path}"
                raise
            set_value(result, value)
        if optional:  # The most have none, and an empty loop takes longer.
            for wire_name, set_value, decode_value, default in optional:
                value = document.get(wire_name)
                try:
                    value = default if value is None else decode_value(value)
                except Mismatch as error:
                    error.path = f".{wire_name}{error.path}"
                    raise
                set_value(result, value)
        if set_type:
            set_type(result, constant)
        if respellable:
            _keep_original_values(result, document, respellable)
        return result

    return decode


def _loops_over(
    model: type, type_field: Field | None
) -> tuple[list[_Required], list[_Optional], list[_Respellable]]:
    """What the loops over the fields of a model need, but for its known type."""
    fields = [field for field in fields_of(model) if field is not type_field]
    required = [field.if_required() for field in fields if field.is_required]
    optional = [field.if_optional() for field in fields if not field.is_required]
    respellable = [field.if_respellable() for field in fields if field.is_respellable]
    return required, optional, respellable


def _keep_original_values(
    result: object, document: dict[str, object], respellable: list[_Respellable]
) -> None:
    """Keep what the document has where `to_dict` would write something else."""
    original_values: dict[str, object] = {}
    for wire_name, name, default, has_spellings in respellable:
        if wire_name not in document:
            continue
        written = document[wire_name]
        written_type = type(written)
        if written_type is float:
            # JSON writes every float as it reads it.
            continue
        if has_spellings and written_type is str:
            # An id or a time: its capitals, hyphens, fraction, offset.
            original_values[wire_name] = written
            continue
        value = getattr(result, name)
        # `to_dict` leaves a default out, and null has become one.
        is_left_out = value == default
        # An integer that a float cannot hold.
        is_rounded = written_type is int and value != written
        if is_left_out or is_rounded:
            original_values[wire_name] = written
    if original_values:
        object.__setattr__(result, "_original_values", original_values)
