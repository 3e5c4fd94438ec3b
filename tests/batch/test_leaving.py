"""Leaving a batch early: by break, by an exception, by Ctrl-C, and in a forked child."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from helpers.batches import answers, answers_of, rows, states
from helpers.calls import eventually
from helpers.package import ENV, NAME
from helpers.servers import PATIENCE

from promptjuggler import PromptJuggler, WaitTimeout, batch as batch_module


@pytest.fixture(autouse=True)
def looks_often(monkeypatch):
    """Who waits for a result sees soon that another thread has left the batch."""
    monkeypatch.setattr(batch_module, "_LONGEST_NAP", 0.02)


def batch_of(client, path, count, **options):
    return client.run_prompts("greeting", 1, rows(count), journal=path, **options)


def are_started(path, count):
    """Whether a journal says of so many rows that they are started."""
    if not path.exists():
        return False
    return list(states(path).values()) == ["started"] * count


def test_after_a_break_nothing_more_is_started_and_the_next_call_goes_on(
    server, pj, path
):
    with batch_of(pj, path, 100) as batch:
        for result in batch:
            if result.index >= 20:
                break
    starts = server.starts()
    assert starts < 100
    assert set(states(path).values()) <= {"started", "ended"}
    threading.Event().wait(0.1)
    assert server.starts() == starts
    with batch_of(pj, path, 100) as batch:
        assert answers_of(batch) == answers(100)
    assert set(server.started.values()) == {1}


def test_an_exception_in_the_block_is_raised_as_it_is(pj, path):
    error = KeyError("mine")

    def fail(result):
        raise error

    with pytest.raises(KeyError) as caught, batch_of(pj, path, 100) as batch:
        fail(next(batch))
    assert caught.value is error


def iterating(batch, errors):
    """A thread that iterates over a batch, which another leaves."""

    def iterate():
        try:
            for _ in batch:
                pass
        except RuntimeError as error:
            errors.append(str(error))

    thread = threading.Thread(target=iterate)
    thread.start()
    return thread


def test_leaving_does_not_wait_for_runs(server, pj, path):
    server.run_seconds = 1000
    with batch_of(pj, path, 10) as batch:
        waiting = iterating(batch, [])
        eventually(lambda: are_started(path, 8))
        begun = time.monotonic()
    assert time.monotonic() - begun < PATIENCE
    waiting.join(PATIENCE)
    assert not waiting.is_alive()


def test_leaving_waits_for_the_answer_of_a_start_so_that_its_id_is_known(
    server, pj, path
):
    server.run_seconds = 1000
    server.delay_next(0.5, times=4)

    def leave():
        with batch_of(pj, path, 100, workers=4) as batch:
            thread = iterating(batch, [])
            eventually(lambda: server.starts() == 4)
        return thread

    thread = leave()
    assert list(states(path).values()) == ["started"] * 4
    assert server.starts() == 4
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_who_iterates_in_another_thread_is_told_that_it_was_left(server, pj, path):
    server.run_seconds = 1000
    errors = []
    with batch_of(pj, path, 10) as batch:
        thread = iterating(batch, errors)
        eventually(lambda: server.looks() >= 8)
    thread.join(PATIENCE)
    assert errors == ["a batch runs in a with statement"]


def test_a_second_thread_that_wants_a_result_meanwhile_is_an_error_at_once(
    server, pj, path
):
    server.run_seconds = 1000
    with batch_of(pj, path, 3) as batch:
        thread = iterating(batch, [])
        eventually(lambda: server.looks() >= 3)
        with pytest.raises(RuntimeError, match="another thread waits for one"):
            next(batch)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_threads_that_iterate_one_batch_all_come_to_an_end(pj, path):
    given = []

    def iterate():
        with contextlib.suppress(RuntimeError, StopIteration):
            while True:
                given.append(next(batch))

    with batch_of(pj, path, 50) as batch:
        threads = [threading.Thread(target=iterate) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive()
    assert answers_of(given) == answers(50)


def test_one_thread_after_the_other_may_take_results(pj, path):
    given = []
    with batch_of(pj, path, 20) as batch:
        for _ in range(20):
            thread = threading.Thread(target=lambda: given.append(next(batch)))
            thread.start()
            thread.join()
        assert list(batch) == []
    assert answers_of(given) == answers(20)


def test_leaving_it_twice_is_like_leaving_it_once(server, pj, path):
    with batch_of(pj, path, 10) as batch:
        list(batch)
        batch.__exit__(None, None, None)
    with batch_of(pj, path, 10) as batch:
        assert answers_of(batch) == answers(10)


def test_a_thread_that_takes_inputs_when_it_is_left_starts_nothing(server, pj, path):
    may_give = threading.Event()

    def inputs():
        assert may_give.wait(PATIENCE)
        yield {"name": "late"}

    with pj.run_prompts("greeting", 1, inputs(), journal=path) as batch:
        errors = []
        thread = iterating(batch, errors)
    may_give.set()
    thread.join(PATIENCE)
    assert errors == ["a batch runs in a with statement"]
    assert server.requests == []


START = threading.Thread.start


@pytest.mark.parametrize("is_there", [False, True])
def test_ctrl_c_while_a_worker_is_started_ends_it_like_any_other(
    server, pj, path, monkeypatch, is_there
):
    """Before there is the thread, or after it."""
    interrupted = []

    def start(thread):
        if thread.name != "promptjuggler batch":
            START(thread)
            return
        if is_there:
            START(thread)
        interrupted.append(thread)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt), batch_of(pj, path, 10) as batch:
            next(batch)
    # One that comes to life later does nothing, and the journal is closed.
    (thread,) = interrupted
    if not is_there:
        START(thread)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert server.requests == []
    with batch_of(pj, path, 10) as batch:
        assert answers_of(batch) == answers(10)


def test_a_batch_that_is_iterated_over_after_ctrl_c_has_workers_all_the_same(
    pj, path, monkeypatch
):
    def start(thread):
        monkeypatch.undo()
        raise KeyboardInterrupt

    with batch_of(pj, path, 10, workers=1) as batch:
        monkeypatch.setattr(threading.Thread, "start", start)
        with pytest.raises(KeyboardInterrupt):
            next(batch)
        # The row that was being given to the worker is not run by this call.
        assert {result.index for result in batch} == set(range(1, 10))


# In a process of its own


def process(code, *arguments):
    """A new process that runs code, with NAME as the name of the package."""
    code = textwrap.dedent(code).replace("NAME", NAME)
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=ENV,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


INTERRUPTED = """
import signal, sys, threading
from NAME import PromptJuggler
url, key, path = sys.argv[1:]

