"""What sends requests: the one loop that sends again, and the one that waits."""

from __future__ import annotations

import time

from .._arguments import checked_optional_seconds, checked_wait
from .._clock import Clock
from .._http.transport import (
    Deadline,
    Reply,
    Request,
    Transport,
    decode_error,
    is_final,
    log_attempt,
    log_delay,
)
from .._polling import Poller, heals
from .._retry import may_send_again, seconds_to_wait
from ..errors import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    RequestTimeout,
    WaitTimeout,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TypeVar

    from ..errors import Waited

    _T = TypeVar("_T")
    _W = TypeVar("_W", bound=Waited)

_NEVER = float("inf")


class Caller:
    """Sends requests through a transport; the base of the classes with the methods.

    timeout        seconds of one attempt
    total_timeout  seconds of a whole call, all attempts and delays; None: no bound
    max_retries    how often a request is sent again
    """

    # One for all, so that it is in no pickle of a client. Tests put another in its place.
    _clock = Clock()

    def __init__(
        self,
        transport: Transport,
        timeout: float,
        total_timeout: float | None,
        max_retries: int,
    ) -> None:
        self._transport = transport
        self._timeout = timeout
        self._total_timeout = total_timeout
        self._max_retries = max_retries

    def _call(self, kind: type[_T], request: Request) -> _T:
        """Send a request, again where that is right, and read the answer."""
        return _read(kind, self._send(request))

    def _call_once(self, kind: type[_T], request: Request, deadline: Deadline) -> _T:
        """Send a request once, within a deadline, and read the answer."""
        return _read(kind, self._send_once(request, deadline, attempt=1))

    def _delete(self, request: Request) -> None:
        """Send a DELETE. Its right answer has no body; another with one must be JSON.

        Where it meets 404, and an earlier attempt may have arrived, that attempt has
        deleted the thing.
        """
        try:
            reply = self._send(request)
        except ApiError as error:
            if error.status_code == 404 and error.may_have_taken_effect:
                return
            raise
        if reply.body.value:
            _read(object, reply)

    def _send(self, request: Request) -> Reply:
        """The loop that sends again. Raises the error of the last attempt."""
        end = self._end_of_call()
        attempt = 0
        times_sent = 0
        may_have_arrived = False
        while True:
            attempt += 1
            try:
                deadline = Deadline(self._timeout, end)
                return self._send_once(request, deadline, attempt)
            except (ApiError, NetworkError) as error:
                # The transport may have sent it twice, see KeepAliveHandler.
                may_have_arrived = may_have_arrived or error.attempts > 1
                may_have_arrived = may_have_arrived or error.may_have_taken_effect
                times_sent += error.attempts
                error.attempts = times_sent
                error.may_have_taken_effect = may_have_arrived
                delay = self._delay_before_retry(request, error, attempt)
                if delay is None or self._clock.monotonic() + delay >= end:
                    raise
                log_delay(request, delay, attempt, error)
            self._clock.sleep(delay)
            if self._clock.monotonic() >= end:
                raise self._total_timeout_error(request, attempt)

    def _end_of_call(self) -> float:
        """The time at which a call that begins now must be over."""
        if self._total_timeout is None:
            return _NEVER
        return self._clock.monotonic() + self._total_timeout
