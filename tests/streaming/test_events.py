"""The events of a stream as values, and the token that opens it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from datetime import datetime, timezone

import pytest
from helpers.frames import (
    LOST,
    RUN,
    text,
)

import promptjuggler
from promptjuggler import (
    Citation,
    StreamTokenResponse,
    ToolStatus,
)
from promptjuggler.streaming.events import (
    ConnectedEvent,
    DataEvent,
    DisconnectedEvent,
    DoneEvent,
    FailureEvent,
    GapEvent,
    ResetEvent,
    RunView,
    StaleEvent,
    StreamEvent,
    TokenEvent,
    ToolEndEvent,
    ToolStartEvent,
)

EVENTS: list[StreamEvent] = [
    ConnectedEvent(),
    DisconnectedEvent("the connection was lost"),
    TokenEvent(RUN, "c", 0, 1, "text"),
    ResetEvent(RUN, "c", 0),
    DataEvent(RUN, "c", "emit", {"a": [1]}),
    ToolStartEvent(RUN, "c", "r", "search"),
    ToolEndEvent(RUN, "c", "r", ToolStatus.OK, ("q",), (Citation("T", "u"),)),
    GapEvent(RUN, "c", 1),
    StaleEvent(),
    DoneEvent(RUN, "c", False, RunView("a", (text("a"),), ({"a": 1},), False)),
    FailureEvent(RUN, "c", "code", "message", True, LOST),
]


VIEW = RunView("a", (text("a"),), ({"a": 1},), False)
VALUES = [*EVENTS, VIEW]


@pytest.mark.parametrize("event", VALUES, ids=lambda event: type(event).__name__)
def test_events_and_views_are_values(event: StreamEvent | RunView) -> None:
    """They can be compared, copied and pickled, and neither changed nor added to."""
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(event, protocol)) == event
    assert copy.deepcopy(event) == event
    assert [other for other in VALUES if other == event] == [event]
    assert not hasattr(event, "__dict__")
    names = type(event).__match_args__
    assert type(event)(**{name: getattr(event, name) for name in names}) == event
    for name in (*names, "other"):
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"'{name}'"):
            setattr(event, name, None)
        with pytest.raises(dataclasses.FrozenInstanceError, match=f"'{name}'"):
            delattr(event, name)


def test_the_repr_of_a_long_view_is_short() -> None:
    """An event is printed in a log, and the last one holds the whole answer."""
    long = "word " * 100_000
    view = RunView(long, (text(long),) * 100, ({long: long},) * 100, False)
    done = DoneEvent(RUN, "main", False, view)
    assert len(repr(done)) < 5_000
    assert repr(done).startswith(f"DoneEvent(run_id={RUN!r}, channel='main', ")
    assert repr(ResetEvent(RUN, "c", 0)) == (
        f"ResetEvent(run_id={RUN!r}, channel='c', segment=0)"
    )


@pytest.mark.parametrize(
    "event",
    [event for event in EVENTS if not isinstance(event, (DataEvent, DoneEvent))],
    ids=lambda event: type(event).__name__,
)
def test_events_without_a_payload_can_be_hashed(event: StreamEvent) -> None:
    """Equal ones are one in a set, those without a field too."""
    assert {event, copy.deepcopy(event)} == {event}


def test_events_can_be_matched() -> None:
    """By their fields, as the stream's users do."""
    shown = []
    for event in EVENTS:
        match event:
            case TokenEvent(text=text):
                shown.append(text)
            case DoneEvent(run_id=run_id) | FailureEvent(run_id=run_id) if (
                run_id == RUN
            ):
                shown.append(type(event).__name__)
    assert shown == ["text", "DoneEvent", "FailureEvent"]


def test_the_union_of_the_events_holds_all_of_them() -> None:
    """Every event of the module is a member of `StreamEvent`."""
    homes = promptjuggler._HOME_OF.items()
    names = [name for name, home in homes if home == "streaming.events"]
    named = [getattr(promptjuggler, name) for name in names if name.endswith("Event")]
    classes = [kind for kind in named if isinstance(kind, type)]
    assert (
        set(StreamEvent.__args__) == set(classes) == {type(event) for event in EVENTS}
    )


def test_a_stream_token_hides_its_secret() -> None:
    """It is read from the API's document, and its repr shows where and how long, not
    the credential."""
    document = {
        "token": "secret",
        "expiresAt": "2026-01-02T03:04:05Z",
        "url": "https://example.com/stream",
    }
    response = StreamTokenResponse.from_dict(document)
    assert response.token == "secret"
    assert response.expires_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    assert response.url == "https://example.com/stream"
    assert response.to_dict() == document
    assert "secret" not in repr(response)
    assert "https://example.com/stream" in repr(response)
