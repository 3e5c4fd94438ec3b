"""JSON to results: what is accepted, and what is said of the rest."""

import copy
import json
import pickle
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from uuid import UUID

import pytest
from helpers.documents import SCHEMAS, VARIANTS, Maker
from helpers.package import FOLDER

import promptjuggler
from promptjuggler import (
    Citation,
    CreatePromptRun,
    DecodeError,
    ErrorResponse,
    HttpHeader,
    JsonObjectFormat,
    KnowledgeDocumentResponse,
    Mcp,
    ModelCost,
    PromptRevision,
    PromptRun,
    StreamTokenResponse,
    TokenUsage,
    TranscriptData,
    TranscriptText,
    UnknownTool,
    VersionRef,
    WorkflowRun,
)
from promptjuggler._decode import decoded_text, decoder_of, fields_of, value_or_raise


def read(kind, document):
    """As the client reads an answer."""
    result = decoded_text(kind, document)
    del document
    return value_or_raise(result)


RUN = {
    "id": "0197f0a2-3b1c-7def-8abc-0123456789ab", "status": "completed", "createdAt": "2026-01-01T00:00:00+00:00",
    "emitted": [], "transcript": [{"type": "text", "content": "Hi", "citations": [{"title": "T", "url": "u"}]}] * 4,
}  # fmt: skip
USAGE = {"input": 1, "inputCached": 2, "output": 3, "reasoning": 4, "total": 5}
COST = dict.fromkeys(
    ["input", "cachedInput", "cacheWrite", "output", "webSearch", "total"], 0.5
)
MARKER = "s3cr3t-m4rker"


def error_of(kind, document):
    """The DecodeError of a document, which is the same whichever way it is read."""
    with pytest.raises(DecodeError) as first:
        kind.from_dict(document)
    text = json.dumps(document)
    for form in (text, text.encode()):
        with pytest.raises(DecodeError) as second:
            kind.from_json(form)
        assert (str(second.value), second.value.path) == (
            str(first.value),
            first.value.path,
        )
        assert second.value.body == text.encode()
    assert first.value.body == b""
    assert first.value.status_code is None
    return first.value


def changed(document, value, *keys):
    """A copy of a document with another value at a place."""
    document = copy.deepcopy(document)
    inner = document
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    return document


# --- paths and texts ---

TRANSCRIPT = [{"type": "text", "content": "x", "citations": []}] * 3
PATHS = [
    (changed(RUN, TRANSCRIPT + [{**TRANSCRIPT[0], "citations": [{"title": "a", "url": 7}]}], "transcript"),
     "transcript[3].citations[0].url", "expected a string, got 7"),
    (changed(RUN, None, "id"), "id", "expected a UUID, got null"),
    (changed(RUN, "soon", "createdAt"), "createdAt", 'expected a date and time (RFC 3339), got "soon"'),
    (changed(RUN, {}, "transcript"), "transcript", "expected an array, got an object"),
    (changed(RUN, "abc", "transcript"), "transcript", 'expected an array, got "abc"'),
    (changed(RUN, [[]], "transcript"), "transcript[0]", "expected an object, got an array"),
    (changed(RUN, [None], "transcript"), "transcript[0]", "expected an object, got null"),
    (changed(RUN, ["text"], "transcript"), "transcript[0]", 'expected an object, got "text"'),
    (changed(RUN, [{}], "transcript"), "transcript[0].type", "missing"),
    (changed(RUN, [{"type": None}], "transcript"), "transcript[0].type", "expected a string, got null"),
    (changed(RUN, [{"type": ["text"]}], "transcript"), "transcript[0].type", "expected a string, got an array"),
    (changed(RUN, [{"type": "text"}], "transcript"), "transcript[0].content", "missing"),
    (changed(RUN, [{"type": "data", "tool": "t", "payload": [1]}], "transcript"), "transcript[0].payload",
     "expected an object, got an array"),
    (changed(RUN, [{"tool": "t", "payload": None}], "emitted"), "emitted[0].payload", "expected an object, got null"),
    (changed(RUN, 7, "status"), "status", "expected a string, got 7"),
    (changed(RUN, True, "output"), "output", "expected a string, got true"),
    (changed(RUN, {**USAGE, "total": 1.5}, "tokenUsage"), "tokenUsage.total", "expected an integer, got 1.5"),
    (changed(RUN, {**USAGE, "total": False}, "tokenUsage"), "tokenUsage.total", "expected an integer, got false"),
    (changed(RUN, [], "tokenUsage"), "tokenUsage", "expected an object, got an array"),
    (changed(RUN, {"success": COST, "retries": {**COST, "webSearch": "1"}, "total": 1}, "cost"),
     "cost.retries.webSearch", 'expected a number, got "1"'),
]  # fmt: skip


