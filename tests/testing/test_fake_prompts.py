"""Prompts and workflows of FakeServer: what they are, what functions get and may give."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from helpers.stand_in import THREAD, Api

from promptjuggler import FailureEvent, PromptJuggler, PromptRun, WorkflowRun
from promptjuggler.testing import (
    Call,
    Error,
    FakeServer,
    Message,
    Node,
    Payload,
    Reset,
    Text,
    Tool,
    Usage,
)

SOURCES = [{"title": "A", "url": "https://a.example"}]


@pytest.fixture(autouse=True)
def no_run_seconds(server: FakeServer) -> None:
    """A run takes no more time than its function."""
    server.run_seconds = 0


def ran(
    pj: PromptJuggler, slug: str, inputs: dict[str, str] | None = None, **options: Any
) -> PromptRun:
    """The end of a run of a prompt."""
    run = pj.run_prompt(slug, "production", inputs or {}, **options)
    return pj.wait_for_prompt_run(run.id, poll_interval=0.02)


def flowed(pj: PromptJuggler, slug: str, **inputs: str) -> WorkflowRun:
    """The end of a run of a workflow."""
    run = pj.run_workflow(slug, "production", inputs)
    return pj.wait_for_workflow_run(run.id, poll_interval=0.02)


# What a prompt is


def test_get_prompt_gives_all_that_was_said_about_it(
    server: FakeServer, pj: PromptJuggler
) -> None:
    messages = [
        {"role": "user", "content": "Greet {{name}}"},
        {"role": "assistant", "content": "Hello"},
    ]
    tools = [
        {"type": "web_search", "allowedDomains": ["a.example"]},
        {"type": "emit", "name": "show", "paramsSchema": "{}", "failFast": True},
    ]
    server.add_prompt(
        "whole",
        lambda inputs: "",
        messages=messages,
        tools=tools,
        response_format={"type": "json_schema", "name": "a", "schema": "{}"},
        provider="anthropic",
        model="claude",
        model_params={"temperature": 0.5},
        memory="read_only",
        system_instruction="Be kind.",
    )
    revision = pj.get_prompt("whole", 1)
    assert [message.to_dict() for message in revision.messages] == messages
    assert [tool.to_dict() for tool in revision.tools] == tools
    assert revision.response_format.to_dict()["schema"] == "{}"
    assert (revision.provider, revision.model) == ("anthropic", "claude")
    assert revision.model_params.temperature == 0.5
    assert (revision.memory, revision.system_instruction) == ("read_only", "Be kind.")


def test_tags_move_to_the_versions_that_are_added_with_them_and_old_versions_stay(
    server: FakeServer, pj: PromptJuggler
) -> None:
    numbers = [
        server.add_prompt("p", lambda inputs: "one"),
        server.add_prompt("p", lambda inputs: "two", tags=("beta", "qa"), model="m2"),
        server.add_prompt("p", lambda inputs: "three", tags=["beta"]),
        server.add_prompt("p", lambda inputs: "four", tags=()),
    ]
    assert numbers == [1, 2, 3, 4]
    said = {
        name: pj.wait_for_prompt_run(pj.run_prompt("p", name, {}).id).output
        for name in (1, 2, 3, 4, "production", "qa", "beta", "__latest__")
    }
    assert list(said.values()) == [
        "one", "two", "three", "four", "one", "two", "three", "four",
    ]  # fmt: skip
    assert [pj.get_prompt("p", name).model for name in ("qa", "beta")] == ["m2", "fake"]
    assert server.add_workflow("p", lambda inputs: {}, tags=("beta",)) == 1


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"messages": [{"role": "user"}]}, r"messages\[0\]"),
        ({"messages": [{"role": "user", "content": 7}]}, r"messages\[0\].content"),
        ({"tools": [{"type": "emit"}]}, r"tools\[0\]"),
        ({"response_format": {"type": "json_schema"}}, "responseFormat"),
        ({"model_params": {"temperature": "hot"}}, "modelParams.temperature"),
    ],
)
def test_what_no_client_could_read_is_an_error_at_the_call_that_says_where(
    server: FakeServer, options: dict[str, Any], place: str
) -> None:
    with pytest.raises(ValueError, match=place):
        server.add_prompt("p", lambda inputs: "", **options)


# What a function gets


def test_a_function_of_two_parameters_gets_what_belongs_to_its_run(
    server: FakeServer, pj: PromptJuggler
) -> None:
    calls: list[Call] = []

    def function(inputs: dict[str, str], call: Call) -> str:
        calls.append(call)
        return inputs["a"]

    server.add_prompt("p", lambda inputs: "", tags=())
    server.add_prompt("p", function, tags=("beta",))
    run = pj.run_prompt(
        "p",
        "beta",
        {"a": "b"},
        thread=THREAD,
        channel="side",
        environment="staging",
        metadata={"c": ["d"]},
        env_vars={"KEY": "sekret"},
        priority="low",
    )
    assert pj.wait_for_prompt_run(run.id).output == "b"
    (call,) = calls
    assert call == Call(
        run_id=run.id,
        slug="p",
        version=2,
        asked_for="beta",
        thread=UUID(THREAD),
        channel="side",
        environment="staging",
        metadata={"c": ["d"]},
        env_vars={"KEY": "sekret"},
        priority="low",
        messages=(),
    )
    assert "sekret" not in repr(call)


def test_a_workflow_function_gets_its_call_too(
    server: FakeServer, pj: PromptJuggler
) -> None:
    server.add_workflow("w", lambda inputs, call: {"a": call.channel + call.priority})
    assert flowed(pj, "w").outputs == {"a": "defaultnormal"}


class Callable2:
    def __call__(self, inputs: dict[str, str], call: Call) -> str:
        return call.slug


class Method:
    def one(self, inputs: dict[str, str]) -> str:
        return "inputs"

    def two(self, inputs: dict[str, str], call: Call) -> str:
        return call.slug


def with_default(inputs: dict[str, str], call: Call | None = None) -> str:
    assert call is not None
    return call.slug


def any_number(*arguments: object) -> str:
    return str(len(arguments))


@pytest.mark.parametrize(
    ("function", "output"),
    [
        (lambda inputs, kept="inputs": kept, "inputs"),
        (lambda inputs, *, kept="inputs": kept, "inputs"),
        (with_default, "p"),
        (Callable2(), "p"),
        (Method().one, "inputs"),
        (Method().two, "p"),
        (partial(lambda more, inputs: more, "inputs"), "inputs"),
        (any_number, "1"),
        (lambda inputs, *, call: call.slug, "p"),
        (lambda inputs, *, call=None: call.slug, "p"),
        (lambda inputs, kept="inputs", *, call: kept + call.slug, "inputsp"),
        (str, "{}"),
        (len, None),
    ],
)
def test_how_a_function_is_called_is_told_by_its_parameters(
    server: FakeServer, pj: PromptJuggler, function: Any, output: str | None
) -> None:
    server.add_prompt("p", function)
    run = ran(pj, "p")
    assert run.output == output
    assert (run.error is None) == (output is not None)


# What a function may give


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ({"text": "x"}, "a dict"),
        (None, "None"),
        (7, "an int"),
        (b"bytes", "a bytes"),
        ({"a"}, "a set"),
        (1.5, "a float"),
        (object(), "an object"),
    ],
)
def test_what_is_no_answer_fails_the_run_with_what_is_wrong(
    server: FakeServer, pj: PromptJuggler, output: Any, kind: str
) -> None:
    server.add_prompt("p", lambda inputs: output)
    run = ran(pj, "p")
    assert (run.status, run.output) == ("failed", None)
    assert run.error == (
        f"the function gave {kind}: an answer is a str, a part,"
        " or a list or generator of parts"
    )
    (error,) = server.errors
    assert error.startswith(f"prompt 'p', run {run.id}:\nTraceback ")


@pytest.mark.parametrize(
    ("output", "problem"),
    [
        (None, "the function gave None: a workflow has a dict of outputs"),
        ("text", "the function gave a str: a workflow has a dict of outputs"),
        (["text"], "a workflow has Nodes and dicts of outputs, not 'text'"),
        ({"a": 7}, "output 'a' is a str or None, not an int"),
        ({7: "a"}, "the name of an output is a str, not an int"),
        ([Node("a", None)], "the function gave None: an answer is a str"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_result_of_a_workflow_fails_its_run_with_what_is_wrong(
    server: FakeServer, pj: PromptJuggler, output: Any, problem: str
) -> None:
    server.add_workflow("w", lambda inputs: output)
    run = flowed(pj, "w")
    assert (run.status, len(run.errors)) == ("failed", 1)
    assert run.errors[0].startswith(problem)


WRONG_PARTS = [
    (lambda: 7, "not a part of an answer: 7"),
    (lambda: Text(7), "the text of a Text must be a str"),
    (lambda: Text("a", [{"url": "u"}]), "the citations of a Text: each citation is a dict"),
    (lambda: Text("a", [{"title": 1, "url": "u"}]), "the citations of a Text: title must be a str"),
    (lambda: Text("a", [{"title": "t", "url": "u", "x": object()}]), "the citations of a Text: x must"),
    (lambda: Text("a", {"title": "t", "url": "u"}), "the citations of a Text must be a list"),
    (lambda: Text("a", None), "the citations of a Text must be a list"),
    (lambda: Tool(7), "the name of a Tool must be a str"),
    (lambda: Tool("t", "brewing"), 'the status of a Tool is "ok" or "error"'),
    (lambda: Tool("t", queries="abc"), "the queries of a Tool must be a list or tuple of str"),
    (lambda: Tool("t", queries=[7]), "each of the queries of a Tool must be a str"),
    (lambda: Tool("t", queries=None), "the queries of a Tool must be a list or tuple of str"),
    (lambda: Tool("t", citations=["u"]), "the citations of a Tool: each citation is a dict"),
    (lambda: Payload("t", 7), "the payload of a Payload must be a dict"),
    (lambda: Payload(5, {}), "the tool of a Payload must be a str"),
    (lambda: Payload("t", {"x": float("nan")}), "the payload of a Payload must be what JSON can hold"),
    (lambda: Payload("t", {"x": object()}), "the payload of a Payload must be what JSON can hold"),
    (lambda: Reset(-1), "the segment of a Reset must be at least 0"),
    (lambda: Reset("x"), "the segment of a Reset must be an int"),
    (lambda: Reset(1.5), "the segment of a Reset must be an int"),
    (lambda: Usage(input=1.5), "input of a Usage must be an int"),
    (lambda: Usage(reasoning=-1), "reasoning of a Usage must be at least 0"),
    (lambda: Usage(cost=float("nan")), "cost of a Usage must be at least 0"),
    (lambda: Usage(cost=float("inf")), "cost of a Usage must be finite"),
    (lambda: Usage(cost=10**400), "cost of a Usage is too large a number"),
    (lambda: Usage(cost="1"), "cost of a Usage must be a number"),
    (lambda: Error(ValueError("x")), "the text of an Error must be a str"),
    (lambda: Error(None), "the text of an Error must be a str, not None"),
    (lambda: Error("x", code=7), "the code of an Error must be a str"),
]  # fmt: skip


@pytest.mark.parametrize(("part", "problem"), WRONG_PARTS)
def test_a_part_that_is_wrong_fails_the_run_with_the_line_that_made_it(
    server: FakeServer, pj: PromptJuggler, part: Any, problem: str
) -> None:
    server.add_prompt("p", lambda inputs: ["a", part()])
    error = ran(pj, "p").error
    assert error is not None
    assert error.startswith(problem)
    (traceback,) = server.errors
    assert "part" in traceback


def test_a_node_that_is_wrong_fails_its_workflow(
    server: FakeServer, pj: PromptJuggler
) -> None:
    wrong: Any = 7
    server.add_workflow("w", lambda inputs: [Node(wrong, "a")])
    assert flowed(pj, "w").errors == (
        "the output of a Node must be a str, not a value of type int",
    )


def test_citations_and_queries_may_be_any_iterables(
    server: FakeServer, pj: PromptJuggler
) -> None:
    server.add_prompt(
        "p",
        lambda inputs: [
            Text("a", (one for one in SOURCES)),
            Tool("t", queries={"q"}, citations=(one for one in SOURCES)),
        ],
    )
    text, tool = (item.to_dict() for item in ran(pj, "p").transcript)
    assert text["citations"] == tool["citations"] == SOURCES
    assert tool["queries"] == ["q"]


def test_what_a_part_was_given_may_be_changed_afterwards(
    server: FakeServer, pj: PromptJuggler
) -> None:
    def function(inputs: dict[str, str]) -> Iterator[Payload]:
        payload: dict[str, Any] = {"a": [1]}
        yield Payload("t", payload)
        payload["a"].append(object())

    server.add_prompt("p", function)
    assert ran(pj, "p").emitted[0].payload == {"a": [1]}
    assert server.errors == []


@pytest.mark.parametrize(
    ("output", "kind"),
    [(Message("assistant", "hi"), "a Message"), (Node("a", "b"), "a Node")],
)
def test_one_thing_with_fields_is_no_list_of_parts(
    server: FakeServer, pj: PromptJuggler, output: Any, kind: str
) -> None:
    server.add_prompt("p", lambda inputs: output)
    error = ran(pj, "p").error
    assert error is not None
    assert error.startswith(f"the function gave {kind}: an answer is")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


class Unmade(Error):
    def __init__(self) -> None:
        """Calls nobody else's."""


