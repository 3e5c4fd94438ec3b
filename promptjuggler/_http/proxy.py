"""The proxy of an argument, or of the environment."""

from __future__ import annotations

import urllib.request
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from .._secrets import Secret, Secrets
from ..errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from urllib.parse import SplitResult


class Proxy:
    """An HTTP proxy.

    address        host and port; an IPv6 address in brackets
    authorization  the value of the header Proxy-Authorization, or None
    secrets        what of its URL must show in no text
    """

    __slots__ = ("address", "authorization", "secrets")

    def __init__(
        self, address: str, authorization: Secret[str] | None, secrets: Secrets
    ) -> None:
        self.address = address
        self.authorization = authorization
        self.secrets = secrets


def proxy_of_url(name: str, url: Secret[str]) -> Proxy:
    """The proxy of a URL, with or without `http://` and `user:password@`.

    Raises `ValidationError`, with `name` for where the URL is from, and without the URL.
    """
    proxy = _parsed(url)
    if proxy is None:
        raise ValidationError(
            f"{name} must be the URL of an HTTP proxy,"
            " such as http://proxy.example:3128 (no https://)"
        )
    return proxy


def proxy_of_environment(scheme: str, host: str) -> Proxy | None:
    """The proxy that the environment names for a host, as urllib reads it; None: none.

    scheme   "http" or "https"
    host     with a port where it is not the usual one

    urllib's ProxyHandler is not used: it puts the password into errors, and NO_PROXY
    above a proxy that was asked for.
    """
    if urllib.request.proxy_bypass(host):
        return None
    # Rule 2 of _secrets.py: a URL can hold a password.
    url = Secret(urllib.request.getproxies().get(scheme))
    if not url.value:
        return None
    return proxy_of_url(f"{scheme.upper()}_PROXY", Secret(url.value))


def _parsed(url: Secret[str]) -> Proxy | None:
    """The proxy, or None: an error would hold the password (rule 3)."""
    prefix = "" if "://" in url.value else "http://"
    try:
        parts = Secret(urlsplit(prefix + url.value.strip()))
        if not _names_http_proxy(parts.value):
            return None
        address = parts.value.netloc.rpartition("@")[2].rstrip(":")
        if parts.value.port is None:
            address += ":80"
        authorization = _authorization(parts)
        return Proxy(address, authorization, _secrets_of(parts, authorization))
    except ValueError:
        return None


def _names_http_proxy(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    return parts.scheme == "http" and host != "" and " " not in host


def _authorization(parts: Secret[SplitResult]) -> Secret[str] | None:
    """The Basic credentials (RFC 7617) of `user:password@`; None without."""
    if parts.value.username is None:
        return None
    pair = Secret(f"{parts.value.username}:{parts.value.password or ''}")
    return Secret("Basic " + b64encode(unquote(pair.value).encode()).decode())


def _secrets_of(
    parts: Secret[SplitResult], authorization: Secret[str] | None
) -> Secrets:
    """The password, as it was written and as it is meant, and the credentials."""
    if authorization is None:
        return Secrets()
    password = Secret(parts.value.password or "")
    credentials = Secret(authorization.value.partition(" ")[2])
    return Secrets([password.value, unquote(password.value), credentials.value])
