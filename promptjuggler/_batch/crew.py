"""The threads of a batch."""

from __future__ import annotations

import threading
from collections.abc import Callable

# That there can be no more threads; that there is no memory for one.
_NO_THREAD = (RuntimeError, MemoryError)


class Crew:
    """The threads of a batch, until it is left.

    when_done  called once all are gone that had come to work, after `dismiss`; it may be
               called more than once
    """

    __slots__ = ("_is_dismissed", "_lock", "_when_done", "_working", "threads")

    def __init__(self, when_done: Callable[[], None]) -> None:
        self.threads: list[threading.Thread] = []
        self._when_done = when_done
        self._is_dismissed = False
        self._working = 0
        # A generator that has a batch can be collected amid anything, and leaves it.
        self._lock = threading.RLock()

    def hire(self, work: Callable[[], None]) -> None:
        """Start another thread.

        Where there can be no more of them, those that live do the work, and there is no
        other. Where none lives, that is raised.
        """

        def run() -> None:
            with self._lock:
                # It came to life after Ctrl-C had ended its start, or after the end:
                # nobody waits for it.
                if self._is_dismissed or thread not in self.threads:
                    return
                self._working += 1
            try:
                work()
            finally:
                with self._lock:
                    self._working -= 1
                    self._tell_if_done()

        # A daemon: a program that does not wait for it shall be able to end.
        thread = threading.Thread(target=run, name="promptjuggler batch", daemon=True)
        with self._lock:
            if self._is_dismissed:
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

    def dismiss(self) -> None:
        """Start no more threads: from now on `threads` are all."""
        with self._lock:
            self._is_dismissed = True
            self._tell_if_done()

    def wait(self) -> None:
        """Wait for the end of all threads. One that is not waited for ends later.

        From one of them, which can have collected what had the batch, wait for none: each
        could wait for the other.
        """
        if threading.current_thread() in self.threads:
            return
        for thread in self.threads:
            # To join one that is not alive yet is an error; and it will do nothing.
            if thread.is_alive():
                thread.join()

    def _tell_if_done(self) -> None:
        if self._is_dismissed and self._working == 0:
            self._when_done()
