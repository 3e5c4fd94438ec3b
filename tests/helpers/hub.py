"""A server that streams what a test says, a client of it, and ways to read the stream.

    with Hub(says(reset(), token(1, "a"), then=ends), says(done())) as server:
        with streaming(server, waits=[]) as stream:
            events = until(stream, DoneEvent)

Each connection to the stream is the next script of those given; a script is a function
of its `Conn`. Frames are made by `helpers.frames`.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
import time

import pytest

from helpers.clock import replace_clock
from helpers.frames import RUN, done, reset, token
from helpers.servers import PATIENCE, Conn, ScriptedServer, client_context
from promptjuggler import PromptJuggler, TokenEvent

THREAD = "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11"
KEY = "pj-sekret-key"
HELLO = (reset(), token(1, "Hel"), token(2, "lo"), done())

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
CHUNKED_HEAD = HEAD + b"Transfer-Encoding: chunked\r\n"
CHUNKED = CHUNKED_HEAD + b"\r\n"


# --- what a server sends ---


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


def wire(frame, id=""):
    """A frame as it is sent."""
    kind, fields = frame
    text = f"event: {kind}\ndata: {json.dumps(fields)}\n\n"
    return (f"id: {id}\n{text}" if id else text).encode()


def hangs(conn):
    """Says nothing."""
    conn.hang()


def ends(conn):
    """Ends a chunked body as it should be."""
    conn.send(b"0\r\n\r\n")


def answers(*reply):
    """Answers as `Conn.reply` does."""
    return lambda conn: conn.reply(*reply)


NO_ONE = answers(503, {"error": "No."})


def sends(*data, then=hangs):
    """A connection that sends bytes, each in a chunk; as a rule it then says no more."""

    def script(conn):
        conn.send(CHUNKED + b"".join(map(chunk, data)))
        then(conn)

    return script


def says(*frames, then=hangs, first=1):
    """A connection that sends frames, whose ids are a, b, c ..."""
    numbered = enumerate(frames, first)
    return sends(
        *(wire(frame, chr(96 + number)) for number, frame in numbered), then=then
    )


class Hub(ScriptedServer):
    """The API as far as streams need it.

    Each connection to the stream, and each token, is the next of those given; the last
    one is for all that follow. The tokens that are not scripted are sekret-token-1,
    sekret-token-2 ...
    """

    def __init__(self, *scripts, mints=(), path="/stream", keep=False, **options):
        self.keep = keep
        self.scripts = list(scripts)
        self.mints = [*mints, None]
        self.path = path
        self.minted = 0
        super().__init__(self._handle, **options)

    @property
    def gets(self):
        """The requests for the stream."""
        return [request for request in self.requests if request.method == "GET"]

    def mint(self, conn):
        self.minted += 1
        document = {
            "token": f"sekret-token-{self.minted}",
            "expiresAt": "2030-01-01T00:00:00Z",
            "url": self.path if "://" in self.path else self.url + self.path,
        }
        # On a connection that was used before, a GET is sent twice if need be. Not here,
        # where requests are counted.
        conn.reply(200, document, keep=self.keep)

    def is_idle(self):
        """Whether every connection to it is closed."""
        return not any(thread.is_alive() for thread in self._threads)

    def _handle(self, conn):
        while not conn.closed and (request := conn.read_request()):
            queue = self.mints if request.method == "POST" else self.scripts
            script = queue.pop(0) if len(queue) > 1 else queue[0]
            (script or self.mint)(conn)


class RunHub(Hub):
    """A hub that starts the run RUN too; `start` is a reply to the request that does."""

    def __init__(self, *scripts, start=None, **options):
        self.start = start
        super().__init__(*scripts, **options)

    def mint(self, conn):
        if self.requests[-1].target.endswith("/runs"):
            started = {"id": str(RUN), "thread": self.requests[-1].json()["thread"]}
            conn.reply(*(self.start or (200, started)), keep=False)
        else:
            super().mint(conn)


# --- connections that cannot be made ---

EACH_STEP = pytest.mark.parametrize("step", ["mints", "scripts"])


def failing(step, *failures, **options):
    """A server at which one of the two steps fails a few times."""
    scripts = [*failures, says(*HELLO)] if step == "scripts" else [says(*HELLO)]
    return Hub(*scripts, mints=failures if step == "mints" else (), **options)


FAILURES = {
    "an error": answers(500, {"error": "No."}),
    "another error": answers(400, {"error": "No."}),
    "nothing": Conn.close,
    "a reset": Conn.reset,
    "half an answer": lambda conn: (conn.send(b"HTTP/1.1 200 O"), conn.close()),
    "no content": answers(204),
    "a redirect": answers(302, "", {"Location": "https://elsewhere.example/"}),
}


# --- a client ---


@contextlib.contextmanager
def client_of(server, **options):
    # No call ends by its own timeout before a test has lost its patience.
    options = {
        "timeout": PATIENCE * 2,
        "ssl_context": client_context() if server.url.startswith("https") else None,
        "base_url": server.url,
        **options,
    }
    with PromptJuggler(KEY, **options) as client:
        yield client


def poll_quickly(client):
    """Let a client wait hardly at all before it looks again."""
    replace_clock(client, sleep=lambda seconds: time.sleep(0.01))


@contextlib.contextmanager
def streaming(server, *, client=(), waits=None, **options):
    """A stream of a server that is not entered yet.

    With `waits`, it does not wait before it connects: the delays are noted there.
    """
    with client_of(server, **dict(client)) as pj:
        stream = pj.stream(THREAD, **options)
        if waits is not None:
            instead_of_waiting(stream, waits.append)
        with contextlib.closing(stream):
            yield stream


MOST_WAITS = 1000


def instead_of_waiting(stream, call):
    """Have a stream call `call(seconds)` where it would wait before it connects.

    Gives what it would have called. The stream can be that of a thread or of a run.
    """
    stream = getattr(stream, "_stream", stream)
    waiting = stream._wait
    calls = itertools.count()

    def count_and_call(seconds):
        # Without its waits, a stream that never connects would fill the memory.
        assert next(calls) < MOST_WAITS, "the stream never connects"
        return call(seconds)

    stream._wait = count_and_call
    return waiting


class Consumer(threading.Thread):
    """Iterates over a stream in a thread of its own.

    `events` are those that came, `error` is what ended the iteration.
    """

    def __init__(self, stream):
        super().__init__()
        self.stream = stream
        self.events = []
        self.error = None
        self.start()

    def run(self):
        try:
            self.events.extend(self.stream)
        except BaseException as error:
            self.error = error


# --- reading ---


def up_to(stream, *kinds):
    """The events up to the first one of a kind, one by one."""
    for event in stream:
        yield event
        if isinstance(event, kinds):
            return


def until(stream, *kinds):
    """The events up to the first one of a kind, which has to come."""
    events = list(up_to(stream, *kinds))
    assert events, "no event at all"
    assert isinstance(events[-1], kinds), f"the stream ended: {events}"
    return events


def texts(events):
    return [event.text for event in events if isinstance(event, TokenEvent)]
