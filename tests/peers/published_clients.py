"""The stand-in, and our own client beside them, against the two clients that are published.

    tox -e peers

It needs PyPI, the registry of npm, and Node.js: so it is no part of the other tests, and
its name is none that pytest looks for. `promptjuggler` is the pydantic-based package
here; ours is a copy under the name `acme._vendor.promptjuggler`.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from acme._vendor import promptjuggler as ours
from acme._vendor.promptjuggler.testing import (
    Error,
    FakeServer,
    Node,
    Payload,
    Reset,
    Text,
    Tool,
    Usage,
    sign_webhook,
)
from freezegun import freeze_time

import promptjuggler as published

PATIENCE = 20
SOURCES = [{"title": "A", "url": "https://a.example"}]
ANSWER = [
    "Wait",
    Reset(),
    "It is ",
    Tool("search", queries=["x"], citations=SOURCES),
    Payload("show", {"found": [1]}),
    Reset(1),
    Text("here, ", SOURCES),
    "Zoë \u2028 \U0001f600.",
    Usage(input=10, output=5, cost=0.25),
]


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:
        server.add_prompt(
            "greeting",
            lambda inputs: f"Hello, {inputs['name']}!",
            messages=[{"role": "user", "content": "Greet {{name}}"}],
            tools=[
                {"type": "web_search"},
                {
                    "type": "emit",
                    "name": "show",
                    "paramsSchema": "{}",
                    "failFast": True,
                },
            ],
            response_format={"type": "json_schema", "name": "a", "schema": "{}"},
            memory="read_write",
        )
        server.add_prompt("rich", lambda inputs: list(ANSWER))
        server.add_prompt("bad", lambda inputs: Error("Too long.", code="too_long"))
        server.add_workflow("digest", lambda inputs: {"a": inputs["text"], "b": None})
        server.add_workflow(
            "nodes",
            lambda inputs: [Node("a", "Of cats", "support"), Node("b", "No", "own")],
        )
        server.add_knowledge_base("docs")
        yield server


@pytest.fixture
def theirs(server: FakeServer) -> Any:
    return published.PromptJuggler(server.api_key, base_url=server.url)


@pytest.fixture
def mine(server: FakeServer) -> Iterator[Any]:
    with ours.PromptJuggler(server.api_key, base_url=server.url) as client:
        yield client


def as_json(result: Any) -> Any:
    """A result of the pydantic-based package, as it came."""
    if isinstance(result, list):
        return [as_json(one) for one in result]
    return json.loads(result.model_dump_json(by_alias=True, exclude_none=True))


def same(theirs: Any, mine: Any) -> None:
    """Both clients must have read the same of one document."""
    theirs = as_json(theirs)
    mine = mine.to_dict()
    assert shown(theirs) == shown(mine)


def shown(value: Any) -> Any:
    """A document without what the two write in other ways: defaults, and times."""
    if isinstance(value, dict):
        return {
            key: shown(one)
            for key, one in value.items()
            if one is not None
            and key not in ("inputCacheWrite", "serviceTier", "strict")
        }
    if isinstance(value, list):
        return [shown(one) for one in value]
    if isinstance(value, str) and value.endswith("Z"):
        return value.removesuffix("Z") + "+00:00"
    return value


# The pydantic-based package


def test_get_prompt(theirs: Any, mine: Any) -> None:
    for version in (1, "production"):
        same(
            theirs.get_prompt("greeting", version), mine.get_prompt("greeting", version)
        )


OPTIONS: dict[str, Any] = {
    "priority": "low",
    "thread": "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11",
    "environment": "staging",
    "env_vars": {"KEY": "value"},
    "metadata": {"a": "b", "c": ["d", "e"]},
}


def test_run_prompt_and_get_prompt_run(
    server: FakeServer, theirs: Any, mine: Any
) -> None:
    run = theirs.run_prompt(
        "greeting", "production", {"name": "Zoë"}, channel="a", **OPTIONS
    )
    same(theirs.get_prompt_run(run.id), mine.wait_for_prompt_run(run.id))
    bare = theirs.run_prompt("rich", 1, {})
    same(theirs.get_prompt_run(bare.id), mine.get_prompt_run(bare.id))
    failed = theirs.run_prompt("bad", 1, {})
    same(theirs.get_prompt_run(failed.id), mine.get_prompt_run(failed.id))
    server.pause()
    pending = theirs.run_prompt("bad", 1, {})
    same(theirs.get_prompt_run(pending.id), mine.get_prompt_run(pending.id))


def test_run_workflow_and_get_workflow_run(theirs: Any, mine: Any) -> None:
    run = theirs.run_workflow("digest", 1, {"text": "x"}, **OPTIONS)
    same(theirs.get_workflow_run(run.id), mine.wait_for_workflow_run(run.id))
    failed = theirs.run_workflow("digest", 1, {})
    same(theirs.get_workflow_run(failed.id), mine.get_workflow_run(failed.id))


def test_what_the_two_clients_send_to_start_a_run_means_the_same(
    server: FakeServer, theirs: Any, mine: Any
) -> None:
    for client in (theirs, mine):
        client.run_prompt("greeting", 1, {"name": "a"}, channel="side", **OPTIONS)
        client.run_workflow("digest", 1, {"text": "a"}, **OPTIONS)
        client.run_prompt("greeting", 1, {"name": "a"})
    bodies = [request.json() for request in server.requests]
    for of_theirs, of_mine in zip(bodies[:3], bodies[3:], strict=True):
        # Theirs sends null for what was not given; the API takes it as absent.
        assert {
            key: one for key, one in of_theirs.items() if one is not None
        } == of_mine
    paths = [request.path for request in server.requests]
    assert paths[:3] == paths[3:]


def test_create_stream_token(server: FakeServer, theirs: Any) -> None:
    thread = uuid.uuid4()
    token = theirs.create_stream_token(thread)
    assert token.url == f"{server.url}/stream/{thread}"


def test_knowledge_bases(server: FakeServer, theirs: Any, mine: Any) -> None:
    content = b"--x\r\n\r\n\xff\x00"
    documents = theirs.upload_documents(
        "docs", [("a.txt", content), ("Zo\u00eb.pdf", b"")]
    )
    assert [server.document_content(one.id) for one in documents] == [content, b""]
    mine.wait_for_knowledge_base("docs")
    same(theirs.get_knowledge_base("docs"), mine.get_knowledge_base("docs"))
    for document in documents:
        same(
            theirs.get_knowledge_document(document.id),
            mine.get_knowledge_document(document.id),
        )
    assert theirs.delete_knowledge_document(documents[0].id) is None
    with pytest.raises(published.ApiError) as caught:
        theirs.get_knowledge_document(documents[0].id)
    assert caught.value.status_code == 404


@pytest.mark.parametrize("name", ["a.txt", "Zo\u00eb.txt", 'a "b".txt', "a%22b.txt"])
def test_a_file_name_comes_through_as_ours_sends_it(
    server: FakeServer, theirs: Any, mine: Any, name: str
) -> None:
    (uploaded,) = mine.upload_documents("docs", [(name, b"x")])
    (same_name,) = theirs.upload_documents("docs", [(name, b"x")])
    assert same_name.file_name == uploaded.file_name


@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 503])
def test_errors_are_the_same_to_both(
    server: FakeServer, theirs: Any, mine: Any, status: int
) -> None:
    mine = mine.with_options(max_retries=0)
    errors = []
    for client, module in ((theirs, published), (mine, ours)):
        server.fail_next(status)
        with pytest.raises(module.ApiError) as caught:
            client.get_prompt("greeting", 1)
        errors.append((caught.value.status_code, str(caught.value)))
    assert errors[0] == errors[1]


def test_a_body_that_is_wrong_is_a_decode_error_to_both(
    server: FakeServer, theirs: Any, mine: Any
) -> None:
    for body in ({"id": 7}, "<html>", b"{", []):
        for client, module in ((theirs, published), (mine, ours)):
            server.answer_next(body)
            with pytest.raises(module.DecodeError):
                client.get_prompt("greeting", 1)


def test_a_signature_of_the_stand_in_is_good_to_both() -> None:
    header = sign_webhook("{}", "whsec")
    assert published.verify_webhook_signature("{}", header, "whsec")
    assert ours.verify_webhook_signature("{}", header, "whsec")


# The browser's package


class Browser:
    """The published browser client on the stream of a thread."""

    def __init__(self, server: FakeServer, thread: str, *channels: str) -> None:
        command = [
            "node",
            str(Path(__file__).with_name("browser.mjs")),
            os.environ["PEERS_FOLDER"],
            server.url,
            server.api_key,
            thread,
            *channels,
        ]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.events: list[tuple[str, Any]] = []
        self._came: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name, event = json.loads(line)
            self._came.put((name, event))

    def until(self, name: str, times: int = 1) -> None:
        """Go on until an event of that name has come so often, in all."""
        while [one for one, _ in self.events].count(name) < times:
            self.events.append(self._came.get(timeout=PATIENCE))

    def __enter__(self) -> Browser:
        self.until("connected")
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._thread.join()
        assert self._process.stdout is not None
        self._process.stdout.close()


class Mine:
    """Our own client on the same stream, in the words of the other."""

    def __init__(self, client: Any, thread: str) -> None:
        self._stream = client.stream(thread)
        self.events: list[tuple[str, Any]] = []

    def __enter__(self) -> Mine:
        self._stream.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stream.__exit__(*exception)

    def until(self, name: str, times: int = 1) -> None:
        while [one for one, _ in self.events].count(name) < times:
            event = next(self._stream)
            kind = type(event).__name__.removesuffix("Event").lower()
            self.events.append((kind, event))


def said_by(browser: Browser) -> list[Any]:
    """The events that both clients have, with what both say of them."""
    kept = []
    for name, event in browser.events:
        if name in ("token", "reset", "gap"):
            kept.append((name, event["runId"], event["channel"], event["segment"]))
        elif name in ("done", "failure"):
            more = [event[key] for key in ("code", "message") if key in event]
            kept.append(
                (name, event["runId"], event["channel"], event["gapped"], *more)
            )
        elif name == "stale":
            kept.append((name,))
    return kept


def said_by_mine(mine: Mine) -> list[Any]:
    kept = []
    for name, event in mine.events:
        if name in ("token", "reset", "gap"):
            kept.append((name, str(event.run_id), event.channel, event.segment))
        elif name in ("done", "failure"):
            more = [
                getattr(event, key)
                for key in ("code", "message")
                if hasattr(event, key)
            ]
            kept.append((name, str(event.run_id), event.channel, event.gapped, *more))
        elif name == "stale":
            kept.append((name,))
    return kept


def last_views(browser: Browser) -> dict[str, tuple[str, Any, Any]]:
    """Text, transcript and payloads of each run, as the other client had them last.

    Its `data` has the tools beside the payloads; ours has the payloads alone.
    """
    views: dict[str, dict[str, Any]] = {}
    for name, event in browser.events:
        if name in ("text", "transcript", "data"):
            views.setdefault(event["runId"], {})[name] = event[name]
    return {
        run: (
            view.get("text", ""),
            view.get("transcript", []),
            [one["payload"] for one in view.get("data", [])],
        )
        for run, view in views.items()
    }


def last_views_of_mine(mine: Mine) -> dict[str, tuple[str, Any, Any]]:
    return {
        str(event.run_id): (
            event.view.text,
            [item.to_dict() for item in event.view.transcript],
            [dict(one) for one in event.view.data],
        )
        for name, event in mine.events
        if name in ("done", "failure")
    }


THREAD = "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11"


def both(
    server: FakeServer, mine: Any, work: Callable[[], None], end: str, times: int = 1
) -> tuple[Browser, Mine]:
    """Let both follow a thread while something is done, until an event has come."""
    with Browser(server, THREAD) as browser, Mine(mine, THREAD) as own:
        work()
        browser.until(end, times)
        own.until(end, times)
    assert said_by(browser) == said_by_mine(own)
    return browser, own


def start(mine: Any, slug: str, **options: Any) -> Any:
    return mine.run_prompt(slug, 1, {"name": "Ada"}, thread=THREAD, **options)


def test_a_run_is_the_same_to_both_and_what_the_api_gives(
    server: FakeServer, mine: Any
) -> None:
    runs: list[Any] = []
    browser, own = both(
        server, mine, lambda: runs.append(start(mine, "rich").id), "done"
    )
    assert last_views(browser) == last_views_of_mine(own)
    run = mine.get_prompt_run(runs[0]).to_dict()
    text, transcript, data = last_views(browser)[str(runs[0])]
    # The stream has no citations of texts.
    bare = [
        {**one, "citations": []} if one["type"] == "text" else one
        for one in run["transcript"]
    ]
    payloads = [one["payload"] for one in run["emitted"]]
    assert (text, transcript, data) == (run["output"], bare, payloads)


def test_a_failure_is_the_same_to_both(server: FakeServer, mine: Any) -> None:
    browser, _ = both(server, mine, lambda: start(mine, "bad"), "failure")
    name, _, _, _, code, message = said_by(browser)[-1]
    assert (name, code, message) == ("failure", "too_long", "Too long.")


def test_lost_frames_are_the_same_to_both(server: FakeServer, mine: Any) -> None:
    for number in range(4):

        def lose(number: int = number) -> None:
            def answer(inputs: dict[str, str]) -> Iterator[Any]:
                for index, part in enumerate(ANSWER[:-1]):
                    if index == number:
                        server.lose_next_frames()
                    yield part

            server.add_prompt("lossy", answer)
            mine.run_prompt("lossy", "production", {}, thread=THREAD)

        browser, own = both(server, mine, lose, "done")
        assert last_views(browser) == last_views_of_mine(own)


def test_hand_overs_cuts_and_stale_are_the_same_to_both(
    server: FakeServer, mine: Any
) -> None:
    for disturb in (server.hand_over_streams, server.drop_streams, server.send_stale):
        go = threading.Event()

        def answer(inputs: dict[str, str], go: threading.Event = go) -> Iterator[str]:
            yield "one "
            yield "two "
            assert go.wait(PATIENCE)
            yield "three"

        server.add_prompt("held", answer)
        # After `stale` comes all that is kept of a thread.
        thread = str(uuid.uuid4())
        with Browser(server, thread) as browser, Mine(mine, thread) as own:
            run = mine.run_prompt("held", "production", {}, thread=thread)
            for one in (browser, own):
                one.until("token", 2)
            disturb()
            # Bound methods are equal, and not the same.
            again = 1 if disturb == server.send_stale else 2
            for one in (browser, own):
                one.until("connected", again)
            go.set()
            for one in (browser, own):
                one.until("done")
        assert said_by(browser) == said_by_mine(own)
        assert last_views(browser)[str(run.id)][0] == "one two three"
        assert last_views_of_mine(own)[str(run.id)][0] == "one two three"


def test_the_nodes_of_a_workflow_and_channels(server: FakeServer, mine: Any) -> None:
    with Browser(server, THREAD, "support") as browser:
        browser_of_all, _ = both(
            server,
            mine,
            lambda: mine.run_workflow("nodes", 1, {}, thread=THREAD),
            "done",
            3,
        )
        browser.until("done")
        time.sleep(0.2)
    channels = [event[2] for event in said_by(browser_of_all) if event[0] == "done"]
    assert channels == ["support", "own", "default"]
    assert {event[2] for event in said_by(browser)} == {"support"}


def test_a_thread_that_goes_on_and_quiet_times_are_borne_by_both(
    server: FakeServer, mine: Any
) -> None:
    def work() -> None:
        start(mine, "rich")
        time.sleep(2.5)  # heartbeats come each second
        start(mine, "greeting")

    browser, own = both(server, mine, work, "done", 2)
    assert [name for name, _ in browser.events].count("disconnected") == 0
    assert last_views(browser) == last_views_of_mine(own)


# Frozen time


@pytest.mark.parametrize("tick", [False, True])
def test_freezegun_around_it_or_inside_does_not_hang_it(tick: bool) -> None:
    def use(server: FakeServer) -> None:
        server.add_prompt("p", lambda inputs: "Hello, you!")
        for seconds in (0.0, 0.1):
            server.run_seconds = seconds
            with ours.PromptJuggler(server.api_key, base_url=server.url) as client:
                run = client.run_prompt("p", 1, {})
                server.wait_for_webhooks(PATIENCE)
                end = client.wait_for_prompt_run(run.id)
                assert (end.status, end.created_at.year) == ("completed", 2020)

    with freeze_time("2020-01-01", tick=tick), FakeServer() as server:
        use(server)
    with FakeServer() as server, freeze_time("2020-01-01", tick=tick):
        use(server)