@pytest.mark.parametrize(
    ("document", "path", "problem"),
    PATHS,
    ids=[f"{path} {text}" for _, path, text in PATHS],
)
def test_an_error_names_the_place_what_is_expected_and_what_is_there(
    document, path, problem
):
    error = error_of(PromptRun, document)
    assert error.path == path
    assert str(error) == f"{path}: {problem}"


@pytest.mark.parametrize(
    ("kind", "document", "text"),
    [
        (PromptRun, [], "the document: expected an object, got an array"),
        (PromptRun, None, "the document: expected an object, got null"),
        (PromptRun, "x", 'the document: expected an object, got "x"'),
        (UnknownTool, [], "the document: expected an object, got an array"),
        (UnknownTool, {}, "type: missing"),
        (JsonObjectFormat, {}, "type: missing"),
        (JsonObjectFormat, {"type": "text"}, 'type: expected "json_object", got "text"'),
        (VersionRef, {"definitionId": RUN["id"], "idOrTag": 1.5}, "idOrTag: expected an integer or a string, got 1.5"),
        (VersionRef, {"idOrTag": True, "definitionId": RUN["id"]},
         "idOrTag: expected an integer or a string, got true"),
        (CreatePromptRun, {"inputs": {"age": 7}}, "inputs.age: expected a string, got 7"),
        (CreatePromptRun, {"inputs": {}, "metadata": {"a": 7}},
         "metadata.a: expected a string or an array of strings, got 7"),
        (CreatePromptRun, {"inputs": {}, "metadata": {"a": ["x", 7]}}, "metadata.a[1]: expected a string, got 7"),
        (Mcp, {"type": "mcp", "name": "n", "url": "u", "allowedTools": ["a", None]},
         "allowedTools[1]: expected a string, got null"),
    ],
)  # fmt: skip
def test_documents_constants_unions_and_maps_have_texts_of_their_own(
    kind, document, text
):
    assert str(error_of(kind, document)) == text


@pytest.mark.parametrize(
    ("kind", "value", "shown"),
    [
        (ErrorResponse, 10**29, "1" + "0" * 29),
        (ErrorResponse, 10**30, "a huge number"),
        (ErrorResponse, -(10**4000), "a huge number"),
        (ErrorResponse, -0.5, "-0.5"),
        (ErrorResponse, {"a": 1}, "an object"),
        (TokenUsage, "x" * 60, '"' + "x" * 60 + '"'),
        (TokenUsage, "x" * 61, '"' + "x" * 57 + '..."'),
        (TokenUsage, "x" * 10**6, '"' + "x" * 57 + '..."'),
        (TokenUsage, "é\n\ud800", '"\\u00e9\\n\\ud800"'),
    ],
    ids=range(9),
)
def test_an_error_text_stays_short_and_printable_whatever_the_value_is(
    kind, value, shown
):
    field, expected = {
        ErrorResponse: ("error", "a string"),
        TokenUsage: ("input", "an integer"),
    }[kind]
    assert (
        str(error_of(kind, {**USAGE, field: value}))
        == f"{field}: expected {expected}, got {shown}"
    )


@pytest.mark.parametrize(
    ("kind", "document", "said"),
    [
        (
            TokenUsage,
            {**USAGE, "input": 1j},
            "input: expected an integer, got a complex",
        ),
        (PromptRun, {**RUN, "id": UUID(int=1)}, "id: expected a UUID, got a UUID"),
        (
            PromptRun,
            {**RUN, "createdAt": datetime.now(timezone.utc)},
            "createdAt: expected a date and time (RFC 3339), got a datetime",
        ),
    ],
)
def test_what_json_does_not_have_is_shown_by_its_type(kind, document, said):
    with pytest.raises(DecodeError) as caught:
        kind.from_dict(document)
    assert str(caught.value) == f"{said} object, which is no JSON"


