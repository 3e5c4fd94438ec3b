"""What all commands stand on: the client, the stand-in, and how far things have come."""

from __future__ import annotations

import os

from .exits import WRONG_USAGE, Stop
from .inputs import read_text
from .output import print_note, with_progress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from typing import TypeVar

    from .. import PromptJuggler
    from ..testing import FakeServer
    from .arguments import Arguments
    from .exits import Progress

    T = TypeVar("T")

RUN_TIMEOUT = 300.0
"""Seconds that a run may take, without `--wait-timeout`."""


class Session:
    """One call of the command line.

    args        what it was called with
    progress    how far it has come; commands set it
    closing     what is to be closed when the command ends
    """

    __slots__ = ("args", "closing", "progress")

    def __init__(self, args: Arguments, progress: Progress, closing: ExitStack) -> None:
        self.args = args
        self.progress = progress
        self.closing = closing

    def connect(self) -> PromptJuggler:
        """The client: of the account, or with `--demo` of a stand-in.

        Raises `Stop` without a key, and `ValidationError`.
        """
        from .. import PromptJuggler

        args = self.args
        if args.demo:
            server = self.start_stand_in()
            server.run_seconds = 0.0
            client = PromptJuggler(
                server.api_key,
                base_url=server.url,
                proxy=False,
                timeout=args.timeout,
                max_retries=args.max_retries,
            )
        else:
            client = PromptJuggler(
                self._api_key(),
                base_url=args.base_url,
                timeout=args.timeout,
                max_retries=args.max_retries,
            )
        return self.closing.enter_context(client)

    def _api_key(self) -> str | None:
        """The key of the file; None is for the client that of the environment."""
        path = self.args.api_key_file
        if path is not None:
            try:
                return read_text(path)
            except (OSError, Stop):
                # Neither the path nor the cause: somebody may have given the key.
                problem = "the file of --api-key-file cannot be read"
                raise Stop(WRONG_USAGE, problem) from None
        if os.environ.get("PROMPTJUGGLER_API_KEY", "").strip():
            return None
        problem = "there is no API key: set PROMPTJUGGLER_API_KEY or --api-key-file"
        raise Stop(WRONG_USAGE, problem)

    def start_stand_in(self) -> FakeServer:
        """Start a stand-in with what `tables.STAND_IN` says."""
        from ..testing import FakeServer

        server = self.closing.enter_context(FakeServer())
        server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
        server.add_workflow("summary", _first_sentence)
        server.add_knowledge_base("manuals")
        return server

    def id_for(self, make: Callable[[], object]) -> str:
        """The id that was given; with `--demo`, that of what `make` makes.

        The stand-in is new: nothing can have the id that was given.
        """
        given = self.args.id
        if not self.args.demo:
            return given
        made = str(make())
        print_note(f"{made} takes the place of {given}: the stand-in is new")
        return made

    def with_progress(
        self, text_after: Callable[[float], str], call: Callable[[], T]
    ) -> T:
        """As `output.with_progress`, unless a line is not wanted."""
        if self.args.quiet or self.args.verbose:
            return call()
        return with_progress(text_after, call)


def _first_sentence(inputs: dict[str, str]) -> dict[str, str | None]:
    """The workflow of the stand-in."""
    return {"summary": inputs["text"].strip().partition(".")[0]}
