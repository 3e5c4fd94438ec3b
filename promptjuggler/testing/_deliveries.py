"""Webhooks on their way to who asked for them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from functools import cached_property
from http.client import HTTPException
from typing import NamedTuple

from .messages import Delivery
from .webhooks import sign_webhook

EVENTS = (
    "promptrun.finished",
    "workflowrun.finished",
    "knowledgedocument.finished",
    "knowledgebase.finished",
)
"""The kinds of webhooks, as the API names them."""

_SECONDS_BETWEEN_TRIES = 0.05


class Receiver(NamedTuple):
    """Who asked for webhooks."""

    url: str
    secret: str
    events: tuple[str, ...]
    retries: int


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Lets a redirect be the error that it is to who sends webhooks.

    urllib would follow it by a GET, without the body, to wherever it leads.
    """

    def redirect_request(self, *arguments: object) -> None:
        """No request in place of the one that was sent."""


class Deliveries:
    """POSTs webhooks, and notes what became of them. Usable in any thread."""

    def __init__(self) -> None:
        self.made: list[Delivery] = []
        """Every try, as it ended."""
        self.errors: list[str] = []
        """For each webhook that never came through its URL and why."""
        self.timeout = 1.0
        """Seconds that a receiver may say nothing."""
        self._receivers: list[Receiver] = []

    def add_receiver(self, receiver: Receiver) -> None:
        """Deliver what comes to this one too."""
        self._receivers.append(receiver)

    def deliver(self, event: str, document: Mapping[str, object]) -> Iterator[float]:
        """Send a webhook to all who want its kind, one after the other.

        It is a job: it yields the seconds to wait before it is sent again.
        """
        body = json.dumps(document).encode()
        for receiver in tuple(self._receivers):
            if event in receiver.events:
                yield from self._deliver_to(receiver, event, body)

    def _deliver_to(
        self, receiver: Receiver, event: str, body: bytes
    ) -> Iterator[float]:
        """Send a webhook to one receiver until it has it, or there are no tries left."""
        retries_left = receiver.retries
        while True:
            delivery = self._attempt(receiver, event, body)
            self.made.append(delivery)
            if delivery.error is None:
                return
            if not retries_left:
                self.errors.append(f"{receiver.url}: {delivery.error}")
                return
            retries_left -= 1
            yield _SECONDS_BETWEEN_TRIES

    def _attempt(self, receiver: Receiver, event: str, body: bytes) -> Delivery:
        """Send a webhook once. Each time it is signed anew, for now."""
        status: int | None = None
        problem: str | None = None
        try:
            status = self._post(receiver.url, receiver.secret, body)
        except urllib.error.HTTPError as error:
            # The error is an answer too, on an open connection.
            error.close()
            status = error.code
            problem = str(error)
        except (OSError, HTTPException, ValueError) as error:
            # Whatever it is, it is the receiver's or its address's fault.
            problem = str(error) or type(error).__name__
        return Delivery(event, receiver.url, status, problem, body)

    @cached_property
    def _opener(self) -> urllib.request.OpenerDirector:
        """Made when it is first used: it loads all certificates, which takes 20 ms.

        It uses no proxy: a receiver is on this machine, as a rule.
        """
        no_proxy = urllib.request.ProxyHandler({})
        return urllib.request.build_opener(no_proxy, _NoRedirects)

    def _post(self, url: str, secret: str, body: bytes) -> int:
        """The status of an answer that is no error."""
        headers = {
            "Content-Type": "application/json",
            "PromptJuggler-Signature": sign_webhook(body, secret),
        }
        request = urllib.request.Request(url, body, headers)
        with self._opener.open(request, timeout=self.timeout) as answer:
            status: int = answer.status
            return status
