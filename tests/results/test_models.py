"""The results: what the specification says of them, and what every one of them can do."""

import copy
import dataclasses
import functools
import inspect
import json
import operator
import pickle
import types
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, get_args, get_type_hints
from uuid import UUID

import pytest
from helpers.documents import SCHEMAS, SPEC, VARIANTS, Maker, snake

import promptjuggler
from promptjuggler import (
    Citation,
    CreatePromptRun,
    CreateWorkflowRun,
    EmittedItem,
    HttpCall,
    HttpHeader,
    JsonSchemaFormat,
    Mcp,
    ModelParams,
    PromptRevision,
    PromptRun,
    PromptRunFinished,
    RunStatus,
    StreamTokenResponse,
    TextFormat,
    TokenUsage,
    TranscriptText,
    TranscriptTool,
    UnknownResponseFormat,
    UnknownTool,
    UnknownTranscriptItem,
    VersionRef,
    WorkflowRun,
)

UNKNOWN = {
    "Tool": UnknownTool,
    "ResponseFormat": UnknownResponseFormat,
    "TranscriptItem": UnknownTranscriptItem,
}
MODELS = {name: getattr(promptjuggler, name) for name in SCHEMAS}
MODELS |= {kind.__name__: kind for kind in UNKNOWN.values()}
SECRETS = {
    ("HttpHeader", "value"), ("Mcp", "authorization_token"), ("StreamTokenResponse", "token"),
    ("CreatePromptRun", "env_vars"), ("CreateWorkflowRun", "env_vars"),
    *((kind.__name__, "data") for kind in UNKNOWN.values()),
}  # fmt: skip
PYTHON_TYPES = {
    "string": str, "integer": int, "number": float, "boolean": bool, "uuid": UUID, "datetime": datetime, "any": Any,
}  # fmt: skip
# What a request leaves out is not sent, so that the server's default holds: here it is None.
DEFAULTS_OF_THE_SERVER = {"CreatePromptRun", "CreateWorkflowRun"}

schemas = pytest.mark.parametrize("name", SCHEMAS)
fields_of_schemas = pytest.mark.parametrize(
    ("name", "field"),
    [(name, field) for name, fields in SCHEMAS.items() for field in fields],
)
models = pytest.mark.parametrize("name", MODELS)


def python_type(kind):
    """The annotation that stands for a type of the specification."""
    if kind.endswith("[]"):
        return tuple[python_type(kind[:-2]), ...]
    if kind.startswith("map<"):
        return Mapping[str, python_type(kind[4:-1])]
    if kind.endswith("?"):
        return python_type(kind[:-1]) | None
    return PYTHON_TYPES.get(kind) or getattr(promptjuggler, kind)


def field_of(name, wire):
    """The dataclass field of a wire name."""
    (found,) = [
        item for item in dataclasses.fields(MODELS[name]) if item.name == snake(wire)
    ]
    return found


def default_of(name, field):
    """The default that a field of the specification has in Python."""
    if "const" in field:
        return field["const"]
    if field["required"]:
        return dataclasses.MISSING
    return None if name in DEFAULTS_OF_THE_SERVER else field.get("default")


@functools.cache
def largest_document(name, seed):
    """The largest of some documents of a schema."""
    documents = (Maker(seed + number).document(name) for number in range(40))
    return max(documents, key=lambda document: len(json.dumps(document)))


def example(name, seed=0):
    """A result with everything in it that it can have."""
    if name in SCHEMAS:
        return MODELS[name].from_dict(copy.deepcopy(largest_document(name, seed)))
    return MODELS[name].from_dict({"type": "brewing", "strength": [1, {"a": None}]})


# --- held against the specification ---


@schemas
def test_a_schema_is_a_frozen_slotted_dataclass_that_is_a_public_name(name):
    assert name in promptjuggler.__all__
    kind = MODELS[name]
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    assert kind.__dataclass_params__.eq
    assert not hasattr(example(name), "__dict__")
    assert {item.name for item in dataclasses.fields(kind)} == set(kind.__slots__)


@models
def test_every_result_is_frozen_and_has_slots(name):
    kind = MODELS[name]
    assert kind.__dataclass_params__.frozen
    assert "__slots__" in vars(kind)
    assert not hasattr(example(name), "__dict__")