def exiting(inputs: dict[str, str]) -> str:
    raise GeneratorExit


def exiting_later(inputs: dict[str, str]) -> Iterator[str]:
    yield "a"
    raise GeneratorExit


def unspeakable(inputs: dict[str, str]) -> str:
    raise Unspeakable


def aborting(inputs: dict[str, str]) -> str:
    raise SystemExit(1)


def unmade(inputs: dict[str, str]) -> str:
    raise Unmade


@pytest.mark.parametrize(
    ("function", "error", "tracebacks"),
    [
        (exiting, "the function raised GeneratorExit", 1),
        (exiting_later, "the function raised GeneratorExit", 1),
        (unspeakable, "Unspeakable", 1),
        (aborting, "1", 1),
        (unmade, "Unmade", 0),
    ],
)
def test_whatever_a_function_raises_its_run_ends(
    server: FakeServer, pj: PromptJuggler, function: Any, error: str, tracebacks: int
) -> None:
    server.add_prompt("p", function)
    server.add_workflow("w", lambda inputs: function(inputs))
    server.add_workflow("node", lambda inputs: Node("a", function(inputs)))
    run = ran(pj, "p")
    assert (run.status, run.error) == ("failed", error)
    assert flowed(pj, "node").errors == (error,)
    server.wait_for_webhooks()
    assert len(server.errors) == 2 * tracebacks
    if function is not exiting_later:
        assert flowed(pj, "w").errors == (error,)


