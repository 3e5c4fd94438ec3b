"""FakeServer fails as it is told to."""

from __future__ import annotations

import http.client
import time

import pytest
from helpers.calls import eventually
from helpers.stand_in import (
    THREAD,
    Api,
    counting,
)

from promptjuggler import DecodeError, NetworkError, PromptJuggler, RequestTimeout
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


# Where they are wanted

GET = "/api/v1/prompts/greeting/1"


def test_a_fault_meets_only_requests_with_its_path_and_its_method(
    server: FakeServer, api: Api
) -> None:
    server.fail_next(503, path="/promptruns/")
    server.fail_next(500, method="post")
    assert api("GET", GET).status == 200
    assert api("POST", "/api/v1/prompts/greeting/1/runs", {"inputs": {}}).status == 500
    path = api.run("prompt", "greeting", {"name": "Ada"})
    assert [api("GET", path).status for _ in range(2)] == [503, 200]


def test_a_fault_lets_as_many_of_its_requests_through_as_it_is_told(
    server: FakeServer, api: Api
) -> None:
    server.fail_next(503, times=2, path="/prompts/", after=2)
    statuses = [api("GET", path).status for path in (GET, "/", GET, "/", GET, GET, GET)]
    assert statuses == [200, 404, 200, 404, 503, 503, 200]


def test_a_request_that_meets_a_fault_is_not_counted_by_the_next_one(
    server: FakeServer, api: Api
) -> None:
    server.fail_next(503)
    server.fail_next(500, after=1)
    assert [api("GET", GET).status for _ in range(4)] == [503, 200, 500, 200]


def test_drops_and_delays_have_the_same_filters(server: FakeServer, api: Api) -> None:
    server.drop_next(path="/nowhere", method="GET", after=1)
    server.delay_next(0.1, path="/else", method="GET", after=1)
    assert [api("GET", path).status for path in ("/nowhere", "/else")] == [404, 404]
    with pytest.raises(http.client.RemoteDisconnected):
        api("GET", "/nowhere")
    started = time.monotonic()
    api("GET", "/else")
    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize(
    ("body", "content", "kind"),
    [
        ({"errors": ["a"]}, b'{"errors": ["a"]}', "application/json"),
        (["a"], b'["a"]', "application/json"),
        ("<h1>Bad</h1>", b"<h1>Bad</h1>", "text/html; charset=utf-8"),
        (b"\xff{", b"\xff{", "application/octet-stream"),
        ("", b"", "text/html; charset=utf-8"),
    ],
)
def test_the_body_of_an_error_can_be_anything(
    server: FakeServer, body: object, content: bytes, kind: str
) -> None:
    server.fail_next(502, body=body, headers={"X-Mine": "yes"})
    server.fail_next(502, body=body, headers={"content-type": "a/b"})
    connection = Api(server).connection
    for expected in (kind, "a/b"):
        connection.request("GET", "/")
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (502, content)
        assert answer.headers.get_all("Content-Type") == [expected]
    connection.close()


# Other answers


def test_an_answer_with_a_body_of_its_own_is_given_in_place_of_carrying_out(
    server: FakeServer, pj: PromptJuggler
) -> None:
    server.answer_next({"id": 7}, method="POST")
    server.answer_next("<html>", path="/prompts/")
    with pytest.raises(DecodeError):
        pj.run_prompt("greeting", 1, {"name": "Ada"})
    with pytest.raises(DecodeError, match="an HTML page"):
        pj.get_prompt("greeting", 1)
    assert "0 runs" in repr(server)


def test_an_answer_without_one_is_that_of_the_api_changed(
    server: FakeServer, api: Api
) -> None:
    server.answer_next(status=202, headers={"content-type": "a/b", "X-Mine": "yes"})
    answer = api("POST", "/api/v1/prompts/greeting/1/runs", {"inputs": {}})
    assert (answer.status, set(answer.document)) == (202, {"id", "thread"})
    assert answer.headers.get_all("Content-Type") == ["a/b"]
    assert answer.headers["X-Mine"] == "yes"
    assert "1 runs" in repr(server)


@pytest.mark.parametrize("cut_at", [0, 1, 30])
def test_an_answer_is_cut_off_at_a_byte_of_its_body(
    server: FakeServer, pj: PromptJuggler, cut_at: int
) -> None:
    server.answer_next(cut_at=cut_at)
    connection = Api(server).connection
    connection.request("GET", GET, headers={"Authorization": "Bearer test-key"})
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert len(caught.value.partial) == cut_at
    connection.close()
    server.answer_next(cut_at=cut_at)
    with pytest.raises(NetworkError):
        pj.run_prompt("greeting", 1, {"name": "Ada"})


