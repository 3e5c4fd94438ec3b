"""The journal: what the same call does later, and which files it takes."""

import contextlib
import json
import os
import stat
import subprocess
import sys
import textwrap
import threading

import pytest
from helpers.batches import answers, answers_of, rows, states
from helpers.calls import in_threads
from helpers.package import ENV, NAME

from promptjuggler import (
    ApiError,
    BatchCounts,
    NetworkError,
    ValidationError,
    WaitTimeout,
)
from promptjuggler._batch import file as file_module
from promptjuggler._batch.file import LockedFile
from promptjuggler._batch.journal import Journal

THREAD = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def run(client, inputs, path, **options):
    """All results of a batch with a journal."""
    options = {"slug": "greeting", "version": "production", **options}
    with client.run_prompts(inputs=inputs, journal=path, **options) as batch:
        return list(batch)


# The same call again


def test_runs_that_have_ended_are_given_again_without_a_request(server, pj, path):
    first = run(pj, rows(20), path)
    server.requests.clear()
    with pj.run_prompts("greeting", "production", rows(20), journal=path) as batch:
        again = list(batch)
    assert server.requests == []
    assert again == sorted(first, key=lambda result: result.index)
    assert batch.counts == BatchCounts(done=20, failed=0, unsure=0, under_way=0)
    assert answers_of(again) == answers(20)


def test_workflows_are_given_again_too(server, pj, path):
    for _ in range(2):
        with pj.run_workflows("greeting", 1, rows(5), journal=path) as batch:
            found = {result.index: result.run.outputs["text"] for result in batch}
        assert found == answers(5)
    assert set(server.started.values()) == {1}


def test_what_was_started_is_waited_for(server, pj, path):
    server.run_seconds = 0.3
    first = run(pj, rows(3), path, timeout=0)
    assert all(isinstance(result.error, WaitTimeout) for result in first)
    assert set(states(path).values()) == {"started"}
    again = run(pj, rows(3), path)
    assert answers_of(again) == answers(3)
    assert {result.run_id for result in again} == {result.run_id for result in first}
    assert set(server.started.values()) == {1}


def test_what_may_have_been_started_is_an_error_until_it_may_be_restarted(
    server, pj, path, quick
):
    server.drop_next()
    run(pj, rows(2), path, workers=1)
    assert states(path) == {0: "starting", 1: "ended"}
    for _ in range(2):
        lost, other = run(pj, rows(2), path)
        assert isinstance(lost.error, NetworkError)
        assert lost.error.may_have_taken_effect
        assert "restart_unsure=True" in str(lost.error)
        assert (lost.index, lost.run_id) == (0, None)
        assert other.run.output == "Hello, 1!"
    assert server.started == {"0": 1, "1": 1}
    assert answers_of(run(pj, rows(2), path, restart_unsure=True)) == answers(2)
    assert server.started == {"0": 2, "1": 1}
    assert answers_of(run(pj, rows(2), path)) == answers(2)
    assert server.started == {"0": 2, "1": 1}


def test_a_run_that_is_gone_is_an_error_until_it_may_be_restarted(server, pj, path):
    server.run_seconds = 1000
    first = run(pj, rows(1), path, timeout=0)[0]
    server.run_seconds = 0
    server.fail_next(404, method="GET", times=3)
    for _ in range(2):
        (gone,) = run(pj, rows(1), path)
        assert (gone.error.status_code, gone.run_id) == (404, first.run_id)
        assert gone.error.may_have_taken_effect
    assert server.started == {"0": 1}
    (again,) = run(pj, rows(1), path, restart_unsure=True)
    assert again.run.output == "Hello, 0!"
    assert again.run_id == again.run.id != first.run_id
    assert server.started == {"0": 2}
    assert run(pj, rows(1), path) == [again]


def test_a_run_that_is_there_is_not_restarted(server, pj, path):
    server.run_seconds = 1000
    run(pj, rows(1), path, timeout=0)
    for status in (403, 409):
        server.fail_next(status, method="GET")
        (other,) = run(pj, rows(1), path, restart_unsure=True)
        assert other.error.status_code == status
    (late,) = run(pj, rows(1), path, restart_unsure=True, timeout=0)
    assert isinstance(late.error, WaitTimeout)
    assert server.started == {"0": 1}


