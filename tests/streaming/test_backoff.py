"""The delays of a stream before it connects again."""

from __future__ import annotations

from promptjuggler._retry import Backoff


def delays(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next() for _ in range(count)]


def test_delays_double_from_half_a_second_to_ten() -> None:
    assert delays(Backoff(), 7) == [0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_after_a_success_they_start_over() -> None:
    backoff = Backoff()
    delays(backoff, 3)
    backoff.reset()
    assert delays(backoff, 2) == [0.5, 1.0]


def test_a_hand_over_is_followed_at_once_and_failures_after_it_by_delays() -> None:
    backoff = Backoff()
    delays(backoff, 3)
    backoff.at_once()
    assert delays(backoff, 3) == [0.0, 0.5, 1.0]


def test_what_the_server_asks_for_is_waited_for_up_to_a_minute() -> None:
    """It is for one delay alone; the others grow as without it."""
    backoff = Backoff()
    assert backoff.next(7.5) == 7.5
    assert backoff.next(60.0) == 60.0
    assert backoff.next(3600.0) == 60.0
    assert backoff.next(0.25) == 4.0
    assert backoff.next(None) == 8.0
