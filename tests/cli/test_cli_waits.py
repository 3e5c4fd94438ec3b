"""The commands that wait for what is there already, and uploads that wait."""

import json
import subprocess
from uuid import uuid4

import pytest
from helpers.commandline import PROGRAM, SOME_ID, account
from helpers.package import NAME
from helpers.servers import PATIENCE, ScriptedServer, respond


def started_run(cli, command, slug, *words):
    """The id of a run that was started and not waited for."""
    return cli(command, slug, "1", *words, "--no-wait")[1].split()[0]


def test_a_run_of_a_prompt_is_waited_for_and_its_answer_printed(cli, quick):
    run_id = started_run(cli, "run-prompt", "greeting", "name=Ada")
    assert cli("wait-prompt-run", run_id) == (0, "Hello, Ada!\n", "")
    code, out, _ = cli("wait-prompt-run", run_id, "--json")
    assert (code, json.loads(out)["output"]) == (0, "Hello, Ada!")


def test_a_run_of_a_workflow_is_waited_for_and_its_outputs_printed(cli, quick):
    run_id = started_run(cli, "run-workflow", "summary", "text=Page")
    code, out, err = cli("wait-workflow-run", run_id)
    assert (code, json.loads(out)["summary"], err) == (0, "Page", "")
    assert cli("wait-workflow-run", run_id, "--output", "summary")[:2] == (0, "Page\n")
    assert cli("wait-workflow-run", run_id, "--output", "")[0] == 2
    code, out, err = cli("wait-workflow-run", run_id, "--output", "nix")
    assert (code, out) == (2, "")
    assert "there is no output nix; there is summary" in err
    code, out, _ = cli("wait-workflow-run", run_id, "--json")
    assert json.loads(out)["status"] == "completed"


@pytest.mark.parametrize("kind", ["prompt", "workflow"])
def test_a_run_that_fails_and_one_that_takes_too_long_have_the_codes_of_a_run(
    cli, quick, kind
):
    run_id = started_run(cli, f"run-{kind}", "broken")
    code, out, err = cli(f"wait-{kind}-run", run_id)
    assert (code, out) == (3, "")
    assert f"run {run_id} ended as failed: the model is" in err
    quick.run_seconds = 60
    slug, word = ("greeting", "name=x") if kind == "prompt" else ("summary", "text=x")
    run_id = started_run(cli, f"run-{kind}", slug, word)
    code, out, err = cli(f"wait-{kind}-run", run_id, "--wait-timeout", "0.1")
    assert (code, out) == (4, "")
    assert "has not ended within 0.1 s: was pending when last seen" in err
    # Nothing was started by this command.
    assert "was started" not in err


@pytest.mark.parametrize(
    ("command", "word", "what"),
    [
        ("wait-prompt-run", SOME_ID, f"run {SOME_ID} of a prompt"),
        ("wait-workflow-run", SOME_ID, f"run {SOME_ID} of a workflow"),
        ("wait-knowledge-base", "nothing", 'knowledge base "nothing"'),
        ("wait-knowledge-document", SOME_ID, f"document {SOME_ID}"),
        ("get-prompt-run", SOME_ID, f"run {SOME_ID} of a prompt"),
        ("get-workflow-run", SOME_ID, f"run {SOME_ID} of a workflow"),
        ("get-knowledge-base", "nothing", 'knowledge base "nothing"'),
        ("get-knowledge-document", SOME_ID, f"document {SOME_ID}"),
        ("delete-knowledge-document", SOME_ID, f"document {SOME_ID}"),
        ("get-prompt", "x 3", 'prompt "x" with version "3"'),
        ("run-prompt", "x 3", 'prompt "x" with version "3"'),
        ("run-workflow", "x 3", 'workflow "x" with version "3"'),
    ],
)
def test_what_is_not_there_is_named_with_the_request(cli, server, command, word, what):
    code, out, err = cli(command, *word.split())
    assert (code, out) == (1, "")
    assert err.startswith(f"promptjuggler: HTTP 404: there is no {what} (")
    asked = server.requests[-1]
    assert f"({asked.method} {server.url}{asked.path}: " in err


def test_a_knowledge_base_and_a_document_are_waited_for_and_their_status_printed(
    cli, quick, tmp_path
):
    (tmp_path / "a.txt").write_bytes(b"A page.")
    _, out, _ = cli("upload-documents", "manuals", str(tmp_path / "a.txt"))
    document_id = json.loads(out)[0]["id"]
    assert cli("wait-knowledge-document", document_id) == (0, "ready\n", "")
    assert cli("wait-knowledge-base", "manuals") == (0, "ready\n", "")
    code, out, _ = cli("wait-knowledge-document", document_id, "--json")
    assert (code, json.loads(out)["fileName"]) == (0, "a.txt")
    code, out, _ = cli("wait-knowledge-base", "manuals", "--json")
    assert (code, json.loads(out)["documentCount"]) == (0, 1)


def document(status):
    return {
        "id": SOME_ID,
        "status": status,
        "fileName": "a.txt",
        "bytes": 1,
        "chunkCount": 0,
    }


def base(status):
    fields = {"documentCount": 0, "chunkCount": 0, "documents": []}
    return {"id": SOME_ID, "status": status, **fields}


