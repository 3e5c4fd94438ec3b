"""The brake of a batch: what happens while the server is away, or asks for patience."""

import itertools
import threading
import time
from urllib.parse import urlsplit

import pytest
from helpers.batches import Greeter, answers, answers_of, rows
from helpers.calls import client_of, eventually, moved_names, refusing_port
from helpers.servers import (
    PATIENCE,
    Conn,
    ScriptedServer,
    make_reply,
    respond,
    server_context,
)

from promptjuggler import ApiError, DecodeError, NetworkError
from promptjuggler._batch import pace as pace_module
from promptjuggler._batch.clock import StoppableClock, Stopped
from promptjuggler._batch.pace import Pace
from promptjuggler.testing import FakeServer

ID = "00000000-0000-4000-8000-000000000001"


class Clock(StoppableClock):
    """Stands still until it is moved on; by chance, nothing."""

    now = 0.0

    def monotonic(self):
        return self.now

    def random(self):
        return 0.0


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def pace(clock):
    return Pace(clock)


def waits(pace):
    """The seconds until a start may be made; None: one is tried, which is waited for."""
    nap = pace._nap()
    return None if pace._is_tried and pace._failures else max(nap, 0.0)


def test_as_many_start_at_once_as_like_while_all_is_well(pace):
    assert [pace.wait_for_turn() for _ in range(20)] == [0] * 20


def test_after_a_failure_nobody_starts_before_a_delay_that_grows(pace, clock):
    delays = []
    for _ in range(8):
        turn = pace.wait_for_turn()
        pace.failed(turn, None)
        delays.append(waits(pace))
        clock.now += delays[-1]
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0, 8.0]


def test_starts_that_failed_at_once_are_one_failure(pace, clock):
    turns = [pace.wait_for_turn() for _ in range(8)]
    for turn in turns:
        pace.failed(turn, None)
    assert waits(pace) == 0.5


def test_after_a_delay_one_start_is_tried_and_the_others_wait_for_it(pace, clock):
    pace.failed(pace.wait_for_turn(), None)
    clock.now = 0.5
    turn = pace.wait_for_turn()
    assert waits(pace) is None
    pace.failed(turn, None)
    assert waits(pace) == 1.0
    clock.now = 1.5
    assert pace.wait_for_turn() == 2
    pace.succeeded()
    assert [pace.wait_for_turn() for _ in range(5)] == [0] * 5


def test_the_server_decides_the_least_delay(pace, clock):
    pace.failed(pace.wait_for_turn(), 20.0)
    assert waits(pace) == 20.0


def test_what_one_was_asked_for_counts_also_if_others_failed_before(pace, clock):
    first, second = pace.wait_for_turn(), pace.wait_for_turn()
    pace.failed(first, None)
    pace.failed(second, 7.0)
    assert waits(pace) == 7.0
    # A start that was under way all the time, and that was carried out.
    pace.succeeded()
    assert waits(pace) == 7.0


def test_it_goes_on_for_five_minutes_without_a_success(pace, clock):
    while (delay := pace.failed(pace.wait_for_turn(), None)) is not None:
        assert delay == waits(pace)
        clock.now += delay
    assert 292.0 <= clock.now <= 300.0


def test_a_success_in_between_begins_the_five_minutes_anew(pace, clock):
    for _ in range(3):
        while clock.now % 250.0 < 240.0:
            assert pace.failed(pace.wait_for_turn(), None) is not None
            clock.now += waits(pace)
        pace.wait_for_turn()
        pace.succeeded()
        clock.now += 250.0 - clock.now % 250.0


def test_time_in_which_nobody_tried_does_not_count(pace, clock):
    for _ in range(5):
        assert pace.failed(pace.wait_for_turn(), None) is not None
        clock.now += 200.0


def test_a_delay_that_would_take_longer_is_too_long_at_once(pace):
    assert pace.failed(pace.wait_for_turn(), 300.0) == 300.0
    assert pace.failed(0, 301.0) is None


