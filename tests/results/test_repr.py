"""The repr of results: whole where they have the usual size, short whatever they are."""

import copy
import dataclasses
import json
import time

import pytest
from helpers.documents import SCHEMAS, Maker

import promptjuggler
from promptjuggler import (
    Citation,
    CreatePromptRun,
    EmittedItem,
    HttpHeader,
    Mcp,
    PromptRun,
    RunStatus,
    TokenUsage,
    TranscriptText,
    UnknownTool,
    WorkflowRun,
)

RUN = {
    "id": "65a3f0c4-6a1e-7cc3-9d3f-2f6b8c1d4e5f",
    "status": "completed",
    "createdAt": "2026-01-02T03:04:05Z",
    "emitted": [{"tool": "save", "payload": {"order": 1, "lines": [{"sku": ["a"]}]}}],
    "transcript": [
        {
            "type": "text",
            "content": "Hello!",
            "citations": [{"title": "T", "url": "https://example.com/"}],
        },
        {
            "type": "tool",
            "name": "search",
            "status": "ok",
            "queries": ["q"],
            "citations": [],
        },
    ],
    "output": "Hello!",
    "tokenUsage": {
        "input": 1,
        "inputCached": 0,
        "output": 1,
        "reasoning": 0,
        "total": 2,
    },
}


def test_the_repr_of_a_small_run_is_whole_and_as_python_writes_it():
    run = PromptRun.from_dict(RUN)
    assert repr(run) == (
        "PromptRun(id=UUID('65a3f0c4-6a1e-7cc3-9d3f-2f6b8c1d4e5f'),"
        " status=<RunStatus.COMPLETED: 'completed'>,"
        " created_at=datetime.datetime(2026, 1, 2, 3, 4, 5,"
        " tzinfo=datetime.timezone.utc),"
        " emitted=(EmittedItem(tool='save',"
        " payload={'order': 1, 'lines': [{'sku': ['a']}]}),),"
        " transcript=(TranscriptText(content='Hello!',"
        " citations=(Citation(title='T', url='https://example.com/'),), type='text'),"
        " TranscriptTool(name='search', status=<ToolStatus.OK: 'ok'>, queries=('q',),"
        " citations=(), type='tool')),"
        " finished_at=None, output='Hello!', error=None,"
        " token_usage=TokenUsage(input=1, input_cached=0, output=1, reasoning=0,"
        " total=2, service_tier=None, input_cache_write=0), cost=None)"
    )
    assert str(run) == f"{run}" == repr(run)


def test_the_repr_of_what_is_short_can_be_evaluated():
    usage = TokenUsage(1, 0, 1, 0, 2)
    item = EmittedItem("t", {"b": [1, None], "a": {"x": 1.5, "y": True}})
    for result in (usage, item, TranscriptText("x" * 190, (Citation("t", "u"),) * 6)):
        assert eval(repr(result), vars(promptjuggler).copy(), NAMES) == result


NAMES = {
    name: getattr(promptjuggler, name)
    for name in ("Citation", "EmittedItem", "TokenUsage", "TranscriptText")
}


def longest_run(items):
    """A run in which all that can be long is; gigabytes, if it were written."""
    text = "long " * 20_000
    item = {
        "type": "text",
        "content": text,
        "citations": [{"title": text, "url": text}],
    }
    payload = {text: {f"{key}": [text] * 100 for key in range(100)}}
    return PromptRun.from_dict(
        {
            **RUN,
            "status": "brewing " * 10_000,
            "transcript": [{**item, "citations": item["citations"] * 100}] * items,
            "emitted": [{"tool": text, "payload": payload}] * items,
            "output": text,
            "error": text,
        }
    )


def test_the_repr_of_a_long_run_is_short_and_says_where_it_was_cut():
    run = longest_run(300)
    began = time.perf_counter()
    shown = repr(run)
    assert time.perf_counter() - began < 1
    assert len(shown) < 8000
    for beginning in (
        "PromptRun(id=UUID(",
        " output='long long ",
        " error='long long ",
    ):
        assert beginning in shown
    assert shown.count("...") > 5
    assert shown.endswith("cost=None)")


def test_a_text_is_cut_in_the_middle_and_a_tuple_after_its_first_elements():
    text = TranscriptText("a" * 500 + "z" * 500, [])
    assert "content='aaaaaaaa" in repr(text)
    assert "aaa...zzz" in repr(text)
    assert "zzzzzzzz'," in repr(text)
    assert len(repr(text)) < 300
    run = dataclasses.replace(PromptRun.from_dict(RUN), transcript=[text] * 100)
    assert repr(run).count("TranscriptText(") == 6
    assert "), ...), finished_at=None" in repr(run)
    outputs = {f"node{number}": "x" for number in range(100)}
    shown = repr(WorkflowRun(RUN["id"], "completed", RUN["createdAt"], outputs, []))
    assert "outputs={'node0': 'x', 'node1': 'x'," in shown
    assert "'node5': 'x', ...}" in shown


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_repr_of_any_result_has_a_bound(name):
    for seed in range(50):
        result = getattr(promptjuggler, name).from_dict(Maker(seed).document(name))
        assert len(repr(result)) < 15_000
        assert repr(copy.deepcopy(result)) == repr(result)


def test_what_is_nested_deep_is_cut_too_even_where_it_is_in_itself():
    payload = json.loads("[" * 500 + "]" * 500)
    assert len(repr(EmittedItem("t", {"a": payload}))) < 100
    item = EmittedItem("t", {"a": 1})
    # No constructor takes such a thing.
    item.payload["again"] = item
    assert repr(item) == "EmittedItem(tool='t', payload={'a': 1, 'again': ...})"


def test_an_int_that_python_does_not_write_is_shown_all_the_same():
    item = EmittedItem.from_dict({"tool": "t", "payload": {"a": 10**6000}})
    assert repr(item) == "EmittedItem(tool='t', payload={'a': <a huge int>})"


def test_no_secret_shows_however_long_it_is_or_what_is_around_it():
    secret = "s3cr3t" * 100
    results = [
        HttpHeader("Authorization", secret),
        Mcp("n" * 1000, "u", authorization_token=secret),
        UnknownTool("mcp2", {"type": "mcp2", "authorizationToken": secret}),
        CreatePromptRun({"a": "b" * 1000}, env_vars={"KEY": secret}),
    ]
    for result in results:
        assert "s3cr3t" not in repr(result) + repr([result])


def test_the_repr_of_a_result_is_one_line_whatever_a_server_says():
    """An unknown value of an enum is its name, too."""
    hostile = "a\n\x1b[31mERROR forged\u2028\ud800" + "x" * 5000
    run = PromptRun.from_dict({**RUN, "status": hostile})
    assert repr(run).isprintable()
    assert repr(run.status).isprintable()
    assert repr(run.status).startswith("<RunStatus: 'a\\n\\x1b[31mERROR")
    assert len(repr(run)) < 5000
    assert repr(PromptRun.from_dict(RUN).status) == "<RunStatus.COMPLETED: 'completed'>"
    assert repr(RunStatus("brewing")) == "<RunStatus.brewing: 'brewing'>"
