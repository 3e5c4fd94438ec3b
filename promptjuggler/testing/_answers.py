"""What becomes of the parts of an answer: frames of a stream, results of a run. Pure.

The frames and their fields are those of the thread stream; the results those
of the schemas PromptRun and WorkflowRun.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from itertools import groupby
from typing import NamedTuple

from .parts import Error, Node, Part, Payload, Reset, Text, Tool, Usage

Fields = dict[str, object]
"""Of a JSON object."""

_PARTS = (Text, Tool, Payload, Reset, Usage, Error)
"""What can be an answer alone, beside a text."""

Frames = list[tuple[str, Fields]]
"""Names and data of frames, without what says whose they are (run and channel)."""


def parts_of(output: object) -> Iterable[object]:
    """What the function of a prompt gave, as parts: a text is cut into its words.

    A word keeps the space after it, so that the parts joined are the text.
    What is no part among others is found by `frames_of`.

    Raises `TypeError` if it can be no answer. A dict, a set, bytes and a
    NamedTuple can be iterated; what comes of that is never what was meant.
    """
    if isinstance(output, str):
        return re.findall(r"\S+\s*|\s+", output)
    if isinstance(output, _PARTS):
        return [output]
    is_wrong = isinstance(output, (bytes, bytearray, Mapping, Set))
    if is_wrong or _is_record(output) or not isinstance(output, Iterable):
        raise TypeError(
            f"the function gave {kind_of(output)}: an answer is a str, a part,"
            " or a list or generator of parts"
        )
    return output


@contextmanager
def foreign_code() -> Iterator[None]:
    """A function of the test is at work.

    A GeneratorExit that it raises is an error as any other. Otherwise it would look like
    that of a job which is thrown away, and its run would never end.
    """
    try:
        yield
    except GeneratorExit as error:
        raise RuntimeError("the function raised GeneratorExit") from error


def each_of(given: Iterable[object]) -> Iterator[object]:
    """The parts or nodes of an answer, which a generator of the test may give."""
    with foreign_code():
        iterator = iter(given)
    while True:
        try:
            with foreign_code():
                one = next(iterator)
        except StopIteration:
            return
        yield one


def nodes_of(output: object) -> Iterable[object]:
    """What the function of a workflow gave, as nodes and dicts of outputs.

    Raises `TypeError` if it can be no result.
    """
    if isinstance(output, (Mapping, Node, Error)):
        return [output]
    is_wrong = isinstance(output, (str, bytes, bytearray, Set))
    if is_wrong or _is_record(output) or not isinstance(output, Iterable):
        raise TypeError(
            f"the function gave {kind_of(output)}: a workflow has a dict of outputs,"
            " or a list or generator of Nodes and such dicts"
        )
    return output


def _is_record(value: object) -> bool:
    """Whether it is a NamedTuple, as a `Message`: one thing, and no list of things."""
    return isinstance(value, tuple) and hasattr(value, "_fields")


def kind_of(value: object) -> str:
    """What a wrong value is, for the error of a run."""
    if value is None:
        return "None"
    name = type(value).__name__
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def frames_of(
    parts: Iterable[object], new_ref: Callable[[], str]
) -> Iterator[tuple[Part, Frames]]:
    """Each part, as it comes, with the frames that tell of it.

    The first is a Reset of segment 0, which opens every run. In a segment, all
    but `tool_end` count up from it. `new_ref` gives a name for a call of a
    tool, which no other call of the run has.

    Raises an `Error` that is among the parts, and `TypeError` at what is no
    part.
    """
    segment = 0
    seq = 0
    yield Reset(), [("reset", {"segment": 0, "seq": 0})]
    for part in parts:
        checked = _checked(part)
        if isinstance(checked, Usage):
            yield checked, []
            continue
        seq += 1
        if isinstance(checked, Reset):
            segment = checked.segment
            seq = 0
        place: Fields = {"segment": segment, "seq": seq}
        yield checked, _frames_of_one(checked, place, new_ref)


def _frames_of_one(
    part: str | Text | Tool | Payload | Reset,
    place: Fields,
    new_ref: Callable[[], str],
) -> Frames:
    """The frames of a part at its place."""
    if isinstance(part, Reset):
        return [("reset", place)]
    if isinstance(part, str):
        return [("token", {**place, "text": part})]
    if isinstance(part, Text):
        return [("token", {**place, "text": part.text})]
    if isinstance(part, Payload):
        return [("data", {**place, **_payload_fields(part)})]
    call = {"ref": new_ref(), "tool": part.name}
    start = ("tool_start", {**place, **call})
    return [start, ("tool_end", {**call, **_tool_fields(part)})]


def _checked(part: object) -> str | Text | Tool | Payload | Reset | Usage:
    """A part, whose fields are what they should be: it has checked them itself.

    Raises it, if it is an `Error`, or `TypeError`.
    """
    if isinstance(part, Error):
        raise part
    if isinstance(part, (str, Text, Tool, Payload, Reset, Usage)):
        return part
    raise TypeError(f"not a part of an answer: {part!r}")


def transcript_of(standing: Iterable[Part]) -> list[Fields]:
    """The transcript of a run: texts beside one another are one item.

    standing    the parts, without what was made void
    """
    transcript: list[Fields] = []
    for is_text, group in groupby(standing, _is_text):
        if is_text:
            transcript.append(_text_item(list(group)))
            continue
        for part in group:
            if isinstance(part, Tool):
                fields = {"name": part.name, **_tool_fields(part)}
                transcript.append({"type": "tool", **fields})
            elif isinstance(part, Payload):
                transcript.append({"type": "data", **_payload_fields(part)})
    return transcript


def text_of(standing: Iterable[Part]) -> str:
    """What was said in an answer.

    standing    its parts, without what was made void
    """
    return "".join(map(_words_of, standing))


def _text_item(parts: list[Part]) -> Fields:
    """Texts beside one another, in a transcript. A source is cited once."""
    cited = [part for part in parts if isinstance(part, Text)]
    by_url = {one["url"]: dict(one) for part in cited for one in part.citations}
    content = "".join(_words_of(part) for part in parts)
    return {"type": "text", "content": content, "citations": list(by_url.values())}


def _is_text(part: Part) -> bool:
    return isinstance(part, (str, Text))


def _words_of(part: Part) -> str:
    """What a part says; "" if it is no text."""
    if isinstance(part, Text):
        return part.text
    return part if isinstance(part, str) else ""


def usage(read: str, written: str, usages: Sequence[Usage] = ()) -> Fields:
    """The token usage and cost of a run.

    usages    what the function said of it; without, words count as tokens, and cost
              nothing
    """
    if not usages:
        usages = [Usage(len(read.split()), len(written.split()))]
    tokens_in = sum(one.input for one in usages)
    tokens_out = sum(one.output for one in usages)
    cost = float(sum(one.cost for one in usages))
    free = dict.fromkeys(["input", "cachedInput", "cacheWrite", "webSearch"], 0.0)
    return {
        "tokenUsage": {
            "input": tokens_in,
            "inputCached": sum(one.input_cached for one in usages),
            "inputCacheWrite": sum(one.input_cache_write for one in usages),
            "output": tokens_out,
            "reasoning": sum(one.reasoning for one in usages),
            "total": tokens_in + tokens_out,
        },
        "cost": {
            "success": {**free, "output": cost, "total": cost},
            "retries": {**free, "output": 0.0, "total": 0.0},
            "total": cost,
        },
    }


def usages_of(parts: Iterable[object]) -> list[Usage]:
    """What an answer says of its usage: of all attempts, for all of them cost."""
    return [part for part in parts if isinstance(part, Usage)]


def prompt_result(inputs: Mapping[str, str], parts: Iterable[Part]) -> Fields:
    """What a prompt run has, once it is completed, beside its id, status and times."""
    everything = list(parts)
    standing = standing_parts(everything)
    output = text_of(standing)
    payloads = [part for part in standing if isinstance(part, Payload)]
    read = " ".join(inputs.values())
    return {
        "output": output,
        "emitted": [_payload_fields(payload) for payload in payloads],
        "transcript": transcript_of(standing),
        **usage(read, output, usages_of(everything)),
    }


def outputs_of(given: object) -> dict[str, str | None]:
    """Outputs of a workflow: texts and None, by names.

    Raises it, if it is an `Error`, or `TypeError`.
    """
    if isinstance(given, Error):
        raise given
    if not isinstance(given, Mapping):
        raise TypeError(f"a workflow has Nodes and dicts of outputs, not {given!r}")
    outputs: dict[str, str | None] = {}
    for name, text in given.items():
        if not isinstance(name, str):
            raise TypeError(f"the name of an output is a str, not {kind_of(name)}")
        if text is not None and not isinstance(text, str):
            raise TypeError(f"output {name!r} is a str or None, not {kind_of(text)}")
        outputs[name] = text
    return outputs


def workflow_result(
    inputs: Mapping[str, str],
    outputs: Mapping[str, str | None],
    usages: Sequence[Usage] = (),
) -> Fields:
    """The same of a workflow run."""
    written = " ".join(text for text in outputs.values() if text)
    read = " ".join(inputs.values())
    return {"outputs": dict(outputs), **usage(read, written, usages)}


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
    text = _text_of_error(error)
    code = error.code if isinstance(error, Error) else Error.code
    result: Fields = {"error": text} if kind == "prompt" else {"errors": [text]}
    return End("failed", result, "failure", {"code": code, "message": text})


def _text_of_error(error: BaseException) -> str:
    """What an error says. That of a KeyError is the key alone, which tells nothing.

    One whose `__str__` itself raises ends the run as well: by its name.
    """
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        return name
    if text and isinstance(error, KeyError):
        return f"{name}: {text}"
    return text or name


def standing_parts(parts: Iterable[Part]) -> list[Part]:
    """The parts that no Reset made void, in their order: those that say something."""
    segment = 0
    standing: list[tuple[int, Part]] = []
    for part in parts:
        if isinstance(part, Reset):
            segment = part.segment
            standing = [entry for entry in standing if entry[0] < segment]
        elif not isinstance(part, Usage):
            standing.append((segment, part))
    return [part for _, part in standing]


def _payload_fields(part: Payload) -> Fields:
    """A payload as frames, transcript and `emitted` have it."""
    return {"tool": part.tool, "payload": part.payload}


def _tool_fields(part: Tool) -> Fields:
    """How a call of a tool ended."""
    return {
        "status": part.status,
        "queries": list(part.queries),
        "citations": list(part.citations),
    }
