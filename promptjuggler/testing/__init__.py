"""A stand-in for the API, to test your own code with: no network, no account, no model.

`FakeServer` is a real HTTP server on a free port of this machine, with functions of
yours in place of models. `help(FakeServer)` tells all that it can do;
`python3 -m promptjuggler.testing` shows it at work.

A fixture, for pytest, and a test. A wait takes milliseconds:

    import pytest
    from promptjuggler import PromptJuggler, verify_webhook_signature
    from promptjuggler.testing import Error, FakeServer, Text, Tool, Usage, sign_webhook

    @pytest.fixture
    def server():
        with FakeServer() as server:
            yield server
            assert server.errors == []  # tracebacks of the functions below

    def test_greets(server):
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        with PromptJuggler(server.api_key, base_url=server.url) as pj:
            run = pj.run_prompt("greeting", "production", {"name": "Ada"})
            assert pj.wait_for_prompt_run(run.id).output == "Hello, Ada!"

A program that makes its own client finds the server by the environment. `pytest` puts
it back after the test:

    @pytest.fixture
    def as_api(server, monkeypatch):
        monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", server.url)
        monkeypatch.setenv("PROMPTJUGGLER_API_KEY", server.api_key)
        return server

    def greet(name):  # of the program
        with PromptJuggler() as pj:
            run = pj.run_prompt("greeting", "production", {"name": name})
            return pj.wait_for_prompt_run(run.id).output

    def test_program_greets(as_api):
        as_api.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        assert greet("Ada") == "Hello, Ada!"

What the program asked for. `requests` holds all that came; a function with a second
parameter gets what belongs to its run, as a `Call`:

    def test_program_sends_the_name(as_api):
        calls = []

        def answer(inputs, call):
            calls.append(call)
            return "Hello!"

        as_api.add_prompt("greeting", answer)
        greet("Ada")
        start = as_api.requests[0]
        assert (start.method, start.path) == ("POST", "/api/v1/prompts/greeting/production/runs")
        assert start.json()["inputs"] == {"name": "Ada"}
        assert (calls[0].asked_for, calls[0].priority) == ("production", "normal")

How it bears faults. Each is met by one request, the next one that it is for:

    def test_program_bears_an_overloaded_server(as_api):
        as_api.add_prompt("greeting", lambda inputs: "Hello!")
        as_api.fail_next(503, path="/promptruns/")          # the first look at the run
        as_api.answer_next("<h1>Oops</h1>", path="/promptruns/")  # the second: HTML
        assert greet("Ada") == "Hello!"

    def test_program_passes_on_that_the_model_failed(as_api):
        as_api.add_prompt("greeting", lambda inputs: Error("Too long.", code="too_long"))
        assert greet("Ada") is None

A stream. A text goes out by words; a list of parts, or a generator, says more:

    def test_streams(server):
        def search(inputs):
            yield "It is "
            yield Tool("search", queries=[inputs["q"]])
            yield Text("here.", citations=[{"title": "A", "url": "https://a.example"}])
            yield Usage(input=12, output=5, cost=0.002)

        server.add_prompt("search", search)
        with PromptJuggler(server.api_key, base_url=server.url) as pj:
            with pj.stream_prompt("search", "production", {"q": "x"}) as stream:
                names = [type(event).__name__ for event in stream]
                run = stream.result()
        assert names[-1] == "DoneEvent" and names.count("TokenEvent") == 2
        assert (run.output, run.cost.total) == ("It is here.", 0.002)

Webhooks. To test a handler alone, sign a body; to test that it is called, let the server
send it, `url` being where the program listens:

    def test_handler():
        body = b'{"id": "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11", "status": "completed"}'
        header = sign_webhook(body, "whsec_test")
        assert verify_webhook_signature(body, header, "whsec_test")

    def test_is_told(as_api, url):
        as_api.add_webhook(url, "whsec_test", events=["promptrun.finished"], retries=2)
        as_api.add_prompt("greeting", lambda inputs: "Hello!")
        greet("Ada")
        (delivery,) = as_api.wait_for_webhooks()
        assert (delivery.status, delivery.error) == (204, None)

A run that is pending for as long as the test wants, and a conversation:

    def test_pending(server):
        server.add_prompt("greeting", lambda inputs: "Hello!")
        server.pause()
        with PromptJuggler(server.api_key, base_url=server.url) as pj:
            run = pj.run_prompt("greeting", "production", {})
            assert pj.get_prompt_run(run.id).status == "pending"
            server.finish(run.id)
            assert pj.get_prompt_run(run.id).status == "completed"

    def test_remembers(server):
        def chat(inputs, call):
            return f"You said {len(call.messages) // 2} things before."

        server.add_prompt("chat", chat, memory="read_write")
        with PromptJuggler(server.api_key, base_url=server.url) as pj:
            first = pj.run_prompt("chat", "production", {"text": "One"})
            pj.wait_for_prompt_run(first.id)
            then = pj.run_prompt("chat", "production", {"text": "Two"}, thread=first.thread)
            answer = pj.wait_for_prompt_run(then.id).output
        assert answer == "You said 1 things before."

Documents that fail, by a function in place of an index:

    def test_tells_what_cannot_be_indexed(server):
        server.add_knowledge_base(
            "docs", lambda name, content: None if content else Error("It is empty.")
        )
        with PromptJuggler(server.api_key, base_url=server.url) as pj:
            files = [("a.txt", b"text"), ("b.txt", b"")]
            ends = [
                pj.wait_for_knowledge_document(document.id).status
                for document in pj.upload_documents("docs", files)
            ]
        assert ends == ["ready", "failed"]

FakeServer         the server; `help(FakeServer)` tells all that it can do
Text, Tool,        parts of an answer, for prompts that do more than say a text
Payload, Reset,
Usage, Error
Node               what workflows give that stream
Call, Message      what a function of two parameters is told of its run
RecordedRequest    what `FakeServer.requests` holds
Delivery           what `FakeServer.deliveries` holds
sign_webhook       signs a webhook, to test its handler without a server

What a client sees of each fault; the method of FakeServer tells more:

fail_next           an `ApiError`, after its retries
answer_next         a `DecodeError`; cut off, a `NetworkError`
drop_next           a `NetworkError` with `request_sent` True: the run may exist
delay_next          a late answer, or a `RequestTimeout`
hand_over_streams   nothing: it reconnects at once
drop_streams        a `DisconnectedEvent`, and then a new connection
lose_next_frames    a `GapEvent`
send_stale          a `StaleEvent`, and then everything again
close               connections refused, until `start()`

This folder is for tests: nothing of the rest of the package needs it, and a
copy of the package may go without.
"""

