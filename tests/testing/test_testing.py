"""FakeServer: it answers as the API does, fails as it is told to, and leaves nothing behind."""

from __future__ import annotations

import http.client
import io
import json
import math
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

import pytest
from helpers.calls import eventually, in_threads
from helpers.package import ENV, NAME
from helpers.servers import PATIENCE, ScriptedServer, respond

import promptjuggler
from promptjuggler import PromptJuggler, testing, verify_webhook_signature
from promptjuggler.testing import FakeServer, RecordedRequest, sign_webhook

THREAD = "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11"
BOUNDARY = "cut-here"


class Api:
    """Asks a FakeServer over one kept connection, without the client of this package."""

    def __init__(self, server: FakeServer, key: str | None = None) -> None:
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", urlsplit(server.url).port, timeout=PATIENCE
        )
        self.key = server.api_key if key is None else key

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> SimpleNamespace:
        data = (
            body
            if body is None or isinstance(body, bytes)
            else json.dumps(body).encode()
        )
        self.connection.request(
            method,
            path,
            data,
            {"Authorization": f"Bearer {self.key}", **(headers or {})},
        )
        answer = self.connection.getresponse()
        content = answer.read()
        document = json.loads(content) if content else None
        return SimpleNamespace(
            status=answer.status,
            headers=answer.headers,
            content=content,
            document=document,
        )

    def run(
        self,
        kind: str,
        slug: str,
        inputs: dict[str, str] | None = None,
        version: str = "1",
    ) -> str:
        """Start a run and give the path at which it can be read."""
        answer = self(
            "POST", f"/api/v1/{kind}s/{slug}/{version}/runs", {"inputs": inputs or {}}
        )
        assert answer.status == 200, answer.document
        return f"/api/v1/{kind}runs/{answer.document['id']}"

    def finished(self, path: str) -> Any:
        """What is at a path once it is not pending any more."""
        document = self("GET", path).document
        eventually(lambda: self("GET", path).document["status"] != "pending")
        assert document["id"] == path.rpartition("/")[2] or "documents" in document
        return self("GET", path).document

    def upload(
        self, slug: str, body: bytes, boundary: str = BOUNDARY
    ) -> SimpleNamespace:
        content_type = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self(
            "POST", f"/api/v1/knowledge-bases/{slug}/documents", body, content_type
        )


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(run_seconds=0.02) as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow(
            "digest", lambda inputs: {"summary": inputs["text"][:5], "title": None}
        )
        server.add_knowledge_base("docs")
        yield server


@pytest.fixture
def api(server: FakeServer) -> Iterator[Api]:
    api = Api(server)
    yield api
    api.connection.close()


def multipart(*files: tuple[str, bytes], boundary: str = BOUNDARY) -> bytes:
    parts = b""
    for index, (name, content) in enumerate(files):
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files[{index}]"; filename="{name}"\r\n'
        parts += head.encode() + b"Content-Type: text/plain\r\n\r\n" + content + b"\r\n"
    return parts + f"--{boundary}--\r\n".encode()


# Signing


def test_sign_webhook_gives_the_header_of_a_known_vector() -> None:
    # printf '%s' '1700000000.{"event":"promptrun.finished","id":"run1"}' | openssl dgst -sha256 -hmac whsec_test
    expected = "t=1700000000,v1=de93ff05d88210463d90b1aecfffcac242163249eaf76ee10c381f1fde0e1324"
    body = '{"event":"promptrun.finished","id":"run1"}'
    assert sign_webhook(body, "whsec_test", 1_700_000_000) == expected
    assert (
        sign_webhook(body.encode(), "whsec_test", timestamp=1_700_000_000) == expected
    )


def test_sign_webhook_without_a_timestamp_signs_for_now() -> None:
    header = sign_webhook("{}", "whsec")
    assert verify_webhook_signature("{}", header, "whsec")
    assert abs(int(header[2:].partition(",")[0]) - time.time()) < 60


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


