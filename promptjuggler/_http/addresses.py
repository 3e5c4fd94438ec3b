"""From the name of a host to a connected socket: look-up, and staggered attempts."""

from __future__ import annotations

import errno
import os
import selectors
import socket
from itertools import zip_longest

from .._clock import RealTime
from .deadline import Deadline
from .exceptions import AddressError
from .sockets import WaitSelector

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

# What says more of this machine and its networks than of the host.
_FAULTS_OF_THIS_SIDE = frozenset(
    {
        errno.EAFNOSUPPORT,
        errno.EPROTONOSUPPORT,
        errno.EADDRNOTAVAIL,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.EHOSTUNREACH,
        errno.EMFILE,
        errno.ENFILE,
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
    if len(families) == 1:
        return families.popitem()[1]
    rounds = zip_longest(*families.values())
    return [address for one in rounds for address in one if address is not None]


class _Attempt:
    """An attempt to connect to one address.

    where    what its socket connects to
    failure  why it failed; None as long as it has not
    """

    __slots__ = ("_address", "failure", "where")

    def __init__(self, address: AddressInfo) -> None:
        self.where = address[4]
        self.failure: OSError | None = None
        self._address = address

    def new_socket(self) -> socket.socket:
        """A socket of the right family. Raises OSError where the system has none."""
        family, kind, protocol, _, _ = self._address
        return socket.socket(family, kind, protocol)

    def error(self) -> AddressError:
        """The error of an attempt that has failed."""
        assert self.failure is not None
        host, port = self.where[:2]
        shown = f"[{host!s}]" if ":" in str(host) else str(host)
        return AddressError(f"{shown}:{port!s}", self.failure)

    def tells(self) -> int:
        """How much its failure says of the host: 2 for an answer, 1 for silence, 0 for
        what is the fault of this side."""
        assert self.failure is not None
        if isinstance(self.failure, TimeoutError):
            return 1
        return 0 if self.failure.errno in _FAULTS_OF_THIS_SIDE else 2


class _Race:
    """Attempts to connect to the addresses of a host, of which the first one wins.

    The deadline watches the sockets of all that are under way.
    """

    def __init__(self, addresses: list[AddressInfo], deadline: Deadline) -> None:
        self._deadline = deadline
        self._to_begin = [_Attempt(address) for address in reversed(addresses)]
        self._failed: list[_Attempt] = []
        self._under_way: dict[socket.socket, _Attempt] = {}
        # Each of the addresses has its turn within the time, be that short.
        share = deadline.remaining() / max(len(addresses), 1)
        self._stagger = min(_STAGGER, share)
        self._next_begin = 0.0
        # Only what has to be waited for needs one.
        self._selector: selectors.BaseSelector | None = None

    def winner(self) -> socket.socket:
        """The first socket that is connected, with the time that is left as its timeout.

        Raises `AddressError` where there is none, or what the deadline raises when it is
        cancelled.
        """
        try:
            while self._to_begin or self._under_way:
                self._deadline.remaining()
                sock = self._begin_next() if self._is_time() else self._wait()
                if sock is not None:
                    sock.settimeout(self._deadline.remaining())
                    _send_at_once(sock)
                    return sock
        except TimeoutError as error:
            for attempt in self._under_way.values():
                attempt.failure = error
                self._failed.append(attempt)
        raise self._most_telling()

    def close_all_but(self, winner: socket.socket | None) -> None:
        """Close all sockets but that of the winner, which is watched from now on."""
        if winner is None:
            self._deadline.watch()
        else:
            self._deadline.watch(winner)
        if self._selector is not None:
            self._selector.close()
        for sock in self._under_way:
            if sock is not winner:
                sock.close()

    def _is_time(self) -> bool:
        """Whether the next attempt begins now: there is none under way, or it has had its
        time alone."""
        if not self._to_begin:
            return False
        return not self._under_way or RealTime.monotonic() >= self._next_begin

    def _begin_next(self) -> socket.socket | None:
        """Begin an attempt. Gives its socket where it is connected at once."""
        attempt = self._to_begin.pop()
        self._next_begin = RealTime.monotonic() + self._stagger
        try:
            sock = attempt.new_socket()
        except OSError as error:
            self._fail(attempt, error)
            return None
        # The last one waits in connect(): there is nothing else to do meanwhile.
        is_alone = not self._to_begin and not self._under_way
        self._under_way[sock] = attempt
        self._deadline.watch(*self._under_way)
        longest_wait = self._deadline.remaining() if is_alone else 0
        try:
            sock.settimeout(longest_wait)
            sock.connect(attempt.where)
        except BlockingIOError:
            self._select(sock)
            return None
        except OSError as error:
            self._close(sock)
            self._fail(attempt, error)
            return None
        return sock

    def _wait(self) -> socket.socket | None:
        """Wait until an attempt has ended, or the next one is to begin. Gives the socket
        that is connected.

        Never for long: a deadline that is cancelled does not end this on every system.
        """
        assert self._selector is not None
        seconds = min(self._deadline.remaining(), _STAGGER)
        if self._to_begin:
            seconds = min(seconds, max(self._next_begin - RealTime.monotonic(), 0))
        ready = self._selector.select(seconds)
        # One that was shut down is no winner.
        self._deadline.remaining()
        for key, _ in ready:
            sock: socket.socket = key.fileobj  # type: ignore[assignment]
            number = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number == 0:
                return sock
            attempt = self._under_way[sock]
            self._selector.unregister(sock)
            self._close(sock)
            self._fail(attempt, OSError(number, os.strerror(number)))
        return None

    def _select(self, sock: socket.socket) -> None:
        if self._selector is None:
            self._selector = WaitSelector()
        self._selector.register(sock, selectors.EVENT_WRITE)

    def _fail(self, attempt: _Attempt, error: OSError) -> None:
        """An attempt has failed: the next one begins at once."""
        attempt.failure = error
        self._failed.append(attempt)
        self._next_begin = 0.0

    def _close(self, sock: socket.socket) -> None:
        del self._under_way[sock]
        # What is closed must not be shut down: its descriptor can be that of another.
        self._deadline.watch(*self._under_way)
        sock.close()

    def _most_telling(self) -> OSError:
        """The error of the attempt that says most of the host; of several such, of the
        one that failed last."""
        if not self._failed:
            return OSError("the name has no address")
        return sorted(self._failed, key=_Attempt.tells)[-1].error()


def _send_at_once(sock: socket.socket) -> None:
    """Turn Nagle's algorithm off, which would hold back the end of a request."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        if error.errno != errno.ENOPROTOOPT:  # The system has no such option.
            raise
