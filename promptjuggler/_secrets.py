"""Where secrets may be: the rules, and the class that holds one.

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
   masked (`Secrets` in _masking.py), without what was sent as a secret, and `printable`.
   It is masked before it is cut, and as it came: what is left of a secret that was cut
   is not found. Where the network, or another's limit, may have cut it, `masked` is told
   so.

Other arguments, as `inputs` and files, are variables of the public method that was called
with them, as they are of its caller, and can be those of frames further down; no text of
ours has them.

Code that looks odd because of one of these names its number.
"""

from __future__ import annotations

# True for type checkers only. `from typing import TYPE_CHECKING` would load typing, which
# takes 5 ms of the start of every program; all modules of the package do without.
TYPE_CHECKING = False
if TYPE_CHECKING:
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


def printable(text: str) -> str:
    """A text in which all that is unprintable is an escape.

    A line stays one line, and what a server says neither forges lines of a log nor steers
    a terminal.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
