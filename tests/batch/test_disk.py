"""A disk that is full, or fails: nothing is started that does not stand in the journal."""

import errno
import os
import subprocess
import sys
import textwrap

import pytest
from helpers.batches import answers, answers_of, rows, states
from helpers.package import ENV, NAME


def batch_of(client, path, count, **options):
    return client.run_prompts("greeting", 1, rows(count), journal=path, **options)


LIMITED = """
import resource, sys
# What is compiled under the limit would be cut off, for all who come later.
sys.dont_write_bytecode = True
from NAME import PromptJuggler
url, key, path, limit = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
rows = ({"name": str(number)} for number in range(50))
pj = PromptJuggler(key, base_url=url, proxy=False)
given = []
try:
    with pj.run_prompts("greeting", 1, rows, journal=path, workers=4) as batch:
        print("entered")
        given.extend(batch)
except OSError as error:
    print(type(error).__name__, error.errno, error.filename == path)
print(len(given), all(result.run for result in given))
"""


def limited(server, path, limit):
    """What a process says whose files can have so many bytes and no more."""
    code = textwrap.dedent(LIMITED).replace("NAME", NAME)
    command = [sys.executable, "-c", code, server.url, server.api_key, path, str(limit)]
    result = subprocess.run(
        command, env=ENV, capture_output=True, text=True, timeout=60
    )
    assert result.stderr == ""
    return result.stdout.splitlines()


@pytest.mark.parametrize("limit", [0, 10, 150])
def test_a_disk_without_room_for_the_first_line_raises_when_it_is_entered(
    server, pj, path, limit
):
    shown = limited(server, path, limit)
    assert shown == [f"OSError {errno.EFBIG} True", "0 True"]
    assert server.requests == []
    assert path.read_bytes() == b""
    with batch_of(pj, path, 3) as batch:
        assert answers_of(batch) == answers(3)


@pytest.mark.parametrize("limit", [280, 1000, 3000, 5003])
def test_a_disk_that_is_full_later_ends_the_batch_and_the_next_call_goes_on(
    server, pj, path, limit
):
    entered, error, given = limited(server, path, limit)
    assert (entered, error) == ("entered", f"OSError {errno.EFBIG} True")
    # All that were under way have their result.
    assert given == f"{len(server.started)} True"
    assert path.stat().st_size <= limit
    assert path.read_bytes().endswith(b"\n")
    unsure = [row for row, state in states(path).items() if state == "starting"]
    assert len(unsure) <= 4
    with batch_of(pj, path, 50) as batch:
        results = list(batch)
    assert {result.index for result in results if result.error} == set(unsure)
    assert {r.index: r.run.output for r in results if r.run} == {
        index: text for index, text in answers(50).items() if index not in unsure
    }
    assert set(server.started.values()) == {1}


class Disk:
    """Stands before `os.fsync`, and fails at some of its calls."""

    def __init__(self, monkeypatch, fails):
        self.calls = 0
        self.fails = fails
        self.force = os.fsync
        monkeypatch.setattr(os, "fsync", self)

    def __call__(self, descriptor):
        self.calls += 1
        if self.fails(self.calls):
            raise OSError(errno.ENOSPC, "No space left on device")
        self.force(descriptor)


def run_on(monkeypatch, pj, path, fails):
    """The results of a batch of six rows on such a disk, and its error."""
    given = []
    with monkeypatch.context() as patch:
        Disk(patch, fails)
        try:
            with batch_of(pj, path, 6, workers=2) as batch:
                given.extend(batch)
        except OSError as error:
            return given, error
    return given, None


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("call", range(1, 22))
def test_whenever_forcing_to_disk_fails_no_run_is_started_twice(
    server, pj, path, monkeypatch, call, lasts
):
    given, error = run_on(
        monkeypatch, pj, path, lambda made: made == call or (lasts and made > call)
    )
    started = sum(server.started.values())
    if error is not None:
        assert (error.errno, error.filename or str(path)) == (errno.ENOSPC, str(path))
    # Whatever was started has its result.
    assert len(given) == started
    assert all(result.run for result in given)
    with batch_of(pj, path, 6) as batch:
        results = list(batch)
    unsure = {result.index for result in results if result.error}
    assert len(unsure) <= 2
    assert len(results) == 6
    assert set(server.started.values()) == {1}


def test_a_failure_of_the_folder_raises_before_anything_is_sent(
    server, pj, path, monkeypatch
):
    given, error = run_on(monkeypatch, pj, path, lambda made: made == 1)
    assert error.errno == errno.ENOSPC
    assert (given, server.requests) == ([], [])
    with batch_of(pj, path, 6) as batch:
        assert answers_of(batch) == answers(6)


def test_a_start_that_could_not_be_forced_to_disk_is_taken_back(
    server, pj, path, monkeypatch
):
    # The folder, the first line, and then the first start.
    given, error = run_on(monkeypatch, pj, path, lambda made: made == 3)
    assert error.errno == errno.ENOSPC
    assert set(states(path).values()) <= {"ended"}
    with batch_of(pj, path, 6) as batch:
        assert answers_of(batch) == answers(6)
    assert set(server.started.values()) == {1}


def test_an_id_that_could_not_be_written_down_is_unsure_next_time(
    server, pj, path, monkeypatch
):
    given = []
    with monkeypatch.context() as patch:
        # The fourth is for the id of the one run.
        Disk(patch, lambda made: made == 4)
        with (
            batch_of(pj, path, 6, workers=1) as batch,
            pytest.raises(OSError, match="No space left"),
        ):
            given.extend(batch)
    assert answers_of(given) == answers(1)
    assert states(path) == {0: "ended"}
    # The end was written, as soon as there was room again.
    with batch_of(pj, path, 6) as batch:
        assert answers_of(batch) == answers(6)


def test_where_not_even_that_can_be_taken_back_nothing_more_is_written(
    server, pj, path, monkeypatch
):
    def refuse(descriptor, size):
        raise OSError(errno.EIO, "Input/output error")

    given = []
    with monkeypatch.context() as patch:
        Disk(patch, lambda made: made == 4)
        patch.setattr(os, "ftruncate", refuse)
        with (
            batch_of(pj, path, 6, workers=1) as batch,
            pytest.raises(OSError, match="No space left"),
        ):
            given.extend(batch)
    assert answers_of(given) == answers(1)
    # The line itself came to the file, though it is not known to be on the disk.
    assert states(path) == {0: "started"}
    with batch_of(pj, path, 6) as batch:
        assert answers_of(batch) == answers(6)
    assert set(server.started.values()) == {1}


def test_a_write_that_is_cut_short_by_the_system_goes_on(server, pj, path, monkeypatch):
    write = os.write
    monkeypatch.setattr(
        os, "write", lambda descriptor, data: write(descriptor, data[:5])
    )
    with batch_of(pj, path, 3) as batch:
        assert answers_of(batch) == answers(3)
    monkeypatch.undo()
    assert set(states(path).values()) == {"ended"}
