"""Secrets stay secret: in texts, reprs, logs and tracebacks, and in the variables that
error trackers record.
"""

import base64
import functools
import http.client
import json
import logging
import os
import signal
import sys
import traceback
import urllib.request
from http.client import IncompleteRead
from urllib.parse import quote

import pytest
from helpers.calls import RUN_ID, answer_all, client_of, postponed, refusing_port
from helpers.package import FOLDER
from helpers.secrets import (
    ENV_VARS,
    KEY,
    PRIVATE_KEY,
    PROXY_USER,
    TOKEN,
    assert_silent,
    chain,
    recorded,
    shows_a_secret,
)
from helpers.servers import (
    PATIENCE,
    TLS,
    ConnectProxy,
    ScriptedServer,
    client_context,
    respond,
    server_context,
)

from promptjuggler import (
    CreatePromptRun,
    CreateWorkflowRun,
    PromptJuggler,
    PromptJugglerError,
    StreamTokenResponse,
)


@pytest.fixture(autouse=True)
def log_is_silent(caplog):
    caplog.set_level(logging.DEBUG)
    yield
    for record in caplog.records:
        assert not shows_a_secret(record.getMessage() + repr(record.__dict__))


def failure_of(call):
    with pytest.raises(PromptJugglerError) as caught:
        call()
    return caught.value


def client(url, **options):
    """A client with secrets, whose proxy may be that of the environment."""
    options = {"max_retries": 1, "proxy": None, "ssl_context": None, **options}
    return client_of(url, api_key=KEY, **options)


def start(pj, **options):
    return pj.run_prompt("p", 1, {"a": "b"}, env_vars=dict(ENV_VARS), **options)


CALLS = {
    "run_prompt": start,
    "run_large_prompt": lambda pj: pj.run_prompt(
        "p", 1, {"a": "b" * 300_000}, env_vars=dict(ENV_VARS)
    ),
    "run_workflow": lambda pj: pj.run_workflow(
        "p", 1, {"a": "b"}, env_vars=dict(ENV_VARS)
    ),
    "get_prompt_run": lambda pj: pj.get_prompt_run(RUN_ID),
    "wait_for_prompt_run": lambda pj: pj.wait_for_prompt_run(
        RUN_ID, timeout=0.1, poll_interval=0.02
    ),
    "create_stream_token": lambda pj: pj.create_stream_token(RUN_ID),
    "upload_documents": lambda pj: pj.upload_documents("docs", [("a", b"x" * 300_000)]),
    "delete_knowledge_document": lambda pj: pj.delete_knowledge_document(RUN_ID),
}
EACH_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


# Failures on the way


REPLIES = {
    "401": respond((401, {"error": "Invalid API key."})),
    "422": respond((422, {"error": "No."})),
    "429": respond((429, "slow down", {"Retry-After": "0"})),
    "500": respond((500, "<html>")),
    "redirect": respond((302, "", {"Location": "https://other.example/"})),
    "html": respond((200, "<html>")),
    "reset": lambda conn: (conn.read_request(), conn.reset()),
    "reset at once": lambda conn: conn.reset(),
    "cut off": lambda conn: (
        conn.read_request(),
        conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"),
    ),
    "garbage": lambda conn: (conn.read_request(), conn.send(b"SMTP\r\n")),
}


@functools.cache
def failure_after(call, reply):
    """The error of a call that gets this reply, for the two tests that look at it."""
    with ScriptedServer(reply) as server, client(server.url) as pj:
        return failure_of(lambda: call(pj))


@EACH_CALL
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_no_secret_shows_when_the_answer_is_an_error_or_broken(call, reply):
    assert_silent(failure_after(call, reply))


@EACH_CALL
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_an_error_of_the_standard_library_comes_without_its_frames(call, reply):
    """They are not ours, and their variables hold the key."""
    for one in chain(failure_after(call, reply)):
        if not isinstance(one, PromptJugglerError):
            assert one.__traceback__ is None, repr(one)


@EACH_CALL
def test_no_secret_shows_when_the_server_says_nothing(call):
    with (
        ScriptedServer(lambda conn: conn.hang()) as server,
        client(server.url, timeout=0.03) as pj,
    ):
        assert_silent(failure_of(lambda: call(pj)))


@EACH_CALL
def test_no_secret_shows_when_there_is_no_server(call):
    # The port is held: else it could become that of a server of another test run.
    with refusing_port() as port:
        assert_silent(failure_of(lambda: call(client(f"http://127.0.0.1:{port}"))))


