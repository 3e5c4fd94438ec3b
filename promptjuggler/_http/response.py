"""An answer: its head is read strictly, interim ones are skipped, and its end is told.

A head that two readers could understand differently is refused, and not guessed at: who
takes the end of an answer for another one takes the rest for the next answer.
"""

from __future__ import annotations

import re
from http.client import (
    HTTPMessage,
    HTTPResponse,
    IncompleteRead,
    RemoteDisconnected,
)

from .exceptions import NotHttp
from .sockets import is_interim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .sockets import Wire

_SWITCHING_PROTOCOLS = 101
_WITHOUT_BODY = frozenset({_SWITCHING_PROTOCOLS, 204, 304})

_LONGEST_LINE = 64 * 1024
_MOST_HEADER_LINES = 100
_EMPTY_LINES = (b"\r\n", b"\n")

_PROTOCOL = b"HTTP/"
_STATUS_LINE = re.compile(rb"HTTP/1\.(\d) +([1-9]\d\d)(?: ([^\r\n]*))?\r?\n")
# A name and a value, without a CR in it, which others take for the end of the line
# (RFC 9112, 2.2).
_HEADER_LINE = re.compile(rb"([!-9;-~]+):([^\r\n]*)\r?\n")
_MOST_DIGITS = 100
# RFC 9112, 7.1. An extension says nothing to us.
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")

_NEVER = float("inf")
# It is compiled when it is first used, and kept by re.
_TIMEOUT = r'(?:^|[,;])\s*timeout\s*=\s*"?([0-9]+(?:\.[0-9]*)?)"?\s*(?=[,;]|$)'


def makes_tunnel(status: int) -> bool:
    """Whether an answer to a CONNECT makes a tunnel: any of the successful ones does. It
    has no body then, whatever its headers say (RFC 9110, 9.3.6).
    """
    return 200 <= status < 300


