"""From the name of a host to a connected socket: look-up, and staggered attempts."""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from itertools import zip_longest

from .deadline import Deadline
from .exceptions import AddressError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import TypeAlias

    _Where: TypeAlias = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

    # (family, kind, protocol, name, where), as getaddrinfo() gives it.
    AddressInfo: TypeAlias = tuple[
        socket.AddressFamily, socket.SocketKind, int, str, _Where
    ]

# While one attempt still tries, so long is waited before the next (RFC 8305, 5).
_STAGGER = 0.25

# Bytes of a socket that wait to be sent.
_LONGEST_QUEUE = 128 * 1024

# What says more of this machine and its networks than of the host: another address
# can do better, and the failure of another tells more.
_LESS_TELLING = frozenset(
    {
        errno.EAFNOSUPPORT,
        errno.EPROTONOSUPPORT,
        errno.EADDRNOTAVAIL,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
    }
)


def addresses_of(host: str, port: int) -> list[AddressInfo]:
    """The addresses of a host, in the order in which the system would try them.

    Raises OSError. No timeout applies to looking up a name: the system has its own.
    """
    # As a str, though the codec for it takes some milliseconds to load, which bytes would
    # spare: what a program puts in the place of getaddrinfo() expects a str.
    return list(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))


def connected_socket(
    addresses: Iterable[AddressInfo], deadline: Deadline
) -> socket.socket:
    """A socket that is connected to one of the addresses, whichever is the first.

    The attempts are staggered, with the families in turn (RFC 8305): one that is silent
    does not hold up the others. Raises `AddressError`.
    """
    race = _Race(_in_turn(addresses), deadline)
    try:
        winner = race.winner()
    except BaseException:
        race.close_all_but(None)
        raise
    race.close_all_but(winner)
    return winner


def _in_turn(addresses: Iterable[AddressInfo]) -> list[AddressInfo]:
    """The addresses in their order, but with the families in turn (RFC 8305, 4)."""
    families: dict[int, list[AddressInfo]] = {}
    for address in addresses:
        families.setdefault(address[0], []).append(address)
    rounds = zip_longest(*families.values())
    return [address for one in rounds for address in one if address is not None]


