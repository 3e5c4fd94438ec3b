"""The command line, `python3 -m promptjuggler`. Results go to standard output, and all else to standard error.

What a command needs is loaded when it is carried out: the version, the help and usage errors need argparse alone.
"""

from __future__ import annotations

import argparse
import sys
from functools import partial

from . import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Sequence
    from typing import Any, NoReturn, TextIO

    # Name, kind of value (bool: has none; list: can be repeated), help.
    _Options = tuple[tuple[str, Any, str], ...]

__all__ = ["COMMANDS", "Stop", "main", "say", "write"]


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if 0 < value < float("inf"):
        return value
    raise argparse.ArgumentTypeError("must be a number of seconds above 0")


def _priority(text: str) -> str:
    if text in ("onsite", "normal", "low"):
        return text
    raise argparse.ArgumentTypeError("must be onsite, normal or low")


_PROGRAM = f"python3 -m {__package__}"
_COMMON: _Options = (
    ("--demo", bool, "call a stand-in on this machine, without a key: it has the prompt greeting (input name), the "
     "workflow summary (input text) and the knowledge base manuals"),
    ("--base-url", str, "address of the API (default: PROMPTJUGGLER_BASE_URL)"),
    ("--api-key-file", str, "file with the key (default: the key in PROMPTJUGGLER_API_KEY)"),
    ("--timeout", _seconds, "to connect, and to be answered (default: 30)"),
    ("--wait-timeout", _seconds, "for a run (default: 300) or a stream (default: none) to end"),
    ("--max-retries", int, "how often a request is sent again if it may be (default: 2)"),
    ("--json", bool, "print the whole result, as all but the run commands always do"),
    ("--quiet", bool, "show no progress"),
    ("--verbose", bool, "show each request"),
)
_RUN: _Options = (
    ("--no-wait", bool, "print the ids of run and thread at once"),
    ("--inputs-json", str, "file with more inputs, as a JSON object; - is standard input"),
    ("--priority", _priority, "onsite, normal or low"),
    ("--thread", str, "id of the conversation to go on with"),
    ("--environment", str, "which webhooks fire, and which variables the run sees"),
    ("--env-var", list, "variable for this run; others do not see that of NAME=@FILE"),
    ("--metadata", list, "text to find the run by; the same NAME again makes a list"),
)
_OPTIONS = {
    "run-prompt": (
        *_RUN,
        ("--channel", str, "part of the thread's memory to use"),
        ("--stream", bool, "show the answer in a terminal while it is written"),
    ),
    "run-workflow": (*_RUN, ("--output", str, "name of the one output to print")),
    "stream": (("--channel", str, "the only channel to print"),),
    "verify-webhook": (("--signature", str, "the header PromptJuggler-Signature"),),
}
_METAVARS = {str: "VALUE", list: "NAME=VALUE", int: "NUMBER", _seconds: "SECONDS", _priority: "VALUE"}
_ID = "0190d5a8-7d4e-7c11-8d0f-5a5b0d6f2c3e"
# The words of each command (those in brackets can be missing), what it does, and an example.
COMMANDS = {
    "run-prompt": ("SLUG VERSION [NAME=VALUE ...]", "run a prompt, print the answer", "greeting production name=Ada"),
    "run-workflow": ("SLUG VERSION [NAME=VALUE ...]", "run a workflow, print its outputs", "summary 1 text=@faq.md"),
    "get-prompt": ("SLUG VERSION", "print a revision of a prompt", "greeting production"),
    "get-prompt-run": ("ID", "print a run, as far as it is", _ID),
    "get-workflow-run": ("ID", "print a run, as far as it is", _ID),
    "get-knowledge-base": ("SLUG", "print a knowledge base", "manuals"),
    "upload-documents": ("SLUG FILE [FILE ...]", "upload files to a knowledge base", "manuals manual.pdf faq.md"),
    "get-knowledge-document": ("ID", "print a document", _ID),
    "delete-knowledge-document": ("ID", "delete a document", _ID),
    "create-stream-token": ("THREAD", "print a token for the stream of a thread", _ID),
    "stream": ("THREAD", "print the events of a thread as they come, as lines of JSON", _ID),
    "verify-webhook": ("", "verify the body on standard input", '--signature "$SIGNATURE" < body.json'),
    "fake-server": ("", "serve a stand-in for the API, and print its address and key", ""),
}
_INPUTS = ";\nNAME=@FILE takes a text file, NAME=@- standard input, NAME=@@TEXT begins with @"
_EXIT_CODES = """\
exit codes: 0 done, 1 the API or the network failed or a webhook is invalid,
2 wrong usage, 3 the run failed, 4 waiting timed out, 130 interrupted"""


