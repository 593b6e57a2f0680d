"""What an import hands in: records of groups and packages in domain words, and how they differ from what is here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import timezone

from ..contents import content_hash
from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup
from .packages import container_rows
from .registrations import JSON, Registration
from .states import WIRE_MEMBERS

PACKAGE_STATUSES = ("Completed", "Pending", "InProgress", "Failed", "Deleting")
# Column of ModelPackage -> the member that a difference is called by.
COMPARED = {
    **WIRE_MEMBERS,
    "stage": "ModelLifeCycle",
    "stage_status": "ModelLifeCycle",
    "stage_description": "ModelLifeCycle",
    "created_at": "CreationTime",
    "created_by": "CreatedBy",
    "last_modified_at": "LastModifiedTime",
    "last_modified_by": "LastModifiedBy",
    "status": "ModelPackageStatus",
    "status_details": "ModelPackageStatusDetails",
}
# The allowed values of members that are enumerations in the contract (section 7.6).
ENUMERATIONS = {
    "registration_type": ("Logged", "Registered"),
    "skip_model_validation": ("All", "None"),
    "managed_storage_type": ("Restricted",),
}


@dataclass(kw_only=True)
class ImportRecord:
    """What all records have: `place` says where it stands (file and line), `size` how many bytes it had there."""

    place: str
    size: int = 0
    region: str
    arn: str = ""
    created_at: datetime | None = None
    created_by: JSON = field(default_factory=dict)
    created_by_name: str = ""
    # None: the dump does not say; an empty list: it says there are none.
    tags: list[tuple[str, str]] | None = None


@dataclass(kw_only=True)
class GroupRecord(ImportRecord):
    """A group with its tags."""

    name: str
    description: str = ""
    managed_storage_type: str = ""
    # None: the dump does not say.
    policy: str | None = None

    @property
    def label(self) -> str:
        return self.name


@dataclass(kw_only=True)
class PackageRecord(ImportRecord):
    """A version (`group_name` and `version`) or an unversioned package (`name`).

    `name_is_exact` is False where the group's name was only seen in an ARN, which may have it in lower case.
    """

    group_name: str = ""
    name_is_exact: bool = True
    version: int | None = None
    name: str = ""
    status: str = ""
    status_details: JSON | None = None
    last_modified_at: datetime | None = None
    last_modified_by: JSON | None = None
    last_modified_by_name: str = ""
    registration: Registration

    @property
    def label(self) -> str:
        return f"{self.group_name} v{self.version}" if self.group_name else self.name


@dataclass(kw_only=True)
class FaultyRecord:
    """A place in a dump that cannot be read, and the reason."""

    place: str
    reason: str
    size: int = 0


def group_row(record: GroupRecord) -> ModelPackageGroup:
    """The unsaved row of a group's record."""
    created = record.created_at or timezone.now()
    return ModelPackageGroup(
        region=record.region,
        name=record.name,
        description=record.description,
        managed_storage_type=record.managed_storage_type,
        resource_policy=record.policy or "",
        created_at=created,
        created_by=record.created_by,
        created_by_name=record.created_by_name,
        updated_at=created,
        updated_by_name=record.created_by_name,
        original_arn=record.arn,
        imported_at=timezone.now(),
    )


def package_row(record: PackageRecord, group: ModelPackageGroup | None) -> ModelPackage:
    """The unsaved row of a package's record."""
    registration = record.registration
    changed = record.last_modified_at or record.created_at or timezone.now()
    decided = registration.approval_status in (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED)
    waits = registration.approval_status == ApprovalStatus.WAITING
    # One that was never modified was registered that way.
    decided_by = record.last_modified_by_name if record.last_modified_at else record.created_by_name
    row = ModelPackage(
        group=group,
        region=record.region,
        version=record.version,
        name=None if group is not None else record.name,
        created_at=record.created_at or changed,
        created_by=record.created_by,
        created_by_name=record.created_by_name,
        last_modified_at=record.last_modified_at,
        last_modified_by=record.last_modified_by,
        last_modified_by_name=record.last_modified_by_name,
        decided_at=changed if decided else None,
        decided_by_name=decided_by if decided else "",
        waiting_since=(record.created_at or changed) if waits else None,
        status=record.status or "Completed",
        status_details=record.status_details,
        original_arn=record.arn,
        imported_at=timezone.now(),
        **registration.columns(),
    )
    if row.is_approved:
        row.approved_content = content_hash(row)
    return row


