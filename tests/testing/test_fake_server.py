"""FakeServer as a server: HTTP, its start and end; and the client beside it."""

from __future__ import annotations

import io
import re
import socket
import subprocess
import sys
import threading
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from helpers.calls import eventually
from helpers.package import ENV, NAME
from helpers.servers import PATIENCE, ScriptedServer
from helpers.stand_in import (
    CONTENTS,
    THREAD,
    Api,
    multipart,
    raw,
)

import promptjuggler
from promptjuggler import PromptJuggler
from promptjuggler.testing import FakeServer, Node

START_OF_A_RUN = (
    b"POST /api/v1/prompts/greeting/1/runs HTTP/1.1\r\n"
    b"Host: localhost\r\nAuthorization: Bearer test-key\r\n"
)

# `close()` takes 5 seconds where a thread does not end.
SOON = 4.0

# HTTP


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
    head = START_OF_A_RUN.replace(b"Bearer", b"bearer")
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
    answer = raw(server, START_OF_A_RUN + header + b"\r\n\r\n")
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
    with socket.create_connection(
        ("127.0.0.1", urlsplit(server.url).port or 0), timeout=PATIENCE
    ) as sock:
        sock.sendall(START_OF_A_RUN + b'Content-Length: 13\r\n\r\n{"inputs":')
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(100) == b""
    assert server.requests == []


# Who may ask, and how much


@pytest.mark.parametrize(
    ("host", "status"),
    [
        (b"localhost", 200),
        (b"LOCALHOST:1234", 200),
        (b"127.0.0.1", 200),
        (b"[::1]:80", 200),
        (b"rebound.example", 421),
        (b"rebound.example:80", 421),
        (b"localhost.rebound.example", 421),
        (b"127.0.0.1.rebound.example", 421),
        (b"127.0.0.1:x", 421),
        (b"", 421),
        (b"localhost\r\nHost: rebound.example", 421),
    ],
)
def test_only_the_names_of_the_loopback_lead_to_it(
    server: FakeServer, host: bytes, status: int
) -> None:
    head = b"GET /api/v1/prompts/greeting/1 HTTP/1.1\r\nHost: " + host
    end = b"\r\nAuthorization: Bearer test-key\r\nConnection: close\r\n\r\n"
    answer = raw(server, head + end)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        (b"http://127.0.0.1/api/v1/prompts/greeting/1", b"127.0.0.1", 200),
        (b"HTTP://LOCALHOST:80/api/v1/prompts/greeting/1", b"localhost:80", 200),
        # RFC 9112, 3.2.2: the header is not heeded then.
        (b"http://[::1]:7/api/v1/prompts/greeting/1", b"rebound.example", 200),
        (b"http://rebound.example/api/v1/prompts/greeting/1", b"127.0.0.1", 421),
        (b"http://a@127.0.0.1/api/v1/prompts/greeting/1", b"127.0.0.1", 421),
        (b"http:///api/v1/prompts/greeting/1", b"127.0.0.1", 421),
        (b"http://127.0.0.1/api/v1/prompts/greeting/1", b"a\r\nHost: b", 421),
        (b"https://127.0.0.1/api/v1/prompts/greeting/1", b"127.0.0.1", 404),
        (b"http://127.0.0.1", b"127.0.0.1", 404),
    ],
)
def test_a_request_may_name_the_whole_url_if_that_is_of_the_loopback(
    server: FakeServer, target: bytes, host: bytes, status: int
) -> None:
    head = b"GET " + target + b" HTTP/1.1\r\nHost: " + host
    end = b"\r\nAuthorization: Bearer test-key\r\nConnection: close\r\n\r\n"
    answer = raw(server, head + end)
    assert answer.startswith(b"HTTP/1.1 %d " % status)


def test_the_path_of_a_whole_url_is_recorded_and_meets_faults_and_starts_runs(
    server: FakeServer, api: Api
) -> None:
    server.fail_next(503, path="/api/v1/prompts/greeting/1/runs")
    path = f"{server.url}/api/v1/prompts/greeting/1/runs"
    assert api("POST", path, {"inputs": {"name": "Ada"}}).status == 503
    answer = api("POST", path, {"inputs": {"name": "Ada"}})
    run = api.finished(f"/api/v1/promptruns/{answer.document['id']}")
    assert run["output"] == "Hello, Ada!"
    api("GET", f"{server.url}?a=b://c")
    paths = [request.path for request in server.requests]
    assert paths[:2] == ["/api/v1/prompts/greeting/1/runs"] * 2
    assert paths[-1] == "/?a=b://c"


def test_a_request_without_a_host_is_refused_and_a_fault_waits_for_the_next(
    server: FakeServer, api: Api
) -> None:
    server.fail_next(503)
    answer = raw(server, b"GET / HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 421 ")
    assert api("GET", "/").status == 503


def test_a_body_over_the_limit_is_413_before_it_is_sent_and_leaves_its_head_alone(
    server: FakeServer,
) -> None:
    head = START_OF_A_RUN + b"Content-Length: 67108865\r\n\r\n"
    # Who goes on sending can read the answer all the same.
    answer = raw(server, head, b"{" * 16_000_000)
    assert answer.startswith(b"HTTP/1.1 413 ")
    (request,) = server.requests
    assert (request.method, request.body) == ("POST", b"")


