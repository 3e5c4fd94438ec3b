"""The line that shows in a terminal how something goes, while it goes on."""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress

from .output import as_shown, escaped, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

SECONDS_BETWEEN_DRAWINGS = 0.2
"""How often it is drawn anew."""

_USUAL_WIDTH = 80


class Line:
    """Drawn on standard error by a thread, from `start()` to `end()`.

    text_after    gives the line to be shown, from the seconds that have passed
    """

    def __init__(self, text_after: Callable[[float], str]) -> None:
        self._text_after = text_after
        self._begun = time.monotonic()
        self._width = 0
        self._over = threading.Event()
        # Whoever writes has it, so that nothing is drawn after the end.
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._draw_until_over, daemon=True)

    def start(self) -> None:
        """Begin to draw.

        Where there can be no more threads, the line is not drawn: what it is about can
        have been started, and goes on.
        """
        with suppress(RuntimeError, MemoryError):
            self._thread.start()

    def end(self) -> None:
        """Draw it once more, and wipe it out.

        Also where a signal came while the thread was being started: it may come to life
        later, and draws nothing then.
        """
        with self._lock:
            self._over.set()
            self._draw()
            self._wipe()
        if self._thread.is_alive():
            self._thread.join()

    def print_above(self, text: str) -> None:
        """Write a line for good, in its place; it moves down."""
        self.make_room(lambda: write(sys.stderr, f"{escaped(text)}\n"))

    def make_room(self, write_lines: Callable[[], None]) -> None:
        """Have whole lines written to the terminal, in its place; it moves down."""
        with self._lock:
            self._wipe()
            write_lines()
            self._draw()

    def _draw_until_over(self) -> None:
        """Draw it again and again."""
        while True:
            with self._lock:
                if self._over.is_set():
                    return
                self._draw()
            self._over.wait(SECONDS_BETWEEN_DRAWINGS)

    def _draw(self) -> None:
        # It can have a name that somebody else has made up.
        text = escaped(self._text_after(time.monotonic() - self._begun), keep="")
        # After the last column, some terminals begin a new line.
        text, width = _fitting(text, columns() - 1)
        write(sys.stderr, f"\r{text}{' ' * (self._width - width)}")
        self._width = width

    def _wipe(self) -> None:
        write(sys.stderr, f"\r{' ' * self._width}\r")
        self._width = 0


def columns() -> int:
    """The width of the terminal, as long as that is there."""
    try:
        return os.get_terminal_size(2).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH


def _fitting(text: str, room: int) -> tuple[str, int]:
    """As much of a text as goes into so many columns, and how many that takes."""
    # With the escapes for what the encoding lacks, which are longer.
    text = as_shown(sys.stderr, text)
    if text.isascii():
        return text[:room], min(len(text), room)
    taken = 0
    for place, character in enumerate(text):
        width = _width_of(character)
        if taken + width > room:
            return text[:place], taken
        taken += width
    return text, taken


def _width_of(character: str) -> int:
    """The columns of a character: letters of East Asia take two (Unicode, UAX #11), and
    what is put on the letter before it, or joins two, takes none.
    """
    from unicodedata import category, east_asian_width

    if category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(character) in ("W", "F") else 1
