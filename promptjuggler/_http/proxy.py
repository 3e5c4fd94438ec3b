"""The proxy of an argument, or of the environment."""

from __future__ import annotations

import urllib.request
from base64 import b64encode
from urllib.parse import unquote, urlsplit

from .._arguments import problem_of_authority
from .._loading import load
from .._masking import Secrets
from .._secrets import Secret
from ..errors import ValidationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address
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
    if proxy is not None:
        return proxy
    problem = (
        f"{name} must be the URL of an HTTP proxy,"
        " such as http://proxy.example:3128 (no https://)"
    )
    # What stands unencoded in a password ends the host early: the name of the user would
    # be that of the proxy.
    if any(mark in url.value.rpartition("://")[2].rstrip("/") for mark in "/?#"):
        problem += "; in a user name or password, / ? # are to be percent-encoded"
    raise ValidationError(problem)


def proxy_of_environment(scheme: str, host: str) -> Proxy | None:
    """The proxy that the environment names for a host, as urllib reads it; None: none.

    scheme   "http" or "https"
    host     with a port where it is not the usual one

    A loopback address goes through none, whatever NO_PROXY says: a proxy of a network
    has another loopback, and would not reach this machine but its own.

    urllib's ProxyHandler is not used: it puts the password into errors, and NO_PROXY
    above a proxy that was asked for. Raises `ValidationError` for what is no URL of a
    proxy; it names the variable.
    """
    # Rule 2 of _secrets.py: a URL can hold a password.
    proxies = Secret(urllib.request.getproxies())
    url = Secret(proxies.value.get(scheme))
    if not url.value or _is_loopback(host):
        return None
    if _is_bypassed(host, proxies.value.get("no")):
        return None
    return proxy_of_url(f"{scheme.upper()}_PROXY", Secret(url.value))


def secrets_of_proxies(argument: Secret[str]) -> Secrets:
    """What a proxy may have been sent and must show in no text: that of an argument, or
    any of the environment. What is no URL of a proxy is sent to none."""
    urls = Secret([argument.value, *urllib.request.getproxies().values()])
    secrets = Secrets()
    for index in range(len(urls.value)):
        proxy = _parsed(Secret(urls.value[index]))
        if proxy is not None:
            secrets |= proxy.secrets
    return secrets


def _is_loopback(host: str) -> bool:
    """Whether a host, with or without a port, is this machine by its name or address:
    `localhost` and all below it (RFC 6761, 6.3), 127.0.0.0/8, ::1 (RFC 6890)."""
    name = _name_of(host).removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    address = _address_of(name)
    return address is not None and address.is_loopback


def _name_of(host: str) -> str:
    """A host without its port, in lower case."""
    name, _, _ = host.rpartition(":")
    if not name or host.endswith("]"):
        name = host
    return name.lower()


def _is_bypassed(host: str, no_proxy: str | None) -> bool:
    """Whether a host is reached without a proxy.

    no_proxy  the variable of that name; None: the settings of the system tell
    """
    if no_proxy is None:
        return bool(urllib.request.proxy_bypass(host))
    if no_proxy.strip() == "*":
        return True
    name = _name_of(host)
    port = host[len(name) :].removeprefix(":")
    patterns = no_proxy.replace(",", " ").split()
    return any(_is_excluded(name, port, one.lower()) for one in patterns)


def _is_excluded(host: str, port: str, pattern: str) -> bool:
    """Whether one pattern of NO_PROXY is for a host, as curl reads it: a domain with all
    that is below, an address, with or without brackets, or a network (CIDR).

    A port behind a host, as Python has it, is taken too.
    """
    address = _address_of(host)
    if address is not None:
        return _is_in_network(address, pattern, port)
    domain, colon, wanted_port = pattern.strip(".").partition(":")
    if colon and wanted_port != port:
        return False
    host = host.removesuffix(".")
    return domain != "" and (host == domain or host.endswith(f".{domain}"))


def _is_in_network(address: IPv4Address | IPv6Address, pattern: str, port: str) -> bool:
    """Whether an address is the one that a pattern names, or in its network."""
    network, slash, length = pattern.removesuffix("/").partition("/")
    if not slash:
        # With a port: neither `1.2.3.4:80` nor `[::1]:80` is an address.
        same = _address_of(network) or _address_of(network.removesuffix(f":{port}"))
        return same == address
    from ipaddress import ip_network

    try:
        # What an address has behind its network is let pass, as curl does.
        return address in ip_network(f"{_bare(network)}/{length}", strict=False)
    except ValueError:
        return False


def _address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The IP address that a text is, in brackets or not; None for the name of a host."""
    # Most hosts are names: without a look at the last character, they would load this.
    bare = _bare(text)
    if not bare[-1:].isdigit() and ":" not in bare:
        return None
    load("ipaddress:ip_address")
    from ipaddress import ip_address

    try:
        return ip_address(bare)
    except ValueError:
        return None


def _bare(text: str) -> str:
    """An address without its brackets."""
    if text.startswith("[") and text.endswith("]"):
        return text[1:-1]
    return text


def _parsed(url: Secret[str]) -> Proxy | None:
    """The proxy, or None: an error would hold the password (rule 3)."""
    if "?" in url.value or "#" in url.value:
        return None
    # urlsplit() leaves out tabs and line ends: what it read would be another URL.
    if not url.value.strip().isprintable():
        return None
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
    """Whether a URL names a host, and nothing there: a proxy has no paths."""
    if parts.scheme != "http" or parts.path not in ("", "/"):
        return False
    address = parts.netloc.rpartition("@")[2].rstrip(":")
    return problem_of_authority(address) is None


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
