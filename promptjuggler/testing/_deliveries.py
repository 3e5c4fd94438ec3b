"""Webhooks on their way to who asked for them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from functools import cached_property

from .webhooks import sign_webhook


class Deliveries:
    """POSTs webhooks, once each, and notes what failed. Usable in any thread."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        """For each failed delivery its URL and why."""
        self.timeout = 1.0
        """Seconds that a receiver may say nothing."""
        self._receivers: list[tuple[str, str]] = []

    def add_receiver(self, url: str, secret: str) -> None:
        """Deliver all that comes to this URL too, signed with this secret."""
        self._receivers.append((url, secret))

    def deliver(self, document: Mapping[str, object]) -> None:
        """Send a webhook to all receivers, one after the other."""
        body = json.dumps(document).encode()
        for url, secret in tuple(self._receivers):
            try:
                self._post(url, secret, body)
            except Exception as error:
                # Whatever it is, it is the receiver's or its address's fault.
                self.errors.append(f"{url}: {error}")

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """Made when it is first used: it loads all certificates, which takes 20 ms.

        It uses no proxy: a receiver is on this machine, as a rule.
        """
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def _post(self, url: str, secret: str, body: bytes) -> None:
        headers = {
            "Content-Type": "application/json",
            "PromptJuggler-Signature": sign_webhook(body, secret),
        }
        request = urllib.request.Request(url, body, headers)
        try:
            self._opener.open(request, timeout=self.timeout).close()
        except urllib.error.HTTPError as error:
            # The error is an answer too, on an open connection.
            error.close()
            raise
