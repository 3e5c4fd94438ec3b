"""Documents that other programs have written in their own way, read and written back as
they came: byte order marks, the empty maps of PHP, leap seconds. And those that are refused
for their size.
"""

import copy
import json
import pickle
import time
import tracemalloc
from datetime import datetime, timedelta, timezone

import pytest

from promptjuggler import (
    CreatePromptRun,
    CreateWorkflowRun,
    DecodeError,
    EmittedItem,
    ErrorResponse,
    PromptRun,
    PromptRunFinished,
    TranscriptData,
    WorkflowRun,
)
from promptjuggler._json import MOST_PARTS

UTC = timezone.utc
ID = "0197f0a2-3b1c-7def-8abc-0123456789ab"
RUN = {
    "id": ID,
    "status": "completed",
    "createdAt": "2026-01-01T00:00:00Z",
    "emitted": [{"tool": "save", "payload": []}],
    "transcript": [{"type": "data", "tool": "save", "payload": []}],
}
WORKFLOW_RUN = {
    "id": ID,
    "status": "completed",
    "createdAt": "2026-01-01T00:00:00Z",
    "outputs": [],
    "errors": [],
}

# --- byte order marks ---


@pytest.mark.parametrize("kind", [PromptRunFinished, PromptRun])
def test_a_byte_order_mark_before_a_document_is_skipped(kind):
    """Of the body of a webhook too."""
    documents = {
        PromptRun: RUN,
        PromptRunFinished: {"id": ID, "status": "completed"},
    }  # fmt: skip
    text = json.dumps(documents[kind])
    plain = kind.from_json(text)
    assert kind.from_json("\ufeff" + text) == plain
    assert kind.from_json(("\ufeff" + text).encode()) == plain
    assert kind.from_json(bytearray(text.encode("utf-8-sig"))) == plain


def test_one_byte_order_mark_at_the_beginning_is_skipped_and_no_other():
    for text in ("\ufeff\ufeff{}", " \ufeff{}", "{}\ufeff", "{\ufeff}", "\ufeff"):
        with pytest.raises(DecodeError, match="the document is not JSON") as caught:
            ErrorResponse.from_json(text)
        assert caught.value.body == text.encode()
    assert ErrorResponse.from_json('{"error": "\ufeffx"}').error == "\ufeffx"


# --- empty maps of PHP ---


@pytest.mark.parametrize(
    ("kind", "document", "maps"),
    [
        (PromptRun, RUN, lambda run: [run.emitted[0].payload, run.transcript[0].payload]),
        (WorkflowRun, WORKFLOW_RUN, lambda run: [run.outputs]),
        (EmittedItem, {"tool": "save", "payload": []}, lambda item: [item.payload]),
        (TranscriptData, RUN["transcript"][0], lambda item: [item.payload]),
        (
            CreatePromptRun,
            {"inputs": [], "envVars": [], "metadata": []},
            lambda body: [body.inputs, body.env_vars, body.metadata],
        ),
        (
            CreateWorkflowRun,
            {"inputs": [], "envVars": [], "metadata": []},
            lambda body: [body.inputs, body.env_vars, body.metadata],
        ),
    ],
)  # fmt: skip
def test_an_empty_array_is_an_empty_map_and_is_written_as_it_came(kind, document, maps):
    before = copy.deepcopy(document)
    result = kind.from_dict(document)
    for found in maps(result):
        assert found == {}
        assert isinstance(found, dict)
        assert repr(found) == "{}"
        assert json.dumps(found) == "{}"
    same = [
        result,
        kind.from_json(json.dumps(document)),
        copy.deepcopy(result),
        copy.copy(result),
        pickle.loads(pickle.dumps(result)),
        kind.from_json(result.to_json()),
    ]
    for other in same:
        assert other == result
        assert other.to_dict() == before
        assert json.loads(other.to_json()) == before


def test_an_empty_array_and_an_empty_object_are_equal_and_each_is_written_as_it_came():
    from_object = EmittedItem.from_dict({"tool": "save", "payload": {}})
    from_array = EmittedItem.from_dict({"tool": "save", "payload": []})
    assert from_array == from_object == EmittedItem(tool="save", payload={})
    assert from_object.to_dict() == {"tool": "save", "payload": {}}
    assert from_array.to_dict() == {"tool": "save", "payload": []}


