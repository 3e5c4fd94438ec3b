"""The file of many runs: CSV and JSON lines, and what is wrong with one."""

import csv
import json
import os
import threading
import tracemalloc
from contextlib import ExitStack

import pytest
from helpers.commandline import account, run

from promptjuggler._cli.rows import LONGEST_LINE, RowsFile

LIST = ["run-prompts", "list", "1"]


@pytest.fixture
def inputs_of(cli, server, tmp_path):
    """Runs a prompt for each row of a file; gives the inputs that were sent, in order."""

    def call(name, content, *options):
        path = tmp_path / name
        path.write_bytes(content)
        code, out, err = cli(*LIST, str(path), "--no-journal", *options)
        assert code == 0, err
        results = sorted(map(json.loads, out.splitlines()), key=lambda r: r["index"])
        assert [result["index"] for result in results] == list(range(len(results)))
        for result in results:
            assert json.loads(result["run"]["output"]) == result["inputs"]
        return [result["inputs"] for result in results]

    return call


TWO = [{"name": "Ada", "lang": "en"}, {"name": "Zoë, \n1", "lang": ""}]
AS_CSV = 'name,lang\nAda,en\n"Zoë, \n1",\n'
AS_JSON = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in TWO)

FILES = {
    "csv": ("a.csv", AS_CSV.encode()),
    "csv, byte order mark": ("a.csv", AS_CSV.encode("utf-8-sig")),
    "csv, byte order mark and quotes": (
        "a.csv",
        AS_CSV.replace("name", '"name"').encode("utf-8-sig"),
    ),
    "csv, blank lines": ("a.csv", b"\n" + AS_CSV.replace("en\n", "en\n\n").encode()),
    "csv, no end of line": ("a.CSV", AS_CSV.rstrip().encode()),
    "csv, lines of Windows": ("a.csv", AS_CSV.replace("en\n", "en\r\n").encode()),
    "csv, told by its beginning": ("a.txt", AS_CSV.encode()),
    "json lines": ("a.jsonl", AS_JSON.encode()),
    "json lines, another name": ("a.ndjson", AS_JSON.encode("utf-8-sig")),
    "json lines, blank lines": ("a.jsonl", AS_JSON.replace("\n", "\r\n\n").encode()),
    "json lines, told by their beginning": ("a", b"\n " + AS_JSON.encode()),
    "json lines, byte order mark": ("a", AS_JSON.encode("utf-8-sig")),
    "tabs": ("a.tsv", AS_CSV.replace("name,", "name\t").replace("Ada,", "Ada\t")
             .replace('1",', '1"\t').encode()),
}  # fmt: skip


@pytest.mark.parametrize("case", FILES)
def test_a_file_is_csv_or_json_lines_as_its_name_or_its_beginning_says(inputs_of, case):
    assert inputs_of(*FILES[case]) == TWO


@pytest.mark.parametrize(
    ("delimiter", "character"), [(";", ";"), ("tab", "\t"), ("\\t", "\t"), ("|", "|")]
)
def test_csv_can_have_another_delimiter(inputs_of, delimiter, character):
    content = f"name{character}lang\nAda, B{character}en\n".encode()
    assert inputs_of("a.csv", content, "--delimiter", delimiter) == [
        {"name": "Ada, B", "lang": "en"}
    ]


def test_the_format_can_be_said(inputs_of):
    assert inputs_of("a.csv", AS_JSON.encode(), "--format", "jsonl") == TWO
    content = b'{"name"\nAda\n'
    assert inputs_of("a.jsonl", content, "--format", "csv") == [{'{"name"': "Ada"}]


ARRAY = b'[\n  {\n    "name": "Ada"\n  }\n]\n'
JSON_THAT_IS_NO_JSON_LINES = {
    "an array": ("rows.json", ARRAY, "is a JSON array"),
    "an array on a line": ("rows", b'[{"name": "Ada"}]\n', "is a JSON array"),
    "an array in a .csv": ("rows.csv", b"\n" + ARRAY, "is a JSON array"),
    "an array in a .tsv": ("rows.tsv", ARRAY, "is a JSON array"),
    "an array in a .jsonl": ("rows.jsonl", ARRAY, "is a JSON array"),
    "an array behind a byte order mark": (
        "rows.txt",
        b"\xef\xbb\xbf" + ARRAY,
        "is a JSON array",
    ),
    "an object": (
        "rows.json",
        b'{\n  "name": "Ada"\n}\n',
        "is JSON over several lines",
    ),
    "an object in a .csv": (
        "rows.csv",
        b'{\n  "name": "Ada"\n}\n',
        "is JSON over several lines",
    ),
    "JSON lines in a .csv": (
        "rows.csv",
        AS_JSON.encode(),
        "is JSON in a file whose name says CSV",
    ),
}


