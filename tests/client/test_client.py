"""The client: how it is made, what each of its operations puts on the wire, and what comes back."""

import ast
import copy
import inspect
import pickle
import re
import subprocess
import sys
import typing
import urllib.request
from pathlib import Path
from uuid import UUID

import pytest
from helpers.calls import RUN_ID, client_of, in_threads
from helpers.clock import replace_clock
from helpers.documents import SPEC
from helpers.package import ENV, NAME
from helpers.servers import ConnectProxy, ScriptedServer, respond

import promptjuggler
from promptjuggler import ApiError, DecodeError, PromptJuggler, ValidationError
from promptjuggler.testing import FakeServer

KEY = "test-key"
THREAD = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
STARTED = {"id": RUN_ID, "thread": THREAD}
PROMPT_RUN = {
    "id": RUN_ID,
    "status": "completed",
    "createdAt": "2026-01-02T03:04:05Z",
    "emitted": [],
    "transcript": [],
}
WORKFLOW_RUN = {
    "id": RUN_ID,
    "status": "failed",
    "createdAt": "2026-01-02T03:04:05Z",
    "outputs": {},
    "errors": ["no"],
}
PROMPT = {
    "id": RUN_ID, "promptId": THREAD, "memory": "stateless", "provider": "openai", "model": "m", "modelParams": {},
    "responseFormat": {"type": "text"}, "messages": [], "tools": [],
}  # fmt: skip
TOKEN = {
    "token": "tok",
    "expiresAt": "2026-01-02T03:04:05Z",
    "url": "https://stream.example/x",
}
DOCUMENT = {
    "id": RUN_ID,
    "status": "ready",
    "fileName": "a.txt",
    "bytes": 1,
    "chunkCount": 1,
}
BASE = {
    "id": RUN_ID,
    "status": "ready",
    "documentCount": 0,
    "chunkCount": 0,
    "documents": [],
}

AGENT = f"promptjuggler-stdlib/{promptjuggler.__version__} python/{'.'.join(map(str, sys.version_info[:3]))}"

# Name, call, method, path, and the document of the answer.
OPERATIONS = {
    "get_prompt": (lambda pj: pj.get_prompt("greet", 3), "GET", "/prompts/greet/3", PROMPT),
    "run_prompt": (lambda pj: pj.run_prompt("greet", "production", {"a": "b"}), "POST",
                   "/prompts/greet/production/runs", STARTED),
    "get_prompt_run": (lambda pj: pj.get_prompt_run(RUN_ID), "GET", f"/promptruns/{RUN_ID}", PROMPT_RUN),
    "run_workflow": (lambda pj: pj.run_workflow("greet", 1, {"a": "b"}), "POST", "/workflows/greet/1/runs", STARTED),
    "get_workflow_run": (lambda pj: pj.get_workflow_run(RUN_ID), "GET", f"/workflowruns/{RUN_ID}", WORKFLOW_RUN),
    "create_stream_token": (lambda pj: pj.create_stream_token(THREAD), "POST",
                            f"/threads/{THREAD}/stream-token", TOKEN),
    "get_knowledge_base": (lambda pj: pj.get_knowledge_base("docs"), "GET", "/knowledge-bases/docs", BASE),
    "upload_documents": (lambda pj: pj.upload_documents("docs", [("a.txt", b"x")]), "POST",
                         "/knowledge-bases/docs/documents", [DOCUMENT]),
    "get_knowledge_document": (lambda pj: pj.get_knowledge_document(RUN_ID), "GET",
                               f"/knowledge-documents/{RUN_ID}", DOCUMENT),
    "delete_knowledge_document": (lambda pj: pj.delete_knowledge_document(RUN_ID), "DELETE",
                                  f"/knowledge-documents/{RUN_ID}", None),
}  # fmt: skip


def client(server, **options):
    options = {"api_key": KEY, "max_retries": 0, **options}
    return client_of(server, **options)


def exchange(call, answer, prefix=""):
    """What `call` gives, and the request that it sent."""
    reply = (204,) if answer is None else (200, answer)
    with (
        ScriptedServer(respond(reply)) as server,
        client(server, base_url=server.url + prefix) as pj,
    ):
        result = call(pj)
    (request,) = server.requests
    return result, request


def new_process(code):
    """What a new process prints, read as a Python literal; NAME in its code is the name
    of the package.
    """
    command = [sys.executable, "-W", "error", "-c", code.replace("NAME", NAME)]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    return ast.literal_eval(result.stdout)


# The constructor


def test_the_key_is_stripped():
    _, request = exchange(OPERATIONS["get_prompt_run"][0], PROMPT_RUN)
    assert request.headers["authorization"] == f"Bearer {KEY}"
    with (
        ScriptedServer(respond((200, PROMPT_RUN))) as server,
        PromptJuggler(" \tk-1\r\n", base_url=server.url) as pj,
    ):
        pj.get_prompt_run(RUN_ID)
        assert server.requests[0].headers["authorization"] == "Bearer k-1"


