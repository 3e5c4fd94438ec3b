"""Arguments are checked before anything is sent; the text of the error says which one,
and which type it had.
"""

import enum
from collections import UserDict, UserString
from decimal import Decimal
from types import MappingProxyType
from uuid import UUID

import pytest
from helpers.calls import RUN_ID
from helpers.errors import shown_before
from helpers.secrets import ENV_VARS, assert_silent
from helpers.servers import ScriptedServer, respond

from promptjuggler import PromptJuggler, RunStatus, ValidationError
from promptjuggler._arguments import checked_seconds

STARTED = {"id": RUN_ID, "thread": RUN_ID}


class Tag(str, enum.Enum):
    LIVE = "production"


class Number(enum.IntEnum):
    THREE = 3


class BadMapping(UserDict):
    """A mapping that is no dict."""


@pytest.fixture(scope="module")
def server():
    with ScriptedServer(respond((200, STARTED))) as server:
        yield server


@pytest.fixture(scope="module")
def pj(server):
    with PromptJuggler("test-key", base_url=server.url, max_retries=0) as pj:
        yield pj


def refused(server, call, text):
    """That `call` raises a ValidationError with exactly this text, and sends nothing."""
    before = server.connections, len(server.requests)
    with pytest.raises(ValidationError) as caught:
        call()
    assert str(caught.value) == text
    assert isinstance(caught.value, ValueError)
    assert (server.connections, len(server.requests)) == before


STARTS = pytest.mark.parametrize("start", ["run_prompt", "run_workflow"])


@STARTS
@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"age": 5}, "inputs['age'] must be a str, not int"),
        ({"ok": "", "age": None}, "inputs['age'] must be a str, not NoneType"),
        ({"age": b"5"}, "inputs['age'] must be a str, not bytes"),
        ({"age": ["5"]}, "inputs['age'] must be a str, not list"),
        ({"age": UserString("5")}, "inputs['age'] must be a str, not UserString"),
        ({5: "age"}, "every key of inputs must be a str, not int"),
        ({b"age": "5"}, "every key of inputs must be a str, not bytes"),
        (None, "inputs must be a mapping of str to str, not NoneType"),
        ([("age", "5")], "inputs must be a mapping of str to str, not list"),
        ('{"age": "5"}', "inputs must be a mapping of str to str, not str"),
        (BadMapping({"age": 5}), "inputs['age'] must be a str, not int"),
    ],
)
def test_inputs_must_be_a_mapping_of_str_to_str(server, pj, start, inputs, text):
    refused(server, lambda: getattr(pj, start)("p", 1, inputs), text)


@STARTS
@pytest.mark.parametrize(
    ("env_vars", "text"),
    [
        ({"A_KEY": 5}, "env_vars['A_KEY'] must be a str, not int"),
        ({1: "x"}, "every key of env_vars must be a str, not int"),
        (["A=1"], "env_vars must be a mapping of str to str, not list"),
        ("A=1", "env_vars must be a mapping of str to str, not str"),
    ],
)
def test_env_vars_must_be_a_mapping_of_str_to_str(server, pj, start, env_vars, text):
    refused(server, lambda: getattr(pj, start)("p", 1, {}, env_vars=env_vars), text)


@STARTS
@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ({"user": 7}, "metadata['user'] must be a str or a sequence of str, not int"),
        (
            {"user": None},
            "metadata['user'] must be a str or a sequence of str, not NoneType",
        ),
        (
            {"user": b"x"},
            "metadata['user'] must be a str or a sequence of str, not bytes",
        ),
        (
            {"user": bytearray(b"x")},
            "metadata['user'] must be a str or a sequence of str, not bytearray",
        ),
        (
            {"user": {"x"}},
            "metadata['user'] must be a str or a sequence of str, not set",
        ),
        (
            {"user": {"x": "y"}},
            "metadata['user'] must be a str or a sequence of str, not dict",
        ),
        (
            {"user": (x for x in "ab")},
            "metadata['user'] must be a str or a sequence of str, not generator",
        ),
        ({"tags": ["a", 5]}, "metadata['tags'][1] must be a str, not int"),
        ({"tags": [["a"]]}, "metadata['tags'][0] must be a str, not list"),
        ({7: "x"}, "every key of metadata must be a str, not int"),
        ([], "metadata must be a mapping of str to str or a sequence of str, not list"),
    ],
)
def test_metadata_must_be_a_mapping_of_str_to_a_str_or_a_sequence_of_str(
    server, pj, start, metadata, text
):
    refused(server, lambda: getattr(pj, start)("p", 1, {}, metadata=metadata), text)


