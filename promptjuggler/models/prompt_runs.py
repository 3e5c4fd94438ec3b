"""A run of a prompt, as `get_prompt_run` and `wait_for_prompt_run` give it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from .._model import Model
from .enums import RunStatus
from .transcripts import TranscriptItem
from .usage import RunCost, TokenUsage

__all__ = ["EmittedItem", "PromptRun"]


@dataclass(frozen=True, slots=True, repr=False)
class EmittedItem(Model):
    """The payload of an emit tool.

    tool     the name of the tool
    payload  the arguments that the model gave it: JSON, by name
    """

    tool: str
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True, repr=False)
class PromptRun(Model):
    """A run of a prompt. Its `status` alone says how it ended.

    id           of the run
    status       how far it is
    created_at   when it was started, with its time zone
    emitted      the payloads of emit tools; empty until the run is completed
    transcript   all that happened, in its order; empty until the run is completed
    finished_at  when it ended; None while it is pending
    output       the text so far; None where there is none, as where the run failed
    error        what went wrong in the latest attempt that failed, even where a later
                 one succeeded; None where none failed
    token_usage  the tokens used; None where they are not known
    cost         None while the run is pending, and where no price is known
    """

    id: UUID
    status: RunStatus
    created_at: datetime
    emitted: tuple[EmittedItem, ...]
    transcript: tuple[TranscriptItem, ...]
    finished_at: datetime | None = None
    output: str | None = None
    error: str | None = None
    token_usage: TokenUsage | None = None
    cost: RunCost | None = None
