"""Modules that are loaded late: before a call needs them, and before it sends anything.

Most programs use few of the operations, so the modules of each are loaded when it is first
called. That can fail where nobody expects it. A signal handler, or a `__del__`, can come
while its own thread is in the midst of an import: that import cannot go on before the
handler is over, and what it loads is half there. And once Python is ending, it loads
nothing any more. So all of that happens in `load`, at the begin of each operation, and is
a `NetworkError` of a request that was not sent.
"""

from __future__ import annotations

import sys

from .errors import NetworkError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType

FAILURES_OF_LOADING = (ImportError, AttributeError, LookupError)
"""What `load` makes its `NetworkError` of, as the `__cause__`. To send again is no use: nothing
more is loaded before the caller goes on."""

_loaded: set[str] = set()


def refuse_at_exit() -> None:
    """Raise `NetworkError` once Python is ending: it loads no module any more, and each
    step of a request may need one.
    """
    if sys.meta_path is None:
        raise NetworkError(
            "nothing can be sent: Python is ending, and loads no module any more",
            request_sent=False,
        )


def load(*names: str) -> None:
    """Load what a call needs, unless it was loaded before.

    names  of modules, those of the package with a dot in front, such as `._decode`; behind
           a colon, what is then used of one, such as `.models:PromptRun`

    Raises `NetworkError` where that is not possible now.
    """
    refuse_at_exit()
    if _loaded.issuperset(names):
        return
    _load_all(names, sys._getframe(1))


def _load_all(names: tuple[str, ...], caller: FrameType | None) -> None:
    """Load what is not loaded yet. It is asked for once, and kept by who needs it."""
    from importlib import import_module

    try:
        while caller is not None:
            if caller.f_code is _load_all.__code__:
                raise ImportError("this thread is in the midst of an import")
            caller = caller.f_back
        for name in names:
            module, _, attribute = name.partition(":")
            loaded = import_module(module, __package__)
            if attribute:
                getattr(loaded, attribute)
            _loaded.add(name)
    except (*FAILURES_OF_LOADING, OSError) as error:
        # An OSError: there is no file descriptor free, or the disk is gone.
        raise NetworkError(
            "nothing was sent: what the call needs cannot be loaded now"
            f" ({error}); where calls are made in signal handlers or in __del__, call"
            " preload() of the client before",
            request_sent=False,
        ) from error
