"""Who works for a batch, and what it has come to so far."""

from __future__ import annotations

import threading
from collections.abc import Callable

from .._errors import PromptJugglerError
from .journal import Journal
from .work import Run

# That there can be no more threads; that there is no memory for one.
_NO_THREAD = (RuntimeError, MemoryError)


class Crew:
    """The threads of a batch, and the journal that the last of them closes."""

    __slots__ = ("_lock", "_working", "is_left", "journal", "threads")

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.journal: Journal | None = None
        self.is_left = False
        self._working = 0
        self._lock = threading.Lock()

    def hire(self, work: Callable[[], None]) -> None:
        """Start another thread.

        Where there can be no more of them, those that live do the work, and there is no
        other. Where none lives, that is raised.
        """

        def run() -> None:
            with self._lock:
                # It came to life after Ctrl-C had ended its start, or after the end:
                # nobody waits for it.
                if self.is_left or thread not in self.threads:
                    return
                self._working += 1
            try:
                work()
            finally:
                with self._lock:
                    self._working -= 1
                    self._close_if_done()

        # A daemon: a program that does not wait for it shall be able to end.
        thread = threading.Thread(target=run, name="promptjuggler batch", daemon=True)
        with self._lock:
            if self.is_left:
                return
            self.threads.append(thread)
            try:
                thread.start()
            except BaseException as error:
                # Ctrl-C can come before the thread is there, or after: then it waits for
                # the lock, and finds that it is none of them.
                self.threads.remove(thread)
                if not self._can_do_without(error):
                    raise

    def _can_do_without(self, error: BaseException) -> bool:
        """Whether the work goes on without a thread that this error has prevented."""
        if not isinstance(error, _NO_THREAD):
            return False
        return any(thread.is_alive() for thread in self.threads)

    def leave(self) -> None:
        """Wait for the end of all threads. One that is not waited for ends later."""
        with self._lock:
            self.is_left = True
            self._close_if_done()
        for thread in self.threads:
            # To join one that is not alive yet is an error; and it will do nothing.
            if thread.is_alive():
                thread.join()

    def _close_if_done(self) -> None:
        is_done = self.is_left and self._working == 0
        if is_done and self.journal is not None:
            self.journal.close()


class Tally:
    """Counts, and what the runs have cost; any thread may tell and ask."""

    __slots__ = ("_done", "_failed", "_lock", "_under_way", "_unsure", "cost")

    def __init__(self) -> None:
        self.cost = 0.0
        self._done = 0
        self._failed = 0
        self._unsure = 0
        self._under_way = 0
        self._lock = threading.Lock()

    def began(self) -> None:
        """A worker has a row."""
        with self._lock:
            self._under_way += 1

    def dropped(self) -> None:
        """A row that a worker has is not run after all."""
        with self._lock:
            self._under_way -= 1

    def ended(self, run: Run | None, error: PromptJugglerError | None) -> None:
        """There is a result."""
        with self._lock:
            self._under_way -= 1
            if error is not None and error.may_have_taken_effect:
                self._unsure += 1
            elif run is not None and run.status == "completed":
                self._done += 1
            else:
                self._failed += 1
            if run is not None and run.cost is not None:
                self.cost += run.cost.total

    def counts(self) -> tuple[int, int, int, int]:
        """Done, failed, unsure and under way, all at one moment."""
        with self._lock:
            return self._done, self._failed, self._unsure, self._under_way
