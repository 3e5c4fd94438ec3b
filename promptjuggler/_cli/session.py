"""What all commands stand on: the client, the stand-in, and how far things have come."""

from __future__ import annotations

import os
import sys

from .demo import start_stand_in
from .exits import WRONG_USAGE, Stop
from .inputs import read_text
from .output import is_terminal, print_details, print_note
from .program import command_line, quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import ExitStack
    from typing import TypedDict, TypeVar
    from uuid import UUID

    from .. import PromptJuggler
    from .arguments import Arguments
    from .exits import Progress
    from .line import Line

    T = TypeVar("T")

    class Limits(TypedDict):
        """The options of a client that bound its calls."""

        timeout: float
        total_timeout: float | None
        max_retries: int


RUN_TIMEOUT = 300.0
"""Seconds that a run may take, without `--wait-timeout`."""


class Session:
    """One call of the command line.

    args        what it was called with
    progress    how far it has come; commands set it
    closing     what is to be closed when the command ends
    secrets     what is masked in what is shown of a server's answers
    """

    __slots__ = ("_line", "args", "closing", "progress", "secrets")

    def __init__(self, args: Arguments, progress: Progress, closing: ExitStack) -> None:
        self.args = args
        self.progress = progress
        self.closing = closing
        self.secrets: list[str] = []
        # The line that is drawn just now.
        self._line: Line | None = None

    # --- the client ---

    def connect(self) -> PromptJuggler:
        """The client: of the account, or with `--demo` of a stand-in.

        Raises `Stop` without a key, `ValidationError`, and `OSError` of a file.
        """
        from .. import PromptJuggler

        args = self.args
        self._show_requests()
        limits: Limits = {
            "timeout": args.timeout,
            "total_timeout": args.total_timeout,
            "max_retries": args.max_retries,
        }
        if args.demo:
            server = start_stand_in(self.closing)
            server.run_seconds = 0.0
            client = PromptJuggler(
                server.api_key, base_url=server.url, proxy=False, **limits
            )
            return self.closing.enter_context(client)
        context = None
        if args.ca_file is not None:
            from .trust import context_trusting

            context = context_trusting(args.ca_file)
        client = PromptJuggler(
            self._api_key(),
            base_url=args.base_url,
            proxy=args.proxy,
            ssl_context=context,
            **limits,
        )
        return self.closing.enter_context(client)

    def _show_requests(self) -> None:
        """Have lines about the requests, where somebody wants them.

        In a terminal that is one for each delay: else nothing would move for a minute.
        """
        args = self.args
        is_watched = is_terminal(sys.stderr) and not args.quiet
        if args.verbose or is_watched:
            from .watching import show_requests

            show_requests(self.say, self.closing, only_delays=not args.verbose)

    def _api_key(self) -> str:
        """The key of the file, or of the environment. Raises `Stop`."""
        path = self.args.api_key_file
        if path is not None:
            try:
                key = read_text(path)
            except (OSError, ValueError, Stop):
                # Neither the path nor the cause: somebody may have given the key.
                problem = "the file of --api-key-file cannot be read"
                raise Stop(WRONG_USAGE, problem) from None
            if not key.strip():
                raise Stop(WRONG_USAGE, "the file of --api-key-file has no key")
        else:
            key = os.environ.get("PROMPTJUGGLER_API_KEY", "")
            if not key.strip():
                problem = "set PROMPTJUGGLER_API_KEY or --api-key-file"
                raise Stop(WRONG_USAGE, f"there is no API key: {problem}")
        self.secrets.append(key.strip())
        return key

    def id_for(
        self, client: PromptJuggler, make: Callable[[PromptJuggler], UUID]
    ) -> str:
        """The id that was given; with `--demo`, that of what `make` makes.

        The stand-in is new: nothing can have the id that was given.

        make    a function of `demo`
        """
        given = self.args.id
        if not self.args.demo:
            return given
        made = str(make(client))
        print_note(f"{made} takes the place of {given}: the stand-in is new")
        return made

    # --- what is said ---

    def call_of(self, command: str, *words: str) -> str:
        """The line that calls another command of this program, to be pasted into a shell.

        It leads to the same API: the options that decide that are the same. A proxy is
        not among them, which can have a password.
        """
        args = self.args
        options = (
            ("--base-url", args.base_url),
            ("--api-key-file", args.api_key_file),
            ("--ca-file", args.ca_file),
        )
        given = [
            f"{name}={quoted(value)}" for name, value in options if value is not None
        ]
        return command_line(command, given, words)

    def began(self, what: str, command: str, *words: str) -> None:
        """Have every error from here on say what was started, and how to get at it.

        What a stand-in has will be gone with it.
        """
        if self.args.demo:
            self.progress.began("")
        else:
            self.progress.began(f"{what}: {self.call_of(command, *words)}")

    def say(self, text: str) -> None:
        """Write a line about the way, on standard error."""
        if self._line is not None:
            self._line.print_above(text)
        else:
            print_details(text)

    def say_bodies(self, error: BaseException) -> None:
        """Write what a server answered that led to an error, without secrets."""
        from .._http.proxy import secrets_of_proxies
        from .._masking import Secrets
        from .._secrets import Secret
        from .watching import text_of_bodies

        of_proxies = secrets_of_proxies(Secret(self.args.proxy or ""))
        text = text_of_bodies(error, Secrets(self.secrets) | of_proxies)
        if text:
            self.say(text)

    # --- waiting ---

    @property
    def wait_timeout(self) -> float:
        """Seconds that what is waited for may take."""
        given = self.args.wait_timeout
        return RUN_TIMEOUT if given is None else given

    @property
    def draws_line(self) -> bool:
        """Whether what goes on is shown by a line that is drawn again and again: in a
        terminal, unless nothing is to be written there, or all that happens."""
        is_unwanted = self.args.quiet or self.args.verbose
        return not is_unwanted and is_terminal(sys.stderr)

    def with_progress(
        self, text_after: Callable[[float], str], call: Callable[[], T]
    ) -> T:
        """Make a call and give its result; meanwhile show how it goes, if it draws a line.

        text_after    gives the line to be shown, from the seconds that have passed. It
                      is called in a thread, and the line is gone in the end
        """
        if not self.draws_line:
            return call()
        from .line import Line

        self._line = line = Line(text_after)
        try:
            line.start()
            return call()
        finally:
            line.end()
            self._line = None

    def above_line(self, write_lines: Callable[[], None]) -> None:
        """Have whole lines written to the terminal, above the line that is drawn there."""
        if self._line is not None:
            self._line.make_room(write_lines)
        else:
            write_lines()

    def wait(self, what: str, call: Callable[[], T]) -> T:
        """Make a call that waits; meanwhile, in a terminal, say for how long already."""
        return self.with_progress(
            lambda seconds: f"pending for {seconds:.0f} s: {what}", call
        )
