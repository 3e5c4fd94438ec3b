"""How an error becomes an exit code and a line: a table, since it is a pure function."""

import pytest

from promptjuggler import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    RequestTimeout,
    ValidationError,
    WaitTimeout,
)
from promptjuggler._cli.exits import Progress, Stop, exit_for

UNSURE = "; it may have been carried out all the same"
STARTED = "; run 7 was started: get it"


def api_error(status, text):
    return ApiError(text, status_code=status, body="", headers={})


def os_error(name):
    return FileNotFoundError(2, "No such file or directory", name)


# For each error: the exit code, the line, and whether it is certain then that nothing
# was started, so that the line need not say that something may have been.
CASES = {
    "stop": (Stop(3, "run 7 ended as failed: x"), 3, "run 7 ended as failed: x", False),
    "usage": (Stop(2, "too many arguments"), 2, "too many arguments", False),
    "ctrl-c": (KeyboardInterrupt(), 130, "interrupted", False),
    "wait": (WaitTimeout("is still pending"), 4, "is still pending", False),
    "invalid": (ValidationError("slug must"), 2, "slug must", True),
    "404": (api_error(404, "Not found."), 1, "HTTP 404: Not found.", True),
    "429": (api_error(429, "HTTP 429"), 1, "HTTP 429", True),
    "500": (api_error(500, "Oops."), 1, "HTTP 500: Oops.", False),
    "302": (api_error(302, "HTTP 302 Found"), 1, "HTTP 302 Found", True),
    "unsent": (NetworkError("refused", request_sent=False), 1, "refused", True),
    "lost": (NetworkError("reset", request_sent=True), 1, "reset", False),
    "slow": (RequestTimeout("within 1 s", request_sent=True), 1, "within 1 s", False),
    "decode": (DecodeError("id: missing", path="id"), 1, "id: missing", False),
    "other of ours": (PromptJugglerError("odd"), 1, "odd", False),
    "no text": (PromptJugglerError(), 1, "PromptJugglerError", False),
    "file": (os_error("a"), 2, "a cannot be read: No such file or directory", False),
    "no name": (
        os_error(""),
        2,
        "a file without a name cannot be read: No such file or directory",
        False,
    ),
    "no file": (OSError("no more threads"), 1, "no more threads", False),
    "unforeseen": (KeyError("x"), 1, "KeyError: 'x'", False),
    "unforeseen, no text": (MemoryError(), 1, "MemoryError: MemoryError", False),
}


@pytest.mark.parametrize("case", CASES)
def test_an_error_has_an_exit_code_and_a_line_that_says_what_may_go_on(case):
    error, code, line, is_certain = CASES[case]
    progress = Progress()
    assert exit_for(error, progress) == (code, line)
    progress.may_have_started = True
    assert exit_for(error, progress) == (code, line + ("" if is_certain else UNSURE))
    progress.run_id = "7"
    progress.fetch_command = "get it"
    assert exit_for(error, progress) == (code, line + STARTED)
    assert progress.may_have_started, "it was changed"


def test_where_there_is_nothing_to_say_nothing_is_said_of_runs_either():
    progress = Progress()
    progress.may_have_started = True
    progress.run_id = "7"
    assert exit_for(Stop(1), progress) == (1, "")
