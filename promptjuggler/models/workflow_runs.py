"""A run of a workflow, as `get_workflow_run` and `wait_for_workflow_run` give it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from .._model import Model
from .enums import RunStatus
from .usage import RunCost, TokenUsage

__all__ = ["WorkflowRun"]


@dataclass(frozen=True, slots=True, repr=False)
class WorkflowRun(Model):
    """A run of a workflow. Its `status` alone says how it ended.

    id           of the run
    status       how far it is
    created_at   when it was started, with its time zone
    outputs      the text of each output node that is completed, by its name; None for
                 one that has no text
    errors       what went wrong in nodes, even where a later attempt succeeded
    finished_at  when it ended; None while it is pending
    token_usage  the tokens used; None where they are not known
    cost         None while the run is pending, and where no price is known
    """

    id: UUID
    status: RunStatus
    created_at: datetime
    outputs: Mapping[str, str | None]
    errors: tuple[str, ...]
    finished_at: datetime | None = None
    token_usage: TokenUsage | None = None
    cost: RunCost | None = None