from __future__ import annotations

from .webhooks import sign_webhook

__all__ = [
    "Call",
    "Delivery",
    "Error",
    "FakeServer",
    "Message",
    "Node",
    "Payload",
    "RecordedRequest",
    "Reset",
    "Text",
    "Tool",
    "Usage",
    "sign_webhook",
]

# The way through this folder. FakeServer (`server`) has its methods from `_adding`,
# `_failing` and `_publishing`, which check what they are given (`_checks`, `_revisions`)
# and work on the parts that `_base` puts together. A request comes in by `_http`, where it
# meets its fault (`_faults`), and is answered by `_api`. What goes on after that is a job
# (`_jobs`). For runs that is `_work`: it calls functions (`_calls`), and says what
# `_answers` makes of the parts of an answer, by way of `_streams` and `_deliveries`; for
# documents it is `_indexing`. What they share is `_state`. The arrows stand in
# tests/package/test_layout.py.

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .server import (
        Call as Call,
        Delivery as Delivery,
        Error as Error,
        FakeServer as FakeServer,
        Message as Message,
        Node as Node,
        Payload as Payload,
        RecordedRequest as RecordedRequest,
        Reset as Reset,
        Text as Text,
        Tool as Tool,
        Usage as Usage,
    )
else:

    def __getattr__(name):
        """All but `sign_webhook`, loaded when first used (PEP 562).

        A webhook handler's test signs in a third of the time that a server
        takes to load.
        """
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import server

        return getattr(server, name)

    def __dir__():
        """What is or can be loaded."""
        return sorted({*globals(), *__all__})
