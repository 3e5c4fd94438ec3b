"""Answers that are errors, in our errors: the one place that makes an `ApiError` of an
error status, and a `DecodeError` of what cannot be read.
"""

from __future__ import annotations

import http.client
import io
import json
from http.client import HTTPException
from urllib.parse import urljoin

from .._masking import Secrets
from .._secrets import Secret
from ..errors import ApiError, DecodeError
from .exceptions import UnreadableCoding
from .messages import (
    PROXY_WANTS_PASSWORD,
    SERVER_SPEAKS_TLS,
    Reply,
    UrllibRequest,
)
from .retry_after import retry_after_seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

LARGEST_ERROR_BODY = 2**20
"""So many bytes of the body of an error are read, and no more."""

_LONGEST_MESSAGE = 1000
_LONGEST_QUOTE = 60
# So many bytes are looked at for a quote: more than a secret can have.
_MOST_QUOTED = 128 * 1024

_STARTS_OF_PAGES = ("<!doctype html", "<html")

# What nginx and Apache say there, in a page with status 400.
_TOLD_TO_SPEAK_TLS = (
    "The plain HTTP request was sent to HTTPS port",
    "speaking plain HTTP to an SSL-enabled server port",
)

# Answers with an error status


def api_error(
    call: UrllibRequest,
    response: http.client.HTTPResponse,
    chunks: Iterable[bytes],
) -> ApiError:
    """The error of an answer with an error status; `chunks` are those of its body."""
    content, problem = _read_as_far_as_possible(chunks)
    body = content.decode("utf-8-sig", "replace")
    message = "" if problem else _message_of(body, response.status, call.secrets)
    if not message:
        message = _status_text(call, response)
        if problem:
            message += f" (its body {problem})"
        if call.type == "http" and any(said in body for said in _TOLD_TO_SPEAK_TLS):
            message += SERVER_SPEAKS_TLS
    route = call.route
    if response.status == PROXY_WANTS_PASSWORD and route and route.through_proxy:
        message += f" (from the proxy {route.address})"
    return ApiError(
        call.clean(message),
        response.status,
        body=body,
        headers=response.headers,
        retry_after=retry_after_seconds(response.headers),
        attempts=call.times_sent or 1,
        method=call.get_method(),
        url=call.shown_url,
    )


def _read_as_far_as_possible(chunks: Iterable[bytes]) -> tuple[bytes, str]:
    """The body of an error, or its beginning, and what is wrong with it, if anything."""
    body = io.BytesIO()
    problem = ""
    try:
        body.writelines(chunks)
    except UnreadableCoding as error:
        problem = str(error)
    except (OSError, HTTPException, ValueError):
        # The status says what matters.
        problem = f"was cut off after {body.tell()} bytes"
    return body.getvalue(), problem


def _message_of(body: str, status: int, secrets: Secrets) -> str:
    """What a body says of its error: the `error` of the API exactly, or what gateways and
    other servers say in its place; "" where there is no such text.

    A redirect says less than where it leads to.
    """
    document: object = None
    is_json = True
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        is_json = False
    if isinstance(document, dict) and _is_said(document.get("error")):
        return str(document["error"])
    if 300 <= status < 400:
        return ""
    # Rule 5 of _secrets.py: masked before it is cut.
    if is_json:
        return secrets.masked(_text_in(document))[:_LONGEST_MESSAGE]
    return _first_line_of(secrets.masked(body))[:_LONGEST_MESSAGE]


def _is_said(text: object) -> bool:
    return isinstance(text, str) and text.strip() != ""


def _first_line_of(body: str) -> str:
    """The first line of a plain text; "" for a page, a broken document, or no text at all.

    A page of HTML says little in its first line.
    """
    text = body.strip()
    if text.startswith(("<", "{", "[")) or "\ufffd" in text:
        return ""
    return text.partition("\n")[0].rstrip()


# The first that says something counts. The last ones are of FastAPI, AWS and Apigee.
_NAMES_OF_TEXTS = (
    "error",
    "message",
    "detail",
    "title",
    "errors",
    "msg",
    "Message",
    "fault",
    "faultstring",
)
_DEEPEST = 3
_MOST_TEXTS = 10


def _text_in(value: object, depth: int = 0) -> str:
    """The text of an error in one of the forms that servers use (RFC 9457 is one)."""
    if isinstance(value, str):
        return value if _is_said(value) else ""
    if depth > _DEEPEST:
        return ""
    if isinstance(value, list):
        texts = [_text_in(item, depth + 1) for item in value[:_MOST_TEXTS]]
        return "; ".join(text for text in texts if text)
    if isinstance(value, dict):
        for name in _NAMES_OF_TEXTS:
            text = _text_in(value.get(name), depth + 1)
            if text and name == "msg":
                return f"{_place_in_request(value.get('loc'))}{text}"
            if text:
                return text
        return _texts_of_fields(value.get("errors"), depth + 1)
    return ""


