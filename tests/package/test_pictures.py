"""The pictures of the command line are of what it writes: the terminal that they come from is tried here."""

import re
import shlex
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from helpers.package import ENV, NAME
from pictures.__main__ import PICTURES, PROGRAM, Picture, draw, main, written_by
from pictures.drawing import PAGE, SIXTEEN, TEXT, colours, svg
from pictures.screen import PLAIN, Screen, Style

SVG = "{http://www.w3.org/2000/svg}"


def screen(*written, columns=20, rows=5):
    terminal = Screen(columns, rows)
    for text in written:
        terminal.write(text)
    return terminal


@pytest.mark.parametrize(
    ("written", "lines"),
    [
        ("plain", ["plain"]),
        ("one\r\ntwo", ["one", "two"]),
        ("one\ntwo", ["one", "   two"]),
        ("10 %\r20 %", ["20 %"]),
        ("long line\rshort", ["shortline"]),
        ("long line\r\x1b[Kshort", ["short"]),
        ("abc\x1b[1K", [""]),
        ("abc\x1b[2K", [""]),
        ("abc\bX", ["abX"]),
        ("a\tb", ["a       b"]),
        ("\a\x1b[?25lhidden\x1b[?25h", ["hidden"]),
        ("\x1b]0;title\x07shown\x1b]8;;x\x1b\\", ["shown"]),
        ("one\r\ntwo\x1b[A!", ["one!", "two"]),
        ("one\r\ntwo\x1b[1F!", ["!ne", "two"]),
        ("one\x1b[Bx\x1b[1Ey", ["one", "   x", "y"]),
        ("abc\x1b[2Dx\x1b[Cy", ["axcy"]),
        ("abc\x1b[Gx", ["xbc"]),
        ("abc\x1b[5Gx", ["abc x"]),
        ("a\r\nb\r\nc\x1b[1;1HX\x1b[3;2fY", ["X", "b", "cY"]),
        ("a\r\nb\r\nc\x1b[2;1H\x1b[J", ["a", ""]),
        ("a\r\nb\x1b[2J\x1b[Hc", ["c", ""]),
        ("a\r\nbcd\x1b[2D\x1b[1J", ["", "  d"]),
        ("x" * 20 + "y", ["x" * 20, "y"]),
        ("x" * 20 + "\rz", ["z" + "x" * 19]),
        ("日本x", ["日本x"]),
        ("e\u0301x", ["e\u0301x"]),
    ],
)
def test_a_terminal_shows_what_was_written(written, lines):
    assert screen(written).text() == lines
    # However it was cut: at whole escapes, since a program writes them whole.
    pieces = re.findall(
        r"\x1b\[[^@-~]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|.", written, re.DOTALL
    )
    assert screen(*pieces).text() == lines


def test_the_cursor_goes_to_lines_that_have_not_scrolled_away():
    written = "\r\n".join("abcdefg") + "\x1b[H!\x1b[99A?"
    assert screen(written).text() == ["a", "b", "!?", "d", "e", "f", "g"]


@pytest.mark.parametrize("written", ["\x1b[5@", "\x1b[53m", "\x00", "\x1b[38;9m"])
def test_what_it_does_not_know_is_an_error_and_not_left_out(written):
    with pytest.raises(ValueError, match="not known"):
        screen(written)


@pytest.mark.parametrize(
    ("codes", "style"),
    [
        ("", PLAIN),
        ("0", PLAIN),
        ("1;4", Style(bold=True, underline=True)),
        ("2;3;7", Style(faint=True, italic=True, inverse=True)),
        ("1;22", PLAIN),
        ("31", Style(foreground=1)),
        ("42;97", Style(foreground=15, background=2)),
        ("100;39", Style(background=8)),
        ("31;39", PLAIN),
        ("38;5;208", Style(foreground=208)),
        ("48;2;1;2;255", Style(background="#0102ff")),
        ("38;5;9;1", Style(foreground=9, bold=True)),
    ],
)
def test_a_rendition_is_the_style_of_what_follows(codes, style):
    ((cell,),) = screen(f"\x1b[{codes}mx").lines
    assert cell.style == style


@pytest.mark.parametrize(
    ("style", "pair"),
    [
        (PLAIN, (TEXT, PAGE)),
        (Style(inverse=True), (PAGE, TEXT)),
        (Style(foreground=2), (SIXTEEN[2], PAGE)),
        (Style(background=196), (TEXT, "#ff0000")),
        (Style(foreground=232), ("#080808", PAGE)),
        (Style(foreground="#010203"), ("#010203", PAGE)),
    ],
)
def test_a_style_has_two_colours(style, pair):
    assert colours(style) == pair


def test_the_drawing_has_each_line_where_it_stands():
    drawing = ET.fromstring(svg(screen("a <b> \x1b[32m& c\x1b[m\r\n\r\n  d"), "It"))
    texts = [element.text for element in drawing.iter(f"{SVG}text")]
    assert texts == ["a <b> ", "& c", "  d"]
    tops = [float(element.get("y")) for element in drawing.iter(f"{SVG}text")]
    assert tops[0] == tops[1] == tops[2] - 40
    assert drawing.find(f"{SVG}title").text == "It"
    assert drawing.find(f"{SVG}desc").text == "a <b> & c\n\n  d"


def rectangles(text):
    return len(list(ET.fromstring(text).iter(f"{SVG}rect")))


def test_the_cursor_is_drawn_where_the_program_is_still_at_work():
    assert rectangles(svg(screen("a"), "It", cursor=True)) == 2
    assert rectangles(svg(screen("a"), "It")) == 1


def test_a_command_runs_in_a_terminal_with_the_account_of_a_stand_in():
    command = 'test -t 1 && test -t 2 && wc -l < names.csv && echo "$TERM $COLUMNS"; stty size'
    said = written_by(f"{command}; echo $PROMPTJUGGLER_BASE_URL", columns=60)
    assert said.split()[:2] == ["201", "xterm-256color"]
    assert "24 60\r\nhttp://127.0.0.1:" in said


def test_a_picture_is_of_the_moment_when_so_much_has_been_written(tmp_path):
    picture = tmp_path / "one.svg"
    main(["--to", str(picture), "--until", "tw", r"printf 'one\ntwo\nthree'"])
    text = picture.read_text("utf-8")
    assert "tw</text>" in text
    assert "three</text>" not in text
    assert "three</text>" in draw(Picture(picture, r"printf 'one\ntwo\nthree'", None))
    with pytest.raises(ValueError, match="is not in"):
        draw(Picture(picture, "printf one", "two"))


@pytest.mark.parametrize("picture", PICTURES, ids=lambda picture: picture.file.name)
def test_a_picture_of_the_readme_is_there_and_can_be_made_anew(picture, monkeypatch):
    root = ET.parse(picture.file).getroot()
    assert root.find(f"{SVG}title").text == picture.command
    shown = root.find(f"{SVG}desc").text
    assert picture.command in shown
    monkeypatch.setenv("PYTHONPATH", ENV["PYTHONPATH"])
    python = f"{shlex.quote(sys.executable)} -m {NAME}"
    # Twice as fast as for the picture: so much is still seen of it.
    written = written_by(picture.command.replace(PROGRAM, python), run_seconds=0.1)
    assert re.search(picture.until, written)
    assert re.search(picture.until, shown)


def test_every_picture_is_one_that_is_drawn():
    folder = Path(PICTURES[0].file).parent
    drawn = {picture.file.name for picture in PICTURES}
    assert {path.name for path in folder.glob("*.svg")} <= drawn