@schemas
def test_a_model_has_the_fields_of_its_schema_and_no_other(name):
    assert {item.name for item in dataclasses.fields(MODELS[name])} == {
        snake(field["wire"]) for field in SCHEMAS[name]
    }


@fields_of_schemas
def test_a_field_has_the_type_of_the_specification(name, field):
    expected = (
        Literal[field["const"]] if "const" in field else python_type(field["type"])
    )
    if default_of(name, field) is None or field.get("nullable"):
        expected = expected | None
    assert get_type_hints(MODELS[name])[snake(field["wire"])] == expected


@fields_of_schemas
def test_a_field_has_a_default_where_it_is_optional_and_only_there(name, field):
    assert field_of(name, field["wire"]).default == default_of(name, field)
    assert field_of(name, field["wire"]).default_factory is dataclasses.MISSING


@fields_of_schemas
def test_a_required_field_that_is_missing_or_null_is_an_error_with_its_path(
    name, field
):
    document = Maker(1).document(name)
    without = {wire: value for wire, value in document.items() if wire != field["wire"]}
    null = {**document, field["wire"]: None}
    if field["required"]:
        with pytest.raises(promptjuggler.DecodeError) as error:
            MODELS[name].from_dict(without)
        assert (error.value.path, str(error.value)) == (
            field["wire"],
            f"{field['wire']}: missing",
        )
        with pytest.raises(promptjuggler.DecodeError, match="expected") as error:
            MODELS[name].from_dict(null)
        assert error.value.path == field["wire"]
    else:
        for absent in (without, null):
            result = MODELS[name].from_dict(absent)
            assert getattr(result, snake(field["wire"])) == default_of(name, field)
            assert result.to_dict() == absent


@pytest.mark.parametrize("name", VARIANTS)
def test_a_union_is_its_variants_and_the_unknown_one_by_name(name):
    union = getattr(promptjuggler, name)
    variants = {MODELS[variant] for variant in VARIANTS[name].values()}
    assert set(get_args(union)) == variants | {UNKNOWN[name]}
    assert isinstance(union, types.UnionType)
    for constant, variant in VARIANTS[name].items():
        assert get_args(get_type_hints(MODELS[variant])["type"]) == (constant,)


def test_the_unions_without_a_type_name_are_those_of_the_specification():
    for name in set(SPEC["unions"]) - set(VARIANTS):
        members = tuple(python_type(kind) for kind in SPEC["unions"][name]["one_of"])
        assert getattr(promptjuggler, name) == functools.reduce(operator.or_, members)


def test_every_model_is_one_of_the_specification_or_an_unknown_variant():
    base = Citation.__mro__[1]
    public = {
        name
        for name in promptjuggler.__all__
        if inspect.isclass(getattr(promptjuggler, name))
    }
    assert {
        name for name in public if issubclass(getattr(promptjuggler, name), base)
    } == set(MODELS)


def test_every_union_of_the_specification_is_a_public_name():
    assert set(SPEC["unions"]) <= set(promptjuggler.__all__)


# --- reading and writing ---


def moment(text):
    """The moment of a time in RFC 3339, worked out with `strptime`."""
    plain = datetime.strptime(text[:10] + text[11:19], "%Y-%m-%d%H:%M:%S")
    rest = text[19:].upper().removesuffix("Z")
    offset = rest[-6:] if rest[-6:-5] in ("+", "-") else ""
    fraction = rest.removesuffix(offset)[1:]
    minutes = int(offset[1:3] + "0") * 6 + int(offset[4:]) if offset else 0
    zone = timezone(timedelta(minutes=-minutes if offset[:1] == "-" else minutes))
    return plain.replace(microsecond=int((fraction + "000000")[:6]), tzinfo=zone)


def expected_value(kind, value):
    """What a JSON value of a type of the specification stands for.

    It is worked out without the package, but for models.
    """
    if value is None or kind == "any":
        return value
    if kind.endswith("[]"):
        return tuple(expected_value(kind[:-2], item) for item in value)
    if kind.startswith("map<"):
        return {
            key: expected_value(kind[4:-1].rstrip("?"), item)
            for key, item in value.items()
        }
    if kind in ("number", "uuid"):
        return PYTHON_TYPES[kind](value)
    if kind == "datetime":
        return moment(value)
    if kind in VARIANTS:
        return MODELS[VARIANTS[kind][value["type"]]].from_dict(value)
    if kind in MODELS:
        return MODELS[kind].from_dict(value)
    return tuple(value) if isinstance(value, list) else value


