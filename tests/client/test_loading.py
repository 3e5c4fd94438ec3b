"""Calls while their own thread is in the midst of an import: in signal handlers."""

import ast
import encodings.idna
import gzip
import ipaddress
import subprocess
import sys
import types

import pytest
from helpers.calls import ID, answer_all, client_of, document
from helpers.package import ENV, FOLDER, NAME, nodes_of
from helpers.servers import CA_FILE, ScriptedServer, respond, server_context

from promptjuggler import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJuggler,
    _loading,
)

# In a child of its own for each moment, in which nothing was called yet: the main thread
# makes its first calls, and at some line, of whatever file, another call comes between,
# as that of a signal handler does. Prints how that one ended, and what went wrong else.
INTERRUPTS = f"""
import os, sys
from {NAME} import PromptJuggler, PromptJugglerError
url, moments = sys.argv[1], int(sys.argv[2])
pj = PromptJuggler("k", base_url=url, timeout=20)
type(pj._clock).sleep = lambda self, seconds: print("slept")

CALLS = (
    lambda: pj.get_knowledge_document({ID!r}),
    lambda: pj.run_prompt("p", 1, {{"a": "b"}}, thread={ID!r}),
    lambda: pj.upload_documents("docs", [("a.txt", b"x")]),
    lambda: pj.wait_for_knowledge_document({ID!r}),
    lambda: pj.stream({ID!r}),
    lambda: pj.with_options(max_retries=1),
    lambda: pj.run_prompts("p", 1, []),
)

class Interrupt:
    def __init__(self, line, call):
        self.left = line
        self.call = call

    def __call__(self, frame, event, argument):
        if event == "line":
            self.left -= 1
            if not self.left:
                self.interrupt()
        return self

    def interrupt(self):
        # From here on, no line is counted, which would take most of the time.
        sys.settrace(None)
        try:
            self.call()
        except PromptJugglerError as error:
            text = str(error)
            print(type(error).__name__, error.may_have_taken_effect, "preload()" in text)
        except BaseException as error:
            print("left bare:", repr(error))
        else:
            print("worked")

    def run(self):
        sys.settrace(self)
        try:
            for call in CALLS:
                call()
        except BaseException as error:
            print("interrupted one:", repr(error))
        finally:
            sys.settrace(None)

def in_child(work):
    if os.fork() == 0:
        work()
        sys.stdout.flush()
        os._exit(0)
    os.wait()

if sys.argv[3] == "preload":
    pj.preload()
reading, writing = os.pipe()

def count():
    interrupt = Interrupt(0, None)
    interrupt.run()
    os.write(writing, str(-interrupt.left).encode())

in_child(count)
lines = int(os.read(reading, 100))
for moment in range(moments):
    line = 1 + moment * lines // moments
    in_child(Interrupt(line, CALLS[moment % len(CALLS)]).run)
"""


