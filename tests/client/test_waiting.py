"""The wait_for_ calls: how they poll, when they end, and what they put up with."""

import gc
import time
import weakref

import pytest
from helpers.calls import RUN_ID, client_of
from helpers.clock import after_answers, replace_clock
from helpers.servers import PATIENCE, ScriptedServer, respond

from promptjuggler import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJuggler,
    RunStatus,
    WaitTimeout,
)
from promptjuggler._client import caller
from promptjuggler.testing import FakeServer


def prompt_run(status):
    return {
        "id": RUN_ID,
        "status": status,
        "createdAt": "2026-01-02T03:04:05Z",
        "emitted": [],
        "transcript": [],
    }


def workflow_run(status):
    return {
        "id": RUN_ID,
        "status": status,
        "createdAt": "2026-01-02T03:04:05Z",
        "outputs": {},
        "errors": [],
    }


def document(status):
    return {
        "id": RUN_ID,
        "status": status,
        "fileName": "a.txt",
        "bytes": 1,
        "chunkCount": 1,
    }


def base(status):
    return {
        "id": RUN_ID,
        "status": status,
        "documentCount": 0,
        "chunkCount": 0,
        "documents": [],
    }


# Name, its argument, the path that it polls, and what makes a document of a status.
WAITS = {
    "wait_for_prompt_run": (RUN_ID, f"/api/v1/promptruns/{RUN_ID}", prompt_run),
    "wait_for_workflow_run": (RUN_ID, f"/api/v1/workflowruns/{RUN_ID}", workflow_run),
    "wait_for_knowledge_document": (
        RUN_ID,
        f"/api/v1/knowledge-documents/{RUN_ID}",
        document,
    ),
    "wait_for_knowledge_base": ("docs", "/api/v1/knowledge-bases/docs", base),
}
EACH_WAIT = pytest.mark.parametrize("name", WAITS)


class Polling:
    """A client of a server with these answers, whose sleep only notes how long it would take."""

    def __init__(self, *replies, **options):
        self.server = ScriptedServer(respond(*replies))
        self.pj = client_of(self.server, **options)
        self.slept = self.pj.delays

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.pj.close()
        self.server.close()

    def wait(self, **options):
        return self.pj.wait_for_prompt_run(RUN_ID, **options)


PENDING, COMPLETED = (200, prompt_run("pending")), (200, prompt_run("completed"))


@EACH_WAIT
def test_a_wait_polls_until_the_status_is_final_and_gives_the_result(name):
    argument, path, make = WAITS[name]
    with Polling(
        (200, make("pending")), (200, make("pending")), (200, make("failed"))
    ) as polling:
        result = getattr(polling.pj, name)(argument)
        assert result.status == "failed"
        assert [
            (request.method, request.target) for request in polling.server.requests
        ] == [("GET", path)] * 3
        assert polling.slept == [0.1, pytest.approx(0.15)]
        assert polling.server.connections == 1


@EACH_WAIT
@pytest.mark.parametrize(
    "status", ["completed", "ready", "failed", "brewing", "", "PENDING"]
)
def test_any_status_that_is_not_under_way_ends_the_wait_at_once(name, status):
    argument, _, make = WAITS[name]
    with Polling((200, make(status))) as polling:
        result = getattr(polling.pj, name)(argument)
        assert result.status == status
        assert polling.slept == []


@EACH_WAIT
def test_sealed_is_under_way_for_documents_and_bases_and_final_for_runs(name):
    argument, _, make = WAITS[name]
    with Polling((200, make("sealed")), (200, make("failed"))) as polling:
        status = getattr(polling.pj, name)(argument).status
        assert status == ("failed" if "knowledge" in name else "sealed")


def test_the_interval_grows_from_a_tenth_of_a_second_to_five():
    with Polling(*[PENDING] * 14, COMPLETED) as polling:
        assert polling.wait().status is RunStatus.COMPLETED
        assert polling.slept[0] == 0.1
        assert polling.slept[-3:] == [5.0, 5.0, 5.0]
        steps = list(zip(polling.slept, polling.slept[1:], strict=False))
        assert all(first < second for first, second in steps if second < 5)


