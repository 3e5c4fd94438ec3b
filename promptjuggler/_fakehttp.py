"""The HTTP side of `testing.FakeServer`: connections, threads, faults and streams."""

from __future__ import annotations

import http.server
import json
import re
import socket
import socketserver
import sys
import threading
import time
import weakref
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from email.message import Message
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple
from uuid import UUID

# What a stream ends with: the last chunk, or one that is cut off. A heartbeat shows, too, whether the client has gone.
_END, _CUT, _HEARTBEAT = b"0\r\n\r\n", b"ff\r\nid: ", b"3\r\n:\n\n\r\n"
_HEARTBEAT_SECONDS = 1.0


class RecordedRequest(NamedTuple):
    """A request as it came; `path` has the query too."""

    method: str
    path: str
    headers: Message
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `ValueError` if it is none."""
        return json.loads(self.body)


class _Fault(NamedTuple):
    status: int = 0
    headers: Mapping[str, str] = {}
    delay: float = 0.0
    drop: bool = False
    unread: bool = False


class _Frame(NamedTuple):
    channel: str | None
    chunk: bytes


def _frame(number: int, event: str, data: Mapping[str, Any]) -> _Frame:
    text = f"id: {number}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()
    return _Frame(data.get("channel"), b"%x\r\n%b\r\n" % (len(text), text))


class Stream(NamedTuple):
    """A client's stream of a thread; no channels means all."""

    kept: list[_Frame]  # by id, from 1
    channels: list[str]
    last_id: str
    chunks: SimpleQueue[bytes]

    def send(self, frame: _Frame) -> None:
        """Send a frame that is wanted."""
        if not self.channels or frame.channel in (None, *self.channels):
            self.chunks.put(frame.chunk)

    def resume(self, last_id: str) -> None:
        """Send what came after a frame; after an unknown one, `stale` and everything."""
        ids = [*map(str, range(len(self.kept) + 1))]
        if last_id not in ids:
            self.send(_frame(0, "stale", {}))
            last_id = "0"
        for frame in self.kept[ids.index(last_id) :]:
            self.send(frame)


