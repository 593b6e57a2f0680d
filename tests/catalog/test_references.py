"""What a pasted text names, read from its form and found in the registry."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.accounts.models import User
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.references import Named, Used, read_reference
from registry.catalog.reports import references as reports
from tests.factories import an_actor, make_group, make_package, make_user, make_version

ARN = "arn:aws:sagemaker:us-east-1:000000000000"
GROUP_ARN, VERSION_ARN = f"{ARN}:model-package-group/fraud", f"{ARN}:model-package/fraud/25"
DIGEST = "sha256:" + "ab" * 32
ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost"


@pytest.mark.parametrize(
    "text, meant",
    [
        (
            f"{ARN}:model-package-group/fraud",
            Named("group", "fraud", None, "us-east-1", f"{ARN}:model-package-group/fraud"),
        ),
        (VERSION_ARN, Named("version", "fraud", 25, "us-east-1", VERSION_ARN)),
        (f"{ARN}:model-package/sold", Named("package", "sold", None, "us-east-1", f"{ARN}:model-package/sold")),
        (f'  "{ARN}:model-package/sold", ', Named("package", "sold", None, "us-east-1", f"{ARN}:model-package/sold")),
        (
            "arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package/x/1",
            Named("version", "x", 1, "cn-north-1", "arn:aws-cn:sagemaker:cn-north-1:123456789012:model-package/x/1"),
        ),
        (
            "https://registry.example/groups/us-east-1/fraud/versions/25/?base=3",
            Named("version", "fraud", 25, "us-east-1"),
        ),
        ("http://localhost:8000/groups/us-east-1/fraud/", Named("group", "fraud", None, "us-east-1")),
        ("http://localhost:8000/packages/us-east-1/sold/", Named("package", "sold", None, "us-east-1")),
        ("fraud/25", Named("version", "fraud", 25)),
        ("fraud v25", Named("version", "fraud", 25)),
        ("Fraud-2 / v3", Named("version", "Fraud-2", 3)),
        ("s3://models/fraud/model.tar.gz", Used("artifact", "s3://models/fraud/model.tar.gz")),
        ("S3://models/fraud/", Used("artifact", "s3://models/fraud/")),
        ("arn:aws:s3:::models/fraud/", Used("artifact", "s3://models/fraud/")),
        ("https://models.example/fraud.tar.gz", Used("artifact", "https://models.example/fraud.tar.gz")),
        (ECR, Used("image", ECR)),
        (f"{ECR}:1.7-1", Used("image", f"{ECR}:1.7-1")),
        (f"https://{ECR}:1.7-1", Used("image", f"{ECR}:1.7-1")),
        (f"{ECR}@{DIGEST}", Used("image", f"{ECR}@{DIGEST}")),
        ("sagemaker-xgboost:1.7-1", Used("image", "sagemaker-xgboost:1.7-1")),
        ("localhost:5000/xgb:1", Used("image", "localhost:5000/xgb:1")),
        (DIGEST, Used("digest", DIGEST)),
        ("AB" * 32, Used("digest", "sha256:" + "AB" * 32)),
        # Words and filters name nothing.
        ("fraud", None),
        ("fraud detection", None),
        ("status:approved", None),
        ("tag:team=fraud", None),
        ("", None),
        ("s3://", None),
        ("fraud/0", None),
        ("fraud/1234567890", None),
        ("arn:aws:sagemaker:us-east-1:1:model-package/x", None),
        ("x" * 5000, None),
    ],
)
def test_the_form_of_a_text_says_what_it_names(text, meant):
    assert read_reference(text) == meant


@given(st.text(max_size=80) | st.text("arn:aws/s3v0123456789-._@ ", max_size=80))
def test_no_text_is_an_error(text):
    assert read_reference(text) is None or read_reference(text).__class__ in (Named, Used)


@pytest.fixture
def viewer(db: None) -> User:
    return make_user("viewer")


def versions(user: User, text: str) -> list[str]:
    named = read_reference(text)
    assert isinstance(named, Named)
    return [str(package) for package in reports.versions_named(user, named)[0]]


def test_a_version_is_found_by_its_arn_in_any_case_and_by_its_original_one(viewer):
    package = make_version(make_group("Fraud-XGB"))
    imported = make_version(make_group("churn"))
    foreign = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/churn-old/7"
    ModelPackage.objects.filter(pk=imported.pk).update(original_arn=foreign)
    assert versions(viewer, package.arn) == ["Fraud-XGB v1"]
    assert versions(viewer, package.arn.replace("Fraud-XGB", "fraud-xgb")) == ["Fraud-XGB v1"]
    assert versions(viewer, package.arn.replace("000000000000", "123456789012")) == ["Fraud-XGB v1"]
    assert versions(viewer, foreign) == ["churn v1"]
    assert versions(viewer, package.arn.replace("us-east-1", "eu-west-9")) == []


def test_the_exact_case_wins_over_another_group_of_that_name(viewer):
    make_version(make_group("FRAUD"))
    make_version(make_group("fraud"))
    assert versions(viewer, "fraud/1") == ["fraud v1"]


def test_a_beginning_of_a_name_will_do_where_it_has_that_number(viewer):
    for name in ("fraud-a", "fraud-b"):
        make_version(make_group(name))
    make_version(ModelPackageGroup.objects.get(name="fraud-b"))
    assert versions(viewer, "fraud v2") == ["fraud-b v2"]


def test_groups_and_packages_are_found_by_their_arns(viewer):
    group, package = make_group("fraud"), make_package("sold")
    by_arn = read_reference(group.arn)
    assert isinstance(by_arn, Named)
    assert reports.groups_named(viewer, by_arn) == [group]
    by_arn = read_reference(package.arn)
    assert isinstance(by_arn, Named)
    assert reports.packages_named(viewer, by_arn) == [package]


def test_a_deleted_version_is_pointed_at_but_not_for_strangers(viewer):
    package = make_version(make_group("fraud"))
    services.delete_model_package(actor=an_actor(), package=package)
    named = read_reference("fraud/1")
    assert isinstance(named, Named)
    assert reports.versions_named(viewer, named) == ([], package)
    nobody = make_user("viewer", username="nobody")
    nobody.groups.clear()
    assert reports.versions_named(User.objects.get(pk=nobody.pk), named) == ([], None)


def test_words_find_beginnings_first_then_what_changed_last(viewer):
    for name, words in (("xgb-fraud", ""), ("fraud-xgb", ""), ("churn", "Not FRAUD at all"), ("other", "")):
        make_group(name, description=words)
    found = [group.name for group in reports.groups_called(viewer, ["fraud"])]
    assert found == ["fraud-xgb", "churn", "xgb-fraud"]
    assert [g.name for g in reports.groups_called(viewer, ["fraud", "xgb"])] == ["fraud-xgb", "xgb-fraud"]
    assert [g.name for g in reports.groups_called(viewer, ["Fraud"])][:1] == ["fraud-xgb"]
    assert [g.name for g in reports.groups_called(viewer, ["100%_"])] == []
    assert len(reports.groups_called(viewer, [], 3)) == 3


def test_words_inside_names_are_looked_for_in_what_changed_last(viewer, monkeypatch):
    monkeypatch.setattr(reports, "RECENT", 2)
    for name in ("old-fraud", "new-fraud", "newest-fraud"):
        make_group(name)
    assert [group.name for group in reports.groups_called(viewer, ["fraud"])] == ["newest-fraud", "new-fraud"]
    monkeypatch.setattr(reports, "RECENT", 3)
    assert len(reports.groups_called(viewer, ["fraud"])) == 3