@EACH_CALL
def test_no_secret_shows_when_tls_fails(call, monkeypatch):
    # To load all that the system trusts takes longer than the rest.
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "self_signed.pem"))
    with ScriptedServer(respond((200, {})), tls=server_context()) as server:
        assert_silent(
            failure_of(lambda: call(client(f"https://localhost:{server.port}")))
        )


@EACH_CALL
def test_no_secret_shows_when_a_connection_over_tls_breaks(call):
    with (
        ScriptedServer(REPLIES["reset"], tls=server_context()) as server,
        client(f"https://localhost:{server.port}", ssl_context=client_context()) as pj,
    ):
        assert_silent(failure_of(lambda: call(pj)))


@pytest.mark.parametrize(
    "call", [start, CALLS["create_stream_token"], CALLS["upload_documents"]]
)
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("behaviour", ["407", "refuse", "silent", "gone"])
def test_no_secret_shows_when_the_proxy_fails(call, scheme, behaviour, monkeypatch):
    user, way = (
        ("else", "forward")
        if behaviour == "407"
        else (None, behaviour.replace("gone", "forward"))
    )
    proxy = ConnectProxy(user=user, behaviour=way)
    options = {"timeout": 0.05, "max_retries": 0, "ssl_context": client_context()}
    url = f"http://{PROXY_USER}@127.0.0.1:{proxy.port}"
    with proxy:
        if behaviour == "gone":
            proxy.close()
        with client(f"{scheme}://api.invalid", proxy=url, **options) as pj:
            assert_silent(failure_of(lambda: call(pj)))
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", url)
        with client(f"{scheme}://api.invalid", **options) as pj:
            assert_silent(failure_of(lambda: call(pj)))


@pytest.mark.parametrize("body", [
    {"token": "sekret-token"},
    {**TOKEN, "expiresAt": "tomorrow"},
    {**TOKEN, "url": 7},
    {**TOKEN, "token": ["sekret-token"]},
    [TOKEN],
    b'{"token": "sekret-token", "expiresAt": ',
    b'{"token": "sekret-token", "url": "\xff"}',
    b'{"token": "sekret-token", "url": ' + b"[" * 100_000,
    b'{"token": "sekret-token", "url": ' + b"9" * 5000 + b"}",
    b'{"token": "sekret-token", "url": NaN}',
])  # fmt: skip
def test_no_token_shows_when_its_answer_cannot_be_decoded(body):
    with ScriptedServer(respond((200, body))) as server, client(server.url) as pj:
        assert_silent(failure_of(lambda: pj.create_stream_token(RUN_ID)))


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 500\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n1a\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n100\r\n",
    ],
)
@pytest.mark.parametrize("end", [b"", b"\r\n", b"\r\n5\r\n", b"\r\nzz\r\n"])
def test_no_token_shows_when_its_answer_is_cut_off(head, end):
    reply = b"HTTP/1.1 200 OK\r\n" + head + b'{"token": "sekret-token", ' + end
    with (
        ScriptedServer(lambda conn: (conn.read_request(), conn.send(reply))) as server,
        client(server.url) as pj,
    ):
        error = failure_of(lambda: pj.create_stream_token(RUN_ID))
    assert_silent(error)


# Bad arguments


@pytest.mark.parametrize("options", [
    {"channel": 5}, {"environment": 5}, {"priority": "high"}, {"thread": "x"}, {"metadata": {"a": 5}},
    {"metadata": []}, {"version": True}, {"slug": ".."}, {"inputs": {"a": 5}}, {"inputs": None},
    {"env_vars": {**ENV_VARS, "B": 5}}, {"env_vars": {**ENV_VARS, 5: "x"}}, {"env_vars": list(ENV_VARS.items())},
    {"env_vars": "sekret-text"}, {"env_vars": {"A": b"sekret-bytes"}}, {"env_vars": [("A", "sekret")]},
])  # fmt: skip
@pytest.mark.parametrize("name", ["run_prompt", "run_workflow"])
def test_no_secret_shows_when_an_argument_is_refused(options, name):
    if name == "run_workflow" and "channel" in options:
        options = {"environment": 5}
    given = {
        "slug": "p",
        "version": 1,
        "inputs": {},
        "env_vars": dict(ENV_VARS),
        **options,
    }
    assert_silent(
        failure_of(lambda: getattr(client("http://127.0.0.1:1"), name)(**given))
    )


