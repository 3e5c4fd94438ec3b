"""Connections are kept alive and used again, but never one that could give the answer
to another request.
"""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import uuid

import pytest
from helpers.calls import (
    CALLS,
    ID,
    answer,
    answer_all,
    client_of,
    document_as_text,
    eventually,
    get,
    in_threads,
    moved_names,
    refusing_port,
)
from helpers.clock import replace_clock
from helpers.package import ENV, FOLDER, NAME
from helpers.servers import (
    CA_FILE,
    PATIENCE,
    ConnectProxy,
    ScriptedServer,
    client_context,
    make_reply,
    respond,
    server_context,
)

from promptjuggler import ApiError, NetworkError, PromptJuggler
from promptjuggler._http.connection import Connection
from promptjuggler._http.deadline import CancellableDeadline, Deadline
from promptjuggler._http.messages import Route, UrllibRequest
from promptjuggler._http.sockets import Wire
from promptjuggler._secrets import Secret


@pytest.fixture(params=["http", "https"])
def server(request):
    """A server that answers as the API does."""
    with ScriptedServer(
        answer_all, tls=server_context() if request.param == "https" else None
    ) as server:
        yield server


def idle(client):
    return len(client._transport.pool._idle)


class Clock:
    """The time as a client sees it; it stands still but for `sleep`."""

    def __init__(self, client):
        self.now = 1e9
        replace_clock(client, wall=lambda: self.now)

    def sleep(self, seconds):
        self.now += seconds


# --- reuse ---


def test_all_calls_in_a_row_use_one_connection(server):
    with client_of(server) as client:
        for _ in range(3):
            for call in CALLS.values():
                call(client)
            get(client)
        assert server.connections == 1
        assert len(server.requests) == 3 * (len(CALLS) + 1)
        assert idle(client) == 1


@pytest.mark.parametrize(
    "reply",
    [
        (404, {"error": "none"}),
        (500, "x" * 100_000),
        (302, "", {"Location": "http://elsewhere.example/"}),
        (422, ""),
        make_reply(400, headers={"Transfer-Encoding": "chunked"})
        + b"3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
    ],
)
def test_an_error_answer_that_was_read_whole_leaves_the_connection_usable(reply):
    with (
        ScriptedServer(
            respond(reply, lambda conn, request: conn.send(answer(request)))
        ) as server,
        client_of(server, max_retries=0) as client,
    ):
        with pytest.raises(ApiError):
            client.get_knowledge_document(ID)
        get(client)
        assert server.connections == 1


def test_an_answer_that_cannot_be_decoded_leaves_the_connection_usable():
    with (
        ScriptedServer(
            respond((200, "<html>"), lambda conn, request: conn.send(answer(request)))
        ) as server,
        client_of(server) as client,
    ):
        with pytest.raises(Exception, match="document"):
            client.get_knowledge_document(ID)
        get(client)
        assert server.connections == 1


def test_a_connection_that_the_server_wants_to_close_is_not_used_again():
    with (
        ScriptedServer(
            lambda conn: conn.send(answer(conn.read_request(), keep=False))
        ) as server,
        client_of(server) as client,
    ):
        for _ in range(3):
            get(client)
            assert idle(client) == 0
        assert server.connections == 3


def test_a_tunnel_is_used_again(server):
    with ConnectProxy() as proxy, client_of(server, proxy=proxy.url) as client:
        for _ in range(5):
            get(client)
        assert proxy.connections == 1
        assert server.connections == (
            1 if server.tls else 5
        )  # This proxy keeps no connections of its own.


def test_sixteen_threads_leave_at_most_eight_idle_connections(server):
    together = threading.Barrier(16)
    with client_of(server) as client:

        def work(_):
            for _ in range(5):
                together.wait(PATIENCE)
                get(client)

        in_threads(16, work)
        assert len(server.requests) == 80
        assert 1 <= idle(client) <= 8
    assert idle(client) == 0


def test_eight_connections_stay_of_those_that_were_in_use_at_the_same_time():
    all_there = threading.Barrier(12)

    def handler(conn):
        while request := conn.read_request():
            all_there.wait(PATIENCE)
            conn.send(answer(request))

    with ScriptedServer(handler) as server, client_of(server) as client:
        in_threads(12, lambda _: get(client))
        assert (server.connections, idle(client)) == (12, 8)


