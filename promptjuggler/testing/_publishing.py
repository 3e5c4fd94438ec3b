"""The methods of FakeServer for streams, and for their faults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from ._base import Base
from ._checks import checked_count, checked_document, checked_line, checked_uuid


class StreamMethods(Base):
    """Says something to streams, and disturbs them."""

    def publish(self, thread: str | UUID, event: str, data: Mapping[str, Any]) -> None:
        """Send a frame to all streams of a thread, now or when they come back.

        thread    in any case
        event     the kind of the frame, as "token", or one that no client knows
        data      a dict of what JSON can hold. If it has a `channel`, only streams that
                  want that one, or all, get it

        It is for what no run does: a straggler after the end, a foreign event.
        Raises `TypeError` or `ValueError` if `data` is no JSON, or the rest is
        not as it should be.
        """
        self._streams.publish(
            checked_uuid("thread", thread),
            checked_line("event", event),
            checked_document("data", data),
        )

    def lose_next_frames(self, times: int = 1) -> None:
        """Lose the next frames, of whichever thread: neither send nor keep them.

        times    how many frames, beside those that are to be lost already

        The client sees a gap, which coming back does not heal.
        """
        self._streams.lose_next(checked_count("times", times))

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
