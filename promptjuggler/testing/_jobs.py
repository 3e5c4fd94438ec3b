"""Threads and background work of the stand-in, which all end with `close()`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from functools import partial

from ._clock import RealClock

Job = Iterator[float]
"""Background work: a generator that yields the seconds to wait before its next step."""

# An event cannot wait for much longer; also for a wait without end (infinity).
_LONGEST_SLEEP = 1e6


class _Task:
    """A job that was started and has not ended."""

    def __init__(self, job: Job, ids: Collection[str]) -> None:
        self.job = job
        self.ids = ids
        self.is_hurried = False
        """It waits no more, neither for time nor for `resume()`."""
        self.ended = threading.Event()
        self._awake = threading.Event()
        # Of the real clock: when the next step is due. The first one is at once.
        self._due = 0.0

    def do_next_step(self) -> bool:
        """Do the next step, and note how long to wait before the one after it.

        Returns False if there is none.
        """
        seconds = next(self.job, None)
        if seconds is None:
            return False
        self._due = RealClock.monotonic() + seconds
        return True

    def is_due(self) -> bool:
        """Whether the next step need not wait."""
        return self.is_hurried or self._due <= RealClock.monotonic()

    def sleep(self) -> None:
        """Wait until the next step is due, but not beyond `wake()`."""
        if not self.is_due():
            left = self._due - RealClock.monotonic()
            self._awake.wait(min(left, _LONGEST_SLEEP))

    def wake(self) -> None:
        """End the wait that goes on, or the next one."""
        self._awake.set()

    def sleep_again(self) -> None:
        """Let waits take their time again, unless it is in a hurry."""
        if not self.is_hurried:
            self._awake.clear()


class Jobs:
    """Runs jobs and other threads, between `open()` and `close()`.

    A job that is under way at `close()` goes on after the next `open()`: it
    waits for the rest of its time, during which it may have been closed, and
    then does the step that it was waiting for. One that comes to a step while
    jobs are paused goes on with it after `resume()`. Other threads end by
    themselves: they look at `is_closing()`, or are woken by who knows what
    they wait for.

    Every method may be called in every thread.
    """

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        """Those that live, and some that have ended."""
        self.is_paused = False
        self._closing = threading.Event()
        self._closing.set()
        # A task is in one of these: in a thread, or kept for resume() or open().
        self._under_way: set[_Task] = set()
        self._held: list[_Task] = []
        self._interrupted: list[_Task] = []
        self._changed = threading.Condition()

    def is_closing(self) -> bool:
        """Whether it is closed, or is being closed."""
        return self._closing.is_set()

    def open(self) -> None:
        """Go on with the jobs that the last `close()` interrupted."""
        with self._changed:
            self._closing.clear()
            interrupted = self._interrupted
            self._interrupted = []
        for task in interrupted:
            self._begin(task)

    def start(self, job: Job, ids: Collection[str] = ()) -> None:
        """Do a job, in a thread of its own.

        ids    of the records that are ended by it, for `finish()`
        """
        self._begin(_Task(job, ids))

    def start_thread(self, target: Callable[[], object]) -> None:
        """Call a function in a thread of its own."""
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        with self._changed:
            alive = [other for other in self.threads if other.is_alive()]
            self.threads = [*alive, thread]

    def sleep(self, seconds: float) -> bool:
        """Wait, but not beyond `close()`: True if that ended the wait."""
        return self._closing.wait(min(seconds, _LONGEST_SLEEP))

    # Jobs that are held

    def pause(self) -> None:
        """Hold every job before its next step."""
        with self._changed:
            self.is_paused = True

    def resume(self) -> None:
        """Let the jobs that are held go on."""
        with self._changed:
            self.is_paused = False
            held = self._held
            self._held = []
        for task in held:
            self._begin(task)

    def finish(self, record_id: str, seconds: float) -> bool:
        """Let the job that ends a record do so now: no wait of it takes time.

        seconds    to wait for its end, at most

        Returns whether it has ended; True too if there is none.
        """
        with self._changed:
            tasks = [*self._under_way, *self._held]
            task = next((one for one in tasks if record_id in one.ids), None)
            if task is None:
                return True
            task.is_hurried = True
            was_held = task in self._held
            if was_held:
                self._held.remove(task)
            task.wake()
        if was_held:
            self._begin(task)
        return task.ended.wait(min(seconds, _LONGEST_SLEEP))

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no job is under way, but for those that are held.

        Returns False if that took too long.
        """
        with self._changed:
            longest = min(seconds, _LONGEST_SLEEP)
            return self._changed.wait_for(lambda: not self._under_way, longest)

    # The end

    def close(self) -> None:
        """Tell every job and thread to end. `join()` waits for it."""
        with self._changed:
            self._closing.set()
            for task in self._under_way:
                task.wake()

    def join(self, seconds: float) -> None:
        """Wait until every thread has ended, those too that these have started.

        seconds    at most, for all of them together
        """
        deadline = RealClock.monotonic() + seconds
        while thread := self._next_thread():
            thread.join(max(deadline - RealClock.monotonic(), 0))

    def _next_thread(self) -> threading.Thread | None:
        with self._changed:
            return self.threads.pop() if self.threads else None

    # The steps of a job

    def _begin(self, task: _Task) -> None:
        """Go on with a job, or begin with it, in a thread of its own."""
        with self._changed:
            if self._closing.is_set():
                self._interrupted.append(task)
                return
            task.sleep_again()
            self._under_way.add(task)
        self.start_thread(partial(self._run, task))

    def _run(self, task: _Task) -> None:
        """Do a job to its end, or until it is interrupted or held."""
        try:
            is_kept = self._go_on(task)
        except BaseException:
            # It is a mistake of this package, which the thread will tell of.
            self._end(task)
            raise
        if not is_kept:
            self._end(task)

    def _go_on(self, task: _Task) -> bool:
        """Do the steps of a job. Whether it is kept: otherwise, it has ended."""
        while True:
            task.sleep()
            if self._keep_if_due(task):
                return True
            # It is not due where close() woke it, and open() came before it got here.
            if task.is_due() and not task.do_next_step():
                return False

    def _end(self, task: _Task) -> None:
        """A job has ended."""
        task.ended.set()
        with self._changed:
            self._under_way.remove(task)
            self._changed.notify_all()

    def _keep_if_due(self, task: _Task) -> bool:
        """Keep a job for the next `open()` or for `resume()`, if one is to come first.

        Returns whether it is kept.
        """
        with self._changed:
            if self._closing.is_set():
                self._interrupted.append(task)
            elif self.is_paused and not task.is_hurried:
                self._held.append(task)
            else:
                # Also where close() woke it, and open() came before it got here.
                task.sleep_again()
                return False
            self._under_way.remove(task)
            self._changed.notify_all()
            return True
