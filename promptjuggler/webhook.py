"""Is a webhook from PromptJuggler?

Its header is `PromptJuggler-Signature: t={Unix time},v1={hex}`, the HMAC-SHA256 of `{t}.{raw body}`.
"""

from __future__ import annotations

import hmac
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def verify_webhook_signature(
    payload: str | bytes,
    signature_header: str | None,
    secret: str | Sequence[str],
    tolerance: float = 300,
    now: float | None = None,
) -> bool:
    """Whether the header is a valid and recent signature of the payload; no sender can make it raise.

    `payload`: the body exactly as it came, before JSON parsing. `secret`: one, or a list or tuple of which any will do.
    `tolerance`: seconds that the timestamp may lie in the past or future. `now`: Unix time.

    Raises `ValidationError` for a payload that is no str or bytes, an empty secret, or a tolerance that is no finite
    number of seconds, at least 0.
    """
    macs = _keyed(secret)
    secret = ""  # Error trackers record variables.
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

    timestamp, signatures = "", []
    header = signature_header if isinstance(signature_header, str) else ""
    if len(header) > 65_536 or not header.isascii() or "\0" in header:
        return False
    for field in header.split(","):
        key, _, value = field.partition("=")
        if value and key.strip() == "t":
            timestamp = value.strip()
        elif key.strip() == "v1":
            signatures.append(value.strip())
    # int() of thousands of digits raises.
    if not timestamp.isdigit() or len(timestamp) > 20 or abs(now - int(timestamp)) > tolerance:
        return False
    try:
        body = payload.encode() if isinstance(payload, str) else payload
    except UnicodeEncodeError:
        return False
    matches = False
    for mac in macs:
        mac.update(f"{timestamp}.".encode())
        mac.update(body)
        expected = mac.hexdigest()
        for signature in signatures:
            matches |= hmac.compare_digest(expected, signature)
    return matches


def _keyed(secret: object) -> list[hmac.HMAC]:
    # Empty if one is wrong: an error would carry it.
    secrets = secret if isinstance(secret, (list, tuple)) else [secret]
    if not all(isinstance(one, str) and one for one in secrets):
        return []
    try:
        return [hmac.new(str(one).encode(), digestmod="sha256") for one in secrets]
    except UnicodeEncodeError:
        return []


def _is_finite(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < float("inf")


def _invalid(message: str) -> Exception:
    from .errors import ValidationError

    return ValidationError(message)
