"""The arguments of a FakeServer's methods, checked at the call. Pure.

A wrong one would else show much later, in the thread of a request. Each function gives
back what is right, or raises `TypeError` or `ValueError` with the name of the argument.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from uuid import UUID

_STATUSES = range(200, 600)
_LINE_BREAKS = ("\r", "\n")


def checked_text(name: str, value: object) -> str:
    """A text that is not empty."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {_kind(value)}")
    if not value:
        raise ValueError(f"{name} must not be empty")
    return value


def checked_segment(name: str, value: object) -> str:
    """A text that a client can send as a segment of a path."""
    text = checked_text(name, value)
    if text in (".", ".."):
        raise ValueError(f"{name} must not be {text!r}, which no client can send")
    return text


def checked_line(name: str, value: object) -> str:
    """A text without line breaks."""
    text = checked_text(name, value)
    if any(mark in text for mark in _LINE_BREAKS):
        raise ValueError(f"{name} must have no line breaks")
    return text


def checked_header(name: str, value: object) -> str:
    """A text that can stand in the head of a message: Latin-1 without line breaks."""
    text = checked_line(name, value)
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be Latin-1: it stands in a header") from None
    return text


def checked_headers(value: Mapping[str, str] | None) -> tuple[tuple[str, str], ...]:
    """Headers; None are none."""
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise TypeError(f"headers must be a mapping, not {_kind(value)}")
    return tuple(
        (checked_header("the name of a header", name), checked_header(name, text))
        for name, text in value.items()
    )


def checked_count(name: str, value: object, least: int = 1) -> int:
    """An int that is at least so much."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {_kind(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value


def checked_status(value: object) -> int:
    """The status of an answer: one of 1xx would be none, but come before it."""
    status = checked_count("status", value)
    if status not in _STATUSES:
        raise ValueError(f"status must be from 200 to 599, not {status}")
    return status


def checked_seconds(name: str, value: object) -> float:
    """Seconds, of at least 0; they may be infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {_kind(value)}")
    if math.isnan(value) or value < 0:
        raise ValueError(f"{name} must be at least 0, not {value}")
    return float(value)


def checked_retry_after(value: object) -> str | None:
    """The value of a `Retry-After` header: seconds, or a date as text; None: no header."""
    if value is None:
        return None
    if isinstance(value, str):
        return checked_header("retry_after", value)
    seconds = checked_seconds("retry_after", value)
    if math.isinf(seconds):
        raise ValueError("retry_after must be finite")
    return str(value)


def checked_texts(name: str, value: object) -> tuple[str, ...]:
    """Texts. A text alone is a mistake, though it can be iterated."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list or tuple of str, not {_kind(value)}")
    return tuple(checked_text(f"each of {name}", text) for text in value)


def checked_uuid(name: str, value: object) -> str:
    """A UUID, or the text of one; in lower case and with hyphens."""
    if not isinstance(value, (str, UUID)):
        raise TypeError(f"{name} must be a UUID, not {_kind(value)}")
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise ValueError(f"{name} must be a UUID, not {value!r}") from None


def checked_document(name: str, value: object) -> Mapping[str, object]:
    """A mapping of what JSON can hold."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, not {_kind(value)}")
    # Raises what it raises: TypeError and ValueError say what cannot be held.
    json.dumps(value)
    return value


def _kind(value: object) -> str:
    """What a wrong value is, for a message."""
    return "None" if value is None else f"a value of type {type(value).__name__}"
