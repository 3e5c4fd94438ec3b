"""The errors: their tree, what they hold, and that no other error leaves a call."""

import copy
import gc
import http.client
import inspect
import io
import pickle
import re
import socket
import ssl
import sys
import traceback
import urllib.request
import weakref
from email.message import Message
from urllib.error import HTTPError, URLError

import pytest
from helpers.calls import RUN_ID, client_of, refusing_port
from helpers.commandline import modules_loaded_by
from helpers.package import NAME
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
    waits,
)
from promptjuggler.testing import FakeServer

HOMES = promptjuggler._HOME_OF.items()
NAMES = [name for name, home in HOMES if home in ("errors", "waits")]


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
    for name, kind in {**vars(errors), **vars(waits)}.items():
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


@pytest.mark.parametrize("name", NAMES)
def test_tracebacks_and_pickles_name_the_public_module_of_an_error(name):
    error = getattr(promptjuggler, name)("some text")
    home = f"{NAME}.{promptjuggler._HOME_OF[name]}"
    shown = traceback.format_exception_only(error)
    assert shown == [f"{home}.{name}: some text\n"]
    assert home.encode() in pickle.dumps(error)
    assert f"class {name}(" in inspect.getsource(type(error))


def test_wait_timeout_can_be_had_from_the_module_of_the_others_too():
    """So do programs and pickles that are older than `waits`."""
    assert errors.WaitTimeout is WaitTimeout
    with pytest.raises(AttributeError, match=r"has no attribute 'WaitTimeou'"):
        errors.WaitTimeou  # noqa: B018
    pickled = pickle.dumps(WaitTimeout("late"), 0)
    older = pickled.replace(f"{NAME}.waits".encode(), f"{NAME}.errors".encode())
    assert str(pickle.loads(older)) == "late"


def test_the_modules_of_all_errors_are_loaded_with_the_client():
    """An error must not need a file, and what pickles classes by name finds them."""
    code = "from NAME import PromptJuggler\nPromptJuggler('k')".replace("NAME", NAME)
    assert {f"{NAME}.errors", f"{NAME}.waits"} <= modules_loaded_by(code)


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
    ApiError(
        "No.", 503, headers=some_headers(), method="GET", url="http://a.example/b"
    ),
    NetworkError("broken", request_sent=False, attempts=2),
    NetworkError("broken", method="POST", url="http://a.example/b"),
    RequestTimeout("too late", request_sent=True, attempts=4),
    DecodeError("a.b: wrong", path="a.b", status_code=200, body=b"\xff"),
    DecodeError(
        "wrong",
        status_code=200,
        headers=some_headers(),
        method="GET",
        url="http://a.example/b",
    ),
    PromptJugglerError("some text", may_have_taken_effect=False),
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


@pytest.mark.parametrize("reply", [
    (503, "später", {"Retry-After": "3", "X-Name": "\xe9"}), (404, {"error": "No."}), (200, "<html>"), (200, {"id": 5}),
    lambda conn, request: conn.reset(), lambda conn, request: conn.hang(),
])  # fmt: skip
@pytest.mark.parametrize(
    "copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))]
)
def test_an_error_of_a_real_request_is_copied_and_pickled_whole_with_its_notes(
    reply, copied
):
    with ScriptedServer(respond(reply)) as server:
        error = failure_of(client(server, timeout=0.1))
    again = copied(error)
    fields, others = dict(vars(error)), dict(vars(again))
    headers, other_headers = fields.pop("headers", None), others.pop("headers", None)
    assert (type(again), str(again), others) == (type(error), str(error), fields)
    assert (headers and headers.items()) == (other_headers and other_headers.items())
    assert getattr(again, "__notes__", []) == getattr(error, "__notes__", [])


# Method, URL, and the note of a traceback


REPLIES = {
    "api": ((404, {"error": "No."}), ApiError, "HTTP 404: "),
    "decode": ((200, "<html>"), DecodeError, "HTTP 200: "),
    "document": ((200, {"id": 5}), DecodeError, "HTTP 200: "),
    "network": (lambda conn, request: conn.reset(), NetworkError, ""),
}


