"""What `run_prompt` sends and gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from .._model import Model
from .metadata import MetadataValue

__all__ = ["CreatePromptRun", "CreatePromptRunResponse"]


@dataclass(frozen=True, slots=True, repr=False)
class CreatePromptRun(Model):
    """What starts a run of a prompt. What is None is not sent.

    inputs       values of the prompt's variables, by name
    thread       to go on with; None is a new one
    priority     "onsite", "normal" or "low"; None is the API's default, "normal".
                 An open string, since the API may add values
    environment  whose webhooks fire and whose variables the run sees
    env_vars     variables for this run alone: at most 50, and 64 KB in all, with names
                 in UPPER_CASE. They can be secrets: not in the repr
    metadata     to find the run by
    channel      the part of the thread's memory to use; None is "default"
    """

    inputs: Mapping[str, str]
    thread: UUID | None = None
    priority: str | None = None
    environment: str | None = None
    env_vars: Mapping[str, str] | None = field(default=None, repr=False)
    metadata: Mapping[str, MetadataValue] | None = None
    channel: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class CreatePromptRunResponse(Model):
    """A run of a prompt that was started.

    id      of the run, for `get_prompt_run` and `wait_for_prompt_run`
    thread  its thread, for `stream`, and to go on with in another run
    """

    id: UUID
    thread: UUID