@pytest.mark.parametrize(
    ("command", "word", "answer", "what"),
    [
        ("wait-knowledge-document", SOME_ID, document, f"document {SOME_ID}"),
        ("wait-knowledge-base", "manuals", base, "knowledge base manuals"),
    ],
)
@pytest.mark.parametrize("status", ["failed", "lost"])
def test_what_cannot_be_indexed_is_exit_code_3(
    cli, server, command, word, answer, what, status
):
    with ScriptedServer(respond((200, answer(status)))) as other:
        code, out, err = cli("--base-url", other.url, command, word)
        assert (code, out) == (3, "")
        assert err == (f"promptjuggler: {what} ended as {status}: no reason is given\n")
        code, out, _ = cli("--base-url", other.url, command, word, "--json")
        assert (code, json.loads(out)["status"]) == (3, status)


@pytest.mark.parametrize(
    ("command", "word", "answer", "what"),
    [
        ("get-knowledge-document", SOME_ID, document, f"document {SOME_ID}"),
        ("get-knowledge-base", "manuals", base, "knowledge base manuals"),
    ],
)
def test_what_could_not_be_indexed_is_printed_and_exit_code_3(
    cli, server, command, word, answer, what
):
    for status in ("failed", "lost"):
        with ScriptedServer(respond((200, answer(status)))) as other:
            code, out, err = cli("--base-url", other.url, command, word)
        assert (code, json.loads(out)["status"]) == (3, status)
        assert err == f"promptjuggler: {what} ended as {status}: no reason is given\n"
    for status in ("pending", "ready"):
        with ScriptedServer(respond((200, answer(status)))) as other:
            code, out, err = cli("--base-url", other.url, command, word)
        assert (code, json.loads(out)["status"], err) == (0, status, "")


def test_an_upload_waits_until_all_documents_are_indexed(cli, quick, tmp_path):
    paths = [tmp_path / "a.txt", tmp_path / "b.txt"]
    for path in paths:
        path.write_bytes(b"A page.")
    quick.run_seconds = 0.05
    command = ["upload-documents", "manuals", *map(str, paths)]
    code, out, _ = cli(*command)
    assert (code, [each["status"] for each in json.loads(out)]) == (0, ["pending"] * 2)
    code, out, err = cli(*command, "--wait")
    assert (code, err) == (0, "")
    assert [each["status"] for each in json.loads(out)] == ["ready"] * 2
    quick.run_seconds = 60
    code, out, err = cli(*command, "--wait", "--wait-timeout", "0.1")
    assert (code, out) == (4, "")
    assert "; uploaded as " in err
    assert err.endswith(f": python3 -m {NAME} wait-knowledge-base manuals\n")


def test_an_upload_that_cannot_be_indexed_is_exit_code_3_with_all_documents(
    cli, server, tmp_path
):
    (tmp_path / "a.txt").write_bytes(b"x")
    command = ["upload-documents", "manuals", str(tmp_path / "a.txt")]
    for more, answers in (
        ([], [(200, [document("failed")])]),
        (["--wait"], [(200, [document("pending")]), (200, document("failed"))]),
    ):
        with ScriptedServer(respond(*answers)) as other:
            code, out, err = cli("--base-url", other.url, *command, *more)
        assert (code, json.loads(out)[0]["status"]) == (3, "failed")
        assert err == (
            f"promptjuggler: document {SOME_ID} ended as failed: no reason is given\n"
        )


def test_a_time_to_wait_without_a_wait_is_wrong_usage_and_nothing_is_uploaded(
    cli, server, tmp_path
):
    (tmp_path / "a.txt").write_bytes(b"x")
    command = ["upload-documents", "manuals", str(tmp_path / "a.txt")]
    assert cli(*command, "--wait-timeout", "5") == (
        2,
        "",
        "promptjuggler: --wait-timeout needs --wait\n",
    )
    assert not server.requests


def test_more_files_are_uploaded_than_may_be_open(own_quick, tmp_path):
    paths = [tmp_path / f"{number}.txt" for number in range(100)]
    for path in paths:
        path.write_bytes(path.name.encode())
    words = ["upload-documents", "manuals", *map(str, paths)]
    shell = 'ulimit -n 64; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", shell, "sh", *PROGRAM, *words],
        env=account(own_quick),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    documents = json.loads(done.stdout)
    assert len(documents) == len(paths)
    for document, path in zip(documents, paths, strict=True):
        assert own_quick.document_content(document["id"]) == path.read_bytes()


def test_a_file_that_changes_while_others_are_uploaded_is_not_sent(
    cli, server, tmp_path
):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    first.write_bytes(bytes(8_000_000))
    second.write_bytes(b"x")

    def change(conn):
        # Before all of the first file was read.
        conn.read_head()
        second.write_bytes(b"changed")
        conn.hang()

    with ScriptedServer(change) as other:
        command = ["upload-documents", "manuals", str(first), str(second)]
        code, out, err = cli("--base-url", other.url, "--timeout", "1", *command)
    assert (code, out) == (5, "")
    assert f"{second} has changed since its size was taken" in err


@pytest.mark.parametrize(
    "command",
    [
        ["wait-prompt-run", SOME_ID],
        ["wait-workflow-run", SOME_ID],
        ["wait-knowledge-base", "manuals"],
        ["wait-knowledge-document", SOME_ID],
    ],
)
def test_demo_has_something_to_wait_for(cli, command):
    code, out, err = cli("--demo", *command)
    assert (code, bool(out.strip())) == (0, True)
    assert "no model was called" in err


@pytest.mark.parametrize(
    ("status", "code", "is_unsure"), [(502, 5, True), (403, 1, False), (404, 1, False)]
)
def test_the_failure_of_a_deletion_says_whether_it_may_be_done(
    cli, server, status, code, is_unsure
):
    server.fail_next(status)
    command = ["delete-knowledge-document", str(uuid4()), "--max-retries", "0"]
    got, out, err = cli(*command)
    assert (got, out) == (code, "")
    assert ("it may have been carried out all the same" in err) is is_unsure
