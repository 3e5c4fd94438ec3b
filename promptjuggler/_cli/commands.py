"""What each command does. Those that run something are in `runs`."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

from .exits import FAILED, WRONG_USAGE, Stop
from .inputs import STANDARD_INPUT, read_bytes
from .output import print_json, print_note, print_text, write
from .runs import require_completed, run_prompt, run_workflow
from .session import Session
from .tables import STAND_IN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from logging import LogRecord
    from uuid import UUID

    from .. import PromptJuggler
    from .arguments import Arguments
    from .exits import Progress


def carry_out(args: Arguments, progress: Progress) -> None:
    """Do what was asked for and print the result; `progress` says how far it has come.

    Raises `Stop`, the errors of the client, and `OSError` of files.
    """
    if sys.stdout is None:
        raise Stop(WRONG_USAGE, "standard output is closed")
    if args.demo:
        print_note(
            "no model was called: with --demo, a stand-in on this machine answers"
        )
    with ExitStack() as closing:
        if args.verbose:
            _show_requests(closing)
        ACTIONS[args.command](Session(args, progress, closing))


def _show_requests(closing: ExitStack) -> None:
    """Have each request and each delay be a line on standard error."""
    import logging

    class Lines(logging.Handler):
        """Writes as everything else does, so that no encoding makes it fail."""

        def emit(self, record: LogRecord) -> None:
            write(sys.stderr, f"{record.getMessage()}\n")

    logger = logging.getLogger("promptjuggler")
    handler = Lines()
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    closing.callback(logger.removeHandler, handler)


# --- reading ---


def _get_prompt(session: Session) -> None:
    """Print a revision of a prompt."""
    args = session.args
    prompt = session.connect().get_prompt(args.slug, args.version_or_tag)
    print_json(prompt.to_dict())


def _get_prompt_run(session: Session) -> None:
    """Print a run of a prompt; one that has failed ends the command so."""
    client = session.connect()
    run_id = session.id_for(
        lambda: client.run_prompt("greeting", "production", {"name": "Ada"}).id
    )
    run = client.get_prompt_run(run_id)
    print_json(run.to_dict())
    require_completed(session, run.id, run.status, [run.error])


def _get_workflow_run(session: Session) -> None:
    """Print a run of a workflow; one that has failed ends the command so."""
    client = session.connect()
    run_id = session.id_for(
        lambda: client.run_workflow("summary", "production", {"text": "A page."}).id
    )
    run = client.get_workflow_run(run_id)
    print_json(run.to_dict())
    require_completed(session, run.id, run.status, run.errors)


def _get_knowledge_base(session: Session) -> None:
    """Print a knowledge base."""
    base = session.connect().get_knowledge_base(session.args.slug)
    print_json(base.to_dict())


# --- documents ---


def _upload_documents(session: Session) -> None:
    """Upload files, in a terminal with a bar; print the new documents."""
    args = session.args
    client = session.connect()
    files = [_opened(path, session.closing) for path in args.files]
    total = sum(os.path.getsize(path) for path in args.files)

    def text_after(seconds: float) -> str:
        done = sum(file.tell() for _, file in files)
        bar = "#" * (20 * done // (total or 1))
        rate = done / (seconds or 1)
        return f"[{bar:-<20}] {done:,} of {total:,} bytes, {rate:,.0f} a second"

    session.progress.may_have_started = True
    documents = session.with_progress(
        text_after, lambda: client.upload_documents(args.slug, files)
    )
    print_json([document.to_dict() for document in documents])


def _opened(path: str, closing: ExitStack) -> tuple[str, FileIO]:
    """A file and the name to send it by. Raises `Stop` and `OSError`."""
    from io import FileIO

    if os.path.exists(path) and not os.path.isdir(path) and not os.path.isfile(path):
        # A named pipe would wait for somebody to write.
        raise Stop(WRONG_USAGE, f"{path} is not a regular file")
    # Bytes of a name that are no text cannot be sent.
    name = os.path.basename(os.fsencode(path)).decode("utf-8", "replace")
    return name, closing.enter_context(FileIO(path))


def _get_knowledge_document(session: Session) -> None:
    """Print a document."""
    client = session.connect()
    document_id = session.id_for(lambda: _upload_a_page(client))
    print_json(client.get_knowledge_document(document_id).to_dict())


def _delete_knowledge_document(session: Session) -> None:
    """Delete a document; that has nothing to print."""
    client = session.connect()
    client.delete_knowledge_document(session.id_for(lambda: _upload_a_page(client)))


def _upload_a_page(client: PromptJuggler) -> UUID:
    """Have the stand-in hold a document; gives its id."""
    (document,) = client.upload_documents("manuals", [("a.txt", b"A page.")])
    return document.id


# --- streams ---


def _create_stream_token(session: Session) -> None:
    """Print a token, with the address of the stream."""
    token = session.connect().create_stream_token(session.args.id)
    print_json(token.to_dict())


def _stream(session: Session) -> None:
    """Print the events of a thread, each on a line, as they come.

    Nothing but the time or an error ends that.
    """
    from dataclasses import asdict

    args = session.args
    client = session.connect()
    channels = [] if args.channel is None else [args.channel]
    with client.stream(args.id, channels=channels, timeout=args.wait_timeout) as stream:
        if args.demo:
            # Something for the stream to show.
            client.run_prompt("greeting", "production", {"name": "Ada"}, thread=args.id)
        for event in stream:
            named = {"event": _event_name(event)}
            print_json(named | asdict(event), indent=None)


def _event_name(event: object) -> str:
    """The name of an event in JSON: of a ToolStartEvent it is `tool_start`."""
    import re

    name = type(event).__name__.removesuffix("Event")
    return re.sub(r"\B([A-Z])", r"_\1", name).lower()


# --- webhooks, the stand-in ---


def _verify_webhook(session: Session) -> None:
    """Say whether standard input is a webhook with the signature that was given."""
    from .. import verify_webhook_signature

    signature = session.args.signature
    secret = os.environ.get("PROMPTJUGGLER_WEBHOOK_SECRET")
    if session.args.demo and not signature:
        from ..testing import sign_webhook

        print_note("without --signature, a body of the stand-in is verified")
        body = b"{}"
        secret = "demo"
        signature = sign_webhook(body, secret)
    elif not secret or not signature:
        problem = "PROMPTJUGGLER_WEBHOOK_SECRET and --signature are needed"
        raise Stop(WRONG_USAGE, problem)
    else:
        body = read_bytes(STANDARD_INPUT)
    if not verify_webhook_signature(body, signature, secret):
        print_text("invalid")
        raise Stop(FAILED)
    print_text("valid")


def _fake_server(session: Session) -> None:
    """Serve a stand-in until the program is interrupted.

    Its address and key are printed as commands for the shell that is to call it.
    """
    import time

    server = session.start_stand_in()
    print_text(
        f"export PROMPTJUGGLER_BASE_URL={server.url}\n"
        f"export PROMPTJUGGLER_API_KEY={server.api_key}"
    )
    print_note(STAND_IN)
    while True:
        time.sleep(3600)


ACTIONS: dict[str, Callable[[Session], None]] = {
    "run-prompt": run_prompt,
    "run-workflow": run_workflow,
    "get-prompt": _get_prompt,
    "get-prompt-run": _get_prompt_run,
    "get-workflow-run": _get_workflow_run,
    "get-knowledge-base": _get_knowledge_base,
    "upload-documents": _upload_documents,
    "get-knowledge-document": _get_knowledge_document,
    "delete-knowledge-document": _delete_knowledge_document,
    "create-stream-token": _create_stream_token,
    "stream": _stream,
    "verify-webhook": _verify_webhook,
    "fake-server": _fake_server,
}
"""What carries out each command, in the order of the help."""
