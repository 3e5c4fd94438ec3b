"""Failures of certificates: what is one, and what can be done about it."""

from __future__ import annotations

import ssl


def is_certificate_failure(error: BaseException | None) -> bool:
    """Whether one side did not trust the other: sending again cannot help."""
    if not isinstance(error, ssl.SSLError):
        return False
    reason = str(error)
    return "CERTIFICATE" in reason or "UNKNOWN_CA" in reason


def advice_about_certificate(error: BaseException) -> str:
    """What can be done about it, in brackets."""
    return (
        " (for a private certificate authority, pass ssl_context= or set SSL_CERT_FILE)"
    )
