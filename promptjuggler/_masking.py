"""Masks what was sent as a secret, where a server, a proxy or another's text says it back.

`Secrets` is what the rest of the package uses: rule 5 of `_secrets`. The rest of this
module finds a secret however it is written: as it is, in JSON, in a URL, in HTML, with
other white space, read in another encoding, escaped several times, or cut off at the end
of a text. None takes longer than the length of text and secrets asks for.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from urllib.parse import quote

from ._secrets import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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

    def masked(self, text: str, *, is_cut: bool = False) -> str:
        """A text in which every secret of at least four characters shows as `***`,
        however it is written there.

        is_cut  whether the text may have been cut off by others, within a secret: at its
                end, the beginning of one is masked too, from four characters on
        """
        unmasked = Secret(text)
        del text  # Rule 1 of _secrets.py: it can have a secret, or we would not look.
        try:
            return _with_masks(unmasked.value, self._places(unmasked, is_cut))
        except BaseException as error:
            # Rule 4, of a signal handler's: all below looks at the texts as they are.
            raise error.with_traceback(None)  # noqa: B904  # it is the same one

    def _places(self, text: Secret[str], is_cut: bool) -> set[tuple[int, int]]:
        """Where secrets stand in a text."""
        forms = self._forms()
        places: set[tuple[int, int]] = set()
        if forms:
            for reading in _readings(text.value):
                for form in forms:
                    places.update(reading.places(form))
                    if is_cut:
                        places.update(reading.place_of_beginning(form))
        return places

    def _forms(self) -> list[Secret[str]]:
        """What is looked for: each text in all ways to write it, also without white space
        at its ends; none of them twice."""
        forms = [
            form
            for text in map(Secret, self._texts.value)
            for written in _ways_to_write(text)
            for form in _stripped(written)
            if len(form.value) >= _SHORTEST_MASKED
        ]
        return list(map(Secret, {form.value for form in forms}))


def _ways_to_write(text: Secret[str]) -> list[Secret[str]]:
    """A text as it is, as it is written in JSON and in URLs, and as it is read where all
    that stands for a character is taken for it."""
    return [
        text,
        Secret(json.dumps(text.value)[1:-1]),
        Secret(json.dumps(text.value, ensure_ascii=False)[1:-1]),
        Secret(quote(text.value, safe="", errors="replace")),
        Secret(_Reading(text.value).unescaped().text),
    ]


def _stripped(text: Secret[str]) -> list[Secret[str]]:
    """A text as it is, and without white space at its ends."""
    return [
        text,
        Secret(text.value.strip()),
        # A backslash at its end becomes one with what is behind it.
        Secret(text.value.strip(" \\")),
    ]


def _with_masks(text: str, places: Iterable[tuple[int, int]]) -> str:
    """A text with a mask for each place; for those that overlap, one for all of them."""
    pieces: list[str] = []
    end = 0
    for start, stop in sorted(places):
        if start >= end:
            pieces += (text[end:start], _MASK)
        end = max(end, stop)
    return "".join(pieces) + text[end:]


# What stands for one character, by how it is written: of URLs; of JSON and the like; of
# HTML; several white spaces, or another one than the space; UTF-8 that was read as
# Latin-1, as headers are; the halves of a pair of surrogates. Compiled when first used,
# see _arguments.py.
_ESCAPE = (
    r"%(?P<byte>[0-9A-Fa-f]{2})"
    r"|\\x(?P<x>[0-9A-Fa-f]{2})|\\u(?P<u>[0-9A-Fa-f]{4})|\\U(?P<U>[0-9A-Fa-f]{8})"
    r"|\\(?P<backslash>[^xuU])"
    r"|&#[xX](?P<hex>[0-9A-Fa-f]{1,6});|&#(?P<decimal>[0-9]{1,7});"
    r"|&(?P<entity>amp|lt|gt|quot|apos|nbsp);"
    r"|(?P<space>\s{2,}|[^\S ])"
    "|(?P<utf8>[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})"
    "|(?P<pair>[\ud800-\udbff][\udc00-\udfff])"
)
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": " "}
_AFTER_BACKSLASH = dict.fromkeys("abfnrtv", " ")
_UNKNOWN_CHARACTER = "\ufffd"

# The beginning of one of them, or of some that are one, at the end of a text.
_UNFINISHED = (
    r"(?:%[0-9A-Fa-f]?|\\(?:[xuU][0-9A-Fa-f]{0,7})?|&#?[0-9A-Za-z]{0,7}"
    "|[\xc2-\xf4][\x80-\xbf]{0,2}|[\ud800-\udbff]|\ufffd){1,4}\\Z"
)

# What is escaped was escaped once more, where JSON stands in a text of JSON. A bound, so
# that no text takes long.
_MOST_ROUNDS = 6


def _readings(text: str) -> Iterator[_Reading]:
    """The ways to read a text: as it is; with its escapes taken for what they mean; and
    the same of a form, where a `+` is a space."""
    as_it_is = _Reading(text)
    yield as_it_is
    unescaped = as_it_is.unescaped()
    if unescaped is not as_it_is:
        yield unescaped
    if "+" in text:
        yield _Reading(text.replace("+", " ")).unescaped()


class _Reading:
    """A text as it can be read, which knows where in the text each character stood.

    text     as it is read
    _before  what it was made of; None for the text itself
    _starts  where, in this reading, what is no escape goes on behind one
    _origins the same places, in `_before`
    """

    __slots__ = ("_before", "_origins", "_starts", "text")

    def __init__(self, text: str, before: _Reading | None = None) -> None:
        self.text = text
        self._before = before
        self._starts = [0]
        self._origins = [0]

    def unescaped(self) -> _Reading:
        """What it says once nothing is escaped any more; itself where nothing is.

        A secret with an escape in it is read in the same way, so it is found as well.
        """
        reading = self
        for _ in range(_MOST_ROUNDS):
            if not re.search(_ESCAPE, reading.text):
                break
            reading = reading._unescaped_once()
        return reading

    def _unescaped_once(self) -> _Reading:
        result = _Reading("", self)
        pieces: list[str] = []
        length = 0
        end = 0
        for match in re.finditer(_ESCAPE, self.text):
            pieces += (self.text[end : match.start()], _meaning_of(match))
            length += match.start() - end + 1
            end = match.end()
            result._starts.append(length)
            result._origins.append(end)
        result.text = "".join(pieces) + self.text[end:]
        return result

    def places(self, form: Secret[str]) -> Iterator[tuple[int, int]]:
        """Where a form stands in the text, also where it overlaps with itself.

        The time is that of the length of both, whatever they are.
        """
        size = len(form.value)
        at = self.text.find(form.value)
        while at >= 0:
            yield self._place(at, at + size)
            # The last one that begins within this one: what is between them is theirs.
            # Backwards, since `rfind` can take the product of the lengths.
            window = self.text[at + 1 : at + 2 * size - 1][::-1]
            behind = window.find(form.value[::-1])
            if behind < 0:
                at = self.text.find(form.value, at + size)
            else:
                at += 1 + len(window) - behind - size

    def place_of_beginning(self, form: Secret[str]) -> Iterator[tuple[int, int]]:
        """Where, at the end of the text, the beginning of a form stands, if it does."""
        match = re.search(_UNFINISHED, self.text)
        for end in {len(self.text), match.start() if match else len(self.text)}:
            length = _length_of_beginning(form, self.text[:end])
            if length >= _SHORTEST_MASKED:
                yield self._place(end - length, len(self.text))

    def _place(self, start: int, stop: int) -> tuple[int, int]:
        """A place of this reading, as one of the text that was read."""
        reading: _Reading = self
        while reading._before is not None:
            start = reading._origin(start)
            stop = reading._origin(stop)
            reading = reading._before
        return start, stop

    def _origin(self, at: int) -> int:
        index = bisect_right(self._starts, at) - 1
        return self._origins[index] + at - self._starts[index]


def _meaning_of(escape: re.Match[str]) -> str:
    """The one character that an escape stands for."""
    kind = escape.lastgroup or ""
    written = escape[kind]
    if kind == "space":
        return " "
    if kind == "backslash":
        return _AFTER_BACKSLASH.get(written, written)
    if kind == "entity":
        return _ENTITIES[written]
    try:
        if kind == "utf8":
            return written.encode("latin-1").decode("utf-8")
        if kind == "pair":
            return written.encode("utf-16", "surrogatepass").decode("utf-16")
        return chr(int(written, 10 if kind == "decimal" else 16))
    except (ValueError, OverflowError):
        return _UNKNOWN_CHARACTER


def _length_of_beginning(form: Secret[str], text: str) -> int:
    """How many characters at the end of a text are the first ones of a form, but not all.

    The longest border of both, one behind the other, as Knuth, Morris and Pratt find it:
    in the time of their length.
    """
    earliest = max(0, len(text) - len(form.value) + 1)
    found = text.find(form.value[:_SHORTEST_MASKED], earliest)
    if found < 0:
        return 0
    tail = text[found:]
    # Rule 2. None is no character: the form and the tail do not become one.
    both = Secret([*form.value[: len(tail)], None, *tail])
    borders = [0] * len(both.value)
    length = 0
    for index in range(1, len(borders)):
        while length and both.value[index] != both.value[length]:
            length = borders[length - 1]
        if both.value[index] == both.value[length]:
            length += 1
        borders[index] = length
    return length
