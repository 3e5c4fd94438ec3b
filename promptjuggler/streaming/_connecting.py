"""What a stream connects to: the address that a token is for, and what answers there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

from .._arguments import checked_base_url, checked_channels
from .._http.transport import StreamedAnswer, is_final
from .._secrets import Secret
from ..errors import ApiError, DecodeError, NetworkError
from ..models.streaming import StreamTokenResponse

EVENT_STREAM = "text/event-stream"

_ADDRESS = "url"
"""The path of the address of the stream, in the document of a token."""

_REFUSALS = frozenset({401, 403, 404})
"""Statuses that another attempt would get too: not allowed, or no such thread."""


def channel_parameters(channels: Iterable[str]) -> list[str]:
    """The parameters of a query that name channels. Raises `ValidationError`."""
    return [f"channel={quote(name, safe='')}" for name in checked_channels(channels)]


def stream_url(
    token: StreamTokenResponse, token_url: str, parameters: Sequence[str]
) -> str:
    """What to get: the address that came with a token, and the channels.

    token_url   where the token came from
    parameters  of the channels, encoded

    Raises `DecodeError` for a token that cannot be sent, and for an address to which none
    is sent. Where the client was told to speak https, its tokens are not sent without it.
    """
    problem = "url: expected an https URL"
    try:
        parts = urlsplit(quote(token.url, safe="!#$%&'()*+,/:;=?@[]"))
        checked_base_url("url", f"{parts.scheme}://{parts.netloc}")
    except ValueError as error:
        raise _wrong_token(problem, _ADDRESS, token_url) from error
    if parts.scheme == "http" and urlsplit(token_url).scheme == "https":
        raise _wrong_token(problem, _ADDRESS, token_url)
    if not re.fullmatch("[!-~]+", token.token):
        raise _wrong_token("token: expected printable ASCII", "token", token_url)
    query = "&".join(filter(None, [parts.query, *parameters]))
    return parts._replace(query=query, fragment="").geturl()


def _wrong_token(problem: str, path: str, token_url: str) -> DecodeError:
    """The error of a token's document that is not what the API promises.

    Without that document, which is a secret.
    """
    return DecodeError(
        problem, path=path, status_code=200, method="POST", url=token_url
    )


def problem_of(answer: StreamedAnswer) -> DecodeError | None:
    """The error of an answer that is no event stream: a login page, say, or JSON."""
    kind = answer.headers.get_content_type()
    if kind == EVENT_STREAM:
        return None
    try:
        begin = Secret(answer.read())
    except NetworkError:
        begin = Secret(b"")
    problem = f"the answer is no {EVENT_STREAM} but {kind}"
    return answer.unreadable(problem, begin)


def is_final_failure(error: ApiError | NetworkError | DecodeError) -> bool:
    """Whether another attempt would certainly fail in the same way."""
    if isinstance(error, ApiError) and error.status_code in _REFUSALS:
        return True
    if isinstance(error, DecodeError):
        # The address that came with a token: there is none, or no token is sent to it. All
        # other answers that cannot be read may be those of a gateway.
        return error.path == _ADDRESS
    return is_final(error)


def retry_after_of(error: Exception) -> float | None:
    """The seconds that the server asked for with an error, or None."""
    return error.retry_after if isinstance(error, ApiError) else None