def test_a_number_of_many_digits_is_not_shown():
    with pytest.raises(
        DecodeError, match="input: expected a number, got a huge number"
    ):
        ModelCost.from_dict({**COST, "input": 10**5000})


def test_an_array_of_results_is_read_with_the_index_in_the_path_of_the_error():
    document = {
        "id": RUN["id"],
        "status": "ready",
        "fileName": "a",
        "bytes": 1,
        "chunkCount": 0,
    }
    kind = tuple[KnowledgeDocumentResponse, ...]
    assert (
        read(kind, json.dumps([document] * 2))
        == (KnowledgeDocumentResponse.from_dict(document),) * 2
    )
    assert read(kind, b"[]") == ()
    text = json.dumps([document, {**document, "bytes": "1"}]).encode()
    with pytest.raises(DecodeError) as error:
        read(kind, text)
    assert str(error.value) == '[1].bytes: expected an integer, got "1"'
    assert (error.value.path, error.value.body) == ("[1].bytes", text)


def test_an_error_pickles_whole():
    with pytest.raises(DecodeError) as caught:
        read(PromptRun, b'{"id": 1}')
    caught.value.status_code = 200
    error = pickle.loads(pickle.dumps(caught.value))
    assert (str(error), error.path, error.status_code, error.body) == (
        "id: expected a UUID, got 1", "id", 200, b'{"id": 1}'
    )  # fmt: skip


# --- texts that are no JSON ---


@pytest.mark.parametrize(
    ("body", "text", "cause"),
    [
        (b"", "the document is empty", ValueError),
        (b"  ", "the document is not JSON: ", ValueError),
        (
            b"<html><body>Bad gateway</body></html>",
            "the document is not JSON: ",
            ValueError,
        ),
        (json.dumps(RUN).encode()[:-1], "the document is not JSON: ", ValueError),
        (b'{"error": "a"} x', "the document is not JSON: ", ValueError),
        (b'{"error": NaN}', "the document is not JSON: ", ValueError),
        (b'{"error": -Infinity}', "the document is not JSON: ", ValueError),
        (b'{"error": 1e999}', "the document is not JSON: ", ValueError),
        (b'{"error": "a\nb"}', "the document is not JSON: ", ValueError),
        (b"{'error': 'a'}", "the document is not JSON: ", ValueError),
        (b"\xef\xbb\xbf", "the document is not JSON: ", ValueError),
        (
            b'\xef\xbb\xbf\xef\xbb\xbf{"error": "a"}',
            "the document is not JSON: ",
            ValueError,
        ),
        (b'{"error": ' + b"9" * 5000 + b"}", "the document is not JSON: ", ValueError),
        (
            b'{"error": "\xff"}',
            "the document is not UTF-8 at byte 11",
            UnicodeDecodeError,
        ),
        (
            b'{"error": "\xed\xa0\x80"}',
            "the document is not UTF-8 at byte 11",
            UnicodeDecodeError,
        ),
        (
            '{"error": "ä"}'.encode("latin-1"),
            "the document is not UTF-8 at byte 11",
            UnicodeDecodeError,
        ),
        (
            '{"error": "a"}'.encode("utf-16"),
            "the document is not UTF-8 at byte 0",
            UnicodeDecodeError,
        ),
        (b"[" * 100_000, "the document is nested too deep", RecursionError),
        (b'{"a":' * 100_000, "the document is nested too deep", RecursionError),
        (
            b'{"error":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
            "the document is nested too deep",
            RecursionError,
        ),
    ],
)
def test_a_body_that_is_no_json_is_an_error_with_the_cause_and_the_body(
    body, text, cause
):
    with pytest.raises(DecodeError) as error:
        ErrorResponse.from_json(body)
    assert str(error.value).startswith(text)
    assert error.value.body == body
    assert error.value.path == ""
    assert isinstance(error.value.__cause__, cause)
    assert len(str(error.value)) < 300