def test_the_key_and_the_base_url_come_from_the_environment_where_they_are_not_given(
    monkeypatch,
):
    with ScriptedServer(respond((200, PROMPT_RUN))) as server:
        monkeypatch.setenv("PROMPTJUGGLER_API_KEY", "from-environment\n")
        monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", server.url + "/pj/")
        with PromptJuggler() as pj:
            pj.get_prompt_run(RUN_ID)
        with PromptJuggler("given", base_url=server.url) as pj:
            pj.get_prompt_run(RUN_ID)
    first, second = server.requests
    assert (first.headers["authorization"], first.target[:4]) == (
        "Bearer from-environment",
        "/pj/",
    )
    assert (second.headers["authorization"], second.target[:5]) == (
        "Bearer given",
        "/api/",
    )


def test_without_a_base_url_the_public_api_is_meant(monkeypatch):
    assert (
        repr(PromptJuggler(KEY))
        == "PromptJuggler(base_url='https://promptjuggler.com')"
    )
    monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", "")
    assert (
        repr(PromptJuggler(KEY))
        == "PromptJuggler(base_url='https://promptjuggler.com')"
    )


@pytest.mark.parametrize("key", ["", "  \n", None])
def test_a_missing_or_blank_key_is_refused_and_the_text_names_the_variable(
    key, monkeypatch
):
    with pytest.raises(ValidationError, match="PROMPTJUGGLER_API_KEY"):
        PromptJuggler(key)
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", " \t")
    with pytest.raises(ValidationError, match="PROMPTJUGGLER_API_KEY"):
        PromptJuggler(key)


@pytest.mark.parametrize(
    "key",
    [
        "se cret",
        "se\ncret",
        "se\x00cret",
        "secrét",
        "se\u2028cret",
        "se\tcret",
        b"secret",
        5,
    ],
)
def test_a_key_that_no_header_can_carry_is_refused_without_being_shown(
    key, monkeypatch
):
    with pytest.raises(ValidationError, match="PROMPTJUGGLER_API_KEY") as caught:
        PromptJuggler(key)
    assert "cret" not in str(caught.value)
    if isinstance(key, str) and "\0" not in key:
        monkeypatch.setenv("PROMPTJUGGLER_API_KEY", key)
        with pytest.raises(ValidationError, match="PROMPTJUGGLER_API_KEY") as caught:
            PromptJuggler()
        assert "cret" not in str(caught.value)


def test_the_repr_shows_the_base_url_and_not_the_key():
    pj = PromptJuggler("pj-secret-1", base_url="https://gateway.example/pj/")
    assert repr(pj) == "PromptJuggler(base_url='https://gateway.example/pj')"
    assert "pj-secret-1" not in repr(vars(pj)) + repr(vars(pj._transport))


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://a.example", "https://a.example"),
        ("https://a.example/", "https://a.example"),
        ("https://a.example///", "https://a.example"),
        (" https://a.example/pj/ \n", "https://a.example/pj"),
        ("HTTP://a.example:8080/x/y", "http://a.example:8080/x/y"),
        ("HttpS://a.example/X", "https://a.example/X"),
        ("https://127.0.0.1:", "https://127.0.0.1"),
        ("https://[::1]:/x", "https://[::1]/x"),
        ("http://a.example//x", "http://a.example//x"),
        ("http://0xg.0xyz", "http://0xg.0xyz"),
        ("http://127.0.0.1:1", "http://127.0.0.1:1"),
        ("http://[::1]:8080/", "http://[::1]:8080"),
        ("https://a.example/%7Epj", "https://a.example/%7Epj"),
    ],
)
def test_a_base_url_loses_its_trailing_slashes_and_keeps_its_path(given, used):
    assert (
        repr(PromptJuggler(KEY, base_url=given)) == f"PromptJuggler(base_url={used!r})"
    )


@pytest.mark.parametrize(
    "url",
    [
        "", "a.example", "//a.example", "ftp://a.example", "file:///etc/passwd", "data:,x", "http://", "http:a.example",
        "https:///path", "https://u:pw@a.example", "https://u@a.example", "https://@a.example", "https://:pw@a.example",
        "https://a.example?x=1", "https://a.example/?", "https://a.example#top", "https://a.example/#",
        "https://a.exa mple", "https://a.example/a b", "https://a.example/\n/x", "https://a.\texample", "https://\0",
        "https://a.example/\x7f", "https://a.example:99999", "https://a.example:0", "https://a.example:x",
        "https://[::1", "https://a.example\\@b.example", "https://ä.example", "https://a.example/ä",
        "https://a%0d%0aX: y", "https://a.example%2fb", "https://a.example%40b.example",
        "http://[::1].evil.example", "http://[::1].evil.example:8080/x", "http://[::1]x", "http://x[::1]",
        "http://[a.example]", "http://[::1%25eth0]", "http://[v1.x]", "http://::1", "http://[]",
    ],
)  # fmt: skip
def test_a_bad_base_url_is_refused_and_not_shown(url, monkeypatch):
    with pytest.raises(ValidationError, match="^base_url ") as caught:
        PromptJuggler(KEY, base_url=url)
    assert "pw" not in str(caught.value)
    assert "example" not in str(caught.value)
    if url and "\0" not in url:
        monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", url)
        with pytest.raises(ValidationError, match="^PROMPTJUGGLER_BASE_URL "):
            PromptJuggler(KEY)


