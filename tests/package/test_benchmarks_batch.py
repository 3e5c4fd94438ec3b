"""The benchmark of batches measures what it says."""

import pytest
from benchmarks import batch
from benchmarks.report import FLOOR, OURS


@pytest.fixture(scope="module")
def server(bench):
    """A server, and its URL."""
    with bench.server() as process:
        process.url = f"http://localhost:{process.answer()['http']}"
        yield process


@pytest.mark.parametrize("name", ["", "a.journal"])
def test_a_batch_and_the_bare_calls_send_as_many_requests(bench, server, name):
    journal = str(bench.work / name) if name else ""
    server.ask("reset")
    row = batch.against_calls(bench, server.url, 5, journal)
    assert {who: len(values) for who, values in row.seconds.items()} == {
        OURS: 1,
        FLOOR: 1,
    }
    # Both once to warm up.
    counted = server.ask("count")
    assert (counted["posts"], counted["requests"]) == (20, 40)


def test_what_a_journal_has_is_given_without_a_request(bench, server):
    options = (bench, server.url, 3, 7, "", "grown.journal")
    server.ask("reset")
    batch.growth(*options, False)
    assert server.ask("count")["posts"] == 10
    fact = batch.growth(*options, True)
    assert server.ask("count")["posts"] == 10
    assert set(fact.numbers) == {"few", "all"}