class Stop(Exception):
    """The end of a command: its exit code, and the line for standard error."""


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out what the arguments say (by default those of the process), and give the exit code.

    Nothing is raised: what goes wrong becomes one line on standard error.
    """
    # `sending`: from here on there may be a run of which we do not know. `run`: its id.
    args = argparse.Namespace(sending=False, run="")
    code: int
    try:
        _parse(sys.argv[1:] if argv is None else list(argv), args)
        from ._cli_commands import execute

        execute(args)
        return 0
    except Stop as stop:
        code, text = stop.args
    except (Exception, KeyboardInterrupt) as error:
        code, text = _explained(error, args)
    if args.run and text and not args.demo:
        text += f"; run {args.run} was started: {_PROGRAM} {args.command.replace('run', 'get', 1)}-run {args.run}"
    elif args.sending and text:
        text += "; it may have been carried out all the same"
    if text:
        say(text)
    return code


def _explained(error: BaseException, args: Namespace) -> tuple[int, str]:
    """The exit code and the line for an error; and whether a run may have been started is set right."""
    from . import ApiError, NetworkError, PromptJugglerError, ValidationError, WaitTimeout

    code, text = 1, str(error) or type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        code, text = 130, "interrupted"
    elif isinstance(error, WaitTimeout):
        code = 4
    elif isinstance(error, ValidationError):
        code, args.sending = 2, False
    elif isinstance(error, ApiError):
        args.sending &= (error.status_code or 0) >= 500
        text = text if text.startswith("HTTP ") else f"HTTP {error.status_code}: {text}"
    elif isinstance(error, NetworkError):
        args.sending &= error.request_sent
    elif isinstance(error, OSError) and error.filename is not None:  # nothing but what the user named is opened
        code, text = 2, f"{error.filename or 'a file without a name'} cannot be read: {error.strerror}"
    elif not isinstance(error, (PromptJugglerError, OSError)):
        text = f"{type(error).__name__}: {text}"
    return code, text


def write(stream: TextIO | None, text: str) -> None:
    """Write to standard output or standard error; what the encoding lacks becomes an escape such as \\u2603."""
    if stream is None or stream.closed:  # closed when the program started; or below
        return
    encoding = stream.encoding or "utf-8"
    try:
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
        stream.flush()
    except OSError as error:
        try:
            stream.close()  # or the interpreter tries to write it once more at its end, and complains
        except OSError:
            pass
        # What is for people can be lost; a result cannot. `| head` has read what it wants.
        if stream is sys.stdout:
            broken = isinstance(error, BrokenPipeError)
            raise Stop(1, "" if broken else f"standard output cannot be written: {error.strerror}") from error


def say(text: str) -> None:
    """Write one line to standard error. The text can come from a server, and must not steer the terminal."""
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in " ".join(text.split()))
    write(sys.stderr, f"promptjuggler: {line}\n")


class _Parser(argparse.ArgumentParser):
    """argparse without its own ways to print and to exit."""

    def __init__(self, **settings: Any) -> None:
        # With a width given: to find one, argparse loads shutil and all that it needs.
        style = partial(argparse.RawDescriptionHelpFormatter, width=79)
        super().__init__(formatter_class=style, allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        # Without what was given: after a mistaken `--api-key` it is the key.
        raise Stop(2, f"{message.split(': ' + chr(39))[0]} (see {self.prog} --help)")

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise Stop(status, "")

    def _print_message(self, message: str, file: object = None) -> None:
        write(sys.stdout, message)

    def add_options(self, options: _Options, args: Namespace) -> None:
        """Add options. They have no defaults: those of a command would undo what came before the command."""
        for name, kind, text in options:
            setattr(args, name[2:].replace("-", "_"), None)
            settings: Any = {"type": kind} if kind is not list else {"action": "append"}
            settings = {"action": "store_true"} if kind is bool else {**settings, "metavar": _METAVARS[kind]}
            self.add_argument(name, help=text, default=argparse.SUPPRESS, **settings)


def _parse(arguments: list[str], args: Namespace) -> None:
    """Set the attributes of `args`: `command`, `words`, and each option, None where it is left out."""
    common = _Parser(add_help=False)
    common.add_options(_COMMON, args)
    common.add_argument("--version", action="version", version=f"promptjuggler {__version__}")
    parser = _Parser(prog=_PROGRAM, usage=f"{_PROGRAM} COMMAND ...", epilog=_EXIT_CODES, parents=[common])
    commands = parser.add_subparsers(prog=_PROGRAM, dest="command", metavar="COMMAND", required=True)
    for name, (words, summary, example) in COMMANDS.items():
        command = commands.add_parser(
            name,
            usage=f"{_PROGRAM} {name} {words} [option ...]",
            help=summary,
            description=summary + _INPUTS * ("=" in words),
            epilog=f"example:\n  {_PROGRAM} {name} {example}",
            # Only the one that is named is asked for its options, and to add them takes time.
            parents=[common] * (name in arguments),
        )
        command.add_options(_OPTIONS.get(name, ()), args)
    end = arguments.index("--") if "--" in arguments else len(arguments)
    # argparse is not told of the words: it takes no list of them with options in between.
    args.words = parser.parse_known_args(arguments[:end], args)[1]
    for word in args.words:
        if word.startswith("-") and word != "-":
            parser.error(f"there is no option {word.partition('=')[0]}")
    args.words += arguments[end + 1 :]
    required, more, _ = COMMANDS[args.command][0].partition("[")
    if missing := required.split()[len(args.words) :]:
        parser.error(f"the following arguments are required: {', '.join(missing)}")
    if len(args.words) > len(required.split()) and not more:
        parser.error("there are too many arguments")
    if "=" in more and not all("=" in word[1:] for word in args.words[2:]):
        parser.error("input must have the form NAME=VALUE")