def test_an_answer_that_drips_never_ends(server: FakeServer, pj: PromptJuggler) -> None:
    server.answer_next({}, drip=0.001)
    connection = Api(server).connection
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert answer.read(10) == b"{}        "
    answer.close()
    connection.close()
    server.answer_next(drip=0.01, path="/prompts/")
    impatient = pj.with_options(timeout=0.2, max_retries=0)
    with pytest.raises(RequestTimeout):
        impatient.get_prompt("greeting", 1)


def test_a_change_of_the_apis_answers_waits_for_a_request_that_is_no_stream(
    server: FakeServer, pj: PromptJuggler
) -> None:
    server.answer_next(cut_at=1, method="GET")
    server.fail_next(500, method="GET", after=1)
    with pj.stream_prompt("greeting", 1, {"name": "Ada"}) as stream:
        assert type(list(stream)[-1]).__name__ == "DoneEvent"
        with pytest.raises(NetworkError):
            pj.with_options(max_retries=0).get_prompt_run(stream.run_id)
        stream.result()


# Faults that were never met


def test_strict_faults_that_were_not_met_are_an_error_at_the_end() -> None:
    server = FakeServer(strict_faults=True)
    server.start()
    server.fail_next(503, times=3, path="/promptruns/", method="get")
    server.answer_next("x" * 100)
    with pytest.raises(AssertionError) as caught:
        server.close()
    shown = "x" * 39
    assert str(caught.value) == (
        "faults that were never met: fail_next(503) of '/promptruns/' by GET (3 left),"
        f" answer_next('{shown}...)"
    )
    # It is closed all the same.
    server.close()


def test_faults_that_were_met_and_those_of_others_are_no_error() -> None:
    with FakeServer(strict_faults=True) as server:
        server.fail_next(503)
        api = Api(server)
        api("GET", "/")
        api.connection.close()
    with FakeServer() as server:
        server.fail_next(503)


def test_an_error_of_the_test_itself_is_the_one_that_is_seen() -> None:
    def test(server: FakeServer) -> None:
        with server:
            server.fail_next(503)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        test(FakeServer(strict_faults=True))


# Headers of a test's own


def test_headers_take_the_place_of_those_that_each_answer_has(
    server: FakeServer, api: Api
) -> None:
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    server.answer_next({}, headers={"date": date, "Server": "nginx", "X-None": ""})
    headers = api("GET", "/").headers
    assert headers.get_all("Date") == [date]
    assert headers.get_all("Server") == ["nginx"]
    assert headers["X-None"] == ""
    server.answer_next(headers={"Date": date})
    assert api("GET", "/api/v1/prompts/greeting/1").headers.get_all("Date") == [date]


def test_a_length_of_ones_own_is_the_only_one_true_or_not(
    server: FakeServer, api: Api, pj: PromptJuggler
) -> None:
    server.answer_next(b"1234567", headers={"Content-Length": "5"})
    api.connection.request("GET", "/")
    answer = api.connection.getresponse()
    assert answer.headers.get_all("Content-Length") == ["5"]
    assert answer.read() == b"12345"
    server.answer_next({}, headers={"content-length": "1000"}, method="POST")
    with pytest.raises(NetworkError):
        pj.run_prompt("greeting", 1, {})


def test_an_answer_that_is_a_head_alone_is_cut_too(
    server: FakeServer, pj: PromptJuggler
) -> None:
    (one,) = pj.upload_documents("docs", [("a.txt", b"x")])
    server.answer_next(cut_at=0, method="DELETE", times=3)
    client = PromptJuggler(server.api_key, base_url=server.url, max_retries=0)
    with client, pytest.raises(NetworkError):
        client.delete_knowledge_document(one.id)
    assert len(server.requests) == 2


def test_an_answer_that_is_a_head_alone_drips_too(
    server: FakeServer, pj: PromptJuggler
) -> None:
    (one,) = pj.upload_documents("docs", [("a.txt", b"x")])
    server.answer_next(drip=0.01, method="DELETE", times=3)
    with (
        PromptJuggler(
            server.api_key, base_url=server.url, max_retries=0, timeout=0.2
        ) as client,
        pytest.raises(RequestTimeout),
    ):
        client.delete_knowledge_document(one.id)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PROPFIND"])
def test_any_method_is_answered_as_by_the_api_and_is_among_the_requests(
    server: FakeServer, api: Api, method: str
) -> None:
    answer = api(method, "/api/v1/prompts/greeting/1")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/json"
    assert (answer.document is None) == (method == "HEAD")
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200
    assert [request.method for request in server.requests] == [method, "GET"]


def test_frames_that_were_not_lost_are_faults_that_were_not_met() -> None:
    server = FakeServer(strict_faults=True)
    server.start()
    server.lose_next_frames(3)
    server.publish(THREAD, "done", {})
    with pytest.raises(AssertionError, match=r"lose_next_frames\(\) \(2 left\)"):
        server.close()