@pytest.mark.parametrize("kind", REPLIES)
@pytest.mark.parametrize(
    ("call", "method", "path"),
    [
        (lambda pj: pj.get_prompt_run(RUN_ID), "GET", f"/promptruns/{RUN_ID}"),
        (lambda pj: pj.run_prompt("a b", 1, {}), "POST", "/prompts/a%20b/1/runs"),
    ],
)
def test_an_error_has_the_method_and_the_url_of_its_request_and_a_note_with_them(
    kind, call, method, path
):
    reply, expected, status = REPLIES[kind]
    with ScriptedServer(respond(reply)) as server, client(server) as pj:
        error = failure_of(pj, call)
    url = f"{server.url}/api/v1{path}"
    assert (type(error), error.method, error.url) == (expected, method, url)
    note = f"{status}{method} {url}"
    if sys.version_info >= (3, 11):
        assert error.__notes__ == [note]
    shown = "".join(traceback.format_exception(type(error), error, None))
    assert (note in shown) == (sys.version_info >= (3, 11))


def test_an_error_without_a_request_has_no_note():
    for error in (ApiError("x", 404), NetworkError("x"), DecodeError("x")):
        assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("kind", [ApiError, DecodeError])
def test_a_note_leaves_out_a_status_that_is_not_known(kind):
    error = kind("x", method="GET", url="https://x.example/")
    shown = "".join(traceback.format_exception(type(error), error, None))
    assert "None" not in shown
    assert ("GET https://x.example/" in shown) == (sys.version_info >= (3, 11))


# May it have taken effect?


@pytest.mark.parametrize(
    ("status", "effect"),
    [
        *(
            (status, False)
            for status in (300, 302, 308, 400, 401, 404, 409, 422, 429, 499)
        ),
        *((status, True) for status in (408, 500, 502, 503, 520, 599, 600, 999)),
    ],
)
def test_only_a_redirect_or_a_refusal_says_that_nothing_was_carried_out(status, effect):
    with ScriptedServer(respond((status, {"error": "No."}))) as server:
        error = failure_of(client(server), lambda pj: pj.run_prompt("p", 1, {}))
    assert (error.status_code, error.may_have_taken_effect) == (status, effect)
    assert ApiError("x", status).may_have_taken_effect is effect


@pytest.mark.parametrize("reply", ["<html>", {"id": 5}, "", {"error": "x"}])
def test_an_answer_of_success_that_cannot_be_read_may_have_taken_effect(reply):
    with ScriptedServer(respond((200, reply))) as server:
        error = failure_of(client(server), lambda pj: pj.run_prompt("p", 1, {}))
    assert (type(error), error.may_have_taken_effect) == (DecodeError, True)


def test_what_was_not_sent_has_no_effect_and_what_was_sent_may_have():
    start = lambda pj: pj.run_prompt("p", 1, {})  # noqa: E731
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        refused = PromptJuggler("k", base_url=url, max_retries=0)
        assert failure_of(refused, start).may_have_taken_effect is False
        wrong = failure_of(refused, lambda pj: pj.run_prompt("", 1, {}))
        assert wrong.may_have_taken_effect is False
    with ScriptedServer(lambda conn: (conn.read_request(), conn.reset())) as server:
        assert failure_of(client(server), start).may_have_taken_effect is True
    with ScriptedServer(lambda conn: conn.hang()) as server:
        slow = client(server, timeout=0.1)
        assert failure_of(slow, start).may_have_taken_effect is True
    assert WaitTimeout("x").may_have_taken_effect is True
    assert PromptJugglerError("x").may_have_taken_effect is True


@pytest.mark.parametrize(
    ("first", "effect"),
    [
        ((503, {"error": "Busy."}), True),
        (lambda conn, request: conn.reset(), True),
        ((429, {"error": "Slow down."}), False),
    ],
)
def test_an_earlier_attempt_that_may_have_taken_effect_is_not_forgotten(first, effect):
    replies = respond(first, (404, {"error": "Gone."}))
    with ScriptedServer(replies) as server, client(server, max_retries=1) as pj:
        error = failure_of(pj, lambda pj: pj.create_stream_token(RUN_ID))
    assert (error.status_code, error.attempts) == (404, 2)
    assert error.may_have_taken_effect is effect


def test_an_attempt_on_a_connection_that_was_closed_is_not_forgotten_either():
    """A DELETE that was lost on a kept connection is sent again at once, on a new one."""

    def handler(conn):
        conn.read_request()
        if conn.index == 0:
            conn.reply(404, {"error": "No."})
            conn.read_request()
            conn.close()
        else:
            conn.reply(401, {"error": "No."})

    delete = lambda pj: pj.delete_knowledge_document(RUN_ID)  # noqa: E731
    with ScriptedServer(handler) as server, client(server) as pj:
        assert failure_of(pj, delete).may_have_taken_effect is False
        error = failure_of(pj, delete)
    assert (error.status_code, error.attempts, error.may_have_taken_effect) == (
        401,
        2,
        True,
    )


