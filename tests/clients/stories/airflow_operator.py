"""Airflow's operator for the registry, run by hand as a task would run it: it makes the group, then the versions."""

import sys

import boto3
from airflow.providers.amazon.aws.operators.sagemaker import SageMakerRegisterModelVersionOperator
from airflow.providers.amazon.aws.utils.sagemaker import ApprovalStatus

GROUP, IMAGE = sys.argv[1], sys.argv[2]


def run(task_id, **members):
    operator = SageMakerRegisterModelVersionOperator(
        task_id=task_id,
        image_uri=IMAGE,
        model_url="s3://models/fraud/model.tar.gz",
        package_group_name=GROUP,
        package_desc="From Airflow",
        # Credentials, region and endpoint of the environment, as the boto3 below takes them.
        aws_conn_id=None,
        **members,
    )
    return operator.execute({})


first = run("first")
nightly = {"CustomerMetadataProperties": {"dag": "nightly"}}
second = run("second", model_approval=ApprovalStatus.APPROVED, extras=nightly)
assert first.endswith(f":model-package/{GROUP}/1"), first
assert second.endswith(f":model-package/{GROUP}/2"), second
client = boto3.client("sagemaker")
said = client.describe_model_package(ModelPackageName=second)
assert said["ModelApprovalStatus"] == "Approved", said
assert said["CustomerMetadataProperties"] == {"dag": "nightly"}, said
assert client.describe_model_package(ModelPackageName=first)["ModelApprovalStatus"] == "PendingManualApproval"
print(first)
