"""No server, however it behaves, can hold a call for longer than `timeout` allows."""

from __future__ import annotations

import contextlib
import socket
import sys
import threading
import time
import urllib.request

import pytest
from helpers.calls import (
    CALLS,
    ID,
    Zeros,
    answer,
    answer_all,
    at_once,
    client_of,
    document_as_text,
    eventually,
    get,
    port_without_answer,
)
from helpers.servers import (
    PATIENCE,
    ConnectProxy,
    ScriptedServer,
    client_context,
    make_reply,
    server_context,
)

from promptjuggler import (
    ApiError,
    NetworkError,
    PromptJuggler,
    RequestTimeout,
    ValidationError,
    WaitTimeout,
)
from promptjuggler._client import caller
from promptjuggler._clock import Alarm
from promptjuggler._http import deadline as deadline_module, transport
from promptjuggler._http.deadline import CancellableDeadline, Deadline
from promptjuggler._http.sockets import Wire
from promptjuggler._secrets import Secret

TIMEOUT = 0.1
DRIP = 0.01

PENDING = {
    "id": ID,
    "status": "pending",
    "fileName": "a.txt",
    "bytes": 4,
    "chunkCount": 0,
}


@pytest.fixture(params=["http", "https"])
def serve(request):
    """Starts a server with a handler."""
    with contextlib.ExitStack() as stack:
        tls = server_context() if request.param == "https" else None
        yield lambda handler: stack.enter_context(ScriptedServer(handler, tls=tls))


@contextlib.contextmanager
def cut_off(*, after=TIMEOUT, sent):
    """What is done in the block ends with a RequestTimeout after so many seconds.

    The servers here would go on for ever: so a busy machine may take long on top.
    """
    begun = time.monotonic()
    with pytest.raises(RequestTimeout) as caught:
        yield caught
    taken = time.monotonic() - begun
    assert caught.value.request_sent is sent
    assert isinstance(caught.value, TimeoutError)
    assert after * 0.9 <= taken < after + PATIENCE
    assert f"within {TIMEOUT:g} s" in str(caught.value)


def client_in_haste(server, **options):
    return client_of(server, **{"timeout": TIMEOUT, "max_retries": 0, **options})


@contextlib.contextmanager
def connected_client_in_haste(server):
    """A client in haste that took its time to connect: its request will be sent.

    So the server answers the first request on a connection as the API does.
    """
    with client_in_haste(server, timeout=PATIENCE) as client:
        get(client)
        yield client.with_options(timeout=TIMEOUT)


def answer_one(conn):
    conn.send(answer(conn.read_request()))


def drip_for_ever(conn, head, piece):
    conn.read_request()
    conn.send(head)
    while not conn.wait(DRIP):
        conn.send(piece)


# --- the answer ---


def test_a_server_that_never_answers_is_cut_off(serve):
    def handler(conn):
        answer_one(conn)
        conn.read_request()
        conn.hang()

    def check(kind):
        server = serve(handler)
        with connected_client_in_haste(server) as client, cut_off(sent=True):
            CALLS[kind](client)
        eventually(lambda: len(server.requests) > 1)
        assert (len(server.requests), server.connections) == (2, 1)

    at_once(check, CALLS)


