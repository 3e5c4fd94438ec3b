"""String enums that stay open: the API adds values."""

from __future__ import annotations

from enum import Enum


class OpenEnum(str, Enum):
    """An unknown value becomes a member, not an error. The class does not list it, or new values would make it grow."""

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = str(value)
        return member

    # Enum's own give `RunStatus.PENDING` on some Pythons.
    __str__ = str.__str__
    __format__ = str.__format__  # type: ignore[assignment]