def test_a_run_that_is_done_a_moment_later_is_waited_for_no_longer_than_that():
    done_at = time.monotonic() + 0.05

    def look(conn, request):
        done = time.monotonic() >= done_at
        conn.reply(*(COMPLETED if done else PENDING))

    with (
        ScriptedServer(respond(look)) as server,
        PromptJuggler("k", base_url=server.url) as pj,
    ):
        pj.wait_for_prompt_run(RUN_ID)
        assert len(server.requests) == 2


def test_a_poll_interval_stays_as_it_is():
    with Polling(*[PENDING] * 5, COMPLETED) as polling:
        polling.wait(poll_interval=2)
        assert polling.slept == [2.0] * 5


def test_the_last_poll_is_just_before_the_end_and_not_after_it():
    with Polling(*[PENDING] * 3, COMPLETED) as polling:
        polling.wait(timeout=1000, poll_interval=6000)
        assert all(800 < seconds < 1000 for seconds in polling.slept)


@pytest.mark.parametrize("seconds", [301, 1e12, 1e15, 1e300])
def test_an_interval_of_any_length_ends_with_the_wait(seconds):
    with Polling(PENDING, COMPLETED) as polling:
        assert polling.wait(timeout=300, poll_interval=seconds).status == "completed"
        assert 200 < polling.slept[0] < 300


@pytest.mark.parametrize("timeout", [1e12, 1e15, 10**400])
def test_a_wait_of_any_length_sleeps_no_longer_than_a_day(timeout):
    with Polling(PENDING, COMPLETED) as polling:
        polling.wait(timeout=timeout, poll_interval=1e15)
        assert polling.slept == [86_400.0]


# Without any time


@EACH_WAIT
@pytest.mark.parametrize("timeout", [0, 0.0, -0.0, -1, -1e300, -(10**400)])
def test_a_wait_without_any_time_is_one_look(name, timeout):
    argument, _, make = WAITS[name]
    wait = getattr(PromptJuggler, name)
    with Polling((200, make("failed"))) as polling:
        assert wait(polling.pj, argument, timeout=timeout).status == "failed"
        assert len(polling.server.requests) == 1
    with Polling((200, make("pending"))) as polling:
        with pytest.raises(WaitTimeout) as caught:
            wait(polling.pj, argument, timeout=timeout)
        assert len(polling.server.requests) == 1
    error = caught.value
    assert error.last.status == "pending"
    assert "has not ended within 0 s: was pending when last seen, 0 s ago" in str(error)


def test_the_one_look_has_the_time_that_a_request_has():
    def slow(conn, request):
        conn.wait(0.2)
        conn.reply(*COMPLETED)

    with Polling(slow) as polling:
        assert polling.wait(timeout=0).status == "completed"


def test_the_first_look_has_a_second_however_short_the_wait_is():
    """What has ended already is not missed for the time that a connection takes."""

    def slow(conn, request):
        conn.wait(0.2)
        conn.reply(*COMPLETED)

    with Polling(slow) as polling:
        assert polling.wait(timeout=0.03).status == "completed"


def test_the_first_look_has_no_more_than_a_second_or_the_whole_wait(monkeypatch):
    assert caller.SHORTEST_FIRST_LOOK == 1
    monkeypatch.setattr(caller, "SHORTEST_FIRST_LOOK", 0.2)

    def silent(conn, request):
        conn.hang()

    with Polling(silent) as polling:
        for timeout, least in ((0.03, 0.2), (0.3, 0.3)):
            begun = time.monotonic()
            with pytest.raises(WaitTimeout):
                polling.wait(timeout=timeout)
            assert least * 0.9 < time.monotonic() - begun < PATIENCE
        with pytest.raises(WaitTimeout):
            polling.pj.with_options(total_timeout=0.1).wait_for_prompt_run(RUN_ID)


