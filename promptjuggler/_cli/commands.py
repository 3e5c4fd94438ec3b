"""What each command does: those that read, and the others that are not in `runs`,
`waits` or `documents`.
"""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack

from .demo import start_prompt_run, start_stand_in, start_workflow_run
from .documents import (
    delete_knowledge_document,
    get_knowledge_base,
    get_knowledge_document,
    upload_documents,
)
from .exits import FAILED, WRONG_USAGE, Stop
from .inputs import STANDARD_STREAM, read_bytes
from .output import print_json, print_note, print_part, print_text
from .results import FINE_RUN, require_fine
from .runs import run_prompt, run_workflow
from .session import Session
from .tables import COMMANDS, STAND_IN
from .waits import (
    wait_knowledge_base,
    wait_knowledge_document,
    wait_prompt_run,
    wait_workflow_run,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .arguments import Arguments
    from .exits import Progress


LONGEST_SLEEP = 0.5
"""Seconds for which `fake-server` may not notice a signal."""


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
    progress.looked_for = COMMANDS[args.command].looked_for.format_map(vars(args))
    with ExitStack() as closing:
        session = Session(args, progress, closing)
        try:
            ACTIONS[args.command](session)
        except Exception as error:
            if args.verbose:
                session.say_bodies(error)
            raise


# --- many runs ---


def _run_prompts(session: Session) -> None:
    """Run a prompt for each row of a file."""
    # Much that no other command needs.
    from .batches import run_prompts

    run_prompts(session)


def _run_workflows(session: Session) -> None:
    """Run a workflow for each row of a file."""
    from .batches import run_workflows

    run_workflows(session)


# --- reading ---


def _get_prompt(session: Session) -> None:
    """Print a revision of a prompt."""
    args = session.args
    prompt = session.connect().get_prompt(args.slug, args.version_or_tag)
    print_json(prompt.to_dict())


def _get_prompt_run(session: Session) -> None:
    """Print a run of a prompt; one that has failed ends the command so."""
    client = session.connect()
    run_id = session.id_for(client, start_prompt_run)
    run = client.get_prompt_run(run_id)
    print_json(run.to_dict())
    require_fine(session, f"run {run.id}", run.status, FINE_RUN, [run.error])


def _get_workflow_run(session: Session) -> None:
    """Print a run of a workflow; one that has failed ends the command so."""
    client = session.connect()
    run_id = session.id_for(client, start_workflow_run)
    run = client.get_workflow_run(run_id)
    print_json(run.to_dict())
    require_fine(session, f"run {run.id}", run.status, FINE_RUN, run.errors)


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
            start_prompt_run(client, thread=args.id)
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
    if session.args.demo and signature is None:
        from ..testing import sign_webhook

        print_note("without --signature, a body of the stand-in is verified")
        body = b"{}"
        secret = "demo"
        signature = sign_webhook(body, secret)
    elif signature is None:
        raise Stop(WRONG_USAGE, "--signature is needed")
    elif not secret:
        raise Stop(WRONG_USAGE, "PROMPTJUGGLER_WEBHOOK_SECRET is not set")
    else:
        body = read_bytes(STANDARD_STREAM, may_be_empty=False)
    if not verify_webhook_signature(body, signature, secret):
        print_text("invalid")
        raise Stop(FAILED)
    print_text("valid")


def _fake_server(session: Session) -> None:
    """Serve a stand-in until a signal ends the program.

    Its address and key are printed as commands for the shell that is to call it.

    A signal is the only end that a server has: it was asked for, and nothing failed. So
    the exit code is 0, as of other servers; what restarts a service, or counts the
    failed containers, is not misled.
    """
    import time

    try:
        server = start_stand_in(session.closing)
        print_text(
            f"export PROMPTJUGGLER_BASE_URL={server.url}\n"
            f"export PROMPTJUGGLER_API_KEY={server.api_key}"
        )
        print_note(STAND_IN)
        while True:
            # A signal that comes just before a sleep begins is handled after it.
            time.sleep(LONGEST_SLEEP)
            # Nobody can ask for these here, and they would take ever more memory.
            server.requests.clear()
            server.errors.clear()
    except KeyboardInterrupt:
        return


def _completion(session: Session) -> None:
    """Print a completion for a shell."""
    from .completion import script_for

    print_part(script_for(session.args.shell))


ACTIONS: dict[str, Callable[[Session], None]] = {
    "run-prompt": run_prompt,
    "run-workflow": run_workflow,
    "run-prompts": _run_prompts,
    "run-workflows": _run_workflows,
    "wait-prompt-run": wait_prompt_run,
    "wait-workflow-run": wait_workflow_run,
    "get-prompt": _get_prompt,
    "get-prompt-run": _get_prompt_run,
    "get-workflow-run": _get_workflow_run,
    "get-knowledge-base": get_knowledge_base,
    "wait-knowledge-base": wait_knowledge_base,
    "upload-documents": upload_documents,
    "get-knowledge-document": get_knowledge_document,
    "wait-knowledge-document": wait_knowledge_document,
    "delete-knowledge-document": delete_knowledge_document,
    "create-stream-token": _create_stream_token,
    "stream": _stream,
    "verify-webhook": _verify_webhook,
    "fake-server": _fake_server,
    "completion": _completion,
}
"""What carries out each command, in the order of the help."""