def test_what_is_gone_each_time_is_started_once_by_each_call(server, pj, path):
    for starts in (1, 2, 3):
        server.fail_next(404, method="GET", times=2 if starts > 1 else 1)
        (gone,) = run(pj, rows(1), path, restart_unsure=True)
        assert (gone.error.status_code, gone.run) == (404, None)
        assert server.starts() == starts


def test_what_certainly_was_not_started_is_started(server, pj, path):
    server.fail_next(422)
    refused, _ = run(pj, rows(2), path, workers=1)
    assert refused.error.status_code == 422
    assert states(path) == {0: "refused", 1: "ended"}
    assert answers_of(run(pj, rows(2), path)) == answers(2)
    assert set(server.started.values()) == {1}


def test_there_may_be_more_inputs_or_fewer(server, pj, path):
    assert answers_of(run(pj, rows(5), path)) == answers(5)
    assert answers_of(run(pj, rows(2), path)) == answers(2)
    assert answers_of(run(pj, rows(9), path)) == answers(9)
    assert answers_of(run(pj, [], path)) == {}
    assert set(server.started.values()) == {1}


@pytest.mark.parametrize(
    "other", [{"name": "7"}, {"name": "2", "age": "7"}, {}, {"name": 2}, None]
)
def test_other_inputs_are_an_error_that_names_the_row(server, pj, path, other):
    run(pj, rows(5), path)
    inputs = [*rows(2), other, *rows(90, begin=3)]
    given = []
    with pj.run_prompts("greeting", "production", inputs, journal=path) as batch:
        with pytest.raises(ValidationError) as caught:
            given.extend(batch)
        assert str(caught.value) == (
            "the inputs of row 2, counted from 0, are not those that it had when the"
            f" journal {path} was written: use another journal, or delete this one"
        )
    assert answers_of(given) == answers(2)
    assert len(server.started) == 5


def test_inputs_that_are_equal_but_written_in_another_order_are_the_same(pj, path):
    run(pj, [{"name": "a", "b": "é"}], path)
    assert run(pj, [{"b": "é", "name": "a"}], path)[0].run.output == "Hello, a!"


OPTIONS = {
    "thread": THREAD,
    "environment": "staging",
    "env_vars": {"TOKEN": "a", "OTHER": "b"},
    "metadata": {"job": "a", "tags": ["b"]},
    "channel": "side",
}


@pytest.mark.parametrize("name", OPTIONS)
def test_other_options_are_an_error(server, pj, path, name):
    run(pj, rows(1), path, **OPTIONS)
    server.requests.clear()
    others = {**OPTIONS}
    del others[name]
    with pytest.raises(ValidationError, match="is of another call: its thread, env"):
        run(pj, rows(1), path, **others)
    assert server.requests == []


def test_the_same_options_may_be_written_otherwise(server, pj, path):
    run(pj, rows(1), path, **OPTIONS, version=1, priority="low")
    same = {
        "thread": "{" + THREAD.upper() + "}",
        "environment": "staging",
        "env_vars": {"OTHER": "rotated", "TOKEN": "too"},
        "metadata": {"tags": ("b",), "job": "a"},
        "channel": "side",
    }
    run(pj, rows(1), path, **same, version="1", priority="onsite")
    assert set(server.started.values()) == {1}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"slug": "other"}, "its slug is 'greeting', and not 'other'"),
        ({"version": 1}, "its version is 'production', and not '1'"),
    ],
)
def test_another_slug_or_version_is_an_error(server, pj, path, change, problem):
    run(pj, rows(1), path)
    with pytest.raises(ValidationError) as caught:
        run(pj, rows(1), path, **change)
    assert str(caught.value) == (
        f"the journal {path} is of another call: {problem}: use another journal, or"
        " delete this one"
    )


def test_a_journal_in_which_nothing_was_started_is_begun_anew(server, pj, path):
    run(pj, [], path)
    with pytest.raises(ApiError):
        run(pj, rows(20, begin=50), path, slug="typo", workers=2)
    assert set(states(path).values()) == {"refused"}
    # Other options, and other inputs.
    assert answers_of(run(pj, rows(3), path, channel="side")) == answers(3)
    assert states(path) == dict.fromkeys(range(3), "ended")
    assert path.read_bytes().count(b"promptjuggler") == 1
    # It is one like any other.
    assert answers_of(run(pj, rows(4), path, channel="side")) == answers(4)
    assert set(server.started.values()) == {1}


