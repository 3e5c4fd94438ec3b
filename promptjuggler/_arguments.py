"""Checks of arguments, before anything is sent. Each gives the value as it is sent, or raises `ValidationError` with
the name of the argument, never with a value that could be a secret."""

from __future__ import annotations

import os
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote, urlsplit

from .errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any
    from uuid import UUID

class Secret:
    """A value that shows in no repr: error trackers record the variables of all frames."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __reduce__(self) -> tuple[Any, ...]:
        return Secret, (self.value,)

    def __repr__(self) -> str:
        return "Secret(...)"


def _type_problem(name: str, expected: str, value: object) -> str:
    return f"{name} must be {expected}, not {type(value).__name__}"


def _wrong_type(name: str, expected: str, value: object) -> ValidationError:
    return ValidationError(_type_problem(name, expected, value))


def _is_header_text(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def checked_api_key(key: Secret) -> Secret:
    """A key that can be sent as a header, stripped; for None that of the environment."""
    name = "api_key (or PROMPTJUGGLER_API_KEY)"
    if key.value is None:
        key = Secret(os.environ.get("PROMPTJUGGLER_API_KEY", ""))
    if not isinstance(key.value, str):
        raise _wrong_type(name, "a str", key.value)
    key = Secret(key.value.strip())
    if not key.value:
        raise ValidationError("there is no API key: give api_key, or set PROMPTJUGGLER_API_KEY")
    if not _is_header_text(key.value):
        raise ValidationError(f"{name} must be printable ASCII without spaces")
    return key


def checked_base_url(name: str, value: object) -> str:
    """An http or https URL without a trailing slash; a path prefix stays."""
    if not isinstance(value, str):
        raise _wrong_type(name, "a str", value)
    text = value.strip().rstrip("/")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValidationError(f"{name} is not a URL") from None
    for wrong, problem in (
        (parts.scheme not in ("http", "https"), "be an http or https URL"),
        (not parts.hostname or port == 0 or "%" in parts.netloc, "name a host"),  # urllib would decode %.
        ("@" in parts.netloc, "not hold a user name or password"),
        ("?" in text or "#" in text, "not have a query or fragment"),
        (not _is_header_text(text) or "\\" in text, "be printable ASCII without spaces"),
    ):
        if wrong:
            raise ValidationError(f"{name} must {problem}")
    return text


def checked_proxy(name: str, url: Secret) -> tuple[str, Secret | None]:
    """Host with port, and Proxy-Authorization if any, of a proxy's URL; one without a scheme is http."""
    if not isinstance(url.value, str):
        raise _wrong_type(name, "a str or False", url.value)
    host, credentials = "", None
    try:
        parts = urlsplit(("" if "://" in url.value else "http://") + url.value.strip())
        if parts.scheme == "http" and parts.hostname and " " not in parts.hostname:
            host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            host += f":{80 if parts.port is None else parts.port}"
            if parts.username is not None:
                pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                credentials = Secret(f"Basic {b64encode(pair.encode()).decode()}")
    except ValueError:
        host = ""
    parts = pair = None  # type: ignore[assignment]  # The password is in them.
    if not host:
        example = "such as http://proxy.example:3128 (no https:// and no socks://)"
        raise ValidationError(f"{name} must be the URL of an HTTP proxy, {example}")
    return host, credentials


def checked_seconds(name: str, value: object) -> float:
    """A positive, finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _wrong_type(name, "a number of seconds", value)
    if not 0 < value < float("inf"):
        raise ValidationError(f"{name} must be a finite number of seconds above 0")
    return float(min(value, 10**15))


def checked_count(name: str, value: object) -> int:
    """An int of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong_type(name, "an int", value)
    if value < 0:
        raise ValidationError(f"{name} must be at least 0")
    return value


def checked_segment(name: str, value: object) -> str:
    """A text as one percent-encoded segment of a path. Servers take `.` and `..` as steps, encoded or not (RFC 3986,
    6.2.2.3)."""
    if not isinstance(value, str):
        raise _wrong_type(name, "a str", value)
    if value in ("", ".", ".."):
        raise ValidationError(f"{name} must not be {value!r}")
    try:
        return quote(value, safe="")
    except UnicodeEncodeError:
        raise ValidationError(f"{name} must be encodable as UTF-8") from None


def checked_version(name: str, value: object) -> str:
    """A version number or a tag, as a segment of a path."""
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise _wrong_type(name, "an int or a str", value)
    if isinstance(value, int):
        try:
            value = f"{value:d}"
        except ValueError:  # Python writes at most 4300 digits.
            raise ValidationError(f"{name} is too large a number") from None
    return checked_segment(name, value)


def checked_uuid(name: str, value: object) -> UUID:
    """A UUID, of a UUID or its text."""
    from uuid import UUID

    if isinstance(value, UUID):
        return value
    if not isinstance(value, str):
        raise _wrong_type(name, "a UUID or its text", value)
    text = value.lower().removeprefix("urn:uuid:").strip("{}").replace("-", "")
    if not re.fullmatch("[0-9a-f]{32}", text):  # UUID() takes underscores too, and the digits of every script.
        raise ValidationError(f"{name} must be a UUID")
    return UUID(text)


def checked_text(name: str, value: object) -> str | None:
    """A str or None."""
    if value is not None and not isinstance(value, str):
        raise _wrong_type(name, "a str", value)
    return value


def checked_run_options(
    inputs: object, priority: object, thread: object, environment: object, env_vars: Secret, metadata: object
) -> dict[str, Any]:
    """The arguments that prompts and workflows have in common."""
    if checked_text("priority", priority) not in (None, "onsite", "normal", "low"):
        raise ValidationError(f"priority must be 'onsite', 'normal' or 'low', not {str(priority)[:40]!r}")
    return {
        "inputs": _checked_map("inputs", Secret(inputs)),
        "priority": priority,
        "thread": None if thread is None else checked_uuid("thread", thread),
        "environment": checked_text("environment", environment),
        "metadata": None if metadata is None else _checked_map("metadata", Secret(metadata), True),
        "env_vars": None if env_vars.value is None else _checked_map("env_vars", env_vars),
    }


def _checked_map(name: str, value: Secret, sequences: bool = False) -> dict[str, str | tuple[str, ...]]:
    problem = _map_problem(name, value.value, sequences)
    if problem:
        raise ValidationError(problem)  # Here, where no variable holds a value.
    return {key: item if isinstance(item, str) else tuple(item) for key, item in value.value.items()}


def _map_problem(name: str, value: object, sequences: bool) -> str:
    expected = "str or a sequence of str" if sequences else "str"
    if not isinstance(value, Mapping):
        return _type_problem(name, f"a mapping of str to {expected}", value)
    for key, item in value.items():
        if not isinstance(key, str):
            return _type_problem(f"every key of {name}", "a str", key)
        place = f"{name}[{key!r}]"
        if isinstance(item, str):
            continue
        if not sequences or not isinstance(item, Sequence) or isinstance(item, (bytes, bytearray, memoryview)):
            return _type_problem(place, f"a {expected}", item)
        for index, element in enumerate(item):
            if not isinstance(element, str):
                return _type_problem(f"{place}[{index}]", "a str", element)
    return ""
