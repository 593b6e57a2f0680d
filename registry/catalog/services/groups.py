"""Make a model package group and edit its description."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..errors import AlreadyExists
from ..models import ModelPackageGroup
from .locks import conflict, lock_group, touch_group, user_context
from .quotas import check_room_for_group
from .registrations import clean_tags
from .states import group_state
from .tags import insert_tags


def insert_group(group: ModelPackageGroup, tags: Sequence[tuple[str, str]]) -> None:
    """Check and insert a new group with its tags; the shared core of making and importing.

    Raises ValidationError by field, AlreadyExists when the name is taken in that region.
    """
    faults: dict[str, list[str]] = {}
    try:
        group.clean_fields(exclude=["created_by"])
    except ValidationError as error:
        faults |= {name: [str(text) for text in texts] for name, texts in error.message_dict.items()}
    try:
        clean_tags(tags)
    except ValidationError as error:
        faults["tags"] = error.messages
    if faults:
        raise ValidationError(faults)
    try:
        with transaction.atomic():
            group.save(force_insert=True)
    except IntegrityError as error:
        taken = ModelPackageGroup.objects.live().filter(region=group.region, name=group.name).first()
        if taken is None:
            raise
        raise AlreadyExists(f"The name {group.name} is taken in {group.region}.", taken) from error
    insert_tags(group, tags)


@transaction.atomic
def create_model_package_group(
    *,
    actor: Actor,
    region: str,
    name: str,
    description: str = "",
    tags: Sequence[tuple[str, str]] = (),
    managed_storage_type: str = "",
) -> ModelPackageGroup:
    """Make an empty group with its first tags; leaves `model_package_group.created`.

    Needs contributor. Raises NotAllowed, ValidationError by field (name, description, tags, region), AlreadyExists
    with the group that has the name.
    """
    authorize(actor, "model_package_group.create")
    check_room_for_group(region)
    now = timezone.now()
    group = ModelPackageGroup(
        region=region,
        name=name,
        description=description,
        managed_storage_type=managed_storage_type,
        created_at=now,
        created_by=user_context(actor),
        created_by_name=actor.name,
        updated_at=now,
        updated_by_name=actor.name,
    )
    insert_group(group, tags)
    record(actor, "model_package_group.created", group=group, after=group_state(group, list(tags)), at=now)
    return group


@transaction.atomic
def update_model_package_group_description(
    *, actor: Actor, group: ModelPackageGroup, description: str, seen: str | None = None
) -> ModelPackageGroup:
    """Change a group's description; leaves `model_package_group.description_changed` unless it is the same.

    Needs admin. `seen` is the description the editor started from: another one now is a Conflict. Raises
    ValidationError for `description`.
    """
    authorize(actor, "model_package_group.edit_description", group)
    locked = lock_group(group.pk)
    before = locked.description
    if seen is not None and seen != before:
        raise conflict(
            "The description was changed meanwhile.",
            current=before,
            kind="model_package_group.description_changed",
            group_id=locked.pk,
        )
    if description == before:
        return locked
    locked.description = description
    try:
        locked.clean_fields(exclude=["created_by"])
    except ValidationError as error:
        raise ValidationError({"description": error.messages}) from error
    touch_group(actor, locked, description=description)
    record(
        actor,
        "model_package_group.description_changed",
        group=locked,
        before={"ModelPackageGroupDescription": before},
        after={"ModelPackageGroupDescription": description},
        at=locked.updated_at,
    )
    return locked
