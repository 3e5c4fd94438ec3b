"""run-prompt and run-workflow: start, wait, show."""

from __future__ import annotations

from .arguments import PROGRAM
from .exits import RUN_FAILED, WRONG_USAGE, Stop
from .inputs import pairs, pairs_with_lists, read_text
from .output import print_json, print_text, print_tokens
from .session import RUN_TIMEOUT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Literal, TypedDict, TypeVar
    from uuid import UUID

    from .. import (
        CreatePromptRunResponse,
        CreateWorkflowRunResponse,
        PromptJuggler,
        PromptRun,
        RunStatus,
        WorkflowRun,
    )
    from .arguments import Arguments, Priority
    from .session import Session

    Run = TypeVar("Run")

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
    inputs = _inputs(args)
    options = _options(args)
    _refuse_what_is_no_text(args, inputs, options)
    client = session.connect()
    _load_results()
    session.progress.may_have_started = True
    if args.stream and not args.json and not args.no_wait:
        _stream_prompt(session, client, inputs, options)
        return
    created = client.run_prompt(
        args.slug, args.version_or_tag, inputs, channel=args.channel, **options
    )
    _remember(session, "prompt", created.id)
    if args.no_wait:
        _print_ids(args, created)
        return
    run = _wait(session, created.id, client.wait_for_prompt_run)
    if args.json:
        print_json(run.to_dict())
    require_completed(session, run.id, run.status, [run.error])
    if not args.json:
        print_text(run.output or "")


def _load_results() -> None:
    """Load what the answers are read into, before anything is started.

    The classes are made by exec(). If Ctrl-C comes while Python executes a text, it ends by
    the signal later, whatever our exit code is.
    """
    from .. import (  # noqa: F401  # to load them is all
        CreatePromptRunResponse,
        CreateWorkflowRunResponse,
        PromptRun,
        WorkflowRun,
    )


def _stream_prompt(
    session: Session,
    client: PromptJuggler,
    inputs: dict[str, str],
    options: Options,
) -> None:
    """Run a prompt, and show the answer in a terminal while it is written."""
    args = session.args
    with client.stream_prompt(
        args.slug,
        args.version_or_tag,
        inputs,
        channel=args.channel,
        timeout=_run_timeout(args),
        **options,
    ) as stream:
        _remember(session, "prompt", stream.run_id)
        shown = print_tokens(stream)
        run: PromptRun = stream.result()
    require_completed(session, run.id, run.status, [run.error])
    # Not twice; but where something was missed, the whole of it.
    if not shown or shown != run.output:
        print_text(run.output or "")


def run_workflow(session: Session) -> None:
    """Run a workflow; print its outputs, one of them, its ids, or all of it."""
    args = session.args
    if args.output == "":
        raise Stop(WRONG_USAGE, "--output must be the name of an output")
    inputs = _inputs(args)
    options = _options(args)
    _refuse_what_is_no_text(args, inputs, options)
    client = session.connect()
    _load_results()
    session.progress.may_have_started = True
    created = client.run_workflow(args.slug, args.version_or_tag, inputs, **options)
    _remember(session, "workflow", created.id)
    if args.no_wait:
        _print_ids(args, created)
        return
    run = _wait(session, created.id, client.wait_for_workflow_run)
    if args.json:
        print_json(run.to_dict())
    require_completed(session, run.id, run.status, run.errors)
    if not args.json:
        _print_outputs(args, run)


def require_completed(
    session: Session, run_id: UUID, status: RunStatus, errors: Iterable[str | None]
) -> None:
    """Raise `Stop` for a run that has ended, and not well."""
    session.progress.may_have_started = False
    if status in ("completed", "pending"):
        return
    # The line names the run itself.
    session.progress.run_id = ""
    reasons = "; ".join(filter(None, errors)) or "no reason is given"
    raise Stop(RUN_FAILED, f"run {run_id} ended as {status}: {reasons}")


# --- start ---


def _inputs(args: Arguments) -> dict[str, str]:
    """The inputs of the file and those of the words, which come first."""
    inputs: dict[str, str] = {}
    if args.inputs_json is not None:
        inputs |= _object_of(args.inputs_json)
    inputs |= pairs("input", args.inputs)
    return inputs


def _object_of(path: str) -> Mapping[str, str]:
    """The JSON object of a file. The client looks at its values. Raises `Stop`."""
    import json

    try:
        value = json.loads(read_text(path))
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return value
    raise Stop(WRONG_USAGE, f"{path} must hold a JSON object")


def _options(args: Arguments) -> Options:
    """The options of a run, but for the channel, which is for prompts alone."""
    return {
        "priority": args.priority,
        "thread": args.thread,
        "environment": args.environment,
        "env_vars": pairs("--env-var", args.env_var or ()) or None,
        "metadata": pairs_with_lists("--metadata", args.metadata or ()) or None,
    }


def _refuse_what_is_no_text(
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
    """Have every error from here on say how to get at the run.

    One of a stand-in will be gone with it.
    """
    if session.args.demo:
        return
    session.progress.run_id = str(run_id)
    session.progress.fetch_command = f"{PROGRAM} get-{kind}-run {run_id}"


# --- wait ---


def _run_timeout(args: Arguments) -> float:
    """Seconds that a run may take."""
    return RUN_TIMEOUT if args.wait_timeout is None else args.wait_timeout


def _wait(session: Session, run_id: UUID, wait: Callable[..., Run]) -> Run:
    """Wait for a run with a method of the client, and in a terminal say for how long."""

    def text_after(seconds: float) -> str:
        return f"pending for {seconds:.0f} s: run {run_id}"

    timeout = _run_timeout(session.args)
    return session.with_progress(text_after, lambda: wait(run_id, timeout=timeout))


# --- show ---


def _print_ids(
    args: Arguments, created: CreatePromptRunResponse | CreateWorkflowRunResponse
) -> None:
    """Print the ids of the run and its thread."""
    if args.json:
        print_json(created.to_dict())
    else:
        print_text(f"{created.id}\n{created.thread}")


def _print_outputs(args: Arguments, run: WorkflowRun) -> None:
    """Print the outputs, or the one that is wanted. Raises `Stop` if there is none."""
    if args.output is None:
        print_json(run.outputs)
    elif args.output in run.outputs:
        print_text(run.outputs[args.output] or "")
    else:
        names = ", ".join(run.outputs) or "none"
        problem = f"there is no output {args.output}; there is {names}"
        raise Stop(WRONG_USAGE, problem)
