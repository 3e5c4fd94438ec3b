"""FakeServer answers as the API does, and keeps what came."""

from __future__ import annotations

import http.client
import math
import re
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest
from helpers.calls import in_threads
from helpers.servers import PATIENCE
from helpers.stand_in import (
    BOUNDARY,
    CONTENTS,
    THREAD,
    Api,
    counting,
    hurry,
    multipart,
    raising,
)

from promptjuggler.testing import FakeServer, RecordedRequest

# Prompts


@pytest.mark.parametrize("version", ["1", "production", "__latest__"])
def test_a_prompt_is_there_as_version_1_as_production_and_as_latest(
    api: Api, version: str
) -> None:
    answer = api("GET", f"/api/v1/prompts/greeting/{version}")
    assert answer.status == 200
    required = {
        "id",
        "promptId",
        "memory",
        "provider",
        "model",
        "modelParams",
        "responseFormat",
        "messages",
        "tools",
    }
    assert required <= set(answer.document)
    assert answer.document == api("GET", "/api/v1/prompts/greeting/1").document
    assert answer.headers["Content-Type"] == "application/json"


def test_adding_a_prompt_again_makes_the_next_version_and_moves_the_tags(
    server: FakeServer, api: Api
) -> None:
    server.add_prompt("greeting", lambda inputs: "two")
    server.add_prompt("greeting", lambda inputs: "three")
    server.add_prompt("other", lambda inputs: "other")
    expected = {
        "1": "Hello, Ada!",
        "2": "two",
        "3": "three",
        "production": "three",
        "__latest__": "three",
    }
    runs = {
        version: api.run("prompt", "greeting", {"name": "Ada"}, version)
        for version in expected
    }
    assert {
        version: api.finished(path)["output"] for version, path in runs.items()
    } == expected
    assert api.finished(api.run("prompt", "other", {}, "1"))["output"] == "other"
    first, second = (
        api("GET", f"/api/v1/prompts/greeting/{version}").document for version in "12"
    )
    assert first["promptId"] == second["promptId"]
    assert first["id"] != second["id"]


def test_slugs_and_versions_are_decoded_once(server: FakeServer, api: Api) -> None:
    for slug in ("a/b", "grüße 100%", "%2F", "a?b#c"):
        server.add_prompt(slug, lambda inputs: "found")
        assert (
            api("GET", f"/api/v1/prompts/{quote(slug, safe='')}/production?x=y").status
            == 200
        )
    assert api("GET", "/api/v1/prompts/a/b/production").status == 404


# Runs


def test_a_prompt_run_is_pending_and_then_completed(
    server: FakeServer, api: Api
) -> None:
    go = threading.Event()

    def greet(inputs: dict[str, str]) -> str:
        assert go.wait(PATIENCE)
        return f"Hello, {inputs['name']}!"

    server.add_prompt("held", greet)
    before = datetime.now(timezone.utc)
    path = api.run("prompt", "held", {"name": "Ada Lovelace"})
    pending = api("GET", path).document
    assert {**pending, "createdAt": 0} == {
        "id": path.rpartition("/")[2],
        "status": "pending",
        "createdAt": 0,
        "emitted": [],
        "transcript": [],
    }
    go.set()
    run = api.finished(path)
    assert run["status"] == "completed"
    assert run["output"] == "Hello, Ada Lovelace!"
    assert run["transcript"] == [
        {"type": "text", "content": "Hello, Ada Lovelace!", "citations": []}
    ]
    assert run["emitted"] == []
    assert run["tokenUsage"]["input"] == 2
    assert run["tokenUsage"]["output"] == 3
    assert run["tokenUsage"]["total"] == 5
    assert (
        run["cost"]["total"]
        == run["cost"]["success"]["total"]
        == run["cost"]["retries"]["total"]
        == 0
    )
    assert "error" not in run
    assert run["createdAt"] == pending["createdAt"]
    for name in ("createdAt", "finishedAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", run[name])
        assert abs(datetime.fromisoformat(run[name]) - before) < timedelta(seconds=60)


