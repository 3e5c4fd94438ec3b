"""What a batch gets of the client that makes it. Loaded with the first one."""

from __future__ import annotations

from .._batch.work import Calls
from .._secrets import Secret

__all__ = ["Calls", "about_call"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .requests import RunOptions


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
