"""Results that are built by hand, as the fixtures of tests are: every field has its type,
or the error names it.
"""

import collections
import copy
import dataclasses
import enum
import functools
import pickle
import types
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from helpers.documents import SCHEMAS, VARIANTS, Maker, snake
from helpers.secrets import assert_silent

import promptjuggler
from promptjuggler import (
    Citation,
    ContentMessageResponse,
    CreatePromptRun,
    EmittedItem,
    HttpCall,
    HttpHeader,
    JsonObjectFormat,
    JsonSchemaFormat,
    Mcp,
    ModelCost,
    ModelParams,
    PromptCall,
    PromptRevision,
    PromptRun,
    PromptRunFinished,
    RunCost,
    RunStatus,
    ServiceTier,
    StreamTokenResponse,
    TextFormat,
    TokenUsage,
    ToolStatus,
    TranscriptData,
    TranscriptText,
    TranscriptTool,
    UnknownResponseFormat,
    UnknownTool,
    UnknownTranscriptItem,
    ValidationError,
    VersionRef,
    WebSearch,
    WorkflowRun,
)

ID = "65a3f0c4-6a1e-7cc3-9d3f-2f6b8c1d4e5f"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
COST = {
    "input": 1,
    "cachedInput": 0,
    "cacheWrite": 0,
    "output": 2.5,
    "webSearch": 0,
    "total": 3.5,
}
USAGE = {"input": 1, "inputCached": 0, "output": 1, "reasoning": 0, "total": 2}

schemas = pytest.mark.parametrize("name", SCHEMAS)


def prompt_run(**fields):
    """A run, with the fields that every run has."""
    given = {"id": ID, "status": "completed", "created_at": "2026-01-02T03:04:05Z"}
    return PromptRun(**{**given, "emitted": [], "transcript": [], **fields})


def refused(build, text):
    """That `build` raises a ValidationError with exactly this text."""
    with pytest.raises(ValidationError) as caught:
        build()
    assert str(caught.value) == text
    assert isinstance(caught.value, ValueError)
    assert not caught.value.may_have_taken_effect
    assert caught.value.__cause__ is caught.value.__context__ is None


# --- what JSON has in the place of a value ---


@schemas
def test_a_result_built_of_the_values_of_a_document_is_the_one_that_is_read(name):
    model = getattr(promptjuggler, name)
    for seed in range(50):
        document = Maker(seed, newer=seed % 2 == 1).document(name)
        wires = [field["wire"] for field in SCHEMAS[name] if field["wire"] in document]
        given = {snake(wire): document[wire] for wire in wires}
        before = copy.deepcopy(given)
        built = model(**given)
        read = model.from_dict(document)
        assert built == read
        assert_same_types(built, read)
        assert given == before
        assert model.from_dict(built.to_dict()) == read
        assert pickle.loads(pickle.dumps(built)) == read


def assert_same_types(one, other):
    """They are of the very same classes, all the way down; and so are their values."""
    assert type(one) is type(other)
    if dataclasses.is_dataclass(one):
        for item in dataclasses.fields(one):
            assert_same_types(getattr(one, item.name), getattr(other, item.name))
    elif isinstance(one, tuple):
        for pair in zip(one, other, strict=True):
            assert_same_types(*pair)
    elif isinstance(one, datetime):
        assert one.tzinfo is not None


def test_the_text_of_an_id_of_an_enum_and_of_a_time_become_what_they_are():
    run = prompt_run(finished_at="2026-01-02T03:04:09.5+01:00")
    assert (run.id, type(run.id)) == (UUID(ID), UUID)
    assert run.status is RunStatus.COMPLETED
    assert run.created_at == MOMENT
    finished = datetime(2026, 1, 2, 2, 4, 9, 500_000, tzinfo=timezone.utc)
    assert run.finished_at == finished
    assert (run.emitted, run.transcript) == ((), ())


@pytest.mark.parametrize(
    "text", [ID, ID.upper(), ID.replace("-", ""), f"urn:uuid:{ID}", f"{{{ID}}}"]
)
def test_an_id_can_have_every_form_that_an_argument_can_have(text):
    assert prompt_run(id=text).id == UUID(ID)


