"""Many runs: what a batch gives, takes, counts, and how it is used."""

import copy
import gc
import itertools
import pickle
import subprocess
import sys
import threading
import typing
import uuid

import pytest
from helpers.batches import answers, answers_of, rows
from helpers.calls import client_of, eventually, in_threads
from helpers.package import ENV, NAME
from helpers.servers import PATIENCE, ScriptedServer, make_reply

import promptjuggler
from promptjuggler import (
    ApiError,
    BatchCounts,
    BatchResult,
    NetworkError,
    PromptJuggler,
    PromptRun,
    ValidationError,
    WaitTimeout,
    WorkflowRun,
)
from promptjuggler._batch.work import Row
from promptjuggler.testing import FakeServer

THREAD = "7c9e6679-7425-40de-944b-e07fc1f90ae7"


def batch_of(client, inputs, **options):
    return client.run_prompts("greeting", "production", inputs, **options)


# Results


def test_each_of_the_inputs_has_one_result_with_its_run(server, pj):
    with batch_of(pj, rows(50)) as batch:
        results = list(batch)
    assert answers_of(results) == answers(50)
    assert all(result.inputs == {"name": str(result.index)} for result in results)
    assert all(result.run_id == result.run.id for result in results)
    assert set(server.started.values()) == {1}
    assert batch.counts == BatchCounts(done=50, failed=0, unsure=0, under_way=0)


def test_workflows_are_run_likewise(server, pj):
    with pj.run_workflows("greeting", 1, rows(5)) as batch:
        found = {result.index: result.run.outputs for result in batch}
    assert found == {index: {"text": text} for index, text in answers(5).items()}


def test_a_result_has_the_type_of_its_run(pj):
    with batch_of(pj, rows(1)) as batch:
        assert type(next(batch).run) is PromptRun
    with pj.run_workflows("greeting", 1, rows(1)) as batch:
        assert type(next(batch).run) is WorkflowRun


def test_no_inputs_have_no_results(pj):
    with batch_of(pj, []) as batch:
        assert list(batch) == []
    assert batch.counts == BatchCounts(0, 0, 0, 0)


def test_results_come_as_runs_end_and_not_as_they_were_started():
    first_may_end = threading.Event()

    def slow(inputs):
        if inputs["name"] == "0":
            assert first_may_end.wait(PATIENCE)
        return inputs["name"]

    with FakeServer(run_seconds=0) as server, client_of(server) as pj:
        server.add_prompt("greeting", slow)
        with batch_of(pj, rows(3), workers=2) as batch:
            others = {next(batch).index, next(batch).index}
            first_may_end.set()
            last = next(batch).index
    assert (others, last) == ({1, 2}, 0)


def test_a_run_that_failed_is_a_result_like_one_that_completed():
    def fail(inputs):
        raise ValueError("no")

    with FakeServer(run_seconds=0) as server, client_of(server) as pj:
        server.add_prompt("greeting", fail)
        with batch_of(pj, rows(1)) as batch:
            (result,) = batch
    assert (result.run.status, result.run.error, result.error) == ("failed", "no", None)
    assert batch.counts == BatchCounts(done=0, failed=1, unsure=0, under_way=0)


def test_a_run_that_takes_too_long_is_an_error_with_its_id(server, pj):
    server.run_seconds = 100
    with batch_of(pj, rows(2), timeout=0) as batch:
        results = list(batch)
    for result in results:
        assert isinstance(result.error, WaitTimeout)
        assert result.error.last.id == result.run_id
        assert result.run is None
        assert result.error.may_have_taken_effect
    assert batch.counts == BatchCounts(done=0, failed=0, unsure=2, under_way=0)


def test_inputs_that_are_wrong_have_an_error_and_nothing_is_sent_for_them(server, pj):
    wrong = [{"name": 7}, ["name"], {7: "name"}, {"name": "\ud800"}, None]
    with batch_of(pj, [*wrong, {"name": "5"}]) as batch:
        results = {result.index: result for result in batch}
    assert results[5].run.output == "Hello, 5!"
    for index, inputs in enumerate(wrong):
        assert isinstance(results[index].error, ValidationError)
        assert results[index].inputs is inputs
        assert not results[index].error.may_have_taken_effect
    assert str(results[0].error) == "inputs['name'] must be a str, not int"
    assert server.starts() == 1
    assert batch.counts == BatchCounts(done=1, failed=5, unsure=0, under_way=0)


