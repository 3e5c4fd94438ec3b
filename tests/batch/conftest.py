"""What most tests of many runs begin with."""

import pytest
from helpers.batches import Greeter

from promptjuggler import _retry as retry


@pytest.fixture
def server():
    """A stand-in that greets, and counts how often each run was started."""
    with Greeter() as greeter:
        yield greeter


@pytest.fixture
def pj(server):
    with server.client() as client:
        yield client


@pytest.fixture
def path(tmp_path):
    """Where a journal can be written."""
    return tmp_path / "rows.journal"


@pytest.fixture
def quick(monkeypatch):
    """Delays of a hundredth of their length."""
    monkeypatch.setattr(retry, "_FIRST_DELAY", 0.005)
    monkeypatch.setattr(retry, "_LONGEST_DELAY", 0.08)