@STARTS
@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"priority": "high"},
            "priority must be 'onsite', 'normal' or 'low', not 'high'",
        ),
        ({"priority": ""}, "priority must be 'onsite', 'normal' or 'low', not ''"),
        (
            {"priority": "Normal"},
            "priority must be 'onsite', 'normal' or 'low', not 'Normal'",
        ),
        ({"priority": 1}, "priority must be a str, not int"),
        ({"environment": 1}, "environment must be a str, not int"),
        ({"environment": b"x"}, "environment must be a str, not bytes"),
        ({"thread": "main"}, "thread must be a UUID"),
        ({"thread": ""}, "thread must be a UUID"),
        ({"thread": 5}, "thread must be a UUID or its text, not int"),
    ],
)
def test_the_other_options_of_a_run_are_checked(server, pj, start, options, text):
    refused(server, lambda: getattr(pj, start)("p", 1, {}, **options), text)


def test_channel_must_be_a_str(server, pj):
    refused(
        server,
        lambda: pj.run_prompt("p", 1, {}, channel=1),
        "channel must be a str, not int",
    )


def test_a_workflow_has_no_channel(pj):
    with pytest.raises(TypeError, match="channel"):
        pj.run_workflow("p", 1, {}, channel="side")


HALF = "\ud800"  # of a surrogate pair, as os.fsdecode() leaves for a byte that is not UTF-8


@STARTS
@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"inputs": {"a": "ok", "age": HALF}}, "inputs['age']"),
        ({"inputs": {"age": "x" * 10_000 + "é" + HALF}}, "inputs['age']"),
        ({"inputs": {HALF: "x"}}, r"the key '\ud800' of inputs"),
        ({"inputs": {"naïve 🎈": HALF}}, r"inputs['na\xefve \U0001f388']"),
        ({"env_vars": {"KEY": "\udfff"}}, "env_vars['KEY']"),
        ({"env_vars": {HALF: "x"}}, r"the key '\ud800' of env_vars"),
        ({"metadata": {"user": HALF}}, "metadata['user']"),
        ({"metadata": {"tags": ["a", HALF]}}, "metadata['tags'][1]"),
        ({"metadata": {HALF: "x"}}, r"the key '\ud800' of metadata"),
        ({"environment": HALF}, "environment"),
    ],
)
def test_a_lone_surrogate_is_refused_with_the_place_where_it_is(
    server, pj, start, arguments, place
):
    options = {"inputs": {}, **arguments}
    refused(
        server,
        lambda: getattr(pj, start)("p", 1, **options),
        f"{place} must be encodable as UTF-8",
    )


def test_a_lone_surrogate_in_a_channel_is_refused(server, pj):
    text = "channel must be encodable as UTF-8"
    refused(server, lambda: pj.run_prompt("p", 1, {}, channel=HALF), text)
    text = "every one of channels must be encodable as UTF-8"
    refused(server, lambda: pj.stream(RUN_ID, channels=["a", HALF]), text)


def test_a_lone_surrogate_in_an_environment_variable_shows_no_value(pj):
    env_vars = {"KEY": ENV_VARS["A_TOKEN"] + HALF}
    with pytest.raises(ValidationError) as caught:
        pj.run_prompt("p", 1, {}, env_vars=env_vars)
    assert_silent(caught.value)


def test_what_utf8_can_encode_is_sent_as_it_is(server, pj):
    text = "naïve 日本語 🎈 \x00\u2028"
    pj.run_prompt("p", 1, {text: text}, metadata={text: [text]}, channel=text)
    sent = {"inputs": {text: text}, "metadata": {text: [text]}, "channel": text}
    assert server.requests[-1].json() == sent