def test_all_looks_but_the_first_end_with_the_wait(monkeypatch):
    monkeypatch.setattr(caller, "SHORTEST_FIRST_LOOK", PATIENCE)

    def silent(conn, request):
        conn.hang()

    with Polling(PENDING, silent) as polling:
        begun = time.monotonic()
        with pytest.raises(WaitTimeout, match="was pending when last seen"):
            polling.wait(timeout=0.2)
        assert time.monotonic() - begun < PATIENCE / 2


def test_the_one_look_that_fails_is_the_cause():
    with Polling((500, {"error": "Down."})) as polling:
        with pytest.raises(WaitTimeout) as caught:
            polling.wait(timeout=0)
        assert len(polling.server.requests) == 1
    assert str(caught.value).endswith(
        "within 0 s: no status was seen; the last failure: HTTP 500: Down."
    )
    assert type(caught.value.__cause__) is ApiError


# Failures


# What passes: an overloaded or restarted server, a lost connection, one bad answer.
PASSING = [
    (500, {"error": "no"}), (501, ""), (503, "busy"), (429, "slow down"), (408, ""), (425, ""), (502, "<html>"),
    (520, ""), (599, ""), (200, "<html>log in</html>"), (200, b""), (200, {"id": 5}),
    lambda conn, request: (conn.send(b"HTTP/1.1 200 O"), conn.close()),
    lambda conn, request: (conn.send(b"HTTP/1.1 200 O"), conn.reset()),
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcdefg",
]  # fmt: skip


@pytest.mark.parametrize("reply", PASSING)
@pytest.mark.parametrize("max_retries", [0, 2])
def test_a_failed_poll_is_made_up_for_by_the_next(reply, max_retries):
    with Polling(
        PENDING, reply, PENDING, COMPLETED, max_retries=max_retries
    ) as polling:
        assert polling.wait().status == "completed"
        assert polling.slept[0] == 0.1
        assert len(polling.slept) == 3


# What cannot heal: a refusal, a redirect, another protocol.
FINAL = [
    (status, {"error": "No."})
    for status in (300, 302, 308, 400, 401, 402, 403, 404, 405, 407, 409, 410, 418, 422, 426, 451)
]  # fmt: skip


@EACH_WAIT
@pytest.mark.parametrize("reply", FINAL, ids=lambda reply: str(reply[0]))
@pytest.mark.parametrize("seen", [False, True])
def test_what_cannot_heal_ends_the_wait_at_once(name, reply, seen):
    argument, _, make = WAITS[name]
    replies = [(200, make("pending"))] * seen
    with Polling(*replies, reply, (200, make("failed"))) as polling:
        with pytest.raises(ApiError) as caught:
            getattr(polling.pj, name)(argument)
        assert (str(caught.value), caught.value.status_code) == ("No.", reply[0])
        assert len(polling.server.requests) == seen + 1


def test_another_protocol_ends_the_wait_at_once():
    with Polling(PENDING, b"SSH-2.0-OpenSSH_9.6\r\n", COMPLETED) as polling:
        with pytest.raises(NetworkError):
            polling.wait()
        assert len(polling.server.requests) == 2


@pytest.mark.parametrize(
    "reply", [(200, "<html>"), (200, {"id": 5}), (200, b"")], ids=["page", "other", ""]
)
def test_a_second_answer_in_a_row_that_cannot_be_read_ends_the_wait(reply):
    with Polling(PENDING, reply, reply, COMPLETED) as polling:
        with pytest.raises(DecodeError):
            polling.wait()
        assert len(polling.server.requests) == 3
    with Polling(reply, reply, COMPLETED) as polling:
        with pytest.raises(DecodeError):
            polling.wait()
        assert len(polling.server.requests) == 2


def test_two_answers_that_cannot_be_read_but_not_in_a_row_do_not_end_the_wait():
    page = (200, "<html>")
    with Polling(page, PENDING, page, (503, ""), page, COMPLETED) as polling:
        assert polling.wait().status == "completed"


