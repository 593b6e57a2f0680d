"""Go back to the version that was approved before."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..errors import Refused
from ..models import ApprovalStatus, ModelPackage
from ..reviewing import previous_approved
from .approvals import decide, refuse_stale
from .locks import lock_package, touch_package


@transaction.atomic
def back_to_previous_approved(
    *, actor: Actor, package: ModelPackage, reason: str, seen: int | None = None
) -> ModelPackage:
    """Reject an approved version with a reason, and give its stage to the approved version before it; all or nothing.

    Needs reviewer, and always a reason. The previous one is the approved version with the highest number below whose
    content is what was approved. The rejected one is in no stage afterwards; where it was in none, no stage moves.
    Leaves `model_package.approval_status_changed` and for each stage that moves `model_package.stage_changed`. `seen`
    as in update_approval_status. Raises ValidationError for `comment`, Refused where there is nothing to go back to.
    Returns the previous version, which is the current one now.
    """
    authorize(actor, "model_package.decide", package)
    authorize(actor, "model_package.edit_stage", package)
    if not reason.strip():
        raise ValidationError({"comment": ["Say why you go back."]})
    locked = lock_package(package)
    refuse_stale(locked, seen)
    if locked.group is None or not locked.is_approved:
        raise Refused("Only from an approved version of a group can one go back to the one approved before.")
    previous = previous_approved(locked)
    if previous is None:
        raise Refused(f"No version below v{locked.version} is approved: there is nothing to go back to.")
    decide(actor=actor, locked=locked, approval_status=ApprovalStatus.REJECTED, comment=reason.strip())
    previous = ModelPackage.objects.select_for_update().get(pk=previous.pk)
    previous.group = locked.group
    if locked.stage:
        stage = (locked.stage, locked.stage_status, "")
        _move(actor, locked, ("", "", ""), reason.strip())
        _move(actor, previous, stage, reason.strip())
    return previous


def _move(actor: Actor, package: ModelPackage, stage: tuple[str, str, str], reason: str) -> None:
    if (package.stage, package.stage_status, package.stage_description) == stage:
        return
    before = package.model_life_cycle
    name, status, description = stage
    touch_package(actor, package, stage=name, stage_status=status, stage_description=description)
    record(
        actor,
        "model_package.stage_changed",
        package=package,
        before={"ModelLifeCycle": before},
        after={"ModelLifeCycle": package.model_life_cycle},
        comment=reason,
        at=package.last_modified_at,
    )