WITH_SLUG = {
    "get_prompt": lambda pj, slug: pj.get_prompt(slug, 1),
    "run_prompt": lambda pj, slug: pj.run_prompt(slug, 1, {}),
    "run_workflow": lambda pj, slug: pj.run_workflow(slug, 1, {}),
    "get_knowledge_base": lambda pj, slug: pj.get_knowledge_base(slug),
    "wait_for_knowledge_base": lambda pj, slug: pj.wait_for_knowledge_base(slug),
    "upload_documents": lambda pj, slug: pj.upload_documents(slug, [("a", b"")]),
}
WITH_VERSION = {
    "get_prompt": lambda pj, version: pj.get_prompt("p", version),
    "run_prompt": lambda pj, version: pj.run_prompt("p", version, {}),
    "run_workflow": lambda pj, version: pj.run_workflow("p", version, {}),
}
WITH_ID = {
    "get_prompt_run": "run_id", "get_workflow_run": "run_id", "wait_for_prompt_run": "run_id",
    "wait_for_workflow_run": "run_id", "create_stream_token": "thread", "get_knowledge_document": "document_id",
    "delete_knowledge_document": "document_id", "wait_for_knowledge_document": "document_id",
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_SLUG)
@pytest.mark.parametrize(
    ("slug", "text"),
    [
        ("", "slug must not be ''"),
        (".", "slug must not be '.'"),
        ("..", "slug must not be '..'"),
        (None, "slug must be a str, not NoneType"),
        (5, "slug must be a str, not int"),
        (b"greet", "slug must be a str, not bytes"),
        ("\ud800", "slug must be encodable as UTF-8"),
    ],
)
def test_a_slug_must_be_a_text_that_is_one_segment_of_a_path(
    server, pj, name, slug, text
):
    refused(server, lambda: WITH_SLUG[name](pj, slug), text)


@pytest.mark.parametrize("name", WITH_VERSION)
@pytest.mark.parametrize(
    ("version", "text"),
    [
        (True, "version must be an int or a str, not bool"),
        (False, "version must be an int or a str, not bool"),
        (1.0, "version must be an int or a str, not float"),
        (None, "version must be an int or a str, not NoneType"),
        ("", "version must not be ''"),
        (".", "version must not be '.'"),
        ("..", "version must not be '..'"),
        ("\udfff", "version must be encodable as UTF-8"),
        (0, "version must be a number of at least 1, or a tag"),
        (-1, "version must be a number of at least 1, or a tag"),
        (-(10**30), "version must be a number of at least 1, or a tag"),
        ("0", "version must be a number of at least 1, or a tag"),
        ("-1", "version must be a number of at least 1, or a tag"),
        ("-0", "version must be a number of at least 1, or a tag"),
    ],
)
def test_a_version_must_be_an_int_or_a_text_that_is_one_segment_of_a_path(
    server, pj, name, version, text
):
    refused(server, lambda: WITH_VERSION[name](pj, version), text)


def test_a_version_of_thousands_of_digits_is_refused_or_sent_but_is_no_other_error(pj):
    with pytest.raises(ValidationError, match="^version is too large a number$"):
        pj.run_prompt("p", 10**5000, {})


@pytest.mark.parametrize(
    ("version", "sent"),
    [(3, "3"), ("3", "3"), (1, "1"), ("production", "production"), ("__latest__", "__latest__"),
     (Tag.LIVE, "production"), (Number.THREE, "3"), (RunStatus("v 2"), "v%202"), ("v1.0~b-2_c", "v1.0~b-2_c")],
)  # fmt: skip
def test_a_version_is_sent_as_its_number_or_text(server, pj, version, sent):
    pj.run_prompt("p", version, {})
    assert server.requests[-1].target == f"/api/v1/prompts/p/{sent}/runs"


@pytest.mark.parametrize("name", WITH_ID)
@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("", "must be a UUID"),
        ("latest", "must be a UUID"),
        (RUN_ID[:-1], "must be a UUID"),
        (RUN_ID + "0", "must be a UUID"),
        (RUN_ID + "\n", "must be a UUID"),
        ("../" + RUN_ID, "must be a UUID"),
        (RUN_ID.replace("0", "٠", 1), "must be a UUID"),
        (RUN_ID.replace("-", "_"), "must be a UUID"),
        ("--" + RUN_ID, "must be a UUID"),
        (RUN_ID[:4] + "-" + RUN_ID[4:], "must be a UUID"),
        (None, "must be a UUID or its text, not NoneType"),
        (5, "must be a UUID or its text, not int"),
        (UUID(RUN_ID).bytes, "must be a UUID or its text, not bytes"),
    ],
)
def test_an_id_must_be_a_uuid_or_its_text(server, pj, name, value, problem):
    refused(server, lambda: getattr(pj, name)(value), f"{WITH_ID[name]} {problem}")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in [*WITH_ID, "wait_for_knowledge_base"]
        if name.startswith("wait_")
    ],
)
def test_the_times_of_a_wait_must_be_finite_numbers_and_its_interval_above_0(
    server, pj, name
):
    argument = "docs" if name.endswith("base") else RUN_ID
    wait = getattr(pj, name)
    for value in (float("nan"), float("inf"), float("-inf")):
        text = "timeout must be a finite number of seconds"
        refused(server, lambda: wait(argument, timeout=value), text)  # noqa: B023
    for value in (0, -1, float("nan"), float("inf")):
        text = "poll_interval must be a finite number of seconds above 0"
        refused(server, lambda: wait(argument, poll_interval=value), text)  # noqa: B023
    refused(
        server,
        lambda: wait(argument, timeout=None),
        "timeout must be a number of seconds, not NoneType",
    )
    refused(
        server,
        lambda: wait(argument, timeout=True),
        "timeout must be a number of seconds, not bool",
    )
    refused(
        server,
        lambda: wait(argument, poll_interval="1"),
        "poll_interval must be a number of seconds, not str",
    )


