"""The methods for many runs from many inputs."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from .. import models
from .._secrets import Secret
from . import requests
from .streams import StreamMethods

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    import uuid

    from .. import batch
    from .._batch.clock import StoppableClock

    _Client = typing.TypeVar("_Client", bound="BatchMethods")
else:
    from .._annotations import batch, typing, uuid

    # What `typing.get_type_hints` finds for "the class of this client".
    _Client = "BatchMethods"


class BatchMethods(StreamMethods):
    """Runs a prompt or a workflow with many inputs, each once."""

    def run_prompts(
        self,
        slug: str,
        version: int | str,
        inputs: Iterable[Mapping[str, str]],
        *,
        journal: str | os.PathLike[str] | None = None,
        workers: int = 8,
        timeout: float = 300.0,
        restart_unsure: bool = False,
        priority: typing.Literal["onsite", "normal", "low"] | None = None,
        thread: str | uuid.UUID | None = None,
        environment: str | None = None,
        env_vars: Mapping[str, str] | None = None,
        metadata: Mapping[str, str | Sequence[str]] | None = None,
        channel: str | None = None,
    ) -> batch.Batch[models.PromptRun]:
        """Run a prompt with many inputs, some at a time, and give each result.

            with pj.run_prompts("greeting", "production", rows, journal="j") as batch:
                for result in batch:
                    print(result.index, result.run or result.error)

        Nothing is sent before it is iterated over. Each run is started once: one that
        may have been started is not started again.

        slug, version   as in `run_prompt`
        inputs          of the runs, any number of them, taken as it goes: never more than
                        `2 * workers` are without a result. Wrong ones have a
                        `ValidationError` as their result, and nothing is sent for them
        journal         the path of a file in which it is kept how far each run is. With
                        it, the same call goes on after a crash: a run that has ended is
                        given from the file, one that was started is waited for. For it
                        the inputs, slug, version and options must be the same, but for
                        `priority` and the values of `env_vars`; there may be fewer or
                        more inputs. None: no such file, and nothing to go on from
        workers         how many runs are under way at once, from 1
        timeout         seconds for which each run is waited for, whatever the
                        `total_timeout` of the client, which is for each start; 0 or less:
                        one look. A run that takes longer has a `WaitTimeout` as its
                        result, and goes on: the next call with the journal waits for it
                        again
        restart_unsure  whether a run is started again that an earlier call may have
                        started, or has started and that is gone: status 404. False: its
                        result is an error, with `may_have_taken_effect`
        priority, thread, environment, env_vars, metadata, channel
                        of every run, as in `run_prompt`

        Raises `ValidationError` for all arguments but single inputs. What entering and
        iterating raise, and when a start is tried again, `promptjuggler.batch` says: a
        file that it cannot open or write is an `OSError`.
        """
        # Rule 1 of _secrets.py.
        secret = Secret(env_vars)
        del env_vars
        options = _options_of_all(priority, thread, environment, secret, metadata)
        # Only to check them: each run makes a request of its own.
        requests.new_prompt_run(slug, version, options, channel)
        from .batches import about_call, calls_of, starter_of

        once, waiting, clock = self._for_batch()
        start = starter_of(once.run_prompt, slug, version, options, channel=channel)
        wait = partial(waiting.wait_for_prompt_run, timeout=timeout)
        url = self._transport.base_url
        return batch.Batch(
            calls_of(models.PromptRun, start, wait, clock),
            inputs,
            about_call(url, "prompt", slug, version, options, channel),
            journal=journal,
            workers=workers,
            timeout=timeout,
            restart_unsure=restart_unsure,
        )

    def run_workflows(
        self,
        slug: str,
        version: int | str,
        inputs: Iterable[Mapping[str, str]],
        *,
        journal: str | os.PathLike[str] | None = None,
        workers: int = 8,
        timeout: float = 300.0,
        restart_unsure: bool = False,
        priority: typing.Literal["onsite", "normal", "low"] | None = None,
        thread: str | uuid.UUID | None = None,
        environment: str | None = None,
        env_vars: Mapping[str, str] | None = None,
        metadata: Mapping[str, str | Sequence[str]] | None = None,
    ) -> batch.Batch[models.WorkflowRun]:
        """Run a workflow with many inputs, as `run_prompts` does.

        The arguments, and what is raised, are those of `run_prompts`; a workflow has no
        `channel`.
        """
        # Rule 1 of _secrets.py.
        secret = Secret(env_vars)
        del env_vars
        options = _options_of_all(priority, thread, environment, secret, metadata)
        # Only to check them: each run makes a request of its own.
        requests.new_workflow_run(slug, version, options)
        from .batches import about_call, calls_of, starter_of

        once, waiting, clock = self._for_batch()
        start = starter_of(once.run_workflow, slug, version, options)
        wait = partial(waiting.wait_for_workflow_run, timeout=timeout)
        url = self._transport.base_url
        return batch.Batch(
            calls_of(models.WorkflowRun, start, wait, clock),
            inputs,
            about_call(url, "workflow", slug, version, options),
            journal=journal,
            workers=workers,
            timeout=timeout,
            restart_unsure=restart_unsure,
        )

    def _for_batch(self: _Client) -> tuple[_Client, _Client, StoppableClock]:
        """A client that starts a run in one attempt, one that waits as long as it is
        told, and the clock of both, on which a batch can end what waits."""
        from copy import copy

        from .._batch.clock import StoppableClock

        clock = StoppableClock()
        once = copy(self)
        once._clock = clock
        once._max_retries = 0
        waiting = copy(once)
        waiting._total_timeout = None
        return once, waiting, clock


def _options_of_all(
    priority: object,
    thread: object,
    environment: object,
    env_vars: Secret[Mapping[str, str] | None],
    metadata: object,
) -> Secret[requests.RunOptions]:
    """Load what many runs need, and check the options that all of them have."""
    requests.load_batches()
    return requests.run_options(
        {},
        priority=priority,
        thread=thread,
        environment=environment,
        env_vars=env_vars,
        metadata=metadata,
    )
