"""What a part of the program holds in memory, whatever other threads do meanwhile.

with traced_memory():
    ...
    assert held_by(module) < 1_000
"""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


@contextlib.contextmanager
def traced_memory() -> Iterator[None]:
    """What is allocated in the block is noted, with the line that did it."""
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def held_by(*modules: ModuleType) -> int:
    """The bytes that the code of modules has allocated and that are not free again.

    Of a package, it is that of all its modules. Who runs the tests has threads as well.
    """
    files = []
    for module in modules:
        file = Path(module.__file__ or "")
        files.append(f"{file.parent}/*" if file.name == "__init__.py" else str(file))
    wanted = [tracemalloc.Filter(True, pattern) for pattern in files]
    traces = tracemalloc.take_snapshot().filter_traces(wanted).traces
    return sum(trace.size for trace in traces)