def test_any_int_or_float_is_a_number_of_seconds_and_others_are_not():
    assert checked_seconds("timeout", 3) == 3.0
    assert checked_seconds("timeout", 1e-9) == 1e-9
    for value in (Decimal(3), 3j, "3"):
        with pytest.raises(ValidationError):
            checked_seconds("timeout", value)


def test_any_mapping_and_any_sequence_will_do(server, pj):
    inputs, tags = MappingProxyType({"a": "b"}), ("x", "y")
    pj.run_prompt(
        "p", 1, inputs, env_vars=UserDict(A="1"), metadata=UserDict(tags=tags)
    )
    assert server.requests[-1].json() == {
        "inputs": {"a": "b"},
        "envVars": {"A": "1"},
        "metadata": {"tags": ["x", "y"]},
    }


def test_a_str_enum_is_sent_as_its_value(server, pj):
    pj.run_prompt(Tag.LIVE, Tag.LIVE, {"a": Tag.LIVE}, environment=Tag.LIVE)
    assert server.requests[-1].target == "/api/v1/prompts/production/production/runs"
    assert server.requests[-1].json() == {
        "inputs": {"a": "production"},
        "environment": "production",
    }


@pytest.mark.parametrize("form", ["{}", "{{{}}}", "urn:uuid:{}"])
def test_an_id_in_any_form_of_a_uuid_is_sent_as_its_one_text(server, pj, form):
    text = form.format(RUN_ID)
    for some_id in (
        text,
        text.upper(),
        text.replace("-", ""),
        enum.Enum("Id", {"RUN": text}, type=str).RUN,
    ):
        pj.delete_knowledge_document(some_id)
        assert server.requests[-1].target == f"/api/v1/knowledge-documents/{RUN_ID}"
        pj.run_prompt("p", 1, {}, thread=some_id)
        assert server.requests[-1].json()["thread"] == RUN_ID


@pytest.mark.parametrize(
    "call",
    [
        lambda pj: PromptJuggler("test-key", base_url="https://[::1"),
        lambda pj: PromptJuggler("test-key", base_url="https://a.example:port"),
        lambda pj: pj.get_prompt("\ud800", 1),
        lambda pj: pj.get_prompt("p", "\ud800"),
        lambda pj: pj.get_prompt("p", 10**5000),
        lambda pj: pj.run_prompt("p", 1, {"a": 5}),
        lambda pj: pj.run_workflow("p", 1, {}, env_vars={"A": 5}),
    ],
)
def test_an_error_of_an_argument_shows_no_other_error(call, pj):
    """It would show the argument, which the text leaves out on purpose."""
    with pytest.raises(ValidationError) as caught:
        call(pj)
    assert shown_before(caught.value) is None


def test_error_texts_stay_short_whatever_was_given(pj):
    long = "x" * 100_000
    for call in (
        lambda: pj.run_prompt("p", 1, {}, priority=long),
        lambda: pj.run_prompt("p", 1, {long: 7}),
        lambda: pj.run_prompt("p", 1, {}, metadata={long: [7]}),
        lambda: pj.run_prompt("p", 1, {f"{long}{HALF}": "x"}),
        lambda: pj.get_prompt_run(long),
    ):
        with pytest.raises(ValidationError) as caught:
            call()
        assert len(str(caught.value)) < 200
