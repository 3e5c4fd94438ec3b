"""How the API writes values: strict JSON, UUIDs, times (RFC 3339). Pure.

The only module that knows these forms: what reads documents, frames and
arguments uses it.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime, timedelta, timezone

LARGEST_FLOAT = sys.float_info.max

MOST_DIGITS = 4300
"""Python refuses to read, and to write, an int of more."""

TOO_LARGE_INT = 10**MOST_DIGITS


def _finite_float(text: str) -> float:
    """The number, or ValueError where it is NaN, Infinity or out of range (1e999)."""
    number = float(text)
    if -LARGEST_FLOAT <= number <= LARGEST_FLOAT:
        return number
    raise ValueError("a number is out of range")


strict_json = json.JSONDecoder(parse_constant=_finite_float, parse_float=_finite_float)
"""Decodes JSON as RFC 8259 has it: without NaN and Infinity, which Python's
own adds.

`decode(text)` raises ValueError for what is no JSON, also for a number of over
4,300 digits, and RecursionError for what is nested too deep.
"""

_BYTE_ORDER_MARK = "\ufeff"

MOST_PARTS = 2_000_000
"""A document may have so many arrays and objects. Each takes some 100 bytes, so that
32 MiB of brackets alone would become 1.6 GiB."""


def has_too_many_parts(document: str | bytes) -> bool:
    """Whether a document has more than `MOST_PARTS` arrays and objects."""
    # To count is quick. Brackets within texts count as well: there are never so
    # many.
    if len(document) <= MOST_PARTS:
        return False
    if isinstance(document, str):
        return document.count("[") + document.count("{") > MOST_PARTS
    return document.count(b"[") + document.count(b"{") > MOST_PARTS


class TooManyParts(ValueError):
    """A document has more than `MOST_PARTS` arrays and objects."""

    def __init__(self) -> None:
        super().__init__("has too many arrays and objects")


def read_document(text: str) -> object:
    """The value of a whole document, behind a byte order mark or not.

    Such a mark may be ignored (RFC 8259, 8.1). Raises what `strict_json.decode`
    does, and `TooManyParts`.
    """
    if has_too_many_parts(text):
        raise TooManyParts
    return strict_json.decode(text.removeprefix(_BYTE_ORDER_MARK))


# The five parts, with or without hyphens between them.
_UUID = re.compile(
    "([0-9a-fA-F]{8})-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{4})"
    "-?([0-9a-fA-F]{4})-?([0-9a-fA-F]{12})"
)
_UUID_WITH_HYPHENS = 36
"""The characters of a UUID that has all four."""


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID: 32 hexadecimal digits, with or without its
    hyphens.

    Stricter than `uuid.UUID`, which takes underscores, digits that are not
    ASCII, and hyphens anywhere.
    """
    return _UUID.fullmatch(text) is not None


def canonical_uuid(text: str) -> str | None:
    """The 36 characters of a UUID in lower case, or None where `is_uuid` says no."""
    match = _UUID.fullmatch(text)
    if match is None:
        return None
    if len(text) == _UUID_WITH_HYPHENS:
        return text.lower()
    return "-".join(match.groups()).lower()


# The date and time to the minute; the second; the fraction; the offset.
# fromisoformat() holds the numbers to their bounds, but for the minutes of an
# offset, up to 99 on some Pythons.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:)(\d\d)"
    r"(\.\d{1,9})?"
    r"(?:[Zz]|([+-]\d\d:[0-5]\d))?",
    re.ASCII,
)
_HOUR = slice(11, 13)
_LEAP_SECOND = "60"
_ONE_SECOND = timedelta(seconds=1)


def parse_time(text: str) -> datetime | None:
    """The moment of an RFC 3339 text, aware of its time zone, or None where it
    is none.

    The same on every Python: `datetime.fromisoformat` alone refuses `Z` and
    most fractions on 3.10, and takes 24:00 from 3.14 on. Nanoseconds are cut
    to microseconds. A text without an offset is UTC. A leap second, which is
    none of a `datetime`, is the second after it.
    """
    match = _TIME.fullmatch(text)
    if not match:
        return None
    minutes, seconds, fraction, offset = match.groups()
    if minutes[_HOUR] == "24":
        return None
    microseconds = (fraction or ".0")[:7].ljust(7, "0")
    is_leap_second = seconds == _LEAP_SECOND
    if is_leap_second:
        seconds = "59"
    try:
        moment = datetime.fromisoformat(
            minutes + seconds + microseconds + (offset or "+00:00")
        )
        return _second_after(moment) if is_leap_second else moment
    except (ValueError, OverflowError):
        return None


def _second_after(moment: datetime) -> datetime | None:
    """The moment of a leap second, from that of the second before it.

    None where none can be: they end a day, in UTC (RFC 3339, 5.7).
    """
    in_utc = moment.astimezone(timezone.utc)
    if (in_utc.hour, in_utc.minute) != (23, 59):
        return None
    return moment + _ONE_SECOND