HOST = "must name a host"
PORT = "must have a port that is a number from 1 to 65535"
STEPS = "must not have the steps . or .. in its path"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://a.example/a/../b", STEPS),
        ("https://a.example/..", STEPS),
        ("https://a.example/./b", STEPS),
        ("https://a.example/a/%2E%2e/b", STEPS),
        ("https://a.example/.%2e", STEPS),
        ("https://a.example:99999", PORT),
        ("https://a.example:65536", PORT),
        ("https://a.example:0", PORT),
        ("https://a.example:000000443", PORT),
        ("https://a.example:abc", PORT),
        ("https://a.example:-1", PORT),
        ("https://a.example:+443", PORT),
        ("https://a.example:4_43", PORT),
        ("https://[::1]:x", PORT),
        ("https:///path", HOST),
        ("https://:443", HOST),
        ("https://.", HOST + ": there is nothing between two of its dots"),
        ("https://a..example", HOST + ": there is nothing between two of its dots"),
        ("https://.example", HOST + ": there is nothing between two of its dots"),
        ("https://a.example..", HOST + ": there is nothing between two of its dots"),
        (
            f"https://{'a' * 64}.example",
            HOST + ": between two dots there are at most 63 characters",
        ),
        (
            f"https://{'a.' * 127}ab",
            HOST + ": a name has at most 253 characters",
        ),
        ("https://a!.example", HOST + ": there is none with '!' in its name"),
        ("https://a%20b.example", HOST + ": there is none with '%' in its name"),
        ("https://*.example", HOST + ": there is none with '*' in its name"),
        ("https://1.2.3.256", HOST + ": this is no IPv4 address"),
        ("https://1.2.3", HOST + ": this is no IPv4 address"),
        ("https://0x7f000001", HOST + ": this is no IPv4 address"),
        ("https://0X7F.0x1", HOST + ": this is no IPv4 address"),
        ("https://127.0.0.0x1.", HOST + ": this is no IPv4 address"),
        ("https://a.0x", HOST + ": this is no IPv4 address"),
        ("https://017700000001", HOST + ": this is no IPv4 address"),
        ("https://01.2.3.4", HOST + ": this is no IPv4 address"),
        ("https://1.2.3.4.5", HOST + ": this is no IPv4 address"),
        *[
            (f"https://[{address}]", HOST + ": this is no IPv6 address")
            for address in (
                "1.2.3.4",
                "::1::2",
                ":::",
                ":",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "::12345",
                "::g",
                "1::2:3:4:5:6:7:8",
                "::1.2.3.4:5",
                "1:2:3:4:5:6:7:1.2.3.4",
                "::1.2.3.256",
                "1:",
                ":1",
                "1:2:3:4:5:6:7:",
            )  # fmt: skip
        ],
        ("https://[::1", HOST + ": a bracket is not closed"),
        ("https://[::1].x", HOST + ": behind the ] there can be a port alone"),
        (
            "https://[::1%25x]",
            HOST + ": the zone of an address means nothing to others",
        ),
    ],
)
def test_the_error_of_a_bad_base_url_says_what_is_wrong(url, problem):
    with pytest.raises(ValidationError) as caught:
        PromptJuggler(KEY, base_url=url)
    assert str(caught.value) == f"base_url {problem}"


@pytest.mark.parametrize(
    "url",
    [
        "https://a.example.", f"https://{'a' * 63}.example", f"https://{'a.' * 126}a", "http://my_service:8000",
        "https://xn--grn-hoa.example", "http://localhost:65535", "http://127.0.0.1:1", "https://1.example",
        "http://[2001:db8::1]:443", "http://[::ffff:1.2.3.4]", "http://[::]", "http://[1::]", "http://[1:2:3:4:5:6:7:8]",
        "http://[1:2:3:4:5:6:1.2.3.4]", "http://[1:2:3:4:5:6:7::]", "https://A-1.example/a.b/..c/d..", "https://a.example/...",
    ],
)  # fmt: skip
def test_a_base_url_that_is_merely_unusual_is_taken(url):
    assert repr(PromptJuggler(KEY, base_url=url)) == f"PromptJuggler(base_url={url!r})"


def test_a_base_url_must_be_a_str():
    with pytest.raises(ValidationError, match="^base_url must be a str, not bytes$"):
        PromptJuggler(KEY, base_url=b"https://a.example")


@pytest.mark.parametrize(
    "timeout", [0, -1, float("nan"), float("inf"), -float("inf"), True, "5", None, 1j]
)
def test_a_timeout_must_be_a_finite_number_above_0(timeout):
    with pytest.raises(ValidationError, match="^timeout "):
        PromptJuggler(KEY, timeout=timeout)
    if timeout is not None:
        with pytest.raises(ValidationError, match="^timeout "):
            PromptJuggler(KEY).with_options(timeout=timeout)


@pytest.mark.parametrize("count", [-1, True, 1.0, "1", None])
def test_max_retries_must_be_an_int_of_at_least_0(count):
    with pytest.raises(ValidationError, match="^max_retries "):
        PromptJuggler(KEY, max_retries=count)
    if count is not None:
        with pytest.raises(ValidationError, match="^max_retries "):
            PromptJuggler(KEY).with_options(max_retries=count)


@pytest.mark.parametrize(
    ("option", "value"),
    [("ssl_context", "ca.pem"), ("ssl_context", False), ("opener", urllib.request.urlopen), ("opener", "x"),
     ("proxy", True), ("proxy", 8080), ("proxy", b"http://p.example")],
)  # fmt: skip
def test_an_ssl_context_opener_or_proxy_of_another_type_is_refused(option, value):
    with pytest.raises(ValidationError, match=f"^{option} must be "):
        PromptJuggler(KEY, **{option: value})


