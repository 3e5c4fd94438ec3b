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
    backoff.reset()
    backoff.hand_over(now=7.0)
    assert delays(backoff, 3) == [0.0, 0.5, 1.0]


def delays_after_hand_overs(times: list[float]) -> list[float]:
    """Each after a connection that counts."""
    backoff = Backoff()
    found = []
    for now in times:
        backoff.reset()
        backoff.hand_over(now)
        found.append(backoff.next())
    return found


def test_hand_overs_that_are_5_s_apart_are_all_followed_at_once() -> None:
    assert delays_after_hand_overs([0.0, 5.0, 10.0, 600.0]) == [0.0] * 4


def test_hand_overs_that_come_sooner_are_followed_by_growing_delays() -> None:
    """Whatever came over the connections between them."""
    soon = [100.0 + 4.9 * number for number in range(8)]
    assert delays_after_hand_overs(soon) == [0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0]


def test_after_a_calm_time_a_hand_over_is_followed_at_once_again() -> None:
    """And the delays have started over."""
    times = [0.0, 1.0, 2.0, 3.0, 8.0, 9.0]
    assert delays_after_hand_overs(times) == [0.0, 0.5, 1.0, 2.0, 0.0, 0.5]


def test_a_loss_after_hand_overs_starts_over_where_its_connection_counted() -> None:
    backoff = Backoff()
    for now in (0.0, 0.1, 0.2, 0.3):
        backoff.hand_over(now)
        backoff.next()
    backoff.reset()
    assert delays(backoff, 2) == [0.5, 1.0]


def test_what_the_server_asks_for_is_waited_for_up_to_a_minute() -> None:
    """It is for one delay alone; the others grow as without it."""
    backoff = Backoff()
    assert backoff.next(7.5) == 7.5
    assert backoff.next(60.0) == 60.0
    assert backoff.next(3600.0) == 60.0
    assert backoff.next(0.25) == 4.0
    assert backoff.next(None) == 8.0
