"""The command line, called as a function: its commands, options, output and exit codes."""

import io
import json
import os
import re
import sys
from uuid import UUID, uuid4

import pytest
from helpers.clock import after_answers
from helpers.package import NAME
from helpers.servers import PATIENCE, ScriptedServer, respond

from promptjuggler import PromptJuggler, __version__
from promptjuggler._cli import main
from promptjuggler.testing import FakeServer, sign_webhook

KEY = "a-key-of-the-tests"
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
SOME_ID = "0190d5a8-7d4e-7c11-8d0f-5a5b0d6f2c3e"


def new_server():
    server = FakeServer(api_key=KEY, run_seconds=0)
    server.add_prompt("greeting", lambda inputs: f"Hello, {inputs['name']}!")
    server.add_prompt("list", lambda inputs: json.dumps(inputs))
    server.add_prompt("broken", fail)
    server.add_workflow(
        "summary",
        lambda inputs: {"summary": inputs["text"][:9], "nothing": None, "none": ""},
    )
    server.add_workflow("broken", fail)
    server.add_knowledge_base("manuals")
    return server


def fail(inputs):
    raise ValueError("the model\nis \x1b[31mtired")


@pytest.fixture(scope="module")
def shared_server():
    with new_server() as server:
        yield server


def point_to(server, monkeypatch):
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", KEY)
    monkeypatch.setenv("PROMPTJUGGLER_BASE_URL", server.url)


@pytest.fixture
def server(shared_server, monkeypatch):
    """A server that the environment points to."""
    point_to(shared_server, monkeypatch)
    shared_server.requests.clear()
    return shared_server


@pytest.fixture
def quick(monkeypatch):
    """Such a server with which nobody waits: it says that a run was started only when that has ended."""
    with new_server() as server:
        point_to(server, monkeypatch)
        server.delay_next(0.01, times=100)
        yield server


@pytest.fixture
def cli(capsys):
    """Calls the command line; gives exit code, standard output, standard error."""

    def call(*arguments):
        code = main(list(arguments))
        captured = capsys.readouterr()
        assert "Traceback" not in captured.err
        return code, captured.out, captured.err

    return call


@pytest.fixture
def stdin(monkeypatch):
    """Sets what standard input gives."""

    def set_to(content):
        stream = (
            None
            if content is None
            else io.TextIOWrapper(io.BytesIO(content), encoding="utf-8")
        )
        monkeypatch.setattr(sys, "stdin", stream)

    return set_to


def sent(server):
    """The body of the last request that started a run."""
    return [request for request in server.requests if request.method == "POST"][
        -1
    ].json()


# --- help, version, wrong usage ---


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
        (["get-prompt", "a", "b", "--timeout"], "--timeout: expected one argument"),
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


# --- running ---


def test_a_prompt_gives_its_output_alone(cli, quick):
    assert cli("run-prompt", "greeting", "production", "name=Ada") == (
        0,
        "Hello, Ada!\n",
        "",
    )
    assert cli("run-prompt", "greeting", "1", "name=") == (0, "Hello, !\n", "")
    assert cli("run-prompt", "greeting", "1", "name=\u2603 \U0001f389\n") == (
        0,
        "Hello, \u2603 \U0001f389\n!\n",
        "",
    )


def test_a_workflow_gives_its_outputs_as_json_or_one_of_them_alone(cli, quick):
    run = ["run-workflow", "summary", "production", "text=Caf\u00e9 au lait"]
    code, out, err = cli(*run)
    assert (code, json.loads(out), err) == (
        0,
        {"summary": "Caf\u00e9 au l", "nothing": None, "none": ""},
        "",
    )
    assert "Caf\u00e9" in out
    assert cli(*run, "--output", "summary") == (0, "Caf\u00e9 au l\n", "")
    assert cli(*run, "--output=none") == (0, "\n", "")
    assert cli(*run, "--output", "nothing") == (0, "\n", "")


def test_an_output_that_is_not_there_is_wrong_usage_and_the_line_says_which_are_and_how_to_get_them(
    cli, quick
):
    code, out, err = cli("run-workflow", "summary", "1", "text=x", "--output", "sumary")
    assert (code, out) == (2, "")
    assert "there is no output sumary; there is summary, nothing, none" in err
    assert re.search(rf"{NAME} get-workflow-run [0-9a-f-]{{36}}$", err)


