"""What can go wrong on the way, where the standard library has no error that says it.

`failures` makes a `NetworkError` of each, but for `UnreadableCoding`. They leave the
package as the `__cause__` of that only, by which `failures.is_final` goes: `NotHttp` and
`TunnelRefused`. Of an `AddressError` and an `UnreadableBody`, the error of the standard
library that is behind it is the `__cause__`.
"""

from __future__ import annotations

from http.client import HTTPException


class AddressError(OSError):
    """None of the addresses of a host could be connected to.

    address   the one whose failure tells most: `203.0.113.5:443`, `[2001:db8::1]:443`
    failure   the error of the standard library for it
    """

    def __init__(self, address: str, failure: OSError) -> None:
        super().__init__(str(failure))
        self.address = address
        self.failure = failure


class TunnelRefused(OSError):
    """A proxy did not make the tunnel that it was asked for.

    status  of its answer: 407 where it wants another user or password
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}".rstrip())
        self.status = status


class NotHttp(HTTPException):
    """What came is no answer in HTTP/1, or one that others could read differently:
    sending the request again cannot help.

    came  how it began: its first line, or what there was of it. It can hold anything, also
          what we sent: it stands in no text before it is masked
    """

    def __init__(self, problem: str, came: bytes = b"") -> None:
        super().__init__(problem)
        # What is but an end of a line stands as it is.
        line = came.strip().partition(b"\n")[0].rstrip() or came
        self.came = line.decode("utf-8", "backslashreplace")


class UnreadableCoding(HTTPException):
    """The Content-Encoding of an answer is not known, or its body does not have it.

    `bodies` makes a `DecodeError` of it; of the body of an error, its text says so.
    """


class UnreadableBody(HTTPException):
    """A file that is uploaded failed. No OSError, which would look as one of the socket."""