@pytest.mark.parametrize("case", JSON_THAT_IS_NO_JSON_LINES)
def test_json_is_not_taken_for_csv_and_nothing_is_sent_for_it(
    cli, server, tmp_path, case
):
    name, content, problem = JSON_THAT_IS_NO_JSON_LINES[case]
    path = tmp_path / name
    path.write_bytes(content)
    code, out, err = cli(*LIST, str(path))
    assert (code, out) == (2, "")
    hint = ", and need --format jsonl" if name.endswith(("csv", "tsv")) else ""
    assert err == (
        f"promptjuggler: {path} {problem}, as it begins: JSON lines are an object on"
        f" each line{hint}; with --format csv, it is read as CSV\n"
    )
    assert not server.requests
    assert os.listdir(tmp_path) == [name]


def test_an_array_that_is_said_to_be_json_lines_is_refused_without_a_word_of_csv(
    cli, server, stdin
):
    stdin(ARRAY)
    code, _, err = cli(*LIST, "-", "--no-journal", "--format", "jsonl")
    assert code == 2
    assert err == (
        "promptjuggler: standard input is a JSON array, as it begins: JSON lines are an"
        " object on each line\n"
    )
    assert not server.requests


@pytest.mark.parametrize("header", ["[name]", "{name}", '{"name": 1}'])
def test_what_looks_like_json_is_csv_where_that_is_said(inputs_of, header):
    content = f"{header}\nAda\n".encode()
    assert inputs_of("a.csv", content, "--format", "csv") == [{header: "Ada"}]


def test_inputs_that_are_the_same_in_all_rows_are_given_once(inputs_of):
    rows = inputs_of("a.csv", b"name\nAda\nBob\n", "--input", "lang=@x=y")
    assert rows == [
        {"name": "Ada", "lang": "@x=y"},
        {"name": "Bob", "lang": "@x=y"},
    ]


def test_a_file_with_a_header_or_nothing_has_no_rows_and_that_is_no_error(inputs_of):
    assert inputs_of("a.csv", b"name\n") == []
    assert inputs_of("a.jsonl", b"") == []