def test_what_the_api_refuses_of_one_is_its_error_and_the_others_go_on(server, pj):
    server.fail_next(422)
    with batch_of(pj, rows(5), workers=1) as batch:
        first, *others = batch
    assert isinstance(first.error, ApiError)
    assert first.error.status_code == 422
    assert first.run_id is None
    assert [result.run.output for result in others] == [*answers(5).values()][1:]


def test_a_start_without_an_answer_is_not_repeated(server, pj, quick):
    server.drop_next()
    with batch_of(pj, rows(3), workers=1) as batch:
        first, *others = batch
    assert isinstance(first.error, NetworkError)
    assert first.error.may_have_taken_effect
    assert len(others) == 2
    assert set(server.started.values()) == {1}
    assert batch.counts == BatchCounts(done=2, failed=0, unsure=1, under_way=0)


def test_an_error_of_a_wait_does_not_say_that_no_run_was_started(server, pj):
    server.run_seconds = 100

    def forget():
        eventually(lambda: server.looks() > 0)
        server._state.runs.clear()

    forgetting = threading.Thread(target=forget)
    forgetting.start()
    with batch_of(pj, rows(1)) as batch:
        (result,) = batch
    forgetting.join()
    assert result.error.status_code == 404
    assert result.run_id is not None
    assert result.error.may_have_taken_effect
    assert batch.counts.unsure == 1


def test_a_result_is_a_value():
    result = BatchResult(3, {"name": "Ada"}, uuid.UUID(THREAD), None, None)
    assert result == BatchResult(3, {"name": "Ada"}, uuid.UUID(THREAD), None, None)
    assert pickle.loads(pickle.dumps(result)) == result == copy.deepcopy(result)
    assert repr(result) == (
        f"BatchResult(index=3, inputs={{'name': 'Ada'}}, run_id=UUID('{THREAD}'),"
        " run=None, error=None)"
    )
    with pytest.raises(AttributeError):
        result.index = 4
    assert pickle.loads(pickle.dumps(BatchCounts(1, 2, 3, 4))) == BatchCounts(
        1, 2, 3, 4
    )


def test_results_with_errors_and_runs_can_be_pickled(server, pj):
    with batch_of(pj, [*rows(1), {"name": 1}]) as batch:
        for result in batch:
            again = pickle.loads(pickle.dumps(result))
            assert again.run == result.run
            assert repr(again.error) == repr(result.error)


# Inputs


def test_inputs_without_an_end_are_taken_no_further_than_twice_the_workers(pj):
    taken = itertools.count()
    last = []

    def endless():
        for number in taken:
            last[:] = [number]
            yield {"name": str(number)}

    with batch_of(pj, endless(), workers=3) as batch:
        for given, _ in enumerate(batch, 1):
            assert last[0] + 1 <= given + 2 * 3
            if given == 60:
                break


def test_inputs_are_taken_in_the_thread_that_iterates(pj):
    threads = set()

    def inputs():
        for row in rows(20):
            threads.add(threading.get_ident())
            yield row

    with batch_of(pj, inputs()) as batch:
        list(batch)
    assert threads == {threading.get_ident()}


def test_nothing_is_taken_before_it_is_iterated_over(server, pj):
    def inputs():
        raise AssertionError("taken")
        yield {}

    with batch_of(pj, inputs()):
        pass
    assert server.requests == []


def test_a_dict_that_is_changed_and_given_again_has_the_values_of_its_turn(pj):
    def inputs():
        row = {}
        for number in range(20):
            row["name"] = str(number)
            yield row

    with batch_of(pj, inputs()) as batch:
        results = list(batch)
    assert answers_of(results) == answers(20)
    assert all(result.inputs["name"] == str(result.index) for result in results)


class Oops(Exception):
    pass