def ends_of_interrupting_calls(*arguments, scheme="http"):
    tls = server_context() if scheme == "https" else None
    with ScriptedServer(answer_all, tls=tls) as server:
        result = subprocess.run(
            [sys.executable, "-W", "error", "-c", INTERRUPTS, server.url, *arguments],
            env={**ENV, "SSL_CERT_FILE": str(CA_FILE)},
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert result.stderr == ""
    return result.stdout.splitlines()


# The moments over http are among those over https.
@pytest.mark.parametrize(("scheme", "moments"), [("http", 7), ("https", 15)])
def test_a_call_amid_the_first_calls_of_its_thread_works_or_is_a_network_error_at_once(
    scheme, moments
):
    ends = ends_of_interrupting_calls(str(moments), "no", scheme=scheme)
    assert len(ends) == moments
    assert set(ends) == {"worked", "NetworkError False True"}


def test_after_preload_it_works_at_every_moment():
    ends = ends_of_interrupting_calls("20", "preload", scheme="https")
    assert ends == ["worked"] * 20


def test_what_an_import_of_the_program_itself_has_half_loaded_is_a_network_error(
    monkeypatch,
):
    # As `encodings.idna` is while a handler comes between.
    monkeypatch.setattr(_loading, "_loaded", set())
    monkeypatch.delattr(encodings.idna, "getregentry")
    with ScriptedServer(answer_all) as server:
        pj = client_of(server)
        for call in (pj.get_knowledge_document, pj.wait_for_knowledge_document):
            with pytest.raises(
                NetworkError, match=r"getregentry.*preload\(\)"
            ) as caught:
                call(ID)
            # Nothing would be otherwise the next time.
            assert pj.delays == []
        monkeypatch.undo()
        assert server.connections == 0
        assert pj.get_knowledge_document(ID).status
    assert not caught.value.request_sent
    assert isinstance(caught.value.__cause__, AttributeError)


def test_what_is_half_loaded_for_the_proxies_of_the_environment_is_one_too(monkeypatch):
    monkeypatch.setattr(_loading, "_loaded", set())
    monkeypatch.delattr(ipaddress, "ip_address")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with pytest.raises(NetworkError, match="ip_address"):
        PromptJuggler("k", base_url="http://10.0.0.1").get_knowledge_document(ID)


def test_amid_a_load_nothing_else_is_loaded_since_it_can_be_half_there(
    tmp_path, monkeypatch
):
    (tmp_path / "amid_a_load.py").write_text(
        f"""
from {NAME} import NetworkError, _loading
try:
    _loading.load("colorsys")
except NetworkError as error:
    text = str(error)
"""
    )
    monkeypatch.syspath_prepend(tmp_path)
    _loading.load("amid_a_load:text")
    text = sys.modules.pop("amid_a_load").text
    assert "this thread is in the midst of an import" in text
    _loading.load("colorsys")


def test_an_answer_that_cannot_be_unpacked_now_is_an_error_of_ours(monkeypatch):
    monkeypatch.setitem(sys.modules, f"{NAME}._http.codings", None)
    packed = gzip.compress(b'{"error": "No."}')
    coding = {"Content-Encoding": "gzip"}
    with ScriptedServer(
        respond((200, packed, coding), (404, packed, coding))
    ) as server:
        pj = PromptJuggler("k", base_url=server.url)
        with pytest.raises(DecodeError, match="cannot be unpacked now"):
            pj.get_knowledge_document(ID)
        with pytest.raises(
            ApiError, match=r"404 Not Found \(its body cannot be unpacked"
        ):
            pj.get_knowledge_document(ID)


def test_a_logging_module_that_is_half_loaded_gets_no_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "logging", types.ModuleType("logging"))
    with ScriptedServer(respond((503, ""), (200, document(ID)))) as server:
        assert client_of(server).get_knowledge_document(ID).status == "ready"


def names_asked_of_load():
    for path in FOLDER.rglob("*.py"):
        for node in nodes_of(path):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                module, colon, attribute = node.value.partition(":")
                is_name = colon and module.replace(".", "").isidentifier()
                if is_name and attribute.isidentifier():
                    yield node.value


def test_all_that_is_loaded_late_is_loaded_by_preload():
    names = set(names_asked_of_load())
    assert ".models:PromptRun" in names
    assert "copy:copy" in names
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            f"""
from {NAME} import PromptJuggler, _loading
PromptJuggler("k", base_url="http://a.example").preload()
print(sorted({names!r} - _loading._loaded))
""",
        ],
        env=ENV,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert result.stdout == "[]\n"


WITHOUT_FILES = f"""
import resource
from {NAME} import NetworkError, PromptJuggler
pj = PromptJuggler("k", base_url="http://127.0.0.1:9")
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
try:
    pj.get_prompt_run({ID!r})
except NetworkError as error:
    print(error.request_sent)
"""


def test_a_first_call_without_a_descriptor_for_a_file_is_a_network_error():
    command = [sys.executable, "-W", "error", "-c", WITHOUT_FILES]
    done = subprocess.run(command, env=ENV, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("False\n", "")
