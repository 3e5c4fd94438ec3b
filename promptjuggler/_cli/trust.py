"""The certificates of `--ca-file`."""

from __future__ import annotations

import ssl

from .exits import WRONG_USAGE, Stop


def context_trusting(path: str) -> ssl.SSLContext:
    """A TLS context that trusts the certificates of a file, and no others.

    Raises `Stop` where it has none, and `OSError` where it cannot be read.
    """
    with open(path, "rb"):
        # create_default_context() does not say which file it could not open.
        pass
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:
        problem = f"{path} holds no certificates as PEM: -----BEGIN CERTIFICATE-----"
        raise Stop(WRONG_USAGE, problem) from None
