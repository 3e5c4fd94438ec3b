"""How the API writes values: strict JSON, UUIDs, times (RFC 3339). Pure.

The only module that knows these forms: what reads documents, frames and
arguments uses it.
"""

from __future__ import annotations

import json
import re
import sys
from datetime import datetime

LARGEST_FLOAT = sys.float_info.max


def _finite_float(text: str) -> float:
    """The number, or ValueError where it is NaN, Infinity or out of range (1e999)."""
    number = float(text)
    if -LARGEST_FLOAT <= number <= LARGEST_FLOAT:
        return number
    raise ValueError(f"{text[:20]} is out of range")


strict_json = json.JSONDecoder(parse_constant=_finite_float, parse_float=_finite_float)
"""Decodes JSON as RFC 8259 has it: without NaN and Infinity, which Python's
own adds.

`decode(text)` raises ValueError for what is no JSON, also for a number of over
4,300 digits, and RecursionError for what is nested too deep.
"""

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


# The date and time to the second; the fraction; the offset. fromisoformat()
# holds the numbers to their bounds, but for the minutes of an offset, up to 99
# on some Pythons.
_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)"
    r"(\.\d{1,9})?"
    r"(?:[Zz]|([+-]\d\d:[0-5]\d))?",
    re.ASCII,
)


def parse_time(text: str) -> datetime | None:
    """The moment of an RFC 3339 text, aware of its time zone, or None where it
    is none.

    The same on every Python: `datetime.fromisoformat` alone refuses `Z` and
    most fractions on 3.10, and takes 24:00 from 3.14 on. Nanoseconds are cut
    to microseconds. A text without an offset is UTC.
    """
    match = _TIME.fullmatch(text)
    if not match:
        return None
    seconds, fraction, offset = match.groups()
    if seconds[11:13] == "24":
        return None
    microseconds = (fraction or ".0")[:7].ljust(7, "0")
    try:
        return datetime.fromisoformat(seconds + microseconds + (offset or "+00:00"))
    except ValueError:
        return None
