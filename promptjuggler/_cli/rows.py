"""A file of inputs, a run for each row: CSV with a header, or JSON lines.

One row is read at a time, so that memory is flat whatever the size. No error shows a
value, which can be private; names, and numbers of lines counted from 1, are shown.
"""

from __future__ import annotations

import codecs
import csv
import os
import stat
import sys

from .exits import FAILED, WRONG_USAGE, Stop
from .inputs import STANDARD_STREAM, name_of, texts_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import ExitStack
    from typing import BinaryIO, Literal

    Format = Literal["csv", "jsonl"]
    Identity = tuple[int, int, int, int]

LONGEST_LINE = 32 * 1024 * 1024
"""Bytes of a line, and characters of a value: no request is larger."""

_JSON_LINES = (".jsonl", ".ndjson")
_TABS = ".tsv"
_CSV = (".csv", _TABS)

_DELIMITERS = (",", ";", "\t", "|")
"""What a header may have been cut apart by, had it been said."""


class RowsFile:
    """A file of rows, or standard input, or a pipe.

    path         `-` is standard input
    format       None: as its name ends, else by what it begins with
    delimiter    between the values of CSV; None: a comma, or a tab in a .tsv
    same         inputs that are the same in every row

    is_regular   whether it is an ordinary file, which is read twice: to be counted, and
                 to be used. It must not change meanwhile
    name         how an error names it

    Raises `OSError` where there is no such file.
    """

    __slots__ = (
        "_delimiter",
        "_format",
        "_has_header",
        "_identity",
        "_is_delimiter_told",
        "_is_told",
        "_path",
        "_same",
        "is_regular",
        "name",
    )

    def __init__(
        self,
        path: str,
        *,
        format: Format | None,
        delimiter: str | None,
        same: Mapping[str, str],
    ) -> None:
        self._path = path
        self._format = format
        # What the name of a file says is a hint; what an option says is not.
        self._is_told = format is not None
        self._delimiter = delimiter
        self._is_delimiter_told = delimiter is not None
        self._same = same
        # Known once a part of it was read.
        self._has_header = False
        # Known once it was counted.
        self._identity: Identity | None = None
        self.name = name_of(path)
        self.is_regular = False
        if path != STANDARD_STREAM:
            self.is_regular = stat.S_ISREG(os.stat(path).st_mode)
            self._take_hints_of_name()

    def _take_hints_of_name(self) -> None:
        suffix = os.path.splitext(self._path)[1].lower()
        if self._format is None and suffix in _JSON_LINES:
            self._format = "jsonl"
        if self._format is None and suffix in _CSV:
            self._format = "csv"
        if self._delimiter is None and suffix == _TABS:
            self._delimiter = "\t"

    def count(self) -> int:
        """Read all of it once, and give the number of rows. Raises as `read` does."""
        with open(self._path, "rb") as file:
            self._identity = _identity_of(file)
            return sum(1 for _ in self._rows(file))

    def read(self, closing: ExitStack) -> Iterator[Mapping[str, str]]:
        """The rows, one after the other; the file is closed with `closing`.

        Raises `Stop` for what is no row, then and when iterated over, and `OSError`
        where it cannot be opened.
        """
        if self._path != STANDARD_STREAM:
            return self._rows(closing.enter_context(open(self._path, "rb")))
        if sys.stdin is None or sys.stdin.closed:
            raise Stop(WRONG_USAGE, "standard input is closed, or was read already")
        return self._rows(sys.stdin.buffer)

    def without_rows(self) -> str:
        """What a line says of a file that was read, and has no rows."""
        having = "has a header and no rows" if self._has_header else "has no rows"
        return f"{self.name} {having}"

    def _rows(self, file: BinaryIO) -> Iterator[Mapping[str, str]]:
        """The inputs of each row, with those that are the same in all."""
        for row in self._rows_alone(_Lines(file, self.name, self._identity)):
            for name in row.keys() & self._same.keys():
                problem = f"input {name} is in {self.name}, and given with --input"
                raise Stop(WRONG_USAGE, problem)
            yield {**row, **self._same}

    def _rows_alone(self, lines: _Lines) -> Iterator[Mapping[str, str]]:
        beginning = lines.beginning()
        # A file of JSON lines can have none; CSV has a header.
        must_have_lines = not self.is_regular or self._format != "jsonl"
        if not beginning and must_have_lines:
            # What is left, as a rule, of a command before this one that failed.
            raise Stop(WRONG_USAGE, f"{self.name} is empty")
        self._refuse_json_of_more_lines(beginning.strip())
        is_json = beginning.lstrip().startswith("{")
        guessed: Format = "jsonl" if is_json else "csv"
        if (self._format or guessed) == "csv":
            self._has_header = True
            wrong = _DELIMITERS if not self._is_delimiter_told else ()
            return _rows_of_csv(lines, self._delimiter or ",", wrong)
        if self._is_delimiter_told:
            problem = f"--delimiter is for CSV, and {self.name} holds JSON lines"
            raise Stop(WRONG_USAGE, problem)
        return _rows_of_json(lines)

    def _refuse_json_of_more_lines(self, beginning: str) -> None:
        """Raise `Stop` for JSON that is no JSON lines, and for JSON in a .csv.

        Read as CSV, its first line would be a header, and each other one a run that is
        paid for.
        """
        if self._is_told and self._format == "csv":
            return
        problem = ""
        if beginning.startswith("["):
            problem = "is a JSON array"
        elif beginning == "{":
            problem = "is JSON over several lines"
        elif beginning.startswith("{") and self._format == "csv":
            problem = "is JSON in a file whose name says CSV"
        if not problem:
            return
        advice = "JSON lines are an object on each line"
        if self._format == "csv":
            advice = f"{advice}, and need --format jsonl"
        if not self._is_told:
            advice = f"{advice}; with --format csv, it is read as CSV"
        raise Stop(WRONG_USAGE, f"{self.name} {problem}, as it begins: {advice}")