# What comes first, and what comes again and again then.
DRIPS = {
    "status line": (b"", b"H"),
    "header": (b"HTTP/1.1 200 OK\r\nX: ", b"x"),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b" "),
    "chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n", b" "),
    "chunk size": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x"),
    "trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n",
        b"X: y\r\n",
    ),
    "until close": (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    "1.0": (b"HTTP/1.0 200 OK\r\n\r\n", b" "),
    "interim headers": (b"HTTP/1.1 100 Continue\r\n", b"X: y\r\n"),
    "100": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "102": (b"", b"HTTP/1.1 102 Processing\r\n\r\n"),
    "103": (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"),
}


def test_a_server_that_drips_is_cut_off(serve):
    def check(way):
        server = serve(
            lambda conn: (answer_one(conn), drip_for_ever(conn, *DRIPS[way]))
        )
        with connected_client_in_haste(server) as client, cut_off(sent=True):
            get(client)

    at_once(check, DRIPS)


def test_a_body_that_drips_is_cut_off_with_an_opener_from_outside_too(serve):
    """The head is the opener's own business."""
    lengths = ("", "Content-Length: 100000\r\n")
    heads = [
        f"HTTP/1.1 {status}\r\n{length}\r\n"
        for status in ("200 OK",)
        for length in lengths
    ]

    def check(head):
        server = serve(lambda conn: drip_for_ever(conn, head.encode(), b" "))
        with (
            client_in_haste(server, opener=opener_from_outside()) as client,
            cut_off(sent=True),
        ):
            get(client)

    at_once(check, heads)


@pytest.fixture
def body_begun(monkeypatch):
    """An event that is set once a client reads the body of an error: it has the head."""
    begun, body_pieces = threading.Event(), transport.body_pieces

    def noting(*arguments):
        begun.set()
        return body_pieces(*arguments)

    monkeypatch.setattr(transport, "body_pieces", noting)
    return begun


@pytest.mark.parametrize("from_outside", [False, True])
@pytest.mark.parametrize("status", [401, 500])
@pytest.mark.parametrize("length", ["", "Content-Length: 100000\r\n"])
def test_an_error_whose_body_drips_is_that_error_and_says_that_it_was_cut_off(
    serve, status, from_outside, length, clock, body_begun
):
    """Of a 401 it is certain that nothing was carried out."""

    def handler(conn):
        conn.read_request()
        conn.send(f"HTTP/1.1 {status} Oh\r\n{length}\r\n".encode())
        assert body_begun.wait(PATIENCE)
        while not conn.wait(DRIP):
            clock.move(PATIENCE / 4)
            conn.send(b"x")

    options = {"opener": opener_from_outside()} if from_outside else {}
    begun = time.perf_counter()
    with (
        client_in_haste(serve(handler), timeout=PATIENCE, **options) as client,
        pytest.raises(ApiError) as caught,
    ):
        client.run_prompt("p", 1, {})
    assert time.perf_counter() - begun < PATIENCE
    assert caught.value.status_code == status
    assert f"HTTP {status} Oh (its body was cut off after " in str(caught.value)
    assert caught.value.may_have_taken_effect == (status == 500)


def opener_from_outside():
    return urllib.request.build_opener(
        urllib.request.ProxyHandler({}),
        urllib.request.HTTPSHandler(context=client_context()),
    )


# More than the systems of both sides hold: when it is sent, the client is reading it.
MUCH = b" " * 16_000_000


def test_each_wait_for_a_body_is_bounded_by_what_is_left_with_an_opener_from_outside_too(
    serve, clock
):
    timeout = 3 * PATIENCE

    def handler(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\n" + MUCH)
        clock.move(timeout - 0.1)
        with contextlib.suppress(OSError):
            conn.send(b" ")
        conn.hang()

    begun = time.perf_counter()
    with client_of(
        serve(handler), opener=opener_from_outside(), timeout=timeout, max_retries=0
    ) as client:
        with pytest.raises(RequestTimeout) as caught:
            get(client)
        assert caught.value.request_sent
    # The opener itself would have waited for all of the timeout once more.
    assert time.perf_counter() - begun < PATIENCE


def test_an_answer_has_the_whole_time_from_its_beginning_with_an_opener_from_outside(
    serve, clock
):
    def handler(conn):
        request = conn.read_request()
        long = MUCH + document_as_text(request.target.rpartition("/")[2])
        reply = make_reply(200, long)
        clock.move(PATIENCE * 0.6)
        conn.send(reply[:-1])
        clock.move(PATIENCE * 0.6)
        conn.send(reply[-1:])

    with client_of(
        serve(handler), opener=opener_from_outside(), max_retries=0
    ) as client:
        get(client)


@pytest.mark.parametrize("status", [b"100", b"102"])
def test_a_server_that_says_continue_at_full_speed_is_cut_off(serve, clock, status):
    interim = b"HTTP/1.1 " + status + b" Go on\r\n\r\n"

    def handler(conn):
        answer_one(conn)
        conn.read_request()
        with contextlib.suppress(OSError):
            while not conn.server.closing.is_set():
                clock.move(TIMEOUT / 200)
                conn.send(interim)

    with connected_client_in_haste(serve(handler)) as client, cut_off(sent=True):
        get(client)


def test_each_answer_has_the_whole_time(serve, clock):
    def handler(conn):
        while request := conn.read_request():
            clock.move(PATIENCE * 0.6)
            conn.send(answer(request))

    server = serve(handler)
    with client_of(server, max_retries=0, timeout=PATIENCE) as client:
        for _ in range(4):
            get(client)
        assert server.connections == 1


# --- connecting ---


def test_a_connection_that_is_never_accepted_is_cut_off():
    def check(kind):
        with client_in_haste(f"http://127.0.0.1:{port}") as client, cut_off(sent=False):
            CALLS[kind](client)

    with port_without_answer() as port:
        at_once(check, ["GET", "prompt", "upload"])


def test_a_tls_handshake_that_never_begins_is_cut_off():
    def check(kind):
        with (
            client_in_haste(f"https://127.0.0.1:{server.port}") as client,
            cut_off(sent=False),
        ):
            CALLS[kind](client)

    with ScriptedServer(lambda conn: conn.hang()) as server:
        at_once(check, ["GET", "prompt"])


def test_a_tls_handshake_that_drips_is_cut_off():
    # The head of a handshake record of 16 KB, and then its content.
    record = b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc\x03\x03"
    with (
        ScriptedServer(lambda conn: conn.drip(record + b"x" * 10_000, DRIP)) as server,
        client_in_haste(f"https://127.0.0.1:{server.port}") as client,
        cut_off(sent=False),
    ):
        get(client)


@pytest.mark.parametrize("behaviour", ["silent", "drip"])
def test_a_proxy_that_takes_its_time_with_a_tunnel_is_cut_off(behaviour):
    with (
        ScriptedServer(answer_all, tls=server_context()) as server,
        ConnectProxy(behaviour=behaviour, delay=0.02) as proxy,
        client_in_haste(server, proxy=proxy.url) as client,
        cut_off(sent=False),
    ):
        get(client)


def test_a_proxy_that_sends_headers_without_end_is_cut_off():
    with (
        ScriptedServer(
            lambda conn: drip_for_ever(conn, b"HTTP/1.1 200 OK\r\n", b"X: y\r\n")
        ) as proxy,
        client_in_haste("https://api.example", proxy=proxy.url) as client,
        cut_off(sent=False),
    ):
        get(client)


def test_a_tls_handshake_through_a_tunnel_is_cut_off():
    with (
        ScriptedServer(lambda conn: conn.hang()) as server,
        ConnectProxy(target=("127.0.0.1", server.port)) as proxy,
        client_in_haste("https://api.example", proxy=proxy.url) as client,
        cut_off(sent=False),
    ):
        get(client)


def test_a_proxy_that_does_not_answer_a_plain_request_may_have_passed_it_on():
    with (
        ConnectProxy(behaviour="silent") as proxy,
        client_in_haste("http://api.example", proxy=proxy.url) as client,
        cut_off(sent=True),
    ):
        get(client)


# --- sending ---


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.upload_documents("base", [("zeros", Zeros(200_000_000))]),
        lambda client: client.run_prompt("greeting", 1, {"text": "x" * 15_000_000}),
    ],
    ids=["upload", "run"],
)
def test_a_server_that_does_not_read_is_cut_off(serve, call):
    def handler(conn):
        answer_one(conn)
        conn.read_head()
        conn.wait(PATIENCE)

    with connected_client_in_haste(serve(handler)) as client, cut_off(sent=True):
        call(client)


