"""What can be said on the command line: help, version, wrong usage, and options."""

import inspect
import json
import re

import pytest
from helpers.commandline import KEY
from helpers.package import NAME

from promptjuggler import PromptJuggler, __version__
from promptjuggler._cli import exits
from promptjuggler._cli.arguments import Arguments
from promptjuggler._cli.commands import ACTIONS
from promptjuggler._cli.session import RUN_TIMEOUT
from promptjuggler._cli.tables import COMMANDS, COMMON_OPTIONS

OPERATIONS = {
    "run-prompt",
    "run-workflow",
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
}


def test_version_and_help_are_results(cli):
    assert cli("--version") == (0, f"promptjuggler {__version__}\n", "")
    code, out, err = cli("--help")
    assert (code, err) == (0, "")
    assert set(re.findall(r"^    ([a-z]+[a-z-]*)\b", out, re.MULTILINE)) == OPERATIONS
    assert "130" in out


@pytest.mark.parametrize("command", sorted(OPERATIONS))
def test_the_help_of_every_command_has_an_example_that_calls_it(cli, command):
    code, out, err = cli(command, "--help")
    assert (code, err) == (0, "")
    assert re.search(rf"^example:\n  python3 -m {NAME} {command}\b", out, re.MULTILINE)
    assert "--base-url" in out


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "required: COMMAND"),
        (["frobnicate"], "argument COMMAND: invalid choice"),
        (["run-prompt"], "required: SLUG, VERSION"),
        (["run-prompt", "greeting"], "required: VERSION"),
        (["upload-documents", "manuals"], "required: FILE"),
        (["get-prompt-run"], "required: ID"),
        (["get-prompt", "a", "b", "c"], "too many arguments"),
        (["fake-server", "x"], "too many arguments"),
        (["get-prompt", "a", "b", "--no-wait"], "no option --no-wait"),
        (["run-prompt", "a", "b", "--output", "x"], "no option --output"),
        (["run-workflow", "a", "b", "--channel", "x"], "no option --channel"),
        (["run-prompt", "a", "b", "--jso"], "no option --jso"),
        (["run-prompt", "a", "b", "-x=1"], "no option -x"),
        (
            ["--timeout", "0", "get-prompt", "a", "b"],
            "--timeout: must be a number of seconds",
        ),
        (
            ["--wait-timeout", "nan", "get-prompt", "a", "b"],
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
        (["run-prompt", "a", "b", "--stream=x"], "--stream: takes no value"),
        (["--x", "get-prompt", "a", "b"], "no option --x"),
        (["frobnicate", "--channel", "x"], "argument COMMAND: invalid choice"),
        (["--", "frobnicate"], "argument COMMAND: invalid choice"),
        (
            ["--max-retries", "many", "get-prompt", "a", "b"],
            "--max-retries: invalid int",
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
        assert "invalid choice" in err or "no option --api-key" in err
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
        (b" \n", "no API key"),
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
        options = (*COMMON_OPTIONS, *command.options)
        names = [option.name.removeprefix("--").replace("-", "_") for option in options]
        assert len(set(names)) == len(names)
        words = [word.attribute for word in command.words]
        assert {*names, *words} <= attributes.keys()
        # Only the last word can be more than one.
        assert not any(word.nargs for word in command.words[:-1])


def test_the_defaults_are_those_of_the_client():
    args = Arguments()
    parameters = inspect.signature(PromptJuggler).parameters
    for name in ("timeout", "max_retries", "base_url"):
        assert getattr(args, name) == parameters[name].default
    wait = inspect.signature(PromptJuggler.wait_for_prompt_run).parameters["timeout"]
    assert wait.default == RUN_TIMEOUT
    text = " ".join(option.help for option in COMMON_OPTIONS)
    for default in (args.timeout, args.max_retries, RUN_TIMEOUT):
        assert f"(default: {default:.0f})" in text


def test_every_command_is_carried_out_by_a_function_of_its_own():
    assert list(ACTIONS) == list(COMMANDS)
    assert len(set(ACTIONS.values())) == len(ACTIONS)


def test_the_help_names_every_exit_code():
    codes = {value for name, value in vars(exits).items() if name.isupper()} - {
        exits.EXIT_CODES
    }
    assert {int(code) for code in re.findall(r"\d+", exits.EXIT_CODES)} == codes
