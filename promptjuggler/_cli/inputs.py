"""What a command reads: files, standard input, and NAME=VALUE arguments.

A value can be a secret, as can a file. No error shows one; a name may be shown.
"""

from __future__ import annotations

import sys

from .exits import WRONG_USAGE, Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STANDARD_INPUT = "-"
"""The path that means standard input."""


def read_bytes(path: str) -> bytes:
    """The bytes of a file, or of standard input, which can be read once.

    Raises `Stop`, and `OSError` of the file.
    """
    if path != STANDARD_INPUT:
        with open(path, "rb") as file:
            return file.read()
    if sys.stdin is None or sys.stdin.closed:
        raise Stop(WRONG_USAGE, "standard input is closed, or was read already")
    # Closed then: a second reader would find nothing, and not know why.
    with sys.stdin.buffer as file:
        return file.read()


def read_text(path: str) -> str:
    """The same as text: UTF-8, with or without a byte order mark."""
    try:
        return read_bytes(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Stop(WRONG_USAGE, f"{path} is not UTF-8 text") from None


def pairs(what: str, words: Iterable[str]) -> dict[str, str]:
    """The values of NAME=VALUE words by their names; each name can stand once.

    what    how an error names such a word: `input`, or the option

    Raises `Stop`, and `OSError` of a file.
    """
    result: dict[str, str] = {}
    for name, value in _split(what, words):
        if name in result:
            raise Stop(WRONG_USAGE, f"{what} {name} is given twice")
        result[name] = _meant(value)
    return result


def pairs_with_lists(what: str, words: Iterable[str]) -> dict[str, str | list[str]]:
    """The same, where a name can stand more than once: it has a list then."""
    lists: dict[str, list[str]] = {}
    for name, value in _split(what, words):
        lists.setdefault(name, []).append(_meant(value))
    return {
        name: values[0] if len(values) == 1 else values
        for name, values in lists.items()
    }


def _split(what: str, words: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Name and value of each word."""
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise Stop(WRONG_USAGE, f"{what} must have the form NAME=VALUE")
        yield name, value


def _meant(value: str) -> str:
    """The text that a value means: `@FILE` is that of a file, `@@TEXT` is `@TEXT`."""
    if value.startswith("@@"):
        return value[1:]
    if value.startswith("@"):
        return read_text(value[1:])
    return value