def test_an_enum_takes_any_text_since_it_is_open():
    run = prompt_run(status="brewing")
    assert run.status == "brewing"
    assert type(run.status) is RunStatus
    assert run.to_dict()["status"] == "brewing"


def test_a_member_of_another_enum_is_its_text():
    class Mine(str, enum.Enum):
        DONE = "completed"
        BREWING = "brewing"

    assert prompt_run(status=Mine.DONE).status is RunStatus.COMPLETED
    assert prompt_run(status=Mine.BREWING).status == "brewing"
    assert prompt_run(status=ToolStatus.PENDING).status is RunStatus.PENDING
    assert str(RunStatus(Mine.BREWING)) == RunStatus(Mine.BREWING).name == "brewing"
    assert type(Citation(Mine.DONE, "u").title) is str
    assert Citation(Mine.DONE, "u").to_json() == '{"title":"completed","url":"u"}'


def test_a_time_without_a_zone_is_utc_as_in_documents():
    naive = MOMENT.replace(tzinfo=None)
    assert prompt_run(created_at=naive).created_at == MOMENT
    assert prompt_run(created_at="2026-01-02T03:04:05").created_at == MOMENT
    zone = timezone(timedelta(hours=5))
    there = MOMENT.astimezone(zone)
    assert prompt_run(created_at=there).created_at.tzinfo is zone


@pytest.mark.parametrize("make", [list, tuple, collections.deque])
def test_a_tuple_can_be_given_as_any_sequence(make):
    items = [Citation("t", "u"), {"title": "T", "url": "U"}]
    text = TranscriptText(content="Hi", citations=make(items))
    assert text.citations == (Citation("t", "u"), Citation("T", "U"))
    assert WebSearch(allowed_domains=make(["a"])).allowed_domains == ("a",)


@pytest.mark.parametrize(
    "usage",
    [
        USAGE,
        {snake(wire): value for wire, value in USAGE.items()},
        types.MappingProxyType({**USAGE, "newKey": [1]}),
        TokenUsage(1, 0, 1, 0, 2),
        {**USAGE, "serviceTier": None, "inputCacheWrite": None},
    ],
    ids=["names of the API", "names of Python", "a later version", "object", "nulls"],
)
def test_an_object_can_be_given_as_a_dict(usage):
    run = prompt_run(token_usage=usage)
    assert run.token_usage == TokenUsage(1, 0, 1, 0, 2)
    assert run.token_usage.input_cache_write == 0


def test_objects_in_objects_can_be_dicts_texts_and_objects_side_by_side():
    cost = RunCost(**{"success": COST, "retries": ModelCost(**dict.fromkeys(
        map(snake, COST), 0)), "total": 4})  # fmt: skip
    run = prompt_run(cost=cost, transcript=[
        {"type": "tool", "name": "a", "status": "ok", "queries": ["q"], "citations": []},
        TranscriptText("Hi", []),
        {"type": "data", "tool": "t", "payload": {"a": [1]}},
        {"type": "image", "width": 7},
    ])  # fmt: skip
    assert type(run.cost.success.input) is type(run.cost.total) is float
    assert run.transcript == (
        TranscriptTool("a", ToolStatus.OK, ("q",), ()),
        TranscriptText("Hi", ()),
        TranscriptData("t", {"a": [1]}),
        UnknownTranscriptItem("image", {"type": "image", "width": 7}),
    )


def test_a_dict_for_a_member_of_a_union_is_told_by_its_type():
    call = {"paramsSchema": "{}", "url": "u", "method": "GET", "name": "n"}
    revision = PromptRevision(
        id=ID,
        prompt_id=ID,
        memory="stateless",
        provider="openai",
        model="m",
        model_params={"temperature": 1, "serviceTier": "flex"},
        response_format={"type": "json_schema", "name": "n", "schema": "{}"},
        messages=[{"role": "user", "content": "Hi"}],
        tools=[
            {"type": "http", "fail_fast": False, **call},
            {"type": "prompt", "name": "n", "failFast": True,
             "versionRef": {"definitionId": ID, "idOrTag": "beta"}},
            {"type": "brewing"},
            WebSearch(),
        ],
    )  # fmt: skip
    assert revision.response_format == JsonSchemaFormat("n", "{}")
    assert revision.model_params == ModelParams(
        temperature=1.0, service_tier=ServiceTier.FLEX
    )
    assert revision.messages == (ContentMessageResponse("user", "Hi"),)
    http, prompt, unknown, search = revision.tools
    assert http == HttpCall("{}", "u", "GET", "n", False)
    assert prompt == PromptCall(VersionRef(UUID(ID), "beta"), "n", True)
    assert unknown == UnknownTool("brewing", {"type": "brewing"})
    assert search == WebSearch()
    for given in (TextFormat(), {"type": "text"}, UnknownResponseFormat("x", {})):
        changed = dataclasses.replace(revision, response_format=given)
        assert changed.response_format in (TextFormat(), UnknownResponseFormat("x", {}))


