"""What `run_workflow` sends and gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from .._model import Model
from .metadata import MetadataValue

__all__ = ["CreateWorkflowRun", "CreateWorkflowRunResponse"]


@dataclass(frozen=True, slots=True, repr=False)
class CreateWorkflowRun(Model):
    """What starts a run of a workflow. What is None is not sent.

    inputs       values of the workflow's inputs, by name
    thread       to go on with; None is a new one
    priority     "onsite", "normal" or "low"; None is the API's default, "normal".
                 An open string, since the API may add values
    environment  whose webhooks fire and whose variables the run sees
    env_vars     variables for this run alone: at most 50, and 64 KB in all, with names
                 in UPPER_CASE. They can be secrets: not in the repr
    metadata     to find the run by
    """

    inputs: Mapping[str, str]
    thread: UUID | None = None
    priority: str | None = None
    environment: str | None = None
    env_vars: Mapping[str, str] | None = field(default=None, repr=False)
    metadata: Mapping[str, MetadataValue] | None = None


@dataclass(frozen=True, slots=True, repr=False)
class CreateWorkflowRunResponse(Model):
    """A run of a workflow that was started.

    id      of the run, for `get_workflow_run` and `wait_for_workflow_run`
    thread  its thread, for `stream`, and to go on with in another run
    """

    id: UUID
    thread: UUID