def check_package(record: PackageRecord, row: ModelPackage) -> None:
    """Every rule a record must keep that needs no database; raises ValidationError by the wire's member names."""
    faults: dict[str, list[str]] = {}

    def note(name: str, messages: list[str]) -> None:
        member = COMPARED.get(name, _OTHER_MEMBERS.get(name, name))
        known = faults.setdefault(member, [])
        known.extend(message for message in messages if message not in known)

    try:
        record.registration.clean(versioned=row.is_versioned)
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            note("stage" if name == "stage" else name, messages)
    try:
        row.clean_fields(exclude=["group", *_UNCHECKED])
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            note(name, messages)
    for name, allowed in ENUMERATIONS.items():
        if (value := getattr(row, name)) and value not in allowed:
            note(name, [f"The value is one of {', '.join(allowed)}."])
    if row.status not in PACKAGE_STATUSES:
        note("status", [f"The value is one of {', '.join(PACKAGE_STATUSES)}."])
    for container in container_rows(row, record.registration.containers):
        try:
            container.clean_fields(exclude=["package", "group"])
        except ValidationError as error:
            for name, messages in error.message_dict.items():
                note(f"Containers[{container.position}].{name}", messages)
    if faults:
        raise ValidationError(faults)


_OTHER_MEMBERS = {
    "customer_metadata_properties": "CustomerMetadataProperties",
    "tags": "Tags",
    "name": "ModelPackageName",
    "containers": "InferenceSpecification",
}
# Columns that are JSON of a checked type or made by ourselves: looking at them again costs more than all the rest.
_UNCHECKED = [f.name for f in ModelPackage._meta.fields if f.get_internal_type() in ("JSONField", "DateTimeField")]


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values say the same; numbers by value (PostgreSQL keeps 1e20 as an integer)."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, int | float) and isinstance(other, int | float):
        try:
            return float(one) == float(other)
        except OverflowError:
            return one == other
    return bool(one == other)


def _differs(here: Any, there: Any) -> bool:
    empty: tuple[Any, ...] = (None, "", {}, [], False)
    if here in empty and there in empty:
        return False
    return not _same(here, there)


def _arn_differs(here: ModelPackage | ModelPackageGroup, record: ImportRecord) -> bool:
    # Its own ARN is what an export of this registry says.
    return bool(record.arn) and record.arn.lower() not in (here.original_arn.lower(), here.arn.lower())


def package_differences(
    here: ModelPackage, record: PackageRecord, pairs: Mapping[str, str], tags: list[tuple[str, str]]
) -> list[str]:
    """The members in which a record differs from the package that is here, with its pairs and tags."""
    wanted = package_row(record, here.group)
    unknown = set()
    if record.created_at is None:
        unknown.add("created_at")
    if not record.status:
        unknown.add("status")
    found = [
        member
        for column, member in COMPARED.items()
        if column not in unknown and _differs(getattr(here, column), getattr(wanted, column))
    ]
    if dict(pairs) != dict(record.registration.customer_metadata_properties):
        found.append("CustomerMetadataProperties")
    if record.tags is not None and dict(tags) != dict(record.tags):
        found.append("Tags")
    if _arn_differs(here, record):
        found.append("ModelPackageArn")
    return list(dict.fromkeys(found))


def group_differences(here: ModelPackageGroup, record: GroupRecord, tags: list[tuple[str, str]]) -> list[str]:
    """The members in which a record differs from the group that is here, with its tags."""
    found = []
    if here.description != record.description:
        found.append("ModelPackageGroupDescription")
    if record.tags is not None and dict(tags) != dict(record.tags):
        found.append("Tags")
    if record.created_at is not None and here.created_at != record.created_at:
        found.append("CreationTime")
    if _differs(here.created_by, record.created_by):
        found.append("CreatedBy")
    if here.managed_storage_type != record.managed_storage_type:
        found.append("ManagedConfiguration")
    if record.policy is not None and here.resource_policy != record.policy:
        found.append("ResourcePolicy")
    if _arn_differs(here, record):
        found.append("ModelPackageGroupArn")
    return found
