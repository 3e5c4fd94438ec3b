"""The body of an error of the API."""

from dataclasses import dataclass

from .._model import Model

__all__ = ["ErrorResponse"]


@dataclass(frozen=True, slots=True, repr=False)
class ErrorResponse(Model):
    """The JSON body of an error status, as the API writes it.

    `ApiError` has read it already: its text is `error`, its `body` the whole.

    error  what is wrong, in words
    """

    error: str
