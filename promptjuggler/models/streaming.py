"""The credential of a thread's stream."""

from dataclasses import dataclass, field
from datetime import datetime

from .._decode import Model


@dataclass(frozen=True, slots=True)
class StreamTokenResponse(Model):
    """A credential that reads the stream of one thread until it expires. `url`: the stream's whole address. `token`:
    the Bearer credential, no part of the repr."""

    token: str = field(repr=False)
    expires_at: datetime
    url: str
