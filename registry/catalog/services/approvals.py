"""Decide on a package: approve, reject, or put it back to waiting."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup
from ..validators import validate_comment
from .locks import conflict, lock_package, touch_package
from .packages import STATUS_COUNTERS, approved_now


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
    locked = lock_package(package)
    if seen is not None and seen != locked.revision:
        raise conflict(
            "This version was changed since you opened it.",
            current=locked,
            kind="model_package.approval_status_changed",
            package_id=locked.pk,
        )
    return decide(actor=actor, locked=locked, approval_status=approval_status, comment=comment)


def decide(*, actor: Actor, locked: ModelPackage, approval_status: str, comment: str) -> ModelPackage:
    """update_approval_status on a package that this transaction has locked; the same rules, the same event."""
    authorize(actor, "model_package.decide", locked)
    if approval_status not in ApprovalStatus.values:
        raise ValidationError({"approval_status": [f"The status is one of {', '.join(ApprovalStatus.values)}."]})
    try:
        validate_comment(comment)
    except ValidationError as error:
        raise ValidationError({"comment": error.messages}) from error
    before, said = locked.approval_status, locked.approval_description
    if (before, said) == (approval_status, comment):
        return locked
    waiting = approval_status == ApprovalStatus.WAITING
    group = locked.group

    def counted() -> dict[str, Any]:
        if group is None:
            return {}
        changes = moved_counts(group, before, approval_status)
        return changes | approved_now(group) if ApprovalStatus.APPROVED in (before, approval_status) else changes

    now = timezone.now()
    touch_package(
        actor,
        locked,
        group_changes=counted,
        approval_status=approval_status,
        approval_description=comment,
        waiting_since=(locked.waiting_since or now) if waiting else None,
        decided_at=None if waiting else now,
        decided_by_name="" if waiting else actor.name,
    )
    record(
        actor,
        "model_package.approval_status_changed",
        package=locked,
        before={"ModelApprovalStatus": before, "ApprovalDescription": said},
        after={"ModelApprovalStatus": approval_status, "ApprovalDescription": comment},
        comment=comment,
    )
    return locked


def moved_counts(group: ModelPackageGroup, before: str | None, after: str | None) -> dict[str, int]:
    """The counts of a locked group when one version goes from one status to another; its caller saves them."""
    down, up = STATUS_COUNTERS.get(before), STATUS_COUNTERS.get(after)
    if down == up:
        return {}
    return {name: getattr(group, name) + step for name, step in ((down, -1), (up, +1)) if name}
