"""No statement of any page or call reads a big table from end to end, or sorts more than a thousand rows.

`make plans` runs it on both databases, with 100,000 versions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import Role
from registry.accounts.permissions import Actor
from registry.catalog.models import ModelPackage
from registry.wsgi import application
from tests.api.signing import SignedCall
from tests.benchmarks.asking import Asker, noted_statements
from tests.benchmarks.pages import PAGES, Page
from tests.factories import make_user

from .plans import faults_of

pytestmark = [pytest.mark.plans, pytest.mark.django_db]


@pytest.fixture
def admin(places: Any, db: None) -> Iterator[Any]:
    """Somebody who may see everything; requests leave the test's transaction open."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield make_user(Role.ADMIN, username="bench")
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.parametrize("asked", PAGES, ids=lambda page: page.name.replace(" ", "-"))
def test_every_query_of_a_page_goes_by_an_index(places: Any, admin: Any, asked: Page) -> None:
    address = places.address(asked)
    if not address:
        pytest.skip("there is no such page")
    asker = Asker(application, admin)
    with noted_statements() as noted:
        status, body = asker.get(address, asked.headers)
    assert status in (200, 204), body[:500]
    assert noted
    faults = [fault for statement in noted for fault in faults_of(statement, asked.sorts)]
    if asked.reads_all:
        faults = [fault for fault in faults if fault.startswith("reads all") or "Seq Scan" in fault]
    assert not faults


# Name -> operation and members; {group} and the like are filled in from the data.
GROUP = {"ModelPackageGroupName": "{group_name}"}
VERSION = "arn:aws:sagemaker:us-east-1:000000000000:model-package/{group_name}/{approved}"
GROUP_ARN = "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/{group_name}"
NEWEST = {"SortBy": "CreationTime", "SortOrder": "Descending"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "describe a group": ("DescribeModelPackageGroup", GROUP),
    "describe a version": ("DescribeModelPackage", {"ModelPackageName": VERSION}),
    "describe several": ("BatchDescribeModelPackage", {"ModelPackageArnList": [VERSION]}),
    "list tags": ("ListTags", {"ResourceArn": GROUP_ARN}),
    "list groups": ("ListModelPackageGroups", {}),
    "list groups, newest": ("ListModelPackageGroups", {**NEWEST, "MaxResults": 100}),
    "list groups by name": ("ListModelPackageGroups", {"SortBy": "Name", "SortOrder": "Ascending"}),
    "list groups, name": ("ListModelPackageGroups", {"NameContains": "fraud"}),
    "list versions": ("ListModelPackages", {**GROUP, "MaxResults": 100}),
    "list versions, newest": ("ListModelPackages", {**GROUP, **NEWEST, "MaxResults": 100}),
    "list versions by name": ("ListModelPackages", {**GROUP, "SortBy": "Name", "SortOrder": "Descending"}),
    "list versions, approved": ("ListModelPackages", {**GROUP, **NEWEST, "ModelApprovalStatus": "Approved"}),
    "list versions, latest approved": (
        "ListModelPackages", {**GROUP, **NEWEST, "ModelApprovalStatus": "Approved", "MaxResults": 1},
    ),
    "list versions of a year ago": (
        "ListModelPackages", {**GROUP, "CreationTimeBefore": 1763000000, "CreationTimeAfter": 1762400000},
    ),
    "list unversioned": ("ListModelPackages", {"ModelPackageType": "Unversioned", **NEWEST}),
    "list everything, newest": ("ListModelPackages", {"ModelPackageType": "Both", **NEWEST, "MaxResults": 100}),
    "list versions of all groups, waiting": (
        "ListModelPackages",
        {"ModelPackageType": "Versioned", **NEWEST, "ModelApprovalStatus": "PendingManualApproval"},
    ),
    "register": ("CreateModelPackage", {**GROUP, "ModelApprovalStatus": "PendingManualApproval",
                                        "CustomerMetadataProperties": {"a": "1"}}),
    "update": ("UpdateModelPackage", {"ModelPackageArn": VERSION, "ModelApprovalStatus": "Rejected"}),
    "change metadata": ("UpdateModelPackage", {"ModelPackageArn": VERSION, "CustomerMetadataProperties": {"a": "1"}}),
    "add tags": ("AddTags", {"ResourceArn": GROUP_ARN, "Tags": [{"Key": "new", "Value": "1"}]}),
    "delete a version": ("DeleteModelPackage", {"ModelPackageName": VERSION}),
}  # fmt: skip


def filled(value: Any, places: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: filled(inner, places) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, places) for inner in value]
    return value.format_map(places) if isinstance(value, str) else value


@pytest.mark.parametrize("name", CALLS)
def test_every_query_of_a_call_goes_by_an_index(places: Any, admin: Any, settings: Any, name: str) -> None:
    settings.ALLOWED_HOSTS = ["registry.test"]
    key, secret = create_access_key(actor=Actor.system("test"), user=admin, name="pipeline")
    operation, members = CALLS[name]
    body = json.dumps(filled(members, places)).encode()
    with noted_statements() as noted:
        status, code, answer = SignedCall(key=(key.key_id, secret), operation=operation, body=body).send()
    assert (status, code) == (200, ""), answer
    faults = [fault for statement in noted for fault in faults_of(statement)]
    if token := answer.get("NextToken"):
        body = json.dumps(filled(members, places) | {"NextToken": token}).encode()
        with noted_statements() as noted:
            assert SignedCall(key=(key.key_id, secret), operation=operation, body=body).send()[0] == 200
        faults += [fault for statement in noted for fault in faults_of(statement)]
    assert not faults


# ---------- the suite itself ----------


def test_a_scan_and_a_sort_are_found(places: Any, db: None) -> None:
    table = ModelPackage._meta.db_table
    assert faults_of((f'SELECT COUNT(*) FROM "{table}" WHERE "description" LIKE %s', ("%quux%",)))
    assert faults_of((f'SELECT "id" FROM "{table}" ORDER BY "description" LIMIT 10', ()))
    assert not faults_of((f'SELECT "version" FROM "{table}" WHERE "id" = %s', (1,)))
    assert connection.vendor in ("sqlite", "postgresql")
