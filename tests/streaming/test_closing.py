"""A stream that is closed, at any moment, by whomever: it ends, and leaves nothing open."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import socket
import sys
import threading
import time

import pytest
from helpers.calls import eventually, port_without_answer, postponed
from helpers.frames import reset, token
from helpers.hub import (
    CHUNKED,
    HEAD,
    HELLO,
    NO_ONE,
    THREAD,
    Consumer,
    Hub,
    client_of,
    ends,
    hangs,
    instead_of_waiting,
    says,
    streaming,
    texts,
    until,
)
from helpers.package import NAME
from helpers.servers import (
    PATIENCE,
    Conn,
    ConnectProxy,
    ScriptedServer,
    client_context,
    descriptors,
    server_context,
)

from promptjuggler import (
    ApiError,
    ConnectedEvent,
    DisconnectedEvent,
    DoneEvent,
    TokenEvent,
)
from promptjuggler.testing import FakeServer

WAYS_TO_BE_BUSY = {
    "the next event": (says(token(1, "a")), None),
    "the rest of a chunk": (
        lambda conn: (conn.send(CHUNKED + b"ff\r\n:"), conn.hang()),
        None,
    ),
    "a token": (says(), hangs),
    "the head of the stream": (hangs, None),
    "the rest of the head": (lambda conn: (conn.send(HEAD), conn.hang()), None),
}


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("reconnected", [False, True], ids=["first", "again"])
@pytest.mark.parametrize("way", WAYS_TO_BE_BUSY.values(), ids=WAYS_TO_BE_BUSY)
def test_close_ends_the_iteration_of_another_thread_and_closes_the_socket_at_once(
    way, reconnected, tls
):
    waiting, gone = threading.Event(), threading.Event()

    def watched(script):
        def handler(conn):
            hang = conn.hang
            conn.hang = lambda: (waiting.set(), hang(), gone.set())
            script(conn)

        return handler

    script, mint = way
    over = says(("reconnect", {}), then=lambda conn: None)
    scripts, mints = [over] * reconnected + [watched(script)], [None] * reconnected
    if mint:
        mints.append(watched(mint))
    with Hub(*scripts, mints=mints, tls=server_context() if tls else None) as server:
        with streaming(server) as stream:
            consumer = Consumer(stream)
            assert waiting.wait(PATIENCE)
            time.sleep(0.01)
            begun = time.monotonic()
            stream.close()
            consumer.join(PATIENCE)
            assert not consumer.is_alive()
            assert gone.wait(PATIENCE)
            assert time.monotonic() - begun < PATIENCE
            assert consumer.error is None
            assert stream.closed
            assert stream._answer is None
        assert server.minted <= 1 + reconnected


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "way",
    ["a full port", "a silent proxy", "a handshake", "a handshake through a proxy"],
)
def test_close_ends_an_attempt_to_connect(way, scheme):
    with contextlib.ExitStack() as stack:
        options = {
            "ssl_context": client_context(),
            "base_url": f"{scheme}://localhost:9",
        }
        if way == "a full port":
            options["base_url"] = (
                f"{scheme}://127.0.0.1:{stack.enter_context(port_without_answer())}"
            )
        silent = stack.enter_context(ScriptedServer(Conn.hang))
        if way == "a handshake":
            options["base_url"] = f"https://127.0.0.1:{silent.port}"
        elif "proxy" in way:
            behaviour = "silent" if way == "a silent proxy" else "forward"
            proxy = stack.enter_context(
                ConnectProxy(target=("127.0.0.1", silent.port), behaviour=behaviour)
            )
            options["proxy"] = proxy.url
        stream = stack.enter_context(streaming(silent, client=options))
        consumer = Consumer(stream)
        time.sleep(0.03)
        assert consumer.is_alive()
        begun = time.monotonic()
        stream.close()
        consumer.join(PATIENCE)
        assert time.monotonic() - begun < PATIENCE
        assert (consumer.events, consumer.error) == ([], None)


def test_close_ends_a_delay():
    waiting = threading.Event()
    with Hub(says(then=ends), NO_ONE) as server, streaming(server) as stream:
        wait = instead_of_waiting(
            stream, lambda seconds: (waiting.set(), wait(PATIENCE * 2))
        )
        consumer = Consumer(stream)
        assert waiting.wait(PATIENCE)
        stream.close()
        consumer.join(PATIENCE)
        assert not consumer.is_alive()
        assert [type(event) for event in consumer.events] == [
            ConnectedEvent,
            DisconnectedEvent,
        ]
        assert consumer.error is None


def test_close_at_any_moment_ends_the_iteration_and_leaves_nothing_open():
    """Streams that connect again and again, each closed a little later than the one before."""
    script = says(reset(), token(1, "a"), ("reconnect", {}), then=lambda conn: None)
    with Hub(script, tls=server_context()) as server, client_of(server) as pj:
        for number in range(30):
            stream = pj.stream(THREAD)
            consumer = Consumer(stream)
            time.sleep(number * 0.0007)
            stream.close()
            consumer.join(PATIENCE)
            assert not consumer.is_alive()
            assert consumer.error is None
            assert stream._answer is None
        # The connections of the client are as good as before.
        assert pj.create_stream_token(THREAD).token


def test_close_in_the_loop_ends_it_with_the_event_that_was_given_last():
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        events = []
        for event in stream:
            events.append(event)
            if isinstance(event, TokenEvent):
                stream.close()
        assert texts(events) == ["Hel"]


def test_leaving_the_with_block_closes_the_socket_at_once():
    gone = threading.Event()
    with (
        Hub(lambda conn: (says(*HELLO)(conn), gone.set())) as server,
        client_of(server) as pj,
    ):
        with pj.stream(THREAD) as stream:
            for event in stream:
                if isinstance(event, TokenEvent):
                    break
            assert not gone.is_set()
        assert gone.wait(PATIENCE)
        assert list(stream) == []
        stream.close()


def test_a_stream_that_is_forgotten_closes_its_socket_without_the_garbage_collector():
    gone = threading.Event()
    with (
        Hub(lambda conn: (says(*HELLO)(conn), gone.set())) as server,
        client_of(server) as pj,
    ):
        gc.disable()
        try:
            for event in pj.stream(THREAD):
                if isinstance(event, TokenEvent):
                    break
            assert gone.wait(PATIENCE)
        finally:
            gc.enable()


def test_a_closed_stream_stays_closed():
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        stream.close()
        with stream:
            assert list(stream) == []
        assert server.connections == 0


class Interruption(Exception):
    pass


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("way", WAYS_TO_BE_BUSY.values(), ids=WAYS_TO_BE_BUSY)
@pytest.mark.parametrize("handler", ["raises", "closes"])
def test_a_signal_in_the_middle_leaves_nothing_open(way, tls, handler):
    """It may raise, as Ctrl-C does, or close the stream: in the very thread that waits."""

    def soon_interrupted(script):
        def handler(conn):
            hang = conn.hang
            conn.hang = lambda: (signal.setitimer(signal.ITIMER_REAL, 0.02), hang())
            script(conn)

        return handler

    script, mint = way
    mints = [soon_interrupted(mint)] if mint else []
    if not mint:
        script = soon_interrupted(script)
    with Hub(script, mints=mints, tls=server_context() if tls else None) as server:
        with streaming(server) as stream:

            def handle(number, frame):
                if handler != "raises":
                    stream.close()
                elif not postponed(frame):
                    raise Interruption

            before = signal.signal(signal.SIGALRM, handle)
            try:
                begun = time.monotonic()
                with (
                    pytest.raises(Interruption)
                    if handler == "raises"
                    else contextlib.nullcontext()
                ):
                    list(stream)
                assert time.monotonic() - begun < PATIENCE
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, before)
            assert stream.closed
            assert stream._answer is None
        eventually(server.is_idle)


def raising_at(text, call):
    """A filter of log lines that calls something at one with a text: between two steps."""

    def look(record):
        if text in record.getMessage():
            call()
        return True

    return look


@contextlib.contextmanager
def at_log_line(text, call):
    logger = logging.getLogger("promptjuggler")
    look, level = raising_at(text, call), logger.level
    logger.setLevel(logging.DEBUG)
    logger.addFilter(look)
    try:
        yield
    finally:
        logger.removeFilter(look)
        logger.setLevel(level)


@pytest.mark.parametrize("kind", [Interruption, KeyboardInterrupt, MemoryError])
@pytest.mark.parametrize("step", ["POST", "GET", "delay"])
def test_whatever_ends_the_entering_leaves_nothing_open(step, kind):
    """In the step for a token, with the connection just made, and between two attempts.

    The error and the stream are still held when this is looked at.
    """

    def fail(seconds=0.0):
        raise kind

    before = len(descriptors())
    script = Conn.reset if step == "delay" else says(*HELLO)
    with Hub(script) as server, streaming(server) as stream:
        opened = len(descriptors())
        instead_of_waiting(stream, fail)
        line = "nowhere" if step == "delay" else f"{step} "
        with at_log_line(line, fail), pytest.raises(kind) as caught:
            stream.__enter__()
        assert stream.closed
        assert stream._answer is None
        eventually(server.is_idle)
        eventually(lambda: len(descriptors()) <= opened)
        assert list(stream) == []
        assert caught.value.__traceback__
    assert len(descriptors()) <= before


def close_in_another_thread(stream):
    thread = threading.Thread(target=stream.close)
    thread.start()
    thread.join(PATIENCE)
    assert not thread.is_alive()


class ClosingTransport:
    """Closes a stream when its connection is there, and not handed over yet."""

    def __init__(self, stream):
        self.stream = stream
        self.transport = stream._transport
        self.base_url = stream._transport.base_url
        self.opened = []

    def open_stream(self, *arguments):
        self.opened.append(self.transport.open_stream(*arguments))
        close_in_another_thread(self.stream)
        return self.opened[-1]


@pytest.mark.parametrize("use", [list, lambda stream: stream.__enter__()])
def test_closed_while_it_connects_it_closes_the_new_connection_at_once(use):
    """Who closes it cannot see a connection that is not handed over yet."""
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        before = len(descriptors())
        stream._transport = ClosingTransport(stream)
        use(stream)
        assert len(stream._transport.opened) == 1
        assert stream._answer is None
        eventually(lambda: len(descriptors()) <= before)
        assert list(stream) == []


class ClosingAnswer:
    """Closes a stream when something was read, and not given back yet."""

    def __init__(self, stream):
        self.stream = stream
        self.answer = stream._answer
        self.close = stream._answer.close

    def read(self):
        data = self.answer.read()
        close_in_another_thread(self.stream)
        return data


def test_closed_just_after_it_has_read_it_closes_the_connection_at_once():
    """Who closes it leaves the connection to the thread that reads."""
    with Hub(says(*HELLO)) as server, streaming(server) as stream:
        before = len(descriptors())
        stream.__enter__()
        answer = stream._answer = ClosingAnswer(stream)
        assert list(stream) == [ConnectedEvent()]
        assert answer.stream._answer is None
        eventually(lambda: len(descriptors()) <= before)


def test_streams_leave_no_threads_and_no_sockets_behind():
    def count():
        return threading.active_count(), len(descriptors())

    with (
        FakeServer(api_key="pj-sekret-key", run_seconds=0) as server,
        client_of(server) as pj,
    ):
        server.add_prompt("p", lambda inputs: "one two")
        before = count()
        for _ in range(5):
            with pj.stream(THREAD) as stream:
                run = pj.run_prompt("p", 1, {}, thread=THREAD)
                assert until(stream, DoneEvent)[-1].run_id == run.id
            pj.close()
        gc.collect()
        # The server notices that a client is gone when it has something to send.
        eventually(lambda: server.publish(THREAD, "live", {}) or count() <= before)


# --- entered once ---


def test_a_stream_is_entered_once_and_the_second_time_does_it_no_harm():
    with Hub(says(*HELLO)) as server, streaming(server) as stream, stream:
        with pytest.raises(RuntimeError, match="entered once"), stream:
            pytest.fail("it was entered")
        assert not stream.closed
        assert texts(until(stream, DoneEvent)) == ["Hel", "lo"]
        assert server.minted == 1


def test_a_stream_that_could_not_be_entered_is_not_entered_again():
    with Hub(NO_ONE) as server, streaming(server, client={"max_retries": 0}) as stream:
        with pytest.raises(ApiError):
            stream.__enter__()
        with pytest.raises(RuntimeError, match="entered once"):
            stream.__enter__()
        assert server.minted == 1


# --- what stands in for sockets ---


class GreenSocket:
    """A socket as that of eventlet is: it has one, and passes on what it has not.

    Its class has no `shutdown`, and it is no `socket.socket`.
    """

    made = 0

    def __init__(self, *arguments, **options):
        self._real = _socket_class(*arguments, **options)
        GreenSocket.made += 1

    def __getattr__(self, name):
        return getattr(self._real, name)


class SocketWithoutShutdown(GreenSocket):
    """One that cannot be woken at all."""

    def __getattr__(self, name):
        if name == "shutdown":
            raise AttributeError(name)
        return super().__getattr__(name)


_socket_class = socket.socket


class ModuleWith:
    """The module `socket`, in which another class stands in for `socket.socket`."""

    def __init__(self, kind):
        self.socket = kind

    def __getattr__(self, name):
        return getattr(socket, name)


@pytest.fixture
def stand_in(monkeypatch, request):
    replacement = ModuleWith(request.param)
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{NAME}._http.") and hasattr(module, "socket"):
            monkeypatch.setattr(module, "socket", replacement)
    monkeypatch.setattr(GreenSocket, "made", 0)


@pytest.mark.parametrize(
    "stand_in", [GreenSocket, SocketWithoutShutdown], indirect=True
)
def test_a_stream_works_with_sockets_that_have_no_shutdown_of_their_own(stand_in):
    """As under eventlet, whose class takes the place of `socket.socket`."""
    first = says(reset(), token(1, "a"), ("reconnect", {}))
    with Hub(first, says(token(2, "b"), *HELLO[3:])) as server:
        with streaming(server) as stream, stream:
            events = until(stream, DoneEvent)
            assert GreenSocket.made == 4  # For each connection, and for each token.
            assert texts(events) == ["a", "b"]
            assert not events[-1].gapped
        assert list(stream) == []
        eventually(server.is_idle)


@pytest.mark.parametrize("stand_in", [GreenSocket], indirect=True)
def test_a_socket_that_passes_shutdown_on_is_woken(stand_in):
    waiting = threading.Event()
    script = says(then=lambda conn: (waiting.set(), conn.hang()))
    with Hub(script) as server, streaming(server) as stream:
        consumer = Consumer(stream)
        assert waiting.wait(PATIENCE)
        stream.close()
        consumer.join(PATIENCE)
        assert not consumer.is_alive()
        assert consumer.error is None