def test_a_workflow_run_is_pending_and_then_completed_with_its_outputs(
    server: FakeServer, api: Api
) -> None:
    server.run_seconds = PATIENCE
    path = api.run("workflow", "digest", {"text": "long text"})
    pending = api("GET", path).document
    assert (pending["status"], pending["outputs"], pending["errors"]) == (
        "pending",
        {},
        [],
    )
    hurry(server)
    run = api.finished(path)
    assert run["status"] == "completed"
    assert run["outputs"] == {"summary": "long ", "title": None}
    assert run["errors"] == []
    assert run["tokenUsage"]["total"] == 3
    assert run["cost"]["total"] == 0


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda inputs: inputs["name"], "KeyError: 'name'"),
        (raising(ValueError("the model is out")), "the model is out"),
        (raising(ZeroDivisionError()), "ZeroDivisionError"),
        (raising(SystemExit("stop")), "stop"),
        (raising(KeyError()), "KeyError"),
    ],
)
def test_a_function_that_raises_makes_a_failed_run(
    server: FakeServer, api: Api, function: Callable[[dict[str, str]], Any], text: str
) -> None:
    server.add_prompt("bad", function)
    server.add_workflow("bad", function)
    prompt_run, workflow_run = (
        api.finished(api.run(kind, "bad")) for kind in ("prompt", "workflow")
    )
    assert (prompt_run["status"], workflow_run["status"]) == ("failed", "failed")
    assert prompt_run["error"] == workflow_run["errors"][0] == text
    assert "output" not in prompt_run
    assert prompt_run["transcript"] == []
    assert prompt_run["finishedAt"]
    assert workflow_run["outputs"] == {}
    assert len(workflow_run["errors"]) == 1


def test_a_function_is_called_once_per_run_however_often_the_run_is_read(
    server: FakeServer, api: Api
) -> None:
    calls: list[dict[str, str]] = []
    server.add_prompt("count", counting(calls))
    path = api.run("prompt", "count", {"a": "b"})
    for _ in range(3):
        api.finished(path)
    assert calls == [{"a": "b"}]


def test_a_slow_function_holds_up_neither_the_answer_nor_other_runs(
    server: FakeServer, api: Api
) -> None:
    go = threading.Event()
    server.add_prompt("slow", lambda inputs: str(go.wait(PATIENCE)))
    slow = api.run("prompt", "slow")
    assert (
        api.finished(api.run("prompt", "greeting", {"name": "Ada"}))["status"]
        == "completed"
    )
    assert api("GET", slow).document["status"] == "pending"
    go.set()
    assert api.finished(slow)["output"] == "True"


def test_run_seconds_is_how_long_a_run_is_pending_and_can_be_changed(
    server: FakeServer, api: Api
) -> None:
    server.run_seconds = 0.15
    started = time.monotonic()
    path = api.run("prompt", "greeting", {"name": "Ada"})
    api.finished(path)
    assert time.monotonic() - started >= 0.15
    server.run_seconds = 0
    api.finished(api.run("prompt", "greeting", {"name": "Ada"}))
    server.run_seconds = math.inf
    assert api("GET", api.run("prompt", "greeting")).document["status"] == "pending"


def test_runs_get_new_ids_and_keep_their_thread(api: Api) -> None:
    path = "/api/v1/prompts/greeting/1/runs"
    bodies: list[dict[str, Any]] = [
        {},
        {},
        {"thread": None},
        {"thread": THREAD},
        {"thread": THREAD.upper()},
    ]
    answers = [api("POST", path, {"inputs": {}, **body}).document for body in bodies]
    assert all(set(answer) == {"id", "thread"} for answer in answers)
    assert len({UUID(answer["id"]) for answer in answers}) == 5
    assert [answer["thread"] for answer in answers][3:] == [THREAD, THREAD]
    assert len({UUID(answer["thread"]) for answer in answers}) == 4


def test_prompt_runs_and_workflow_runs_are_two_different_things(api: Api) -> None:
    run_id = api.run("prompt", "greeting").rpartition("/")[2]
    assert api("GET", f"/api/v1/workflowruns/{run_id}").status == 404
    assert api("GET", f"/api/v1/promptruns/{run_id.upper()}").status == 200


