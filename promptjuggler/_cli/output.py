"""What the command line writes: results to standard output, all else to standard error.

Both can be closed, full, or unable to show a character, and nothing of that may end in a
traceback. A terminal does what is written to it, and much of that comes from a model or
a server: there, all that could steer it is escaped. A pipe gets what came.
"""

from __future__ import annotations

import sys

from .exits import FAILED, Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from typing import TextIO

LINES_AND_TABS = "\n\t"
"""What a text on several lines keeps of the characters that steer a terminal."""

# They make one letter of two (Persian, Hindi), or one emoji of some, and steer nothing.
_JOINERS = "\u200c\u200d"


def write(stream: TextIO | None, text: str) -> None:
    """Write to standard output or standard error at once.

    A character that the encoding lacks becomes an escape such as `\\u2603`. A stream that
    is closed takes nothing. Raises `Stop` where standard output cannot be written: then
    a result is lost. What is for people only may be.
    """
    # None: it was closed before the program began.
    if stream is None or stream.closed:
        return
    shown = as_shown(stream, text)
    try:
        stream.write(shown)
        stream.flush()
    except RuntimeError:
        # A handler of signals has us called, in the middle of a write to this stream. It
        # cannot be entered again before that write ends, and the handler ends the program.
        _write_past(stream, shown)
    except OSError as error:
        _close(stream)
        if stream is not sys.stdout:
            return
        if isinstance(error, BrokenPipeError):
            # The reader has seen enough, as in `promptjuggler ... | head`.
            raise Stop(FAILED) from error
        problem = f"standard output cannot be written: {error.strerror}"
        raise Stop(FAILED, problem) from error


def as_shown(stream: TextIO | None, text: str) -> str:
    """A text as a stream shows it, with escapes for what its encoding lacks."""
    encoding = _encoding_of(stream)
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _encoding_of(stream: TextIO | None) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


def _write_past(stream: TextIO, text: str) -> None:
    """Write to the file under a stream that cannot be entered."""
    import os

    try:
        os.write(stream.fileno(), text.encode(_encoding_of(stream)))
    except OSError:
        pass


def _close(stream: TextIO) -> None:
    """Close a stream that cannot be written.

    Else the interpreter would try to write what is left once more when it ends, and
    complain.
    """
    try:
        stream.close()
    except OSError:
        pass


def escaped(
    text: str,
    keep: Container[str] = LINES_AND_TABS,
    escape: Callable[[str], str] = lambda character: ascii(character)[1:-1],
) -> str:
    """A text in which nothing steers a terminal: controls, and what turns the direction
    of the text, are escapes.

    keep      what of that is left
    escape    makes an escape of one character
    """
    if text.isprintable():
        return text
    return "".join(
        character if _is_harmless(character, keep) else escape(character)
        for character in text
    )


def _is_harmless(character: str, keep: Container[str]) -> bool:
    """Whether a character can be shown as it is.

    Python calls spaces that do not break, as French has them, unprintable.
    """
    if character.isprintable() or character in keep or character in _JOINERS:
        return True
    if character.isascii():
        return False
    from unicodedata import category

    return category(character) == "Zs"


def _escape_of_json(character: str) -> str:
    """How JSON escapes a character (RFC 8259, 7): by its units of UTF-16."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal, in which somebody reads along."""
    return stream is not None and not stream.closed and stream.isatty()


def print_note(text: str) -> None:
    """Write one line to standard error, for people; the text can be a server's."""
    line = " ".join(text.split())
    write(sys.stderr, f"promptjuggler: {escaped(line, keep='')}\n")


def print_details(text: str) -> None:
    """Write lines to standard error, for people; the text can be a server's."""
    write(sys.stderr, f"{escaped(text)}\n")


def print_part(text: str) -> None:
    """Write a part of a result."""
    write(sys.stdout, escaped(text) if is_terminal(sys.stdout) else text)


def print_text(text: str) -> None:
    """Write a result, and the end of a line."""
    print_part(f"{text}\n")


def print_json(value: object, indent: int | None = 2) -> None:
    """Write a result as JSON; with an indent of None, on one line."""
    import json

    # Else what the encoding lacks would become an escape of Python's, and no JSON.
    ascii_only = "utf" not in str(sys.stdout.encoding).lower()
    text = json.dumps(value, indent=indent, default=str, ensure_ascii=ascii_only)
    if is_terminal(sys.stdout):
        text = escaped(text, escape=_escape_of_json)
    write(sys.stdout, f"{text}\n")


def has_room(stream: TextIO) -> bool:
    """Whether a few bytes can be written without waiting for somebody to read."""
    import select

    # Windows has none, and there no signal but Ctrl-C.
    if not hasattr(select, "poll"):
        return False
    try:
        number = stream.fileno()
    except ValueError:
        # It is closed, or a text in memory.
        return True
    room = select.poll()
    room.register(number, select.POLLOUT)
    return bool(room.poll(0))
