"""Completion: the scripts that `completion` prints; bash's in a real bash."""

import functools
import os
import re
import shlex
import subprocess

import pytest
from helpers.commandline import PLAIN, Terminal
from helpers.servers import PATIENCE

from promptjuggler._cli.completion import script_for
from promptjuggler._cli.tables import COMMANDS, SHELLS, VALUES

FLAGS = {"--help", "--version"}


def options_of(command):
    names = {option.name for option in (*command.options, *command.general)}
    return names | FLAGS


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_printed_without_an_account(cli, shell):
    code, out, err = cli("completion", shell)
    assert (code, err) == (0, "")
    assert out == script_for(shell)


# --- bash ---


def offered(script, *words):
    """What bash offers for the last of these words, as it cuts them.

    A word that begins or ends with a sign at which it cuts is one with its neighbour.
    """
    array = " ".join(map(shlex.quote, ["promptjuggler", *words]))
    line = re.sub(" ?([=:]) ?", r"\\1", " ".join(["promptjuggler", *words]))
    code = f"""
set -u
source {script}
COMP_WORDS=({array})
COMP_CWORD={len(words)}
COMP_LINE={shlex.quote(line)}
compopt() {{ echo "compopt $*"; }}
_promptjuggler
printf '%s\\n' "${{COMPREPLY[@]:-}}"
"""
    done = subprocess.run(
        ["bash", "--norc", "--noprofile", "-c", code],
        env=PLAIN,
        capture_output=True,
        timeout=PATIENCE,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split("\n")) - {""}


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    path = tmp_path_factory.mktemp("completion") / "promptjuggler.bash"
    path.write_text(script_for("bash"), "utf-8")
    return path


def test_bash_offers_the_commands(script):
    assert offered(script, "") == set(COMMANDS)
    assert offered(script, "wait-") == {
        name for name in COMMANDS if name.startswith("wait-")
    }
    assert offered(script, "--base-url", "get-prompt", "get-prompt-") == {
        "get-prompt-run"
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_bash_offers_the_options_of_a_command_and_no_others(script, command):
    assert offered(script, command, "x", "--") == options_of(COMMANDS[command])


NO_FILE = {"compopt +o bashdefault +o default"}
KNOWLEDGE = {"get-knowledge-base", "get-knowledge-document"}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--ba"], {"--base-url"}),
        # The value of an option is no command.
        (["--proxy", "stream", "run-prompt", "--chan"], {"--channel"}),
        (["--quiet", "stream", "--chan"], {"--channel"}),
        (["--proxy=x", "stream", "--chan"], {"--channel"}),
        (["run-prompt", "--priority", ""], {"onsite", "normal", "low"}),
        (["run-prompt", "--priority", "l"], {"low"}),
        # As bash cuts `--priority=l` and `--stream=`.
        (["run-prompt", "--priority", "=", "l"], {"low"}),
        (["run-prompt", "--stream", "="], {"auto", "always", "never"}),
        (["run-prompt", "--stream", "=", "a"], {"auto", "always"}),
        # Its value is glued to it or not there.
        (["run-prompt", "--stream", "--chan"], {"--channel"}),
        (["completion", ""], set(SHELLS)),
        (["completion", "z"], {"zsh"}),
        # A file: bash itself offers those.
        (["run-prompt", "--inputs-json", ""], set()),
        (["upload-documents", "manuals", ""], set()),
        # Nothing that bash could know, and no file.
        (["run-prompt", "--channel", ""], NO_FILE),
        # A file in the one, and a name in the other.
        (["run-prompts", "g", "p", "n.csv", "--output", "my"], set()),
        (["run-prompts", "g", "p", "n.csv", "--output", "=", "my"], set()),
        (["run-workflows", "--output", "="], set()),
        (["run-workflow", "--output", "my"], NO_FILE),
        (["run-workflow", "--output", "=", "my"], NO_FILE),
        (["wait-workflow-run", "--output", ""], NO_FILE),
        # Values that bash cuts apart, before the command and behind it.
        (["--timeout", "=", "5", "run-prompts", "--wo"], {"--workers"}),
        (["--base-url", "http", ":", "//x", "run-prompts", "--wo"], {"--workers"}),
        (
            ["--proxy", "=", "http", ":", "//p", ":", "3128", "run-prompts", "--wo"],
            {"--workers"},
        ),
        (
            ["--proxy", "http", ":", "//p", ":", "3128", "run-prompts", "--wo"],
            {"--workers"},
        ),
        (["--proxy", "http", ":", "//p", ":", "3128", "get-k"], KNOWLEDGE),
        (["run-prompt", "g", "p", "a", "=", "stream", "--chan"], {"--channel"}),
        (["--timeout", "=", "5", "--quiet", "get-k"], KNOWLEDGE),
        (["--base-url", "http", ":", "//"], NO_FILE),
        (["--base-url", "http", ":", ""], NO_FILE),
        (["no-such-command", "--"], set()),
    ],
)
def test_bash_offers_what_can_stand_there(script, words, expected):
    assert offered(script, *words) == expected


BASH = "import os; os.execvp('bash', ['bash', '--norc', '--noprofile', '-i'])"


