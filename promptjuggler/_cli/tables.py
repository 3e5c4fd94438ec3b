"""What can be said on the command line: its commands, their words, their options.

These tables are all that there is: parsers, helps and completions are made from them.
"""

from __future__ import annotations

from .kinds import Command, Option, Value, Word, choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypedDict

    class _OfApi(TypedDict):
        general: tuple[Option, ...]
        variables: tuple[tuple[str, str], ...]


STAND_IN = (
    "it has the prompt greeting (input name), the workflow summary (input text) "
    "and the knowledge base manuals"
)
"""What the stand-in of `--demo` and `fake-server` can do."""

SHELLS = ("bash", "zsh", "fish")
"""The shells that there is a completion for."""


def _seconds(text: str) -> float:
    """A finite number of seconds above 0."""
    seconds = float(text)
    if 0 < seconds < float("inf"):
        return seconds
    raise ValueError(text)


def _count(text: str) -> int:
    """A whole number above 0."""
    number = int(text)
    if number > 0:
        return number
    raise ValueError(text)


def _delimiter(text: str) -> str:
    """A character that can stand between two values of CSV."""
    character = "\t" if text in ("tab", "\\t") else text
    if len(character) == 1 and character not in '"\r\n ':
        return character
    raise ValueError(text)


_FILE = Value("FILE")
_URL = Value("URL")
_ID = Value("ID")
_NAME = Value("NAME")
_HEADER = Value("HEADER")
_NUMBER = Value("NUMBER", convert=int, problem="must be a whole number")
_SECONDS = Value(
    "SECONDS", convert=_seconds, problem="must be a number of seconds above 0"
)
_COUNT = Value("NUMBER", convert=_count, problem="must be a whole number above 0")
_DELIMITER = Value(
    "CHARACTER", convert=_delimiter, problem="must be one character, or tab"
)
_PRIORITY = choice("PRIORITY", "onsite", "normal", "low")
_PAIR = Value("NAME=VALUE", is_repeated=True)

# --- options ---

_DEMO = Option("--demo", f"use a stand-in on this machine, without a key: {STAND_IN}")

GENERAL_OPTIONS = (
    _DEMO,
    Option("--base-url", "address of the API (default: PROMPTJUGGLER_BASE_URL)", _URL),
    Option(
        "--api-key-file", "file with the key (default: PROMPTJUGGLER_API_KEY)", _FILE
    ),
    Option("--proxy", "of HTTP; others can see a password in it", _URL),
    Option("--ca-file", "certificates to trust, in place of the system's", _FILE),
    Option("--timeout", "to connect, and to be answered (default: 30)", _SECONDS),
    Option(
        "--total-timeout",
        "for a request with all its repetitions (default: no bound)",
        _SECONDS,
    ),
    Option("--max-retries", "how often a request is repeated (default: 2)", _NUMBER),
    Option("--quiet", "show no progress, and no line before a request is repeated"),
    Option("--verbose", "show each request, and the body of an error"),
)
"""The options of every command that calls the API, in the order of the help."""

_VARIABLES = (
    ("PROMPTJUGGLER_API_KEY", "the key"),
    ("PROMPTJUGGLER_BASE_URL", "address of the API"),
    ("HTTPS_PROXY, HTTP_PROXY, NO_PROXY", "a proxy, and hosts without it"),
    ("SSL_CERT_FILE, SSL_CERT_DIR", "certificates to trust"),
)

_OF_API: _OfApi = {"general": GENERAL_OPTIONS, "variables": _VARIABLES}
"""What all commands have that call the API."""

_JSON = Option("--json", "print the whole result as JSON")
_OUTPUT = Option("--output", "the only output to print", _NAME)
_CHANNEL = Option("--channel", "part of the thread's memory to use", _NAME)
_WAIT_FOR_RUN = Option("--wait-timeout", "for a run to end (default: 300)", _SECONDS)
_WAIT_FOR_DOCUMENTS = Option(
    "--wait-timeout", "for what is indexed (default: 300)", _SECONDS
)

_OPTIONS_OF_RUNS = (
    Option("--priority", "onsite, normal or low", _PRIORITY),
    Option("--thread", "the thread to go on with", _ID),
    Option("--environment", "which webhooks fire, which variables it sees", _NAME),
    Option("--env-var", "variable for this run; others cannot see NAME=@FILE", _PAIR),
    Option("--metadata", "to find the run by; the same NAME again makes a list", _PAIR),
)
"""What can be said of any run that is started."""

RUN_OPTIONS = (
    Option("--input", "an input as it stands: it is never a file", _PAIR),
    Option(
        "--inputs-json",
        "file with a JSON object of more inputs; - is standard input",
        _FILE,
    ),
    Option("--allow-empty", "let standard input be empty, as an input"),
    *_OPTIONS_OF_RUNS,
)
"""What can be said of one run that is started."""

