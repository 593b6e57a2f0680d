"""Import one group or one package with its own number, times and people; whole dumps are in import_runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record as record_event

from ..metric_reports import ReportedMetric
from ..models import Metric, ModelPackage, ModelPackageGroup
from .approvals import Decision
from .groups import insert_group
from .import_records import (
    FaultyRecord,
    GroupRecord,
    PackageRecord,
    check_package,
    group_differences,
    group_row,
    package_differences,
    package_row,
)
from .import_updates import complete_group, pairs_of, tags_of, update_group, update_package
from .locks import lock_group
from .metrics import store_metrics
from .packages import count_imported, insert_package
from .permits import rules_in_force
from .policies import check_policy
from .states import group_state, package_state

Reports = tuple[list[ReportedMetric], str]
Result = Literal["new", "same", "updated", "differs", "fault"]


@dataclass(frozen=True)
class Outcome:
    """What became of one record. `members` differ from what is here; `reason` says what was wrong with it.

    `made_group`: a version that came without its group made it; `metrics`: how many numbers its reports gave;
    `decided`: a decision was taken over as it was recorded, without asking the rules of the group.
    """

    record: GroupRecord | PackageRecord | FaultyRecord
    result: Result
    members: tuple[str, ...] = ()
    reason: str = ""
    made_group: bool = False
    metrics: int = 0
    decided: bool = False
    group: ModelPackageGroup | None = field(default=None, repr=False)
    package: ModelPackage | None = field(default=None, repr=False)


def _result(changed: bool, members: list[str]) -> Result:
    return "updated" if changed else "differs" if members else "same"


@transaction.atomic
def import_model_package_group(
    *, actor: Actor, record: GroupRecord, batch: UUID, here: ModelPackageGroup | None, update: bool = False
) -> Outcome:
    """Insert a group, or compare it with `here`, the live one of its name; leaves `model_package_group.created`.

    Needs the right to import. One that differs is left as it is, or with `update` takes over description and tags. One
    that only a version had made is filled in. Raises ValidationError by member, AlreadyExists.
    """
    authorize(actor, "registry.import")
    if here is None:
        group = group_row(record)
        _insert_group(actor, group, record.tags or [], batch)
        return Outcome(record, "new", group=group)
    members = group_differences(here, record, tags_of(here))
    if not members:
        return Outcome(record, "same", group=here)
    group_row(record).clean_fields(exclude=["created_by"])
    if record.policy:
        check_policy(record.policy)
    if here.imported_at and not (here.original_arn or here.created_by):
        left = complete_group(actor, here, record, batch)
        return Outcome(record, "updated", tuple(left), group=here)
    if update:
        changed, members = update_group(actor, here, record, batch)
        return Outcome(record, _result(changed, members), tuple(members), group=here)
    return Outcome(record, "differs", tuple(members), group=here)


def _insert_group(actor: Actor, group: ModelPackageGroup, tags: list[tuple[str, str]], batch: UUID) -> None:
    try:
        if group.resource_policy:
            check_policy(group.resource_policy)
        insert_group(group, tags)
    except ValidationError as error:
        named = {_GROUP_MEMBERS.get(name, name): said for name, said in error.message_dict.items()}
        raise ValidationError(named) from error
    after, kind = group_state(group, tags), "model_package_group.created"
    record_event(actor, kind, group=group, after=after, at=group.imported_at, batch=batch, in_feed=False)


_GROUP_MEMBERS = {
    "name": "ModelPackageGroupName",
    "description": "ModelPackageGroupDescription",
    "tags": "Tags",
    "managed_storage_type": "ManagedConfiguration",
    "resource_policy": "ResourcePolicy",
}


def _make_group(actor: Actor, record: PackageRecord, batch: UUID) -> ModelPackageGroup:
    """The group of a version that came alone: known by its name only, until its own record comes."""
    created = record.created_at or record.last_modified_at or timezone.now()
    group = ModelPackageGroup(
        region=record.region,
        name=record.group_name,
        created_at=created,
        updated_at=created,
        imported_at=timezone.now(),
    )
    _insert_group(actor, group, [], batch)
    return group


@transaction.atomic
def import_model_package(
    *,
    actor: Actor,
    record: PackageRecord,
    batch: UUID,
    group: ModelPackageGroup | None,
    here: ModelPackage | None,
    read: Reports | None = None,
    update: bool = False,
    count: bool = True,
) -> Outcome:
    """Insert a package, or compare it with `here`; leaves `model_package.created`.

    Needs the right to import. `group` is the live group of its name; a version whose group is missing makes it. `read`
    are the metrics of its reports and the note on what could not be read, None where they were read before. One that
    differs is left as it is, or with `update` takes over what may change. Without `count` the caller holds the group's
    lock and calls count_imported for many versions at once. Raises ValidationError by member, AlreadyExists, NotFound.
    """
    authorize(actor, "registry.import")
    if here is not None:
        return _compare_package(actor, record, batch, here, read, update)
    made = bool(record.group_name) and group is None
    if made:
        group = _make_group(actor, record, batch)
    elif group is not None and count:
        group = lock_group(group.pk)
    package = package_row(record, group)
    check_package(record, package)
    found, note = read or ([], "")
    package.metrics_note = note
    insert_package(package, record.registration, number=record.version, by="", reported=found)
    if group is not None and count:
        count_imported(group, [package])
    after: dict[str, Any] = package_state(package, record.registration)
    if found:
        after["Metrics"] = {m.name: {"value": m.value, "standard_deviation": m.standard_deviation} for m in found}
    # The decision as it was recorded, with its times and names.
    after |= {name: value for name, value in Decision.now(package).as_members().items() if value}
    if package.decided_at is not None:
        # Taken over as it was recorded: the rules of the group were not asked.
        after |= rules_in_force(package) | {"ByImport": True}
    record_event(
        actor,
        "model_package.created",
        group=group,
        package=package,
        after=after,
        comment=package.approval_description,
        at=package.imported_at,
        batch=batch,
        in_feed=False,
    )
    decided = package.decided_at is not None
    return Outcome(record, "new", made_group=made, metrics=len(found), decided=decided, group=group, package=package)


_DECISION = {"ModelApprovalStatus", "ApprovalDescription"}


def _compare_package(
    actor: Actor, record: PackageRecord, batch: UUID, here: ModelPackage, read: Reports | None, update: bool
) -> Outcome:
    if here.deleted_at is not None:
        # Numbers are not used twice, so it cannot come again either.
        return Outcome(record, "differs", ("deleted here",), group=here.group)
    members = package_differences(here, record, pairs_of(here), tags_of(here))
    changed, decided = False, False
    if members:
        wanted = package_row(record, here.group)
        check_package(record, wanted)
        if update:
            decided = wanted.decided_at is not None and not _DECISION.isdisjoint(members)
            changed, members = update_package(actor, here, record, batch)
    metrics = _take_reports(actor, here, read, batch)
    return Outcome(
        record,
        _result(changed or bool(metrics), members),
        tuple(members),
        metrics=metrics,
        decided=decided,
        group=here.group,
        package=here,
    )


def _take_reports(actor: Actor, here: ModelPackage, read: Reports | None, batch: UUID) -> int:
    """Take the metrics of reports that could not be read before; how many numbers are new."""
    if read is None or not read[0]:
        return 0
    stored = Metric.objects.filter(package=here, source=Metric.Source.REPORT).values_list(
        "name", "value", "standard_deviation"
    )
    fresh = {(m.name, m.value, m.standard_deviation) for m in read[0]} - set(stored)
    if fresh or read[1] != here.metrics_note:
        store_metrics(actor=actor, package=here, metrics=read[0], note=read[1], batch=batch)
    return len(fresh)
