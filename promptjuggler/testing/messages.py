"""A request as it came, an answer as it goes out, a webhook that was sent. Pure."""

from __future__ import annotations

import json
from email.message import Message
from typing import Any, NamedTuple


class RecordedRequest(NamedTuple):
    """A request as it came. `FakeServer.requests` has them, in the order of arrival.

    method     "GET", "POST" or "DELETE", or whatever the client sent
    path       with the query, percent-encoded as it was: "/api/v1/prompts/a%20b/1". Of a
               whole URL, as clients of proxies send it, the scheme and host are left out
    headers    by names in any case: `request.headers["x-mine"]`, None if absent
    body       the bytes; b"" if there were none, if they were not read, or if the
               request had no right key or token
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


class Delivery(NamedTuple):
    """A webhook that was sent, once. `FakeServer.deliveries` has them, in that order.

    event     as "promptrun.finished"
    url       where it was sent
    status    of the answer; None if there was none
    error     what went wrong; None for an answer of 2xx
    body      the bytes that were sent
    """

    event: str
    url: str
    status: int | None
    error: str | None
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
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
    status: int, text: str, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An error as the API words it: `{"error": text}`."""
    return json_answer(status, {"error": text}, headers)


def answer_with(
    status: int, body: object, headers: tuple[tuple[str, str], ...] = ()
) -> Answer:
    """An answer that a test wants: a text is sent as HTML, bytes as they are, all else as
    JSON, unless the headers name another type.

    Raises `TypeError` or `ValueError` if JSON cannot hold it.
    """
    names = {name.lower() for name, _ in headers}
    if isinstance(body, bytes):
        content = body
        kind = "application/octet-stream"
    elif isinstance(body, str):
        content = body.encode()
        kind = "text/html; charset=utf-8"
    else:
        content = json.dumps(body).encode()
        kind = "application/json"
    if "content-type" not in names:
        headers = (*headers, ("Content-Type", kind))
    return Answer(status, content, headers)
