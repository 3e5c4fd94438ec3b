"""The other commands, and the options --demo and --verbose."""

import base64
import io
import json
import logging
import os
import re
import sys
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from helpers.commandline import KEY, SOME_ID
from helpers.servers import (
    CA_FILE,
    PATIENCE,
    ConnectProxy,
    ScriptedServer,
    respond,
    server_context,
)

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
    code, out, _ = cli("get-knowledge-base", "manuals")
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
        # The header is the sender's, and can be empty.
        (body, [""], (1, "invalid\n", "")),
    ]
    for content, arguments, expected in cases:
        stdin(content)
        assert cli("verify-webhook", "--signature", *arguments) == expected, arguments


def test_a_webhook_without_secret_signature_or_body_is_wrong_usage(
    cli, stdin, monkeypatch
):
    stdin(None)
    for signature in ("x", ""):
        assert cli("verify-webhook", "--signature", signature) == (
            2,
            "",
            "promptjuggler: PROMPTJUGGLER_WEBHOOK_SECRET is not set\n",
        )
    for secret in (None, "s1"):
        if secret:
            monkeypatch.setenv("PROMPTJUGGLER_WEBHOOK_SECRET", secret)
        assert cli("verify-webhook") == (
            2,
            "",
            "promptjuggler: --signature is needed\n",
        )
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


# --- --verbose: bodies ---


def test_verbose_shows_the_body_of_an_error(cli, server):
    page = "<html>\n<p>Blocked by policy 7</p>\n</html>"
    with ScriptedServer(respond((403, page))) as other:
        options = ["--base-url", other.url]
        code, out, err = cli("get-prompt", "x", "1", *options)
        assert (code, out) == (1, "")
        assert err == "promptjuggler: HTTP 403 Forbidden\n"
        code, out, err = cli("get-prompt", "x", "1", *options, "--verbose")
    assert (code, out) == (1, "")
    assert f"\nthe body of the answer:\n{page}\npromptjuggler: HTTP 403" in err


def test_verbose_shows_what_came_where_that_is_no_answer_of_the_api(cli, server):
    with ScriptedServer(respond((200, "<html>Log in</html>"))) as other:
        options = ["--base-url", other.url, "--verbose"]
        err = cli("get-prompt", "x", "1", *options)[2]
    assert "\nthe body of the answer:\n<html>Log in</html>\n" in err


def test_verbose_shows_the_body_of_the_error_that_made_a_wait_too_long(cli, server):
    with ScriptedServer(respond((503, "<p>in maintenance</p>"))) as other:
        options = ["--base-url", other.url, "--wait-timeout", "0.01", "--verbose"]
        code, _, err = cli("wait-prompt-run", SOME_ID, *options)
    assert code == 4
    assert "the body of the answer:\n<p>in maintenance</p>\n" in err


def test_no_body_shows_a_secret(cli, server, monkeypatch, tmp_path):
    """Of the key, of variables, of the password of a proxy, of a token."""
    monkeypatch.setenv("HTTPS_PROXY", "http://user:pass-word-1@proxy.example:3128")
    (tmp_path / "secret").write_text("from-a-file", "utf-8")
    said = f"{KEY} hidden-1 from-a-file pass-word-1 pass-word-2"
    with ScriptedServer(respond((422, f"<p>{said}</p>"))) as other:
        err = cli(
            "run-prompt",
            "x",
            "1",
            f"--base-url={other.url}",
            "--env-var=A=hidden-1",
            f"--env-var=B=@{tmp_path / 'secret'}",
            f"--proxy=http://user:pass-word-2@127.0.0.1:{other.port}",
            "--verbose",
        )[2]
    assert "the body of the answer:\n<p>*** *** *** *** ***</p>\n" in err
    token = json.dumps({"token": "a-token", "expiresAt": 7})
    with ScriptedServer(respond((200, token))) as other:
        options = [f"--base-url={other.url}", "--verbose"]
        code, _, err = cli("create-stream-token", SOME_ID, *options)
    assert code == 1
    assert "a-token" not in err


def test_a_long_body_is_cut_after_its_secrets_are_masked(cli, server):
    body = "<p>" + "x" * 9_990 + KEY + "y" * 5_000
    with ScriptedServer(respond((403, body))) as other:
        err = cli("get-prompt", "x", "1", "--base-url", other.url, "--verbose")[2]
    assert KEY[:6] not in err
    assert re.search(r"x\*\*\*y{4}\n\.\.\. and 4,996 characters\n", err)


def test_a_body_that_is_cut_off_shows_no_beginning_of_a_secret(cli, server):
    head = b"HTTP/1.1 403 No\r\nContent-Length: 500\r\n\r\n<p>"

    def handler(conn):
        conn.read_request()
        conn.send(head + KEY[:-1].encode())

    with ScriptedServer(handler) as other:
        err = cli("get-prompt", "x", "1", "--base-url", other.url, "--verbose")[2]
    assert "the body of the answer:\n<p>***\n" in err
    assert KEY[:4] not in err


