"""The AWS CLI (version 1, the one on PyPI) over a socket: from the shell, as an operator types it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import IMAGE

pytestmark = pytest.mark.sqlite_only


def test_a_model_is_registered_approved_listed_and_deleted(run: Callable[..., str], sm: Any) -> None:
    def aws(*arguments: str) -> Any:
        printed = run("aws-cli", "aws", "sagemaker", *arguments, "--output", "json")
        return json.loads(printed) if printed.strip() else None

    group = ("--model-package-group-name", "cli-fraud")
    arn = aws("create-model-package-group", *group, "--tags", "Key=team,Value=fraud")["ModelPackageGroupArn"]
    specification = {
        "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://models/fraud/model.tar.gz"}],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["text/csv"],
    }
    first = aws(
        *("create-model-package", *group, "--inference-specification", json.dumps(specification)),
        *("--model-approval-status", "PendingManualApproval"),
        *("--customer-metadata-properties", "run=7,feature_set=v14"),
    )["ModelPackageArn"]
    aws("update-model-package", "--model-package-arn", first, "--model-approval-status", "Approved")
    said = aws("describe-model-package", "--model-package-name", first)
    assert said["ModelApprovalStatus"] == "Approved"
    assert said["InferenceSpecification"] == specification
    assert said["CustomerMetadataProperties"] == {"run": "7", "feature_set": "v14"}
    # The CLI pages by itself, and prints times that it read from our numbers.
    listed = aws("list-model-packages", *group, "--page-size", "1")["ModelPackageSummaryList"]
    assert [package["ModelPackageVersion"] for package in listed] == [1]
    assert aws("list-tags", "--resource-arn", arn)["Tags"] == [{"Key": "team", "Value": "fraud"}]
    assert sm.describe_model_package(ModelPackageName=first)["CreatedBy"]["IamIdentity"]["Arn"].endswith("user/admin")

    aws("delete-model-package", "--model-package-name", first)
    aws("delete-model-package-group", *group)
    assert aws("list-model-package-groups", "--name-contains", "cli-fraud") == {"ModelPackageGroupSummaryList": []}