def test_what_a_result_gives_of_an_empty_array_is_its_own():
    document = {"tool": "save", "payload": []}
    item = EmittedItem.from_dict(document)
    document["payload"].append("x")
    item.to_dict()["payload"].append("x")
    assert item.to_dict() == {"tool": "save", "payload": []}
    item.payload["a"] = 1
    assert item.to_dict() == {"tool": "save", "payload": {"a": 1}}


def test_arrays_within_what_is_free_in_form_stay_arrays():
    document = {"tool": "save", "payload": {"a": [], "b": {}, "c": [{"d": []}]}}
    item = EmittedItem.from_dict(document)
    assert item.payload == document["payload"]
    assert item.to_dict() == document


@pytest.mark.parametrize(
    "value", [[None], [0], [[]], [{}], ["a"], (), "", 0, False, None]
)
def test_nothing_but_an_empty_array_is_an_empty_map(value):
    for kind, name in ((EmittedItem, "payload"), (WorkflowRun, "outputs")):
        document = {"tool": "save", **WORKFLOW_RUN, name: value}
        with pytest.raises(DecodeError, match=f"{name}: expected an object") as caught:
            kind.from_dict(document)
        assert caught.value.path == name


def test_an_empty_array_is_no_model():
    """A model has keys that it must have, or is absent."""
    for name in ("tokenUsage", "cost"):
        with pytest.raises(DecodeError, match="expected an object, got an array"):
            PromptRun.from_dict({**RUN, name: []})
    with pytest.raises(DecodeError, match="the document: expected an object"):
        PromptRun.from_json("[]")


# --- leap seconds ---


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31t23:59:60z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T23:59:60", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2015-06-30T23:59:60.25+00:00", datetime(2015, 7, 1, 0, 0, 0, 250_000, UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
        ("2017-01-01T05:29:60+05:30", datetime(2017, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_leap_second_is_the_next_second_and_is_written_as_it_came(text, moment):
    run = PromptRun.from_dict({**RUN, "createdAt": text, "finishedAt": text})
    assert run.created_at == run.finished_at == moment
    assert run.created_at - moment.replace(second=0) == timedelta(0)
    for same in (run, copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
        assert same.to_dict()["createdAt"] == same.to_dict()["finishedAt"] == text


@pytest.mark.parametrize(
    "text",
    [
        "2016-12-31T23:59:61Z",
        "2016-12-31T23:58:60Z",
        "2016-12-31T12:59:60Z",
        "2016-12-31T23:59:60+01:00",
        "2016-12-31T24:00:00Z",
        "2016-12-31T24:59:60Z",
        "9999-12-31T23:59:60Z",
    ],
)
def test_what_is_no_leap_second_is_no_time(text):
    with pytest.raises(DecodeError) as caught:
        PromptRun.from_dict({**RUN, "createdAt": text})
    assert caught.value.path == "createdAt"


# --- too much ---


@pytest.mark.parametrize(
    "unit", ["[" * 900 + "]" * 900 + ",", "[],", "{},", '[{"":[]}],']
)
def test_a_document_of_too_many_parts_is_refused_before_it_takes_memory_and_time(unit):
    """A byte of it would become fifty, and 32 MiB would take ten seconds."""
    text = f"[{unit * (32 * 2**20 // len(unit) - 1)}0]"
    tracemalloc.start()
    begun = time.process_time()
    try:
        with pytest.raises(DecodeError) as caught:
            PromptRun.from_json(text)
        memory = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(caught.value) == "the document has too many arrays and objects"
    # The body of the error is the text, as bytes.
    assert memory < len(text) + 2**20
    assert time.process_time() - begun < 2


@pytest.mark.parametrize(("opening", "closing"), ["[]", "{}"])
def test_a_document_of_the_most_parts_is_read_as_far_as_its_parts_are_right(
    opening, closing
):
    parts = f"{opening}{closing}," * (MOST_PARTS - 1)
    with pytest.raises(DecodeError, match="the document: expected an object, got an"):
        PromptRun.from_json(f"[{parts}0]")
    with pytest.raises(DecodeError, match="too many arrays and objects"):
        PromptRun.from_json(f"[{parts}{opening}{closing}]")


def test_a_long_text_is_not_taken_for_many_parts():
    text = "a[0] = {}\n" * 500_000
    document = {**RUN, "output": text}
    assert PromptRun.from_json(json.dumps(document)).output == text