def test_json_gives_the_whole_result_and_no_wait_the_ids(cli, quick):
    thread = str(uuid4())
    code, out, _ = cli("run-prompt", "greeting", "1", "name=Ada", "--json")
    assert (code, json.loads(out)["status"], json.loads(out)["output"]) == (
        0,
        "completed",
        "Hello, Ada!",
    )
    code, out, _ = cli("run-workflow", "summary", "1", "text=x", "--json")
    assert (code, json.loads(out)["outputs"]["summary"]) == (0, "x")
    for command, slug, given in (
        ("run-prompt", "greeting", "name=x"),
        ("run-workflow", "summary", "text=x"),
    ):
        code, out, err = cli(command, slug, "1", given, "--no-wait", "--thread", thread)
        run_id, out_thread = out.splitlines()
        assert (code, out_thread, err) == (0, thread, "")
        assert UUID(run_id)
        code, out, err = cli(
            command, slug, "1", given, "--no-wait", "--thread", thread, "--json"
        )
        assert (code, set(json.loads(out)), json.loads(out)["thread"]) == (
            0,
            {"id", "thread"},
            thread,
        )
        code, out, err = cli(command.replace("run", "get", 1) + "-run", run_id)
        assert (code, json.loads(out)["id"], err) == (0, run_id, "")


def test_every_option_of_a_run_is_sent_and_what_is_left_out_is_not(
    cli, quick, monkeypatch, tmp_path
):
    thread = str(uuid4())
    (tmp_path / "token").write_text("from a file", "utf-8")
    options = [
        "--priority",
        "low",
        "--thread",
        thread,
        "--environment",
        "staging",
        "--env-var",
        "A=1=2",
        "--env-var",
        f"C=@{tmp_path / 'token'}",
        "--env-var",
        "D=",
        "--metadata",
        "one=1",
        "--metadata",
        "two=1",
        "--metadata=two=2",
    ]
    expected = {
        "priority": "low",
        "thread": thread,
        "environment": "staging",
        "metadata": {"one": "1", "two": ["1", "2"]},
        "envVars": {"A": "1=2", "C": "from a file", "D": ""},
    }
    assert (
        cli("run-prompt", "greeting", "1", *options, "name=Ada", "--channel", "side")[0]
        == 0
    )
    assert sent(quick) == {"inputs": {"name": "Ada"}, "channel": "side"} | expected
    assert cli("run-workflow", "summary", "1", "text=x", *options)[0] == 0
    assert sent(quick) == {"inputs": {"text": "x"}} | expected
    assert cli("run-prompt", "greeting", "1", "name=x")[0] == 0
    assert sent(quick) == {"inputs": {"name": "x"}}


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


