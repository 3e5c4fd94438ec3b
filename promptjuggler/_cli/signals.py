"""The signals that end a command: SIGTERM and SIGHUP do it as Ctrl-C does.

Schedulers, containers and `timeout` send SIGTERM, a terminal that is closed SIGHUP.
Without a handler both would end the program without a word, and the id of a run that
somebody pays for would be lost. As process 1 of a container it would not even end.
"""

from __future__ import annotations

import os
import signal
import sys

from .exits import HUNG_UP, INTERRUPTED, TERMINATED, Interrupted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

# Windows has no SIGHUP.
_CODES = {"SIGINT": INTERRUPTED, "SIGTERM": TERMINATED, "SIGHUP": HUNG_UP}


class Signals:
    """Handles signals from `install()` to `restore()`.

    The first one raises `Interrupted` wherever the program is. The second ends the
    program at once; so that nothing is lost, it first has the last line written, if
    that was not yet: who sends SIGTERM may send SIGHUP right behind it. So does the
    first, where it comes amid a finalizer: what that raises, Python ignores.

    last_words  writes that line for an exit code

    received    the exit code of the first signal; 0 while there was none
    is_said     whether the last line was written
    """

    __slots__ = ("_before", "_hook_before", "_last_words", "is_said", "received")

    def __init__(self, last_words: Callable[[int], None]) -> None:
        self._last_words = last_words
        self._before: dict[int, Callable[[int, FrameType | None], object] | int] = {}
        self._hook_before = sys.unraisablehook
        self.received = 0
        self.is_said = False

    def install(self) -> None:
        """Handle what nobody else does.

        A signal that is ignored stays so: that is how `nohup` works. So does a handler of
        the program that calls us. Only the main thread can have handlers; in another one
        nothing changes.
        """
        for name in _CODES:
            number = getattr(signal, name, None)
            if number is None:
                continue
            before = signal.getsignal(number)
            if before not in (signal.SIG_DFL, signal.default_int_handler):
                continue
            try:
                signal.signal(number, self._handle)
            except ValueError:
                return
            assert before is not None
            self._before[number] = before
        sys.unraisablehook = self._ignored

    def restore(self) -> None:
        """Handle them as before."""
        for number, before in self._before.items():
            signal.signal(number, before)
        sys.unraisablehook = self._hook_before

    def _handle(self, number: int, frame: FrameType | None) -> None:
        """Called by Python, between two steps of whatever the main thread does."""
        if not self.received:
            self.received = _CODES[signal.Signals(number).name]
            raise Interrupted(self.received)
        self._end_at_once()

    def _ignored(self, unraisable: sys.UnraisableHookArgs) -> None:
        """Called by Python with what nobody can catch: the program would go on."""
        if isinstance(unraisable.exc_value, Interrupted):
            self._end_at_once()
        self._hook_before(unraisable)

    def _end_at_once(self) -> None:
        try:
            if not self.is_said:
                self._last_words(self.received)
        finally:
            # Even if the first line is just being written, and fails for that reason.
            os._exit(self.received)
