"""One row of a batch, from its inputs to its outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Generic, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from ..errors import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    ValidationError,
)
from .clock import StoppableClock, Stopped
from .journal import ENDED, REFUSED, STARTED, STARTING, Journal, Record
from .pace import Pace

if TYPE_CHECKING:
    # Who runs the one kind needs no class for the other.
    from ..models.prompt_runs import PromptRun
    from ..models.workflow_runs import WorkflowRun

Run = TypeVar("Run", "PromptRun", "WorkflowRun")

# A start that came too soon, and can be made later.
_TOO_MANY_REQUESTS = 429

# The key is refused, or there is no such prompt: so it would be for every other row.
_HOPELESS = (401, 404)

# At a look at a run: it is there no more.
_RUN_IS_GONE = 404


class Calls(Generic[Run]):
    """What a batch does with a client: calls of its public methods.

    kind      the class of the runs
    start     starts a run with some inputs, in one attempt, and gives its id
    wait      waits for the end of a run
    is_final  whether another attempt would certainly fail as this error says
    log_delay
              tells the log of the method and path of a request, that it is sent again,
              after how many seconds and which error
    clock     that on which `wait` sleeps
    """

    __slots__ = ("clock", "is_final", "kind", "log_delay", "start", "wait")

    def __init__(
        self,
        kind: type[Run],
        start: Callable[[Mapping[str, str]], UUID],
        wait: Callable[[UUID], Run],
        is_final: Callable[[PromptJugglerError], bool],
        log_delay: Callable[[str, str, float, Exception], None],
        clock: StoppableClock,
    ) -> None:
        self.kind: type[Run] = kind
        self.start = start
        self.wait: Callable[[UUID], Run] = wait
        self.is_final = is_final
        self.log_delay = log_delay
        self.clock = clock


class Row:
    """One of the inputs.

    digest  of its inputs; "" without a journal
    before  what an earlier call wrote of it; None: nothing
    run_id  of its run, as in the journal; None where none is known to be started
    """

    __slots__ = ("before", "digest", "index", "inputs", "run_id")

    def __init__(self, index: int, inputs: Mapping[str, str]) -> None:
        self.index = index
        self.inputs = inputs
        self.digest = ""
        self.before: Record | None = None
        self.run_id: UUID | None = None

    def may_have_run(self) -> bool:
        """Whether an earlier call started a run, or may have.

        No later start changes that, whatever becomes of it.
        """
        return self.before is not None and self.before.state != REFUSED


class Work(Generic[Run]):
    """What the workers do with rows; all of them share one.

    end      called with an error that ends the batch: no other row is started
    restart_unsure
             whether a run of an earlier call that is gone is started again
    """

    __slots__ = ("_calls", "_end", "_journal", "_pace", "_restart_unsure")

    def __init__(
        self,
        calls: Calls[Run],
        pace: Pace,
        end: Callable[[BaseException], None],
        restart_unsure: bool,
    ) -> None:
        self._calls: Calls[Run] = calls
        self._pace = pace
        self._end = end
        self._restart_unsure = restart_unsure
        self._journal: Journal | None = None

    def open_journal(self, path: str, about: Mapping[str, object]) -> None:
        """Write down what is done, and go on with what was; raises as `Journal` does."""
        self._journal = Journal(path, about)

    def close_journal(self) -> None:
        """Close the journal, if there is one."""
        if self._journal is not None:
            self._journal.close()

    def look_up(self, row: Row) -> None:
        """Read what an earlier call wrote of a row.

        Raises `OSError`, and `ValidationError` where it had other inputs.
        """
        if self._journal is None:
            return
        row.digest = self._journal.digest(row.inputs)
        row.before = self._journal.record_of(row.index, row.digest)
        if row.before is not None and row.before.state == STARTED:
            row.run_id = row.before.run_id

    def check_has_no_record(self, index: int) -> None:
        """Raise `ValidationError` where a row, which has wrong inputs, had right ones."""
        if self._journal is not None:
            self._journal.check_has_no_record(index)

    def run_in(self, record: Record) -> Run:
        """The run, which has ended, that the journal has."""
        try:
            run: Run = self._calls.kind.from_dict(record.run or {})
        except DecodeError as error:
            raise ValidationError(f"{record.place} has no run: {error}") from None
        return run

    def run_of(self, row: Row) -> Run:
        """Start the run of a row, if it is not started, and wait for its end.

        Raises its `PromptJugglerError`, or `Stopped` where the batch has ended before.
        """
        if row.run_id is not None:
            try:
                return self._end_of(row, row.run_id)
            except ApiError as error:
                if not self._may_restart_after(error):
                    raise
        return self._end_of(row, self._start(row))

    def _may_restart_after(self, error: ApiError) -> bool:
        """Whether the run that an earlier call started is gone, and may be another."""
        return self._restart_unsure and error.status_code == _RUN_IS_GONE

    def _end_of(self, row: Row, run_id: UUID) -> Run:
        """Wait for the end of a run that was started."""
        # A wait looks before it sleeps, and the clock ends nothing but sleep: who leaves
        # the batch would wait for another request, which tells nothing of a start.
        if self._calls.clock.is_stopped():
            raise Stopped
        run: Run = self._calls.wait(run_id)
        self._note(row, ENDED, id=str(run_id), run=run.to_dict())
        return run

    def _start(self, row: Row) -> UUID:
        """Start a run, again where it certainly was not started, and give its id."""
        failure: PromptJugglerError | None = None
        while True:
            try:
                failures_seen = self._pace.wait_for_turn()
                self._note_start(row)
            except Stopped:
                if failure is not None:
                    raise failure from failure.__cause__
                raise
            # Where an earlier call started a run, that is gone: this one takes its place.
            row.run_id = None
            try:
                run_id = self._calls.start(row.inputs)
                break
            except PromptJugglerError as error:
                failure = error
                self._after_failed_start(row, failures_seen, error)
        row.run_id = run_id
        self._pace.succeeded()
        self._note(row, STARTED, id=str(run_id))
        return run_id

    def _after_failed_start(
        self, row: Row, failures_seen: int, error: PromptJugglerError
    ) -> None:
        """Raise the error, unless the run can be started again when it is its turn."""
        if not error.may_have_taken_effect:
            self._note_refusal(row)
        if _was_refused(error):
            self._pace.succeeded()
            if self._ends_batch(error):
                self._end(error)
            raise error
        retry_after = error.retry_after if isinstance(error, ApiError) else None
        delay = self._pace.failed(failures_seen, retry_after)
        if delay is None or self._calls.is_final(error):
            self._end(error)
            raise error
        # Of what is left, that is a 429, and what did not reach the server.
        if error.may_have_taken_effect:
            raise error
        if not isinstance(error, (ApiError, NetworkError)):
            raise error
        path = urlsplit(error.url).path
        self._calls.log_delay(error.method, path, delay, error)

    def _ends_batch(self, error: PromptJugglerError) -> bool:
        """Whether what was refused to this row would be to every other."""
        if not isinstance(error, ApiError):
            return False
        return error.status_code in _HOPELESS or self._calls.is_final(error)

    def _note_start(self, row: Row) -> None:
        """Write down that a row is started now. Where that fails, it must not be."""
        if self._journal is not None:
            try:
                self._journal.write(row.index, row.digest, STARTING)
            except OSError as error:
                self._end(error)
                raise Stopped from error

    def _note_refusal(self, row: Row) -> None:
        """Write down that a start was certainly not carried out: all is as it was before.

        An earlier call may have started a run, of which this refusal says nothing: to say
        *refused* would let the next call start another, though nobody allowed that.
        """
        before = row.before
        if before is None or not row.may_have_run():
            self._note(row, REFUSED)
        elif before.run_id is not None:
            row.run_id = before.run_id
            self._note(row, STARTED, id=str(row.run_id))
        # What is left was unsure: *starting* stands there, and says so.

    def _note(self, row: Row, state: str, **more: object) -> None:
        """Write down what has become of a row. Where that fails, the row goes on."""
        if self._journal is not None:
            try:
                self._journal.write(row.index, row.digest, state, **more)
            except OSError as error:
                self._end(error)


def _was_refused(error: PromptJugglerError) -> bool:
    """Whether this start was refused, by the API or before it was sent: no other attempt
    would do better, and the server is not to be spared."""
    if isinstance(error, ValidationError):
        return True
    if not isinstance(error, ApiError) or error.may_have_taken_effect:
        return False
    return error.status_code != _TOO_MANY_REQUESTS
