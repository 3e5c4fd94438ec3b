"""The credential of a thread's stream. Not in `events`, which takes longer to load: some only hand out tokens."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from .._decode import Model

__all__ = ["StreamTokenResponse"]


@dataclass(frozen=True, slots=True)
class StreamTokenResponse(Model):
    """A credential that reads the stream of one thread until it expires. `url`: the whole address of the stream.
    `token`: the Bearer credential, no part of the repr."""

    token: str = field(repr=False)
    expires_at: datetime
    url: str
