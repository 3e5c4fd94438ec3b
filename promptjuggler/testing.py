"""A stand-in for the API, to test your own code with.

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

import email.message
import hmac
import http.server
import json
import re
import socket
import socketserver
import threading
import time
import urllib.error
import urllib.request
import weakref
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from itertools import chain, groupby
from operator import length_hint
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

__all__ = ["FakeServer", "Payload", "RecordedRequest", "Reset", "Tool", "sign_webhook"]

_WEBHOOK_SECONDS = _HEARTBEAT_SECONDS = 1.0


class RecordedRequest(NamedTuple):
    """A request; `path` has the query too."""

    method: str
    path: str
    headers: email.message.Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON; `ValueError` if it is none."""
        return json.loads(self.body)


def sign_webhook(payload: str | bytes, secret: str, timestamp: int | None = None) -> str:
    """The `PromptJuggler-Signature` header; `timestamp`: in Unix seconds, or now."""
    if isinstance(payload, str):
        payload = payload.encode()
    if timestamp is None:
        timestamp = int(time.time())
    return f"t={timestamp},v1={hmac.digest(secret.encode(), b'%d.%b' % (timestamp, payload), 'sha256').hex()}"


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
    """In an answer: `segment` begins; what it and higher ones held is void."""

    segment: int = 0


