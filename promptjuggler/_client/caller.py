"""What sends requests: the one loop that sends again, and the one that waits."""

from __future__ import annotations

import time

from .._arguments import checked_optional_seconds, checked_seconds
from .._clock import Clock
from .._http.transport import (
    Deadline,
    Reply,
    Request,
    Transport,
    is_certificate_failure,
    log_attempt,
)
from .._polling import Poller
from .._retry import may_send_again, seconds_to_wait
from .._secrets import Secret
from ..errors import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    WaitTimeout,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TypeVar

    from ..errors import Waited

    _T = TypeVar("_T")
    _W = TypeVar("_W", bound=Waited)

# After one of these, the next look at a run would have the same answer.
_ENDS_A_WAIT = frozenset({401, 403, 404})


class Caller:
    """Sends requests through a transport; the base of the classes with the methods."""

    # One for all, so that it is in no pickle of a client. Tests put another in its place.
    _clock = Clock()

    def __init__(self, transport: Transport, timeout: float, max_retries: int) -> None:
        self._transport = transport
        self._timeout = timeout
        self._max_retries = max_retries

    def _call(self, kind: type[_T], request: Request) -> _T:
        """Send a request, again where that is right, and read the answer."""
        return _read(kind, self._send(request))

    def _call_once(self, kind: type[_T], request: Request, deadline: Deadline) -> _T:
        """Send a request once, within a deadline, and read the answer."""
        return _read(kind, self._send_once(request, deadline, attempt=1))

    def _send(self, request: Request) -> Reply:
        """The loop that sends again. Raises the error of the last attempt.

        A DELETE that meets 404 after an earlier attempt may have arrived counts as done.
        """
        attempt = 0
        times_sent = 0
        may_have_arrived = False
        while True:
            attempt += 1
            try:
                return self._send_once(request, Deadline(self._timeout), attempt)
            except (ApiError, NetworkError) as error:
                # The transport may have sent it twice, see KeepAliveHandler.
                sent_before = may_have_arrived or error.attempts > 1
                if sent_before and _says_already_deleted(request, error):
                    return Reply(204, Secret(b""))
                times_sent += error.attempts
                error.attempts = times_sent
                may_have_arrived = may_have_arrived or _may_have_arrived(error)
                delay = self._delay_before_retry(request, error, attempt)
                if delay is None:
                    raise
            self._clock.sleep(delay)

    def _send_once(self, request: Request, deadline: Deadline, attempt: int) -> Reply:
        """One attempt, with its line in the log."""
        begun = time.monotonic()
        outcome: object = None
        try:
            reply = self._transport.send(request, deadline)
            outcome = reply.status
            return reply
        except ApiError as error:
            outcome = error.status_code
            raise
        except PromptJugglerError as error:
            outcome = type(error).__name__
            raise
        finally:
            if outcome is not None:
                log_attempt(request.method, request.path, outcome, begun, attempt)

    def _delay_before_retry(
        self, request: Request, error: ApiError | NetworkError, attempt: int
    ) -> float | None:
        """The seconds before a request is sent again; None where it must not be."""
        if attempt > self._max_retries or is_certificate_failure(error.__cause__):
            return None
        status: int | None = None
        retry_after: float | None = None
        if isinstance(error, ApiError):
            status = error.status_code
            retry_after = error.retry_after
        if not may_send_again(
            repeatable=request.repeatable,
            status_code=status,
            request_sent=_may_have_arrived(error),
        ):
            return None
        return seconds_to_wait(attempt, retry_after, self._clock.random)

    def _wait(
        self,
        kind: type[_W],
        request: Request,
        under_way: Collection[str],
        *,
        timeout: float,
        poll_interval: float | None,
    ) -> _W:
        """Ask again and again, until the status is none of `under_way`.

        timeout        seconds in all
        poll_interval  seconds between two requests, or None

        Raises `WaitTimeout` at the end of the time, or at once what cannot heal.
        """
        timeout = checked_seconds("timeout", timeout)
        interval = checked_optional_seconds("poll_interval", poll_interval)
        poller = Poller(timeout, interval, self._clock.monotonic())
        last: _W | None = None
        while True:
            failure: PromptJugglerError | None = None
            retry_after = 0.0
            deadline = Deadline(self._timeout, poller.deadline)
            try:
                last = self._call_once(kind, request, deadline)
                if last.status not in under_way:
                    return last
            except (ApiError, NetworkError, DecodeError) as error:
                if isinstance(error, ApiError):
                    retry_after = error.retry_after or 0.0
                if self._ends_a_wait(error, poller.deadline):
                    raise
                failure = error
            delay = poller.delay(self._clock.monotonic(), retry_after)
            if delay is None:
                try:
                    raise _wait_timeout(request, last, timeout) from failure
                finally:
                    # It would keep itself alive: its traceback holds this frame.
                    del failure
            self._clock.sleep(delay)

    def _ends_a_wait(self, error: PromptJugglerError, deadline: float) -> bool:
        """Whether it makes no sense to look again after this error."""
        if isinstance(error, ApiError):
            back_at = self._clock.monotonic() + (error.retry_after or 0.0)
            return error.status_code in _ENDS_A_WAIT or back_at > deadline
        return is_certificate_failure(error.__cause__)


def _read(kind: type[_T], reply: Reply) -> _T:
    # To load it with the client would slow the start of programs that make none.
    from .._decode import read

    return read(kind, reply.body.value, reply.status)


def _may_have_arrived(error: ApiError | NetworkError) -> bool:
    """Whether a request that ended so can have reached the API."""
    return error.request_sent if isinstance(error, NetworkError) else True


def _says_already_deleted(request: Request, error: PromptJugglerError) -> bool:
    is_gone = isinstance(error, ApiError) and error.status_code == 404
    return is_gone and request.method == "DELETE"


def _wait_timeout(request: Request, last: Waited | None, timeout: float) -> WaitTimeout:
    state = "gave no status within"
    if last is not None:
        state = f"is still {last.status} after"
    return WaitTimeout(f"{request.path} {state} {timeout:g} s", last=last)