def test_inputs_come_from_arguments_files_and_standard_input(
    cli, quick, stdin, tmp_path
):
    file = tmp_path / "a=b.txt"
    file.write_bytes("\u2603\r\n\tx\n".encode())
    inputs = tmp_path / "inputs.json"
    inputs.write_bytes(b'\xef\xbb\xbf{"a=b": "c", "j": "\\u2603", "": "no name"}')
    stdin(b"standard\ninput\n")
    words = [
        "equals=a=b=",
        "empty=",
        f"file=@{file}",
        "stdin=@-",
        "at=@@home",
        "two=@@@",
        "spaced name= x ",
    ]
    code, out, err = cli(
        "run-prompt", "list", "1", *words, "--inputs-json", str(inputs)
    )
    assert (code, err) == (0, "")
    assert json.loads(out) == {
        "equals": "a=b=",
        "empty": "",
        "file": "\u2603\r\n\tx\n",
        "stdin": "standard\ninput\n",
        "at": "@home",
        "two": "@@",
        "spaced name": " x ",
        "a=b": "c",
        "j": "\u2603",
        "": "no name",
    }
    stdin(b'{"x": "y"}')
    assert cli("run-workflow", "summary", "1", "text=abc", "--inputs-json", "-")[0] == 0
    assert sent(quick)["inputs"] == {"text": "abc", "x": "y"}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["Ada"], "input must have the form NAME=VALUE"),
        (["=Ada"], "input must have the form NAME=VALUE"),
        (["name=1", "name=2"], "input name is given twice"),
        (
            ["name=@missing.txt"],
            "missing.txt cannot be read: No such file or directory",
        ),
        (["name=@."], ". cannot be read: Is a directory"),
        (["name=@bad.txt"], "bad.txt is not UTF-8 text"),
        (["name=@-", "other=@-"], "was read already"),
        (["name=@-", "--inputs-json", "-"], "was read already"),
        (["name=\udcff"], "must be valid text"),
        (["\udcff=x"], "must be valid text"),
        (["--inputs-json", "bad.txt"], "bad.txt is not UTF-8 text"),
        (["--inputs-json", "list.json"], "list.json must hold a JSON object"),
        (["--inputs-json", "number.json"], "inputs['age'] must be a str"),
        (["--inputs-json", "cut.json"], "cut.json must hold a JSON object"),
        (["--inputs-json", "deep.json"], "deep.json must hold a JSON object"),
        (["--inputs-json", "lone.json"], "must be valid text"),
        (["--inputs-json", "missing.json"], "missing.json cannot be read"),
        (["--env-var", "A=1", "--env-var", "A=secret"], "--env-var A is given twice"),
        (["--env-var", "=secret"], "--env-var must have the form NAME=VALUE\n"),
        (["--env-var", "A=secret\udcff"], "must be valid text\n"),
        (["--metadata", "x"], "--metadata must have the form NAME=VALUE"),
        (["--channel", "\udcff"], "must be valid text"),
        (["--environment", "\udcff"], "must be valid text"),
    ],
)
def test_inputs_that_cannot_be_used_are_wrong_usage_and_nothing_is_sent(
    cli, server, stdin, monkeypatch, tmp_path, words, problem
):
    monkeypatch.chdir(tmp_path)
    files = {
        "bad.txt": b"a\xff",
        "list.json": b"[]",
        "number.json": b'{"age": 7}',
        "cut.json": b'{"a": ',
        "deep.json": b"[" * 100_000,
        "twice.json": b'{"a": "1", "a": "2"}',
        "lone.json": b'{"a": "\\ud800"}',
        "good.json": b'{"a": "1"}',
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    stdin(b"{}")
    code, out, err = cli("run-prompt", "list", "1", *words)
    assert (code, out) == (2, "")
    assert problem in err
    assert "secret" not in err
    assert err.count("\n") == 1
    assert not server.requests


def test_closed_streams_are_wrong_usage_before_anything_is_sent(
    cli, quick, stdin, monkeypatch
):
    stdin(None)
    assert cli("run-prompt", "list", "1", "a=@-") == (
        2,
        "",
        "promptjuggler: standard input is closed, or was read already\n",
    )
    assert cli("run-prompt", "greeting", "1", "name=x")[0] == 0
    quick.requests.clear()
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", None)
        code = main(["run-prompt", "greeting", "1", "name=x"])
    assert (code, quick.requests) == (2, [])


# --- how runs end ---


@pytest.mark.parametrize("command", ["run-prompt", "run-workflow"])
def test_a_failed_run_is_exit_code_3_with_its_error_in_one_line(cli, quick, command):
    code, out, err = cli(command, "broken", "1")
    assert (code, out) == (3, "")
    assert re.fullmatch(
        r"promptjuggler: run [0-9a-f-]{36} ended as failed: the model is \\x1b\[31mtired\n",
        err,
    )
    run_id = err.split()[2]
    code, out, err = cli(command, "broken", "1", "--json")
    assert (code, json.loads(out)["status"]) == (3, "failed")
    assert "tired" in err
    code, out, err = cli(command.replace("run", "get", 1) + "-run", run_id)
    assert (code, json.loads(out)["id"]) == (3, run_id)
    assert "tired" in err


def run_document(kind, **fields):
    document = {
        "id": SOME_ID,
        "status": "completed",
        "createdAt": "2026-01-01T00:00:00Z",
    }
    document |= (
        {"emitted": [], "transcript": []}
        if kind == "prompt"
        else {"outputs": {}, "errors": []}
    )
    return document | fields


@pytest.mark.parametrize(
    ("kind", "fields", "options", "expected", "said"),
    [
        ("prompt", {"output": None}, [], (0, "\n"), ""),
        ("prompt", {"output": ""}, [], (0, "\n"), ""),
        ("prompt", {"output": "a\r\nb\n"}, [], (0, "a\r\nb\n\n"), ""),
        ("prompt", {"output": "partly", "error": "once"}, [], (0, "partly\n"), ""),
        (
            "prompt",
            {"status": "failed"},
            [],
            (3, ""),
            "ended as failed: no reason is given",
        ),
        (
            "prompt",
            {"status": "failed", "output": "no"},
            [],
            (3, ""),
            "ended as failed: no reason",
        ),
        (
            "prompt",
            {"status": "brewed", "output": "partly"},
            [],
            (3, ""),
            "ended as brewed: no reason",
        ),
        (
            "workflow",
            {"outputs": {"a": "1"}, "errors": ["a warning"]},
            ["--output", "a"],
            (0, "1\n"),
            "",
        ),
        (
            "workflow",
            {},
            ["--output", "a"],
            (2, ""),
            "there is no output a; there is none",
        ),
        (
            "workflow",
            {"status": "failed", "errors": ["x", "y"]},
            ["--output", "a"],
            (3, ""),
            "failed: x; y",
        ),
        (
            "workflow",
            {"status": "brewed", "outputs": {"a": "1"}},
            [],
            (3, ""),
            "ended as brewed",
        ),
    ],
)
def test_only_a_completed_run_is_done_and_what_there_is_is_printed(
    cli, monkeypatch, kind, fields, options, expected, said
):
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", KEY)
    created = (200, {"id": SOME_ID, "thread": SOME_ID})
    with ScriptedServer(
        respond(created, (200, run_document(kind, **fields)))
    ) as server:
        code, out, err = cli(
            "--base-url", server.url, f"run-{kind}", "x", "1", *options
        )
    assert (code, out) == expected
    assert said in err
    assert bool(said) == bool(err)


def test_a_wait_that_times_out_is_exit_code_4_and_says_the_id(
    cli, server, clock, monkeypatch
):
    monkeypatch.setattr(server, "run_seconds", 60)
    for command, slug, given in (
        ("run-prompt", "greeting", "name=x"),
        ("run-workflow", "summary", "text=x"),
    ):
        # The start has an answer, and the first look.
        with after_answers(2, lambda: clock.move(PATIENCE)):
            code, out, err = cli("--wait-timeout", "20", command, slug, "1", given)
        run_id = server.requests[-1].path.rpartition("/")[2]
        assert (code, out) == (4, "")
        fetch = f"python3 -m {NAME} get-{command[4:]}-run {run_id}"
        wait = f"/api/v1/{command[4:]}runs/{run_id} is still pending after 20 s"
        assert err == f"promptjuggler: {wait}; run {run_id} was started: {fetch}\n"


def test_get_of_a_run_that_is_pending_is_done(cli, server, monkeypatch):
    monkeypatch.setattr(server, "run_seconds", 60)
    run_id = cli("run-prompt", "greeting", "1", "name=x", "--no-wait")[1].split()[0]
    code, out, err = cli("get-prompt-run", run_id)
    assert (code, json.loads(out)["status"], err) == (0, "pending", "")


def test_an_error_of_the_api_is_exit_code_1_with_its_text_and_status(
    cli, server, monkeypatch
):
    code, out, err = cli("get-prompt", "nothing", "1")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"promptjuggler: HTTP 404: .+\n", err)
    server.fail_next(503)
    code, out, err = cli("--max-retries", "0", "get-prompt", "greeting", "1")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"promptjuggler: HTTP 503: .+\n", err)
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", "wrong")
    code, out, err = cli("run-prompt", "greeting", "1", "name=x")
    assert (code, out) == (1, "")
    assert re.fullmatch(r"promptjuggler: HTTP 401: .+\n", err)


