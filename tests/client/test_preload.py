"""`preload()`: after it, no call loads a module, and a fork at any moment does no harm."""

import ast
import importlib.util
import socket
import subprocess
import sys
import urllib.request
from urllib.parse import unquote
from uuid import UUID

import pytest
from helpers.calls import ID, RUN_ID, document
from helpers.documents import Maker
from helpers.frames import done, reset, token
from helpers.hub import CHUNKED, chunk, wire
from helpers.package import ENV, FOLDER, NAME, nodes_of
from helpers.servers import (
    CA_FILE,
    ScriptedServer,
    server_context,
)

from promptjuggler import PromptJuggler

RUN = UUID(ID)
FRAMES = [reset(run=RUN), token(1, "x", run=RUN), done(RUN)]
EVENTS = b"".join(chunk(wire(frame, "a")) for frame in FRAMES)
DATE = "Sun, 06 Nov 1994 08:49:37 GMT"


# What the operations get, by the beginning of their path: a schema, and its end.
SCHEMAS = {
    "/prompts/p/": ("PromptRevision", {}),
    "/promptruns/": ("PromptRun", {"status": "completed"}),
    "/workflowruns/": ("WorkflowRun", {"status": "failed"}),
    "/knowledge-bases/": ("KnowledgeBaseResponse", {"status": "ready"}),
    "/knowledge-documents/": ("KnowledgeDocumentResponse", {"status": "ready"}),
}