def test_eight_threads_open_at_most_eight_connections(server):
    with client_of(server) as client:

        def work(_):
            for _ in range(25):
                get(client)

        in_threads(8, work)
        assert len(server.requests) == 200
        assert server.connections <= 8


def test_each_client_has_connections_of_its_own(server):
    with client_of(server) as one, client_of(server) as other:
        for client in (one, other, one, other):
            get(client)
        assert server.connections == 2


def test_with_options_shares_the_connections(server):
    with client_of(server) as client:
        get(client)
        get(client.with_options(timeout=3.0))
        get(client.with_options(max_retries=0))
        get(client)
        assert server.connections == 1


def test_close_closes_the_idle_connections_and_the_client_can_still_be_used(server):
    client = client_of(server)
    get(client)
    client.close()
    assert idle(client) == 0
    client.close()
    get(client)
    assert server.connections == 2
    client.close()


def test_leaving_the_block_closes_the_connections():
    ended = threading.Event()

    def handler(conn):
        answer_all(conn)
        ended.set()

    with ScriptedServer(handler) as server:
        with client_of(server) as client:
            get(client)
            assert not ended.is_set()
        assert ended.wait(PATIENCE)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_client_that_is_forgotten_closes_its_connections_at_once(tls):
    def handler(conn):
        answer_all(conn)
        ended.set()

    ended = threading.Event()
    # Without a collection: in a cycle, whether a socket complains that it was not
    # closed is a matter of luck.
    gc.disable()
    try:
        with ScriptedServer(handler, tls=server_context() if tls else None) as server:
            client = client_of(server)
            get(client)
            get(client.with_options(timeout=1.0))
            assert not ended.is_set()
            del client
            assert ended.wait(PATIENCE)
    finally:
        gc.enable()


# --- where to ---


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("end", ["", ":", "/pj"])
def test_a_base_url_without_a_port_leads_to_the_usual_one(tls, end, monkeypatch):
    context = server_context("other") if tls else None
    with ScriptedServer(answer_all, tls=context) as server:
        usual = ("other.example", 443 if tls else 80)
        asked = moved_names(monkeypatch, {usual: server.port})
        url = f"{'https' if tls else 'http'}://other.example{end}"
        with client_of(url, max_retries=0) as client:
            get(client)
        assert asked == [usual]
        assert len(server.requests) == 1


# --- before reuse ---


def test_a_connection_that_was_idle_for_thirty_seconds_is_used_again_and_not_after(
    server,
):
    with client_of(server) as client:
        clock = Clock(client)
        get(client)
        clock.sleep(30)
        get(client)
        assert server.connections == 1
        clock.sleep(30.01)
        get(client)
        assert server.connections == 2
        assert idle(client) == 1


def test_a_process_that_was_frozen_notices_by_the_clock_on_the_wall(server):
    with client_of(server) as client:
        before = time.time()
        assert before <= client._transport.pool.clock.wall() <= time.time()
        get(client)
        client._transport.pool._idle[0].idle_since -= 3600
        get(client)
        assert server.connections == 2


def test_a_clock_that_jumps_back_costs_a_connection_and_nothing_else(server):
    with client_of(server) as client:
        clock = Clock(client)
        get(client)
        clock.sleep(-0.5)
        get(client)
        assert server.connections == 2
        get(client)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("said", "limit"),
    [
        ("timeout=7", 7),
        ("timeout=7, max=100", 7),
        ("timeout=7; max=100", 7),
        ("timeout=7.5", 7.5),
        ("timeout=9, timeout=7", 7),
        ("xtimeout=7", 30),
        ("timeout=7 max", 30),
        ("max=100,Timeout = 7", 7),
        ('timeout="7"', 7),
        ("timeout=0", 0),
        # What is no number says nothing, and a long time is not waited for.
        ("timeout=soon", 30),
        ("max=1", 30),
        ("timeout=", 30),
        ("timeout=²", 30),
        ("timeout=100", 30),
        ("timeout=" + "9" * 400, 30),
    ],
)
def test_a_connection_is_not_used_when_the_server_does_not_keep_it_any_more(
    said, limit
):
    """`Keep-Alive: timeout=7` is how long it does."""

    def handler(conn):
        while request := conn.read_request():
            conn.send(answer(request, headers={"Keep-Alive": said}))

    with ScriptedServer(handler) as server, client_of(server) as client:
        clock = Clock(client)
        get(client)
        if limit:
            clock.sleep(limit - 0.1)
            get(client)
        assert server.connections == 1
        clock.sleep(limit + 0.1)
        get(client)
        assert server.connections == 2


