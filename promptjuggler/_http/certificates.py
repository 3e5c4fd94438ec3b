"""Certificates: what is trusted, what is a failure of them, and what can be done then."""

from __future__ import annotations

import os
import ssl
from _thread import RLock

# No thread waits longer for another one that makes the context: it makes its own then.
_LONGEST_WAIT = 1.0

# What OpenSSL says where it found nobody whom it trusts (x509_vfy.h): no issuer, one that
# signed itself, or a chain that ends in one.
_NOBODY_TRUSTED = frozenset({2, 18, 19, 20, 21})

# What it objects to only if it is asked to be strict (X509_V_FLAG_X509_STRICT): how a
# certificate of an authority must be made up (RFC 5280, 4.2).
_OF_STRICT_CHECKS = range(79, 95)

# What a program can do. Who calls the command line has no ssl_context: what stands here,
# `_cli/advice.py` says in words of options.
PRIVATE_AUTHORITY = (
    "for a private certificate authority, pass ssl_context= or set SSL_CERT_FILE"
)
GIVEN_CONTEXT = "the ssl_context= that was given does not trust its authority"
NO_CERTIFICATE = (
    "the server wants a client certificate, see ssl_context=, or it has no cipher in"
    " common"
)
UNTRUSTED_CERTIFICATE = (
    "the server wants a client certificate that it trusts: see ssl_context="
)
CHECKED_STRICTLY = (
    "Python 3.13 and later check strictly how certificates are made up; if this one cannot"
    " be made anew, pass an ssl_context= after `context.verify_flags &="
    " ~ssl.VERIFY_X509_STRICT`"
)

_REFUSED_BY_SERVER = "_ALERT_"

# With TLS 1.2, that is all that a server says who wants a client certificate and gets
# none (RFC 5246, 7.4.6), or who has no cipher in common.
_NOTHING_IN_COMMON = "ALERT_HANDSHAKE_FAILURE"

_REASONS = ("CERTIFICATE", "UNKNOWN_CA", _NOTHING_IN_COMMON)


class Trust:
    """Whom https connections trust: the caller's context, or one that trusts what the
    system, SSL_CERT_FILE and SSL_CERT_DIR name.

    context  the caller's; it is used as it is. None: one that is made when it is needed
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.is_given = context is not None
        self._context = context
        self._is_complete = context is not None
        # By process: a fork could copy a lock while it is held. A signal handler can
        # interrupt the very thread that holds it: hence an RLock. It is not that of
        # threading, which a handler could find half loaded.
        # seam: _thread.RLock. `threading.RLock` gives one.
        self._locks: dict[int, RLock] = {}

    def context(self) -> ssl.SSLContext:
        """The context of TLS, made when it is first needed: that takes 30 ms.

        Raises OSError.
        """
        if self._context is None:
            self._make_once()
        assert self._context is not None
        if not self._is_complete:
            self._complete(self._context)
        return self._context

    def _make_once(self) -> None:
        """Make the context, unless another thread does so at the same time."""
        lock = self._locks.setdefault(os.getpid(), RLock())
        is_ours = lock.acquire(timeout=_LONGEST_WAIT)
        try:
            if self._context is None:
                made = _default_context()
                # A signal handler may have made one meanwhile.
                self._context = self._context or made
                self._is_complete = _has_certificates(self._context)
        finally:
            if is_ours:
                lock.release()

    def _complete(self, context: ssl.SSLContext) -> None:
        """Load the certificates again: their file may have come to be there, or could not
        be opened since too many others were. The context would stay empty for ever."""
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
        self._is_complete = _has_certificates(context)


def _default_context() -> ssl.SSLContext:
    """One that trusts what the system, SSL_CERT_FILE and SSL_CERT_DIR name."""
    context = ssl.create_default_context()
    # By itself, since what is the least version is up to who built OpenSSL or Python.
    context.minimum_version = max(context.minimum_version, ssl.TLSVersion.TLSv1_2)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _has_certificates(context: ssl.SSLContext) -> bool:
    """Whether any were loaded. Those of a folder are, one by one, when they are needed."""
    return context.cert_store_stats()["x509"] > 0


def is_certificate_failure(error: BaseException | None) -> bool:
    """Whether one side did not trust the other: sending again cannot help.

    By its class, as of what Python code refuses, or by what OpenSSL says: the other side
    refuses by an alert.
    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return True
    if not isinstance(error, ssl.SSLError):
        return False
    reason = str(error)
    return any(name in reason for name in _REASONS)


def advice_about_certificate(error: BaseException, trust: Trust | None) -> str:
    """What can be done about it, in brackets; "" where no other trust would help: the
    certificate is for another host, or has expired.

    trust  what the connection was made with; None: that of an opener, nobody knows
    """
    if _NOTHING_IN_COMMON in str(error):
        return f" ({NO_CERTIFICATE})"
    if _REFUSED_BY_SERVER in str(error):
        return f" ({UNTRUSTED_CERTIFICATE})"
    code = getattr(error, "verify_code", None)
    if code in _OF_STRICT_CHECKS:
        return f" ({CHECKED_STRICTLY})"
    if code not in _NOBODY_TRUSTED:
        return ""
    if trust is None:
        return " (for a private certificate authority, see the context of the opener)"
    if trust.is_given:
        return f" ({GIVEN_CONTEXT})"
    return f" ({_what_was_used()}; {PRIVATE_AUTHORITY})"


def _what_was_used() -> str:
    """Where the trusted certificates are from, and what is wrong with that."""
    paths = ssl.get_default_verify_paths()
    file = os.environ.get(paths.openssl_cafile_env)
    if file is not None:
        return f"SSL_CERT_FILE is {file!r}, {_state_of_file(file)}"
    folder = os.environ.get(paths.openssl_capath_env)
    if folder is not None:
        return f"SSL_CERT_DIR is {folder!r}, {_state_of_folder(folder)}"
    if paths.cafile is None and paths.capath is None:
        return f"the system has no certificates in {paths.openssl_cafile!r}"
    return "the certificates of the system were used"


def _state_of_file(path: str) -> str:
    """What there is to say of a file that should hold certificates."""
    if not path:
        return "which is no path"
    try:
        if os.path.getsize(path) == 0:
            return "which is empty"
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except FileNotFoundError:
        return "which is not there"
    except ssl.SSLError:
        return "which holds no certificate"
    except OSError as error:
        return f"which cannot be read: {error.strerror}"
    return "which does not hold the authority of this server"


def _state_of_folder(path: str) -> str:
    """What there is to say of a folder that should hold certificates."""
    if not os.path.exists(path):
        return "which is not there"
    return "in which OpenSSL finds no authority of this server (see `openssl rehash`)"
