"""What the arguments of the process say, read with argparse; the helps, too.

Loading this module loads argparse and nothing else that takes time.
"""

from __future__ import annotations

from argparse import ArgumentError, ArgumentParser, RawDescriptionHelpFormatter

from .. import __version__
from .exits import EXIT_CODES, WRONG_USAGE, Stop
from .tables import COMMANDS, COMMON_OPTIONS, Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Literal, NoReturn

    Priority = Literal["onsite", "normal", "low"]

PROGRAM = f"python3 -m {__name__.removesuffix('._cli.arguments')}"
"""How the program is called, whatever this package is called."""


class Arguments:
    """What the command line says. argparse sets the attributes; these are the defaults.

    Which of them a command can have, the tables say.
    """

    def __init__(self) -> None:
        # The command; or the text to print in place of one.
        self.command = ""
        self.answer = ""

        # The words without a dash.
        self.slug = ""
        self.version_or_tag = ""
        self.id = ""
        self.inputs: list[str] = []
        self.files: list[str] = []

        # The options that every command has.
        self.help = False
        self.version = False
        self.demo = False
        self.base_url: str | None = None
        self.api_key_file: str | None = None
        self.timeout = 30.0
        self.wait_timeout: float | None = None
        self.max_retries = 2
        self.json = False
        self.quiet = False
        self.verbose = False

        # The options of some.
        self.no_wait = False
        self.inputs_json: str | None = None
        self.priority: Priority | None = None
        self.thread: str | None = None
        self.environment: str | None = None
        self.env_var: list[str] | None = None
        self.metadata: list[str] | None = None
        self.channel: str | None = None
        self.stream = False
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
        self._options_with_value: set[str] = set()
        # Flags like all others: argparse's own would print and exit.
        self.add_argument("-h", "--help", help="show this help", action="store_true")
        self._add(Option("--version", "show program's version number and exit"))
        for option in options:
            self._add(option)

    def _add(self, option: Option) -> None:
        """Tell argparse of an option."""
        value = option.value
        if value is None:
            self.add_argument(option.name, help=option.help, action="store_true")
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

        self._options_with_value.add(option.name)
        self.add_argument(
            option.name,
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
        takes_value = name in self._options_with_value
        problem = "expected one argument" if takes_value else "takes no value"
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

    They are read twice: the options of a command are known once the command is, which is
    the first word among common options and all that is not known yet.

    Raises `Stop`.
    """
    dashed, undashed = _cut_at_two_dashes(arguments)
    parser = _Parser(
        PROGRAM,
        ["COMMAND"],
        COMMON_OPTIONS,
        description="\n".join(
            f"    {command.name:26}{command.summary}" for command in COMMANDS.values()
        ),
        epilog=EXIT_CODES,
    )
    args, words = parser.read(dashed)
    command = COMMANDS.get(words[0]) if words else None
    if args.version:
        args.answer = f"promptjuggler {__version__}\n"
        return args
    if command is not None:
        parser = _parser_of(command)
        args, words = parser.read(dashed)
    if args.help:
        args.answer = parser.format_help()
        return args
    if command is None:
        raise _no_command(parser, words + undashed)

    args.command = command.name
    del words[0]
    for word in words:
        if _is_option(word):
            raise _no_such_option(parser, word)
    _take_words(parser, command, words + undashed, args)
    return args


def _cut_at_two_dashes(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The arguments before the first `--`, and those behind it, which are no options."""
    if "--" not in arguments:
        return arguments, []
    place = arguments.index("--")
    return arguments[:place], arguments[place + 1 :]


def _parser_of(command: Command) -> _Parser:
    """The parser for the options and the help of one command."""
    more = f";\n{command.more}" if command.more else ""
    return _Parser(
        f"{PROGRAM} {command.name}",
        [word.usage() for word in command.words],
        (*COMMON_OPTIONS, *command.options),
        description=command.summary + more,
        epilog=f"example:\n  %(prog)s {command.example}",
    )


def _is_option(word: str) -> bool:
    """Whether a word that argparse does not know looks like an option; `-` does not."""
    return word.startswith("-") and word != "-"


def _name_of(word: str) -> str:
    """The name of an option, without a value that is glued to it.

    As in `--name=VALUE` and `-nVALUE`, or in "--name VALUE" with the quotes.
    """
    if word.startswith("--"):
        return word.partition("=")[0].split()[0]
    return word[:2]


def _no_such_option(parser: _Parser, word: str) -> Stop:
    """The error for an option that is none."""
    return parser.wrong_usage(f"there is no option {_name_of(word)}")


def _no_command(parser: _Parser, words: list[str]) -> Stop:
    """The error for words that do not begin with a command."""
    if not words:
        return parser.wrong_usage("required: COMMAND")
    if _is_option(words[0]):
        return _no_such_option(parser, words[0])
    return parser.wrong_usage("argument COMMAND: invalid choice")


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
        setattr(args, word.attribute, value)