def test_errors_have_useful_defaults_when_they_are_made_by_hand():
    assert vars(ApiError("x")) == {
        "status_code": None,
        "body": "",
        "headers": None,
        "retry_after": None,
        "attempts": 1,
        "method": "",
        "url": "",
        "may_have_taken_effect": True,
    }
    assert vars(NetworkError("x")) == {
        "request_sent": True,
        "attempts": 1,
        "method": "",
        "url": "",
        "may_have_taken_effect": True,
    }
    assert vars(DecodeError("x")) == {
        "path": "",
        "status_code": None,
        "body": b"",
        "headers": None,
        "method": "",
        "url": "",
        "may_have_taken_effect": False,
    }
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
        (404, None, {"error": " Not found. ", "more": 1}, " Not found. "),
        (500, None, {"error": "Kaputt: ü" * 500}, "Kaputt: ü" * 500),
        (502, None, "<html>Bad Gateway</html>", "HTTP 502 Bad Gateway"),
        (502, "", "", "HTTP 502 Bad Gateway"),
        (503, "Come Back Later", b"", "HTTP 503 Come Back Later"),
        (599, "", b"", "HTTP 599"),
        (500, None, {"error": ""}, "HTTP 500 Internal Server Error"),
        (500, None, {"error": {"code": 5}}, "HTTP 500 Internal Server Error"),
        (500, None, {"data": "x"}, "HTTP 500 Internal Server Error"),
        (500, None, [5, None], "HTTP 500 Internal Server Error"),
        (500, None, 7, "HTTP 500 Internal Server Error"),
        (500, None, b'{"error": "cut', "HTTP 500 Internal Server Error"),
        (500, None, b'["cut', "HTTP 500 Internal Server Error"),
        (403, None, {"message": "Forbidden by WAF."}, "Forbidden by WAF."),
        (403, None, {"Message": "x", "detail": "No access."}, "No access."),
        (400, None, {"title": "Bad input", "status": 400}, "Bad input"),
        (400, None, {"title": "Bad input", "detail": "age is 7."}, "age is 7."),
        (401, None, {"error": {"message": "Bad key.", "code": 5}}, "Bad key."),
        (401, None, {"error": None, "message": "Bad key."}, "Bad key."),
        (422, None, {"errors": ["one", {"message": "two"}, 3]}, "one; two"),
        (422, None, {"errors": [{"detail": "a"}, {"title": "b"}]}, "a; b"),
        (422, None, {"detail": [{"loc": [1], "message": "c"}]}, "c"),
        (403, None, {"error": "", "message": "Not yours."}, "Not yours."),
        (403, None, {"error": " \n", "detail": " ", "title": "x"}, "x"),
        (403, None, {"error": "  "}, "HTTP 403 Forbidden"),
        (403, None, {"Message": "Not allowed."}, "Not allowed."),
        (401, None, {"fault": {"faultstring": "Bad key."}}, "Bad key."),
        (422, None, {"detail": [{"loc": ["body", "a", 0], "msg": "b"}]}, "body.a.0: b"),
        (422, None, {"detail": [{"msg": "a"}, {"loc": [], "msg": "b"}]}, "a; b"),
        (422, None, {"detail": [{"loc": 5, "msg": "a"}, {"msg": ""}]}, "a"),
        (
            422,
            None,
            {"errors": {"a": ["is no b"], "c": "d", "e": 5}},
            "a: is no b; c: d",
        ),
        (409, None, {"errors": {"a": []}}, "HTTP 409 Conflict"),
        (500, None, ["one", "two"], "one; two"),
        (500, None, "a text", "a text"),
        (500, None, b'"a text"', "a text"),
        (429, None, "slow down\nplease", "slow down"),
        (503, None, b"\xef\xbb\xbfno healthy upstream\r\n", "no healthy upstream"),
        (503, None, b'\xef\xbb\xbf{"error": "No."}', "No."),
        (500, None, "x" * 5000, "x" * 1000),
        (500, None, {"message": "x" * 5000}, "x" * 1000),
        (
            500,
            None,
            {"message": {"message": {"message": {"message": {"message": "x"}}}}},
            "HTTP 500 Internal Server Error",
        ),
        (500, None, b"\xff\xfe", "HTTP 500 Internal Server Error"),
        (500, None, b"[" * 100_000, "HTTP 500 Internal Server Error"),
        (500, None, b"1" * 5000, "1" * 1000),
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
        assert error.body == body.decode("utf-8-sig", "replace")


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
        "7": 7.0, "0": 0.0, " 12 ": 12.0, "99999999999999999999": 1e9, "9" * 4000: 1e9,
        "2.5": 2.5, "59.9": 59.9, "3.": 3.0, "0.0": 0.0,
        "Sun, 06 Nov 1994 08:49:37 GMT": 0.0, "Sunday, 06-Nov-94 08:49:37 GMT": 0.0, "Sun Nov  6 08:49:37 1994": 0.0,
        "": None, "soon": None, "-5": None, ".5": None, "1.5.2": None, "1,5": None, "inf": None, "²": None, "Sun, 99 Nov 1994 99:49:37 GMT": None,
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


