"""The stand-in of `--demo` and `fake-server`, and what commands ask of it.

What it has, `tables.STAND_IN` tells those who call; the functions below name the same.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextlib import ExitStack
    from uuid import UUID

    from .. import PromptJuggler
    from ..testing import FakeServer


def start_stand_in(closing: ExitStack) -> FakeServer:
    """Start a stand-in; `closing` ends it."""
    from ..testing import FakeServer

    server = closing.enter_context(FakeServer())
    server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
    server.add_workflow("summary", _first_sentence)
    server.add_knowledge_base("manuals")
    return server


def _first_sentence(inputs: dict[str, str]) -> dict[str, str | None]:
    """The workflow."""
    return {"summary": inputs["text"].strip().partition(".")[0]}


def start_prompt_run(client: PromptJuggler, thread: str | None = None) -> UUID:
    """Have it run its prompt; gives the id of the run."""
    inputs = {"name": "Ada"}
    return client.run_prompt("greeting", "production", inputs, thread=thread).id


def start_workflow_run(client: PromptJuggler) -> UUID:
    """Have it run its workflow; gives the id of the run."""
    return client.run_workflow("summary", "production", {"text": "A page."}).id


def upload_document(client: PromptJuggler) -> UUID:
    """Have its knowledge base hold a document; gives the id of that."""
    (document,) = client.upload_documents("manuals", [("a.txt", b"A page.")])
    return document.id
