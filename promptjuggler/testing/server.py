"""FakeServer: what users call. It puts the parts of the stand-in together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from uuid import UUID

from ._api import Api
from ._deliveries import Deliveries
from ._http import Listener
from ._jobs import Jobs
from ._state import Fault, State, new_id
from ._streams import Streams
from .messages import RecordedRequest, error_answer
from .parts import Part, Payload, Reset, Tool

__all__ = ["FakeServer", "Payload", "RecordedRequest", "Reset", "Tool"]

_Self = TypeVar("_Self", bound="FakeServer")

_SECONDS_TO_CLOSE = 5.0


class FakeServer:
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
    ended, whether or not anybody looks. Words count as tokens, and cost
    nothing.

    **Streams** of threads are there too, with the events of such runs and with
    whatever you `publish()`. What was sent is kept to the end of the server: a
    client that comes back misses nothing, but for what `lose_next_frames()`
    took.

    **Faults** (`fail_next`, `drop_next`, `delay_next`) queue up, in the order
    of these calls. Each request that comes meets the next one and no other, be
    it for the API or for a stream, with a good key or a bad one; when there
    are none left, requests are answered as ever. A client that sends again
    after a failure so meets the next fault with its next attempt: `times=3`
    makes a call fail that is tried three times.

    **Threads.** Every method may be called from any thread, also from the
    functions of prompts and workflows, while requests are answered; before
    `start()` and after `close()` too. These two are for one thread, and not
    for such a function, which `close()` waits for.

    **The end.** `close()` hangs up on every client, and ends every thread. All
    that was added, kept and asked for, faults too, stays; `start()` again
    listens at the same address, and the runs that were interrupted go on. A
    client sees a server that was away: `NetworkError`, with `request_sent`
    False while nobody listens.
    """

    def __init__(self, *, api_key: str = "test-key", run_seconds: float = 0.05) -> None:
        """Make a server, which does not listen yet.

        api_key        the key that clients must have
        run_seconds    how long runs and documents stay pending, see `run_seconds`
        """
        self._state = State(api_key, run_seconds)
        self._streams = Streams()
        self._jobs = Jobs()
        self._deliveries = Deliveries()
        self._api = Api(self._state, self._streams, self._jobs, self._deliveries)
        # The one of the last start.
        self._listener: Listener | None = None

    # What it is

    @property
    def url(self) -> str:
        """The `base_url` for clients: the same from the first `start()` on.

        Raises `AttributeError` before that.
        """
        if not self._state.url:
            raise AttributeError("a FakeServer has no url before it is started")
        return self._state.url

    @property
    def api_key(self) -> str:
        """The key that clients must have. A changed one counts from the next request."""
        return self._state.api_key

    @api_key.setter
    def api_key(self, key: str) -> None:
        """Want another key from now on."""
        self._state.api_key = key

    @property
    def run_seconds(self) -> float:
        """Seconds for which runs and documents stay pending; 0 is as short as can be.

        With `math.inf` they stay pending for good. A changed value counts for
        what starts then. A function may take longer; so does then its run.
        """
        return self._state.run_seconds

    @run_seconds.setter
    def run_seconds(self, seconds: float) -> None:
        """For what starts from now on."""
        self._state.run_seconds = seconds

    @property
    def requests(self) -> list[RecordedRequest]:
        """All requests that came, in order, whatever became of them.

        Not among them: what was cut off, or was no HTTP request with a known
        length. The list may be emptied.
        """
        return self._state.requests

    @requests.setter
    def requests(self, requests: list[RecordedRequest]) -> None:
        """Go on with another list."""
        self._state.requests = requests

    @property
    def webhook_errors(self) -> list[str]:
        """The deliveries that failed, as `{url}: {why}`. The list may be emptied."""
        return self._deliveries.errors

    @webhook_errors.setter
    def webhook_errors(self, errors: list[str]) -> None:
        """Go on with another list."""
        self._deliveries.errors = errors

    # What there is

    def add_prompt(
        self, slug: str, function: Callable[[dict[str, str]], Iterable[Part]]
    ) -> None:
        """Serve a prompt: its version 1, or the next if there is one already.

        slug        as in `run_prompt(slug, ...)`
        function    from the inputs of a run to its output

        Older versions stay; the tags `production` and `__latest__` move to the
        new one.

        The function is called once for each run, in a thread of its own. It
        gives a text, which is streamed by words over `run_seconds`, or a list
        of parts, streamed likewise, in which each text is one token:

            ["Wait", Reset(), "Look: ", Tool("search"), Payload("emit", {"found": 1})]

        or is a generator of parts, which go out when it yields them. If it
        raises, even what is no `Exception`, the run fails with the text of the
        error (or the name of its class); so it does, with a `TypeError`, where
        it gives anything else.
        """
        self._state.add_version("prompt", slug, function)

    def add_workflow(
        self,
        slug: str,
        function: Callable[[dict[str, str]], Mapping[str, str | None]],
    ) -> None:
        """Serve a workflow: its version 1, or the next if there is one already.

        slug        as in `run_workflow(slug, ...)`
        function    from the inputs of a run to its outputs, by names; called and failing
                    as that of `add_prompt`

        Streams tell of the end of such a run alone.
        """
        self._state.add_version("workflow", slug, function)

    def add_knowledge_base(self, slug: str) -> None:
        """Serve a knowledge base, which is empty; one that is there stays as it is.

        slug    as in `upload_documents(slug, ...)`
        """
        with self._state.lock:
            self._state.bases.setdefault(slug, new_id())

    def document_content(self, document_id: str | UUID) -> bytes:
        """What was uploaded as this document.

        document_id    the `id` of a result of `upload_documents`

        Raises `KeyError` if there is none, or if it was deleted.
        """
        return self._state.documents[str(document_id)].file.content

    def add_webhook(self, url: str, secret: str) -> None:
        """Send a webhook to a URL whenever something ends.

        url       where to POST it; without a proxy, whatever the environment says
        secret    what to sign it with, for `verify_webhook_signature`

        Each run, document or base that ends is told of once: as
        `PromptRunFinished`, `WorkflowRunFinished`,
        `KnowledgeDocumentFinished`, `KnowledgeBaseFinished`. It goes out just
        after the end can be seen, to one URL after the other; one that answers
        with an error status, says nothing for a second or cannot be reached
        gets an entry in `webhook_errors`, and no second try.
        """
        self._deliveries.add_receiver(url, secret)

    # Faults

    def fail_next(
        self, status: int, times: int = 1, retry_after: float | str | None = None
    ) -> None:
        """Answer the next requests with an error, and do not carry them out.

        status         the status of the answer, as 503
        times          how many requests
        retry_after    of a `Retry-After` header: seconds, or an HTTP date as text; None
                       is no such header

        The client sees an `ApiError` with this `status_code`, or sends again
        if it is one after which it may.
        """
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        answer = error_answer(status, f"The test wants {status}.", headers)
        self._add_faults(Fault(answer=answer), times)

    def drop_next(self, times: int = 1, *, after_reading: bool = True) -> None:
        """Hang up on the next requests, without an answer.

        times            how many requests
        after_reading    True: the request is carried out, and only the answer is lost.
                         False: its head alone is read, and nothing is carried out

        Either way the client sees a `NetworkError` with `request_sent` True,
        since it cannot tell one from the other; it sends GET, DELETE and
        stream tokens again.
        """
        if after_reading:
            self._add_faults(Fault(hang_up="after_reading"), times)
        else:
            self._add_faults(Fault(hang_up="before_reading"), times)

    def delay_next(self, seconds: float, times: int = 1) -> None:
        """Answer the next requests late; they are carried out at once.

        seconds    how late
        times      how many requests

        A client with a shorter `timeout` sees a `RequestTimeout`. `close()`
        does not wait for them: it hangs up.
        """
        self._add_faults(Fault(delay=seconds), times)

    def _add_faults(self, fault: Fault, times: int) -> None:
        with self._state.lock:
            self._state.faults += [fault] * times

    # Streams

    def publish(self, thread: str | UUID, event: str, data: Mapping[str, Any]) -> None:
        """Send a frame to all streams of a thread, now or when they come back.

        thread    in any case
        event     the kind of the frame, as "token", or one that no client knows
        data      a dict of what JSON can hold. If it has a `channel`, only streams that
                  want that one, or all, get it

        It is for what no run does: a straggler after the end, a foreign event.
        Raises `TypeError` or `ValueError` if `data` is no JSON.
        """
        self._streams.publish(str(thread).lower(), event, data)

    def lose_next_frames(self, times: int = 1) -> None:
        """Lose the next frames, of whichever thread: neither send nor keep them.

        times    how many frames, beside those that are to be lost already

        The client sees a gap, which coming back does not heal.
        """
        self._streams.lose_next(times)

    def hand_over_streams(self) -> None:
        """End every open stream with `reconnect`: the client comes back at once."""
        self._streams.hand_over()

    def drop_streams(self) -> None:
        """Cut every open stream off: the client comes back after a delay."""
        self._streams.cut_off()

    def send_stale(self) -> None:
        """Send every open stream `stale`, and again all that is kept of its thread.

        The client drops what it has, and builds it anew.
        """
        self._streams.send_stale()

    # Start and end

    def start(self) -> None:
        """Listen at `url`: after `close()`, at the same as before.

        What `close()` interrupted goes on at once, with the step that it
        waited for.

        Raises `OSError` if it is started already, or if someone else has taken
        the port since `close()`.
        """
        port = self._listener.port if self._listener else 0
        self._listener = Listener(port, self._state, self._jobs, self._api.answer)
        self._state.url = f"http://127.0.0.1:{self._listener.port}"
        self._jobs.open()
        self._jobs.start_thread(self._listener.accept_connections)

    def close(self) -> None:
        """Hang up on every client, and end every thread.

        Functions that are running have 5 seconds to return; their runs, and
        all others that are pending, go on after the next `start()`. Webhooks
        on their way are waited for likewise. It does nothing if the server is
        closed, or was never started.

        A forked child has a copy of the server without its threads. There, this
        only lets go of the port, and the parent's server goes on.
        """
        if self._listener is None or self._jobs.is_closing():
            return
        if self._listener.was_forked():
            self._listener.server_close()
            return
        self._jobs.close()
        self._listener.hang_up()
        self._streams.cut_off()
        self._jobs.join(_SECONDS_TO_CLOSE)
        self._listener.server_close()

    def __enter__(self: _Self) -> _Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
