"""The stream of a thread. Each connection has a token of its own, and goes on after the last event."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import quote, urlsplit
from uuid import UUID

from .._transport import EndableLimit, Incoming, Secret, Transport, checked_base_url, is_certificate_failure, log
from ..errors import ApiError, DecodeError, NetworkError, ValidationError, WaitTimeout
from ..models.streaming import StreamTokenResponse
from ._assembly import Assembler
from ._sse import Decoder, FrameTooLong
from .events import ConnectedEvent, DisconnectedEvent, RunView, StreamEvent

_LONGEST_RETRY_AFTER = 60.0


class ThreadStream:
    """The events of a thread's runs, from `PromptJuggler.stream`. Entering it connects; iterating gives events, and
    connects again where the connection ends. Leaving it closes it."""

    def __init__(
        self,
        transport: Transport,
        mint: Callable[[EndableLimit], StreamTokenResponse],
        *,
        channels: Iterable[str],
        last_event_id: str | None,
        connect_timeout: float,
        idle_timeout: float,
        timeout: float | None,
        attempts: int,
        reconnect: bool,
    ) -> None:
        # These first: __del__ needs them even after an error.
        self._limit = EndableLimit(connect_timeout)
        self._reading = threading.Lock()
        self._incoming: Incoming | None = None
        names = list(channels) if isinstance(channels, Iterable) and not isinstance(channels, str) else [""]
        if not all(isinstance(name, str) and re.fullmatch(r"[^\ud800-\udfff]+", name) for name in names):
            raise ValidationError("channels must be a sequence of str, none empty")
        if last_event_id is not None and not (
            isinstance(last_event_id, str) and re.fullmatch(r"[^\r\n\0\ud800-\udfff]*", last_event_id)
        ):
            raise ValidationError("last_event_id must be a str of one line")
        self.last_event_id = last_event_id
        """Of the last event: a later stream can go on after it."""
        self._channels = [f"channel={quote(name, safe='')}" for name in names]
        self._transport = transport
        self._mint = mint
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._timeout = timeout
        self._attempts: int | None = attempts  # None once there was a connection.
        self._reconnect = reconnect
        self._failures = 0
        self._delay = self._retry_after = 0.0
        self._assembler = Assembler()
        self._events: deque[StreamEvent] = deque()
        self._wait = self._limit.ended.wait

    def __enter__(self) -> ThreadStream:
        try:
            while self._incoming is None and not self.closed:
                self._connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    __del__ = __exit__

    def close(self) -> None:
        """Close the connection and end the iteration at once, from any thread."""
        self._limit.end()
        # Who is reading does it: that can be this very thread, in a signal handler.
        if self._reading.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._reading.release()

    @property
    def closed(self) -> bool:
        """Whether it was closed, or has ended."""
        return self._limit.ended.is_set()

    def view(self, run_id: str | UUID) -> RunView:
        """What came of a run, up to the first gap. Of a finished one, its last event alone has it."""
        return self._assembler.view(run_id)

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        if self._timeout is not None and self._limit.deadline == float("inf"):
            self._limit.deadline = time.monotonic() + self._timeout
        try:
            while not self.closed:
                self._check_deadline()
                if self._events:
                    return self._events.popleft()
                if self._incoming is None:
                    self._connect()
                else:
                    self._receive()
            raise StopIteration
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        if self._delay:
            self._wait(min(max(self._delay, self._retry_after), self._limit.deadline - time.monotonic()))
            self._check_deadline()
            if self.closed:
                return
        self._failures += 1
        try:
            incoming = self._opened()
        except (ApiError, NetworkError, DecodeError) as error:
            if self.closed:
                return
            self._check_deadline(error)
            retry_after = getattr(error, "retry_after", None) or 0.0
            if not isinstance(error, DecodeError):
                error.attempts = self._failures
            if (
                (self._attempts and (self._failures >= self._attempts or retry_after > _LONGEST_RETRY_AFTER))
                or getattr(error, "status_code", None) in (401, 403, 404)
                or getattr(error, "path", None) == "url"
                or is_certificate_failure(error.__cause__)
            ):
                raise
            if not self._attempts:
                self._events.append(DisconnectedEvent(str(error)))
            self._delay = min(self._delay * 2, 10.0) or 0.5
            self._retry_after = min(retry_after, _LONGEST_RETRY_AFTER)
        else:
            self._limit.timeout, self._limit.each = self._idle_timeout, True
            self._attempts, self._failures, self._delay, self._retry_after = None, 0, 0.5, 0.0
            self._decoder = Decoder(self.last_event_id or "")
            self._frames = self._decoder.feed(b"")
            self._events.append(ConnectedEvent())
            self._incoming = incoming
            if self.closed:
                self.close()  # Who closed it did not see this one.

    def _opened(self) -> Incoming:
        self._limit.timeout, self._limit.each = self._connect_timeout, False
        token = self._mint(self._limit)
        try:
            url = urlsplit(quote(token.url, safe="!#$%&'()*+,/:;=?@[]"))
            checked_base_url("url", f"{url.scheme}://{url.netloc}")
            if url.scheme == "http" and urlsplit(self._transport.base_url).scheme == "https":
                raise ValueError
        except ValueError as error:
            raise DecodeError("url: expected an https URL", path="url") from error
        url = url._replace(query="&".join(filter(None, (url.query, *self._channels))), fragment="")
        if not re.fullmatch("[!-~]+", token.token):
            raise DecodeError("token: expected printable ASCII", path="token")
        headers = {"Accept": "text/event-stream"}
        if self.last_event_id:
            # As UTF-8, where http.client would make it Latin-1.
            headers["Last-event-id"] = self.last_event_id.encode().decode("latin-1")
        begun = time.monotonic()
        outcome: object = 200
        try:
            return self._transport.open_stream(url.geturl(), Secret(token.token), headers, self._limit)
        except (ApiError, NetworkError) as error:
            outcome = getattr(error, "status_code", type(error).__name__)
            raise
        finally:
            log("GET", url.path, outcome, begun, self._failures)

    def _receive(self) -> None:
        try:
            frame = next(self._frames, None)
            if frame is None:
                with self._reading:
                    data = self._incoming.read() if self._incoming else b""
                if not data:
                    raise NetworkError("the server ended the stream")
                self._frames = self._decoder.feed(data)
                return
            self._events.extend(self._assembler.receive(frame.event, frame.data))
            self.last_event_id = frame.id or None
            if frame.event == "reconnect":
                self._delay = 0.0
                raise NetworkError("the server asked for a new connection")
        except FrameTooLong as error:
            raise DecodeError(str(error)) from error  # It would only come again.
        except NetworkError as error:
            with self._reading:
                self._drop()
            if not self.closed:
                self._check_deadline(error)
                if not self._reconnect:
                    raise
                self._events.append(DisconnectedEvent(str(error)))

    def _check_deadline(self, error: Exception | None = None) -> None:
        if time.monotonic() >= self._limit.deadline:
            raise WaitTimeout(f"the stream has not ended within {self._timeout:g} s") from error

    def _drop(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming:
            incoming.close()
