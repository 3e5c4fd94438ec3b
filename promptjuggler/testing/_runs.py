"""What becomes of the parts of an answer: frames of a stream, results of a run. Pure.

The frames and their fields are those of the thread stream; the results those
of the schemas PromptRun and WorkflowRun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby
from typing import NamedTuple, cast

from .parts import Part, Payload, Reset, Tool

Fields = dict[str, object]
"""Of a JSON object."""

Frames = list[tuple[str, Fields]]
"""Names and data of frames, without what says whose they are (run and channel)."""


def parts_of(output: object) -> Iterable[object]:
    """What the function of a prompt gave, as parts: a text is cut into its words.

    A word keeps the space after it, so that the parts joined are the text.
    What cannot be iterated is found by who iterates, and what is no part by
    `frames_of`: either way the run fails with the `TypeError` as its text.
    """
    if isinstance(output, str):
        return re.findall(r"\S+\s*|\s+", output)
    return cast("Iterable[object]", output)


def frames_of(
    parts: Iterable[object], new_ref: Callable[[], str]
) -> Iterator[tuple[Part, Frames]]:
    """Each part, as it comes, with the frames that tell of it.

    The first is a Reset of segment 0, which opens every run. In a segment, all
    but `tool_end` count up from it. `new_ref` gives a name for a call of a
    tool, which no other call of the run has.

    Raises `TypeError` at what is no part.
    """
    segment = 0
    seq = 0
    yield Reset(), [("reset", {"segment": 0, "seq": 0})]
    for part in parts:
        seq += 1
        if isinstance(part, Reset):
            segment = part.segment
            seq = 0
        place: Fields = {"segment": segment, "seq": seq}
        if isinstance(part, Reset):
            yield part, [("reset", place)]
        elif isinstance(part, str):
            yield part, [("token", {**place, "text": part})]
        elif isinstance(part, Payload):
            yield part, [("data", {**place, **_payload_fields(part)})]
        elif isinstance(part, Tool):
            call = {"ref": new_ref(), "tool": part.name}
            start = ("tool_start", {**place, **call})
            yield part, [start, ("tool_end", {**call, **_tool_fields(part)})]
        else:
            raise TypeError(f"not a part of an answer: {part!r}")


def transcript_of(parts: Iterable[Part]) -> list[Fields]:
    """The transcript of a run: texts beside one another are one item."""
    transcript: list[Fields] = []
    for is_text, group in groupby(_standing(parts), lambda part: isinstance(part, str)):
        if is_text:
            content = "".join(cast("Iterable[str]", group))
            transcript.append({"type": "text", "content": content, "citations": []})
            continue
        for part in group:
            if isinstance(part, Tool):
                fields = {"name": part.name, **_tool_fields(part)}
                transcript.append({"type": "tool", **fields})
            elif isinstance(part, Payload):
                transcript.append({"type": "data", **_payload_fields(part)})
    return transcript


def usage(read: str, written: str) -> Fields:
    """The token usage and cost of a run: words count as tokens, and cost nothing."""
    tokens_in = len(read.split())
    tokens_out = len(written.split())
    free = dict.fromkeys(
        ["input", "cachedInput", "cacheWrite", "output", "webSearch", "total"], 0.0
    )
    return {
        "tokenUsage": {
            "input": tokens_in,
            "inputCached": 0,
            "output": tokens_out,
            "reasoning": 0,
            "total": tokens_in + tokens_out,
        },
        "cost": {"success": free, "retries": free, "total": 0.0},
    }


def prompt_result(inputs: Mapping[str, str], parts: Iterable[Part]) -> Fields:
    """What a prompt run has, once it is completed, beside its id, status and times."""
    standing = _standing(parts)
    output = "".join(part for part in standing if isinstance(part, str))
    payloads = [part for part in standing if isinstance(part, Payload)]
    return {
        "output": output,
        "emitted": [_payload_fields(payload) for payload in payloads],
        "transcript": transcript_of(standing),
        **usage(" ".join(inputs.values()), output),
    }


def workflow_result(inputs: Mapping[str, str], output: object) -> Fields:
    """The same of a workflow run.

    Raises `TypeError` or `ValueError` if the output is no dict of texts and
    None.
    """
    outputs = dict(cast("Mapping[str, str | None]", output))
    written = " ".join(text for text in outputs.values() if text)
    return {"outputs": outputs, **usage(" ".join(inputs.values()), written)}


class End(NamedTuple):
    """How a run ended: what it has from now on, and the last frame of its stream."""

    status: str
    result: Fields
    event: str
    fields: Fields


def completed(result: Fields) -> End:
    """The end of a run whose function gave a result."""
    return End("completed", result, "done", {})


def failed(kind: str, error: BaseException) -> End:
    """The end of a run (of a "prompt" or a "workflow") whose function raised an error."""
    text = str(error) or type(error).__name__
    result: Fields = {"error": text} if kind == "prompt" else {"errors": [text]}
    return End("failed", result, "failure", {"code": "run_failed", "message": text})


def _standing(parts: Iterable[Part]) -> list[Part]:
    """The parts that no Reset made void, in their order, without the Resets."""
    segment = 0
    standing: list[tuple[int, Part]] = []
    for part in parts:
        if isinstance(part, Reset):
            segment = part.segment
            standing = [entry for entry in standing if entry[0] < segment]
        else:
            standing.append((segment, part))
    return [part for _, part in standing]


def _payload_fields(part: Payload) -> Fields:
    """A payload as frames, transcript and `emitted` have it."""
    return {"tool": part.tool, "payload": part.payload}


def _tool_fields(part: Tool) -> Fields:
    """How a call of a tool ended."""
    return {
        "status": part.status,
        "queries": part.queries,
        "citations": part.citations,
    }
