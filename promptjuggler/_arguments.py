"""Checks of arguments: a value in, what is sent out, or `ValidationError`. Pure.

No error shows a value that can be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import quote

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

_LEAST_VERSION = "version must be a number of at least 1, or a tag"
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
    if not is_header_text(text) or "\\" in text:
        raise ValidationError(f"{name} must be printable ASCII without spaces")
    if not text.lower().startswith(("http://", "https://")):
        raise ValidationError(f"{name} must be an http or https URL")
    if "?" in text or "#" in text:
        raise ValidationError(f"{name} must not have a query or fragment")
    authority, *path = text.partition("://")[2].split("/")
    if "@" in authority:
        raise ValidationError(f"{name} must not hold a user name or password")
    problem = problem_of_authority(authority)
    if problem is not None:
        raise ValidationError(f"{name} {problem}")
    scheme = text.partition("://")[0].lower()
    # A server would resolve them, encoded or not (RFC 3986, 5.2.4).
    if any(step.lower().replace("%2e", ".") in (".", "..") for step in path):
        raise ValidationError(f"{name} must not have the steps . or .. in its path")
    # In one form, so that nobody has to ask for others.
    return "/".join((f"{scheme}:/", authority.removesuffix(":"), *path))


# --- the host and port of a URL ---

_GREATEST_PORT = 65535
_LONGEST_HOST = 253
_LONGEST_LABEL = 63

_HEX_DIGITS = frozenset("0123456789abcdef")

# RFC 1123, 2.1; names in private networks have underscores, too.
_OF_LABELS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")


def problem_of_authority(authority: str) -> str | None:
    """What is wrong with the host and port of a URL, as `must ...`; None: nothing is.

    Such as `api.example:8443`, `127.0.0.1` or `[::1]:8080`. It is not left to urlsplit(),
    in which Pythons differ: two readings of a host are two hosts. Nor are addresses left
    to ipaddress: it takes 2 ms to load, and to make a client loads nothing.
    """
    end_of_host = authority.find("]") + 1 if authority.startswith("[") else 0
    if authority.startswith("[") and end_of_host == 0:
        return "must name a host: a bracket is not closed"
    rest = authority[end_of_host:]
    name, colon, port = rest.partition(":")
    # Without a number, the port is the usual one (RFC 3986, 3.2.3).
    if colon and port and not _is_port(port):
        return "must have a port that is a number from 1 to 65535"
    if end_of_host == 0:
        return _problem_of_name(name)
    if name:
        return "must name a host: behind the ] there can be a port alone"
    return _problem_of_ipv6(authority[1 : end_of_host - 1])


def _is_port(text: str) -> bool:
    is_short_number = text.isdecimal() and len(text) <= len(str(_GREATEST_PORT))
    return is_short_number and 0 < int(text) <= _GREATEST_PORT


def _problem_of_name(name: str) -> str | None:
    """What is wrong with the name of a host (RFC 1123, 2.1), or with an IPv4 address."""
    if not name:
        return "must name a host"
    # One dot at the end says that the name is whole.
    labels = name.removesuffix(".").split(".")
    if len(name) > _LONGEST_HOST + 1:
        return f"must name a host: a name has at most {_LONGEST_HOST} characters"
    for label in labels:
        if not label:
            return "must name a host: there is nothing between two of its dots"
        if len(label) > _LONGEST_LABEL:
            return (
                "must name a host: between two dots there are at most"
                f" {_LONGEST_LABEL} characters"
            )
        wrong = set(label.lower()) - _OF_LABELS
        if wrong:
            return f"must name a host: there is none with {min(wrong)!r} in its name"
    # No top-level domain is a number: it is to be an address. The system would take other
    # forms of them, as `0x7f000001`, which NO_PROXY and others read differently.
    if _is_number(labels[-1]) and not _is_ipv4(name):
        return "must name a host: this is no IPv4 address"
    return None


def _is_number(label: str) -> bool:
    """Whether a label is a number to some (URL standard, "ends in a number")."""
    if label.isdecimal():
        return True
    digits = label.lower().removeprefix("0x")
    return digits != label.lower() and not set(digits) - _HEX_DIGITS


def _problem_of_ipv6(text: str) -> str | None:
    """What is wrong with an IPv6 address (RFC 4291, 2.2)."""
    if "%" in text:
        return "must name a host: the zone of an address means nothing to others"
    # Beside `::`, which stands for as many zeros as are missing.
    before, left_out, after = text.partition("::")
    groups = [group for half in (before, after) if half for group in half.split(":")]
    missing = 8 - len(groups)
    # Only at the very end can there be an IPv4 address, in place of two groups.
    if groups and not text.endswith(":") and _is_ipv4(groups[-1]):
        missing -= 1
        groups.pop()
    are_enough = missing > 0 if left_out else missing == 0
    if not are_enough or not all(map(_is_group, groups)):
        return "must name a host: this is no IPv6 address"
    return None


def _is_group(text: str) -> bool:
    return 0 < len(text) <= 4 and not set(text.lower()) - _HEX_DIGITS


def _is_ipv4(text: str) -> bool:
    """Whether it is an IPv4 address in its usual form: a zero in front would be octal to
    some."""
    parts = text.split(".")
    return len(parts) == 4 and all(map(_is_byte, parts))


def _is_byte(text: str) -> bool:
    is_short_number = text.isascii() and text.isdecimal() and len(text) <= 3
    return is_short_number and str(int(text)) == text and int(text) <= 255


# --- numbers ---


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


def checked_count(name: str, value: object, *, least: int = 0) -> int:
    """An int of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, "an int", value)
    if value < least:
        raise ValidationError(f"{name} must be at least {least}")
    return value


# --- parts of a path ---


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
        if value < 1:
            raise ValidationError(_LEAST_VERSION)
        try:
            value = f"{value:d}"
        except ValueError:  # Python writes no int of over 4,300 digits.
            raise ValidationError("version is too large a number") from None
    if not isinstance(value, str):
        raise wrong_type("version", "an int or a str", value)
    if re.fullmatch(_NO_VERSION, value):
        raise ValidationError(_LEAST_VERSION)
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
    # Who makes a client and sends nothing needs no patterns.
    from ._json import canonical_uuid

    if text[:9].lower() == "urn:uuid:":
        return canonical_uuid(text[9:])
    if text.startswith("{") and text.endswith("}"):
        return canonical_uuid(text[1:-1])
    return canonical_uuid(text)


# --- what is in a body or a query ---


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
