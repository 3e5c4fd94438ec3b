"""What a stream gives in the end: views, going on later, and the ways to the server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import urllib.request
import uuid

import pytest
from helpers.calls import eventually
from helpers.frames import OTHER, RUN, STALE, done, failure, reset, token
from helpers.hub import (
    CHUNKED,
    HELLO,
    THREAD,
    Consumer,
    Hub,
    chunk,
    client_of,
    instead_of_waiting,
    says,
    sends,
    streaming,
    texts,
    until,
    up_to,
    wire,
)
from helpers.servers import (
    PATIENCE,
    ConnectProxy,
    ScriptedServer,
    client_context,
    server_context,
)

from promptjuggler import (
    DisconnectedEvent,
    DoneEvent,
    FailureEvent,
    GapEvent,
    NetworkError,
    StaleEvent,
    TokenEvent,
)
from promptjuggler.testing import FakeServer


def test_the_view_grows_with_the_events():
    script = says(
        reset(), token(1, "Hel"), token(2, "lo"), token(1, "x", run=OTHER), done()
    )
    with Hub(script) as server, streaming(server) as stream:
        seen = [stream.view(RUN).text for event in up_to(stream, DoneEvent)]
        assert seen == ["", "", "Hel", "Hello", "Hello", ""]
        assert stream.view(str(OTHER)).text == "x"
        assert stream.view(uuid.uuid4()).text == ""


def test_another_thread_can_look_at_the_view_at_any_time():
    count = 1500
    frames = [
        frame
        for part in range(count)
        for frame in (reset(part), token(1, f"{part} ", segment=part))
    ]
    expected = "".join(f"{part} " for part in range(count))
    data = b"".join(map(wire, [*frames, done()]))
    with (
        Hub(sends(data)) as server,
        streaming(server) as stream,
    ):
        stop, problems, views = threading.Event(), [], 0

        def look():
            nonlocal views
            try:
                while not stop.is_set():
                    view = stream.view(RUN)
                    assert expected.startswith(view.text)
                    views += 1
            except BaseException as error:
                problems.append(error)

        watcher = threading.Thread(target=look)
        watcher.start()
        try:
            assert until(stream, DoneEvent)[-1].view.text == expected
        finally:
            stop.set()
            watcher.join()
        assert problems == []
        assert views


def test_stale_is_passed_on_and_what_follows_rebuilds_the_run():
    frames = [
        reset(),
        token(1, "a"),
        STALE,
        reset(),
        token(1, "a"),
        token(2, "b"),
        done(),
    ]
    with Hub(says(*frames)) as server, streaming(server) as stream:
        events = until(stream, DoneEvent)
        assert StaleEvent() in events
        assert (events[-1].view.text, events[-1].gapped) == ("ab", False)


def words(count):
    return [f"word{number} " for number in range(count)]


@pytest.fixture
def fake():
    with FakeServer(api_key="pj-sekret-key", run_seconds=0.1) as server:
        server.add_prompt("long", lambda inputs: words(40))
        yield server


@pytest.fixture
def go_on(fake):
    """Lets the prompt "halting" go on: it halts after 5, 15, 25 ... words."""
    go_on = threading.Semaphore(0)

    def halting(inputs):
        for number, word in enumerate(words(40), 1):
            yield word
            if number % 10 == 5:
                assert go_on.acquire(timeout=PATIENCE)

    fake.add_prompt("halting", halting)
    return go_on.release


def started(pj, slug="long"):
    return pj.run_prompt(slug, 1, {}, thread=THREAD).id


def test_the_id_of_any_event_can_be_stored_and_the_rest_is_had_later_without_loss_or_repetition(
    fake,
):
    fake.run_seconds = 0
    with client_of(fake) as pj:
        with pj.stream(THREAD) as stream:
            run_id = started(pj)
            stored = [
                (event, stream.last_event_id) for event in up_to(stream, DoneEvent)
            ]
        events = [event for event, _ in stored]
        assert texts(events) == words(40)
        for position in (1, 2, 20, 40):
            with pj.stream(THREAD, last_event_id=stored[position][1]) as stream:
                rest = until(stream, DoneEvent)
            given = [
                event
                for event in rest[1:]
                if not isinstance(event, (GapEvent, DoneEvent))
            ]
            assert given == events[position + 1 : -1]
            assert rest[-1].run_id == run_id


@pytest.mark.parametrize("fault", ["drop_streams", "hand_over_streams", "restart"])
def test_a_text_arrives_whole_whatever_happens_to_the_server_in_mid_stream(
    fake, go_on, fault
):
    """Killed and started again, handing over, or cutting off: every few words."""
    waits = []
    with (
        client_of(fake) as pj,
        contextlib.closing(pj.stream(THREAD, timeout=PATIENCE * 2)) as stream,
        stream,
    ):
        instead_of_waiting(
            stream, lambda seconds: (waits.append(seconds), time.sleep(0.01))
        )
        started(pj, "halting")
        events = []
        for event in up_to(stream, DoneEvent):
            events.append(event)
            if isinstance(event, TokenEvent) and event.seq % 10 == 5:
                if fault == "restart":
                    # To close waits for the function, which waits for go_on.
                    threading.Timer(0.01, go_on).start()
                    fake.close()
                    threading.Timer(0.03, fake.start).start()
                else:
                    getattr(fake, fault)()
                    go_on()
        assert texts(events) == words(40)
        assert (events[-1].view.text, events[-1].gapped) == ("".join(words(40)), False)
        assert sum(isinstance(event, DisconnectedEvent) for event in events) >= 3
        losses = sum(isinstance(event, DisconnectedEvent) for event in events)
        if fault == "hand_over_streams":
            # The first is followed at once; those that come within 5 seconds are not.
            assert len(waits) < losses
        else:
            assert len(waits) == losses


def test_what_is_lost_on_the_server_is_a_gap(fake, go_on):
    with client_of(fake) as pj, pj.stream(THREAD) as stream:
        started(pj, "halting")
        events = [event for _ in range(5) for event in until(stream, TokenEvent)]
        fake.lose_next_frames(2)
        go_on(4)
        events += until(stream, DoneEvent)
        assert sum(isinstance(event, GapEvent) for event in events) == 1
        assert events[-1].gapped
        assert "".join(words(40)).startswith(events[-1].view.text)
        assert len(texts(events)) == 38


def test_a_server_that_comes_back_with_stale_loses_nothing(fake, go_on):
    with client_of(fake) as pj, pj.stream(THREAD) as stream:
        started(pj, "halting")
        events = until(stream, TokenEvent)
        fake.send_stale()
        go_on(4)
        events += until(stream, DoneEvent)
        assert StaleEvent() in events
        assert (events[-1].view.text, events[-1].gapped) == ("".join(words(40)), False)


def test_a_consumer_that_is_slower_than_the_server_gets_everything(clock):
    """It is the server that must not be idle."""
    count, text = 2000, "x" * 500

    def script(conn):
        conn.send(CHUNKED + chunk(wire(reset())))
        for number in range(1, count + 1):
            conn.send(chunk(wire(token(number, text))))
        conn.send(chunk(wire(done())))
        conn.hang()

    with Hub(script) as server, streaming(server, idle_timeout=PATIENCE) as stream:
        until(stream, TokenEvent)
        clock.move(PATIENCE * 2)
        end = until(stream, DoneEvent)[-1]
        assert (end.view.text, end.gapped) == (text * count, False)


def test_a_failed_run_ends_with_its_code_and_the_last_view():
    with (
        Hub(says(reset(), token(1, "a"), failure("timeout", "Too long."))) as server,
        streaming(server) as stream,
    ):
        end = until(stream, FailureEvent)[-1]
        assert (end.code, end.message, end.view.text, end.gapped) == (
            "timeout",
            "Too long.",
            "a",
            False,
        )


def test_two_streams_of_one_client_do_not_disturb_each_other(fake):
    with (
        client_of(fake) as pj,
        pj.stream(THREAD) as one,
        pj.stream(THREAD, channels=["none"]) as other,
    ):
        started(pj)
        other.close()
        assert texts(until(one, DoneEvent)) == words(40)
        assert list(other) == []


# --- ways to the server ---


def test_a_stream_goes_over_tls_of_a_private_authority_and_through_a_proxy():
    with (
        Hub(says(*HELLO), tls=server_context()) as server,
        ConnectProxy(
            target=("127.0.0.1", server.port), user="ann", password="sekret"
        ) as proxy,
        streaming(
            server,
            client={
                "proxy": f"http://ann:sekret@127.0.0.1:{proxy.port}",
                "base_url": f"https://localhost:{server.port}",
            },
        ) as stream,
    ):
        assert until(stream, DoneEvent)[-1].view.text == "Hello"
        assert {request.method for request in proxy.requests} == {"CONNECT"}


def test_a_stream_goes_through_a_plain_proxy_as_it_comes():
    """Of what a proxy sees, the token is for the server alone; the stream comes in the
    pieces that it passes on."""
    with Hub(says(*HELLO)) as server:

        def proxy(conn):
            request = conn.read_request()
            conn._received = bytearray(
                request.head.replace(b"http://api.example", b"", 1) + request.body
            )
            with socket.create_connection(("127.0.0.1", server.port)) as other:
                conn.tunnel(other)

        server.path = "http://api.example/stream"
        with (
            ScriptedServer(proxy) as between,
            streaming(
                server, client={"proxy": between.url, "base_url": "http://api.example"}
            ) as stream,
        ):
            assert until(stream, DoneEvent)[-1].view.text == "Hello"
            assert between.requests[-1].target.startswith("http://api.example/")


def through_opener(server):
    handler = urllib.request.HTTPSHandler(context=client_context())
    return {
        "opener": urllib.request.build_opener(urllib.request.ProxyHandler({}), handler),
        "ssl_context": None,
    }


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_with_an_opener_from_outside_the_idle_timeout_holds_and_close_works_too(tls):
    with (
        Hub(
            says(reset(), token(1, "a")),
            says(token(2, "b")),
            tls=server_context() if tls else None,
        ) as server,
        streaming(
            server, waits=[], client=through_opener(server), idle_timeout=0.1
        ) as stream,
    ):
        events = until(stream, DisconnectedEvent)
        assert texts(events) == ["a"]
        stream._limits.idle_timeout = PATIENCE * 2
        until(stream, TokenEvent)
        consumer = Consumer(stream)
        time.sleep(0.02)  # so that it waits, as a rule
        begun = time.monotonic()
        stream.close()
        consumer.join(PATIENCE)
        assert time.monotonic() - begun < PATIENCE
        assert consumer.error is None
        eventually(server.is_idle)


def test_the_context_of_the_client_is_used():
    with (
        Hub(says(*HELLO), tls=server_context(client_ca=True)) as server,
        streaming(
            server, client={"ssl_context": client_context(with_certificate=True)}
        ) as stream,
    ):
        assert until(stream, DoneEvent)[-1].view.text == "Hello"
    with (
        Hub(says(*HELLO), tls=server_context("other")) as server,
        streaming(server) as stream,
    ):
        with pytest.raises(NetworkError) as caught:
            next(stream)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
