"""Change the customer metadata properties of a package: put, and remove, with the wire's merge semantics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..models import CustomerMetadataProperty, ModelPackage
from ..validators import PAIRS_MAX
from .locks import conflict, lock_package, touch_package
from .metrics import sync_metadata_metrics
from .registrations import clean_pairs
from .tags import slots_for


@transaction.atomic
def update_customer_metadata(
    *,
    actor: Actor,
    package: ModelPackage,
    put: Mapping[str, str] | None = None,
    remove: Iterable[str] = (),
    seen: Mapping[str, str | None] | None = None,
) -> ModelPackage:
    """Add or overwrite the pairs of `put`, then remove the keys of `remove`; all others stay (contract section 6).

    Needs contributor; leaves one `model_package.metadata_changed` with the changed keys only, none if nothing changed.
    `seen` maps keys to the value the editor saw, None for "not there": another value now is a Conflict whose
    `current` is that value. At most 50 pairs after the change. Raises ValidationError for
    `customer_metadata_properties`. Returns the locked, fresh package.
    """
    authorize(actor, "model_package.edit_metadata", package)
    put, gone = dict(put or {}), set(remove)
    try:
        clean_pairs(put)
    except ValidationError as error:
        raise ValidationError({"customer_metadata_properties": error.messages}) from error
    locked = lock_package(package)
    rows = {row.key: row for row in CustomerMetadataProperty.objects.filter(package=locked)}
    before = {key: row.value for key, row in rows.items()}
    for key, value in (seen or {}).items():
        if before.get(key) != value:
            raise conflict(
                f"{key} was changed meanwhile.",
                current=before.get(key),
                kind="model_package.metadata_changed",
                package_id=locked.pk,
            )
    after = {key: value for key, value in (before | put).items() if key not in gone}
    if after == before:
        return locked
    if len(after) > PAIRS_MAX:
        message = f"At most {PAIRS_MAX} pairs; this would make {len(after)}. Remove one first."
        raise ValidationError({"customer_metadata_properties": [message]})
    CustomerMetadataProperty.objects.filter(pk__in=[row.pk for key, row in rows.items() if key not in after]).delete()
    for key, row in rows.items():
        if key in after and row.value != after[key]:
            row.value = after[key]
            row.save(update_fields=["value"])
    fresh = [key for key in after if key not in before]
    slots = slots_for(fresh, (row.slot for key, row in rows.items() if key in after))
    CustomerMetadataProperty.objects.bulk_create(
        CustomerMetadataProperty(package=locked, key=key, value=after[key], slot=slots[key]) for key in fresh
    )
    sync_metadata_metrics(locked, after)
    touch_package(actor, locked)
    changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    record(
        actor,
        "model_package.metadata_changed",
        package=locked,
        before={"CustomerMetadataProperties": {key: before[key] for key in changed if key in before}},
        after={"CustomerMetadataProperties": {key: after[key] for key in changed if key in after}},
        at=locked.last_modified_at,
    )
    return locked
