"""run-prompts and run-workflows: a run for each row of a file."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import ExitStack
from itertools import chain
from typing import NamedTuple

from .again import same_command
from .bar import LogLines, Overview
from .exits import DONE, FAILED, WRONG_USAGE, Effect, Progress, Stop, exit_for
from .inputs import STANDARD_STREAM, pairs
from .output import print_note
from .rows import RowsFile, allow_long_values
from .runs import options_of, refuse_what_is_no_text
from .sums import Answers, Sums

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TextIO, TypedDict, TypeVar

    from .. import Batch, BatchResult, PromptRun, WorkflowRun
    from .arguments import Arguments
    from .runs import Options
    from .session import Session

    R = TypeVar("R", PromptRun, WorkflowRun)

    class Limits(TypedDict):
        """What a batch takes beside what its runs do."""

        journal: str | None
        workers: int
        timeout: float
        restart_unsure: bool


def run_prompts(session: Session) -> None:
    """Run a prompt for each row of a file."""
    job = _Job(session)
    client = session.connect()
    args = session.args
    batch = client.run_prompts(
        args.slug,
        args.version_or_tag,
        job.rows,
        channel=args.channel,
        **job.limits,
        **job.options,
    )
    _work_off(session, job, batch)


def run_workflows(session: Session) -> None:
    """Run a workflow for each row of a file."""
    job = _Job(session)
    client = session.connect()
    args = session.args
    batch = client.run_workflows(
        args.slug, args.version_or_tag, job.rows, **job.limits, **job.options
    )
    _work_off(session, job, batch)


# --- what is to be done ---


class _Job:
    """What the arguments say of many runs. Nothing is sent, and no file is changed.

    rows       of an ordinary file, which was read once: all of them can be used. Of what
               can be read but once, the first was, and the others are as they are needed
    total      how many there are; None where that is not known
    journal    its path; None is for none
    options    of each run
    limits     of the batch
    no_rows    what a line says where there are none; "" where there are
    goes_on    what a line says of how to go on after an end too early

    Raises `Stop`, and `OSError` of the file.
    """

    __slots__ = ("goes_on", "journal", "limits", "no_rows", "options", "rows", "total")

    def __init__(self, session: Session) -> None:
        args = session.args
        same = pairs("input", args.input or ())
        self.options: Options = options_of(args)
        refuse_what_is_no_text(args, same, self.options)
        session.secrets.extend((self.options["env_vars"] or {}).values())
        file = RowsFile(
            args.file, format=args.format, delimiter=args.delimiter, same=same
        )
        self.journal = _journal(args, file)
        _refuse_one_file_for_two(file.name, args.file, self.journal, _output(args))
        allow_long_values(session.closing)
        self.total: int | None = None
        if file.is_regular:
            self.total = file.count()
        rows = file.read(session.closing)
        first = next(rows, None)
        self.rows: Iterable[Mapping[str, str]] = ()
        self.no_rows = file.without_rows()
        if first is not None:
            self.rows = chain([first], rows)
            self.no_rows = ""
        self.limits: Limits = {
            "journal": self.journal,
            "workers": args.workers,
            "timeout": session.wait_timeout,
            "restart_unsure": args.restart_unsure,
        }
        self.goes_on = _how_to_go_on(args, file, self.journal)


def _journal(args: Arguments, file: RowsFile) -> str | None:
    """The path of the journal; None is for none. Raises `Stop`."""
    if args.journal is not None and args.no_journal:
        raise Stop(WRONG_USAGE, "--journal and --no-journal contradict each other")
    if args.journal is not None and args.demo:
        # The next command would take the answers of a stand-in for those of a model.
        problem = "--demo has no journal: what a stand-in has is gone with it"
        raise Stop(WRONG_USAGE, problem)
    if args.no_journal or args.demo:
        return None
    if args.journal == STANDARD_STREAM:
        raise Stop(WRONG_USAGE, "--journal needs a file: - is a standard stream")
    if args.journal is not None:
        return args.journal
    if file.is_regular:
        return f"{args.file}.journal"
    problem = f"{file.name} is no file to keep a journal beside"
    raise Stop(WRONG_USAGE, f"{problem}: give --journal FILE, or --no-journal")


def _output(args: Arguments) -> str | None:
    """The path of the file for the results; None is standard output."""
    return None if args.output == STANDARD_STREAM else args.output


def _refuse_one_file_for_two(
    name: str, file: str, journal: str | None, output: str | None
) -> None:
    """Raise `Stop` where one of FILE, journal and output would overwrite another.

    So can a standard stream: `run-prompts SLUG VERSION - < a.csv >> a.csv` would read its
    own results as rows, and start runs for them without an end.

    name  how an error names FILE
    """
    if file == STANDARD_STREAM:
        uses = [(name, _place_of_stream(sys.stdin))]
    else:
        uses = [(name, _place_of_file(file))]
    if journal is not None:
        uses.append((journal, _place_of_file(journal)))
    if output is not None:
        uses.append((output, _place_of_file(output)))
    else:
        uses.append(("standard output", _place_of_stream(sys.stdout)))
    used: dict[_Place, str] = {}
    for name, place in uses:
        if place in used:
            other = "" if used[place] == name else f"{used[place]} and "
            problem = f"{other}{name} cannot be two of FILE, --journal and --output"
            raise Stop(WRONG_USAGE, problem)
        if place is not None:
            used[place] = name


class _Place(NamedTuple):
    """An ordinary file, by whatever name: all that name it are equal.

    device, number  of one that is there
    path            of one that is not there yet
    """

    device: int = 0
    number: int = 0
    path: str = ""


def _place_of_file(path: str) -> _Place | None:
    """None is a file of another kind."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return _Place(path=os.path.realpath(path))
    return _place_of_status(status)