def test_a_server_may_say_how_long_in_any_of_several_headers():
    head = b"HTTP/1.1 200 OK\r\nKeep-Alive: max=100\r\nKeep-Alive: timeout=7\r\n"

    def handler(conn):
        while request := conn.read_request():
            body = answer(request).partition(b"\r\n")[2]
            conn.send(head + body)

    with ScriptedServer(handler) as server, client_of(server) as client:
        clock = Clock(client)
        get(client)
        clock.sleep(7.1)
        get(client)
        assert server.connections == 2


def test_it_is_what_the_server_said_last_that_counts():
    said = iter(["timeout=1", "timeout=20", "timeout=20"])

    def handler(conn):
        while request := conn.read_request():
            conn.send(answer(request, headers={"Keep-Alive": next(said)}))

    with ScriptedServer(handler) as server, client_of(server) as client:
        clock = Clock(client)
        get(client)
        clock.sleep(0.5)
        get(client)
        clock.sleep(15)
        get(client)
        assert server.connections == 1


def test_a_run_that_is_started_after_the_time_that_the_server_keeps_is_not_lost():
    """It hangs up then, at the moment at which the request is sent."""

    def handler(conn):
        conn.send(answer(conn.read_request(), headers={"Keep-Alive": "timeout=1"}))
        if conn.read_head():
            conn.reset()

    with ScriptedServer(handler) as server, client_of(server) as client:
        clock = Clock(client)
        get(client)
        clock.sleep(2)
        CALLS["prompt"](client)
        assert server.connections == 2


def test_a_connection_is_used_for_five_minutes_however_steadily_calls_come(server):
    """A name can move to another address, which only a new connection looks up."""
    with client_of(server) as client:
        clock = Clock(client)
        for _ in range(11):
            get(client)
            clock.sleep(29)
        assert server.connections == 1
        for _ in range(10):
            get(client)
            clock.sleep(29)
        assert server.connections == 2


@pytest.mark.parametrize("kind", ["prompt", "workflow", "upload"])
def test_a_run_uses_only_a_connection_that_was_idle_for_under_five_seconds(
    server, kind
):
    with client_of(server) as client:
        clock = Clock(client)
        get(client)
        clock.sleep(4.9)
        CALLS[kind](client)
        assert server.connections == 1
        clock.sleep(5.0)
        CALLS[kind](client)
        assert server.connections == 2
        assert idle(client) == 2


@pytest.mark.parametrize("kind", ["GET", "DELETE", "token"])
def test_what_may_be_repeated_uses_an_older_connection(server, kind):
    with client_of(server) as client:
        clock = Clock(client)
        get(client)
        clock.sleep(20)
        CALLS[kind](client)
        assert server.connections == 1


def test_the_connection_that_was_used_last_is_used_first(server):
    with client_of(server) as client:
        clock = Clock(client)
        pool = client._transport.pool
        get(client)
        older = pool._idle.pop()
        get(client)
        pool._idle.appendleft(older)
        for _ in range(4):
            clock.sleep(10)
            get(client)
        # The older one has been idle for 40 seconds by now: it goes when it is met.
        assert server.connections == 2
        clock.sleep(31)
        get(client)
        assert (server.connections, idle(client)) == (3, 1)


def test_connections_that_are_passed_over_keep_their_order():
    """So that those that nobody needs any more grow old, and those in use do not."""
    all_there = threading.Barrier(3)

    def handler(conn):
        while not conn.closed and (request := conn.read_request()):
            if len(conn.server.requests) <= 3:
                all_there.wait(PATIENCE)
            # What starts a run leaves no connection: those before it stay the latest.
            conn.send(answer(request, keep=request.method == "GET"))

    with ScriptedServer(handler) as server, client_of(server) as client:
        clock = Clock(client)
        in_threads(3, lambda _: get(client))
        before = list(client._transport.pool._idle)
        clock.sleep(6)
        CALLS["prompt"](client)
        assert server.requests[-1].connection == 3
        assert list(client._transport.pool._idle) == before
        get(client)
        assert client._transport.pool._idle[-1] is before[-1]
        assert server.connections == 4


