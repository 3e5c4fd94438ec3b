"""A stand-in for the API, to test your own code with: no network, no account, no model.

    @pytest.fixture
    def server():
        with FakeServer() as server:
            yield server

    def test_greets(server):
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        with PromptJuggler(server.api_key, base_url=server.url) as pj:
            run = pj.run_prompt("greeting", "production", {"name": "Ada"})
            assert pj.wait_for_prompt_run(run.id, poll_interval=0.01).output == "Hello, Ada!"

`python3 -m promptjuggler.testing` shows it at work.

FakeServer         the server; `help(FakeServer)` tells all that it can do
Tool, Payload,     parts of an answer, for prompts that do more than say a text
Reset
RecordedRequest    what `FakeServer.requests` holds
sign_webhook       signs a webhook, to test its handler without a server

A program that makes its own client finds the server by the environment:
`PROMPTJUGGLER_BASE_URL` is `server.url`, `PROMPTJUGGLER_API_KEY` is
`server.api_key`.

What a client sees of each fault; the method of FakeServer tells more:

fail_next           an `ApiError`, after its retries
drop_next           a `NetworkError` with `request_sent` True: the run may exist
delay_next          a late answer, or a `RequestTimeout`
hand_over_streams   nothing: it reconnects at once
drop_streams        a `DisconnectedEvent`, and then a new connection
lose_next_frames    a `GapEvent`
send_stale          a `StaleEvent`, and then everything again
close               connections refused, until `start()`

This folder is for tests: nothing of the rest of the package needs it, and a
copy of the package may go without.
"""

from __future__ import annotations

from .webhooks import sign_webhook

__all__ = ["FakeServer", "Payload", "RecordedRequest", "Reset", "Tool", "sign_webhook"]

# The way through this folder. A request comes in by `_http`, which asks `_api`; that
# starts the work of a run as a job (`_jobs`), which says what `_runs` makes of the parts
# of an answer, by way of `_streams` and `_deliveries`. What they share is `_state`.
# Left imports right, and nothing else:
#
#   server       _http, _api, _deliveries, _streams, _jobs, _state, messages, parts
#   _http        _streams, _jobs, _state, messages
#   _api         _deliveries, _streams, _runs, _jobs, _state, _bodies, messages, parts
#   _deliveries  webhooks
#   _state       _bodies, messages
#   _runs        parts
#   webhooks, _streams, _jobs, _bodies, messages, parts: nothing of ours

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .server import (
        FakeServer as FakeServer,
        Payload as Payload,
        RecordedRequest as RecordedRequest,
        Reset as Reset,
        Tool as Tool,
    )
else:

    def __getattr__(name):
        """All but `sign_webhook`, loaded when first used (PEP 562).

        A webhook handler's test signs in a third of the time that a server
        takes to load.
        """
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from . import server

        return getattr(server, name)

    def __dir__():
        """What is or can be loaded."""
        return sorted({*globals(), *__all__})