@pytest.mark.parametrize("options", [
    {"base_url": "ftp://a.example"}, {"base_url": 5}, {"timeout": 0}, {"timeout": "x"}, {"max_retries": -1},
    {"ssl_context": "x"}, {"opener": "x"}, {"proxy": "https://" + PROXY_USER + "@p.example"},
    {"proxy": f"http://{PROXY_USER}@p.example:port"}, {"proxy": f"http://{PROXY_USER}@"},
    {"proxy": f"http://{PROXY_USER}@[::1"}, {"proxy": PROXY_USER.encode()},
    {"proxy": f"http://{PROXY_USER}@p.example", "opener": "x"},
])  # fmt: skip
def test_no_secret_shows_when_the_constructor_refuses_an_option(options):
    assert_silent(
        failure_of(
            lambda: PromptJuggler(KEY, **{"base_url": "http://a.example", **options})
        )
    )


@pytest.mark.parametrize(
    "key",
    ["sekret key", "sekret\nkey", "sekrét-sekret", b"sekret", ["sekret"], "sekret\x00"],
)
def test_no_bad_key_shows(key, monkeypatch):
    assert_silent(failure_of(lambda: PromptJuggler(key)))
    if isinstance(key, str) and "\0" not in key:
        monkeypatch.setenv("PROMPTJUGGLER_API_KEY", key)
        assert_silent(failure_of(PromptJuggler))


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_password_of_a_malformed_proxy_in_the_environment_shows(scheme, monkeypatch):
    for url in (
        f"socks5://{PROXY_USER}@p.example",
        f"http://{PROXY_USER}@p.example:port",
    ):
        monkeypatch.setenv(f"{scheme.upper()}_PROXY", url)
        assert_silent(failure_of(lambda: start(client(f"{scheme}://a.example"))))


def test_no_secret_shows_when_an_upload_is_refused_or_cannot_be_opened(tmp_path):
    pj = client("http://127.0.0.1:1")
    assert_silent(failure_of(lambda: pj.upload_documents("docs", [("a", 5)])))
    with pytest.raises(FileNotFoundError) as caught:
        pj.upload_documents("docs", [tmp_path / "missing"])
    assert_silent(caught.value)


# Errors that come from outside, at any moment


class Interruption(Exception):
    """What a worker raises from a signal handler when a job takes too long."""


@EACH_CALL
@pytest.mark.parametrize("moment", ["waiting", "sending"])
def test_no_secret_shows_when_a_signal_interrupts_a_call(call, moment):
    def interrupt(number, frame):
        if not postponed(frame):
            raise Interruption

    def wait(conn):
        if moment == "waiting":
            conn.read_request()
        signal.setitimer(signal.ITIMER_REAL, 0.03)
        conn.wait(PATIENCE)

    if call is CALLS["wait_for_prompt_run"]:
        call = lambda pj: pj.wait_for_prompt_run(RUN_ID)  # noqa: E731
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with ScriptedServer(wait) as server, client(server.url) as pj:
            with pytest.raises(Interruption) as caught:
                call(pj)
            assert_silent(caught.value)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


WAYS = [
    ("http", False),
    ("https", False),
    ("http", True),
    ("https", True),
]


TRACED = (f"{FOLDER}{os.sep}", http.client.__file__, urllib.request.__file__)


def is_traced(code):
    """Whether it is of our files, of http.client or of urllib.

    Others of the standard library hold locks, or two sockets with one descriptor. An error
    in what an object does when it is forgotten is lost.
    """
    return code.co_filename.startswith(TRACED) and code.co_name != "__del__"


class InterruptBefore:
    """While the block lasts, raises before the line of that number of a request.

    The place is added to `places`. Whatever became of the error, `left` is 0 or less then.
    """

    def __init__(self, line, places):
        self.left = line
        self._places = places

    def __enter__(self):
        self._before = sys.gettrace()
        sys.settrace(self._begin)
        return self

    def __exit__(self, *exception):
        sys.settrace(self._before)

    def _begin(self, frame, event, argument):
        # The checks of arguments come before: they are tested with bad arguments.
        is_send = frame.f_code.co_name == "send"
        if not is_send or not frame.f_code.co_filename.endswith("transport.py"):
            return None
        sys.settrace(self._trace)
        return self._trace

    def _trace(self, frame, event, argument):
        if not is_traced(frame.f_code):
            return None
        if event == "line":
            self.left -= 1
            if self.left <= 0 and sys.exc_info() == (None, None, None):
                self._places.add((frame.f_code.co_filename, frame.f_lineno))
                raise Interruption
        return self._trace


