"""Where secrets may be: the rules, and the one class that they need.

The key, tokens, passwords of proxies, the values of `env_vars`, and the bodies of
requests and answers must be seen by nobody but the server. A text never has them. But
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
   traceback, since frames of `http.client` and `json` hold headers and documents.

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