def test_a_poll_waits_no_less_than_the_server_asks_for():
    with Polling((503, "", {"Retry-After": "7"}), PENDING, COMPLETED) as polling:
        polling.wait()
        assert polling.slept == [7.0, pytest.approx(0.15)]


def test_waits_that_were_told_the_same_time_look_again_at_different_times():
    with Polling((503, "", {"Retry-After": "5"}), COMPLETED) as polling:
        replace_clock(polling.pj, random=lambda: 0.5)
        polling.wait()
        assert polling.slept == [5.25]


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_for_more_time_than_is_left_is_the_cause_at_the_end(
    status, clock
):
    """The last look comes shortly before the end all the same."""
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        clock.move(seconds)

    refusal = (status, {"error": "Later."}, {"Retry-After": "3600"})
    with (
        ScriptedServer(respond(PENDING, refusal)) as server,
        client_of(server) as pj,
    ):
        replace_clock(pj, sleep=sleep)
        begun = time.monotonic()
        with pytest.raises(WaitTimeout) as caught:
            pj.wait_for_prompt_run(RUN_ID, timeout=300)
        assert 300 <= time.monotonic() - begun < 300 + PATIENCE
        assert len(server.requests) < 8
    error = caught.value
    assert type(error.__cause__) is ApiError
    assert (error.__cause__.status_code, error.last.status) == (status, "pending")
    assert slept[1] == pytest.approx(300 * 0.9, abs=1)
    assert str(error).endswith(
        f"was pending when last seen, 300 s ago; since then: HTTP {status}: Later."
    )


def test_a_wait_that_takes_too_long_ends_with_the_last_result_that_was_seen(clock):
    with (
        ScriptedServer(respond(PENDING)) as server,
        PromptJuggler("k", base_url=server.url) as pj,
        after_answers(2, lambda: clock.move(PATIENCE)),
    ):
        begun = time.monotonic()
        with pytest.raises(WaitTimeout) as caught:
            pj.wait_for_prompt_run(RUN_ID, timeout=PATIENCE, poll_interval=0.03)
        assert PATIENCE <= time.monotonic() - begun < PATIENCE * 2
        assert len(server.requests) == 2
    error = caught.value
    assert isinstance(error, TimeoutError)
    assert (error.last.status, str(error.last.id)) == ("pending", RUN_ID)
    assert str(error) == (
        f"/api/v1/promptruns/{RUN_ID} has not ended within 20 s:"
        " was pending when last seen, 0 s ago"
    )
    assert error.__cause__ is None


def test_as_long_as_nothing_else_is_said_a_wait_takes_five_minutes(clock):
    with (
        ScriptedServer(respond(PENDING)) as server,
        client_of(server) as pj,
        # At the first of these times, a last look can still be had.
        after_answers(1, lambda: clock.move(299 - PATIENCE)),
        after_answers(2, lambda: clock.move(PATIENCE + 1)),
        pytest.raises(WaitTimeout, match="has not ended within 300 s"),
    ):
        pj.wait_for_prompt_run(RUN_ID)
    assert len(server.requests) == 2


@pytest.mark.parametrize("timeout", [0.001, 0.03, 0.2])
def test_a_wait_ends_at_its_time_and_not_before(timeout):
    with (
        ScriptedServer(respond(PENDING)) as server,
        PromptJuggler("k", base_url=server.url) as pj,
    ):
        begun = time.monotonic()
        with pytest.raises(WaitTimeout):
            pj.wait_for_prompt_run(RUN_ID, timeout=timeout)
        assert timeout <= time.monotonic() - begun < PATIENCE