class FakeServer:
    """The API at `url`, a free port of 127.0.0.1, from `start()` to `close()`, or in a `with`.

    `requests` lists what came, `webhook_errors` the failed deliveries. Runs and documents are pending for
    `run_seconds`, which may be changed.
    """

    def __init__(self, *, api_key: str = "test-key", run_seconds: float = 0.05) -> None:
        self.api_key = api_key
        self.run_seconds = run_seconds
        self.webhook_errors: list[str] = []
        self._webhooks: list[tuple[str, str]] = []
        self._versions: dict[Any, Any] = {}
        self._runs: dict[Any, Any] = {}
        self._bases: dict[str, str] = {}
        self._documents: dict[str, tuple[str, bytes, Any]] = {}
        self._tokens: dict[str, str] = {}
        self.requests: list[RecordedRequest] = []
        self._port = 0
        self._closing = threading.Event()
        self._closing.set()
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._faults: list[dict[str, Any]] = []
        # Frame 0 answers an unknown `Last-Event-ID`.
        self._frames = defaultdict[str, Any](lambda: [_frame(0, "stale", {})])
        self._streams: list[Any] = []
        self._lose = 0
        self._paused: list[Iterator[float]] = [self._serve()]

    def add_prompt(
        self, slug: str, function: Callable[[dict[str, str]], Iterable[str | Tool | Payload | Reset]]
    ) -> None:
        """Serve a prompt: version 1, or the next; the newest is `production` and `__latest__`.

        `function` makes the output of a run from its inputs, in its own thread; if it raises, the run fails. A text is
        streamed by words, over `run_seconds`. Or give a list of parts, each text a token:

            ["Wait", Reset(), "Look: ", Tool("search"), Payload("emit", {"found": 1})]

        Those of a generator go out as it yields them.
        """
        self._add("prompts", slug, function)

    def add_workflow(self, slug: str, function: Callable[[dict[str, str]], Mapping[str, str | None]]) -> None:
        """Serve a workflow likewise: `function` makes the outputs, only the end is streamed."""
        self._add("workflows", slug, function)

    def add_knowledge_base(self, slug: str) -> None:
        """Serve a knowledge base, unless it is there."""
        self._bases.setdefault(slug, str(uuid4()))

    def document_content(self, document_id: str | UUID) -> bytes:
        """What was uploaded, or `KeyError`."""
        return self._documents[str(document_id)][1]

    def add_webhook(self, url: str, secret: str) -> None:
        """POST a signed `PromptRunFinished`, or the like, once, when something finishes."""
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        self._webhooks.append((url, secret))

    def fail_next(self, status: int, times: int = 1, retry_after: float | str | None = None) -> None:
        """Answer the next requests with an error. Faults queue up, one per request."""
        answer = status, {"error": f"The test wants {status}."}
        self._faults += [{"answer": answer, "Retry-After": retry_after}] * times

    def drop_next(self, times: int = 1, *, after_reading: bool = True) -> None:
        """Hang up without an answer, when the request is carried out or before its body is read."""
        self._faults += [{"drop": True} if after_reading else {"drop": True, "size": 0, "answer": (0, None)}] * times

    def delay_next(self, seconds: float, times: int = 1) -> None:
        """Answer the next requests late."""
        self._faults += [{"delay": seconds}] * times

    def publish(self, thread: str | UUID, event: str, data: Mapping[str, Any]) -> None:
        """Send a frame to all streams of the thread, now or when they resume."""
        with self._lock:
            if self._lose:
                self._lose -= 1
                return
            kept = self._frames[str(thread).lower()]
            kept.append(_frame(len(kept), event, data))
            for frames, queue in self._streams:
                if frames is kept:
                    queue.put(frames[-1:])

    def lose_next_frames(self, times: int = 1) -> None:
        """Neither send nor keep the next frames."""
        self._lose += times

    def hand_over_streams(self) -> None:
        """End every stream with `reconnect`."""
        with self._lock:
            for frames, queue in self._streams:
                queue.put([_frame(len(frames) - 1, "reconnect", {}), (None, b"")])

    def drop_streams(self) -> None:
        """Cut off every stream."""
        with self._lock:
            for _, queue in self._streams:
                queue.put([(None, None)])

    def send_stale(self) -> None:
        """Send every stream `stale` and all that is kept."""
        with self._lock:
            for frames, queue in self._streams:
                queue.put(frames[:])

    def start(self) -> None:
        """Listen; after `close()`, at the same address, and what was pending goes on."""
        self._http = _Server(("127.0.0.1", self._port), _Handler)
        self._http.fake = self
        self._port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._closing.clear()
        while self._paused:
            self._spawn(self._do, self._paused.pop())

    def close(self) -> None:
        """Hang up and end every thread; functions have 5 seconds."""
        if self._closing.is_set():
            return
        self._closing.set()
        with suppress(OSError):  # wakes `_serve`
            socket.create_connection(("127.0.0.1", self._port)).close()
        while self._sockets:
            with suppress(KeyError, OSError):
                self._sockets.pop().shutdown(socket.SHUT_RDWR)
        self.drop_streams()
        deadline = time.monotonic() + 5
        while self._threads:
            self._threads.pop().join(deadline - time.monotonic())
        self._http.server_close()

    def __enter__(self) -> FakeServer:
        self.start()
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def _stream(self, thread: str, query: Any, after: str | None) -> Iterator[bytes]:
        frames, queue = stream = self._frames[thread], SimpleQueue[Any]()
        with self._lock:
            self._streams.append(stream)
            if after:
                queue.put(frames[int(after) + 1 if after in map(str, range(len(frames))) else 0 :])
        try:
            yield b""
            text = b"?"
            while text:
                try:
                    frames = queue.get(timeout=_HEARTBEAT_SECONDS)
                except Empty:
                    frames = [(None, b":\n\n")]
                for channel, text in frames:
                    if text is None:
                        yield b"ff\r\nid: "
                    elif channel is None or channel in query.get("channel", [channel]):
                        yield b"%x\r\n%b\r\n" % (len(text), text)
        finally:
            with self._lock:
                self._streams.remove(stream)

    def _serve(self) -> Iterator[float]:
        while True:
            self._http.handle_request()
            yield 0.0

    def _spawn(self, function: Any, *args: Any) -> None:
        thread = threading.Thread(target=function, args=args, daemon=True)
        thread.start()
        with self._lock:
            self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]

    def _sleep(self, seconds: float) -> bool:
        return self._closing.wait(min(seconds, 1e6))

    def _do(self, work: Iterator[float]) -> None:
        if any(map(self._sleep, work)):
            self._paused.append(work)

    def _add(self, kind: str, slug: str, function: Any) -> None:
        number = self._versions.get((kind, slug, "__latest__"), [0])[0] + 1
        body = {
            "id": str(uuid5(NAMESPACE_URL, f"{slug} {number}")),
            "promptId": str(uuid5(NAMESPACE_URL, slug)),
            "memory": "stateless",
            "provider": "openai",
            "model": "fake",
            "modelParams": {},
            "messages": [],
            "responseFormat": {"type": "text"},
            "tools": [],
        }
        for version in (str(number), "production", "__latest__"):
            self._versions[kind, slug, version] = number, function, body

    def _answer(self, request: RecordedRequest) -> tuple[int, object]:
        path, _, query = request.path.partition("?")
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        allowed = self._tokens.get(key) == path if path.startswith("/stream/") else key == self.api_key
        if scheme.lower() != "bearer" or not allowed:
            return 401, {"error": "Wrong key or token."}
        try:
            match [request.method, *map(unquote, path.split("/"))]:
                case ["GET", "", "stream", thread]:
                    return 200, self._stream(thread, parse_qs(query), request.headers.get("Last-Event-ID"))
                case ["GET", "", "api", "v1", "prompts", slug, version]:
                    return 200, self._versions["prompts", slug, version][2]
                case ["POST", "", "api", "v1", kind, slug, version, "runs"]:
                    function = self._versions[kind, slug, version][1]
                    body = _run_body(request.body)
                    run: dict[str, Any] = {"id": str(uuid4()), "status": "pending", "createdAt": _timestamp()}
                    run |= {"emitted": [], "transcript": []} if kind == "prompts" else {"outputs": {}, "errors": []}
                    self._runs[f"{kind[:-1]}runs", run["id"]] = run
                    self._spawn(self._do, self._run(kind, run, function, body, time.monotonic() + self.run_seconds))
                    return 200, {"id": run["id"], "thread": body["thread"]}
                case ["POST", "", "api", "v1", "threads", thread, "stream-token"]:
                    token = f"fake-{uuid4()}"
                    self._tokens[token] = path = f"/stream/{UUID(thread)}"
                    return 200, {"token": token, "expiresAt": _timestamp(300), "url": self.url + path}
                case ["GET", "", "api", "v1", "knowledge-bases", slug]:
                    return 200, self._base(slug)
                case ["POST", "", "api", "v1", "knowledge-bases", slug, "documents"] if slug in self._bases:
                    files = _files(slug, request)
                    answer = [dict(entry[2]) for entry in files.values()]
                    self._documents |= files
                    self._spawn(self._do, self._index(slug, files, self.run_seconds))
                    return 200, answer
                case ["GET", "", "api", "v1", "knowledge-documents", document_id]:
                    return 200, self._documents[document_id.lower()][2]
                case ["DELETE", "", "api", "v1", "knowledge-documents", document_id]:
                    del self._documents[document_id.lower()]
                    return 204, None
                case ["GET", "", "api", "v1", kind, run_id]:
                    return 200, dict(self._runs[kind, run_id.lower()])
        except (ValueError, RecursionError) as error:
            return 422, {"error": str(error)}
        except KeyError:
            pass
        return 404, {"error": "Not found."}

    def _run(self, kind: str, run: dict[str, Any], function: Any, body: Any, due: float) -> Iterator[float]:
        about = {"runId": run["id"], "channel": body["channel"]}
        try:
            result = function(dict(body["inputs"]))
            if kind == "prompts":
                changes = yield from self._say(result, body["thread"], about, due)
                text = changes["output"]
            else:
                changes = {"outputs": dict(result)}
                text = " ".join(filter(None, changes["outputs"].values()))
            read, written = len(" ".join(body["inputs"].values()).split()), len(text.split())
            free = dict.fromkeys(["input", "cachedInput", "cacheWrite", "output", "webSearch", "total"], 0.0)
            tokens = {"input": read, "inputCached": 0, "output": written, "reasoning": 0, "total": read + written}
            changes |= {"tokenUsage": tokens, "cost": {"success": free, "retries": free, "total": 0.0}}
            event, status = "done", "completed"
        except GeneratorExit:
            raise
        except BaseException as error:  # as pytest.fail() raises
            text = str(error) or type(error).__name__
            changes = {"error": text} if kind == "prompts" else {"errors": [text]}
            event, status, about = "failure", "failed", about | {"code": "run_failed", "message": text}
        yield due - time.monotonic()
        run |= changes | {"status": status, "finishedAt": _timestamp()}
        self.publish(body["thread"], event, about)
        self._deliver(run)

    def _say(self, parts: Any, thread: str, about: Any, due: float) -> Any:
        if isinstance(parts, str):
            parts = re.findall(r"\S+\s*|\s+", parts)
        number = length_hint(parts)  # 0 of a generator
        seconds = number and (due - time.monotonic()) / (number + 1)
        held: list[tuple[int, Any]] = []
        for part in chain([Reset()], parts):
            if isinstance(part, Reset):
                place = about | part._asdict() | {"seq": 0}
                held = [entry for entry in held if entry[0] < part.segment]
                self.publish(thread, "reset", place)
            else:
                place["seq"] += 1
                held.append((place["segment"], part))
                if isinstance(part, str):
                    self.publish(thread, "token", place | {"text": part})
                elif isinstance(part, Payload):
                    self.publish(thread, "data", place | part._asdict())
                elif isinstance(part, Tool):
                    fields = part._asdict()
                    call = {"ref": str(uuid4()), "tool": fields.pop("name")}
                    self.publish(thread, "tool_start", place | call)
                    self.publish(thread, "tool_end", about | call | fields)
                else:
                    raise TypeError(f"not a part of an answer: {part!r}")
            yield seconds
        transcript: list[Any] = []
        for is_text, parts in groupby((part for _, part in held), lambda part: isinstance(part, str)):
            if is_text:
                parts = [{"type": "text", "content": "".join(parts), "citations": []}]
            else:
                parts = [{"type": "tool" if isinstance(part, Tool) else "data"} | part._asdict() for part in parts]
            transcript += parts
        return {
            "output": "".join(part for _, part in held if isinstance(part, str)),
            "emitted": [part._asdict() for _, part in held if isinstance(part, Payload)],
            "transcript": transcript,
        }

    def _base(self, slug: str) -> dict[str, Any]:
        documents = [entry[2] for entry in list(self._documents.values()) if entry[0] == slug]
        return {
            "id": self._bases[slug],
            "status": "pending" if any(entry["status"] == "pending" for entry in documents) else "ready",
            "documentCount": len(documents),
            "chunkCount": sum(entry["chunkCount"] for entry in documents),
            "documents": documents,
        }

    def _index(self, slug: str, files: dict[str, Any], seconds: float) -> Iterator[float]:
        yield seconds
        with self._lock:
            documents = [files[entry][2] for entry in files if entry in self._documents]
            for document in documents:
                document |= {"status": "ready", "chunkCount": -(-document["bytes"] // 1000)}
            base = self._base(slug)
        for document in documents:
            self._deliver(document, "chunkCount")
        if documents and base["status"] == "ready":
            self._deliver(base, "documentCount", "chunkCount")

    def _deliver(self, record: dict[str, Any], *names: str) -> None:
        body = json.dumps({name: record[name] for name in ("id", "status", *names)}).encode()
        for url, secret in self._webhooks:
            headers = {"Content-Type": "application/json", "PromptJuggler-Signature": sign_webhook(body, secret)}
            try:
                self._open(urllib.request.Request(url, body, headers), timeout=_WEBHOOK_SECONDS).close()
            except Exception as error:
                self.webhook_errors.append(f"{url}: {error}")
                if isinstance(error, urllib.error.HTTPError):
                    error.close()  # It is an answer too, on an open connection.


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128  # with 5 a crowd waits
    fake: FakeServer

    def process_request(self, *connection: Any) -> None:
        self.fake._sockets.add(connection[0])
        self.fake._spawn(self.process_request_thread, *connection)

    def finish_request(self, *connection: Any) -> None:
        with suppress(OSError):
            super().finish_request(*connection)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        fake, length = self.server.fake, self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,9}", length):
            self.send_error(411)
            return
        with fake._lock:
            fault = fake._faults.pop(0) if fake._faults else {}
        size = fault.get("size", int(length))
        body = self.rfile.read(size)
        if len(body) < size:
            return
        request = RecordedRequest(self.command, self.path, self.headers, body)
        fake.requests.append(request)
        status, document = fault.get("answer") or fake._answer(request)
        if fake._sleep(fault.get("delay", 0)) or fault.get("drop"):
            self.close_connection = True
            return
        self.send_response(status)
        if fault.get("Retry-After") is not None:
            self.send_header("Retry-After", str(fault["Retry-After"]))
        if isinstance(document, Iterator):
            next(document)  # listens before the head goes out
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.send_header("Connection", "close")
        elif document is not None:
            document = [json.dumps(document).encode()]
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(document[0])))
        self.end_headers()
        self.wfile.writelines(document or ())

    do_POST = do_DELETE = do_PUT = do_PATCH = do_GET

    def log_message(self, *args: object) -> None:
        pass


