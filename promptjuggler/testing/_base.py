"""What the methods of FakeServer work on: the parts of the stand-in, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from secrets import token_hex

from ._api import Api
from ._calls import checked_function_of_call
from ._checks import (
    checked_count,
    checked_duration,
    checked_header,
    checked_method,
    checked_part_of_path,
)
from ._deliveries import Deliveries
from ._faults import Fault, Faults, Target
from ._indexing import Indexing
from ._jobs import Jobs
from ._state import RunSeconds, State
from ._streams import Streams
from ._work import Work

JsonObject = Mapping[str, object]
"""What `json.loads` makes of an object."""
JsonObjects = Sequence[JsonObject]


class Base:
    """The parts of a stand-in; the base of the classes with the methods."""

    def __init__(self, api_key: str | None, run_seconds: RunSeconds) -> None:
        if api_key is None:
            # So that no page of the web and no other program can guess it.
            api_key = f"fake-{token_hex(12)}"
        self._state = State(checked_key(api_key), checked_run_seconds(run_seconds))
        self._streams = Streams()
        self._jobs = Jobs()
        self._deliveries = Deliveries()
        self._faults = Faults()
        self._work = Work(self._state, self._streams, self._jobs, self._deliveries)
        indexing = Indexing(self._state, self._jobs, self._deliveries)
        self._api = Api(self._state, self._streams, self._work, indexing)

    def _add_fault(
        self,
        words: str,
        fault: Fault,
        *,
        times: int,
        path: str | None,
        method: str | None,
        after: int,
    ) -> None:
        """Let a fault wait for the requests that it is for.

        words    what was called, with its first arguments
        """
        checked_count("times", times)
        checked_count("after", after, least=0)
        if path is not None:
            checked_part_of_path(path)
            words += f" of {path!r}"
        if method is not None:
            method = checked_method(method)
            words += f" by {method}"
        self._faults.add(words, fault, Target(path, method), times, after)


def checked_key(key: object) -> str:
    """A key that a client can send."""
    text = checked_header("api_key", key)
    if text != text.strip():
        raise ValueError("api_key must have no spaces around it")
    return text


def checked_run_seconds(value: object) -> RunSeconds:
    """Seconds for which runs stay pending, or a function that tells them."""
    if callable(value):
        return checked_function_of_call("run_seconds", value)
    return checked_duration("run_seconds", value)
