"""A request and its answer, as the client gives and gets them, and as urllib wants them."""

from __future__ import annotations

import sys
import urllib.request
from urllib.parse import urlsplit

from .. import __version__
from .._masking import Secrets
from .._secrets import Secret, printable
from .certificates import Trust
from .deadline import Deadline

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from email.message import Message
    from typing import TypeAlias

    Body: TypeAlias = Secret[bytes] | Secret[Iterable[bytes]]

_PYTHON = ".".join(str(number) for number in sys.version_info[:3])

HEADERS_OF_ALL_REQUESTS = {
    "Accept": "application/json",
    # To unpack would take longer than a few more bytes on the way.
    "Accept-encoding": "identity",
    "User-agent": f"promptjuggler-stdlib/{__version__} python/{_PYTHON}",
}


class Request:
    """A request to the API.

    method          "GET", "POST" or "DELETE"
    path            what follows the base URL, percent-encoded: "/api/v1/..."
    repeatable      whether sending it twice has no more effect than sending it once
    secrets         texts in its body that must show in no text of ours
    body            its bytes, at once or in pieces; None without one
    content_type    of the body
    content_length  of the body, in bytes
    """

    __slots__ = (
        "body",
        "content_length",
        "content_type",
        "method",
        "path",
        "repeatable",
        "secrets",
    )

    def __init__(
        self,
        method: str,
        path: str,
        *,
        repeatable: bool,
        body: Body | None = None,
        content_type: str = "",
        content_length: int = 0,
        secrets: Secrets | None = None,
    ) -> None:
        self.method = method
        self.path = path
        self.repeatable = repeatable
        self.body = body
        self.content_type = content_type
        self.content_length = content_length
        self.secrets = secrets or Secrets()


class Reply:
    """The whole answer to a request that the API carried out."""

    __slots__ = ("body", "call", "headers", "status")

    def __init__(
        self,
        call: UrllibRequest,
        status: int,
        headers: Message,
        body: Secret[bytes],
    ) -> None:
        self.call = call
        self.status = status
        self.headers = headers
        self.body = body


PROXY_WANTS_PASSWORD = 407
"""The status by which a proxy, and nobody else, asks for a user and password, or for
others (RFC 9110, 15.5.8)."""

SERVER_SPEAKS_TLS = " (the server speaks TLS there: is the URL to begin with https://?)"
"""What the error of a request without TLS says, where it met a port with it."""


class Stage:
    """How far a request is, by which its error says what failed.

    No Enum: to make one takes a tenth of a millisecond, whenever a client starts.
    """

    CONNECT = "connect"
    TUNNEL = "ask the proxy for a tunnel"
    TLS = "shake hands over TLS"
    SEND = "send"
    ANSWER = "read the answer"


class Route:
    """The way to a host: what a connection must have in common with a request to serve it.

    address       the host that is connected to, with a port where it is not the usual
                  one; an IPv6 address in brackets
    trust         whom to trust over TLS; None for plain http
    tunnel_to     the host behind a proxy to which a tunnel (CONNECT) is made, or None
    through_proxy whether `address` is that of a proxy
    authorization the Proxy-Authorization header, or None
    secrets       of the proxy

    There is one object for each way, so routes are compared by identity.
    """

    __slots__ = (
        "address",
        "authorization",
        "secrets",
        "through_proxy",
        "trust",
        "tunnel_to",
    )

    def __init__(
        self,
        address: str,
        *,
        trust: Trust | None = None,
        tunnel_to: str | None = None,
        through_proxy: bool = False,
        authorization: Secret[str] | None = None,
        secrets: Secrets | None = None,
    ) -> None:
        self.address = address
        self.trust = trust
        self.tunnel_to = tunnel_to
        self.through_proxy = through_proxy
        self.authorization = authorization
        self.secrets = secrets or Secrets()

    @property
    def host_of_tls(self) -> str:
        """The host whose certificate is asked for: never that of a proxy."""
        return self.tunnel_to or self.address


class _RefuseEveryRedirect(dict[str, int]):
    """The redirects that urllib takes as followed already: each URL, all too often.

    seam: Request.redirect_dict. `HTTPRedirectHandler` counts in it how often it met a
    URL, and raises the HTTPError of the redirect where that is too often. So an opener
    of the caller never sends the key to another host.
    """

    def get(self, *_: object) -> int:
        """How often a URL was met."""
        return sys.maxsize


class UrllibRequest(urllib.request.Request):
    """A request as an opener of urllib takes it, with what sending it needs.

    In this folder it is always the `call`; a `request` is what it is made of, a `Request`.

    deadline      bounds each step of it
    by_opener     whether an opener of the caller sends it, and finds its way
    route         the way to its host, once it is known
    longest_idle  it uses no connection that was idle for longer, in seconds
    stage         how far it is, one of `Stage`
    times_sent    how often its first byte was sent; 0 through an opener of the caller,
                  since nobody tells
    key           the API key, or a token
    secrets       what of its body must show in no text
    """

    redirect_dict = _RefuseEveryRedirect()

    def __init__(
        self,
        method: str,
        url: str,
        deadline: Deadline,
        key: Secret[str],
        secrets: Secrets | None = None,
    ) -> None:
        # Only cookie handlers need the host that asks; urllib would parse the URL once
        # more to find it, which takes longer than all the rest of this.
        super().__init__(url, method=method, origin_req_host="")
        self.deadline = deadline
        self.by_opener = False
        self.route: Route | None = None
        self.longest_idle = float("inf")
        self.stage = Stage.CONNECT
        self.times_sent = 0
        self._key = key
        self._own_secrets = secrets
        self.add_unredirected_header("Host", self.host)
        for name, value in HEADERS_OF_ALL_REQUESTS.items():
            self.add_unredirected_header(name, value)

    def authorize(self) -> None:
        """Add the header with the key.

        Call it within `network_errors` alone: that takes away the frames of urllib, which
        hold the key (rule 4 of _secrets.py).
        """
        # Rule 2 of _secrets.py.
        self.add_unredirected_header("Authorization", f"Bearer {self._key.value}")

    @property
    def secrets(self) -> Secrets:
        """All that must show in no text: of the request, and of its proxy."""
        secrets = Secrets([self._key.value])
        if self._own_secrets is not None:
            secrets = secrets | self._own_secrets
        if self.route is not None:
            secrets = secrets | self.route.secrets
        return secrets

    def clean(self, text: str) -> str:
        """A text for an error of this request: rule 5 of _secrets.py."""
        return printable(self.secrets.masked(text))

    @property
    def shown_url(self) -> str:
        """The URL for errors: a query can hold what is not to be shown."""
        return self.full_url.partition("?")[0]

    @property
    def host_and_port(self) -> str:
        """The host of the API, with its port, for errors.

        Not from `self.host`: a ProxyHandler of an opener puts its proxy there.
        """
        usual_port = 443 if self.type == "https" else 80
        # A URL can go on behind the host with a query: that is not to be shown.
        authority = urlsplit(self.full_url).netloc.removesuffix(":")
        has_port = authority.rpartition(":")[2].isdigit()
        return authority if has_port else f"{authority}:{usual_port}"

    @property
    def target(self) -> str:
        """What the request line asks for (RFC 9112, 3.2): of a proxy, the whole URL."""
        if self.route and self.route.through_proxy and not self.route.tunnel_to:
            return self.full_url
        return self.selector
