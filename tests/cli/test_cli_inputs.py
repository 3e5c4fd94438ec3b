"""What the command line reads: arguments, files and standard input."""

import json
import sys

import pytest
from helpers.commandline import sent

from promptjuggler._cli import main


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
        (
            ["--inputs-json", "list.json"],
            "list.json must hold a JSON object, not an array",
        ),
        (
            ["--inputs-json", "number.json"],
            "number.json must have texts alone: the value of age is a number",
        ),
        (
            ["--inputs-json", "huge.json"],
            "huge.json must have texts alone: the value of age is a number",
        ),
        (["--inputs-json", "null.json"], "the value of name is null"),
        (["--inputs-json", "true.json"], "the value of a is a boolean"),
        (["--inputs-json", "nested.json"], "the value of b is an object"),
        (
            ["--inputs-json", "cut.json"],
            "cut.json is no JSON: Expecting value in line 3, column 7",
        ),
        (
            ["--inputs-json", "deep.json"],
            "deep.json must hold a JSON object, and is nested too deeply",
        ),
        (["--inputs-json", "twice.json"], "twice.json has the name a twice"),
        (["--inputs-json", "empty.json"], "empty.json is no JSON"),
        (["--inputs-json", "lone.json"], "must be valid text"),
        (["--inputs-json", "missing.json"], "missing.json cannot be read"),
        (["--env-var", "A=1", "--env-var", "A=secret"], "--env-var A is given twice"),
        (["--env-var", "=secret"], "--env-var must have the form NAME=VALUE\n"),
        (["--env-var", "A=secret\udcff"], "must be valid text\n"),
        (["--input", "x"], "input must have the form NAME=VALUE"),
        (["name=1", "--input", "name=2"], "input name is given twice"),
        (["--input", "name=1", "--input=name=2"], "input name is given twice"),
        (["--input", "name=\udcff"], "must be valid text"),
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
        "huge.json": b'{"age": ' + b"9" * 5000 + b"}",
        "null.json": b'{"name": null}',
        "true.json": b'{"a": true}',
        "nested.json": b'{"a": "1", "b": {"c": "d"}}',
        "empty.json": b"",
        "cut.json": b'{\n"b": "secret",\n  "a":',
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


def test_a_byte_order_mark_is_no_part_of_what_is_read(cli, quick, stdin):
    stdin(b'\xef\xbb\xbf{"name": "Ada"}')
    assert cli("run-prompt", "greeting", "1", "--inputs-json", "-")[:2] == (
        0,
        "Hello, Ada!\n",
    )
    stdin(b"\xef\xbb\xbfAda")
    assert cli("run-prompt", "greeting", "1", "name=@-")[:2] == (0, "Hello, Ada!\n")


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


def test_an_input_that_stands_for_itself_is_never_read_as_a_file(
    cli, quick, stdin, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private.txt").write_text("private", "utf-8")
    stdin(b"private")
    values = {"a": "@private.txt", "b": "@-", "c": "@@x", "d": "@missing", "e": "x=y"}
    options = [f"--input={name}={value}" for name, value in values.items()]
    code, out, err = cli("run-prompt", "list", "1", *options, "f=@private.txt")
    assert (code, err) == (0, "")
    assert json.loads(out) == {**values, "f": "private"}


def test_metadata_is_never_read_as_a_file(cli, quick, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private.txt").write_text("private", "utf-8")
    options = ["--metadata", "a=@private.txt", "--metadata", "b=@@", "--metadata=b=@-"]
    assert cli("run-prompt", "list", "1", *options)[0] == 0
    assert sent(quick)["metadata"] == {"a": "@private.txt", "b": ["@@", "@-"]}


def test_a_value_that_begins_with_at_and_is_no_file_is_told_about_the_option(
    cli, server
):
    code, _, err = cli("run-prompt", "list", "1", "text=@home I am")
    assert code == 2
    assert err.endswith("; if the value of text is no file, see --input\n")


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("@hunter2", "the file of --env-var PASSWORD cannot be read: No such file"),
        ("@hunter2/x", "the file of --env-var PASSWORD cannot be read: "),
        ("@.", "the file of --env-var PASSWORD cannot be read: Is a directory"),
        ("@hunter2.bad", "the file of --env-var PASSWORD is not UTF-8 text"),
        ("@-", "standard input is empty"),
    ],
)
def test_the_value_of_a_secret_is_not_shown_where_its_file_cannot_be_read(
    cli, server, stdin, monkeypatch, tmp_path, value, problem
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hunter2.bad").write_bytes(b"\xff")
    stdin(b"")
    code, out, err = cli("run-prompt", "list", "1", "--env-var", f"PASSWORD={value}")
    assert (code, out) == (2, "")
    assert problem in err
    assert "hunter2" not in err
    assert not server.requests


@pytest.mark.parametrize(
    "words",
    [
        ["run-prompt", "list", "1", "text=@-"],
        ["run-workflow", "summary", "1", "text=@-"],
        ["run-prompt", "list", "1", "--inputs-json", "-"],
        ["run-prompt", "list", "1", "--inputs-json", "-", "--allow-empty"],
        ["run-prompt", "list", "1", "--env-var", "A=@-"],
        ["verify-webhook", "--signature", "x"],
    ],
)
def test_standard_input_that_is_empty_is_wrong_usage_and_nothing_is_started(
    cli, server, stdin, monkeypatch, words
):
    monkeypatch.setenv("PROMPTJUGGLER_WEBHOOK_SECRET", "s")
    stdin(b"")
    assert cli(*words) == (2, "", "promptjuggler: standard input is empty\n")
    assert not server.requests


@pytest.mark.parametrize(
    "words", [["text=@-"], ["--inputs-json", "-"], ["--env-var", "A=@-"]]
)
def test_standard_input_with_a_byte_order_mark_alone_is_empty(
    cli, server, stdin, words
):
    stdin(b"\xef\xbb\xbf")
    problem = "promptjuggler: standard input is empty\n"
    assert cli("run-prompt", "list", "1", *words) == (2, "", problem)
    assert not server.requests


def test_standard_input_has_a_name_in_errors(cli, server, stdin):
    for content, problem in (
        (b'"secret"', "must hold a JSON object, not a text"),
        (b"secret", "is no JSON: Expecting value in line 1, column 1"),
        (b"\xff", "is not UTF-8 text"),
    ):
        stdin(content)
        code, _, err = cli("run-prompt", "list", "1", "--inputs-json", "-")
        assert (code, err) == (2, f"promptjuggler: standard input {problem}\n")


def test_an_input_may_be_empty_where_that_is_said(cli, quick, stdin):
    command = ["run-prompt", "list", "1", "text=@-", "--allow-empty"]
    for content in (b"", b"\xef\xbb\xbf"):
        stdin(content)
        code, out, _ = cli(*command)
        assert (code, json.loads(out)) == (0, {"text": ""})
