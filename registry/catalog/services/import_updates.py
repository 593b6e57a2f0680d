"""Take over what may change from an import's record: status, stage, metadata, tags, a group's description."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db.models import F
from django.db.models.functions import Greatest
from django.utils import timezone

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record as record_event

from ..contents import content_hash
from ..models import CustomerMetadataProperty, ModelPackage, ModelPackageGroup, Tag
from ..reviewing import rules_of
from .approvals import Decision, moved_counts
from .import_records import GroupRecord, PackageRecord, group_differences, package_differences, package_row
from .locks import lock_group, lock_package
from .metrics import sync_metadata_metrics
from .packages import approved_now
from .permits import rules_in_force
from .states import group_state, tag_state
from .tags import free_slots
from .votes import clear_votes

Pairs = list[tuple[str, str]]


def pairs_of(package: ModelPackage) -> dict[str, str]:
    """The customer metadata that is stored; reads what was prefetched."""
    return {row.key: row.value for row in package.customer_metadata_properties.all()}


def tags_of(owner: ModelPackage | ModelPackageGroup) -> Pairs:
    """The tags that are stored; none for a version, which has none."""
    if isinstance(owner, ModelPackage) and owner.is_versioned:
        return []
    return [(row.key, row.value) for row in owner.tags.all()]


def _replace(rows: list[Any], wanted: Mapping[str, str], make: Any) -> None:
    """Make keyed rows in slots equal `wanted`: an unchanged key keeps its row."""
    model = make().__class__
    model.objects.filter(pk__in=[row.pk for row in rows if row.key not in wanted]).delete()
    kept = [row for row in rows if row.key in wanted]
    changed = [row for row in kept if row.value != wanted[row.key]]
    for row in changed:
        row.value = wanted[row.key]
    model.objects.bulk_update(changed, ["value"])
    known = {row.key for row in kept}
    fresh = [(key, value) for key, value in wanted.items() if key not in known]
    free = free_slots(row.slot for row in kept)
    model.objects.bulk_create(
        make(key=key, value=value, slot=slot) for (key, value), slot in zip(fresh, free, strict=False)
    )


def _take_tags(actor: Actor, owner: ModelPackage | ModelPackageGroup, wanted: Pairs, batch: UUID) -> bool:
    before = tags_of(owner)
    if dict(before) == dict(wanted):
        return False
    group, package = (owner, None) if isinstance(owner, ModelPackageGroup) else (None, owner)
    rows = list(Tag.objects.filter(group=group, package=package))
    _replace(rows, dict(wanted), lambda **values: Tag(group=group, package=package, **values))
    record_event(
        actor,
        "model_package_group.tagged" if group is not None else "model_package.tagged",
        group=group,
        package=package,
        before={"Tags": tag_state(before)},
        after={"Tags": tag_state(wanted)},
        batch=batch,
        in_feed=False,
    )
    return True


def update_group(actor: Actor, here: ModelPackageGroup, record: GroupRecord, batch: UUID) -> tuple[bool, list[str]]:
    """Take over description and tags; True if that changed anything, and the members that still differ.

    Needs the right to import. Leaves `model_package_group.description_changed` and `model_package_group.tagged`.
    """
    authorize(actor, "registry.import", here)
    locked = lock_group(here.pk)
    before, changed = locked.description, False
    if before != record.description:
        changed = True
        locked.description = record.description
        locked.save(update_fields=["description"])
        record_event(
            actor,
            "model_package_group.description_changed",
            group=locked,
            before={"ModelPackageGroupDescription": before},
            after={"ModelPackageGroupDescription": record.description},
            batch=batch,
            in_feed=False,
        )
    if record.tags is not None:
        changed |= _take_tags(actor, locked, record.tags, batch)
    return changed, group_differences(locked, record, record.tags or [])


def complete_group(actor: Actor, here: ModelPackageGroup, record: GroupRecord, batch: UUID) -> list[str]:
    """Fill in a group that a lone version made, now that its own record came; returns what still differs.

    Needs the right to import. What people wrote into it meanwhile stays. Leaves a second `model_package_group.created`,
    whose `before` is the group as the version made it.
    """
    authorize(actor, "registry.import", here)
    locked = lock_group(here.pk)
    before_tags = tags_of(locked)
    before = group_state(locked, before_tags)
    locked.created_at = record.created_at or locked.created_at
    locked.created_by, locked.created_by_name = record.created_by, record.created_by_name
    locked.original_arn, locked.managed_storage_type = record.arn, record.managed_storage_type
    locked.description = locked.description or record.description
    locked.resource_policy = locked.resource_policy or record.policy or ""
    locked.save(
        update_fields=[
            "created_at",
            "created_by",
            "created_by_name",
            "original_arn",
            "managed_storage_type",
            "description",
            "resource_policy",
        ]
    )
    tags = before_tags or record.tags or []
    if not before_tags:
        _replace([], dict(tags), lambda **values: Tag(group=locked, **values))
    after = group_state(locked, tags)
    record_event(
        actor, "model_package_group.created", group=locked, before=before, after=after, batch=batch, in_feed=False
    )
    return group_differences(locked, record, tags)


def update_package(actor: Actor, here: ModelPackage, record: PackageRecord, batch: UUID) -> tuple[bool, list[str]]:
    """Take over status, stage, metadata and tags; True if that changed anything, and the members that still differ.

    Needs the right to import. Leaves the events of those changes, each with before and after; times and names of the
    change are the record's.
    """
    authorize(actor, "registry.import", here)
    locked = lock_package(here)
    wanted, before = package_row(record, locked.group), ModelPackage.objects.get(pk=locked.pk)
    before.group = locked.group
    changes: dict[str, Any] = {}
    events: list[tuple[str, dict[str, Any], dict[str, Any], str]] = []
    if (before.approval_status, before.approval_description) != (wanted.approval_status, wanted.approval_description):
        # What the record's approval is bound to is the record's content: another one here waits for a review.
        if wanted.is_approved and content_hash(locked) != wanted.approved_content:
            wanted.waiting_since = timezone.now()
        taken = Decision.now(wanted)
        changes |= taken.columns()
        votes = clear_votes(locked) if rules_of(locked).approvals_needed > 1 else []
        was = Decision.now(before).as_members() | ({"Votes": votes} if votes else {})
        events.append(
            (
                "model_package.approval_status_changed",
                was,
                taken.as_members() | rules_in_force(locked) | {"ByImport": True},
                wanted.approval_description,
            )
        )
    if before.model_life_cycle != wanted.model_life_cycle:
        for name in ("stage", "stage_status", "stage_description"):
            changes[name] = getattr(wanted, name)
        lives = {"ModelLifeCycle": before.model_life_cycle}, {"ModelLifeCycle": wanted.model_life_cycle}
        events.append(("model_package.stage_changed", *lives, wanted.stage_description))
    old, new = pairs_of(locked), dict(record.registration.customer_metadata_properties)
    if old != new:
        rows = list(CustomerMetadataProperty.objects.filter(package=locked))
        sorted_pairs = dict(sorted(new.items()))  # as slots_for, which says why
        _replace(rows, sorted_pairs, lambda **values: CustomerMetadataProperty(package=locked, **values))
        sync_metadata_metrics(locked, new)
        keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
        states = [{"CustomerMetadataProperties": {k: side[k] for k in keys if k in side}} for side in (old, new)]
        events.append(("model_package.metadata_changed", states[0], states[1], ""))
    if events:
        for name in ("last_modified_at", "last_modified_by", "last_modified_by_name"):
            changes[name] = getattr(wanted, name)
        changes["revision"] = locked.revision + 1
        events[-1][2].update(_modified(wanted, locked.revision + 1))
        for name, value in changes.items():
            setattr(locked, name, value)
        locked.save(update_fields=list(changes))
        _tell_group(locked, before.approval_status, record)
    at = timezone.now()
    for kind, was, now, comment in events:
        record_event(
            actor, kind, package=locked, before=was, after=now, comment=comment, at=at, batch=batch, in_feed=False
        )
    tagged = not locked.is_versioned and record.tags is not None and _take_tags(actor, locked, record.tags, batch)
    return bool(events) or tagged, package_differences(locked, record, new, record.tags or [])


def _modified(wanted: ModelPackage, revision: int) -> dict[str, Any]:
    """Who modified the package and when, as the record says it: for the last event of its update."""
    at = wanted.last_modified_at
    return {
        "Revision": revision,
        "LastModifiedTime": at.isoformat() if at else None,
        "LastModifiedBy": wanted.last_modified_by,
        "LastModifiedByName": wanted.last_modified_by_name,
    }


def _tell_group(package: ModelPackage, status_before: str | None, record: PackageRecord) -> None:
    """Keep the group's counts, its approved version and the time of its newest change."""
    group = package.group
    if group is None:
        return
    if status_before != package.approval_status or package.is_approved:
        changes = moved_counts(group, status_before, package.approval_status) | approved_now(group)
        ModelPackageGroup.objects.filter(pk=group.pk).update(**changes)
    if record.last_modified_at is not None:
        newest = Greatest(F("updated_at"), record.last_modified_at)
        ModelPackageGroup.objects.filter(pk=group.pk).update(updated_at=newest)
