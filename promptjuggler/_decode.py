"""JSON to frozen dataclasses and back, by their annotations. Pure."""

import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

from ._enums import OpenEnum
from .errors import DecodeError

_T = TypeVar("_T")
_Decoder = Callable[[Any], Any]


class Model:
    """The base of the results: frozen dataclasses that know their JSON."""

    __slots__ = (
        "_said",
    )  # What the document said, where to_dict() would say it differently.

    @classmethod
    def from_dict(cls: type[_T], data: Mapping[str, Any]) -> _T:
        """The result of a JSON object as `json.loads` gives it; unknown keys are ignored.

        Raises `DecodeError` with the path of what is wrong.
        """
        result: _T | DecodeError = _decoded(
            cls, dict(data) if isinstance(data, Mapping) else data
        )
        del data  # Error trackers record variables.
        return _value_or_raise(result)

    @classmethod
    def from_json(cls: type[_T], text: str | bytes) -> _T:
        """The result of a JSON text; bytes are UTF-8. Raises `DecodeError`."""
        result: _T | DecodeError = _read(cls, text)
        del text
        return _value_or_raise(result)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object with the API's names: what was read, but for unknown keys."""
        document, said = {}, getattr(self, "_said", {})
        for name, wire, _, default, _ in _schema(type(self)):  # type: ignore[arg-type]
            value = getattr(self, name)
            if wire in said:
                document[wire] = said[wire]
            elif value != default:
                document[wire] = _plain(value)
        return document

    def to_json(self) -> str:
        """`to_dict()` as compact JSON text."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def __reduce__(self) -> tuple[Any, ...]:
        # That of dataclass would lose _said.
        values = {name: getattr(self, name) for name, *_ in _schema(type(self))}  # type: ignore[arg-type]
        return _restored, (type(self), values, getattr(self, "_said", {}))


def _restored(kind: type[_T], values: dict[str, Any], said: dict[str, Any]) -> _T:
    result = kind(**values)
    object.__setattr__(result, "_said", said)
    return result


@dataclass(frozen=True, slots=True)
class UnknownVariant(Model):
    """One of a union with a `type` newer than this version; `data`: the whole object, not in the repr."""

    if TYPE_CHECKING:
        # With str, type checkers cannot tell the others apart.
        type: Literal["unknown"]
    else:
        type: str
    data: Mapping[str, Any] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object, as it came."""
        return dict(self.data)


def read(kind: type[_T], document: bytes, status_code: int | None = None) -> _T:
    """Read an answer. Raises `DecodeError`."""
    result: _T | DecodeError = _read(kind, document, status_code)
    del document
    return _value_or_raise(result)


def _value_or_raise(result: _T | DecodeError) -> _T:
    if isinstance(result, DecodeError):
        raise result
    return result


def _read(kind: Any, document: Any, status_code: int | None = None) -> Any:
    if not isinstance(document, (str, bytes, bytearray)):
        return DecodeError(f"the document: {_unexpected('text or bytes', document)}")
    cause: Exception | None = None
    try:
        data = _json.decode(
            document if isinstance(document, str) else document.decode()
        )
    except RecursionError as error:
        problem, cause = "is nested too deep", error
    except UnicodeDecodeError as error:
        problem = f"is not UTF-8 at byte {error.start}"
        # Its repr has the document.
        cause = UnicodeDecodeError("utf-8", b"", error.start, error.end, error.reason)
    except ValueError as error:  # Or thousands of digits.
        problem, cause = f"is not JSON: {error}" if document else "is empty", error
    result = DecodeError(f"the document {problem}") if cause else _decoded(kind, data)
    if isinstance(result, DecodeError):
        result.__cause__ = cause and cause.with_traceback(None)
        result.status_code = status_code
        result.body = (
            document.encode("utf-8", "surrogatepass")
            if isinstance(document, str)
            else bytes(document)
        )
    return result


_LARGEST = sys.float_info.max


def _finite(text: str) -> float:
    number = float(text)
    if -_LARGEST <= number <= _LARGEST:
        return number
    raise ValueError(f"{text[:20]} is out of range")


# No NaN, and no Infinity, as of 1e999.
_json = json.JSONDecoder(parse_constant=_finite, parse_float=_finite)


def _decoded(kind: Any, data: Any) -> Any:
    try:
        return _decoder(kind)(data)
    except _Mismatch as error:
        path = error.path.removeprefix(".")
        return DecodeError(f"{path or 'the document'}: {error}", path=path)


class _Mismatch(Exception):
    path = ""  # Each level adds to it.


def _unexpected(expected: str, value: object) -> _Mismatch:
    if isinstance(value, dict):
        shown = "an object"
    elif isinstance(value, (list, tuple)):
        shown = "an array"
    elif isinstance(value, int) and abs(value) >= 10**30:
        shown = "a huge number"
    elif isinstance(value, str) and len(value) > 60:
        shown = json.dumps(value[:57] + "...")
    elif isinstance(value, (str, int, float, NoneType)):
        shown = json.dumps(value)
    else:
        shown = f"a {type(value).__name__}"
    return _Mismatch(f"expected {expected}, got {shown}")


def _checked(expected: str, is_right: Callable[[Any], bool]) -> _Decoder:
    def decode(value: Any) -> Any:
        if is_right(value):
            return value
        raise _unexpected(expected, value)

    return decode