def _wait_until_readable(client):
    """Until what the server did after its answer has arrived."""
    pool = client._transport.pool
    eventually(lambda: not pool._idle[-1].is_usable(pool.clock.wall()))


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind", ["GET", "prompt", "upload"])
@pytest.mark.parametrize("goodbye", ["close", "reset", "unwrap"])
def test_a_connection_that_the_server_hung_up_is_not_used(goodbye, kind, tls):
    def handler(conn):
        if conn.index:
            answer_all(conn)
            return
        conn.send(answer(conn.read_request()))
        if goodbye == "unwrap" and tls:
            with contextlib.suppress(OSError):
                conn.sock.settimeout(0.05)
                conn.sock.unwrap()
        else:
            getattr(conn, goodbye if goodbye != "unwrap" else "close")()

    server = ScriptedServer(handler, tls=server_context() if tls else None)
    with server, client_of(server, max_retries=0) as client:
        get(client)
        _wait_until_readable(client)
        CALLS[kind](client)
        assert server.connections == len(server.requests) == 2


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize(
    "unasked",
    [
        make_reply(408, "too slow", keep=False),
        b"x",
        b"\r\n",
        make_reply(200, document_as_text(uuid.UUID(int=7))),
        b"y" * 100_000,
    ],
)
def test_what_the_server_says_unasked_is_not_taken_for_an_answer(unasked, tls):
    go_on = threading.Event()

    def handler(conn):
        request = conn.read_request()
        conn.send(answer(request))
        if conn.index == 0:
            go_on.wait(PATIENCE)
            conn.send(unasked)
        answer_all(conn)

    server = ScriptedServer(handler, tls=server_context() if tls else None)
    with server, client_of(server, max_retries=0) as client:
        get(client)
        go_on.set()
        _wait_until_readable(client)
        get(client)
        CALLS["prompt"](client)
        assert server.connections == 2


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_more_bytes_than_were_announced_are_not_taken_for_the_next_answer(tls):
    def handler(conn):
        while request := conn.read_request():
            conn.send(
                answer(request) + make_reply(200, document_as_text(uuid.UUID(int=7)))
            )

    server = ScriptedServer(handler, tls=server_context() if tls else None)
    with server, client_of(server, max_retries=0) as client:
        for number in range(1, 4):
            get(client)
            assert server.connections == number


def test_an_answer_that_was_given_up_does_not_come_out_later():
    given_up, came = threading.Event(), threading.Event()

    def handler(conn):
        conn.send(answer(conn.read_request()))
        if conn.index == 0:
            late = answer(conn.read_request())
            given_up.wait(PATIENCE)
            with contextlib.suppress(ConnectionError):
                conn.send(late)
            came.set()
        answer_all(conn)

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        get(client)
        with pytest.raises(NetworkError):
            get(client.with_options(timeout=0.05))
        given_up.set()
        assert came.wait(PATIENCE)
        get(client)
        assert server.connections == 2


@pytest.mark.parametrize(
    "chunks",
    [b"zz\r\n", b"-5\r\nhello\r\n", b"5\r\nhello\r\nnonsense\r\n"],
)
def test_after_a_chunk_that_makes_no_sense_the_connection_is_not_used_again(chunks):
    go_on = threading.Event()

    def handler(conn):
        request = conn.read_request()
        if conn.index == 0:
            conn.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
            # What would be the answer to the next request, had the client not hung up.
            go_on.wait(PATIENCE)
            conn.send(make_reply(200, document_as_text(uuid.UUID(int=7))))
            conn.hang()
        else:
            conn.send(answer(request))

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        with pytest.raises(NetworkError):
            get(client)
        assert idle(client) == 0
        go_on.set()
        get(client)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
        b"Content-Length: 2\r\nContent-Length: 20\r\n",
    ],
)
def test_after_an_answer_with_two_kinds_of_length_the_connection_is_not_used_again(
    head,
):
    def handler(conn):
        while conn.read_request():
            conn.send(b"HTTP/1.1 400 Bad\r\n" + head + b"\r\n2\r\n{}\r\n0\r\n\r\n")

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        for number in (1, 2):
            with pytest.raises((ApiError, NetworkError)):
                get(client)
            assert (server.connections, idle(client)) == (number, 0)


