"""Faults: what befalls requests, and which."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from .messages import Answer

_STREAMS = "/stream/"


@dataclass(frozen=True)
class Fault:
    """What befalls one request; nothing, by default."""

    answer: Answer | None = None
    """Goes out in place of that of the API, which then does not get the request."""
    hang_up: Literal["before_reading", "after_reading"] | None = None
    """Before the body is read, and then the API does not get the request either; or when
    it has carried the request out, in place of the answer."""
    delay: float = 0.0
    """Seconds before the answer."""
    status: int | None = None
    """In place of that of the API's own answer."""
    headers: tuple[tuple[str, str], ...] = ()
    """Beside those of the API's own answer, or in their place."""
    cut_at: int | None = None
    """How many bytes of the body go out before the connection ends."""
    drip: float | None = None
    """Seconds between two bytes of a body that never ends."""

    def changed(self, answer: Answer) -> Answer:
        """The API's own answer, with the status and headers of this fault."""
        replaced = {name.lower() for name, _ in self.headers}
        kept = [one for one in answer.headers if one[0].lower() not in replaced]
        status = answer.status if self.status is None else self.status
        return Answer(status, answer.body, (*kept, *self.headers))

    def is_for_answers(self) -> bool:
        """Whether it changes an answer of the API, so that a stream cannot meet it."""
        if self.answer is not None:
            return False
        changes = (self.status, self.cut_at, self.drip)
        return bool(self.headers) or any(change is not None for change in changes)


@dataclass(frozen=True)
class Target:
    """Which requests a fault is for."""

    path: str | None
    """A part of the path, as it came; None: any."""
    method: str | None
    """In upper case; None: any."""

    def fits(self, method: str, path: str) -> bool:
        """Whether a request is one of them."""
        if self.method is not None and self.method != method:
            return False
        return self.path is None or self.path in path


class _Waiting:
    """A fault that waits for its requests."""

    def __init__(
        self, words: str, fault: Fault, target: Target, times: int, after: int
    ) -> None:
        self.words = words
        self.fault = fault
        self.target = target
        self.times = times
        self.after = after

    def is_for(self, method: str, path: str) -> bool:
        """Whether a request is of those that it is for."""
        if self.fault.is_for_answers() and path.startswith(_STREAMS):
            return False
        return self.target.fits(method, path)


class Faults:
    """The faults that were asked for and not met yet, in their order. For any thread."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._lock = threading.Lock()

    def add(
        self, words: str, fault: Fault, target: Target, times: int, after: int
    ) -> None:
        """Let a fault wait for requests.

        words     the call that asked for it, to name it by
        times     how many requests meet it
        after     how many that it is for come through before
        """
        with self._lock:
            self._waiting.append(_Waiting(words, fault, target, times, after))

    def take(self, method: str, path: str) -> Fault:
        """The fault that a request meets: the first that is for it."""
        with self._lock:
            for one in self._waiting:
                if not one.is_for(method, path):
                    continue
                if one.after:
                    one.after -= 1
                    continue
                one.times -= 1
                if not one.times:
                    self._waiting.remove(one)
                return one.fault
        return Fault()

    def unmet(self) -> list[str]:
        """The calls whose faults were not all met."""
        with self._lock:
            return [
                f"{one.words} ({one.times} left)" if one.times > 1 else one.words
                for one in self._waiting
            ]