def test_whoever_waits_for_its_turn_is_told_of_the_end(pace):
    pace.failed(pace.wait_for_turn(), 100.0)
    outcomes = []

    def wait():
        try:
            pace.wait_for_turn()
        except Stopped:
            outcomes.append("stopped")

    thread = threading.Thread(target=wait)
    thread.start()
    pace.end()
    thread.join(PATIENCE)
    assert outcomes == ["stopped"]


# In a batch


def run_document(request, status="completed"):
    """The run that was asked for."""
    return {
        "id": request.target.rpartition("/")[2],
        "status": status,
        "createdAt": "2026-01-02T03:04:05Z",
        "emitted": [],
        "transcript": [],
    }


def run(client, inputs, **options):
    with client.run_prompts("greeting", "production", inputs, **options) as batch:
        return list(batch)


def test_a_429_slows_all_workers_down(quick):
    starts = []
    lock = threading.Lock()

    def handler(conn):
        while not conn.closed and (request := conn.read_request()):
            if request.method == "GET":
                conn.send(make_reply(200, run_document(request)))
                continue
            with lock:
                starts.append(time.monotonic())
                number = len(starts)
            if number == 10:
                conn.reply(429, {"error": "slow"}, {"Retry-After": "1"})
                continue
            if number > 10:
                # Nobody is done with many before all have heard of it.
                conn.wait(0.05)
            conn.send(make_reply(200, {"id": ID, "thread": ID}))

    with ScriptedServer(handler) as server, client_of(server) as pj:
        results = run(pj, rows(40))
    assert all(result.error is None for result in results)
    assert len(starts) == 41
    # What the others had under way comes with it, until all have heard of it.
    heard, end = starts[9] + 0.5, starts[9] + 1.0
    assert len([moment for moment in starts if moment < end]) < 30
    assert [moment for moment in starts if heard < moment < end] == []


def test_a_server_that_is_away_for_a_while_loses_no_row(server, quick):
    with server.client() as pj:
        server.close()

        def come_back():
            time.sleep(0.2)
            server.start()

        thread = threading.Thread(target=come_back)
        thread.start()
        results = run(pj, rows(40))
        thread.join()
    assert answers_of(results) == answers(40)
    assert set(server.started.values()) == {1}


def test_each_delay_before_another_start_is_a_line_of_the_log(server, quick, caplog):
    server.fail_next(429)
    with caplog.at_level("INFO", "promptjuggler"), server.client() as pj:
        results = run(pj, rows(3), workers=1)
    assert answers_of(results) == answers(3)
    (record,) = caplog.records
    assert (record.levelname, record.getMessage()) == (
        "INFO",
        "POST /api/v1/prompts/greeting/production/runs: 429, again in 0.0 s",
    )


def test_a_server_that_stays_away_ends_the_batch(monkeypatch, quick, tmp_path):
    monkeypatch.setattr(pace_module, "LONGEST_OUTAGE", 0.3)
    path = tmp_path / "journal"
    with Greeter() as server, server.client() as pj:
        with refusing_port() as port, monkeypatch.context() as away:
            address = urlsplit(server.url)
            moved_names(away, {(address.hostname, address.port): port})
            given = []
            with pj.run_prompts("greeting", 1, rows(1000), journal=path) as batch:
                with pytest.raises(NetworkError, match="refused") as caught:
                    given.extend(batch)
                assert batch.counts.failed == len(given)
        # All that were under way: none of them was started.
        assert 1 <= len(given) <= 8
        assert not any(result.error.may_have_taken_effect for result in given)
        assert caught.value in [result.error for result in given]
        results = []
        with pj.run_prompts("greeting", 1, rows(1000)[:30], journal=path) as batch:
            results.extend(batch)
    assert answers_of(results) == answers(30)


def failing(client, **options):
    """The results of a batch that ends early, and the error that it raises."""
    given = []
    with (
        client.run_prompts("greeting", 1, rows(1000), **options) as batch,
        pytest.raises((ApiError, NetworkError)) as caught,
    ):
        given.extend(batch)
    return given, caught.value