def test_large_timeouts_are_as_good_as_none():
    with FakeServer(api_key=KEY) as server:
        server.add_prompt("p", str)
        for timeout in (10**400, 1e300, 1e9):
            with client(server, timeout=timeout) as pj:
                assert pj.get_prompt("p", 1).model


def test_everything_but_the_key_is_given_by_keyword():
    with pytest.raises(TypeError):
        PromptJuggler(KEY, "https://a.example")


RUN_OPTIONS = dict.fromkeys(
    ("priority", "thread", "environment", "env_vars", "metadata")
)
WAIT_OPTIONS = {"timeout": 300.0, "poll_interval": None}
BATCH_OPTIONS = {
    "journal": None,
    "workers": 8,
    "timeout": 300.0,
    "restart_unsure": False,
}
STREAM_OPTIONS = {"idle_timeout": 60.0, "timeout": None, "reconnect": True}
# What an option of each method is where it is not given.
DEFAULTS = {
    "__init__": {
        "api_key": None,
        "base_url": None,
        "timeout": 30.0,
        "total_timeout": None,
        "max_retries": 2,
        "ssl_context": None,
        "proxy": None,
        "opener": None,
    },
    "with_options": {"timeout": None, "total_timeout": None, "max_retries": None},
    "run_prompt": {**RUN_OPTIONS, "channel": None},
    "run_workflow": RUN_OPTIONS,
    "wait_for_prompt_run": WAIT_OPTIONS,
    "wait_for_workflow_run": WAIT_OPTIONS,
    "wait_for_knowledge_base": WAIT_OPTIONS,
    "wait_for_knowledge_document": WAIT_OPTIONS,
    "run_prompts": {**BATCH_OPTIONS, **RUN_OPTIONS, "channel": None},
    "run_workflows": {**BATCH_OPTIONS, **RUN_OPTIONS},
    "stream": {"channels": (), "last_event_id": None, **STREAM_OPTIONS},
    "stream_prompt": {**RUN_OPTIONS, "channel": None, **STREAM_OPTIONS},
    "stream_workflow": {**RUN_OPTIONS, **STREAM_OPTIONS},
}


def test_the_defaults_of_all_options_are_these():
    found = {}
    for name, method in inspect.getmembers(PromptJuggler, inspect.isfunction):
        parameters = inspect.signature(method).parameters.values()
        defaults = {
            parameter.name: parameter.default
            for parameter in parameters
            if parameter.default is not parameter.empty
        }
        if defaults and (not name.startswith("_") or name == "__init__"):
            found[name] = defaults
    assert found == DEFAULTS


def test_the_constructor_does_no_io_and_imports_nothing():
    events = new_process("""
import sys
from NAME import PromptJuggler
events = []
watch = False
def hook(event, arguments):
    if watch:
        events.append(event)
sys.addaudithook(hook)
before = set(sys.modules)
watch = True
pj = PromptJuggler("k")
PromptJuggler("k", base_url="https://a.example:444/x", proxy="http://u:p@proxy.example:3128", timeout=5, max_retries=0)
repr(pj)
watch = False
print((sorted(set(events) - {"object.__getattr__"}), sorted(set(sys.modules) - before)))
""")
    assert events == ([], [])


def test_nothing_global_is_changed_by_a_request():
    assert new_process("""
import os, socket, urllib.request, warnings, signal, ssl
environment = dict(os.environ)
from NAME import PromptJuggler
from NAME.testing import FakeServer
with FakeServer() as server, PromptJuggler(server.api_key, base_url=server.url) as pj:
    server.add_prompt("p", str)
    pj.get_prompt("p", 1)
print((urllib.request._opener is None, socket.getdefaulttimeout(), dict(os.environ) == environment,
       ssl._create_default_https_context is ssl.create_default_context))
""") == (True, None, True, True)


# Sharing, closing, copying


def test_a_client_is_a_context_manager_that_gives_itself_and_can_be_used_after_it_was_closed():
    with ScriptedServer(respond((200, PROMPT_RUN))) as server:
        pj = client(server)
        with pj as same:
            assert same is pj
            pj.get_prompt_run(RUN_ID)
            pj.get_prompt_run(RUN_ID)
        pj.close()
        assert server.connections == 1
        pj.get_prompt_run(RUN_ID)
        assert server.connections == 2
        pj.close()


def test_an_error_in_the_with_block_is_not_swallowed():
    with pytest.raises(KeyError), PromptJuggler(KEY):
        raise KeyError


def test_8_threads_share_a_client_and_each_gets_its_own_answers():
    wrong = []
    with FakeServer(api_key=KEY) as server, client(server, max_retries=2) as pj:
        server.add_prompt("echo", lambda inputs: inputs["name"])

        def work(number):
            for turn in range(15):
                name = f"{number}/{turn}"
                started = pj.run_prompt("echo", 1, {"name": name})
                run = pj.get_prompt_run(started.id)
                if run.id != started.id or (run.output or name) != name:
                    wrong.append(name)

        in_threads(8, work)
        sent = [
            request.json()["inputs"]["name"]
            for request in server.requests
            if request.method == "POST"
        ]
    assert wrong == []
    assert sorted(sent) == sorted(
        f"{number}/{turn}" for number in range(8) for turn in range(15)
    )