def test_max_retries_is_how_often_a_request_is_sent_again(cli, server):
    server.fail_next(503)
    assert cli("get-prompt", "greeting", "1", "--max-retries", "1")[0] == 0
    assert len(server.requests) == 2


def test_an_error_of_the_network_is_exit_code_1(cli, server):
    with ScriptedServer(respond((200, ""))) as closed:
        pass
    code, out, err = cli(
        "--base-url", closed.url, "--max-retries", "0", "run-prompt", "x", "1"
    )
    assert (code, out) == (1, "")
    assert re.fullmatch(
        r"promptjuggler: could not connect to 127\.0\.0\.1: .*refused\n", err
    )
    server.delay_next(30)
    code, out, err = cli(
        "--timeout", "0.05", "--max-retries", "0", "get-prompt", "greeting", "1"
    )
    assert (code, out) == (1, "")
    assert "within 0.05 s" in err


@pytest.mark.parametrize("command", ["run-prompt", "run-workflow", "upload-documents"])
def test_where_no_answer_came_the_line_says_that_it_may_be_done_all_the_same(
    cli, server, tmp_path, command
):
    (tmp_path / "a.txt").write_bytes(b"x")
    words = (
        ["manuals", str(tmp_path / "a.txt")]
        if command[0] == "u"
        else ["greeting", "1", "name=x"]
    )
    server.drop_next()
    code, out, err = cli(command, *words)
    assert (code, out) == (1, "")
    assert "it may have been carried out all the same" in err
    server.fail_next(502)
    assert "all the same" in cli(command, *words)[2]
    server.fail_next(422)
    assert "all the same" not in cli(command, *words)[2]


