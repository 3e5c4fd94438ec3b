"""What a terminal shows of what was written to it: text, colours, and where the cursor goes.

As much of ECMA-48 as programs with a progress bar use: CR, LF, BS and TAB; cursor moves (CUU, CUD, CUF, CUB, CNL, CPL,
CHA, CUP, HVP), erasing (EL, ED), and colours (SGR: the sixteen, those of 256, 24 bits, bold, faint, italic, underline,
inverse). Titles (OSC) and modes (DECSET) change nothing that is drawn. Anything else is an error: a picture that leaves
something out would lie.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_ESCAPE = re.compile(
    r"""
    \x1b\[ (?P<private>[?>=]?) (?P<numbers>[0-9;:]*) (?P<final>[@-~])  # CSI
    | \x1b\] [^\x07\x1b]* (?: \x07 | \x1b\\ )                         # OSC: a title, a link
    | \x1b [=>78]                                                   # keypad, save, restore
    """,
    re.VERBOSE,
)

_TAB = 8


class Style(NamedTuple):
    """How a character looks. A colour is None (the terminal's own), a number below 256, or `#rrggbb`."""

    foreground: int | str | None = None
    background: int | str | None = None
    bold: bool = False
    faint: bool = False
    italic: bool = False
    underline: bool = False
    inverse: bool = False


PLAIN = Style()
# What SGR sets, and what it takes back.
_ON = {1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "inverse"}
_OFF = {
    22: ("bold", "faint"),
    23: ("italic",),
    24: ("underline",),
    27: ("inverse",),
    39: ("foreground",),
    49: ("background",),
}


class Cell(NamedTuple):
    """A character and how it looks. The second half of a wide one has no text."""

    text: str
    style: Style


BLANK = Cell(" ", PLAIN)


class Screen:
    """The lines of a terminal with so many columns, those that have scrolled away too.

    lines   the cells of each line
    row     of the cursor, counted from the first line of all
    column  of the cursor; that of a full line is `columns`, where the next character wraps
    """

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns = columns
        self.rows = rows
        self.lines: list[list[Cell]] = [[]]
        self.row = 0
        self.column = 0
        self._style = PLAIN

    def write(self, text: str) -> None:
        """Show what a program has written."""
        position = 0
        while position < len(text):
            escape = _ESCAPE.match(text, position)
            if escape:
                self._obey(escape)
                position = escape.end()
            else:
                self._show(text[position])
                position += 1

    def text(self) -> list[str]:
        """The lines without their colours, and without blanks at the end."""
        return ["".join(cell.text for cell in line).rstrip() for line in self.lines]

    # --- characters ---

    def _show(self, character: str) -> None:
        if character == "\r":
            self.column = 0
        elif character == "\n":
            self._go(self.row + 1, self.column)
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character == "\t":
            stop = (self.column // _TAB + 1) * _TAB
            self.column = min(stop, self.columns - 1)
        elif character == "\a":
            pass
        elif unicodedata.category(character) == "Cc":
            raise ValueError(f"a control character that is not known: {character!r}")
        else:
            self._put(character)

    def _put(self, character: str) -> None:
        if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
            self._combine(character)
            return
        width = 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if self.column + width > self.columns:
            self._go(self.row + 1, 0)
        line = self.lines[self.row]
        line.extend([BLANK] * (self.column + width - len(line)))
        line[self.column] = Cell(character, self._style)
        if width == 2:
            line[self.column + 1] = Cell("", self._style)
        self.column += width

    def _combine(self, mark: str) -> None:
        """Add a mark to the character before."""
        line = self.lines[self.row]
        if 0 < self.column <= len(line):
            before = line[self.column - 1]
            line[self.column - 1] = before._replace(text=before.text + mark)

    # --- the cursor ---

    def _top(self) -> int:
        """The first line that is still on the screen."""
        return max(0, len(self.lines) - self.rows)

    def _go(self, row: int, column: int) -> None:
        self.row = max(self._top(), row)
        self.column = min(max(0, column), self.columns - 1)
        while len(self.lines) <= self.row:
            self.lines.append([])

    def _obey(self, escape: re.Match[str]) -> None:
        final, private = escape["final"], escape["private"]
        if final is None or private or final in "hlnqt":
            return  # Titles, modes, reports, the shape of the cursor.
        numbers = [int(one or 0) for one in re.split("[;:]", escape["numbers"])]
        count = max(1, numbers[0])
        row = self.row
        column = min(self.column, self.columns - 1)
        if final == "m":
            self._paint(numbers)
        elif final == "K":
            self._erase_in_line(numbers[0])
        elif final == "J":
            self._erase_in_screen(numbers[0])
        elif final in "Hf":
            across = numbers[1] if len(numbers) > 1 else 1
            self._go(self._top() + count - 1, max(1, across) - 1)
        elif final in _MOVES:
            down, right, from_the_left = _MOVES[final]
            start = 0 if from_the_left else column
            self._go(row + down * count, start + right * (count - (final == "G")))
        else:
            raise ValueError(f"an escape that is not known: {escape[0]!r}")

    # --- erasing ---

    def _erase_in_line(self, how: int) -> None:
        line = self.lines[self.row]
        if how == 0:
            del line[self.column :]
        elif how == 1:
            reach = min(self.column + 1, len(line))
            line[:reach] = [BLANK] * reach
        else:
            line.clear()

    def _erase_in_screen(self, how: int) -> None:
        if how == 0:
            self._erase_in_line(0)
            del self.lines[self.row + 1 :]
            return
        first = self._top()
        last = self.row if how == 1 else len(self.lines)
        for line in self.lines[first:last]:
            line.clear()
        if how == 1:
            self._erase_in_line(1)

    # --- colours ---

    def _paint(self, numbers: list[int]) -> None:
        """Select graphic rendition."""
        left = list(numbers)
        while left:
            number = left.pop(0)
            if number == 0:
                self._style = PLAIN
            elif number in _ON:
                self._style = self._style._replace(**{_ON[number]: True})
            elif number in _OFF:
                plain = {name: getattr(PLAIN, name) for name in _OFF[number]}
                self._style = self._style._replace(**plain)
            elif number in (38, 48):
                name = "foreground" if number == 38 else "background"
                self._style = self._style._replace(**{name: _long_colour(left)})
            else:
                name, colour = _short_colour(number)
                self._style = self._style._replace(**{name: colour})


# The final letter of a move: lines down, columns right, and whether it starts at the left.
_MOVES = {
    "A": (-1, 0, False),
    "B": (1, 0, False),
    "C": (0, 1, False),
    "D": (0, -1, False),
    "E": (1, 0, True),
    "F": (-1, 0, True),
    "G": (0, 1, True),
}


def _short_colour(number: int) -> tuple[str, int]:
    """One of the sixteen."""
    for first, name, colour in (
        (30, "foreground", 0),
        (40, "background", 0),
        (90, "foreground", 8),
        (100, "background", 8),
    ):
        if first <= number < first + 8:
            return name, colour + number - first
    raise ValueError(f"a rendition that is not known: {number}")


def _long_colour(left: list[int]) -> int | str:
    """What follows 38 or 48: a number of 256, or three parts. It is taken away from `left`."""
    kind = left.pop(0)
    if kind == 5:
        return left.pop(0)
    if kind == 2:
        red, green, blue = left.pop(0), left.pop(0), left.pop(0)
        return f"#{red:02x}{green:02x}{blue:02x}"
    raise ValueError(f"a colour that is not known: {kind}")