def test_the_error_says_how_long_ago_the_last_result_was_seen_and_what_failed_since(
    clock,
):
    def busy(conn, request):
        clock.move(12)
        conn.reply(500, {"error": "Down."})

    def late(conn, request):
        clock.move(PATIENCE)
        conn.reply(502, "<html>")

    with (
        ScriptedServer(respond(PENDING, busy, late)) as server,
        PromptJuggler("k", base_url=server.url, timeout=PATIENCE * 3) as pj,
        pytest.raises(WaitTimeout) as caught,
    ):
        pj.wait_for_prompt_run(RUN_ID, timeout=PATIENCE + 11, poll_interval=0.01)
    assert "was pending when last seen, 32 s ago; since then: " in str(caught.value)
    assert caught.value.last.status == "pending"


def test_the_deadline_cuts_off_a_poll_that_gets_no_answer(clock):
    replies = respond(PENDING, lambda conn, request: conn.hang())
    with (
        ScriptedServer(replies) as server,
        PromptJuggler("k", base_url=server.url, timeout=PATIENCE * 2) as pj,
        after_answers(1, lambda: clock.move(PATIENCE - 0.3)),
    ):
        begun = time.monotonic()
        with pytest.raises(WaitTimeout) as caught:
            pj.wait_for_prompt_run(RUN_ID, timeout=PATIENCE, poll_interval=0.01)
        assert time.monotonic() - begun < PATIENCE * 2
        assert caught.value.last.status == "pending"
        assert isinstance(caught.value.__cause__, NetworkError)


def test_without_any_good_poll_the_last_result_is_none_and_the_failure_is_the_cause(
    clock,
):
    def there_is_no_time_for_another_poll():
        clock.move(begun + PATIENCE - 0.03 - time.monotonic())

    with (
        ScriptedServer(respond((500, {"error": "Down."}))) as server,
        client_of(server) as pj,
        after_answers(4, there_is_no_time_for_another_poll),
    ):
        begun = time.monotonic()
        with pytest.raises(WaitTimeout) as caught:
            pj.wait_for_prompt_run(RUN_ID, timeout=PATIENCE, poll_interval=0.02)
        assert caught.value.last is None
        assert isinstance(caught.value.__cause__, ApiError)
    assert str(caught.value).endswith(
        "within 20 s: no status was seen; the last failure: HTTP 500: Down."
    )


@pytest.mark.parametrize("replies", [
    [PENDING], [(500, "")], [PENDING, (500, "")], [(200, "<html>"), (404, "")], [(200, "<html>"), COMPLETED],
])  # fmt: skip
def test_a_wait_leaves_no_reference_cycle_however_it_ends(replies):
    failures = []

    def look(conn, request):
        conn.reply(*replies[min(len(server.requests), len(replies)) - 1])

    def wait():
        try:
            pj.wait_for_prompt_run(RUN_ID, timeout=0.2, poll_interval=0.01)
        except (ApiError, WaitTimeout) as error:
            for one in (error, error.__cause__):
                if one is not None:
                    failures.append(weakref.ref(one))

    with (
        ScriptedServer(respond(look)) as server,
        PromptJuggler("k", base_url=server.url) as pj,
    ):
        gc.collect()
        gc.disable()
        try:
            wait()
            assert [watch() for watch in failures] == [None] * len(failures)
        finally:
            gc.enable()


def test_a_wait_works_against_the_fake_server_for_each_of_the_four():
    with (
        FakeServer(run_seconds=0.02) as server,
        PromptJuggler(server.api_key, base_url=server.url) as pj,
    ):
        server.add_prompt("p", lambda inputs: "answer")
        server.add_workflow("w", lambda inputs: {"x": "y"})
        server.add_knowledge_base("docs")
        fast = {"poll_interval": 0.01, "timeout": 10}
        assert (
            pj.wait_for_prompt_run(pj.run_prompt("p", 1, {}).id, **fast).output
            == "answer"
        )
        assert pj.wait_for_workflow_run(
            pj.run_workflow("w", 1, {}).id, **fast
        ).outputs == {"x": "y"}
        (one,) = pj.upload_documents("docs", [("a.txt", b"x")])
        assert pj.wait_for_knowledge_document(one.id, **fast).status == "ready"
        assert pj.wait_for_knowledge_base("docs", **fast).document_count == 1
