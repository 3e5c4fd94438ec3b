"""May a request be sent again, and how long to wait before. Pure."""

from collections.abc import Callable


def may_send_again(*, repeatable: bool, status_code: int | None, request_sent: bool) -> bool:
    """Whether a request that failed may be sent again. `status_code`: None without an answer.

    What is not `repeatable` (a run costs money) only where it certainly did not arrive, or got 429.
    """
    if status_code is None:
        return repeatable or not request_sent
    return status_code == 429 or (repeatable and status_code in {408, 500, 502, 503, 504})


def seconds_to_wait(attempt: int, retry_after: float | None, random: Callable[[], float]) -> float | None:
    """The seconds to wait after attempt number `attempt`, from 1; never less than `retry_after`, and None where that is
    over a minute."""
    retry_after = retry_after or 0.0
    if retry_after > 60.0:
        return None
    # Less a part by chance, so that many clients do not come back at once.
    return max(0.5 * 2.0 ** min(attempt - 1, 4) * (1 - random() / 4), retry_after)
