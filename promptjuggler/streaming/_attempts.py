"""How long a stream may take for what, and its attempts to connect."""

from __future__ import annotations

from .._retry import Backoff


class Limits:
    """How long a stream may take for what.

    connect_timeout  seconds for each step of an attempt to connect
    total_timeout    seconds for all of the attempts of entering; None: no bound
    attempts         how many the first connection may take, at least 1
    idle_timeout     seconds after which a silent connection counts as lost
    timeout          seconds for all of the iteration; None: no bound
    """

    __slots__ = (
        "attempts",
        "connect_timeout",
        "idle_timeout",
        "timeout",
        "total_timeout",
    )

    def __init__(
        self,
        *,
        connect_timeout: float,
        total_timeout: float | None,
        attempts: int,
        idle_timeout: float,
        timeout: float | None,
    ) -> None:
        self.connect_timeout = connect_timeout
        self.total_timeout = total_timeout
        self.attempts = attempts
        self.idle_timeout = idle_timeout
        self.timeout = timeout


class Attempts:
    """The attempts to connect: how many there were, and when the next is due.

    number  of the attempt that is made, from 1; 0 when connected
    delay   seconds to wait before the next one
    is_proven
            whether the connection has given a frame of the protocol
    """

    __slots__ = ("_backoff", "delay", "is_proven", "number")

    def __init__(self) -> None:
        self.number = 0
        self.delay = 0.0
        self._backoff = Backoff()
        self.is_proven = False

    def failed(self, retry_after: float | None = None) -> None:
        """An attempt has failed, or a connection was lost.

        retry_after  the seconds that the server asked for; None: it did not
        """
        self.delay = self._backoff.next(retry_after)

    def connected(self) -> None:
        """The attempt succeeded. The connection has given no frame yet."""
        self.number = 0
        self.is_proven = False

    def handed_over(self, now: float) -> None:
        """The server asked for a new connection, which is made at once.

        now  by the clock of the stream
        """
        self._backoff.reset()
        self._backoff.hand_over(now)

    def proven(self) -> None:
        """The connection has given a frame: the delays begin anew with the next loss."""
        self.is_proven = True
        self._backoff.reset()