def end(number, frame):
    raise SystemExit(143)

signal.signal(signal.SIGTERM, end)
rows = ({"name": str(number)} for number in range(1000))
with PromptJuggler(key, base_url=url, proxy=False, timeout=60) as pj:
    try:
        with pj.run_prompts("greeting", 1, rows, journal=path, workers=4) as batch:
            for result in batch:
                print(result.index, flush=True)
    finally:
        print("left", threading.active_count(), flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_what_is_under_way_to_the_next_call(server, pj, path, number):
    server.run_seconds = 1000
    program = process(INTERRUPTED, server.url, server.api_key, path)
    with program:
        eventually(lambda: are_started(path, 4))
        program.send_signal(number)
        shown, error = program.communicate(timeout=PATIENCE)
    assert shown == "left 1\n"
    expected = -signal.SIGINT if number == signal.SIGINT else 143
    assert program.returncode == expected, error
    assert list(states(path).values()) == ["started"] * 4
    assert server.starts() == 4
    with batch_of(pj, path, 4, timeout=0) as batch:
        assert {type(result.error) for result in batch} == {WaitTimeout}
    assert server.starts() == 4


def test_a_second_ctrl_c_does_not_wait_for_a_start_without_an_answer(server, path):
    server.delay_next(60, times=4)
    program = process(INTERRUPTED, server.url, server.api_key, path)
    with program:
        eventually(lambda: server.starts() == 4)
        begun = time.monotonic()
        # Two that come too soon after one another are one to Python.
        while program.poll() is None:
            program.send_signal(signal.SIGINT)
            time.sleep(0.3)
            assert time.monotonic() - begun < PATIENCE
        program.communicate()
    assert program.returncode == -signal.SIGINT
    assert list(states(path).values()) == ["starting"] * 4


FORKED = """
import os, sys
from NAME import PromptJuggler
url, key, path = sys.argv[1:]
rows = [{"name": str(number)} for number in range(5)]
pj = PromptJuggler(key, base_url=url, proxy=False)
with pj.run_prompts("greeting", 1, rows, journal=path) as batch:
    child = os.fork()
    if child == 0:
        try:
            next(batch)
        except RuntimeError as error:
            print(error, flush=True)
        batch.__exit__(None, None, None)
        os._exit(0)
    os.waitpid(child, 0)
    print(len(list(batch)), batch.counts.done)
"""


def test_a_forked_child_cannot_go_on_with_it_and_does_not_end_it(server, path):
    with process(FORKED, server.url, server.api_key, path) as program:
        shown, error = program.communicate(timeout=PATIENCE)
    assert error == ""
    assert shown.splitlines() == [
        "a batch goes on in the process that it was made in alone",
        "5 5",
    ]
    assert set(server.started.values()) == {1}


def test_nothing_is_left_open(server, pj, path):
    def descriptors():
        return {
            os.readlink(f"/proc/self/fd/{name}")
            for name in os.listdir("/proc/self/fd")
            if os.path.islink(f"/proc/self/fd/{name}")
        }

    for count in (0, 3, 100):
        with batch_of(pj, path, count) as batch:
            next(batch, None)
        assert str(path) not in descriptors()


def workers():
    """The threads of batches that are alive."""
    return [t for t in threading.enumerate() if t.name == "promptjuggler batch"]


def test_a_batch_that_a_worker_leaves_since_it_collects_its_generator_ends_well(
    server, path
):
    """A generator that nobody has any more is closed by whoever collects it."""
    generators = []
    is_forgotten, is_collected = threading.Event(), threading.Event()

    class Client(PromptJuggler):
        def run_prompt(self, *arguments, inputs, **options):
            if inputs["name"] != "0":
                assert is_forgotten.wait(PATIENCE)
            if inputs["name"] == "1":
                generators.clear()
                is_collected.set()
            return super().run_prompt(*arguments, inputs=inputs, **options)

    def results(pj):
        with batch_of(pj, path, 100, workers=2) as batch:
            yield from batch

    with Client(server.api_key, base_url=server.url, proxy=False) as pj:
        generators.append(results(pj))
        assert next(generators[0]).index == 0
        is_forgotten.set()
        assert is_collected.wait(PATIENCE)
    eventually(lambda: not workers())
    # The journal is let go of.
    with server.client() as pj, batch_of(pj, path, 100) as batch:
        assert answers_of(batch) == answers(100)
    assert set(server.started.values()) == {1}


# As a handler of a signal or a finalizer does, which can come between any two steps.
STOPPED_AMID_SLEEP = """
import sys
from NAME._batch.clock import Stopped, StoppableClock

def is_stopped_at(step):
    clock = StoppableClock()
    steps = 0

    def trace(frame, event, argument):
        nonlocal steps
        steps += 1
        if steps == step:
            clock.stop()
        return trace

    sys.settrace(trace)
    try:
        clock.sleep(0.001)
        clock.sleep(0.001)
    except Stopped:
        return clock.is_stopped()
    finally:
        sys.settrace(None)
    return False

stopped = [is_stopped_at(step) for step in range(1, 200)]
print(stopped[:2], stopped[-1])
"""


def test_a_sleep_that_its_own_thread_ends_amid_it_ends():
    program = process(STOPPED_AMID_SLEEP)
    with program:
        try:
            shown, error = program.communicate(timeout=PATIENCE)
        finally:
            program.kill()
    assert (shown, error) == ("[True, True] False\n", "")
