"""The name by which the program was called, for usage and for commands to be pasted."""

from __future__ import annotations

import os
import re
import sys

from .output import as_shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_SCRIPT = "promptjuggler"
"""The name of the script that is installed with the package."""

_PACKAGE = __name__.removesuffix("._cli.program")

_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)


def program() -> str:
    """How the program was called, as a shell takes it.

    As `promptjuggler`, or with its path where the shell would find another one or none;
    or as `python3 -m promptjuggler`, whatever this package is called, by the Python that
    was called.
    """
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    if spec is not None and spec.name == f"{_PACKAGE}.__main__":
        return f"{quoted(sys.orig_argv[0])} -m {_PACKAGE}"
    path = sys.argv[0] if sys.argv else ""
    if _name_of(path) == _SCRIPT:
        return _SCRIPT if _is_found(path) else quoted(path)
    # Called by a program, by another name.
    return f"python3 -m {_PACKAGE}"


def command_line(command: str, options: Iterable[str], words: Sequence[str]) -> str:
    """The line that calls a command of this program, to be pasted into a shell.

    options  with their values, as a shell takes them
    words    as they are
    """
    parts = [program(), command, *options]
    if any(map(looks_like_option, words)):
        parts.append("--")
    return " ".join([*parts, *map(quoted, words)])


def looks_like_option(word: str) -> bool:
    """Whether a word would be read as an option; `-` would not."""
    return word.startswith("-") and word != "-"


def quoted(word: str) -> str:
    """A word as a shell takes it, in a form that a note shows as it is.

    A note is one line, and nothing in it steers a terminal: what it would change there
    is written with the escapes of `$'...'`. bash, zsh and ksh know them, and POSIX does
    since 2024 (Shell Command Language, 2.2.4), though not yet each `sh`.

    Most words need no quotes, and then shlex, which a help does not need, is not loaded.
    """
    if _PLAIN.fullmatch(word):
        return word
    if "  " not in word and all(map(_is_shown, word)):
        from shlex import quote

        return quote(word)
    # Of two spaces, a note would make one.
    inner = "".join(map(_escaped, word)).replace("  ", " \\040")
    return f"$'{inner}'"


def _is_shown(character: str) -> bool:
    """Whether a note has a character as it is: standard error can lack one."""
    return character.isprintable() and as_shown(sys.stderr, character) == character


_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\"}


def _escaped(character: str) -> str:
    """A character between `$'` and `'`.

    As its bytes: shells take \\u in some locales alone, and not all of them. In octal:
    how many hexadecimal digits belong to a \\x is not the same in all of them. So is `!`,
    with which bash would look into its history, and the quote: bash could take the one
    behind it for the end.
    """
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character not in "'!" and _is_shown(character):
        return character
    try:
        content = os.fsencode(character)
    except UnicodeEncodeError:
        # No argument of a process has half a surrogate pair, and no file its name.
        content = character.encode("utf-8", "surrogatepass")
    return "".join(f"\\{byte:03o}" for byte in content)


def _name_of(path: str) -> str:
    """The name of a script, on Windows too."""
    return os.path.splitext(os.path.basename(path))[0].removesuffix("-script")


def _is_found(path: str) -> bool:
    """Whether a shell finds this script by its name alone.

    As shutil.which() would tell, which takes as long to load as a help takes to print.
    """
    name = os.path.basename(path)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        candidate = os.path.join(folder, name)
        if os.access(candidate, os.X_OK) and os.path.isfile(candidate):
            return os.path.realpath(candidate) == os.path.realpath(path)
    return False
