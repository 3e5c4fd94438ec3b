"""What the arguments of the process say, read with argparse; the helps, too.

Loading this module loads argparse and nothing else that takes time.
"""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser, RawDescriptionHelpFormatter

from .. import __version__
from .exits import EXIT_CODES, WRONG_USAGE, Stop
from .kinds import Command, Option
from .program import looks_like_option, program
from .tables import COMMANDS, GENERAL_OPTIONS, VALUES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, Literal, NoReturn

    Priority = Literal["onsite", "normal", "low"]


_MOST_NAMED = 8
"""So many commands are named in a line."""


class _GeneralArguments:
    """The options that all commands have that call the API."""

    def __init__(self) -> None:
        self.help = False
        self.version = False
        self.demo = False
        self.base_url: str | None = None
        self.api_key_file: str | None = None
        self.proxy: str | None = None
        self.ca_file: str | None = None
        self.timeout = 30.0
        self.total_timeout: float | None = None
        self.max_retries = 2
        self.quiet = False
        self.verbose = False


class _ArgumentsOfBatches(_GeneralArguments):
    """The word and the options that only many runs have."""

    def __init__(self) -> None:
        super().__init__()
        self.file = ""
        self.format: Literal["csv", "jsonl"] | None = None
        self.delimiter: str | None = None
        self.journal: str | None = None
        self.no_journal = False
        self.workers = 8
        self.restart_unsure = False


class Arguments(_ArgumentsOfBatches):
    """What the command line says. argparse sets the attributes; these are the defaults.

    Which of them a command can have, the tables say.
    """

    def __init__(self) -> None:
        super().__init__()
        # The command; or the text to print in place of one; or, where there are no
        # arguments at all, the one that says what is needed.
        self.command = ""
        self.answer = ""
        self.needed = ""

        # The words without a dash.
        self.slug = ""
        self.version_or_tag = ""
        self.id = ""
        self.inputs: list[str] = []
        self.files: list[str] = []
        self.shell = ""

        # The options of some commands.
        self.wait_timeout: float | None = None
        self.json = False
        self.no_wait = False
        self.wait = False
        self.input: list[str] | None = None
        self.inputs_json: str | None = None
        self.allow_empty = False
        self.priority: Priority | None = None
        self.thread: str | None = None
        self.environment: str | None = None
        self.env_var: list[str] | None = None
        self.metadata: list[str] | None = None
        self.channel: str | None = None
        self.stream: Literal["auto", "always", "never"] = "never"
        self.output: str | None = None
        self.signature: str | None = None


class _HelpFormatter(RawDescriptionHelpFormatter):
    """Texts as they stand, 79 columns wide.

    Without a width, argparse would load shutil to find that of the terminal. What a newer
    Python hands in beside the name of the program is passed on.
    """

    def __init__(self, prog: str, **settings: Any) -> None:
        # seam: formatter width: HelpFormatter takes `width`, though only the names of
        # the formatters are documented.
        super().__init__(prog, **{"width": 79, **settings})


class _Parser(ArgumentParser):
    """argparse without what it prints, how it exits, and what it says.

    Its messages show what was given, which can be a secret. So they are used nowhere:
    `ArgumentError` says which option it is about, and the tables say the rest.

    Of the words it is not told. It takes no list of them with options in between, but
    leaves them over in their order, and `_take_words` does the rest.
    """

    def __init__(
        self,
        prog: str,
        words: list[str],
        options: Iterable[Option],
        general: Iterable[Option],
        *,
        description: str,
        epilog: str,
    ) -> None:
        super().__init__(
            prog=prog,
            usage=" ".join(["%(prog)s", *words, "[option ...]"]),
            description=description,
            epilog=epilog,
            formatter_class=_HelpFormatter,
            allow_abbrev=False,
            add_help=False,
            # seam: errors are raised: with this, argparse calls `error` nowhere where
            # an ArgumentError could be raised.
            exit_on_error=False,
        )
        self.option_names = {"--help", "--version"}
        for option in options:
            self._add(self.add_argument, option)
        add_general = self.add_argument_group("general options").add_argument
        for option in general:
            self._add(add_general, option)
        # Flags like all others: argparse's own would print and exit.
        add_general("-h", "--help", help="show this help", action="store_true")
        self._add(add_general, Option("--version", "show the version"))

    def _add(self, add: Callable[..., object], option: Option) -> None:
        """Tell argparse of an option; `add` is `add_argument` of a group."""
        self.option_names.add(option.name)
        value = option.value
        if value is None:
            flag = option.attribute
            add(option.name, dest=flag, help=option.help, action="store_true")
            return

        def convert(text: str) -> object:
            try:
                return value.convert(text)
            except ValueError:
                # Of a ValueError, argparse would make a message with the text in it.
                # seam: other exceptions pass: it takes that, TypeError and
                # ArgumentTypeError, and no other exception.
                problem = f"argument {option.name}: {value.problem}"
                raise self.wrong_usage(problem) from None

        add(
            option.name,
            dest=option.attribute,
            help=option.help,
            metavar=value.metavar,
            type=convert,
            action="append" if value.is_repeated else "store",
        )

    def read(self, arguments: list[str]) -> tuple[Arguments, list[str]]:
        """What the options say, and what is left: words, and options not known here."""
        try:
            # seam: leftover arguments: all that is no option of ours comes back in the
            # order in which it was given.
            # seam: given namespace: an attribute that is there keeps its value where
            # its option is not given; argparse's own default would be None.
            return self.parse_known_args(arguments, Arguments())
        except ArgumentError as error:
            # seam: argument name: the option as it was added, not in the documentation.
            name = error.argument_name
        problem = "expected one argument" if name in VALUES else "takes no value"
        raise self.wrong_usage(f"argument {name}: {problem}")

    def wrong_usage(self, problem: str) -> Stop:
        """The error for arguments that cannot be used; `problem` must show no value."""
        return Stop(WRONG_USAGE, f"{problem} (see {self.prog} --help)")

    def error(self, message: str) -> NoReturn:
        """argparse's own way out, without its message."""
        raise self.wrong_usage("the arguments cannot be read")


