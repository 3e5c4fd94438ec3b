"""What the command line writes: results to standard output, all else to standard error.

Both can be closed, full, or unable to show a character, and nothing of that may end in a
traceback.
"""

from __future__ import annotations

import sys

from .exits import FAILED, Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from typing import TextIO, TypeVar

    from .. import PromptRun, RunStream

    T = TypeVar("T")

SECONDS_BETWEEN_DRAWINGS = 0.2
"""How often a line of progress is drawn anew."""


def write(stream: TextIO | None, text: str) -> None:
    """Write to standard output or standard error at once.

    A character that the encoding lacks becomes an escape such as `\\u2603`. A stream that
    is closed takes nothing. Raises `Stop` where standard output cannot be written: then
    a result is lost. What is for people only may be.
    """
    # None: it was closed before the program began.
    if stream is None or stream.closed:
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        _close(stream)
        if stream is not sys.stdout:
            return
        if isinstance(error, BrokenPipeError):
            # The reader has seen enough, as in `promptjuggler ... | head`.
            raise Stop(FAILED) from error
        problem = f"standard output cannot be written: {error.strerror}"
        raise Stop(FAILED, problem) from error


def _close(stream: TextIO) -> None:
    """Close a stream that cannot be written.

    Else the interpreter would try to write what is left once more when it ends, and
    complain.
    """
    try:
        stream.close()
    except OSError:
        pass


def print_note(text: str) -> None:
    """Write one line to standard error, for people.

    The text can be a server's: it is put on one line, and what could steer a terminal is
    escaped.
    """
    line = " ".join(text.split())
    shown = "".join(
        character if character.isprintable() else ascii(character)[1:-1]
        for character in line
    )
    write(sys.stderr, f"promptjuggler: {shown}\n")


def print_text(text: str) -> None:
    """Write a result as it is, and the end of a line."""
    write(sys.stdout, f"{text}\n")


def print_json(value: object, indent: int | None = 2) -> None:
    """Write a result as JSON; with an indent of None, on one line."""
    import json

    # Else what the encoding lacks would become an escape of Python's, and no JSON.
    ascii_only = "utf" not in str(sys.stdout.encoding).lower()
    print_text(json.dumps(value, indent=indent, default=str, ensure_ascii=ascii_only))


def with_progress(text_after: Callable[[float], str], call: Callable[[], T]) -> T:
    """Make a call and give its result; meanwhile, in a terminal, show how it goes.

    text_after    gives the line to be shown, from the seconds that have passed. It is
                  called in a thread, drawn on standard error, and gone in the end.
    """
    if sys.stderr is None or sys.stderr.closed or not sys.stderr.isatty():
        return call()

    import threading

    over = threading.Event()
    thread = threading.Thread(target=_draw_until, args=(over, text_after), daemon=True)
    try:
        thread.start()
        return call()
    finally:
        over.set()
        # Ctrl-C can come before it was started.
        if thread.is_alive():
            thread.join()


def _draw_until(over: threading.Event, text_after: Callable[[float], str]) -> None:
    """Draw a line again and again, and once more at the end; then wipe it out."""
    import os
    import time

    begun = time.monotonic()
    width = 0
    while True:
        is_over = over.is_set()
        columns = os.get_terminal_size(2).columns or 80
        # After the last column, some terminals begin a new line.
        text = text_after(time.monotonic() - begun)[: columns - 1]
        write(sys.stderr, f"\r{text.ljust(width)}")
        width = len(text)
        if is_over:
            break
        over.wait(SECONDS_BETWEEN_DRAWINGS)
    write(sys.stderr, f"\r{' ' * width}\r")


def print_tokens(stream: RunStream[PromptRun]) -> str:
    """Read a stream to its end; in a terminal, write the answer as it comes.

    Gives the text that is to be seen now: the answer, if nothing was missed. In a pipe
    nothing is written: nobody could take back what a reset makes void.
    """
    from .. import ResetEvent, StaleEvent, TokenEvent

    shown = ""
    try:
        for event in stream:
            if not sys.stdout.isatty():
                continue
            if isinstance(event, TokenEvent):
                shown += event.text
                write(sys.stdout, event.text)
            elif (
                isinstance(event, (ResetEvent, StaleEvent))
                and shown != stream.view.text
            ):
                shown = stream.view.text
                write(sys.stdout, f"\n{shown}")
    finally:
        if shown:
            print_text("")
    return shown