class Counting(PromptJuggler):
    """A user's client, with slots besides the `__dict__` that it inherits."""

    __slots__ = ("__private", "label", "unset")

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.label = "mine"
        self.__private = 7
        self.calls = []

    def private(self):
        """What only this class knows the name of."""
        return self.__private


def test_with_options_of_a_subclass_keeps_its_class_its_slots_and_its_attributes():
    client = Counting(KEY, base_url="http://127.0.0.1:1")
    other = client.with_options(timeout=3, total_timeout=9, max_retries=0)
    assert type(other) is Counting
    assert (other.label, other.private()) == ("mine", 7)
    assert other.calls is client.calls
    assert not hasattr(other, "unset")
    other.label = "other"
    assert client.label == "mine"
    assert (client._timeout, other._timeout) == (30.0, 3.0)


def test_with_options_shares_the_connections_and_leaves_the_first_client_as_it_was():
    failing = respond((200, PROMPT_RUN), (200, PROMPT_RUN), (503, {"error": "busy"}))
    with (
        ScriptedServer(failing) as server,
        client(server, timeout=9, max_retries=0) as pj,
    ):
        other = pj.with_options(max_retries=1)
        replace_clock(other, sleep=lambda seconds: None)
        pj.get_prompt_run(RUN_ID)
        other.get_prompt_run(RUN_ID)
        assert server.connections == 1
        for some, attempts in ((pj, 1), (other, 2), (other.with_options(timeout=3), 2)):
            with pytest.raises(ApiError) as caught:
                some.get_prompt_run(RUN_ID)
            assert caught.value.attempts == attempts
        assert (
            pj._timeout,
            other._timeout,
            other.with_options(timeout=3)._timeout,
        ) == (9, 9, 3)


class Special(PromptJuggler):
    note = ""


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, *(
    lambda pj, protocol=protocol: pickle.loads(pickle.dumps(pj, protocol)) for protocol in range(2, 6)
)])  # fmt: skip
def test_a_copied_or_pickled_client_works_and_keeps_every_option_and_its_class(copied):
    with (
        ScriptedServer(respond((200, PROMPT_RUN), (503, "no"))) as server,
        ConnectProxy() as proxy,
    ):
        pj = Special(
            KEY,
            base_url=f"{server.url}/x",
            timeout=7,
            max_retries=1,
            proxy=f"http://127.0.0.1:{proxy.port}",
        )
        pj.note = "mine"
        with pj, copied(pj) as other:
            assert (type(other), other.note, repr(other)) == (Special, "mine", repr(pj))
            replace_clock(other, sleep=lambda seconds: None)
            assert other.get_prompt_run(RUN_ID).status == "completed"
            with pytest.raises(ApiError) as caught:
                other.get_prompt_run(RUN_ID)
            assert (caught.value.attempts, other._timeout) == (2, 7)
    assert len(proxy.requests) == 3
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_pickle_of_a_client_that_was_used_is_small_and_holds_no_connection():
    with (
        ScriptedServer(respond((200, PROMPT_RUN))) as server,
        PromptJuggler(KEY, base_url=server.url) as pj,
    ):
        pj.get_prompt_run(RUN_ID)
        data = pickle.dumps(pj)
        assert len(data) < 500
        with pickle.loads(data) as other:
            other.get_prompt_run(RUN_ID)
        assert server.connections == 2


@pytest.mark.parametrize("option", ["ssl_context", "opener"])
def test_a_client_with_an_ssl_context_or_an_opener_cannot_be_pickled(option):
    import ssl

    value = (
        ssl.create_default_context()
        if option == "ssl_context"
        else urllib.request.build_opener()
    )
    pj = PromptJuggler(KEY, **{option: value})
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(
            TypeError, match="ssl_context or an opener cannot be pickled"
        ):
            pickle.dumps(pj, protocol)


# What goes over the wire


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_sends_its_method_and_path_and_exactly_these_headers(name):
    call, method, path, answer = OPERATIONS[name]
    result, request = exchange(call, answer)
    assert (request.method, request.target) == (method, f"/api/v1{path}")
    expected = {
        "host": request.headers["host"], "authorization": f"Bearer {KEY}", "accept": "application/json",
        "accept-encoding": "identity", "user-agent": AGENT,
    }  # fmt: skip
    if method == "POST":
        expected["content-length"] = str(len(request.body))
    if name.startswith("run_"):
        expected["content-type"] = "application/json"
    if name == "upload_documents":
        expected["content-type"] = request.headers["content-type"]
        assert expected["content-type"].startswith("multipart/form-data; boundary=")
    assert request.headers == expected
    assert request.head.count(b"\r\n") == len(expected) + 2  # none of them twice
    assert bool(request.body) == (name.startswith("run_") or name == "upload_documents")
    if answer is None:
        assert result is None
    else:
        documents = (
            [one.to_dict() for one in result]
            if isinstance(answer, list)
            else result.to_dict()
        )
        assert documents == answer


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_path_prefix_is_kept_in_the_url_of_every_operation(name):
    call, _, path, answer = OPERATIONS[name]
    assert exchange(call, answer, "/gate/pj/")[1].target == f"/gate/pj/api/v1{path}"


