"""JSON to frozen dataclasses and back, by their annotations. Pure.

When a class is first read, its annotations become decoders. One that fails raises `_Mismatch`, to which each level on
the way out adds where it was: a good document pays nothing for the path of a bad one.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from ._enums import OpenEnum
from .errors import DecodeError

_T = TypeVar("_T")
_M = TypeVar("_M", bound="Model")
_Decoder = Callable[[Any], Any]


class Model:
    """The base of the results: frozen dataclasses that know their JSON."""

    # What the document said, where to_dict() would say it differently, such as null, or a time with Z. No part of
    # equality.
    __slots__ = ("_said",)

    @classmethod
    def from_dict(cls: type[_M], data: Mapping[str, Any]) -> _M:
        """The result of a JSON object as `json.loads` gives it; unknown keys are ignored.

        Raises `DecodeError` with the path of what is not as the API promises.
        """
        result: _M | DecodeError = _decoded(cls, dict(data) if isinstance(data, Mapping) else data)
        # Error trackers record the variables of a traceback's frames, and the document can hold a token.
        del data
        return _value_or_raise(result)

    @classmethod
    def from_json(cls: type[_M], text: str | bytes) -> _M:
        """The result of a JSON text; bytes are UTF-8. Raises `DecodeError`."""
        result: _M | DecodeError = _read(cls, text)
        del text
        return _value_or_raise(result)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, with the API's own names: the document that was read, but for unknown keys."""
        said: Mapping[str, Any] = getattr(self, "_said", {})
        document = {}
        for name, wire, _, default, _ in _schema(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if wire in said or value != default:
                document[wire] = said[wire] if wire in said else _plain(value)
        return document

    def to_json(self) -> str:
        """`to_dict()` as compact JSON text."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def __reduce__(self) -> tuple[Any, ...]:
        # What dataclass makes for slots would lose _said, and differs between Pythons.
        values = {name: getattr(self, name) for name, *_ in _schema(type(self))}  # type: ignore[arg-type]
        return _restored, (type(self), values, getattr(self, "_said", {}))


def _restored(kind: type[_M], values: dict[str, Any], said: dict[str, Any]) -> _M:
    result = kind(**values)
    if said:
        object.__setattr__(result, "_said", said)
    return result


@dataclass(frozen=True, slots=True)
class UnknownVariant(Model):
    """A member of a union whose `type` is newer than this version; `data`, the whole object, is not in the repr."""

    if TYPE_CHECKING:
        # As a str it would keep type checkers from telling the known variants apart by their `type`.
        type: Literal["unknown"]
    else:
        type: str
    data: Mapping[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, as it came."""
        return dict(self.data)


def read(kind: type[_T], document: bytes, status_code: int | None = None) -> _T:
    """Read an answer as a `kind`: a `Model`, or a tuple of them. Raises `DecodeError`."""
    result: _T | DecodeError = _read(kind, document, status_code)
    del document
    return _value_or_raise(result)


def _value_or_raise(result: _T | DecodeError) -> _T:
    """The one place that raises `DecodeError`: with no frame that holds the document."""
    if isinstance(result, DecodeError):
        raise result
    return result


def _read(kind: Any, document: Any, status_code: int | None = None) -> Any:
    if not isinstance(document, (str, bytes, bytearray)):
        return DecodeError(f"the document: {_unexpected('text or bytes', document)}")
    cause: Exception | None = None
    try:
        data = _json.decode(document if isinstance(document, str) else document.decode("utf-8"))
    except RecursionError as error:
        problem, cause = "is nested too deep", error
    except UnicodeDecodeError as error:
        # The whole document is in its repr.
        problem, piece = f"is not UTF-8 at byte {error.start}", error.object[error.start : error.end]
        cause = UnicodeDecodeError(error.encoding, piece, 0, len(piece), error.reason)
    except ValueError as error:  # Of JSON; or of int(), which refuses thousands of digits.
        problem, cause = f"is not JSON: {error}" if document else "is empty", error
    result = DecodeError(f"the document {problem}") if cause else _decoded(kind, data)
    if isinstance(result, DecodeError):
        result.__cause__ = cause and cause.with_traceback(None)
        result.status_code = status_code
        result.body = document.encode("utf-8", "surrogatepass") if isinstance(document, str) else bytes(document)
    return result


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) <= sys.float_info.max:
        return number
    raise ValueError(f"{text[:20]} is out of range")