def test_what_is_not_utf_8_has_a_cause_that_says_where_without_the_document():
    with pytest.raises(DecodeError) as error:
        ErrorResponse.from_json(b'{"error": "\xe2\x82"}')
    cause = error.value.__cause__
    assert type(cause) is UnicodeDecodeError
    assert cause.args == ("utf-8", b"", 11, 13, "invalid continuation byte")


def test_what_is_no_json_has_a_cause_that_says_where_without_the_document():
    text = f'{{"error": "{MARKER}",\n"a": }}'
    with pytest.raises(DecodeError) as error:
        ErrorResponse.from_json(text)
    cause = error.value.__cause__
    assert type(cause) is json.JSONDecodeError
    assert (cause.msg, cause.lineno, cause.colno) == ("Expecting value", 2, 6)
    assert str(cause) in str(error.value)
    assert cause.doc == ""


def chain(error):
    """An error and all that is behind it, whether a traceback shows it or not."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("text", ["", "{", '{"a": NaN}', '"\ud800', "[" * 100_000])
def test_an_unreadable_text_is_an_error_with_one_cause_and_no_other_context(text):
    with pytest.raises(DecodeError) as caught:
        ErrorResponse.from_json(text)
    error, cause = chain(caught.value)
    assert error.__cause__ is cause
    assert error.__suppress_context__
    assert error.__context__ is None
    assert cause.__traceback__ is None


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (ErrorResponse, {}),
        (ErrorResponse, {"error": 7}),
        (PromptRun, {**RUN, "id": "x"}),
        (PromptRun, {**RUN, "createdAt": "2026-01-02T24:00:00Z"}),
        (PromptRun, {**RUN, "transcript": [{}]}),
        (PromptRun, {**RUN, "transcript": [7]}),
        (ModelCost, {**COST, "total": 10**400}),
    ],
)
def test_a_document_that_does_not_fit_is_an_error_with_no_other_behind_it(
    kind, document
):
    for way in (kind.from_dict, lambda data: kind.from_json(json.dumps(data))):
        with pytest.raises(DecodeError) as caught:
            way(document)
        assert list(chain(caught.value)) == [caught.value]


@pytest.mark.parametrize("body", [None, 7, 10**9, ["{}"], {}, object()])
def test_what_is_neither_text_nor_bytes_is_an_error_too(body):
    with pytest.raises(DecodeError, match="the document: expected text or bytes, got "):
        ErrorResponse.from_json(body)


def test_text_bytes_and_bytearrays_are_read_alike():
    document = {"error": "naïve 日本語 🎈"}
    for text in (
        json.dumps(document),
        json.dumps(document, ensure_ascii=False),
        f"\r\n\t {json.dumps(document)} \n",
    ):
        for form in (text, text.encode(), bytearray(text.encode())):
            assert ErrorResponse.from_json(form) == ErrorResponse(
                error="naïve 日本語 🎈"
            )


def test_a_lone_surrogate_survives_reading_and_writing():
    result = ErrorResponse.from_json('{"error": "\\ud800"}')
    assert result.error == "\ud800"
    assert ErrorResponse.from_json(result.to_json()) == result
    with pytest.raises(DecodeError) as error:
        ErrorResponse.from_json('"\ud800"')
    assert error.value.body == b'"\xed\xa0\x80"'


def test_the_last_of_two_equal_keys_counts():
    assert ErrorResponse.from_json('{"error": 1, "error": "b"}').error == "b"


# --- values ---


@pytest.mark.parametrize("value", [True, False, 1.0, 1e2, "1", None, [], {}])
def test_an_integer_is_no_boolean_no_float_and_no_text(value):
    assert error_of(TokenUsage, {**USAGE, "output": value}).path == "output"


@pytest.mark.parametrize("value", [0, 1, "true", "", [], {}])
def test_a_boolean_is_true_or_false_only(value):
    document = {"paramsSchema": "{}", "name": "n", "failFast": value, "type": "emit"}
    assert error_of(promptjuggler.Emit, document).path == "failFast"


@pytest.mark.parametrize(
    ("value", "number"),
    [(0, 0.0), (7, 7.0), (-1, -1.0), (1.5, 1.5), (2**60 + 1, float(2**60))],
)
def test_an_integer_is_a_fine_number_and_becomes_a_float(value, number):
    result = ModelCost.from_json(json.dumps({**COST, "total": value}))
    assert result.total == number
    assert type(result.total) is float
    assert result.to_dict()["total"] == value


@pytest.mark.parametrize("value", [True, "1", None, 10**400, -(10**400)])
def test_a_number_is_no_boolean_no_text_and_not_beyond_a_float(value):
    assert error_of(ModelCost, {**COST, "total": value}).path == "total"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_is_finite(value):
    with pytest.raises(DecodeError, match="total: expected a number, got "):
        ModelCost.from_dict({**COST, "total": value})


@pytest.mark.parametrize(
    "text", ["{0}", "{{{0}}}", "urn:uuid:{0}", " {0}", "{0}\n", "{0}0", "x{0}", "", "7"]
)
def test_a_uuid_is_32_hex_digits_with_or_without_its_hyphens(text):
    text = text.format(RUN["id"])
    if text == RUN["id"]:
        for form in (text, text.upper(), text.replace("-", "")):
            result = PromptRun.from_dict({**RUN, "id": form})
            assert result.id == UUID(RUN["id"])
            assert result.to_dict()["id"] == form
    else:
        assert error_of(PromptRun, {**RUN, "id": text}).path == "id"


def test_the_digits_of_other_scripts_are_no_digits():
    # int() takes all of these.
    assert error_of(PromptRun, {**RUN, "id": "٠" * 32}).path == "id"
    assert (
        error_of(PromptRun, {**RUN, "createdAt": "٢٠٢٦-01-01T00:00:00Z"}).path
        == "createdAt"
    )
    assert (
        error_of(PromptRun, {**RUN, "createdAt": "2026-01-01T00:00:00.²Z"}).path
        == "createdAt"
    )


@pytest.mark.parametrize("value", [1, "1", "production", "", -1, 10**20])
def test_a_version_is_an_integer_or_a_text_and_stays_what_it_is(value):
    result = VersionRef.from_dict({"definitionId": RUN["id"], "idOrTag": value})
    assert (result.id_or_tag, type(result.id_or_tag)) == (value, type(value))


def test_arrays_become_tuples_and_maps_dicts_at_every_depth_that_has_a_name():
    metadata = {"a": "x", "b": ["y", "z"], "c": []}
    result = CreatePromptRun.from_dict({"inputs": {"k": "v"}, "metadata": metadata})
    assert result.inputs == {"k": "v"}
    assert result.metadata == {"a": "x", "b": ("y", "z"), "c": ()}
    payload = {"a": [1, {"b": [None, True, 1.5]}]}
    assert (
        TranscriptData.from_dict(
            {"type": "data", "tool": "t", "payload": payload}
        ).payload
        == payload
    )


def test_unknown_keys_are_ignored_even_those_with_a_name_that_python_uses():
    document = {
        "title": "t",
        "url": "u",
        "self": 1,
        "_original_values": 2,
        "__class__": 3,
        "from_dict": 4,
        "Title": 5,
    }
    assert Citation.from_dict(document) == Citation(title="t", url="u")
    assert (
        error_of(
            PromptRun, {**RUN, "created_at": RUN["createdAt"], "createdAt": None}
        ).path
        == "createdAt"
    )


@pytest.mark.parametrize("union", VARIANTS)
def test_a_known_type_with_a_broken_payload_is_an_error_and_an_unknown_one_an_unknown_variant(
    union,
):
    field, wrap = {
        "Tool": ("tools", lambda item: [item]),
        "TranscriptItem": ("transcript", lambda item: [item]),
        "ResponseFormat": ("responseFormat", lambda item: item),
    }[union]
    kind = PromptRun if union == "TranscriptItem" else PromptRevision
    document = Maker(3).document(kind.__name__)
    for constant, variant in VARIANTS[union].items():
        known = Maker(4).document(variant)
        result = getattr(
            kind.from_dict({**document, field: wrap(known)}), field.replace("F", "_f")
        )
        assert isinstance(
            result[0] if isinstance(result, tuple) else result,
            getattr(promptjuggler, variant),
        )
        for key in set(known) - {"type"}:
            broken = {**known, key: object()}
            with pytest.raises(DecodeError) as error:
                kind.from_dict({**document, field: wrap(broken)})
            assert error.value.path.endswith(f".{key}"), constant
    newer = {"type": "newer", "content": 7, "nested": {"type": "text"}}
    result = getattr(
        kind.from_dict({**document, field: wrap(newer)}), field.replace("F", "_f")
    )
    result = result[0] if isinstance(result, tuple) else result
    assert type(result).__name__ == f"Unknown{union}"
    assert (result.type, result.data, result.to_dict()) == ("newer", newer, newer)


# --- times ---

UTC = timezone.utc
TIMES = [
    ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02t03:04:05+00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02 03:04:05-00:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05.25", datetime(2026, 1, 2, 3, 4, 5, 250000, tzinfo=UTC)),
    ("2026-01-02T03:04:05.1Z", datetime(2026, 1, 2, 3, 4, 5, 100000, tzinfo=UTC)),
    ("2026-01-02T03:04:05.12Z", datetime(2026, 1, 2, 3, 4, 5, 120000, tzinfo=UTC)),
    ("2026-01-02T03:04:05.123Z", datetime(2026, 1, 2, 3, 4, 5, 123000, tzinfo=UTC)),
    ("2026-01-02T03:04:05.000Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05.1234Z", datetime(2026, 1, 2, 3, 4, 5, 123400, tzinfo=UTC)),
    ("2026-01-02T03:04:05.12345Z", datetime(2026, 1, 2, 3, 4, 5, 123450, tzinfo=UTC)),
    (
        "2026-01-02T03:04:05.123456+00:00",
        datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
    ),
    (
        "2026-01-02T03:04:05.123000+00:00",
        datetime(2026, 1, 2, 3, 4, 5, 123000, tzinfo=UTC),
    ),
    ("2026-01-02T03:04:05.000001Z", datetime(2026, 1, 2, 3, 4, 5, 1, tzinfo=UTC)),
    ("2026-01-02T03:04:05.1234567Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
    (
        "2026-01-02T03:04:05.12345678Z",
        datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC),
    ),
    (
        "2026-01-02T03:04:05.999999999Z",
        datetime(2026, 1, 2, 3, 4, 5, 999999, tzinfo=UTC),
    ),
    ("2026-01-02T03:04:05+05:30", datetime(2026, 1, 1, 21, 34, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05.5-08:00", datetime(2026, 1, 2, 11, 4, 5, 500000, tzinfo=UTC)),
    ("2026-01-02T03:04:05+23:59", datetime(2026, 1, 1, 3, 5, 5, tzinfo=UTC)),
    ("2026-01-02T03:04:05-23:59", datetime(2026, 1, 3, 3, 3, 5, tzinfo=UTC)),
    ("2024-02-29T23:59:59Z", datetime(2024, 2, 29, 23, 59, 59, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    (
        "9999-12-31T23:59:59.999999Z",
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ),
]


@pytest.mark.parametrize(("text", "moment"), TIMES)
def test_a_time_is_read_as_the_moment_it_is_and_written_as_it_was(text, moment):
    run = PromptRun.from_dict({**RUN, "createdAt": text, "finishedAt": text})
    assert run.created_at == run.finished_at == moment
    assert run.created_at.tzinfo is not None
    assert run.to_dict()["createdAt"] == run.to_dict()["finishedAt"] == text
    assert pickle.loads(pickle.dumps(run)).to_dict()["createdAt"] == text
    assert copy.deepcopy(run).to_dict()["createdAt"] == text


def test_a_time_keeps_its_offset_and_utc_is_the_utc_of_python():
    run = PromptRun.from_dict(
        {
            **RUN,
            "createdAt": "2026-01-02T03:04:05-03:30",
            "finishedAt": "2026-01-02T03:04:05Z",
        }
    )
    assert run.created_at.utcoffset() == -timedelta(hours=3, minutes=30)
    assert run.finished_at.tzinfo is timezone.utc


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"]
)
def test_a_time_at_the_edge_of_the_calendar_can_be_compared_hashed_written_and_copied(
    text,
):
    token = StreamTokenResponse.from_dict({"token": "t", "expiresAt": text, "url": "u"})
    assert (
        token == copy.deepcopy(token) == StreamTokenResponse.from_json(token.to_json())
    )
    assert hash(token) == hash(pickle.loads(pickle.dumps(token)))
    assert token.to_dict()["expiresAt"] == text


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "2026-01-02", "2026-01-02T03:04Z", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05.1234567890Z",
        "2026-01-02T03:04:05,5Z", "2026-01-02T24:00:00Z", "2026-01-02T03:60:05Z", "2026-01-02T03:04:60Z",
        "2026-02-29T03:04:05Z", "2026-13-02T03:04:05Z", "2026-00-02T03:04:05Z", "0000-01-02T03:04:05Z",
        "2026-01-02T03:04:05+24:00", "2026-01-02T03:04:05+05:60", "2026-01-02T03:04:05+0530",
        "2026-01-02T03:04:05+05", "2026-01-02T03:04:05 Z", " 2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z\n",
        "20260102T030405Z", "2026-W01-1T03:04:05Z", "+2026-01-02T03:04:05Z", "2026-01-02T03:04:05UTC",
        "2026-01-02_03:04:05Z", 1767323045, 1767323045.5, "1767323045", True, [],
    ],
)  # fmt: skip
def test_what_is_not_rfc_3339_is_no_time(text):
    assert error_of(PromptRun, {**RUN, "createdAt": text}).path == "createdAt"
    assert error_of(PromptRun, {**RUN, "finishedAt": text}).path == "finishedAt"


# --- secrets ---


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (
            StreamTokenResponse,
            {"token": [MARKER], "expiresAt": RUN["createdAt"], "url": "u"},
        ),
        (
            StreamTokenResponse,
            {"token": 571113, "expiresAt": RUN["createdAt"], "url": "u"},
        ),
        (HttpHeader, {"key": "Authorization", "value": 571113}),
        (Mcp, {"type": "mcp", "name": "n", "url": "u", "authorizationToken": 571113}),
        (CreatePromptRun, {"inputs": {}, "envVars": MARKER}),
        (CreatePromptRun, {"inputs": {}, "envVars": {"KEY": 571113}}),
    ],
)
def test_an_error_text_does_not_show_a_value_that_the_repr_does_not_show(
    kind, document
):
    error = error_of(kind, document)
    assert "expected " in str(error)
    for secret in (MARKER, "571113"):
        assert secret not in str(error) + repr(error)


def tracebacks(error):
    """The tracebacks of an error and of everything behind it."""
    while error is not None:
        yield error.__traceback__
        yield error.__context__ and error.__context__.__traceback__
        error = error.__cause__


@pytest.mark.parametrize(
    "changes", [{"token": 7}, {"expiresAt": "x"}, {"url": None}, {"url": [MARKER]}]
)
@pytest.mark.parametrize("ending", ["", "}", "\ud800", "9" * 5000, "["])
@pytest.mark.parametrize("way", ["from_dict", "from_json", "bytes"])
def test_no_frame_of_ours_in_a_traceback_holds_the_document(way, changes, ending):
    document = {
        "token": MARKER,
        "expiresAt": RUN["createdAt"],
        "url": MARKER,
        **changes,
    }
    text = json.dumps(document) + ending
    calls = {
        "from_dict": lambda: StreamTokenResponse.from_dict({**document, "note": text}),
        "from_json": lambda: StreamTokenResponse.from_json(text),
        "bytes": lambda: StreamTokenResponse.from_json(
            text.encode("utf-8", "surrogatepass")
        ),
    }
    with pytest.raises(DecodeError) as caught:
        calls[way]()
    frames = 0
    for traceback in tracebacks(caught.value):
        while traceback:
            if Path(traceback.tb_frame.f_code.co_filename).is_relative_to(FOLDER):
                frames += 1
                shown = {
                    name: repr(value)
                    for name, value in traceback.tb_frame.f_locals.items()
                }
                assert MARKER not in repr(shown), traceback.tb_frame
            traceback = traceback.tb_next
    assert frames >= 2
    assert MARKER not in str(caught.value) + repr(caught.value) + repr(
        caught.value.__cause__
    )


# --- properties ---


def read_or_refuse(kind, text):
    """Whether a text is read; anything but a result or a DecodeError is a failure of the test."""
    try:
        result = kind.from_json(text)
    except DecodeError as error:
        result = error
    if isinstance(result, DecodeError):
        assert result.body == text
        assert str(result).startswith(result.path or "the document")
        return False
    assert type(result) is kind
    assert kind.from_dict(result.to_dict()) == result
    return True


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_broken_document_gives_a_result_or_a_decode_error_and_nothing_else(name):
    """Some 8,000 documents in all, each with one to three things in it changed."""
    kind = getattr(promptjuggler, name)
    maker = Maker(f"broken {name}")
    outcomes = []
    for number in range(100):
        maker.newer = number % 2 == 0
        document = maker.document(name)
        outcomes.append(
            read_or_refuse(kind, json.dumps(maker.broken(document)).encode())
        )
        text = json.dumps(document, ensure_ascii=number % 3 == 0)
        torn = maker.torn(text.encode("utf-8", "surrogatepass"))
        outcomes.append(read_or_refuse(kind, torn))
    assert set(outcomes) == {True, False}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_document_that_is_cut_off_anywhere_is_refused(name):
    document = Maker(f"cut {name}").document(name)
    text = json.dumps(document).encode()
    step = len(text) // 400 + 1
    for end in range(0, len(text), step):
        assert not read_or_refuse(getattr(promptjuggler, name), text[:end])
    assert read_or_refuse(getattr(promptjuggler, name), text)


@pytest.mark.parametrize("name", SCHEMAS)
def test_unknown_keys_enum_values_and_variants_never_fail(name):
    maker = Maker(f"newer {name}", newer=True)
    for _ in range(30):
        document = maker.document(name)
        document.update(
            {
                f"new{number}": value
                for number, value in enumerate([None, [], {"type": "x"}, 10**100])
            }
        )
        assert read_or_refuse(
            getattr(promptjuggler, name), json.dumps(document).encode()
        )


def test_nesting_is_read_or_refused_whatever_its_depth():
    outcomes = []
    for depth in (1, 50, 500, 900, 1000, 1500, 3000, 20_000, 200_000):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            value = opening * depth + "1" + closing * depth
            text = f'{{"type":"data","tool":"t","payload":{{"a":{value}}}}}'
            try:
                outcomes.append(type(TranscriptData.from_json(text)).__name__)
            except DecodeError as error:
                outcomes.append(str(error))
    assert set(outcomes) == {"TranscriptData", "the document is nested too deep"}
    assert outcomes[:4] == ["TranscriptData"] * 4
    assert outcomes[-2:] == ["the document is nested too deep"] * 2


def test_many_threads_can_read_for_the_first_time_at_once():
    """What is needed to read a result is made when it is first read."""
    decoder_of.cache_clear()
    fields_of.cache_clear()
    text, results, start = json.dumps(RUN), [], threading.Barrier(8)

    def first():
        start.wait()
        results.append(PromptRun.from_json(text))

    threads = [threading.Thread(target=first) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [PromptRun.from_dict(RUN)] * 8
    assert {type(result) for result in results} == {PromptRun}


def test_a_workflow_run_and_a_prompt_run_share_what_they_have_in_common():
    document = Maker(5).document("WorkflowRun")
    document.update(
        {"tokenUsage": USAGE, "cost": {"success": COST, "retries": COST, "total": 1}}
    )
    run = WorkflowRun.from_dict(document)
    assert (
        run.token_usage == PromptRun.from_dict({**RUN, "tokenUsage": USAGE}).token_usage
    )
    assert run.cost.success == ModelCost.from_dict(COST)
    assert TranscriptText.from_dict(RUN["transcript"][0]).citations == (
        Citation("T", "u"),
    )
