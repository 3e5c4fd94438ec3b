"""What the tests of the command line share: an account, and calls of it."""

import io
import json
import sys

import pytest
from helpers.commandline import COLOURS, KEY, LoadedProgram

from promptjuggler._cli import main
from promptjuggler.testing import FakeServer


@pytest.fixture(scope="session", autouse=True)
def loaded_program():
    """What the processes of these tests are forks of."""
    with LoadedProgram():
        yield


def new_server():
    server = FakeServer(api_key=KEY, run_seconds=0)
    server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
    server.add_prompt("list", lambda inputs: json.dumps(inputs))
    server.add_prompt("broken", fail)
    server.add_workflow(
        "summary",
        lambda inputs: {"summary": inputs["text"][:9], "nothing": None, "none": ""},
    )
    server.add_workflow("broken", fail)
    server.add_knowledge_base("manuals")
    return server


def fail(inputs):
    raise ValueError("the model\nis \x1b[31mtired")


@pytest.fixture(scope="module")
def shared_server():
    with new_server() as server:
        yield server


def point_to(server, monkeypatch):
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", KEY)
    monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", server.url)


@pytest.fixture
def server(shared_server, monkeypatch):
    """A server that the environment points to."""
    point_to(shared_server, monkeypatch)
    shared_server.requests.clear()
    return shared_server


@pytest.fixture
def quick(monkeypatch):
    """Such a server with which nobody waits.

    It says that a run was started only when that has ended.
    """
    with new_server() as server:
        point_to(server, monkeypatch)
        server.delay_next(0.01, times=100)
        yield server


@pytest.fixture(autouse=True)
def no_wishes_about_colours(monkeypatch):
    """What the machine says about them is not what the tests are about."""
    for variable in COLOURS:
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def cli(capsys):
    """Calls the command line; gives exit code, standard output, standard error."""

    def call(*arguments):
        code = main(list(arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return call


@pytest.fixture
def stdin(monkeypatch):
    """Sets what standard input gives."""

    def set_to(content):
        stream = (
            None
            if content is None
            else io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")
        )
        monkeypatch.setattr(sys, "stdin", stream)

    return set_to


@pytest.fixture
def own_server():
    """A server for this test alone; a process is pointed to it with `account`."""
    with FakeServer(run_seconds=0) as server:
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_knowledge_base("manuals")
        yield server


@pytest.fixture
def own_quick(own_server):
    """Such a server with which nobody waits, as `quick`."""
    own_server.delay_next(0.01, times=100)
    return own_server