# NaN and Infinity are no JSON, and 1e999 would become one.
_json = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)


def _decoded(kind: Any, data: Any) -> Any:
    try:
        return _decoder(kind)(data)
    except _Mismatch as error:
        path = error.path.removeprefix(".")
        return DecodeError(f"{path or 'the document'}: {error}", path=path)


class _Mismatch(Exception):
    """A value is not what its annotation says."""

    def __init__(self, problem: str, path: str = "") -> None:
        super().__init__(problem)
        self.path = path


def _unexpected(expected: str, value: object) -> _Mismatch:
    if isinstance(value, (dict, list, tuple)):
        shown = "an object" if isinstance(value, dict) else "an array"
    elif isinstance(value, int) and abs(value) >= 10**30:
        shown = "a huge number"
    elif isinstance(value, str):
        shown = json.dumps(value if len(value) <= 60 else value[:57] + "...")
    else:
        shown = json.dumps(value) if value is None or isinstance(value, (int, float)) else f"a {type(value).__name__}"
    return _Mismatch(f"expected {expected}, got {shown}")


# --- decoders: each gives what a JSON value stands for, or raises `_Mismatch` ---


def _checked(expected: str, is_right: Callable[[Any], bool]) -> _Decoder:
    def decode(value: Any) -> Any:
        if is_right(value):
            return value
        raise _unexpected(expected, value)

    return decode


def _number(value: Any) -> float:
    # The comparison is false for NaN, and exact for integers of any size.
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max:
        return float(value)
    raise _unexpected("a number", value)


_UUID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.IGNORECASE)


def _uuid(value: Any) -> UUID:
    # UUID() alone takes braces, underscores and the digits of every script.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise _unexpected("a UUID", value)


_TIME = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-]\d\d:[0-5]\d))?", re.ASCII)


def _time(value: Any) -> datetime:
    """RFC 3339, 5.6; what is finer than a microsecond is cut off, and a time without an offset is UTC."""
    # fromisoformat() alone takes no Z before Python 3.11, and more than RFC 3339 after.
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match:
        moment, fraction, offset = match.groups()
        try:
            return datetime.fromisoformat(f"{moment}.{fraction or '':0<6.6}{offset or '+00:00'}")
        except ValueError:
            pass
    raise _unexpected("a date and time (RFC 3339)", value)


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return dict(value)
    raise _unexpected("an object", value)


def _map(decode_element: _Decoder) -> _Decoder:
    def decode(value: Any) -> dict[str, Any]:
        result = _object(value)
        for key, element in result.items():
            try:
                result[key] = decode_element(element)
            except _Mismatch as error:
                error.path = f".{key}{error.path}"
                raise
        return result

    return decode


