"""Threads and background work of the stand-in, which all end with `close()`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

Job = Iterator[float]
"""Background work: a generator that yields the seconds to wait before its next step."""

# An event cannot wait for much longer; also for a wait without end (infinity).
_LONGEST_SLEEP = 1e6


class Jobs:
    """Runs jobs and other threads, between `open()` and `close()`.

    A job that is under way at `close()` goes on after the next `open()`, at
    once, from the step that it was waiting for. Other threads end by
    themselves: they look at `is_closing()`, or are woken by who knows what
    they wait for.

    Every method may be called in every thread.
    """

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        """Those that live, and some that have ended."""
        self._closing = threading.Event()
        self._closing.set()
        self._paused: list[Job] = []
        self._lock = threading.Lock()

    def is_closing(self) -> bool:
        """Whether it is closed, or is being closed."""
        return self._closing.is_set()

    def open(self) -> None:
        """Go on with the jobs that the last `close()` interrupted."""
        with self._lock:
            self._closing.clear()
            paused = self._paused
            self._paused = []
        for job in paused:
            self.start(job)

    def start(self, job: Job) -> None:
        """Do a job, in a thread of its own."""
        self.start_thread(partial(self._run, job))

    def start_thread(self, target: Callable[[], object]) -> None:
        """Call a function in a thread of its own."""
        thread = threading.Thread(target=target, daemon=True)
        thread.start()
        with self._lock:
            alive = [other for other in self.threads if other.is_alive()]
            self.threads = [*alive, thread]

    def sleep(self, seconds: float) -> bool:
        """Wait, but not beyond `close()`: True if that ended the wait."""
        return self._closing.wait(min(seconds, _LONGEST_SLEEP))

    def close(self) -> None:
        """Tell every job and thread to end. `join()` waits for it."""
        self._closing.set()

    def join(self, seconds: float) -> None:
        """Wait until every thread has ended, those too that these have started.

        seconds    at most, for all of them together
        """
        deadline = time.monotonic() + seconds
        while thread := self._next_thread():
            thread.join(max(deadline - time.monotonic(), 0))

    def _next_thread(self) -> threading.Thread | None:
        with self._lock:
            return self.threads.pop() if self.threads else None

    def _run(self, job: Job) -> None:
        """Do a job to its end, or until it is interrupted."""
        for seconds in job:
            if self.sleep(seconds) and self._pause(job):
                return

    def _pause(self, job: Job) -> bool:
        """Keep a job for the next `open()`; False if that has been already."""
        with self._lock:
            if not self._closing.is_set():
                return False
            self._paused.append(job)
            return True