# --- once more on a fresh connection ---


def _hang_up_on_second(conn, before=b"", reset=False):
    """Answers the first request; on the second one of the first connection, hangs up."""
    conn.send(answer(conn.read_request()))
    if conn.index == 0:
        if conn.read_request():
            conn.send(before)
            (conn.reset if reset else conn.close)()
    else:
        answer_all(conn)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("kind", ["GET", "DELETE"])
def test_what_fails_on_a_used_connection_is_sent_once_more_on_a_fresh_one(
    kind, reset, tls
):
    server = ScriptedServer(
        lambda conn: _hang_up_on_second(conn, reset=reset),
        tls=server_context() if tls else None,
    )
    with server, client_of(server, max_retries=0) as client:
        get(client)
        CALLS[kind](client)
        assert (server.connections, len(server.requests)) == (2, 3)
        assert client.delays == []


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("kind", ["prompt", "workflow", "upload", "token"])
def test_a_post_that_fails_on_a_used_connection_is_not_sent_once_more(kind, tls):
    server = ScriptedServer(_hang_up_on_second, tls=server_context() if tls else None)
    with server, client_of(server, max_retries=0) as client:
        get(client)
        with pytest.raises(NetworkError) as caught:
            CALLS[kind](client)
        assert caught.value.request_sent
        assert (caught.value.attempts, len(server.requests)) == (1, 2)


@pytest.mark.parametrize("kind", ["GET", "DELETE"])
def test_it_is_once_more_and_not_twice(kind):
    def handler(conn):
        if conn.index == 0:
            _hang_up_on_second(conn)
        else:
            conn.read_request()

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        get(client)
        with pytest.raises(NetworkError) as caught:
            CALLS[kind](client)
        assert (caught.value.attempts, server.connections, len(server.requests)) == (
            2,
            2,
            3,
        )


def test_what_fails_on_a_fresh_connection_is_not_sent_once_more():
    with (
        ScriptedServer(lambda conn: conn.read_request()) as server,
        client_of(server, max_retries=0) as client,
    ):
        with pytest.raises(NetworkError) as caught:
            get(client)
        assert (caught.value.attempts, len(server.requests)) == (1, 1)


@pytest.mark.parametrize(
    "before", [b"H", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"]
)
def test_after_the_first_byte_of_an_answer_it_is_not_sent_once_more(before):
    with (
        ScriptedServer(lambda conn: _hang_up_on_second(conn, before)) as server,
        client_of(server, max_retries=0) as client,
    ):
        get(client)
        with pytest.raises(NetworkError):
            get(client)
        assert (server.connections, len(server.requests)) == (1, 2)


def test_a_used_connection_that_is_silent_is_a_timeout_and_not_sent_once_more():
    def handler(conn):
        conn.send(answer(conn.read_request()))
        conn.hang()

    with ScriptedServer(handler) as server, client_of(server, max_retries=0) as client:
        get(client)
        with pytest.raises(NetworkError) as caught:
            get(client.with_options(timeout=0.1))
        assert isinstance(caught.value, TimeoutError)
        assert server.connections == caught.value.attempts == 1


def test_where_the_fresh_connection_fails_the_request_may_have_arrived_all_the_same():
    def handler(conn):
        if conn.index == 0:
            conn.sock = server_context().wrap_socket(conn.sock, server_side=True)
            conn.send(answer(conn.read_request()))
            conn.read_request()

    with (
        ScriptedServer(handler) as server,
        client_of(f"https://127.0.0.1:{server.port}", max_retries=0) as client,
    ):
        get(client)
        with pytest.raises(NetworkError) as caught:
            client.delete_knowledge_document(ID)
        assert caught.value.request_sent
        assert server.connections == 2


def test_connections_to_two_hosts_do_not_drive_each_other_out():
    stream = respond(
        make_reply(200, b"1\r\nx\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"})
    )
    with (
        ScriptedServer(answer_all) as api,
        ScriptedServer(stream) as hub,
        client_of(api) as client,
    ):
        for _ in range(3):
            get(client)
            incoming = client._transport.open_stream(
                hub.url, Secret("token"), {}, Deadline(PATIENCE)
            )
            with contextlib.closing(incoming):
                assert incoming.read() == b"x"
                assert incoming.read() == b""
        assert (api.connections, hub.connections) == (1, 1)
        assert idle(client) == 2


