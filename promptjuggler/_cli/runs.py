"""run-prompt and run-workflow: start, wait, show."""

from __future__ import annotations

import sys

from .exits import WRONG_USAGE, Stop
from .inputs import FromFiles, pairs, pairs_with_lists, texts_of_json
from .output import has_room, is_terminal, print_json, print_part, print_text
from .results import refuse_output_without_name, show_prompt_run, show_workflow_run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Literal, TypedDict
    from uuid import UUID

    from .. import (
        CreatePromptRunResponse,
        CreateWorkflowRunResponse,
        PromptJuggler,
        PromptRun,
        RunStream,
    )
    from .arguments import Arguments, Priority
    from .session import Session

    class Options(TypedDict):
        """What both kinds of run take beside their inputs."""

        priority: Priority | None
        thread: str | None
        environment: str | None
        env_vars: dict[str, str] | None
        metadata: dict[str, str | list[str]] | None


def run_prompt(session: Session) -> None:
    """Run a prompt; print its answer, its ids, or all of it."""
    args = session.args
    inputs = inputs_of(args)
    options = options_of(args)
    refuse_what_is_no_text(args, inputs, options)
    client = session.connect()
    session.secrets.extend((options["env_vars"] or {}).values())
    _load_results()
    session.progress.begin()
    if _is_streamed(args):
        _stream_prompt(session, client, inputs, options)
        return
    created = client.run_prompt(
        args.slug, args.version_or_tag, inputs, channel=args.channel, **options
    )
    _remember(session, "prompt", created.id)
    if args.no_wait:
        _print_ids(args, created)
        return
    timeout = session.wait_timeout
    run = session.wait(
        f"run {created.id}",
        lambda: client.wait_for_prompt_run(created.id, timeout=timeout),
    )
    show_prompt_run(session, run)


def _load_results() -> None:
    """Load what the answers are read into, before anything is started.

    What is interrupted then has certainly started nothing.
    """
    from .. import (  # noqa: F401  # to load them is all
        CreatePromptRunResponse,
        CreateWorkflowRunResponse,
        PromptRun,
        WorkflowRun,
    )


def _is_streamed(args: Arguments) -> bool:
    """Whether the answer is to be shown while it is written."""
    if args.json or args.no_wait:
        return False
    return args.stream != "never"


def _stream_prompt(
    session: Session,
    client: PromptJuggler,
    inputs: dict[str, str],
    options: Options,
) -> None:
    """Run a prompt, and show the answer while it is written."""
    args = session.args
    is_shown = args.stream == "always" or is_terminal(sys.stdout)
    with client.stream_prompt(
        args.slug,
        args.version_or_tag,
        inputs,
        channel=args.channel,
        timeout=session.wait_timeout,
        **options,
    ) as stream:
        _remember(session, "prompt", stream.run_id)
        shown = _print_tokens(stream, is_shown=is_shown)
        run: PromptRun = stream.result()
    show_prompt_run(session, run, shown)


def _print_tokens(stream: RunStream[PromptRun], *, is_shown: bool) -> str:
    """Read a stream to its end, and, if it is to be shown, write the answer as it comes.

    Gives the text that is to be seen now: the answer, if nothing was missed. Nobody can
    take back what a reset makes void: the text starts anew on the next line.
    """
    from .. import ResetEvent, StaleEvent, TokenEvent

    shown = ""
    try:
        for event in stream:
            if not is_shown:
                continue
            if isinstance(event, TokenEvent):
                shown += event.text
                print_part(event.text)
            elif (
                isinstance(event, (ResetEvent, StaleEvent))
                and shown != stream.view.text
            ):
                shown = stream.view.text
                print_part(f"\n{shown}")
    except KeyboardInterrupt:
        # A signal ends a program at once. A full pipe that nobody reads would never take
        # the end of the line; whoever reads along has made room for it, and gets it.
        if shown and has_room(sys.stdout):
            print_text("")
        raise
    except Exception:
        if shown:
            print_text("")
        raise
    if shown:
        print_text("")
    return shown


def run_workflow(session: Session) -> None:
    """Run a workflow; print its outputs, one of them, its ids, or all of it."""
    args = session.args
    refuse_output_without_name(session)
    inputs = inputs_of(args)
    options = options_of(args)
    refuse_what_is_no_text(args, inputs, options)
    client = session.connect()
    session.secrets.extend((options["env_vars"] or {}).values())
    _load_results()
    session.progress.begin()
    created = client.run_workflow(args.slug, args.version_or_tag, inputs, **options)
    _remember(session, "workflow", created.id)
    if args.no_wait:
        _print_ids(args, created)
        return
    timeout = session.wait_timeout
    run = session.wait(
        f"run {created.id}",
        lambda: client.wait_for_workflow_run(created.id, timeout=timeout),
    )
    show_workflow_run(session, run)


# --- start ---


def inputs_of(args: Arguments) -> dict[str, str]:
    """The inputs of the file, of the words, and of `--input`, which come first.

    Raises `Stop`, and `OSError` of a file.
    """
    inputs: dict[str, str] = {}
    if args.inputs_json is not None:
        inputs |= texts_of_json(args.inputs_json)
    files = FromFiles(allow_empty=args.allow_empty)
    words = pairs("input", args.inputs, files.input)
    as_they_stand = pairs("input", args.input or ())
    for name in words.keys() & as_they_stand.keys():
        raise Stop(WRONG_USAGE, f"input {name} is given twice")
    return inputs | words | as_they_stand


def options_of(args: Arguments) -> Options:
    """The options of a run, but for the channel, which is for prompts alone.

    Raises `Stop`.
    """
    files = FromFiles(allow_empty=args.allow_empty)
    secret = files.secret("--env-var")
    return {
        "priority": args.priority,
        "thread": args.thread,
        "environment": args.environment,
        "env_vars": pairs("--env-var", args.env_var or (), secret) or None,
        "metadata": pairs_with_lists("--metadata", args.metadata or ()) or None,
    }


def refuse_what_is_no_text(
    args: Arguments, inputs: Mapping[str, str], options: Options
) -> None:
    """Raise `Stop` for bytes of an argument that are no text where the program runs.

    Python has them as lone surrogates, and no encoder takes those.
    """
    import json

    everything = [args.slug, args.version_or_tag, args.channel, inputs, options]
    try:
        json.dumps(everything, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        problem = "the inputs and options must be valid text"
        raise Stop(WRONG_USAGE, problem) from None


def _remember(
    session: Session, kind: Literal["prompt", "workflow"], run_id: UUID
) -> None:
    """Have every error from here on say how to get at the run."""
    session.began(f"run {run_id} was started", f"wait-{kind}-run", str(run_id))
    session.progress.looked_for = f"run {run_id} of a {kind}"


def _print_ids(
    args: Arguments, created: CreatePromptRunResponse | CreateWorkflowRunResponse
) -> None:
    """Print the ids of the run and its thread."""
    if args.json:
        print_json(created.to_dict())
    else:
        print_text(f"{created.id}\n{created.thread}")
