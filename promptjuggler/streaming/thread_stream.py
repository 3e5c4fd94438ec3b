"""The stream of a thread: the connection, kept up, and the events that come over it.

It connects as the platform's own streaming client does. Each connection has a token of
its own, so no token's age ends a stream, and goes on after the last event that came. A
connection that ends is made again: at once where the server hands over (`reconnect`),
else after a delay of `_retry.Backoff`.

A stream is in one of these phases:

    NEW --connected--> CONNECTED --lost--> LOST --connected--> CONNECTED ...

and `closed` at any time, by its user, another thread, a signal handler, or an error.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from math import inf
from urllib.parse import quote, urlsplit
from uuid import UUID

from .._arguments import (
    checked_base_url,
    checked_channels,
    checked_last_event_id,
)
from .._clock import Clock
from .._http.transport import (
    CancellableDeadline,
    StreamedAnswer,
    Transport,
    is_final,
    log_attempt,
)
from .._retry import LONGEST_RETRY_AFTER, Backoff
from .._secrets import Secret
from ..errors import ApiError, DecodeError, NetworkError, WaitTimeout
from ..models.streaming import StreamTokenResponse
from ._assembly import Assembler
from ._sse import Frame, FrameDecoder, FrameTooLong
from .events import ConnectedEvent, DisconnectedEvent, RunView, StreamEvent

__all__ = ["ThreadStream"]

_REFUSALS = frozenset({401, 403, 404})
"""Statuses that another attempt would get too: not allowed, or no such thread."""


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

    One thread iterates. `close`, `closed` and `view` may be used by any other.

    Entering and iterating raise, and the stream is then closed:

    - `ApiError` for 401, 403 and 404 at any time;
    - `ApiError`, `NetworkError` or `DecodeError`, whichever was the last, where there is
      no first connection in all its attempts (`max_retries` of the client and one more),
      or the server asks for more than a minute before the next;
    - `NetworkError` where a certificate is not trusted, and at the first loss with
      `reconnect=False`;
    - `DecodeError` for a line that is too long, and for an address to which no token is
      sent;
    - `WaitTimeout` where the `timeout` of the stream is over.
    """

    def __init__(
        self,
        transport: Transport,
        create_token: Callable[[CancellableDeadline], StreamTokenResponse],
        *,
        channels: Iterable[str],
        last_event_id: str | None,
        connect_timeout: float,
        idle_timeout: float,
        timeout: float | None,
        attempts: int,
        reconnect: bool,
        clock: Clock,
    ) -> None:
        """Not to be called: `PromptJuggler.stream` does, and says what the options are.

        create_token     asks for a new token, within the deadline that it is given
        connect_timeout  seconds for each step of an attempt to connect
        attempts         how many the first connection may take, at least 1

        Raises `ValidationError` for `channels` and `last_event_id`.
        """
        # These first: __del__ needs them even where a check below has failed.
        self._deadline = CancellableDeadline(connect_timeout)
        self._reading = threading.Lock()
        self._answer: StreamedAnswer | None = None

        names = checked_channels(channels)
        self._channel_parameters = [f"channel={quote(name, safe='')}" for name in names]
        self.last_event_id = checked_last_event_id(last_event_id)
        """The id of the last event that came, or None: a later stream can go on after it."""
        self._transport = transport
        self._create_token = create_token
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._timeout = timeout
        self._attempts = attempts
        self._reconnect = reconnect
        self._clock = clock

        self._phase = _Phase.NEW
        self._attempt = 0  # The number of the attempt that is made, 0 when connected.
        self._backoff = Backoff()
        self._delay = 0.0  # Seconds to wait before the next attempt.
        # Ends early when the stream is closed. The one thing that tests replace here.
        self._wait: Callable[[float], object] = self._deadline.wait

        self._assembler = Assembler()
        self._decoder = FrameDecoder()
        self._frames: Iterator[Frame] = iter(())  # Of what was read last.
        self._events: deque[StreamEvent] = deque()

    def __enter__(self) -> ThreadStream:
        try:
            while self._phase is not _Phase.CONNECTED and not self.closed:
                self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, and end the iteration, at once and for good.

        May be called by any thread, in a signal handler, and again.
        """
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
        `FailureEvent` has the last view.
        """
        return self._assembler.view(run_id)

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        if self._timeout is not None and self._deadline.overall == inf:
            self._deadline.overall = self._clock.monotonic() + self._timeout
        try:
            while not self.closed:
                self._check_time()
                if self._events:
                    return self._events.popleft()
                if self._phase is _Phase.CONNECTED:
                    self._receive()
                else:
                    self._connect()
        except BaseException:
            self.close()
            raise
        self.close()  # Who closed it may have met this thread reading.
        raise StopIteration

    # --- connecting ---

    def _connect(self) -> None:
        """One attempt, after the delay that is due. Raises where no other is made."""
        if self._delay:
            time_left = self._deadline.overall - self._clock.monotonic()
            self._wait(min(self._delay, time_left))
            self._check_time()
        if self.closed:
            return
        self._attempt += 1
        try:
            self._open()
        except (ApiError, NetworkError, DecodeError) as error:
            if self.closed:
                return
            self._check_time(error)
            if not isinstance(error, DecodeError):
                error.attempts = self._attempt
            if self._gives_up_after(error):
                raise
            self._attempt_failed(error)
        else:
            self._connected()

    def _open(self) -> None:
        """A new token, and with it the connection, in `_answer`."""
        self._deadline.seconds = self._connect_timeout
        self._deadline.per_read = False
        token = self._create_token(self._deadline)
        url = _stream_url(token.url, self._transport.base_url, self._channel_parameters)
        if not re.fullmatch("[!-~]+", token.token):
            raise DecodeError("token: expected printable ASCII", path="token")
        headers = {"Accept": "text/event-stream"}
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

    def _log(self, url: str, outcome: object, begun: float) -> None:
        # Not the query: it has the names of channels, and may have anything else.
        log_attempt("GET", urlsplit(url).path, outcome, begun, self._attempt)

    def _gives_up_after(self, error: ApiError | NetworkError | DecodeError) -> bool:
        """Whether this attempt, which failed, is the last."""
        if _is_final(error):
            return True
        if self._phase is not _Phase.NEW:
            return False
        if self._attempt >= self._attempts:
            return True
        return (_retry_after(error) or 0.0) > LONGEST_RETRY_AFTER

    def _attempt_failed(self, error: ApiError | NetworkError | DecodeError) -> None:
        """NEW and LOST stay what they are, and the delays grow."""
        self._delay = self._backoff.next(_retry_after(error))
        if self._phase is _Phase.LOST:
            self._events.append(DisconnectedEvent(str(error)))

    def _connected(self) -> None:
        """NEW or LOST becomes CONNECTED."""
        self._deadline.seconds = self._idle_timeout
        self._deadline.per_read = True
        self._decoder = FrameDecoder(self.last_event_id or "")
        self._frames = iter(())
        self._attempt = 0
        self._backoff.reset()
        self._phase = _Phase.CONNECTED
        self._events.append(ConnectedEvent())
        if self.closed:
            self.close()  # Who closed it did not see this connection yet.

    # --- receiving ---

    def _receive(self) -> None:
        """Take in the next frame, or read on where there is none."""
        try:
            frame = next(self._frames, None)
            if frame is None:
                self._frames = self._decoder.feed(self._read())
                return
            self._events.extend(self._assembler.receive(frame.event, frame.data))
            self.last_event_id = frame.id or None
            if frame.event == "reconnect":
                self._backoff.at_once()
                raise NetworkError("the server asked for a new connection")
        except FrameTooLong as error:
            # No loss: on a new connection, the same would come again.
            raise DecodeError(str(error)) from error
        except NetworkError as error:
            self._lost(error)

    def _read(self) -> bytes:
        """What comes next. However properly a stream ends, to the thread it is a loss."""
        with self._reading:
            # None where another thread has closed the stream just now.
            data = self._answer.read() if self._answer else b""
        if not data:
            raise NetworkError("the server ended the stream")
        return data

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
        self._delay = self._backoff.next()
        self._events.append(DisconnectedEvent(str(error)))

    def _drop_connection(self) -> None:
        """Close the connection, if there is one. Who calls this holds `_reading`."""
        answer = self._answer
        self._answer = None
        if answer:
            answer.close()

    def _check_time(self, last_failure: Exception | None = None) -> None:
        """Raise WaitTimeout once the whole time of the stream is over."""
        if self._timeout is None or self._clock.monotonic() < self._deadline.overall:
            return
        text = f"the stream has not ended within {self._timeout:g} s"
        raise WaitTimeout(text) from last_failure