@schemas
def test_every_field_has_the_value_that_the_document_says(name):
    for seed in range(20):
        document = Maker(seed).document(name)
        result = MODELS[name].from_dict(document)
        for field in SCHEMAS[name]:
            value = document.get(field["wire"])
            expected = (
                default_of(name, field)
                if value is None
                else expected_value(field["type"], value)
            )
            actual = getattr(result, snake(field["wire"]))
            assert actual == expected
            # 1 == 1.0 == True, and a naive time is unequal to an aware one without saying so.
            assert type(actual) is type(expected) or isinstance(actual, str)


@schemas
def test_to_dict_gives_back_the_document_that_was_read(name):
    for seed in range(50):
        document = Maker(seed).document(name)
        before = copy.deepcopy(document)
        assert MODELS[name].from_dict(document).to_dict() == document
        assert document == before
        assert MODELS[name].from_json(json.dumps(document)).to_dict() == document
        assert (
            json.loads(MODELS[name].from_json(json.dumps(document).encode()).to_json())
            == document
        )


@schemas
def test_reading_what_was_written_gives_an_equal_result(name):
    for seed in range(20):
        result = MODELS[name].from_dict(Maker(seed).document(name))
        assert MODELS[name].from_dict(result.to_dict()) == result
        assert MODELS[name].from_json(result.to_json()) == result
        assert MODELS[name].from_json(result.to_json().encode("ascii")) == result


@schemas
def test_a_document_of_a_later_version_is_read_and_its_unknown_keys_left_out(name):
    for seed in range(50):
        result = MODELS[name].from_dict(Maker(seed, newer=True).document(name))
        assert MODELS[name].from_dict(result.to_dict()) == result
        assert set(result.to_dict()) <= {field["wire"] for field in SCHEMAS[name]}


@schemas
def test_a_result_built_by_keyword_equals_the_one_that_was_read(name):
    for seed in range(10):
        document = Maker(seed).document(name)
        read = MODELS[name].from_dict(document)
        built = MODELS[name](
            **{item.name: getattr(read, item.name) for item in dataclasses.fields(read)}
        )
        assert built == read
        assert MODELS[name].from_dict(built.to_dict()) == read


def test_a_result_built_by_keyword_writes_no_optional_field_that_it_was_not_given():
    assert Mcp(name="a", url="u").to_dict() == {"type": "mcp", "name": "a", "url": "u"}
    assert JsonSchemaFormat(name="a", schema="{}").to_dict() == {
        "type": "json_schema",
        "name": "a",
        "schema": "{}",
    }
    assert ModelParams().to_dict() == {}
    assert ModelParams(temperature=1.0).to_json() == '{"temperature":1.0}'


def as_tuples(kind, value):
    """A value of a type of the specification, with a tuple for each of its arrays."""
    if kind.endswith("[]"):
        return tuple(as_tuples(kind[:-2], item) for item in value)
    if kind.startswith("map<"):
        item_kind = kind[4:-1].rstrip("?")
        return {key: as_tuples(item_kind, item) for key, item in value.items()}
    if kind == "MetadataValue" and isinstance(value, list):
        return tuple(value)
    if kind in VARIANTS:
        kind = VARIANTS[kind][value["type"]]
    if kind in SCHEMAS and value is not None:
        kinds = {field["wire"]: field["type"] for field in SCHEMAS[kind]}
        return {
            wire: None if item is None else as_tuples(kinds[wire], item)
            for wire, item in value.items()
        }
    return value


@schemas
def test_a_tuple_is_as_good_as_an_array(name):
    for seed in range(20):
        document = Maker(seed).document(name)
        result = MODELS[name].from_dict(as_tuples(name, document))
        assert result == MODELS[name].from_dict(document)
        assert result.to_dict() == document


def test_metadata_takes_a_tuple_of_texts_and_names_the_place_of_what_is_none():
    document = {"inputs": {}, "metadata": {"a": ("x", "y"), "b": ()}}
    run = CreatePromptRun.from_dict(document)
    assert run.metadata == {"a": ("x", "y"), "b": ()}
    assert run.to_dict()["metadata"] == {"a": ["x", "y"], "b": []}
    with pytest.raises(promptjuggler.DecodeError) as error:
        CreatePromptRun.from_dict({"inputs": {}, "metadata": {"a": ("x", 7)}})
    assert str(error.value) == "metadata.a[1]: expected a string, got 7"


