"""The credential of a thread's stream."""

from dataclasses import dataclass, field
from datetime import datetime

from .._model import Model


@dataclass(frozen=True, slots=True)
class StreamTokenResponse(Model):
    """Reads the stream of one thread until it expires. `token`: a Bearer token, not in the repr."""

    token: str = field(repr=False)
    expires_at: datetime
    url: str
