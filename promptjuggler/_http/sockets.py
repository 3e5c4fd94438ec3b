"""Sockets: sending within a deadline, and reading answers through the one buffer of a
connection.
"""

from __future__ import annotations

import io
import re
import selectors
import socket
import ssl
import weakref

from .deadline import Deadline

# For a few sockets, once: it is quicker than the usual one, and needs no descriptor.
WaitSelector: type[selectors.BaseSelector] = getattr(
    selectors, "PollSelector", selectors.DefaultSelector
)

CHUNK_SIZE = 64 * 1024
"""Bodies are sent and answers are read in pieces of at most this many bytes."""

_READ_EARLY = 4096
_NEVER = float("inf")

_LONGEST_QUEUE = 16 * 1024

# Bytes in a second, over the time of a step: what is sent more slowly is cut off.
_LEAST_RATE = 1024

# A whole answer that can be interim: status line, headers, empty line. Compiled when
# first used, see _arguments.py.
_HEAD = rb"HTTP/1\.\d (1\d\d).*\n(?:[^\r\n].*\n)*\r?\n"
_STARTS_OF_INTERIM_ANSWERS = (b"HTTP/1.1 1", b"HTTP/1.0 1")
_LENGTH_OF_START = len(_STARTS_OF_INTERIM_ANSWERS[0])


def is_interim(status: int) -> bool:
    """Whether another answer follows (RFC 9110, 15.2); none does in HTTP after a 101."""
    return 100 <= status < 200 and status != 101


