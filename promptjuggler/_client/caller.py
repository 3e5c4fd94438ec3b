"""What sends requests: the one loop that sends again, and the one that waits."""

from __future__ import annotations

from .._arguments import checked_optional_seconds, checked_wait
from .._clock import Clock
from .._http.transport import (
    THE_TOTAL_TIMEOUT,
    CancellableDeadline,
    Deadline,
    Reply,
    Request,
    Transport,
    add_total_timeout,
    decode_error,
    is_final,
    log_attempt,
    log_delay,
    problem_of_deletion,
)
from .._polling import SHORTEST_FIRST_LOOK, Poller, heals
from .._retry import SHORTEST_ATTEMPT, may_send_again, seconds_to_wait, spread
from ..errors import (
    ApiError,
    DecodeError,
    NetworkError,
    PromptJugglerError,
    RequestTimeout,
)
from ..waits import WaitTimeout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import TypeVar

    from ..waits import Waited

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

    def _call(self, kind: type[_T], request: Request, end: float | None = None) -> _T:
        """Send a request, again where that is right, and read the answer.

        end  when it must be over; None: after `total_timeout`
        """
        attempts = None if end is None else _Attempts(end)
        return _read(kind, self._send(request, attempts))

    def _call_within(
        self, kind: type[_T], request: Request, deadline: CancellableDeadline
    ) -> _T:
        """The same within a deadline of a stream, which another thread can cancel.

        `total_timeout` is not for it. Where the deadline allows no further attempt, this
        raises when that is over, and not before.
        """
        return _read(kind, self._send(request, _AttemptsWithin(deadline)))

    def _call_once(self, kind: type[_T], request: Request, deadline: Deadline) -> _T:
        """Send a request once, within a deadline, and read the answer."""
        return _read(kind, self._send_once(request, deadline, attempt=1))

    def _delete(self, request: Request) -> None:
        """Send a DELETE. Its right answer has no body.

        Where it meets 404, and an earlier attempt reached the server, that attempt has
        deleted the thing.
        """
        attempts = _Attempts(self._end_of_call())
        try:
            reply = self._send(request, attempts)
        except ApiError as error:
            if error.status_code == 404 and attempts.reached_before:
                return
            raise
        problem = problem_of_deletion(reply)
        if problem is not None:
            raise problem

    def _send(self, request: Request, attempts: _Attempts | None = None) -> Reply:
        """The loop that sends again. Raises the error of the last attempt."""
        attempts = attempts or _Attempts(self._end_of_call())
        while True:
            attempts.count += 1
            try:
                deadline = attempts.deadline(self._timeout)
                return self._send_once(request, deadline, attempts.count)
            except (ApiError, NetworkError) as error:
                attempts.failed(error)
                delay = self._delay_before_retry(request, error, attempts.count)
                now = self._clock.monotonic()
                if attempts.is_out_of_time(error, now, delay):
                    attempts.wait_for_end(now)
                    attempts.say_time_is_over(error, self._total_timeout)
                    raise
                if delay is None or attempts.are_cancelled():
                    raise
                log_delay(request.method, request.path, delay, error)
            attempts.pause(delay, self._clock)

    def _end_of_call(self) -> float:
        """The time at which a call that begins now must be over."""
        if self._total_timeout is None:
            return _NEVER
        return self._clock.monotonic() + self._total_timeout

    def _send_once(self, request: Request, deadline: Deadline, attempt: int) -> Reply:
        """One attempt, with its line in the log."""
        begun = self._clock.monotonic()
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
                took = self._clock.monotonic() - begun
                log_attempt(request.method, request.path, outcome, took, attempt)

    def _delay_before_retry(
        self, request: Request, error: ApiError | NetworkError, attempt: int
    ) -> float | None:
        """The seconds before a request is sent again; None where it must not be."""
        if attempt > self._max_retries or is_final(error):
            return None
        status: int | None = None
        retry_after: float | None = None
        request_sent = True
        if isinstance(error, ApiError):
            status = error.status_code
            retry_after = error.retry_after
        else:
            request_sent = error.request_sent
        if not may_send_again(
            repeatable=request.repeatable,
            status_code=status,
            request_sent=request_sent,
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

        timeout        seconds in all; 0 or less: one look
        poll_interval  seconds between two requests, or None

        Raises `WaitTimeout` at the end of the time, or at once what cannot heal.
        """
        wanted = checked_wait("timeout", timeout)
        interval = checked_optional_seconds("poll_interval", poll_interval)
        begun = self._clock.monotonic()
        end_of_call = self._end_of_call()
        end = min(begun + wanted, end_of_call)
        poller = Poller(end, interval)
        wait = _Wait(request, begun)
        end_of_look = _end_of_first_look(begun, wanted, end_of_call)
        while True:
            deadline = Deadline(self._timeout, end_of_look)
            end_of_look = end
            try:
                last = self._call_once(kind, request, deadline)
                if last.status not in under_way:
                    return last
                wait.saw(last, self._clock.monotonic())
            except (ApiError, NetworkError, DecodeError) as error:
                if wait.cannot_heal(error):
                    raise
                wait.failed(error)
            now = self._clock.monotonic()
            if not poller.is_time_for_a_look(now):
                self._clock.sleep(poller.rest(now))
                raise wait.timed_out(end, self._clock.monotonic(), end < begun + wanted)
            asked = spread(wait.retry_after, self._clock.random())
            delay = poller.next_delay(now, asked)
            wait.log_delay(delay)
            self._clock.sleep(delay)


def _end_of_first_look(begun: float, wanted: float, end_of_call: float) -> float:
    """When the first look of a wait must be over: it is made even without any time, and
    then has that of any call.

    wanted  the seconds of the wait
    """
    if wanted == 0:
        return end_of_call
    return min(begun + max(wanted, SHORTEST_FIRST_LOOK), end_of_call)


class _Attempts:
    """The attempts of one call so far, for the decision about another and for the error.

    end             the time at which the call must be over
    count           the number of the attempt that is made, from 1
    reached_before  whether an attempt before the last one may have reached the server
    """

    __slots__ = (
        "_may_have_taken_effect",
        "_reached",
        "_times_sent",
        "count",
        "end",
        "reached_before",
    )

    def __init__(self, end: float) -> None:
        self.end = end
        self.count = 0
        self.reached_before = False
        self._reached = False
        self._may_have_taken_effect = False
        self._times_sent = 0

    def failed(self, error: ApiError | NetworkError) -> None:
        """An attempt failed. Its error then tells of all attempts."""
        # The pool sent it twice, see KeepAliveHandler: the first may have arrived, whatever
        # became of the second.
        was_lost_before = error.attempts > 1
        self.reached_before = self._reached or was_lost_before
        self._reached = isinstance(error, ApiError) or error.request_sent
        self._reached = self._reached or self.reached_before
        effect = self._may_have_taken_effect or was_lost_before
        self._may_have_taken_effect = effect or error.may_have_taken_effect
        self._times_sent += error.attempts
        error.attempts = self._times_sent
        error.may_have_taken_effect = self._may_have_taken_effect

    def is_out_of_time(
        self, error: ApiError | NetworkError, now: float, delay: float | None
    ) -> bool:
        """Whether it is the end of the call that allows no more.

        delay  before the next attempt; None where there is none anyway
        """
        if delay is None and not isinstance(error, RequestTimeout):
            return False
        return now + (delay or 0.0) + SHORTEST_ATTEMPT > self.end

    def deadline(self, seconds: float) -> Deadline:
        """That of the next attempt, whose steps may take so long."""
        return Deadline(seconds, self.end)

    def pause(self, seconds: float, clock: Clock) -> None:
        """The delay before the next attempt."""
        clock.sleep(seconds)

    def wait_for_end(self, now: float) -> None:
        """The time allows no further attempt: nothing has to wait for the rest of it."""

    def say_time_is_over(
        self, error: ApiError | NetworkError, total_timeout: float | None
    ) -> None:
        """The time allows no further attempt: the error is to say so."""
        add_total_timeout(error, total_timeout or 0.0)

    def are_cancelled(self) -> bool:
        """Whether another thread wants no further attempt."""
        return False


class _AttemptsWithin(_Attempts):
    """Those of a call within a stream, which has one deadline for all of them."""

    __slots__ = ("_deadline",)

    def __init__(self, deadline: CancellableDeadline) -> None:
        super().__init__(deadline.overall)
        self._deadline = deadline

    def deadline(self, seconds: float) -> Deadline:
        """The one that there is."""
        self._deadline.seconds = seconds
        return self._deadline

    def pause(self, seconds: float, clock: Clock) -> None:
        """It ends at once where the stream is closed."""
        self._deadline.wait(seconds)

    def wait_for_end(self, now: float) -> None:
        """The time that is over is that of the stream: whoever streams has all of it."""
        self._deadline.wait(self.end - now)

    def say_time_is_over(
        self, error: ApiError | NetworkError, total_timeout: float | None
    ) -> None:
        """The stream has an error of its own for that: this one stays as it is."""

    def are_cancelled(self) -> bool:
        """Whether the stream was closed."""
        return self._deadline.cancelled


class _Wait:
    """What one wait has seen, for its decision to go on and for its `WaitTimeout`.

    begun   when it began
    """

    __slots__ = ("_begun", "_failure", "_last", "_request", "_seen_at")

    def __init__(self, request: Request, begun: float) -> None:
        self._request = request
        self._begun = begun
        self._last: Waited | None = None
        self._seen_at = begun
        # Since the last result was seen.
        self._failure: ApiError | NetworkError | DecodeError | None = None

    @property
    def retry_after(self) -> float:
        """The seconds that the server asked for with the last failure; 0 without."""
        failure = self._failure
        return (failure.retry_after or 0.0) if isinstance(failure, ApiError) else 0.0

    def saw(self, result: Waited, now: float) -> None:
        """A result came, which is still under way."""
        self._last = result
        self._seen_at = now
        self._failure = None

    def failed(self, error: ApiError | NetworkError | DecodeError) -> None:
        """A look failed, in a way that can heal."""
        # Its traceback holds the frame that holds this: they would keep each other alive.
        self._failure = error.with_traceback(None)

    def cannot_heal(self, error: ApiError | NetworkError | DecodeError) -> bool:
        """Whether another look would have the same end.

        One answer that cannot be read can be that of a gateway; two in a row are not.
        """
        if isinstance(error, ApiError):
            return not heals(error.status_code)
        if isinstance(error, DecodeError):
            return isinstance(self._failure, DecodeError)
        return is_final(error)

    def log_delay(self, seconds: float) -> None:
        """Tell the log of a delay before a look that makes up for one that failed."""
        if self._failure is not None:
            request = self._request
            log_delay(request.method, request.path, seconds, self._failure)

    def timed_out(self, end: float, now: float, is_total: bool) -> WaitTimeout:
        """The error that says what was seen last, when, and what has failed since.

        end       when the wait was over
        now       what it is now: without any time, its one look took some
        is_total  whether it was `total_timeout` that ended it
        """
        state = "no status was seen"
        if self._last is not None:
            ago = now - self._seen_at
            state = f"was {self._last.status} when last seen, {ago:.0f} s ago"
        seconds = round(end - self._begun, 3)
        text = f"{self._request.path} has not ended within {seconds:g} s: {state}"
        failure = self._failure
        if failure is not None:
            since = "since then" if self._last is not None else "the last failure"
            text += f"; {since}: {_described(failure)}"
        if is_total:
            text += f"; {THE_TOTAL_TIMEOUT} ended it"
        error = WaitTimeout(text, last=self._last)
        error.__cause__ = failure
        return error


def _described(error: ApiError | NetworkError | DecodeError) -> str:
    """An error in few words, with its status."""
    if not isinstance(error, ApiError):
        return str(error)
    status = f"HTTP {error.status_code}"
    text = str(error)
    return text if text.startswith(status) else f"{status}: {text}"


def _read(kind: type[_T], reply: Reply) -> _T:
    """The result of an answer. Raises `DecodeError`."""
    # To load it with the client would slow the start of programs that make none.
    from .._decode import decoded_text

    # Rule 5 of _secrets.py: an error cuts what it shows.
    result = decoded_text(kind, reply.body.value, secrets=lambda: reply.call.secrets)
    if isinstance(result, DecodeError):
        raise decode_error(reply, result) from result.__cause__
    return result
