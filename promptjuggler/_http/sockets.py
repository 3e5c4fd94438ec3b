"""Sockets: connecting, and reading answers through the one buffer of a connection."""

from __future__ import annotations

import errno
import io
import re
import socket
import ssl

from .deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from _typeshed import WriteableBuffer

    # (family, kind, protocol, name, address), as getaddrinfo() gives it.
    AddressInfo = tuple[
        socket.AddressFamily,
        socket.SocketKind,
        int,
        str,
        tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
    ]

CHUNK_SIZE = 64 * 1024
"""Bodies are sent and answers are read in pieces of at most this many bytes."""

_READ_EARLY = 4096

# A whole interim answer (RFC 9110, 15.2): status line, headers, empty line. Not 101,
# which is the last answer in HTTP. Compiled when first used, see _arguments.py.
_INTERIM_HEAD = rb"HTTP/1\.\d 1(?!01)\d\d.*\n([^\r\n].*\n)*\r?\n"
_STARTS_OF_INTERIM_ANSWERS = (b"HTTP/1.1 1", b"HTTP/1.0 1")


def addresses_of(host: str, port: int) -> Sequence[AddressInfo]:
    """The addresses of a host, in the order in which the system would try them.

    Raises OSError. No timeout applies to looking up a name: the system has its own.
    """
    # getaddrinfo(str) imports the idna codec with stringprep and unicodedata (3 ms,
    # measured); bytes do not.
    name = host.encode() if host.isascii() else host
    return socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM)


def connected_socket(
    addresses: Sequence[AddressInfo], deadline: Deadline
) -> socket.socket:
    """A socket that is connected to the first address that answers. Raises OSError.

    The addresses share the time of the step: with `socket.create_connection`, each would
    have all of it.
    """
    failure = OSError("the name has no address")
    for index, address in enumerate(addresses):
        try:
            share = deadline.remaining() / (len(addresses) - index)
            return _connect_to(address, share, deadline)
        except OSError as error:
            failure = error
    raise failure


def _connect_to(
    address: AddressInfo, share: float, deadline: Deadline
) -> socket.socket:
    """A socket connected to this address within `share` seconds."""
    family, kind, protocol, _, where = address
    sock = socket.socket(family, kind, protocol)
    try:
        deadline.watch(sock)
        sock.settimeout(share)
        sock.connect(where)
        deadline.remaining()
        _send_small_packets_at_once(sock)
        return sock
    except BaseException:
        deadline.watch(None)
        sock.close()
        raise


def _send_small_packets_at_once(sock: socket.socket) -> None:
    """Turn Nagle's algorithm off, which would hold back the end of a request."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:  # The system has no such option.
            raise


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

    def readinto(self, buffer: WriteableBuffer) -> int | None:
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
        piece = bytearray(_READ_EARLY)
        count = self._receive_now(memoryview(piece))
        self._pushback += piece[: count or 0]
        while match := re.match(_INTERIM_HEAD, self._pushback):
            del self._pushback[: match.end()]
        if self.peer_closed or len(self._pushback) > CHUNK_SIZE:
            return True
        begun = bytes(self._pushback[:10])
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
        self.deadline: Deadline | None = deadline
        self.reader = SocketReader(sock)
        self._buffer = _PersistentBuffer(self.reader)

    @property
    def sendall(self) -> Callable[[bytes | memoryview], None]:
        """Sends all that it is called with, within what is left of the step.

        A property, since a function of ours would have what is sent, the key too, among
        its variables: rule 2 of _secrets.py.
        """
        if self.deadline is not None:
            self.socket.settimeout(self.deadline.remaining())
        return self.socket.sendall

    def makefile(self, mode: str) -> io.BufferedReader:
        """The buffer, whatever the mode."""
        return self._buffer

    def close(self) -> None:
        """Nothing, see above."""

    def close_for_good(self) -> None:
        """Close the socket."""
        self.socket.close()

    def is_silent(self) -> bool:
        """Whether nothing came since the last answer, and the peer did not hang up.

        Never waits, on an idle connection.
        """
        return not self._buffer.peek(1) and not self.reader.peer_closed
