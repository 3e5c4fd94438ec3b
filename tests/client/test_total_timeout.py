"""`total_timeout`: the hard end of a whole call, with all its attempts and delays."""

import sys
import time

import pytest
from helpers.calls import (
    CALLS,
    ID,
    RUN_ID,
    answer,
    at_once,
    client_of,
    port_without_answer,
    refusing_port,
)
from helpers.clock import replace_clock
from helpers.servers import PATIENCE, ScriptedServer, respond

from promptjuggler import (
    ApiError,
    NetworkError,
    PromptJuggler,
    RequestTimeout,
    ValidationError,
    WaitTimeout,
)


def failure_of(client, kind="GET"):
    """The error of a call, and the seconds that it took."""
    begun = time.monotonic()
    with pytest.raises((ApiError, NetworkError)) as caught:
        CALLS[kind](client)
    return caught.value, time.monotonic() - begun


def waits_by(clock):
    """A function to sleep with that moves the clock on."""
    return lambda seconds: clock.move(seconds)


# An attempt is cut off


def test_a_server_that_says_nothing_is_cut_off_at_the_end_of_the_call():
    def check(kind):
        with (
            ScriptedServer(lambda conn: conn.hang()) as server,
            client_of(server, total_timeout=0.3) as client,
        ):
            error, seconds = failure_of(client, kind)
            assert 0.3 <= seconds < PATIENCE
            assert server.connections == error.attempts == 1
        assert type(error) is RequestTimeout
        said = str(error)
        assert said.startswith(f"no complete answer from 127.0.0.1:{server.port} ")
        assert said.endswith("; total_timeout=0.3 s ended it after 1 attempt")

    at_once(check, CALLS)


def test_addresses_that_swallow_packets_take_no_longer_than_the_whole_call():
    with (
        port_without_answer() as port,
        client_of(f"http://127.0.0.1:{port}", timeout=0.2, total_timeout=0.5) as client,
    ):
        replace_clock(client, sleep=time.sleep, random=lambda: 1.0)
        error, seconds = failure_of(client, "prompt")
    assert type(error) is RequestTimeout
    assert 0.2 <= seconds < PATIENCE
    # After the delay there would be no time left.
    assert str(error) == (
        f"no connection to 127.0.0.1:{port} within 0.2 s;"
        " total_timeout=0.5 s ended it after 1 attempt"
    )
    assert error.request_sent is error.may_have_taken_effect is False


def test_the_last_attempt_has_what_is_left_of_the_time(clock):
    replies = [(503, ""), (503, ""), lambda conn, request: conn.hang()]
    with (
        ScriptedServer(respond(*replies)) as server,
        client_of(server, total_timeout=PATIENCE, max_retries=5) as client,
    ):
        # 0.5 s and 1 s, and then but a little is left.
        replace_clock(client, sleep=lambda seconds: clock.move(PATIENCE / 2 - 0.15))
        error, _ = failure_of(client)
        assert len(server.requests) == error.attempts == 3
    assert type(error) is RequestTimeout
    assert str(error).endswith("; total_timeout=20 s ended it after 3 attempts")


def test_a_drip_of_an_answer_is_cut_off_at_the_end_of_the_call():
    def handler(conn):
        conn.read_request()
        conn.drip(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + b" " * 1000, 0.02
        )

    with (
        ScriptedServer(handler) as server,
        client_of(server, total_timeout=0.3) as client,
    ):
        error, seconds = failure_of(client)
    assert type(error) is RequestTimeout
    assert 0.3 <= seconds < PATIENCE


# No delay begins that could not end


def test_a_retry_after_past_the_end_of_the_call_is_not_waited_for():
    busy = (429, {"error": "Slow down."}, {"Retry-After": "6"})
    with (
        ScriptedServer(respond(busy)) as server,
        client_of(server, total_timeout=1) as client,
    ):
        error, _ = failure_of(client, "prompt")
        assert client.delays == []
        assert len(server.requests) == error.attempts == 1
    assert (str(error), error.retry_after) == ("Slow down.", 6.0)
    if sys.version_info >= (3, 11):
        assert error.__notes__[1:] == ["total_timeout=1 s ended it after 1 attempt"]


def test_attempts_and_delays_go_on_as_long_as_they_fit(clock):
    with (
        ScriptedServer(respond((503, ""))) as server,
        client_of(server, total_timeout=PATIENCE, max_retries=100) as client,
    ):
        replace_clock(client, sleep=waits_by(clock))
        begun = time.monotonic()
        error, _ = failure_of(client)
        # 0.5, 1, 2, 4 and 8 s: the next 8 s would end after the call.
        assert 15.5 <= time.monotonic() - begun < PATIENCE
        assert len(server.requests) == error.attempts == 6


def test_a_delay_that_ends_just_with_the_call_is_not_begun(clock):
    with (
        ScriptedServer(respond((503, ""))) as server,
        client_of(server, total_timeout=0.52) as client,
    ):
        error, _ = failure_of(client)
        assert (client.delays, len(server.requests), error.attempts) == ([], 1, 1)