def test_the_traceback_of_a_function_is_in_errors_and_the_list_may_be_emptied(
    server: FakeServer, pj: PromptJuggler
) -> None:
    def broken(inputs: dict[str, str]) -> str:
        return inputs["name"]

    server.add_prompt("broken", broken)
    server.add_workflow("broken", broken)  # type: ignore[arg-type]
    assert ran(pj, "broken").error == "KeyError: 'name'"
    assert flowed(pj, "broken").errors == ("KeyError: 'name'",)
    of_prompt, of_workflow = server.errors
    for text in (of_prompt, of_workflow):
        assert 'return inputs["name"]' in text
        assert text.endswith("KeyError: 'name'\n")
    assert of_workflow.startswith("workflow 'broken', run ")
    server.errors = []
    ran(pj, "greeting", {"name": "Ada"})
    assert server.errors == []


def test_an_answer_has_citations_usage_and_cost(
    server: FakeServer, pj: PromptJuggler
) -> None:
    server.add_prompt(
        "p",
        lambda inputs: [
            "See ",
            Text("lost", SOURCES),
            Reset(),
            "It is ",
            Text("here", SOURCES * 2),
            Usage(input=10, output=4, cost=0.25, input_cached=3),
            Text(".", [{"title": "B", "url": "https://b.example"}]),
            Usage(output=1, cost=0.5, reasoning=2, input_cache_write=5),
        ],
    )
    run = ran(pj, "p")
    assert run.output == "It is here."
    (item,) = [one.to_dict() for one in run.transcript]
    assert item["content"] == "It is here."
    assert [one["url"] for one in item["citations"]] == [
        "https://a.example",
        "https://b.example",
    ]
    assert run.token_usage is not None
    assert run.token_usage.to_dict() == {
        "input": 10,
        "inputCached": 3,
        "inputCacheWrite": 5,
        "output": 5,
        "reasoning": 2,
        "total": 15,
    }
    assert run.cost is not None
    assert (run.cost.total, run.cost.success.total, run.cost.retries.total) == (
        0.75,
        0.75,
        0,
    )