class _Lines:
    """The lines of a file as texts, with their ends. Iterating raises `Stop`.

    identity  of the file, which must stay; None: it may change

    number    of the line that was read last, counted from 1
    """

    __slots__ = ("_file", "_identity", "_kept", "_name", "number")

    def __init__(self, file: BinaryIO, name: str, identity: Identity | None) -> None:
        self._file = file
        self._name = name
        self._identity = identity
        # A line that was looked at, and comes next.
        self._kept = ""
        self.number = 0

    def beginning(self) -> str:
        """The first line that is not blank, which is read again as the next one."""
        for line in self:
            if line.strip():
                self._kept = line
                self.number -= 1
                return line
        return ""

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._kept
        self._kept = ""
        self.number += 1
        return line or self._read()

    def _read(self) -> str:
        try:
            line = self._file.readline(LONGEST_LINE + 1)
        except OSError as error:
            problem = f"{self._name} cannot be read: {error.strerror}"
            raise Stop(WRONG_USAGE, problem) from None
        if self._identity is not None and _identity_of(self._file) != self._identity:
            # What was counted and found right is not what would be run.
            raise Stop(FAILED, f"{self._name} has changed since it was checked")
        if not line:
            raise StopIteration
        if len(line) > LONGEST_LINE:
            raise self.wrong(self.number, f"is longer than {LONGEST_LINE:,} bytes")
        if self.number == 1:
            line = line.removeprefix(codecs.BOM_UTF8)
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise self.wrong(self.number, "is not UTF-8 text") from None
        if "\0" in text:
            # That is UTF-8, too, and csv takes it since Python 3.11.
            raise self.wrong(self.number, "has a NUL character: is it UTF-16?")
        return text

    def place(self, number: int) -> str:
        """How an error names a line."""
        return f"line {number} of {self._name}"

    def wrong(self, number: int, problem: str) -> Stop:
        """The error for a line, or what begins there."""
        return Stop(WRONG_USAGE, f"{self.place(number)} {problem}")

    def wrong_header(self, problem: str) -> Stop:
        """The error for the names of CSV."""
        return Stop(WRONG_USAGE, f"the header of {self._name} {problem}")


def _identity_of(file: BinaryIO) -> Identity:
    """What is another number where it is another file, or has another content.

    Not the time of the last change of its entry (`st_ctime`): a batch takes hours, and
    whoever renames its file, or gives it other permissions, changes no row.
    """
    status = os.fstat(file.fileno())
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


# --- JSON lines ---


def _rows_of_json(lines: _Lines) -> Iterator[Mapping[str, str]]:
    """The object of each line that is not blank."""
    for line in lines:
        if line.strip():
            yield texts_of(line, lines.place(lines.number), is_line=True)


# --- CSV ---


def allow_long_values(closing: ExitStack) -> None:
    """Let values of CSV be as long as a request can be.

    The limit is one of the whole process, and 128 KiB by default; it is put back.
    """
    closing.callback(csv.field_size_limit, csv.field_size_limit(LONGEST_LINE))


def _rows_of_csv(
    lines: _Lines, delimiter: str, others: Iterable[str]
) -> Iterator[Mapping[str, str]]:
    """The values of each row by the names of the header.

    others  what the delimiter can be instead, where nobody said what it is
    """
    header: list[str] = []
    for number, values in _records(lines, delimiter):
        if not header:
            _check_header(lines, values, others)
            header = values
        elif len(values) != len(header):
            amount = "few" if len(values) < len(header) else "many"
            counted = f"{len(values)}, and the header has {len(header)} names"
            raise lines.wrong(number, f"has too {amount} values: {counted}")
        else:
            yield dict(zip(header, values, strict=True))


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The values of each record, with the number of the line where it begins.

    A record has more than one line where there are line ends in quotes.
    """
    # Strict: else a quote that is not closed makes one value of the rest of the file.
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        begin = lines.number + 1
        try:
            values = next(reader, None)
        except csv.Error as error:
            # Behind the dash is advice for who wrote the program.
            problem = str(error).partition(" - ")[0]
            raise lines.wrong(begin, f"cannot be read as CSV: {problem}") from None
        if values is None:
            return
        if values:
            yield begin, values


def _check_header(lines: _Lines, names: list[str], others: Iterable[str]) -> None:
    """Raise `Stop` for names that cannot be those of inputs, or were not cut apart."""
    if len(names) == 1:
        for other in others:
            if other in names[0]:
                shown = "tab" if other == "\t" else f"'{other}'"
                problem = f"is one name: is --delimiter {shown} meant?"
                raise lines.wrong_header(problem)
    for place, name in enumerate(names, 1):
        if not name.strip():
            raise lines.wrong_header(f"has no name in column {place}")
        if names.count(name) > 1:
            raise lines.wrong_header(f"has the name {name} twice")
