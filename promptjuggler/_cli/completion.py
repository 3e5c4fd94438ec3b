"""Scripts that have a shell complete commands and options, made from the tables."""

from __future__ import annotations

from .kinds import Command, Option, Value
from .tables import COMMANDS, VALUES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_FLAGS = ("--help", "--version")

_BASH = """\
# Has bash complete the commands and options of promptjuggler, for example by
#     eval "$(promptjuggler completion bash)"
_promptjuggler() {
    local word before command="" skip="" line="$COMP_LINE" last=-1 words=() part i
    # bash cuts at = and : too. What has no space before it, belongs to what is before.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        part="${COMP_WORDS[i]}"
        if ((i == 0)) || [[ $line == [[:space:]]* ]]; then words[++last]=""; fi
        words[last]+="$part"
        line="${line#*"$part"}"
    done
    for ((i = 1; i < last; i++)); do
        if [[ -n $skip ]]; then skip=""; continue; fi
        case "${words[i]}" in
            @WITH_VALUE@) skip=yes ;;
            -*) ;;
            *) command="${words[i]}"; break ;;
        esac
    done
    word="${words[last]}" before=""
    if ((last > 0)); then before="${words[last - 1]}"; fi
    # bash puts what is offered in the place of what is behind the sign.
    if [[ $word == --*=* ]]; then before="${word%%=*}="; word="${word#*=}"; fi
    COMPREPLY=()
    case "$command $before" in
@VALUES@
    esac
    case "$command" in
@COMMANDS@
    esac
}
complete -o bashdefault -o default -F _promptjuggler promptjuggler
"""

_ZSH = """\
#compdef promptjuggler
# Has zsh complete the commands and options of promptjuggler: a file of the name
# _promptjuggler in a folder of $fpath, or
#     eval "$(promptjuggler completion zsh)"
_promptjuggler() {
    local -a commands
    commands=(
@COMMANDS@
    )
    local command="" word skip=""
    for word in "${(@)words[2,CURRENT-1]}"; do
        if [[ -n $skip ]]; then skip=""; continue; fi
        case "$word" in
            @WITH_VALUE@) skip=yes ;;
            -*) ;;
            *) command="$word"; break ;;
        esac
    done
    case "$command" in
        "") if [[ $words[CURRENT] != -* ]]; then
                _describe command commands
            else
                _arguments @GENERAL@
            fi ;;
@OPTIONS@
    esac
}
# The file is the function itself, when zsh loads it for the first completion.
if [[ $funcstack[1] == _promptjuggler ]]; then
    _promptjuggler "$@"
else
    compdef _promptjuggler promptjuggler
fi
"""

_FISH = """\
# Has fish complete the commands and options of promptjuggler: a file of the name
# ~/.config/fish/completions/promptjuggler.fish
function __promptjuggler_command
    set -l skip ""
    set -l words (commandline -opc)
    for word in $words[2..-1]
        if test -n "$skip"
            set skip ""
            continue
        end
        switch $word
            case @WITH_VALUE@
                set skip yes
            case '-*'
            case '*'
                echo $word
                return
        end
    end
end
# Whether this is the command; without an argument, whether there is none yet.
function __promptjuggler_is
    set -l command (__promptjuggler_command)
    test "$command" = "$argv"
end
@LINES@
"""