@pytest.mark.parametrize("workers", [1, 8])
def test_an_exception_of_the_inputs_is_raised_when_what_was_taken_has_its_results(
    server, pj, workers
):
    error = Oops()

    def inputs():
        yield from rows(10)
        raise error

    given = []
    with batch_of(pj, inputs(), workers=workers) as batch:
        with pytest.raises(Oops) as caught:
            given.extend(batch)
        assert caught.value is error
        with pytest.raises(StopIteration):
            next(batch)
    assert answers_of(given) == answers(10)


def test_inputs_that_cannot_be_iterated_over_yet_raise_when_it_is_entered(pj):
    class Bad:
        def __iter__(self):
            raise Oops

    batch = batch_of(pj, Bad())
    with pytest.raises(Oops):
        batch.__enter__()


# How it is used


def test_it_runs_in_a_with_statement_alone(pj, server):
    batch = batch_of(pj, rows(1))
    with pytest.raises(RuntimeError, match="runs in a with statement"):
        iter(batch)
    with pytest.raises(RuntimeError, match="runs in a with statement"):
        next(batch)
    with batch:
        pass
    with pytest.raises(RuntimeError, match="runs in a with statement"):
        next(batch)
    assert server.requests == []


def test_it_is_entered_once(pj):
    batch = batch_of(pj, rows(1))
    with batch, pytest.raises(RuntimeError, match="entered once: make another"):
        batch.__enter__()
    with pytest.raises(RuntimeError, match="entered once: make another"):
        batch.__enter__()


def test_it_is_iterated_over_once_but_in_parts_if_one_likes(pj):
    with batch_of(pj, rows(20)) as batch:
        first = list(itertools.islice(batch, 5))
        assert answers_of([*first, *batch]) == answers(20)
        with pytest.raises(RuntimeError, match="iterated over once: make another"):
            iter(batch)
        with pytest.raises(StopIteration):
            next(batch)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"inputs": {"name": "Ada"}}, "inputs must be an iterable of mappings of str"),
        ({"inputs": "name"}, "inputs must be an iterable of mappings of str to str"),
        (
            {"inputs": 7},
            "inputs must be an iterable of mappings of str to str, not int",
        ),
        ({"journal": 7}, "journal must be a path, as a str or an os.PathLike, not int"),
        ({"journal": b"a"}, "journal must be a path, as a str or an os.PathLike"),
        ({"journal": ""}, "journal must be a path, which is not empty"),
        ({"journal": "a\0b"}, "journal must be a path, which has no NUL character"),
        ({"workers": 0}, "workers must be at least 1"),
        ({"workers": -1}, "workers must be at least 1"),
        ({"workers": 2.0}, "workers must be an int, not float"),
        ({"timeout": "1"}, "timeout must be a number of seconds, not str"),
        ({"timeout": float("inf")}, "timeout must be a finite number of seconds"),
        ({"restart_unsure": "no"}, "restart_unsure must be True or False, not str"),
        ({"slug": ".."}, "slug must not be '..'"),
        ({"version": 0}, "version must be a number of at least 1, or a tag"),
        ({"priority": "urgent"}, "priority must be 'onsite', 'normal' or 'low'"),
        ({"thread": "7"}, "thread must be a UUID"),
        ({"environment": 7}, "environment must be a str, not int"),
        ({"env_vars": {"A": 1}}, "env_vars['A'] must be a str, not int"),
        ({"metadata": {"a": 1}}, "metadata['a'] must be a str or a sequence of str"),
    ],
)
def test_arguments_are_checked_when_it_is_made(pj, server, options, problem):
    arguments = {"slug": "greeting", "version": 1, "inputs": [], **options}
    for method in (pj.run_prompts, pj.run_workflows):
        with pytest.raises(ValidationError) as caught:
            method(**arguments)
        assert str(caught.value).startswith(problem)
    assert server.requests == []


def test_the_channel_is_checked_too(pj):
    with pytest.raises(ValidationError, match="channel must be a str"):
        batch_of(pj, [], channel=7)


