"""Where secrets may be: the rules, and the one class that they need.

The key, tokens, passwords of proxies and the values of `env_vars` must be seen by nobody
but the server, and so must answers, which can hold tokens. A text never has them. But
error trackers also record the local variables of every frame of a traceback, and print
them with `repr`. So, in every frame of ours that an error can pass through:

1. At the border, the first statement of a public function moves a secret argument into
   a `Secret` and drops the plain name.
2. `.value` is passed straight on, or used within one expression; it is never assigned
   to a local variable.
3. A function that reads a secret document returns its error, and its caller raises it
   once its own variable is gone: the frame that held the document is then in no
   traceback.
4. An error of the standard library becomes the `__cause__` of ours only without its
   traceback, since frames of `http.client` and `json` hold headers and documents. So
   does all that led to it, and an exception of a signal handler that passes through.
5. What a server, a proxy or the standard library says stands in a text of ours only
   `masked`, without what was sent as a secret, and `printable`. It is masked before it
   is cut: what is left of a secret that was cut is not found.

Other arguments, as `inputs` and files, are variables of the public method that was called
with them, as they are of its caller; no text has them, and no frame further down.

Code that looks odd because of one of these names its number.
"""

from __future__ import annotations

import json
from urllib.parse import quote

# True for type checkers only. `from typing import TYPE_CHECKING` would load typing, which
# takes 5 ms of the start of every program; all modules of the package do without.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Generic, TypeVar

    T = TypeVar("T")
else:
    T = None

    class Generic:
        """Stands in for `typing.Generic`: `Generic[T]` is an empty base class."""

        def __class_getitem__(cls, item):
            return cls


class Secret(Generic[T]):
    """Holds a value that no `repr` shows. It can be pickled, with its value."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __reduce__(self) -> tuple[type[Secret[T]], tuple[T]]:
        return type(self), (self.value,)

    def __repr__(self) -> str:
        return "Secret(...)"


_MASK = "***"

# A mask for each text of one letter would leave nothing of an error.
_SHORTEST_MASKED = 4


class Secrets:
    """Texts that were sent as secrets, and must show in no text of ours.

    A server or a proxy can say them back, in its error.
    """

    __slots__ = ("_texts",)

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._texts = Secret(frozenset(texts))

    def __or__(self, other: Secrets) -> Secrets:
        """The texts of both."""
        return Secrets(self._texts.value | other._texts.value)

    def __repr__(self) -> str:
        return "Secrets(...)"

    def masked(self, text: str) -> str:
        """A text in which every secret of at least four characters shows as `***`."""
        # The longest first: one can be a part of another.
        for secret in sorted(self._forms().value, key=len, reverse=True):
            text = text.replace(secret, _MASK)
        return text

    def _forms(self) -> Secret[set[str]]:
        """Each text as it is, and as it is written in JSON and in URLs."""
        return Secret(
            {
                form
                for text in self._texts.value
                if len(text) >= _SHORTEST_MASKED
                for form in (
                    text,
                    json.dumps(text)[1:-1],
                    json.dumps(text, ensure_ascii=False)[1:-1],
                    quote(text, safe="", errors="replace"),
                )
            }
        )


def printable(text: str) -> str:
    """A text in which all that is unprintable is an escape.

    A line stays one line, and what a server says neither forges lines of a log nor steers
    a terminal.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
