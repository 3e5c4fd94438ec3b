"""Server-Sent Events: bytes in, frames out. Pure.

By the HTML standard (9.2.6, "Interpreting an event stream"), but for three points:

- `retry` is ignored: the thread stream has delays of its own.
- A frame without data is delivered too, if it has a name or an id: `reconnect` and `stale` say it all by their names.
- What one line, and one frame, can make us hold is limited.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["LONGEST_FRAME", "LONGEST_LINE", "Decoder", "Frame", "FrameTooLong"]

LONGEST_LINE = 8 * 1024 * 1024
"""The most bytes of a line, its end not counted."""
LONGEST_FRAME = 8 * LONGEST_LINE
"""The most bytes of all data lines of a frame."""


class FrameTooLong(ValueError):
    """A line, or the data of a frame, is longer than is ever held. The stream cannot be read on."""


class Frame(NamedTuple):
    """One event of a stream."""

    event: str
    """Its name; `message` where it has none."""
    data: str
    """Its data lines, joined by LF."""
    id: str
    """Its id, or else the last one before it; empty where there is none."""


class Decoder:
    """Reads the bytes of one connection, in pieces as they come. Where they are cut makes no difference.

    `last_event_id` holds until the stream gives another. A frame that is not whole at the end is not delivered.
    """

    __slots__ = ("_after_cr", "_at_start", "_data", "_event", "_id", "_line", "_size")

    def __init__(self, last_event_id: str = "") -> None:
        self._line = bytearray()  # One that has begun. It grows in place, whatever the size of the pieces.
        self._at_start = True
        self._after_cr = False
        self._id = last_event_id
        self._begin()

    def _begin(self) -> None:
        self._event = ""
        self._data: list[str] = []
        self._size = 0  # Of the frame that has begun: above 0 once it has any field that counts.

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes: take them all before feeding more.

        Raises `FrameTooLong` after the last frame that is whole.
        """
        for line in self._take_lines(data):
            if not line:
                if self._size:
                    frame = Frame(self._event or "message", "\n".join(self._data), self._id)
                    self._begin()
                    yield frame
                continue
            _check("a line", len(line), LONGEST_LINE)
            # Of whole lines no character is cut in two. What is no UTF-8 becomes U+FFFD, as the standard says.
            name, _, value = line.partition(b":")
            text = value.decode("utf-8", "replace")
            if text.startswith(" "):
                text = text[1:]
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
        """The lines that `data` completes; the rest of it is kept for the next."""
        if not data:
            return []
        # A CR at the end of a piece has ended its line at once; an LF that follows belongs to it.
        skip = 1 if self._after_cr and data.startswith(b"\n") else 0
        self._after_cr = data.endswith(b"\r")
        lines = data[skip:].splitlines()  # That of bytes splits at CR, LF and CRLF and nowhere else.
        rest = b"" if data.endswith((b"\r", b"\n")) else lines.pop()
        if lines:
            if self._line:
                lines[0] = bytes(self._line) + lines[0]
                self._line.clear()
            if self._at_start:
                lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
                self._at_start = False
        self._line += rest
        return lines


def _check(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise FrameTooLong(f"{what} of the stream is longer than {limit} bytes")
