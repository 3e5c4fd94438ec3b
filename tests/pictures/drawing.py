"""A terminal as an SVG: its lines as text, in a window of its own colours.

The window is dark on a dark page and on a light one, as terminals are, so that the colours of a program can be read. Each
run of characters that look the same is one text with a width, so that columns stand where they stood whatever font is
there.
"""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

from .screen import PLAIN, Cell, Screen, Style

SIXTEEN = (
    "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
    "#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff",
)  # fmt: skip
"""The colours of the terminal, as it has them on a dark background."""

PAGE, TEXT, EDGE = "#0d1117", "#e6edf3", "#30363d"
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
SIZE = 14
CELL_WIDTH = 8.4
LINE_HEIGHT = 20
MARGIN = 16
TITLE_HEIGHT = 30


def svg(screen: Screen, title: str, cursor: bool = False) -> str:
    """The picture of a screen, as text.

    title   for those who do not see it
    cursor  whether it is drawn: there where the program is still at work
    """
    lines = list(screen.lines)
    while lines and not (cursor or any(cell.text.strip() for cell in lines[-1])):
        lines.pop()
    width = round(screen.columns * CELL_WIDTH) + 2 * MARGIN
    height = TITLE_HEIGHT + len(lines) * LINE_HEIGHT + MARGIN
    root = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=str(width),
        height=str(height),
        role="img",
    )
    ET.SubElement(root, "title").text = title
    ET.SubElement(root, "desc").text = "\n".join(screen.text()).strip()
    ET.SubElement(
        root, "style"
    ).text = f"text{{font:{SIZE}px {FONT};white-space:pre;fill:{TEXT}}}"
    window = {"x": "0.5", "y": "0.5", "rx": "8", "fill": PAGE, "stroke": EDGE}
    size = {"width": str(width - 1), "height": str(height - 1)}
    ET.SubElement(root, "rect", window | size)
    for number, colour in enumerate((SIXTEEN[1], SIXTEEN[3], SIXTEEN[2])):
        place = {"cx": str(MARGIN + 4 + number * 18), "cy": "17", "r": "5"}
        ET.SubElement(root, "circle", place | {"fill": colour})
    for number, line in enumerate(lines):
        _draw_line(root, line, TITLE_HEIGHT + number * LINE_HEIGHT)
    if cursor:
        left = MARGIN + screen.column * CELL_WIDTH
        top = TITLE_HEIGHT + screen.row * LINE_HEIGHT + 2
        place = {"x": f"{left:.1f}", "y": str(top), "fill": TEXT}
        shape = {"width": f"{CELL_WIDTH:.1f}", "height": str(LINE_HEIGHT - 3)}
        ET.SubElement(root, "rect", place | shape)
    # Not indented inside of a line, whose blanks are part of it.
    return ET.tostring(root, "unicode").replace("><", ">\n<") + "\n"


def _draw_line(root: ET.Element, line: list[Cell], top: int) -> None:
    column = 0
    for style, cells in itertools.groupby(line, key=lambda cell: cell.style):
        run = list(cells)
        text = "".join(cell.text for cell in run)
        left = MARGIN + column * CELL_WIDTH
        width = len(run) * CELL_WIDTH
        foreground, background = colours(style)
        if background != PAGE:
            box = {"x": f"{left:.1f}", "y": str(top), "width": f"{width:.1f}"}
            more = {"height": str(LINE_HEIGHT), "fill": background}
            ET.SubElement(root, "rect", box | more)
        if text.strip():
            place = {
                "x": f"{left:.1f}",
                "y": str(top + 15),
                "textLength": f"{width:.1f}",
            }
            looks = _looks(style, foreground)
            # Blanks at the edges of a text are dropped otherwise.
            keep = {"xml:space": "preserve", "lengthAdjust": "spacingAndGlyphs"}
            ET.SubElement(root, "text", place | looks | keep).text = text
        column += len(run)


def colours(style: Style) -> tuple[str, str]:
    """The colours of a style: of the text, and behind it."""
    text = TEXT if style.foreground is None else _colour(style.foreground)
    behind = PAGE if style.background is None else _colour(style.background)
    return (behind, text) if style.inverse else (text, behind)


def _looks(style: Style, foreground: str) -> dict[str, str]:
    looks = {} if style == PLAIN else {"style": f"fill:{foreground}"}
    if style.bold:
        looks["font-weight"] = "bold"
    if style.faint:
        looks["opacity"] = "0.6"
    if style.italic:
        looks["font-style"] = "italic"
    if style.underline:
        looks["text-decoration"] = "underline"
    return looks


def _colour(colour: int | str) -> str:
    """A colour as SVG has it: of the sixteen, of the cube of 6 by 6 by 6, or of the greys (xterm's 256)."""
    if isinstance(colour, str):
        return colour
    if colour < 16:
        return SIXTEEN[colour]
    if colour < 232:
        parts = [(colour - 16) // 36, (colour - 16) // 6 % 6, (colour - 16) % 6]
        red, green, blue = (55 + 40 * part if part else 0 for part in parts)
        return f"#{red:02x}{green:02x}{blue:02x}"
    grey = 8 + 10 * (colour - 232)
    return f"#{grey:02x}{grey:02x}{grey:02x}"
