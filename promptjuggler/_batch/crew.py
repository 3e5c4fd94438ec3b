"""The threads of a batch."""

from __future__ import annotations

import threading
from collections.abc import Callable

# That there can be no more threads; that there is no memory for one.
_NO_THREAD = (RuntimeError, MemoryError)


class Crew:
    """The threads of a batch, until it is left.

    when_done  called once all are gone that had come to work, after `dismiss`; it may be
               called more than once, and by two threads at a time
    """

    # No lock: a signal handler, or the end of a generator that is collected, can leave the
    # batch amid any step below, and would wait for threads that wait for that lock. Each
    # step on the list or the set is whole in itself, and their order is what matters.
    __slots__ = ("_at_work", "_is_dismissed", "_when_done", "threads")

    def __init__(self, when_done: Callable[[], None]) -> None:
        self.threads: list[threading.Thread] = []
        self._at_work: set[threading.Thread] = set()
        self._when_done = when_done
        self._is_dismissed = False

    def hire(self, work: Callable[[], None]) -> None:
        """Start another thread.

        Where there can be no more of them, those that live do the work, and there is no
        other. Where none lives, that is raised.
        """

        def run() -> None:
            # First of all: whoever dismisses the crew, or takes this thread off the list,
            # sees it from now on.
            self._at_work.add(thread)
            try:
                # It may have come to life after Ctrl-C had ended its start, or after the
                # end: nobody waits for it.
                if thread in self.threads and not self._is_dismissed:
                    work()
            finally:
                self._at_work.discard(thread)
                self._tell_if_done()

        # A daemon: a program that does not wait for it shall be able to end.
        thread = threading.Thread(target=run, name="promptjuggler batch", daemon=True)
        if self._is_dismissed:
            return
        self.threads.append(thread)
        try:
            thread.start()
        except BaseException as error:
            self.threads.remove(thread)
            # Ctrl-C can come when the thread is at work already: then it stays.
            if thread in self._at_work:
                self.threads.append(thread)
            if not self._can_do_without(error):
                raise

    def _can_do_without(self, error: BaseException) -> bool:
        """Whether the work goes on without a thread that this error has prevented."""
        if not isinstance(error, _NO_THREAD):
            return False
        return any(thread.is_alive() for thread in self.threads)

    def dismiss(self) -> None:
        """Start no more threads: from now on `threads` are all that work."""
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
        if self._is_dismissed and not self._at_work:
            self._when_done()