def test_a_prompt_run_is_pending_and_then_completed(api: Api) -> None:
    before = datetime.now(timezone.utc)
    path = api.run("prompt", "greeting", {"name": "Ada Lovelace"})
    pending = api("GET", path).document
    assert {**pending, "createdAt": 0} == {
        "id": path.rpartition("/")[2],
        "status": "pending",
        "createdAt": 0,
        "emitted": [],
        "transcript": [],
    }
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
    api: Api,
) -> None:
    path = api.run("workflow", "digest", {"text": "long text"})
    pending = api("GET", path).document
    assert (pending["status"], pending["outputs"], pending["errors"]) == (
        "pending",
        {},
        [],
    )
    run = api.finished(path)
    assert run["status"] == "completed"
    assert run["outputs"] == {"summary": "long ", "title": None}
    assert run["errors"] == []
    assert run["tokenUsage"]["total"] == 3
    assert run["cost"]["total"] == 0


def raising(error: BaseException) -> Callable[[dict[str, str]], Any]:
    def function(inputs: dict[str, str]) -> Any:
        raise error

    return function


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda inputs: inputs["name"], "'name'"),
        (raising(ValueError("the model is out")), "the model is out"),
        (raising(ZeroDivisionError()), "ZeroDivisionError"),
        (raising(SystemExit("stop")), "stop"),
        (lambda inputs: None, "NoneType"),
        (lambda inputs: 7, "'int' object is not iterable"),
        (lambda inputs: {7: 7}, ""),
    ],
)
def test_a_function_that_raises_or_returns_the_wrong_thing_makes_a_failed_run(
    server: FakeServer, api: Api, function: Callable[[dict[str, str]], Any], text: str
) -> None:
    server.add_prompt("bad", function)
    server.add_workflow("bad", function)
    prompt_run, workflow_run = (
        api.finished(api.run(kind, "bad")) for kind in ("prompt", "workflow")
    )
    assert (prompt_run["status"], workflow_run["status"]) == ("failed", "failed")
    assert text in prompt_run["error"]
    assert "output" not in prompt_run
    assert prompt_run["transcript"] == []
    assert prompt_run["finishedAt"]
    assert workflow_run["outputs"] == {}
    assert len(workflow_run["errors"]) == 1
    if text not in ("", "NoneType"):
        assert prompt_run["error"] == workflow_run["errors"][0] == text


def counting(calls: list[dict[str, str]]) -> Callable[[dict[str, str]], str]:
    def function(inputs: dict[str, str]) -> str:
        calls.append(inputs)
        return "counted"

    return function


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

CONTENTS = [
    b"",
    b"plain",
    b"\r\n",
    b"ends with a line break\r\n",
    b"\r\n\r\nblank lines\r\n\r\n",
    b"\n",
    b"\r",
    b"--cut-her",
    b"\r\n--cut-hereafter\r\n--cut-here--after",
    b"x--cut-here--\r\n",
    b"a\r\n--cut-her\r\n--",
    b"a\n--cut-here\nb",
    b"\xff\xfe\x00\x80 not text",
    bytes(range(256)) * 40,
]


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


def test_documents_and_their_base_are_pending_and_then_ready(api: Api) -> None:
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
    assert api("POST", "/api/v1/threads/nonsense/stream-token").status == 422
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


# Webhooks


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with ScriptedServer(respond((204,))) as receiver:
        yield receiver


