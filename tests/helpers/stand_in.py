"""Asks a FakeServer without the client of this package, for the tests of both."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from helpers.calls import eventually
from helpers.servers import PATIENCE
from promptjuggler.testing import FakeServer

THREAD = "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11"
BOUNDARY = "cut-here"

# What uploads have to bring through.
CONTENTS = [
    b"",
    b"plain",
    b"\r\n",
    b"ends with a line break\r\n",
    b"\r\n\r\nblank lines\r\n\r\n",
    b"\n",
    b"\r",
    b"--cut-her",
    b"\r\n--cut-hereafter\r\n--cut-here--after",
    b"x--cut-here--\r\n",
    b"a\r\n--cut-her\r\n--",
    b"a\n--cut-here\nb",
    b"\xff\xfe\x00\x80 not text",
    bytes(range(256)) * 40,
]


class Api:
    """Asks a FakeServer over one kept connection, without the client of this package."""

    def __init__(self, server: FakeServer, key: str | None = None) -> None:
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", urlsplit(server.url).port, timeout=PATIENCE
        )
        self.key = server.api_key if key is None else key

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        headers: dict[str, str] | None = None,
    ) -> SimpleNamespace:
        data = (
            body
            if body is None or isinstance(body, bytes)
            else json.dumps(body).encode()
        )
        self.connection.request(
            method,
            path,
            data,
            {"Authorization": f"Bearer {self.key}", **(headers or {})},
        )
        answer = self.connection.getresponse()
        content = answer.read()
        document = json.loads(content) if content else None
        return SimpleNamespace(
            status=answer.status,
            headers=answer.headers,
            content=content,
            document=document,
        )

    def run(
        self,
        kind: str,
        slug: str,
        inputs: dict[str, str] | None = None,
        version: str = "1",
    ) -> str:
        """Start a run and give the path at which it can be read."""
        answer = self(
            "POST", f"/api/v1/{kind}s/{slug}/{version}/runs", {"inputs": inputs or {}}
        )
        assert answer.status == 200, answer.document
        return f"/api/v1/{kind}runs/{answer.document['id']}"

    def finished(self, path: str) -> Any:
        """What is at a path once it is not pending any more."""
        document = self("GET", path).document
        eventually(lambda: self("GET", path).document["status"] != "pending")
        assert document["id"] == path.rpartition("/")[2] or "documents" in document
        return self("GET", path).document

    def upload(
        self, slug: str, body: bytes, boundary: str = BOUNDARY
    ) -> SimpleNamespace:
        content_type = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        return self(
            "POST", f"/api/v1/knowledge-bases/{slug}/documents", body, content_type
        )


def hurry(server: FakeServer) -> None:
    """Let what is pending end now, deleted documents too."""
    server.run_seconds = 0
    for task in tuple(server._jobs._under_way):
        for record_id in task.ids:
            assert server._jobs.finish(record_id, PATIENCE)


def multipart(*files: tuple[str, bytes], boundary: str = BOUNDARY) -> bytes:
    parts = b""
    for index, (name, content) in enumerate(files):
        about = f'form-data; name="files[{index}]"; filename="{name}"'
        head = f"--{boundary}\r\nContent-Disposition: {about}\r\n"
        parts += head.encode() + b"Content-Type: text/plain\r\n\r\n" + content + b"\r\n"
    return parts + f"--{boundary}--\r\n".encode()


def raising(error: BaseException) -> Callable[[dict[str, str]], Any]:
    def function(inputs: dict[str, str]) -> Any:
        raise error

    return function


def counting(calls: list[dict[str, str]]) -> Callable[[dict[str, str]], str]:
    def function(inputs: dict[str, str]) -> str:
        calls.append(inputs)
        return "counted"

    return function


def raw(server: FakeServer, *pieces: bytes) -> bytes:
    """Everything the server sends back until it hangs up."""
    with socket.create_connection(
        ("127.0.0.1", urlsplit(server.url).port or 0), timeout=PATIENCE
    ) as sock:
        for piece in pieces:
            sock.sendall(piece)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return answer
