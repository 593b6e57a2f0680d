"""Who may do what at the wire's door: each role calls each operation, as a user and with a key that is narrowed to it.

An operation without a row fails, and so does a member of UpdateModelPackage that says nothing of the role it needs.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import Role
from registry.accounts.permissions import MINIMUM_ROLE, Actor
from registry.accounts.services import create_service_account
from registry.api.sagemaker.operations import OPERATIONS
from registry.api.sagemaker.service_model import load
from registry.catalog.models import ModelPackage, ModelPackageGroup, Tag
from registry.catalog.services import set_group_policy
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_user, make_version, specification

from .signing import SignedCall

pytestmark = pytest.mark.django_db

SECRET = "Not for everybody"
READ, CREATE = "registry.read", "model_package.create"
DECIDE, STAGE = "model_package.decide", "model_package.edit_stage"
CONTENT, PAIRS = "model_package.update_content", "model_package.edit_metadata"

ARN = "arn:aws:sagemaker:us-east-1:000000000000:"
GROUP, VERSION, PACKAGE = f"{ARN}model-package-group/fraud", f"{ARN}model-package/fraud/1", f"{ARN}model-package/sold"
LATER = {"Stage": "Production", "StageStatus": "Ready"}
FIRST = {"Stage": "Development", "StageStatus": "Ready"}
CARD = {"ModelCardContent": "{}", "ModelCardStatus": "Draft"}

# Member of UpdateModelPackage -> what it needs, and a value that changes something.
UPDATES: dict[str, tuple[str, Any]] = {
    "AdditionalInferenceSpecificationsToAdd": (CONTENT, [{"Name": "more", **specification()}]),
    "ApprovalDescription": (DECIDE, "Good."),
    "ClientToken": (CONTENT, "once"),
    "CustomerMetadataProperties": (PAIRS, {"b": "2"}),
    "CustomerMetadataPropertiesToRemove": (PAIRS, ["a"]),
    "InferenceSpecification": (CONTENT, specification(image="other:1")),
    "ModelApprovalStatus": (DECIDE, "Approved"),
    "ModelCard": (CONTENT, CARD),
    "ModelLifeCycle": (STAGE, LATER),
    "ModelPackageArn": (CONTENT, VERSION),
    "ModelPackageRegistrationType": (CONTENT, "Registered"),
    "SourceUri": (CONTENT, "s3://models/other"),
}

# Operation -> (what it needs, members of a call that is right but for the caller), as often as that differs.
CALLS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "AddTags": [
        ("model_package_group.edit_tags", {"ResourceArn": GROUP, "Tags": [{"Key": "a", "Value": "b"}]}),
        ("model_package.edit_tags", {"ResourceArn": PACKAGE, "Tags": [{"Key": "a", "Value": "b"}]}),
    ],
    "BatchDescribeModelPackage": [(READ, {"ModelPackageArnList": [VERSION]})],
    "CreateModelPackage": [
        (CREATE, {"ModelPackageGroupName": "fraud"}),
        (CREATE, {"ModelPackageGroupName": "fraud", "ClientToken": "once"}),
        (CREATE, {"ModelPackageGroupName": "fraud", "ModelApprovalStatus": "PendingManualApproval"}),
        (CREATE, {"ModelPackageGroupName": "fraud", "ModelLifeCycle": FIRST}),
        (CREATE, {"ModelPackageName": "new", "Tags": [{"Key": "a", "Value": "b"}]}),
        (DECIDE, {"ModelPackageGroupName": "fraud", "ModelApprovalStatus": "Approved"}),
        (DECIDE, {"ModelPackageGroupName": "fraud", "ModelApprovalStatus": "Rejected"}),
        (STAGE, {"ModelPackageGroupName": "fraud", "ModelLifeCycle": LATER}),
    ],
    "CreateModelPackageGroup": [
        ("model_package_group.create", {"ModelPackageGroupName": "new", "Tags": [{"Key": "a", "Value": "b"}]})
    ],
    "DeleteModelPackage": [
        ("model_package.delete", {"ModelPackageName": VERSION}),
        ("model_package.delete", {"ModelPackageName": "sold"}),
    ],
    "DeleteModelPackageGroup": [("model_package_group.delete", {"ModelPackageGroupName": "empty"})],
    "DeleteModelPackageGroupPolicy": [("model_package_group.edit_policy", {"ModelPackageGroupName": "fraud"})],
    "DeleteTags": [
        ("model_package_group.edit_tags", {"ResourceArn": GROUP, "TagKeys": ["team"]}),
        ("model_package.edit_tags", {"ResourceArn": PACKAGE, "TagKeys": ["team"]}),
    ],
    "DescribeModelPackage": [(READ, {"ModelPackageName": VERSION}), (READ, {"ModelPackageName": "sold"})],
    "DescribeModelPackageGroup": [(READ, {"ModelPackageGroupName": "fraud"})],
    "GetModelPackageGroupPolicy": [(READ, {"ModelPackageGroupName": "fraud"})],
    "GetSearchSuggestions": [
        (READ, {"Resource": "ModelPackage", "SuggestionQuery": {"PropertyNameQuery": {"PropertyNameHint": "Model"}}})
    ],
    "ListModelPackageGroups": [(READ, {})],
    "ListModelPackages": [(READ, {"ModelPackageGroupName": "fraud"}), (READ, {"ModelPackageType": "Both"})],
    "ListTags": [(READ, {"ResourceArn": GROUP}), (READ, {"ResourceArn": PACKAGE})],
    "PutModelPackageGroupPolicy": [
        ("model_package_group.edit_policy", {"ModelPackageGroupName": "fraud", "ResourcePolicy": '{"Version": "2"}'})
    ],
    "Search": [(READ, {"Resource": "ModelPackage"}), (READ, {"Resource": "ModelPackageGroup"})],
    "UpdateModelPackage": [
        *[(needed, {"ModelPackageArn": VERSION, member: value}) for member, (needed, value) in UPDATES.items()],
        (DECIDE, {"ModelPackageArn": VERSION, "SourceUri": "s3://models/other", "ModelApprovalStatus": "Rejected"}),
        (STAGE, {"ModelPackageArn": VERSION, "SourceUri": "s3://models/other", "ModelLifeCycle": LATER}),
    ],
}  # fmt: skip

WALK = [(operation, number) for operation, rows in CALLS.items() for number in range(len(rows))]


@pytest.fixture
def world(db, settings):
    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]
    group = make_group("fraud", description=SECRET, tags=[("team", "risk")])
    set_group_policy(actor=an_actor(), group=group, policy=json.dumps({"Statement": SECRET}))
    make_version(group, description=SECRET, customer_metadata_properties={"a": SECRET.replace(" ", "-")})
    make_package("sold", description=SECRET, tags=[("team", "risk")])
    make_group("empty")


def key_of(role: Role | None, how: str) -> tuple[str, str]:
    """A key of a user with that role, or of a service account that is admin, narrowed to it."""
    if how == "narrowed key":
        user = create_service_account(actor=Actor.system("test"), username="robot", role=Role.ADMIN)
    else:
        user = make_user("admin" if role is None else role)
    narrow = role if how == "narrowed key" else ""
    key, secret = create_access_key(actor=Actor.system("test"), user=user, name="pipeline", role=narrow)
    if role is None:
        user.groups.clear()
    return key.key_id, secret


def state() -> list[Any]:
    """What a refused call must leave as it is."""
    return [list(model.objects.order_by("pk").values()) for model in (ModelPackageGroup, ModelPackage, Tag)]


def test_every_operation_has_a_row():
    assert set(CALLS) == set(OPERATIONS) == set(load()["operations"])


def test_every_row_names_an_action_that_there_is():
    assert {needed for rows in CALLS.values() for needed, _ in rows} <= set(MINIMUM_ROLE)


def test_every_member_of_an_update_says_what_it_needs():
    model = load()
    assert set(UPDATES) == set(model["shapes"][model["operations"]["UpdateModelPackage"]["input"]]["members"])


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("role", "how"),
    [(None, "user"), *((role, how) for role in Role for how in ("user", "narrowed key"))],
    ids=lambda value: str(value),
)
@pytest.mark.parametrize(("operation", "number"), WALK)
def test_each_role_does_just_what_it_may(world, operation, number, role, how):
    needed, members = CALLS[operation][number]
    key = key_of(role, how)
    before, events = state(), Event.objects.count()
    _, code, answer = SignedCall(key=key, operation=operation, body=json.dumps(members).encode()).send()
    if role is not None and role.rank >= MINIMUM_ROLE[needed].rank:
        assert code == "", answer
        changed = set(Event.objects.values_list("door", "access_key")[: Event.objects.count() - events])
        assert changed <= {("sagemaker", "pipeline")}
        return
    # Who may not even read is told that there is no such thing, where the thing is looked up first.
    hidden = role is None and code == "ValidationException" and "does not exist" in answer["message"]
    hidden = hidden or (role is None and "Cannot find" in answer["message"])
    assert code == "AccessDeniedException" or hidden, answer
    assert SECRET not in str(answer) and SECRET.replace(" ", "-") not in str(answer)
    assert (state(), Event.objects.count()) == (before, events)


def test_a_token_does_not_open_the_answer_to_who_may_not_ask(world):
    call = {"operation": "CreateModelPackage", "body": b'{"ModelPackageGroupName": "fraud", "ClientToken": "once"}'}
    assert SignedCall(key=key_of(Role.CONTRIBUTOR, "user"), **call).send()[1] == ""
    assert SignedCall(key=key_of(Role.CONTRIBUTOR, "user"), **call).send()[2]["ModelPackageArn"].endswith("fraud/2")
    for role in (None, Role.VIEWER):
        assert SignedCall(key=key_of(role, "user"), **call).send()[1] == "AccessDeniedException"