def _frame(number: int, event: str, data: Mapping[str, Any]) -> tuple[str | None, bytes]:
    return data.get("channel"), f"id: {number}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()


def _check(kept: object, error: str) -> None:
    if not kept:
        raise ValueError(error)


def _timestamp(later: int = 0) -> str:
    return datetime.fromtimestamp(int(time.time()) + later, timezone.utc).isoformat()


def _holds(body: object, kinds: Any = str) -> bool:
    return isinstance(body, dict) and all(isinstance(text, kinds) for text in body.values())


def _run_body(content: bytes) -> dict[str, Any]:
    body = json.loads(content)
    _check(isinstance(body, dict), "the body must be an object")
    body = {
        "inputs": None,
        "priority": "normal",
        "channel": "default",
        "environment": "",
        "envVars": {},
        "metadata": {},
        "thread": uuid4(),
    } | {name: value for name, value in body.items() if value is not None}
    _check(_holds(body["inputs"]), "inputs must be an object of strings")
    _check(_holds(body["envVars"]), "envVars must be an object of strings")
    _check(isinstance(body["channel"], str), "channel must be a string")
    _check(isinstance(body["environment"], str), "environment must be a string")
    _check(body["priority"] in ("onsite", "normal", "low"), "priority must be onsite, normal or low")
    kept = _holds(body["metadata"], (str, list))
    kept = kept and all(isinstance(text, str) for text in chain(*body["metadata"].values()))
    _check(kept, "metadata must be an object of strings and lists of strings")
    size = len("".join(chain(*body["envVars"].items())).encode("utf-8", "replace"))
    kept = size <= 65_536 and len(body["envVars"]) <= 50
    kept = kept and all(re.fullmatch("[A-Z_][A-Z0-9_]*", name) for name in body["envVars"])
    _check(kept, "envVars must be at most 50, in UPPER_CASE, and 64 KB")
    body["thread"] = str(body["thread"]).lower()
    _check(body["thread"] == str(UUID(body["thread"])), "thread must be a UUID")
    return body