def assert_plain(value):
    """It is of the very classes that `json.loads` gives, all the way down."""
    assert type(value) in (dict, list, str, int, float, bool, type(None)), value
    for item in value.values() if isinstance(value, dict) else ():
        assert_plain(item)
    for item in value if isinstance(value, list) else ():
        assert_plain(item)


@models
def test_to_dict_gives_plain_json_and_no_subclass_of_it(name):
    assert_plain(example(name).to_dict())
    built = dataclasses.replace(example(name))
    assert_plain(built.to_dict())


def test_enum_members_and_ids_are_written_as_plain_text_whoever_put_them_there():
    class Text(str):
        """What a library may use for a text of its own."""

    run_id = Text(UUID(int=7))
    document = {"id": run_id, "status": RunStatus.FAILED}
    read = PromptRunFinished.from_dict(document)
    built = PromptRunFinished(id=UUID(int=7), status=RunStatus("brewing"))
    assert read.to_dict() == {"id": str(UUID(int=7)), "status": "failed"}
    assert built.to_dict() == {"id": str(UUID(int=7)), "status": "brewing"}
    assert_plain(read.to_dict())
    assert_plain(built.to_dict())


def test_to_dict_leaves_unknown_keys_of_inner_objects_out_too():
    new = {"new": 1, "newer": {"a": []}}
    citation = {"title": "T", "url": "u"}
    text = {"type": "text", "content": "Hi", "citations": [citation]}
    usage = {"input": 1, "inputCached": 0, "output": 1, "reasoning": 0, "total": 2}
    document = {
        **Maker(0).document("PromptRun"),
        "transcript": [text],
        "tokenUsage": usage,
    }
    later = {
        **document,
        "transcript": [{**text, "citations": [citation | new], **new}],
        "tokenUsage": usage | new,
    }
    assert PromptRun.from_dict(later | new).to_dict() == document
    assert json.loads(PromptRun.from_dict(later | new).to_json()) == document


def test_what_is_built_by_keyword_is_written_as_json():
    moment = datetime(2026, 1, 2, 3, 4, 5, 600, timezone(timedelta(hours=-3)))
    token = StreamTokenResponse(token="t", expires_at=moment, url="u")
    assert json.loads(token.to_json()) == {
        "token": "t",
        "expiresAt": "2026-01-02T03:04:05.000600-03:00",
        "url": "u",
    }
    run = CreatePromptRun(
        inputs={"a": "b"},
        thread=UUID(int=7),
        metadata={"x": ("1", "2"), "y": "3"},
        channel="c",
    )
    assert json.loads(run.to_json()) == {
        "inputs": {"a": "b"}, "thread": str(UUID(int=7)), "metadata": {"x": ["1", "2"], "y": "3"}, "channel": "c",
    }  # fmt: skip


def test_an_explicit_null_and_an_explicit_default_are_kept_and_an_absent_key_stays_absent():
    usage = {"input": 1, "inputCached": 0, "output": 1, "reasoning": 0, "total": 2}
    for extra in (
        {},
        {"inputCacheWrite": 0},
        {"inputCacheWrite": None},
        {"serviceTier": None},
        {"inputCacheWrite": 5},
    ):
        result = TokenUsage.from_dict(usage | extra)
        assert result.to_dict() == usage | extra
        assert result.input_cache_write == (extra.get("inputCacheWrite") or 0)
    for extra in ({}, {"strict": None}, {"strict": False}, {"strict": True}):
        result = JsonSchemaFormat.from_dict(
            {"type": "json_schema", "name": "a", "schema": "{}"} | extra
        )
        assert (
            result.to_dict()
            == {"type": "json_schema", "name": "a", "schema": "{}"} | extra
        )
        assert result.strict is bool(extra.get("strict"))


def test_how_a_document_said_a_thing_is_no_part_of_equality():
    first = VersionRef.from_dict(
        {"definitionId": str(UUID(int=10)).upper(), "idOrTag": 1}
    )
    second = VersionRef.from_dict({"definitionId": str(UUID(int=10)), "idOrTag": 1})
    assert first == second
    assert hash(first) == hash(second)
    assert first.to_dict() != second.to_dict()


