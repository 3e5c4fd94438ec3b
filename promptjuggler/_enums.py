"""String enums that stay open: the API adds values."""

from __future__ import annotations

from enum import Enum


class OpenEnum(str, Enum):
    """A string enum in which an unknown value becomes a member, not an error. The class does not list it: a server
    that sends ever new values must not make it grow."""

    @classmethod
    def _missing_(cls, value: object) -> OpenEnum | None:
        if not isinstance(value, str):
            return None
        member = str.__new__(cls, value)
        member._name_ = member._value_ = str(value)
        return member

    # Enum's own give `RunStatus.PENDING` on some Pythons.
    def __str__(self) -> str:
        return str.__str__(self)

    def __format__(self, spec: str) -> str:
        return str.__format__(self, spec)
