"""The time that the steps of a request may take, and how another thread ends a wait.

Deadlines are held against the real clock: they bound waits of sockets, which no test
clock could shorten.
"""

from __future__ import annotations

import os
import socket

from .._clock import Alarm, RealTime

_NEVER = float("inf")

# settimeout() refuses more than 25 days on some systems. So no wait takes longer than this
# many seconds, 11 days, whatever was asked for.
_LONGEST_WAIT = 1e6


class Deadline:
    """The end of one step of a request: `seconds` after it began, never past `overall`.

    seconds   how long a step may take: the connect with its handshakes, each send, and
              the whole answer
    overall   the time of `RealTime.monotonic()` at which all steps must be over
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
        now = RealTime.monotonic()
        self._limit = min(self.seconds, self.overall - now)
        self._end_of_step = now + self._limit

    @property
    def limit(self) -> float:
        """The time that this step was given, in seconds, rounded to milliseconds; for
        errors."""
        return round(max(self._limit, 0.0), 3)

    def begin_wait(self) -> None:
        """A wait for the other side begins now: for most deadlines, no new step."""

    def remaining(self) -> float:
        """The seconds that are left of this step. Raises TimeoutError if there are none."""
        remaining = self._end_of_step - RealTime.monotonic()
        if remaining <= 0:
            raise TimeoutError("timed out")
        return min(remaining, _LONGEST_WAIT)

    def postpone(self, seconds: float) -> None:
        """This step has spent time on something else than on the other side."""
        self._end_of_step = min(self._end_of_step + seconds, self.overall)

    def watch(self, *sockets: socket.socket) -> None:
        """These are what the request waits for from now on: several while it connects."""


class CancellableDeadline(Deadline):
    """A deadline of a stream, which another thread or a signal handler can cancel.

    A wait for the watched sockets then ends at once. `per_read` is True while the stream
    is open: then every read may take `seconds`, and not all reads together. One call of
    `read1()` can take several reads of the socket, and each that brings something,
    be it a part of a heartbeat, is a sign of life.

    A fork copies it with the socket, which both processes then have. Only the one that
    made the socket shuts it down: that would end the connection of both.
    """

    __slots__ = (
        "_alarm",
        "_lock",
        "_process",
        "_watched",
        "per_read",
    )

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.per_read = False
        self._begin_in_this_process(Alarm())

    def _begin_in_this_process(self, alarm: Alarm) -> None:
        # A client that streams nothing does not need it.
        import threading

        self._process = os.getpid()
        self._alarm = alarm
        self._watched: tuple[socket.socket, ...] = ()
        # Held while a socket is registered or shut down, so that cancel() never shuts
        # down a descriptor that was closed and is used again. A signal handler can
        # cancel while its own thread holds the lock: hence an RLock.
        self._lock = threading.RLock()

    def leave_to_parent(self) -> bool:
        """After a fork, in the child: watch the parent's socket no longer. True once.

        The locks are new ones: a thread that only the parent has may hold the old ones.
        """
        if self._process == os.getpid():
            return False
        before = self._alarm
        self._begin_in_this_process(Alarm())
        # Last of all: a signal handler may have rung that of before until now.
        if before.is_ringing:
            self._alarm.ring()
        return True

    @property
    def cancelled(self) -> bool:
        """Whether `cancel()` was called."""
        return self._alarm.is_ringing

    def wait(self, seconds: float) -> bool:
        """Sleep; ends at once where it is cancelled. True if it was.

        0 or less: no sleep.
        """
        self.leave_to_parent()
        return self._alarm.sleep(seconds)

    def begin_wait(self) -> None:
        """A wait begins: it has all of `seconds` where the deadline is `per_read`."""
        if self.per_read:
            self.restart()

    def remaining(self) -> float:
        """As of any deadline. Raises ConnectionAbortedError once it is cancelled."""
        if self.cancelled:
            raise ConnectionAbortedError("the wait was ended")
        return super().remaining()

    def watch(self, *sockets: socket.socket) -> None:
        """As of any deadline; `cancel()` shuts these sockets down."""
        self.leave_to_parent()
        with self._lock:
            self._watched = sockets

    def cancel(self) -> None:
        """End the wait, and all that would follow, for good. From any thread."""
        self.leave_to_parent()
        self._alarm.ring()
        with self._lock:
            for sock in self._watched:
                _shut_down(sock)


def _shut_down(sock: socket.socket) -> None:
    """End a connection under the hands of whoever waits for it."""
    try:
        if isinstance(sock, socket.SocketType):
            # seam: SSLSocket.shutdown. It drops the TLS state first, and a thread blocked
            # in recv() would then return encrypted bytes as plain ones. The shutdown of
            # the class below it does the rest alone.
            socket.SocketType.shutdown(sock, socket.SHUT_RDWR)
        elif hasattr(sock, "shutdown"):
            # What stands in for sockets, as that of eventlet, passes it on to one. If
            # it does not, nobody can wake who waits: the wait ends at its time.
            sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # It is not connected yet, or no longer.
