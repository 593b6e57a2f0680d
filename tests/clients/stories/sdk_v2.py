"""A pipeline's last step with the SageMaker Python SDK v2: register, find the newest approved, approve, describe."""

import sys
from datetime import datetime

import boto3
from sagemaker import ModelMetrics, ModelPackage, Session
from sagemaker.drift_check_baselines import DriftCheckBaselines
from sagemaker.model import Model
from sagemaker.model_life_cycle import ModelLifeCycle
from sagemaker.model_metrics import MetricsSource

GROUP, IMAGE, ROLE = sys.argv[1], sys.argv[2], "arn:aws:iam::000000000000:role/pipeline"

client = boto3.client("sagemaker")
# A bucket is named so that the SDK makes none; nothing here talks to S3.
session = Session(sagemaker_client=client, default_bucket="models")
report = MetricsSource(content_type="application/json", s3_uri="s3://models/fraud/statistics.json")


def register(**members):
    model = Model(image_uri=IMAGE, model_data="s3://models/fraud/model.tar.gz", role=ROLE, sagemaker_session=session)
    return model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name=GROUP,
        **members,
    )


# The first registration searches for the group and makes it, the second one finds it.
first = register(
    approval_status="PendingManualApproval",
    description="From the SDK",
    customer_metadata_properties={"feature_set": "v14"},
    model_metrics=ModelMetrics(model_statistics=report),
    drift_check_baselines=DriftCheckBaselines(model_statistics=report),
    domain="MACHINE_LEARNING",
    task="CLASSIFICATION",
    sample_payload_url="s3://models/fraud/sample.csv",
    skip_model_validation="All",
    model_life_cycle=ModelLifeCycle(stage="Staging", stage_status="InProgress", stage_description="On trial"),
)
second = register(approval_status="Approved", source_uri="s3://experiments/run-7")
assert isinstance(first, ModelPackage), first
assert first.model_package_arn.endswith(f":model-package/{GROUP}/1"), first.model_package_arn

session.wait_for_model_package(first.model_package_arn, poll=0.1)
first.update_approval_status("Approved", approval_description="Better than yesterday's")
first.update_customer_metadata({"reviewed": "yes"})
first.remove_customer_metadata_properties(["feature_set"])
# Says it takes a ModelLifeCycle too, but hands it to boto3 as it is, which refuses all but a dictionary.
first.update_model_life_cycle({"Stage": "Production", "StageStatus": "Live"})

said = client.describe_model_package(ModelPackageName=first.model_package_arn)
assert said["ModelApprovalStatus"] == "Approved", said
assert said["ApprovalDescription"] == "Better than yesterday's", said
assert said["CustomerMetadataProperties"] == {"reviewed": "yes"}, said
assert said["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"] == "s3://models/fraud/statistics.json", said
assert said["DriftCheckBaselines"]["ModelQuality"]["Statistics"]["ContentType"] == "application/json", said
assert (said["Domain"], said["Task"]) == ("MACHINE_LEARNING", "CLASSIFICATION"), said
assert said["SkipModelValidation"] == "All", said
assert said["ModelLifeCycle"]["Stage"] == "Production", said
assert isinstance(said["CreationTime"], datetime), said

# How the SDK itself asks for the model to deploy.
newest = session.get_most_recently_created_approved_model_package(GROUP)
assert newest.model_package_arn == second.model_package_arn, newest.model_package_arn
pages = client.list_model_packages(ModelPackageGroupName=GROUP)["ModelPackageSummaryList"]
names = [package["ModelPackageArn"] for package in pages]
assert names == [first.model_package_arn, second.model_package_arn], names
print(first.model_package_arn)
