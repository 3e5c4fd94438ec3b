"""Server-Sent Events: bytes in, frames out. Pure.

By the HTML standard (9.2.6, "Interpreting an event stream"), but for three points:

- `retry` is ignored: the thread stream has delays of its own.
- A frame without data is given too, if it has a name or an id: `reconnect` and `stale`
  say it all by their names.
- What a line and a frame can make us hold is bounded.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

LONGEST_LINE = 8 * 1024 * 1024
"""The most bytes of a line; its end does not count."""

LONGEST_FRAME = 8 * 1024 * 1024
"""The most bytes of all data lines of a frame; their ends do not count. The values in a
frame can take some times as much."""

MOST_LINES = 65_536
"""The most data lines of a frame: each takes 60 bytes beside its own."""

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class FrameTooLong(ValueError):
    """A line, or the data of a frame, is too long. The stream cannot be read on."""


class Frame(NamedTuple):
    """One event of a stream, as the standard has it."""

    event: str
    """Its name; `message` where it has none."""

    data: str
    """Its data lines, joined by LF; "" where it has none."""

    id: str
    """The last id that the stream gave up to here, or ""."""


class FrameDecoder:
    """Reads the bytes of one connection, in pieces as they come.

    Where the pieces are cut makes no difference. A frame that is not whole when the
    connection ends is not given.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_begun",
        "_data",
        "_data_size",
        "_event",
        "_id",
        "_unfinished_line",
    )

    def __init__(self, last_event_id: str = "") -> None:
        """`last_event_id` holds until the stream gives another; "" is none."""
        # It grows in place, however small the pieces.
        self._unfinished_line = bytearray()
        self._at_start = True
        self._after_cr = False
        self._id = last_event_id
        self._begin_frame()

    def _begin_frame(self) -> None:
        self._begun = False  # True once it has a field that counts.
        self._event = ""
        self._data: list[str] = []
        self._data_size = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that `data` completes: take all of them before feeding more.

        Raises `FrameTooLong`, after the frames that were whole before.
        """
        for line in self._take_lines(data):
            if line:
                _check_size("a line", len(line), LONGEST_LINE)
                self._take_field(line)
            elif self._begun:
                data_text = "\n".join(self._data)
                frame = Frame(self._event or "message", data_text, self._id)
                self._begin_frame()
                yield frame
        _check_size("a line", len(self._unfinished_line), LONGEST_LINE)

    def _take_field(self, line: bytes) -> None:
        """A line that is not empty; a comment is one without a name."""
        name, _, value = line.partition(b":")
        # The line is whole, so no character is cut in two. What is not UTF-8 becomes
        # U+FFFD, as the standard has it.
        text = value.decode("utf-8", "replace").removeprefix(" ")
        if name == b"data":
            self._data.append(text)
            self._data_size += len(line)
            _check_size("the data of a frame", self._data_size, LONGEST_FRAME)
            if len(self._data) > MOST_LINES:
                text = f"a frame of the stream has more than {MOST_LINES} lines of data"
                raise FrameTooLong(text)
        elif name == b"event":
            self._event = text
        elif name == b"id" and "\0" not in text:
            self._id = text
        else:
            return
        self._begun = True

    def _take_lines(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends; the rest is kept."""
        if not data:
            return []
        # A CR at the end of a piece has ended its line at once; an LF that follows in the
        # next piece belongs to it.
        skip = 1 if self._after_cr and data.startswith(b"\n") else 0
        self._after_cr = data.endswith(b"\r")
        # That of bytes splits at CR, LF and CRLF, as the standard does, and nowhere else.
        lines = data[skip:].splitlines()
        rest = b"" if data.endswith((b"\r", b"\n")) else lines.pop()
        if lines:
            if self._unfinished_line:
                lines[0] = bytes(self._unfinished_line) + lines[0]
                self._unfinished_line.clear()
            if self._at_start:
                lines[0] = lines[0].removeprefix(_BYTE_ORDER_MARK)
                self._at_start = False
        self._unfinished_line += rest
        return lines


def _check_size(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise FrameTooLong(f"{what} of the stream is longer than {limit} bytes")