def script_for(shell: str) -> str:
    """The script for a shell: one of `tables.SHELLS`."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _options_of(command: Command) -> list[Option]:
    """All options of a command but --help and --version, which all have."""
    return [*command.options, *command.general]


def _names_of(options: Iterable[Option]) -> str:
    return " ".join([*(option.name for option in options), *_FLAGS])


def _takers() -> list[str]:
    """The options whose value is the next word."""
    return [name for name, value in VALUES.items() if not value.implied]


# --- bash ---


def _bash() -> str:
    return (
        _BASH.replace("@WITH_VALUE@", "|".join(_takers()))
        .replace("@VALUES@", "\n".join(_values_in_bash()))
        .replace("@COMMANDS@", "\n".join(_commands_in_bash()))
    )


def _values_in_bash() -> Iterable[str]:
    """The branches for the words behind an option: its value.

    Where an option takes other values in some commands, those come first.
    """
    for command in COMMANDS.values():
        for option in command.options:
            usual = VALUES.get(option.name)
            if option.value and usual and _reply(option.value) != _reply(usual):
                yield _branch(command.name, option.name, option.value)
    for name, value in VALUES.items():
        yield _branch("*", name, value)


def _branch(command: str, name: str, value: Value) -> str:
    """The branch for an option of a command, or of any."""
    # With the sign, where the value is glued to the name.
    signs = ("=",) if value.implied else ("", "=")
    pattern = "|".join(f"{command}\\ {name}{sign}" for sign in signs)
    return f"        {pattern}) {_reply(value)} return ;;"


def _reply(value: Value) -> str:
    """What bash is to offer for a value.

    Of the names of files, by its own way, that knows of spaces: nothing is offered here.
    """
    if value.choices:
        return _offer(" ".join(value.choices))
    return "" if value.metavar == "FILE" else "compopt +o bashdefault +o default;"


def _offer(words: str) -> str:
    return f'COMPREPLY=($(compgen -W "{words}" -- "$word"));'


def _commands_in_bash() -> Iterable[str]:
    """The branches for each command, and for none."""
    general = _names_of(_general_options())
    names = " ".join(COMMANDS)
    yield (
        f'        "") if [[ $word == -* ]]; then {_offer(general)}'
        f" else {_offer(names)} fi ;;"
    )
    for command in COMMANDS.values():
        options = _offer(_names_of(_options_of(command)))
        choices = " ".join(word for each in command.words for word in each.choices)
        other = f" else {_offer(choices)}" if choices else ""
        yield (
            f"        {command.name}) if [[ $word == -* ]]; then {options}{other} fi ;;"
        )


def _general_options() -> list[Option]:
    """The options that can stand before a command."""
    return _options_of(COMMANDS["get-prompt"])


# --- zsh ---


def _zsh() -> str:
    commands = [
        f"        {_in_quotes(f'{command.name}:{command.summary}')}"
        for command in COMMANDS.values()
    ]
    options = [
        f"        {command.name}) _arguments {_specs(command)} ;;"
        for command in COMMANDS.values()
    ]
    return (
        _ZSH.replace("@WITH_VALUE@", "|".join(_takers()))
        .replace("@COMMANDS@", "\n".join(commands))
        .replace("@GENERAL@", " ".join(map(_spec, _general_options())))
        .replace("@OPTIONS@", "\n".join(options))
    )


def _specs(command: Command) -> str:
    """What zsh's `_arguments` is told of a command."""
    specs = [_spec(option) for option in _options_of(command)]
    specs += [_in_quotes(flag) for flag in _FLAGS]
    choices = " ".join(word for each in command.words for word in each.choices)
    specs.append(f"'*: :({choices})'" if choices else "'*: :_files'")
    return " ".join(specs)


def _spec(option: Option) -> str:
    """The same of one option: `--name[help]:what it takes:what can stand there`."""
    value = option.value
    text = option.help.replace("[", "(").replace("]", ")").replace(":", "\\:")
    if value is None:
        return _in_quotes(f"{option.name}[{text}]")
    repeated = "*" if value.is_repeated else ""
    action = "_files" if value.metavar == "FILE" else " "
    if value.choices:
        action = f"({' '.join(value.choices)})"
    # With a minus, the value is glued to the name by `=` alone.
    sign = "=-" if value.implied else "="
    optional = "::" if value.implied else ":"
    return _in_quotes(
        f"{repeated}{option.name}{sign}[{text}]{optional}{value.metavar}:{action}"
    )


def _in_quotes(text: str) -> str:
    """A text in single quotes, as all three shells read them but for a quote in it."""
    return "'" + text.replace("'", "'\\''") + "'"


# --- fish ---

_IN_FISH = "complete -c promptjuggler"

_NO_COMMAND = "-n __promptjuggler_is"


def _fish() -> str:
    lines = [f"{_IN_FISH} {_NO_COMMAND} -f"]
    for option in _general_options():
        lines.append(f"{_IN_FISH} {_NO_COMMAND} {_flags(option)}")
    for command in COMMANDS.values():
        summary = _in_quotes(command.summary)
        lines.append(f"{_IN_FISH} {_NO_COMMAND} -a {command.name} -d {summary}")
        condition = f"-n '__promptjuggler_is {command.name}'"
        for option in _options_of(command):
            lines.append(f"{_IN_FISH} {condition} {_flags(option)}")
        for word in command.words:
            if word.choices:
                words = _in_quotes(" ".join(word.choices))
                lines.append(f"{_IN_FISH} {condition} -f -a {words}")
    lines += [f"{_IN_FISH} -l {flag[2:]}" for flag in _FLAGS]
    return _FISH.replace("@WITH_VALUE@", " ".join(_takers())).replace(
        "@LINES@", "\n".join(lines)
    )


def _flags(option: Option) -> str:
    """What fish's `complete` is told of an option."""
    value = option.value
    text = f"-l {option.name[2:]} -d {_in_quotes(option.help)}"
    if value is None:
        return text
    # With -r it needs a value, with -f no file is offered.
    if value.metavar == "FILE":
        return f"{text} -r -F"
    choices = f" -a {_in_quotes(' '.join(value.choices))}" if value.choices else ""
    return f"{text} -f{choices}" if value.implied else f"{text} -r -f{choices}"
