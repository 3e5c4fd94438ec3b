"""The other commands, and the options --demo and --verbose."""

import io
import json
import os
import re
import sys
from uuid import uuid4

import pytest
from helpers.commandline import KEY, SOME_ID
from helpers.servers import PATIENCE

from promptjuggler import PromptJuggler
from promptjuggler._cli import main
from promptjuggler.testing import sign_webhook


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
    assert err.endswith("ended as failed: KeyError: 'name'\n")
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


def test_demo_verifies_a_webhook_that_is_signed_for_it(cli):
    code, out, err = cli("--demo", "verify-webhook")
    assert (code, out, err.count("\n")) == (0, "valid\n", 2)


def test_a_run_of_the_stand_in_is_not_to_be_fetched_later(cli):
    code, _, err = cli(
        "--demo", "run-workflow", "summary", "1", "text=x", "--output", "none"
    )
    assert (code, "get-workflow-run" in err) == (2, False)


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
