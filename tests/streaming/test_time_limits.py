"""How long a stream waits: for a sign of life, and in all."""

from __future__ import annotations

import time

import pytest
from helpers.calls import at_once
from helpers.frames import done, reset, token
from helpers.hub import (
    CHUNKED,
    HELLO,
    NO_ONE,
    THREAD,
    Hub,
    answers,
    chunk,
    client_of,
    ends,
    hangs,
    instead_of_waiting,
    says,
    streaming,
    until,
    wire,
)
from helpers.secrets import assert_silent
from helpers.servers import (
    PATIENCE,
    server_context,
)

from promptjuggler import (
    ApiError,
    ConnectedEvent,
    DisconnectedEvent,
    DoneEvent,
    RequestTimeout,
    TokenEvent,
    WaitTimeout,
)


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("piece", [b"2\r\n:\n\r\n", chunk(b":\n\n")])
def test_heartbeats_are_signs_of_life_however_slowly_they_come(piece, tls, clock):
    """Each byte of them is one.

    Four of these come in the time in which nothing at all would be a loss.
    """

    def script(conn):
        conn.send(CHUNKED)
        for byte in piece * 2:
            conn.wait(0.002)
            clock.move(PATIENCE / 4)
            conn.send(bytes([byte]))
        conn.send(chunk(wire(done())))
        conn.hang()

    with (
        Hub(script, tls=server_context() if tls else None) as server,
        streaming(server, idle_timeout=PATIENCE) as stream,
    ):
        begun = time.monotonic()
        assert [type(event) for event in until(stream, DoneEvent)] == [
            ConnectedEvent,
            DoneEvent,
        ]
        assert time.monotonic() - begun > PATIENCE * 2


def test_silence_is_a_loss_after_the_idle_timeout_and_not_before():
    with (
        Hub(says(token(1, "a")), says(done())) as server,
        streaming(server, waits=[], idle_timeout=0.15) as stream,
    ):
        until(stream, TokenEvent)
        begun = time.monotonic()
        assert "0.15 s" in until(stream, DisconnectedEvent)[-1].reason
        assert 0.14 < time.monotonic() - begun < PATIENCE
        until(stream, DoneEvent)


def test_the_idle_timeout_does_not_bound_the_connecting():
    def slow(conn):
        conn.wait(0.1)
        says(done())(conn)

    with Hub(slow) as server, streaming(server, idle_timeout=0.02) as stream:
        assert len(until(stream, DoneEvent)) == 2
        assert len(server.gets) == 1


def drips(conn):
    conn.send(CHUNKED)
    while not conn.wait(0.01):
        conn.send(chunk(b":\n\n"))


def talks(conn):
    conn.send(CHUNKED + chunk(wire(reset())))
    for number in range(1, 10**6):
        conn.send(chunk(wire(token(number, "x"))))
        if conn.wait(0.005):
            return


WAYS_TO_WAIT = {
    "while nothing comes": ([says(token(1, "a"))], []),
    "while heartbeats come": ([drips], []),
    "while tokens come": ([talks], []),
    "in the first delay": ([says(then=ends), NO_ONE], []),
    "in the second delay": ([says(then=ends), NO_ONE], []),
    "in the step in which a token is made": ([says(then=ends)], [None, hangs]),
    "in the step in which the stream is opened": ([says(then=ends), hangs], []),
    "between hand-overs": ([says(("reconnect", {}))], []),
}


def test_the_timeout_bounds_the_whole_iteration():
    def check(way):
        scripts, mints = WAYS_TO_WAIT[way]
        timeout = 0.6 if way == "in the second delay" else 0.1
        with (
            Hub(*scripts, mints=mints) as server,
            streaming(server, timeout=timeout) as stream,
        ):
            if "step" in way:
                instead_of_waiting(stream, lambda seconds: None)
            begun = time.monotonic()
            with pytest.raises(WaitTimeout, match=f"{timeout:g} s"):
                list(stream)
            assert timeout <= time.monotonic() - begun < timeout + PATIENCE
            assert stream.closed
            assert list(stream) == []

    at_once(check, WAYS_TO_WAIT)


def test_the_timeout_holds_also_where_the_consumer_is_slow(clock):
    """A whole answer has come, in one piece; the time is over before it is looked at."""
    with Hub(says(*HELLO)) as server, streaming(server, timeout=PATIENCE) as stream:
        assert len(until(stream, TokenEvent)) == 3
        clock.move(PATIENCE)
        with pytest.raises(WaitTimeout):
            next(stream)


def test_the_timeout_begins_with_the_iteration(clock):
    with (
        Hub(says(*HELLO)) as server,
        streaming(server, timeout=PATIENCE) as stream,
        stream,
    ):
        clock.move(PATIENCE * 0.7)
        until(stream, TokenEvent)
        clock.move(PATIENCE * 0.7)
        until(stream, DoneEvent)
        clock.move(PATIENCE * 0.3)
        with pytest.raises(WaitTimeout):
            next(stream)