def test_a_replaced_field_is_written_and_not_what_the_document_said():
    run = PromptRun.from_dict(
        Maker(0).document("PromptRun")
        | {"createdAt": "2026-01-01T00:00:00.5Z", "output": None}
    )
    changed = dataclasses.replace(
        run, created_at=datetime(2027, 1, 1, tzinfo=timezone.utc), output="new"
    )
    assert changed.to_dict()["createdAt"] == "2027-01-01T00:00:00+00:00"
    assert changed.to_dict()["output"] == "new"
    assert run.to_dict()["createdAt"] == "2026-01-01T00:00:00.5Z"


def test_a_result_does_not_change_with_the_document_that_it_was_read_from():
    document = {"tool": "emit", "payload": {"a": 1}}
    result = EmittedItem.from_dict(document)
    document["payload"]["a"] = 2
    document["tool"] = "other"
    assert result == EmittedItem(tool="emit", payload={"a": 1})
    result.to_dict()["payload"]["a"] = 3
    assert result.payload == {"a": 1}


def test_neither_does_what_is_in_an_object_that_is_in_it():
    document = {"tool": "emit", "payload": {"a": {"b": [1, {"c": 2}]}}}
    before = copy.deepcopy(document)
    for result in (EmittedItem.from_dict(document), EmittedItem(**document)):
        document["payload"]["a"]["b"][1]["c"] = 3
        result.to_dict()["payload"]["a"]["b"].append(4)
        assert result.to_dict() == before
        document = copy.deepcopy(before)


def test_neither_does_a_result_of_an_unknown_kind():
    document = {"type": "brewed", "cups": [{"milk": True}]}
    before = copy.deepcopy(document)
    run = PromptRun.from_dict(
        {**example("PromptRun").to_dict(), "transcript": [document]}
    )
    (item,) = run.transcript
    document["cups"][0]["milk"] = False
    item.to_dict()["cups"].clear()
    run.to_dict()["transcript"][0]["cups"].clear()
    assert item.to_dict() == run.to_dict()["transcript"][0] == before


def test_a_document_can_be_copied_however_deep_it_is_and_with_itself_in_it():
    deep = []
    for _ in range(5000):
        deep = [deep]
    document = {"tool": "emit", "payload": {"deep": deep}}
    result = EmittedItem.from_dict(document)
    assert result.to_dict()["payload"]["deep"] is not deep
    around = {"tool": "emit", "payload": {}}
    around["payload"]["around"] = around["payload"]
    copied = EmittedItem.from_dict(around).payload
    assert copied["around"]["around"] is copied["around"]


def test_any_mapping_can_be_read():
    assert Citation.from_dict(
        types.MappingProxyType({"title": "t", "url": "u"})
    ) == Citation(title="t", url="u")


# --- what every result can do ---


@models
def test_a_result_pickles_with_every_protocol_and_keeps_what_the_document_said(name):
    result = example(name)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(result, protocol))
        assert again == result
        assert type(again) is type(result)
        assert again.to_dict() == result.to_dict()


@models
def test_a_result_can_be_copied_in_every_way(name):
    result = example(name)
    for again in (
        copy.copy(result),
        copy.deepcopy(result),
        dataclasses.replace(result),
    ):
        assert again == result
        assert type(again) is type(result)
    assert (
        copy.deepcopy(result).to_dict()
        == copy.copy(result).to_dict()
        == result.to_dict()
    )
    if hasattr(copy, "replace"):
        assert copy.replace(result) == result


@models
def test_a_result_cannot_be_changed(name):
    result = example(name)
    before = result.to_json()
    for item in dataclasses.fields(result):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(result, item.name, "other")
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(result, item.name)
    assert result.to_json() == before


@models
def test_a_name_that_is_no_field_cannot_be_set_either_and_the_error_says_which(name):
    result = example(name)
    known = dataclasses.fields(result)[0].name
    for attribute in ("other", "_original_values", "to_dict", known):
        with pytest.raises(dataclasses.FrozenInstanceError) as caught:
            setattr(result, attribute, 1)
        assert f"assign to '{attribute}' of {name}," in str(caught.value)
        with pytest.raises(dataclasses.FrozenInstanceError) as caught:
            delattr(result, attribute)
        assert f"delete '{attribute}' of {name}," in str(caught.value)


