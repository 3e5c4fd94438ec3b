"""Is this webhook really from PromptJuggler? Pure, but for the clock where `now` is left out.

Its header is `PromptJuggler-Signature: t={unix seconds},v1={hex}`: the HMAC-SHA256 of `{t}.{raw body}`.
"""

from __future__ import annotations

import hashlib
import hmac
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_LONGEST_HEADER = 65_536  # No web server lets a longer line through.
_MOST_DIGITS = 20  # int() of thousands of digits is slow, or raises.


def verify_webhook_signature(
    payload: str | bytes,
    signature_header: str | None,
    secret: str | Sequence[str],
    tolerance: float = 300,
    now: float | None = None,
) -> bool:
    """Whether the header is a valid and recent signature of the payload; no sender can make it raise.

    `payload`: the body exactly as it came, before any JSON parsing. `secret`: one, or a list or tuple of which any will
    do. `tolerance`: seconds that the timestamp may lie in the past or the future. `now`: Unix time in seconds.

    Raises `ValidationError` for a payload that is no text or bytes, an empty secret, or a tolerance that is no finite
    number of at least 0.
    """
    macs = _keyed(secret)
    secret = ""  # Error trackers record the variables of a traceback.
    if not macs:
        raise _invalid("secret must be a str, or a list or tuple of str, none empty")
    if not isinstance(payload, (str, bytes, bytearray)):
        raise _invalid(f"payload must be str or bytes, not {type(payload).__name__}")
    if not _is_finite(tolerance) or tolerance < 0:
        raise _invalid("tolerance must be a finite number of seconds, at least 0")
    if now is None:
        now = int(time.time())
    elif not _is_finite(now):
        raise _invalid("now must be a finite number of seconds")

    timestamp, signatures = _parse_header(signature_header)
    if not timestamp or abs(now - int(timestamp)) > tolerance:
        return False
    try:
        body = payload.encode() if isinstance(payload, str) else payload
    except UnicodeEncodeError:  # A lone surrogate: no such text ever came over a wire.
        return False
    matches = False
    for mac in macs:
        mac.update(timestamp + b".")
        mac.update(body)
        expected = mac.hexdigest().encode()
        for signature in signatures:
            matches |= hmac.compare_digest(expected, signature)
    return matches


def _keyed(secret: object) -> list[hmac.HMAC]:
    """An HMAC for each secret; none where any is wrong: an error from here would carry the secret."""
    secrets = secret if isinstance(secret, (list, tuple)) else [secret]
    if not all(isinstance(one, str) and one for one in secrets):
        return []
    try:
        return [hmac.new(str(one).encode(), digestmod=hashlib.sha256) for one in secrets]
    except UnicodeEncodeError:
        return []


def _parse_header(header: object) -> tuple[bytes, list[bytes]]:
    """The timestamp as it was signed, empty where it is not acceptable, and the signatures."""
    if not isinstance(header, str) or len(header) > _LONGEST_HEADER or not header.isascii() or "\0" in header:
        return b"", []
    timestamp, signatures = "", []
    for field in header.split(","):
        key, _, value = field.partition("=")
        if value and key.strip() == "t":
            timestamp = value.strip()
        elif value and key.strip() == "v1":
            signatures.append(value.strip().encode())
    if not timestamp.isdigit() or len(timestamp) > _MOST_DIGITS:
        return b"", []
    return timestamp.encode(), signatures


def _is_finite(value: object) -> bool:
    # Infinity minus itself is no number.
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value - value == 0


def _invalid(message: str) -> Exception:
    from .errors import ValidationError

    return ValidationError(message)
