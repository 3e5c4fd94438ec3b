"""What goes on after a run was started: it is carried out."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace
from operator import length_hint
from typing import TypeVar
from uuid import UUID

from ._answers import (
    End,
    Fields,
    completed,
    each_of,
    failed,
    foreign_code,
    frames_of,
    nodes_of,
    outputs_of,
    parts_of,
    prompt_result,
    standing_parts,
    text_of,
    usages_of,
    workflow_result,
)
from ._bodies import RunBody
from ._calls import Call
from ._checks import checked_duration
from ._clock import RealClock
from ._deliveries import Deliveries
from ._jobs import Job, Jobs
from ._state import Ending, Kind, Run, State, Version, new_id
from ._streams import Streams
from .parts import Node, Part, Usage

_T = TypeVar("_T")
Steps = Generator[float, None, _T]
"""A part of a job, with what it gives in the end."""


class Work:
    """Carries out runs, as jobs. Usable in any thread."""

    def __init__(
        self, state: State, streams: Streams, jobs: Jobs, deliveries: Deliveries
    ) -> None:
        self.longest_look = 0.2
        """Seconds that a look at what is due waits for its end: so long may a function
        take before a client sees that its run is pending."""
        self._state = state
        self._streams = streams
        self._jobs = jobs
        self._deliveries = deliveries

    def wait_if_due(self, endings: Iterable[Ending]) -> None:
        """Wait for what is due, so that a client that waits sees the end at its first look.

        The API answers at once, and a real run takes seconds. Here, only the time to
        call a function is between start and end; without this, each wait would look too
        early, and then sleep for longer than all the rest of a test takes.
        """
        until = RealClock.monotonic() + self.longest_look
        for ending in endings:
            if not self._jobs.is_paused:
                ending.wait(until)

    def start_run(
        self, kind: Kind, version: Version, asked_for: str, body: RunBody
    ) -> Run:
        """Begin a run. It is pending at first."""
        now = RealClock.monotonic()
        run = Run(kind, body, Ending(now))
        call = self._call_of(run, version, asked_for)
        problem: BaseException | None = None
        try:
            run.ending.due = now + self._seconds_of(call)
        except BaseException as error:
            # That of `run_seconds`: the run fails by it. All of them, as below.
            problem = error
        self._state.add_run(run)
        self._jobs.start(self._carry_out(run, version, call, problem), [run.id])
        return run

    def _call_of(self, run: Run, version: Version, asked_for: str) -> Call:
        """What the function of a run is told."""
        body = run.body
        remembered = self._state.remembered(body) if version.reads_memory() else ()
        return Call(
            run_id=UUID(run.id),
            slug=version.slug,
            version=version.number,
            asked_for=asked_for,
            thread=UUID(body.thread),
            channel=body.channel,
            environment=body.environment,
            metadata=body.metadata,
            env_vars=body.env_vars,
            priority=body.priority,
            messages=remembered,
        )

    def _seconds_of(self, call: Call) -> float:
        """How long a run stays pending."""
        run_seconds = self._state.run_seconds
        if not callable(run_seconds):
            return run_seconds
        return checked_duration("what run_seconds gives", run_seconds(call))

    def _carry_out(
        self, run: Run, version: Version, call: Call, problem: BaseException | None
    ) -> Job:
        """Call the function of a version, stream what it says, end the run when due.

        problem    what is wrong already; then the function is not called
        """
        try:
            with foreign_code():
                if problem is not None:
                    raise problem
                output = version.function(dict(run.body.inputs), call)
            if run.kind == "prompt":
                end = yield from self._prompt_end(run, output)
            else:
                end = yield from self._workflow_end(run, output)
        except GeneratorExit:
            # This job itself is thrown away, in its `yield`.
            raise
        except BaseException as error:
            # All others: what pytest.fail() raises, for one, is no Exception.
            self._state.note(f"{run.kind} {version.slug!r}, run {run.id}", error)
            end = failed(run.kind, error)
        yield run.ending.due - RealClock.monotonic()
        if version.writes_memory() and end.status == "completed":
            self._state.remember(run.body, str(end.result["output"]))
        self._end(run, end)
        event = f"{run.kind}run.finished"
        yield from self._deliveries.deliver(event, {"id": run.id, "status": run.status})

    def _end(self, run: Run, end: End) -> None:
        """End a run. In this order: who hears of the end finds the run ended."""
        with self._state.lock:
            run.finish(end.status, end.result)
        self._publish(run, end.event, end.fields)

    def _prompt_end(self, run: Run, output: object) -> Steps[End]:
        """Say what the function of a prompt gave, and tell how that run ends."""
        said: list[Part] = []
        yield from self._say(run, output, said, run.ending.due)
        return completed(prompt_result(run.body.inputs, said))

    def _workflow_end(self, run: Run, output: object) -> Steps[End]:
        """Do what the function of a workflow gave, and tell how that run ends."""
        outputs: dict[str, str | None] = {}
        usages: list[Usage] = []
        steps = nodes_of(output)
        # 0 where it cannot be known, as of a generator.
        left = length_hint(steps)
        for step in each_of(steps):
            if isinstance(step, Node):
                now = RealClock.monotonic()
                due = now
                if left > 0:
                    due += (run.ending.due - now) / left
                said = yield from self._run_node(run, step, due)
                outputs[step.output] = text_of(standing_parts(said))
                usages += usages_of(said)
            elif isinstance(step, Usage):
                usages.append(step)
            else:
                outputs.update(outputs_of(step))
            left -= 1
        return completed(workflow_result(run.body.inputs, outputs, usages))

    def _run_node(self, run: Run, node: Node, due: float) -> Steps[list[Part]]:
        """Do a prompt node of a workflow: a run of its own, in the same thread.

        Gives what it said. If it fails, its error is raised once more, for the workflow.
        """
        body = replace(run.body, channel=node.channel)
        own = Run("prompt", body, Ending(due), run.id)
        self._state.add_run(own)
        said: list[Part] = []
        try:
            yield from self._say(own, node.answer, said, due)
        except GeneratorExit:
            raise
        except BaseException as error:
            self._end(own, failed("prompt", error))
            raise
        self._end(own, completed(prompt_result(body.inputs, said)))
        return said

    def _say(
        self, run: Run, output: object, said: list[Part], due: float
    ) -> Iterator[float]:
        """Stream an answer, spread over the time that is left, and note its parts.

        Those of a generator, whose number nobody knows, go out as it yields
        them.
        """
        parts = parts_of(output)
        number = length_hint(parts)
        pause = 0.0
        if number:
            # There is one more pause than parts: after the reset that opens the run.
            pause = (due - RealClock.monotonic()) / (number + 1)
        for part, frames in frames_of(each_of(parts), new_id):
            said.append(part)
            for event, fields in frames:
                self._publish(run, event, fields)
            yield pause

    def _publish(self, run: Run, event: str, fields: Fields) -> None:
        """Send a frame of a run."""
        about = {"runId": run.id, "channel": run.body.channel}
        self._streams.publish(run.body.thread, event, {**about, **fields})
