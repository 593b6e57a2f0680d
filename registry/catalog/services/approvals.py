"""Decide on a package: approve, reject, or put it back to waiting."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup
from ..validators import validate_comment
from .locks import conflict, lock_package, touch_package
from .packages import STATUS_COUNTERS, note_approved_version


@transaction.atomic
def update_approval_status(
    *, actor: Actor, package: ModelPackage, approval_status: str, comment: str = "", seen: int | None = None
) -> ModelPackage:
    """Set the approval status with a comment that stays; leaves `model_package.approval_status_changed`.

    Needs reviewer. `seen` is the revision the reviewer looked at: a package that changed since is a Conflict whose
    `current` is the package. The same status with the same comment changes nothing and leaves no event. Raises
    ValidationError for `approval_status` and `comment`. Returns the locked, fresh package.
    """
    authorize(actor, "model_package.decide", package)
    if approval_status not in ApprovalStatus.values:
        raise ValidationError({"approval_status": [f"The status is one of {', '.join(ApprovalStatus.values)}."]})
    try:
        validate_comment(comment)
    except ValidationError as error:
        raise ValidationError({"comment": error.messages}) from error
    locked = lock_package(package.pk)
    if seen is not None and seen != locked.revision:
        raise conflict(
            "This version was changed since you opened it.",
            current=locked,
            kind="model_package.approval_status_changed",
            package_id=locked.pk,
        )
    before, said = locked.approval_status, locked.approval_description
    if (before, said) == (approval_status, comment):
        return locked
    waiting = approval_status == ApprovalStatus.WAITING
    touch_package(
        actor,
        locked,
        approval_status=approval_status,
        approval_description=comment,
        decided_at=None if waiting else timezone.now(),
        decided_by_name="" if waiting else actor.name,
    )
    if locked.group is not None:
        move_count(locked.group, before, approval_status)
        note_approved_version(locked.group)
    record(
        actor,
        "model_package.approval_status_changed",
        package=locked,
        before={"ModelApprovalStatus": before, "ApprovalDescription": said},
        after={"ModelApprovalStatus": approval_status, "ApprovalDescription": comment},
        comment=comment,
    )
    return locked


def move_count(group: ModelPackageGroup, before: str | None, after: str | None) -> None:
    """Take one version from the count of one status to that of another, under the lock of the group's row."""
    down, up = STATUS_COUNTERS.get(before), STATUS_COUNTERS.get(after)
    if down == up:
        return
    moves = {name: F(name) + step for name, step in ((down, -1), (up, +1)) if name}
    ModelPackageGroup.objects.filter(pk=group.pk).update(**moves)
    group.refresh_from_db(fields=[*moves])
