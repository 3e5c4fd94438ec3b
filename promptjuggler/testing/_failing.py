"""The methods of FakeServer for faults of requests."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from ._base import Base
from ._checks import (
    checked_count,
    checked_duration,
    checked_flag,
    checked_headers,
    checked_retry_after,
    checked_status,
)
from ._faults import Fault
from .messages import answer_with


class FaultMethods(Base):
    """Lets requests fail.

    All of its methods have these arguments, which say which requests are meant:

    times     how many requests meet the fault
    path      a part of their paths, as they come (percent-encoded, with the query):
              "/promptruns/" are looks at runs of prompts; None is any path
    method    "GET", "POST" or "DELETE"; None is any
    after     how many requests of these come through before
    """

    def fail_next(
        self,
        status: int,
        times: int = 1,
        retry_after: float | str | None = None,
        *,
        path: str | None = None,
        method: str | None = None,
        after: int = 0,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next requests with an error, and do not carry them out.

        status         the status of the answer, as 503
        times          how many requests
        retry_after    of a `Retry-After` header: seconds, or an HTTP date as text; None
                       is no such header
        path           a part of their paths; None is any
        method         theirs, as "POST"; None is any
        after          how many of these requests come through before
        body           of the answer: a dict or list is sent as JSON, a str as HTML, bytes
                       as they are; None is `{"error": ...}`, as the API words errors
        headers        more headers of the answer

        The client sees an `ApiError` with this `status_code`, or sends again
        if it is one after which it may.

            server.fail_next(502, path="/promptruns/", after=1, body="<h1>Bad Gateway</h1>")
        """
        checked_status(status)
        text = {"error": f"The test wants {status}."} if body is None else body
        more = checked_headers(headers)
        seconds = checked_retry_after(retry_after)
        if seconds is not None:
            more = (*more, ("Retry-After", seconds))
        fault = Fault(answer=answer_with(status, text, more))
        self._add_fault(
            f"fail_next({status})",
            fault,
            times=times,
            path=path,
            method=method,
            after=after,
        )

    def answer_next(
        self,
        body: object = None,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        cut_at: int | None = None,
        drip: float | None = None,
        times: int = 1,
        path: str | None = None,
        method: str | None = None,
        after: int = 0,
    ) -> None:
        """Answer the next requests with something else than the API would.

        body       a dict or list is sent as JSON, a str as HTML, bytes as they are, and
                   the request is not carried out. None: it is, and its own answer goes
                   out, changed by the next four; a request for a stream never meets that
        status     of the answer; None is 200, or that of its own answer
        headers    more headers of the answer, or others in place of its own, be it
                   `Date`, or a `Content-Length` that is not true
        cut_at     how many bytes of the body go out before the connection ends, in the
                   middle of the answer; None is all of them. An answer without a body
                   is cut in its head
        drip       seconds between two bytes of a body that never ends: after the last
                   one come spaces; None is at once. The head never ends if there is no
                   body
        times      how many requests
        path       a part of their paths; None is any
        method     theirs, as "POST"; None is any
        after      how many of these requests come through before

        The client sees a `DecodeError` for a body that is not what it should
        be, a `NetworkError` for one that is cut off, and a `RequestTimeout` for
        one that drips.

            server.answer_next({"id": 7}, path="/runs")    # a wrong type
            server.answer_next(b'{"id": ', method="POST")  # a broken document
            server.answer_next(cut_at=10)                  # carried out, and cut off
        """
        if status is not None:
            checked_status(status)
        more = checked_headers(headers)
        if cut_at is not None:
            checked_count("cut_at", cut_at, least=0)
        if drip is not None:
            _check_drip(drip, cut_at, more)
        if body is not None:
            answer = answer_with(status or 200, body, more)
            fault = Fault(answer=answer, cut_at=cut_at, drip=drip)
        else:
            fault = Fault(status=status, headers=more, cut_at=cut_at, drip=drip)
            if not fault.is_for_answers():
                raise ValueError("answer_next() needs a body, or what to change")
        words = "" if body is None else _shortened(body)
        self._add_fault(
            f"answer_next({words})",
            fault,
            times=times,
            path=path,
            method=method,
            after=after,
        )

    def drop_next(
        self,
        times: int = 1,
        *,
        after_reading: bool = True,
        path: str | None = None,
        method: str | None = None,
        after: int = 0,
    ) -> None:
        """Hang up on the next requests, without an answer.

        times            how many requests
        after_reading    True: the request is carried out, and only the answer is lost.
                         False: its head alone is read, and nothing is carried out
        path             a part of their paths; None is any
        method           theirs, as "POST"; None is any
        after            how many of these requests come through before

        Either way the client sees a `NetworkError` with `request_sent` True,
        since it cannot tell one from the other; it sends GET, DELETE and
        stream tokens again.
        """
        checked_flag("after_reading", after_reading)
        self._add_fault(
            "drop_next()",
            Fault(hang_up="after_reading" if after_reading else "before_reading"),
            times=times,
            path=path,
            method=method,
            after=after,
        )

    def delay_next(
        self,
        seconds: float,
        times: int = 1,
        *,
        path: str | None = None,
        method: str | None = None,
        after: int = 0,
    ) -> None:
        """Answer the next requests late; they are carried out at once.

        seconds    how late; `math.inf` is never
        times      how many requests
        path       a part of their paths; None is any
        method     theirs, as "POST"; None is any
        after      how many of these requests come through before

        A client with a shorter `timeout` sees a `RequestTimeout`. `close()`
        does not wait for them: it hangs up.
        """
        fault = Fault(delay=checked_duration("seconds", seconds))
        self._add_fault(
            f"delay_next({seconds})",
            fault,
            times=times,
            path=path,
            method=method,
            after=after,
        )


def _check_drip(
    drip: object, cut_at: int | None, headers: tuple[tuple[str, str], ...]
) -> None:
    """Raise if an answer cannot drip so."""
    seconds = checked_duration("drip", drip)
    if seconds == 0 or math.isinf(seconds):
        raise ValueError("drip must be above 0, and finite")
    if cut_at is not None:
        raise ValueError("cut_at has no effect with drip")
    for name, _ in headers:
        if name.lower() in ("content-length", "transfer-encoding"):
            raise ValueError(f"drip has no end, and so no {name}")


def _shortened(body: object) -> str:
    """A body, for a message."""
    text = repr(body) if isinstance(body, (str, bytes)) else json.dumps(body)
    return text if len(text) <= 40 else f"{text[:40]}..."