def _place_of_stream(stream: TextIO | None) -> _Place | None:
    """None is one that is closed, or does not lead to an ordinary file."""
    if stream is None:
        return None
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return None
    return _place_of_status(status)


def _place_of_status(status: os.stat_result) -> _Place | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return _Place(status.st_dev, status.st_ino)


def _how_to_go_on(args: Arguments, file: RowsFile, journal: str | None) -> str:
    """What a line says of how to go on; nothing of a stand-in, which is gone."""
    if args.demo:
        return ""
    if journal is None:
        return "without a journal, the same command starts all of it again"
    same_input = "" if file.is_regular else ", with the same input"
    return f"the same command goes on{same_input}: {same_command(args)}"


# --- doing it ---


def _work_off(session: Session, job: _Job, batch: Batch[R]) -> None:
    """Write the result of each row as it comes, and end as all of them say.

    Raises `Stop`, unless all runs have completed.
    """
    sums = Sums(job.total)
    overview = Overview(lambda: batch.counts, lambda: batch.cost, job.total)
    with ExitStack() as leaving:
        _enter(leaving, batch, job)
        # Not before: another command may be writing it, with this journal.
        answers = Answers(_output(session.args), leaving)
        # From here on, whatever ends it says how far it has come.
        session.progress.began(job.goes_on)

        def write_all() -> None:
            for result in _results(session, job, batch, sums):
                _write(session, answers, result)
                sums.add(result)
                text = sums.text(batch.cost)
                session.progress.started = _joined(text, job.goes_on)

        _watched(session, overview, write_all)
    session.progress.effect = Effect.NONE
    text = sums.text(batch.cost)
    code = sums.exit_code()
    if code != DONE:
        advice = sums.advice(has_journal=job.journal is not None)
        raise Stop(code, _joined(text, sums.trouble, advice))
    if not session.args.quiet:
        print_note(_joined(job.no_rows, text))


def _enter(leaving: ExitStack, batch: Batch[R], job: _Job) -> None:
    """Enter the batch: open the journal. Raises `Stop`, and `ValidationError`."""
    try:
        leaving.enter_context(batch)
    except OSError as error:
        code = WRONG_USAGE if isinstance(error, _NO_SUCH_PLACE) else FAILED
        raise Stop(code, _journal_problem(job, error)) from None


_NO_SUCH_PLACE = (
    FileNotFoundError,
    IsADirectoryError,
    NotADirectoryError,
    PermissionError,
)
"""What is wrong with a path, and not with the disk."""


def _journal_problem(job: _Job, error: OSError) -> str:
    return f"the journal {job.journal} cannot be written: {error.strerror}"


def _results(
    session: Session, job: _Job, batch: Batch[R], sums: Sums
) -> Iterator[BatchResult[R]]:
    """The results. What ends them early is raised as a `Stop`.

    Then nothing is under way any more, so that the sums tell what can have been started.
    """
    iterator = iter(batch)
    while True:
        try:
            result = next(iterator)
        except StopIteration:
            return
        except Exception as error:
            code, text = _why_early(session, job, error)
            if code == FAILED:
                code = sums.exit_code_of_end()
            session.progress.effect = Effect.NONE
            said = _joined(text, sums.text(batch.cost), job.goes_on)
            raise Stop(code, said) from error
        yield result


def _why_early(session: Session, job: _Job, error: Exception) -> tuple[int, str]:
    """The exit code, and what ended a batch early in words."""
    from .. import PromptJugglerError

    # A fresh one, by which nothing was started: what was, the sums tell.
    progress = Progress()
    progress.looked_for = session.progress.looked_for
    code, text = exit_for(error, progress)
    # A time limit is an OSError, too.
    if isinstance(error, OSError) and not isinstance(error, PromptJugglerError):
        return FAILED, _journal_problem(job, error)
    return code, text


def _write(session: Session, answers: Answers, result: BatchResult[R]) -> None:
    """Write a result, in a terminal above the bar."""
    if answers.is_terminal():
        session.above_line(lambda: answers.write(result))
    else:
        answers.write(result)


def _watched(session: Session, overview: Overview, call: Callable[[], None]) -> None:
    """Make a call, and meanwhile show how it goes: by a bar, or line by line in a log."""
    if session.draws_line:
        session.with_progress(overview.bar, call)
    elif session.args.quiet:
        call()
    else:
        with LogLines(overview.text):
            call()


def _joined(*texts: str) -> str:
    return "; ".join(filter(None, texts))