def _files(slug: str, request: RecordedRequest) -> dict[str, Any]:
    boundary = re.escape(request.headers.get_boundary("").encode())
    # What is around the files is void.
    _, *parts = re.split(rb"\r\n--%b(--)?[ \t]*(?=\r\n|\Z)" % boundary, b"\r\n" + request.body)
    kept: object = request.headers.get_content_type() == "multipart/form-data"
    files: dict[str, Any] = {}
    for part in parts[1:-1:2]:
        head, _, content = part.partition(b"\r\n\r\n")
        about = email.message_from_string(head.decode("utf-8", "replace").strip())
        document: dict[str, Any] = {"id": str(uuid4()), "status": "pending", "fileName": about.get_filename()}
        document |= {"bytes": len(content), "mimeType": about.get_content_type(), "chunkCount": 0}
        kept = kept and document["fileName"] and "Content-Type" in about
        kept = kept and about.get_param("name", header="Content-Disposition") == f"files[{len(files)}]"
        files[document["id"]] = slug, content, document
    _check(kept and files and parts[-2], "the body must be multipart/form-data: files[0], ... named and typed")
    return files


def main() -> None:
    """Show a run, step by step."""
    from . import PromptJuggler  # above, it would load the client

    with FakeServer(run_seconds=0.3) as server, PromptJuggler(server.api_key, base_url=server.url, proxy=False) as pj:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        print(f"A FakeServer stands in for the API at {server.url}.")
        run = pj.run_prompt("greeting", "production", {"name": "Ada"})
        print(f"Started run {run.id} of the prompt greeting, with name=Ada.")
        print(f"Status: {pj.get_prompt_run(run.id).status}. Waiting ...")
        done = pj.wait_for_prompt_run(run.id, poll_interval=0.01)
        print(f"Status: {done.status}.\nAnswer: {done.output}\nNo model was called.")


if __name__ == "__main__":
    main()
