"""What an error says besides its own text."""

from __future__ import annotations


def shown_before(error: BaseException) -> BaseException | None:
    """The error that a traceback shows above this one, or None where it stands alone."""
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__
