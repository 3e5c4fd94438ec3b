"""The methods for prompts, workflows and their runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .. import models
from .._polling import RUN_UNDER_WAY
from .._secrets import Secret
from . import requests
from .caller import Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    import typing
    import uuid
else:
    from .._annotations import typing, uuid


class RunMethods(Caller):
    """Reads prompts, and starts, reads and waits for runs."""

    # Prompts

    def get_prompt(self, slug: str, version: int | str) -> models.PromptRevision:
        """A revision of a prompt.

        slug     of the prompt
        version  its number, from 1, or a tag such as "production"

        Raises `ApiError` with status 404 where there is none.
        """
        request = requests.prompt_revision(slug, version)
        return self._call(models.PromptRevision, request)

    def run_prompt(
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
    ) -> models.CreatePromptRunResponse:
        """Start a run of a prompt, and give its id and thread.

        The run goes on by itself: `wait_for_prompt_run` gives its answer.

        slug         of the prompt
        version      its number, from 1, or a tag such as "production"
        inputs       the values of the prompt's variables
        priority     before or after which other runs it comes: "onsite" is for somebody
                     who waits, "low" for what can; None: the API's default, "normal"
        thread       the conversation to go on with; None: a new one
        environment  whose webhooks fire, and whose variables the run sees; None: the
                     default one
        env_vars     variables for this run alone, at most 50 with 64 KB in all; their names
                     are in UPPER_CASE. They can be secrets: nothing shows them
        metadata     to find the run by: each name has a text, or a sequence of texts
        channel      the part of the thread's memory to use; None: "default"

        After an error, a run may have been started all the same, unless its
        `may_have_taken_effect` is False. It is never started twice: where a run may have
        been started, the request is not sent again.
        """
        # Rule 1 of _secrets.py.
        secret = Secret(env_vars)
        del env_vars
        options = requests.run_options(
            inputs,
            priority=priority,
            thread=thread,
            environment=environment,
            env_vars=secret,
            metadata=metadata,
        )
        request = requests.new_prompt_run(slug, version, options, channel)
        return self._call(models.CreatePromptRunResponse, request)

    def get_prompt_run(self, run_id: str | uuid.UUID) -> models.PromptRun:
        """A run of a prompt, as far as it is.

        run_id  as `run_prompt` gives it

        Raises `ApiError` with status 404 where there is none.
        """
        request = requests.prompt_run(run_id)
        return self._call(models.PromptRun, request)

    def wait_for_prompt_run(
        self,
        run_id: str | uuid.UUID,
        *,
        timeout: float = 300.0,
        poll_interval: float | None = None,
    ) -> models.PromptRun:
        """Ask for a run again and again until it has ended.

        run_id         as `run_prompt` gives it
        timeout        seconds in all, but at least 1 for the first look; 0 or less: one
                       look, with the time of any request. Looking up a name is not
                       bounded by it
        poll_interval  seconds from one request to the next; None: from 0.1, growing to 5

        Gives the run once its status is not `pending`: a failed run is given, not raised.

        Raises `WaitTimeout` with the last result when the time is over, or the
        `total_timeout` of the client: it says what was seen last, and what has failed
        since. A request that fails is made up for by the next, but what cannot heal ends
        the wait at once: any 3xx or 4xx but 408, 425 and 429, a second `DecodeError` in a
        row, a certificate that is not trusted, a proxy that wants another password, an
        answer that is no HTTP.
        """
        request = requests.prompt_run(run_id)
        return self._wait(
            models.PromptRun,
            request,
            RUN_UNDER_WAY,
            timeout=timeout,
            poll_interval=poll_interval,
        )

    # Workflows

    def run_workflow(
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
    ) -> models.CreateWorkflowRunResponse:
        """Start a run of a workflow, and give its id and thread.

        The arguments, and what an error means, are those of `run_prompt`; a workflow has no
        `channel`. `wait_for_workflow_run` gives its outputs.
        """
        # Rule 1 of _secrets.py.
        secret = Secret(env_vars)
        del env_vars
        options = requests.run_options(
            inputs,
            priority=priority,
            thread=thread,
            environment=environment,
            env_vars=secret,
            metadata=metadata,
        )
        request = requests.new_workflow_run(slug, version, options)
        return self._call(models.CreateWorkflowRunResponse, request)

    def get_workflow_run(self, run_id: str | uuid.UUID) -> models.WorkflowRun:
        """A run of a workflow, as far as it is.

        run_id  as `run_workflow` gives it

        Raises `ApiError` with status 404 where there is none.
        """
        request = requests.workflow_run(run_id)
        return self._call(models.WorkflowRun, request)

    def wait_for_workflow_run(
        self,
        run_id: str | uuid.UUID,
        *,
        timeout: float = 300.0,
        poll_interval: float | None = None,
    ) -> models.WorkflowRun:
        """Ask for a run of a workflow until it has ended, as `wait_for_prompt_run` does."""
        request = requests.workflow_run(run_id)
        return self._wait(
            models.WorkflowRun,
            request,
            RUN_UNDER_WAY,
            timeout=timeout,
            poll_interval=poll_interval,
        )
