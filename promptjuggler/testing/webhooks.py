"""Sign webhooks as PromptJuggler does. Pure."""

from __future__ import annotations

import hmac
import time

from ._checks import checked_count, checked_secret


def sign_webhook(
    payload: str | bytes, secret: str, timestamp: int | None = None
) -> str:
    """The value of a `PromptJuggler-Signature` header, to test a webhook's handler with.

    payload      the body of the request, exactly as the handler gets it
    secret       the one that the handler verifies it with
    timestamp    when it was signed, in Unix seconds; None is now

    Returns `t={timestamp},v1={hex}`, the HMAC-SHA256 of
    `{timestamp}.{payload}`, for which `verify_webhook_signature(payload,
    header, secret)` is True. Raises `TypeError` or `ValueError` for a secret
    that is empty, and other arguments that cannot be meant.

        body = b'{"id": "0b6a1f6e-2b0a-4a63-9d0c-6d1f0b4b9a11", "status": "completed"}'
        headers = {"PromptJuggler-Signature": sign_webhook(body, "whsec_test")}
    """
    body = payload.encode() if isinstance(payload, str) else payload
    checked_secret("secret", secret)
    if timestamp is None:
        timestamp = int(time.time())
    checked_count("timestamp", timestamp, least=0)
    signed = b"%d.%b" % (timestamp, body)
    signature = hmac.digest(secret.encode(), signed, "sha256").hex()
    return f"t={timestamp},v1={signature}"
