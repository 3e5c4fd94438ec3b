"""A request as it came, and an answer as it goes out. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from email.message import Message
from typing import Any, NamedTuple


class RecordedRequest(NamedTuple):
    """A request as it came. `FakeServer.requests` has them, in the order of arrival.

    method     "GET", "POST" or "DELETE", or whatever the client sent
    path       with the query, percent-encoded as it was: "/api/v1/prompts/a%20b/1"
    headers    by names in any case: `request.headers["x-mine"]`, None if absent
    body       the bytes; b"" if there were none, or if they were not read
    """

    method: str
    path: str
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        Raises `ValueError` if it is none.
        """
        return json.loads(self.body)


class Answer(NamedTuple):
    """A whole answer: what goes out is its body, with the length as one more header."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def json_answer(
    status: int, document: object, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An answer with a JSON document, which is written now: it may change later."""
    body = json.dumps(document).encode()
    return Answer(status, body, (*headers, ("Content-Type", "application/json")))


def error_answer(
    status: int, text: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """An error as the API words it: `{"error": text}`."""
    return json_answer(status, {"error": text}, tuple((headers or {}).items()))
