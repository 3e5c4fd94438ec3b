"""The credential for the stream of a thread."""

from dataclasses import dataclass, field
from datetime import datetime

from .._model import Model

__all__ = ["StreamTokenResponse"]


@dataclass(frozen=True, slots=True, repr=False)
class StreamTokenResponse(Model):
    """Lets its holder read the stream of one thread, and nothing else.

    `PromptJuggler.stream` makes its own for each connection.

    token       sent as `Authorization: Bearer ...`; a secret, so it is not in the repr
    expires_at  when it can be used no more, with its time zone
    url         the whole address of the stream
    """

    token: str = field(repr=False)
    expires_at: datetime
    url: str