@pytest.mark.parametrize("is_refused_then", [False, True])
def test_a_journal_of_a_run_that_may_have_been_started_is_kept(
    server, pj, path, is_refused_then
):
    """Also where it was refused, when it was started again."""
    server.drop_next()
    run(pj, rows(1), path)
    if is_refused_then:
        server.fail_next(422)
        run(pj, rows(1), path, restart_unsure=True)
    before = path.read_bytes()
    with pytest.raises(ValidationError, match="is of another call: its slug is"):
        run(pj, rows(1), path, slug="other")
    assert path.read_bytes() == before


def test_a_journal_of_prompts_is_none_of_workflows(pj, path):
    run(pj, rows(1), path)
    batch = pj.run_workflows("greeting", "production", rows(1), journal=path)
    with pytest.raises(ValidationError, match="its kind is 'prompt', and not 'workfl"):
        batch.__enter__()


# What stands in it


def test_a_start_stands_on_the_disk_before_the_request_is_sent(
    server, pj, path, monkeypatch
):
    events = []
    force = os.fsync

    def fsync(descriptor):
        force(descriptor)
        events.append("forced")

    def greet(inputs):
        events.append(states(path))
        return ""

    monkeypatch.setattr(os, "fsync", fsync)
    server.add_prompt("greeting", greet)
    run(pj, rows(2), path, workers=1)
    # The folder and the first line.
    assert events[:2] == ["forced"] * 2
    starts = [index for index, event in enumerate(events) if event != "forced"]
    assert len(starts) == 2
    # The answer, which is written next, may be quicker than the function of the prompt.
    assert events[starts[0]][0] in ("starting", "started")
    assert events[starts[1]][1] in ("starting", "started")
    # A start, an id, and an end for each.
    assert events.count("forced") == 2 + 2 * 3
    assert "forced" in events[2 : starts[0]]


def test_it_has_the_ids_and_runs_but_neither_inputs_nor_values_of_env_vars(
    pj, path, server
):
    server.add_prompt("greeting", lambda inputs: "An answer.")
    inputs = [{"name": "private-name", "private-key": "x"}]
    env_vars = {"PRIVATE_VARIABLE": "hunter2"}
    (result,) = run(pj, inputs, path, env_vars=env_vars)
    text = path.read_text()
    for secret in ("private", "PRIVATE", "hunter2"):
        assert secret not in text
    header, starting, started, ended = map(json.loads, text.splitlines())
    assert header["promptjuggler"] == "journal of a batch"
    names = ("format", "base_url", "kind", "slug", "version")
    about = [header[name] for name in names]
    assert about == [1, server.url, "prompt", "greeting", "production"]
    assert [starting["state"], started["state"]] == ["starting", "started"]
    assert started["id"] == ended["id"] == str(result.run_id)
    assert ended["run"] == result.run.to_dict()
    assert len({line["inputs"] for line in (starting, started, ended)}) == 1


def test_the_digests_of_two_journals_do_not_tell_that_inputs_are_equal(pj, tmp_path):
    digests = set()
    for name in ("a", "b"):
        run(pj, rows(1), tmp_path / name)
        line = (tmp_path / name).read_text().splitlines()[1]
        digests.add(json.loads(line)["inputs"])
    assert len(digests) == 2


