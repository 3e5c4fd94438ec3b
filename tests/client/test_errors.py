"""The errors: their tree, what they hold, and that no other error leaves a call."""

import gc
import http.client
import io
import pickle
import re
import socket
import ssl
import urllib.request
import weakref
from email.message import Message
from urllib.error import HTTPError, URLError

import pytest
from helpers.calls import RUN_ID, client_of, refusing_port
from helpers.servers import PATIENCE, ConnectProxy, ScriptedServer, respond

import promptjuggler
from promptjuggler import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJuggler,
    PromptJugglerError,
    RequestTimeout,
    ValidationError,
    WaitTimeout,
    errors,
)
from promptjuggler.testing import FakeServer

HOMES = promptjuggler._HOME_OF.items()
NAMES = [name for name, home in HOMES if home == "errors"]


def client(server, **options):
    return client_of(server, **{"max_retries": 0, **options})


def failure_of(pj, call=lambda pj: pj.get_prompt_run(RUN_ID)):
    with pytest.raises(PromptJugglerError) as caught:
        call(pj)
    return caught.value


# The tree


def drawn_tree():
    """The tree in the docstring of the module: name to (name of the base, builtin in
    brackets or None).
    """
    tree, stack = {}, []
    for line in errors.__doc__.splitlines():
        match = re.fullmatch(r"([│├└─ ]*)([A-Z]\w+)(?: \((\w+)\))?", line)
        if match:
            depth = len(match[1]) // 4
            stack[depth:] = [match[2]]
            tree[match[2]] = (stack[depth - 1] if depth else None, match[3])
    return tree


def test_the_tree_drawn_in_the_docstring_is_that_of_the_classes():
    tree = {}
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            bases = [base.__name__ for base in kind.__bases__]
            if kind is PromptJugglerError:
                assert bases == ["Exception"]
                bases = [None]
            tree[name] = (bases[0], bases[1] if len(bases) > 1 else None)
    assert drawn_tree() == tree
    assert sorted(tree) == NAMES
    assert len(tree) == 7


def test_the_builtin_bases_are_real():
    assert issubclass(ValidationError, ValueError)
    assert issubclass(RequestTimeout, TimeoutError)
    assert issubclass(WaitTimeout, TimeoutError)
    assert not issubclass(NetworkError, OSError)
    names = NAMES
    assert all(
        issubclass(getattr(promptjuggler, name), PromptJugglerError) for name in names
    )


def some_headers():
    headers = http.client.HTTPMessage()
    headers["Retry-After"] = "7"
    headers["X-Two"] = "a"
    headers["X-Two"] = "b"
    return headers


