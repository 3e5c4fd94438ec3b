"""The streams of threads and runs, and their events; each is loaded when first used.

`events` has what a stream gives, `thread_stream` the stream of a thread, and `run_stream`
that of one run. All names are names of `promptjuggler`, too.
"""

from importlib import import_module

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
        """A class that is not loaded yet (PEP 562)."""
        if name not in _HOME_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{_HOME_OF[name]}", __name__), name)
        globals()[name] = value
        return value