def test_only_its_owner_can_read_it(pj, path):
    run(pj, rows(1), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_is_there_and_empty_becomes_one_and_keeps_its_mode(pj, path):
    path.touch(0o640)
    path.chmod(0o640)
    assert answers_of(run(pj, rows(1), path)) == answers(1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_it_takes_eight_bytes_of_memory_for_a_row(pj, path):
    run(pj, rows(40), path)
    about = {
        "base_url": pj._transport.base_url,
        "kind": "prompt",
        "slug": "greeting",
        "version": "production",
    }
    options = {
        "thread": None,
        "environment": None,
        "env_vars": [],
        "metadata": None,
        "channel": None,
    }
    with contextlib.closing(Journal(str(path), {**about, "options": options})) as it:
        assert (len(it._places), it._places.itemsize) == (40, 8)


def test_threads_that_write_at_once_share_the_forcing_to_disk(path, monkeypatch):
    forced = []
    force = os.fsync

    def slow(descriptor):
        forced.append(descriptor)
        threading.Event().wait(0.02)
        force(descriptor)

    file = LockedFile(str(path))
    monkeypatch.setattr(os, "fsync", slow)
    in_threads(40, lambda number: file.append(b"%d" % number))
    file.close()
    assert sorted(map(int, path.read_text().split())) == [*range(40)]
    assert len(forced) <= 20


# Torn lines, and other damage


def test_a_last_line_that_was_cut_off_anywhere_is_no_error(server, pj, path):
    run(pj, rows(2), path, workers=1)
    whole = path.read_bytes()
    *before, last = whole.splitlines(keepends=True)
    begin = len(whole) - len(last)
    for end in range(begin, len(whole), 7):
        path.write_bytes(whole[:end])
        assert answers_of(run(pj, rows(2), path)) == answers(2)
        lines = path.read_bytes().splitlines(keepends=True)
        assert lines[:-1] == before
        assert json.loads(lines[-1])["state"] == "ended"
    assert set(server.started.values()) == {1}


@pytest.mark.parametrize(
    ("state", "lines"), [("starting", 2), ("started", 3), ("ended", 4)]
)
def test_a_last_line_that_only_lacks_its_end_holds_and_gets_one(
    server, pj, path, state, lines
):
    """As an editor leaves it. What was forced to disk before a start is not forgotten."""
    run(pj, rows(1), path)
    kept = path.read_bytes().splitlines(keepends=True)[:lines]
    path.write_bytes(b"".join(kept).removesuffix(b"\n"))
    server.requests.clear()
    (result,) = run(pj, rows(1), path)
    assert server.starts() == 0
    if state == "starting":
        assert result.error.may_have_taken_effect
    else:
        assert result.run.output == "Hello, 0!"
    run(pj, rows(2), path)
    assert states(path)[1] == "ended"


def test_a_first_line_that_was_cut_off_anywhere_is_written_again(pj, path):
    run(pj, [], path)
    header = path.read_bytes()
    for end in range(len(header)):
        path.write_bytes(header[:end])
        assert run(pj, [], path) == []
        assert path.read_bytes()[:40] == header[:40]
        assert path.read_bytes().count(b"\n") == 1


def test_zeros_that_a_loss_of_power_left_at_the_end_are_cut_off(server, pj, path):
    run(pj, rows(2), path)
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert answers_of(run(pj, rows(3), path)) == answers(3)
    assert b"\0" not in path.read_bytes()
    assert set(server.started.values()) == {1}


GOOD = {"row": 0, "inputs": "a", "state": "started", "id": THREAD}
RUN = {"status": "completed"}


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"garbage",
        b'{"row":0,"inp',
        b"\xff\xfe",
        b"[1]",
        b"{}",
        b"[" * 100_000,
        bytes(200),
        *(
            json.dumps({**GOOD, **change}).encode()
            for change in (
                {"row": -1},
                {"row": True},
                {"row": "0"},
                {"row": 10**15},
                {"row": None},
                {"inputs": None},
                {"state": "other"},
                {"state": None},
                {"id": "7"},
                {"id": 7},
                {"state": "ended"},
                {"state": "ended", "run": []},
            )
        ),
    ],
    ids=lambda line: line[:60].decode("latin-1"),
)
def test_a_damaged_line_is_an_error_with_its_number(server, pj, path, line):
    run(pj, rows(2), path)
    server.requests.clear()
    lines = path.read_bytes().split(b"\n")
    lines.insert(3, line)
    damaged = b"\n".join(lines)
    path.write_bytes(damaged)
    with pytest.raises(ValidationError) as caught:
        run(pj, rows(3), path)
    assert str(caught.value) == (
        f"line 4 of the journal {path} is damaged, or was not written by a batch"
    )
    assert path.read_bytes() == damaged
    assert server.requests == []


def test_a_run_that_is_none_is_an_error_that_names_its_row(pj, path):
    run(pj, rows(2), path, workers=1)
    lines = path.read_bytes().split(b"\n")
    broken = json.loads(lines[-2])
    broken["run"]["status"] = 7
    lines[-2] = json.dumps(broken).encode()
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(ValidationError, match="row 1 in the journal .* has no run: st"):
        run(pj, rows(2), path)


