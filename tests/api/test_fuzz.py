"""Requests made from the service model's shapes: valid ones come back equal, broken ones leave nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import regex
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.accounts.models import Role
from registry.api.sagemaker import service_model, views
from registry.api.sagemaker.calls import Call
from registry.api.sagemaker.errors import WireError, from_domain
from registry.api.sagemaker.operations import OPERATIONS
from registry.api.sagemaker.requests import check_members, read_body
from registry.catalog.models import Container, CustomerMetadataProperty, ModelPackage, ModelPackageGroup, Tag
from registry.events.models import Event
from tests.factories import an_actor

pytestmark = [pytest.mark.django_db, pytest.mark.sqlite_only]

EXAMPLES = 680
ROUND = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What stands for a Unicode class of a Java pattern: a few characters of it, odd ones among them.
CLASSES = {"L": "a-zA-Zéß中", "M": "\u0301", "Z": " \u00a0", "S": "+<€", "N": "0-9٣", "P": "!%&,;?\\-"}
MEMBERS_KEPT = 6


def python_pattern(pattern: str) -> str:
    """A Java pattern with its Unicode classes written out, so that hypothesis can make texts of it."""
    pattern = regex.sub(r"\$\{\d+,\d+\}$", "", pattern)
    return regex.sub(r"\\p\{(\w)\}", lambda found: CLASSES[found[1]], pattern)


def texts(shape: dict[str, Any]) -> st.SearchStrategy[str]:
    low, high = shape.get("min", 0), min(shape.get("max", 60), 2000)
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if "pattern" in shape and shape["pattern"] not in (".*", "[\\s\\S]*"):
        made = st.from_regex(python_pattern(shape["pattern"]), fullmatch=True)
        return made.map(lambda text: text[:high]).filter(
            lambda text: (
                len(text) >= low
                and "\0" not in text
                and regex.fullmatch(regex.sub(r"\$\{\d+,\d+\}$", "", shape["pattern"]), text, regex.DOTALL) is not None
            )
        )
    plain = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
    return st.text(plain, min_size=low, max_size=min(high, low + 40))


@cache
def valid(name: str) -> st.SearchStrategy[Any]:
    """Values that the shape of that name allows."""
    shape = service_model.load()["shapes"][name]
    kind = shape["type"]
    if kind == "string":
        return texts(shape)
    if kind in ("integer", "long"):
        return st.integers(shape.get("min", 0), shape.get("max", 1000))
    if kind in ("float", "double"):
        return st.floats(allow_nan=False, allow_infinity=False)
    if kind == "boolean":
        return st.booleans()
    if kind == "timestamp":
        return st.integers(0, 2_000_000_000)
    if kind == "list":
        low = shape.get("min", 0)
        return st.lists(valid(shape["member"]), min_size=low, max_size=min(shape.get("max", 99), max(low, 3)))
    if kind == "map":
        low = shape.get("min", 0)
        return st.dictionaries(valid(shape["key"]), valid(shape["value"]), min_size=low, max_size=max(low, 5))
    required = shape.get("required", ())
    members = shape["members"]
    must = {member: valid(members[member]) for member in required}
    may = {
        member: st.deferred(lambda inner=inner: valid(inner)) for member, inner in members.items() if member not in must
    }
    return st.fixed_dictionaries(must, optional=may)


def answer(operation: str, members: dict[str, Any]) -> dict[str, Any]:
    """What the operation answers an admin in us-east-1, or the WireError it refuses with."""
    actor = an_actor(Role.ADMIN, "sagemaker")
    checked = check_members(operation, read_body(json.dumps(members).encode()))
    try:
        return OPERATIONS[operation](Call(operation, actor, "us-east-1", checked))
    except Exception as error:
        refusal = from_domain(error, caller="c", operation=operation, resource="r")
        if refusal is None:
            raise
        raise refusal from error


def stored() -> tuple[int, ...]:
    tables = (ModelPackageGroup, ModelPackage, Container, CustomerMetadataProperty, Tag, Event)
    return tuple(table.objects.count() for table in tables)


@pytest.fixture
def group(db: None) -> ModelPackageGroup:
    answer("CreateModelPackageGroup", {"ModelPackageGroupName": "fuzz"})
    return ModelPackageGroup.objects.get()


def registrations() -> st.SearchStrategy[dict[str, Any]]:
    """CreateModelPackage for a version of the group "fuzz", with a handful of optional members."""
    shape = service_model.load()["shapes"]["CreateModelPackageInput"]
    without = {"ModelPackageName", "ModelPackageGroupName", "Tags", "ClientToken"}
    names = sorted(set(shape["members"]) - without)

    def build(chosen: list[str]) -> st.SearchStrategy[dict[str, Any]]:
        return st.fixed_dictionaries({name: valid(shape["members"][name]) for name in chosen})

    chosen = st.lists(st.sampled_from(names), max_size=MEMBERS_KEPT, unique=True)
    return chosen.flatmap(build).map(lambda members: {"ModelPackageGroupName": "fuzz", **members})


@ROUND
@given(members=registrations())
def test_what_is_registered_comes_back_exactly(group, members):
    arn = answer("CreateModelPackage", members)["ModelPackageArn"]
    said = answer("DescribeModelPackage", {"ModelPackageName": arn})
    if members.get("ModelLifeCycle", {}).get("StageDescription") == "":
        del members["ModelLifeCycle"]["StageDescription"]  # an empty text is no description
    for member, value in members.items():
        if value not in ("", {}) and member != "CertifyForMarketplace":
            assert said[member] == value, member


WRONG: list[Callable[[Any], Any]] = [
    lambda value: 7 if isinstance(value, str) else "seven",
    lambda value: [value],
    lambda value: {"x": value} if not isinstance(value, dict) else [],
    lambda value: "x" * 200_000 if isinstance(value, str) else True,
    lambda value: "\0" if isinstance(value, str) else "a",
    lambda value: "\n\t\x01" if isinstance(value, str) else "b",
]


@ROUND
@given(members=registrations(), data=st.data())
def test_a_broken_request_is_refused_or_harmless_and_never_half_stored(group, members, data):
    optional = [name for name in members if name != "ModelPackageGroupName"]
    if not optional:
        return
    name = data.draw(st.sampled_from(optional))
    broken = members | {name: data.draw(st.sampled_from(WRONG))(members[name])}
    before = stored()
    try:
        arn = answer("CreateModelPackage", broken)["ModelPackageArn"]
    except WireError as error:
        assert error.code in ("ValidationException", "SerializationException"), error.code
        assert stored() == before
    else:
        said = answer("DescribeModelPackage", {"ModelPackageName": arn})
        assert said.get(name, broken[name]) == broken[name]


@ROUND
@given(data=st.data())
def test_any_valid_request_of_any_operation_is_answered_or_refused_in_words(group, data):
    operation = data.draw(st.sampled_from(sorted(OPERATIONS)))
    members = data.draw(valid(service_model.load()["operations"][operation]["input"]))
    try:
        said = answer(operation, members)
    except WireError as error:
        assert error.status < 500 and error.message
    else:
        json.dumps(said)


def test_the_door_itself_never_raises(rf):
    response = views.dispatch(rf.post("/", data=b"\xff", content_type="text/plain"))
    assert response.status_code == 400 and json.loads(response.content)["__type"]