def test_options_are_sent_with_every_run(server, pj):
    options = {
        "priority": "low",
        "thread": THREAD,
        "environment": "staging",
        "env_vars": {"TOKEN": "s3cret-value"},
        "metadata": {"job": "a", "tags": ["b", "c"]},
    }
    with batch_of(pj, rows(2), channel="side", **options) as batch:
        list(batch)
    with pj.run_workflows("greeting", 1, rows(2), **options) as batch:
        list(batch)
    sent = [request.json() for request in server.requests if request.method == "POST"]
    for document in sent:
        del document["inputs"]
    expected = {**options, "envVars": options["env_vars"]}
    del expected["env_vars"]
    assert sent == [{**expected, "channel": "side"}] * 2 + [expected] * 2


def test_no_value_of_env_vars_shows(server, pj, tmp_path, quick):
    secret = "s3cret-value"
    server.fail_next(500)
    options = {"env_vars": {"TOKEN": secret}, "journal": tmp_path / "j"}
    with batch_of(pj, rows(2), workers=1, **options) as batch:
        results = list(batch)
    assert secret not in repr([batch, results, vars(batch)])
    assert secret.encode() not in (tmp_path / "j").read_bytes()


def test_it_works_with_a_subclass_that_has_its_own_way_to_start_a_run(server):
    class Mine(PromptJuggler):
        __slots__ = ("starts",)

        def run_prompt(self, slug, version, inputs, **options):
            shouted = {"name": inputs["name"].upper()}
            return super().run_prompt(slug, version, shouted, **options)

    with (
        Mine(server.api_key, base_url=server.url, proxy=False) as pj,
        batch_of(pj, [{"name": "ada"}]) as batch,
    ):
        assert next(batch).run.output == "Hello, ADA!"


def test_what_else_a_subclass_raises_ends_the_batch_and_is_raised(server):
    class Mine(PromptJuggler):
        def run_prompt(self, *arguments, **options):
            raise Oops

    with (
        Mine(server.api_key, base_url=server.url, proxy=False) as pj,
        batch_of(pj, rows(100)) as batch,
        pytest.raises(Oops),
    ):
        list(batch)


def test_what_a_subclass_refuses_of_one_row_is_its_result(server):
    class Mine(PromptJuggler):
        def run_prompt(self, slug, version, inputs, **options):
            if inputs["name"] == "1":
                raise ValidationError("not this one")
            return super().run_prompt(slug, version, inputs, **options)

    with (
        Mine(server.api_key, base_url=server.url, proxy=False) as pj,
        batch_of(pj, rows(3)) as batch,
    ):
        results = sorted(batch, key=lambda result: result.index)
    assert str(results[1].error) == "not this one"
    assert answers_of([results[0], results[2]]) == {0: "Hello, 0!", 2: "Hello, 2!"}


def test_the_options_of_the_client_are_left_as_they_are(server):
    with server.client(max_retries=5) as pj:
        clock = pj._clock
        with batch_of(pj, rows(1)) as batch:
            list(batch)
        assert (pj._max_retries, pj._clock) == (5, clock)


def test_the_hints_of_both_methods_are_classes_and_not_names():
    for method, run in (
        (PromptJuggler.run_prompts, PromptRun),
        (PromptJuggler.run_workflows, WorkflowRun),
    ):
        given = typing.get_type_hints(method)["return"]
        assert typing.get_origin(given) is promptjuggler.Batch
        assert typing.get_args(given) == (run,)


def test_a_program_that_makes_no_batch_loads_nothing_of_it():
    code = (
        f"import sys; from {NAME} import PromptJuggler; PromptJuggler('k');"
        f"print([name for name in sys.modules if 'batch' in name])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")


# Counts and costs


def test_counts_can_be_read_while_it_runs_and_always_add_up(pj):
    seen = []
    with batch_of(pj, rows(100)) as batch:
        for given, _ in enumerate(batch, 1):
            counts = batch.counts
            taken = counts.done + counts.failed + counts.unsure + counts.under_way
            assert given <= counts.done
            assert counts.under_way <= 8
            assert taken <= given + 16
            seen.append(taken)
    assert seen == sorted(seen)


def test_counts_can_be_read_from_another_thread(server, pj):
    server.run_seconds = 100
    seen = []

    def watch(batch):
        eventually(lambda: batch.counts.under_way == 3)
        eventually(lambda: server.looks() >= 3)
        seen.append(batch.counts)

    with batch_of(pj, rows(3), timeout=0.5) as batch:
        thread = threading.Thread(target=watch, args=(batch,))
        thread.start()
        list(batch)
        thread.join()
    assert seen == [BatchCounts(0, 0, 0, 3)]


