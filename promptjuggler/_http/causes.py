"""What is behind an error of ours, as its `__cause__`: without anything secret (rule 4 of
_secrets.py).

Three steps lead to it: the *error* that was raised; the *reason*, which urllib may have
wrapped; and the *cause*, which may be behind the reason.
"""

from __future__ import annotations

from http.client import HTTPException
from json import JSONDecodeError
from urllib.error import URLError

from .._masking import Secrets
from .._secrets import printable
from .exceptions import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def reason_of(error: BaseException) -> BaseException:
    """What urllib has wrapped, or else the error itself."""
    if isinstance(error, URLError) and isinstance(error.reason, BaseException):
        return error.reason
    return error


def cause_of(reason: BaseException) -> BaseException:
    """What is behind a reason: for hosts that could not be connected to, the failure of one
    address. Else it is the reason itself, be it of the standard library or of `exceptions`.
    """
    return reason.failure if isinstance(reason, AddressError) else reason


def scrub(
    error: BaseException, secrets: Secrets, handled: BaseException | None
) -> None:
    """Take from an error, and from all that led to it, what can hold secrets.

    That are the frames of its traceback, which have headers; the documents that it holds;
    and what a server or a proxy said, which is then printable as well.

    secrets  what must show in no text
    handled  what the caller was handling when we were called: it led to the error, too,
             but is none of ours
    """
    for one in _chain(error, handled):
        one.__traceback__ = None
        if isinstance(one, (OSError, HTTPException, ValueError)):
            _scrub_values(one, secrets)


def _scrub_values(error: BaseException, secrets: Secrets) -> None:
    # What is no HTTP has no end that could be told: it may be cut.
    is_cut = isinstance(error, HTTPException)
    error.args = tuple(_scrubbed(value, secrets, is_cut) for value in error.args)
    for name, value in vars(error).items():
        vars(error)[name] = _scrubbed(value, secrets, is_cut)
    if isinstance(error, OSError) and isinstance(error.strerror, str):
        # Its text has this one, and not the argument.
        error.strerror = printable(secrets.masked(error.strerror))
    if isinstance(error, JSONDecodeError):
        error.doc = ""
    if isinstance(error, UnicodeDecodeError):
        error.object = b""


def _chain(
    error: BaseException, handled: BaseException | None
) -> Iterator[BaseException]:
    """An error, and each one that is behind it."""
    seen = {id(handled), id(None)}
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        reason = reason_of(one)
        waiting += (one.__cause__, one.__context__, reason, cause_of(reason))


def _scrubbed(value: object, secrets: Secrets, is_cut: bool) -> object:
    """A value that an error holds; bytes are a document, or a part of one."""
    if isinstance(value, str):
        return printable(secrets.masked(value, is_cut=is_cut))
    return b"" if isinstance(value, bytes) else value