def test_a_server_that_reads_slowly_but_steadily_gets_it_all(serve, clock):
    """The limit is for so much as the least rate asks for, not for the upload as a whole."""
    size = 32_000_000

    def handler(conn):
        request = conn.read_head()
        total = left = int(request.headers["content-length"]) - len(conn._received)
        waits = 8
        while left > 0:
            left -= len(conn.sock.recv(65536))
            # In the first half alone: what the system still holds for us at the end is
            # not the client's any more.
            if left < total - total / 2 * (9 - waits) / 8 and waits:
                waits -= 1
                clock.move(PATIENCE * 0.6)
        conn.send(answer(request))

    begun = time.monotonic()
    with client_of(serve(handler), max_retries=0, timeout=PATIENCE) as client:
        client.upload_documents("base", [("zeros", Zeros(size))])
    # Otherwise this test would show nothing.
    assert time.monotonic() - begun > PATIENCE


def test_a_new_step_begins_with_so_much_as_1_kib_in_each_second(clock):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        deadline = Deadline(PATIENCE)
        wire = Wire(ours, deadline)
        wire.begin_step()
        wire.sendall(bytes(int(1024 * PATIENCE) - 1))
        clock.move(PATIENCE * 0.9)
        assert deadline.remaining() <= PATIENCE * 0.1
        wire.sendall(b"x")
        assert deadline.remaining() > PATIENCE * 0.1


