"""The rows with goals as a picture: a bar for each of those that are compared, in each row.

The times of the rows are microseconds here and seconds there, so each row has a scale of its own: its slowest bar is as
wide as the picture allows. The picture is an SVG that brings its background along, and follows the colour scheme of the
page that shows it (`prefers-color-scheme`, which browsers take from the page also for an image): it can be read on a
light page and on a dark one, and it needs no font and no file beside it.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from .measure import spread
from .report import FLOOR, OURS, PEER, Finding, Ratio, seconds_text

LABELS = {OURS: "this package", PEER: "promptjuggler 1.7.0", FLOOR: "floor"}
"""How the picture names those that are compared, in the order of their bars."""

LIGHT = {
    "page": "#ffffff",
    "text": "#1f2328",
    "quiet": "#59636e",
    OURS: "#0969da",
    PEER: "#818b98",
    FLOOR: "#1a7f37",
}
DARK = {
    "page": "#0d1117",
    "text": "#f0f6fc",
    "quiet": "#9198a1",
    OURS: "#4493f8",
    PEER: "#7d8590",
    FLOOR: "#3fb950",
}
"""What has which colour, by class: on a light page, and on a dark one."""

WIDTH = 860
EDGE = 20
NAMES_WIDTH = 280
TIME_WIDTH = 65
TIMES_WIDTH = 125
HEAD = 34
FOOT = 30
BAR = 10
LINE = 13
GAP = 12
FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"


def drawn(findings: Sequence[Finding]) -> list[Ratio]:
    """The findings that are drawn: ratios with a goal."""
    ratios = [finding for finding in findings if isinstance(finding, Ratio)]
    return [row for row in ratios if (row.peer_goal, row.floor_goal) != (None, None)]


def svg(findings: Sequence[Finding], about: str) -> str:
    """The picture of some findings, as text.

    about  a line at its foot: on what it was measured
    """
    rows = drawn(findings)
    heights = [LINE * len(_named(row)) + GAP for row in rows]
    height = EDGE + HEAD + sum(heights) + FOOT
    root = ET.Element(
        "svg",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height}",
        width=str(WIDTH),
        height=str(height),
        role="img",
    )
    ET.SubElement(root, "title").text = "How long it takes"
    ET.SubElement(root, "desc").text = "; ".join(map(_in_words, rows))
    ET.SubElement(root, "style").text = _style()
    page = {"class": "page", "width": str(WIDTH), "height": str(height)}
    ET.SubElement(root, "rect", page)
    _draw_legend(root)
    top = EDGE + HEAD
    for row, its_height in zip(rows, heights, strict=True):
        _draw_row(root, row, top)
        top += its_height
    _text(root, EDGE, top + 12, f"Each row has a scale of its own. {about}", "quiet")
    ET.indent(root)
    return ET.tostring(root, "unicode") + "\n"


def _style() -> str:
    """The colours by class, and those for dark pages."""
    light = "".join(_rule(name, colour) for name, colour in LIGHT.items())
    dark = "".join(_rule(name, colour) for name, colour in DARK.items())
    sizes = f"text{{font:13px {FONT}}}.time{{font-size:11px}}.end{{text-anchor:end}}"
    return f"{sizes}{light}@media(prefers-color-scheme:dark){{{dark}}}"


def _rule(name: str, colour: str) -> str:
    # A class of CSS does not begin with a digit, as 1.7.0 does.
    return f".{_class_of(name)}{{fill:{colour}}}"


def _class_of(name: str) -> str:
    return {OURS: "ours", PEER: "peer", FLOOR: "floor"}.get(name, name)


def _named(row: Ratio) -> list[tuple[str, float]]:
    """Those that were measured in a row, and how long each takes."""
    return [
        (name, spread(row.seconds[name]).median)
        for name in LABELS
        if name in row.seconds
    ]


def _faster(row: Ratio) -> str:
    """What is said at the right of a row."""
    faster = row.times_faster()
    return f"{faster.median:.1f} times faster" if faster else ""


def _in_words(row: Ratio) -> str:
    """A row, for those who do not see it."""
    times = [f"{LABELS[name]} {seconds_text(time)}" for name, time in _named(row)]
    return f"{row.what}: {', '.join(times)}"


def _draw_legend(root: ET.Element) -> None:
    """The names of the bars, in their order, above them."""
    left = EDGE + NAMES_WIDTH
    for name, label in LABELS.items():
        square = {"x": str(left), "y": str(EDGE), "width": str(BAR), "height": str(BAR)}
        ET.SubElement(root, "rect", {"class": _class_of(name), "rx": "2", **square})
        _text(root, left + BAR + 5, EDGE + BAR, label, "text")
        left += 170


def _draw_row(root: ET.Element, row: Ratio, top: int) -> None:
    named = _named(row)
    middle = top + LINE * len(named) // 2 + 3
    _text(root, EDGE, middle, row.what, "text")
    _text(root, WIDTH - EDGE, middle, _faster(row), "text end")
    left = EDGE + NAMES_WIDTH
    room = WIDTH - EDGE - left - TIME_WIDTH - TIMES_WIDTH
    longest = max(time for _, time in named)
    y = top
    for name, time in named:
        width = max(1.0, room * time / longest)
        bar = {"x": str(left), "y": str(y), "width": f"{width:.1f}", "height": str(BAR)}
        ET.SubElement(root, "rect", {"class": _class_of(name), "rx": "2", **bar})
        _text(root, left + width + 6, y + BAR - 1, seconds_text(time), "quiet time")
        y += LINE


def _text(root: ET.Element, x: float, y: int, words: str, kind: str) -> None:
    place = {"x": f"{x:.1f}", "y": str(y), "class": kind}
    ET.SubElement(root, "text", place).text = words