def _number(value: Any) -> float:
    if (
        type(value) is float or type(value) is int
    ) and -_LARGEST <= value <= _LARGEST:  # Not so of NaN.
        return float(value)
    raise _unexpected("a number", value)


_UUID = re.compile("[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){4}[0-9a-fA-F]{8}")


def _uuid(value: Any) -> UUID:
    # UUID() takes more.
    if isinstance(value, str) and _UUID.fullmatch(value):
        return UUID(value)
    raise _unexpected("a UUID", value)


_TIME: Any = re.compile(
    r"(?a)(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(\.\d{1,9})?(?:[Zz]|([+-]\d\d:[0-5]\d))?"
)


def _time(value: Any) -> datetime:
    # fromisoformat() takes no Z in Python 3.10, and more later.
    try:
        moment, fraction, offset = _TIME.fullmatch(value).groups()
        return datetime.fromisoformat(
            f"{moment}{fraction or '.':0<7.7}{offset or '+00:00'}"
        )
    except (AttributeError, TypeError, ValueError):
        raise _unexpected("a date and time (RFC 3339)", value) from None


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
        elements = []
        try:
            for element in value:
                elements.append(decode_element(element))
        except _Mismatch as error:
            error.path = f"[{len(elements)}]{error.path}"
            raise
        return tuple(elements)

    return decode


def _enum(kind: type[OpenEnum]) -> _Decoder:
    members = {member.value: member for member in kind}

    def decode(value: Any) -> OpenEnum:
        if isinstance(value, str):
            return members.get(value) or kind(value)
        raise _unexpected("a string", value)

    return decode


def _union(members: Any) -> _Decoder:
    if NoneType in members:
        (member,) = {*members} - {NoneType}
        decode_element = _decoder(member)
        return lambda value: None if value is None else decode_element(value)
    decoders = {}
    for member in members:
        constant = member.__dataclass_fields__["type"].default
        decoders[constant] = (
            _decoder(member) if constant is MISSING else _model(member, constant)
        )

    def decode(value: Any) -> Any:
        try:
            decode_element = decoders[value["type"]]
        except (KeyError, TypeError):
            decode_element = decoders[MISSING]  # Of the `UnknownVariant`.
        return decode_element(value)

    return decode


def _text_or_texts(value: Any) -> Any:
    if isinstance(value, list):
        return _decoder(tuple[str, ...])(value)
    if isinstance(value, str):
        return value
    raise _unexpected("a string or an array of strings", value)


_SCALARS: dict[Any, _Decoder] = {
    str: _checked("a string", lambda value: isinstance(value, str)),
    int: _checked(
        "an integer",
        lambda value: isinstance(value, int) and not isinstance(value, bool),
    ),
    bool: _checked("a boolean", lambda value: isinstance(value, bool)),
    int | str: _checked(
        "an integer or a string", lambda value: type(value) in (int, str)
    ),
    str | tuple[str, ...]: _text_or_texts,
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
        return _checked(f'"{arguments[0]}"', lambda value: value in arguments)
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
    schema = []
    for item in fields(model):
        wire = re.sub("_(.)", lambda match: match[1].upper(), item.name)
        # The default of a constant is not for JSON.
        default = MISSING if get_origin(item.type) is Literal else item.default
        schema.append((item.name, wire, item.type, default, not item.repr))
    return schema


def _model(model: Any, constant: str = "") -> _Decoder:
    # To set each slot is faster than to call the class.
    new, required, optional, free = object.__new__, [], [], []
    secrets = [wire for _, wire, _, _, secret in _schema(model) if secret]
    for name, wire, annotation, default, _ in _schema(model):
        put = getattr(model, name).__set__
        several_ways = {UUID, datetime, float} & {annotation, *get_args(annotation)}
        if constant and name == "type":
            put_type = put
        elif default is MISSING:
            exact = annotation if annotation in (str, int, bool) else None
            required.append((wire, put, _decoder(annotation), exact))
        else:
            optional.append((wire, put, _decoder(annotation), default))
        if default is not MISSING or several_ways:
            free.append((wire, name, several_ways, default))

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _unexpected("an object", value)
        result = new(model)
        try:
            for wire, put, decode_element, exact in required:
                item = value[wire]
                put(result, item if type(item) is exact else decode_element(item))
            if optional:
                for wire, put, decode_element, default in optional:
                    item = value.get(wire)
                    put(result, default if item is None else decode_element(item))
        except (KeyError, _Mismatch) as failure:
            error = failure if isinstance(failure, _Mismatch) else _Mismatch("missing")
            error.path = f".{wire}{error.path}"
            if wire in secrets:
                error.args = (str(error).partition(", got ")[0],)
            raise error from None
        if constant:
            put_type(result, constant)
        if free:
            said = {}
            for wire, name, several_ways, default in free:
                if (
                    wire in value and type(value[wire]) is not float
                ):  # No float differs.
                    item = getattr(result, name)
                    if (
                        several_ways
                        and (type(value[wire]) is str or item != value[wire])
                        or item == default
                    ):
                        said[wire] = value[wire]
            if said:
                object.__setattr__(result, "_said", said)
        return result

    return decode


def _plain(value: Any) -> Any:
    # Maps hold JSON, but for tuples of `metadata`.
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, (OpenEnum, UUID)):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(element) for element in value]
    if isinstance(value, Mapping):
        return {
            key: list(element) if isinstance(element, tuple) else element
            for key, element in value.items()
        }
    return value
