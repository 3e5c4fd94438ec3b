"""Documents of FakeServer that a function indexes, or refuses."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from helpers.calls import eventually
from helpers.servers import PATIENCE, ScriptedServer
from helpers.stand_in import Api, multipart

from promptjuggler.testing import Error, FakeServer


def test_a_document_is_sealed_while_its_function_runs_and_fails_by_its_error(
    server: FakeServer, api: Api
) -> None:
    server._work.longest_look = 0.01
    went: list[tuple[str, bytes]] = []
    go = threading.Event()

    def index(name: str, content: bytes) -> Error | None:
        went.append((name, content))
        assert go.wait(PATIENCE)
        return Error("Too long.") if len(content) > 1 else None

    server.add_knowledge_base("docs", index=index)
    good, bad = api.upload("docs", multipart(("a", b"x"), ("b", b"xy"))).document
    path = "/api/v1/knowledge-documents/"
    eventually(lambda: went)
    assert api("GET", path + good["id"]).document["status"] == "sealed"
    assert api("GET", path + bad["id"]).document["status"] == "pending"
    assert api("GET", "/api/v1/knowledge-bases/docs").document["status"] == "pending"
    go.set()
    server._work.longest_look = PATIENCE
    base = api("GET", "/api/v1/knowledge-bases/docs").document
    assert (base["status"], base["chunkCount"]) == ("ready", 1)
    assert [one["status"] for one in base["documents"]] == ["ready", "failed"]
    assert went == [("a", b"x"), ("b", b"xy")]
    assert server.errors == []


def raising_of_files(error: Exception) -> Callable[[str, bytes], None]:
    def index(name: str, content: bytes) -> None:
        raise error

    return index


def given(value: object) -> Callable[[str, bytes], Any]:
    return lambda name, content: value


def exits(name: str, content: bytes) -> None:
    raise GeneratorExit


@pytest.mark.parametrize(
    ("index", "told"),
    [
        (given(Error("No.")), None),
        (raising_of_files(Error("No.")), None),
        (raising_of_files(KeyError("a")), "KeyError: 'a'"),
        (given(True), "the function gave a bool: it gives None or an Error"),
        (exits, "GeneratorExit"),
    ],
)
def test_a_base_whose_documents_all_fail_has_failed_and_so_its_webhooks_say(
    server: FakeServer, api: Api, receiver: ScriptedServer, index: Any, told: str | None
) -> None:
    server.add_webhook(receiver.url, "s")
    server.add_knowledge_base("bad", index)
    (document,) = api.upload("bad", multipart(("a.txt", b"x"))).document
    deliveries = server.wait_for_webhooks(PATIENCE)
    base = api("GET", "/api/v1/knowledge-bases/bad").document
    assert base["status"] == base["documents"][0]["status"] == "failed"
    assert [(one.event, one.json()) for one in deliveries] == [
        (
            "knowledgedocument.finished",
            {"id": document["id"], "status": "failed", "chunkCount": 0},
        ),
        (
            "knowledgebase.finished",
            {"id": base["id"], "status": "failed", "documentCount": 1, "chunkCount": 0},
        ),
    ]
    assert len(server.errors) == (told is not None)
    for error in server.errors:
        assert error.startswith("document 'a.txt' of 'bad':\nTraceback ")
        assert str(told) in error


def test_the_function_of_a_base_is_taken_away_by_adding_it_without_one(
    server: FakeServer, api: Api
) -> None:
    server.add_knowledge_base("docs", given(Error("No.")))
    api.upload("docs", multipart(("a.txt", b"x")))
    server.wait_for_webhooks(PATIENCE)
    server.add_knowledge_base("docs")
    api.upload("docs", multipart(("b.txt", b"x")))
    server.wait_for_webhooks(PATIENCE)
    base = api("GET", "/api/v1/knowledge-bases/docs").document
    assert [one["status"] for one in base["documents"]] == ["failed", "ready"]
