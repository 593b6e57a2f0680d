"""The wire door through real boto3: one story a test."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.events.models import Event

pytestmark = pytest.mark.django_db

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SPEC = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://b/m.tar.gz", "Environment": {"A": "1"}}],
    "SupportedTransformInstanceTypes": ["ml.m5.large"],
    "SupportedRealtimeInferenceInstanceTypes": ["ml.t2.medium"],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


def refused(call, **members) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def group(sm, name="fraud", **members) -> str:
    return sm.create_model_package_group(ModelPackageGroupName=name, **members)["ModelPackageGroupArn"]


def version(sm, name="fraud", **members) -> str:
    members.setdefault("InferenceSpecification", SPEC)
    return sm.create_model_package(ModelPackageGroupName=name, **members)["ModelPackageArn"]


def test_group_is_created_described_listed_and_deleted(sm):
    arn = group(sm, ModelPackageGroupDescription="Cards", Tags=[{"Key": "team", "Value": "fraud"}])
    assert arn == "arn:aws:sagemaker:us-east-1:000000000000:model-package-group/fraud"
    for name in ("fraud", arn):
        said = sm.describe_model_package_group(ModelPackageGroupName=name)
        assert (said["ModelPackageGroupDescription"], said["ModelPackageGroupStatus"]) == ("Cards", "Completed")
        assert said["CreatedBy"]["IamIdentity"]["Arn"].startswith("arn:aws:iam::000000000000:user/")
    taken = refused(sm.create_model_package_group, ModelPackageGroupName="fraud")
    assert taken == ("ValidationException", f"Model Package Group already exists: {arn}")
    listed = sm.list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [g["ModelPackageGroupName"] for g in listed] == ["fraud"]
    sm.delete_model_package_group(ModelPackageGroupName="fraud")
    gone = refused(sm.describe_model_package_group, ModelPackageGroupName="fraud")
    assert gone == ("ValidationException", f"ModelPackageGroup {arn} does not exist.")


def test_versions_are_registered_described_updated_and_deleted(sm):
    group(sm)
    first = version(sm, ModelApprovalStatus="PendingManualApproval", CustomerMetadataProperties={"a": "1", "b": "2"})
    assert first.endswith(":model-package/fraud/1")
    said = sm.describe_model_package(ModelPackageName=first)
    assert said["InferenceSpecification"] == SPEC
    assert said["ModelPackageVersion"] == 1 and "ModelPackageName" not in said
    assert said["ModelPackageStatusDetails"] == {"ValidationStatuses": [], "ImageScanStatuses": []}
    sm.update_model_package(ModelPackageArn=first, ModelApprovalStatus="Approved", ApprovalDescription="Good.")
    sm.update_model_package(
        ModelPackageArn=first, CustomerMetadataProperties={"c": "3"}, CustomerMetadataPropertiesToRemove=["a"]
    )
    said = sm.describe_model_package(ModelPackageName="fraud/1")
    assert said["CustomerMetadataProperties"] == {"b": "2", "c": "3"}
    assert (said["ModelApprovalStatus"], said["ApprovalDescription"]) == ("Approved", "Good.")
    assert said["LastModifiedBy"]["IamIdentity"]
    assert refused(sm.delete_model_package_group, ModelPackageGroupName="fraud")[0] == "ConflictException"
    sm.delete_model_package(ModelPackageName=first)
    assert refused(sm.describe_model_package, ModelPackageName=first)[1] == f"ModelPackage {first} does not exist."
    assert version(sm).endswith("/2")
    doors = set(Event.objects.filter(group_name="fraud").values_list("door", "access_key"))
    assert doors == {("sagemaker", "pipeline")}


def test_the_same_client_token_registers_once_even_after_a_deletion_and_its_undoing(sm):
    group(sm)
    first = version(sm, ClientToken="abc")
    assert version(sm, ClientToken="abc") == first
    assert refused(version, sm=sm, ClientToken="abc", ModelPackageDescription="other")[0] == "ValidationException"
    sm.delete_model_package(ModelPackageName=first)
    assert version(sm, ClientToken="abc") == first
    deleted = ModelPackage.objects.get()
    services.restore_model_package(actor=Actor.system("browser"), package=deleted)
    assert version(sm, ClientToken="abc") == first
    assert sm.describe_model_package(ModelPackageName=first)["ModelPackageVersion"] == 1
    assert version(sm).endswith("/2")


def test_lists_page_on_after_the_last_item(sm):
    group(sm)
    for _ in range(7):
        version(sm)
    asked = {"ModelPackageGroupName": "fraud", "MaxResults": 3, "SortOrder": "Descending"}
    page = sm.list_model_packages(**asked)
    assert [p["ModelPackageVersion"] for p in page["ModelPackageSummaryList"]] == [7, 6, 5]
    version(sm)
    sm.delete_model_package(ModelPackageName="fraud/5")
    rest = sm.list_model_packages(**asked, NextToken=page["NextToken"])
    assert [p["ModelPackageVersion"] for p in rest["ModelPackageSummaryList"]] == [4, 3, 2]
    code, text = refused(sm.list_model_packages, ModelPackageGroupName="fraud", NextToken=page["NextToken"])
    assert code == "ValidationException" and "other parameters" in text
    pages = sm.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="fraud", SortBy="Name", PaginationConfig={"PageSize": 2}
    )
    numbers = [p["ModelPackageVersion"] for page in pages for p in page["ModelPackageSummaryList"]]
    assert numbers == [1, 2, 3, 4, 6, 7, 8]


def test_policy_is_given_back_as_sent(sm):
    arn = group(sm)
    missing = refused(sm.get_model_package_group_policy, ModelPackageGroupName="fraud")
    assert missing == ("ValidationException", f"Cannot find resource policy for: {arn}")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []}, indent=1)
    sm.put_model_package_group_policy(ModelPackageGroupName="fraud", ResourcePolicy=policy)
    assert sm.get_model_package_group_policy(ModelPackageGroupName="fraud")["ResourcePolicy"] == policy
    assert refused(sm.put_model_package_group_policy, ModelPackageGroupName="fraud", ResourcePolicy="no")[0]
    sm.delete_model_package_group_policy(ModelPackageGroupName="fraud")
    other = refused(sm.get_model_package_group_policy, ModelPackageGroupName="other")
    assert "Cannot find Model Package Group" in other[1]


def test_tags_on_groups_and_unversioned_packages_but_not_on_versions(sm):
    arn = group(sm, Tags=[{"Key": "b", "Value": "1"}])
    sm.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": ""}, {"Key": "b", "Value": "2"}])
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "b", "Value": "2"}, {"Key": "a", "Value": ""}]
    sm.delete_tags(ResourceArn=arn, TagKeys=["b", "zzz"])
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "a", "Value": ""}]
    plain = sm.create_model_package(ModelPackageName="iris", Tags=[{"Key": "x", "Value": "y"}])["ModelPackageArn"]
    assert sm.list_tags(ResourceArn=plain)["Tags"] == [{"Key": "x", "Value": "y"}]
    code, text = refused(sm.add_tags, ResourceArn=version(sm), Tags=[{"Key": "x", "Value": "y"}])
    assert code == "ValidationException" and "CustomerMetadataProperties" in text


def test_search_finds_by_members_metadata_and_tags(sm):
    group(sm, Tags=[{"Key": "team", "Value": "fraud"}])
    for n in range(4):
        status = "Approved" if n % 2 else "Rejected"
        pairs = {"auc": f"0.{n}", "data": f"set-{n}"}
        version(sm, ModelApprovalStatus=status, CustomerMetadataProperties=pairs)

    def numbers(**members) -> list[int]:
        found = sm.search(Resource="ModelPackage", **members)
        assert found["TotalHits"]["Value"] == len(found["Results"])
        return [result["ModelPackage"]["ModelPackageVersion"] for result in found["Results"]]

    def having(*filters, **more):
        named = [dict(zip(("Name", "Operator", "Value"), f, strict=False)) for f in filters]
        return numbers(SearchExpression={"Filters": named, **more})

    assert numbers() == [4, 3, 2, 1]
    assert having(("ModelApprovalStatus", "Equals", "Approved")) == [4, 2]
    assert having(("ModelApprovalStatus", "NotEquals", "Approved")) == [3, 1]
    assert having(("ModelPackageVersion", "GreaterThan", "2")) == [4, 3]
    assert having(("CustomerMetadataProperties.auc", "LessThanOrEqualTo", "0.1")) == [2, 1]
    assert having(("CustomerMetadataProperties.data", "Contains", "t-3")) == [4]
    assert having(("CustomerMetadataProperties.data", "In", "set-0,set-2")) == [3, 1]
    assert having(("CustomerMetadataProperties.none", "NotExists")) == [4, 3, 2, 1]
    either = (("ModelPackageVersion", "Equals", "1"), ("ModelPackageVersion", "Equals", "4"))
    assert having(*either, Operator="Or") == [4, 1]
    inner = [{"Filters": [{"Name": "ModelApprovalStatus", "Value": "Rejected"}]}]
    assert having(("ModelPackageGroupName", "Equals", "fraud"), SubExpressions=inner) == [3, 1]
    assert numbers(SortBy="CustomerMetadataProperties.auc", SortOrder="Ascending") == [1, 2, 3, 4]
    tagged = {"Filters": [{"Name": "Tags.team", "Value": "fraud"}]}
    groups = sm.search(Resource="ModelPackageGroup", SearchExpression=tagged)["Results"]
    assert groups[0]["ModelPackageGroup"]["Tags"] == [{"Key": "team", "Value": "fraud"}]
    nope = {"Filters": [{"Name": "Nope", "Value": "1"}]}
    assert refused(sm.search, Resource="ModelPackage", SearchExpression=nope)[1] == "Unknown property name: Nope"
    hint = {"PropertyNameQuery": {"PropertyNameHint": "CustomerMetadataProperties."}}
    names = sm.get_search_suggestions(Resource="ModelPackage", SuggestionQuery=hint)["PropertyNameSuggestions"]
    assert [n["PropertyName"] for n in names] == ["CustomerMetadataProperties.auc", "CustomerMetadataProperties.data"]


def test_batch_describe_answers_what_there_is_and_says_what_is_not(sm):
    group(sm)
    there, gone = version(sm), "arn:aws:sagemaker:us-east-1:000000000000:model-package/fraud/9"
    said = sm.batch_describe_model_package(ModelPackageArnList=[there, gone])
    assert said["ModelPackageSummaries"][there]["InferenceSpecification"] == SPEC
    error = {"ErrorCode": "ValidationException", "ErrorResponse": f"ModelPackage {gone} does not exist."}
    assert said["BatchDescribeModelPackageErrorMap"][gone] == error


def test_each_region_is_a_registry_of_its_own(client_for):
    here, there = client_for(region="us-east-1"), client_for(region="eu-central-1")
    group(here)
    assert there.list_model_package_groups()["ModelPackageGroupSummaryList"] == []
    assert ":eu-central-1:" in group(there)


def test_a_call_needs_the_role_of_every_member_it_sends(client_for):
    admin, contributor, viewer = client_for("admin"), client_for("contributor"), client_for("viewer")
    group(admin)
    arn = version(contributor)
    contributor.update_model_package(ModelPackageArn=arn, CustomerMetadataProperties={"k": "v"})
    both = {"CustomerMetadataProperties": {"k": "w"}, "ModelApprovalStatus": "Approved"}
    code, text = refused(contributor.update_model_package, ModelPackageArn=arn, **both)
    assert code == "AccessDeniedException" and "not authorized to perform: sagemaker:UpdateModelPackage" in text
    assert viewer.describe_model_package(ModelPackageName=arn)["CustomerMetadataProperties"] == {"k": "v"}
    assert refused(version, sm=viewer)[0] == "AccessDeniedException"
    assert refused(contributor.delete_model_package, ModelPackageName=arn)[0] == "AccessDeniedException"


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_a_wrong_key_or_secret_is_refused(client_for, key_for, wrong):
    key_id, secret = key_for()
    bad = ("AKIAAAAAAAAAAAAAAAAA", secret) if wrong == "key" else (key_id, secret[::-1])
    code, _ = refused(client_for(key=bad).list_model_package_groups)
    assert code == ("UnrecognizedClientException" if wrong == "key" else "InvalidSignatureException")


def test_all_violations_stand_in_one_error(sm):
    bad = {"ModelPackageGroupName": "a b", "Tags": [{"Key": "k" * 129, "Value": "v"}]}
    code, text = refused(sm.create_model_package_group, **bad)
    assert code == "ValidationException" and text.startswith("2 validation errors detected: Value 'a b' at")