# That nobody closed it is worth a warning, but for here.
@pytest.mark.filterwarnings("ignore:unclosed", "ignore:Exception ignored in. <socket")
def test_an_answer_that_is_forgotten_instead_of_closed_does_not_give_its_connection_back():
    """It may be forgotten along with its connection, whose parts can then have been
    closed already.
    """
    stream = respond(
        make_reply(200, b"1\r\nx\r\n0\r\n\r\n", {"Transfer-Encoding": "chunked"})
    )
    with ScriptedServer(stream) as server, client_of(server) as client:
        incoming = client._transport.open_stream(
            server.url, Secret("token"), {}, Deadline(PATIENCE)
        )
        assert incoming.read() == b"x"
        assert incoming.read() == b""
        del incoming
        gc.collect()
        assert idle(client) == 0


# --- interruptions ---


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("part", [0, 10, 60, -3])
def test_an_interrupted_call_leaves_no_half_read_connection(part, tls):
    def handler(conn):
        while request := conn.read_request():
            data = answer(request)
            if len(conn.server.requests) == 2:
                conn.send(data[:part])
                signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)
                conn.wait(0.03)
                conn.send(data[part:])
            else:
                conn.send(data)

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        server = ScriptedServer(handler, tls=server_context() if tls else None)
        with server, client_of(server, max_retries=0) as client:
            get(client)
            with pytest.raises(KeyboardInterrupt):
                get(client)
            time.sleep(0.05)
            assert idle(client) == 0
            for _ in range(3):
                get(client)
            assert server.connections == 2
    finally:
        signal.signal(signal.SIGALRM, before)


class Interruption(BaseException):
    """What the handler of a signal raises."""


@pytest.mark.parametrize(
    ("tls", "step"), [(False, 1), (True, 5)], ids=["http", "https"]
)
def test_wherever_a_call_is_interrupted_its_connection_is_closed(tls, step):
    """Before the lines of ours that a call over a kept connection comes to, one after the other."""

    def trace(frame, event, _):
        nonlocal left
        ours = (
            frame.f_code.co_filename.startswith(str(FOLDER))
            and frame.f_code.co_name != "__del__"
        )
        if ours and event == "line":
            left -= 1
            # Where an error is dealt with, raising from a trace leaks a frame since Python 3.12.
            if left <= 0 and sys.exc_info() == (None, None, None):
                raise Interruption
        return trace if ours else None

    lines, interrupted = 0, True
    with (
        ScriptedServer(answer_all, tls=server_context() if tls else None) as server,
        client_of(server) as client,
    ):
        while interrupted:
            get(client)
            lines += step
            left, before = lines, sys.gettrace()
            # An open socket that is forgotten is a warning, and so a failure.
            try:
                sys.settrace(trace)
                get(client)
                interrupted = False
            except Interruption:
                pass
            finally:
                sys.settrace(before)
            # Now: it must not happen, and be interrupted, in one of the next calls.
            gc.collect()
    assert lines > 100


def test_a_connection_that_is_forgotten_in_a_cycle_is_closed_whatever_is_collected_first(
    server,
):
    """The collector comes to what is older first, here the socket."""
    sock = socket.create_connection(("127.0.0.1", server.port))
    gc.collect()
    wire = Wire(sock, Deadline(PATIENCE))
    wire.cycle = wire
    del sock, wire
    # An open socket that is forgotten is a warning, and so a failure.
    gc.collect()


@pytest.mark.parametrize("closed", [False, True])
def test_a_forgotten_connection_does_not_take_a_limit_from_another_one(server, closed):
    """A stream gives its limit to one connection after the other, and ends it to end
    the wait of the latest.
    """
    limit = CancellableDeadline(PATIENCE)
    request = UrllibRequest("GET", server.url, limit, Secret("key"))
    route = Route(f"127.0.0.1:{server.port}")
    old, new = Connection(route, 0.0), Connection(route, 0.0)
    old.connect(request)
    if closed:
        old.close()
    new.connect(request)
    del old
    gc.collect()
    assert limit._watched == (new._wire.socket,)
    new.close()
    assert limit._watched == ()