MANY = {f"NAME_{number}": "x" for number in range(50)}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"inputs": {"name": "Ada", "": ""}},
        {"priority": "onsite"},
        {
            "priority": "low",
            "environment": "staging",
            "channel": "side",
            "metadata": {"a": "b", "c": ["d"], "e": []},
        },
        {
            "thread": None,
            "environment": None,
            "priority": None,
            "channel": None,
            "envVars": None,
            "metadata": None,
        },
        {"envVars": MANY},
        {"envVars": {"KEY": "x" * (65_536 - 3)}},
        {"envVars": {"_X1": "é" * 32_766}},
        {"somethingNewer": 1},
    ],
    ids=lambda options: ascii(options)[:40],
)
def test_what_the_api_allows_is_allowed(api: Api, options: dict[str, Any]) -> None:
    for path in ("prompts/greeting", "workflows/digest"):
        assert (
            api(
                "POST", f"/api/v1/{path}/production/runs", {"inputs": {}, **options}
            ).status
            == 200
        )


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (b"", ""),
        (b"{", ""),
        (b"\xff", ""),
        (b"[" * 100_000, ""),
        ([], "object"),
        ("inputs", "object"),
        ({}, "inputs"),
        ({"inputs": None}, "inputs"),
        ({"inputs": ["name"]}, "inputs"),
        ({"inputs": {"age": 7}}, "inputs"),
        ({"inputs": {"age": None}}, "inputs"),
        ({"inputs": {}, "priority": "high"}, "priority"),
        ({"inputs": {}, "priority": ["low"]}, "priority"),
        ({"inputs": {}, "thread": "main"}, "UUID"),
        ({"inputs": {}, "thread": 5}, "UUID"),
        ({"inputs": {}, "metadata": []}, "metadata"),
        ({"inputs": {}, "metadata": {"a": 1}}, "metadata"),
        ({"inputs": {}, "metadata": {"a": {"b": "c"}}}, "metadata"),
        ({"inputs": {}, "channel": 5}, "channel"),
        ({"inputs": {}, "environment": ["a"]}, "environment"),
        ({"inputs": {}, "metadata": {"a": [1]}}, "metadata"),
        ({"inputs": {}, "thread": ""}, "UUID"),
        ({"inputs": {}, "envVars": ["A"]}, "envVars"),
        ({"inputs": {}, "envVars": {"A": 1}}, "envVars"),
        ({"inputs": {}, "envVars": {"lower": "x"}}, "UPPER_CASE"),
        ({"inputs": {}, "envVars": {"A-B": "x"}}, "UPPER_CASE"),
        ({"inputs": {}, "envVars": {"1A": "x"}}, "UPPER_CASE"),
        ({"inputs": {}, "envVars": {"A\n": "x"}}, "UPPER_CASE"),
        ({"inputs": {}, "envVars": {"": "x"}}, "UPPER_CASE"),
        ({"inputs": {}, "envVars": {**MANY, "MORE": "x"}}, "50"),
        ({"inputs": {}, "envVars": {"KEY": "x" * (65_536 - 2)}}, "64 KB"),
        ({"inputs": {}, "envVars": {"_X1": "é" * 32_767}}, "64 KB"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_the_api_refuses_gets_422_with_an_error_that_names_it(
    api: Api, body: object, names: str
) -> None:
    answer = api("POST", "/api/v1/prompts/greeting/1/runs", body)
    assert answer.status == 422
    assert list(answer.document) == ["error"]
    assert answer.document["error"]
    assert names in answer.document["error"]
    # The connection is still good.
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200


def test_each_rule_has_a_text_of_its_own_that_says_which_key_broke_it(api: Api) -> None:
    bodies: list[dict[str, Any]] = [
        {},
        {"inputs": []},
        {"inputs": {"age": 7}},
        {"priority": 5},
        {"priority": "high"},
        {"channel": 5},
        {"environment": 5},
        {"thread": "main"},
        {"envVars": []},
        {"envVars": {"AGE": 7}},
        {"envVars": {"lower": "secret"}},
        {"envVars": {**MANY, "MORE": "secret"}},
        {"envVars": {"KEY": "secret" * 65_536}},
        {"metadata": []},
        {"metadata": {"age": 7}},
        {"metadata": {"ages": [7]}},
    ]
    path = "/api/v1/workflows/digest/1/runs"
    inputs: dict[str, Any] = {"inputs": {}}
    answers = [api("POST", path, {**inputs, **body}) for body in bodies[1:]]
    answers.append(api("POST", path, bodies[0]))
    assert [answer.status for answer in answers] == [422] * len(bodies)
    texts = [answer.document["error"] for answer in answers]
    assert len(set(texts)) == len(bodies)
    assert texts[1] == "inputs['age'] must be a string"
    # Values of variables are secrets.
    assert "secret" not in str(texts)


# Who may ask, and for what


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer wrong",
        "Bearer ",
        "Bearer",
        "",
        "test-key",
        "Basic test-key",
        "Bearer test-keyy",
        "Bearer  test-key",
    ],
)
def test_a_wrong_key_gets_401_with_the_error_body(
    server: FakeServer, api: Api, authorization: str
) -> None:
    answer = api(
        "GET", "/api/v1/prompts/greeting/1", headers={"Authorization": authorization}
    )
    assert answer.status == 401
    assert list(answer.document) == ["error"]
    assert isinstance(answer.document["error"], str)
    assert server.requests[0].headers["authorization"].strip() == authorization.strip()


