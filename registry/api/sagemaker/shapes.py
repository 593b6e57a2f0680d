"""From loaded rows to the wire's members; reads attributes only and runs no query. Empty members are left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from registry.catalog.json_texts import read_json
from registry.catalog.models import ModelPackage, ModelPackageGroup

JSON = dict[str, Any]


def seconds(moment: datetime) -> float:
    """A time as the wire writes it: seconds since 1970, to the millisecond."""
    return round(moment.timestamp(), 3)


def _present(members: Mapping[str, Any]) -> JSON:
    return {name: value for name, value in members.items() if value is not None and value != ""}


def tag_list(tags: Iterable[Any]) -> list[JSON]:
    """Tag rows as the wire's Tags."""
    return [{"Key": tag.key, "Value": tag.value} for tag in tags]


class GroupRow(NamedTuple):
    """What a summary shows of a group, as a list reads it: a hundred whole models cost more than their answer."""

    id: int
    region: str
    name: str
    description: str
    created_at: datetime
    managed_storage_type: str

    arn = ModelPackageGroup.arn


class PackageRow(NamedTuple):
    """The same of a package; `group_name` is None for unversioned ones."""

    id: int
    region: str
    group_name: str | None
    name: str | None
    version: int | None
    description: str
    created_at: datetime
    status: str
    approval_status: str | None
    registration_type: str
    stage: str
    stage_status: str
    stage_description: str

    arn = ModelPackage.arn
    model_life_cycle = ModelPackage.model_life_cycle

    @property
    def sort_name(self) -> str:
        """As PackageQuerySet.with_sort_name says it, and so `sort_version`."""
        return self.name or self.group_name or ""

    @property
    def sort_version(self) -> int:
        return self.version or 0


def group_summary(group: ModelPackageGroup | GroupRow) -> JSON:
    """ModelPackageGroupSummary."""
    return _present(
        {
            "ModelPackageGroupName": group.name,
            "ModelPackageGroupArn": group.arn,
            "ModelPackageGroupDescription": group.description,
            "CreationTime": seconds(group.created_at),
            "ModelPackageGroupStatus": "Completed",
            "ManagedConfiguration": _managed(group),
        }
    )


def _managed(group: ModelPackageGroup | GroupRow) -> JSON | None:
    return {"ManagedStorageType": group.managed_storage_type} if group.managed_storage_type else None


def group_description(group: ModelPackageGroup) -> JSON:
    """DescribeModelPackageGroup's answer; CreatedBy is always there, if only as {} (contract section 6)."""
    return group_summary(group) | {"CreatedBy": group.created_by or {}}


def package_name(package: ModelPackage | PackageRow) -> JSON:
    """What names a package: group and version, or the name of an unversioned one; the other way round is left out."""
    if package.group_name is not None:
        return {"ModelPackageGroupName": package.group_name, "ModelPackageVersion": package.version}
    return {"ModelPackageName": package.name}


def package_summary(package: ModelPackage | PackageRow) -> JSON:
    """ModelPackageSummary."""
    return _present(
        package_name(package)
        | {
            "ModelPackageArn": package.arn,
            "ModelPackageDescription": package.description,
            "CreationTime": seconds(package.created_at),
            "ModelPackageStatus": package.status,
            "ModelApprovalStatus": package.approval_status,
            "ModelLifeCycle": package.model_life_cycle,
            "ModelPackageRegistrationType": package.registration_type,
        }
    )


def batch_summary(package: ModelPackage) -> JSON:
    """BatchDescribeModelPackageSummary; InferenceSpecification is required there (contract 7.8)."""
    summary = package_summary(package)
    summary.pop("ModelLifeCycle", None)
    return summary | {"InferenceSpecification": package.inference_specification or {"Containers": []}}


def package_description(package: ModelPackage, properties: Mapping[str, str], *, metadata_only: bool = False) -> JSON:
    """DescribeModelPackage's answer: everything that was registered, as it was sent, and what changed since."""
    card = package.model_card
    return package_summary(package) | _present(
        {
            "InferenceSpecification": package.inference_specification,
            "SourceAlgorithmSpecification": package.source_algorithm_specification,
            "ValidationSpecification": package.validation_specification,
            "ModelPackageStatusDetails": package.status_details or {"ValidationStatuses": [], "ImageScanStatuses": []},
            "CertifyForMarketplace": package.certify_for_marketplace,
            "CreatedBy": package.created_by or {},
            "MetadataProperties": package.metadata_properties,
            "ModelMetrics": package.model_metrics,
            "LastModifiedTime": seconds(package.last_modified_at) if package.last_modified_at else None,
            "LastModifiedBy": package.last_modified_by,
            "ApprovalDescription": package.approval_description,
            "Domain": package.domain,
            "Task": package.task,
            "SamplePayloadUrl": package.sample_payload_url,
            "CustomerMetadataProperties": dict(properties) or None,
            "DriftCheckBaselines": package.drift_check_baselines,
            "AdditionalInferenceSpecifications": package.additional_inference_specifications,
            "SkipModelValidation": package.skip_model_validation,
            "SourceUri": package.source_uri,
            "SecurityConfig": package.security_config,
            "ModelCard": _card_metadata(card) if metadata_only and card else card,
            "ManagedStorageType": package.managed_storage_type,
        }
    )


# What IncludedData=MetadataOnly leaves of a model card's content (contract 7.7).
_CARD_METADATA = {
    "model_overview": ("model_id", "model_name"),
    "intended_uses": ("risk_rating",),
    "model_package_details": ("model_package_group_name", "model_package_arn"),
}


def _card_metadata(card: JSON) -> JSON:
    try:
        content = read_json(card.get("ModelCardContent", ""))
    except ValueError:
        content = None
    kept: JSON = {}
    if isinstance(content, dict):
        for section, names in _CARD_METADATA.items():
            found = content.get(section)
            if isinstance(found, dict) and any(name in found for name in names):
                kept[section] = {name: found[name] for name in names if name in found}
    return card | {"ModelCardContent": json.dumps(kept)} if "ModelCardContent" in card else card


def group_record(group: ModelPackageGroup, tags: Iterable[Any]) -> JSON:
    """The group in a Search result: its description with Tags, without ManagedConfiguration (contract 7.13)."""
    record = group_description(group) | {"Tags": tag_list(tags)}
    record.pop("ManagedConfiguration", None)
    return record


def package_record(package: ModelPackage, properties: Mapping[str, str], tags: Iterable[Any]) -> JSON:
    """The package in a Search result; a version's ModelPackageName is GROUP/VERSION there."""
    record = package_description(package, properties) | {"Tags": tag_list(tags)}
    if package.group is not None:
        record["ModelPackageName"] = f"{package.group.name}/{package.version}"
    return record
