"""The stream of a thread: the connection, kept up, and what comes over it.

As the platform's own streaming client does it: each connection has a token of its own, and goes on after the last event
that came. One that ended is made again: at once where the server asks for that, else after a delay.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID, uuid4

from ._arguments import Secret, checked_base_url, checked_uuid
from ._assembly import Assembler
from ._sse import Decoder, Frame, FrameTooLong
from ._transport import EndableLimit, Incoming, Transport, is_certificate_failure, log
from .errors import ApiError, DecodeError, NetworkError, ValidationError, WaitTimeout
from .models.events import (
    ConnectedEvent,
    DisconnectedEvent,
    DoneEvent,
    FailureEvent,
    RunView,
    StaleEvent,
    StreamEvent,
)
from .models.streaming import StreamTokenResponse

__all__ = ["RunStream", "ThreadStream"]

_R = TypeVar("_R")

# Before a new connection; doubled up to the longest, until there is one.
_FIRST_DELAY = 0.5
_LONGEST_DELAY = 10.0
# A server that asks for more is not waited for at first, and later no longer than this.
_LONGEST_RETRY_AFTER = 60.0


class ThreadStream:
    """The events of a thread's runs, as they come. `PromptJuggler.stream` makes one.

    Entering it connects; iterating gives events, and connects again whenever the connection ends. Leaving it, and
    `close()`, also from another thread, close the connection at once and end the iteration.
    """

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
        """`mint` makes a token. `attempts`: how many the first connection may take. Raises `ValidationError`."""
        self._limit = EndableLimit(connect_timeout)
        self._reading = threading.Lock()
        self._incoming: Incoming | None = None
        names = [""] if isinstance(channels, str) or not isinstance(channels, Iterable) else list(channels)
        if not all(name and _is_text(name) for name in names):
            raise ValidationError("channels must be a sequence of str, none of them empty")
        if last_event_id is not None and (not _is_text(last_event_id) or set(last_event_id) & set("\r\n\0")):
            raise ValidationError("last_event_id must be a str of one line")
        self.last_event_id = last_event_id
        """The id of the last event that was given; a later stream can go on after it."""
        self._query = "&".join(f"channel={quote(name, safe='')}" for name in names)
        self._transport = transport
        self._mint = mint
        self._connect_timeout = connect_timeout
        self._idle_timeout = idle_timeout
        self._timeout = timeout
        self._attempts: int | None = attempts  # None once there was a connection.
        self._failures = 0
        self._reconnect = reconnect
        # Seconds to wait before the next attempt; `_retry_after` is what the server asked for.
        self._delay = self._retry_after = 0.0
        self._assembler = Assembler()
        self._decoder = Decoder()
        self._frames: Iterator[Frame] = iter(())
        self._events: deque[StreamEvent] = deque()
        self._wait: Callable[[float], object] = self._limit.ended.wait

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
        """Close the connection, and end the iteration, in whatever thread it is."""
        self._limit.end()
        # Who is reading was woken, and will close the connection: it can be this very thread, in a signal handler.
        if self._reading.acquire(blocking=False):
            try:
                self._drop()
            finally:
                self._reading.release()

    @property
    def closed(self) -> bool:
        """Whether it was closed, or has come to its end."""
        return self._limit.ended.is_set()

    def view(self, run_id: str | UUID) -> RunView:
        """What is held of a run that is under way, built now, up to the first gap. What a finished run ended with is in
        its `DoneEvent` or `FailureEvent`; here it is empty again."""
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
        except BaseException as error:
            self.close()
            if isinstance(error, FrameTooLong):
                # To connect again would bring the same line again.
                raise DecodeError(str(error)) from error
            raise

    def _receive(self) -> None:
        """Deal with the next frame, or read on where there is none."""
        try:
            frame = next(self._frames, None)
            if frame is None:
                self._frames = self._decoder.feed(self._read())
                return
            events = self._assembler.receive(frame.event, frame.data)
            self.last_event_id = frame.id or None
            self._events.extend(events)
            if frame.event == "reconnect":
                self._delay = 0.0
                raise NetworkError("the server asked for a new connection")
        except NetworkError as error:
            with self._reading:
                self._drop()
            if not self.closed:
                self._check_deadline(error)
                if not self._reconnect:
                    raise
                self._events.append(DisconnectedEvent(str(error)))

    def _read(self) -> bytes:
        with self._reading:
            data = self._incoming.read() if self._incoming else b""
        if not data:
            raise NetworkError("the server ended the stream")  # However properly: a thread has no last run.
        return data

    def _connect(self) -> None:
        """Try to connect, after the delay that is due. Raises where there is no use in trying again."""
        if self._delay:
            self._wait(min(max(self._delay, self._retry_after), self._limit.deadline - time.monotonic()))
            self._check_deadline()
            if self.closed:
                return
        self._failures += 1
        try:
            incoming = self._opened(self._failures)
        except (ApiError, NetworkError, DecodeError) as error:
            if self.closed:
                return
            self._check_deadline(error)
            retry_after = getattr(error, "retry_after", None) or 0.0
            if not isinstance(error, DecodeError):
                error.attempts = self._failures
            hopeless = self._attempts and (self._failures >= self._attempts or retry_after > _LONGEST_RETRY_AFTER)
            if hopeless or _is_final(error):
                raise
            if not self._attempts:
                self._events.append(DisconnectedEvent(str(error)))
            self._delay = min(self._delay * 2, _LONGEST_DELAY) or _FIRST_DELAY
            self._retry_after = min(retry_after, _LONGEST_RETRY_AFTER)
        else:
            self._limit.timeout, self._limit.each = self._idle_timeout, True
            self._attempts, self._failures, self._delay, self._retry_after = None, 0, _FIRST_DELAY, 0.0
            self._decoder, self._frames = Decoder(self.last_event_id or ""), iter(())
            self._events.append(ConnectedEvent())
            self._incoming = incoming
            if self.closed:
                self.close()  # Who closed it did not see this connection.

    def _opened(self, attempt: int) -> Incoming:
        """One attempt: a new token, and the stream with it."""
        self._limit.timeout, self._limit.each = self._connect_timeout, False
        token = self._mint(self._limit)
        url = self._address(token.url)
        if not re.fullmatch("[!-~]+", token.token):
            raise DecodeError("token: expected printable ASCII without spaces", path="token")
        headers = {"Accept": "text/event-stream"}
        if self.last_event_id:
            # As UTF-8 (WHATWG HTML, 9.2.3); http.client encodes headers as Latin-1.
            headers["Last-event-id"] = self.last_event_id.encode().decode("latin-1")
        begun = time.monotonic()
        outcome: object = 200
        try:
            return self._transport.open_stream(url, Secret(token.token), headers, self._limit)
        except (ApiError, NetworkError) as error:
            outcome = getattr(error, "status_code", type(error).__name__)
            raise
        finally:
            log("GET", urlsplit(url).path, outcome, begun, attempt)

    def _address(self, url: str) -> str:
        """The URL to get, of the one that came with a token. Raises `DecodeError` for one that no token is sent to:
        where the client was told to speak https, so does whoever holds the token."""
        try:
            parts = urlsplit(quote(url, safe="!#$%&'()*+,/:;=?@[]"))
            checked_base_url("url", f"{parts.scheme}://{parts.netloc}")
            if parts.scheme == "http" and urlsplit(self._transport.base_url).scheme == "https":
                raise ValueError("https")
        except ValueError as error:
            raise DecodeError("url: expected the https URL of a stream", path="url") from error
        query = "&".join(filter(None, (parts.query, self._query)))
        return parts._replace(query=query, fragment="").geturl()

    def _check_deadline(self, error: Exception | None = None) -> None:
        if time.monotonic() >= self._limit.deadline:
            raise WaitTimeout(f"the stream has not ended within {self._timeout:g} s") from error

    def _drop(self) -> None:
        incoming, self._incoming = self._incoming, None
        if incoming:
            incoming.close()


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value.encode("utf-8", "ignore").decode() == value


def _is_final(error: Exception) -> bool:
    """Whether there is no use in trying again: it is not allowed, not there, or not to be trusted."""
    status, path = getattr(error, "status_code", None), getattr(error, "path", "")
    return status in (401, 403, 404) or path == "url" or is_certificate_failure(error.__cause__)


class RunStream(Generic[_R]):
    """One run and its events: `PromptJuggler.stream_prompt` and `stream_workflow` make one.

    Entering it connects, and starts the run then; iterating gives the events of that run alone (and a `StaleEvent`
    where what is held of it was dropped), up to its `DoneEvent` or `FailureEvent`.
    """

    def __init__(
        self,
        client: Any,
        kind: str,
        arguments: tuple[Any, ...],
        options: Secret,
        idle_timeout: float,
        timeout: float | None,
    ) -> None:
        """`client`: a `PromptJuggler`. `kind`: prompt or workflow. `arguments` and `options` are those of its `run_`
        method, which raises `ValidationError` for them now, before anything is sent."""
        thread = options.value.pop("thread", None)
        self.thread = checked_uuid("thread", uuid4() if thread is None else thread)
        self._stream: ThreadStream = client.stream(self.thread, idle_timeout=idle_timeout, timeout=timeout)
        later = client.with_options()
        later._call = lambda *call: partial(client._call, *call)  # It gives what makes the call, checked by then.
        self._start = getattr(later, f"run_{kind}")(*arguments, thread=self.thread, **options.value)
        self._fetch: Callable[[UUID], _R] = getattr(client, f"wait_for_{kind}_run")
        self._look: Callable[[UUID], Any] = getattr(client, f"get_{kind}_run")
        self._channel = options.value.get("channel") or "default"
        self._lost = False
        self._run_id: UUID | None = None
        self._last_view: RunView | None = None

    def __enter__(self) -> RunStream[_R]:
        try:
            self._stream.__enter__()
        except NetworkError as error:
            error.request_sent = False  # The request that counts, that for the run.
            raise
        try:
            if self._stream.closed:
                raise NetworkError("the stream was closed before the run was started", request_sent=False)
            self._run_id = self._start().id
        except BaseException:
            self._stream.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the stream. The run goes on."""
        self._stream.close()

    @property
    def run_id(self) -> UUID:
        """The id of the run. Raises `RuntimeError` before it is started."""
        if self._run_id is None:
            raise RuntimeError("the run starts when the stream is entered: use it in a with statement")
        return self._run_id

    @property
    def view(self) -> RunView:
        """What is held of the run, and after its end what it ended with."""
        return self._last_view or self._stream.view(self.run_id)

    def result(self) -> _R:
        """The run itself, the authoritative result: waits for its end, as `wait_for_prompt_run`."""
        return self._fetch(self.run_id)

    def __iter__(self) -> Iterator[StreamEvent]:
        return self

    def __next__(self) -> StreamEvent:
        run_id = self.run_id
        while not self._last_view:
            event = next(self._stream)
            if isinstance(event, StaleEvent):
                return event
            if isinstance(event, DisconnectedEvent):
                self._lost = True
            elif isinstance(event, ConnectedEvent) and self._lost and self._stream.last_event_id is None:
                event = self._missed_end() or event
            if getattr(event, "run_id", None) == run_id:
                if isinstance(event, (DoneEvent, FailureEvent)):
                    self._last_view = event.view
                    self._stream.close()
                return event
        raise StopIteration

    def _missed_end(self) -> DoneEvent | FailureEvent | None:
        """The end of the run, if it came while there was no connection. With no id to go on after, it comes no more."""
        run = self._look(self.run_id)
        view = replace(self._stream.view(self.run_id), gapped=True)
        if run.status == "completed":
            return DoneEvent(self.run_id, self._channel, True, view)
        if run.status == "pending":
            return None
        message = run.error if hasattr(run, "error") else "; ".join(run.errors)
        return FailureEvent(self.run_id, self._channel, "unknown", message or "", True, view)