def test_no_key_gets_401_and_starts_nothing(server: FakeServer) -> None:
    calls: list[dict[str, str]] = []
    server.add_prompt("count", counting(calls))
    connection = http.client.HTTPConnection(
        "127.0.0.1", urlsplit(server.url).port, timeout=PATIENCE
    )
    connection.request("POST", "/api/v1/prompts/count/1/runs", b'{"inputs":{}}')
    assert connection.getresponse().status == 401
    connection.close()
    server.close()
    assert calls == []


def test_the_key_can_be_chosen() -> None:
    with FakeServer(api_key="pj_secret") as server:
        server.add_prompt("greeting", lambda inputs: "hi")
        for key, status in (("pj_secret", 200), ("test-key", 401)):
            api = Api(server, key)
            assert api("GET", "/api/v1/prompts/greeting/1").status == status
            api.connection.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("PUT", "/api/v1/prompts/greeting/1"),
        ("PATCH", "/api/v1/knowledge-bases/docs"),
        ("GET", "/api/v1"),
        ("GET", "/api/v2/prompts/greeting/1"),
        ("GET", "/api/v1/prompts/greeting/1/"),
        ("GET", "/api/v1/prompts/greeting"),
        ("GET", "/api/v1/prompts/unknown/1"),
        ("GET", "/api/v1/prompts/greeting/2"),
        ("GET", "/api/v1/prompts/greeting/0"),
        ("GET", "/api/v1/prompts/greeting/01"),
        ("GET", "/api/v1/prompts/greeting/staging"),
        ("GET", "/api/v1/prompts/digest/1"),
        ("POST", "/api/v1/prompts/unknown/1/runs"),
        ("POST", "/api/v1/prompts/greeting/2/runs"),
        ("POST", "/api/v1/workflows/greeting/1/runs"),
        ("GET", f"/api/v1/promptruns/{THREAD}"),
        ("GET", "/api/v1/promptruns/nonsense"),
        ("GET", f"/api/v1/workflowruns/{THREAD}"),
        ("GET", "/api/v1/knowledge-bases/unknown"),
        ("POST", "/api/v1/knowledge-bases/unknown/documents"),
        ("GET", f"/api/v1/knowledge-documents/{THREAD}"),
        ("DELETE", f"/api/v1/knowledge-documents/{THREAD}"),
        ("POST", "/api/v1/prompts/greeting/1"),
        ("GET", "/api/v1/prompts/greeting/1/runs"),
        ("DELETE", "/api/v1/knowledge-bases/docs"),
    ],
)
def test_anything_that_was_not_added_is_404_with_the_error_body(
    api: Api, method: str, path: str
) -> None:
    answer = api(method, path, {"inputs": {}} if method == "POST" else None)
    assert answer.status == 404
    assert list(answer.document) == ["error"]


# Knowledge bases


