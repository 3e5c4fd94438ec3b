"""The journal of a batch: what its lines say of the call, and of each of its rows.

It is a file of JSON lines. The first says which call it is of: the kind of run, slug,
version, and digests of the options that change what a run is. Each other is about a row:

    {"row": 7, "inputs": "5f0c...", "state": "starting"}
    {"row": 7, "inputs": "5f0c...", "state": "started", "id": "0190..."}
    {"row": 7, "inputs": "5f0c...", "state": "ended", "id": "0190...", "run": {...}}

and the last one of a row counts. *Starting* stands there before a request that starts a
run leaves, so one that is left so may have been started. After it *refused* says that
no run of the row was ever started. Where that was a second start, since the first is
unsure or its run is gone, a refusal leaves *starting* as it is, or is followed by the
*started* of the first. Where all were refused, there is nothing to go on from: any call
begins the file anew.

Inputs can be private: of them there is a digest, made with a key that each journal has
for itself. Of `env_vars` there are names alone, which are digested: values can be
secrets that are easily guessed, and whoever has the file could try guesses on a digest.
The runs stand there as they are; the file is for its owner alone.
"""

from __future__ import annotations

import hmac
import json
import os
from array import array
from collections.abc import Mapping
from uuid import UUID

from .._json import canonical_uuid
from ..errors import ValidationError
from .file import Line, LockedFile

STARTING = "starting"
REFUSED = "refused"
STARTED = "started"
ENDED = "ended"
_STATES = (STARTING, REFUSED, STARTED, ENDED)

_FORMAT = 1
_FIRST_KEY = "promptjuggler"
_WHAT = "journal of a batch"
# A header that was cut off is a part of such a text, or begins with it.
_BEGIN = b'{"promptjuggler": "journal of a batch", '

_BYTES_OF_KEY = 16
_LETTERS_OF_DIGEST = 32

# How many rows can be without a line, between two that have one: wrong inputs have none.
_WIDEST_GAP = 10_000_000

_NOWHERE = -1

_WAY_OUT = "use another journal, or delete this one"


class Record:
    """What the journal says of a row.

    state   the last that it was in
    digest  of its inputs
    run_id  None where it is not known to be started
    run     the JSON of the run; None where it has not ended
    place   where the line is, for errors
    """

    __slots__ = ("digest", "place", "run", "run_id", "state")

    def __init__(
        self,
        state: str,
        digest: str,
        run_id: UUID | None,
        run: dict[str, object] | None,
        place: str,
    ) -> None:
        self.state = state
        self.digest = digest
        self.run_id = run_id
        self.run = run
        self.place = place


