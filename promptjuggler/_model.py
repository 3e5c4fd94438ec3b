"""The base of the results: what every model can do."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from uuid import UUID

from ._decode import (
    WHOLE_OBJECT,
    Field,
    decoded,
    decoded_text,
    fields_of,
    value_or_raise,
)
from ._enums import OpenEnum
from ._frozen import Frozen
from ._values import MapFromArray, copied
from .errors import ValidationError

_M = TypeVar("_M", bound="Model")


class Model(Frozen):
    """The base of all results: frozen dataclasses that know their JSON.

    A result is a value: it cannot be changed, can be compared, copied and
    pickled, and hashed where no mapping is in it. `dataclasses.replace` gives
    a changed copy.

    Tests build results by hand: `PromptRun(id=..., status="completed", ...)`.
    Each field takes what has its type, and what JSON has in its place: the
    text of an id, of an enum or of a time, a list for a tuple, a dict for an
    object, with the names of Python or those of the API. The field then has
    its type; a time without a zone is UTC. What does not fit is a
    `ValidationError` that names the field.

    Equal results can be written differently: each keeps how its own document
    spelled UUIDs, times and nulls, so that `to_dict` gives back what was read.
    """

    # By wire name, what the document had where `to_dict` would write it
    # differently by itself. It is set in results that were read, where there
    # is such a thing at all; no field, so no part of `==`.
    __slots__ = ("_original_values",)

    @classmethod
    def from_dict(cls: type[_M], data: Mapping[str, Any]) -> _M:
        """Make a result of a JSON object.

        data  the object as `json.loads` gives it, with the API's names (`createdAt`);
              keys that this version does not know are ignored

        Raises `DecodeError`, whose `path` says where the object is not as it
        should be.
        """
        if isinstance(data, Mapping):
            # Nothing that the result has changes with it.
            data = copied(dict(data))
        result = decoded(cls, data)
        del data  # Rule 3 of _secrets.py.
        return value_or_raise(result)

    @classmethod
    def from_json(cls: type[_M], text: str | bytes) -> _M:
        """Make a result of a JSON text, such as the body of a webhook.

        text  the text, or its bytes in UTF-8

        Raises `DecodeError`, as `from_dict` does.
        """
        result = decoded_text(cls, text)
        del text  # Rule 3 of _secrets.py.
        return value_or_raise(result)

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON object, with the API's names (`createdAt`).

        It holds only what JSON has (dict, list, str, int, float, bool, None).
        Optional fields with their defaults are left out, unless the document
        that the result was read from had them: what is written is what was
        read, but for unknown keys.
        """
        original_values = self._get_original_values()
        document = {}
        for item in self._get_fields():
            value = getattr(self, item.name)
            if item.wire_name in original_values:
                document[item.wire_name] = copied(original_values[item.wire_name])
            elif value != item.default:
                document[item.wire_name] = _as_json(value)
        return document

    def to_json(self) -> str:
        """Give `to_dict()` as compact JSON text, in ASCII."""
        return json.dumps(self.to_dict(), separators=(",", ":"))

    def to_str(self) -> str:
        """Give `to_dict()` as text for people, on several lines.

        As the pydantic-based package has it. All of it is shown, of any length;
        `repr` gives the short form for logs.
        """
        import pprint

        return pprint.pformat(self.to_dict())

    def __post_init__(self) -> None:
        # Of what is built by hand: `decoded` and `made_of` set the fields
        # themselves, each to a value of its type.
        from ._building import misfit_of

        problem = misfit_of(self)
        if problem is not None:
            raise ValidationError(problem)

    def __reduce__(self) -> tuple[Any, ...]:
        # That of a dataclass with slots would lose the original values.
        values = {item.name: getattr(self, item.name) for item in self._get_fields()}
        return _restored, (type(self), values, self._get_original_values())

    def _get_fields(self) -> tuple[Field, ...]:
        model: type = type(self)
        return fields_of(model)

    def _get_original_values(self) -> Mapping[str, Any]:
        # The slot is empty in a result that was built by hand.
        original_values: Mapping[str, Any] = getattr(self, "_original_values", {})
        return original_values


def made_of(kind: type[_M], values: Mapping[str, Any]) -> _M:
    """A result of values that have their types already: nothing looks at them.

    kind    a model
    values  by the names of its fields; those that are optional can be missing
    """
    model: type = kind
    result = object.__new__(kind)
    for item in fields_of(model):
        value = values.get(item.name, item.default)
        item.set_value(result, value)
    return result


def _restored(
    kind: type[_M], values: Mapping[str, Any], original_values: Mapping[str, Any]
) -> _M:
    """A result from a pickle or for a copy."""
    result = made_of(kind, values)
    if original_values:
        object.__setattr__(result, "_original_values", original_values)
    return result


class Variant(Model):
    """The base of the members of a union, which their `type` tells apart."""

    __slots__ = ()

    @property
    def actual_instance(self: _M) -> _M:
        """The object itself.

        In the pydantic-based package a member is wrapped, and this is what is
        in the wrapper. Here nothing is wrapped; programs that came from there
        can go on reading it.
        """
        return self


@dataclass(frozen=True, slots=True, repr=False)
class UnknownVariant(Variant):
    """The base of what is newer than this version: an object with an unknown
    `type`.

    type  the `type` of the object; `Literal["unknown"]` to type checkers, which could
          not tell the known variants apart by their `type` if it were any text
    data  the whole JSON object, its `type` too; not in the repr, since nobody knows
          what is in it
    """

    if TYPE_CHECKING:
        type: Literal["unknown"]
    else:
        type: str
    data: Mapping[str, Any] = field(repr=False, metadata=WHOLE_OBJECT)

    def to_dict(self) -> dict[str, Any]:
        """Give the JSON object, as it came."""
        document: dict[str, Any] = copied(dict(self.data))
        return document


def _as_json(value: object) -> object:
    """The value of a field as JSON has it."""
    if isinstance(value, Model):
        return value.to_dict()
    if isinstance(value, (OpenEnum, UUID)):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_as_json(element) for element in value]
    if isinstance(value, MapFromArray) and not value:
        return []
    if isinstance(value, Mapping):
        # What is in a map is JSON already, but for the tuples of `metadata`.
        return {
            key: list(element) if isinstance(element, tuple) else copied(element)
            for key, element in value.items()
        }
    return value
