"""The client: one method for each operation of the API, and the one loop that sends again.

    from promptjuggler import PromptJuggler

    with PromptJuggler() as pj:  # the key is in PROMPTJUGGLER_API_KEY
        started = pj.run_prompt("greeting", "production", {"name": "Ada"})
        run = pj.wait_for_prompt_run(started.id)
        print(run.output)

A *slug* names a prompt, a workflow or a knowledge base. A *version* is a number, or a tag
such as `production`. A *thread* is a conversation: runs with the same thread share its
memory, by *channel*. An *environment* decides which webhooks fire, and which variables a
run sees.

Sending again
-------------
A request that failed is sent again up to `max_retries` times, where that can do no harm:

    what happened                             get_, delete_,       run_,
                                              create_stream_token  upload_documents
    it certainly did not leave: look-up of    again                again
    the name, refused, no connection in
    time, handshake of TLS or of a proxy
    429: turned away                          again                again
    408, 500, 502-504, 520-524, 529, 530;     again                never
    the connection broke; no answer in time
    a certificate that is not trusted; a      never                never
    proxy that wants another password; no
    HTTP, no TLS, no version in common
    any other status; an answer that cannot   never                never
    be read

The right column is short since a run costs money: where the request may have arrived, the
run may have been started, and the API has no way to say "once only". You get the error,
whose `may_have_taken_effect` says so, and decide. A deletion that is sent again and then
meets 404 counts as done.

The delay before grows from 0.5 to 8 seconds, less up to a quarter by chance. What a server
asks for with `Retry-After` is waited for, and up to a tenth more; if that is over 60
seconds, the error is raised at once, with `retry_after`.

Time limits
-----------
`timeout` bounds each of these steps by itself: the connect, with the handshakes of TLS and
of a proxy; each piece of the request that is sent; the whole answer, from the last byte
sent to the last byte received, however slowly it drips. An upload that moves fewer than 1
KiB a second over that time is cut off. `total_timeout` bounds a call with all of its
attempts and the delays between them: the error says after how many attempts. The `timeout`
of a `wait_for_` method bounds that wait.

The one thing that none of them bounds is the look-up of the host's name, which the system
does, and which no Python can end. With an `opener`, the connect and the head of an answer
are its own business: `timeout` bounds each of its waits, and then the whole body.

Connections
-----------
They are kept for the next calls, at most 8 idle ones of a client and of those that
`with_options` made of it. One is not used again after 30 idle seconds by the wall clock, so
that a process that was frozen notices; after the `timeout` of the server's `Keep-Alive`; 5
minutes after it was made, since names move; or in a forked child. What starts a run or
uploads takes only one that was idle for less than 5 seconds. A GET or DELETE that meets the
end of a kept connection, before any answer, is sent once more, whatever `max_retries` is.

In a cloud function
-------------------
Make the client outside the handler, and call `preload()` there. Where the disk is read-only,
Python compiles all files anew at each cold start, unless the zip has them compiled, by the
very version of Python that the function runs. This does that on a copy, since Python no
longer looks at the source of files that are compiled like this:

    mkdir compiled
    cp -R handler.py promptjuggler compiled
    python3 -m compileall -q -f --invalidation-mode unchecked-hash compiled
    (cd compiled && python3 -m zipfile -c ../function.zip handler.py promptjuggler)

An event can come twice: keep the id of its run before you wait for that.

Secrets and logs
----------------
The key goes to the host of the base URL and nowhere else; redirects are never followed. It
is in no error text, log line, repr or traceback, and neither are tokens, the password of a
proxy and the values of `env_vars`. Where a server says one of them back, it shows as `***`,
unless it has fewer than four characters: a mask for each of them would leave no text.

A program that uses `logging` has a logger `promptjuggler`: a line at level DEBUG for each
attempt (method, path, status, milliseconds), and one at level INFO for each delay before
another.
"""

from __future__ import annotations

import os

from ._arguments import (
    checked_api_key,
    checked_base_url,
    checked_count,
    checked_optional_seconds,
    checked_seconds,
)
from ._client.knowledge import KnowledgeMethods
from ._client.many import BatchMethods
from ._http.transport import Transport
from ._loading import load
from ._secrets import Secret

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    import typing
    from urllib import request as urllib_request

    _Client = typing.TypeVar("_Client", bound="PromptJuggler")
else:
    from ._annotations import ssl, typing, urllib_request

    # What `typing.get_type_hints` finds for "the class of this client".
    _Client = "PromptJuggler"

__all__ = ["PromptJuggler"]

_DEFAULT_BASE_URL = "https://promptjuggler.com"


