"""The wait_for_ calls: how they poll, when they end, and what they put up with."""

import time

import pytest
from helpers.calls import RUN_ID, client_of
from helpers.clock import after_answers
from helpers.servers import PATIENCE, ScriptedServer, respond

from promptjuggler import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJuggler,
    RunStatus,
    WaitTimeout,
)
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
        assert polling.slept == [0.5, 0.75]
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


def test_the_interval_grows_from_half_a_second_to_five():
    with Polling(*[PENDING] * 12, COMPLETED) as polling:
        assert polling.wait().status is RunStatus.COMPLETED
        assert polling.slept[0] == 0.5
        assert polling.slept[-3:] == [5.0, 5.0, 5.0]
        steps = list(zip(polling.slept, polling.slept[1:], strict=False))
        assert all(first < second for first, second in steps if second < 5)


def test_a_poll_interval_stays_as_it_is():
    with Polling(*[PENDING] * 5, COMPLETED) as polling:
        polling.wait(poll_interval=2)
        assert polling.slept == [2.0] * 5


def test_the_last_poll_is_just_before_the_end_and_not_after_it():
    with Polling(*[PENDING] * 3, COMPLETED) as polling:
        polling.wait(timeout=1000, poll_interval=6000)
        assert all(800 < seconds < 1000 for seconds in polling.slept)


@pytest.mark.parametrize("reply", [
    (500, {"error": "no"}), (503, "busy"), (429, "slow down"), (408, ""), (502, "<html>"), (418, ""), (400, ""),
    (200, "<html>log in</html>"), (200, b""), (200, {"id": 5}), (302, "", {"Location": "https://login.example"}),
    lambda conn, request: (conn.send(b"HTTP/1.1 200 O"), conn.close()),
    lambda conn, request: (conn.send(b"HTTP/1.1 200 O"), conn.reset()),
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nabcdefg", b"garbage\r\n\r\n",
])  # fmt: skip
@pytest.mark.parametrize("max_retries", [0, 2])
def test_a_failed_poll_is_made_up_for_by_the_next(reply, max_retries):
    with Polling(
        PENDING, reply, PENDING, COMPLETED, max_retries=max_retries
    ) as polling:
        assert polling.wait().status == "completed"
        assert polling.slept[0] == 0.5
        assert len(polling.slept) == 3


@EACH_WAIT
@pytest.mark.parametrize("status", [401, 403, 404])
def test_401_403_and_404_end_the_wait_at_once(name, status):
    argument, _, make = WAITS[name]
    with Polling(
        (200, make("pending")), (status, {"error": "No."}), (200, make("failed"))
    ) as polling:
        with pytest.raises(ApiError, match=r"^No\.$") as caught:
            getattr(polling.pj, name)(argument)
        assert caught.value.status_code == status
        assert len(polling.server.requests) == 2


def test_a_poll_waits_no_less_than_the_server_asks_for():
    with Polling((503, "", {"Retry-After": "7"}), PENDING, COMPLETED) as polling:
        polling.wait()
        assert polling.slept == [7.0, 0.75]


def test_a_server_that_asks_for_more_time_than_is_left_ends_the_wait_with_its_error():
    with Polling((503, {"error": "Down."}, {"Retry-After": "3600"})) as polling:
        with pytest.raises(ApiError, match=r"^Down\.$") as caught:
            polling.wait()
        assert (caught.value.retry_after, polling.slept) == (3600.0, [])


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
    assert str(error) == f"/api/v1/promptruns/{RUN_ID} is still pending after 20 s"
    assert error.__cause__ is None


def test_as_long_as_nothing_else_is_said_a_wait_takes_five_minutes(clock):
    with (
        ScriptedServer(respond(PENDING)) as server,
        client_of(server) as pj,
        # At the first of these times, a last look can still be had.
        after_answers(1, lambda: clock.move(299 - PATIENCE)),
        after_answers(2, lambda: clock.move(PATIENCE + 1)),
        pytest.raises(WaitTimeout, match="is still pending after 300 s$"),
    ):
        pj.wait_for_prompt_run(RUN_ID)
    assert len(server.requests) == 2


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


@pytest.mark.parametrize(
    ("reply", "cause"),
    [((500, {"error": "Down."}), ApiError), ((200, "<html>"), DecodeError)],
)
def test_without_any_good_poll_the_last_result_is_none_and_the_failure_is_the_cause(
    reply, cause, clock
):
    def there_is_no_time_for_another_poll():
        clock.move(begun + PATIENCE - 0.03 - time.monotonic())

    with (
        ScriptedServer(respond(reply)) as server,
        client_of(server) as pj,
        after_answers(4, there_is_no_time_for_another_poll),
    ):
        begun = time.monotonic()
        with pytest.raises(WaitTimeout, match=r"gave no status within 20 s$") as caught:
            pj.wait_for_prompt_run(RUN_ID, timeout=PATIENCE, poll_interval=0.02)
        assert caught.value.last is None
        assert isinstance(caught.value.__cause__, cause)


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