def test_bash_completes_what_is_typed_in_a_terminal(script, tmp_path):
    (tmp_path / "a page.txt").touch()
    env = {**PLAIN, "PS1": "$ ", "INPUTRC": os.devnull, "HISTFILE": ""}
    with Terminal(env=env, program=BASH, columns=200) as terminal:
        terminal.read_until(re.escape("$ "))
        terminal.type(
            f"cd {shlex.quote(str(tmp_path))} && source {script} && echo do''ne\n"
        )
        terminal.read_until(r"done\r")
        terminal.type("promptjuggler get-prompt-\t")
        terminal.read_until("promptjuggler get-prompt-run ")
        # ^U: the line anew.
        terminal.type("\x15promptjuggler run-prompt --inputs\t")
        terminal.read_until("run-prompt --inputs-json ")
        terminal.type("a\t")
        terminal.read_until(re.escape("--inputs-json a\\ page.txt "))
        terminal.type("--stream=al\t")
        terminal.read_until("--stream=always ")
        # What bash cuts apart; as a part of a line, and with what stands before it.
        for before in (
            "--timeout=5",
            "--base-url http://x",
            "--proxy=http://p:3128",
            "--proxy 'http://p:3128'",
        ):
            terminal.type(f"\x15true; A=b:c promptjuggler {before} run-prompts --wo\t")
            terminal.read_until(re.escape(f"{before} run-prompts --workers "))
        terminal.type("2 g p n.csv --output=a\t")
        terminal.read_until(re.escape("--output=a\\ page.txt "))
        terminal.type("--output a\t")
        terminal.read_until(re.escape("--output a\\ page.txt "))


# --- zsh and fish, which are not on every machine ---


def test_zsh_is_told_of_every_command_and_option():
    text = script_for("zsh")
    assert text.startswith("#compdef promptjuggler\n")
    listed = text.partition("commands=(")[2].partition("\n    )")[0]
    assert [shlex.split(line)[0] for line in listed.strip().split("\n")] == [
        f"{command.name}:{command.summary}" for command in COMMANDS.values()
    ]
    for command in COMMANDS.values():
        (line,) = re.findall(rf"^ +{command.name}\) _arguments (.*) ;;$", text, re.M)
        specs = shlex.split(line)
        names = {re.match(r"\*?(--[a-z-]+)", spec) for spec in specs} - {None}
        assert {match[1] for match in names} == options_of(command)
    specs = shlex.split(text.replace("#compdef", ""))
    assert any(spec.startswith("--priority=[") for spec in specs)
    assert any(spec.endswith("]:PRIORITY:(onsite normal low)") for spec in specs)
    assert any(spec.startswith("*--env-var=[") for spec in specs)
    assert any(spec.endswith("]:FILE:_files") for spec in specs)
    assert any(spec.endswith("]::WHEN:(auto always never)") for spec in specs)
    # No bracket of a help ends the help.
    for spec in specs:
        if spec.startswith("--"):
            assert spec.count("[") == spec.count("]") <= 1


def test_zsh_is_told_of_it_by_a_file_that_is_the_function_and_by_what_is_evaluated():
    """The file in a folder of $fpath is run as the function at the first completion."""
    assert script_for("zsh").endswith("""
}
# The file is the function itself, when zsh loads it for the first completion.
if [[ $funcstack[1] == _promptjuggler ]]; then
    _promptjuggler "$@"
else
    compdef _promptjuggler promptjuggler
fi
""")


@functools.cache
def lines_of_fish():
    """The words of each `complete`."""
    text = script_for("fish").partition("\ncomplete ")
    lines = f"complete {text[2]}".strip().split("\n")
    assert all(line.startswith("complete -c promptjuggler ") for line in lines)
    return [shlex.split(line) for line in lines]


def options_in_fish(condition):
    """The options that are offered on this condition."""
    return {
        f"--{line[line.index('-l') + 1]}"
        for line in lines_of_fish()
        if condition in line and "-l" in line
    }


def test_fish_is_told_of_every_command_and_option():
    lines = lines_of_fish()
    offered = {line[line.index("-a") + 1] for line in lines if "-a" in line}
    assert set(COMMANDS) <= offered
    for command in COMMANDS.values():
        condition = f"__promptjuggler_is {command.name}"
        assert options_in_fish(condition) == options_of(command) - FLAGS
    (priority,) = [
        line
        for line in lines
        if "priority" in line and "__promptjuggler_is run-prompt" in line
    ]
    assert priority[-4:] == ["-r", "-f", "-a", "onsite normal low"]


def test_fish_is_told_of_the_options_that_can_stand_before_the_command():
    general = {option.name for option in COMMANDS["get-prompt"].general}
    assert options_in_fish("__promptjuggler_is") == general


def test_fish_takes_for_the_command_the_first_word_that_is_no_value_of_an_option():
    """As bash does it: neither `x` in `--base-url x run-prompt`, nor a later word."""
    text = script_for("fish")
    (takers,) = re.findall(r"\n +case (--.*)\n +set skip yes\n", text)
    assert set(takers.split(" ")) == {
        name for name, value in VALUES.items() if not value.implied
    }
    assert "case '*'\n                echo $word\n                return\n" in text
    assert "__fish_seen_subcommand_from" not in text