@pytest.mark.parametrize(
    "fact", SPEC["operations"], ids=lambda fact: fact["method_name"]
)
def test_an_operation_of_the_api_is_a_method_that_sends_and_gives_what_its_facts_say(
    fact,
):
    call, method, path, _ = OPERATIONS[fact["method_name"]]
    assert method == fact["http"]
    pattern = "/".join(
        "[^/]+" if segment.startswith("{") else re.escape(segment)
        for segment in fact["path"].split("/")
    )
    assert re.fullmatch(pattern, f"/api/v1{path}")
    given = typing.get_type_hints(getattr(PromptJuggler, fact["method_name"]))["return"]
    returns = fact.get("returns")
    if returns is None:
        assert given is type(None)
    elif returns.endswith("[]"):
        assert given == tuple[getattr(promptjuggler, returns[:-2]), ...]
    else:
        assert given is getattr(promptjuggler, returns)


def test_every_operation_of_the_client_is_in_the_table_of_these_tests():
    public = {
        name
        for name in dir(PromptJuggler)
        if not name.startswith(("_", "wait_for_", "stream"))
    }
    of_others = {"run_prompts", "run_workflows"}
    others = {"close", "preload", "with_options"}
    assert public - set(OPERATIONS) == others | of_others
    assert set(OPERATIONS) <= public


HOSTILE = 'a/b?c#d%e é&=+;@:\\"\r\n\x00../~-_.'
QUOTED = "a%2Fb%3Fc%23d%25e%20%C3%A9%26%3D%2B%3B%40%3A%5C%22%0D%0A%00..%2F~-_."


@pytest.mark.parametrize(
    ("call", "path", "answer"),
    [
        (
            lambda pj: pj.get_prompt(HOSTILE, HOSTILE),
            f"/prompts/{QUOTED}/{QUOTED}",
            PROMPT,
        ),
        (
            lambda pj: pj.run_prompt(HOSTILE, HOSTILE, {}),
            f"/prompts/{QUOTED}/{QUOTED}/runs",
            STARTED,
        ),
        (
            lambda pj: pj.run_workflow(HOSTILE, HOSTILE, {}),
            f"/workflows/{QUOTED}/{QUOTED}/runs",
            STARTED,
        ),
        (lambda pj: pj.get_knowledge_base(HOSTILE), f"/knowledge-bases/{QUOTED}", BASE),
        (
            lambda pj: pj.wait_for_knowledge_base(HOSTILE),
            f"/knowledge-bases/{QUOTED}",
            BASE,
        ),
        (
            lambda pj: pj.upload_documents(HOSTILE, [("a", b"")]),
            f"/knowledge-bases/{QUOTED}/documents",
            [DOCUMENT],
        ),
        (lambda pj: pj.get_prompt("%2e%2e", "..."), "/prompts/%252e%252e/...", PROMPT),
    ],
)
def test_every_path_argument_is_percent_encoded_once(call, path, answer):
    assert exchange(call, answer)[1].target == f"/api/v1{path}"


@pytest.mark.parametrize("run_id", [
    UUID(RUN_ID), RUN_ID, RUN_ID.upper(), RUN_ID.replace("-", ""), "{" + RUN_ID + "}", f"URN:uuid:{RUN_ID}",
])  # fmt: skip
def test_an_id_can_be_a_uuid_or_any_text_of_it_and_is_sent_in_one_form(run_id):
    assert (
        exchange(lambda pj: pj.get_prompt_run(run_id), PROMPT_RUN)[1].target
        == f"/api/v1/promptruns/{RUN_ID}"
    )


def test_all_that_is_given_to_run_prompt_is_sent_under_the_names_of_the_api():
    everything = {
        "priority": "onsite", "thread": UUID(THREAD), "environment": "staging", "env_vars": {"A_KEY": "v"},
        "metadata": {"user": "7", "tags": ["a", "b"], "more": ("c",), "none": []}, "channel": "side",
    }  # fmt: skip
    sent = {
        "inputs": {"näme": 'A"da\u2028'}, "priority": "onsite", "thread": THREAD, "environment": "staging",
        "envVars": {"A_KEY": "v"}, "metadata": {"user": "7", "tags": ["a", "b"], "more": ["c"], "none": []},
    }  # fmt: skip
    inputs = {"näme": 'A"da\u2028'}
    _, request = exchange(
        lambda pj: pj.run_prompt("p", 1, inputs, **everything), STARTED
    )
    assert request.json() == {**sent, "channel": "side"}
    del everything["channel"]
    _, request = exchange(
        lambda pj: pj.run_workflow("p", 1, inputs, **everything), STARTED
    )
    assert request.json() == sent


@pytest.mark.parametrize("start", ["run_prompt", "run_workflow"])
def test_what_is_left_out_is_not_sent(start):
    _, request = exchange(lambda pj: getattr(pj, start)("p", 1, {}), STARTED)
    assert request.body == b'{"inputs":{}}'


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"priority": "normal"}, {"priority": "normal"}),
        ({"priority": "low"}, {"priority": "low"}),
        ({"channel": "default"}, {"channel": "default"}),
        ({"channel": ""}, {"channel": ""}),
        ({"environment": ""}, {"environment": ""}),
        ({"env_vars": {}}, {"envVars": {}}),
        ({"metadata": {}}, {"metadata": {}}),
        ({"thread": THREAD.upper()}, {"thread": THREAD}),
    ],
)
def test_what_is_given_is_sent_even_where_it_is_the_default_or_empty(options, sent):
    _, request = exchange(lambda pj: pj.run_prompt("p", 1, {}, **options), STARTED)
    assert request.json() == {"inputs": {}, **sent}


