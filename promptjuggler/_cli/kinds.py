"""What commands are made of: their words, their options, and kinds of values."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


class Value:
    """A kind of value that an option can take.

    metavar       how the help names it
    convert       makes it of its text; raises ValueError for one that is none
    problem       says then what is wrong, without the text, which can be a secret
    is_repeated   whether the option can stand more than once: it gives a list
    choices       all that it can be; () is anything
    implied       what the option means without a value; then a value is given as in
                  `--option=VALUE` alone. "": it needs one
    """

    __slots__ = (
        "choices",
        "convert",
        "implied",
        "is_repeated",
        "metavar",
        "problem",
    )

    def __init__(
        self,
        metavar: str,
        *,
        convert: Callable[[str], object] = str,
        problem: str = "",
        is_repeated: bool = False,
        choices: tuple[str, ...] = (),
        implied: str = "",
    ) -> None:
        self.metavar = metavar
        self.convert = convert
        self.problem = problem
        self.is_repeated = is_repeated
        self.choices = choices
        self.implied = implied


def choice(metavar: str, *choices: str, implied: str = "") -> Value:
    """A value that is one of some texts."""

    def convert(text: str) -> str:
        if text in choices:
            return text
        raise ValueError(text)

    *first, last = choices
    return Value(
        metavar,
        convert=convert,
        problem=f"must be {', '.join(first)} or {last}",
        choices=choices,
        implied=implied,
    )


class Option:
    """An option; without a value it is a flag."""

    __slots__ = ("help", "name", "value")

    def __init__(self, name: str, help: str, value: Value | None = None) -> None:
        self.name = name
        self.help = help
        self.value = value

    @property
    def attribute(self) -> str:
        """Where it is found in `Arguments`."""
        return self.name.removeprefix("--").replace("-", "_")


class Word:
    """A word without a dash.

    name         how the help names it
    attribute    where it is found in `Arguments`
    nargs        as argparse has it: "" is one, "+" one or more, "*" any number
    choices      all that it can be; () is anything
    """

    __slots__ = ("attribute", "choices", "name", "nargs")

    def __init__(
        self, name: str, attribute: str, nargs: str = "", choices: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.attribute = attribute
        self.nargs = nargs
        self.choices = choices

    def usage(self) -> str:
        """How the first line of a help shows it."""
        if self.nargs == "+":
            return f"{self.name} [{self.name} ...]"
        if self.nargs == "*":
            return f"[{self.name} ...]"
        return self.name


class Command:
    """A command.

    words        in their order; only the last can be more than one
    options      those of its own, which its help has first
    general      those that it shares with others
    variables    of the environment that it reads: name and what it is for
    example      what stands behind its name in the example of its help
    more         what else its help says
    looked_for   what an answer of 404 is about; filled from `Arguments` by `str.format`
    """

    __slots__ = (
        "example",
        "general",
        "looked_for",
        "more",
        "name",
        "options",
        "summary",
        "variables",
        "words",
    )

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        words: tuple[Word, ...] = (),
        options: tuple[Option, ...] = (),
        general: tuple[Option, ...] = (),
        variables: tuple[tuple[str, str], ...] = (),
        example: str = "",
        more: str = "",
        looked_for: str = "",
    ) -> None:
        self.name = name
        self.summary = summary
        self.words = words
        self.options = options
        self.general = general
        self.variables = variables
        self.example = example
        self.more = more
        self.looked_for = looked_for
