"""The command line once more, as a line to be pasted into a shell."""

from __future__ import annotations

from .arguments import Arguments
from .inputs import names_file
from .program import command_line, quoted
from .tables import COMMANDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .kinds import Option


def same_command(args: Arguments) -> str:
    """What calls the command that was called, with all that was given.

    A secret is not shown: a variable of the shell takes its place, and a shell that does
    not have it says so and runs nothing.
    """
    command = COMMANDS[args.command]
    words = [str(getattr(args, word.attribute)) for word in command.words]
    options: list[str] = []
    for option in (*command.options, *command.general):
        options += _given(option, args)
    return command_line(command.name, options, words)


def _given(option: Option, args: Arguments) -> Iterator[str]:
    """An option as it was given, once or more; nothing where it was not."""
    given = getattr(args, option.attribute)
    if given == getattr(Arguments(), option.attribute):
        return
    if option.value is None:
        yield option.name
        return
    for value in given if option.value.is_repeated else [given]:
        yield f"{option.name}={_shown(option.name, value)}"


def _shown(option: str, value: object) -> str:
    """A value as a shell takes it."""
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    if option == "--env-var":
        name, _, value = text.partition("=")
        if names_file(value):
            # The secret is in the file, which was there.
            return quoted(text)
        variable = name if name.isidentifier() and name.isascii() else "VALUE"
        return f'{quoted(name)}="${{{variable}:?}}"'
    if option == "--proxy" and "@" in text:
        return '"${HTTPS_PROXY:?}"'
    return quoted("tab" if text == "\t" else text)