@contextlib.contextmanager
def reader_of(rate):
    """A client of a server that reads so many bytes in a second, in small pieces, and has
    a small buffer.
    """

    def handler(conn):
        answer_one(conn)
        request = conn.read_head()
        left = int(request.headers["content-length"]) - len(conn._received)
        while left > 0 and not conn.wait(0.02):
            left -= len(conn.sock.recv(min(left, max(1, int(rate * 0.02)))))
        conn.send(answer(request))

    with (
        ScriptedServer(handler) as server,
        client_of(server, max_retries=0, timeout=PATIENCE) as client,
    ):
        server._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        get(client)
        yield client


UPLOADS = {
    "upload": lambda client, size: client.upload_documents("b", [("z", Zeros(size))]),
    "run": lambda client, size: client.run_prompt("p", 1, {"text": "x" * size}),
}


@pytest.mark.parametrize("kind", UPLOADS)
def test_an_upload_that_moves_under_1_kib_in_a_second_is_cut_off(kind):
    """Though something goes on moving: no single wait is long."""
    with reader_of(400) as client:
        begun = time.monotonic()
        with pytest.raises(RequestTimeout, match=r"within 0\.5 s"):
            UPLOADS[kind](client.with_options(timeout=0.5), 1_000_000)
        assert time.monotonic() - begun < PATIENCE


@pytest.mark.parametrize("kind", UPLOADS)
def test_an_upload_that_is_slow_but_moves_faster_takes_as_long_as_it_takes(kind):
    with reader_of(200_000) as client:
        begun = time.monotonic()
        UPLOADS[kind](client.with_options(timeout=0.7), 300_000)
        # Otherwise this test would show nothing.
        assert time.monotonic() - begun > 0.7


def test_the_end_of_all_steps_holds_for_an_upload_that_never_waits(serve, clock):
    class Slow(Zeros):
        def readinto(self, buffer):
            clock.move(0.5)
            return super().readinto(buffer)

    def handler(conn):
        request = conn.read_head()
        left = int(request.headers["content-length"]) - len(conn._received)
        while left > 0 and (data := conn.sock.recv(65536)):
            left -= len(data)
        if not left:
            conn.send(answer(request))

    options = {"timeout": PATIENCE, "total_timeout": PATIENCE, "max_retries": 0}
    with client_of(serve(handler), **options) as client, pytest.raises(RequestTimeout):
        client.upload_documents("base", [("zeros", Slow(10_000_000))])


def test_the_time_that_a_slow_file_takes_is_not_that_of_the_network(serve, clock):
    class Slow(Zeros):
        def readinto(self, buffer):
            clock.move(PATIENCE)
            return super().readinto(buffer)

    with client_of(serve(answer_all), max_retries=0, timeout=PATIENCE) as client:
        client.upload_documents("base", [("zeros", Slow(300_000))])