def test_one_part_alone_is_an_answer(server: FakeServer, pj: PromptJuggler) -> None:
    server.add_prompt("p", lambda inputs: Text("a b", SOURCES))
    assert ran(pj, "p").output == "a b"


def raises(inputs: dict[str, str]) -> str:
    raise Error("Too long.", code="too_long")


def yields(inputs: dict[str, str]) -> Iterator[str | Error]:
    yield "a"
    yield Error("Too long.", "too_long")


@pytest.mark.parametrize(
    "function",
    [
        raises,
        yields,
        lambda inputs: Error("Too long.", code="too_long"),
        lambda inputs: ["a", Error("Too long.", code="too_long")],
    ],
)
def test_an_error_fails_a_run_with_its_text_and_code_and_is_no_mistake(
    server: FakeServer, pj: PromptJuggler, function: Callable[[dict[str, str]], Any]
) -> None:
    server.add_prompt("p", function)
    with pj.stream_prompt("p", 1, {}) as stream:
        *_, end = stream
        run = stream.result()
    assert isinstance(end, FailureEvent)
    assert (end.code, end.message) == ("too_long", "Too long.")
    assert (run.status, run.error) == ("failed", "Too long.")
    assert server.errors == []


# Workflows that stream


def test_a_node_of_a_workflow_is_a_run_on_its_channel_and_an_output(
    server: FakeServer, pj: PromptJuggler
) -> None:
    server.add_workflow(
        "w",
        lambda inputs: [
            Node("summary", ["It is ", Reset(), "short."], channel="support"),
            Node("title", "Of cats", channel="own"),
            Usage(input=1, output=2, cost=0.5),
            {"note": None},
        ],
    )
    stream = pj.stream(THREAD)
    with stream:
        run = pj.run_workflow("w", 1, {}, thread=THREAD)
        ends = []
        texts = {}
        for event in stream:
            if type(event).__name__ == "DoneEvent":
                ends.append((event.channel, event.run_id))  # type: ignore[union-attr]
                texts[event.channel] = event.view.text  # type: ignore[union-attr]
                if len(ends) == 3:
                    break
    assert [channel for channel, _ in ends] == ["support", "own", "default"]
    assert texts == {"support": "short.", "own": "Of cats", "default": ""}
    assert ends[-1][1] == run.id
    end = pj.wait_for_workflow_run(run.id)
    assert end.outputs == {"summary": "short.", "title": "Of cats", "note": None}
    assert end.cost is not None
    assert end.cost.total == 0.5
    node = pj.get_prompt_run(ends[0][1])
    assert (node.status, node.output) == ("completed", "short.")