# Between two lines of the standard library, a socket can be in nobody's hands.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(("scheme", "through_proxy"), WAYS)
@pytest.mark.parametrize("name", ["run_prompt", "create_stream_token"])
def test_no_secret_shows_wherever_a_request_is_interrupted(scheme, through_proxy, name):
    """Before one line of every few, to the last one of the request."""
    tls = server_context() if scheme == "https" else None
    with (
        ScriptedServer(answer_all, tls=tls) as server,
        ConnectProxy() as proxy,
    ):
        proxy_url = f"http://{PROXY_USER}@127.0.0.1:{proxy.port}"
        options = {"proxy": proxy_url if through_proxy else False}
        if tls:
            options["ssl_context"] = client_context()
        line, left, places = 0, 0, set()
        while left <= 0:
            line += 13
            with client(server.url, **options) as pj:
                try:
                    with InterruptBefore(line, places) as interrupt:
                        CALLS[name](pj)
                except Interruption as error:
                    assert_silent(error)
            left = interrupt.left
    assert len(places) >= 40


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, Interruption])
def test_what_led_to_an_interruption_is_rid_of_secrets_too(kind):
    """A signal can come while http.client deals with an error: that is its context."""

    class Handler(urllib.request.BaseHandler):
        def http_open(self, request):
            try:
                self.fail(dict(request.header_items()), b"sekret-document")
            except IncompleteRead as error:
                try:
                    raise OSError(f"no {KEY}") from error
                except OSError:
                    raise kind from None

        def fail(self, headers, document):
            raise IncompleteRead(document, 5)

    opener = urllib.request.OpenerDirector()
    opener.add_handler(Handler())
    ours = ValueError("what the caller is dealing with")
    try:
        raise ours
    except ValueError:
        pj = client_of("http://a.example", api_key=KEY, opener=opener)
        with pytest.raises(kind) as caught:
            start(pj)
    assert_silent(caught.value)
    assert ours in chain(caught.value)
    assert ours.__traceback__ is not None, "it is none of ours"


# What a server or a proxy says back


FORMS_OF_VARIABLE = {
    "as it is": "sekret-variable",
    "with quotes": 'sekret "variable" \\ é',
    "in lines": PRIVATE_KEY,
}


@pytest.mark.parametrize("status", [400, 422, 500])
@pytest.mark.parametrize("variable", FORMS_OF_VARIABLE.values(), ids=FORMS_OF_VARIABLE)
@pytest.mark.parametrize(
    "body",
    [
        lambda said: {"error": f"wrong: {said}"},
        lambda said: {"message": f"{'x' * 950} {said}"},
        lambda said: {"errors": [{"detail": said}]},
        lambda said: said,
        lambda said: f"wrong: {said}",
        lambda said: f"{'x' * 990} {said}",
        lambda said: f"wrong: {json.dumps({'A': said})}",
        lambda said: f"wrong: {json.dumps({'A': said}, ensure_ascii=False)}",
        lambda said: f"wrong: {quote(said)}",
    ],
)
def test_what_was_sent_as_a_secret_is_masked_where_a_server_says_it_back(
    status, variable, body
):
    for said in (KEY, variable, f"{KEY} and {variable}"):
        with ScriptedServer(respond((status, body(said)))) as server:
            pj = client(server.url, max_retries=0)
            error = failure_of(
                lambda: pj.run_prompt("p", 1, {}, env_vars={"A": variable})  # noqa: B023
            )
        text = str(error)
        assert not shows_a_secret(text)
        assert "***" in text
        assert text.isprintable()
        assert shows_a_secret(error.body), "it holds what came"
        shown = traceback.format_exception(type(error), error, error.__traceback__)
        assert not shows_a_secret("".join(shown))


