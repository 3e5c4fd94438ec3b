"""A server that answers with fixed bytes and counts, as fast as Python can. Run in a process of its own.

It answers over http and https, each connection in a thread. What it is told comes on the standard input, one JSON
object in each line, and is answered by one line: first the answers and the certificate, which give the two ports; then
`count`, `reset`, `pend` (these runs are pending for so many more polls), `hang_up` (close every connection) and
`stream` (the stream of every thread is that of so many runs with so many tokens).
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import sys
import threading
import uuid
from typing import Any

# What servers commonly send along: clients have to read it.
HEAD = (
    "HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\nConnection: keep-alive\r\nCache-Control: no-cache, private\r\n"
    "X-Request-Id: 8f14e45fceea167a\r\nStrict-Transport-Security: max-age=31536000\r\n\r\n"
)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Server:
    """The two listening sockets and what was counted."""

    def __init__(self, answers: dict[str, str], certificate: str) -> None:
        self.answers = {
            name: (HEAD.format(len(text.encode())) + text).encode()
            for name, text in answers.items()
        }
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.open: set[socket.socket] = set()
        self.lock = threading.Lock()
        self.reset()
        self.ports = [self.listen(None), self.listen(self.context)]

    def reset(self) -> None:
        self.connections = self.requests = self.posts = self.body_bytes = 0
        self.pending: dict[bytes, int] = {}
        self.streamed = (1, 1)

    def listen(self, context: ssl.SSLContext | None) -> int:
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        threading.Thread(
            target=self.accept, args=(listener, context), daemon=True
        ).start()
        port: int = listener.getsockname()[1]
        return port

    def accept(self, listener: socket.socket, context: ssl.SSLContext | None) -> None:
        while True:
            connection, _ = listener.accept()
            self.connections += 1
            threading.Thread(
                target=self.serve, args=(connection, context), daemon=True
            ).start()

    def serve(self, connection: socket.socket, context: ssl.SSLContext | None) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            if context:
                connection = context.wrap_socket(connection, server_side=True)
            self.open.add(connection)
            self.exchange(connection, self.ports[1 if context else 0])
        except OSError:
            pass  # The client went away, or was hung up on.
        finally:
            self.open.discard(connection)
            connection.close()

    def exchange(self, connection: socket.socket, port: int) -> None:
        buffer = bytearray(1 << 18)
        received = b""
        while True:
            end = received.find(b"\r\n\r\n")
            if end < 0:
                piece = connection.recv(65536)
                if not piece:
                    return
                received += piece
                continue
            head = received[:end]
            received = received[end + 4 :]
            if head.startswith(b"POST"):
                length = content_length(head)
                left = length - len(received)
                while left > 0:
                    count = connection.recv_into(buffer, min(left, len(buffer)))
                    if not count:
                        return
                    left -= count
                received = b""
                with self.lock:
                    self.posts += 1
                    self.body_bytes += length
            with self.lock:
                self.requests += 1
            if head.startswith(b"GET /stream "):
                self.stream(connection)
                return
            connection.sendall(
                self.token(port) if b"/stream-token " in head else self.answer(head)
            )

    def token(self, port: int) -> bytes:
        scheme = "https" if port == self.ports[1] else "http"
        url = f"{scheme}://localhost:{port}/stream"
        text = json.dumps(
            {"token": "token", "expiresAt": "2030-01-01T00:00:00+00:00", "url": url}
        )
        return (HEAD.format(len(text)) + text).encode()

    def stream(self, connection: socket.socket) -> None:
        """Send all frames, and wait until the client has gone."""
        connection.sendall(STREAM_HEAD)
        runs, tokens = self.streamed
        number = 0
        for run in range(runs):
            about = f'"runId": "{uuid.UUID(int=run + 1)}", "channel": "default"'
            frames = [f'event: reset\ndata: {{{about}, "segment": 0, "seq": 0}}\n\n']
            for seq in range(1, tokens + 1):
                number += 1
                # As long as a token and a space are on average.
                data = f'{{{about}, "segment": 0, "seq": {seq}, "text": "word{seq % 10} "}}'
                frames.append(f"id: {number}\nevent: token\ndata: {data}\n\n")
                if len(frames) == 400:
                    send_chunk(connection, frames)
            frames.append(f"event: done\ndata: {{{about}}}\n\n")
            send_chunk(connection, frames)
        connection.recv(1)

    def answer(self, head: bytes) -> bytes:
        target = head.split(b" ", 2)[1]
        if target.endswith(b"/documents"):
            return self.answers["documents"]
        if target.endswith(b"/runs"):
            return self.answers["started"]
        polls = self.pending.get(target[-36:], 0)
        if polls:
            self.pending[target[-36:]] = polls - 1
            return self.answers["pending"]
        return self.answers["run"]

    def hang_up(self) -> None:
        for connection in list(self.open):
            try:
                # Not the method of the TLS socket: that one takes the socket away from the thread that reads it.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                pass

    def told(self, order: dict[str, Any]) -> dict[str, Any]:
        if order["do"] == "reset":
            self.reset()
        elif order["do"] == "pend":
            self.pending = {run_id.encode(): order["polls"] for run_id in order["runs"]}
        elif order["do"] == "stream":
            self.streamed = (order["runs"], order["tokens"])
        elif order["do"] == "hang_up":
            self.hang_up()
        names = ("connections", "requests", "posts", "body_bytes")
        return {name: getattr(self, name) for name in names}


def send_chunk(connection: socket.socket, frames: list[str]) -> None:
    """Send some frames, and let go of them."""
    data = "".join(frames).encode()
    frames.clear()
    connection.sendall(b"%x\r\n%b\r\n" % (len(data), data))


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def main() -> None:
    first = json.loads(sys.stdin.readline())
    server = Server(first["answers"], first["certificate"])
    print(json.dumps({"http": server.ports[0], "https": server.ports[1]}), flush=True)
    for line in sys.stdin:
        print(json.dumps(server.told(json.loads(line))), flush=True)
    # Threads may still be reading: nothing of them is wanted any more.
    os._exit(0)


if __name__ == "__main__":
    main()
