"""How an error becomes an exit code and a line: a table, since it is a pure function."""

import ssl

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
from promptjuggler._cli.exits import Interrupted, Progress, Stop, exit_for
from promptjuggler._http.certificates import (
    GIVEN_CONTEXT,
    PRIVATE_AUTHORITY,
    Trust,
    advice_about_certificate,
)

UNSURE = "; it may have been carried out all the same"
STARTED = "; run 7 was started: get it"


def api_error(status, text, **request):
    return ApiError(text, status_code=status, body="", headers={}, **request)


def os_error(name):
    return FileNotFoundError(2, "No such file or directory", name)


ASKED = {"method": "GET", "url": "https://api.example/x"}

# For each error: the exit code, the line, and whether it is certain then that nothing
# was started, so that the line need not say that something may have been.
CASES = {
    "stop": (Stop(3, "run 7 ended as failed: x"), 3, "run 7 ended as failed: x", False),
    "usage": (Stop(2, "too many arguments"), 2, "too many arguments", False),
    "output": (Stop(1, "cannot be written"), 1, "cannot be written", False),
    "ctrl-c": (KeyboardInterrupt(), 130, "interrupted", False),
    "sigint": (Interrupted(130), 130, "interrupted", False),
    "sigterm": (Interrupted(143), 143, "terminated", False),
    "sighup": (Interrupted(129), 129, "hung up", False),
    "wait": (WaitTimeout("is still pending"), 4, "is still pending", False),
    "invalid": (ValidationError("slug must"), 2, "slug must", True),
    "404": (api_error(404, "Not found."), 1, "HTTP 404: Not found.", True),
    "404 of a page": (
        api_error(404, "HTTP 404 Not Found", **ASKED),
        1,
        "HTTP 404: GET https://api.example/x: HTTP 404 Not Found",
        True,
    ),
    "429": (api_error(429, "HTTP 429"), 1, "HTTP 429", True),
    "408": (api_error(408, "Too slow."), 1, "HTTP 408: Too slow.", False),
    "500": (api_error(500, "Oops."), 1, "HTTP 500: Oops.", False),
    "302": (api_error(302, "HTTP 302 Found"), 1, "HTTP 302 Found", True),
    "unsent": (NetworkError("refused", request_sent=False), 1, "refused", True),
    "lost": (NetworkError("reset", request_sent=True), 1, "reset", False),
    "slow": (RequestTimeout("within 1 s", request_sent=True), 1, "within 1 s", False),
    "decode": (
        DecodeError("id: missing", path="id", status_code=200),
        1,
        "id: missing",
        False,
    ),
    "other of ours": (PromptJugglerError("odd"), 1, "odd", False),
    "no text": (PromptJugglerError(), 1, "PromptJugglerError", False),
    "file": (os_error("a"), 2, "a cannot be read: No such file or directory", True),
    "no name": (
        os_error(""),
        2,
        "a file without a name cannot be read: No such file or directory",
        True,
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
    progress.begin()
    # Only a failure has another code where it may have been carried out.
    begun = 5 if code == 1 and not is_certain else code
    assert exit_for(error, progress) == (begun, line + ("" if is_certain else UNSURE))
    progress.began("run 7 was started: get it")
    # Whatever failed afterwards: it was started.
    assert exit_for(error, progress) == (5 if code == 1 else code, line + STARTED)
    progress.began("")
    assert exit_for(error, progress) == (5 if code == 1 else code, line)


def test_where_there_is_nothing_to_say_nothing_is_said_of_runs_either():
    progress = Progress()
    assert exit_for(Stop(1), progress) == (1, "")
    progress.began("run 7 was started: get it")
    assert exit_for(Stop(1), progress) == (5, "")


def test_a_404_of_the_api_says_what_was_looked_for_and_asked():
    progress = Progress()
    progress.looked_for = 'prompt "x" with version "3"'
    said = 'HTTP 404: there is no prompt "x" with version "3" (GET https://api.example/x: No.)'
    assert exit_for(api_error(404, "No.", **ASKED), progress) == (1, said)
    # Not where a page says so: the address may be that of no API.
    assert "there is no" not in exit_for(CASES["404 of a page"][0], progress)[1]
    assert "there is no" not in exit_for(api_error(403, "No.", **ASKED), progress)[1]


def test_advice_for_programs_is_given_in_options():
    for advice in (PRIVATE_AUTHORITY, GIVEN_CONTEXT):
        code, text = exit_for(NetworkError(advice, request_sent=False), Progress())
        assert code == 1
        assert "--ca-file" in text
        assert "ssl_context" not in text


# What OpenSSL says of a certificate, and whom the connection trusted.
FAILURES_OF_TLS = {
    "no certificate": ("SSLV3_ALERT_HANDSHAKE_FAILURE", None, Trust()),
    "one that is not trusted": ("TLSV1_ALERT_UNKNOWN_CA", None, Trust()),
    "strict": ("CERTIFICATE_VERIFY_FAILED", 85, Trust()),
    "own trust": ("CERTIFICATE_VERIFY_FAILED", 20, Trust()),
    "given trust": (
        "CERTIFICATE_VERIFY_FAILED",
        20,
        Trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)),
    ),
}


@pytest.mark.parametrize("case", FAILURES_OF_TLS.values(), ids=FAILURES_OF_TLS)
def test_whatever_fails_with_tls_no_line_speaks_of_arguments_of_python(case):
    said, code, trust = case
    failure = ssl.SSLError(1, said)
    failure.verify_code = code
    advice = advice_about_certificate(failure, trust)
    assert "ssl_context=" in advice
    error = NetworkError(f"could not connect: {said}{advice}", request_sent=False)
    assert "ssl_context" not in exit_for(error, Progress())[1]
    waited = WaitTimeout(f"was not seen; since then: {error}")
    assert "ssl_context" not in exit_for(waited, Progress())[1]
