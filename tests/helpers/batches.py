"""What the tests of many runs share: inputs, their answers, and a server that counts."""

from __future__ import annotations

import json
import threading
from collections import Counter

from helpers.calls import client_of
from promptjuggler.testing import FakeServer


def rows(count: int, begin: int = 0) -> list[dict[str, str]]:
    """Inputs, each with a name of its own."""
    return [{"name": str(number)} for number in range(begin, begin + count)]


def answers(count: int) -> dict[int, str]:
    """The right answers to `rows`, by index."""
    return {number: f"Hello, {number}!" for number in range(count)}


def answers_of(results) -> dict[int, str]:
    """The answers that results have, each of which must be there once."""
    found = {}
    for result in results:
        assert result.error is None, result
        assert result.index not in found
        found[result.index] = result.run.output
    return found


class Greeter(FakeServer):
    """A stand-in that has the prompt and the workflow `greeting`.

    Its `started` says how often a run was started for each name.
    """

    def __init__(self, run_seconds: float = 0.0) -> None:
        super().__init__(run_seconds=run_seconds)
        self.started: Counter[str] = Counter()
        self._counting = threading.Lock()
        self.add_prompt("greeting", self._greet)
        self.add_workflow("greeting", lambda inputs: {"text": self._greet(inputs)})

    def _greet(self, inputs: dict[str, str]) -> str:
        with self._counting:
            self.started[inputs["name"]] += 1
        return f"Hello, {inputs['name']}!"

    def starts(self) -> int:
        """How many requests that start a run came, whatever became of them."""
        return sum(request.method == "POST" for request in self.requests)

    def looks(self) -> int:
        """How many requests that look at a run came."""
        return sum(request.method == "GET" for request in self.requests)

    def client(self, **options):
        """A client of it."""
        return client_of(self, **options)


def states(path) -> dict[int, str]:
    """The last state of each row that a journal has. A line cut off is none."""
    lines = path.read_bytes().split(b"\n")[1:-1]
    documents = [json.loads(line) for line in lines]
    return {document["row"]: document["state"] for document in documents}
