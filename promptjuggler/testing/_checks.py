"""The arguments of a FakeServer's methods, checked at the call. Pure.

A wrong one would else show much later, in the thread of a request. Each function gives
back what is right, or raises `TypeError` or `ValueError` with the name of the argument.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import TypeVar
from urllib.parse import urlsplit
from uuid import UUID

_T = TypeVar("_T")

_STATUSES = range(200, 600)
_LINE_BREAKS = ("\r", "\n")
_NAME_OF_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?", re.ASCII)
"""Labels between dots; names in private networks have underscores, too."""
_METHODS = ("GET", "POST", "DELETE", "HEAD", "OPTIONS", "PUT", "PATCH")


def checked_str(name: str, value: object) -> str:
    """A text, which may be empty."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {_kind(value)}")
    return value


def checked_nonempty(name: str, value: object) -> str:
    """A text that is not empty."""
    text = checked_str(name, value)
    if not text:
        raise ValueError(f"{name} must not be empty")
    return text


def checked_secret(name: str, value: object) -> str:
    """A text that something can be signed with."""
    text = checked_nonempty(name, value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} must be encodable as UTF-8") from None
    return text


def checked_segment(name: str, value: object) -> str:
    """A text that a client can send as a segment of a path."""
    text = checked_nonempty(name, value)
    if text in (".", ".."):
        raise ValueError(f"{name} must not be {text!r}, which no client can send")
    return text


def checked_line(name: str, value: object) -> str:
    """A text without line breaks."""
    text = checked_nonempty(name, value)
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
        (_checked_header_name(name), _checked_header_value(name, text))
        for name, text in value.items()
    )


def _checked_header_value(name: str, value: object) -> str:
    """The value of a header, which may be empty."""
    return checked_header(name, value) if value != "" else ""


def _checked_header_name(value: object) -> str:
    """The name of a header: a token (RFC 9110, 5.1 and 5.6.2)."""
    name = checked_nonempty("the name of a header", value)
    if not re.fullmatch(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+", name):
        raise ValueError(f"{name!r} cannot be the name of a header")
    return name


def checked_count(name: str, value: object, least: int = 1) -> int:
    """An int that is at least so much."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {_kind(value)}")
    if value < least:
        raise ValueError(f"{name} must be at least {least}, not {value}")
    return value


def checked_url(name: str, value: object) -> str:
    """An address that something can be sent to.

    What urllib cannot send to is an error here, and not of each delivery.
    """
    url = checked_nonempty(name, value)
    authority = re.split("[/?#]", url.partition("://")[2], maxsplit=1)[0]
    if "@" in authority:
        # It would be taken for a part of the host's name. First, as all other errors
        # show the URL, and this one may hold a password.
        raise ValueError(f"{name} must not hold a user name or password")
    if not re.match("https?://", url, re.IGNORECASE):
        raise ValueError(f"{name} must begin with http:// or https://, not be {url!r}")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ValueError(
            f"{name} must be percent-encoded ASCII without spaces, not {url!r}"
        )
    try:
        address = urlsplit(url)
        has_port = address.port != 0
    except ValueError as error:
        raise ValueError(f"{name} is no address: {error}") from None
    if not address.hostname or not has_port:
        raise ValueError(f"{name} must have a host, and no port 0: {url!r}")
    if not _is_host(re.sub(":[0-9]*$", "", authority)):
        raise ValueError(f"{name} must have the name or address of a host: {url!r}")
    return url


def _is_host(host: str) -> bool:
    """Whether it is a name (RFC 1123, 2.1), an IPv4 address, or one of IPv6 in brackets."""
    if not host.startswith("["):
        return _NAME_OF_HOST.fullmatch(host) is not None
    # Loaded here, since who signs a webhook needs none of it.
    from ipaddress import IPv6Address

    try:
        IPv6Address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return host.endswith("]")


def checked_flag(name: str, value: object) -> bool:
    """True or False; a text as "no" would count as True."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, not {_kind(value)}")
    return value


def checked_list(name: str, value: list[_T]) -> list[_T]:
    """A list, which grows."""
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list, not {_kind(value)}")
    return value


def checked_method(value: object) -> str:
    """A method of requests, in upper case."""
    method = checked_nonempty("method", value).upper()
    if method not in _METHODS:
        raise ValueError(f"method must be one of {', '.join(_METHODS)}, not {value!r}")
    return method


def checked_part_of_path(value: object) -> str:
    """A part of a path as requests have it."""
    path = checked_nonempty("path", value)
    if not path.isascii() or not path.isprintable() or " " in path:
        raise ValueError(
            f"path must be percent-encoded, as requests have it, not {path!r}"
        )
    return path


def checked_status(value: object) -> int:
    """The status of an answer: one of 1xx would be none, but come before it."""
    status = checked_count("status", value)
    if status not in _STATUSES:
        raise ValueError(f"status must be from 200 to 599, not {status}")
    return status


def checked_duration(name: str, value: object) -> float:
    """Seconds, of at least 0; they may be infinite."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number of seconds, not {_kind(value)}")
    return _at_least_0(name, value)


def checked_cost(name: str, value: object) -> float:
    """An amount of money: finite, of at least 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, not {_kind(value)}")
    cost = _at_least_0(name, value)
    if math.isinf(cost):
        raise ValueError(f"{name} must be finite")
    return cost


def _at_least_0(name: str, value: float) -> float:
    """A number that is not below 0."""
    try:
        number = float(value)
    except OverflowError:
        # An int of more than 308 digits.
        raise ValueError(f"{name} is too large a number") from None
    if math.isnan(number) or number < 0:
        raise ValueError(f"{name} must be at least 0, not {value}")
    return number


def checked_retry_after(value: object) -> str | None:
    """The value of a `Retry-After` header: seconds, or a date as text; None: no header."""
    if value is None:
        return None
    if isinstance(value, str):
        return checked_header("retry_after", value)
    seconds = checked_duration("retry_after", value)
    if math.isinf(seconds):
        raise ValueError("retry_after must be finite")
    return str(value)


def checked_texts(name: str, value: object) -> tuple[str, ...]:
    """Texts. A text alone is a mistake, though it can be iterated."""
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list or tuple of str, not {_kind(value)}")
    return tuple(checked_nonempty(f"each of {name}", text) for text in value)


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
    _written(name, value)
    return value


def checked_copy(name: str, value: object) -> dict[str, object]:
    """A mapping of what JSON can hold, copied: it cannot become wrong later."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name} must be a dict, not {_kind(value)}")
    copy: dict[str, object] = json.loads(_written(name, value))
    return copy


def _written(name: str, value: Mapping[str, object]) -> str:
    """A mapping as JSON; raises what cannot be held, below the name of the argument."""
    try:
        return json.dumps(dict(value), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must be what JSON can hold: {error}") from None


def checked_citations(name: str, value: object) -> tuple[dict[str, str], ...]:
    """Citations, copied: dicts of texts, with `title` and `url`."""
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise TypeError(f"{name} must be a list or tuple of dicts, not {_kind(value)}")
    return tuple(_checked_citation(name, citation) for citation in value)


def _checked_citation(name: str, value: object) -> dict[str, str]:
    """A citation."""
    if not isinstance(value, Mapping) or not {"title", "url"} <= set(value):
        raise TypeError(
            f"{name}: each citation is a dict with title and url, not {value!r}"
        )
    return {
        checked_str(f"{name}: the name of a field", field): checked_str(
            f"{name}: {field}", text
        )
        for field, text in value.items()
    }


def _kind(value: object) -> str:
    """What a wrong value is, for a message."""
    return "None" if value is None else f"a value of type {type(value).__name__}"
