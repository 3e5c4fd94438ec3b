"""What can be said on the command line: its commands, their words, their options.

These tables are all that there is: parsers and helps are made from them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

STAND_IN = (
    "it has the prompt greeting (input name), the workflow summary (input text) "
    "and the knowledge base manuals"
)
"""What the stand-in of `--demo` and `fake-server` can do."""


class Value:
    """A kind of value that an option can take.

    metavar       how the help names it
    convert       makes it of its text; raises ValueError for one that is none
    problem       says then what is wrong, without the text, which can be a secret
    is_repeated   whether the option can stand more than once: it gives a list
    """

    __slots__ = ("convert", "is_repeated", "metavar", "problem")

    def __init__(
        self,
        metavar: str,
        *,
        convert: Callable[[str], object] = str,
        problem: str = "",
        is_repeated: bool = False,
    ) -> None:
        self.metavar = metavar
        self.convert = convert
        self.problem = problem
        self.is_repeated = is_repeated


class Option:
    """An option; without a value it is a flag. Its attribute of `Arguments` has its name."""

    __slots__ = ("help", "name", "value")

    def __init__(self, name: str, help: str, value: Value | None = None) -> None:
        self.name = name
        self.help = help
        self.value = value


class Word:
    """A word without a dash.

    name         how the help names it
    attribute    where it is found in `Arguments`
    nargs        as argparse has it: "" is one, "+" one or more, "*" any number
    """

    __slots__ = ("attribute", "name", "nargs")

    def __init__(self, name: str, attribute: str, nargs: str = "") -> None:
        self.name = name
        self.attribute = attribute
        self.nargs = nargs

    def usage(self) -> str:
        """How the first line of a help shows it."""
        if self.nargs == "+":
            return f"{self.name} [{self.name} ...]"
        if self.nargs == "*":
            return f"[{self.name} ...]"
        return self.name


class Command:
    """A command.

    words      in their order; only the last can be more than one
    options    those that it has beside the common ones
    example    what stands behind its name in the example of its help
    more       what else its help says
    """

    __slots__ = ("example", "more", "name", "options", "summary", "words")

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        words: tuple[Word, ...] = (),
        options: tuple[Option, ...] = (),
        example: str = "",
        more: str = "",
    ) -> None:
        self.name = name
        self.summary = summary
        self.words = words
        self.options = options
        self.example = example
        self.more = more


def _seconds(text: str) -> float:
    """A finite number of seconds above 0."""
    seconds = float(text)
    if 0 < seconds < float("inf"):
        return seconds
    raise ValueError(text)


def _priority(text: str) -> str:
    """One of the priorities of the API."""
    if text in ("onsite", "normal", "low"):
        return text
    raise ValueError(text)


_TEXT = Value("VALUE")
_NUMBER = Value("NUMBER", convert=int, problem="invalid int value")
_SECONDS = Value(
    "SECONDS", convert=_seconds, problem="must be a number of seconds above 0"
)
_PRIORITY = Value(
    "PRIORITY", convert=_priority, problem="must be onsite, normal or low"
)
_PAIR = Value("NAME=VALUE", is_repeated=True)

COMMON_OPTIONS = (
    Option("--demo", f"use a stand-in on this machine, without a key: {STAND_IN}"),
    Option("--base-url", "address of the API (default: PROMPTJUGGLER_BASE_URL)", _TEXT),
    Option(
        "--api-key-file", "file with the key (default: PROMPTJUGGLER_API_KEY)", _TEXT
    ),
    Option("--timeout", "to connect, and to be answered (default: 30)", _SECONDS),
    Option(
        "--wait-timeout",
        "for a run (default: 300) or a stream (default: none)",
        _SECONDS,
    ),
    Option("--max-retries", "for a request (default: 2)", _NUMBER),
    Option("--json", "print the whole result of a run"),
    Option("--quiet", "show no progress"),
    Option("--verbose", "show each request"),
)
"""The options of every command, in the order of the help."""

_RUN_OPTIONS = (
    Option("--no-wait", "print the ids of run and thread at once"),
    Option(
        "--inputs-json",
        "file with a JSON object of more inputs; - is standard input",
        _TEXT,
    ),
    Option("--priority", "onsite, normal or low", _PRIORITY),
    Option("--thread", "id of the thread to go on with", _TEXT),
    Option("--environment", "which webhooks fire, which variables the run sees", _TEXT),
    Option("--env-var", "variable for this run; others cannot see NAME=@FILE", _PAIR),
    Option("--metadata", "to find the run by; the same NAME again makes a list", _PAIR),
)
_INPUTS_CAN_BE_FILES = (
    "NAME=@FILE reads a text file, NAME=@- standard input, NAME=@@TEXT is @TEXT"
)

_SLUG = Word("SLUG", "slug")
_VERSION = Word("VERSION", "version_or_tag")
_ID = Word("ID", "id")
_THREAD = Word("THREAD", "id")
_INPUTS = Word("NAME=VALUE", "inputs", nargs="*")
_FILES = Word("FILE", "files", nargs="+")

_ALL_COMMANDS = (
    Command(
        "run-prompt",
        "run a prompt, print the answer",
        words=(_SLUG, _VERSION, _INPUTS),
        options=(
            *_RUN_OPTIONS,
            Option("--channel", "part of the thread's memory to use", _TEXT),
            Option("--stream", "show the answer in a terminal while it is written"),
        ),
        example="greeting production name=Ada",
        more=_INPUTS_CAN_BE_FILES,
    ),
    Command(
        "run-workflow",
        "run a workflow, print its outputs",
        words=(_SLUG, _VERSION, _INPUTS),
        options=(*_RUN_OPTIONS, Option("--output", "the only output to print", _TEXT)),
        example="summary 1 text=@faq.md",
        more=_INPUTS_CAN_BE_FILES,
    ),
    Command(
        "get-prompt",
        "print a prompt",
        words=(_SLUG, _VERSION),
        example="greeting production",
    ),
    Command("get-prompt-run", "print a run", words=(_ID,), example="$ID"),
    Command("get-workflow-run", "print a run", words=(_ID,), example="$ID"),
    Command(
        "get-knowledge-base",
        "print a knowledge base",
        words=(_SLUG,),
        example="manuals",
    ),
    Command(
        "upload-documents",
        "upload files to a knowledge base",
        words=(_SLUG, _FILES),
        example="manuals faq.md",
    ),
    Command("get-knowledge-document", "print a document", words=(_ID,), example="$ID"),
    Command(
        "delete-knowledge-document", "delete a document", words=(_ID,), example="$ID"
    ),
    Command(
        "create-stream-token",
        "print a token for the stream of a thread",
        words=(_THREAD,),
        example="$ID",
    ),
    Command(
        "stream",
        "print the events of a thread as lines of JSON",
        words=(_THREAD,),
        options=(Option("--channel", "the only channel to print", _TEXT),),
        example="$ID",
    ),
    Command(
        "verify-webhook",
        "verify the body on standard input",
        options=(Option("--signature", "the header PromptJuggler-Signature", _TEXT),),
        example='--signature "$SIGNATURE" < body.json',
    ),
    Command("fake-server", "serve a stand-in for the API, print its address and key"),
)

COMMANDS = {command.name: command for command in _ALL_COMMANDS}
"""Every command by its name, in the order of the help."""