def test_what_failed_when_the_time_was_over_is_the_cause():
    def check(way):
        scripts, mints = WAYS_TO_WAIT[way]
        with (
            Hub(*scripts, mints=mints) as server,
            streaming(server, waits=[], timeout=0.5) as stream,
        ):
            with pytest.raises(WaitTimeout) as caught:
                list(stream)
            assert type(caught.value.__cause__) is RequestTimeout

    ways = (
        "while nothing comes",
        "in the step in which a token is made",
        "in the step in which the stream is opened",
    )
    at_once(check, ways)


def test_where_the_time_is_over_in_a_delay_there_is_no_cause(clock):
    with Hub(says(then=ends), NO_ONE) as server:
        with streaming(server, timeout=PATIENCE) as stream:
            instead_of_waiting(stream, lambda seconds: clock.move(PATIENCE))
            with pytest.raises(WaitTimeout) as caught:
                list(stream)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


@pytest.mark.parametrize("way", WAYS_TO_WAIT.values(), ids=WAYS_TO_WAIT)
def test_no_secret_shows_when_the_time_is_over(way):
    scripts, mints = way
    with (
        Hub(*scripts, mints=mints) as server,
        streaming(server, timeout=0.02, waits=[]) as stream,
    ):
        with pytest.raises(WaitTimeout) as caught:
            list(stream)
        assert_silent(caught.value)


# --- total_timeout: of entering ---


def test_no_attempt_to_enter_begins_that_could_not_end_within_the_total_timeout(clock):
    """The error is that of the last attempt, and says how many there were."""
    waits = []

    def wait(seconds):
        waits.append(seconds)
        clock.move(seconds)

    options = {"max_retries": 9, "total_timeout": 3.0}
    with Hub(NO_ONE) as server, streaming(server, client=options) as stream:
        instead_of_waiting(stream, wait)
        with pytest.raises(ApiError) as caught:
            stream.__enter__()
        assert caught.value.attempts == 3
        assert server.minted == 3
        assert stream.closed
    assert waits == [0.5, 1.0]


def test_a_delay_that_the_server_asks_for_is_not_begun_where_the_total_timeout_ends_it():
    busy = answers(503, "", {"Retry-After": "30"})
    options = {"max_retries": 9, "total_timeout": 20.0}
    waits = []
    with Hub(busy) as server, streaming(server, client=options, waits=waits) as stream:
        with pytest.raises(ApiError) as caught:
            stream.__enter__()
        assert (caught.value.attempts, caught.value.retry_after) == (1, 30)
    assert waits == []


@pytest.mark.parametrize("step", ["mints", "scripts"])
def test_an_attempt_to_enter_is_cut_off_by_the_total_timeout(step):
    options = {"max_retries": 9, "total_timeout": 0.2}
    silent = {"mints": [hangs]} if step == "mints" else {}
    with Hub(hangs, **silent) as server, streaming(server, client=options) as stream:
        begun = time.monotonic()
        with pytest.raises(RequestTimeout) as caught:
            stream.__enter__()
        assert time.monotonic() - begun < PATIENCE
        assert caught.value.attempts == 1
        text = "; total_timeout=0.2 s ended it after 1 attempt"
        assert str(caught.value).endswith(text)
        assert stream.closed


def test_the_total_timeout_is_not_for_the_iteration(clock):
    """Nor for the connections that are made in it."""
    options = {"max_retries": 0, "total_timeout": PATIENCE}
    first = says(reset(), token(1, "a"), then=ends)
    with (
        Hub(first, NO_ONE, says(token(2, "b"), done())) as server,
        streaming(server, client=options, waits=[]) as stream,
        stream,
    ):
        clock.move(PATIENCE * 2)
        until(stream, DisconnectedEvent)
        clock.move(PATIENCE * 2)
        assert until(stream, DoneEvent)[-1].view.text == "ab"


def test_the_timeout_of_the_iteration_is_not_lengthened_by_the_total_timeout(clock):
    options = {"total_timeout": PATIENCE * 9}
    with (
        Hub(says(reset(), token(1, "a"))) as server,
        streaming(server, client=options, timeout=PATIENCE) as stream,
        stream,
    ):
        until(stream, TokenEvent)
        clock.move(PATIENCE)
        with pytest.raises(WaitTimeout):
            next(stream)


def test_the_total_timeout_is_that_of_with_options():
    with Hub(hangs) as server, client_of(server) as pj, pytest.raises(RequestTimeout):
        pj.with_options(total_timeout=0.1).stream(THREAD).__enter__()
