"""Change the tags of a group or of an unversioned package; versions have none."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import ModelPackage, ModelPackageGroup, Tag
from ..validators import TAGS_MAX
from .locks import conflict, lock_group, lock_package, touch_group
from .registrations import clean_tags
from .states import tag_state

Owner = ModelPackageGroup | ModelPackage


def _owner_field(owner: Owner) -> dict[str, Owner]:
    return {"group" if isinstance(owner, ModelPackageGroup) else "package": owner}


def free_slots(taken: Iterable[int]) -> list[int]:
    """The slots of 0 to 49 that are not in `taken`, lowest first."""
    return sorted(set(range(TAGS_MAX)) - set(taken))


def slots_for(keys: Collection[str], taken: Iterable[int] = ()) -> dict[str, int]:
    """The slots of new metadata keys: the lowest free ones, in the order of the keys.

    Not in the order in which they came: PostgreSQL does not keep the order of an event's members.
    """
    return dict(zip(sorted(keys), free_slots(taken), strict=False)) if keys else {}


def insert_tags(owner: Owner, tags: Sequence[tuple[str, str]]) -> None:
    """Give a new owner its first tags; they were checked by clean_tags."""
    Tag.objects.bulk_create(
        Tag(key=key, value=value, slot=slot, **_owner_field(owner)) for slot, (key, value) in enumerate(tags)
    )


def digest_of_tags(tags: Iterable[tuple[str, str]]) -> str:
    """A short name for a set of tags; an edit form carries it, to tell whether anybody else changed them."""
    return hashlib.sha256(json.dumps(sorted(tags)).encode()).hexdigest()[:16]


def _lock(actor: Actor, owner: Owner) -> Owner:
    if isinstance(owner, ModelPackageGroup):
        authorize(actor, "model_package_group.edit_tags", owner)
        return lock_group(owner.pk)
    authorize(actor, "model_package.edit_tags", owner)
    if owner.is_versioned:
        raise ValidationError({"tags": ["Versions have no tags. Use metadata, or tag the group."]})
    return lock_package(owner)


def _save(actor: Actor, owner: Owner, rows: list[Tag], wanted: dict[str, str]) -> list[Tag]:
    """Make the rows of a locked owner equal `wanted`; an unchanged key keeps its place. Records one event."""
    before = [(row.key, row.value) for row in rows]
    gone = [row for row in rows if row.key not in wanted]
    changed = [row for row in rows if row.key in wanted and row.value != wanted[row.key]]
    kept = {row.key for row in rows} & set(wanted)
    new = [(key, value) for key, value in wanted.items() if key not in kept]
    if not (gone or changed or new):
        return rows
    Tag.objects.filter(pk__in=[row.pk for row in gone]).delete()
    for row in changed:
        row.value = wanted[row.key]
        row.save(update_fields=["value"])
    slots = free_slots(row.slot for row in rows if row.key in wanted)
    Tag.objects.bulk_create(
        Tag(key=key, value=value, slot=slot, **_owner_field(owner))
        for (key, value), slot in zip(new, slots, strict=False)
    )
    after = list(Tag.objects.filter(**_owner_field(owner)))
    kind = "model_package_group.tagged" if isinstance(owner, ModelPackageGroup) else "model_package.tagged"
    states: dict[str, Any] = {
        "before": {"Tags": tag_state(before)},
        "after": {"Tags": tag_state([(t.key, t.value) for t in after])},
    }
    if isinstance(owner, ModelPackageGroup):
        touch_group(actor, owner)
        record(actor, kind, group=owner, at=owner.updated_at, **states)
    else:
        # Tag changes do not count as a modification of the package (contract section 6, Who and when).
        record(actor, kind, package=owner, **states)
    return after


@transaction.atomic
def set_tags(*, actor: Actor, owner: Owner, tags: Sequence[tuple[str, str]], seen: str | None = None) -> list[Tag]:
    """Replace all tags of a group or unversioned package; leaves `….tagged` unless nothing changed.

    Needs admin. `seen` is the digest_of_tags the editor started from: other tags now are a Conflict with them as
    `current`. Raises ValidationError for `tags`. Returns the rows in their order.
    """
    locked = _lock(actor, owner)
    rows = list(Tag.objects.filter(**_owner_field(locked)))
    if seen is not None and seen != digest_of_tags((row.key, row.value) for row in rows):
        subject = "group" if isinstance(locked, ModelPackageGroup) else "package"
        kind = "model_package_group.tagged" if subject == "group" else "model_package.tagged"
        raise conflict("The tags were changed meanwhile.", current=rows, kind=kind, **{f"{subject}_id": locked.pk})
    _check(tags)
    return _save(actor, locked, rows, dict(tags))


@transaction.atomic
def add_tags(*, actor: Actor, owner: Owner, tags: Sequence[tuple[str, str]]) -> list[Tag]:
    """Add tags, or overwrite the values of those that are there (AddTags). Needs admin; as set_tags otherwise."""
    locked = _lock(actor, owner)
    _check(tags)
    rows = list(Tag.objects.filter(**_owner_field(locked)))
    wanted = {row.key: row.value for row in rows} | dict(tags)
    if len(wanted) > TAGS_MAX:
        raise ValidationError({"tags": [f"At most {TAGS_MAX} tags; this would make {len(wanted)}."]})
    return _save(actor, locked, rows, wanted)


@transaction.atomic
def delete_tags(*, actor: Actor, owner: Owner, keys: Iterable[str]) -> list[Tag]:
    """Remove tags by key; an absent key is no error (DeleteTags). Needs admin; as set_tags otherwise."""
    locked = _lock(actor, owner)
    rows = list(Tag.objects.filter(**_owner_field(locked)))
    going = set(keys)
    return _save(actor, locked, rows, {row.key: row.value for row in rows if row.key not in going})


def _check(tags: Sequence[tuple[str, str]]) -> None:
    try:
        clean_tags(tags)
    except ValidationError as error:
        raise ValidationError({"tags": error.messages}) from error
