"""A stand-in for the API, to test your own code with: a real HTTP server on this machine, without a model.

    @pytest.fixture
    def server():
        with FakeServer() as server:
            yield server

    def test_greets(server):
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        with PromptJuggler(server.api_key, base_url=server.url) as pj:
            run = pj.run_prompt("greeting", "production", {"name": "Ada"})
            assert pj.wait_for_prompt_run(run.id, poll_interval=0.01).output == "Hello, Ada!"

`python3 -m promptjuggler.testing` shows it at work.
"""

from __future__ import annotations

import email
import hmac
import json
import re
import time
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timezone
from email.message import Message
from http.client import HTTPException
from itertools import chain, count, groupby
from operator import length_hint
from queue import SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

from ._fakehttp import HttpServer, RecordedRequest, Stream

__all__ = ["FakeServer", "Payload", "RecordedRequest", "Reset", "Tool", "sign_webhook"]


_WEBHOOK_SECONDS = 1.0  # for a receiver to answer


def sign_webhook(payload: str | bytes, secret: str, timestamp: int | None = None) -> str:
    """The `PromptJuggler-Signature` header for a payload; `timestamp` is in Unix seconds, by default now."""
    body = payload.encode() if isinstance(payload, str) else payload
    stamp = int(time.time()) if timestamp is None else timestamp
    return f"t={stamp},v1={hmac.new(secret.encode(), b'%d.%b' % (stamp, body), 'sha256').hexdigest()}"


class Tool(NamedTuple):
    """In an answer: a call of a tool. `citations` have `title` and `url`, each `url` once."""

    name: str
    status: str = "ok"
    queries: Iterable[str] = ()
    citations: Iterable[Mapping[str, str]] = ()


class Payload(NamedTuple):
    """In an answer: a payload of an emit tool."""

    tool: str
    payload: Mapping[str, Any]


class Reset(NamedTuple):
    """In an answer: `segment` begins (again); what it and higher ones held is void."""

    segment: int = 0


