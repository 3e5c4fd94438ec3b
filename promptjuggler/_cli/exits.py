"""How a command ends: its exit code, and the line that says why. Pure."""

from __future__ import annotations

DONE = 0
FAILED = 1
WRONG_USAGE = 2
RUN_FAILED = 3
WAIT_TIMED_OUT = 4
# 128 and the number of SIGINT, as shells have it.
INTERRUPTED = 130

EXIT_CODES = """\
exit codes: 0 done, 1 the API or the network failed or a webhook is invalid,
2 wrong usage, 3 the run failed, 4 waiting timed out, 130 interrupted"""
"""The same in words, for the help."""


class Stop(Exception):
    """Ends a command with an exit code, and a line for standard error or none."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class Progress:
    """How far a command has come, for the line that says how it ended."""

    __slots__ = ("fetch_command", "may_have_started", "run_id")

    def __init__(self) -> None:
        # True from just before something is started that costs money or changes what
        # is there, until its end is known.
        self.may_have_started = False
        # The run that was started, and the command that prints it. Empty while there is
        # none, and again once the line about it says all there is to know.
        self.run_id = ""
        self.fetch_command = ""


def exit_for(error: BaseException, progress: Progress) -> tuple[int, str]:
    """The exit code and the line for what ended a command; "" is no line.

    The line also says what was started and may go on: somebody pays for that.
    """
    code, text = _explained(error)
    if not text:
        return code, ""
    if progress.run_id:
        started = f"run {progress.run_id} was started: {progress.fetch_command}"
        return code, f"{text}; {started}"
    if progress.may_have_started and not _shows_that_nothing_started(error):
        return code, f"{text}; it may have been carried out all the same"
    return code, text


def _explained(error: BaseException) -> tuple[int, str]:
    """The exit code, and what went wrong in words."""
    if isinstance(error, Stop):
        return error.code, error.text
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED, "interrupted"

    # Not when this module is loaded: help and usage errors do without the errors.
    from .. import ApiError, PromptJugglerError, ValidationError, WaitTimeout

    text = str(error) or type(error).__name__
    if isinstance(error, WaitTimeout):
        return WAIT_TIMED_OUT, text
    if isinstance(error, ValidationError):
        return WRONG_USAGE, text
    if isinstance(error, ApiError):
        has_status = text.startswith("HTTP ")
        return FAILED, text if has_status else f"HTTP {error.status_code}: {text}"
    if isinstance(error, PromptJugglerError):
        return FAILED, text
    if isinstance(error, OSError):
        if error.filename is None:
            return FAILED, text
        # Nothing is opened but what the user has named.
        name = error.filename or "a file without a name"
        return WRONG_USAGE, f"{name} cannot be read: {error.strerror}"
    return FAILED, f"{type(error).__name__}: {text}"


def _shows_that_nothing_started(error: BaseException) -> bool:
    """Whether it is certain that the API did not do what it was asked for."""
    from .. import ApiError, NetworkError, ValidationError

    if isinstance(error, ApiError):
        return (error.status_code or 0) < 500
    if isinstance(error, NetworkError):
        return not error.request_sent
    return isinstance(error, ValidationError)