def test_uploaded_files_come_through_byte_for_byte(
    server: FakeServer, api: Api
) -> None:
    names = [f"file {number}; ü.txt" for number in range(len(CONTENTS))]
    answer = api.upload("docs", multipart(*zip(names, CONTENTS, strict=True)))
    assert answer.status == 200
    for document, name, content in zip(answer.document, names, CONTENTS, strict=True):
        assert set(document) == {
            "id",
            "status",
            "fileName",
            "bytes",
            "chunkCount",
            "mimeType",
        }
        assert (document["status"], document["fileName"]) == ("pending", name)
        assert document["bytes"] == len(content)
        assert (
            server.document_content(document["id"])
            == server.document_content(UUID(document["id"]))
            == content
        )
    with pytest.raises(KeyError):
        server.document_content(uuid4())


def test_a_boundary_may_be_quoted_followed_by_spaces_and_have_text_around_it(
    server: FakeServer, api: Api
) -> None:
    boundary = "a (b) +c'd?="
    body = (
        b"preamble\r\n"
        + multipart(("x", b"one\r\n"), boundary=boundary)
        + b"epilogue --a (b)"
    )
    body = body.replace(b"?=\r\nContent-D", b"?= \t\r\ncontent-d")
    (document,) = api.upload("docs", body, f'"{boundary}"').document
    assert server.document_content(document["id"]) == b"one\r\n"


def test_a_file_name_may_be_encoded(server: FakeServer, api: Api) -> None:
    """RFC 2231; RFC 7578 does without, but some clients send it."""
    body = multipart(("x", b"one")).replace(
        b'filename="x"', b"filename*=UTF-8''%C3%A9.txt"
    )
    assert api.upload("docs", body).document[0]["fileName"] == "é.txt"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        multipart(),
        multipart(("a", b"x"))[:-6],
        multipart(("a", b"x"), boundary="other"),
        multipart(("a", b"x")).replace(b"files[0]", b"files"),
        multipart(("a", b"x")).replace(b"files[0]", b"files[1]"),
        multipart(("a", b"x"), ("b", b"y")).replace(b"files[1]", b"files[0]"),
        multipart(("a", b"x"), ("b", b"y")).replace(b"files[1]", b"files[2]"),
        multipart(("a", b"x")).replace(b'; filename="a"', b""),
        multipart(("", b"x")),
        multipart(("a", b"x")).replace(b"Content-Type: text/plain\r\n", b""),
    ],
)
def test_an_upload_that_is_not_as_the_api_wants_it_is_422_and_adds_nothing(
    api: Api, body: bytes
) -> None:
    answer = api.upload("docs", body)
    assert (answer.status, list(answer.document)) == (422, ["error"])
    assert api("GET", "/api/v1/knowledge-bases/docs").document["documentCount"] == 0


def test_each_rule_of_an_upload_has_a_text_of_its_own(api: Api) -> None:
    good = multipart(("a", b"x"))
    bodies = [
        b"nonsense",
        good[:-6] + b"\r\n--" + BOUNDARY.encode(),
        good.replace(b"files[0]", b"files"),
        good.replace(b'; filename="a"', b""),
        good.replace(b"Content-Type: text/plain\r\n", b""),
    ]
    texts = [api.upload("docs", body).document["error"] for body in bodies]
    path = "/api/v1/knowledge-bases/docs/documents"
    for content_type in ("application/json", "multipart/form-data"):
        answer = api("POST", path, good, {"Content-Type": content_type})
        texts.append(answer.document["error"])
    assert len(set(texts)) == len(texts)
    assert texts[2] == "part 1 of the body must be named files[0]"


def test_an_upload_that_is_no_form_is_422(api: Api) -> None:
    path = "/api/v1/knowledge-bases/docs/documents"
    for content_type in (
        "application/json",
        "multipart/form-data",
        f"multipart/mixed; boundary={BOUNDARY}",
    ):
        assert (
            api(
                "POST", path, multipart(("a", b"x")), {"Content-Type": content_type}
            ).status
            == 422
        )