class FakeServer(HttpServer):
    """The API on a free port of 127.0.0.1, from `start()` to `close()` or within a `with` statement.

    `requests` lists all that came; `webhook_errors` the deliveries that failed. New runs and documents are pending for
    `run_seconds`, which may be changed.
    """

    def __init__(self, *, api_key: str = "test-key", run_seconds: float = 0.05) -> None:
        super().__init__()
        self.api_key = api_key
        self.run_seconds = run_seconds
        self.webhook_errors: list[str] = []
        self._webhooks: list[tuple[str, str]] = []
        # Number and function, by kind (prompt or workflow), slug and version.
        self._versions: dict[tuple[str, str, str], tuple[str, Callable[[dict[str, str]], Any]]] = {}
        self._runs: dict[tuple[str, str], dict[str, Any]] = {}  # by kind and id
        self._bases: dict[str, str] = {}  # ids by slug
        self._documents: dict[str, tuple[str, bytes, dict[str, Any]]] = {}  # base, content and the rest, by id
        self._tokens: dict[str, str] = {}  # the path of each

    def add_prompt(
        self, slug: str, function: Callable[[dict[str, str]], Iterable[str | Tool | Payload | Reset]]
    ) -> None:
        """Serve a prompt: version 1, or the next one; the newest is `production` and `__latest__`.

        `function` makes the output of a run from its inputs, in a thread of its own; if it raises, the run fails. A
        text is streamed by words. Or give a list of parts, in which each text is a token:

            ["Wait", Reset(), "Look: ", Tool("search", queries=["x"]), Payload("emit", {"found": 1})]

        They are spread over `run_seconds`; those of a generator go out as it yields them.
        """
        self._add("prompt", slug, function)

    def add_workflow(self, slug: str, function: Callable[[dict[str, str]], Mapping[str, str | None]]) -> None:
        """Serve a workflow, likewise; `function` makes the outputs, and only the end is streamed."""
        self._add("workflow", slug, function)

    def add_knowledge_base(self, slug: str) -> None:
        """Serve a knowledge base; one that is there stays."""
        self._bases.setdefault(slug, str(uuid4()))

    def document_content(self, document_id: str | UUID) -> bytes:
        """What was uploaded as this document. Raises `KeyError` where there is none."""
        return self._documents[str(document_id)][1]

    def add_webhook(self, url: str, secret: str) -> None:
        """POST a signed `PromptRunFinished`, or a sibling of it, once, whenever something finishes."""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # without a proxy
        self._webhooks.append((url, secret))

    def __enter__(self) -> FakeServer:
        self.start()
        return self

    def _answer(self, request: RecordedRequest) -> tuple[int, object]:
        path, _, query = request.path.partition("?")
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        allowed = self._tokens.get(key) == path if path.startswith("/stream/") else key == self.api_key
        if scheme.lower() != "bearer" or not allowed:
            return 401, {"error": "Invalid API key or token."}
        try:
            document = self._carry_out(request, path, query)
            return 204 if document is None else 200, document
        except KeyError:
            return 404, {"error": "Not found."}
        except (ValueError, RecursionError) as error:
            return 422, {"error": str(error)}

    def _carry_out(self, request: RecordedRequest, path: str, query: str) -> object:
        match [request.method, *map(unquote, path.removeprefix("/api/v1/").split("/"))]:
            case ["GET", "", "stream", thread]:
                last_id = request.headers.get("Last-Event-ID", "")
                return Stream(self._frames[thread], parse_qs(query).get("channel", []), last_id, SimpleQueue())
            case ["GET", "prompts", slug, version]:
                return _prompt(slug, self._versions["prompt", slug, version][0])
            case ["POST", ("prompts" | "workflows") as kind, slug, version, "runs"]:
                return self._run(kind[:-1], self._versions[kind[:-1], slug, version][1], _run_body(request.body))
            case ["GET", ("promptruns" | "workflowruns") as kind, run_id]:
                return self._runs[kind[:-4], run_id.lower()]
            case ["POST", "threads", thread, "stream-token"]:
                token = f"fake-{uuid4()}"
                self._tokens[token] = f"/stream/{UUID(thread)}"
                return {"token": token, "expiresAt": _timestamp(300), "url": self.url + self._tokens[token]}
            case ["GET", "knowledge-bases", slug]:
                return self._base(slug)
            case ["POST", "knowledge-bases", slug, "documents"] if slug in self._bases:
                return self._upload(slug, _files(request.headers, request.body))
            case ["GET", "knowledge-documents", document_id]:
                return self._documents[document_id.lower()][2]
            case ["DELETE", "knowledge-documents", document_id]:
                del self._documents[document_id.lower()]
                return None
        raise KeyError(path)

    def _add(self, kind: str, slug: str, function: Callable[[dict[str, str]], Any]) -> None:
        number = next(text for text in map(str, count(1)) if (kind, slug, text) not in self._versions)
        for version in (number, "production", "__latest__"):
            self._versions[kind, slug, version] = (number, function)

    def _run(self, kind: str, function: Callable[[dict[str, str]], Any], body: dict[str, Any]) -> dict[str, str]:
        run: dict[str, Any] = {"id": str(uuid4()), "status": "pending", "createdAt": _timestamp()}
        run |= {"emitted": [], "transcript": []} if kind == "prompt" else {"outputs": {}, "errors": []}
        self._runs[kind, run["id"]] = run
        self._spawn(self._do, self._finish_run(kind, function, body, run, self.run_seconds))
        return {"id": run["id"], "thread": body["thread"]}

    def _finish_run(
        self, kind: str, function: Any, body: dict[str, Any], run: dict[str, Any], seconds: float
    ) -> Iterator[float]:
        due = time.monotonic() + seconds
        about = {"runId": run["id"], "channel": body["channel"]}
        event = "done"
        try:
            result = function(dict(body["inputs"]))
            if kind == "prompt":
                parts = re.findall(r"\S+\s*|\s+", result) if isinstance(result, str) else result
                number = length_hint(parts)  # 0 of a generator, which sets the pace itself
                pause = (due - time.monotonic()) / (number + 1) if number else 0.0
                held: list[tuple[int, Any]] = []
                for name, fields in _frames(parts, held):
                    self.publish(body["thread"], name, about | fields)
                    yield 0.0 if name == "tool_start" else pause
                changes = _prompt_result([part for _, part in held])
                written = changes["output"]
            else:
                changes = {"outputs": dict(result)}
                written = " ".join(filter(None, changes["outputs"].values()))
            changes |= {"status": "completed"} | _usage(" ".join(body["inputs"].values()), written)
        except GeneratorExit:
            raise
        except BaseException as error:  # also what pytest.fail() raises
            text = str(error) or type(error).__name__
            changes = {"status": "failed"} | ({"error": text} if kind == "prompt" else {"errors": [text]})
            event, about = "failure", about | {"code": "run_failed", "message": text}
        yield due - time.monotonic()
        self._runs[kind, run["id"]] = run | changes | {"finishedAt": _timestamp()}
        self.publish(body["thread"], event, about)
        self._deliver({"id": run["id"], "status": changes["status"]})

    def _base(self, slug: str) -> dict[str, Any]:
        documents = [document for base, _, document in list(self._documents.values()) if base == slug]
        return {
            "id": self._bases[slug],
            "status": "pending" if any(document["status"] == "pending" for document in documents) else "ready",
            "documentCount": len(documents),
            "chunkCount": sum(document["chunkCount"] for document in documents),
            "documents": documents,
        }

    def _upload(self, slug: str, files: list[tuple[bytes, dict[str, Any]]]) -> list[dict[str, Any]]:
        answer = [dict(document) for _, document in files]
        for content, document in files:
            self._documents[document["id"]] = (slug, content, document)
        documents = [document for _, document in files]
        self._spawn(self._do, self._finish_documents(slug, documents, self.run_seconds))
        return answer

    def _finish_documents(self, slug: str, documents: list[dict[str, Any]], seconds: float) -> Iterator[float]:
        yield seconds
        with self._lock:
            there = [document for document in documents if document["id"] in self._documents]
            for document in there:
                document |= {"status": "ready", "chunkCount": -(-document["bytes"] // 1000)}
            base = self._base(slug)
        for document in there:
            self._deliver(_picked(document, "id status chunkCount"))
        if there and base["status"] == "ready":
            self._deliver(_picked(base, "id status documentCount chunkCount"))

    def _deliver(self, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        for url, secret in list(self._webhooks):
            headers = {"Content-Type": "application/json", "PromptJuggler-Signature": sign_webhook(body, secret)}
            try:
                self._opener.open(urllib.request.Request(url, body, headers), timeout=_WEBHOOK_SECONDS).close()
            except (OSError, HTTPException) as error:
                self.webhook_errors.append(f"{url}: {error or type(error).__name__}")


def _frames(parts: Iterable[object], held: list[tuple[int, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names and fields of the frames; `held` gets the segments and parts that stay."""
    segment = seq = 0
    yield "reset", {"segment": 0, "seq": 0}
    for part in parts:
        if isinstance(part, Reset):
            segment, seq = part.segment, 0
            held[:] = [(number, other) for number, other in held if number < segment]
            yield "reset", {"segment": segment, "seq": 0}
            continue
        seq += 1
        held.append((segment, part))
        place = {"segment": segment, "seq": seq}
        if isinstance(part, str):
            yield "token", place | {"text": part}
        elif isinstance(part, Payload):
            yield "data", place | part._asdict()
        elif isinstance(part, Tool):
            call = {"ref": str(uuid4()), "tool": part.name}
            yield "tool_start", place | call
            yield "tool_end", call | _picked(part._asdict(), "status queries citations")
        else:
            raise TypeError(f"not a part of an answer: {part!r}")


def _prompt_result(held: list[Any]) -> dict[str, Any]:
    transcript: list[dict[str, Any]] = []
    for is_text, parts in groupby(held, lambda part: isinstance(part, str)):
        if is_text:
            transcript.append({"type": "text", "content": "".join(parts), "citations": []})
        else:
            transcript += ({"type": "tool" if isinstance(part, Tool) else "data"} | part._asdict() for part in parts)
    output = "".join(part for part in held if isinstance(part, str))
    emitted = [part._asdict() for part in held if isinstance(part, Payload)]
    return {"output": output, "emitted": emitted, "transcript": transcript}


def _usage(read: str, written: str) -> dict[str, Any]:
    """Words count as tokens, and cost nothing."""
    tokens = {"input": len(read.split()), "inputCached": 0, "output": len(written.split()), "reasoning": 0}
    free = dict.fromkeys(("input", "cachedInput", "cacheWrite", "output", "webSearch", "total"), 0.0)
    cost = {"success": free, "retries": free, "total": 0.0}
    return {"tokenUsage": tokens | {"total": sum(tokens.values())}, "cost": cost}


def _prompt(slug: str, number: str) -> dict[str, Any]:
    ids = {"id": str(uuid5(NAMESPACE_URL, f"{slug} {number}")), "promptId": str(uuid5(NAMESPACE_URL, slug))}
    about = {"memory": "stateless", "provider": "openai", "model": "fake", "modelParams": {}, "messages": []}
    return {**ids, **about, "responseFormat": {"type": "text"}, "tools": []}


def _check(kept: object, rule: str) -> None:
    if not kept:
        raise ValueError(rule)


def _picked(record: Mapping[str, Any], names: str) -> dict[str, Any]:
    return {name: record[name] for name in names.split()}


def _timestamp(later: float = 0) -> str:
    return datetime.fromtimestamp(time.time() + later, timezone.utc).isoformat(timespec="seconds")


def _holds(value: object, kinds: Any = str) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, kinds) for entry in value.values())


def _run_body(content: bytes) -> dict[str, Any]:
    """What starts a run, checked as the API does, and with a thread."""
    body = json.loads(content)
    _check(isinstance(body, dict), "the body must be a JSON object")
    given = {name: value for name, value in body.items() if value is not None}
    body = {"priority": "normal", "channel": "default", "envVars": {}, "metadata": {}, "thread": uuid4()} | given
    _check(_holds(body.get("inputs")), "inputs must be an object of strings")
    _check(body["priority"] in ("onsite", "normal", "low"), "priority must be one of onsite, normal, low")
    texts = {name: body.get(name, "") for name in ("channel", "environment")}
    _check(_holds(texts), "channel and environment must be strings")
    _check(_holds(body["metadata"], (str, list)), "metadata must be an object of strings and lists")
    lists = [value for value in body["metadata"].values() if isinstance(value, list)]
    _check(all(isinstance(text, str) for text in chain(*lists)), "the lists of metadata must be of strings")
    variables = body["envVars"]
    _check(_holds(variables), "envVars must be an object of strings")
    kept = len(variables) <= 50 and all(re.fullmatch("[A-Z_][A-Z0-9_]*", name) for name in variables)
    size = len("".join(map("".join, variables.items())).encode("utf-8", "replace"))
    _check(kept and size <= 65_536, "envVars must be at most 50, with UPPER_CASE names, and 64 KB in all")
    _check(re.fullmatch("[0-9a-fA-F-]{36}", str(body["thread"])), "thread must be a UUID")
    return {**body, "thread": str(UUID(str(body["thread"])))}


def _files(headers: Message, body: bytes) -> list[tuple[bytes, dict[str, Any]]]:
    """The contents and documents of an upload (RFC 7578)."""
    boundary = re.escape(headers.get_boundary("").encode())
    # What is before the first boundary and after the last one, which ends with --, does not count (RFC 2046, 5.1.1).
    _, *parts = re.split(rb"\r\n--%b(--)?[ \t]*(?=\r\n|\Z)" % boundary, b"\r\n" + body)
    kept: object = headers.get_content_type() == "multipart/form-data" and parts[2:] and parts[-2]
    found: list[tuple[bytes, dict[str, Any]]] = []
    for part in parts[1:-1:2]:
        head, _, content = part.partition(b"\r\n\r\n")
        about = email.message_from_string(head.decode("utf-8", "replace").strip())
        name = about.get_param("name", header="Content-Disposition")
        file_name = about.get_filename()
        kept = kept and name == f"files[{len(found)}]" and file_name and "Content-Type" in about
        document = {"id": str(uuid4()), "status": "pending", "fileName": file_name, "bytes": len(content)}
        found.append((content, document | {"mimeType": about.get_content_type(), "chunkCount": 0}))
    _check(kept, "the body must be multipart/form-data: files[0], files[1], ... with names and content types")
    return found


def main() -> None:
    """Start a run, wait for it, print each step and the answer."""
    from . import PromptJuggler  # not above: this works without the client

    with FakeServer(run_seconds=0.3) as server, PromptJuggler(server.api_key, base_url=server.url, proxy=False) as pj:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        print(f"A FakeServer stands in for the API at {server.url}.")
        run_id = pj.run_prompt("greeting", "production", {"name": "Ada"}).id
        print(f"Started run {run_id} of the prompt greeting, with name=Ada.")
        print(f"Status: {pj.get_prompt_run(run_id).status}. Waiting ...")
        run = pj.wait_for_prompt_run(run_id, poll_interval=0.1)
        print(f"Status: {run.status}.\nAnswer: {run.output}")
    print("No model was called: a function of this program gave the answer.")


if __name__ == "__main__":
    main()
