"""What most tests of many runs begin with."""

import pytest
from helpers.batches import Greeter


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