_ENDS_OF_RUN = (
    Option("--no-wait", "print the ids of run and thread at once"),
    _WAIT_FOR_RUN,
    _JSON,
)

_STREAM = Option(
    "--stream",
    "show the answer while it is written, in a terminal; with --stream=always in a "
    "pipe too, where a part that turns out void is followed by the text anew",
    choice("WHEN", "auto", "always", "never", implied="auto"),
)

_OPTIONS_OF_ROWS = (
    Option("--input", "an input that is the same in every row", _PAIR),
    Option(
        "--format",
        "csv or jsonl (default: by the name of FILE, else by what it begins with)",
        choice("FORMAT", "csv", "jsonl"),
    ),
    Option("--delimiter", "between two values of CSV (default: a comma)", _DELIMITER),
    Option("--output", "where the results are written, anew (default: -)", _FILE),
    Option(
        "--journal",
        "what the same command goes on with (default: FILE with .journal behind it)",
        _FILE,
    ),
    Option("--no-journal", "do without: the same command starts all runs again"),
    Option("--workers", "how many runs are under way at once (default: 8)", _COUNT),
    Option(
        "--restart-unsure",
        "start again what an earlier call may have started, which can be twice, and"
        " what it has started and is gone",
    ),
)
"""What can be said of many runs."""

# --- words ---

_SLUG = Word("SLUG", "slug")
_VERSION = Word("VERSION", "version_or_tag")
_WORD_ID = Word("ID", "id")
_THREAD = Word("THREAD", "id")
_INPUTS = Word("NAME=VALUE", "inputs", nargs="*")
_FILES = Word("FILE", "files", nargs="+")
_ROWS = Word("FILE", "file")

_INPUTS_CAN_BE_FILES = (
    "NAME=@FILE reads a text file, NAME=@- standard input, NAME=@@TEXT is @TEXT;\n"
    "for data that may begin with @, there is --input"
)

_MANY_RUNS = """\
each row of FILE is the inputs of a run: CSV with a header of their names, or a JSON
object on each line, in UTF-8; - is standard input. A result is a line of JSON, as soon
as the run has ended: index (of the row, from 0), inputs, run_id, run, error. Of rows from
a pipe, it comes with the next row, or with the end of the rows.

A journal is kept beside FILE. Whatever ends this command, the same command goes on with
it: no run is started twice, and what has ended is printed again without a request. For
other inputs use another journal. It holds the answers, so keep it as you keep those.

Where rows differ, the exit code is that of the worst: 5 for one of which it is unsure
whether it was started, or how it ended; then 1 for one with an error, of which there is
no run; then 3 for a run that has failed"""

# --- commands ---

_PROMPT = 'prompt "{slug}" with version "{version_or_tag}"'
_WORKFLOW = 'workflow "{slug}" with version "{version_or_tag}"'
_PROMPT_RUN = "run {id} of a prompt"
_WORKFLOW_RUN = "run {id} of a workflow"
_BASE = 'knowledge base "{slug}"'
_DOCUMENT = "document {id}"

_RUN_COMMANDS = (
    Command(
        "run-prompt",
        "run a prompt, print the answer",
        words=(_SLUG, _VERSION, _INPUTS),
        options=(*RUN_OPTIONS, _CHANNEL, _STREAM, *_ENDS_OF_RUN),
        example='greeting production --input name="$NAME"',
        more=_INPUTS_CAN_BE_FILES,
        looked_for=_PROMPT,
        **_OF_API,
    ),
    Command(
        "run-workflow",
        "run a workflow, print its outputs",
        words=(_SLUG, _VERSION, _INPUTS),
        options=(*RUN_OPTIONS, _OUTPUT, *_ENDS_OF_RUN),
        example="summary 1 text=@faq.md",
        more=_INPUTS_CAN_BE_FILES,
        looked_for=_WORKFLOW,
        **_OF_API,
    ),
    Command(
        "run-prompts",
        "run a prompt for each row of a file",
        words=(_SLUG, _VERSION, _ROWS),
        options=(*_OPTIONS_OF_ROWS, *_OPTIONS_OF_RUNS, _CHANNEL, _WAIT_FOR_RUN),
        example="greeting production names.csv > answers.jsonl",
        more=_MANY_RUNS,
        looked_for=_PROMPT,
        **_OF_API,
    ),
    Command(
        "run-workflows",
        "run a workflow for each row of a file",
        words=(_SLUG, _VERSION, _ROWS),
        options=(*_OPTIONS_OF_ROWS, *_OPTIONS_OF_RUNS, _WAIT_FOR_RUN),
        example="summary 1 pages.jsonl > answers.jsonl",
        more=_MANY_RUNS,
        looked_for=_WORKFLOW,
        **_OF_API,
    ),
    Command(
        "wait-prompt-run",
        "wait for a run, print the answer",
        words=(_WORD_ID,),
        options=(_WAIT_FOR_RUN, _JSON),
        example="$ID",
        looked_for=_PROMPT_RUN,
        **_OF_API,
    ),
    Command(
        "wait-workflow-run",
        "wait for a run, print its outputs",
        words=(_WORD_ID,),
        options=(_OUTPUT, _WAIT_FOR_RUN, _JSON),
        example="$ID",
        looked_for=_WORKFLOW_RUN,
        **_OF_API,
    ),
    Command(
        "get-prompt",
        "print a prompt",
        words=(_SLUG, _VERSION),
        example="greeting production",
        looked_for=_PROMPT,
        **_OF_API,
    ),
    Command(
        "get-prompt-run",
        "print a run",
        words=(_WORD_ID,),
        example="$ID",
        looked_for=_PROMPT_RUN,
        **_OF_API,
    ),
    Command(
        "get-workflow-run",
        "print a run",
        words=(_WORD_ID,),
        example="$ID",
        looked_for=_WORKFLOW_RUN,
        **_OF_API,
    ),
)

