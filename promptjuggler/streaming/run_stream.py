"""One run and its events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID, uuid4

from .._transport import Secret
from ..errors import NetworkError
from .events import ConnectedEvent, DisconnectedEvent, DoneEvent, FailureEvent, RunView, StaleEvent, StreamEvent
from .thread_stream import ThreadStream

_R = TypeVar("_R")


class RunStream(Generic[_R]):
    """A run and its events, from `PromptJuggler.stream_prompt` or `stream_workflow`. Entering it connects, and starts
    the run; iterating gives events of the run, and any `StaleEvent`, up to its `DoneEvent` or `FailureEvent`."""

    def __init__(
        self,
        client: Any,
        kind: str,
        arguments: tuple[Any, ...],
        options: Secret,
        idle_timeout: float,
        timeout: float | None,
    ) -> None:
        thread = options.value.pop("thread", None)
        thread = uuid4() if thread is None else thread
        self._stream: ThreadStream = client.stream(thread, idle_timeout=idle_timeout, timeout=timeout)
        self.thread = UUID(str(thread))
        # It checks the arguments; __enter__ sends them.
        later = client.with_options()
        later._call = lambda *call: partial(client._call, *call)
        self._start = getattr(later, f"run_{kind}")(*arguments, thread=self.thread, **options.value)
        self._fetch: Callable[[UUID], _R] = getattr(client, f"wait_for_{kind}_run")
        self._look = getattr(client, f"get_{kind}_run")
        self._channel = options.value.get("channel") or "default"
        self._lost = False
        self._run_id: UUID | None = None
        self._last_view: RunView | None = None

    def __enter__(self) -> RunStream[_R]:
        try:
            self._stream.__enter__()
        except NetworkError as error:
            error.request_sent = False  # For the run.
            raise
        try:
            if self._stream.closed:
                raise NetworkError("the stream was closed", request_sent=False)
            self._run_id = self._start().id
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the stream. The run goes on."""
        self._stream.close()

    @property
    def run_id(self) -> UUID:
        """The id of the run; `RuntimeError` before it starts."""
        if self._run_id is None:
            raise RuntimeError("the run starts in a with statement")
        return self._run_id

    @property
    def view(self) -> RunView:
        """What came of the run, also after its end."""
        return self._last_view or self._stream.view(self.run_id)

    def result(self) -> _R:
        """The run: waits for its end, as `wait_for_prompt_run`."""
        return self._fetch(self.run_id)

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        run_id = self.run_id
        while not self._last_view:
            event = next(self._stream)
            if isinstance(event, StaleEvent):
                return event
            if isinstance(event, DisconnectedEvent):
                self._lost = True
            elif isinstance(event, ConnectedEvent) and self._lost and self._stream.last_event_id is None:
                # An end that was missed comes no more.
                run, view = self._look(run_id), replace(self.view, gapped=True)
                if run.status == "completed":
                    event = DoneEvent(run_id, self._channel, True, view)
                elif run.status != "pending":
                    message = run.error if hasattr(run, "error") else "; ".join(run.errors)
                    event = FailureEvent(run_id, self._channel, "unknown", message or "", True, view)
            if getattr(event, "run_id", None) == run_id:
                if isinstance(event, (DoneEvent, FailureEvent)):
                    self._last_view = event.view
                    self.close()
                return event
        raise StopIteration
