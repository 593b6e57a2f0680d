"""Packages side by side: what is beside what, what differs, which is best."""

from __future__ import annotations

from typing import Any

import pytest

from registry.accounts.models import User
from registry.catalog import services
from registry.catalog.models import Check, ModelPackage
from registry.catalog.reports.comparisons import Ref, Row, compare_packages, read_candidates, read_packages
from tests.factories import REGION, an_actor, make_group, make_package, make_user, make_version

pytestmark = pytest.mark.django_db

ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


def rows_of(packages: list[ModelPackage], title: str, base: int = 0) -> dict[str, Row]:
    found = {section.title: section for section in compare_packages(packages, base)}
    return {row.label: row for row in found[title].rows} if title in found else {}


def values(row: Row) -> list[Any]:
    return [cell.value for cell in row.cells]


def changed(row: Row) -> list[bool]:
    return [cell.changed for cell in row.cells]


def a_container(name: str, tag: str, **more: Any) -> dict[str, Any]:
    return {"Image": f"{ECR}/{name}:{tag}", **more}


def test_metrics_have_their_change_from_the_baseline_and_the_best_of_each_row():
    group = make_group()
    versions = [
        make_version(group, metrics=[("auc", 0.90), ("log_loss", 0.30), ("rows", 1), ("f1", 0.5)]),
        make_version(group, metrics=[("auc", 0.92), ("log_loss", 0.20), ("rows", 2), ("f1", 0.5)]),
        make_version(group, metrics=[("auc", 0.92), ("log_loss", 0.40), ("recall", 0.1)]),
    ]
    rows = rows_of(versions, "Metrics", base=1)
    assert list(rows) == ["auc", "f1", "recall", "log_loss", "rows"]
    assert [cell.best for cell in rows["auc"].cells] == [False, True, True]
    assert [round(cell.change, 6) if cell.change else None for cell in rows["auc"].cells] == [-0.02, None, None]
    assert [cell.best for cell in rows["log_loss"].cells] == [False, True, False]
    assert not any(cell.best for name in ("rows", "f1", "recall") for cell in rows[name].cells)
    assert changed(rows["auc"]) == [True, False, False]
    assert changed(rows["f1"]) == [False, False, True]
    assert (rows["f1"].differs, rows["recall"].differs) == (True, True)


def test_the_noise_of_floating_point_is_no_difference():
    group = make_group()
    versions = [make_version(group, metrics=[("auc", 0.1 + 0.2)]), make_version(group, metrics=[("auc", 0.3)])]
    row = rows_of(versions, "Metrics")["auc"]
    assert not row.differs
    assert not any(cell.best for cell in row.cells)


def test_containers_stand_beside_the_one_that_they_replace():
    group = make_group()
    one = {"Containers": [a_container("prep", "1", ModelDataUrl="s3://b/1/prep.tar.gz"), a_container("xgboost", "1.5")]}
    other = {"Containers": [a_container("xgboost", "1.7", Environment={"A": "1"}), a_container("prep", "1")]}
    versions = [make_version(group, inference_specification=spec) for spec in (one, other, None)]
    rows = rows_of(versions, "Containers")
    assert values(rows["prep"]) == [f"{ECR}/prep:1", f"{ECR}/prep:1", None]
    assert changed(rows["prep"]) == [False, False, True]
    assert values(rows["xgboost"]) == [f"{ECR}/xgboost:1.5", f"{ECR}/xgboost:1.7", None]
    assert values(rows_of(versions, "Artifacts")["prep"]) == ["s3://b/1/prep.tar.gz", None, None]
    assert values(rows_of(versions, "Environment")["xgboost: A"]) == [None, "1", None]