_KNOWLEDGE_COMMANDS = (
    Command(
        "get-knowledge-base",
        "print a knowledge base",
        words=(_SLUG,),
        example="manuals",
        looked_for=_BASE,
        **_OF_API,
    ),
    Command(
        "wait-knowledge-base",
        "wait until all is indexed, print the status",
        words=(_SLUG,),
        options=(_WAIT_FOR_DOCUMENTS, _JSON),
        example="manuals",
        looked_for=_BASE,
        **_OF_API,
    ),
    Command(
        "upload-documents",
        "upload files to a knowledge base",
        words=(_SLUG, _FILES),
        options=(
            Option("--wait", "until all of them are indexed"),
            _WAIT_FOR_DOCUMENTS,
        ),
        example="manuals faq.md",
        looked_for=_BASE,
        **_OF_API,
    ),
    Command(
        "get-knowledge-document",
        "print a document",
        words=(_WORD_ID,),
        example="$ID",
        looked_for=_DOCUMENT,
        **_OF_API,
    ),
    Command(
        "wait-knowledge-document",
        "wait until it is indexed, print the status",
        words=(_WORD_ID,),
        options=(_WAIT_FOR_DOCUMENTS, _JSON),
        example="$ID",
        looked_for=_DOCUMENT,
        **_OF_API,
    ),
    Command(
        "delete-knowledge-document",
        "delete a document",
        words=(_WORD_ID,),
        example="$ID",
        looked_for=_DOCUMENT,
        **_OF_API,
    ),
)

_OTHER_COMMANDS = (
    Command(
        "create-stream-token",
        "print a token for the stream of a thread",
        words=(_THREAD,),
        example="$ID",
        looked_for="thread {id}",
        **_OF_API,
    ),
    Command(
        "stream",
        "print the events of a thread as lines of JSON",
        words=(_THREAD,),
        options=(
            Option("--channel", "the only channel to print", _NAME),
            Option("--wait-timeout", "when it ends (default: never)", _SECONDS),
        ),
        example="$ID",
        looked_for="thread {id}",
        **_OF_API,
    ),
    Command(
        "verify-webhook",
        "verify the body on standard input",
        options=(Option("--signature", "the header PromptJuggler-Signature", _HEADER),),
        general=(_DEMO,),
        variables=(("PROMPTJUGGLER_WEBHOOK_SECRET", "the secret of the webhook"),),
        example='--signature "$SIGNATURE" < body.json',
    ),
    Command(
        "fake-server",
        "serve a stand-in for the API, print its address and key",
        more=f"{STAND_IN}.\nIt ends by Ctrl-C, SIGTERM or SIGHUP: with 0, since that "
        "is all it waits for",
    ),
    Command(
        "completion",
        "print what makes a shell complete commands and options",
        words=(Word("SHELL", "shell", choices=SHELLS),),
        example="bash > ~/.local/share/bash-completion/completions/promptjuggler",
    ),
)

COMMANDS = {
    command.name: command
    for command in (*_RUN_COMMANDS, *_KNOWLEDGE_COMMANDS, *_OTHER_COMMANDS)
}
"""Every command by its name, in the order of the help."""

VALUES = {
    option.name: option.value
    for command in COMMANDS.values()
    for option in (*command.options, *command.general)
    if option.value is not None
}
"""The value of every option that takes one. It is converted alike in all commands that
have the option, though it can be a file in one and a name in another."""
