"""The stand-in of these tests, and who asks it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers.servers import CA_FILE, ScriptedServer, respond
from helpers.stand_in import Api

from promptjuggler import PromptJuggler
from promptjuggler.testing import FakeServer


@pytest.fixture(autouse=True)
def few_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the system, which an opener of urllib loads, take ten milliseconds."""
    monkeypatch.setenv("SSL_CERT_FILE", str(CA_FILE))


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer(api_key="test-key", run_seconds=0.02) as server:
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


@pytest.fixture
def receiver() -> Iterator[ScriptedServer]:
    with ScriptedServer(respond((204,))) as receiver:
        yield receiver


@pytest.fixture
def pj(server: FakeServer) -> Iterator[PromptJuggler]:
    with PromptJuggler(server.api_key, base_url=server.url) as pj:
        yield pj