def test_metadata_can_have_texts_and_lists_of_them():
    run = CreatePromptRun(
        inputs={}, metadata={"a": "x", "b": ["y"], "c": ()}, thread=ID
    )
    assert run.metadata == {"a": "x", "b": ("y",), "c": ()}
    assert run.thread == UUID(ID)
    assert run.to_dict()["metadata"] == {"a": "x", "b": ["y"], "c": []}


def test_a_number_is_a_float_and_an_int_stays_one():
    class Count(enum.IntEnum):
        THREE = 3

    assert type(ModelParams(temperature=1).temperature) is float
    assert type(TokenUsage(Count.THREE, 0, 0, 0, 0).input) is int
    assert VersionRef(ID, 3).id_or_tag == 3


def test_a_result_does_not_change_with_the_dict_or_list_that_it_was_built_of():
    payload, queries = {"a": 1}, ["q"]
    data = TranscriptData("t", payload)
    tool = TranscriptTool("t", "ok", queries, [])
    payload["a"] = 2
    queries.append("r")
    assert (data.payload, tool.queries) == ({"a": 1}, ("q",))


# --- what does not fit ---

IN_ITSELF = {}
IN_ITSELF["a"] = [IN_ITSELF]

TEXTS = [
    (lambda: prompt_run(status=5), "PromptRun.status must be a RunStatus or its text, not int"),
    (lambda: prompt_run(status=None), "PromptRun.status must be a RunStatus or its text, not NoneType"),
    (lambda: prompt_run(id="65a3..."), "PromptRun.id must be a UUID"),
    (lambda: prompt_run(id="65a3f0c-46a1e-7cc3-9d3f-2f6b8c1d4e5f"), "PromptRun.id must be a UUID"),
    (lambda: prompt_run(id=7), "PromptRun.id must be a UUID or its text, not int"),
    (lambda: prompt_run(created_at="today"), "PromptRun.created_at must be a date and time (RFC 3339)"),
    (lambda: prompt_run(created_at=0), "PromptRun.created_at must be a datetime or its text, not int"),
    (lambda: prompt_run(created_at=MOMENT.date()), "PromptRun.created_at must be a datetime or its text, not date"),
    (lambda: prompt_run(output=b"x"), "PromptRun.output must be a str, not bytes"),
    (lambda: prompt_run(emitted=None), "PromptRun.emitted must be a tuple or a list, not NoneType"),
    (lambda: prompt_run(emitted={}), "PromptRun.emitted must be a tuple or a list, not dict"),
    (lambda: prompt_run(emitted=iter(())), "PromptRun.emitted must be a tuple or a list, not tuple_iterator"),
    (lambda: WebSearch(allowed_domains="abc"), "WebSearch.allowed_domains must be a tuple or a list, not str"),
    (lambda: WebSearch(allowed_domains=b"abc"), "WebSearch.allowed_domains must be a tuple or a list, not bytes"),
    (lambda: WebSearch(["a", 7]), "WebSearch.allowed_domains[1] must be a str, not int"),
    (lambda: WebSearch(type="http"), "WebSearch.type must be 'web_search'"),
    (lambda: prompt_run(emitted=["x"]), "PromptRun.emitted[0] must be an EmittedItem or a dict, not str"),
    (lambda: prompt_run(emitted=[{"tool": "t"}]), "PromptRun.emitted[0].payload is missing"),
    (lambda: prompt_run(emitted=[{"tool": "t", "payload": []}]), "PromptRun.emitted[0].payload must be a dict, not list"),
    (lambda: EmittedItem("t", {7: 1}), "EmittedItem.payload must have a str for each key, not int"),
    (lambda: EmittedItem("t", {"a": {1, 2}}), "EmittedItem.payload['a'] must be what JSON has, not set"),
    (lambda: EmittedItem("t", {"a": UUID(ID)}), "EmittedItem.payload['a'] must be what JSON has, not UUID"),
    (lambda: EmittedItem("t", {"a": MOMENT}), "EmittedItem.payload['a'] must be what JSON has, not datetime"),
    (lambda: EmittedItem("t", {"a": [1, b"x"]}), "EmittedItem.payload['a'][1] must be what JSON has, not bytes"),
    (lambda: EmittedItem("t", {"a": {"b": {7: 1}}}), "EmittedItem.payload['a']['b'] must have a str for each key, not int"),
    (lambda: EmittedItem("t", {"a": float("nan")}), "EmittedItem.payload['a'] must be a finite number"),
    (lambda: EmittedItem("t", {"a": [float("-inf")]}), "EmittedItem.payload['a'][0] must be a finite number"),
    (lambda: EmittedItem("t", {"a": -(10**4300)}), "EmittedItem.payload['a'] must be an int of at most 4300 digits"),
    (lambda: TokenUsage(10**4300, 0, 1, 0, 2), "TokenUsage.input must be an int of at most 4300 digits"),
    (lambda: EmittedItem("t", IN_ITSELF), "EmittedItem.payload is nested too deep"),
    (lambda: UnknownTool("x", {"type": "x", "a": {1}}), "UnknownTool.data['a'] must be what JSON has, not set"),
    (lambda: prompt_run(transcript=[TextFormat()]), "PromptRun.transcript[0] must be a TranscriptItem or a dict, not TextFormat"),
    (lambda: prompt_run(transcript=[{}]), "PromptRun.transcript[0].type is missing"),
    (lambda: prompt_run(transcript=[{"type": 7}]), "PromptRun.transcript[0].type must be a str, not int"),
    (lambda: prompt_run(transcript=[{"type": "text", "content": "x"}]), "PromptRun.transcript[0].citations is missing"),
    (lambda: prompt_run(transcript=[{"type": "text", "content": "x", "citations": [{"title": 1}]}]),
     "PromptRun.transcript[0].citations[0].title must be a str, not int"),
    (lambda: prompt_run(token_usage=5), "PromptRun.token_usage must be a TokenUsage or a dict, not int"),
    (lambda: prompt_run(token_usage={**USAGE, "inputCached": "0"}), "PromptRun.token_usage.inputCached must be an int, not str"),
    (lambda: prompt_run(cost={"success": COST, "retries": {}, "total": 1}), "PromptRun.cost.retries.input is missing"),
    (lambda: TokenUsage(True, 0, 0, 0, 0), "TokenUsage.input must be an int, not bool"),
    (lambda: TokenUsage(1.0, 0, 0, 0, 0), "TokenUsage.input must be an int, not float"),
    (lambda: ModelParams(temperature="1"), "ModelParams.temperature must be a number, not str"),
    (lambda: ModelParams(temperature=True), "ModelParams.temperature must be a number, not bool"),
    (lambda: ModelParams(temperature=Decimal(1)), "ModelParams.temperature must be a number, not Decimal"),
    (lambda: ModelParams(temperature=Fraction(1, 2)), "ModelParams.temperature must be a number, not Fraction"),
    (lambda: ModelParams(temperature=float("nan")), "ModelParams.temperature must be a finite number"),
    (lambda: ModelParams(temperature=10**400), "ModelParams.temperature must be a finite number"),
    (lambda: ModelParams(reasoning_summary=1), "ModelParams.reasoning_summary must be a bool, not int"),
    (lambda: VersionRef(ID, 1.0), "VersionRef.id_or_tag must be an int or a str, not float"),
    (lambda: VersionRef(ID, True), "VersionRef.id_or_tag must be an int or a str, not bool"),
    (lambda: WorkflowRun(ID, "failed", MOMENT, {"a": 7}, []), "WorkflowRun.outputs['a'] must be a str, not int"),
    (lambda: WorkflowRun(ID, "failed", MOMENT, [], []), "WorkflowRun.outputs must be a dict, not list"),
    (lambda: CreatePromptRun({"age": 7}), "CreatePromptRun.inputs['age'] must be a str, not int"),
    (lambda: CreatePromptRun({}, metadata={"a": 7}), "CreatePromptRun.metadata['a'] must be a str or a tuple or list of str, not int"),
    (lambda: CreatePromptRun({}, metadata={"a": ["x", 7]}), "CreatePromptRun.metadata['a'][1] must be a str, not int"),
    (lambda: UnknownTool(7, {}), "UnknownTool.type must be a str, not int"),
    (lambda: UnknownTool("x", None), "UnknownTool.data must be a dict, not NoneType"),
    (lambda: dataclasses.replace(prompt_run(), status=5), "PromptRun.status must be a RunStatus or its text, not int"),
]  # fmt: skip


