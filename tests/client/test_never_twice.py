"""A run costs money: however a server fails, and whatever was sent before, none is
started twice.
"""

from __future__ import annotations

import collections
import json
import random
import threading
import time

import pytest
from helpers.calls import ID, answer, client_of, in_threads
from helpers.servers import ClientGone, ScriptedServer, make_reply, server_context

from promptjuggler import ApiError, NetworkError, PromptJugglerError

WAYS = [
    "answer", "answer and close", "answer, then close when idle", "before reading", "in the head", "after the head",
    "after the request", "in the status line", "in the headers", "in the body", "interim", "500", "503", "429", "408",
    "garbage",
]  # fmt: skip


class Unreliable(ScriptedServer):
    """Fails at random, and counts by their input the requests that arrived whole and
    were not turned away.
    """

    def __init__(self, seed, tls):
        self.chance = random.Random(seed)
        self.started = collections.Counter()
        self.arrived = collections.Counter()
        self.ways = collections.Counter()
        self.wayslock = threading.Lock()
        super().__init__(self._fail, tls=tls)

    def _fail(self, conn):
        while not conn.closed:
            with self.wayslock:
                way, reset = self.chance.choice(WAYS), self.chance.random() < 0.5
                self.ways[way] += 1
            self._meet(conn, way)
            if not conn.closed and way in ("answer", "500", "503", "429", "408"):
                continue
            if not conn.closed:
                (conn.reset if reset else conn.close)()

    def _meet(self, conn, way):
        if way == "before reading":
            return
        if way == "in the head":
            conn.sock.recv(1 + self.chance.randrange(60))
            return
        try:
            if way == "after the head":
                conn._receive_until(b"\r\n\r\n")
                return
            request = conn.read_request()
        except ClientGone:
            conn.close()
            return
        if request is None:
            conn.close()
            return
        self._count(request, way)
        whole = answer(request, keep=way != "answer and close")
        head = whole.index(b"\r\n\r\n") + 4
        cut = {
            "after the request": 0,
            "in the status line": self.chance.randrange(1, 15),
            "in the headers": self.chance.randrange(17, head - 1),
            "in the body": self.chance.randrange(head, max(len(whole), head + 1)),
        }.get(way, len(whole))
        if way.isdigit():
            conn.send(make_reply(int(way), {"error": way}))
        elif way == "interim":
            conn.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif way == "garbage":
            conn.send(b"\x15\x03\x01 what is this?\r\n\r\n")
        else:
            conn.send(whole[:cut])

    def _count(self, request, way):
        if request.method != "POST":
            return
        number = request.json()["inputs"]["number"]
        with self.wayslock:
            self.arrived[number] += 1
            if way != "429":
                self.started[number] += 1


def _work(client, numbers, outcomes):
    """Start a run for each number, with other requests between them on the same connections."""
    for number in numbers:
        start = client.run_prompt if number % 3 else client.run_workflow
        try:
            start("greeting", 1, {"number": str(number)})
            outcomes[number] = "started"
        except PromptJugglerError as error:
            outcomes[number] = error
        if number % 4 == 0:
            try:
                client.get_knowledge_document(ID)
                client.delete_knowledge_document(ID)
            except PromptJugglerError:
                pass


@pytest.mark.parametrize(
    ("tls", "count"), [(False, 840), (True, 160)], ids=["http", "https"]
)
def test_of_a_thousand_runs_on_an_unreliable_server_none_is_started_twice(tls, count):
    outcomes = {}
    with (
        Unreliable(7, server_context() if tls else None) as server,
        client_of(server) as client,
    ):
        share = count // 4

        def work(part):
            _work(client, range(part * share, (part + 1) * share), outcomes)

        in_threads(4, work)
        assert len(outcomes) == count
        assert max(server.started.values()) == 1
        assert set(server.ways) == set(WAYS)
        for number, outcome in outcomes.items():
            started = server.started[str(number)]
            if outcome == "started":
                assert started == 1
            elif isinstance(outcome, NetworkError) and not outcome.request_sent:
                # What the client calls certain is so.
                assert not started
            elif isinstance(outcome, ApiError) and outcome.status_code == 429:
                assert not started
        # Otherwise all of this shows nothing: many got through, many did not, and some
        # were sent again after a 429.
        kinds = collections.Counter(
            type(outcome).__name__ for outcome in outcomes.values()
        )
        assert min(kinds["str"], kinds["ApiError"], kinds["NetworkError"]) > count // 50
        assert max(server.arrived.values()) > 1
        assert sum(server.started.values()) > count // 2


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_run_is_not_started_on_a_connection_that_is_about_to_be_closed(tls):
    """The server closes each connection some time after its answer: early, late, or
    while the request is on its way.
    """
    chance = random.Random(3)
    started = collections.Counter()

    def handler(conn):
        while request := conn.read_request():
            started[json.loads(request.body)["inputs"]["number"]] += 1
            conn.send(answer(request))
            if chance.random() < 0.7:
                conn.wait(chance.random() * 0.002)
                return

    lost = 0
    server = ScriptedServer(handler, tls=server_context() if tls else None)
    with server, client_of(server) as client:
        for number in range(200):
            try:
                client.run_prompt("greeting", 1, {"number": str(number)})
                assert started[str(number)] == 1
            except NetworkError as error:
                assert error.request_sent  # noqa: PT017
                lost += 1
            if number % 5 == 0:
                time.sleep(0.0015)
        assert set(started.values()) == {1}
        assert sum(started.values()) >= 200 - lost
        assert server.connections > 60


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_a_run_is_sent_once_to_a_server_that_reads_it_and_breaks_off(tls):
    def handler(conn):
        conn.read_request()
        # The socket under TLS, without a goodbye: what a client sees when a server is killed.
        conn.reset() if conn.index % 2 else conn.close()

    server = ScriptedServer(handler, tls=server_context() if tls else None)
    with server, client_of(server, max_retries=5) as client:
        for number in range(1, 40):
            with pytest.raises(NetworkError) as caught:
                client.run_prompt("greeting", 1, {"number": str(number)})
            assert caught.value.request_sent
            assert caught.value.attempts == 1
            assert len(server.requests) == server.connections == number
        assert client.delays == []