def test_documents_and_their_base_are_pending_and_then_ready(
    server: FakeServer, api: Api
) -> None:
    server.run_seconds = PATIENCE
    empty = api("GET", "/api/v1/knowledge-bases/docs").document
    assert {**empty, "id": 0} == {
        "id": 0,
        "status": "ready",
        "documentCount": 0,
        "chunkCount": 0,
        "documents": [],
    }
    first, second = api.upload(
        "docs", multipart(("a.txt", b"x" * 1001), ("b.txt", b"y"))
    ).document
    assert api("GET", "/api/v1/knowledge-bases/docs").document["status"] == "pending"
    path = f"/api/v1/knowledge-documents/{first['id']}"
    assert api("GET", path).document == first
    hurry(server)
    assert api.finished(path) == {**first, "status": "ready", "chunkCount": 2}
    base = api.finished("/api/v1/knowledge-bases/docs")
    assert (base["id"], base["status"], base["documentCount"], base["chunkCount"]) == (
        empty["id"],
        "ready",
        2,
        3,
    )
    assert base["documents"][1] == {
        "id": second["id"],
        "status": "ready",
        "fileName": "b.txt",
        "bytes": 1,
        "mimeType": "text/plain",
        "chunkCount": 1,
    }


def test_a_deleted_document_is_gone_and_a_second_deletion_is_404(api: Api) -> None:
    kept, deleted = api.upload(
        "docs", multipart(("a.txt", b"x"), ("b.txt", b"y"))
    ).document
    path = f"/api/v1/knowledge-documents/{deleted['id']}"
    answer = api("DELETE", path)
    assert (answer.status, answer.content, answer.headers["Content-Length"]) == (
        204,
        b"",
        None,
    )
    assert api("DELETE", path).status == 404
    assert api("GET", path).status == 404
    base = api.finished("/api/v1/knowledge-bases/docs")
    assert [document["id"] for document in base["documents"]] == [kept["id"]]


def test_a_base_that_is_added_again_keeps_its_documents_and_bases_are_apart(
    server: FakeServer, api: Api
) -> None:
    api.upload("docs", multipart(("a.txt", b"x")))
    server.add_knowledge_base("docs")
    server.add_knowledge_base("empty")
    assert api("GET", "/api/v1/knowledge-bases/docs").document["documentCount"] == 1
    assert api("GET", "/api/v1/knowledge-bases/empty").document["documentCount"] == 0


# Stream tokens


def test_a_stream_token_is_for_this_server_and_expires_in_the_future(
    server: FakeServer, api: Api
) -> None:
    first, second = (
        api("POST", f"/api/v1/threads/{THREAD}/stream-token").document for _ in range(2)
    )
    assert api("POST", "/api/v1/threads/nonsense/stream-token").status == 404
    assert set(first) == {"token", "expiresAt", "url"}
    assert first["url"] == f"{server.url}/stream/{THREAD}"
    assert first["token"] != second["token"]
    assert datetime.fromisoformat(first["expiresAt"]) > datetime.now(
        timezone.utc
    ) + timedelta(seconds=60)


# What came


def test_requests_are_recorded_as_they_came_and_in_order(
    server: FakeServer, api: Api
) -> None:
    api("GET", "/api/v1/prompts/greeting/1?x=%20y")
    api(
        "POST",
        "/api/v1/prompts/greeting/1/runs",
        {"inputs": {"name": "Ada"}},
        {"X-Mine": "yes"},
    )
    api("GET", "/nowhere")
    Api(server, "wrong")
    get, post, nowhere = server.requests
    assert (get.method, get.path, get.body) == (
        "GET",
        "/api/v1/prompts/greeting/1?x=%20y",
        b"",
    )
    assert (post.method, post.json()) == ("POST", {"inputs": {"name": "Ada"}})
    assert post.headers["x-mine"] == post.headers["X-MINE"] == "yes"
    assert nowhere.path == "/nowhere"
    with pytest.raises(AttributeError):
        post.body = b""  # type: ignore[misc]
    with pytest.raises(ValueError, match="Expecting value"):
        get.json()
    assert isinstance(get, RecordedRequest)


def test_no_request_of_many_threads_is_lost(server: FakeServer) -> None:
    def ask(number: int) -> None:
        api = Api(server)
        for turn in range(20):
            statuses.append(
                api("GET", f"/api/v1/prompts/greeting/1?{number}-{turn}").status
            )
        api.connection.close()

    statuses: list[int] = []
    in_threads(8, ask)
    assert statuses == [200] * 160
    assert len({request.path for request in server.requests}) == 160
    for number in range(8):
        turns = [
            request.path for request in server.requests if f"?{number}-" in request.path
        ]
        assert turns == [
            f"/api/v1/prompts/greeting/1?{number}-{turn}" for turn in range(20)
        ]