def test_everything_that_finishes_is_delivered_signed_though_nobody_asks(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    server.add_webhook(f"{receiver.url}/hook?a=b", "whsec_test")
    server.add_prompt("bad", raising(ValueError("no")))
    good, bad = api.run("prompt", "greeting", {"name": "Ada"}), api.run("prompt", "bad")
    flow = api.run("workflow", "digest", {"text": "x"})
    first, second = api.upload(
        "docs", multipart(("a.txt", b"x" * 1500), ("b.txt", b"y"))
    ).document
    base = api("GET", "/api/v1/knowledge-bases/docs").document
    eventually(lambda: len(receiver.requests) == 6)
    expected: list[dict[str, Any]]
    expected = [
        {"id": path.rpartition("/")[2], "status": "completed"} for path in (good, flow)
    ]
    expected += [
        {"id": bad.rpartition("/")[2], "status": "failed"},
        {"id": first["id"], "status": "ready", "chunkCount": 2},
        {"id": second["id"], "status": "ready", "chunkCount": 1},
        {"id": base["id"], "status": "ready", "documentCount": 2, "chunkCount": 3},
    ]
    delivered = [request.json() for request in receiver.requests]
    assert sorted(delivered, key=str) == sorted(expected, key=str)
    for request in receiver.requests:
        assert (request.method, request.target) == ("POST", "/hook?a=b")
        assert request.headers["content-type"] == "application/json"
        assert verify_webhook_signature(
            request.body, request.headers["promptjuggler-signature"], "whsec_test"
        )
    assert server.webhook_errors == []
    finished = {
        "promptruns": promptjuggler.PromptRunFinished,
        "workflowruns": promptjuggler.WorkflowRunFinished,
    }
    for path in (good, bad, flow):
        (document,) = (one for one in delivered if one["id"] == path.rpartition("/")[2])
        assert finished[path.split("/")[3]].from_dict(document).to_dict() == document
    assert (
        promptjuggler.KnowledgeDocumentFinished.from_dict(expected[3]).to_dict()
        == expected[3]
    )
    assert (
        promptjuggler.KnowledgeBaseFinished.from_dict(expected[5]).to_dict()
        == expected[5]
    )


def test_each_webhook_is_signed_with_its_own_secret(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    for secret in ("whsec_1", "whsec_2"):
        server.add_webhook(f"{receiver.url}/{secret}", secret)
    api.run("prompt", "greeting", {"name": "Ada"})
    eventually(lambda: len(receiver.requests) == 2)
    for request in receiver.requests:
        signature = request.headers["promptjuggler-signature"]
        assert verify_webhook_signature(request.body, signature, request.target[1:])


def test_a_delivery_that_fails_is_noted_and_the_others_are_made(
    server: FakeServer,
    api: Api,
    receiver: ScriptedServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.socket() as nobody, ScriptedServer(respond((500,))) as refusing:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        for url in (
            f"http://127.0.0.1:{port}/",
            f"{refusing.url}/",
            f"{receiver.url}/",
        ):
            server.add_webhook(url, "whsec")
        api.run("prompt", "greeting", {"name": "Ada"})
        eventually(lambda: receiver.requests)
    unreachable, refused = server.webhook_errors
    assert unreachable.startswith(f"http://127.0.0.1:{port}/: ")
    assert refused.startswith(f"{refusing.url}/: HTTP Error 500")
    assert capsys.readouterr() == ("", "")


def test_a_document_that_was_deleted_while_pending_is_not_delivered(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    server.add_webhook(receiver.url, "whsec")
    server.run_seconds = 0.1
    kept, deleted = api.upload(
        "docs", multipart(("a.txt", b"x"), ("b.txt", b"y"))
    ).document
    api("DELETE", f"/api/v1/knowledge-documents/{deleted['id']}")
    base = api.finished("/api/v1/knowledge-bases/docs")
    eventually(lambda: len(receiver.requests) == 2)
    assert [request.json()["id"] for request in receiver.requests] == [
        kept["id"],
        base["id"],
    ]


# HTTP


def raw(server: FakeServer, *pieces: bytes) -> bytes:
    """Everything the server sends back until it hangs up."""
    with socket.create_connection(
        ("127.0.0.1", urlsplit(server.url).port or 0), timeout=PATIENCE
    ) as sock:
        for piece in pieces:
            sock.sendall(piece)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return answer


def test_a_connection_is_kept_alive_through_errors_and_204s(
    server: FakeServer, api: Api
) -> None:
    api("GET", "/api/v1/prompts/greeting/1")
    port = api.connection.sock.getsockname()[1]
    (document,) = api.upload("docs", multipart(("a.txt", b"x"))).document
    document_path = f"/api/v1/knowledge-documents/{document['id']}"
    for method, path in (("GET", "/nowhere"), ("DELETE", document_path), ("POST", "/")):
        api(method, path)
        assert api.connection.sock.getsockname()[1] == port


def test_a_client_that_expects_100_continue_is_told_to_go_on(
    server: FakeServer,
) -> None:
    head = b"POST /api/v1/prompts/greeting/1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: bearer test-key\r\n"
    head += b"Content-Length: 13\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"
    answer = raw(server, head, b'{"inputs":{}}')
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    "header",
    [b"Transfer-Encoding: chunked", b"Content-Length: x", b"Content-Length: -1"],
)
def test_a_body_of_unknown_length_is_411_and_the_connection_ends(
    server: FakeServer, header: bytes
) -> None:
    head = b"POST /api/v1/prompts/greeting/1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-key\r\n"
    answer = raw(server, head + header + b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 411 ")
    assert b"\r\nConnection: close\r\n" in answer


@pytest.mark.parametrize(
    "junk",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"BREW / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01",
    ],
)
def test_nonsense_on_the_wire_is_answered_or_hung_up_on_and_never_printed(
    server: FakeServer, api: Api, junk: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with socket.create_connection(
        ("127.0.0.1", urlsplit(server.url).port or 0), timeout=PATIENCE
    ) as sock:
        sock.sendall(junk)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass
    assert api("GET", "/api/v1/prompts/greeting/1").status == 200
    assert capfd.readouterr() == ("", "")


def test_a_request_that_was_cut_off_is_not_carried_out(
    server: FakeServer, api: Api
) -> None:
    head = b"POST /api/v1/prompts/greeting/1/runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer test-key\r\n"
    with socket.create_connection(
        ("127.0.0.1", urlsplit(server.url).port or 0), timeout=PATIENCE
    ) as sock:
        sock.sendall(head + b'Content-Length: 13\r\n\r\n{"inputs":')
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""
    assert server.requests == []


# Start and end


def test_close_hangs_up_kept_connections_and_ends_every_thread_at_once(
    receiver: ScriptedServer, capfd: pytest.CaptureFixture[str]
) -> None:
    before = set(threading.enumerate())
    server = FakeServer(run_seconds=60)
    server.start()
    server.add_prompt("greeting", lambda inputs: "hi")
    server.add_webhook(receiver.url, "whsec")
    api = Api(server)
    api.run("prompt", "greeting")
    late = threading.Thread(
        target=lambda: pytest.raises(ConnectionError, api, "GET", "/")
    )
    server.delay_next(60)
    late.start()
    eventually(lambda: len(server.requests) == 2)
    idle = Api(server)
    idle("GET", "/")
    started = time.monotonic()
    server.close()
    server.close()
    late.join()
    assert time.monotonic() - started < PATIENCE
    assert set(threading.enumerate()) <= before
    assert idle.connection.sock.recv(1) == b""
    with pytest.raises(ConnectionError):
        socket.create_connection(
            ("127.0.0.1", urlsplit(server.url).port or 0), timeout=PATIENCE
        )
    assert receiver.requests == []
    assert capfd.readouterr() == ("", "")
    idle.connection.close()
    api.connection.close()


def test_close_does_not_wait_long_for_a_webhook_receiver_that_says_nothing(
    server: FakeServer, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert testing._WEBHOOK_SECONDS == 1.0
    monkeypatch.setattr(testing, "_WEBHOOK_SECONDS", 0.2)
    with ScriptedServer(lambda conn: conn.hang()) as silent:
        server.add_webhook(silent.url, "whsec")
        api.finished(api.run("prompt", "greeting", {"name": "Ada"}))
        eventually(lambda: silent.connections == 1)
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < PATIENCE


def test_a_server_that_is_started_again_is_at_the_same_address_with_the_same_contents() -> (
    None
):
    server = FakeServer(run_seconds=0)
    with server:
        server.add_prompt("greeting", lambda inputs: "hi")
        address, api = server.url, Api(server)
        path = api.run("prompt", "greeting")
        api.finished(path)
        with pytest.raises(OSError, match="in use"):
            server.start()
        api.connection.close()
    with server:
        assert server.url == address
        assert api("GET", path).document["output"] == "hi"
        api.connection.close()


def test_the_address_is_not_known_before_the_start() -> None:
    with pytest.raises(AttributeError):
        FakeServer().url  # noqa: B018


def test_two_servers_live_side_by_side(server: FakeServer, api: Api) -> None:
    with FakeServer() as other:
        assert other.url != server.url
        other_api = Api(other)
        assert other_api("GET", "/api/v1/prompts/greeting/1").status == 404
        assert api("GET", "/api/v1/prompts/greeting/1").status == 200
        other_api.connection.close()


def test_the_module_is_loaded_without_the_client() -> None:
    code = f"import sys, {NAME}.testing; print([name for name in sys.modules if name.startswith({NAME!r} + '.')])"
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
    assert result.stdout == f"['{NAME}.testing']\n"


def test_the_program_shows_a_run_and_says_that_no_model_was_called() -> None:
    command = [sys.executable, "-W", "error", "-m", f"{NAME}.testing"]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    started, pending, completed, answer, about = result.stdout.splitlines()[1:]
    assert re.fullmatch(
        r"Started run [0-9a-f-]{36} of the prompt greeting, with name=Ada\.", started
    )
    assert (pending, completed) == (
        "Status: pending. Waiting ...",
        "Status: completed.",
    )
    assert answer == "Answer: Hello, Ada!"
    assert about.startswith("No model was called")


# With the client


@pytest.fixture
def pj(server: FakeServer) -> Iterator[PromptJuggler]:
    with PromptJuggler(server.api_key, base_url=server.url) as pj:
        yield pj


def test_the_client_can_do_everything_with_it(
    server: FakeServer, api: Api, pj: PromptJuggler
) -> None:
    revision = pj.get_prompt("greeting", "production")
    assert revision.to_dict() == api("GET", "/api/v1/prompts/greeting/1").document
    options: dict[str, Any] = {
        "priority": "low",
        "environment": "e",
        "env_vars": {"A": "b"},
        "metadata": {"c": ["d"]},
    }
    created = pj.run_prompt(
        "greeting", 1, {"name": "Ada"}, thread=THREAD, channel="side", **options
    )
    assert created.thread == UUID(THREAD)
    assert pj.get_prompt_run(created.id).id == created.id
    assert (
        pj.wait_for_prompt_run(created.id, poll_interval=0.01).output == "Hello, Ada!"
    )
    flow = pj.run_workflow("digest", "__latest__", {"text": "long text"}, **options)
    outputs = pj.wait_for_workflow_run(flow.id, poll_interval=0.01).outputs
    assert outputs == {"summary": "long ", "title": None}
    assert pj.get_workflow_run(flow.id).cost is not None
    assert pj.create_stream_token(THREAD).url == f"{server.url}/stream/{THREAD}"


def test_the_client_uploads_what_the_server_then_holds(
    server: FakeServer, pj: PromptJuggler
) -> None:
    files = [(f"Zoë {number}.txt", content) for number, content in enumerate(CONTENTS)]
    uploaded = pj.upload_documents(
        "docs", [*files, ("stream.bin", io.BytesIO(b"from a file"))]
    )
    assert [server.document_content(document.id) for document in uploaded] == [
        *CONTENTS,
        b"from a file",
    ]
    assert [document.file_name for document in uploaded[:-1]] == [
        name for name, _ in files
    ]
    first = uploaded[0].id
    assert pj.wait_for_knowledge_document(first, poll_interval=0.01).status == "ready"
    assert (
        pj.wait_for_knowledge_base("docs", poll_interval=0.01).document_count
        == len(CONTENTS) + 1
    )
    pj.delete_knowledge_document(first)
    assert pj.get_knowledge_base("docs").document_count == len(CONTENTS)
    with pytest.raises(promptjuggler.ApiError) as caught:
        pj.get_knowledge_document(first)
    assert caught.value.status_code == 404


def test_the_client_meets_the_faults_that_were_asked_for(
    server: FakeServer, pj: PromptJuggler
) -> None:
    once = pj.with_options(max_retries=0)
    server.fail_next(503, retry_after=7)
    with pytest.raises(promptjuggler.ApiError) as failed:
        once.get_prompt("greeting", 1)
    assert (failed.value.status_code, failed.value.retry_after) == (503, 7)
    server.drop_next()
    with pytest.raises(promptjuggler.NetworkError):
        once.run_prompt("greeting", 1, {"name": "Ada"})
    server.delay_next(5)
    with pytest.raises(promptjuggler.RequestTimeout):
        once.with_options(timeout=0.05).get_prompt("greeting", 1)
    with (
        PromptJuggler("wrong", base_url=server.url) as wrong,
        pytest.raises(promptjuggler.ApiError) as refused,
    ):
        wrong.get_prompt("greeting", 1)
    assert refused.value.status_code == 401


def test_the_example_of_the_module_works() -> None:
    lines = (promptjuggler.testing.__doc__ or "").splitlines()
    code = "\n".join(line[4:] for line in lines if line.startswith("    ") or not line)
    assert code.strip().startswith("@pytest.fixture\ndef server():")
    assert code.index("yield server") < code.index("def test_greets")
    source = code.replace("@pytest.fixture\n", "").replace(
        "def server():", "@contextmanager\ndef server():"
    )
    names: dict[str, Any] = {
        "contextmanager": contextmanager,
        "FakeServer": FakeServer,
        "PromptJuggler": PromptJuggler,
    }
    exec(source, names)
    with names["server"]() as server:
        names["test_greets"](server)
        assert [request.method for request in server.requests][:2] == ["POST", "GET"]
