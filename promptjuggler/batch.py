"""Many runs from many inputs: each started once, and gone on with after any crash.

    with PromptJuggler() as pj:
        with pj.run_prompts("greeting", "production", rows, journal="rows.journal") as batch:
            for result in batch:
                print(result.index, result.run.output if result.run else result.error)

`PromptJuggler.run_prompts` and `run_workflows` make a `Batch`. It calls what is public of
the client, in some threads: it starts each run in one attempt (`max_retries` 0), so that it
decides itself when to start it again, and then waits for it.

**Errors.** A run that has failed is a result like one that has completed: look at its
`status`. Where there is no run, the result has the error instead, and the batch goes on.
`may_have_taken_effect` of that error says whether a run can have been started.

**When a start fails.** One that certainly was not carried out (`may_have_taken_effect` is
False, as where nobody listens, or at status 429) is tried again. After a failure nobody
else starts, before a delay is over that grows from 0.5 s to 8 s and is at least what
`Retry-After` asks for; then one start at a time is tried, until one succeeds. What is under
way is waited for meanwhile. Each such delay of a start is an INFO line of the log. The
batch ends where none succeeds for 5 minutes, where another attempt would certainly fail too
(such as a certificate that is not trusted), and at status 401, 404 and 407, which would
be the answer for every row.

**The journal.** A line is forced to disk before each start, after each answer and at each
end. So whenever the process is killed, or the power fails: a run that had ended is given
again without a request, one whose id was written is waited for, and one that was just being
started, of which nobody knows, is a `NetworkError` with `may_have_taken_effect`, until
`restart_unsure` says that it may be started again, as it may be where a run is gone (an
`ApiError` with status 404 and a `run_id`). Where that start fails or is refused, it is as
unsure as before: its error has `may_have_taken_effect`, and the next call starts it no more
without `restart_unsure`. A last line that was cut off is no error. A file that is no
journal, or is damaged, is left as it is. One batch has it at a time, of whatever process.
It takes 8 bytes of memory for each row.

In the file are the runs, as they are: it is for its owner alone. Of inputs there are
digests, with a key of each file's own; of `env_vars` nothing but their names' digest.

**The end.** Whatever ends a batch early is raised by the iteration, as it is, after the
results of what is under way: that, an exception of the iterable, an `OSError` of the
journal, a `ValidationError` about the journal. The same call later goes on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from ._arguments import checked_texts
from ._batch.arguments import (
    RESTART_UNSURE,
    check_timeout,
    checked_flag,
    checked_journal,
    checked_rows,
    checked_workers,
)
from ._batch.clock import Stopped
from ._batch.course import Course, Phase
from ._batch.crew import Crew
from ._batch.journal import ENDED, STARTING, Record
from ._batch.pace import Pace
from ._batch.tally import Tally
from ._batch.work import Calls, Row, Work
from ._frozen import Frozen
from .errors import NetworkError, PromptJugglerError, ValidationError

if TYPE_CHECKING:
    from .models.prompt_runs import PromptRun
    from .models.workflow_runs import WorkflowRun

__all__ = ["Batch", "BatchCounts", "BatchResult"]

_R = TypeVar("_R", "PromptRun", "WorkflowRun")

# Rows that are taken from the inputs before their results are given, for each worker.
_ROWS_AHEAD = 2

_LONGEST_NAP = 1.0


@dataclass(frozen=True, slots=True, repr=False)
class BatchResult(Frozen, Generic[_R]):
    """What came of one of the inputs: a run that has ended, or an error.

    index   which of the inputs it was, counted from 0
    inputs  as they were given
    run_id  of the run; None where none is known to be started
    run     the run, which has ended: its `status` says how. None where there is an error
    error   why there is no run. `WaitTimeout`: the run goes on, and the next call with
            the same journal waits for it again. None where there is a run
    """

    index: int
    inputs: Mapping[str, str]
    run_id: UUID | None
    run: _R | None
    error: PromptJugglerError | None


@dataclass(frozen=True, slots=True, repr=False)
class BatchCounts(Frozen):
    """How many of the inputs that were taken so far are in which state.

    done       the run has completed
    failed     the run has failed, or there certainly is none
    unsure     there can be a run of which the end is not known: it may have been started,
               or it was started, and there was an error or no time to wait for it
    under_way  a worker has them: they wait to be started, or for their end. The others
               that were taken wait for a worker, and are counted nowhere
    """

    done: int
    failed: int
    unsure: int
    under_way: int


class Batch(Generic[_R]):
    """Runs from many inputs. Made by `PromptJuggler.run_prompts` or `run_workflows`.

        with pj.run_prompts("greeting", "production", rows) as batch:
            for result in batch:
                ...

    Entering it opens the journal, if there is one, and sends nothing. Iterating takes the
    inputs and gives a `BatchResult` for each, in the order in which they end. It is the
    thread that iterates which takes them, and never more than `2 * workers` before their
    results were given: inputs that come slowly, and results that are handled slowly,
    slow the batch down.

    Leaving the `with` early, by `break`, an exception or Ctrl-C, starts no more runs. It
    waits for the requests that are on their way, so that the ids of runs are known; a
    second Ctrl-C does not wait. Runs that are under way go on, and with a journal the
    same call later waits for them.

    Entering raises
        OSError          the journal cannot be opened or written, as where the disk is full
        ValidationError  the journal is in use, damaged, or that of another call
        RuntimeError     it was entered before

    Iterating raises
        ValidationError  inputs are not those that the journal was written for
        OSError          the journal could not be written
        ApiError, NetworkError, DecodeError
                         no run could be started for 5 minutes, or none ever can
        RuntimeError     it is not entered, or was left; or it had come to its end, where
                         it is iterated over once more; or another thread is waiting for
                         a result of it; or there can be no thread, not even one
        and what the iterable of inputs raises.

    `counts` and `cost` can be read from any thread, as for a progress bar, and by a signal
    handler. Where there can be no more threads, those that live do the work of all.
    """

    def __init__(
        self,
        calls: Calls[_R],
        inputs: Iterable[Mapping[str, str]],
        about: Mapping[str, object],
        *,
        journal: str | os.PathLike[str] | None,
        workers: int,
        timeout: float,
        restart_unsure: bool,
    ) -> None:
        """Not to be called: `run_prompts` and `run_workflows` of the client do.

        calls    those of the client, which have the `timeout`
        about    what the call is, for the journal
        timeout  is but checked here, before anything is sent
        """
        self._calls: Calls[_R] = calls
        self._inputs = checked_rows(inputs)
        self._about = about
        self._path = checked_journal(journal)
        self._workers = checked_workers(workers)
        check_timeout(timeout)
        self._restart_unsure = checked_flag("restart_unsure", restart_unsure)
        self._tally = Tally()
        self._pace = Pace(calls.clock)
        self._queue: SimpleQueue[Row | None] = SimpleQueue()
        # None: a row that was taken and then not started.
        self._results: SimpleQueue[BatchResult[_R] | None] = SimpleQueue()
        self._work: Work[_R] = Work(calls, self._pace, self._end, self._restart_unsure)
        self._crew = Crew(when_done=self._work.close_journal)
        self._process = os.getpid()
        self._rows: Iterator[Mapping[str, str]] = iter(())
        # Held by the thread that iterates, while it waits for a result.
        self._iterating = threading.Lock()
        self._index = 0
        self._results_to_come = 0
        self._course = Course()

    @property
    def counts(self) -> BatchCounts:
        """How many of the inputs are done, failed, unsure, and under way."""
        done, failed, unsure, under_way = self._tally.counts()
        return BatchCounts(done, failed, unsure, under_way)

    @property
    def cost(self) -> float:
        """What the runs of all results so far have cost, in US dollars.

        Those of an earlier call that the journal has are among them; runs of which no
        cost is known are not.
        """
        return self._tally.cost

    def __enter__(self) -> Batch[_R]:
        if self._course.phase is not Phase.NEW:
            raise RuntimeError("a batch is entered once: make another")
        if self._path is not None:
            self._work.open_journal(self._path, self._about)
        self._course.go_on_to(Phase.TAKING)
        try:
            self._rows = iter(self._inputs)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._leave()

    def __iter__(self) -> Batch[_R]:
        self._check_is_entered()
        if self._course.phase is Phase.ENDED:
            raise RuntimeError("a batch is iterated over once: make another")
        return self

    def __next__(self) -> BatchResult[_R]:
        # Two would count the results that are to come in each other's way, and wait for
        # ever. As with a generator, that is an error; one after the other is none.
        if not self._iterating.acquire(blocking=False):
            raise RuntimeError(
                "a batch gives one result at a time: another thread waits for one"
            )
        try:
            return self._next()
        finally:
            self._iterating.release()

    def _next(self) -> BatchResult[_R]:
        while True:
            self._check_is_entered()
            self._take_rows()
            if self._results_to_come == 0:
                self._raise_end()
            result = self._next_result()
            self._results_to_come -= 1
            if result is not None:
                return result

    def _next_result(self) -> BatchResult[_R] | None:
        """Wait for a result. On Windows, Ctrl-C ends no wait that has no limit."""
        while True:
            try:
                return self._results.get(timeout=_LONGEST_NAP)
            except Empty:
                # Another thread may have left it.
                self._check_is_entered()

    def _check_is_entered(self) -> None:
        if self._process != os.getpid():
            raise RuntimeError(
                "a batch goes on in the process that it was made in alone"
            )
        if self._course.phase in (Phase.NEW, Phase.LEFT):
            raise RuntimeError("a batch runs in a with statement")

    def _raise_end(self) -> None:
        """Raise what ended the batch, or `StopIteration`."""
        error = self._course.end()
        if error is not None:
            raise error
        raise StopIteration

    def _end(self, error: BaseException) -> None:
        """End the batch early, from any thread: nothing is started any more."""
        self._course.end_with(error)
        self._pace.end()

    def _leave(self) -> None:
        """Start no more, and wait for the requests that are on their way."""
        if self._process != os.getpid():
            return
        self._course.go_on_to(Phase.LEFT)
        self._calls.clock.stop()
        self._pace.end()
        self._crew.dismiss()
        for _ in self._crew.threads:
            self._queue.put(None)
        self._crew.wait()

    # Rows are taken

    def _take_rows(self) -> None:
        """Take a row, and then more until there is a result or as many as may be."""
        if self._may_take_row():
            self._take_row()
        while self._may_take_row() and self._results.empty():
            self._take_row()

    def _may_take_row(self) -> bool:
        if self._course.phase is not Phase.TAKING:
            return False
        return self._results_to_come < _ROWS_AHEAD * self._workers

    def _take_row(self) -> None:
        """Take a row from the inputs. What that raises, is raised in the end."""
        try:
            inputs = next(self._rows)
        except StopIteration:
            self._course.go_on_to(Phase.ENDING)
            return
        except Exception as error:
            # What was taken before is right, and is run.
            self._course.end_with(error)
            return
        index = self._index
        self._index += 1
        try:
            self._dispose(index, inputs)
        except Exception as error:
            # The journal is of other inputs, is damaged or cannot be read, or there is
            # no worker. Each further row would come to the same.
            self._end(error)

    def _dispose(self, index: int, inputs: Mapping[str, str]) -> None:
        """Give a row to the workers, or its result where that is known."""
        try:
            texts = checked_texts("inputs", inputs)
        except ValidationError as error:
            self._work.check_has_no_record(index)
            self._give(BatchResult(index, inputs, None, None, error))
            return
        row = Row(index, texts)
        self._work.look_up(row)
        if row.before is not None and self._give_if_settled(row, row.before):
            return
        # Where one could not be had, it is asked for again.
        if len(self._crew.threads) < self._workers:
            self._crew.hire(self._run_rows)
        self._results_to_come += 1
        self._queue.put(row)

    def _give_if_settled(self, row: Row, record: Record) -> bool:
        """Give the result of a row where the journal has it. False: it has none."""
        if record.state == ENDED:
            run = self._work.run_in(record)
            self._give(BatchResult(row.index, row.inputs, record.run_id, run, None))
            return True
        if record.state == STARTING and not self._restart_unsure:
            error = NetworkError(
                f"an earlier call may have started a run for row {row.index}, and was"
                f" ended before it was answered{RESTART_UNSURE}"
            )
            self._give(BatchResult(row.index, row.inputs, None, None, error))
            return True
        return False

    def _give(self, result: BatchResult[_R]) -> None:
        """Give a result that is known without a request."""
        self._results_to_come += 1
        self._tally.began()
        self._tally.ended(result.run, result.error)
        self._results.put(result)

    # Workers

    def _run_rows(self) -> None:
        """What each worker does, until it gets a None."""
        while True:
            row = self._queue.get()
            if row is None:
                return
            self._tally.began()
            result = self._result_of(row)
            if result is None:
                self._tally.dropped()
            else:
                self._tally.ended(result.run, result.error)
            self._results.put(result)

    def _result_of(self, row: Row) -> BatchResult[_R] | None:
        """The result of a row; None where it was not started, or is not waited for."""
        try:
            run = self._work.run_of(row)
        except Stopped:
            return None
        except PromptJugglerError as error:
            # It says whether its own request had an effect: a look at the run, or a
            # second start. The row has a run all the same, or may have one.
            if row.run_id is not None or row.may_have_run():
                error.may_have_taken_effect = True
            # Its traceback would keep the frames of the worker, as long as the result.
            failure = error.with_traceback(None)
            return BatchResult(row.index, row.inputs, row.run_id, None, failure)
        except BaseException as error:
            self._end(error)
            return None
        return BatchResult(row.index, row.inputs, row.run_id, run, None)
