"""Checks of arguments: a value in, what is sent out, or `ValidationError`. Pure.

No error shows a value that can be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote, urlsplit

from ._secrets import Secret
from .errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Literal, TypeAlias

    Priority: TypeAlias = Literal["onsite", "normal", "low"]

PRIORITIES: tuple[Priority, ...] = ("onsite", "normal", "low")

_LONGEST_SECONDS = 1e15

_LONGEST_KEY = 60

# Halves of a surrogate pair, which UTF-8 cannot encode. Patterns are compiled when first
# used: each would take 0.2 ms of the start of each program.
_SURROGATE = r"[\ud800-\udfff]"

# The text of a number below 1; the command line has texts only.
_NO_VERSION = r"[+-]?0+|-[0-9]+"
_LINE = r"[^\r\n\0]*"


def wrong_type(name: str, expected: str, value: object) -> ValidationError:
    """The error for a value of a wrong type."""
    return ValidationError(f"{name} must be {expected}, not {type(value).__name__}")


def shown_key(key: str) -> str:
    """A key of a mapping as an error shows it, short and printable."""
    return ascii(key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}...")


def _check_encodable(name: str, text: str) -> None:
    """Raise where a text has half a surrogate pair, as `os.fsdecode` leaves them.

    JSON could send it as an escape, which servers refuse.
    """
    if not text.isascii() and re.search(_SURROGATE, text):
        raise ValidationError(f"{name} must be encodable as UTF-8")


def is_header_text(value: str) -> bool:
    """Whether a text can be sent in a header: printable ASCII without spaces."""
    return value.isascii() and value.isprintable() and " " not in value


def checked_api_key(
    key: Secret[str | None], of_environment: Secret[str]
) -> Secret[str]:
    """The key, stripped; that of the environment where it is None."""
    name = "api_key (or PROMPTJUGGLER_API_KEY)"
    if key.value is None:
        return checked_api_key(Secret(of_environment.value), Secret(""))
    if not isinstance(key.value, str):
        raise wrong_type(name, "a str", key.value)
    stripped = Secret(key.value.strip())
    if not stripped.value:
        raise ValidationError(
            "there is no API key: give api_key, or set PROMPTJUGGLER_API_KEY"
        )
    if not is_header_text(stripped.value):
        raise ValidationError(f"{name} must be printable ASCII without spaces")
    return stripped


def checked_base_url(name: str, value: object) -> str:
    """An http or https URL without a trailing slash; it may have a path."""
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    text = value.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValidationError(f"{name} is not a URL") from None
    if parts.scheme not in ("http", "https"):
        raise ValidationError(f"{name} must be an http or https URL")
    # urllib would decode what is percent-encoded in a host.
    if not parts.hostname or port == 0 or "%" in parts.netloc:
        raise ValidationError(f"{name} must name a host")
    if "@" in parts.netloc:
        raise ValidationError(f"{name} must not hold a user name or password")
    if "?" in text or "#" in text:
        raise ValidationError(f"{name} must not have a query or fragment")
    if not is_header_text(text) or "\\" in text:
        raise ValidationError(f"{name} must be printable ASCII without spaces")
    return text


def checked_seconds(name: str, value: object) -> float:
    """A finite number of seconds above 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(name, "a number of seconds", value)
    if not 0 < value < float("inf"):
        raise ValidationError(f"{name} must be a finite number of seconds above 0")
    # A larger int can be no float.
    return float(min(value, _LONGEST_SECONDS))


def checked_wait(name: str, value: object) -> float:
    """A finite number of seconds; 0 or less is a wait without any time."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise wrong_type(name, "a number of seconds", value)
    if not abs(value) < float("inf"):
        raise ValidationError(f"{name} must be a finite number of seconds")
    return float(max(min(value, _LONGEST_SECONDS), 0))


def checked_optional_seconds(name: str, value: object) -> float | None:
    """As `checked_seconds`; None stays None."""
    return None if value is None else checked_seconds(name, value)


def checked_count(name: str, value: object) -> int:
    """An int of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an int", value)
    if value < 0:
        raise ValidationError(f"{name} must be at least 0")
    return value


def checked_segment(name: str, value: object) -> str:
    """One segment of a path, percent-encoded: `/` too."""
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    # The last two are steps of a path, encoded or not (RFC 3986, 5.2.4).
    if value in ("", ".", ".."):
        raise ValidationError(f"{name} must not be {value!r}")
    _check_encodable(name, value)
    return quote(value, safe="")


