"""FakeServer: what users call."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NoReturn, TypeVar
from uuid import UUID

from ._adding import AddMethods
from ._base import checked_key, checked_run_seconds
from ._calls import Call, Message
from ._checks import checked_duration, checked_flag, checked_list, checked_uuid
from ._failing import FaultMethods
from ._http import Listener
from ._publishing import StreamMethods
from .messages import Delivery, RecordedRequest
from .parts import Error, Node, Payload, Reset, Text, Tool, Usage

__all__ = [
    "Call",
    "Delivery",
    "Error",
    "FakeServer",
    "Message",
    "Node",
    "Payload",
    "RecordedRequest",
    "Reset",
    "Text",
    "Tool",
    "Usage",
]

_Self = TypeVar("_Self", bound="FakeServer")

_SECONDS_TO_CLOSE = 5.0


class FakeServer(AddMethods, FaultMethods, StreamMethods):
    """A stand-in for the API: a real HTTP server of this process, without a model.

        with FakeServer() as server:
            server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
            pj = PromptJuggler(server.api_key, base_url=server.url)

    It listens at `url`, a free port of 127.0.0.1, from `start()` to `close()`,
    or in a `with`, and answers like the API, also to a key that is wrong
    (401), to what was not added (404) and to what the API refuses (422, with
    the broken rule as its text).

    **Runs.** A function of yours gives the output of a run. Runs, and
    documents that are uploaded, stay pending for `run_seconds`; then they are
    ended, whether or not anybody looks. Without `run_seconds` they end as soon
    as the function has returned, and who looks meanwhile is answered then, or
    after 0.2 seconds: so a wait takes milliseconds, and a client sees pending
    only what takes longer. Where a test is about what is pending, `pause()`
    holds runs until `resume()` or `finish()`. Words count as tokens, and cost
    nothing, unless an answer has a `Usage`.

    **Streams** of threads are there too, with the events of such runs and with
    whatever you `publish()`. What was sent is kept to the end of the server: a
    client that comes back after its first frame misses nothing, but for what
    `lose_next_frames()` took. One that has none to name yet begins anew at what
    is said then, as with the API.

    **Faults** (`fail_next`, `answer_next`, `drop_next`, `delay_next`) queue up,
    in the order of these calls. Each request that comes meets the first one
    that is for it, and no other, be it for the API or for a stream, with a good
    key or a bad one; when there are none left, requests are answered as ever. A
    client that sends again after a failure so meets the next fault with its
    next attempt: `times=3` makes a call fail that is tried three times. What is
    refused for its head alone (see Safety) meets none.

    **Safety.** Only the names of the loopback lead to it (all others get 421):
    no page of the web can reach your functions. A body has at most 64 MiB
    (413), and a length (411). Without the right key, it is not kept. The key is
    a new one for each server. A forked child has a copy that serves nothing,
    and does nothing to its parent's. A client of this package goes to it
    without the proxy of the environment.

    **Threads.** Every method may be called from any thread, also from the
    functions of prompts and workflows, while requests are answered; before
    `start()` and after `close()` too. `start()` and `close()` are for one
    thread, and not for such a function, which `close()` waits for.

    **The end.** `close()` hangs up on every client, and ends every thread. All
    that was added, kept and asked for, faults too, stays; `start()` again
    listens at the same address, and the runs that were interrupted go on. A
    client sees a server that was away: `NetworkError`, with `request_sent`
    False while nobody listens.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        run_seconds: float | Callable[[Call], float] = 0.0,
        strict_faults: bool = False,
    ) -> None:
        """Make a server, which does not listen yet.

        api_key          the key that clients must have; None is a new one
        run_seconds      how long runs and documents stay pending, see `run_seconds`
        strict_faults    whether `close()` raises if faults that were asked for have not
                         been met, or frames not been lost: the test was not about what
                         it seems to be about

        Raises `TypeError` or `ValueError`, as every method does for arguments
        that cannot be meant.
        """
        super().__init__(api_key, run_seconds)
        self._strict_faults = checked_flag("strict_faults", strict_faults)
        self._process = os.getpid()
        # The one of the last start.
        self._listener: Listener | None = None

    def __repr__(self) -> str:
        runs = list(self._state.runs.values())
        pending = sum(run.status == "pending" for run in runs)
        requests = len(self._state.requests)
        where = self._state.url or "not started"
        if self._state.url and self._jobs.is_closing():
            where += " (closed)"
        return f"<FakeServer {where}: {requests} requests, {len(runs)} runs, {pending} pending>"

    def __reduce__(self) -> NoReturn:
        """No copy could listen: whoever wants to ask it needs these two texts alone."""
        raise TypeError(
            "a FakeServer cannot be copied or pickled: hand over its url and api_key"
        )

    # What it is

    @property
    def url(self) -> str:
        """The `base_url` for clients: the same from the first `start()` on.

        Raises `AttributeError` before that.
        """
        if not self._state.url:
            raise AttributeError(
                "a FakeServer has no url before it is started: by start(), or in a with"
            )
        return self._state.url

    @property
    def api_key(self) -> str:
        """The key that clients must have. A changed one counts from the next request."""
        return self._state.api_key

    @api_key.setter
    def api_key(self, key: str) -> None:
        """Want another key from now on."""
        self._state.api_key = checked_key(key)

    @property
    def run_seconds(self) -> float | Callable[[Call], float]:
        """Seconds for which runs and documents stay pending; 0 is as short as can be.

        With `math.inf` they stay pending for good. A function gets the `Call`
        of each run, and gives its seconds; documents then take none. A changed
        value counts for what starts then. The function of a prompt may take
        longer; so does then its run.
        """
        return self._state.run_seconds

    @run_seconds.setter
    def run_seconds(self, seconds: float | Callable[[Call], float]) -> None:
        """For what starts from now on."""
        self._state.run_seconds = checked_run_seconds(seconds)

    # What came, and what became of it

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests that came, in order, whatever became of them.

        Not among them: what was cut off, or was no HTTP request. The list may
        be emptied.
        """
        return self._state.requests

    @requests.setter
    def requests(self, requests: list[RecordedRequest]) -> None:
        """Go on with another list."""
        self._state.requests = checked_list("requests", requests)

    @property
    def errors(self) -> list[str]:
        """The tracebacks of functions that raised, but for those of an `Error`.

        Each stands below the name of its prompt or workflow and the id of its
        run, or below the name of its document. The list may be emptied:
        `assert server.errors == []`.
        """
        return self._state.errors

    @errors.setter
    def errors(self, errors: list[str]) -> None:
        """Go on with another list."""
        self._state.errors = checked_list("errors", errors)

    @property
    def deliveries(self) -> list[Delivery]:
        """The webhooks that were sent, each try of them. The list may be emptied."""
        return self._deliveries.made

    @deliveries.setter
    def deliveries(self, deliveries: list[Delivery]) -> None:
        """Go on with another list."""
        self._deliveries.made = checked_list("deliveries", deliveries)

    @property
    def webhook_errors(self) -> list[str]:
        """The webhooks that failed to the end, as `{url}: {why}`. It may be emptied."""
        return self._deliveries.errors

    @webhook_errors.setter
    def webhook_errors(self, errors: list[str]) -> None:
        """Go on with another list."""
        self._deliveries.errors = checked_list("webhook_errors", errors)

    def wait_for_webhooks(self, timeout: float = 5.0) -> list[Delivery]:
        """Wait until what was started has ended, and its webhooks have been sent.

        timeout    seconds

        What `pause()` holds is not waited for. Returns `deliveries`. Raises
        `TimeoutError` if runs, documents or webhooks are still under way.
        """
        seconds = checked_duration("timeout", timeout)
        if not self._jobs.wait_until_idle(seconds):
            raise TimeoutError(
                f"after {timeout} s, work is still under way in {self!r}"
            )
        return self.deliveries

    # Time

    def pause(self) -> None:
        """Hold all runs and documents where they are, and those that come.

        A run that has not begun does not call its function; one that streams
        goes no further. What is held is pending to everyone who looks.
        """
        self._jobs.pause()

    def resume(self) -> None:
        """Let all that `pause()` held go on, and hold no more."""
        self._jobs.resume()

    def finish(self, run_id: str | UUID, timeout: float = 5.0) -> None:
        """Let a run end now, though it is held or has seconds left, and wait for it.

        run_id     of a run, or of a document: with it end those of the same upload. With
                   the run of a `Node` ends its workflow, and what nodes that still has
        timeout    seconds that its function, and webhooks, may take

        Raises `KeyError` if there is none, `TimeoutError` if it takes longer,
        `RuntimeError` while the server is closed. If it has ended already,
        nothing happens.
        """
        record_id = checked_uuid("run_id", run_id)
        seconds = checked_duration("timeout", timeout)
        if self._jobs.is_closing():
            raise RuntimeError("nothing ends while a FakeServer is closed")
        if record_id not in {*self._state.runs, *self._state.documents}:
            raise KeyError(record_id)
        if not self._jobs.finish(self._state.ended_by(record_id), seconds):
            raise TimeoutError(f"run {record_id} has not ended after {timeout} s")

    # Start and end

    def start(self) -> None:
        """Listen at `url`: after `close()`, at the same as before.

        What `close()` interrupted goes on: what waits does so for the rest of
        its time, of which that between is a part.

        Raises `RuntimeError` if it is started already, or in a forked child;
        `OSError` if someone else has taken the port since `close()`.
        """
        if self._process != os.getpid():
            raise RuntimeError(
                "this FakeServer belongs to the parent process: make one of your own"
            )
        if not self._jobs.is_closing():
            raise RuntimeError(f"this FakeServer is started already: {self!r}")
        port = self._listener.port if self._listener else 0
        listener = Listener(port, self._state, self._jobs, self._faults, self._api)
        self._listener = listener
        self._state.url = f"http://127.0.0.1:{listener.port}"
        self._jobs.open()
        self._jobs.start_thread(listener.accept_connections)

    def close(self) -> None:
        """Hang up on every client, and end every thread.

        Functions that are running have 5 seconds to return; their runs, and
        all others that are pending, go on after the next `start()`. Webhooks
        on their way are waited for likewise. It does nothing if the server is
        closed, or was never started.

        With `strict_faults`, raises `AssertionError` in the end if faults have
        not been met.

        A forked child has a copy of the server without its threads. There, this
        only lets go of the port, and the parent's server goes on.
        """
        if self._end():
            self._check_faults()

    def _end(self) -> bool:
        """Close; False if there was nothing to close."""
        if self._listener is None or self._jobs.is_closing():
            return False
        if self._listener.was_forked():
            self._listener.server_close()
            return False
        self._jobs.close()
        self._listener.hang_up()
        self._streams.cut_off()
        self._jobs.join(_SECONDS_TO_CLOSE)
        self._listener.server_close()
        return True

    def _check_faults(self) -> None:
        """Raise if a test asked for faults, strictly, that no request has met."""
        unmet = self._faults.unmet()
        left = self._streams.frames_to_lose
        if left:
            unmet.append(f"lose_next_frames() ({left} left)")
        if self._strict_faults and unmet:
            raise AssertionError(f"faults that were never met: {', '.join(unmet)}")

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if self._end() and kind is None:
            # An error that is on its way is the better one to see.
            self._check_faults()
