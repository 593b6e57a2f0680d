"""From AWS's answers to the records that an import takes: names, ARNs, people, times; no database."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from registry.catalog.services import GroupRecord, PackageRecord, Registration

from .answers import Arn, BadRecord, parse_arn, parse_time, person, shorten

# Members of the two answers that a record takes over; any other is left out and named in the summary.
GROUP_MEMBERS = {
    "ModelPackageGroupName",
    "ModelPackageGroupArn",
    "ModelPackageGroupDescription",
    "ModelPackageGroupStatus",
    "CreationTime",
    "CreatedBy",
    "ManagedConfiguration",
    "ResponseMetadata",
}
PACKAGE_TEXTS = {
    "description": "ModelPackageDescription",
    "approval_description": "ApprovalDescription",
    "registration_type": "ModelPackageRegistrationType",
    "skip_model_validation": "SkipModelValidation",
    "managed_storage_type": "ManagedStorageType",
    "domain": "Domain",
    "task": "Task",
    "sample_payload_url": "SamplePayloadUrl",
    "source_uri": "SourceUri",
}
PACKAGE_OBJECTS = {
    "metadata_properties": "MetadataProperties",
    "model_metrics": "ModelMetrics",
    "inference_specification": "InferenceSpecification",
    "source_algorithm_specification": "SourceAlgorithmSpecification",
    "validation_specification": "ValidationSpecification",
    "drift_check_baselines": "DriftCheckBaselines",
    "security_config": "SecurityConfig",
    "model_card": "ModelCard",
    "model_life_cycle": "ModelLifeCycle",
}
PACKAGE_MEMBERS = {
    *PACKAGE_TEXTS.values(),
    *PACKAGE_OBJECTS.values(),
    "AdditionalInferenceSpecifications",
    "CertifyForMarketplace",
    "CreatedBy",
    "CreationTime",
    "CustomerMetadataProperties",
    "LastModifiedBy",
    "LastModifiedTime",
    "ModelApprovalStatus",
    "ModelPackageArn",
    "ModelPackageGroupName",
    "ModelPackageName",
    "ModelPackageStatus",
    "ModelPackageStatusDetails",
    "ModelPackageVersion",
    "ResponseMetadata",
}
_CONTAINER_TEXTS = ("Image", "ImageDigest", "ModelDataUrl", "ModelDataETag", "Framework", "FrameworkVersion")
VERSION_MAX = 2_147_483_647

_MISSING: dict[type, str] = {
    str: "text",
    dict: "an object",
    list: "a list",
    int: "a whole number",
    bool: "true or false",
}


def _member(answer: Mapping[str, Any], name: str, kind: type) -> Any:
    """A member of that type, None when it is missing or null; raises BadRecord for another type."""
    value = answer.get(name)
    if value is None:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise BadRecord(f"{name}: expected {_MISSING[kind]}, this is {shorten(value)}")
    return value


def _text(answer: Mapping[str, Any], name: str) -> str:
    return _member(answer, name, str) or ""


def _time(answer: Mapping[str, Any], name: str) -> datetime | None:
    value = answer.get(name)
    if value is None or value == "":
        return None
    try:
        return parse_time(value)
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from None


def _tags(answer: Mapping[str, Any] | None) -> list[tuple[str, str]] | None:
    if answer is None:
        return None
    tags = []
    for tag in _member(answer, "Tags", list) or []:
        if not isinstance(tag, dict) or not isinstance(tag.get("Key"), str):
            raise BadRecord(f"Tags: expected objects with Key and Value, this is {shorten(tag)}")
        tags.append((tag["Key"], _text(tag, "Value")))
    return tags


def _pairs(answer: Mapping[str, Any]) -> dict[str, str]:
    pairs = _member(answer, "CustomerMetadataProperties", dict) or {}
    for key, value in pairs.items():
        if not isinstance(value, str):
            raise BadRecord(f"CustomerMetadataProperties: {shorten(key)}: expected text, this is {shorten(value)}")
    return pairs


def unknown_members(answers: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The members that the import leaves out, since the contract does not know them."""
    group, package = answers.get("DescribeModelPackageGroup", {}), answers.get("DescribeModelPackage", {})
    return (group.keys() - GROUP_MEMBERS) | (package.keys() - PACKAGE_MEMBERS)


def record_of(answers: Mapping[str, Mapping[str, Any]], *, place: str, size: int = 0) -> GroupRecord | PackageRecord:
    """The record that a set of answers is (answers.unwrap); raises BadRecord."""
    group, package = answers.get("DescribeModelPackageGroup"), answers.get("DescribeModelPackage")
    if group is not None and package is not None:
        raise BadRecord("a group and a package in one record")
    tags = _tags(answers.get("ListTags"))
    if group is not None:
        policy = answers.get("GetModelPackageGroupPolicy")
        record = _group_record(group, tags, place, size)
        record.policy = _text(policy, "ResourcePolicy") if policy is not None else None
        return record
    if package is not None:
        return _package_record(package, tags, place, size)
    if tags is None:
        raise BadRecord("a policy without the group that has it")
    raise BadRecord("tags without the group or package that has them")


def _who(answer: Mapping[str, Any], name: str) -> tuple[dict[str, Any], str]:
    context = _member(answer, name, dict) or {}
    try:
        return context, person(context)
    except BadRecord as error:
        raise BadRecord(f"{name}: {error}") from None


