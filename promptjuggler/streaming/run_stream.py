"""One run and its events, from before its start to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from enum import Enum
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar
from uuid import UUID

from .._http.transport import CancellableDeadline
from .._polling import has_completed, has_ended
from ..errors import NetworkError, PromptJugglerError
from ..waits import WaitTimeout
from .events import (
    ConnectedEvent,
    DisconnectedEvent,
    DoneEvent,
    FailureEvent,
    RunView,
    StaleEvent,
    StreamEvent,
)
from .thread_stream import ThreadStream

if TYPE_CHECKING:
    # Who streams the one kind of run needs no class for the other.
    from ..models.prompt_runs import PromptRun
    from ..models.workflow_runs import WorkflowRun

__all__ = ["RunStream"]

_R = TypeVar("_R", "PromptRun", "WorkflowRun")


class _Sight(Enum):
    """What the stream can have missed of the run."""

    WHOLE = "nothing that does not come again"
    LOST = "a connection was lost: the server may send what came in between"
    BLIND = "its end: the server does not send it again, so the run is looked up"


class RunStream(Generic[_R]):
    """A run and its events. Made by `PromptJuggler.stream_prompt` or `stream_workflow`.

        with pj.stream_prompt("greeting", "production", {"name": "Ada"}) as stream:
            for event in stream:
                match event:
                    case TokenEvent(text=text):
                        print(text, end="", flush=True)
                    case ResetEvent() | StaleEvent():
                        print("\\n--- once more ---")
            run = stream.result()

    Entering it connects to the stream of the run's thread, and then starts the run, so
    that nothing of it is missed. Iterating gives the events of this run alone, up to its
    `DoneEvent` or `FailureEvent`, and then ends; a run that fails raises nothing. With
    them comes any `StaleEvent`: what came before it is void. Connections that are lost
    are made again without an event. An end that was missed meanwhile is looked up.

    Leaving the `with` early, and `close()`, end the stream and not the run: it goes on,
    costs what it costs, and `result()` or `wait_for_prompt_run` still has its answer.

    Entering raises what starting a run does, and `RuntimeError` the second time, when it
    starts nothing. `may_have_taken_effect` of an error, and `NetworkError.request_sent`,
    are about the start of the run: where it is False, no run was started, also where the
    stream could not be connected. Iterating raises what iterating over a `ThreadStream`
    does, above all `WaitTimeout` where the `timeout` of the stream is over, and what
    `get_prompt_run` does where an end is looked up; that has no time of its own. After
    any of these the run goes on too.
    """

    def __init__(
        self,
        stream: ThreadStream,
        thread: UUID,
        channel: str,
        *,
        start: Callable[[float], UUID],
        get: Callable[[UUID, CancellableDeadline], _R],
        wait: Callable[[UUID], _R],
    ) -> None:
        """Not to be called: `stream_prompt` and `stream_workflow` of the client do.

        stream   the stream of `thread`, not connected yet; it is closed with this
        channel  of the run, for an end that is looked up
        start    starts the run and gives its id, up to an end by the clock of the stream
        get      looks at the run, within a deadline
        wait     waits for the end of the run
        """
        self.thread = thread
        """The thread of the run: the given one, or a new one for this run alone. It is
        the server's, and outlives the stream: give it to another run to go on with it."""
        self._stream = stream
        self._channel = channel
        self._start = start
        self._get: Callable[[UUID, CancellableDeadline], _R] = get
        self._wait_for_end: Callable[[UUID], _R] = wait
        # Of a look. Not that of the stream, whose connection is open meanwhile.
        self._deadline = CancellableDeadline(inf)
        self._run_id: UUID | None = None
        self._sight = _Sight.WHOLE
        self._last_view: RunView | None = None  # Once the run has ended.

    def __enter__(self) -> RunStream[_R]:
        try:
            self._stream.__enter__()
        except PromptJugglerError as error:
            _is_about_the_start(error, was_started=False)
            raise
        try:
            if self._stream.closed:
                raise NetworkError("the stream was closed", request_sent=False)
            self._run_id = self._start(self._stream._end_of_entering)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the stream, from any thread. The run goes on."""
        self._stream.close()
        self._deadline.cancel()

    @property
    def run_id(self) -> UUID:
        """The id of the run. Raises `RuntimeError` before it is started."""
        if self._run_id is None:
            raise RuntimeError("the run starts in a with statement")
        return self._run_id

    @property
    def view(self) -> RunView:
        """What came of the run so far, built now; after its end, what came of it."""
        if self._last_view is not None:
            return self._last_view
        return self._stream.view(self.run_id)

    def result(self) -> _R:
        """The run itself, with all that was not streamed: waits for its end.

        It waits, and raises, as `wait_for_prompt_run` or `wait_for_workflow_run` does. The
        events need not have been read, nor need the stream be open.
        """
        run_id = self.run_id
        try:
            return self._wait_for_end(run_id)
        except PromptJugglerError as error:
            _is_about_the_start(error, was_started=True)
            raise

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        run_id = self.run_id
        try:
            return self._next_event(run_id)
        except PromptJugglerError as error:
            if isinstance(error, WaitTimeout):
                self.close()
            _is_about_the_start(error, was_started=True)
            raise

    def _next_event(self, run_id: UUID) -> StreamEvent:
        while self._last_view is None:
            event: StreamEvent | None
            if self._sight is _Sight.BLIND and not self._stream.closed:
                event = self._missed_end()
                self._sight = _Sight.WHOLE
            else:
                event = next(self._stream)
                self._sight = self._sight_after(event)
            if isinstance(event, StaleEvent):
                return event
            if event is None or isinstance(event, (ConnectedEvent, DisconnectedEvent)):
                continue
            if event.run_id != run_id:
                continue
            if isinstance(event, (DoneEvent, FailureEvent)):
                self._last_view = event.view
                self.close()
            return event
        raise StopIteration

    def _sight_after(self, event: StreamEvent) -> _Sight:
        """What can have been missed, now that an event came.

        Where there is the id of an event to go on after, the server sends what came in
        between, or says by a `stale` that it cannot. Where there is none, an end that was
        missed never comes again.
        """
        if isinstance(event, DisconnectedEvent):
            return _Sight.LOST
        if self._sight is _Sight.LOST:
            is_new = isinstance(event, ConnectedEvent)
            if is_new and self._stream.last_event_id is None:
                return _Sight.BLIND
            if isinstance(event, StaleEvent):
                return _Sight.BLIND
        return self._sight

    def _missed_end(self) -> DoneEvent | FailureEvent | None:
        """The end of the run, if it came while there was no connection."""
        run = self._look()
        if run is None or not has_ended(run.status):
            return None
        view = replace(self.view, gapped=True)
        if has_completed(run.status):
            return DoneEvent(self.run_id, self._channel, True, view)
        message = _error_text(run)
        return FailureEvent(self.run_id, self._channel, "unknown", message, True, view)

    def _look(self) -> _R | None:
        """The run as it is now; None where the stream was closed meanwhile."""
        self._deadline.overall = self._stream._end
        try:
            return self._get(self.run_id, self._deadline)
        except PromptJugglerError as error:
            if self._stream.closed:
                return None
            self._stream._check_time(error)
            raise


def _is_about_the_start(error: PromptJugglerError, *, was_started: bool) -> None:
    """Have an error of another request tell whether the run was started: nobody is to
    start a second one because a look at the first was refused."""
    error.may_have_taken_effect = was_started
    if isinstance(error, NetworkError):
        error.request_sent = was_started


def _error_text(run: PromptRun | WorkflowRun) -> str:
    """What a run says about its failure, or ""."""
    from ..models.workflow_runs import WorkflowRun

    if isinstance(run, WorkflowRun):
        return "; ".join(run.errors)
    return run.error or ""