# What goes wrong, by the slug of the prompt that is asked for.
ERRORS = {
    "404": (404, {"error": "No."}),
    "plain": (403, "No."),
    "xml": (403, b"\xef\xbb\xbf<xml>"),
    "busy": (503, b"\xff", {"Retry-After": DATE, "Date": DATE}),
    "moved": (302, "", {"Location": "//other.example/x?y"}),
    "strange": (418, ""),
    "page": (200, "<html>log in</html>"),
    "other": (200, {"id": 5}),
    "bytes": (200, b"\xff\xfe"),
    "deep": (200, b"[" * 100_000),
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
    "cut error": b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\n{",
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
    "ssh": b"SSH-2.0-OpenSSH_9.6\r\n",
    "nothing": b"",
}


class Api:
    """A handler that answers each operation, with documents that have all there can be."""

    def __init__(self):
        self.maker = Maker("preload")

    def __call__(self, conn):
        while not conn.closed and (request := conn.read_request()):
            path = request.target.removeprefix("/api/v1")
            slug = unquote(path.split("/")[2]) if path.startswith("/prompts/") else ""
            if request.method == "DELETE":
                conn.reply(204)
            elif path == "/stream":
                conn.send(CHUNKED + EVENTS)
            elif path.endswith("/stream-token"):
                url = f"{conn.server.url}/stream"
                conn.reply(200, {**document(path), "url": url})
            elif slug in ERRORS:
                self.fail(conn, ERRORS[slug])
            elif request.method == "POST":
                conn.reply(200, document(path))
            else:
                conn.reply(200, self.made_for(path))

    def fail(self, conn, reply):
        if isinstance(reply, tuple):
            conn.reply(*reply)
        else:
            conn.send(reply)
            conn.close()

    def made_for(self, path):
        (begin,) = (begin for begin in SCHEMAS if path.startswith(begin))
        schema, values = SCHEMAS[begin]
        return {**self.maker.document(schema), **values}


# Prints each call after which more modules are loaded than before it.
PROGRAM = f"""
import os, sys
from {NAME} import PromptJuggler
url, id = sys.argv[1], {RUN_ID!r}

def stream(stream):
    with stream:
        for _ in stream:
            pass

def wait(pj):
    pj.wait_for_prompt_run(id)
    pj.wait_for_workflow_run(id)
    pj.wait_for_knowledge_base("docs")
    pj.wait_for_knowledge_document(id)

def read_thread(pj):
    with pj.stream(id) as stream:
        for event in stream:
            if type(event).__name__ == "DoneEvent":
                break

CALLS = {{
    "get_prompt": lambda pj: [pj.get_prompt("p", 1) for _ in range(20)],
    "run_prompt": lambda pj: pj.run_prompt("p", 1, {{"a": "b"}}, thread=id, env_vars={{"A": "b"}}, metadata={{"a": ["b"]}}),
    "get_prompt_run": lambda pj: [pj.get_prompt_run(id) for _ in range(20)],
    "run_workflow": lambda pj: pj.run_workflow("w", 1, {{}}),
    "get_workflow_run": lambda pj: pj.get_workflow_run(id),
    "create_stream_token": lambda pj: pj.create_stream_token(id),
    "get_knowledge_base": lambda pj: pj.get_knowledge_base("docs"),
    "get_knowledge_document": lambda pj: pj.get_knowledge_document(id),
    "upload_documents": lambda pj: pj.upload_documents("docs", [("a.txt", b"x"), ("a.unknown", b"x")]),
    "upload a path": lambda pj: pj.upload_documents("docs", [sys.argv[2]]),
    "delete_knowledge_document": lambda pj: pj.delete_knowledge_document(id),
    "waits": wait,
    "stream": read_thread,
    "stream_prompt": lambda pj: stream(pj.stream_prompt("p", 1, {{}}, thread=id)),
    "stream_workflow": lambda pj: stream(pj.stream_workflow("w", 1, {{}}, thread=id)),
    **{{
        name: lambda pj, name=name: pj.get_prompt(name, 1) for name in {tuple(ERRORS)}
    }},
    "refused": lambda pj: PromptJuggler("k", base_url=sys.argv[3], max_retries=0).get_prompt("p", 1),
}}
pj = PromptJuggler("k", base_url=url, timeout=20, max_retries=0)
pj.preload()
for name, call in CALLS.items():
    before = set(sys.modules)
    failed = "none"
    try:
        call(pj)
    except Exception as error:
        failed = type(error).__name__
    new = sorted(set(sys.modules) - before)
    if new or (failed == "none") == (name in {("refused", *ERRORS)}):
        sys.__stdout__.write(f"{{name}}: {{failed}}, {{new}}\\n")
sys.__stdout__.write("done\\n")
"""


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def printed_by(program, *arguments, **environment):
    """What a new process prints."""
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        env={**ENV, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stderr == ""
    return result.stdout


@pytest.mark.parametrize(
    ("scheme", "host"),
    [("http", "127.0.0.1"), ("https", "127.0.0.1"), ("https", "localhost")],
)
def test_after_it_the_first_call_of_each_operation_loads_no_module_nor_does_its_error(
    scheme, host
):
    tls = server_context() if scheme == "https" else None
    with ScriptedServer(Api(), tls=tls) as server:
        url = f"{scheme}://{host}:{server.port}"
        refused = f"{scheme}://{host}:{closed_port()}"
        shown = printed_by(PROGRAM, url, __file__, refused, SSL_CERT_FILE=str(CA_FILE))
    assert shown == "done\n"


def imported_in_functions(path):
    """The modules that a file of the package imports inside its functions."""
    package = ".".join([NAME, *path.relative_to(FOLDER).parts[:-1]])
    for function in nodes_of(path):
        if not isinstance(function, (ast.FunctionDef, ast.Lambda)):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                name = "." * node.level + (node.module or "")
                yield importlib.util.resolve_name(name, package)


def test_it_loads_whatever_is_imported_inside_a_function_on_the_way_of_a_call():
    elsewhere = {"testing", "_cli", "__main__.py", "_old_python.py", "webhook.py"}
    names = set()
    for path in FOLDER.rglob("*.py"):
        if path.relative_to(FOLDER).parts[0] not in elsewhere:
            names.update(imported_in_functions(path))
    assert f"{NAME}._decode" in names
    names.remove("pprint")  # Of `to_str()` of results: no call needs it.
    shown = printed_by(f"""
import sys
from {NAME} import PromptJuggler
PromptJuggler("k", base_url="http://a.example").preload()
print(*sorted({names!r} - set(sys.modules)))
""")
    assert shown == "\n"


def test_after_it_no_name_that_the_client_uses_is_looked_for_in_a_module():
    """On Python 3.10 that takes the lock of the module, though it is loaded."""
    shown = printed_by(f"""
from {NAME} import PromptJuggler, models, streaming
PromptJuggler("k", base_url="http://a.example").preload()
print(*sorted(set(models.__all__) - set(vars(models))))
print(*sorted({{"RunStream", "ThreadStream"}} - set(vars(streaming))))
""")
    assert shown == "\n\n"


def test_it_reads_the_files_of_the_system_that_have_the_media_types():
    shown = printed_by(f"""
import mimetypes
from {NAME} import PromptJuggler
print(mimetypes.inited)
PromptJuggler("k", base_url="http://a.example").preload()
print(mimetypes.inited)
""")
    assert shown == "False\nTrue\n"


def test_it_sends_nothing_and_can_be_called_again():
    with (
        ScriptedServer(Api()) as server,
        PromptJuggler("k", base_url=server.url) as pj,
    ):
        pj.preload()
        pj.preload()
        assert server.connections == 0
        assert pj.get_prompt_run(RUN_ID).status == "completed"


def test_for_https_it_makes_the_context_of_the_first_request():
    pj = PromptJuggler("k", base_url="https://a.example")
    pj.preload()
    context = pj._transport.context()
    pj.preload()
    assert pj._transport.context() is context


def test_for_http_and_with_an_opener_it_makes_no_context():
    opener = urllib.request.OpenerDirector()
    for options in (
        {"base_url": "http://a.example"},
        {"base_url": "https://a.example", "opener": opener},
    ):
        pj = PromptJuggler("k", **options)
        pj.preload()
        assert pj._transport._trust._context is None


# In a child of its own for each moment, in which nothing was called yet: a thread makes
# its first calls and stands still at some line, of whatever file; then the child forks.
# The grandchild makes the same calls, or is ended by its alarm.
FORKS = f"""
import os, signal, sys, threading
from {NAME} import PromptJuggler
url, id, moments = sys.argv[1], {RUN_ID!r}, int(sys.argv[2])

def calls(pj):
    pj.get_prompt_run(id)
    pj.run_prompt("p", 1, {{"a": "b"}}, thread=id)
    pj.upload_documents("docs", [("a.txt", b"x")])
    with pj.stream_workflow("w", 1, {{}}) as stream:
        for _ in stream:
            pass

class Pause:
    def __init__(self, line):
        self.left = line
        self.reached = threading.Event()

    def __call__(self, frame, event, argument):
        if event == "line":
            self.left -= 1
            if not self.left:
                self.reached.set()
                threading.Event().wait()
        return self

    def run(self, pj):
        sys.settrace(self)
        calls(pj)
        sys.settrace(None)
        self.reached.set()

def fork_at(line, pj):
    pause = Pause(line)
    threading.Thread(target=pause.run, args=[pj], daemon=True).start()
    pause.reached.wait()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        calls(pj)
        os._exit(0)
    os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) % 256)

def lines_of_calls(pj):
    pause = Pause(0)
    pause.run(pj)
    return -pause.left

pj = PromptJuggler("k", base_url=url, timeout=20)
if sys.argv[3] == "preload":
    pj.preload()
# In a child, too: this process makes no call.
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, str(lines_of_calls(pj)).encode())
    os._exit(0)
lines = int(os.read(reading, 100))
os.wait()
for moment in range(moments):
    line = 1 + moment * lines // moments
    if os.fork() == 0:
        fork_at(line, pj)
    ended = os.waitstatus_to_exitcode(os.wait()[1])
    if ended:
        print("after line", line, "of", lines, "it ended by", ended)
print("done", lines > 1000)
"""


# The moments over http are among those over https.
@pytest.mark.parametrize(("scheme", "moments"), [("http", "5"), ("https", "30")])
def test_a_fork_at_any_moment_of_another_threads_first_calls_leaves_a_child_that_works(
    scheme, moments
):
    tls = server_context() if scheme == "https" else None
    with ScriptedServer(Api(), tls=tls) as server:
        program = [sys.executable, "-W", "ignore", "-c", FORKS]
        result = subprocess.run(
            [*program, server.url, moments, "preload"],
            env={**ENV, "SSL_CERT_FILE": str(CA_FILE)},
            capture_output=True,
            text=True,
            timeout=100,
        )
    assert (result.stdout, result.stderr) == ("done True\n", "")
