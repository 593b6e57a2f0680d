"""What an object holds, in the wire's names: the `before` and `after` of events. Reads rows, writes nothing."""

from __future__ import annotations

from typing import Any

from ..models import ModelPackage, ModelPackageGroup
from .registrations import Registration

# Field of ModelPackage -> member on the wire, for the members that are plain columns.
WIRE_MEMBERS = {
    "description": "ModelPackageDescription",
    "approval_status": "ModelApprovalStatus",
    "approval_description": "ApprovalDescription",
    "registration_type": "ModelPackageRegistrationType",
    "certify_for_marketplace": "CertifyForMarketplace",
    "skip_model_validation": "SkipModelValidation",
    "managed_storage_type": "ManagedStorageType",
    "domain": "Domain",
    "task": "Task",
    "sample_payload_url": "SamplePayloadUrl",
    "source_uri": "SourceUri",
    "metadata_properties": "MetadataProperties",
    "model_metrics": "ModelMetrics",
    "inference_specification": "InferenceSpecification",
    "source_algorithm_specification": "SourceAlgorithmSpecification",
    "validation_specification": "ValidationSpecification",
    "drift_check_baselines": "DriftCheckBaselines",
    "additional_inference_specifications": "AdditionalInferenceSpecifications",
    "security_config": "SecurityConfig",
    "model_card": "ModelCard",
}


# A member of every event that makes a group or package: who made it, "" where nobody knows. Events of releases before
# this one lack it, and with it what else a replay needs to know to the letter.
COMPLETE = "CreatedByName"


def group_state(group: ModelPackageGroup, tags: list[tuple[str, str]]) -> dict[str, Any]:
    """A new group as CreateModelPackageGroup would say it, with what an import adds."""
    state: dict[str, Any] = {"ModelPackageGroupName": group.name, "Tags": tag_state(tags)}
    if group.description:
        state["ModelPackageGroupDescription"] = group.description
    if group.managed_storage_type:
        state["ManagedConfiguration"] = {"ManagedStorageType": group.managed_storage_type}
    if group.resource_policy:
        state["ResourcePolicy"] = group.resource_policy
    state |= {"CreationTime": group.created_at.isoformat(), "CreatedBy": group.created_by}
    return state | _origin(group) | {COMPLETE: group.created_by_name}


def tag_state(tags: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Tags in the wire's form."""
    return [{"Key": key, "Value": value} for key, value in tags]


def package_state(package: ModelPackage, registration: Registration) -> dict[str, Any]:
    """A new package as CreateModelPackage would say it, with its metrics and what an import adds."""
    content = {member: getattr(registration, column) for column, member in WIRE_MEMBERS.items()}
    state: dict[str, Any] = {"ModelPackageVersion": package.version, "ModelPackageName": package.name}
    state["ModelLifeCycle"] = registration.model_life_cycle
    state["CustomerMetadataProperties"] = dict(registration.customer_metadata_properties)
    state["Tags"] = tag_state(list(registration.tags))
    state["Metrics"] = {name: {"value": value} for name, value in registration.metrics}
    state |= {"CreationTime": package.created_at.isoformat(), "CreatedBy": package.created_by}
    if package.last_modified_at:
        state["LastModifiedTime"] = package.last_modified_at.isoformat()
    state["LastModifiedBy"] = package.last_modified_by
    state["LastModifiedByName"] = package.last_modified_by_name
    state["ModelPackageStatus"] = package.status
    content["ModelPackageStatusDetails"] = package.status_details
    state["MetricsNote"] = package.metrics_note
    state |= _origin(package)
    said = {member: value for member, value in state.items() if value not in (None, "", {}, [])}
    # An empty object that was sent is kept as one.
    said |= {member: value for member, value in content.items() if value not in (None, "")}
    return said | {COMPLETE: package.created_by_name}


def _origin(row: ModelPackageGroup | ModelPackage) -> dict[str, Any]:
    return {"OriginalArn": row.original_arn} if row.original_arn else {}
