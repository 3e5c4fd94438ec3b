"""The stream of a thread: the connection, kept up, and the events that come over it.

It connects as the platform's own streaming client does. Each connection has a token of
its own, so no token's age ends a stream, and goes on after the last event that came. A
connection that ends is made again: at once where the server hands over (`reconnect`),
else after a delay, which grows until a connection has given a frame of the protocol: an
address that answers everything with 200 is no stream yet.

A stream is in one of these phases:

    NEW --connected--> CONNECTED --lost--> LOST --connected--> CONNECTED ...

and `closed` at any time, by its user, another thread, a signal handler, or an error.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from math import inf
from urllib.parse import urlsplit
from uuid import UUID

from .._arguments import checked_last_event_id, checked_uuid
from .._clock import Clock
from .._http.transport import (
    CancellableDeadline,
    StreamedAnswer,
    Transport,
    add_total_timeout,
    log_attempt,
    log_delay,
)
from .._loading import refuse_at_exit
from .._retry import LONGEST_RETRY_AFTER, SHORTEST_ATTEMPT
from .._secrets import Secret
from ..errors import ApiError, DecodeError, NetworkError
from ..models.streaming import StreamTokenResponse
from ..waits import WaitTimeout
from ._assembly import Assembler
from ._attempts import Attempts, Limits
from ._connecting import (
    EVENT_STREAM,
    channel_parameters,
    is_final_failure,
    problem_of,
    retry_after_of,
    stream_url,
)
from ._sse import Frame, FrameDecoder, FrameTooLong
from .events import ConnectedEvent, DisconnectedEvent, RunView, StreamEvent

__all__ = ["ThreadStream"]


class _Phase(Enum):
    NEW = "was never connected: a limited number of attempts may fail"
    CONNECTED = "is connected"
    LOST = "was connected: attempts go on until one succeeds"


class ThreadStream:
    """The events of a thread's runs while they happen. Made by `PromptJuggler.stream`.

        thread = uuid.uuid4()
        with pj.stream(thread) as stream:
            run = pj.run_prompt("greeting", 1, {"name": "Ada"}, thread=thread)
            for event in stream:
                match event:
                    case TokenEvent(text=text):
                        print(text, end="", flush=True)
                    case DoneEvent() | FailureEvent() if event.run_id == run.id:
                        break

    Entering it connects, and what happens in the thread from then on is not missed, so
    start runs inside the `with`. Iterating gives the events of `streaming.events`, of all
    runs of the thread and without an end: leave the loop when you have seen what you
    wait for. A connection that is lost is made again meanwhile. Leaving the `with`, or
    `close()`, ends the stream; the runs go on.

    One thread iterates. `close`, `closed` and `view` may be used by any other. A stream
    is entered once. After a fork, the connection is that of the parent: a child that
    leaves its copy of the stream does not touch it, and one that goes on iterating
    connects anew.

    Entering and iterating raise, and the stream is then closed:

    - `ApiError` for 401, 403, 404, and 407 of a proxy, at any time;
    - `ApiError`, `NetworkError` or `DecodeError`, whichever was the last, where there is
      no first connection in all its attempts (`max_retries` of the client and one more),
      the server asks for more than a minute before the next, or that could not end
      within the `total_timeout` of the client;
    - `NetworkError` where another attempt would fail in the same way (a certificate that
      is not trusted, a wrong password of a proxy, an answer that is no HTTP), and at the
      first loss with `reconnect=False`;
    - `DecodeError` for a line or a frame that is too long, and for an address to which
      no token is sent;
    - `WaitTimeout` where the `timeout` of the stream is over;
    - `RuntimeError` where it was entered before; only this leaves it as it is.
    """

    def __init__(
        self,
        transport: Transport,
        create_token: Callable[[CancellableDeadline], StreamTokenResponse],
        *,
        channels: Iterable[str],
        last_event_id: str | None,
        token_url: str,
        limits: Limits,
        reconnect: bool,
        clock: Clock,
    ) -> None:
        """Not to be called: `PromptJuggler.stream` does, and says what the options are.

        create_token  asks for a new token, within the deadline that it is given
        token_url     where it asks, for errors

        Raises `ValidationError` for `channels` and `last_event_id`.
        """
        # These first: __del__ needs them even where a check below has failed.
        self._deadline = CancellableDeadline(limits.connect_timeout)
        self._reading = threading.Lock()
        self._entrance = threading.Lock()  # Who enters takes it for good.
        self._answer: StreamedAnswer | None = None

        self._channel_parameters = channel_parameters(channels)
        self.last_event_id = checked_last_event_id(last_event_id)
        """The id of the last event that came, or None: a later stream can go on after it."""
        self._transport = transport
        self._create_token = create_token
        self._token_url = token_url
        self._limits = limits
        self._reconnect = reconnect
        self._clock = clock

        self._end_of_entering = inf  # By the clock; a RunStream goes by both.
        self._end = inf  # Of the iteration.
        self._is_entering = False
        self._url = ""  # Of the stream, for errors.
        self._phase = _Phase.NEW
        self._attempts = Attempts()
        # Ends early when the stream is closed. The one thing that tests replace here.
        self._wait: Callable[[float], object] = self._deadline.wait
        self._assembler = Assembler()
        self._decoder = FrameDecoder()
        self._frames: Iterator[Frame] = iter(())  # Of what was read last.
        self._events: deque[StreamEvent] = deque()

    def __enter__(self) -> ThreadStream:
        refuse_at_exit()
        # A flag that is looked at and set in one step: several threads can enter at once.
        if not self._entrance.acquire(blocking=False):
            raise RuntimeError("a stream is entered once: make another")
        try:
            if self._limits.total_timeout is not None:
                now = self._clock.monotonic()
                self._end_of_entering = now + self._limits.total_timeout
                self._deadline.overall = min(self._end_of_entering, self._end)
            self._is_entering = True
            while self._phase is not _Phase.CONNECTED and not self.closed:
                self._connect()
        except BaseException:
            self.close()
            raise
        self._is_entering = False
        self._deadline.overall = self._end
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, and end the iteration, at once and for good.

        May be called by any thread, in a signal handler, and again.
        """
        self._leave_to_parent()
        self._deadline.cancel()
        # A read in progress fails now, and its thread closes the connection. It is not
        # waited for: in a signal handler, it can be this very thread.
        if self._reading.acquire(blocking=False):
            try:
                self._drop_connection()
            finally:
                self._reading.release()

    @property
    def closed(self) -> bool:
        """Whether it was closed, or has ended."""
        return self._deadline.cancelled

    def view(self, run_id: str | UUID) -> RunView:
        """What came of a run so far, built now; empty for a run that is not known.

        Of a run that has finished only `gapped` is kept: its `DoneEvent` or
        `FailureEvent` has the last view. Raises `ValidationError` for what is no UUID.
        """
        return self._assembler.view(checked_uuid("run_id", run_id))

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        if self._limits.timeout is not None and self._end == inf:
            self._end = self._clock.monotonic() + self._limits.timeout
            self._deadline.overall = self._end
        try:
            while not self.closed:
                self._check_time()
                if self._events:
                    return self._events.popleft()
                if self._phase is not _Phase.CONNECTED:
                    self._connect()
                elif self._receive():
                    return self._events.popleft()
        except BaseException:
            self.close()
            raise
        self.close()  # Who closed it may have met this thread reading.
        raise StopIteration

    # --- connecting ---

    def _connect(self) -> None:
        """One attempt, after the delay that is due. Raises where no other is made."""
        self._leave_to_parent()
        delay = self._attempts.delay
        if delay:
            self._wait(min(delay, self._deadline.overall - self._clock.monotonic()))
            self._check_time()
        if self.closed:
            return
        self._attempts.number += 1
        try:
            self._open()
        except (ApiError, NetworkError, DecodeError) as error:
            if self.closed:
                return
            self._check_time(error)
            if not isinstance(error, DecodeError):
                error.attempts = self._attempts.number
            self._attempts.failed(retry_after_of(error))
            self._raise_if_last(error)
            self._log_delay(error)
            # NEW and LOST stay what they are.
            if self._phase is _Phase.LOST:
                self._events.append(DisconnectedEvent(str(error)))
        else:
            self._connected()

    def _open(self) -> None:
        """A new token, and with it the connection, in `_answer`."""
        self._deadline.seconds = self._limits.connect_timeout
        self._deadline.per_read = False
        token = self._create_token(self._deadline)
        url = stream_url(token, self._token_url, self._channel_parameters)
        self._url = url.partition("?")[0]
        headers = {"Accept": EVENT_STREAM}
        if self.last_event_id:
            # As UTF-8 (HTML standard, 9.2.3). http.client encodes headers as Latin-1.
            headers["Last-event-id"] = self.last_event_id.encode().decode("latin-1")
        begun = self._clock.monotonic()
        try:
            # Nowhere else, not in a variable: an error that comes now closes it.
            self._answer = self._transport.open_stream(
                url, Secret(token.token), headers, self._deadline
            )
        except ApiError as error:
            self._log(url, error.status_code, begun)
            raise
        except NetworkError as error:
            self._log(url, type(error).__name__, begun)
            raise
        self._log(url, 200, begun)
        with self._reading:
            problem = problem_of(self._answer) if self._answer else None
            if problem is not None:
                self._drop_connection()
        if problem is not None:
            raise problem

    def _log(self, url: str, outcome: object, begun: float) -> None:
        # Not the query: it has the names of channels, and may have anything else.
        took = self._clock.monotonic() - begun
        log_attempt("GET", urlsplit(url).path, outcome, took, self._attempts.number)

    def _log_delay(self, error: ApiError | NetworkError | DecodeError) -> None:
        delay = self._attempts.delay
        if delay:
            log_delay(error.method, urlsplit(error.url).path, delay, error)

    def _raise_if_last(self, error: ApiError | NetworkError | DecodeError) -> None:
        """Raise the error of an attempt that failed, where no other is made."""
        try:
            if is_final_failure(error):
                raise error
            if not self._has_time_for_another():
                if not isinstance(error, DecodeError):
                    add_total_timeout(error, self._limits.total_timeout or 0.0)
                raise error
            if self._was_last(error):
                raise error
        finally:
            # Its traceback has this frame: a cycle, which would keep the connections.
            del error

    def _has_time_for_another(self) -> bool:
        """Whether another attempt can begin within the `total_timeout` of entering."""
        if not self._is_entering:
            return True  # The iteration ends by itself, at its time.
        next_attempt = self._clock.monotonic() + self._attempts.delay
        return next_attempt + SHORTEST_ATTEMPT < self._end_of_entering

    def _was_last(self, error: ApiError | NetworkError | DecodeError) -> bool:
        """Whether no other attempt is made at a first connection, after this error."""
        if self._phase is not _Phase.NEW:
            return False
        if self._attempts.number >= self._limits.attempts:
            return True
        return (retry_after_of(error) or 0.0) > LONGEST_RETRY_AFTER

    def _connected(self) -> None:
        """NEW or LOST becomes CONNECTED."""
        self._deadline.seconds = self._limits.idle_timeout
        self._deadline.per_read = True
        self._decoder = FrameDecoder(self.last_event_id or "")
        self._frames = iter(())
        self._attempts.connected()
        self._phase = _Phase.CONNECTED
        self._events.append(ConnectedEvent())
        if self.closed:
            self.close()  # Who closed it did not see this connection yet.

    # --- receiving ---

    def _receive(self) -> bool:
        """Take in the next frame, or read on where there is none.

        True if the frame has an event. Nothing was waited for then.
        """
        try:
            frame = next(self._frames, None)
            if frame is None:
                self._frames = self._decoder.feed(self._read())
                return False
            self._take(frame)
        except FrameTooLong as error:
            # No loss: on a new connection, the same would come again.
            raise self._unreadable(str(error)) from error
        except NetworkError as error:
            self._lost(error)
        return bool(self._events)

    def _take(self, frame: Frame) -> None:
        """Take in a frame. Raises NetworkError where it ends the connection."""
        kind = frame.event
        self._events.extend(self._assembler.receive(kind, frame.data))
        self.last_event_id = frame.id or None
        if kind == "reconnect":
            self._attempts.handed_over(self._clock.monotonic())
            raise self._loss("the server asked for a new connection")
        understands = self._assembler.understands
        if not self._attempts.is_proven and understands(kind, frame.data):
            self._attempts.proven()

    def _read(self) -> bytes:
        """What comes next. However properly a stream ends, to the thread it is a loss."""
        if self._leave_to_parent():
            raise self._loss(
                "the process was forked, and its connection is the parent's"
            )
        with self._reading:
            # None where another thread has closed the stream just now.
            data = self._answer.read() if self._answer else b""
        if not data:
            raise self._loss("the server ended the stream")
        return data

    def _unreadable(self, text: str) -> DecodeError:
        """The error of a stream that cannot be read on."""
        answer = self._answer  # None where another thread has closed it just now.
        headers = answer.headers if answer else None
        return DecodeError(
            text, status_code=200, headers=headers, method="GET", url=self._url
        )

    def _loss(self, text: str) -> NetworkError:
        """The error of a connection that has ended without one."""
        return NetworkError(text, method="GET", url=self._url)

    def _lost(self, error: NetworkError) -> None:
        """CONNECTED becomes LOST; without `reconnect` that is an error."""
        with self._reading:
            self._drop_connection()
        if self.closed:
            return
        self._check_time(error)
        if not self._reconnect:
            raise error
        self._phase = _Phase.LOST
        self._attempts.failed()
        self._log_delay(error)
        self._events.append(DisconnectedEvent(str(error)))

    def _drop_connection(self) -> None:
        """Close the connection, if there is one. Who calls this holds `_reading`."""
        answer = self._answer
        self._answer = None
        if answer:
            answer.close()

    def _leave_to_parent(self) -> bool:
        """After a fork, in the child: see `CancellableDeadline.leave_to_parent`."""
        if not self._deadline.leave_to_parent():
            return False
        self._reading = threading.Lock()
        return True

    def _check_time(self, last_failure: Exception | None = None) -> None:
        """Raise WaitTimeout once the whole time of the stream is over. A RunStream asks, too."""
        if self._end == inf or self._clock.monotonic() < self._end:
            return
        text = f"the stream has not ended within {self._limits.timeout:g} s"
        raise WaitTimeout(text) from last_failure