@models
def test_a_result_is_hashable_unless_a_mapping_is_in_it(name):
    result = example(name)

    def has_mapping(value):
        if isinstance(value, tuple):
            return any(map(has_mapping, value))
        if dataclasses.is_dataclass(value):
            return any(
                has_mapping(getattr(value, item.name))
                for item in dataclasses.fields(value)
            )
        return isinstance(value, Mapping)

    if has_mapping(result):
        with pytest.raises(TypeError, match="unhashable"):
            hash(result)
    else:
        assert hash(result) == hash(copy.deepcopy(result))
        assert len({result, copy.deepcopy(result)}) == 1


@models
def test_a_result_is_unequal_to_one_that_differs_in_one_field_and_to_anything_else(
    name,
):
    result = example(name)
    for item in dataclasses.fields(result):
        other = copy.copy(result)
        object.__setattr__(other, item.name, object())
        assert other != result
    assert result != result.to_dict()
    assert result != tuple(
        getattr(result, item.name) for item in dataclasses.fields(result)
    )
    assert result is not None
    assert Citation("a", "b") != HttpHeader("a", "b")


@models
def test_the_repr_shows_every_field_but_those_that_can_hold_a_secret(name):
    shown = repr(example(name))
    assert shown.startswith(f"{name}(")
    for item in dataclasses.fields(MODELS[name]):
        assert item.repr == ((name, item.name) not in SECRETS)
        assert item.repr == (f"{item.name}=" in shown)


def test_no_credential_shows_in_a_repr_however_deep_it_is():
    secret = "s3cr3t"
    header = {"key": "Authorization", "value": secret}
    common = {
        "paramsSchema": "{}",
        "url": "u",
        "method": "GET",
        "name": "n",
        "failFast": True,
        "type": "http",
    }
    revision = Maker(0).document("PromptRevision")
    revision["tools"] = [
        {**common, "headers": [header]},
        {"type": "mcp", "name": "n", "url": "u", "authorizationToken": secret},
        {"type": "mcp2", "authorizationToken": secret},
    ]
    results = [
        PromptRevision.from_dict(revision),
        StreamTokenResponse.from_dict(
            {"token": secret, "expiresAt": "2026-01-01T00:00:00Z", "url": "u"}
        ),
        CreatePromptRun.from_dict({"inputs": {}, "envVars": {"KEY": secret}}),
        CreateWorkflowRun.from_dict({"inputs": {}, "envVars": {"KEY": secret}}),
    ]
    for result in results:
        assert secret in result.to_json()
        assert secret not in repr(result) + str(result) + f"{result}" + repr([result])


def test_a_tool_is_the_variant_itself_and_narrows_by_class_and_by_type():
    document = {
        "paramsSchema": "{}",
        "url": "u",
        "method": "PURGE",
        "name": "n",
        "failFast": True,
        "type": "http",
    }
    revision = PromptRevision.from_dict(
        {
            **Maker(0).document("PromptRevision"),
            "tools": [document, {"type": "newer", "x": 1}],
        }
    )
    known, unknown = revision.tools
    assert isinstance(known, HttpCall)
    assert (known.type, known.method) == ("http", "PURGE")
    assert unknown == UnknownTool(type="newer", data={"type": "newer", "x": 1})
    match known:
        case HttpCall(type="http", url=url, headers=None):
            assert url == "u"
        case _:
            pytest.fail("an HttpCall was not matched")


def test_an_unknown_variant_holds_the_whole_object_and_writes_it_again():
    document = {"type": "image", "data": "a field of the same name", "width": {"px": 7}}
    item = UnknownTranscriptItem.from_dict(document)
    assert (item.type, item.data) == ("image", document)
    assert item.to_dict() == document
    assert UnknownTranscriptItem.from_json(item.to_json()) == item


def test_the_schema_of_a_format_has_the_name_of_the_other_package_too():
    assert JsonSchemaFormat(name="n", schema="{}").var_schema == "{}"


def test_fields_can_be_given_by_position_required_ones_first():
    assert TranscriptText("hi", (Citation("t", "u"),)).type == "text"
    assert TextFormat() == TextFormat(type="text")
    assert [item.name for item in dataclasses.fields(TranscriptTool)][-1] == "type"


def test_outputs_of_a_workflow_can_be_null():
    document = {**Maker(0).document("WorkflowRun"), "outputs": {"a": None, "b": "x"}}
    assert WorkflowRun.from_dict(document).outputs == {"a": None, "b": "x"}