def parse(arguments: list[str]) -> Arguments:
    """What the arguments of the process say.

    If they ask for the help or the version, `answer` is that, and to be printed.

    Raises `Stop`.
    """
    dashed, undashed = _cut_at_two_dashes(arguments)
    command = COMMANDS.get(_first_word(dashed))
    parser = _general_parser() if command is None else _parser_of(command)
    args, words = parser.read([_with_value(argument) for argument in dashed])
    if args.version:
        args.answer = f"promptjuggler {__version__}\n"
    elif args.help:
        args.answer = parser.format_help()
    elif not arguments:
        args.needed = parser.format_help()
    elif command is None:
        raise _no_command(parser, words + undashed)
    else:
        args.command = command.name
        words.remove(command.name)
        for word in words:
            if looks_like_option(word):
                raise _no_such_option(parser, word, command)
        _take_words(parser, command, words + undashed, args)
    return args


def _cut_at_two_dashes(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments before the first `--`, and those behind it, which are no options."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _first_word(arguments: list[str]) -> str:
    """The first argument that is neither an option nor the value of one; "" if none is.

    Which options there are, depends on the command; so argparse cannot find it.
    """
    is_value = False
    for argument in arguments:
        if not is_value and not looks_like_option(argument):
            return argument
        is_value = not is_value and _takes_next(argument)
    return ""


def _takes_next(argument: str) -> bool:
    """Whether the argument behind this one is its value."""
    value = VALUES.get(argument)
    return value is not None and not value.implied


def _with_value(argument: str) -> str:
    """An argument; where it is an option that implies a value, with that."""
    value = VALUES.get(argument)
    if value is None or not value.implied:
        return argument
    return f"{argument}={value.implied}"


def _general_parser() -> _Parser:
    """The parser for arguments without a command; its help lists them."""
    return _Parser(
        program(),
        ["COMMAND"],
        (),
        GENERAL_OPTIONS,
        description="commands:\n"
        + "\n".join(
            f"    {command.name:26}{command.summary}" for command in COMMANDS.values()
        ),
        epilog=f"{EXIT_CODES}\neach command has a help of its own: COMMAND --help",
    )


def _parser_of(command: Command) -> _Parser:
    """The parser for the options and the help of one command."""
    prog = f"{program()} {command.name}"
    more = f";\n{command.more}" if command.more else ""
    example = f"{prog} {command.example}".rstrip()
    parts = [f"example:\n  {example}\n", EXIT_CODES]
    if command.variables:
        lines = [f"  {name:34} {purpose}" for name, purpose in command.variables]
        parts.append("\n".join(["environment variables:", *lines]))
    return _Parser(
        prog,
        [word.usage() for word in command.words],
        command.options,
        command.general,
        description=command.summary + more,
        epilog="\n".join(parts),
    )


def _name_of(word: str) -> str:
    """The name of an option, without a value that is glued to it.

    As in `--name=VALUE` and `-nVALUE`, or in "--name VALUE" with the quotes.
    """
    if word.startswith("--"):
        return word.partition("=")[0].split()[0]
    return word[:2]


def _no_such_option(parser: _Parser, word: str, command: Command | None) -> Stop:
    """The error for an option that is none, or none of this command."""
    name = _name_of(word)
    having = [
        other.name
        for other in COMMANDS.values()
        if any(option.name == name for option in (*other.options, *other.general))
    ]
    if having:
        this = command.name if command else "what is no command"
        others = ", ".join(having) if len(having) <= _MOST_NAMED else "others"
        problem = f"{this} has no option {name}, which {others} can have"
        return parser.wrong_usage(problem)
    guess = _guess(name, parser.option_names)
    return parser.wrong_usage(f"there is no option {name}{guess}")


def _no_command(parser: _Parser, words: list[str]) -> Stop:
    """The error for words that do not begin with a command.

    They are not shown: one can be a secret.
    """
    names = ", ".join(COMMANDS)
    if not words:
        return parser.wrong_usage(f"required: COMMAND, one of {names}")
    if looks_like_option(words[0]):
        return _no_such_option(parser, words[0], None)
    guess = _guess(words[0], COMMANDS)
    return parser.wrong_usage(
        f"there is no such command{guess or f', but there are {names}'}"
    )


def _guess(given: str, known: Iterable[str]) -> str:
    """What was meant by a name that is mistyped; "" where nothing is like it."""
    # Slow to load, and needed here alone.
    from difflib import get_close_matches

    close = get_close_matches(given, known, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _take_words(
    parser: _Parser, command: Command, given: list[str], args: Arguments
) -> None:
    """Set the attributes of the words of a command. Raises `Stop`."""
    required = [word.name for word in command.words if word.nargs != "*"]
    missing = required[len(given) :]
    if missing:
        raise parser.wrong_usage(f"required: {', '.join(missing)}")
    takes_more = any(word.nargs for word in command.words)
    if len(given) > len(required) and not takes_more:
        raise parser.wrong_usage("too many arguments")
    for place, word in enumerate(command.words):
        value = given[place:] if word.nargs else given[place]
        if word.choices and value not in word.choices:
            raise parser.wrong_usage(f"{word.name} is one of {', '.join(word.choices)}")
        setattr(args, word.attribute, value)