def test_a_refused_connection_says_what_ended_it():
    with (
        refusing_port() as port,
        client_of(f"http://127.0.0.1:{port}", total_timeout=0.4) as client,
    ):
        error, _ = failure_of(client, "upload")
    assert type(error) is NetworkError
    assert str(error).endswith("; total_timeout=0.4 s ended it after 1 attempt")


# Where it is not what ended the call


@pytest.mark.parametrize("total_timeout", [None, PATIENCE * 9])
def test_where_attempts_run_out_first_nothing_is_said_of_the_total(total_timeout):
    with (
        ScriptedServer(lambda conn: conn.reset()) as server,
        client_of(server, total_timeout=total_timeout) as client,
    ):
        error, _ = failure_of(client)
        assert (error.attempts, client.delays) == (3, [0.5, 1.0])
    assert "total_timeout" not in str(error)


def test_the_timeout_of_one_attempt_is_not_taken_for_the_end_of_the_call():
    with (
        ScriptedServer(lambda conn: conn.hang()) as server,
        client_of(server, timeout=0.1, total_timeout=PATIENCE, max_retries=0) as client,
    ):
        error, _ = failure_of(client)
    assert str(error) == f"no complete answer from 127.0.0.1:{server.port} within 0.1 s"


def test_a_refusal_at_the_last_moment_is_told_as_it_is(clock):
    def late(conn, request):
        clock.move(PATIENCE - 0.02)
        conn.reply(404, {"error": "No."})

    with (
        ScriptedServer(respond(late)) as server,
        client_of(server, total_timeout=PATIENCE) as client,
    ):
        error, _ = failure_of(client)
    assert str(error) == "No."
    assert not any("total_timeout" in note for note in getattr(error, "__notes__", []))


def test_a_call_that_succeeds_in_time_gives_its_result():
    replies = [(503, ""), lambda conn, request: conn.send(answer(request))]
    for kind, call in CALLS.items():
        if kind in ("GET", "DELETE", "token"):
            with (
                ScriptedServer(respond(*replies)) as server,
                client_of(server, total_timeout=PATIENCE) as client,
            ):
                call(client)
                assert len(server.requests) == 2


def test_each_call_has_the_time_anew(clock):
    with (
        ScriptedServer(
            respond(lambda conn, request: conn.send(answer(request)))
        ) as server,
        client_of(server, total_timeout=PATIENCE) as client,
    ):
        for _ in range(3):
            client.get_knowledge_document(ID)
            clock.move(PATIENCE)


# Waits


RUN = {
    "id": RUN_ID,
    "status": "pending",
    "createdAt": "2026-01-02T03:04:05Z",
    "emitted": [],
    "transcript": [],
}


@pytest.mark.parametrize(
    ("timeout", "total_timeout", "end"),
    [(300, 60, "60"), (30, 60, "30"), (30, None, "30"), (0, 60, "0")],
)
def test_a_wait_ends_with_the_first_of_its_own_time_and_that_of_the_call(
    timeout, total_timeout, end, clock
):
    with (
        ScriptedServer(respond((200, RUN))) as server,
        client_of(server, total_timeout=total_timeout) as client,
    ):
        replace_clock(client, sleep=waits_by(clock))
        begun = time.monotonic()
        with pytest.raises(
            WaitTimeout, match=f"has not ended within {end} s: "
        ) as caught:
            client.wait_for_prompt_run(RUN_ID, timeout=timeout)
        assert float(end) <= time.monotonic() - begun < float(end) + PATIENCE
        assert caught.value.last.status == "pending"
        says_so = "; the total_timeout of the client ended it" in str(caught.value)
        assert says_so == (end == str(total_timeout))


def test_the_one_look_of_a_wait_without_time_ends_with_the_call():
    with (
        ScriptedServer(lambda conn: conn.hang()) as server,
        client_of(server, total_timeout=0.2) as client,
        pytest.raises(WaitTimeout) as caught,
    ):
        client.wait_for_prompt_run(RUN_ID, timeout=0)
    assert type(caught.value.__cause__) is RequestTimeout


# The option


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "1", True])
def test_it_is_a_finite_number_above_0(value):
    with pytest.raises(ValidationError, match="^total_timeout must be a "):
        PromptJuggler("k", total_timeout=value)
    with pytest.raises(ValidationError, match="^total_timeout must be a "):
        PromptJuggler("k").with_options(total_timeout=value)


def test_with_options_sets_it_or_leaves_it_as_it_is():
    client = PromptJuggler("k", total_timeout=7)
    assert client.with_options(timeout=1)._total_timeout == 7.0
    assert client.with_options(total_timeout=9)._total_timeout == 9.0
    assert client._total_timeout == 7.0
    assert PromptJuggler("k")._total_timeout is None
