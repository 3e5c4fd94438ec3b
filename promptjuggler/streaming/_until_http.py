"""For a short while: names of rooms that are being made, over what is there today.

`_http.deadline`, `_http.transport`, `_http.failures`, `_secrets` and `_arguments` will have them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .._transport import (
    EndableLimit,
    Incoming as StreamedAnswer,
    Secret,
    Transport,
    checked_base_url,
    is_certificate_failure,
    log as log_attempt,
)
from ..errors import ValidationError

__all__ = [
    "CancellableDeadline",
    "Secret",
    "StreamedAnswer",
    "Transport",
    "checked_base_url",
    "checked_channels",
    "checked_last_event_id",
    "is_certificate_failure",
    "log_attempt",
]


class CancellableDeadline(EndableLimit):
    """An `EndableLimit`, by the names that it will have."""

    @property
    def seconds(self) -> float:
        return self.timeout

    @seconds.setter
    def seconds(self, value: float) -> None:
        self.timeout = value

    @property
    def overall(self) -> float:
        return self.deadline

    @overall.setter
    def overall(self, value: float) -> None:
        self.deadline = value

    @property
    def per_read(self) -> bool:
        return self.each

    @per_read.setter
    def per_read(self, value: bool) -> None:
        self.each = value

    @property
    def cancelled(self) -> bool:
        return self.ended.is_set()

    def cancel(self) -> None:
        self.end()

    def wait(self, seconds: float) -> bool:
        return self.ended.wait(seconds)


# --- for _arguments.py ---


def checked_channels(channels: object) -> list[str]:
    """The names of channels, of any iterable of texts that can be encoded."""
    problem = "channels must be a sequence of str, none empty"
    if isinstance(channels, str) or not isinstance(channels, Iterable):
        raise ValidationError(problem)
    names: list[str] = []
    for name in channels:
        if not isinstance(name, str) or not re.fullmatch(r"[^\ud800-\udfff]+", name):
            raise ValidationError(problem)
        names.append(name)
    return names


def checked_last_event_id(value: object) -> str | None:
    """The id of an event, which a header can carry, or None for none."""
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[^\r\n\0\ud800-\udfff]*", value):
        return value
    raise ValidationError("last_event_id must be a str of one line")