_INTERRUPTED = """
import signal, sys, uuid
from {name} import PromptJuggler

class Interrupted(BaseException):
    pass

def interrupt(*_):
    raise Interrupted

def get():
    id = uuid.uuid4()
    assert client.get_knowledge_document(id).id == id

signal.signal(signal.SIGALRM, interrupt)
client = PromptJuggler("key", base_url=sys.argv[1], proxy=False, max_retries=0)
get()
interrupted = 0
for number in range(300):
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.00005 + number % 60 * 0.00002)
        for _ in range(50):
            get()
    except Interrupted:
        interrupted += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
get()
print(interrupted > 200)
"""


def test_whenever_a_call_is_interrupted_the_next_answer_is_the_right_one():
    # In a process of its own, since no code can close a socket that is interrupted
    # between its making and its naming.
    with ScriptedServer(answer_all) as server:
        done = subprocess.run(
            [sys.executable, "-c", _INTERRUPTED.format(name=NAME), server.url],
            env=ENV,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr


# --- fork ---

_FORK = """
import gc, os, ssl, sys, uuid
from {name} import PromptJuggler

url, ca = sys.argv[1:]
context = ssl.create_default_context(cafile=ca) if url.startswith("https") else None
client = PromptJuggler("key", base_url=url, proxy=False, max_retries=0, ssl_context=context)

def get(times):
    for _ in range(times):
        id = uuid.uuid4()
        assert client.get_knowledge_document(id).id == id

get(2)
assert len(client._transport.pool._idle) == 1
down, up = os.pipe()
child = os.fork()
if child == 0:
    try:
        get(5)
        client.run_prompt("greeting", 1, {{}})
        client.close()
        del client
        gc.collect()
        os._exit(0)
    except BaseException as error:
        print(repr(error), flush=True)
    finally:
        os._exit(1)
get(5)
assert os.waitpid(child, 0)[1] == 0
get(5)
client.close()
"""


def test_parent_and_child_of_a_fork_both_get_the_right_answers(server):
    program = textwrap.dedent(_FORK.format(name=NAME))
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, server.url, str(CA_FILE)],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    # One of the parent, which the child has left alone, and one of the child.
    assert server.connections == 2
    assert len(server.requests) == 2 + 5 + 6 + 5


# --- nothing left behind ---


def test_no_failure_leaves_a_socket_open():
    failures = [
        lambda conn: conn.close(),
        lambda conn: conn.read_request() and conn.reset(),
        lambda conn: conn.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        lambda conn: conn.send(b"nonsense\r\n\r\n"),
        lambda conn: conn.hang(),
    ]
    with ScriptedServer(
        lambda conn: failures[conn.index % len(failures)](conn)
    ) as server:
        client = client_of(server, max_retries=0, timeout=0.03)
        clients = [
            client,
            client_of(
                server.url.replace("http:", "https:"), max_retries=0, timeout=0.03
            ),
        ]
        for client in clients:
            for kind in CALLS:
                for _ in failures:
                    with pytest.raises(NetworkError):
                        CALLS[kind](client)
                    assert idle(client) == 0
    with (
        refusing_port() as port,
        client_of(f"http://127.0.0.1:{port}", max_retries=0) as client,
        pytest.raises(NetworkError),
    ):
        get(client)
    gc.collect()


def test_no_socket_has_a_default_timeout_afterwards(server):
    with client_of(server) as client:
        get(client)
    assert socket.getdefaulttimeout() is None


def test_a_client_can_be_used_by_many_threads_while_it_is_closed(server):
    working = set(range(4))
    with client_of(server) as client:

        def work(number):
            if number == 4:
                while working:
                    client.close()
                    time.sleep(0.001)
                return
            try:
                for _ in range(20):
                    get(client)
            finally:
                working.discard(number)

        in_threads(5, work)


def test_a_client_with_a_context_of_its_own_uses_one_connection():
    server = ScriptedServer(answer_all, tls=server_context())
    with (
        server,
        PromptJuggler(
            "key", base_url=server.url, ssl_context=client_context(), proxy=False
        ) as client,
    ):
        get(client)
        get(client)
        assert server.connections == 1