def test_arguments_are_not_changed():
    inputs, tags = {"a": "b"}, ["x"]
    metadata, env_vars = {"tags": tags}, {"A": "b"}
    exchange(
        lambda pj: pj.run_prompt("p", 1, inputs, metadata=metadata, env_vars=env_vars),
        STARTED,
    )
    assert (inputs, tags, metadata, env_vars) == (
        {"a": "b"},
        ["x"],
        {"tags": ["x"]},
        {"A": "b"},
    )


# Answers


@pytest.mark.parametrize("status", [200, 201, 202, 203, 206, 299])
def test_any_2xx_answer_is_decoded(status):
    with ScriptedServer(respond((status, PROMPT_RUN))) as server, client(server) as pj:
        assert pj.get_prompt_run(RUN_ID).status == "completed"


@pytest.mark.parametrize(
    "reply",
    [(200, {"deleted": True}), (200,), (202, []), (200, {"error": None}), (204,)],
)
def test_a_deletion_succeeds_with_any_2xx_answer_that_is_empty_or_json(reply):
    with (
        ScriptedServer(respond(reply, (200, DOCUMENT))) as server,
        client(server) as pj,
    ):
        assert pj.delete_knowledge_document(RUN_ID) is None
        assert pj.get_knowledge_document(RUN_ID).status == "ready"
        assert server.connections == 1


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            "<html>Log in",
            "it is an HTML page, 200, from URL, and begins '<html>Log in'",
        ),
        ("deleted", "it is text/plain, 200, from URL, and begins 'deleted'"),
        (b"\xff\xfe", "it is text/plain, 200, from URL"),
        (b'{"id": ', "it is text/plain, 200, from URL"),
        (b"[" * 100_000, "it is text/plain, 200, from URL"),
    ],
)
def test_a_deletion_that_is_answered_by_what_is_no_json_is_a_decode_error(body, text):
    with (
        ScriptedServer(respond((200, body))) as server,
        client(server, max_retries=2) as pj,
    ):
        with pytest.raises(DecodeError) as caught:
            pj.delete_knowledge_document(RUN_ID)
        error = caught.value
        url = f"{server.url}/api/v1/knowledge-documents/{RUN_ID}"
        assert str(error) == (
            f"the document is no answer to a DELETE: {text.replace('URL', url)}"
        )
        assert (error.status_code, error.method, error.url) == (200, "DELETE", url)
        assert error.may_have_taken_effect
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    "document", [{"error": "Locked."}, {"errors": ["Locked."]}], ids=str
)
def test_a_deletion_that_is_answered_by_200_and_an_error_was_not_carried_out(document):
    with (
        ScriptedServer(respond((200, document))) as server,
        client(server) as pj,
        pytest.raises(DecodeError) as caught,
    ):
        pj.delete_knowledge_document(RUN_ID)
    assert str(caught.value) == (
        "the document is no answer to a DELETE (the answer says: Locked.)"
    )


LOGIN = b"\xef\xbb\xbf \n<!DOCTYPE html>\n<html><title>Log in</title>" + b"x" * 10_000


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_login_page_in_place_of_an_answer_is_named_with_where_it_is_from(name):
    call, method, path, _ = OPERATIONS[name]
    reply = (200, LOGIN, {"Content-Type": "text/html; charset=utf-8", "X-Gate": "7"})
    with (
        ScriptedServer(respond(reply)) as server,
        client(server) as pj,
        pytest.raises(DecodeError) as caught,
    ):
        call(pj)
    error = caught.value
    url = f"{server.url}/api/v1{path}"
    begin = "<!DOCTYPE html> <html><title>Log in</title>xxx"
    assert f": it is an HTML page, 200, from {url}, and begins '{begin}" in str(error)
    assert len(str(error)) < 300
    assert (error.status_code, error.method, error.url) == (200, method, url)
    assert (error.headers["x-gate"], error.body) == ("7", LOGIN)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"error": "Quota exceeded."}, "Quota exceeded."),
        ({"message": "Quota exceeded."}, "Quota exceeded."),
        (
            {"error": {"message": "Quota\n\x1b[2Jexceeded."}},
            "Quota\\n\\x1b[2Jexceeded.",
        ),
    ],
)
@pytest.mark.parametrize("name", [name for name in OPERATIONS if name[0] != "d"])
def test_the_text_of_an_error_that_comes_with_a_status_of_success_is_shown(
    name, body, said
):
    with (
        ScriptedServer(respond((200, body))) as server,
        client(server) as pj,
        pytest.raises(DecodeError) as caught,
    ):
        OPERATIONS[name][0](pj)
    assert str(caught.value).endswith(f" (the answer says: {said})")