@pytest.mark.parametrize(
    "head", ["Content-Length: 1000\r\n", "Transfer-Encoding: chunked\r\n"]
)
@pytest.mark.parametrize("body", ["", "5\r\n{"])
def test_an_error_whose_body_was_cut_off_says_so(head, body):
    raw = f"HTTP/1.1 403 No\r\n{head}\r\n{body}".encode()
    with ScriptedServer(lambda conn: (conn.read_request(), conn.send(raw))) as server:
        error = failure_of(client(server))
    assert (type(error), error.status_code) == (ApiError, 403)
    came = len(error.body)
    assert str(error) == f"HTTP 403 No (its body was cut off after {came} bytes)"


# What is behind a NetworkError


def test_a_refused_connection_was_not_sent_and_has_the_error_of_the_system_as_its_cause():
    with refusing_port() as port:
        url = f"http://127.0.0.1:{port}"
        error = failure_of(PromptJuggler("test-key", base_url=url, max_retries=0))
    assert (type(error), error.request_sent, error.attempts) == (NetworkError, False, 1)
    assert type(error.__cause__) is ConnectionRefusedError
    port = error.url.split("/")[2].partition(":")[2]
    assert str(error).startswith(f"could not connect to 127.0.0.1:{port}: ")


def test_the_text_names_the_host_as_the_url_has_it():
    with refusing_port() as port:
        url = f"http://[::1]:{port}"
        error = failure_of(PromptJuggler("test-key", base_url=url, max_retries=0))
    assert str(error).startswith(f"could not connect to [::1]:{port}")


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_a_host_without_a_port_is_named_with_the_usual_one(scheme, port):
    pj = PromptJuggler("k", base_url=f"{scheme}://nothing.invalid", max_retries=0)
    text = f"could not connect to nothing.invalid:{port}: "
    assert str(failure_of(pj)).startswith(text)


def test_a_name_that_does_not_exist_was_not_sent():
    error = failure_of(
        PromptJuggler("test-key", base_url="http://nothing.invalid", max_retries=0)
    )
    assert (type(error), error.request_sent) == (NetworkError, False)
    assert isinstance(error.__cause__, socket.gaierror)


@pytest.mark.parametrize(
    ("handler", "cause"),
    [
        (lambda conn: conn.read_request(), http.client.RemoteDisconnected),
        (lambda conn: (conn.read_request(), conn.reset()), ConnectionResetError),
        (lambda conn: (conn.read_request(), conn.send(b"SMTP ready\r\n")), http.client.HTTPException),
        (lambda conn: (conn.read_request(), conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")),
         http.client.IncompleteRead),
        (lambda conn: (conn.read_request(), conn.send(b"HTTP/1.1 200 OK\r\nA: " + b"x" * 70_000), conn.hang()),
         http.client.HTTPException),
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


@pytest.mark.parametrize(
    "kind", ["api", "refused", "argument", "wait", "upload", "stream", "run's stream"]
)
def test_an_error_is_in_no_reference_cycle(kind):
    """What it holds, such as files and answers, is freed with it, and not at some later time."""
    calls = {
        "api": lambda: pj.get_prompt("none", 1),
        "refused": lambda: refused.get_prompt("p", 1),
        "argument": lambda: pj.run_prompt("p", 1, {"a": 1}),
        "wait": lambda: refused.wait_for_prompt_run(RUN_ID, timeout=0.02),
        "upload": lambda: pj.upload_documents("none", [("a", 5)]),
        "stream": lambda: refused.stream("t").__enter__(),
        "run's stream": lambda: refused.stream_prompt("p", 1, {}).__enter__(),
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
