"""How a command ends: its exit code, and the line that says why. Pure."""

from __future__ import annotations

from enum import Enum

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .. import ApiError

DONE = 0
FAILED = 1
WRONG_USAGE = 2
RUN_FAILED = 3
WAIT_TIMED_OUT = 4
MAY_BE_DONE = 5
# 128 and the number of the signal, as shells have it. SIGHUP, SIGINT and SIGTERM have
# these numbers on every system (POSIX, kill).
HUNG_UP = 129
INTERRUPTED = 130
TERMINATED = 143

EXIT_CODES = """\
exit codes:
  0    done
  1    failed, and certainly nothing was started or changed; a webhook is invalid
  2    wrong usage
  3    the run, or the document, ended as failed
  4    the time to wait was over
  5    failed, and it may have been started or carried out all the same
  129  130  143
       ended by SIGHUP, by Ctrl-C, by SIGTERM; what was started is named
"""
"""The same in words, for the help."""

_OF_SIGNALS = {
    HUNG_UP: "hung up",
    INTERRUPTED: "interrupted",
    TERMINATED: "terminated",
}


class Stop(Exception):
    """Ends a command with an exit code, and a line for standard error or none."""

    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text


class Interrupted(KeyboardInterrupt):
    """A signal ends the command, as Ctrl-C does; `code` is the exit code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Effect(Enum):
    """What a command has done that costs money, or changes what is there."""

    NONE = "nothing: it has only asked"
    POSSIBLE = "a request for it is under way, or failed"
    CERTAIN = "it was carried out"


class Progress:
    """How far a command has come, for the line that says how it ended.

    effect      what it has done so far
    started     what was started, and how to get at it: what the line says of it. Empty
                while that is nothing, and where the line says it already
    looked_for  what an answer of 404 is about
    """

    __slots__ = ("effect", "looked_for", "started")

    def __init__(self) -> None:
        self.effect = Effect.NONE
        self.started = ""
        self.looked_for = ""

    def begin(self) -> None:
        """The request that changes something is about to be sent."""
        self.effect = Effect.POSSIBLE

    def began(self, started: str) -> None:
        """It was carried out; `started` says what that was."""
        self.effect = Effect.CERTAIN
        self.started = started


def exit_for(error: BaseException, progress: Progress) -> tuple[int, str]:
    """The exit code and the line for what ended a command; "" is no line.

    The line also says what was started and may go on: somebody pays for that.
    """
    code, text = _explained(error, progress)
    effect = progress.effect
    if effect is Effect.POSSIBLE and _shows_that_nothing_started(error):
        effect = Effect.NONE
    if code == FAILED and effect is not Effect.NONE:
        code = MAY_BE_DONE
    if not text:
        return code, ""
    if effect is Effect.CERTAIN and progress.started:
        return code, f"{text}; {progress.started}"
    if effect is Effect.POSSIBLE:
        return code, f"{text}; it may have been carried out all the same"
    return code, text


def _explained(error: BaseException, progress: Progress) -> tuple[int, str]:
    """The exit code, and what went wrong in words."""
    if isinstance(error, Stop):
        return error.code, error.text
    if isinstance(error, KeyboardInterrupt):
        code = error.code if isinstance(error, Interrupted) else INTERRUPTED
        return code, _OF_SIGNALS[code]

    # Not when this module is loaded: help and usage errors do without the errors.
    from .. import ApiError, PromptJugglerError, ValidationError, WaitTimeout
    from .advice import in_words_of_options

    text = str(error) or type(error).__name__
    if isinstance(error, ValidationError):
        return WRONG_USAGE, text
    if isinstance(error, ApiError):
        return FAILED, _said_by_api(error, progress.looked_for)
    if isinstance(error, WaitTimeout):
        return WAIT_TIMED_OUT, in_words_of_options(text)
    if isinstance(error, PromptJugglerError):
        return FAILED, in_words_of_options(text)
    if isinstance(error, OSError):
        if error.filename is None:
            return FAILED, text
        # Nothing is opened but what the user has named.
        name = error.filename or "a file without a name"
        return WRONG_USAGE, f"{name} cannot be read: {error.strerror}"
    return FAILED, f"{type(error).__name__}: {text}"


def _said_by_api(error: ApiError, looked_for: str) -> str:
    """What the API said, with its status; of a 404 also what it was about.

    A text of ours begins with the status: then the body had none, and who answered may
    be no API at all.
    """
    text = str(error)
    is_ours = text.startswith("HTTP ")
    if error.status_code != 404 or not error.method:
        return text if is_ours else f"HTTP {error.status_code}: {text}"
    request = f"{error.method} {error.url}"
    if is_ours or not looked_for:
        return f"HTTP 404: {request}: {text}"
    return f"HTTP 404: there is no {looked_for} ({request}: {text})"


def _shows_that_nothing_started(error: BaseException) -> bool:
    """Whether it is certain that the API did not do what it was asked for.

    An `OSError` of a file that was named comes before anything is sent.
    """
    from .. import PromptJugglerError

    if isinstance(error, PromptJugglerError):
        return not error.may_have_taken_effect
    return isinstance(error, OSError) and error.filename is not None