def test_the_nodes_of_a_generator_go_out_as_it_yields_them_with_their_usage(
    server: FakeServer, pj: PromptJuggler
) -> None:
    def nodes(inputs: dict[str, str]) -> Iterator[Node | dict[str, str]]:
        yield Node("a", ["x", Usage(input=3, cost=0.25)])
        yield {"b": "y"}
        yield Node("c", iter(["z", Usage(input=4, cost=0.5)]))

    server.add_workflow("w", nodes)
    run = flowed(pj, "w")
    assert run.outputs == {"a": "x", "b": "y", "c": "z"}
    assert run.token_usage is not None
    assert run.token_usage.input == 7
    assert run.cost is not None
    assert run.cost.total == 0.75


@pytest.mark.parametrize(
    ("output", "code"),
    [
        ([Node("a", ["x", Error("No.", "no")])], "no"),
        ([Node("a", "x"), Error("No.", "no")], "no"),
        (Error("No.", "no"), "no"),
        (Node("a", Error("No.", "no")), "no"),
    ],
)
def test_an_error_in_a_workflow_fails_it(
    server: FakeServer, pj: PromptJuggler, output: Any, code: str
) -> None:
    server.add_workflow("w", lambda inputs: output)
    with pj.stream_workflow("w", 1, {}) as stream:
        *_, end = stream
        run = stream.result()
    assert isinstance(end, FailureEvent)
    assert (end.code, end.message) == (code, "No.")
    assert (run.status, run.errors) == ("failed", ("No.",))
    assert server.errors == []


