"""Move a package through the stages of its life cycle."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import ModelPackage
from ..validators import validate_comment, validate_name
from .locks import conflict, lock_package, touch_package


@transaction.atomic
def update_model_life_cycle(
    *,
    actor: Actor,
    package: ModelPackage,
    stage: str,
    stage_status: str,
    stage_description: str = "",
    seen: str | None = None,
) -> ModelPackage:
    """Replace the life cycle as a whole (contract 7.10); leaves `model_package.stage_changed` unless it is the same.

    Needs reviewer. `seen` is the stage the editor started from: another one now is a Conflict with it as `current`.
    Stage names are free; the browser offers the REGISTRY_STAGES. Raises ValidationError for `stage`. Returns the
    locked, fresh package.
    """
    authorize(actor, "model_package.edit_stage", package)
    try:
        validate_name(stage)
        validate_name(stage_status)
        validate_comment(stage_description)
    except ValidationError as error:
        raise ValidationError({"stage": error.messages}) from error
    locked = lock_package(package)
    if seen is not None and seen != locked.stage:
        raise conflict(
            "The stage was changed meanwhile.",
            current=locked.stage,
            kind="model_package.stage_changed",
            package_id=locked.pk,
        )
    before = locked.model_life_cycle
    if (locked.stage, locked.stage_status, locked.stage_description) == (
        stage,
        stage_status,
        stage_description,
    ):
        return locked
    touch_package(actor, locked, stage=stage, stage_status=stage_status, stage_description=stage_description)
    record(
        actor,
        "model_package.stage_changed",
        package=locked,
        before={"ModelLifeCycle": before},
        after={"ModelLifeCycle": locked.model_life_cycle},
        comment=stage_description,
        at=locked.last_modified_at,
    )
    return locked
