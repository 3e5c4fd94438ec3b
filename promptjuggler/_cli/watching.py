"""Lines for people about the way: each request, each delay, the body of an error."""

from __future__ import annotations

import logging

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack

    from .._masking import Secrets

_MOST_SHOWN = 10_000
"""So many characters of a body are shown."""


class _Lines(logging.Handler):
    """Writes as everything else does, so that no encoding makes it fail."""

    def __init__(self, say: Callable[[str], None], level: int) -> None:
        super().__init__(level)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(record.getMessage())


def show_requests(
    say: Callable[[str], None], closing: ExitStack, *, only_delays: bool
) -> None:
    """Have each request, and each delay before one is sent again, be a line.

    say        writes a line
    closing    ends that

    The client has no line for them unless logging is loaded, which takes some time.
    """
    level = logging.INFO if only_delays else logging.DEBUG
    logger = logging.getLogger("promptjuggler")
    handler = _Lines(say, level)
    closing.callback(logger.setLevel, logger.level)
    closing.callback(logger.removeHandler, handler)
    logger.setLevel(level)
    logger.addHandler(handler)


def text_of_bodies(error: BaseException | None, secrets: Secrets) -> str:
    """What a server answered that is an error, or made one, and the same of the error
    that led to it; "" where there is none.

    secrets    what was sent as such, and is masked (rule 5 of _secrets.py)
    """
    texts = []
    while error is not None:
        body = _body_of(error)
        if body:
            shown = secrets.masked(body, is_cut=True)
            more = len(shown) - _MOST_SHOWN
            rest = f"\n... and {more:,} characters" if more > 0 else ""
            texts.append(f"the body of the answer:\n{shown[:_MOST_SHOWN]}{rest}")
        error = error.__cause__
    return "\n".join(texts)


def _body_of(error: BaseException) -> str:
    """The body of an answer of the API; "" where there is none, and where it could have
    the token of a stream.
    """
    from .. import ApiError, DecodeError

    if not isinstance(error, (ApiError, DecodeError)):
        return ""
    if "/api/v1/" not in error.url or error.url.endswith("/stream-token"):
        return ""
    if isinstance(error, ApiError):
        return error.body
    return error.body.decode("utf-8-sig", "replace")