def test_an_error_while_waiting_says_the_id_of_the_run(cli, server):
    reply = (200, {"id": SOME_ID, "thread": SOME_ID})
    with ScriptedServer(respond(reply, (404, {"error": "Gone."}))) as other:
        code, out, err = cli("--base-url", other.url, "run-prompt", "x", "1")
    assert (code, out) == (1, "")
    fetch = f"python3 -m {NAME} get-prompt-run {SOME_ID}"
    assert (
        err == f"promptjuggler: HTTP 404: Gone.; run {SOME_ID} was started: {fetch}\n"
    )


def test_an_answer_that_makes_no_sense_is_exit_code_1(cli, server):
    with ScriptedServer(respond((200, "<html>"))) as other:
        assert cli("--base-url", other.url, "get-prompt", "x", "1")[0] == 1
        code, _, err = cli("--base-url", other.url, "run-prompt", "x", "1")
    assert code == 1
    assert "it may have been carried out all the same" in err


def test_what_nobody_thought_of_is_one_line_too(cli, server, monkeypatch):
    monkeypatch.setattr(sys, "stdin", object())
    code, out, err = cli("run-prompt", "x", "1", "a=@-")
    assert (code, out) == (1, "")
    assert err.startswith("promptjuggler: AttributeError: ")
    assert err.count("\n") == 1


# --- the other commands ---


def test_a_prompt_a_token_and_a_knowledge_base_are_printed_as_json(cli, server):
    code, out, _ = cli("get-prompt", "greeting", "production")
    with PromptJuggler() as client:
        assert (code, json.loads(out)) == (
            0,
            client.get_prompt("greeting", "production").to_dict(),
        )
    thread = str(uuid4())
    code, out, _ = cli("create-stream-token", thread)
    assert (code, set(json.loads(out))) == (0, {"token", "expiresAt", "url"})
    assert thread in server.requests[-1].path
    code, out, _ = cli("get-knowledge-base", "manuals", "--json")
    assert (code, json.loads(out)["status"]) == (0, "ready")


def test_documents_are_uploaded_shown_and_deleted(cli, server, tmp_path):
    contents = {
        "a=b.txt": b"x" * 200_000,
        "empty.md": b"",
        '\u2603 "q".bin': bytes(range(256)),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    code, out, err = cli(
        "upload-documents", "manuals", *(str(tmp_path / name) for name in contents)
    )
    documents = json.loads(out)
    assert (code, err) == (0, "")
    assert [document["bytes"] for document in documents] == [200_000, 0, 256]
    assert documents[0]["fileName"] == "a=b.txt"
    for document, content in zip(documents, contents.values(), strict=True):
        assert server.document_content(document["id"]) == content
        code, out, _ = cli("get-knowledge-document", document["id"])
        assert (code, json.loads(out)["fileName"]) == (0, document["fileName"])
        assert cli("delete-knowledge-document", document["id"]) == (0, "", "")
        assert cli("get-knowledge-document", document["id"])[0] == 1


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.txt", "missing.txt cannot be read: No such file or directory"),
        ("folder", "folder cannot be read: Is a directory"),
        ("pipe", "pipe is not a regular file"),
    ],
)
def test_a_file_that_cannot_be_uploaded_is_wrong_usage_and_nothing_is_sent(
    cli, server, monkeypatch, tmp_path, name, problem
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "good.txt").write_bytes(b"x")
    assert cli("upload-documents", "manuals", "good.txt", name) == (
        2,
        "",
        f"promptjuggler: {problem}\n",
    )
    assert not server.requests


