"""An answer: interim ones are skipped, its framing is checked, and its end is told."""

from __future__ import annotations

from http.client import HTTPException, HTTPResponse, IncompleteRead, parse_headers

from .sockets import Wire

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from http.client import HTTPMessage

_SWITCHING_PROTOCOLS = 101

_NEVER = float("inf")
_LONGEST_NUMBER = 9


def _is_interim(status: int) -> bool:
    """Whether another answer follows (RFC 9110, 15.2); none does in HTTP after a 101."""
    return 100 <= status < 200 and status != _SWITCHING_PROTOCOLS


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
        self._wire = wire
        # seam: HTTPResponse(sock). It makes its file by sock.makefile("rb"), and no
        # more.
        super().__init__(wire, debuglevel, method, url)  # type: ignore[arg-type]

    def begin(self, **options: object) -> None:
        """Read the head. Raises HTTPException for framing that is ambiguous.

        seam: HTTPResponse.begin. It sets `status`, `headers`, `length` (None where the
        end of the connection ends the body), `chunked` and `will_close`. It is called by
        `HTTPConnection.getresponse`, on new Pythons with options.
        """
        super().begin(**options)
        if self._wire.reader.peer_closed:
            # Inside the head; http.client takes that for the empty line at its end.
            raise IncompleteRead(b"")
        lengths = set(self.headers.get_all("Content-Length", ()))
        if len(lengths) > 1:  # RFC 9112, 6.3.
            raise HTTPException("the answer has two different lengths")
        # With two framings (RFC 9112, 6.1), or a body where there is none, the end of
        # this answer is ambiguous: nobody knows where the next one begins.
        framed_twice = self.chunked and (bool(lengths) or self.length == 0)
        if framed_twice or self.status == _SWITCHING_PROTOCOLS:
            self.will_close = True
        if self.length is not None:
            self.chunked = False

    def _read_status(self) -> tuple[str, int, str]:
        """The status line of the last answer.

        seam: HTTPResponse._read_status. It reads one line, and `begin` then goes by what
        it gives. http.client itself skips 100 alone, and in new releases not more than a
        hundred of them; any number is right here, since the deadline bounds the wait.
        """
        line = super()._read_status()  # type: ignore[misc]
        while _is_interim(line[1]):
            parse_headers(self.fp)  # the whole head: its end is found
            line = super()._read_status()  # type: ignore[misc]
        version, status, reason = line
        return version, status, reason

    def _read_next_chunk_size(self) -> int:
        """The size of the next chunk. Raises ValueError for what is none.

        seam: HTTPResponse._read_next_chunk_size. http.client reads without end for a
        negative size, and goes on after an unreadable one.
        """
        try:
            size: int = super()._read_next_chunk_size()  # type: ignore[misc]
            if size < 0:
                raise ValueError("a chunk has a negative size")
            if self._wire.reader.peer_closed:
                raise ValueError("the size of a chunk is cut off")
        except ValueError:
            self.will_close = True
            raise
        return size

    @property
    def keep_alive_seconds(self) -> float:
        """How long the server keeps the connection when it is idle, as it says in
        `Keep-Alive: timeout=5, max=100`; infinity where it does not say."""
        said = self.headers.get("Keep-Alive")
        if said is None:
            return _NEVER
        for parameter in said.lower().split(","):
            name, _, value = parameter.partition("=")
            digits = value.strip(' "')
            is_number = digits.isascii() and digits.isdecimal()
            if name.strip() == "timeout" and is_number:
                return float(digits[:_LONGEST_NUMBER])
        return _NEVER

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
