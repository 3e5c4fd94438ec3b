"""What can be said on the command line: help, version, wrong usage, and options."""

import inspect
import json
import re

import pytest
from helpers.commandline import KEY, sent
from helpers.package import NAME

from promptjuggler import PromptJuggler, __version__
from promptjuggler._cli import exits
from promptjuggler._cli.arguments import Arguments
from promptjuggler._cli.commands import ACTIONS
from promptjuggler._cli.session import RUN_TIMEOUT
from promptjuggler._cli.tables import COMMANDS, GENERAL_OPTIONS, VALUES

OPERATIONS = {
    "run-prompt",
    "run-workflow",
    "run-prompts",
    "run-workflows",
    "get-prompt",
    "get-prompt-run",
    "get-workflow-run",
    "get-knowledge-base",
    "upload-documents",
    "get-knowledge-document",
    "delete-knowledge-document",
    "create-stream-token",
    "verify-webhook",
    "fake-server",
    "stream",
    "wait-prompt-run",
    "wait-workflow-run",
    "wait-knowledge-base",
    "wait-knowledge-document",
    "completion",
}


def test_version_and_help_are_results(cli):
    assert cli("--version") == (0, f"promptjuggler {__version__}\n", "")
    code, out, err = cli("--help")
    assert (code, err) == (0, "")
    assert set(re.findall(r"^    ([a-z]+[a-z-]*)\b", out, re.MULTILINE)) == OPERATIONS
    assert "130" in out


def test_without_any_argument_the_commands_are_listed_on_standard_error(cli):
    code, out, err = cli()
    assert (code, out) == (2, "")
    assert err == cli("--help")[1]


CALLING_THE_API = OPERATIONS - {"verify-webhook", "fake-server", "completion"}
API_VARIABLES = {
    "PROMPTJUGGLER_API_KEY",
    "PROMPTJUGGLER_BASE_URL",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
}


@pytest.mark.parametrize("command", sorted(OPERATIONS))
def test_the_help_of_a_command_has_an_example_its_options_first_codes_and_variables(
    cli, command
):
    code, out, err = cli(command, "--help")
    assert (code, err) == (0, "")
    assert re.search(rf"^example:\n  python3 -m {NAME} {command}\b", out, re.MULTILINE)
    assert exits.EXIT_CODES in out
    variables = set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", out))
    if command in CALLING_THE_API:
        assert variables >= API_VARIABLES
    elif command == "verify-webhook":
        assert variables == {"PROMPTJUGGLER_WEBHOOK_SECRET"}
    else:
        assert not variables & API_VARIABLES
    own, general = out.split("general options:")
    for option in COMMANDS[command].options:
        assert f"  {option.name}" in own
    for option in COMMANDS[command].general:
        assert f"  {option.name}" in general