def test_that_there_are_no_rows_is_said(cli, server, stdin, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("name\n")
    code, out, err = cli(*LIST, str(path))
    assert (code, out) == (0, "")
    assert err == (
        f"promptjuggler: {path} has a header and no rows; 0 rows in 0 s: 0 completed\n"
    )
    path = tmp_path / "a.jsonl"
    path.write_text("")
    assert cli(*LIST, str(path))[2].startswith(f"promptjuggler: {path} has no rows; ")
    stdin(b"name\n")
    code, _, err = cli(*LIST, "-", "--no-journal")
    assert (code, "standard input has a header and no rows; 0 " in err) == (0, True)
    assert cli(*LIST, str(path), "--quiet") == (0, "", "")
    assert not server.requests


def test_a_value_can_be_long_and_the_limit_of_the_process_is_put_back(inputs_of):
    before = csv.field_size_limit()
    text = "x" * 300_000
    assert inputs_of("a.csv", f"name\n{text}\n".encode()) == [{"name": text}]
    assert csv.field_size_limit() == before


WRONG = {
    "too many values": (b"a,b\n1,2\n1,2,3\n", "line 3 of FILE has too many values: 3, and the header has 2 names"),
    "too few values": (b'a,b\n"1\n2",2\n1\n', "line 4 of FILE has too few values: 1, and the header has 2 names"),
    "a name twice": (b"a,b,a\n", "the header of FILE has the name a twice"),
    "no name": (b"a,,b\n", "the header of FILE has no name in column 2"),
    "semicolons": (b"a;b\n1;2\n", "the header of FILE is one name: is --delimiter ';' meant?"),
    "tabs": (b"a\tb\n1\t2\n", "the header of FILE is one name: is --delimiter tab meant?"),
    "a quote that is open": (b'a\n1\n"2\n3\n', "line 3 of FILE cannot be read as CSV: unexpected end of data"),
    "text behind a quote": (b'a,b\n1,"2"3\n', "line 2 of FILE cannot be read as CSV: ',' expected after '\"'"),
    "no UTF-8": (b"a\n1\n\xff\n", "line 3 of FILE is not UTF-8 text"),
    "UTF-16": ("a\n1\n".encode("utf-16"), "line 1 of FILE is not UTF-8 text"),
    "UTF-16 without a mark": ("a\n1\n".encode("utf-16-le"), "line 1 of FILE has a NUL character: is it UTF-16?"),
    "NUL in JSON": (b'{"a": "1"}\n\0\n', "line 2 of FILE has a NUL character: is it UTF-16?"),
    "lines of old Macs": (b"a,b\r1,2\r", "line 1 of FILE cannot be read as CSV: new-line character seen in unquoted field"),
    "nothing": (b"", "FILE is empty"),
    "blank lines": (b"\n\n", "FILE is empty"),
    "no JSON": (b'{"a": "1"}\n{"a" 1}\n', "line 2 of FILE is no JSON: Expecting ':' delimiter in column 6"),
    "no object": (b'{"a": "1"}\n\n["secret"]\n', "line 3 of FILE must hold a JSON object, not an array"),
    "a number": (b'{"a": 70707}\n', "line 1 of FILE must have texts alone: the value of a is a number"),
    "null": (b'{"a": null}\n', "line 1 of FILE must have texts alone: the value of a is null"),
    "twins": (b'{"a": "1", "a": "2"}\n', "line 1 of FILE has the name a twice"),
    "two on a line": (b'{"a": "1"} {"a": "2"}\n', "line 1 of FILE is no JSON: Extra data in column 12"),
    "given twice": (b"name\nAda\n", "input name is in FILE, and given with --input"),
    "given twice in JSON": (b'{"a": "1"}\n{"name": "1"}\n', "input name is in FILE, and given with --input"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_with_a_file_is_said_with_its_line_before_anything_is_sent(
    cli, server, tmp_path, case
):
    content, problem = WRONG[case]
    path = tmp_path / "rows.txt"
    path.write_bytes(content)
    code, out, err = cli(*LIST, str(path), "--input", "name=x")
    assert (code, out) == (2, "")
    assert err == f"promptjuggler: {problem.replace('FILE', str(path))}\n"
    assert not server.requests
    assert os.listdir(tmp_path) == ["rows.txt"]


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_a_header_that_was_not_cut_apart_is_refused_unless_the_delimiter_is_said(
    cli, server, inputs_of, tmp_path, name, delimiter
):
    usual = {"a.tsv": "\t", "a.csv": ","}[name]
    content = f"a{delimiter}b\n1{delimiter}2\n".encode()
    if delimiter == usual:
        assert inputs_of(name, content) == [{"a": "1", "b": "2"}]
        return
    path = tmp_path / name
    path.write_bytes(content)
    code, _, err = cli(*LIST, str(path), "--no-journal")
    assert code == 2
    shown = "tab" if delimiter == "\t" else f"'{delimiter}'"
    assert f"is one name: is --delimiter {shown} meant?" in err
    assert not server.requests
    said = inputs_of(name, content, "--delimiter", usual)
    assert said == [{f"a{delimiter}b": f"1{delimiter}2"}]


def grow(path):
    with path.open("a") as file:
        file.write("half a row")


CHANGES = {
    "longer": grow,
    "another": lambda path: path.write_text("name\n" + "Bob\n" * 3000),
    "touched": lambda path: os.utime(path, ns=(1, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changes_after_it_was_checked_is_read_no_further(
    cli, server, tmp_path, change
):
    """What was not checked is not run: half a row would be paid for, too."""
    path = tmp_path / "rows.csv"
    # Longer than what is read ahead.
    path.write_text("name\n" + f"{'A' * 100}\n" * 3000)
    seen = []

    def work(inputs):
        if not seen:
            CHANGES[change](path)
        seen.append(inputs["name"])
        return "x"

    server.add_prompt(change, work)
    code, out, err = cli("run-prompts", change, "1", str(path), "--no-journal")
    assert code == 1
    assert f"{path} has changed since it was checked" in err
    assert set(seen) == {"A" * 100}
    assert len(seen) == len(out.splitlines()) < 3000


def test_a_file_that_cannot_be_read_is_wrong_usage(cli, server, tmp_path):
    for path in (tmp_path / "missing.csv", tmp_path):
        code, _, err = cli(*LIST, str(path), "--no-journal")
        assert (code, f"{path} cannot be read: " in err) == (2, True)
    assert not server.requests


def test_a_delimiter_is_one_character_and_not_for_json_lines(cli, server, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": "1"}\n')
    for delimiter in ("", "ab", '"', "\n"):
        code, _, err = cli(*LIST, str(path), f"--delimiter={delimiter}")
        assert (code, "must be one character, or tab" in err) == (2, True)
    code, _, err = cli(*LIST, str(path), "--delimiter", ";")
    assert (code, "--delimiter is for CSV, and " in err) == (2, True)
    assert not server.requests


def test_a_line_that_does_not_end_is_not_read_to_its_end(cli, server, tmp_path):
    path = tmp_path / "a.jsonl"
    with open(path, "wb") as file:
        file.write(b'{"')
        file.truncate(LONGEST_LINE * 100)
    code, _, err = cli(*LIST, str(path))
    assert code == 2
    assert err.endswith(" is longer than 33,554,432 bytes\n")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_is_read_row_by_row_in_little_memory(tmp_path, name):
    path = tmp_path / name
    is_csv = name.endswith("csv")
    line = "x" * 500 if is_csv else json.dumps({"name": "x" * 500})
    path.write_text("name\n" * is_csv + f"{line}\n" * 1_000)
    file = RowsFile(str(path), format=None, delimiter=None, same={"lang": "en"})
    file.count()
    tracemalloc.start()
    try:
        assert file.count() == 1_000
        with ExitStack() as closing:
            for row in file.read(closing):
                assert row == {"name": "x" * 500, "lang": "en"}
        assert tracemalloc.get_traced_memory()[1] < 300_000
    finally:
        tracemalloc.stop()


# --- standard input, and pipes ---


def test_rows_come_from_standard_input_as_they_are_needed(cli, server, stdin):
    stdin(AS_CSV.encode())
    code, out, err = cli(*LIST, "-", "--no-journal")
    assert (code, len(out.splitlines())) == (0, 2)
    stdin(b"")
    code, _, err = cli(*LIST, "-", "--no-journal", "--format", "jsonl")
    assert (code, err) == (2, "promptjuggler: standard input is empty\n")
    stdin(None)
    code, _, err = cli(*LIST, "-", "--no-journal")
    assert (code, "standard input is closed" in err) == (2, True)


def test_what_is_no_file_needs_a_word_about_the_journal(
    cli, server, stdin, tmp_path, monkeypatch
):
    """There is no name for one, and without one nothing can be gone on with."""
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    for path, name in (("-", "standard input"), ("pipe", "pipe")):
        stdin(b"a\n1\n")
        code, _, err = cli(*LIST, path)
        assert code == 2
        assert err == (
            f"promptjuggler: {name} is no file to keep a journal beside: give --journal"
            " FILE, or --no-journal\n"
        )
    for _ in range(2):
        stdin(b"a\n1\n")
        code, out, _ = cli(*LIST, "-", "--journal", "kept")
        assert (code, json.loads(out)["inputs"]) == (0, {"a": "1"})
    # The second time, it came from there.
    posts = [request for request in server.requests if request.method == "POST"]
    assert len(posts) == 1


def test_a_wrong_row_in_the_midst_of_a_pipe_ends_it_after_what_is_under_way(
    own_server, tmp_path
):
    own_server.add_prompt("list", lambda inputs: json.dumps(inputs))
    os.mkfifo(tmp_path / "pipe")
    content = b"a\n" + b"1\n" * 3 + b"1,2\n" + b"1\n"

    def write():
        (tmp_path / "pipe").write_bytes(content)

    writer = threading.Thread(target=write)
    writer.start()
    command = [*LIST, str(tmp_path / "pipe"), "--journal", str(tmp_path / "kept")]
    code, out, err = run(*command, env=account(own_server))
    writer.join()
    assert (code, len(out.splitlines())) == (2, 3)
    said = err.decode()
    assert f"line 5 of {tmp_path / 'pipe'} has too many values: 2, and " in said
    assert "; 3 rows in " in said
    assert "; the same command goes on, with the same input: " in said
