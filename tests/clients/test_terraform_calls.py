"""The calls that Terraform's AWS provider makes for the two resources of the registry, in its order, through boto3.

Terraform itself is no part of the tests: its provider is a program of hundreds of megabytes. This shows that each call
of aws_sagemaker_model_package_group and aws_sagemaker_model_package_group_policy is answered with what the provider
waits for and with the texts that it looks for; it does not show that the provider runs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.sqlite_only

NAME = "terraform-fraud"
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Sid": "Read",
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
            "Action": ["sagemaker:DescribeModelPackage", "sagemaker:ListModelPackages"],
            "Resource": ["arn:aws:sagemaker:us-east-1:210987654321:model-package-group/terraform-fraud"],
        }
    ],
}


def missing(call: Callable[..., Any], **members: Any) -> str:
    """The text of the ValidationException by which the provider knows that a resource is gone."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    return caught.value.response["Error"]["Message"]


def test_the_calls_of_terraforms_provider_in_its_order(sm: Any) -> None:
    # apply: create, wait until Completed, read with tags.
    arn = sm.create_model_package_group(
        ModelPackageGroupName=NAME,
        ModelPackageGroupDescription="Managed by Terraform",
        Tags=[{"Key": "team", "Value": "fraud"}, {"Key": "env", "Value": "prod"}],
    )["ModelPackageGroupArn"]
    said = sm.describe_model_package_group(ModelPackageGroupName=NAME)
    assert said["ModelPackageGroupStatus"] == "Completed"
    assert (said["ModelPackageGroupName"], said["ModelPackageGroupArn"]) == (NAME, arn)
    assert said["ModelPackageGroupDescription"] == "Managed by Terraform"
    assert {tag["Key"]: tag["Value"] for tag in sm.list_tags(ResourceArn=arn)["Tags"]} == {
        "team": "fraud",
        "env": "prod",
    }

    # The policy's own resource: put, then read; its documents are compared, not their texts.
    assert "Cannot find resource policy for: " in missing(sm.get_model_package_group_policy, ModelPackageGroupName=NAME)
    sm.put_model_package_group_policy(ModelPackageGroupName=NAME, ResourcePolicy=json.dumps(POLICY))
    assert json.loads(sm.get_model_package_group_policy(ModelPackageGroupName=NAME)["ResourcePolicy"]) == POLICY

    # A change of tags: those that went first, then the new and the changed ones.
    sm.delete_tags(ResourceArn=arn, TagKeys=["env"])
    sm.add_tags(ResourceArn=arn, Tags=[{"Key": "team", "Value": "risk"}])
    assert sm.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "team", "Value": "risk"}]

    # destroy: the policy, then the group, then ask until it is gone. Both deletes may come twice.
    sm.delete_model_package_group_policy(ModelPackageGroupName=NAME)
    assert "Cannot find resource policy for: " in missing(sm.get_model_package_group_policy, ModelPackageGroupName=NAME)
    sm.delete_model_package_group(ModelPackageGroupName=NAME)
    assert f"ModelPackageGroup {arn} does not exist." in missing(
        sm.describe_model_package_group, ModelPackageGroupName=NAME
    )
    assert "does not exist" in missing(sm.delete_model_package_group, ModelPackageGroupName=NAME)
    assert "Cannot find Model Package Group" in missing(sm.get_model_package_group_policy, ModelPackageGroupName=NAME)