@pytest.mark.parametrize(
    "raw",
    [
        "HTTP/1.1 500 sekret-variable\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: /?k=sekret-variable\r\n\r\n",
        "ERR sekret-variable\r\n",
        "HTTP/9 sekret-variable\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 22\r\n\r\n<html>sekret-variable ",
        'HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n{"error":"sekret-variable"}',
    ],
)
def test_what_comes_in_place_of_an_answer_is_masked_too(raw):
    def handler(conn):
        conn.read_request()
        conn.send(raw.encode())

    with ScriptedServer(handler) as server:
        error = failure_of(lambda: start(client(server.url, max_retries=0)))
    assert "***" in str(error)
    for one in chain(error):
        assert not shows_a_secret(str(one) + repr(one) + repr(one.args))


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("said", ["sekret-p@ss", "sekret-p%40ss"])
def test_the_password_of_a_proxy_is_masked_where_the_proxy_says_it_back(scheme, said):
    basic = base64.b64encode(b"ann:sekret-p@ss").decode()

    def handler(conn):
        conn.read_head()
        conn.send(
            f"HTTP/1.1 502 no {said} {basic}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        conn.hang()

    with ScriptedServer(handler) as proxy:
        proxy_url = f"http://{PROXY_USER}@127.0.0.1:{proxy.port}"
        error = failure_of(
            lambda: start(client(f"{scheme}://api.invalid", proxy=proxy_url))
        )
    assert "no *** ***" in str(error)
    assert_silent(error)


def test_a_short_value_is_not_masked_since_nothing_would_be_left_of_a_text():
    with ScriptedServer(respond((400, {"error": "a bad abc"}))) as server:
        pj = client(server.url)
        error = failure_of(lambda: pj.run_prompt("p", 1, {}, env_vars={"A": "abc"}))
    assert str(error) == "a bad abc"


def test_a_value_that_is_a_word_of_the_answer_does_not_make_it_unreadable():
    """It is masked in what the answer says, not in the answer."""
    with ScriptedServer(respond((400, {"error": "the error of error"}))) as server:
        pj = client(server.url)
        error = failure_of(lambda: pj.run_prompt("p", 1, {}, env_vars={"A": "error"}))
    assert str(error) == "the *** of ***"


# What would forge lines of a log, or steer a terminal


UNPRINTABLE = "a\nERROR forged\r\x1b[2J\x9b1m\x07\u202eb\u2028c\x7f\x00"
ESCAPED = r"a\nERROR forged\r\x1b[2J\x9b1m\x07\u202eb\u2028c\x7f\x00"


@pytest.mark.parametrize("name", ["error", "message", "detail", "title"])
def test_what_is_unprintable_in_an_error_of_a_server_is_escaped(name):
    body = {name: UNPRINTABLE}
    with ScriptedServer(respond((400, body))) as server:
        error = failure_of(lambda: client(server.url).get_prompt("p", 1))
    assert str(error) == ESCAPED
    assert json.loads(error.body) == body, "it holds what came"


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 400 a\x1b[2J\x9b\x07b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 302 x\r\nContent-Length: 0\r\nLocation: /\x1b[2J\x9b\r\n\r\n",
        b"\x1b[2J \x9b \x00\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n<html>\x1b[2J \xc2\x9b",
        b"HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\nNo.\x1b[2J\x07\r",
    ],
)
def test_every_text_about_what_came_is_printable(raw):
    def handler(conn):
        conn.read_request()
        conn.send(raw)

    with ScriptedServer(handler) as server:
        error = failure_of(lambda: client(server.url, max_retries=0).get_prompt("p", 1))
    assert str(error).isprintable()
    assert r"\x1b[2J" in str(error)


# Reprs


def test_no_repr_shows_a_secret():
    run = {"inputs": {}, "env_vars": ENV_VARS}
    pj = client("http://a.example", proxy=f"http://{PROXY_USER}@p.example")
    for value in (
        StreamTokenResponse.from_dict(TOKEN), CreatePromptRun(**run), CreateWorkflowRun(**run), pj, vars(pj),
        vars(pj._transport), pj._transport._api_key, pj._transport._given_proxy.authorization,
    ):  # fmt: skip
        for text in recorded(value):
            assert not shows_a_secret(text), value


def test_a_token_and_the_variables_of_a_run_are_there_for_who_asks_for_them():
    assert StreamTokenResponse.from_dict(TOKEN).token == "sekret-token"
    assert CreatePromptRun({}, env_vars=ENV_VARS).env_vars == ENV_VARS


@pytest.mark.parametrize(
    ("read", "error", "document"),
    [
        (lambda: json.loads('{"a": "sekret'), json.JSONDecodeError, ("doc", "")),
        (lambda: b"sekret\xff".decode(), UnicodeDecodeError, ("object", b"")),
    ],
)
def test_what_a_handler_of_an_opener_could_not_read_is_not_in_the_cause(
    read, error, document
):
    class Handler(urllib.request.BaseHandler):
        def http_open(self, request):
            read()

    opener = urllib.request.OpenerDirector()
    opener.add_handler(Handler())
    pj = client_of("http://a.example", api_key=KEY, opener=opener)
    cause = failure_of(lambda: pj.get_prompt_run(RUN_ID)).__cause__
    assert type(cause) is error
    name, empty = document
    assert getattr(cause, name) == empty
