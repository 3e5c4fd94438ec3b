"""String enums that stay open, since the API adds values."""

from __future__ import annotations

import json
from enum import Enum
from typing import TypeVar

_E = TypeVar("_E", bound="OpenEnum")


class OpenEnum(str, Enum):
    """The base of the enums: a string, of which some values have names.

    A value that this version does not know is no error: `RunStatus("brewing")`
    is a member whose name and value are both that string. It equals the string
    and any other member made of it, but it is not listed by its class, which
    new values would otherwise make grow without end.
    """

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        """Make the member of an unknown value; Python asks for it."""
        if not isinstance(value, str):
            return None
        # str() of a member of another enum can be `Status.BREWING`.
        text = str.__str__(value)
        if type(value) is not str:
            return cls(text)
        member = str.__new__(cls, text)
        member._name_ = text
        member._value_ = text
        return member

    @classmethod
    def from_json(cls: type[_E], text: str | bytes) -> _E:
        """Give the member whose value is in a JSON text.

        As the pydantic-based package has it. It is the same as
        `RunStatus(json.loads(text))`, and raises what that raises: a ValueError,
        where the text is no JSON, or what is in it is no text.
        """
        return cls(json.loads(text))

    def __repr__(self) -> str:
        # That of Enum has the name as it is, which here can be any text of a server.
        shown = Enum.__repr__(self)
        if shown.isprintable():
            return shown
        return f"<{type(self).__name__}: {self._value_!r}>"

    # That of Enum gives `RunStatus.PENDING`; format() uses this one.
    __str__ = str.__str__