@pytest.mark.parametrize(
    "body",
    [
        {**PROMPT_RUN, "status": 5, "error": "sekret"},
        {
            **PROMPT_RUN,
            "transcript": [{"type": "text", "content": 5}],
            "message": "sekret",
        },
        b'{"id": "sekret", ',
        b'["sekret"',
        b'"sekret',
        ["sekret"],
        "sekret",
    ],
)
def test_nothing_is_shown_of_what_may_be_a_document_of_the_api(body):
    with (
        ScriptedServer(respond((200, body))) as server,
        client(server) as pj,
        pytest.raises(DecodeError) as caught,
    ):
        pj.get_prompt_run(RUN_ID)
    if body == "sekret":  # a text, and no JSON
        assert str(caught.value).endswith("and begins 'sekret'")
    else:
        assert "sekret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "path", "text"),
    [
        (200, b"", "", "the document is empty"),
        (204, b"", "", "the document is empty"),
        (200, b"<html>Welcome to the hotel</html>", "", "the document is not JSON"),
        (201, b'{"id": "', "", "the document is not JSON"),
        (200, b'{"id": "\xff"}', "", "the document is not UTF-8"),
        (200, b"\xef\xbb\xbf{}", "id", "id: missing"),
        (200, b"[" * 200_000, "", "the document is nested too deep"),
        (200, b'{"id": NaN}', "", "the document is not JSON"),
        (200, b'{"id": ' + b"7" * 5000 + b"}", "", ""),
        (200, b"null", "", "the document: expected an object, got null"),
        (200, b"[]", "", "the document: expected an object, got an array"),
        (200, b"{}", "id", "id: "),
    ],
)
def test_an_answer_that_is_not_what_the_api_promises_is_a_decode_error_with_status_and_body(
    status, body, path, text
):
    with (
        ScriptedServer(
            respond((status, body, {"Content-Type": "text/html"}))
        ) as server,
        client(server) as pj,
    ):
        with pytest.raises(DecodeError) as caught:
            pj.get_prompt_run(RUN_ID)
        error = caught.value
        assert (error.status_code, error.body, error.path) == (status, body, path)
        assert str(error).startswith(text)
        assert len(str(error)) < 300
        with pytest.raises(DecodeError):
            pj.get_prompt_run(RUN_ID)
        assert server.connections == 1  # it was read to its end


def test_a_decode_error_is_never_sent_again():
    with (
        ScriptedServer(respond((200, b"<html>"))) as server,
        client(server, max_retries=5) as pj,
    ):
        for call, *_ in OPERATIONS.values():
            before = len(server.requests)
            try:
                call(pj)
            except DecodeError:
                pass
            assert len(server.requests) == before + 1


# An opener of the caller's


class Recording(urllib.request.BaseHandler):
    """Notes what goes through an opener."""

    def __init__(self):
        self.seen = []

    def http_request(self, request):
        self.seen.append((request.get_method(), request.full_url, request.timeout))
        return request


def test_requests_go_through_the_opener_that_was_given():
    recording = Recording()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), recording)
    with (
        FakeServer(api_key=KEY) as server,
        client(server, opener=opener, timeout=4) as pj,
    ):
        server.add_prompt("echo", lambda inputs: inputs["a"])
        server.add_knowledge_base("docs")
        run = pj.run_prompt("echo", 1, {"a": "Ada"})
        assert pj.wait_for_prompt_run(run.id, poll_interval=0.01).output == "Ada"
        (document,) = pj.upload_documents("docs", [("a.txt", b"content")])
        assert document.bytes == 7
        assert b"\r\n\r\ncontent\r\n--" in server.requests[-1].body
        pj.delete_knowledge_document(document.id)
        with pytest.raises(ApiError) as caught:
            pj.get_prompt("none", 1)
        assert (caught.value.status_code, str(caught.value)) == (404, "Not found.")
    assert recording.seen[0][:2] == ("POST", f"{server.url}/api/v1/prompts/echo/1/runs")
    assert len(recording.seen) == len(server.requests)
    assert all(0 < timeout <= 4 for _, _, timeout in recording.seen)
    assert {request.headers["User-Agent"] for request in server.requests} == {AGENT}


def test_addheaders_of_an_opener_do_not_replace_what_the_client_sends():
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.addheaders = [
        ("User-agent", "mine"),
        ("Authorization", "Bearer other"),
        ("X-Trace", "1"),
    ]
    with (
        ScriptedServer(respond((200, PROMPT_RUN))) as server,
        client(server, opener=opener) as pj,
    ):
        pj.get_prompt_run(RUN_ID)
    headers = server.requests[0].headers
    assert (headers["authorization"], headers["user-agent"], headers["x-trace"]) == (
        f"Bearer {KEY}",
        AGENT,
        "1",
    )


@pytest.mark.parametrize(
    "option", [{"proxy": False}, {"proxy": "http://p.example"}, {"ssl_context": True}]
)
def test_a_proxy_or_an_ssl_context_with_an_opener_is_refused(option):
    if "ssl_context" in option:
        import ssl

        option = {"ssl_context": ssl.create_default_context()}
    with pytest.raises(
        ValidationError, match="ssl_context and proxy have no effect with an opener"
    ):
        PromptJuggler(KEY, opener=urllib.request.build_opener(), **option)


def test_the_sources_of_the_client_name_no_global_switch_of_the_standard_library():
    for module in ("client", "_client/caller", "_http/transport", "_http/connection"):
        source = (Path(promptjuggler.__file__).parent / f"{module}.py").read_text(
            "utf-8"
        )
        for switch in (
            "install_opener",
            "setdefaulttimeout",
            "environ[",
            "putenv",
            "basicConfig",
        ):
            assert switch not in source
