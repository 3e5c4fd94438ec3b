"""What the stand-in leans on in the insides of the standard library.

Each test has the name that stands after `# seam:` where it is leaned on, and fails when a
new Python does it in another way.
"""

from __future__ import annotations

import http.server
import socket
import socketserver
import threading
from typing import Any

import pytest
from helpers.servers import PATIENCE

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


class Quiet(http.server.BaseHTTPRequestHandler):
    """Answers GET with nothing, and says nothing."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = self.path == "/last"
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@pytest.mark.parametrize("seam", ["socketserver.process_request"])
def test_each_connection_goes_to_process_request_which_may_keep_it(seam: str) -> None:
    kept: list[Any] = []

    class Keeping(socketserver.TCPServer):
        def process_request(self, request: Any, client_address: Any) -> None:
            kept.append((request, threading.current_thread()))

    with Keeping(("127.0.0.1", 0), Quiet) as server:
        client = socket.create_connection(server.server_address, PATIENCE)
        server.handle_request()
    ((connection, thread),) = kept
    assert isinstance(connection, socket.socket), seam
    assert thread is threading.current_thread(), seam
    # Neither handle_request() nor the end of the server has closed it.
    with connection, client:
        connection.sendall(b"still open")
        assert client.recv(100) == b"still open", seam


@pytest.mark.parametrize("seam", ["socketserver.finish_request"])
def test_finish_request_serves_a_connection_to_its_end_and_leaves_it(seam: str) -> None:
    client, connection = socket.socketpair()
    with (
        client,
        connection,
        socketserver.TCPServer(("127.0.0.1", 0), Quiet) as server,
    ):
        client.settimeout(PATIENCE)
        client.sendall(REQUEST + REQUEST.replace(b"/ ", b"/last ", 1) + REQUEST)
        server.finish_request(connection, ("127.0.0.1", 0))
        connection.sendall(b"still open")
        connection.shutdown(socket.SHUT_WR)
        answers = b""
        while data := client.recv(65536):
            answers += data
    assert answers.count(b"HTTP/1.1 200 OK\r\n") == 2, seam
    assert answers.endswith(b"still open"), seam