class HttpServer:
    """A server on a free port of 127.0.0.1."""

    url: str
    """The base URL for a client, there from `start()` on."""

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self._port = 0
        self._closing = threading.Event()
        self._closing.set()
        self._lock = threading.RLock()
        self._threads: list[threading.Thread] = []
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._faults: deque[_Fault] = deque()
        self._frames: defaultdict[str, list[_Frame]] = defaultdict(list)  # by thread
        self._streams: list[Stream] = []
        self._lose = 0
        self._paused: list[Iterator[float]] = []

    def start(self) -> None:
        """Listen; after `close()`, at the same address, and what was pending goes on."""
        self._http = _Server(("127.0.0.1", self._port), _Handler)
        self._http.fake = self
        self._port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._closing.clear()
        self._spawn(self._serve, self._http)
        paused, self._paused = self._paused, []
        for work in paused:
            self._spawn(self._do, work)

    def close(self) -> None:
        """Hang up, and end every thread. A function that runs is given five seconds."""
        if self._closing.is_set():
            return
        self._closing.set()
        with suppress(OSError):  # wakes who waits for the next connection
            socket.create_connection(("127.0.0.1", self._port)).close()
        for sock in list(self._sockets):
            with suppress(OSError):  # it may be closed already
                sock.shutdown(socket.SHUT_RDWR)
        self.drop_streams()
        deadline = time.monotonic() + 5.0
        while self._threads:  # they may start others
            self._threads.pop().join(deadline - time.monotonic())
        self._http.server_close()

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def fail_next(self, status: int, times: int = 1, retry_after: float | str | None = None) -> None:
        """Answer the next requests with an error. Such faults queue up: each request meets one."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._faults.extend([_Fault(status, headers)] * times)

    def drop_next(self, times: int = 1, *, after_reading: bool = True) -> None:
        """Hang up without an answer: when the request is carried out, or before its body is read."""
        self._faults.extend([_Fault(drop=True, unread=not after_reading)] * times)

    def delay_next(self, seconds: float, times: int = 1) -> None:
        """Answer the next requests late."""
        self._faults.extend([_Fault(delay=seconds)] * times)

    def publish(self, thread: str | UUID, event: str, data: Mapping[str, Any]) -> None:
        """Send any frame to all who stream the thread, now or when they come back."""
        with self._lock:
            if self._lose:
                self._lose -= 1
                return
            kept = self._frames[str(thread).lower()]
            kept.append(_frame(len(kept) + 1, event, data))
            for stream in self._streams:
                if stream.kept is kept:
                    stream.send(kept[-1])

    def lose_next_frames(self, times: int = 1) -> None:
        """Neither send nor keep the next frames."""
        self._lose += times

    def hand_over_streams(self) -> None:
        """End every stream with a `reconnect`."""
        with self._lock:
            for stream in self._streams:
                stream.send(_frame(len(stream.kept), "reconnect", {}))
                stream.chunks.put(_END)

    def drop_streams(self) -> None:
        """Cut every stream off."""
        with self._lock:
            for stream in self._streams:
                stream.chunks.put(_CUT)

    def send_stale(self) -> None:
        """Send `stale` to every stream, and all that is kept."""
        with self._lock:
            for stream in self._streams:
                stream.resume("")

    def _spawn(self, function: Callable[..., object], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        thread.start()
        with self._lock:
            self._threads[:] = [*filter(threading.Thread.is_alive, self._threads), thread]

    def _serve(self, http: _Server) -> None:
        while not self._closing.is_set():
            http.handle_request()

    def _sleep(self, seconds: float) -> bool:
        """Wait. True if the server was closed meanwhile."""
        return self._closing.wait(min(seconds, threading.TIMEOUT_MAX))

    def _do(self, work: Iterator[float]) -> None:
        if any(map(self._sleep, work)):
            self._paused.append(work)

    def _answer(self, request: RecordedRequest) -> tuple[int, object]:
        raise NotImplementedError


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    request_queue_size = 128  # with 5, a crowd waits a second to be let in
    fake: HttpServer

    def process_request(self, request: Any, client_address: Any) -> None:
        self.fake._sockets.add(request)
        self.fake._spawn(self.process_request_thread, request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):  # a client may hang up
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _handle(self) -> None:
        fake, length = self.server.fake, self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not re.fullmatch("[0-9]{1,9}", length):
            self.send_error(411)
            return
        with fake._lock:
            fault = fake._faults.popleft() if fake._faults else _Fault()
        body = b"" if fault.unread else self.rfile.read(int(length))
        if len(body) < int(length) and not fault.unread:
            return  # the client hung up
        request = RecordedRequest(self.command, self.path, self.headers, body)
        fake.requests.append(request)
        status: int = fault.status
        document: object = {"error": f"The test wants {fault.status}."}
        if not status and not fault.unread:
            status, document = fake._answer(request)
        if fake._sleep(fault.delay) or fault.drop:
            self.close_connection = True
        elif isinstance(document, Stream):
            self._stream(fake, document)
        else:
            content = b"" if document is None else json.dumps(document).encode()
            about = {"Content-Type": "application/json", "Content-Length": str(len(content))} if content else {}
            self._head(status, {**about, **fault.headers})
            self.wfile.write(content)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _handle

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _stream(self, fake: HttpServer, stream: Stream) -> None:
        with fake._lock:
            fake._streams.append(stream)
            if stream.last_id:
                stream.resume(stream.last_id)
        try:
            about = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked", "Connection": "close"}
            self._head(200, about)
            chunk = b""
            while chunk not in (_END, _CUT):
                try:
                    chunk = stream.chunks.get(timeout=_HEARTBEAT_SECONDS)
                except Empty:
                    chunk = _HEARTBEAT
                self.wfile.write(chunk)
        finally:
            with fake._lock:
                fake._streams.remove(stream)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