class _Attempt:
    """An attempt to connect to one address.

    socket   None before it begins, and once it has failed
    failure  why it failed; None as long as it has not
    """

    __slots__ = ("_address", "failure", "socket")

    def __init__(self, address: AddressInfo) -> None:
        self.socket: socket.socket | None = None
        self.failure: OSError | None = None
        self._address = address

    def begin(self) -> socket.socket:
        """A socket for this address, which never waits. Raises OSError."""
        family, kind, protocol, _, _ = self._address
        self.socket = socket.socket(family, kind, protocol)
        self.socket.setblocking(False)
        return self.socket

    def connect(self, sock: socket.socket) -> bool:
        """Connect its socket; False where that takes time. Raises OSError."""
        try:
            sock.connect(self._address[4])
        except BlockingIOError:
            return False
        return True

    def error(self) -> AddressError:
        """The error of an attempt that has failed."""
        assert self.failure is not None
        host, port = self._address[4][:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return AddressError(f"{shown}:{port!s}", self.failure)

    def is_telling(self) -> bool:
        """Whether its failure says something of the host."""
        return self.failure is not None and self.failure.errno not in _LESS_TELLING


class _Race:
    """Attempts to connect to the addresses of a host, of which the first one wins.

    The deadline watches the sockets of all that are under way.
    """

    def __init__(self, addresses: list[AddressInfo], deadline: Deadline) -> None:
        self._deadline = deadline
        self._to_begin = [_Attempt(address) for address in reversed(addresses)]
        self._begun: list[_Attempt] = []
        # Each of the addresses has its turn within the time, be that short.
        share = deadline.remaining() / max(len(addresses), 1)
        self._stagger = min(_STAGGER, share)
        self._next_begin = 0.0
        # Only what has to be waited for needs one.
        self._selector: selectors.BaseSelector | None = None
        self._connected: socket.socket | None = None

    def winner(self) -> socket.socket:
        """The first socket that is connected, with the time that is left as its timeout.

        Raises `AddressError` where there is none, or what the deadline raises when it is
        cancelled.
        """
        try:
            while self._connected is None and (self._to_begin or self._under_way()):
                self._deadline.remaining()
                if self._is_time_for_next():
                    self._begin_next()
                else:
                    self._wait()
            if self._connected is not None:
                self._connected.settimeout(self._deadline.remaining())
                _send_at_once(self._connected)
                return self._connected
        except TimeoutError as error:
            for attempt in self._under_way():
                attempt.failure = error
        raise self._most_telling()

    def close_all_but(self, winner: socket.socket | None) -> None:
        """Close all sockets but that of the winner, which is watched from now on."""
        if winner is None:
            self._deadline.watch()
        else:
            self._deadline.watch(winner)
        if self._selector is not None:
            self._selector.close()
        for attempt in self._begun:
            if attempt.socket is not None and attempt.socket is not winner:
                attempt.socket.close()

    def _under_way(self) -> list[_Attempt]:
        return [attempt for attempt in self._begun if attempt.failure is None]

    def _is_time_for_next(self) -> bool:
        if not self._to_begin:
            return False
        return not self._under_way() or time.monotonic() >= self._next_begin

    def _begin_next(self) -> None:
        attempt = self._to_begin.pop()
        self._begun.append(attempt)
        self._next_begin = time.monotonic() + self._stagger
        try:
            sock = attempt.begin()
            self._watch()
            if attempt.connect(sock):
                self._connected = sock
            else:
                self._select(sock, attempt)
        except OSError as error:
            self._fail(attempt, error)

    def _select(self, sock: socket.socket, attempt: _Attempt) -> None:
        if self._selector is None:
            self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_WRITE, attempt)

    def _wait(self) -> None:
        """Wait until an attempt has ended, or the next one is to begin.

        Never for long: a deadline that was cancelled does not wake this on every system.
        """
        assert self._selector is not None
        seconds = min(self._deadline.remaining(), _STAGGER)
        if self._to_begin:
            seconds = min(seconds, max(self._next_begin - time.monotonic(), 0))
        for key, _ in self._selector.select(seconds):
            # One that was shut down is no winner.
            self._deadline.remaining()
            attempt: _Attempt = key.data
            sock: socket.socket = key.fileobj  # type: ignore[assignment]
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number == 0:
                self._connected = sock
                return
            self._fail(attempt, OSError(number, os.strerror(number)))

    def _fail(self, attempt: _Attempt, error: OSError) -> None:
        """An attempt has failed: its socket is closed at once, and the next one begins."""
        attempt.failure = error
        self._next_begin = 0.0
        sock = attempt.socket
        if sock is None:
            return
        # What is closed must not be shut down: its descriptor can be that of another.
        self._watch()
        if self._selector is not None and sock in self._selector.get_map():
            self._selector.unregister(sock)
        attempt.socket = None
        sock.close()

    def _watch(self) -> None:
        sockets = [attempt.socket for attempt in self._under_way()]
        self._deadline.watch(*(sock for sock in sockets if sock is not None))

    def _most_telling(self) -> OSError:
        """The error of the attempt that says most: the last one that was not in vain
        from the beginning."""
        if not self._begun:
            return OSError("the name has no address")
        telling = [attempt for attempt in self._begun if attempt.is_telling()]
        return (telling or self._begun)[-1].error()


def _send_at_once(sock: socket.socket) -> None:
    """Hold back nothing that is sent, and queue little of it.

    Nagle's algorithm would hold back the end of a request. And a socket counts as ready
    for more only when a good part of its queue is gone, which can be megabytes: an upload
    to a slow reader would seem to stand still.
    """
    options = {"TCP_NODELAY": 1, "TCP_NOTSENT_LOWAT": _LONGEST_QUEUE}
    for name, value in options.items():
        option = getattr(socket, name, None)  # Not every system has all of them.
        if option is None:
            continue
        try:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        except OSError as error:
            if error.errno != errno.ENOPROTOOPT:
                raise
