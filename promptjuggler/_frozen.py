"""The base of what is frozen: the results, and the events of streams."""

import dataclasses
import reprlib
from typing import TYPE_CHECKING, Any, ClassVar

from ._json import TOO_LARGE_INT

# A line of a log that shows a result stays a line, and shows one of the usual
# size as a whole.
_LONGEST_TEXT = 200
_MOST_ELEMENTS = 6
_DEEPEST = 5
_LONGEST_FIELD = 2000


class Frozen:
    """The base of frozen dataclasses with slots.

    Nothing can be assigned to them, whether it is a field or not. Their `repr`
    shows the fields as Python writes them, and cuts the middle or the end off
    what is long: a text after 200 characters, a tuple or dict after 6
    elements, a field after 2,000 characters.

    A subclass is decorated with `dataclass(frozen=True, slots=True, repr=False)`.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    else:
        # Type checkers know from the decorator what cannot be assigned.

        def __init_subclass__(cls):
            super().__init_subclass__()
            # To give a dataclass slots is to make it a second time. What it
            # has got by then for its first self to be frozen raises a
            # TypeError about super() for every name that is no field.
            if "__dataclass_params__" in vars(cls):
                for name in ("__setattr__", "__delattr__"):
                    if name in vars(cls):
                        delattr(cls, name)

        def __setattr__(self, name, value):
            raise _frozen_error(self, "assign to", name)

        def __delattr__(self, name):
            raise _frozen_error(self, "delete", name)

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        shown = [
            f"{field.name}={_shortened(getattr(self, field.name))}"
            for field in dataclasses.fields(self)
            if field.repr
        ]
        return f"{type(self).__qualname__}({', '.join(shown)})"


def _frozen_error(
    instance: object, action: str, name: str
) -> dataclasses.FrozenInstanceError:
    return dataclasses.FrozenInstanceError(
        f"cannot {action} {name!r} of {type(instance).__name__}, which is frozen:"
        " dataclasses.replace() gives a changed copy"
    )


class _Shortened(reprlib.Repr):
    """The `repr` of the standard library for logs, with bounds of ours."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel = _DEEPEST
        self.maxstring = _LONGEST_TEXT
        self.maxtuple = _MOST_ELEMENTS
        self.maxlist = _MOST_ELEMENTS
        self.maxdict = _MOST_ELEMENTS

    def repr_dict(self, x: dict[Any, Any], level: int) -> str:
        """As that of the base, but in the order of the dict."""
        if level <= 0 and x:
            return "{...}"
        pairs: list[str] = []
        for key, value in x.items():
            if len(pairs) == self.maxdict:
                pairs.append("...")
                break
            shown = self.repr1(value, level - 1)
            pairs.append(f"{self.repr1(key, level - 1)}: {shown}")
        return f"{{{', '.join(pairs)}}}"

    def repr_int(self, x: int, level: int) -> str:
        """As that of the base; Python writes no int of over 4,300 digits."""
        if abs(x) >= TOO_LARGE_INT:
            return "<a huge int>"
        return super().repr_int(x, level)

    def repr_instance(self, x: object, level: int) -> str:
        """An id, a time, an enum, a number, or another that is frozen: as it is."""
        return repr(x)


_shortener = _Shortened()


def _shortened(value: object) -> str:
    """The `repr` of the value of a field, within the bounds."""
    text = _shortener.repr(value)
    if len(text) <= _LONGEST_FIELD:
        return text
    half = (_LONGEST_FIELD - len("...")) // 2
    return f"{text[:half]}...{text[-half:]}"
