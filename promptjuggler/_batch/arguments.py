"""Checks of the arguments of a batch. Raises `ValidationError`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping

from .._arguments import checked_count, checked_wait, wrong_type
from ..errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeVar

    _T = TypeVar("_T")


RESTART_UNSURE = ": restart_unsure=True starts one again"
"""What a program can do about a run that may have been started, behind an error of it.
`_cli/advice.py` knows it."""


def checked_rows(inputs: Iterable[_T]) -> Iterable[_T]:
    """An iterable of mappings. A mapping alone would be an iterable of its keys."""
    is_one = isinstance(inputs, (str, bytes, Mapping))
    if is_one or not isinstance(inputs, Iterable):
        raise wrong_type("inputs", "an iterable of mappings of str to str", inputs)
    return inputs


def checked_journal(journal: object) -> str | None:
    """The path of a file; None stays None."""
    if journal is None:
        return None
    path = journal
    if isinstance(journal, os.PathLike):
        path = os.fspath(journal)
    if not isinstance(path, str):
        raise wrong_type("journal", "a path, as a str or an os.PathLike", journal)
    if not path:
        raise ValidationError("journal must be a path, which is not empty")
    if "\0" in path:
        raise ValidationError("journal must be a path, which has no NUL character")
    return path


def checked_workers(workers: object) -> int:
    """An int of at least 1."""
    return checked_count("workers", workers, least=1)


def checked_flag(name: str, value: object) -> bool:
    """True or False: nothing else, where a mistake costs money."""
    if not isinstance(value, bool):
        raise wrong_type(name, "True or False", value)
    return value


def check_timeout(timeout: object) -> None:
    """Raise for what no wait for a run would take."""
    checked_wait("timeout", timeout)