# Threads


def test_a_prompt_with_memory_gets_what_was_said_in_its_thread_and_channel(
    server: FakeServer, pj: PromptJuggler
) -> None:
    heard: list[tuple[Message, ...]] = []

    def chat(inputs: dict[str, str], call: Call) -> str:
        heard.append(call.messages)
        return f"{inputs['text']}, too."

    server.add_prompt("chat", chat, memory="read_write")
    ran(pj, "chat", {"text": "One"}, thread=THREAD)
    ran(pj, "chat", {"text": "Two"}, thread=THREAD)
    ran(pj, "chat", {"text": "Else"}, thread=THREAD, channel="side")
    ran(pj, "chat", {"text": "Other"})
    ran(pj, "chat", {"text": "Three"}, thread=THREAD.upper())
    first = (Message("user", "One"), Message("assistant", "One, too."))
    second = (Message("user", "Two"), Message("assistant", "Two, too."))
    assert heard == [(), first, (), (), first + second]


@pytest.mark.parametrize(
    ("memory", "reads", "writes"),
    [
        ("stateless", False, False),
        ("read_only", True, False),
        ("write_only", False, True),
        ("read_write", True, True),
    ],
)
def test_memory_is_read_and_written_as_the_prompt_has_it(
    server: FakeServer, pj: PromptJuggler, memory: Any, reads: bool, writes: bool
) -> None:
    heard: list[int] = []

    def listen(inputs: dict[str, str], call: Call) -> str:
        heard.append(len(call.messages))
        return "Yes."

    server.add_prompt("first", lambda inputs: "Said.", memory="write_only")
    server.add_prompt("p", listen, memory=memory)
    server.add_prompt("last", listen, memory="read_only")
    for slug in ("first", "p", "last"):
        ran(pj, slug, {"a": "b"}, thread=THREAD)
    assert heard == [2 if reads else 0, 4 if writes else 2]


def test_a_run_that_failed_is_not_remembered(
    server: FakeServer, pj: PromptJuggler, api: Api
) -> None:
    heard: list[int] = []

    def chat(inputs: dict[str, str], call: Call) -> str:
        heard.append(len(call.messages))
        raise Error("No.")

    server.add_prompt("chat", chat, memory="read_write")
    for _ in range(2):
        ran(pj, "chat", {"text": "One"}, thread=THREAD)
    assert heard == [0, 0]
