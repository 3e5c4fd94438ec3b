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
