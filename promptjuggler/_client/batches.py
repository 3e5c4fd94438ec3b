"""What a batch gets of the client that makes it. Loaded with the first one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from .._batch.clock import StoppableClock
from .._batch.work import Calls, Run
from .._http.transport import is_final, log_delay
from .._secrets import Secret

if TYPE_CHECKING:
    from ..models import CreatePromptRunResponse, CreateWorkflowRunResponse
    from .requests import RunOptions

__all__ = ["about_call", "calls_of", "starter_of"]


def calls_of(
    kind: type[Run],
    start: Callable[[Mapping[str, str]], UUID],
    wait: Callable[[UUID], Run],
    clock: StoppableClock,
) -> Calls[Run]:
    """What a batch does with a client; the arguments are those of `Calls`."""
    return Calls(kind, start, wait, is_final, log_delay, clock)


def starter_of(
    run: Callable[..., CreatePromptRunResponse | CreateWorkflowRunResponse],
    slug: str,
    version: int | str,
    options: Secret[RunOptions],
    **more: object,
) -> Callable[[Mapping[str, str]], UUID]:
    """A function that starts a run with some inputs, and gives its id.

    run      the method of the client that starts runs of this kind
    options  of every run, checked; their inputs are not used
    more     the options that only this kind of run has
    """

    def start(inputs: Mapping[str, str]) -> UUID:
        # Rule 2 of _secrets.py: in one expression.
        return run(slug, version, **{**options.value, "inputs": inputs}, **more).id

    return start


def about_call(
    base_url: str,
    kind: str,
    slug: str,
    version: int | str,
    options: Secret[RunOptions],
    channel: str | None = None,
) -> dict[str, object]:
    """What makes two calls the same, in JSON, for the journal, of arguments that are
    checked.

    Left out is what does not change what a run is, as its priority, and what must not be
    known: the values of `env_vars`.
    """
    thread = options.value["thread"]
    return {
        "base_url": base_url,
        "kind": kind,
        "slug": slug,
        "version": str(version),
        "options": {
            "thread": None if thread is None else str(thread),
            "environment": options.value["environment"],
            "env_vars": sorted(options.value["env_vars"] or ()),
            "metadata": options.value["metadata"],
            "channel": channel,
        },
    }
