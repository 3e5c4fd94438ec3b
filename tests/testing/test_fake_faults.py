"""FakeServer fails as it is told to."""

from __future__ import annotations

import http.client
import time

import pytest
from helpers.calls import eventually
from helpers.stand_in import (
    Api,
    counting,
)

from promptjuggler.testing import FakeServer

# Faults


def test_fail_next_answers_with_the_status_and_carries_out_nothing(
    server: FakeServer, api: Api
) -> None:
    calls: list[dict[str, str]] = []
    server.add_prompt("count", counting(calls))
    server.fail_next(503, times=2, retry_after=1)
    for _ in range(2):
        answer = api("POST", "/api/v1/prompts/count/1/runs", {"inputs": {}})
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert answer.document == {"error": "The test wants 503."}
    answer = api("GET", "/api/v1/prompts/greeting/1")
    assert (answer.status, answer.headers["Retry-After"]) == (200, None)
    assert len(server.requests) == 3
    server.close()
    assert calls == []


def test_fail_next_takes_a_date_and_a_status_without_a_name(
    server: FakeServer, api: Api
) -> None:
    server.fail_next(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT")
    assert api("GET", "/").headers["Retry-After"] == "Wed, 21 Oct 2026 07:28:00 GMT"
    server.fail_next(599)
    answer = api("GET", "/")
    assert (answer.status, list(answer.document)) == (599, ["error"])


def test_a_drop_after_reading_carries_the_request_out_and_hangs_up(
    server: FakeServer, api: Api
) -> None:
    calls: list[dict[str, str]] = []
    server.add_prompt("count", counting(calls))
    server.drop_next(after_reading=True)
    with pytest.raises(http.client.RemoteDisconnected):
        api("POST", "/api/v1/prompts/count/1/runs", {"inputs": {}})
    eventually(lambda: len(calls) == 1)
    assert server.requests[0].json() == {"inputs": {}}
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200


def test_a_drop_before_reading_carries_out_nothing(
    server: FakeServer, api: Api
) -> None:
    calls: list[dict[str, str]] = []
    server.add_prompt("count", counting(calls))
    server.drop_next(times=2, after_reading=False)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            api("POST", "/api/v1/prompts/count/1/runs", {"inputs": {}})
        api.connection.close()
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200
    assert [(request.method, request.body) for request in server.requests] == [
        ("POST", b"")
    ] * 2 + [("GET", b"")]
    server.close()
    assert calls == []


def test_delay_next_answers_late_once(server: FakeServer, api: Api) -> None:
    server.delay_next(0.1)
    started = time.monotonic()
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200
    assert time.monotonic() - started >= 0.1
    server.delay_next(60)
    api.connection.sock.settimeout(0.02)
    with pytest.raises(TimeoutError):
        api("GET", "/api/v1/prompts/greeting/1")
    api.connection.close()
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200


def test_faults_are_met_one_by_one_in_the_order_of_the_calls(
    server: FakeServer, api: Api
) -> None:
    server.fail_next(500)
    server.drop_next()
    server.fail_next(502)
    assert api("GET", "/").status == 500
    with pytest.raises(http.client.RemoteDisconnected):
        api("GET", "/")
    assert [api("GET", "/").status, api("GET", "/").status] == [502, 404]