@pytest.mark.parametrize(
    "content", [b"name\nAda\n", b"name", b"\n", b"\x7fELF" + bytes(100), b"{}\n"]
)
def test_a_file_that_is_no_journal_is_refused_and_left_as_it_is(pj, path, content):
    path.write_bytes(content)
    with pytest.raises(ValidationError, match="no journal of a batch: "):
        run(pj, rows(1), path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("change", [{"format": 2}, {"key": 7}])
def test_a_journal_of_another_format_is_refused(pj, path, change):
    run(pj, [], path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}) + "\n")
    with pytest.raises(ValidationError, match="by another version of this package"):
        run(pj, [], path)


def test_a_first_line_that_is_damaged_is_an_error(pj, path):
    run(pj, [], path)
    header = json.loads(path.read_text())
    path.write_text(json.dumps({**header, "key": "x"}) + "\n")
    with pytest.raises(ValidationError, match="line 1 of the journal .* is damaged"):
        run(pj, [], path)
    path.write_text(json.dumps(header)[:-1] + "\n")
    with pytest.raises(ValidationError, match="line 1 of the journal .* is damaged"):
        run(pj, [], path)


# Paths


def test_a_link_is_followed_also_to_a_file_that_is_not_there_yet(pj, path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    assert answers_of(run(pj, rows(2), link)) == answers(2)
    assert link.is_symlink()
    assert states(path) == {0: "ended", 1: "ended"}
    with (
        pj.run_prompts("greeting", "production", rows(2), journal=link),
        pytest.raises(ValidationError, match="in use by another batch"),
    ):
        run(pj, rows(2), path)


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda path: path.mkdir(), IsADirectoryError),
        (lambda path: path.symlink_to(path), OSError),
        (lambda path: path.symlink_to(path / "missing"), OSError),
        (lambda path: os.mkfifo(path), ValidationError),
        (lambda path: path.symlink_to("/dev/null"), ValidationError),
    ],
    ids=["a folder", "a loop", "a link to nowhere", "a pipe", "a device"],
)
def test_what_is_no_file_is_an_error_and_nothing_is_sent(server, pj, path, make, error):
    make(path)
    with pytest.raises(error):
        run(pj, rows(1), path)
    assert server.requests == []


def test_a_folder_that_is_not_there_is_an_error_and_nothing_is_sent(
    server, pj, tmp_path
):
    with pytest.raises(FileNotFoundError, match="missing"):
        run(pj, rows(1), tmp_path / "missing" / "journal")
    assert server.requests == []


def test_after_such_an_error_the_same_batch_can_be_entered(pj, tmp_path):
    folder = tmp_path / "later"
    batch = pj.run_prompts("greeting", 1, rows(2), journal=folder / "journal")
    with pytest.raises(FileNotFoundError):
        batch.__enter__()
    folder.mkdir()
    with batch:
        assert answers_of(batch) == answers(2)


# Locks


def test_two_batches_of_a_process_cannot_have_one_journal(server, pj, path):
    with pj.run_prompts("greeting", "production", rows(2), journal=path) as first:
        with pytest.raises(ValidationError) as caught:
            run(pj, rows(2), path)
        assert str(caught.value) == (
            f"the journal {path} is in use by another batch, of this process or of"
            " another"
        )
        assert answers_of(first) == answers(2)
    assert answers_of(run(pj, rows(2), path)) == answers(2)


def process(code, *arguments):
    """A new process that runs code, with NAME as the name of the package."""
    code = textwrap.dedent(code).replace("NAME", NAME)
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=ENV,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


HOLDER = """
import os, sys
from NAME import PromptJuggler
path = sys.argv[1]
pj = PromptJuggler("k", base_url="URL")
with pj.run_prompts("greeting", "production", [], journal=path):
    BODY
    os.write(1, b"held\\n")
    sys.stdin.read()
"""


def test_two_processes_cannot_have_one_journal(server, pj, path):
    holder = process(HOLDER.replace("URL", server.url).replace("BODY", "pass"), path)
    with holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ValidationError, match="in use by another batch"):
            run(pj, rows(1), path)
        holder.kill()
    assert answers_of(run(pj, rows(1), path)) == answers(1)


