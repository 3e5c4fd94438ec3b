"""What is printed of a run that has ended, and how a command ends by it."""

from __future__ import annotations

from .exits import RUN_FAILED, WRONG_USAGE, Effect, Stop
from .output import print_json, print_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from .. import PromptRun, WorkflowRun
    from .session import Session


def show_prompt_run(session: Session, run: PromptRun, shown: str = "") -> None:
    """Print the answer, or with `--json` all of a run. Raises `Stop` if it has failed.

    shown    of the answer, what was printed already
    """
    is_whole = session.args.json
    if is_whole:
        print_json(run.to_dict())
    require_fine(session, f"run {run.id}", run.status, FINE_RUN, [run.error])
    # Not twice; but where something was missed, the whole of it.
    is_shown = bool(shown) and shown == run.output
    if not is_whole and not is_shown:
        print_text(run.output or "")


def show_workflow_run(session: Session, run: WorkflowRun) -> None:
    """Print the outputs, the one that is wanted, or with `--json` all of a run.

    Raises `Stop` if it has failed, or has no such output.
    """
    if session.args.json:
        print_json(run.to_dict())
    require_fine(session, f"run {run.id}", run.status, FINE_RUN, run.errors)
    if not session.args.json:
        _print_outputs(session.args.output, run)


def refuse_output_without_name(session: Session) -> None:
    """Raise `Stop` for an `--output` that can be the name of none."""
    if session.args.output == "":
        raise Stop(WRONG_USAGE, "--output must be the name of an output")


def _print_outputs(wanted: str | None, run: WorkflowRun) -> None:
    """Print the outputs, or the one that is wanted. Raises `Stop` if there is none."""
    if wanted is None:
        print_json(run.outputs)
    elif wanted in run.outputs:
        print_text(run.outputs[wanted] or "")
    else:
        names = ", ".join(run.outputs) or "none"
        problem = f"there is no output {wanted}; there is {names}"
        raise Stop(WRONG_USAGE, problem)


FINE_RUN = frozenset({"completed", "pending"})
"""The statuses of a run that has not failed."""

FINE_KNOWLEDGE = frozenset({"ready", "pending", "sealed"})
"""The same for documents and knowledge bases."""


def require_fine(
    session: Session,
    what: str,
    status: str,
    fine: Container[str],
    errors: Iterable[str | None] = (),
) -> None:
    """Raise `Stop` for what has ended, and not well.

    what      it is, for the line
    fine      the statuses that are; a new one of the API is none of them
    errors    what it says of its failure
    """
    if status in fine:
        return
    # The line names it itself.
    if session.progress.effect is Effect.CERTAIN:
        session.progress.started = ""
    reasons = "; ".join(filter(None, errors)) or "no reason is given"
    raise Stop(RUN_FAILED, f"{what} ended as {status}: {reasons}")
