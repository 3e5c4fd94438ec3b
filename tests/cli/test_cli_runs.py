"""run-prompt and run-workflow: what is sent, what is printed, and how they end."""

import json
import re
import shlex
import sys
from uuid import UUID, uuid4

import pytest
from helpers.clock import after_answers
from helpers.commandline import KEY, SOME_ID, sent
from helpers.package import NAME
from helpers.servers import PATIENCE, Conn, ScriptedServer, respond

# --- what is sent, what is printed ---


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
    assert re.search(rf"{NAME} wait-workflow-run [0-9a-f-]{{36}}$", err)


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
        "run-prompt", "greeting", "1", "name=Ada", "--stream", "--wait-timeout", "0.1"
    )
    assert (code, out) == (4, "")
    assert re.search(r"run [0-9a-f-]{36} was started: ", err)


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


@pytest.mark.parametrize("kind", ["prompt", "workflow"])
def test_a_wait_that_times_out_is_exit_code_4_and_says_the_id(
    cli, clock, monkeypatch, kind
):
    monkeypatch.setenv("PROMPTJUGGLER_API_KEY", KEY)
    created = (200, {"id": SOME_ID, "thread": SOME_ID})
    pending = (200, run_document(kind, status="pending"))
    with (
        ScriptedServer(respond(created, pending)) as server,
        # The start has its answer then, and the first look.
        after_answers(2, lambda: clock.move(PATIENCE)),
    ):
        code, out, err = cli(
            "--base-url", server.url, "--wait-timeout", "20", f"run-{kind}", "x", "1"
        )
    assert (code, out) == (4, "")
    fetch = f"python3 -m {NAME} wait-{kind}-run --base-url={server.url} {SOME_ID}"
    wait = f"/api/v1/{kind}runs/{SOME_ID} has not ended within 20 s: was pending when"
    assert err.startswith(f"promptjuggler: {wait} last seen, ")
    assert err.endswith(f"; run {SOME_ID} was started: {fetch}\n")


def test_get_of_a_run_that_is_pending_is_done(cli, server, monkeypatch):
    monkeypatch.setattr(server, "run_seconds", 60)
    run_id = cli("run-prompt", "greeting", "1", "name=x", "--no-wait")[1].split()[0]
    code, out, err = cli("get-prompt-run", run_id)
    assert (code, json.loads(out)["status"], err) == (0, "pending", "")


# --- errors ---


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
        r"promptjuggler: could not connect to 127\.0\.0\.1:\d+: .*refused\n", err
    )
    short = ["--timeout", "0.05", "--max-retries", "0"]
    with ScriptedServer(Conn.hang) as silent:
        code, out, err = cli("--base-url", silent.url, *short, "get-prompt", "x", "1")
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
    assert (code, out) == (5, "")
    assert "it may have been carried out all the same" in err
    server.fail_next(502)
    code, _, err = cli(command, *words)
    assert (code, "all the same" in err) == (5, True)
    server.fail_next(422)
    code, _, err = cli(command, *words)
    assert (code, "all the same" in err) == (1, False)


def test_an_error_while_waiting_says_the_id_of_the_run(cli, server):
    reply = (200, {"id": SOME_ID, "thread": SOME_ID})
    with ScriptedServer(respond(reply, (404, {"error": "Gone."}))) as other:
        code, out, err = cli("--base-url", other.url, "run-prompt", "x", "1")
    assert (code, out) == (5, "")
    fetch = f"python3 -m {NAME} wait-prompt-run --base-url={other.url} {SOME_ID}"
    asked = f"GET {other.url}/api/v1/promptruns/{SOME_ID}: Gone."
    gone = f"HTTP 404: there is no run {SOME_ID} of a prompt ({asked})"
    assert err == f"promptjuggler: {gone}; run {SOME_ID} was started: {fetch}\n"


def test_an_answer_that_makes_no_sense_is_exit_code_1_or_5_where_a_run_was_to_be_started(
    cli, server
):
    with ScriptedServer(respond((200, "<html>"))) as other:
        assert cli("--base-url", other.url, "get-prompt", "x", "1")[0] == 1
        code, _, err = cli("--base-url", other.url, "run-prompt", "x", "1")
    assert code == 5
    assert "it may have been carried out all the same" in err


def test_what_nobody_thought_of_is_one_line_too(cli, server, monkeypatch):
    monkeypatch.setattr(sys, "stdin", object())
    code, out, err = cli("run-prompt", "x", "1", "a=@-")
    assert (code, out) == (1, "")
    assert err.startswith("promptjuggler: AttributeError: ")
    assert err.count("\n") == 1


def test_the_command_to_be_pasted_is_right_for_a_file_whose_name_begins_with_a_dash(
    cli, server, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(server, "run_seconds", 60)
    (tmp_path / "-key").write_text(server.api_key, "utf-8")
    options = ["--api-key-file=-key", "--wait-timeout=0.05"]
    code, _, err = cli("run-prompt", "greeting", "1", "name=x", *options)
    assert code == 4
    words = shlex.split(err.rpartition("was started: ")[2])
    assert words[:3] == ["python3", "-m", NAME]
    code, _, err = cli(*words[3:], "--wait-timeout=0.05")
    assert (code, "has not ended within" in err) == (4, True)


def test_the_time_limit_of_a_call_is_named_as_the_option(cli, server):
    with ScriptedServer(lambda conn: None) as other:
        options = ["--base-url", other.url, "--total-timeout", "0.4"]
        code, _, err = cli("get-prompt", "x", "1", *options)
    assert code == 1
    assert "; --total-timeout=0.4 s ended it after " in err


def test_the_time_limit_of_a_call_is_named_as_the_option_where_it_ends_a_wait(
    cli, server
):
    server.run_seconds = 1000
    try:
        started = cli("run-prompt", "greeting", "1", "name=Ada", "--no-wait")[1]
        options = ["--total-timeout", "0.3"]
        code, _, err = cli("wait-prompt-run", started.split()[0], *options)
    finally:
        server.run_seconds = 0
    assert (code, "; --total-timeout ended it" in err) == (4, True), err