def test_a_forked_child_that_outlives_its_parent_does_not_keep_the_lock(
    server, pj, path
):
    # The child lives for as long as its standard input is open.
    body = "os.fork() or (os.write(1, b'child\\n'), sys.stdin.read(), os._exit(0))"
    holder = process(HOLDER.replace("URL", server.url).replace("BODY", body), path)
    with holder:
        lines = {holder.stdout.readline() for _ in range(2)}
        assert lines == {"held\n", "child\n"}
        with pytest.raises(ValidationError, match="in use by another batch"):
            run(pj, rows(1), path)
        holder.kill()
        holder.wait()
        assert answers_of(run(pj, rows(1), path)) == answers(1)


def test_a_program_that_the_batch_starts_does_not_keep_the_lock(pj, path):
    with pj.run_prompts("greeting", "production", [], journal=path):
        other = process("import sys; sys.stdin.read()")
    with other:
        assert answers_of(run(pj, rows(1), path)) == answers(1)


class Msvcrt:
    """What Windows has in place of `fcntl`."""

    LK_NBLCK = 2
    locked = False

    def locking(self, descriptor, mode, count):
        assert os.lseek(descriptor, 0, os.SEEK_CUR) == 2**40
        assert (mode, count) == (self.LK_NBLCK, 1)
        if self.locked:
            raise PermissionError
        self.locked = True


def test_on_windows_it_is_locked_by_other_means(pj, path, monkeypatch):
    monkeypatch.setattr(file_module, "fcntl", None)
    monkeypatch.setattr(file_module, "msvcrt", Msvcrt())
    assert answers_of(run(pj, rows(1), path)) == answers(1)
    with pytest.raises(ValidationError, match="in use by another batch"):
        run(pj, rows(1), path)


def test_where_files_cannot_be_locked_there_is_no_journal(
    server, pj, path, monkeypatch
):
    monkeypatch.setattr(file_module, "fcntl", None)
    with pytest.raises(ValidationError, match="a journal needs locks of files"):
        run(pj, rows(1), path)
    assert server.requests == []


def test_where_folders_cannot_be_forced_to_disk_the_file_alone_is(
    pj, path, monkeypatch
):
    monkeypatch.delattr(os, "O_DIRECTORY")
    assert answers_of(run(pj, rows(1), path)) == answers(1)


def test_an_error_of_the_lock_itself_is_raised(pj, path, monkeypatch):
    def flock(descriptor, how):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(file_module.fcntl, "flock", flock)
    with pytest.raises(OSError, match="No locks available"):
        run(pj, rows(1), path)


def test_an_api_that_refuses_the_key_ends_it_and_the_next_call_goes_on(
    server, pj, path
):
    with server.client(api_key="wrong") as other:
        given = []
        with (
            other.run_prompts(
                "greeting", "production", rows(90), journal=path
            ) as batch,
            pytest.raises(ApiError) as caught,
        ):
            given.extend(batch)
        assert caught.value.status_code == 401
    assert all(result.error.status_code == 401 for result in given)
    assert 1 <= len(given) <= 8
    assert set(states(path).values()) == {"refused"}
    assert answers_of(run(pj, rows(90), path)) == answers(90)


@pytest.mark.parametrize("state", ["starting", "started", "ended"])
def test_a_journal_of_the_last_line_of_each_row_tells_the_same(server, pj, path, state):
    """Whoever tidies it up by hand: the last line of a row counts."""
    run(pj, rows(2), path)
    header, *lines = path.read_text().splitlines(keepends=True)
    documents = [json.loads(line) for line in lines]
    (first,) = (d for d in documents if d["row"] == 0 and d["state"] == state)
    (second,) = (d for d in documents if d["row"] == 1 and d["state"] == "starting")
    second["state"] = "refused"
    tidy = header + "".join(json.dumps(line) + "\n" for line in (first, second))
    path.write_text(tidy)
    run(pj, rows(2), path)
    assert server.started == {"0": 1, "1": 2}
    path.write_text(tidy)
    with pytest.raises(ValidationError, match="of another call"):
        run(pj, rows(2), path, environment="staging")
    assert path.read_text() == tidy
