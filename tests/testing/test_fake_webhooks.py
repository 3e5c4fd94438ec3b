"""Webhooks: how they are signed, and what FakeServer delivers."""

from __future__ import annotations

import math
import socket
import threading
import time
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

import pytest
from helpers.calls import eventually
from helpers.servers import PATIENCE, Conn, ScriptedServer, respond
from helpers.stand_in import (
    Api,
    hurry,
    multipart,
    raising,
)

import promptjuggler
from promptjuggler import verify_webhook_signature
from promptjuggler.testing import FakeServer, Node, sign_webhook

# Signing


def test_sign_webhook_gives_the_header_of_a_known_vector() -> None:
    # printf '%s' '1700000000.{"event":"promptrun.finished","id":"run1"}' |
    #     openssl dgst -sha256 -hmac whsec_test
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


# Webhooks


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


def test_of_a_workflow_with_nodes_the_end_of_all_of_it_is_told(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    server.add_webhook(receiver.url, "whsec")
    server.add_workflow("nodes", lambda inputs: [Node("a", "x"), Node("b", "y")])
    flow = api.run("workflow", "nodes").rpartition("/")[2]
    (delivery,) = server.wait_for_webhooks(PATIENCE)
    assert delivery.event == "workflowrun.finished"
    assert delivery.json() == {"id": flow, "status": "completed"}


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


def test_a_delivery_that_is_refused_leaves_no_answer_open(
    server: FakeServer, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals: list[HTTPError] = []
    hung_up = threading.Event()
    init = HTTPError.__init__

    def keep(self: HTTPError, *args: Any) -> None:
        # As long as it is referred to, only close() can close it.
        refusals.append(self)
        init(self, *args)

    def refuse(conn: Conn) -> None:
        conn.read_request()
        conn.reply(500, "no")
        conn.hang()
        hung_up.set()

    monkeypatch.setattr(HTTPError, "__init__", keep)
    with ScriptedServer(refuse) as refusing:
        server.add_webhook(refusing.url, "whsec")
        api.run("prompt", "greeting", {"name": "Ada"})
        assert hung_up.wait(PATIENCE)
    eventually(lambda: server.webhook_errors)
    assert len(refusals) == len(server.webhook_errors) == 1


def test_a_document_that_was_deleted_while_pending_is_not_delivered(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    server.add_webhook(receiver.url, "whsec")
    server.run_seconds = PATIENCE
    kept, deleted = api.upload(
        "docs", multipart(("a.txt", b"x"), ("b.txt", b"y"))
    ).document
    api("DELETE", f"/api/v1/knowledge-documents/{deleted['id']}")
    hurry(server)
    base = api.finished("/api/v1/knowledge-bases/docs")
    eventually(lambda: len(receiver.requests) == 2)
    assert [request.json()["id"] for request in receiver.requests] == [
        kept["id"],
        base["id"],
    ]


def test_a_base_of_which_all_pending_documents_were_deleted_is_not_delivered(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    server.add_webhook(receiver.url, "whsec")
    server.run_seconds = PATIENCE
    (deleted,) = api.upload("docs", multipart(("a.txt", b"x"))).document
    api("DELETE", f"/api/v1/knowledge-documents/{deleted['id']}")
    hurry(server)
    base = api("GET", "/api/v1/knowledge-bases/docs").document
    assert (base["status"], base["documents"]) == ("ready", [])
    # The job has ended with its thread: what it does not send by then, it never does.
    server.close()
    assert receiver.requests == []
    assert server.webhook_errors == []


# By kind

EVENTS = (
    "promptrun.finished",
    "workflowrun.finished",
    "knowledgedocument.finished",
    "knowledgebase.finished",
)


def test_a_webhook_goes_to_those_who_want_its_kind(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    for event in EVENTS:
        server.add_webhook(f"{receiver.url}/{event}", "whsec", events=(event,))
    server.add_webhook(f"{receiver.url}/two", "whsec", events=EVENTS[1:3])
    server.add_webhook(f"{receiver.url}/all", "whsec")
    run = api.run("prompt", "greeting", {"name": "Ada"}).rpartition("/")[2]
    flow = api.run("workflow", "digest", {"text": "x"}).rpartition("/")[2]
    (document,) = api.upload("docs", multipart(("a.txt", b"x"))).document
    deliveries = server.wait_for_webhooks(PATIENCE)
    base = api("GET", "/api/v1/knowledge-bases/docs").document["id"]
    ids = dict(zip(EVENTS, (run, flow, document["id"], base), strict=True))
    came = {(one.target.strip("/"), one.json()["id"]) for one in receiver.requests}
    expected = {(event, ids[event]) for event in EVENTS}
    expected |= {("all", one) for one in ids.values()}
    expected |= {("two", ids[event]) for event in EVENTS[1:3]}
    assert came == expected
    assert {(one.event, one.json()["id"]) for one in deliveries} == set(ids.items())


def test_every_try_of_a_webhook_is_kept_with_what_became_of_it(
    server: FakeServer, api: Api
) -> None:
    with socket.socket() as nobody, ScriptedServer(respond((500,), (204,))) as receiver:
        nobody.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{nobody.getsockname()[1]}/"
        server.add_webhook(gone, "whsec", retries=1)
        server.add_webhook(receiver.url, "whsec", retries=3)
        path = api.run("prompt", "greeting", {"name": "Ada"})
        deliveries = server.wait_for_webhooks(PATIENCE)
    assert [(one.url, one.status) for one in deliveries] == [
        (gone, None),
        (gone, None),
        (receiver.url, 500),
        (receiver.url, 204),
    ]
    assert [one.error is None for one in deliveries] == [False, False, False, True]
    assert {one.event for one in deliveries} == {"promptrun.finished"}
    assert deliveries[0].json() == {
        "id": path.rpartition("/")[2],
        "status": "completed",
    }
    # Only what failed to the end.
    assert [one.startswith(f"{gone}: ") for one in server.webhook_errors] == [True]
    assert [request.body for request in receiver.requests] == [deliveries[0].body] * 2
    server.deliveries = []
    assert server.wait_for_webhooks() == []


def test_wait_for_webhooks_waits_for_runs_that_nobody_looks_at(
    server: FakeServer, api: Api, receiver: ScriptedServer
) -> None:
    server.add_webhook(receiver.url, "whsec")
    server.run_seconds = 0.1
    api.run("prompt", "greeting", {"name": "Ada"})
    (delivery,) = server.wait_for_webhooks(PATIENCE)
    assert delivery.status == 204
    assert len(receiver.requests) == 1


def test_wait_for_webhooks_says_what_is_still_under_way_and_passes_over_what_is_held(
    server: FakeServer, api: Api
) -> None:
    server.run_seconds = math.inf
    path = api.run("prompt", "greeting", {"name": "Ada"})
    with pytest.raises(TimeoutError, match=r"after 0.01 s, .* 1 runs, 1 pending"):
        server.wait_for_webhooks(0.01)
    server.finish(path.rpartition("/")[2])
    server.wait_for_webhooks(PATIENCE)
    server.pause()
    api.run("prompt", "greeting", {"name": "Ada"})
    server.wait_for_webhooks(PATIENCE)
    assert "1 pending" in repr(server)


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{}",
        "HTTP://localhost:{}/a@b",
        "http://127.0.0.1:{}?a=b@c",
        "http://127.0.0.1:0{}/a#b",
        "http://LOCALHOST:{}/",
    ],
)
def test_all_ways_to_write_an_address_that_can_be_sent_to_are_taken(
    server: FakeServer, api: Api, receiver: ScriptedServer, address: str
) -> None:
    server.add_webhook(address.format(urlsplit(receiver.url).port), "whsec")
    api.run("prompt", "greeting", {"name": "Ada"})
    (delivery,) = server.wait_for_webhooks(PATIENCE)
    assert (delivery.status, delivery.error) == (204, None)


def test_an_address_of_ipv6_and_names_that_are_not_there_are_taken(
    server: FakeServer,
) -> None:
    for host in ("[::1]", "[::ffff:127.0.0.1]:80", "my_host:", "xn--bcher-kva.example"):
        server.add_webhook(f"http://{host}/", "whsec")


def test_a_receiver_that_is_no_http_server_is_noted(
    server: FakeServer, api: Api
) -> None:
    def say_nonsense(conn: Conn) -> None:
        conn.read_request()
        conn.send(b"nonsense\r\n\r\n")

    with ScriptedServer(say_nonsense) as odd:
        server.add_webhook(odd.url, "whsec")
        api.run("prompt", "greeting", {"name": "Ada"})
        (delivery,) = server.wait_for_webhooks(PATIENCE)
    assert delivery.status is None
    assert "nonsense" in str(delivery.error)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_receiver_that_redirects_has_not_got_its_webhook(
    server: FakeServer, api: Api, receiver: ScriptedServer, status: int
) -> None:
    away = respond((status, {"Location": f"{receiver.url}/elsewhere"}))
    with ScriptedServer(away) as moved:
        server.add_webhook(moved.url, "s")
        api.run("prompt", "greeting", {"name": "Ada"})
        (delivery,) = server.wait_for_webhooks()
    assert delivery.status == status
    assert str(status) in str(delivery.error)
    assert receiver.requests == []
