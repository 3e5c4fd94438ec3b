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
    files = [Path(module.__file__ or "") for module in modules]
    places = {file.parent if file.name == "__init__.py" else file for file in files}
    held = 0
    for of_a_file in tracemalloc.take_snapshot().statistics("filename"):
        file = Path(of_a_file.traceback[0].filename)
        if not places.isdisjoint({file, *file.parents}):
            held += of_a_file.size
    return held
