"""The methods of FakeServer for what it serves: prompts, workflows, bases, webhooks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal
from uuid import UUID

from ._base import Base, JsonObject, JsonObjects
from ._calls import Call, checked_index, in_full_form
from ._checks import (
    checked_count,
    checked_secret,
    checked_segment,
    checked_texts,
    checked_url,
)
from ._deliveries import EVENTS, Receiver
from ._revisions import checked_revision
from ._state import LATEST, new_id
from .parts import Error, Node, Part, Usage

PromptOutput = Part | Iterable[Part]
Outputs = Mapping[str, str | None]
WorkflowOutput = Outputs | Node | Error | Iterable[Outputs | Node | Usage | Error]


class AddMethods(Base):
    """Adds what clients then find."""

    def add_prompt(
        self,
        slug: str,
        function: Callable[[dict[str, str]], PromptOutput]
        | Callable[[dict[str, str], Call], PromptOutput],
        *,
        tags: Iterable[str] = ("production",),
        messages: JsonObjects = (),
        system_instruction: str | None = None,
        tools: JsonObjects = (),
        response_format: JsonObject | None = None,
        provider: str = "openai",
        model: str = "fake",
        model_params: JsonObject | None = None,
        memory: Literal[
            "stateless", "read_only", "read_write", "write_only"
        ] = "stateless",
    ) -> int:
        """Serve a prompt: its version 1, or the next if there is one already.

        slug        as in `run_prompt(slug, ...)`
        function    from the inputs of a run to its output
        tags        that move to this version; `__latest__` does anyway

        The rest is what `get_prompt` gives, in the API's words. The function
        need not heed it:

        messages              dicts, as `{"role": "user", "content": "Greet {{name}}"}`
        system_instruction    a text; None is none
        tools                 dicts, as `{"type": "web_search"}`
        response_format       a dict; None is `{"type": "text"}`
        provider, model       as "anthropic" and its name for the model
        model_params          a dict, as `{"temperature": 0.2}`; None is an empty one
        memory                what runs have of their thread and channel: with "read_only"
                              or "read_write", the function finds in `call.messages` what
                              was said; with "write_only" or "read_write", what goes in
                              (the values of the inputs, as the user's) and what comes
                              out (as the assistant's) is kept for later runs

        Returns the number of the version. Older ones stay.

        The function is called once for each run, in a thread of its own. If it
        has a second parameter without a default, or named `call`, it gets the
        `Call` there: version, thread, metadata and more. It gives a text,
        which is streamed by words over `run_seconds`, or a list of parts,
        streamed likewise, in which each text is one token:

            ["Wait", Reset(), "Look: ", Tool("search"), Payload("emit", {"found": 1})]

        or is a generator of parts, which go out when it yields them. If it
        raises, even what is no `Exception`, the run fails with the text of the
        error (or the name of its class), and the traceback is in `errors`. So
        it does, with a `TypeError`, where it gives anything else. With an
        `Error`, the run fails as well, but because it should.

        Raises `TypeError` or `ValueError` for what cannot be, as a message
        without a role, and for a role, provider, type or parameter that this
        version does not know. (What the API may add some day, `answer_next` can
        give.)
        """
        revision = checked_revision(
            messages=messages,
            system_instruction=system_instruction,
            tools=tools,
            response_format=response_format,
            provider=provider,
            model=model,
            model_params=model_params,
            memory=memory,
        )
        return self._state.add_version(
            "prompt",
            checked_segment("slug", slug),
            in_full_form(function),
            _checked_tags(tags),
            revision,
        )

    def add_workflow(
        self,
        slug: str,
        function: Callable[[dict[str, str]], WorkflowOutput]
        | Callable[[dict[str, str], Call], WorkflowOutput],
        *,
        tags: Iterable[str] = ("production",),
    ) -> int:
        """Serve a workflow: its version 1, or the next if there is one already.

        slug        as in `run_workflow(slug, ...)`
        function    from the inputs of a run to its outputs, a dict of texts and None by
                    names; called and failing as that of `add_prompt`
        tags        that move to this version; `__latest__` does anyway

        Returns the number of the version. Older ones stay.

        Streams then tell of the end of the run alone. For more, the function
        gives a list or generator of nodes, and of dicts for other outputs:

            [Node("summary", ["It is ", "short."], channel="support"), {"title": None}]

        A node is a run of its own in the thread of the workflow. An `Error`
        among them fails the run; a `Usage` counts for the workflow.
        """
        return self._state.add_version(
            "workflow",
            checked_segment("slug", slug),
            in_full_form(function),
            _checked_tags(tags),
            {},
        )

    def add_knowledge_base(
        self,
        slug: str,
        index: Callable[[str, bytes], Error | None] | None = None,
    ) -> None:
        """Serve a knowledge base, which is empty; one that is there keeps its documents.

        slug     as in `upload_documents(slug, ...)`
        index    is called once for each document, when it is due, with its file name
                 and content; None is no function: each document becomes `ready`

        A document is `sealed` while the function runs, `ready` if it gives
        None, and `failed` if it gives or raises an `Error`:

            def index(name, content):
                return None if name.endswith(".pdf") else Error("Not a PDF.")

        It fails as well by what else the function raises or gives; then the
        traceback is in `errors`. A base is `failed` if all its documents are.
        """
        checked_segment("slug", slug)
        indexer = None if index is None else checked_index(index)
        with self._state.lock:
            self._state.bases.setdefault(slug, new_id())
            if indexer is None:
                self._state.indexers.pop(slug, None)
            else:
                self._state.indexers[slug] = indexer

    def document_content(self, document_id: str | UUID) -> bytes:
        """What was uploaded as this document.

        document_id    the `id` of a result of `upload_documents`

        Raises `KeyError` if there is none, or if it was deleted.
        """
        return self._state.documents[str(document_id).lower()].file.content

    def add_webhook(
        self,
        url: str,
        secret: str,
        *,
        events: Iterable[str] | None = None,
        retries: int = 0,
    ) -> None:
        """Send a webhook to a URL whenever something ends.

        url        where to POST it, an http or https URL without a user name; without a
                   proxy, whatever the environment says
        secret     what to sign it with, for `verify_webhook_signature`
        events     the kinds that it wants, of "promptrun.finished",
                   "workflowrun.finished", "knowledgedocument.finished",
                   "knowledgebase.finished"; None is all of them
        retries    how often one that fails is sent again, 0.05 seconds later

        Each run, document or base that ends is told of once: as
        `PromptRunFinished`, `WorkflowRunFinished`,
        `KnowledgeDocumentFinished`, `KnowledgeBaseFinished`. The run of a `Node`
        is a part of its workflow, whose end is told of.

        It goes out just after the end can be seen, to one URL after the other.
        One that answers with a redirect or an error status, says nothing for a
        second or cannot be reached fails. Every try is in `deliveries`; what
        failed to the end has an entry in `webhook_errors` too.
        `wait_for_webhooks()` waits for them.
        """
        checked_url("url", url)
        wanted = EVENTS if events is None else checked_texts("events", events)
        unknown = [event for event in wanted if event not in EVENTS]
        if unknown:
            raise ValueError(
                f"events has {unknown[0]!r}; there are {', '.join(EVENTS)}"
            )
        if not wanted:
            raise ValueError("events must not be empty: None is all of them")
        checked_secret("secret", secret)
        checked_count("retries", retries, least=0)
        self._deliveries.add_receiver(Receiver(url, secret, wanted, retries))


def _checked_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags, which are no numbers of versions."""
    texts = checked_texts("tags", tags)
    for tag in texts:
        checked_segment("a tag", tag)
        if tag.isdecimal() or tag == LATEST:
            raise ValueError(f"{tag!r} cannot be given as a tag")
    return texts
