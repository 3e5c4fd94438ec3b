"""The open enums: a value that the API adds later is no error."""

import copy
import json
import pickle
import subprocess
import sys

import pytest
from helpers.documents import ENUMS
from helpers.package import ENV, NAME

import promptjuggler
from promptjuggler import RunStatus, ServiceTier

KNOWN = [(name, value) for name, values in ENUMS.items() for value in values]
# Beside an ordinary new value: none at all, one that is the name of a member, and some
# that are no identifiers.
NEW = ["brewing", "", "PENDING", "two words", "日本", "\ud800"]
names = pytest.mark.parametrize("name", ENUMS)


@names
def test_an_enum_of_the_api_is_public_and_has_exactly_its_values_in_capitals(name):
    kind = getattr(promptjuggler, name)
    assert {member.name: member.value for member in kind} == {
        value.upper(): value for value in ENUMS[name]
    }


def test_there_is_no_enum_that_the_api_does_not_have():
    public = {name: getattr(promptjuggler, name) for name in promptjuggler.__all__}
    assert {
        name for name, value in public.items() if type(value) is type(RunStatus)
    } == set(ENUMS)


@pytest.mark.parametrize(("name", "value"), KNOWN)
def test_a_known_value_gives_the_one_member(name, value):
    kind = getattr(promptjuggler, name)
    assert kind(value) is kind[value.upper()] is getattr(kind, value.upper())


@names
@pytest.mark.parametrize("value", NEW)
def test_an_unknown_value_becomes_a_member_with_the_string_as_name_and_value(
    name, value
):
    member = getattr(promptjuggler, name)(value)
    assert type(member) is getattr(promptjuggler, name)
    assert (member.name, member.value) == (value, value)


@names
def test_unknown_values_do_not_make_the_class_grow(name):
    kind = getattr(promptjuggler, name)
    before = list(kind)
    for number in range(100):
        kind(f"new {number}")
    assert list(kind) == before == list(kind.__members__.values())
    assert "new 7" not in kind.__members__
    with pytest.raises(KeyError):
        kind["new 7"]


@pytest.mark.parametrize("value", ["pending", *NEW])
def test_a_member_equals_its_string_and_is_found_by_it(value):
    member = RunStatus(value)
    assert member == value
    assert value == member
    assert member != value + "x"
    assert hash(member) == hash(value)
    assert {member: 1}[value] == {value: 1}[member] == 1
    assert isinstance(member, str)


def test_two_members_of_the_same_unknown_value_are_equal():
    assert RunStatus("brewing") == RunStatus("brewing")
    assert {RunStatus("brewing"), RunStatus("brewing"), "brewing"} == {"brewing"}


@pytest.mark.parametrize("value", ["pending", "brewing"])
def test_a_member_prints_as_its_string_on_every_python(value):
    member = RunStatus(value)
    assert str(member) == value
    assert f"{member}" == value
    assert "%s" % member == value  # noqa: UP031
    assert "{}".format(member) == value  # noqa: UP032
    assert format(member) == value
    assert f"{member:>10}" == value.rjust(10)
    assert type(str(member)) is str
    assert json.dumps({"status": member}) == json.dumps({"status": value})


def test_the_repr_names_the_class_and_the_value():
    assert repr(RunStatus.PENDING) == "<RunStatus.PENDING: 'pending'>"
    assert repr(RunStatus("brewing")) == "<RunStatus.brewing: 'brewing'>"


@pytest.mark.parametrize("value", ["pending", *NEW[:-1]])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_member_pickles(value, protocol):
    member = pickle.loads(pickle.dumps(RunStatus(value), protocol))
    assert type(member) is RunStatus
    assert (member, member.name) == (value, RunStatus(value).name)


@pytest.mark.parametrize("value", ["pending", "brewing"])
def test_a_member_can_be_copied(value):
    for member in (copy.copy(RunStatus(value)), copy.deepcopy(RunStatus(value))):
        assert type(member) is RunStatus
        assert member == value


def test_an_unknown_value_can_be_unpickled_where_it_was_never_seen():
    pickled = pickle.dumps(RunStatus("brewing"))
    code = f"import pickle, {NAME}; print(pickle.loads({pickled!r}).name)"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=ENV,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert result.stdout == "brewing\n", result.stderr


@pytest.mark.parametrize("value", [None, 7, b"pending", ["pending"], 1.5])
def test_what_is_no_string_is_no_value(value):
    with pytest.raises(ValueError, match="is not a valid RunStatus"):
        RunStatus(value)


def test_members_of_different_enums_with_the_same_string_are_equal_as_strings():
    assert ServiceTier("pending") == RunStatus.PENDING
    assert type(ServiceTier("pending")) is not type(RunStatus.PENDING)


def test_a_known_member_can_be_matched():
    match RunStatus("failed"):
        case RunStatus.PENDING | RunStatus.COMPLETED:
            found = "wrong"
        case RunStatus.FAILED:
            found = "right"
    assert found == "right"
