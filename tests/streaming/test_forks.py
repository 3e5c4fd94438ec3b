"""A process that forks while it streams: the child leaves its copy, and the parent's
stream goes on. So does the parent's stand-in server."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from helpers.frames import done, reset, token
from helpers.hub import CHUNKED, Hub, chunk, wire
from helpers.package import ENV, NAME
from helpers.servers import CA_FILE, PATIENCE, server_context

STREAM = """
import gc, os, signal, ssl, sys, threading
from {name} import DisconnectedEvent, DoneEvent, PromptJuggler, TokenEvent

# Python warns of forks of a process with threads. It is what is tested.
import warnings
warnings.simplefilter("ignore", DeprecationWarning)

url, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca) if url.startswith("https") else None
pj = PromptJuggler("key", base_url=url, proxy=False, ssl_context=context)
signal.alarm(60)

def fork(child):
    # What the child does ends in SystemExit 0, or it says what went wrong.
    process = os.fork()
    if process == 0:
        try:
            child()
            os._exit(0)
        except SystemExit as error:
            os._exit(error.code)
        except BaseException as error:
            print("child:", repr(error), flush=True)
        os._exit(1)
    assert os.waitpid(process, 0)[1] == 0

def exits(stream):
    with stream_is_left(stream):
        sys.exit(0)

class stream_is_left:
    def __init__(self, stream):
        self.stream = stream
    def __enter__(self):
        pass
    def __exit__(self, *exception):
        self.stream.__exit__(*exception)

def closes(stream):
    stream.close()
    assert stream.closed
    assert list(stream) == []

def forgets(stream):
    global kept
    kept = None
    del stream
    gc.collect()
"""

IN_THE_MIDDLE = """
for leave in (exits, closes, forgets):
    kept = pj.stream({thread!r})
    with kept:
        events = []
        for event in kept:
            events.append(event)
            if isinstance(event, TokenEvent) and event.seq == 1:
                stream = kept
                fork(lambda: leave(stream))
                pj.create_stream_token({thread!r})  # So the server knows.
            if isinstance(event, DoneEvent):
                break
        is_lost = any(isinstance(event, DisconnectedEvent) for event in events)
        assert not is_lost, (leave, events)
        assert event.view.text == "ab" and not event.gapped, (leave, event)
"""

THREAD = "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11"


def run(program, server):
    """Run a program that streams from a server, and see that it goes well."""
    code = textwrap.dedent(STREAM).format(name=NAME) + program
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, server.url, str(CA_FILE)],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 2,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def waits_for_the_fork(server):
    """A stream that goes on when the parent has asked for one more token."""

    def script(conn):
        before = server[0].minted
        conn.send(CHUNKED + chunk(wire(reset(), "1") + wire(token(1, "a"), "2")))
        while server[0].minted == before:
            conn.wait(0.01)
        conn.send(chunk(wire(token(2, "b"), "3") + wire(done(), "4")))
        conn.hang()

    return script


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_forked_child_that_leaves_its_copy_does_not_touch_the_parents_stream(tls):
    """Whether it exits, closes or forgets it."""
    servers = []
    with Hub(
        waits_for_the_fork(servers), tls=server_context() if tls else None
    ) as server:
        servers.append(server)
        run(IN_THE_MIDDLE.format(thread=THREAD), server)
        assert len(server.gets) == 3


LOCKED = """
stream = pj.stream({thread!r})
stream.__enter__()
deadline = stream._deadline
held = threading.Event()
go = threading.Event()

def hold():
    # As a thread of the parent holds them at the moment of a fork.
    with stream._reading, deadline._lock:
        held.set()
        go.wait()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
fork(lambda: closes(stream))
go.set()
thread.join()
stream.close()
"""


def test_a_forked_child_does_not_wait_for_locks_of_threads_that_it_has_not():
    with Hub() as server:
        server.scripts = [lambda conn: (conn.send(CHUNKED), conn.hang())]
        run(LOCKED.format(thread=THREAD), server)


GOES_ON = """
stream = pj.stream({thread!r})
stream._wait = lambda seconds: None

def rest(stream):
    events = []
    for event in stream:
        events.append(event)
        if isinstance(event, DoneEvent):
            return events

def in_child():
    events = rest(stream)
    assert [type(event).__name__ for event in events] == [
        "DisconnectedEvent", "ConnectedEvent", "TokenEvent", "DoneEvent"
    ], events
    assert "forked" in events[0].reason
    assert events[-1].view.text == "ab" and not events[-1].gapped

with stream:
    for event in stream:
        if isinstance(event, TokenEvent):
            break
    fork(in_child)
    events = rest(stream)
    assert [type(event).__name__ for event in events] == ["TokenEvent", "DoneEvent"], events
    assert events[-1].view.text == "ab" and not events[-1].gapped
"""


def test_a_forked_child_that_goes_on_with_a_stream_connects_anew():
    """It takes nothing from the connection of the parent, which goes on too."""
    servers = []

    def again(conn):
        data = wire(token(2, "b"), "3") + wire(done(), "4")
        conn.send(CHUNKED + chunk(data))
        conn.hang()

    first = waits_for_the_fork(servers)
    with Hub(first, again) as server:
        servers.append(server)
        run(GOES_ON.format(thread=THREAD), server)
        assert [get.headers.get("last-event-id") for get in server.gets] == [None, "2"]


STAND_IN = """
from {name}.testing import FakeServer

with FakeServer() as server:
    server.add_prompt("greeting", lambda inputs: "Hello, you!")
    fake = PromptJuggler(server.api_key, base_url=server.url, proxy=False)
    with fake.stream({thread!r}) as stream:
        def leaves():
            with stream_is_left(server):
                sys.exit(0)
        for leave in (leaves, server.close, server.close):
            fork(leave)
        run = fake.run_prompt("greeting", 1, {{}}, thread={thread!r})
        for event in stream:
            assert not isinstance(event, DisconnectedEvent), event
            if isinstance(event, DoneEvent):
                break
        assert event.view.text == "Hello, you!"
    assert fake.get_prompt_run(run.id).status == "completed"
    with PromptJuggler(server.api_key, base_url=server.url, proxy=False) as another:
        assert another.get_prompt_run(run.id).status == "completed"
"""


def test_a_forked_child_that_leaves_its_copy_of_a_fake_server_does_not_touch_the_parents():
    with Hub() as server:
        run(STAND_IN.format(name=NAME, thread=THREAD), server)


CONNECTS = """
stream = pj.stream({thread!r})
held = threading.Event()
go = threading.Event()

def hold():
    # As a thread of the parent that reads what is no stream, at the moment of a fork.
    with stream._reading:
        held.set()
        go.wait()

def in_child():
    assert type(next(stream)).__name__ == "ConnectedEvent"
    stream.close()

thread = threading.Thread(target=hold)
thread.start()
held.wait()
fork(in_child)
go.set()
thread.join()
"""


def test_a_forked_child_that_connects_does_not_wait_for_a_thread_that_it_has_not():
    with Hub() as server:
        server.scripts = [lambda conn: (conn.send(CHUNKED), conn.hang())]
        run(CONNECTS.format(thread=THREAD), server)
