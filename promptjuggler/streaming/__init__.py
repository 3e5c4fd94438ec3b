"""Streams of events, while runs happen.

    from promptjuggler import PromptJuggler, ResetEvent, TokenEvent

    with PromptJuggler() as pj, pj.stream_prompt(
        "greeting", "production", {"name": "Ada"}
    ) as stream:
        for event in stream:
            match event:
                case TokenEvent(text=text):
                    print(text, end="", flush=True)
                case ResetEvent():
                    print("...")  # What was printed of this segment is void.
    run = stream.result()

`stream_prompt` and `stream_workflow` choose a thread if none is given, connect, start the
run, and give the events of that run alone, up to its `DoneEvent` or `FailureEvent`. They
have `run_id`, `thread`, `view`, and `result()`, which fetches the run: only that has all
of it, citations and cost too. `stream` gives the events of all runs of a thread, and has
no end of its own. The events and `RunView` are described in the module `events`.

When a connection is lost
-------------------------
It is made again with a fresh token, and what was missed is sent then. At once where the
server hands over to another, unless it did so less than 5 seconds ago; else after a delay
that doubles from 0.5 to 10 seconds until a connection gives a frame of the protocol. One
on which nothing came for `idle_timeout` seconds, not even a heartbeat, counts as lost. Each
loss, and each attempt after it that fails, is a `DisconnectedEvent`. The first connection
has `max_retries` attempts more, and the `total_timeout` of the client; later, only 401,
403, 404 and 407, and what would fail again in the same way, end the stream. With `reconnect=False`
any loss is a `NetworkError`. Keep `stream.last_event_id`, and hand it in as `last_event_id`
to go on in another process.

What is held in memory is bounded, whatever a server sends: a frame may have 8 MiB; of a
run, at most 32 MiB are held, of all of them together 64 MiB and 1,024 runs. Over that, the
oldest go, and their end says `gapped`.

From bytes to events, one file each
-----------------------------------
_sse           bytes to frames, by the HTML standard; pure
_fields        the fields of a frame's document; pure
_held          what is held of a run that has not finished; pure
_assembly      frames to events and views: the protocol's rules, numbered; pure
events         the events and `RunView`; public
_attempts      how often and how long it tries to connect
_connecting    the address that a token is for, and what answers there
thread_stream  `ThreadStream`: connects, reads on, connects again; public
run_stream     `RunStream`: one run in a stream of its own; public

The two streams can be had from here; each is loaded when it is first used.
"""

# True for type checkers only; see _secrets.py.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from .run_stream import RunStream as RunStream
    from .thread_stream import ThreadStream as ThreadStream
else:
    _HOME_OF = {
        "RunStream": "run_stream",
        "ThreadStream": "thread_stream",
    }

    def __getattr__(name):
        """Load a name when it is first used (PEP 562); then it is an attribute."""
        import importlib

        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f".{_HOME_OF[name]}", __name__)
        value = getattr(home, name)
        globals()[name] = value
        return value