def test_an_upload_over_the_limit_is_an_error_that_says_it(
    server: FakeServer, pj: PromptJuggler
) -> None:
    with pytest.raises(promptjuggler.ApiError, match="67108864 bytes") as caught:
        pj.upload_documents("docs", [("a.bin", b"x" * (64 * 2**20))])
    assert caught.value.status_code == 413


def test_the_body_of_a_request_with_a_wrong_key_is_not_kept(
    server: FakeServer, api: Api
) -> None:
    path = "/api/v1/prompts/greeting/1/runs"
    wrong = {"Authorization": "Bearer wrong"}
    assert api("POST", path, b"x" * 200_000, wrong).status == 401
    server.fail_next(503)
    assert api("POST", path, b"x" * 200_000, wrong).status == 503
    assert api("POST", path, {"inputs": {}}).status == 200
    bodies = [len(request.body) for request in server.requests]
    assert bodies == [0, 0, len('{"inputs": {}}')]


def test_each_server_has_a_key_of_its_own() -> None:
    keys = {FakeServer().api_key for _ in range(3)}
    assert len(keys) == 3
    assert min(map(len, keys)) >= 24


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
    assert time.monotonic() - started < SOON
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
    assert server._deliveries.timeout == 1.0
    monkeypatch.setattr(server._deliveries, "timeout", 0.2)
    with ScriptedServer(lambda conn: conn.hang()) as silent:
        server.add_webhook(silent.url, "whsec")
        api.finished(api.run("prompt", "greeting", {"name": "Ada"}))
        eventually(lambda: silent.connections == 1)
        started = time.monotonic()
        server.close()
        assert time.monotonic() - started < SOON


def test_a_server_that_is_started_again_is_at_the_same_address_with_the_same_contents() -> (
    None
):
    server = FakeServer(run_seconds=0)
    with server:
        server.add_prompt("greeting", lambda inputs: "hi")
        address, api = server.url, Api(server)
        path = api.run("prompt", "greeting")
        api.finished(path)
        with pytest.raises(RuntimeError, match="started already"):
            server.start()
        api.connection.close()
    with server:
        assert server.url == address
        assert api("GET", path).document["output"] == "hi"
        api.connection.close()


def test_the_address_is_not_known_before_the_start() -> None:
    with pytest.raises(AttributeError, match="before it is started"):
        FakeServer().url  # noqa: B018


def test_two_servers_live_side_by_side(server: FakeServer, api: Api) -> None:
    with FakeServer() as other:
        assert other.url != server.url
        other_api = Api(other)
        assert other_api("GET", "/api/v1/prompts/greeting/1").status == 404
        assert api("GET", "/api/v1/prompts/greeting/1").status == 200
        other_api.connection.close()


def test_the_module_is_loaded_without_the_client() -> None:
    code = f"""
import sys
from {NAME}.testing import FakeServer
names = [name for name in sys.modules if name.startswith({NAME!r} + '.')]
print([name for name in names if not name.startswith({NAME!r} + '.testing.')])
"""
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


def test_the_lists_of_what_came_may_be_replaced(server: FakeServer, api: Api) -> None:
    api("GET", "/")
    server.requests = []
    server.webhook_errors = []
    api("GET", "/else")
    assert [request.path for request in server.requests] == ["/else"]
    assert server.webhook_errors == []


def test_a_run_that_was_interrupted_and_is_thrown_away_does_not_end(
    server: FakeServer, api: Api
) -> None:
    server.run_seconds = PATIENCE
    server.add_workflow("nodes", lambda inputs: [Node("a", "one two")])
    api.run("workflow", "nodes")
    api.run("prompt", "greeting", {"name": "Ada"})
    # The two runs, and that of the node.
    eventually(lambda: "3 pending" in repr(server))
    server.close()
    for task in server._jobs._interrupted:
        task.job.close()  # type: ignore[attr-defined]
    assert "3 pending" in repr(server)
    assert server.errors == []


# Forks

FORK = f"""
import os, socket, sys
from {NAME} import NetworkError, PromptJuggler
from {NAME}.testing import FakeServer

with FakeServer(strict_faults=True) as server, PromptJuggler(
    server.api_key, base_url=server.url, max_retries=0
) as pj:
    server.add_prompt("p", lambda inputs: "Hello!")
    pj.get_prompt("p", 1)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(writing)
        server.fail_next(503)
        try:
            server.start()
        except RuntimeError as error:
            print(error, flush=True)
        if sys.argv[1] == "leaves":
            server.close()
            print("left", flush=True)
        os.read(reading, 1)  # until the parent has ended
        os._exit(0)
    os.close(reading)
    pj.get_prompt("p", 1)
    server.close()
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    try:
        socket.create_connection(address, 5).close()
    except ConnectionRefusedError:
        print("refused", flush=True)
    server.start()
    pj.get_prompt("p", 1)
os.close(writing)
os.waitpid(child, 0)
"""


@pytest.mark.parametrize("child", ["leaves", "stays"])
def test_a_forked_child_touches_nothing_of_its_parents_server(child: str) -> None:
    command = [sys.executable, "-W", "ignore", "-c", FORK, child]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert (result.returncode, result.stderr) == (0, "")
    # While the child holds a copy of the port, nobody listens there, and the parent can.
    assert "refused" in result.stdout
    assert "belongs to the parent process" in result.stdout
