"""Delete packages and empty groups, and undo that for 30 days; the row stays as a tombstone, its number is taken."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..errors import AlreadyExists, Conflict, NotFound
from ..models import Metric, ModelPackage, ModelPackageGroup
from ..restoring import why_not
from .locks import lock_group, lock_package, touch_group
from .metric_readings import note_out_of_reach, request_metric_reading
from .packages import STATUS_COUNTERS, approved_now
from .quotas import check_room_for_group, check_room_for_version


@transaction.atomic
def delete_model_package(*, actor: Actor, package: ModelPackage) -> ModelPackage:
    """Delete a version or an unversioned package; leaves `model_package.deleted`. Needs admin.

    Raises NotFound when it is gone already. Returns the tombstone.
    """
    authorize(actor, "model_package.delete", package)
    locked = lock_package(package)
    locked.deleted_at, locked.deleted_by_name = timezone.now(), actor.name
    locked.save(update_fields=["deleted_at", "deleted_by_name"])
    if locked.group is not None:
        _count(actor, locked.group, locked.approval_status, -1, at=locked.deleted_at)
    record(actor, "model_package.deleted", package=locked, before=_package_words(locked), at=locked.deleted_at)
    return locked


@transaction.atomic
def restore_model_package(*, actor: Actor, package: ModelPackage) -> ModelPackage:
    """Undo a deletion: the package is again what it was; leaves `model_package.restored`. Needs admin.

    Raises Conflict after 30 days or while its group is deleted, AlreadyExists while the name of an unversioned package
    is taken, LimitReached where the group is full again, NotFound where there was none. One that is not deleted stays
    as it is, without an event.
    """
    authorize(actor, "model_package.restore", package)
    group = ModelPackageGroup.objects.select_for_update().filter(pk=package.group_id).first()
    locked = ModelPackage.objects.select_for_update().filter(pk=package.pk).first()
    if locked is None:
        raise NotFound("There was no such package.")
    locked.group = group
    if locked.deleted_at is None:
        return locked
    gone = group.name if group is not None and group.deleted_at is not None else ""
    if refusal := why_not(str(locked), locked.deleted_at, group_deleted=gone):
        raise Conflict(refusal, current=locked)
    if group is not None:
        check_room_for_version(group)
    _bring_back(locked)
    now = timezone.now()
    if group is not None:
        _count(actor, group, locked.approval_status, +1, at=now)
    record(actor, "model_package.restored", package=locked, after=_package_words(locked), at=now)
    _read_metrics_that_were_missed(locked)
    return locked


@transaction.atomic
def delete_model_package_group(*, actor: Actor, group: ModelPackageGroup) -> ModelPackageGroup:
    """Delete a group without versions; leaves `model_package_group.deleted`. Needs admin.

    Raises Conflict while versions are left, NotFound when it is gone already. A group of the same name made later is
    another one and starts at version 1.
    """
    authorize(actor, "model_package_group.delete", group)
    locked = lock_group(group.pk)
    if locked.version_count:
        many = "version" if locked.version_count == 1 else "versions"
        raise Conflict(
            f"Model Package Group {locked.arn} still has {locked.version_count} {many}. Delete them first.",
            current=locked,
        )
    locked.deleted_at, locked.deleted_by_name = timezone.now(), actor.name
    locked.save(update_fields=["deleted_at", "deleted_by_name"])
    record(actor, "model_package_group.deleted", group=locked, before=_group_words(locked), at=locked.deleted_at)
    return locked


@transaction.atomic
def restore_model_package_group(*, actor: Actor, group: ModelPackageGroup) -> ModelPackageGroup:
    """Undo the deletion of a group, which comes back empty, with its tags; leaves `model_package_group.restored`.

    Needs admin. Raises Conflict after 30 days, AlreadyExists while its name is taken by another group, LimitReached
    where the region is full again, NotFound where there was none. One that is not deleted stays as it is, without an
    event.
    """
    authorize(actor, "model_package_group.restore", group)
    locked = ModelPackageGroup.objects.select_for_update().filter(pk=group.pk).first()
    if locked is None:
        raise NotFound("There was no such group.")
    if locked.deleted_at is None:
        return locked
    if refusal := why_not(f"The group {locked.name}", locked.deleted_at):
        raise Conflict(refusal, current=locked)
    check_room_for_group(locked.region)
    _bring_back(locked)
    touch_group(actor, locked)
    record(actor, "model_package_group.restored", group=locked, after=_group_words(locked), at=locked.updated_at)
    return locked


def _bring_back(row: ModelPackage | ModelPackageGroup) -> None:
    """Make a locked tombstone live again, as far as the database lets its name be."""
    deleted_at: datetime | None = row.deleted_at
    row.deleted_at, row.deleted_by_name = None, ""
    try:
        with transaction.atomic():
            row.save(update_fields=["deleted_at", "deleted_by_name"])
    except IntegrityError as error:
        taken = type(row).objects.live().filter(region=row.region, name=row.name).first()
        if taken is None or deleted_at is None:
            raise
        raise AlreadyExists(why_not(str(row), deleted_at, name_taken=str(row)), taken) from error


def _count(actor: Actor, group: ModelPackageGroup, status: str | None, step: int, *, at: datetime) -> None:
    """Correct what a locked group says of its versions after one went (-1) or came back (+1)."""
    changes: dict[str, Any] = {
        name: getattr(group, name) + step for name in ("version_count", STATUS_COUNTERS.get(status)) if name
    }
    newest = ModelPackage.objects.live().filter(group=group).order_by("-created_at", "-id")
    changes["latest_created_at"] = newest.values_list("created_at", flat=True).first()
    touch_group(actor, group, at=at, **changes, **approved_now(group))


def _read_metrics_that_were_missed(package: ModelPackage) -> None:
    """Have the metric reports read that nobody read while the package was deleted."""
    if package.metrics_note or not note_out_of_reach(package.model_metrics)[0]:
        return
    if not Metric.objects.filter(package=package, source=Metric.Source.REPORT).exists():
        request_metric_reading(package)


def _package_words(package: ModelPackage) -> dict[str, Any]:
    return {"ModelApprovalStatus": package.approval_status, "ModelPackageDescription": package.description}


def _group_words(group: ModelPackageGroup) -> dict[str, Any]:
    tags = [{"Key": tag.key, "Value": tag.value} for tag in group.tags.all()]
    return {"ModelPackageGroupDescription": group.description, "Tags": tags}
