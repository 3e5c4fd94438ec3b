"""The bodies of answers: read within the deadline and within their bounds, and unpacked
where they come packed.
"""

from __future__ import annotations

import http.client
import socket
from http.client import IncompleteRead

from .._secrets import Secret
from ..errors import DecodeError
from .error_answers import decode_error
from .exceptions import UnreadableCoding
from .messages import Reply, UrllibRequest
from .sockets import CHUNK_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

LARGEST_ANSWER = 32 * 2**20
"""Answers of more bytes are refused, as they came or unpacked."""

_TOO_LARGE = f"is larger than {LARGEST_ANSWER // 2**20} MiB"


def read_whole(
    call: UrllibRequest,
    response: http.client.HTTPResponse,
    sock: socket.socket | None,
) -> Secret[bytes]:
    """The body of an answer.

    sock  the socket behind it, where its reads must be bounded here; None where the
          answer bounds them itself

    Raises `DecodeError` where it is too large, or packed in a way that cannot be read, and
    IncompleteRead where it is cut off.
    """
    problem = ""
    pieces: Secret[list[bytes]] = Secret([])
    if (getattr(response, "length", None) or 0) > LARGEST_ANSWER:
        problem = _TOO_LARGE
    else:
        try:
            pieces.value.extend(body_pieces(call, response, sock, LARGEST_ANSWER + 1))
        except UnreadableCoding as error:
            problem = str(error)
    if sum(map(len, pieces.value)) > LARGEST_ANSWER:
        problem = _TOO_LARGE
    if problem:
        raise _refused(call, response, f"the document {problem}")
    return Secret(b"".join(pieces.value))


def body_pieces(
    call: UrllibRequest,
    response: http.client.HTTPResponse,
    sock: socket.socket | None,
    most: int,
) -> Iterator[bytes]:
    """The body of an answer, up to `most` bytes.

    Raises `UnreadableCoding`, and IncompleteRead where it is cut off.
    """
    pieces = _pieces_as_they_come(call, response, sock, most)
    if not _is_packed(response):
        return pieces
    return _unpacked(pieces, response.headers["Content-Encoding"], most)


def _unpacked(pieces: Iterator[bytes], coding: str, most: int) -> Iterator[bytes]:
    # Few programs meet such an answer, so few load zlib.
    try:
        from .codings import unpacked
    except ImportError as error:
        # In a signal handler, or while Python ends: see _loading.py.
        raise UnreadableCoding(f"cannot be unpacked now: {error}") from error
    yield from unpacked(pieces, coding, most)


def refuse_packed_stream(
    call: UrllibRequest, response: http.client.HTTPResponse
) -> None:
    """Close a stream that comes packed, and raise `DecodeError`.

    Its events would come late, or never: who packs waits for more to pack.
    """
    if _is_packed(response):
        response.close()
        coding = response.headers["Content-Encoding"]
        text = f"the stream has Content-Encoding: {coding}, which was not asked for"
        raise _refused(call, response, text)


def _is_packed(response: http.client.HTTPResponse) -> bool:
    coding = response.headers.get("Content-Encoding")
    return coding is not None and coding.strip().lower() not in ("", "identity")


def _refused(
    call: UrllibRequest, response: http.client.HTTPResponse, text: str
) -> DecodeError:
    """The error for a body that is not read, or not to its end."""
    reply = Reply(call, response.status, response.headers, Secret(b""))
    return decode_error(reply, DecodeError(text))


def _pieces_as_they_come(
    call: UrllibRequest,
    response: http.client.HTTPResponse,
    sock: socket.socket | None,
    most: int,
) -> Iterator[bytes]:
    """The body, packed or not."""
    if sock is not None:
        call.deadline.restart()
    left = most
    while left > 0:
        count = min(CHUNK_SIZE, left)
        # read() waits until it has all that it was asked for.
        piece = response.read(count) if sock is None else response.read1(count)
        if not piece:
            break
        yield piece
        left -= len(piece)
        if sock is not None and sock.fileno() >= 0:  # At the end it is closed.
            sock.settimeout(call.deadline.remaining())
    # seam: HTTPResponse.length. It counts down as the body is read: what is left of it at
    # the end is missing. Answers of other handlers have none.
    missing = getattr(response, "length", None)
    if missing and left > 0:
        raise IncompleteRead(b"", missing)