class Journal:
    """A journal, opened and locked until it is closed.

    path   of its file
    about  what the call is: `kind`, `slug`, `version`, texts that are shown in errors,
           and `options`, of which there is a digest

    It takes 8 bytes of memory for each row. Raises `OSError` of the file, and
    `ValidationError` where it is locked, no journal, damaged, or of another call that
    has started a run, or may have.
    """

    __slots__ = ("_file", "_has_runs", "_key", "_lacks_end", "_places", "_unsure")

    def __init__(self, path: str, about: Mapping[str, object]) -> None:
        self._file = LockedFile(path)
        # Where the last line of each row begins.
        self._places = array("q")
        # Whether some run was certainly started, and the rows of which one may have been:
        # no more than had workers when a process was killed.
        self._has_runs = False
        self._unsure: set[int] = set()
        # Whether the last line says all that it is to say, and only has no line end.
        self._lacks_end = False
        self._key = b""
        try:
            self._open(about)
        except BaseException:
            self._file.close()
            raise

    def _open(self, about: Mapping[str, object]) -> None:
        """Read what is there, and go on with it; or begin it, or begin it anew."""
        problem = self._read(about)
        if self._nothing_was_started():
            self._places = array("q")
            self._file.clear()
            self._begin(about)
        elif problem:
            path = self._file.path
            raise ValidationError(
                f"the journal {path} is of another call: {problem}: {_WAY_OUT}"
            )
        elif self._lacks_end:
            self._file.end_last_line()
        else:
            self._file.cut_off()

    def _nothing_was_started(self) -> bool:
        """Whether all starts that were read have certainly not been carried out."""
        return not self._has_runs and not self._unsure

    def close(self) -> None:
        """Close the file, which lets go of its lock."""
        self._file.close()

    def digest(self, value: object) -> str:
        """The digest of something that JSON can hold."""
        text = json.dumps(value, sort_keys=True)
        digest = hmac.digest(self._key, text.encode(), "sha256")
        return digest.hex()[:_LETTERS_OF_DIGEST]

    def write(self, row: int, digest: str, state: str, **more: object) -> None:
        """Say of a row how far it is. It is on the disk then. Raises `OSError`."""
        line = {"row": row, "inputs": digest, "state": state, **more}
        self._file.append(json.dumps(line, separators=(",", ":")).encode())

    def record_of(self, row: int, digest: str) -> Record | None:
        """What an earlier call wrote of a row; None: nothing.

        digest  of its inputs now

        Raises `ValidationError` where its inputs were others.
        """
        if not self._has_record(row):
            return None
        place = f"the line of row {row} in the journal {self._file.path}"
        line = self._file.line_at(self._places[row])
        record = _record(_parsed(line, place), place)
        if record.digest != digest:
            raise self._other_inputs(row)
        return record

    def check_has_no_record(self, row: int) -> None:
        """Raise `ValidationError` where an earlier call wrote something of a row."""
        if self._has_record(row):
            raise self._other_inputs(row)

    def _has_record(self, row: int) -> bool:
        return row < len(self._places) and self._places[row] != _NOWHERE

    def _other_inputs(self, row: int) -> ValidationError:
        return ValidationError(
            f"the inputs of row {row}, counted from 0, are not those that it had"
            f" when the journal {self._file.path} was written: {_WAY_OUT}"
        )

    def _begin(self, about: Mapping[str, object]) -> None:
        """Write the first line."""
        self._key = os.urandom(_BYTES_OF_KEY)
        header = {
            _FIRST_KEY: _WHAT,
            "format": _FORMAT,
            "key": self._key.hex(),
            **about,
            "options": self.digest(about["options"]),
        }
        self._file.append(json.dumps(header).encode())

    def _read(self, about: Mapping[str, object]) -> str:
        """Read what is there. The last line can be one that was cut off.

        Gives what is other about the call that it is of; "" where nothing is.
        """
        path = self._file.path
        problem = ""
        for number, line in enumerate(self._file.lines(), 1):
            place = f"line {number} of the journal {path}"
            if number == 1 and not _is_header(line):
                raise ValidationError(f"this is no journal of a batch: {path}")
            if number == 1 and line.is_whole:
                problem = self._read_header(_parsed(line.text, place), about)
            elif line.is_whole:
                self._read_row(_parsed(line.text, place), line.begin, place)
            elif number > 1 and _is_document(line.text):
                # No process leaves this, but an editor can. What it says of a start holds.
                self._lacks_end = True
                self._read_row(_parsed(line.text, place), line.begin, place)
        return problem

    def _read_header(
        self, header: Mapping[str, object], about: Mapping[str, object]
    ) -> str:
        path = self._file.path
        key = header.get("key")
        if header.get("format") != _FORMAT or not isinstance(key, str):
            raise ValidationError(
                f"the journal {path} was written by another version of this package:"
                f" {_WAY_OUT}"
            )
        self._key = _bytes_of(key, f"line 1 of the journal {path}")
        for name in ("base_url", "kind", "slug", "version"):
            if header.get(name) != about[name]:
                return f"its {name} is {header.get(name)!r}, and not {about[name]!r}"
        if header.get("options") != self.digest(about["options"]):
            return (
                "its thread, environment, metadata, channel or the names of its"
                " env_vars are others"
            )
        return ""

    def _read_row(self, line: Mapping[str, object], begin: int, place: str) -> None:
        record = _record(line, place)
        row = line.get("row")
        if not isinstance(row, int) or isinstance(row, bool):
            raise _damaged(place)
        missing = row + 1 - len(self._places)
        if row < 0 or missing > _WIDEST_GAP:
            raise _damaged(place)
        if missing > 0:
            self._places.extend([_NOWHERE] * missing)
        self._places[row] = begin
        if record.state in (STARTED, ENDED):
            self._has_runs = True
        if record.state == STARTING:
            self._unsure.add(row)
        else:
            self._unsure.discard(row)


def _is_header(line: Line) -> bool:
    """Whether it is the first line of a journal, or what a killed process left of it."""
    if line.text.startswith(_BEGIN):
        return True
    return not line.is_whole and _BEGIN.startswith(line.text)


def _is_document(text: bytes) -> bool:
    """Whether it is all of a JSON object: of one that was cut off, the end is missing."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _parsed(text: bytes, place: str) -> dict[str, object]:
    """The JSON object of a line."""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        raise _damaged(place) from None
    if not isinstance(document, dict):
        raise _damaged(place)
    return document


def _record(line: Mapping[str, object], place: str) -> Record:
    """What a line says of its row. Raises where it is no such line."""
    state = line.get("state")
    digest = line.get("inputs")
    run_id = line.get("id")
    run = line.get("run")
    if state not in _STATES or not isinstance(digest, str):
        raise _damaged(place)
    id_text = canonical_uuid(run_id) if isinstance(run_id, str) else None
    if state in (STARTED, ENDED) and id_text is None:
        raise _damaged(place)
    if state == ENDED and not isinstance(run, dict):
        raise _damaged(place)
    return Record(
        str(state),
        digest,
        None if id_text is None else UUID(id_text),
        run if isinstance(run, dict) else None,
        place,
    )


def _bytes_of(text: str, place: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise _damaged(place) from None


def _damaged(place: str) -> ValidationError:
    return ValidationError(f"{place} is damaged, or was not written by a batch")
