"""Streams of threads: what was sent is kept, for who comes back; Server-Sent Events.

The facts that this follows, and that clients rely on: a stream without
`Last-Event-ID` starts at the live tip; with one, it starts after that frame;
with one that is not known, it starts with `stale` and all that is kept.
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from queue import Empty, Queue
from typing import NamedTuple

# Chunks (RFC 9112, 7.1). A heartbeat is a comment, which clients skip.
_HEARTBEAT = b"3\r\n:\n\n\r\n"
_END = b"0\r\n\r\n"
# A chunk that announces 255 bytes and breaks off after four.
_CUT = b"ff\r\nid: "


class Frame(NamedTuple):
    """A frame, ready to go out."""

    channel: str | None
    """None goes to all channels."""
    chunk: bytes


def make_frame(number: int, event: str, data: Mapping[str, object]) -> Frame:
    """A frame with its id, as a chunk."""
    text = f"id: {number}\nevent: {event}\ndata: {json.dumps(data)}\n\n".encode()
    channel = data.get("channel")
    return Frame(
        channel if isinstance(channel, str) else None,
        b"%x\r\n%b\r\n" % (len(text), text),
    )


_STALE = make_frame(0, "stale", {})


class Subscription:
    """A client's connection to the stream of a thread.

    It hears what is sent while it is entered as a context manager, and
    `chunks()` gives that to one thread, while others send.
    """

    def __init__(
        self, streams: Streams, thread: str, channels: Collection[str], last_id: str
    ) -> None:
        """A stream that is not heard yet.

        channels    the wanted ones; none means all
        last_id     the `Last-Event-ID`, or ""
        """
        self.thread = thread
        self._streams = streams
        self._channels = channels
        self._last_id = last_id
        # No SimpleQueue: on Python 3.10, a `get` of it of which the time is over before it
        # waits can wait for ever, and there would be no heartbeats.
        self._chunks: Queue[bytes] = Queue()

    def __enter__(self) -> Subscription:
        self._streams.add(self, self._last_id)
        return self

    def __exit__(self, *exception: object) -> None:
        self._streams.remove(self)

    def chunks(self) -> Iterator[bytes]:
        """What goes out, as it comes, to the end; heartbeats where nothing comes.

        A heartbeat also shows whether the client is still there.
        """
        chunk = b""
        while chunk not in (_END, _CUT):
            try:
                chunk = self._chunks.get(timeout=self._streams.heartbeat_seconds)
            except Empty:
                chunk = _HEARTBEAT
            yield chunk

    def send(self, frame: Frame) -> None:
        """Send a frame, if its channel is wanted."""
        is_for_all = frame.channel is None or not self._channels
        if is_for_all or frame.channel in self._channels:
            self._chunks.put(frame.chunk)

    def end(self) -> None:
        """End the stream as HTTP has it."""
        self._chunks.put(_END)

    def cut_off(self) -> None:
        """End the stream in the middle of a chunk."""
        self._chunks.put(_CUT)


class Streams:
    """All streams, and the frames of each thread. Methods may be called in any thread."""

    def __init__(self) -> None:
        self.heartbeat_seconds = 1.0
        self.subscriptions: list[Subscription] = []
        # By thread: frame 1 and the following.
        self._kept: defaultdict[str, list[Frame]] = defaultdict(list)
        self.frames_to_lose = 0
        self._lock = threading.Lock()

    def publish(self, thread: str, event: str, data: Mapping[str, object]) -> None:
        """Keep a frame, and send it to all who stream the thread (in lower case)."""
        with self._lock:
            if self.frames_to_lose:
                self.frames_to_lose -= 1
                return
            kept = self._kept[thread]
            frame = make_frame(len(kept) + 1, event, data)
            kept.append(frame)
            for subscription in self.subscriptions:
                if subscription.thread == thread:
                    subscription.send(frame)

    def lose_next(self, times: int) -> None:
        """Neither keep nor send so many more of the next frames."""
        with self._lock:
            self.frames_to_lose += times

    def hand_over(self) -> None:
        """End every stream with `reconnect`, which has the number of the last frame."""
        with self._lock:
            for subscription in self.subscriptions:
                number = len(self._kept[subscription.thread])
                subscription.send(make_frame(number, "reconnect", {}))
                subscription.end()

    def cut_off(self) -> None:
        """End every stream in the middle of a chunk."""
        with self._lock:
            for subscription in self.subscriptions:
                subscription.cut_off()

    def send_stale(self) -> None:
        """Send `stale`, and all that is kept, to every stream."""
        with self._lock:
            for subscription in self.subscriptions:
                self._send_everything(subscription)

    def add(self, subscription: Subscription, last_id: str) -> None:
        """Send a stream what it missed since a frame (none if ""), and what comes."""
        with self._lock:
            self.subscriptions.append(subscription)
            if not last_id:
                return
            kept = self._kept[subscription.thread]
            # Compared as texts: "01" is no number of a frame, and int() refuses thousands
            # of digits.
            if last_id not in [str(number) for number in range(len(kept) + 1)]:
                self._send_everything(subscription)
                return
            for frame in kept[int(last_id) :]:
                subscription.send(frame)

    def remove(self, subscription: Subscription) -> None:
        """Send a stream nothing more."""
        with self._lock:
            self.subscriptions.remove(subscription)

    def _send_everything(self, subscription: Subscription) -> None:
        subscription.send(_STALE)
        for frame in self._kept[subscription.thread]:
            subscription.send(frame)