def test_a_webhook_is_valid_or_invalid(cli, stdin, monkeypatch):
    body = b'{"id": "\xff"}\r\n'
    monkeypatch.setenv("PROMPTJUGGLER_WEBHOOK_SECRET", "s1")
    good, old, late = (
        sign_webhook(body, "s1"),
        sign_webhook(body, "s0"),
        sign_webhook(body, "s1", 1_000),
    )
    cases = [
        (body, [good], (0, "valid\n", "")),
        (body[:-2], [good], (1, "invalid\n", "")),
        (body, [old], (1, "invalid\n", "")),
        (body, [late], (1, "invalid\n", "")),
        (body, ["nonsense"], (1, "invalid\n", "")),
    ]
    for content, arguments, expected in cases:
        stdin(content)
        assert cli("verify-webhook", "--signature", *arguments) == expected, arguments


def test_a_webhook_without_secret_signature_or_body_is_wrong_usage(
    cli, stdin, monkeypatch
):
    stdin(None)
    assert (
        "PROMPTJUGGLER_WEBHOOK_SECRET and --signature are needed"
        in cli("verify-webhook", "--signature", "x")[2]
    )
    monkeypatch.setenv("PROMPTJUGGLER_WEBHOOK_SECRET", "s1")
    assert cli("verify-webhook")[0] == 2
    assert "standard input is closed" in cli("verify-webhook", "--signature", "x")[2]


# --- --demo, --verbose ---

NOT_CALLED = "promptjuggler: no model was called: with --demo, a stand-in on this machine answers\n"


def test_demo_runs_every_command_without_a_key_and_says_that_no_model_was_called(
    cli, stdin, monkeypatch, tmp_path
):
    (tmp_path / "a.txt").write_bytes(b"x")
    assert cli("--demo", "run-prompt", "greeting", "production", "name=Ada") == (
        0,
        "Hello, Ada!\n",
        NOT_CALLED,
    )
    assert cli(
        "run-workflow", "summary", "1", "text=A b. C", "--output", "summary", "--demo"
    )[:2] == (0, "A b\n")
    commands = {
        "get-prompt": ["greeting", "production"],
        "get-prompt-run": [SOME_ID],
        "get-workflow-run": [SOME_ID],
        "get-knowledge-base": ["manuals"],
        "upload-documents": ["manuals", str(tmp_path / "a.txt")],
        "get-knowledge-document": [SOME_ID],
        "delete-knowledge-document": [SOME_ID],
        "create-stream-token": [SOME_ID],
    }
    for command, words in commands.items():
        code, out, err = cli("--demo", command, *words)
        assert (code, bool(out)) == (0, command != "delete-knowledge-document"), command
        assert err.startswith(NOT_CALLED)
        # An id is never there: the line says what takes its place.
        assert (f"takes the place of {SOME_ID}" in err) == (
            SOME_ID in words and command != "create-stream-token"
        )
    code, out, err = cli("--demo", "run-prompt", "greeting", "1")
    assert (code, out) == (3, "")
    assert err.endswith("ended as failed: 'name'\n")
    assert cli("--demo", "get-prompt", "nothing", "1")[0] == 1
    monkeypatch.setenv("PROMPTJUGGLER_WEBHOOK_SECRET", "s")
    stdin(b"x")
    signature = sign_webhook(b"x", "s")
    assert cli("--demo", "verify-webhook", "--signature", signature) == (
        0,
        "valid\n",
        NOT_CALLED,
    )


def test_demo_ignores_the_account_of_the_environment(cli, server):
    assert cli("--demo", "get-prompt", "greeting", "1")[0] == 0
    assert not server.requests


