"""Delete packages and empty groups; the row stays as a tombstone, its number is never used again."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..errors import Conflict
from ..models import ModelPackage, ModelPackageGroup
from .locks import lock_group, lock_package, touch_group
from .packages import STATUS_COUNTERS, note_approved_version


@transaction.atomic
def delete_model_package(*, actor: Actor, package: ModelPackage) -> ModelPackage:
    """Delete a version or an unversioned package; leaves `model_package.deleted`. Needs admin.

    Raises NotFound when it is gone already. Returns the tombstone.
    """
    authorize(actor, "model_package.delete", package)
    locked = lock_package(package)
    locked.deleted_at, locked.deleted_by_name = timezone.now(), actor.name
    locked.save(update_fields=["deleted_at", "deleted_by_name"])
    group = locked.group
    if group is not None:
        moves = {name: F(name) - 1 for name in ("version_count", STATUS_COUNTERS.get(locked.approval_status)) if name}
        ModelPackageGroup.objects.filter(pk=group.pk).update(**moves)
        group.refresh_from_db()
        newest = ModelPackage.objects.live().filter(group=group).order_by("-version").first()
        touch_group(actor, group, latest_created_at=newest.created_at if newest else None)
        note_approved_version(group)
    record(
        actor,
        "model_package.deleted",
        package=locked,
        before={"ModelApprovalStatus": locked.approval_status, "ModelPackageDescription": locked.description},
    )
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
    tags = [{"Key": tag.key, "Value": tag.value} for tag in locked.tags.all()]
    locked.deleted_at, locked.deleted_by_name = timezone.now(), actor.name
    locked.save(update_fields=["deleted_at", "deleted_by_name"])
    record(
        actor,
        "model_package_group.deleted",
        group=locked,
        before={"ModelPackageGroupDescription": locked.description, "Tags": tags},
    )
    return locked