def test_a_free_value_becomes_what_json_has_and_is_written_and_read_as_that():
    class Text(str):
        __slots__ = ()

    class Number(enum.IntEnum):
        ONE = 1

    given = {
        "text": Text("x"),
        "enum": RunStatus.PENDING,
        "number": Number.ONE,
        "tuple": (1, [2.5, (None, True)]),
        "mapping": types.MappingProxyType({"a": (1,)}),
        "huge": 10**4300 - 1,
    }
    item = EmittedItem("t", given)
    assert item.payload == {
        "text": "x",
        "enum": "pending",
        "number": 1,
        "tuple": [1, [2.5, [None, True]]],
        "mapping": {"a": [1]},
        "huge": 10**4300 - 1,
    }
    kinds = [type(value) for value in item.payload.values()]
    assert kinds == [str, str, int, list, dict, int]
    assert item.to_dict()["payload"] == item.payload
    assert EmittedItem.from_json(item.to_json()) == item
    given["tuple"][1].append(7)
    assert item.payload["tuple"] == [1, [2.5, [None, True]]]


@pytest.mark.parametrize(("build", "text"), TEXTS, ids=[text for _, text in TEXTS])
def test_what_does_not_fit_is_refused_and_the_error_names_the_field(build, text):
    refused(build, text)