SAMPLES = [
    PromptJugglerError("some text"),
    ApiError(
        "No.",
        422,
        body='{"error": "No."}',
        headers=some_headers(),
        retry_after=7.0,
        attempts=3,
    ),
    ApiError("No."),
    NetworkError("broken", request_sent=False, attempts=2),
    RequestTimeout("too late", request_sent=True, attempts=4),
    DecodeError("a.b: wrong", path="a.b", status_code=200, body=b"\xff"),
    ValidationError("slug must not be ''"),
    WaitTimeout("still pending", last={"status": "pending"}),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_error_pickles_with_every_field(error, protocol):
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert (str(again), again.args) == (str(error), error.args)
    fields, copied = dict(vars(error)), dict(vars(again))
    if fields.get("headers"):
        assert copied.pop("headers").items() == fields.pop("headers").items()
        assert again.headers["retry-after"] == "7"
        assert again.headers.get_all("x-two") == ["a", "b"]
    assert copied == fields


def test_an_error_of_a_real_answer_pickles_whole():
    with ScriptedServer(
        respond((503, "später", {"Retry-After": "3", "X-Name": "\xe9"}))
    ) as server:
        error = failure_of(client(server))
    again = pickle.loads(pickle.dumps(error))
    assert (again.status_code, again.body, again.retry_after, again.attempts) == (
        503,
        "später",
        3.0,
        1,
    )
    assert again.headers["x-name"] == "\xe9"


def test_errors_have_useful_defaults_when_they_are_made_by_hand():
    error = ApiError("x")
    assert vars(error) == {
        "status_code": None,
        "body": "",
        "headers": None,
        "retry_after": None,
        "attempts": 1,
    }
    assert (NetworkError("x").request_sent, NetworkError("x").attempts) == (True, 1)
    assert (
        DecodeError("x").path,
        DecodeError("x").status_code,
        DecodeError("x").body,
    ) == ("", None, b"")
    assert WaitTimeout("x").last is None
    assert (
        str(RequestTimeout("x")),
        str(WaitTimeout("x")),
        RequestTimeout("x").errno,
    ) == ("x", "x", None)


# ApiError


@pytest.mark.parametrize(
    ("status", "reason", "body", "text"),
    [
        (422, None, {"error": "inputs is required."}, "inputs is required."),
        (404, None, {"error": " Not found.\n", "more": 1}, " Not found.\n"),
        (500, None, {"error": "Kaputt: ü\u2028"}, "Kaputt: ü\u2028"),
        (502, None, "<html>Bad Gateway</html>", "HTTP 502 Bad Gateway"),
        (502, "", "", "HTTP 502 Bad Gateway"),
        (503, "Come Back Later", b"", "HTTP 503 Come Back Later"),
        (599, "", b"", "HTTP 599"),
        (500, None, {"error": ""}, "HTTP 500 Internal Server Error"),
        (500, None, {"error": {"code": 5}}, "HTTP 500 Internal Server Error"),
        (500, None, {"message": "x"}, "HTTP 500 Internal Server Error"),
        (500, None, ["error"], "HTTP 500 Internal Server Error"),
        (500, None, b'{"error": "cut', "HTTP 500 Internal Server Error"),
        (500, None, b"\xff\xfe", "HTTP 500 Internal Server Error"),
        (500, None, b"[" * 100_000, "HTTP 500 Internal Server Error"),
        (500, None, b"1" * 5000, "HTTP 500 Internal Server Error"),
        (304, None, b"", "HTTP 304 Not Modified"),
        (300, None, b"", "HTTP 300 Multiple Choices"),
    ],
)
def test_the_text_of_an_api_error_is_the_error_of_the_server_or_else_the_status(
    status, reason, body, text
):
    with (
        ScriptedServer(respond((status, body, (), reason))) as server,
        client(server) as pj,
    ):
        error = failure_of(pj)
    assert type(error) is ApiError
    assert (str(error), error.status_code, error.attempts, error.retry_after) == (
        text,
        status,
        1,
        None,
    )
    if isinstance(body, bytes):
        assert error.body == body.decode("utf-8", "replace")


@pytest.mark.parametrize(
    "status",
    [400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 451, 501, 505, 600, 999],
)
def test_any_other_status_is_an_api_error(status):
    with (
        ScriptedServer(respond((status, {"error": "No."}, {"X-Id": "7"}))) as server,
        client(server) as pj,
    ):
        for call in (lambda pj: pj.get_prompt("p", 1), lambda pj: pj.run_prompt("p", 1, {}),
                     lambda pj: pj.delete_knowledge_document(RUN_ID)):  # fmt: skip
            error = failure_of(pj, call)
            assert (type(error), str(error), error.status_code) == (
                ApiError,
                "No.",
                status,
            )
            assert error.headers["x-ID"] == "7"
            assert error.__cause__ is None
        assert server.connections == 1


def test_retry_after_can_be_seconds_or_a_date_in_each_of_the_three_forms():
    cases = {
        "7": 7.0, "0": 0.0, " 12 ": 12.0, "99999999999999999999": 9999999999.0,
        "Sun, 06 Nov 1994 08:49:37 GMT": 0.0, "Sunday, 06-Nov-94 08:49:37 GMT": 0.0, "Sun Nov  6 08:49:37 1994": 0.0,
        "": None, "soon": None, "-5": None, "1.5": None, "²": None, "Sun, 99 Nov 1994 99:49:37 GMT": None,
        "Mon, 01 Jan 99999 00:00:00 GMT": None,
    }  # fmt: skip
    for value, seconds in cases.items():
        with (
            ScriptedServer(respond((422, b"", {"Retry-After": value}))) as server,
            client(server) as pj,
        ):
            assert failure_of(pj).retry_after == seconds, value


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
def test_a_date_of_retry_after_is_utc_whatever_the_local_time_zone(form, monkeypatch):
    import time

    monkeypatch.setenv("TZ", "XYZ-7")
    time.tzset()
    try:
        date = time.strftime(form, time.gmtime(time.time() + 1000))
        with (
            ScriptedServer(respond((422, b"", {"Retry-After": date}))) as server,
            client(server) as pj,
        ):
            assert 900 < failure_of(pj).retry_after <= 1000
    finally:
        monkeypatch.undo()
        time.tzset()


# What is behind a NetworkError


def test_a_refused_connection_was_not_sent_and_has_the_error_of_the_system_as_its_cause():
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        error = failure_of(PromptJuggler("test-key", base_url=url, max_retries=0))
    assert (type(error), error.request_sent, error.attempts) == (NetworkError, False, 1)
    assert type(error.__cause__) is ConnectionRefusedError
    assert str(error).startswith("could not connect to 127.0.0.1: ")


def test_the_text_names_the_host_as_the_url_has_it():
    with refusing_port() as port:
        url = f"http://[::1]:{port}"
        error = failure_of(PromptJuggler("test-key", base_url=url, max_retries=0))
    assert str(error).startswith("could not connect to [::1]: ")


def test_a_name_that_does_not_exist_was_not_sent():
    error = failure_of(
        PromptJuggler("test-key", base_url="http://nothing.invalid", max_retries=0)
    )
    assert (type(error), error.request_sent) == (NetworkError, False)
    assert isinstance(error.__cause__, socket.gaierror)
    error = failure_of(
        PromptJuggler("test-key", base_url=f"http://{'x' * 70}.invalid", max_retries=0)
    )
    assert (type(error), error.request_sent) == (NetworkError, False)
    assert isinstance(error.__cause__, socket.gaierror)


@pytest.mark.parametrize(
    ("handler", "cause"),
    [
        (lambda conn: conn.read_request(), http.client.RemoteDisconnected),
        (lambda conn: (conn.read_request(), conn.reset()), ConnectionResetError),
        (lambda conn: (conn.read_request(), conn.send(b"SMTP ready\r\n")), http.client.BadStatusLine),
        (lambda conn: (conn.read_request(), conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")),
         http.client.IncompleteRead),
        (lambda conn: (conn.read_request(), conn.send(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000), conn.hang()),
         http.client.LineTooLong),
        (lambda conn: (conn.read_request(), conn.send(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n")),
         http.client.HTTPException),
        (lambda conn: conn.hang(), TimeoutError),
    ],
)  # fmt: skip
def test_the_error_of_the_standard_library_is_the_cause(handler, cause):
    timeout = 0.2 if cause is TimeoutError else PATIENCE
    with ScriptedServer(handler) as server, client(server, timeout=timeout) as pj:
        error = failure_of(pj, lambda pj: pj.run_prompt("p", 1, {}))
    assert type(error) is (RequestTimeout if cause is TimeoutError else NetworkError)
    assert isinstance(error.__cause__, cause)
    assert (error.request_sent, error.attempts) == (True, 1)
    assert isinstance(error, TimeoutError) == (cause is TimeoutError)
    assert "127.0.0.1" in str(error)


def test_a_proxy_that_refuses_the_tunnel_is_a_network_error_and_nothing_was_sent():
    with ConnectProxy(behaviour="refuse") as proxy:
        pj = PromptJuggler(
            "k",
            base_url="https://a.invalid",
            max_retries=0,
            proxy=f"http://127.0.0.1:{proxy.port}",
        )
        error = failure_of(pj)
    assert (type(error), error.request_sent) == (NetworkError, False)
    assert isinstance(error.__cause__, OSError)
    assert "502" in str(error)


# Only errors of the tree leave, whatever an opener raises


class Failing(urllib.request.BaseHandler):
    """A handler that raises, or returns, what it was given."""

    handler_order = 100

    def __init__(self, outcome):
        self.outcome = outcome

    def http_open(self, request):
        if isinstance(self.outcome, BaseException):
            raise self.outcome
        return self.outcome


def with_outcome(outcome, **options):
    opener = urllib.request.OpenerDirector()
    opener.add_handler(Failing(outcome))
    return PromptJuggler(
        "test-key", base_url="http://a.example", max_retries=0, opener=opener, **options
    )


STANDARD = [
    URLError("unknown"), URLError(OSError("inner")), OSError("bare"), OSError(113, "No route to host"),
    ConnectionResetError(104, "reset"), BrokenPipeError(32, "pipe"), ConnectionAbortedError("aborted"),
    ConnectionRefusedError(111, "refused"), socket.gaierror(-2, "Name or service not known"),
    socket.herror(1, "host"), TimeoutError("timed out"), TimeoutError(),
    URLError(TimeoutError("timed out")), BlockingIOError(11, "again"), InterruptedError(4, "interrupted"),
    FileNotFoundError(2, "ca.pem"), PermissionError(13, "denied"),
    ssl.SSLError(1, "[SSL] broken"), ssl.SSLEOFError(8, "EOF"), ssl.SSLZeroReturnError(6, "closed"),
    ssl.SSLWantReadError(2, "more"), ssl.SSLSyscallError(5, "sys"), ssl.SSLCertVerificationError(1, "untrusted"),
    http.client.HTTPException("any"), http.client.HTTPException(), http.client.IncompleteRead(b"part", 5),
    http.client.BadStatusLine("x"), http.client.RemoteDisconnected("gone"), http.client.InvalidURL("bad"),
    http.client.LineTooLong("header"), http.client.UnknownProtocol("HTTP/9"), http.client.NotConnected(),
    http.client.CannotSendRequest("Idle"), http.client.CannotSendHeader(), http.client.ResponseNotReady("Idle"),
    http.client.UnknownTransferEncoding(), http.client.UnimplementedFileMode(), http.client.ImproperConnectionState(),
    UnicodeError("label too long"), UnicodeEncodeError("idna", "x", 0, 1, "label too long"),
    UnicodeDecodeError("ascii", b"\xff", 0, 1, "no"),
]  # fmt: skip


@pytest.mark.parametrize("raised", STANDARD, ids=repr)
@pytest.mark.parametrize(
    "call", [lambda pj: pj.get_prompt("p", 1), lambda pj: pj.run_prompt("p", 1, {})]
)
def test_whatever_the_standard_library_raises_becomes_a_network_error_with_it_as_the_cause(
    raised, call
):
    error = failure_of(with_outcome(raised, timeout=3), call)
    cause = (
        raised.reason
        if isinstance(raised, URLError) and isinstance(raised.reason, OSError)
        else raised
    )
    assert error.__cause__ is cause
    assert type(error) is (
        RequestTimeout if isinstance(cause, TimeoutError) else NetworkError
    )
    certain = (socket.gaierror, ConnectionRefusedError, ssl.SSLCertVerificationError)
    assert error.request_sent == (not isinstance(cause, certain))
    assert "a.example" in str(error)
    assert "None" not in str(error)


@pytest.mark.parametrize("headers", [None, {}, {"X-A": "b"}, Message(), some_headers()])
@pytest.mark.parametrize("body", [None, b"", b'{"error": "No."}'])
def test_an_http_error_of_an_opener_becomes_an_api_error(headers, body):
    stream = None if body is None else io.BytesIO(body)
    with HTTPError("http://a.example", 422, "Made Up", headers, stream) as raised:
        error = failure_of(with_outcome(raised))
    assert (type(error), error.status_code) == (ApiError, 422)
    assert str(error) == ("No." if body else "HTTP 422 Made Up")


def test_an_opener_without_a_handler_is_a_network_error():
    error = failure_of(with_outcome(None))
    assert (type(error), type(error.__cause__)) == (NetworkError, URLError)
    assert "no handler for http" in str(error)
    bare = PromptJuggler(
        "k",
        base_url="https://a.example",
        opener=urllib.request.OpenerDirector(),
        max_retries=0,
    )
    assert "no handler for https" in str(failure_of(bare))


def test_an_error_that_is_no_matter_of_the_network_is_left_alone():
    """A mistake in the handler of an opener, or Ctrl-C, must not look like a failure of
    the network.
    """
    for raised in (
        KeyError("x"),
        ZeroDivisionError(),
        KeyboardInterrupt(),
        SystemExit(),
    ):
        with pytest.raises(type(raised)) as caught:
            with_outcome(raised).get_prompt("p", 1)
        assert caught.value is raised


# What an error leaves behind


@pytest.mark.parametrize("kind", ["api", "refused", "argument", "wait", "upload"])
def test_an_error_is_in_no_reference_cycle(kind):
    """What it holds, such as files and answers, is freed with it, and not at some later time."""
    calls = {
        "api": lambda: pj.get_prompt("none", 1),
        "refused": lambda: refused.get_prompt("p", 1),
        "argument": lambda: pj.run_prompt("p", 1, {"a": 1}),
        "wait": lambda: refused.wait_for_prompt_run(RUN_ID, timeout=0.02),
        "upload": lambda: pj.upload_documents("none", [("a", 5)]),
    }
    with refusing_port() as port, FakeServer() as server, client(server) as pj:
        url = f"http://127.0.0.1:{port}"
        refused = PromptJuggler("k", base_url=url, max_retries=0)
        failure_of(None, lambda _: calls[kind]())
        gc.collect()
        gc.disable()
        try:
            with pytest.raises(PromptJugglerError) as caught:
                calls[kind]()
            watch = weakref.ref(caught.value)
            del caught
            assert watch() is None
        finally:
            gc.enable()