def test_verbose_shows_each_request_and_no_secret(cli, quick):
    options = [
        "--env-var",
        "TOKEN=hidden-1",
        "--metadata",
        "m=hidden-2",
        "name=hidden-3",
        "--verbose",
    ]
    code, out, err = cli("run-prompt", "greeting", "1", *options)
    assert (code, out) == (0, "Hello, hidden-3!\n")
    assert (
        len(
            re.findall(
                r"^POST /api/v1/prompts/greeting/1/runs: 200 in \d+ ms", err, re.M
            )
        )
        == 1
    )
    assert (
        len(re.findall(r"^GET /api/v1/promptruns/", err, re.M))
        == len(quick.requests) - 1
    )
    assert "hidden" not in err
    assert KEY not in err
    code, out, err = cli("create-stream-token", SOME_ID, "--verbose")
    assert json.loads(out)["token"] not in err
    assert KEY not in err
    assert cli("get-prompt", "greeting", "1")[2] == ""


def test_a_stream_gives_the_answer_in_a_pipe_as_without_and_fails_the_same(cli, quick):
    assert cli("run-prompt", "greeting", "1", "name=Ada", "--stream") == (
        0,
        "Hello, Ada!\n",
        "",
    )
    assert cli("run-prompt", "broken", "1", "--stream")[:2] == (3, "")
    assert (
        json.loads(
            cli("run-prompt", "greeting", "1", "name=x", "--stream", "--json")[1]
        )["output"]
        == "Hello, x!"
    )
    quick.run_seconds = 30
    code, out, err = cli(
        "run-prompt", "greeting", "1", "name=Ada", "--stream", "--wait-timeout", "0.3"
    )
    assert (code, out) == (4, "")
    assert re.search(r"run [0-9a-f-]{36} was started: ", err)


def test_the_events_of_a_thread_are_lines_of_json_until_the_time_is_over(
    monkeypatch, clock
):
    class Output(io.StringIO):
        """The time is over when the last event is written."""

        def write(self, text):
            if '"event": "done"' in text:
                clock.move(PATIENCE)
            return super().write(text)

    output = Output()
    monkeypatch.setattr(sys, "stdout", output)
    code = main(["--demo", "stream", SOME_ID, "--wait-timeout", "20"])
    events = [json.loads(line) for line in output.getvalue().splitlines()]
    assert code == 4
    assert [event["event"] for event in events] == [
        "connected",
        "reset",
        "token",
        "token",
        "done",
    ]
    assert events[2].keys() == {"event", "run_id", "channel", "segment", "seq", "text"}
    assert events[-1]["view"]["text"] == "Hello, Ada!"


def test_a_stream_can_be_of_one_channel(cli, server):
    code, out, _ = cli("stream", SOME_ID, "--channel", "side", "--wait-timeout", "0.1")
    assert (code, out) == (4, '{"event": "connected"}\n')
    assert server.requests[-1].path.endswith("?channel=side")


def test_words_that_begin_with_a_dash_come_after_two_dashes(
    cli, server, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-odd.txt").write_bytes(b"x")
    for arguments in (["manuals", "--", "-odd.txt"], ["--", "manuals", "-odd.txt"]):
        code, out, _ = cli("upload-documents", *arguments)
        assert (code, json.loads(out)[0]["fileName"]) == (0, "-odd.txt")


def test_a_byte_order_mark_is_no_part_of_what_is_read(cli, quick, stdin):
    stdin(b'\xef\xbb\xbf{"name": "Ada"}')
    assert cli("run-prompt", "greeting", "1", "--inputs-json", "-")[:2] == (
        0,
        "Hello, Ada!\n",
    )
    stdin(b"\xef\xbb\xbfAda")
    assert cli("run-prompt", "greeting", "1", "name=@-")[:2] == (0, "Hello, Ada!\n")


def test_without_a_key_the_line_says_where_it_can_come_from(cli, monkeypatch):
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", " ")
    code, _, err = cli("get-prompt", "a", "1")
    assert (code, "PROMPTJUGGLER_API_KEY" in err, "--api-key-file" in err) == (
        2,
        True,
        True,
    )


def test_demo_verifies_a_webhook_that_is_signed_for_it(cli):
    code, out, err = cli("--demo", "verify-webhook")
    assert (code, out, err.count("\n")) == (0, "valid\n", 2)


def test_a_run_of_the_stand_in_is_not_to_be_fetched_later(cli):
    code, _, err = cli(
        "--demo", "run-workflow", "summary", "1", "text=x", "--output", "none"
    )
    assert (code, "get-workflow-run" in err) == (2, False)