def _array(decode_element: _Decoder) -> _Decoder:
    def decode(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise _unexpected("an array", value)
        if not value:
            return ()
        elements: list[Any] = []
        try:
            for element in value:
                elements.append(decode_element(element))
        except _Mismatch as error:
            error.path = f"[{len(elements)}]{error.path}"
            raise
        return tuple(elements)

    return decode


def _enum(kind: type[OpenEnum]) -> _Decoder:
    members: dict[str, OpenEnum] = {member.value: member for member in kind}

    def decode(value: Any) -> OpenEnum:
        if isinstance(value, str):
            return members.get(value) or kind(value)
        raise _unexpected("a string", value)

    return decode


def _union(members: tuple[Any, ...]) -> _Decoder:
    if NoneType in members:
        others = tuple(member for member in members if member is not NoneType)
        decode_other = _union(others) if len(others) > 1 else _decoder(others[0])
        return lambda value: None if value is None else decode_other(value)
    if str not in members:
        return _variants(members)
    # What is left is told apart by the type in JSON, such as `int | str`.
    decoders = {list if get_origin(member) is tuple else member: _decoder(member) for member in members}
    names = {int: "an integer", str: "a string", list: "an array of strings"}
    neither = _checked(" or ".join(names[kind] for kind in decoders), lambda value: False)
    return lambda value: decoders.get(type(value), neither)(value)


def _variants(members: tuple[Any, ...]) -> _Decoder:
    """Models told apart by the constant of their `type`; the `UnknownVariant` among them takes the rest."""
    decoders = {}
    decode_unknown: _Decoder
    for member in members:
        if issubclass(member, UnknownVariant):
            decode_unknown = _decoder(member)
        else:
            (constant,) = get_args(get_type_hints(member)["type"])
            decoders[constant] = _model(member, constant)

    def decode(value: Any) -> Any:
        try:
            decode_variant = decoders[value["type"]]
        except (KeyError, TypeError):  # Unknown; or no object or no type, as its decoder will find.
            decode_variant = decode_unknown
        return decode_variant(value)

    return decode


_SCALARS: dict[Any, _Decoder] = {
    str: _checked("a string", lambda value: isinstance(value, str)),
    # A bool is an int to Python, but not to JSON.
    int: _checked("an integer", lambda value: isinstance(value, int) and not isinstance(value, bool)),
    bool: _checked("a boolean", lambda value: isinstance(value, bool)),
    float: _number,
    UUID: _uuid,
    datetime: _time,
}


@cache
def _decoder(annotation: Any) -> _Decoder:
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is tuple:
        return _array(_decoder(arguments[0]))
    if origin is Mapping:
        return _object if arguments[1] is Any else _map(_decoder(arguments[1]))
    if origin is Literal:
        return _checked(f'"{arguments[0]}"', lambda value: bool(value == arguments[0]))
    if origin in (Union, UnionType):
        return _union(arguments)
    if issubclass(annotation, OpenEnum):
        return _enum(annotation)
    decode = _model(annotation)
    if issubclass(annotation, UnknownVariant):
        return lambda value: decode({**_object(value), "data": value})
    return decode


@cache
def _schema(model: Any) -> list[tuple[str, str, Any, Any, bool]]:
    """Of each field: its name, that in JSON, its annotation, its default or MISSING, and whether it is secret."""
    hints, schema = get_type_hints(model), []
    for item in fields(model):
        wire = re.sub("_(.)", lambda match: match[1].upper(), item.name)
        # A constant has a default, but only for who builds the object.
        default = MISSING if get_origin(hints[item.name]) is Literal else item.default
        schema.append((item.name, wire, hints[item.name], default, not item.repr))
    return schema


def _model(model: Any, constant: str = "") -> _Decoder:
    """`constant` is its `type` where that has been looked at already."""
    new, required, optional, free, secrets = object.__new__, [], [], [], []
    for name, wire, annotation, default, secret in _schema(model):
        # To set the slots, and not call the class, makes decoding a third faster.
        put = getattr(model, name).__set__
        several_ways = bool({UUID, datetime, float} & {annotation, *get_args(annotation)})
        if constant and name == "type":
            put_type = put
        elif default is MISSING:
            # What is of exactly one of these classes is right as it is.
            exact = annotation if annotation in (str, int, bool) else None
            required.append((wire, put, _decoder(annotation), exact))
        else:
            optional.append((wire, put, _decoder(annotation), default))
        if default is not MISSING or several_ways:
            free.append((wire, name, several_ways, default))
        if secret:
            secrets.append(wire)

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _unexpected("an object", value)
        result = new(model)
        try:
            for wire, put, decode_field, exact in required:
                item = value[wire]
                put(result, item if type(item) is exact else decode_field(item))
            if optional:
                for wire, put, decode_field, default in optional:
                    item = value.get(wire)
                    put(result, default if item is None else decode_field(item))
        except KeyError:
            raise _Mismatch("missing", f".{wire}") from None
        except _Mismatch as error:
            error.path = f".{wire}{error.path}"
            if wire in secrets:
                error.args = (str(error).partition(", got ")[0],)
            raise
        if constant:
            put_type(result, constant)
        if free:
            _keep_what_was_said(result, value, free)
        return result

    return decode


def _keep_what_was_said(result: Model, document: dict[str, Any], free: list[tuple[str, str, bool, Any]]) -> None:
    """Set `_said` where `to_dict` would say a field differently. No float is."""
    said = {}
    for wire, name, several_ways, default in free:
        if wire in document and type(document[wire]) is not float:
            value = getattr(result, name)
            if value == default or (several_ways and _plain(value) != document[wire]):
                said[wire] = document[wire]
    if said:
        object.__setattr__(result, "_said", said)


def _plain(value: Any) -> Any:
    """As JSON. What is in a map is JSON already, but for the tuples of `metadata`."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, (OpenEnum, UUID)):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    if isinstance(value, Mapping):
        return {key: list(element) if isinstance(element, tuple) else element for key, element in value.items()}
    return value