# --- waiting for a run ---


@pytest.fixture
def no_longer_first_look(monkeypatch):
    """The first look of a wait has no more time than the wait."""
    monkeypatch.setattr(caller, "SHORTEST_FIRST_LOOK", 0.0)


@pytest.mark.usefixtures("no_longer_first_look")
def test_the_deadline_of_a_wait_is_shorter_than_the_patience_of_a_poll(serve):
    def check(head):
        server = serve(lambda conn: drip_for_ever(conn, head, b" "))
        begun = time.monotonic()
        with (
            client_of(server, timeout=30.0) as client,
            pytest.raises(WaitTimeout) as caught,
        ):
            client.wait_for_knowledge_document(ID, timeout=0.2)
        assert 0.18 <= time.monotonic() - begun < 0.2 + PATIENCE
        assert caught.value.last is None
        assert isinstance(caught.value.__cause__, RequestTimeout)

    body = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    at_once(check, [b"HTTP/1.1 200 ", body])


def test_a_wait_that_runs_out_of_time_gives_what_it_saw_last(serve, clock):
    def handler(conn):
        conn.read_request()
        conn.send(make_reply(200, PENDING))
        conn.read_request()
        clock.move(PATIENCE)
        conn.send(b"HTTP/1.1 200 ")
        while not conn.wait(DRIP):
            conn.send(b" ")

    with (
        client_of(serve(handler), timeout=30.0) as client,
        pytest.raises(WaitTimeout) as caught,
    ):
        client.wait_for_knowledge_document(ID, timeout=PATIENCE, poll_interval=0.01)
    assert caught.value.last.status == "pending"


@pytest.mark.usefixtures("no_longer_first_look")
def test_the_deadline_of_a_wait_holds_for_the_connection_as_well():
    begun = time.monotonic()
    with (
        port_without_answer() as port,
        client_of(f"http://127.0.0.1:{port}", timeout=30.0) as client,
        pytest.raises(WaitTimeout),
    ):
        client.wait_for_knowledge_document(ID, timeout=0.2)
    assert 0.18 <= time.monotonic() - begun < 0.2 + PATIENCE


# --- ending a wait from elsewhere ---


def test_another_thread_can_end_the_wait_for_an_answer(serve):
    ready = threading.Event()

    def handler(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000)
        ready.set()
        conn.wait(PATIENCE)

    server = serve(handler)
    with client_of(server) as client:
        limit = CancellableDeadline(PATIENCE)
        incoming = client._transport.open_stream(
            server.url + "/stream", Secret("token"), {}, limit
        )
        with contextlib.closing(incoming):
            seen = set(incoming.read())
            assert ready.wait(PATIENCE)
            timer = threading.Timer(0.05, limit.cancel)
            timer.start()
            begun = time.monotonic()
            with contextlib.suppress(NetworkError):
                while data := incoming.read():
                    seen |= set(data)
            timer.join()
            assert time.monotonic() - begun < PATIENCE
            assert seen <= {ord("x")}


def test_what_was_under_way_when_another_thread_ended_the_wait_is_not_read_encrypted(
    serve,
):
    """Over TLS, that is: there the end of the wait must not be the end of the decryption."""
    ready = threading.Event()

    def handler(conn):
        conn.read_request()
        conn.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 300_000)
        ready.set()
        conn.wait(PATIENCE)

    server = serve(handler)
    with client_of(server) as client:
        limit = CancellableDeadline(PATIENCE)
        incoming = client._transport.open_stream(
            server.url + "/stream", Secret("token"), {}, limit
        )
        with contextlib.closing(incoming):
            assert set(incoming.read()) == {ord("x")}
            assert ready.wait(PATIENCE)
            limit.cancel()
            with contextlib.suppress(NetworkError):
                while data := incoming.read():
                    assert set(data) == {ord("x")}


# --- the limit itself ---


def test_a_limit_gives_what_is_left_and_then_an_error(clock):
    limit = Deadline(PATIENCE)
    assert 0 < limit.remaining() <= PATIENCE
    clock.move(PATIENCE)
    with pytest.raises(TimeoutError):
        limit.remaining()
    limit.restart()
    assert limit.remaining() > 0


