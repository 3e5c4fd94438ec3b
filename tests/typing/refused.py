"""A user's mistakes, which type checkers must see. Never run.

Behind each line stands why it is refused: mypy's code, and pyright's rule. `check.py`
holds the checkers to it, line by line.
"""

# An import for each name, since mypy reports the first line of a statement.
# ruff: noqa: F401, I001
import promptjuggler
from promptjuggler import EmittedItem, PromptJuggler, PromptRun
from promptjuggler import Any  # refused: attr-defined, reportAttributeAccessIssue
from promptjuggler import Model  # refused: attr-defined, reportAttributeAccessIssue
from promptjuggler import OpenEnum  # refused: attr-defined, reportAttributeAccessIssue
from promptjuggler import Secret  # refused: attr-defined, reportAttributeAccessIssue
from promptjuggler import quote  # refused: attr-defined, reportAttributeAccessIssue
from promptjuggler import sys  # refused: attr-defined, reportPrivateImportUsage
from promptjuggler.testing import FakeServer

pj = PromptJuggler()

# --- names that are not there ---

promptjuggler.NoSuchName  # refused: attr-defined, reportAttributeAccessIssue
promptjuggler.models.Model  # refused: attr-defined, reportAttributeAccessIssue
promptjuggler.models.NoSuchName  # refused: attr-defined, reportAttributeAccessIssue
promptjuggler.quote  # refused: attr-defined, reportAttributeAccessIssue
pj.no_such_method()  # refused: attr-defined, reportAttributeAccessIssue

# --- arguments ---

pj.get_prompt_run(7)  # refused: arg-type, reportArgumentType
pj.run_prompt("greeting", 1)  # refused: call-arg, reportCallIssue
pj.run_prompt("greeting", 1, {"age": 7})  # refused: dict-item, reportArgumentType
pj.run_workflow("summary", 1, {}, channel="a")  # refused: call-arg, reportCallIssue
pj.run_prompt("a", 1, {}, priority="urgent")  # refused: arg-type, reportArgumentType
pj.run_workflow("a", 1, {}, priority="urgent")  # refused: arg-type, reportArgumentType
pj.stream_prompt("a", 1, {}, priority="urgent")  # refused: arg-type, reportArgumentType
pj.stream_prompt("a", 1, {}, priorty="low")  # refused: call-arg, reportCallIssue
pj.stream_prompt("a", 1, {"age": 7})  # refused: dict-item, reportArgumentType
pj.stream_workflow("a", 1, {}, priorty="low")  # refused: call-arg, reportCallIssue
pj.stream_workflow("a", 1, {}, channel="a")  # refused: call-arg, reportCallIssue
pj.run_prompts("a", 1, {"name": "Ada"})  # refused: dict-item, reportArgumentType
pj.run_prompts("a", 1, [{}], priority="urgent")  # refused: arg-type, reportArgumentType
pj.run_workflows("a", 1, [{}], channel="a")  # refused: call-arg, reportCallIssue
pj.upload_documents("a", [7])  # refused: list-item, reportArgumentType

# --- results ---


def change(run: PromptRun) -> None:
    """A result cannot be changed."""
    run.output = "other"  # refused: misc, reportAttributeAccessIssue
    run.other = "new"  # refused: attr-defined, reportAttributeAccessIssue


def take_for_a_list(run: PromptRun) -> list[EmittedItem]:
    """What is a tuple."""
    return run.emitted  # refused: return-value, reportReturnType


def misspell(run: PromptRun) -> object:
    """A field that is not there."""
    return run.outputs  # refused: attr-defined, reportAttributeAccessIssue


# --- the stand-in ---

server = FakeServer()
server.fail_next("503")  # refused: arg-type, reportArgumentType
server.fail_next(503, pth="a")  # refused: call-arg, reportCallIssue
server.add_prompt("a", lambda inputs: 7)  # refused: arg-type, reportArgumentType
server.add_prompt("a", str, memory="all")  # refused: arg-type, reportArgumentType
server.add_workflow("a", lambda inputs: "a")  # refused: arg-type, reportArgumentType
server.run_seconds = "1"  # refused: assignment, reportAttributeAccessIssue
server.errors.append(7)  # refused: arg-type, reportArgumentType
