"""Server-Sent Events: bytes in, frames out. Pure.

As the HTML standard (9.2.6) says, but `retry` is ignored, a name or an id is a frame even without data (`reconnect`
and `stale` have none), and sizes are limited.
"""

from collections.abc import Iterator
from typing import NamedTuple

LONGEST_LINE = 8 * 1024 * 1024
LONGEST_FRAME = 8 * LONGEST_LINE


class FrameTooLong(ValueError):
    """A line, or the data of a frame, is too long."""


class Frame(NamedTuple):
    """A name, or `message`; the data lines, joined by LF; and the last id so far, or ""."""

    event: str
    data: str
    id: str


class Decoder:
    """Reads one connection. `last_event_id` holds until the stream gives another."""

    def __init__(self, last_event_id: str = "") -> None:
        self._line = bytearray()  # One that has begun: it grows in place.
        self._bom = b"\xef\xbb\xbf"
        self._after_cr = False
        self._id = last_event_id
        self._event = ""
        self._data: list[str] = []
        self._size = 0  # Above 0 once the frame has a field that counts.

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes: take them all before feeding more. Raises `FrameTooLong` after them."""
        for line in self._take_lines(data):
            if not line:
                if self._size:
                    yield Frame(self._event or "message", "\n".join(self._data), self._id)
                    self._event, self._data, self._size = "", [], 0
                continue
            _check("a line", len(line), LONGEST_LINE)
            name, _, value = line.partition(b":")
            text = value.decode("utf-8", "replace").removeprefix(" ")
            if name == b"data":
                self._data.append(text)
                self._size += len(line)
                _check("the data of a frame", self._size, LONGEST_FRAME)
            elif name == b"event":
                self._event = text
                self._size += 1
            elif name == b"id" and "\0" not in text:
                self._id = text
                self._size += 1
        _check("a line", len(self._line), LONGEST_LINE)

    def _take_lines(self, data: bytes) -> list[bytes]:
        if not data:
            return []
        # A CR at the end of a piece has ended its line at once; an LF that follows belongs to it.
        lines = data[self._after_cr and data.startswith(b"\n") :].splitlines()  # Of bytes: at CR, LF, CRLF.
        self._after_cr = data.endswith(b"\r")
        rest = b"" if data.endswith((b"\r", b"\n")) else lines.pop()
        if lines:
            if self._line:
                lines[0] = bytes(self._line) + lines[0]
                self._line.clear()
            lines[0] = lines[0].removeprefix(self._bom)
            self._bom = b""
        self._line += rest
        return lines


def _check(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise FrameTooLong(f"{what} of the stream is longer than {limit} bytes")
