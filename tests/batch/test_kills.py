"""A process that is killed, at any moment, again and again: no run is started twice."""

import json
import random
import subprocess
import sys
import textwrap

import pytest
from helpers.batches import Greeter, answers, states
from helpers.package import ENV, NAME
from helpers.servers import PATIENCE

# A process without threads that makes children, each of which makes the same call, and
# kills them. What they need is loaded once.
PARENT = """
import json, os, random, signal, sys, time
from NAME import PromptJuggler
url, key, path, count, workers, kills, seed = sys.argv[1:]
rows = [{"name": str(number)} for number in range(int(count))]
chance = random.Random(int(seed))
pj = PromptJuggler(key, base_url=url, proxy=False)
pj.preload()

def work():
    with pj.run_prompts("greeting", 1, rows, journal=path, workers=int(workers)) as batch:
        for result in batch:
            pass

def states():
    if not os.path.exists(path):
        return {}
    with open(path, "rb") as file:
        lines = file.read().split(b"\\n")[1:-1]
    return {line["row"]: line["state"] for line in map(json.loads, lines)}

unsure = {row for row, state in states().items() if state == "starting"}
killed = 0
while killed < int(kills):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    time.sleep(chance.uniform(0.0, 0.03))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status):
        print(json.dumps(["ended", status]))
        break
    killed += 1
    now = {row for row, state in states().items() if state == "starting"}
    print(json.dumps(["killed", len(now - unsure), len(unsure - now)]))
    unsure = now
"""


def kill(server, path, *, count, workers, kills, seed):
    """What came of each life of a batch of so many rows."""
    code = textwrap.dedent(PARENT).replace("NAME", NAME)
    numbers = (count, workers, kills, seed)
    command = [sys.executable, "-c", code, server.url, server.api_key, path]
    result = subprocess.run(
        [*command, *map(str, numbers)],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=PATIENCE * 6,
    )
    assert (result.returncode, result.stderr) == (0, "")
    return [json.loads(line) for line in result.stdout.splitlines()]


def finish(server, path, count, **options):
    """The results of the same call, which is not killed."""
    rows = [{"name": str(number)} for number in range(count)]
    with (
        server.client() as pj,
        pj.run_prompts("greeting", 1, rows, journal=path, **options) as batch,
    ):
        return {result.index: result for result in batch}


@pytest.fixture
def seed():
    seed = random.randrange(10**9)
    # pytest shows it with a test that fails.
    print(f"seed {seed}")
    return seed


def test_a_batch_that_is_killed_a_hundred_times_starts_no_run_twice(tmp_path, seed):
    path = tmp_path / "rows.journal"
    count, workers = 20_000, 4
    with Greeter() as server:
        lives = kill(server, path, count=count, workers=workers, kills=50, seed=seed)
        # Now most are killed while they wait for runs.
        server.run_seconds = 0.02
        lives += kill(server, path, count=count, workers=workers, kills=50, seed=seed)
        assert len(lives) == 100
        for what, new, settled in lives:
            # No more are unsure than were under way, and what is unsure stays so.
            assert what == "killed"
            assert new <= workers
            assert settled == 0
        unsure = {row for row, state in states(path).items() if state == "starting"}
        seen = len(states(path))
        results = finish(server, path, seen)
    assert set(results) == set(range(seen))
    for index, result in results.items():
        if index in unsure:
            assert result.error.may_have_taken_effect, seed
        else:
            assert result.run.output == f"Hello, {index}!", seed
    assert max(server.started.values()) == 1, seed
    assert {str(index) for index in results} - set(server.started) <= {
        str(index) for index in unsure
    }


def test_five_hundred_rows_that_are_killed_twenty_times_end_with_as_many_answers(
    tmp_path, seed
):
    path = tmp_path / "rows.journal"
    with Greeter() as server:
        server.run_seconds = 0.02
        lives = kill(server, path, count=500, workers=8, kills=20, seed=seed)
        assert [life[0] for life in lives] == ["killed"] * 20
        server.run_seconds = 0
        unsure = {
            str(row) for row, state in states(path).items() if state == "starting"
        }
        results = finish(server, path, 500, restart_unsure=True)
    assert {index: result.run.output for index, result in results.items()} == answers(
        500
    )
    # Only what was named as unsure, and may be started again, was started twice.
    twice = {name for name, times in server.started.items() if times > 1}
    assert twice <= unsure, seed
    assert max(server.started.values()) <= 2
    assert set(server.started) == {str(number) for number in range(500)}