class PromptJuggler(BatchMethods, KnowledgeMethods):
    """A client of the PromptJuggler API. To make one sends nothing.

    Any number of threads may share one; it can be used after a fork. A program that calls
    it in signal handlers, which can come amid an import, calls `preload()` before. It
    keeps connections for the next calls: leave it as a context manager, or call
    `close()`, to close them.

    api_key      None: that of the environment variable PROMPTJUGGLER_API_KEY. White space
                 around it is cut off
    base_url     where the API is, http or https, with or without a path; None: that of
                 PROMPTJUGGLER_BASE_URL, or else https://promptjuggler.com
    timeout      seconds, above 0, for each of: the connect with its handshakes, each piece
                 of the request that is sent, and the whole answer. The system looks up
                 names, for as long as that takes: no Python can end it
    total_timeout
                 seconds, above 0, of a whole call: all attempts and the delays between
                 them. No attempt or delay is begun that could not end within it. None: no
                 bound
    max_retries  how often a request that failed is sent again; 0: never. One that starts a
                 run, or uploads, only where it certainly did not arrive, or got status 429
    ssl_context  for a private certificate authority, or a client certificate; None: the
                 trust store of the system, or of SSL_CERT_FILE and SSL_CERT_DIR
    proxy        the URL of an HTTP proxy, with or without user and password; False: none;
                 None: that of HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY names the host
    opener       an opener to send through instead of the built-in one; then `ssl_context`
                 and `proxy` must be None

    It can be pickled, with its key, without `ssl_context` and `opener`.

    Every method raises
        ApiError         the API answered with an error status
        NetworkError     there is no complete answer; a `RequestTimeout` if it took too long
        DecodeError      the answer is not what the API promises
        ValidationError  an argument is wrong, and nothing was sent; so does the constructor
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        base_url: str | None = None,
        timeout: float = 30.0,
        total_timeout: float | None = None,
        max_retries: int = 2,
        ssl_context: ssl.SSLContext | None = None,
        proxy: str | typing.Literal[False] | None = None,
        opener: urllib_request.OpenerDirector | None = None,
    ) -> None:
        # Rule 1 of _secrets.py.
        key = Secret(api_key)
        secret_proxy = None if proxy is None else Secret(proxy)
        del api_key, proxy
        transport = Transport(
            _checked_base_url(base_url),
            checked_api_key(key, Secret(os.environ.get("PROMPTJUGGLER_API_KEY", ""))),
            ssl_context,
            secret_proxy,
            opener,
            self._clock,
        )
        super().__init__(
            transport,
            checked_seconds("timeout", timeout),
            checked_optional_seconds("total_timeout", total_timeout),
            checked_count("max_retries", max_retries),
        )

    def with_options(
        self: _Client,
        *,
        timeout: float | None = None,
        total_timeout: float | None = None,
        max_retries: int | None = None,
    ) -> _Client:
        """A client with other options that shares the connections of this one.

        timeout        seconds of one attempt; None: as it is
        total_timeout  seconds of a whole call; None: as it is
        max_retries    None: as it is

        To close one of the two closes the idle connections of both. Raises
        `ValidationError`.
        """
        load("copy:copy")
        # A subclass may have slots: copy() knows.
        from copy import copy

        client = copy(self)
        if timeout is not None:
            client._timeout = checked_seconds("timeout", timeout)
        if total_timeout is not None:
            client._total_timeout = checked_seconds("total_timeout", total_timeout)
        if max_retries is not None:
            client._max_retries = checked_count("max_retries", max_retries)
        return client

    def preload(self) -> None:
        """Do now what the first calls would do, without sending anything.

        Loads every module that the calls need, makes the decoders of all results, and for
        an https base URL the TLS context. After it, a call loads no module.

        A function in a cloud has more processor while it starts than in its first call:
        call it there. A program that forks while other threads make their first calls
        must call it before: a child that is made while another thread imports a module
        waits for that import for ever. Without it, a fork is safe where no thread is in
        its first call of a kind. So must a program that calls in signal handlers: one
        that interrupts an import cannot load what its call needs, and gets a
        `NetworkError` with `request_sent` False.

        Raises `NetworkError` where the TLS context cannot be made, or Python is ending.
        """
        load("._client.preloading:preload")
        from ._client.preloading import preload

        preload(self._transport)

    def close(self) -> None:
        """Close the idle connections. The client stays usable."""
        self._transport.pool.close()

    def __enter__(self: _Client) -> _Client:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        # It may be asked for while __init__ has not come that far.
        transport: Transport | None = self.__dict__.get("_transport")
        if transport is None:
            return "PromptJuggler()"
        return f"PromptJuggler(base_url={transport.base_url!r})"


def _checked_base_url(base_url: str | None) -> str:
    """The base URL of the argument, of the environment, or of the service."""
    if base_url is not None:
        return checked_base_url("base_url", base_url)
    name = "PROMPTJUGGLER_BASE_URL"
    return checked_base_url(name, os.environ.get(name) or _DEFAULT_BASE_URL)
