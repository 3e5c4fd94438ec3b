"""What has come of many runs: a line of JSON for each, and the sums of all."""

from __future__ import annotations

import io
import json
import sys
import time

from .advice import in_words_of_options
from .amounts import in_dollars, in_words
from .exits import DONE, FAILED, MAY_BE_DONE, RUN_FAILED, WRONG_USAGE, Stop
from .output import print_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack

    from .. import BatchResult, PromptJugglerError, PromptRun, WorkflowRun

    Result = BatchResult[PromptRun] | BatchResult[WorkflowRun]


_NOT_FOUND = 404


class Answers:
    """Where the results go: standard output, or a file that is written anew.

    A file is written line by line, so that it can be read along; it is whole when the
    command has ended by itself. What it lacks is in the journal.

    path       of the file; None is standard output
    closing    closes it

    Raises `Stop` where it cannot be opened, or later be written.
    """

    __slots__ = ("_file", "_name")

    def __init__(self, path: str | None, closing: ExitStack) -> None:
        self._name = path or "a file without a name"
        self._file: io.FileIO | None = None
        if path is not None:
            try:
                self._file = closing.enter_context(io.FileIO(path, "w"))
            except OSError as error:
                problem = f"{self._name} cannot be written: {error.strerror}"
                raise Stop(WRONG_USAGE, problem) from None

    def is_terminal(self) -> bool:
        """Whether somebody reads along, where a line may be drawn, too."""
        return self._file is None and sys.stdout.isatty()

    def write(self, result: Result) -> None:
        """Write the line of a result."""
        document = _document(result)
        if self._file is None:
            print_json(document, indent=None)
            return
        text = json.dumps(document, default=str, ensure_ascii=False)
        # Half a character of UTF-16 becomes an escape, as JSON has it.
        rest = memoryview(f"{text}\n".encode(errors="backslashreplace"))
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            problem = f"{self._name} cannot be written: {error.strerror}"
            raise Stop(FAILED, problem) from error


def _document(result: Result) -> dict[str, object]:
    """A result as JSON has it: always with all members."""
    run = result.run
    error = result.error
    return {
        "index": result.index,
        "inputs": dict(result.inputs),
        "run_id": None if result.run_id is None else str(result.run_id),
        "run": None if run is None else run.to_dict(),
        "error": None if error is None else _document_of(error),
    }


def _document_of(error: PromptJugglerError) -> dict[str, object]:
    """An error as JSON has it."""
    return {
        "type": type(error).__name__,
        "message": in_words_of_options(str(error)),
        "status_code": getattr(error, "status_code", None),
        "may_have_taken_effect": error.may_have_taken_effect,
    }


class Sums:
    """Counts results.

    total      how many there will be; None where that is not known

    trouble    what was wrong with the first that has not completed, for a line; "" where
               all have
    """

    __slots__ = (
        "_begun",
        "_completed",
        "_errors",
        "_failed",
        "_gone",
        "_pending",
        "_total",
        "_unsure",
        "trouble",
    )

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._begun = time.monotonic()
        self._completed = 0
        self._failed = 0
        self._errors = 0
        # There is a run, and its end is not known; there can be one.
        self._pending = 0
        self._unsure = 0
        # There was a run, of which the API knows no more.
        self._gone = 0
        self.trouble = ""

    def add(self, result: Result) -> None:
        """Count a result."""
        error = result.error
        trouble = in_words_of_options(str(error))
        if result.run is not None:
            trouble = _failure(result.run)
        if result.run is not None and not trouble:
            self._completed += 1
            return
        if not self.trouble:
            self.trouble = f"row {result.index}: {trouble}"
        if error is None:
            self._failed += 1
        elif _is_gone(result):
            self._gone += 1
        elif result.run_id is not None:
            self._pending += 1
        elif error.may_have_taken_effect:
            self._unsure += 1
        else:
            self._errors += 1

    def text(self, cost: float) -> str:
        """The sums in words; `cost` is in US dollars."""
        unsure = self._pending + self._unsure + self._gone
        ended = self._completed + self._failed + self._errors + unsure
        of = f" of {self._total:,}" if self._total not in (None, ended) else ""
        noun = "row" if ended == 1 and not of else "rows"
        took = in_words(time.monotonic() - self._begun)
        parts = [f"{ended:,}{of} {noun} in {took}: {self._completed:,} completed"]
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        if self._errors:
            parts.append(f"{self._errors:,} with an error")
        if unsure:
            parts.append(f"{unsure:,} unsure")
        if cost > 0.0:
            parts.append(in_dollars(cost))
        return ", ".join(parts)

    def exit_code(self) -> int:
        """That of the worst result: what may cost money twice is worse than an error."""
        if self._are_some_unsure():
            return MAY_BE_DONE
        if self._errors:
            return FAILED
        if self._failed:
            return RUN_FAILED
        return DONE

    def exit_code_of_end(self) -> int:
        """The same where an error has ended all of it, before all rows had a result."""
        return MAY_BE_DONE if self._are_some_unsure() else FAILED

    def _are_some_unsure(self) -> bool:
        return self._pending + self._unsure + self._gone > 0

    def advice(self, *, has_journal: bool) -> str:
        """What can be done about what has no run, or none that has ended; "" is nothing."""
        if not has_journal:
            return ""
        if self._gone:
            unknown = " and runs that nobody knows of" if self._unsure else ""
            return (
                f"with --restart-unsure, runs that are gone{unknown} are started again"
            )
        if self._unsure:
            return "with --restart-unsure, runs that nobody knows of are started again"
        if self._pending or self._errors:
            return "the same command goes on with what has no result"
        return ""


def _is_gone(result: Result) -> bool:
    """Whether there was a run, which is there no more."""
    status: object = getattr(result.error, "status_code", None)
    return result.run_id is not None and status == _NOT_FOUND


def _failure(run: PromptRun | WorkflowRun) -> str:
    """Why a run has failed; "" where it has not."""
    if run.status == "completed":
        return ""
    reasons = [getattr(run, "error", None), *getattr(run, "errors", ())]
    text = "; ".join(filter(None, reasons)) or "no reason is given"
    return f"run {run.id} ended as {run.status}: {text}"