class SocketReader(io.RawIOBase):
    """What a socket receives, each wait bounded by a deadline.

    deadline      None while the connection is idle: then a read never waits, and gives
                  None where nothing is there
    any_received  whether anything came since this was last set to False
    peer_closed   whether the other side has ended its stream
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__()
        self.deadline: Deadline | None = None
        self.any_received = False
        self.peer_closed = False
        self._socket = sock
        # What was received while a request was still being sent.
        self._pushback = bytearray()

    def readable(self) -> bool:
        """True: for `io.BufferedReader`."""
        return True

    def readinto(  # type: ignore[override]  # BufferedReader gives no other buffer.
        self, buffer: bytearray | memoryview
    ) -> int | None:
        """Fill a buffer as far as one read of the socket does. 0 at the end."""
        view = memoryview(buffer)
        if self._pushback:
            count = min(len(view), len(self._pushback))
            view[:count] = self._pushback[:count]
            del self._pushback[:count]
            return count
        if self.deadline is None:
            return self._receive_now(view)
        return self._receive(view, self.deadline)

    def answer_began(self) -> bool:
        """Whether the peer hung up, or began an answer that is not interim. Never waits."""
        # The end of the connection, which may follow the answer, must not be met before
        # the answer is read: so no further look where there is one.
        if not self._has_answer():
            piece = bytearray(_READ_EARLY)
            count = self._receive_now(memoryview(piece))
            self._pushback += piece[: count or 0]
            self._drop_interim_answers()
        return self._has_answer()

    def _drop_interim_answers(self) -> None:
        """Forget those that came early: nobody reads them."""
        while match := re.match(_HEAD, self._pushback):
            if not is_interim(int(match[1])):
                return
            del self._pushback[: match.end()]

    def _has_answer(self) -> bool:
        """Whether what was received early is the end, or no interim answer."""
        if self.peer_closed or len(self._pushback) > CHUNK_SIZE:
            return True
        begun = bytes(self._pushback[:_LENGTH_OF_START])
        return not any(start.startswith(begun) for start in _STARTS_OF_INTERIM_ANSWERS)

    def _receive(self, view: memoryview, deadline: Deadline) -> int:
        """Wait for what the socket receives next."""
        deadline.begin_wait()
        self._socket.settimeout(deadline.remaining())
        count = self._socket.recv_into(view)
        if count:
            self.any_received = True
        else:
            self.peer_closed = True
        return count

    def _receive_now(self, view: memoryview) -> int | None:
        """What the socket has received already; None if nothing."""
        self._socket.settimeout(0)
        try:
            count = self._socket.recv_into(view)
        except (BlockingIOError, ssl.SSLWantReadError):
            return None
        if count:
            self.any_received = True
        else:
            self.peer_closed = True
        return count


class _PersistentBuffer(io.BufferedReader):
    """The read buffer of a connection, kept over all its answers.

    Each answer closes its file at its end. This one stays open, since what was read
    ahead, though it belongs to no answer, must be noticed before the next request.
    """

    def close(self) -> None:
        """Nothing: the connection closes its socket."""


class Wire:
    """A connected socket, in the form in which http.client uses one.

    seam: HTTPConnection.sock. It is assigned, and http.client then calls `sendall`, once
    for an answer `makefile("rb")`, and `close`, which it does before an answer is read
    where the connection will not be used again. Here closing does nothing, so the
    answer can be read; `close_for_good` is for the connection.
    """

    def __init__(self, sock: socket.socket, deadline: Deadline) -> None:
        self.socket = sock
        self.reader = SocketReader(sock)
        self._deadline: Deadline | None = None
        self._buffer = _PersistentBuffer(self.reader)
        self._sent_in_step = 0
        self._enough_for_step = _NEVER
        self.begin(deadline)
        # Where a signal handler interrupts, nobody closes the socket. In no `__del__`: the
        # frames of an error make cycles, and the collector may come to the socket first,
        # which then complains that it is open. Not at the exit, where threads may use it.
        when_forgotten = weakref.finalize(self, sock.close)
        when_forgotten.atexit = False

    def begin(self, deadline: Deadline) -> None:
        """A request begins: what is sent and read has the time of its deadline."""
        self._deadline = deadline
        self.reader.deadline = deadline

    def rest(self) -> None:
        """No request is under way: nothing is sent, and no read waits."""
        self._deadline = None
        self.reader.deadline = None

    def sendall(self, data: bytes | memoryview) -> None:
        """Send all of it, within the step of the deadline.

        A new step begins with each part of it that is as much as the least rate asks for:
        what is slow but goes on is not cut off.
        """
        count = self._send(data)
        while count < len(data):
            data = memoryview(data)[count:]
            count = self._send(data)

    def queue_little(self) -> None:
        """For what is long: let the system hold little of what was not sent yet.

        A socket counts as ready for more only when a good part of its queue is gone,
        which can be megabytes: an upload to a slow reader would seem to stand still. And
        what is in the queue at the end is not to use up the time of the answer.
        """
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        if option is None:
            return
        try:
            self.socket.setsockopt(socket.IPPROTO_TCP, option, _LONGEST_QUEUE)
        except OSError:
            pass  # The system has no such option: it is as good as before.

    def begin_step(self) -> None:
        """A new step of the deadline begins. Raises TimeoutError where all are over."""
        self._sent_in_step = 0
        if self._deadline is not None:
            self._enough_for_step = _LEAST_RATE * self._deadline.seconds
            self._deadline.restart()
            self._deadline.remaining()

    def _send(self, data: bytes | memoryview) -> int:
        """Send some of it, or wait until there is room; how many bytes were sent.

        Only a wait can be too long: what was slow between two of them is this side.
        """
        assert self._deadline is not None, "it is not at rest"
        self.socket.settimeout(0)
        try:
            count = self.socket.send(data)
        except (BlockingIOError, ssl.SSLWantWriteError):
            self._wait(self._deadline, selectors.EVENT_READ | selectors.EVENT_WRITE)
            return 0
        except ssl.SSLWantReadError:
            self._wait(self._deadline, selectors.EVENT_READ)
            return 0
        self._sent_in_step += count
        if self._sent_in_step >= self._enough_for_step:
            self.begin_step()
        return count

    def _wait(self, deadline: Deadline, events: int) -> None:
        """Wait until more can be sent.

        Raises ConnectionAbortedError where the answer begins before: who answers often
        reads no more.
        """
        with WaitSelector() as selector:
            selector.register(self.socket, events)
            ready = selector.select(deadline.remaining())
        may_be_answer = any(found & selectors.EVENT_READ for _, found in ready)
        if may_be_answer and self.reader.answer_began():
            raise ConnectionAbortedError("the answer began before all was sent")

    def makefile(self, mode: str) -> io.BufferedReader:
        """The buffer, whatever the mode."""
        return self._buffer

    def close(self) -> None:
        """Nothing, see above."""

    def close_for_good(self) -> None:
        """Close the socket."""
        self.socket.close()

    def came_ahead(self) -> bytes:
        """What came behind the head of an answer, as far as it is there. Never waits."""
        deadline = self.reader.deadline
        self.reader.deadline = None
        try:
            return self._buffer.peek(1)
        finally:
            self.reader.deadline = deadline

    def is_silent(self) -> bool:
        """Whether nothing came since the last answer, and the peer did not hang up.

        Never waits, on an idle connection.
        """
        return not self._buffer.peek(1) and not self.reader.peer_closed