class Response(HTTPResponse):
    """The answer to one request, read from the buffer of its connection.

    when_ended   called once, when the answer is closed, with whether it was read to its
                 end and the connection can serve another request
    """

    headers: HTTPMessage
    chunked: bool
    length: int | None

    def __init__(
        self,
        wire: Wire,
        debuglevel: int = 0,
        method: str | None = None,
        url: str | None = None,
    ) -> None:
        # Before anything can fail: __del__ and close() need it.
        self.when_ended: Callable[[bool], None] | None = None
        self._is_asked_for_tunnel = method == "CONNECT"
        # seam: HTTPResponse(sock). It makes its file by sock.makefile("rb"), and no
        # more.
        super().__init__(wire, debuglevel, method, url)  # type: ignore[arg-type]

    # The head

    def begin(self, **_: object) -> None:
        """Read the head. Raises `NotHttp` for what is none, or is ambiguous.

        seam: HTTPResponse.begin. It is called by `HTTPConnection.getresponse`, on new
        Pythons with options. What it sets is what all else of http.client goes by: this
        one sets the same, and reads no line of a head that it does not understand.
        """
        minor_version, status, reason = self._read_status_line()
        headers = self._read_headers()
        # Any number of them: the deadline bounds the wait.
        while is_interim(status):
            minor_version, status, reason = self._read_status_line()
            headers = self._read_headers()
        self.version = 11 if minor_version else 10
        self.code = self.status = status
        self.reason = reason
        self.headers = self.msg = headers
        self._set_end()

    def _read_status_line(self) -> tuple[int, int, str]:
        """The minor version, the status and the reason.

        Another protocol is found out by its first bytes: it need not send a line.
        """
        begun = self.fp.peek(1)
        if not begun:
            raise RemoteDisconnected("the server closed the connection without answer")
        if begun.startswith(_EMPTY_LINES):
            # Servers may skip one before a request (RFC 9112, 2.2), clients not: it can be
            # the rest of another answer.
            end_of_line = begun.partition(b"\n")[0] + b"\n"
            raise NotHttp(
                "what came is no HTTP, but begins with an empty line", end_of_line
            )
        if not begun.startswith(_PROTOCOL[: len(begun)]):
            raise NotHttp("what came is no HTTP", begun)
        line = self._read_line()
        match = _STATUS_LINE.fullmatch(line)
        if match is None:
            raise NotHttp("what came is no HTTP/1", line)
        minor_version, status, reason = match.groups(b"")
        return int(minor_version), int(status), str(reason, "latin-1").strip()

    def _read_headers(self) -> HTTPMessage:
        """The headers, up to the empty line behind them."""
        headers: list[tuple[str, str]] = []
        for _ in range(_MOST_HEADER_LINES + 1):
            line = self._read_line()
            if line in _EMPTY_LINES:
                return _message_of(headers)
            if match := _HEADER_LINE.fullmatch(line):
                name, value = match.groups()
                headers.append((_text_of(name), _text_of(value)))
            elif headers and _is_continuation(line):
                name_before, value_before = headers[-1]
                headers[-1] = (name_before, f"{value_before} {_text_of(line)}".strip())
            else:
                raise NotHttp("a line in the head of the answer is no header", line)
        raise NotHttp(f"the answer has over {_MOST_HEADER_LINES} lines of headers")

    def _read_line(self) -> bytes:
        """The next line, with its end. Raises `NotHttp` where it is too long."""
        line = self.fp.readline(_LONGEST_LINE + 1)
        if line.endswith(b"\n"):
            return line
        if len(line) > _LONGEST_LINE:
            raise NotHttp("the answer has a line of over 64 KiB", line)
        raise IncompleteRead(b"")

    def _set_end(self) -> None:
        """Find out where the body ends (RFC 9112, 6.3), and whether the connection can
        serve another request then."""
        length = None
        codings: list[str] = []
        if not (self._is_asked_for_tunnel and makes_tunnel(self.status)):
            length = _content_length(self.headers)
            codings = _listed(self.headers, "Transfer-Encoding")
        if codings not in ([], ["chunked"]):
            coding = ", ".join(codings).encode()
            raise NotHttp("the answer has an unknown Transfer-Encoding", coding)
        has_no_body = self.status in _WITHOUT_BODY
        self.chunked = bool(codings) and not has_no_body
        if self.chunked:
            self.chunk_left = None
            self.length = None
        else:
            self.length = 0 if has_no_body else length
        ends_with_connection = self.length is None and not self.chunked
        self.will_close = (
            ends_with_connection
            or self.status == _SWITCHING_PROTOCOLS
            or self._end_is_doubtful(length, codings)
            or self._closes_connection()
        )

    def _end_is_doubtful(self, length: int | None, codings: list[str]) -> bool:
        """Whether others may look for the next answer elsewhere (RFC 9112, 6.1).

        They may where a body is announced in two ways, or for a status that has none. A
        304 tells the length that a body would have.
        """
        if not codings:
            return bool(length) and self.status == 204
        return length is not None or self.version == 10 or self.status in _WITHOUT_BODY

    def _closes_connection(self) -> bool:
        """Whether the server says that it closes the connection (RFC 9112, 9.3)."""
        options = _listed(self.headers, "Connection")
        if self.version == 10:
            return "keep-alive" not in options
        return "close" in options

    # The body

    def _read_next_chunk_size(self) -> int:
        """The size of the next chunk. Raises `NotHttp` for what is none.

        seam: HTTPResponse._read_next_chunk_size. http.client takes all that int() does:
        a sign, 0x, underscores; for a negative size it reads without end.
        """
        line = self._read_line()
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise NotHttp("a chunk of the answer has no valid size", line)
        return int(match[1], 16)

    def _safe_read(self, amt: int) -> bytes:
        """So many bytes of the connection.

        seam: HTTPResponse._safe_read, HTTPResponse.chunk_left. The second is 0 where a
        chunk is over; the two bytes that are read then are thrown away without a look.
        """
        data: bytes = super()._safe_read(amt)  # type: ignore[misc]
        if self.chunk_left == 0 and data != b"\r\n":
            raise NotHttp("a chunk of the answer is not as long as its size says")
        return data

    def _read_and_discard_trailer(self) -> None:
        """Read what stands behind the last chunk (RFC 9112, 7.1.2), up to an empty line.

        It says nothing to us, and the body is whole: what is no trailer, or too many of
        them, is no error, but the end of the connection.

        seam: HTTPResponse._read_and_discard_trailer. http.client takes anything for a
        trailer; since 2026 it raises an error where there are over 100.
        """
        for _ in range(_MOST_HEADER_LINES + 1):
            line = self.fp.readline(_LONGEST_LINE + 1)
            if line in _EMPTY_LINES:
                return
            if not _HEADER_LINE.fullmatch(line):
                break
        self.will_close = True

    # The end

    @property
    def keep_alive_seconds(self) -> float:
        """How long the server keeps the connection when it is idle, as it says in
        `Keep-Alive: timeout=5, max=100`; infinity where it does not say.

        No standard has it but as a draft: servers write fractions and semicolons, too, and
        several headers. The shortest counts.
        """
        said = self.headers.get_all("Keep-Alive")
        if said is None:
            return _NEVER
        timeouts = re.findall(_TIMEOUT, ",".join(said), re.IGNORECASE)
        return min(map(float, timeouts), default=_NEVER)

    def close(self) -> None:
        """End the answer, read or not, and tell that it ended."""
        # seam: HTTPResponse.isclosed. At its end http.client lets go of the file.
        complete = self.isclosed()
        if not complete:
            super().close()
        when_ended = self.when_ended
        self.when_ended = None
        if when_ended is not None:
            when_ended(complete and not self.will_close)

    def __del__(self) -> None:
        # Forgotten, not closed: what would be called may already be half destroyed. The
        # connection closes its socket by itself.
        self.when_ended = None


def _is_continuation(line: bytes) -> bool:
    """Whether the value of the line before goes on in this one.

    That is obsolete, and read as one space (RFC 9112, 5.2).
    """
    content = line.removesuffix(b"\n").removesuffix(b"\r")
    return content.startswith((b" ", b"\t")) and b"\r" not in content


def _is_number(text: str) -> bool:
    """Whether it has digits alone, and not more than int() takes on any Python."""
    return text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS


def _text_of(value: bytes) -> str:
    return str(value, "latin-1").strip(" \t\r\n")


def _message_of(headers: list[tuple[str, str]]) -> HTTPMessage:
    message = HTTPMessage()
    for name, value in headers:
        message[name] = value
    return message


def _listed(headers: HTTPMessage, name: str) -> list[str]:
    """The elements of a list (RFC 9110, 5.6.1), in one header or several, in lower case."""
    return [
        element.strip(" \t").lower()
        for value in headers.get_all(name, ())
        for element in value.split(",")
    ]


def _content_length(headers: HTTPMessage) -> int | None:
    """The length of the body, which can be said several times (RFC 9110, 8.6)."""
    lengths = set()
    for text in _listed(headers, "Content-Length"):
        if not _is_number(text):
            raise NotHttp("the answer has an odd Content-Length", text.encode())
        lengths.add(int(text))
    if len(lengths) > 1:
        raise NotHttp("the answer has two different lengths")
    return lengths.pop() if lengths else None
