"""The name by which the program was called, for usage and for commands to be pasted."""

from __future__ import annotations

import os
import re
import sys

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


def quoted(word: str) -> str:
    """A word as a shell takes it.

    Most need no quotes, and then shlex, which a help does not need, is not loaded.
    """
    if _PLAIN.fullmatch(word):
        return word
    from shlex import quote

    return quote(word)


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