def test_the_logger_is_left_as_it_was(cli, server):
    logger = logging.getLogger("promptjuggler")
    before = logger.level, list(logger.handlers)
    assert cli("get-prompt", "greeting", "1", "--verbose")[0] == 0
    assert (logger.level, logger.handlers) == before


# --- the way to the API ---


def test_a_proxy_can_be_given(cli, server):
    target = urlsplit(server.url)
    with ConnectProxy(
        target=(target.hostname, target.port), user="me", password="pass-word"
    ) as proxy:
        url = proxy.url.replace("//", "//me:pass-word@")
        options = ["--base-url", server.url, "--proxy", url]
        code, _, err = cli("get-prompt", "greeting", "1", *options)
        assert (code, err, len(proxy.requests)) == (0, "", 1)
        options[3] = proxy.url.replace("//", "//me:wrong-word@")
        code, _, err = cli("run-prompt", "greeting", "1", "name=x", *options)
        assert code == 1
        assert "wrong-word" not in err
    for url in ("https://me:pass-word@x", "ftp://pass-word", "http://pass-word/x"):
        code, _, err = cli("get-prompt", "a", "1", "--proxy", url)
        assert code == 2
        assert "must be the URL of an HTTP proxy" in err
        assert "pass-word" not in err


def test_the_certificates_to_trust_can_be_given(cli, server, monkeypatch):
    """In place of those of the system, and of SSL_CERT_FILE."""
    prompt = cli("get-prompt", "greeting", "1")[1]
    with ScriptedServer(respond((200, prompt)), tls=server_context()) as other:
        options = ["--base-url", other.url.replace("127.0.0.1", "localhost")]
        code, _, err = cli("get-prompt", "greeting", "1", *options)
        assert code == 1
        assert "give --ca-file or set SSL_CERT_FILE" in err
        options += ["--ca-file", str(CA_FILE)]
        monkeypatch.setenv("SSL_CERT_FILE", "/nothing")
        assert cli("get-prompt", "greeting", "1", *options)[0] == 0


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("missing.pem", "missing.pem cannot be read: No such file or directory"),
        (".", ". cannot be read: Is a directory"),
        ("", "a file without a name cannot be read"),
        ("empty.pem", "empty.pem holds no certificates as PEM"),
        ("text.pem", "text.pem holds no certificates as PEM"),
        ("cut.pem", "cut.pem holds no certificates as PEM"),
        ("key.pem", "key.pem holds no certificates as PEM"),
    ],
)
def test_a_file_without_certificates_is_wrong_usage_and_nothing_is_sent(
    cli, server, monkeypatch, tmp_path, name, problem
):
    monkeypatch.chdir(tmp_path)
    pem = CA_FILE.read_text("utf-8")
    files = {
        "empty.pem": "",
        "text.pem": "no certificate",
        "cut.pem": pem[: len(pem) // 2],
        "key.pem": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    }
    for file, text in files.items():
        (tmp_path / file).write_text(text, "utf-8")
    code, out, err = cli("run-prompt", "greeting", "1", "name=x", "--ca-file", name)
    assert (code, out) == (2, "")
    assert err.startswith(f"promptjuggler: {problem}")
    assert err.count("\n") == 1
    assert not server.requests


def test_a_request_with_all_its_repetitions_can_be_bounded(cli, server):
    options = ["--total-timeout", "0.3", "--max-retries", "50"]
    with ScriptedServer(respond((503, "busy"))) as other:
        code, _, err = cli("get-prompt", "x", "1", "--base-url", other.url, *options)
        assert len(other.requests) < 3
    assert (code, err) == (1, "promptjuggler: HTTP 503: busy\n")


# --- what a proxy says back ---


@pytest.mark.parametrize("where", ["argument", "environment"])
def test_no_body_shows_what_a_proxy_was_sent(cli, server, monkeypatch, where):
    """The password as it is meant, and the credentials as the header has them."""
    credentials = base64.b64encode(b"user:pass/word").decode()
    said = f"Proxy-Authorization: Basic {credentials}, for user:pass/word"
    with ScriptedServer(respond((403, said))) as proxy:
        url = f"http://user:pass%2Fword@127.0.0.1:{proxy.port}"
        options = ["--base-url=http://api.example", "--verbose"]
        if where == "argument":
            options.append(f"--proxy={url}")
        else:
            monkeypatch.setenv("http_proxy", url)
        err = cli("get-prompt", "x", "1", *options)[2]
    shown = "Proxy-Authorization: Basic ***, for user:***"
    assert f"the body of the answer:\n{shown}\n" in err


def test_a_body_is_shown_also_where_proxies_have_no_passwords(cli, server, monkeypatch):
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ScriptedServer(respond((403, "No."))) as proxy:
        options = [f"--proxy=http://127.0.0.1:{proxy.port}", "--verbose"]
        err = cli("get-prompt", "x", "1", "--base-url=http://api.example", *options)[2]
    assert "the body of the answer:\nNo.\n" in err