@schemas
def test_every_field_refuses_what_is_of_no_type_of_json(name):
    model = getattr(promptjuggler, name)
    good = model.from_dict(Maker(3).document(name))
    for item in dataclasses.fields(model):
        with pytest.raises(ValidationError) as caught:
            dataclasses.replace(good, **{item.name: object()})
        assert str(caught.value).startswith(f"{name}.{item.name} must be ")


@schemas
def test_broken_documents_give_a_result_with_its_types_or_a_validation_error(name):
    model = getattr(promptjuggler, name)
    fields = [snake(field["wire"]) for field in SCHEMAS[name]]
    outcomes = collections.Counter()
    for seed in range(75):
        maker = Maker(seed)
        document = maker.broken(maker.document(name))
        if not isinstance(document, dict):
            continue
        given = {snake(wire): value for wire, value in document.items()}
        defaults = model.__dataclass_fields__
        if any(
            defaults[key].default is dataclasses.MISSING
            for key in fields
            if key not in given
        ):
            continue  # Python's own TypeError, for an argument that is missing.
        try:
            built = model(**{key: given[key] for key in fields if key in given})
        except ValidationError:
            outcomes["refused"] += 1
        else:
            assert model.from_dict(built.to_dict()) == built
            assert_same_types(model.from_dict(built.to_dict()), built)
            outcomes["built"] += 1
    assert outcomes["refused"]


def test_no_error_shows_a_value_that_can_be_a_secret():
    secret = "sekret"
    wrong = [secret]
    builds = [
        lambda: HttpHeader("Authorization", wrong),
        lambda: Mcp("n", "u", authorization_token=wrong),
        lambda: StreamTokenResponse(wrong, MOMENT, "u"),
        lambda: CreatePromptRun({}, env_vars={"KEY": wrong}),
        lambda: CreatePromptRun({}, env_vars=wrong),
    ]
    for build in builds:
        with pytest.raises(ValidationError) as caught:
            build()
        assert_silent(caught.value)


