"""Calls of a client, and the right answers to them, for the tests of what happens on the way.

Every document that is asked for has the id that it was asked by, so that a client that
takes the answer to another request for its own is found out.
"""

from __future__ import annotations

import contextlib
import io
import json
import signal
import socket
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

from helpers.clock import replace_clock
from helpers.servers import (
    PATIENCE,
    Conn,
    Request,
    ScriptedServer,
    client_context,
    make_reply,
)
from promptjuggler import PromptJuggler

ID = "00000000-0000-4000-8000-000000000001"
RUN_ID = "0b2e7d1c-54a6-4d3f-9a8e-1f2d3c4b5a69"

CALLS = {
    "GET": lambda client: client.get_knowledge_document(ID),
    "DELETE": lambda client: client.delete_knowledge_document(ID),
    "token": lambda client: client.create_stream_token(ID),
    "prompt": lambda client: client.run_prompt("greeting", 1, {"name": "Ada"}),
    "workflow": lambda client: client.run_workflow("greeting", 1, {"name": "Ada"}),
    "upload": lambda client: client.upload_documents("base", [("a.txt", b"text")]),
}
"""One call of each kind."""

REPEATABLE = {"GET", "DELETE", "token"}
"""The kinds of call that do no more when they are sent twice."""


def document(target: str) -> object:
    """What the API answers to a request for `target`."""
    id = target.rpartition("/")[2]
    if target.endswith("/runs"):
        return {"id": ID, "thread": ID}
    if target.endswith("/stream-token"):
        return {
            "token": "token",
            "expiresAt": "2030-01-01T00:00:00Z",
            "url": "https://stream.example/",
        }
    shown = {
        "id": id,
        "status": "ready",
        "fileName": "a.txt",
        "bytes": 4,
        "chunkCount": 1,
    }
    return [{**shown, "id": ID}] if target.endswith("/documents") else shown


def answer(request: Request, **options: object) -> bytes:
    """The bytes of the right answer to a request."""
    if request.method == "DELETE":
        return make_reply(204, **options)
    return make_reply(200, document(request.target), **options)


def answer_all(conn: Conn) -> None:
    """A handler that answers every request as the API does."""
    while not conn.closed and (request := conn.read_request()):
        conn.send(answer(request))


def document_as_text(id: object) -> bytes:
    """The body of the answer to a request for a document."""
    return json.dumps(document(str(id))).encode()


def get(client: PromptJuggler) -> None:
    """Get a document with an id of its own, and see that it comes."""
    id = uuid.uuid4()
    assert client.get_knowledge_document(id).id == id


def client_of(server: ScriptedServer | str, **options: object) -> PromptJuggler:
    """A client that does not really wait before it sends again.

    server    a server of any kind, or a URL
    options   those of `PromptJuggler`, and `api_key`. As long as nothing else is said,
              the key is the server's own, over https our authority is trusted, and the
              environment's proxies are not used

    Its list `delays` says how long it would have waited.
    """
    url = server if isinstance(server, str) else server.url
    options = {"base_url": url, "timeout": PATIENCE, **options}
    key = options.pop("api_key", getattr(server, "api_key", "key"))
    if options.get("opener") is None:
        options.setdefault("proxy", False)
        is_https = options["base_url"].startswith("https:")
        if is_https and "ssl_context" not in options:
            options["ssl_context"] = client_context()
    client = PromptJuggler(key, **options)
    client.delays = []
    replace_clock(client, sleep=client.delays.append, random=lambda: 0.0)
    return client


def eventually(condition):
    """Wait until a condition holds, which is what a test then goes on with."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.002)


def in_threads(count, work):
    """Call `work` with 0, 1, 2 ... in as many threads, which all begin at once.

    What the first of them raised is raised here, when all are done.
    """
    errors = []
    ready = threading.Barrier(count)

    def run(number):
        try:
            ready.wait(PATIENCE)
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def at_once(check, cases, *, threads=8):
    """Call `check` with each of the cases, some of them at the same time.

    It is for checks that mostly wait. What fails is raised with its case, once all are done.
    """

    def outcome(case):
        try:
            check(case)
        except BaseException as error:
            return error
        return None

    with ThreadPoolExecutor(threads) as pool:
        for case, error in zip(cases, pool.map(outcome, cases), strict=True):
            if error:
                raise AssertionError(f"{case!r}: {error!r}") from error


@contextlib.contextmanager
def refusing_port():
    """A port on which nobody listens, and nobody else can while the block lasts."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@contextlib.contextmanager
def port_without_answer():
    """A port on which a connection is not even refused.

    There is no room left for one that nobody accepts.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            sock = stack.enter_context(socket.socket())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def moved_names(monkeypatch, ports):
    """Names that lead to this machine, as a program's own override of hosts does it.

    ports   the port here, by the (name, port) that is asked for; all else is looked up
            as ever

    Gives the list of what is then asked for.
    """
    asked = []
    look_up = socket.getaddrinfo

    def getaddrinfo(host, port, *options):
        name = host.decode() if isinstance(host, bytes) else host
        if (name, port) not in ports:
            return look_up(host, port, *options)
        asked.append((name, port))
        return look_up("127.0.0.1", ports[name, port], *options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


class Zeros(io.RawIOBase):
    """A file of `size` zeros."""

    def __init__(self, size):
        self.size, self.position = size, 0

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self.position = offset + (0, self.position, self.size)[whence]
        return self.position

    def tell(self):
        return self.position

    def readinto(self, buffer):
        count = min(len(buffer), self.size - self.position)
        buffer[:count] = bytes(count)
        self.position += count
        return count


def postponed(frame):
    """In a handler of SIGALRM: whether the signal comes later again.

    It does where what the handler raised in this frame would be lost.
    """
    if not frame.f_code.co_filename.endswith("_weakrefset.py"):
        return False
    # Python is telling of a dead reference.
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    return True
