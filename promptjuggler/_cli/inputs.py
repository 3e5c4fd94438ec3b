"""What a command reads: files, standard input, and NAME=VALUE arguments.

A value can be a secret, as can a file. No error shows one; a name may be shown, and the
path of a file that was named as one.
"""

from __future__ import annotations

import sys

from .exits import WRONG_USAGE, Stop

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

STANDARD_STREAM = "-"
"""The path that means standard input; of what is written, standard output."""


def read_bytes(path: str, *, may_be_empty: bool = True) -> bytes:
    """The bytes of a file, or of standard input, which can be read once.

    may_be_empty    whether standard input may have nothing: that is, as a rule, what is
                    left of a command before this one that failed

    Raises `Stop`, and `OSError` of the file.
    """
    if path != STANDARD_STREAM:
        with open(path, "rb") as file:
            return file.read()
    if sys.stdin is None or sys.stdin.closed:
        raise Stop(WRONG_USAGE, "standard input is closed, or was read already")
    # Closed then: a second reader would find nothing, and not know why.
    with sys.stdin.buffer as file:
        content = file.read()
    if not content and not may_be_empty:
        raise Stop(WRONG_USAGE, "standard input is empty")
    return content


def read_text(path: str, *, may_be_empty: bool = True) -> str:
    """The same as text: UTF-8, with or without a byte order mark, which is nothing."""
    try:
        text = read_bytes(path, may_be_empty=may_be_empty).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Stop(WRONG_USAGE, f"{name_of(path)} is not UTF-8 text") from None
    if path == STANDARD_STREAM and not text and not may_be_empty:
        raise Stop(WRONG_USAGE, "standard input is empty")
    return text


def name_of(path: str) -> str:
    """How an error names a file."""
    return "standard input" if path == STANDARD_STREAM else path


# --- NAME=VALUE ---


def as_it_stands(name: str, value: str) -> str:
    """A value that means itself."""
    return value


def names_file(value: str) -> bool:
    """Whether `FromFiles` takes a value for the name of a file."""
    return value.startswith("@") and not value.startswith("@@")


class FromFiles:
    """Values that can be those of files: `@FILE` is the text of one, `@@TEXT` is `@TEXT`.

    allow_empty    whether standard input may be empty
    """

    __slots__ = ("_allow_empty",)

    def __init__(self, *, allow_empty: bool) -> None:
        self._allow_empty = allow_empty

    def input(self, name: str, value: str) -> str:
        """The value of an input. Raises `Stop`.

        It can be data that happens to begin with `@`: the error says what helps.
        """
        try:
            return self._meant(value)
        except OSError as error:
            path = error.filename or "a file without a name"
            problem = f"{path} cannot be read: {error.strerror}"
            advice = f"if the value of {name} is no file, see --input"
            raise Stop(WRONG_USAGE, f"{problem}; {advice}") from None

    def secret(self, option: str) -> Callable[[str, str], str]:
        """What gives the values of an option that are secrets: no error shows a path,
        which may be the value itself, with an `@` before it.
        """

        def meant(name: str, value: str) -> str:
            of = f"the file of {option} {name}"
            try:
                return self._meant(value)
            except OSError as error:
                problem = f"{of} cannot be read: {error.strerror}"
            except Stop as error:
                is_told = value == f"@{STANDARD_STREAM}"
                problem = error.text if is_told else f"{of} is not UTF-8 text"
            raise Stop(WRONG_USAGE, problem)

        return meant

    def _meant(self, value: str) -> str:
        if names_file(value):
            return read_text(value[1:], may_be_empty=self._allow_empty)
        return value[1:] if value.startswith("@@") else value


def pairs(
    what: str, words: Iterable[str], meant: Callable[[str, str], str] = as_it_stands
) -> dict[str, str]:
    """The values of NAME=VALUE words by their names; each name can stand once.

    what     how an error names such a word: `input`, or the option
    meant    gives what a value means, from name and value

    Raises `Stop`.
    """
    result: dict[str, str] = {}
    for name, value in _split(what, words):
        if name in result:
            raise Stop(WRONG_USAGE, f"{what} {name} is given twice")
        result[name] = meant(name, value)
    return result


def pairs_with_lists(what: str, words: Iterable[str]) -> dict[str, str | list[str]]:
    """The same, where a name can stand more than once: it has a list then."""
    lists: dict[str, list[str]] = {}
    for name, value in _split(what, words):
        lists.setdefault(name, []).append(value)
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


# --- a file of inputs ---


def texts_of_json(path: str) -> Mapping[str, str]:
    """The JSON object of a file, whose values are texts. Raises `Stop`, and `OSError`."""
    return texts_of(read_text(path, may_be_empty=False), name_of(path))


def texts_of(text: str, name: str, *, is_line: bool = False) -> Mapping[str, str]:
    """A JSON object whose values are texts. Raises `Stop`.

    name       how an error names the text
    is_line    whether it is one line of a file
    """
    import json

    problem = ""
    try:
        # A number of any length is one; what it is does not matter.
        value = json.loads(text, parse_int=float, object_pairs_hook=_without_twins)
        problem = _problem_of_inputs(value)
    except json.JSONDecodeError as error:
        place = f"column {error.colno}"
        if not is_line:
            place = f"line {error.lineno}, {place}"
        problem = f"is no JSON: {error.msg} in {place}"
    except RecursionError:
        problem = "must hold a JSON object, and is nested too deeply for one"
    except _Twins as error:
        problem = f"has the name {error} twice"
    if problem:
        raise Stop(WRONG_USAGE, f"{name} {problem}")
    checked: dict[str, str] = value
    return checked


_KINDS_OF_JSON = {
    "dict": "an object",
    "list": "an array",
    "float": "a number",
    "bool": "a boolean",
    "NoneType": "null",
    "str": "a text",
}


def _problem_of_inputs(value: object) -> str:
    """What is wrong with a document that should be an object of texts; "" is nothing."""
    if not isinstance(value, dict):
        return f"must hold a JSON object, not {_kind_of(value)}"
    for name, member in value.items():
        if not isinstance(member, str):
            return f"must have texts alone: the value of {name} is {_kind_of(member)}"
    return ""


def _kind_of(value: object) -> str:
    return _KINDS_OF_JSON[type(value).__name__]


class _Twins(Exception):
    """A name stands twice in an object."""


def _without_twins(members: list[tuple[str, object]]) -> dict[str, object]:
    """An object of JSON. Which of two values is meant, nobody could tell."""
    result = dict(members)
    if len(result) < len(members):
        names = [name for name, _ in members]
        raise _Twins(next(name for name in names if names.count(name) > 1))
    return result