def _is_final(error: ApiError | NetworkError | DecodeError) -> bool:
    """Whether another attempt would certainly fail in the same way."""
    if isinstance(error, ApiError):
        return error.status_code in _REFUSALS
    if isinstance(error, DecodeError):
        # An address that no token is sent to; other answers may be those of a gateway.
        return error.path == "url"
    return is_final(error)


def _retry_after(error: Exception) -> float | None:
    """The seconds that the server asked for with an error, or None."""
    return error.retry_after if isinstance(error, ApiError) else None


def _stream_url(url: str, base_url: str, parameters: list[str]) -> str:
    """What to get: the address that came with a token, and the channels.

    Raises `DecodeError` for an address to which no token is sent. Where the client was
    told to speak https, its tokens are not sent without it.
    """
    problem = "url: expected an https URL"
    try:
        parts = urlsplit(quote(url, safe="!#$%&'()*+,/:;=?@[]"))
        checked_base_url("url", f"{parts.scheme}://{parts.netloc}")
    except ValueError as error:
        raise DecodeError(problem, path="url") from error
    if parts.scheme == "http" and urlsplit(base_url).scheme == "https":
        raise DecodeError(problem, path="url")
    query = "&".join(filter(None, [parts.query, *parameters]))
    return parts._replace(query=query, fragment="").geturl()