def test_a_429_that_asks_for_more_than_five_minutes_ends_it_at_once(server):
    server.fail_next(429, times=1000, retry_after=3600)
    with server.client() as pj:
        given, error = failing(pj)
    assert error.retry_after == 3600
    assert 1 <= len(given) <= 8
    assert server.starts() <= 8


def test_a_server_that_fails_is_tried_with_one_start_at_a_time(quick):
    under_way = []
    most = []
    count = [0]
    lock = threading.Lock()

    def handler(conn):
        while not conn.closed and (request := conn.read_request()):
            if request.method == "GET":
                conn.send(make_reply(200, run_document(request)))
                continue
            with lock:
                count[0] += 1
                number = count[0]
                if 4 < number <= 10:
                    under_way.append(number)
                    most.append(len(under_way))
            if number <= 4:
                # The four that come at once fail together.
                eventually(lambda: count[0] >= 4)
            elif number <= 10:
                time.sleep(0.02)
                with lock:
                    under_way.remove(number)
            if number <= 10:
                conn.reply(500, {"error": "down"})
            else:
                conn.send(make_reply(200, {"id": ID, "thread": ID}))

    with ScriptedServer(handler) as server, client_of(server) as pj:
        results = run(pj, rows(40), workers=4)
    assert set(most) == {1}
    lost = [result for result in results if result.error]
    # Where it may have been carried out, it is not sent again.
    assert len(lost) == 10
    assert all(result.error.may_have_taken_effect for result in lost)


def test_an_answer_that_cannot_be_read_is_a_failure_too_and_the_row_is_lost(
    server, quick
):
    replies = iter([b"<html>", b"{}"])

    def handler(conn):
        while not conn.closed and conn.read_request():
            conn.send(make_reply(200, next(replies)))

    with ScriptedServer(handler) as scripted, client_of(scripted) as pj:
        first, second = run(pj, rows(2), workers=1)
    assert isinstance(first.error, DecodeError)
    assert isinstance(second.error, DecodeError)
    assert first.error.may_have_taken_effect


def test_a_prompt_that_is_not_there_ends_it_with_that_error():
    with FakeServer() as server, client_of(server) as pj:
        given, error = failing(pj)
    assert error.status_code == 404
    assert [result.error.status_code for result in given] == [404] * len(given)
    assert 1 <= len(server.requests) == len(given) <= 8


def test_a_certificate_that_is_not_trusted_ends_it_without_another_attempt():
    with (
        ScriptedServer(Conn.hang, tls=server_context("other")) as server,
        client_of(server) as pj,
    ):
        given, error = failing(pj)
    assert "certificate" in str(error)
    assert 1 <= len(given) <= 8
    assert server.connections <= 8


@pytest.mark.parametrize("status", [401, 404, 407])
def test_what_would_be_refused_for_every_row_ends_it(status):
    """Also a proxy that wants another password: after some more, it locks the account."""
    with ScriptedServer(respond((status, "no"))) as proxy:
        proxy_url = f"http://ann:wrong-pw@127.0.0.1:{proxy.port}"
        with client_of("http://api.invalid", proxy=proxy_url) as pj:
            given, error = failing(pj, workers=2)
        assert error.status_code == status
        assert len(proxy.requests) == len(given) <= 4


def test_what_is_under_way_is_waited_for_when_it_ends_early():
    refused = threading.Event()
    starts = itertools.count()

    def handler(conn):
        while not conn.closed and (request := conn.read_request()):
            if request.method == "GET":
                status = "completed" if refused.is_set() else "pending"
                conn.send(make_reply(200, run_document(request, status)))
            elif next(starts) == 0:
                conn.send(make_reply(200, {"id": ID, "thread": ID}))
            else:
                conn.reply(401, {"error": "no"})
                refused.set()

    with ScriptedServer(handler) as server, client_of(server) as pj:
        given, error = failing(pj, workers=2)
    assert error.status_code == 401
    assert [result.run.status for result in given if result.run] == ["completed"]
    # The other worker can have begun one more before all had heard of it.
    refusals = [result.error for result in given if result.run is None]
    assert error in refusals
    assert {refusal.status_code for refusal in refusals} == {401}
