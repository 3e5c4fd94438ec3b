"""The time that the steps of a request may take, and how another thread ends a wait.

Deadlines are held against the real clock: they bound waits of sockets, which no test
clock could shorten.
"""

from __future__ import annotations

import socket
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import threading

_NEVER = float("inf")

# settimeout() refuses more than 25 days on some systems; who waits for longer asks again.
_LONGEST_WAIT = 1e6


class Deadline:
    """The end of one step of a request: `seconds` after it began, never past `overall`.

    seconds   how long a step may take: the connect with its handshakes, each send, and
              the whole answer
    overall   the time of `time.monotonic()` at which all steps must be over
    """

    __slots__ = ("_end_of_step", "_limit", "overall", "seconds")

    def __init__(self, seconds: float, overall: float = _NEVER) -> None:
        self.seconds = seconds
        self.overall = overall
        self._end_of_step = 0.0
        self._limit = 0.0
        self.restart()

    def restart(self) -> None:
        """A new step begins now."""
        now = time.monotonic()
        self._limit = min(self.seconds, self.overall - now)
        self._end_of_step = now + self._limit

    @property
    def limit(self) -> float:
        """The seconds that this step was given, in milliseconds; for errors."""
        return round(max(self._limit, 0.0), 3)

    def begin_wait(self) -> None:
        """A wait for the other side begins now: for most deadlines, no new step."""

    def remaining(self) -> float:
        """The seconds that are left of this step. Raises TimeoutError if there are none."""
        remaining = self._end_of_step - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        return min(remaining, _LONGEST_WAIT)

    def watch(self, sock: socket.socket | None) -> None:
        """This socket is what the request waits for from now on; None: it waits for none."""


class CancellableDeadline(Deadline):
    """A deadline of a stream, which another thread or a signal handler can cancel.

    A wait for the watched socket then ends at once. `per_read` is True while the stream
    is open: then every read may take `seconds`, and not all reads together. One call of
    `read1()` can take several reads of the socket, and each that brings something,
    be it a part of a heartbeat, is a sign of life.
    """

    __slots__ = ("_cancelled", "_lock", "_watched", "per_read")

    def __init__(self, seconds: float) -> None:
        # A client that streams nothing needs no threading.
        import threading

        super().__init__(seconds)
        self.per_read = False
        self._cancelled: threading.Event = threading.Event()
        self._watched: socket.socket | None = None
        # Held while a socket is registered or shut down, so that cancel() never shuts
        # down a descriptor that was closed and is used again. A signal handler can
        # cancel while its own thread holds the lock: hence an RLock.
        self._lock = threading.RLock()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel()` was called."""
        return self._cancelled.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep; ends at once where it is cancelled. True if it was."""
        return self._cancelled.wait(seconds)

    def begin_wait(self) -> None:
        """A wait begins: it has all of `seconds` where the deadline is `per_read`."""
        if self.per_read:
            self.restart()

    def remaining(self) -> float:
        """As of any deadline. Raises ConnectionAbortedError once it is cancelled."""
        if self.cancelled:
            raise ConnectionAbortedError("the wait was ended")
        return super().remaining()

    def watch(self, sock: socket.socket | None) -> None:
        """As of any deadline; `cancel()` shuts this socket down."""
        with self._lock:
            self._watched = sock

    def cancel(self) -> None:
        """End the wait, and all that would follow, for good. From any thread."""
        self._cancelled.set()
        with self._lock:
            if self._watched is None:
                return
            try:
                # Not SSLSocket.shutdown(): it drops the TLS state first, and a thread
                # blocked in recv() would then return encrypted bytes as plain ones.
                socket.socket.shutdown(self._watched, socket.SHUT_RDWR)
            except OSError:
                pass  # It is not connected yet, or no longer.
