"""The methods for streams."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from .. import models, streaming
from .._arguments import checked_optional_seconds, checked_seconds
from .._http.transport import (
    CancellableDeadline,
    Request,
    add_total_timeout,
)
from .._loading import load
from .._retry import SHORTEST_ATTEMPT
from .._secrets import Secret
from ..errors import RequestTimeout
from . import requests
from .runs import RunMethods

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    import uuid
else:
    from .._annotations import typing, uuid


class StreamMethods(RunMethods):
    """Gives the events of runs while they happen."""

    def create_stream_token(
        self, thread: str | uuid.UUID
    ) -> models.StreamTokenResponse:
        """A token for the stream of a thread, for a program that reads it by other means.

        thread  any UUID, also of a thread that does not exist yet

        The token is short-lived, and good for the `url` that comes with it alone: it can
        be handed to a browser, which the API key must not. `stream` gets its own.
        """
        request = requests.stream_token(thread)
        return self._call(models.StreamTokenResponse, request)

    def stream(
        self,
        thread: str | uuid.UUID,
        *,
        channels: Iterable[str] = (),
        last_event_id: str | None = None,
        idle_timeout: float = 60.0,
        timeout: float | None = None,
        reconnect: bool = True,
    ) -> streaming.ThreadStream:
        """The events of a thread's runs, while they happen.

            with pj.stream(thread) as stream:  # this connects
                pj.run_prompt("greeting", "production", {"name": "Ada"}, thread=thread)
                for event in stream:
                    if isinstance(event, DoneEvent):
                        break

        What was sent before it connects is not given: enter it before you start the run.

        thread         its UUID; the thread need not exist yet
        channels       only the events of these; none named: of all
        last_event_id  of an earlier stream, to go on after it; None: from now on
        idle_timeout   seconds after which a silent connection counts as lost
        timeout        seconds for all of the iteration; None: no bound
        reconnect      whether a connection that is lost is made again

        Nothing is sent before it is entered. Entering has the `total_timeout` of the
        client, iterating has the `timeout` that is given here. A stream has no end of its
        own: leave the loop. Entering and iterating raise `ApiError` for status 401, 403,
        404 or 407, `NetworkError` where the first connection cannot be made, or with
        `reconnect` False where one is lost, and `WaitTimeout` when `timeout` is over.
        """
        request = requests.stream_token(thread)
        load(".streaming:ThreadStream", ".streaming._attempts:Limits")
        from ..streaming._attempts import Limits

        def create_token(deadline: CancellableDeadline) -> models.StreamTokenResponse:
            return self._call_once(models.StreamTokenResponse, request, deadline)

        return streaming.ThreadStream(
            self._transport,
            create_token,
            channels=channels,
            last_event_id=last_event_id,
            token_url=self._transport.base_url + request.path,
            limits=Limits(
                connect_timeout=self._timeout,
                total_timeout=self._total_timeout,
                attempts=self._max_retries + 1,
                idle_timeout=checked_seconds("idle_timeout", idle_timeout),
                timeout=checked_optional_seconds("timeout", timeout),
            ),
            reconnect=reconnect,
            clock=self._clock,
        )

    def stream_prompt(
        self,
        slug: str,
        version: int | str,
        inputs: Mapping[str, str],
        *,
        priority: typing.Literal["onsite", "normal", "low"] | None = None,
        thread: str | uuid.UUID | None = None,
        environment: str | None = None,
        env_vars: Mapping[str, str] | None = None,
        metadata: Mapping[str, str | Sequence[str]] | None = None,
        channel: str | None = None,
        idle_timeout: float = 60.0,
        timeout: float | None = None,
        reconnect: bool = True,
    ) -> streaming.RunStream[models.PromptRun]:
        """Start a run of a prompt, and give its events while they happen.

            with pj.stream_prompt("greeting", "production", {"name": "Ada"}) as stream:
                for event in stream:
                    if isinstance(event, TokenEvent):
                        print(event.text, end="", flush=True)
            run = stream.result()

        Entering it connects, and then starts the run, both within one `total_timeout` of
        the client; the iteration ends with the run. To leave it earlier lets the run go
        on. Options of the run are those of `run_prompt`, the last three those of `stream`.
        Arguments are checked now, and nothing is sent.
        """
        # Rule 1 of _secrets.py.
        secret = Secret(env_vars)
        del env_vars
        thread_id = requests.thread_of_run(thread)
        options = requests.run_options(
            inputs,
            priority=priority,
            thread=thread_id,
            environment=environment,
            env_vars=secret,
            metadata=metadata,
        )
        request = requests.new_prompt_run(slug, version, options, channel)
        events = self.stream(
            thread_id, idle_timeout=idle_timeout, timeout=timeout, reconnect=reconnect
        )
        return streaming.RunStream(
            events,
            thread_id,
            channel or "default",
            start=partial(self._start_run, models.CreatePromptRunResponse, request),
            get=self._look_at_prompt_run,
            wait=self.wait_for_prompt_run,
        )

    def stream_workflow(
        self,
        slug: str,
        version: int | str,
        inputs: Mapping[str, str],
        *,
        priority: typing.Literal["onsite", "normal", "low"] | None = None,
        thread: str | uuid.UUID | None = None,
        environment: str | None = None,
        env_vars: Mapping[str, str] | None = None,
        metadata: Mapping[str, str | Sequence[str]] | None = None,
        idle_timeout: float = 60.0,
        timeout: float | None = None,
        reconnect: bool = True,
    ) -> streaming.RunStream[models.WorkflowRun]:
        """Start a run of a workflow, and give its events, as `stream_prompt` does."""
        # Rule 1 of _secrets.py.
        secret = Secret(env_vars)
        del env_vars
        thread_id = requests.thread_of_run(thread)
        options = requests.run_options(
            inputs,
            priority=priority,
            thread=thread_id,
            environment=environment,
            env_vars=secret,
            metadata=metadata,
        )
        request = requests.new_workflow_run(slug, version, options)
        events = self.stream(
            thread_id, idle_timeout=idle_timeout, timeout=timeout, reconnect=reconnect
        )
        return streaming.RunStream(
            events,
            thread_id,
            "default",
            start=partial(self._start_run, models.CreateWorkflowRunResponse, request),
            get=self._look_at_workflow_run,
            wait=self.wait_for_workflow_run,
        )

    def _start_run(
        self,
        kind: type[models.CreatePromptRunResponse | models.CreateWorkflowRunResponse],
        request: Request,
        end: float,
    ) -> uuid.UUID:
        """Start the run of a stream, which was connected just now. Gives its id.

        end  when entering it must be over
        """
        if self._clock.monotonic() + SHORTEST_ATTEMPT > end:
            error = RequestTimeout(
                "the run was not started: it took too long to connect to its stream",
                request_sent=False,
                attempts=0,
                method=request.method,
                url=self._transport.base_url + request.path,
            )
            add_total_timeout(error, self._total_timeout or 0.0)
            raise error
        return self._call(kind, request, end).id

    def _look_at_prompt_run(
        self, run_id: uuid.UUID, deadline: CancellableDeadline
    ) -> models.PromptRun:
        """The run of a stream as it is now, where its end may have been missed."""
        return self._call_within(
            models.PromptRun, requests.prompt_run(run_id), deadline
        )

    def _look_at_workflow_run(
        self, run_id: uuid.UUID, deadline: CancellableDeadline
    ) -> models.WorkflowRun:
        """The same for a workflow."""
        request = requests.workflow_run(run_id)
        return self._call_within(models.WorkflowRun, request, deadline)