def _group_record(answer: Mapping[str, Any], tags: list[tuple[str, str]] | None, place: str, size: int) -> GroupRecord:
    text = _text(answer, "ModelPackageGroupArn")
    arn = parse_arn(text, "model-package-group") if text else None
    name = _text(answer, "ModelPackageGroupName") or (arn.name if arn else "")
    if not name:
        raise BadRecord("ModelPackageGroupName is missing")
    if arn is not None and arn.name.lower() != name.lower():
        raise BadRecord(f"the ARN names {arn.name}, the record {shorten(name)}")
    creator, creator_name = _who(answer, "CreatedBy")
    managed = _member(answer, "ManagedConfiguration", dict) or {}
    return GroupRecord(
        place=place,
        size=size,
        region=arn.region if arn else settings.REGISTRY_REGION,
        name=name,
        arn=text,
        description=_text(answer, "ModelPackageGroupDescription"),
        managed_storage_type=_text(managed, "ManagedStorageType"),
        created_at=_time(answer, "CreationTime"),
        created_by=creator,
        created_by_name=creator_name,
        tags=tags,
    )


def _identity(answer: Mapping[str, Any], arn: Arn | None) -> dict[str, Any]:
    """Group and version, or the name, from the members, else from the ARN; BadRecord where the two disagree."""
    group, version = _text(answer, "ModelPackageGroupName"), _member(answer, "ModelPackageVersion", int)
    arn_group = arn.name if arn and arn.version is not None else ""
    if not (group or version is not None or arn_group):
        name = _text(answer, "ModelPackageName") or (arn.name if arn else "")
        if not name:
            raise BadRecord("neither ModelPackageGroupName nor ModelPackageName")
        if arn is not None and arn.name.lower() != name.lower():
            raise BadRecord(f"the ARN names {arn.name}, the record {shorten(name)}")
        return {"name": name}
    exact = bool(group)
    group = group or arn_group
    if version is None and arn is not None:
        version = arn.version
    if not group:
        raise BadRecord("ModelPackageGroupName is missing")
    if version is None:
        raise BadRecord("ModelPackageVersion is missing")
    if not 1 <= version <= VERSION_MAX:
        raise BadRecord(f"ModelPackageVersion: {shorten(version)} is no version number")
    if arn is not None and (arn.name.lower(), arn.version) != (group.lower(), version):
        said = f"{arn.name}/{arn.version}" if arn.version is not None else arn.name
        raise BadRecord(f"the ARN names {said}, the record {shorten(group)}/{version}")
    return {"group_name": group, "version": version, "name_is_exact": exact}


def _check_inference(specification: dict[str, Any] | None) -> None:
    """Refuse containers whose members have other types than the columns they go to."""
    for position, container in enumerate(_member(specification or {}, "Containers", list) or []):
        where = f"InferenceSpecification.Containers[{position}]"
        if not isinstance(container, dict):
            raise BadRecord(f"{where}: expected an object")
        try:
            for name in _CONTAINER_TEXTS:
                _text(container, name)
            source = _member(container, "ModelDataSource", dict) or {}
            s3 = _member(source, "S3DataSource", dict) or {}
            _text(s3, "S3Uri"), _text(s3, "ETag")
        except BadRecord as error:
            raise BadRecord(f"{where}.{error}") from None


def _package_record(
    answer: Mapping[str, Any], tags: list[tuple[str, str]] | None, place: str, size: int
) -> PackageRecord:
    text = _text(answer, "ModelPackageArn")
    arn = parse_arn(text, "model-package") if text else None
    identity = _identity(answer, arn)
    content: dict[str, Any] = {column: _text(answer, name) for column, name in PACKAGE_TEXTS.items()}
    content |= {column: _member(answer, name, dict) for column, name in PACKAGE_OBJECTS.items()}
    _check_inference(content["inference_specification"])
    if cycle := content["model_life_cycle"]:
        # A null is as good as nothing, here as for any other text.
        given = {name: _text(cycle, name) for name in ("Stage", "StageStatus", "StageDescription")}
        content["model_life_cycle"] = {name: value for name, value in given.items() if value} or None
    specifications = _member(answer, "AdditionalInferenceSpecifications", list)
    for specification in specifications or []:
        if not isinstance(specification, dict):
            raise BadRecord("AdditionalInferenceSpecifications: expected objects")
    creator, creator_name = _who(answer, "CreatedBy")
    modifier, modifier_name = _who(answer, "LastModifiedBy")
    return PackageRecord(
        place=place,
        size=size,
        region=arn.region if arn else settings.REGISTRY_REGION,
        arn=text,
        **identity,
        status=_text(answer, "ModelPackageStatus"),
        status_details=_member(answer, "ModelPackageStatusDetails", dict),
        created_at=_time(answer, "CreationTime"),
        created_by=creator,
        created_by_name=creator_name,
        last_modified_at=_time(answer, "LastModifiedTime"),
        last_modified_by=modifier or None,
        last_modified_by_name=modifier_name,
        tags=tags,
        registration=Registration(
            **content,
            approval_status=_text(answer, "ModelApprovalStatus") or None,
            certify_for_marketplace=_member(answer, "CertifyForMarketplace", bool) or False,
            additional_inference_specifications=specifications,
            customer_metadata_properties=_pairs(answer),
            tags=tags or (),
        ),
    )
