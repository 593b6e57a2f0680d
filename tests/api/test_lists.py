"""What a list of the wire costs the database: the same few statements, however many it lists."""

from __future__ import annotations

import json

import pytest

from tests.factories import make_group, make_version

from .signing import SignedCall

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("operation", ["ListModelPackageGroups", "ListModelPackages"])
def test_a_list_takes_as_many_statements_for_many_as_for_one(
    key_for, django_assert_num_queries, operation: str
) -> None:
    group = make_group("fraud", description="Card payments", managed_storage_type="Restricted")
    make_version(group)
    sent = {"ModelPackageType": "Both"} if operation == "ListModelPackages" else {}
    call = SignedCall(key=key_for("viewer"), operation=operation, body=json.dumps(sent).encode())
    assert call.send()[:2] == (200, "")
    for number in range(4):
        make_version(make_group(f"fraud-{number}", description="Card payments", managed_storage_type="Restricted"))
    with django_assert_num_queries(2):
        status, _, answer = call.send()
    (listed,) = (found for name, found in answer.items() if name.endswith("SummaryList"))
    assert (status, len(listed)) == (200, 5)
    if operation == "ListModelPackageGroups":
        assert {group["ModelPackageGroupDescription"] for group in listed} == {"Card payments"}
        assert {group["ManagedConfiguration"]["ManagedStorageType"] for group in listed} == {"Restricted"}
