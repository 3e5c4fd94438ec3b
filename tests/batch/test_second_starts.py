"""What may have been started is started again with `restart_unsure` alone.

So it stays where such a second start comes to nothing, in whatever way.
"""

import socket

import pytest
from helpers.batches import rows, states
from helpers.calls import eventually, refusing_port

from promptjuggler import (
    ApiError,
    NetworkError,
    PromptJugglerError,
    ValidationError,
    WaitTimeout,
)
from promptjuggler._batch import pace as pace_module


def call(server, path, inputs=None, **options):
    """The first result of a call, which has a client of its own, and what ended it."""
    given = {}
    inputs = rows(2) if inputs is None else inputs
    with server.client() as pj:
        batch = pj.run_prompts("greeting", 1, inputs, journal=path, **options)
        with batch:
            try:
                for result in batch:
                    given[result.index] = result
            except PromptJugglerError as error:
                return given[0], error
    return given[0], None


# What an earlier call left. A second row has ended


def unsure(server, path):
    """A start without an answer."""
    server.drop_next()
    lost, _ = call(server, path, workers=1)
    assert isinstance(lost.error, NetworkError)
    assert states(path) == {0: "starting", 1: "ended"}


def gone(server, path):
    """A run of which each look says that it is not there, over a connection of its own."""
    server.run_seconds = 1000
    call(server, path, rows(1), timeout=0)
    server.run_seconds = 0
    late, _ = call(server, path, timeout=0)
    assert isinstance(late.error, WaitTimeout)
    assert states(path) == {0: "started", 1: "ended"}
    server.fail_next(404, method="GET", times=3, headers={"Connection": "close"})


# What becomes of the second start


def is_refused(server, path, monkeypatch):
    server.fail_next(422, method="POST")
    result, end = call(server, path, restart_unsure=True)
    assert (result.error.status_code, end) == (422, None)
    return result


def is_refused_as_all_would_be(server, path, monkeypatch):
    server.fail_next(401, method="POST")
    result, end = call(server, path, restart_unsure=True)
    assert (result.error.status_code, end) == (401, result.error)
    return result


def is_put_off_twice_and_then_refused(server, path, monkeypatch):
    server.fail_next(429, method="POST", times=2)
    server.fail_next(422, method="POST")
    result, end = call(server, path, restart_unsure=True)
    assert (result.error.status_code, end) == (422, None)
    return result


def is_put_off_to_the_end(server, path, monkeypatch):
    server.fail_next(429, method="POST", retry_after=1000)
    result, end = call(server, path, restart_unsure=True)
    assert (result.error.status_code, end) == (429, result.error)
    return result


def does_not_reach_the_server(server, path, monkeypatch):
    """A look at the run does, where there is one."""
    monkeypatch.setattr(pace_module, "LONGEST_OUTAGE", 0.05)
    looks = server.looks() + (states(path)[0] == "started")
    look_up = socket.getaddrinfo
    with refusing_port() as nobody, monkeypatch.context() as away:

        def getaddrinfo(host, port, *options):
            return look_up(host, port if server.looks() < looks else nobody, *options)

        away.setattr(socket, "getaddrinfo", getaddrinfo)
        result, end = call(server, path, restart_unsure=True)
    assert isinstance(result.error, NetworkError)
    assert (result.error.request_sent, end) == (False, result.error)
    return result


def is_stopped_while_it_is_put_off(server, path, monkeypatch):
    """By the next of the inputs, which are not those that the journal is of."""
    starts = server.starts()
    server.fail_next(429, method="POST", retry_after=100)

    def inputs():
        yield from rows(1)
        eventually(lambda: server.starts() > starts)
        yield {"name": "another"}

    result, end = call(server, path, inputs(), restart_unsure=True)
    assert result.error.status_code == 429
    assert isinstance(end, ValidationError)
    return result


@pytest.mark.parametrize(
    "fails",
    [
        is_refused,
        is_refused_as_all_would_be,
        is_put_off_twice_and_then_refused,
        is_put_off_to_the_end,
        does_not_reach_the_server,
        is_stopped_while_it_is_put_off,
    ],
    ids=lambda fails: fails.__name__,
)
@pytest.mark.parametrize("left", [unsure, gone], ids=lambda left: left.__name__)
def test_after_a_second_start_without_a_run_it_is_as_unsure_as_before(
    server, path, monkeypatch, quick, left, fails
):
    left(server, path)
    before = states(path)
    result = fails(server, path, monkeypatch)
    assert result.error.may_have_taken_effect
    assert result.run is None
    assert states(path) == before
    starts = server.starts()
    again, _ = call(server, path)
    assert again.error.may_have_taken_effect
    assert again.run_id == result.run_id
    assert (again.run_id is None) == (left is unsure)
    assert server.starts() == starts
    assert server.started == {"0": 1, "1": 1}
    last, end = call(server, path, restart_unsure=True)
    assert (last.run.output, end) == ("Hello, 0!", None)
    assert server.started == {"0": 2, "1": 1}
    assert call(server, path) == (last, None)


def test_a_run_that_is_gone_and_then_may_have_been_started_again_is_unsure(
    server, path
):
    gone(server, path)
    server.drop_next(method="POST")
    lost, _ = call(server, path, restart_unsure=True)
    assert (lost.run_id, lost.error.may_have_taken_effect) == (None, True)
    assert states(path) == {0: "starting", 1: "ended"}
    again, _ = call(server, path)
    assert (again.run_id, again.error.may_have_taken_effect) == (None, True)
    assert server.started == {"0": 2, "1": 1}


def test_a_second_start_that_is_put_off_and_then_lost_is_unsure(server, path, quick):
    """The id of the first stands in the journal in between, and not in the result."""
    gone(server, path)
    server.fail_next(429, method="POST")
    server.drop_next(method="POST")
    lost, _ = call(server, path, restart_unsure=True)
    assert (lost.run_id, lost.error.may_have_taken_effect) == (None, True)
    assert states(path) == {0: "starting", 1: "ended"}


def test_what_was_refused_and_nothing_else_is_certain_not_to_be_started(server, path):
    for _ in range(2):
        server.fail_next(422, method="POST")
        result, _ = call(server, path, rows(1), restart_unsure=True)
        assert isinstance(result.error, ApiError)
        assert not result.error.may_have_taken_effect
        assert states(path) == {0: "refused"}
    assert server.started == {}