def test_error_texts_stay_short_whatever_was_given():
    long = "x" * 100_000
    for build in (
        lambda: prompt_run(id=long),
        lambda: prompt_run(created_at=long),
        lambda: CreatePromptRun({long: 7}),
    ):
        with pytest.raises(ValidationError) as caught:
            build()
        assert len(str(caught.value)) < 200


# --- what it must not cost ---


def test_what_is_read_copied_or_unpickled_does_not_pass_through_the_checks(monkeypatch):
    run = PromptRun.from_dict(Maker(7).document("PromptRun"))
    calls = []
    base = Citation.__mro__[1]
    monkeypatch.setattr(base, "__post_init__", lambda self: calls.append(self))
    document = run.to_dict()
    again = PromptRun.from_dict(document)
    copies = [copy.copy(again), copy.deepcopy(again), pickle.loads(pickle.dumps(run))]
    assert copies == [run] * 3
    assert all(one.to_dict() == document for one in copies)
    assert calls == []
    assert dataclasses.replace(run) == run
    assert calls != []


# --- subclasses of users ---


class Answer(PromptRun):
    """A class without fields of its own; it has a `__dict__`."""

    @functools.cached_property
    def words(self):
        return (self.output or "").split()


@dataclasses.dataclass(frozen=True)
class Noted(PromptRun):
    """A class with fields, and without slots."""

    note: str = ""
    labels: "set[str] | None" = None


@dataclasses.dataclass(frozen=True, slots=True)
class Rated(PromptRunFinished):
    """A class with slots, and annotations that are texts."""

    stars: "int" = 0
    finished: "datetime | None" = None
    parts: "tuple[int, str] | None" = None
    kind: "NotThere" = None  # noqa: F821


def test_a_subclass_is_built_read_copied_and_pickled_as_any_result():
    document = prompt_run(output="two words").to_dict()
    for kind in (Answer, Noted):
        run = kind.from_dict(document)
        for one in (run, copy.deepcopy(run), pickle.loads(pickle.dumps(run))):
            assert type(one) is kind
            assert one == run
            assert one.to_dict() == document
        changed = dataclasses.replace(run, status="failed")
        assert (type(changed), changed.status) == (kind, RunStatus.FAILED)
        with pytest.raises(dataclasses.FrozenInstanceError, match="other"):
            run.other = 1
    assert Answer.from_dict(document).words == ["two", "words"]


def test_the_fields_of_a_subclass_are_checked_where_their_types_are_known():
    noted = Noted.from_dict({**prompt_run().to_dict(), "note": "good", "labels": {"a"}})
    assert (noted.note, noted.labels) == ("good", {"a"})
    assert pickle.loads(pickle.dumps(noted)) == noted
    refused(
        lambda: dataclasses.replace(noted, note=7), "Noted.note must be a str, not int"
    )
    rated = Rated(ID, "failed", 3, parts=(1, "a"), kind=object)
    assert (rated.id, rated.parts, rated.kind) == (UUID(ID), (1, "a"), object)
    assert Rated.from_dict({"id": ID, "status": "failed"}) == Rated(ID, "failed")


def test_a_match_statement_sees_the_fields_of_what_was_built():
    match prompt_run(transcript=[{"type": "text", "content": "Hi", "citations": []}]):
        case PromptRun(
            status="completed", transcript=(TranscriptText(content=text), *_)
        ):
            assert text == "Hi"
        case _:
            pytest.fail("the run was not matched")


@pytest.mark.parametrize("name", [v for kinds in VARIANTS.values() for v in kinds.values()])  # fmt: skip
def test_the_actual_instance_of_a_member_of_a_union_is_itself(name):
    member = getattr(promptjuggler, name).from_dict(Maker(1).document(name))
    assert member.actual_instance is member
    assert "actualInstance" not in member.to_dict()


def test_the_actual_instance_of_an_unknown_member_is_itself():
    for kind in (UnknownTool, UnknownResponseFormat, UnknownTranscriptItem):
        member = kind("brewing", {"type": "brewing"})
        assert member.actual_instance is member
    assert not hasattr(prompt_run(), "actual_instance")
    assert JsonObjectFormat().actual_instance == JsonObjectFormat()