def test_containers_of_one_name_are_told_apart_and_more_than_the_baseline_has_get_rows():
    group = make_group()
    one = {"Containers": [a_container("step", "1")]}
    other = {"Containers": [a_container("step", "1"), a_container("step", "2"), a_container("other", "3")]}
    versions = [make_version(group, inference_specification=spec) for spec in (one, other)]
    rows = rows_of(versions, "Containers")
    assert values(rows["step 1"]) == [f"{ECR}/step:1", f"{ECR}/step:1"]
    assert values(rows["step 2"]) == [None, f"{ECR}/step:2"]
    assert values(rows["other"]) == [None, f"{ECR}/other:3"]


def test_metadata_approvals_checks_and_model_card():
    group = make_group()
    card = {"ModelCardStatus": "Draft", "ModelCardContent": '{"intended_uses": {"risk": "Low"}, "tags": ["a", "b"]}'}
    first = make_version(group, customer_metadata_properties={"git": "1", "same": "x"}, model_card=card)
    second = make_version(group, customer_metadata_properties={"same": "x", "extra": "y"})
    first = services.update_approval_status(
        actor=an_actor("reviewer"), package=first, approval_status="Approved", comment="Fine."
    )
    Check.objects.create(
        package=second, name="drift", state="failure", summary="psi 0.4", slot=0, reported_at=first.created_at
    )
    pair = [first, ModelPackage.objects.get(pk=second.pk)]
    metadata = rows_of(pair, "Metadata")
    assert {name: values(row) for name, row in metadata.items()} == {
        "git": ["1", None],
        "same": ["x", "x"],
        "extra": [None, "y"],
    }
    assert [metadata[name].differs for name in ("git", "same", "extra")] == [True, False, True]
    approval = rows_of(pair, "Approval")
    assert values(approval["Status"]) == ["Approved", "PendingManualApproval"]
    assert values(approval["Decided by"]) == ["any-reviewer", None]
    assert values(approval["Comment"]) == ["Fine.", None]
    assert values(approval["Check drift"]) == [None, "Failed: psi 0.4"]
    assert values(rows_of(pair, "Model card")["intended_uses.risk"]) == ["Low", None]
    assert values(rows_of(pair, "Model card")["tags"]) == ["a, b", None]


def test_versions_of_different_groups_say_which():
    one, other = make_version(make_group("fraud")), make_version(make_group("churn"))
    assert values(rows_of([one, other], "Overview")["Group"]) == ["fraud", "churn"]
    assert "Region" not in rows_of([one, other], "Overview")
    assert "Group" not in rows_of([one, make_version(one.group)], "Overview")


def test_packages_are_found_by_their_names_in_three_queries(django_assert_num_queries):
    fraud, churn = make_group("fraud"), make_group("churn")
    for group in (fraud, churn):
        for _ in range(3):
            make_version(group)
    make_package("sold")
    services.delete_model_package(actor=an_actor(), package=ModelPackage.objects.get(group=fraud, version=2))
    refs = [Ref(REGION, "fraud", n) for n in (1, 2, 3, 99)] + [Ref(REGION, "churn", 2), Ref(REGION, "sold")]
    viewer = make_user("viewer")
    viewer = User.objects.get(pk=viewer.pk)
    assert viewer.role
    with django_assert_num_queries(3):
        found = read_packages(viewer, [*refs, Ref("eu-west-1", "fraud", 1), Ref(REGION, "nothing", 1)])
        assert [str(package) for package in found.values()]
    assert set(found) == {refs[0], refs[2], refs[4], refs[5]}
    assert all(Ref.of(package) == ref for ref, package in found.items())


def test_nobody_without_a_role_finds_any():
    make_version(make_group("fraud"))
    assert not read_packages(User.objects.create(username="nobody"), [Ref(REGION, "fraud", 1)])


def test_what_can_be_added_is_new_and_the_approved_one_first():
    group = make_group()
    make_version(group, approval_status="Approved")
    for _ in range(12):
        make_version(group)
    group.refresh_from_db()
    assert [number for number, _ in read_candidates(group, [13, 11])] == [1, 12, 10, 9, 8, 7, 6, 5]
    assert read_candidates(group, [1])[0] == (13, "PendingManualApproval")