def _place_in_request(loc: object) -> str:
    """`body.name: `, as FastAPI tells where in the request an error is; "" without."""
    if not isinstance(loc, list):
        return ""
    place = ".".join(str(step) for step in loc if isinstance(step, (str, int)))
    return f"{place}: " if place else ""


def _texts_of_fields(errors: object, depth: int) -> str:
    """`name: is required`, as Laravel and Rails tell the errors of each field."""
    if not isinstance(errors, dict):
        return ""
    texts = []
    for name, value in list(errors.items())[:_MOST_TEXTS]:
        text = _text_in(value, depth + 1)
        if text:
            texts.append(f"{name}: {text}")
    return "; ".join(texts)


def _status_text(call: UrllibRequest, response: http.client.HTTPResponse) -> str:
    """`HTTP 502 Bad Gateway`; for a redirect with where it leads to."""
    status = response.status
    target = response.headers.get("Location") if 300 <= status < 400 else None
    # urllib's redirect handler replaces the reason of a redirect by a long text.
    reason = "" if target else response.reason
    text = f"HTTP {status} {reason or http.client.responses.get(status, '')}".rstrip()
    if target:
        try:
            # A target that is but a fragment would bring the query with it.
            target = urljoin(call.shown_url, target)
        except ValueError:
            pass  # It is no URL: it is shown as it is.
        text += f": redirects are not followed, this one leads to {target}"
    return text


# Answers that cannot be read


def decode_error(reply: Reply, problem: DecodeError) -> DecodeError:
    """The error of an answer, from that of its document."""
    return DecodeError(
        reply.call.clean(f"{problem}{_what_came(reply)}"),
        path=problem.path,
        status_code=reply.status,
        body=reply.body.value,
        headers=reply.headers,
        method=reply.call.get_method(),
        url=reply.call.shown_url,
    )


def problem_of_deletion(reply: Reply) -> DecodeError | None:
    """The error of an answer to a DELETE, which needs no body; None where it is fine.

    A page of a gateway, and the document of an error, do not say that it was carried out.
    """
    if not reply.body.value:
        return None
    is_fine = False
    try:
        # Rule 2 of _secrets.py.
        is_fine = not _is_error(_loaded(reply.body))
    except (ValueError, RecursionError):
        pass
    if is_fine:
        return None
    return decode_error(reply, DecodeError("the document is no answer to a DELETE"))


def _loaded(body: Secret[bytes]) -> object:
    """The value of a document. Raises ValueError, or RecursionError where it is too deep.

    With more parts than an answer may have, it would take seconds, and gigabytes.
    """
    # With it comes what reads answers: the client does not load it when it starts.
    from .._json import TooManyParts, has_too_many_parts

    if has_too_many_parts(body.value):
        raise TooManyParts
    return json.loads(body.value)


def _is_error(document: object) -> bool:
    if not isinstance(document, dict):
        return False
    return bool(document.get("error") or document.get("errors"))


def _what_came(reply: Reply) -> str:
    """What an answer is that is not what the API promises.

    Where it is no JSON, that; where it is the document of an error, its text. Of what may
    be a document of the API nothing is shown.
    """
    if not reply.body.value:
        return ""
    try:
        # Rule 2 of _secrets.py.
        said = Secret(_text_of_error(_loaded(reply.body)))
    except (ValueError, RecursionError):
        return f": it is {_kind_of(reply)}"
    if not said.value:
        return ""
    text = reply.call.secrets.masked(said.value)[:_LONGEST_MESSAGE]
    return f" (the answer says: {text})"


def _text_of_error(document: object) -> str:
    """The text of the document of an error; "" for one that is of something else."""
    is_error = isinstance(document, dict) and "id" not in document
    return _text_in(document) if is_error else ""


def _kind_of(reply: Reply) -> str:
    """What an answer is that is no JSON, its status, where it is from, how it begins."""
    begin = Secret(reply.body.value[:_MOST_QUOTED].decode("utf-8-sig", "replace"))
    # Rule 5 of _secrets.py. Of a stream, it is what came first.
    begin = Secret(reply.call.secrets.masked(begin.value, is_cut=True))
    text = Secret(" ".join(begin.value.split()))
    kind = reply.headers.get("Content-Type", "").partition(";")[0] or "of no known type"
    if text.value.lower().startswith(_STARTS_OF_PAGES):
        kind = "an HTML page"
    came = f"{kind}, {reply.status}, from {reply.call.shown_url}"
    # A broken document of the API can have secrets.
    if text.value.startswith(("{", "[", '"')) or "\ufffd" in text.value:
        return came
    return f"{came}, and begins {text.value[:_LONGEST_QUOTE]!r}"