def checked_version(value: object) -> str:
    """A version as a segment of a path: a number of at least 1, or a tag."""
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            value = f"{value:d}"
        except ValueError:  # Python writes no int of over 4,300 digits.
            raise ValidationError("version is too large a number") from None
    if not isinstance(value, str):
        raise wrong_type("version", "an int or a str", value)
    if re.fullmatch(_NO_VERSION, value):
        raise ValidationError("version must be a number of at least 1, or a tag")
    return checked_segment("version", value)


def checked_uuid(name: str, value: object) -> str:
    """The canonical text of a UUID. It may be given as a URN or in braces, too."""
    # A str needs no uuid module, which takes up to 5 ms to load.
    if not isinstance(value, str):
        from uuid import UUID

        if not isinstance(value, UUID):
            raise wrong_type(name, "a UUID or its text", value)
        return str(value)
    text = uuid_of(value)
    if text is None:
        raise ValidationError(f"{name} must be a UUID")
    return text


def uuid_of(text: str) -> str | None:
    """The canonical text of a UUID, of its URN (RFC 9562, 4), or of one in braces."""
    if text[:9].lower() == "urn:uuid:":
        return canonical_uuid(text[9:])
    if text.startswith("{") and text.endswith("}"):
        return canonical_uuid(text[1:-1])
    return canonical_uuid(text)


def checked_text(name: str, value: object) -> str | None:
    """A str that can be encoded; None stays None."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    _check_encodable(name, value)
    return value


def checked_priority(value: object) -> Priority | None:
    """One of three; None stays None."""
    text = checked_text("priority", value)
    for priority in PRIORITIES:
        if text == priority:
            return priority
    if text is not None:
        raise ValidationError(
            f"priority must be 'onsite', 'normal' or 'low', not {text[:40]!r}"
        )
    return None


def checked_texts(name: str, value: object) -> dict[str, str]:
    """A mapping of str to str."""
    if not isinstance(value, Mapping):
        raise wrong_type(name, "a mapping of str to str", value)
    texts = dict(value)
    for key, text in texts.items():
        _check_key(name, key)
        if not isinstance(text, str):
            raise wrong_type(f"{name}[{shown_key(key)}]", "a str", text)
        _check_encodable(f"{name}[{shown_key(key)}]", text)
    return texts


def checked_metadata(value: object) -> dict[str, str | tuple[str, ...]]:
    """A mapping of str to str or to a sequence of str."""
    if not isinstance(value, Mapping):
        raise wrong_type(
            "metadata", "a mapping of str to str or a sequence of str", value
        )
    metadata = dict(value)
    for key, item in metadata.items():
        _check_key("metadata", key)
        place = f"metadata[{shown_key(key)}]"
        metadata[key] = _checked_metadata_value(place, item)
    return metadata


def _checked_metadata_value(name: str, value: object) -> str | tuple[str, ...]:
    if isinstance(value, str):
        _check_encodable(name, value)
        return value
    is_binary = isinstance(value, (bytes, bytearray, memoryview))
    if is_binary or not isinstance(value, Sequence):
        raise wrong_type(name, "a str or a sequence of str", value)
    for index, element in enumerate(value):
        if not isinstance(element, str):
            raise wrong_type(f"{name}[{index}]", "a str", element)
        _check_encodable(f"{name}[{index}]", element)
    return tuple(value)


def checked_channels(channels: object) -> list[str]:
    """The names of channels, of any iterable of texts that can be encoded."""
    problem = "channels must be a sequence of str, none empty"
    if isinstance(channels, str) or not isinstance(channels, Iterable):
        raise ValidationError(problem)
    names: list[str] = []
    for name in channels:
        if not isinstance(name, str) or not name:
            raise ValidationError(problem)
        _check_encodable("every one of channels", name)
        names.append(name)
    return names


def checked_last_event_id(value: object) -> str | None:
    """The id of an event, which a header can carry; None stays None."""
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(_LINE, value):
        raise ValidationError("last_event_id must be a str of one line")
    _check_encodable("last_event_id", value)
    return value


def _check_key(name: str, key: object) -> None:
    if not isinstance(key, str):
        raise wrong_type(f"every key of {name}", "a str", key)
    _check_encodable(f"the key {shown_key(key)} of {name}", key)