def test_a_limit_ends_at_its_deadline_whenever_it_starts():
    limit = Deadline(PATIENCE * 2, time.monotonic() + PATIENCE)
    assert limit.remaining() <= PATIENCE
    limit.restart()
    assert limit.remaining() <= PATIENCE


def test_a_limit_of_years_can_be_given_to_a_socket(serve):
    with client_of(serve(answer_all), timeout=1e12) as client:
        get(client)


@pytest.mark.parametrize(
    "timeout", [0, -1, float("nan"), float("inf"), "5", None, True]
)
def test_a_timeout_is_a_finite_number_of_seconds_above_nothing(timeout):
    with pytest.raises(ValidationError, match="timeout"):
        PromptJuggler("key", timeout=timeout)


# --- ending a wait from a signal handler ---


def calls_amid(step, interrupt):
    """Take a step again and again: each time `interrupt` is called at its next line.

    As by a signal handler: in the same thread, between two lines of whatever it does.
    """
    place = 0
    was_interrupted = True
    while was_interrupted:
        place += 1
        was_interrupted = False
        lines = 0
        limit = CancellableDeadline(PATIENCE)

        def trace(frame, event, arg, limit=limit, place=place):
            nonlocal lines, was_interrupted
            lines += event == "line"
            if lines == place and not was_interrupted:
                was_interrupted = True
                interrupt(limit)
            return trace

        sys.settrace(trace)
        try:
            step(limit)
        finally:
            sys.settrace(None)
    return place


STEPS = {
    "sleeps": lambda limit: limit.wait(0.001),
    "cancels": CancellableDeadline.cancel,
    "watches": lambda limit: limit.watch(),
    "leaves it to the parent": CancellableDeadline.leave_to_parent,
}


@pytest.mark.parametrize("step", STEPS.values(), ids=STEPS)
def test_a_signal_handler_can_cancel_a_limit_amid_anything_that_its_thread_does_with_it(
    step,
):
    """An Event has a lock that its own thread cannot take twice: that waited for ever."""
    outcomes = []

    def interrupt(limit):
        limit.cancel()
        assert limit.cancelled
        assert limit.wait(PATIENCE)

    def run():
        outcomes.append(calls_amid(step, interrupt))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert outcomes, "it hangs"
    assert outcomes[0] > 2


def test_who_sleeps_within_a_limit_is_woken_when_it_is_cancelled_all_of_them():
    limit = CancellableDeadline(PATIENCE)
    woken = []
    threads = [
        threading.Thread(target=lambda: woken.append(limit.wait(PATIENCE)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    limit.cancel()
    for thread in threads:
        thread.join(PATIENCE)
    assert woken == [True] * 3
    assert time.monotonic() - begun < PATIENCE
    assert limit.wait(PATIENCE)


@pytest.mark.parametrize("seconds", [0.001, 0, -1])
def test_who_sleeps_within_a_limit_that_is_not_cancelled_is_told_so(seconds):
    assert not CancellableDeadline(PATIENCE).wait(seconds)


def test_a_limit_that_a_signal_handler_of_a_forked_child_cancels_stays_cancelled(
    monkeypatch,
):
    """Also where it comes while the child takes the limit over from its parent."""
    deadline = CancellableDeadline(1.0)
    begin = CancellableDeadline._begin_in_this_process

    def cancelled_amid(self, alarm):
        self._alarm.ring()
        begin(self, alarm)

    monkeypatch.setattr(deadline_module.os, "getpid", lambda: -1)
    monkeypatch.setattr(CancellableDeadline, "_begin_in_this_process", cancelled_amid)
    assert deadline.leave_to_parent()
    assert deadline.cancelled
    assert deadline.wait(PATIENCE)


def test_a_sleep_of_no_time_ends_at_once_each_time():
    for seconds in (0, 0.0, -1.0, 1e-6) * 2000:
        assert not Alarm().sleep(seconds)
