"""Unmodified boto3 over a socket, pointed here by the environment alone: a pipeline's day with one model."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.configuration import PROJECT_ROOT

from .conftest import IMAGE

pytestmark = pytest.mark.sqlite_only

SPECIFICATION = {
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://models/fraud/model.tar.gz"}],
    "SupportedContentTypes": ["text/csv"],
    "SupportedResponseMIMETypes": ["text/csv"],
}


def test_a_model_is_registered_found_approved_and_deleted(sm: Any) -> None:
    assert sm.meta.endpoint_url.startswith("http://127.0.0.1:")
    tags = [{"Key": "team", "Value": "fraud"}]
    group = sm.create_model_package_group(ModelPackageGroupName="boto3-fraud", Tags=tags)["ModelPackageGroupArn"]
    arns = [
        sm.create_model_package(
            ModelPackageGroupName="boto3-fraud",
            InferenceSpecification=SPECIFICATION,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"run": str(number)},
        )["ModelPackageArn"]
        for number in range(3)
    ]
    assert [arn.rpartition("/")[2] for arn in arns] == ["1", "2", "3"]
    sm.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved")

    newest = sm.list_model_packages(
        ModelPackageGroupName="boto3-fraud", ModelApprovalStatus="Approved", SortOrder="Descending", MaxResults=1
    )["ModelPackageSummaryList"][0]
    assert newest["ModelPackageArn"] == arns[1]
    said = sm.describe_model_package(ModelPackageName=newest["ModelPackageArn"])
    assert said["InferenceSpecification"] == SPECIFICATION
    assert said["CustomerMetadataProperties"] == {"run": "1"}
    pages = sm.get_paginator("list_model_packages").paginate(
        ModelPackageGroupName="boto3-fraud", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["ModelPackageSummaryList"]) for page in pages] == [2, 1]
    expression = {"Filters": [{"Name": "CustomerMetadataProperties.run", "Value": "2"}]}
    found = sm.search(Resource="ModelPackage", SearchExpression=expression)["Results"]
    assert [result["ModelPackage"]["ModelPackageArn"] for result in found] == [arns[2]]
    assert sm.list_tags(ResourceArn=group)["Tags"] == tags

    for arn in arns:
        sm.delete_model_package(ModelPackageName=arn)
    sm.delete_model_package_group(ModelPackageGroupName="boto3-fraud")
    with pytest.raises(ClientError, match="does not exist"):
        sm.describe_model_package_group(ModelPackageGroupName="boto3-fraud")


def test_pipelines_that_register_at_once_get_numbers_without_gaps(sm: Any) -> None:
    sm.create_model_package_group(ModelPackageGroupName="boto3-crowd")

    def register(_: int) -> int:
        made = sm.create_model_package(ModelPackageGroupName="boto3-crowd", InferenceSpecification=SPECIFICATION)
        return int(made["ModelPackageArn"].rpartition("/")[2])

    with ThreadPoolExecutor(8) as clients:
        assert sorted(clients.map(register, range(40))) == list(range(1, 41))


def test_a_file_that_never_heard_of_this_registry_runs(sm: Any, exported: dict[str, str]) -> None:
    lines = (
        "import boto3",
        "sm = boto3.client('sagemaker')",
        "print(sm.describe_model_package_group(ModelPackageGroupName='digits-classifier')['ModelPackageGroupStatus'])",
    )
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], cwd=PROJECT_ROOT, env=exported, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("Completed\n", "")
