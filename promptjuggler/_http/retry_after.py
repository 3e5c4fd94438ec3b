"""When a server asks to come back: the header Retry-After. Pure but for the time."""

from __future__ import annotations

import re
import time
from datetime import timezone
from email.utils import parsedate_to_datetime

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime
    from email.message import Message

# RFC 9110 has whole seconds alone; servers send fractions, too. It is compiled when it is
# first used, and kept by re: few programs ever meet the header.
_SECONDS = r"[0-9]+(\.[0-9]*)?"

_LONGEST = 1e9


def retry_after_seconds(headers: Message) -> float | None:
    """The seconds that a Retry-After asks for: a number or a date (RFC 9110, 10.2.3).

    A date is held against the `Date` of the same answer, since the clocks of this machine
    and of the server can differ. None where there is none that makes sense.
    """
    value = headers.get("Retry-After", "").strip()
    if re.fullmatch(_SECONDS, value):
        return min(float(value), _LONGEST)
    moment = _moment(value)
    if moment is None:
        return None
    sent = _moment(headers.get("Date", ""))
    now = time.time() if sent is None else sent.timestamp()
    return max(moment.timestamp() - now, 0.0)


def _moment(value: str) -> datetime | None:
    """The moment of a date in HTTP (RFC 9110, 5.6.7), or None."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        # One of the three forms has no zone: all are UTC.
        moment = moment.replace(tzinfo=timezone.utc)
    return moment
