"""Is a webhook from PromptJuggler? Pure: the time is a parameter.

A delivery has the header `PromptJuggler-Signature: t={Unix time},v1={hex}`. The second is
the HMAC-SHA256 of `{t}.{raw body}` with the secret of the webhook, in hexadecimal digits.

    def handle(request):
        signature = request.headers.get("PromptJuggler-Signature")
        if not verify_webhook_signature(request.body, signature, SECRET):
            return 400
        finished = PromptRunFinished.from_json(request.body)
"""

from __future__ import annotations

import hmac
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
else:

    class _Later:
        """Stands in for `Sequence`, which takes a millisecond to load, until
        `typing.get_type_hints` looks it up."""

        __module__ = "collections.abc"

        def __getitem__(self, item):
            from collections import abc

            return abc.Sequence[item]

    Sequence = _Later()

__all__ = ["verify_webhook_signature"]

_LONGEST_HEADER = 65_536
# So many digits are a time far beyond the end of the universe. int() of thousands raises.
_MOST_DIGITS = 20


def verify_webhook_signature(
    payload: str | bytes,
    signature_header: str | None,
    secret: str | Sequence[str],
    tolerance: float = 300,
    now: float | None = None,
) -> bool:
    """Whether a header is a valid and recent signature of a payload.

    payload           the body exactly as it came, before any parsing
    signature_header  the header PromptJuggler-Signature; None, where there is none, is
                      not valid
    secret            of the webhook; or a list or tuple of secrets of which any will do,
                      while one takes the place of another
    tolerance         seconds, at least 0, by which the time in the header may differ from
                      now, to either side. Who records a delivery can send it again within
                      them; five minutes are what other services allow, too
    now               Unix time; None: the time of the system

    Gives False for whatever a sender does wrong: no sender can make it raise.

    Raises `ValidationError` for what the program does wrong: a payload that is no str or
    bytes, a header that is neither str nor None, an empty secret or none, a tolerance
    that is no finite number of at least 0.
    """
    keyed = _keyed(secret)
    del secret  # Rule 1 of _secrets.py.
    if not keyed:
        raise _invalid("secret must be a str, or a list or tuple of str, none empty")
    if not isinstance(payload, (str, bytes, bytearray)):
        kind = type(payload).__name__
        raise _invalid(f"payload must be str or bytes, not {kind}")
    if signature_header is not None and not isinstance(signature_header, str):
        # Some servers give headers as bytes. To say False would hide that.
        kind = type(signature_header).__name__
        raise _invalid(f"signature_header must be a str or None, not {kind}")
    if not _is_finite(tolerance) or tolerance < 0:
        raise _invalid("tolerance must be a finite number of seconds, at least 0")
    if now is None:
        now = int(time.time())
    elif not _is_finite(now):
        raise _invalid("now must be a finite number of seconds")
    if signature_header is None:
        return False
    timestamp, signatures = _parsed(signature_header)
    if not timestamp or abs(now - int(timestamp)) > tolerance:
        return False
    try:
        body = payload.encode() if isinstance(payload, str) else payload
    except UnicodeEncodeError:
        return False
    return _any_matches(keyed, timestamp, body, signatures)


def _parsed(header: str) -> tuple[str, list[str]]:
    """The text of the time, "" if it is no time, and all signatures of the first scheme.

    Two times are none: who signed the one has not signed the other.
    """
    timestamps: list[str] = []
    signatures: list[str] = []
    if len(header) > _LONGEST_HEADER or not header.isascii() or "\0" in header:
        return "", signatures
    for field in header.split(","):
        name, _, value = field.partition("=")
        if name.strip() == "t":
            timestamps.append(value.strip())
        elif name.strip() == "v1":
            signatures.append(value.strip())
    if len(timestamps) != 1 or len(timestamps[0]) > _MOST_DIGITS:
        return "", signatures
    # It is ASCII, where isdigit() is true of 0 to 9 alone.
    return timestamps[0] if timestamps[0].isdigit() else "", signatures


def _any_matches(
    keyed: list[hmac.HMAC], timestamp: str, body: bytes, signatures: list[str]
) -> bool:
    """Whether one of the signatures is that of one of the secrets.

    All are compared, each in constant time, so that the time that it takes tells nothing.
    The text of the time is signed as it came: `0123` is not `123`.
    """
    matches = False
    for mac in keyed:
        mac.update(f"{timestamp}.".encode())
        mac.update(body)
        expected = mac.hexdigest()
        for signature in signatures:
            if hmac.compare_digest(expected, signature):
                matches = True
    return matches


def _keyed(secret: object) -> list[hmac.HMAC]:
    """A fresh HMAC for each secret; none if one is wrong, since an error would carry it."""
    secrets = secret if isinstance(secret, (list, tuple)) else [secret]
    keyed: list[hmac.HMAC] = []
    for one in secrets:
        if not isinstance(one, str) or not one:
            return []
        try:
            keyed.append(hmac.new(one.encode(), digestmod="sha256"))
        except UnicodeEncodeError:
            return []
    return keyed


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return abs(value) < float("inf")


def _invalid(message: str) -> Exception:
    # Who only verifies webhooks needs no errors, as a rule.
    from .errors import ValidationError

    return ValidationError(message)