def test_a_value_is_called_what_it_is(cli):
    out = "".join(cli(command, "--help")[1] for command in sorted(OPERATIONS))
    for text in (
        "--base-url URL",
        "--proxy URL",
        "--ca-file FILE",
        "--api-key-file FILE",
        "--inputs-json FILE",
        "--thread ID",
        "--timeout SECONDS",
        "--total-timeout SECONDS",
        "--wait-timeout SECONDS",
        "--max-retries NUMBER",
        "--output NAME",
    ):
        assert text in out
    assert not re.search(r"--[a-z-]+ VALUE", out)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--verbose"], "required: COMMAND, one of run-prompt, "),
        (["frobnicate"], "there is no such command, but there are run-prompt, "),
        (["run-prompt"], "required: SLUG, VERSION"),
        (["run-prompt", "greeting"], "required: VERSION"),
        (["upload-documents", "manuals"], "required: FILE"),
        (["get-prompt-run"], "required: ID"),
        (["get-prompt", "a", "b", "c"], "too many arguments"),
        (["fake-server", "x"], "too many arguments"),
        (
            ["get-prompt", "a", "b", "--no-wait"],
            "get-prompt has no option --no-wait, which run-prompt, run-workflow can have (",
        ),
        (
            ["get-prompt", "a", "b", "--wait-timeout", "1"],
            "has no option --wait-timeout",
        ),
        (["get-prompt", "a", "b", "--json"], "get-prompt has no option --json"),
        (
            ["verify-webhook", "--timeout", "1"],
            "has no option --timeout, which others can have",
        ),
        (["fake-server", "--demo"], "has no option --demo"),
        (["run-prompt", "a", "b", "--output", "x"], "has no option --output"),
        (["run-workflow", "a", "b", "--channel", "x"], "has no option --channel"),
        (["--channel", "x"], "what is no command has no option --channel"),
        (["run-prompt", "a", "b", "--jso"], "no option --jso; did you mean --json?"),
        (["run-prompt", "a", "b", "--inptu=x"], "--inptu; did you mean --input?"),
        (["run-promt", "a", "b"], "no such command; did you mean run-prompt?"),
        (["run_workflow", "a", "b"], "no such command; did you mean run-workflow?"),
        (["completion", "tcsh"], "SHELL is one of bash, zsh, fish"),
        (["run-prompt", "a", "b", "-x=1"], "no option -x"),
        (
            ["--timeout", "0", "get-prompt", "a", "b"],
            "--timeout: must be a number of seconds",
        ),
        (
            ["--wait-timeout", "nan", "wait-prompt-run", "a"],
            "--wait-timeout: must be a number of seconds",
        ),
        (
            ["--timeout", "abc", "get-prompt", "a", "b"],
            "--timeout: must be a number of seconds",
        ),
        (["get-prompt", "a", "b", "--timeout"], "--timeout: expected one argument"),
        (
            ["run-prompt", "a", "b", "--channel", "--json"],
            "--channel: expected one argument",
        ),
        (["get-prompt", "a", "b", "--quiet=x"], "--quiet: takes no value"),
        (
            ["run-prompt", "a", "b", "--stream=x"],
            "--stream: must be auto, always or never",
        ),
        (["run-prompt", "a", "b", "--stream", "always"], "form NAME=VALUE"),
        (["--x", "get-prompt", "a", "b"], "no option --x"),
        (["frobnicate", "--channel", "x"], "there is no such command"),
        (["--", "frobnicate"], "there is no such command"),
        (
            ["--max-retries", "many", "get-prompt", "a", "b"],
            "--max-retries: must be a whole number",
        ),
        (
            ["--max-retries", "-1", "get-prompt", "a", "b"],
            "max_retries must be at least 0",
        ),
        (
            ["--base-url", "ftp://example.com", "get-prompt", "a", "b"],
            "base_url must be an http or https URL",
        ),
        (["get-prompt", "..", "1"], "slug must not be '..'"),
        (["get-prompt-run", "12"], "run_id must be a UUID"),
        (["create-stream-token", "12"], "thread must be a UUID"),
        (["run-prompt", "a", "1", "--thread", "12"], "thread must be a UUID"),
        (
            ["run-prompt", "a", "1", "--priority", "high"],
            "--priority: must be onsite, normal or low",
        ),
        (["run-prompt", "a", "1", "name"], "form NAME=VALUE"),
        (["run-prompt", "a", "1", "=x"], "form NAME=VALUE"),
        (["run-prompt", "a", "1", "--", "--x"], "form NAME=VALUE"),
        (
            ["run-prompt", "a", "1", "--inputs-json", ""],
            "a file without a name cannot be read",
        ),
        (["run-prompt", "a", "1", "x=@"], "a file without a name cannot be read"),
        (["run-workflow", "a", "1", "--output", ""], "--output must be the name"),
        (["upload-documents", "manuals", ""], "a file without a name cannot be read"),
        (
            ["stream", "0190d5a8-7d4e-7c11-8d0f-5a5b0d6f2c3e", "--channel", ""],
            "channels must be",
        ),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2_and_nothing_is_sent(
    cli, server, arguments, problem
):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert problem in err
    assert err.startswith("promptjuggler: ")
    assert err.count("\n") == 1
    assert not server.requests


@pytest.mark.parametrize("before", [[], ["run-prompt", "a", "1"], ["get-prompt"]])
@pytest.mark.parametrize(
    "arguments",
    [
        ["SECRET"],
        ["--quiet=SECRET"],
        ["--help=SECRET"],
        ["-h=SECRET"],
        ["--api-key=SECRET"],
        ["--api-key", "SECRET"],
        ["--api-key SECRET"],
        ["--api-key\tSECRET"],
        ["-kSECRET"],
        ["-k=SECRET"],
        ["-k SECRET"],
        ["--timeout=SECRET"],
        ["--max-retries", "SECRET"],
        ["--priority=SECRET"],
        ["--stream=SECRET"],
        ["--quie=SECRET"],
        ["--env-var", "SECRET"],
        ["--env-var==SECRET"],
        ["--metadata", "SECRET"],
        ["--api-key-file", "SECRET"],
    ],
)
def test_what_is_given_wrong_is_not_shown_for_it_can_be_a_secret(
    cli, server, before, arguments
):
    # Wherever somebody may put it, it is at most an error.
    for given in ([*before, *arguments], [*arguments, *before]):
        code, out, err = cli(*given)
        assert (code, out, err.count("\n")) == (2, "", 1), given
        assert "SECRET" not in err
    assert not server.requests


def test_a_key_is_no_argument_and_is_not_shown_where_someone_tries(cli, server):
    for arguments in (
        ["--api-key", "sk-1", "get-prompt", "a", "1"],
        ["get-prompt", "a", "1", "--api-key=sk-1"],
    ):
        code, _, err = cli(*arguments)
        assert code == 2
        assert "did you mean --api-key-file?" in err
        assert "sk-1" not in err
    code, _, err = cli("--api-key-file", "sk-1", "get-prompt", "a", "1")
    assert (code, err) == (
        2,
        "promptjuggler: the file of --api-key-file cannot be read\n",
    )


def test_without_a_key_nothing_is_sent(cli, server, monkeypatch):
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", " ")
    code, _, err = cli("get-prompt", "greeting", "1")
    assert code == 2
    assert "there is no API key" in err
    assert not server.requests


