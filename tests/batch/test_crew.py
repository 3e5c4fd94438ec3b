"""Workers that cannot be had: a batch goes on with those that live."""

import contextlib
import subprocess
import sys
import threading
from queue import SimpleQueue

import pytest
from helpers.batches import answers, answers_of, rows
from helpers.package import ENV, NAME
from helpers.servers import PATIENCE

from promptjuggler._batch.crew import Crew

START = threading.Thread.start


def refuse(monkeypatch, numbers, error):
    """Refuse to start some of the threads of batches, by their numbers from 1."""
    asked = []

    def start(thread):
        if thread.name == "promptjuggler batch":
            asked.append(thread)
            if len(asked) in numbers:
                raise error
        START(thread)

    monkeypatch.setattr(threading.Thread, "start", start)
    return asked


NO_THREAD = [RuntimeError("can't start new thread"), MemoryError()]


@pytest.mark.parametrize("error", NO_THREAD, ids=["number", "memory"])
def test_where_a_further_thread_cannot_be_started_those_that_live_do_all(
    server, pj, path, monkeypatch, error
):
    asked = refuse(monkeypatch, range(2, 1000), error)
    with pj.run_prompts("greeting", 1, rows(20), journal=path) as batch:
        assert answers_of(batch) == answers(20)
    assert len(asked) > 2
    assert set(server.started.values()) == {1}


def test_a_thread_that_was_refused_is_asked_for_again_with_the_next_row(
    server, pj, monkeypatch
):
    server.run_seconds = 1000
    refuse(monkeypatch, [2, 3], NO_THREAD[0])
    with pj.run_prompts("greeting", 1, rows(5), workers=3, timeout=0) as batch:
        assert len(list(batch)) == 5
        alive = [t for t in threading.enumerate() if t.name == "promptjuggler batch"]
        assert len(alive) == 3


@pytest.mark.parametrize("error", NO_THREAD, ids=["number", "memory"])
def test_where_not_even_one_can_be_started_the_batch_raises_that_and_can_be_gone_on_with(
    server, pj, path, monkeypatch, error
):
    refuse(monkeypatch, range(1, 1000), error)
    with (
        pj.run_prompts("greeting", 1, rows(3), journal=path) as batch,
        pytest.raises(type(error)),
    ):
        next(batch)
    assert server.requests == []
    monkeypatch.undo()
    with pj.run_prompts("greeting", 1, rows(3), journal=path) as batch:
        assert answers_of(batch) == answers(3)


# Each thread has a stack of so much address space, of which there is enough for few.
NARROW = """
import resource, sys, threading
from NAME import PromptJuggler
url, key = sys.argv[1:]
started = []
start = threading.Thread.start

def counting(thread):
    start(thread)
    started.append(thread)

threading.Thread.start = counting
threading.stack_size(256 * 1024 * 1024)
with PromptJuggler(key, base_url=url, proxy=False) as pj:
    pj.preload()
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    limit = taken + 700 * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    rows = ({"name": str(number)} for number in range(20))
    with pj.run_prompts("greeting", 1, rows, workers=8) as batch:
        found = sorted(result.run.output for result in batch)
print(len(found), 1 <= len(started) < 8)
"""


def test_a_process_that_can_have_few_threads_runs_all_with_them(server):
    code = NARROW.replace("NAME", NAME)
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, server.url, server.api_key],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (result.stdout, result.stderr) == ("20 True\n", "")
    assert set(server.started.values()) == {1}


class Threads(list):
    """The threads of a batch. When it was gone through once, `then` is called."""

    def __init__(self, then):
        self.then = [then]

    def __iter__(self):
        yield from super().__iter__()
        while self.then:
            self.then.pop()()


def test_a_batch_that_is_left_while_a_thread_takes_a_row_waits_for_no_new_worker(pj):
    is_taking, may_come, has_come = (threading.Event() for _ in range(3))

    class Queue(SimpleQueue):
        def put(self, row):
            super().put(row)
            if row is not None and row.index == 1:
                has_come.set()

    def inputs():
        yield {"name": "0"}
        is_taking.set()
        assert may_come.wait(PATIENCE)
        yield {"name": "1"}

    def take():
        with contextlib.suppress(RuntimeError, StopIteration):
            while True:
                next(batch)

    def let_it_come():
        may_come.set()
        assert has_come.wait(PATIENCE)

    batch = pj.run_prompts("greeting", 1, inputs(), workers=2)
    batch._queue = Queue()
    # All have been told to end.
    batch._crew.threads = Threads(let_it_come)
    batch.__enter__()
    taking = threading.Thread(target=take, daemon=True)
    taking.start()
    assert is_taking.wait(PATIENCE)
    leaving = threading.Thread(target=batch.__exit__, args=(None,) * 3, daemon=True)
    leaving.start()
    leaving.join(PATIENCE)
    assert not leaving.is_alive()
    taking.join(PATIENCE)
    assert not taking.is_alive()


def test_a_signal_handler_can_leave_a_batch_while_a_thread_of_it_is_started(
    server, pj, monkeypatch
):
    batch = pj.run_prompts("greeting", 1, rows(5), workers=2)

    def start_and_leave(thread):
        START(thread)
        if thread.name == "promptjuggler batch":
            batch.__exit__()

    def iterate():
        with batch, pytest.raises(RuntimeError, match="runs in a with statement"):
            list(batch)

    monkeypatch.setattr(threading.Thread, "start", start_and_leave)
    iterating = threading.Thread(target=iterate, name="iterating", daemon=True)
    iterating.start()
    iterating.join(PATIENCE)
    assert not iterating.is_alive()


def test_a_thread_that_is_at_work_when_ctrl_c_ends_its_start_is_one_of_the_crew(
    monkeypatch,
):
    at_work, end = threading.Event(), threading.Event()
    done = []

    def work():
        at_work.set()
        assert end.wait(PATIENCE)

    def start(thread):
        START(thread)
        assert at_work.wait(PATIENCE)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start)
    crew = Crew(when_done=lambda: done.append(True))
    with pytest.raises(KeyboardInterrupt):
        crew.hire(work)
    assert [thread.is_alive() for thread in crew.threads] == [True]
    crew.dismiss()
    assert done == []
    end.set()
    crew.wait()
    assert done == [True]


def test_a_thread_that_comes_to_life_after_ctrl_c_ended_its_start_does_nothing(
    monkeypatch,
):
    threads, worked = [], []

    def start(thread):
        threads.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", start)
    crew = Crew(when_done=lambda: None)
    with pytest.raises(KeyboardInterrupt):
        crew.hire(lambda: worked.append(True))
    assert crew.threads == []
    (late,) = threads
    START(late)
    late.join(PATIENCE)
    assert worked == []
