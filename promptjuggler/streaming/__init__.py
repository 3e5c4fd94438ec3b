"""Streams of events, while runs happen. From bytes to events, one file each:

_sse           bytes to frames, by the HTML standard; pure
_fields        the fields of a frame's document; pure
_held          what is held of a run that has not finished; pure
_assembly      frames to events and views: the protocol's rules, numbered; pure
events         the events and `RunView`; public
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