def test_without_a_key_the_line_says_where_it_can_come_from(cli, monkeypatch):
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", " ")
    code, _, err = cli("get-prompt", "a", "1")
    assert (code, "PROMPTJUGGLER_API_KEY" in err, "--api-key-file" in err) == (
        2,
        True,
        True,
    )


def test_the_key_can_come_from_a_file_and_the_address_from_an_option(
    cli, server, monkeypatch, tmp_path
):
    monkeypatch.delenv("PROMPTJUGGLER_API_KEY")
    monkeypatch.delenv("PROMPTJUGGLER_BASE_URL")
    file = tmp_path / "key"
    for content in (f"{KEY}\n".encode(), b"\xef\xbb\xbf" + KEY.encode() + b"\r\n"):
        file.write_bytes(content)
        assert (
            cli(
                "--api-key-file",
                str(file),
                "get-prompt",
                "greeting",
                "1",
                "--base-url",
                server.url,
            )[0]
            == 0
        )
    for content, problem in (
        (b" \n", "the file of --api-key-file has no key\n"),
        (b"", "the file of --api-key-file has no key\n"),
        (b"\xff", "cannot be read"),
        (b"two words", "printable ASCII"),
    ):
        file.write_bytes(content)
        code, _, err = cli("--api-key-file", str(file), "get-prompt", "greeting", "1")
        assert code == 2
        assert problem in err
        assert "two words" not in err


def test_options_can_stand_before_between_and_after_the_words_and_end_at_two_dashes(
    cli, quick
):
    orders = [
        ["--json", "--timeout", "20", "run-prompt", "list", "1", "a=1", "b=2"],
        ["run-prompt", "--json", "list", "--timeout=20", "1", "a=1", "--quiet", "b=2"],
        ["run-prompt", "list", "1", "a=1", "--json", "b=2"],
        ["run-prompt", "list", "1", "--json", "a=1", "b=2"],
    ]
    for order in orders:
        code, out, err = cli(*order)
        assert (code, err) == (0, "")
        assert json.loads(json.loads(out)["output"]) == {"a": "1", "b": "2"}
    assert cli("run-prompt", "list", "1", "--", "-x=1", "--json=2") == (
        0,
        '{"-x": "1", "--json": "2"}\n',
        "",
    )


def test_what_a_command_alone_has_can_stand_before_it_and_be_called_as_another(
    cli, quick
):
    options = ["--channel", "get-prompt", "--stream", "--inputs-json=stream"]
    code, _, err = cli(*options, "run-prompt", "list", "1", "a=1")
    assert (code, err[:32]) == (2, "promptjuggler: stream cannot be ")
    assert cli(*options[:3], "run-prompt", "list", "1", "a=1")[0] == 0
    assert sent(quick)["channel"] == "get-prompt"


def test_words_that_begin_with_a_dash_come_after_two_dashes(
    cli, server, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-odd.txt").write_bytes(b"x")
    for arguments in (["manuals", "--", "-odd.txt"], ["--", "manuals", "-odd.txt"]):
        code, out, _ = cli("upload-documents", *arguments)
        assert (code, json.loads(out)[0]["fileName"]) == (0, "-odd.txt")


# --- the tables ---


def test_every_option_and_word_has_an_attribute_with_a_default():
    attributes = vars(Arguments())
    for command in COMMANDS.values():
        options = (*command.general, *command.options)
        names = [option.name.removeprefix("--").replace("-", "_") for option in options]
        assert len(set(names)) == len(names)
        words = [word.attribute for word in command.words]
        assert {*names, *words} <= attributes.keys()
        # Only the last word can be more than one.
        assert not any(word.nargs for word in command.words[:-1])


def test_the_defaults_are_those_of_the_client():
    args = Arguments()
    parameters = inspect.signature(PromptJuggler).parameters
    for name in ("timeout", "total_timeout", "max_retries", "base_url", "proxy"):
        assert getattr(args, name) == parameters[name].default
    wait = inspect.signature(PromptJuggler.wait_for_prompt_run).parameters["timeout"]
    assert wait.default == RUN_TIMEOUT
    options = (*GENERAL_OPTIONS, *COMMANDS["run-prompt"].options)
    text = " ".join(option.help for option in options)
    for default in (args.timeout, args.max_retries, RUN_TIMEOUT):
        assert f"(default: {default:.0f})" in text


def test_an_option_takes_a_value_in_all_commands_that_have_it_or_in_none():
    for command in COMMANDS.values():
        for option in (*command.general, *command.options):
            known = VALUES.get(option.name)
            assert (option.value is None) == (known is None), option.name
            if known is not None:
                assert option.value.implied == known.implied


def test_every_command_is_carried_out_by_a_function_of_its_own():
    assert list(ACTIONS) == list(COMMANDS)
    assert len(set(ACTIONS.values())) == len(ACTIONS)


def test_the_help_names_every_exit_code():
    codes = {value for value in vars(exits).values() if type(value) is int}
    assert {0, 1, 2, 3, 4, 5, 129, 130, 143} == codes
    assert {int(code) for code in re.findall(r"\d+", exits.EXIT_CODES)} == codes