def cost(dollars):
    part = dict.fromkeys(
        ("input", "cachedInput", "cacheWrite", "output", "webSearch", "total"), dollars
    )
    return {"success": part, "retries": part, "total": dollars}


def api(*run_documents):
    """A handler that starts a run for each request, and gives these as they end."""
    documents = iter(run_documents)
    lock = threading.Lock()

    def handler(conn):
        while not conn.closed and (request := conn.read_request()):
            run_id = request.target.rpartition("/")[2]
            if request.method == "POST":
                body = {"id": str(uuid.uuid4()), "thread": THREAD}
            else:
                body = {
                    "id": run_id,
                    "status": "completed",
                    "createdAt": "2026-01-02T03:04:05Z",
                    "emitted": [],
                    "transcript": [],
                }
                with lock:
                    body.update(next(documents))
            conn.send(make_reply(200, body))

    return handler


def test_the_cost_is_that_of_all_runs_of_which_it_is_known():
    runs = [{"cost": cost(0.5)}, {"cost": cost(0.25), "status": "failed"}, {}]
    with (
        ScriptedServer(api(*runs)) as server,
        client_of(server) as pj,
        batch_of(pj, rows(3)) as batch,
    ):
        assert batch.cost == 0.0
        list(batch)
        assert batch.cost == 0.75
        assert batch.counts == BatchCounts(done=2, failed=1, unsure=0, under_way=0)


# Threads and speed


def test_as_many_runs_are_under_way_at_once_as_there_are_workers(server, pj):
    most = []
    running = set()
    lock = threading.Lock()
    together = threading.Barrier(5)

    def together_or_never(inputs):
        with lock:
            running.add(inputs["name"])
            most.append(len(running))
        together.wait(PATIENCE)
        with lock:
            running.discard(inputs["name"])
        return ""

    server.add_prompt("greeting", together_or_never)
    with batch_of(pj, rows(20), workers=5) as batch:
        assert all(result.run.status == "completed" for result in batch)
    assert max(most) == 5


def test_no_thread_is_left_when_it_is_left(pj):
    before = set(threading.enumerate())
    with batch_of(pj, rows(50)) as batch:
        list(batch)
    with batch_of(pj, rows(50)) as batch:
        next(batch)
    assert not [
        thread
        for thread in set(threading.enumerate()) - before
        if thread.name == "promptjuggler batch"
    ]


def test_two_batches_of_a_client_run_side_by_side(pj):
    def run(number):
        with batch_of(pj, rows(30), workers=3) as batch:
            assert answers_of(batch) == answers(30)

    in_threads(2, run)


def test_a_batch_that_can_start_no_thread_raises_that(pj, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with batch_of(pj, rows(3)) as batch, pytest.raises(RuntimeError, match="thread"):
        list(batch)
    monkeypatch.undo()


def alive():
    """How many results, runs and rows of batches there are in memory."""
    gc.collect()
    kinds = (BatchResult, PromptRun, Row)
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())


def test_memory_does_not_grow_with_the_inputs(pj):
    before = alive()
    with batch_of(pj, ({"name": str(n)} for n in range(200)), workers=2) as batch:
        for given, _ in enumerate(batch):
            if given % 40 == 0:
                # Of each of the four that are taken: its row, its result and its run.
                assert alive() - before <= 3 * (2 * 2 + 2)


def test_the_total_timeout_of_the_client_is_for_each_start_and_not_for_the_wait(clock):
    with FakeServer() as fake, client_of(fake, total_timeout=PATIENCE) as pj:

        def work(inputs):
            eventually(lambda: fake.requests[-1].method == "GET")
            clock.move(PATIENCE * 2)
            looks = len(fake.requests)
            eventually(lambda: len(fake.requests) > looks)
            return "Hello"

        fake.add_prompt("slow", work)
        with pj.run_prompts("slow", 1, [{}], timeout=PATIENCE * 100) as batch:
            (result,) = batch
    assert result.error is None
    assert result.run.output == "Hello"
