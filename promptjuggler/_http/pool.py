"""The idle connections of a client, and the handler that puts them under urllib's opener."""

from __future__ import annotations

# For `weakref.finalize`, which else imports it when it is first called: what calls it here
# can be a signal handler, or a thread while another one forks.
import atexit  # noqa: F401
import urllib.request
import weakref
from collections import deque
from functools import partial
from http.client import HTTPException

from .._clock import Clock
from .messages import Route, UrllibRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .connection import Connection
    from .response import Response

MOST_IDLE = 8
"""How many idle connections a pool keeps: those that were used last."""


class Pool:
    """The idle connections, the one that was used last at the right end.

    Any thread may call anything. There is no lock, which a fork could copy while it is
    held: each step on the deque is one that no other thread can cut in two.

    clock   its wall-clock time tells how long a connection was idle
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._idle: deque[Connection] = deque()
        # However the client goes, in a cycle or as Python ends. In no `__del__`: the
        # collector may come to a socket first, which then complains that it is open.
        weakref.finalize(self, _close_oldest, self._idle, 0)

    def take(self, route: Route, longest_idle: float) -> Connection | None:
        """The usable connection along a route that was used last, or None.

        Those that are no longer usable are closed on the way.
        """
        found: Connection | None = None
        passed_over: list[Connection] = []
        try:
            while found is None and (connection := self._pop()) is not None:
                now = self.clock.wall()
                if not connection.is_usable(now):
                    connection.close()
                    continue
                idle_for = now - connection.idle_since
                if connection.route is route and idle_for < longest_idle:
                    found = connection
                else:
                    passed_over.append(connection)
        finally:
            self._idle.extend(reversed(passed_over))
        return found

    def new_connection(self, route: Route) -> Connection:
        """A connection that was never used."""
        # Imported here, it is no part of the start of a program: 1 ms of 50.
        from .connection import Connection

        return Connection(route, self.clock.wall())

    def take_back(self, connection: Connection, reusable: bool) -> None:
        """Keep a connection whose answer has ended, or close it if it is not reusable."""
        if reusable and connection.become_idle(self.clock.wall()):
            self._idle.append(connection)
            if len(self._idle) > MOST_IDLE:
                _close_oldest(self._idle, MOST_IDLE)
        else:
            connection.close()

    def close(self) -> None:
        """Close all idle connections. Those in use close, or come back, by themselves."""
        _close_oldest(self._idle, 0)

    def __del__(self) -> None:
        # As Python ends, finalizers of weakref are called once, and then no more.
        self.close()

    def _pop(self) -> Connection | None:
        """The one that was used last; None if there is none."""
        try:
            return self._idle.pop()
        except IndexError:
            return None


def _close_oldest(idle: deque[Connection], kept: int) -> None:
    """Close idle connections, those that were not used for longest.

    kept  how many are left
    """
    while len(idle) > kept:
        try:
            oldest = idle.popleft()
        except IndexError:
            return  # Another thread was faster.
        oldest.close()


class KeepAliveHandler(urllib.request.BaseHandler):
    """Sends requests of an opener over the connections of a pool.

    urllib's own handlers make a connection for each request and ask the server to close
    it. Below an opener, all the rest of urllib stays in use.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def add_parent(self, parent: urllib.request.OpenerDirector) -> None:
        """Called when it is added to an opener, which it does not keep.

        In a cycle, the connections would outlive the client until the collector runs.
        """

    def http_open(self, call: UrllibRequest) -> Response:
        """Send a request over an idle connection, or else over a new one.

        A GET or DELETE that fails on an idle one before anything of the answer came is
        sent once more, on a new one: the server may have closed the connection just now.
        """
        route = call.route
        assert route is not None, "only the transport sends requests here"
        idle = self._pool.take(route, call.longest_idle)
        if idle is None:
            return self._exchange(self._pool.new_connection(route), call)
        try:
            return self._exchange(idle, call)
        except TimeoutError:
            raise
        except (OSError, HTTPException):
            # By the method, as HTTP has it (RFC 9110, 9.2.2), and not by `repeatable` of a
            # `Request`: of the POSTs, that is true of stream tokens alone, and for those
            # the loop of the client makes another attempt.
            if call.get_method() == "POST" or idle.any_received:
                raise
        return self._exchange(self._pool.new_connection(route), call)

    https_open = http_open

    def _exchange(self, connection: Connection, call: UrllibRequest) -> Response:
        response = connection.exchange(call)
        response.when_ended = partial(self._pool.take_back, connection)
        return response
