"""The one way to write the log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.statements import insert

from .models import Event

# The filter words of the activity page.
CATEGORIES = {
    "model_package_group.created": "registration",
    "model_package_group.description_changed": "registration",
    "model_package_group.tagged": "tags",
    "model_package.created": "registration",
    "model_package.approval_status_changed": "review",
    "model_package.vote_given": "review",
    "model_package.vote_withdrawn": "review",
    "model_package.changes_requested": "review",
    "model_package.commented": "review",
    "model_package.check_reported": "review",
    "model_package.stage_changed": "review",
    "model_package.metadata_changed": "metadata",
    "model_package.metrics_read": "metadata",
    "model_package.tagged": "tags",
    "model_package_group.deleted": "registration",
    "model_package_group.policy_changed": "access",
    "model_package_group.metrics_changed": "metadata",
    "model_package_group.rules_changed": "review",
    "model_package_group.teams_changed": "access",
    "model_package.deleted": "registration",
    "model_package.restored": "registration",
    "model_package_group.restored": "registration",
    "model_package.content_changed": "registration",
    "model_package.touched": "registration",
    "access_key.created": "access",
    "access_key.renamed": "access",
    "access_key.enabled": "access",
    "access_key.disabled": "access",
    "access_key.rotated": "access",
    "access_key.deleted": "access",
    "registry.imported": "registration",
    "saved_view.saved": "views",
    "saved_view.changed": "views",
    "saved_view.shared": "views",
    "saved_view.unshared": "views",
    "saved_view.deleted": "views",
    "user.created": "access",
    "user.role_changed": "access",
    "user.activated": "access",
    "user.deactivated": "access",
    "user.password_changed": "access",
    "user.teams_changed": "access",
    "team.created": "access",
    "team.renamed": "access",
    "team.deleted": "access",
}


def record(
    actor: Any,
    kind: str,
    *,
    group: Any = None,
    package: Any = None,
    target: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    comment: str = "",
    at: datetime | None = None,
    batch: UUID | None = None,
    in_feed: bool = True,
) -> Event:
    """Write one event and return it. Must run in the transaction of the change it tells of.

    `actor` has name, user, door, access_key and user_agent (accounts.permissions.Actor); `group` and `package` are
    rows of the catalog, read by attribute only, since this app knows no other. `kind` must be in CATEGORIES: a kind
    that nobody declared is a KeyError, so that no page meets an event it cannot tell.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{kind}: an event belongs into the transaction of its change")
    if package is not None and group is None and package.group_id:
        group = package.group
    subject = package if package is not None else group
    event = Event(
        at=at or timezone.now(),
        kind=kind,
        category=CATEGORIES[kind],
        actor=actor.user,
        actor_name=actor.name,
        door=actor.door,
        access_key=actor.access_key[:128],
        user_agent=actor.user_agent[:512],
        region=subject.region if subject is not None else "",
        group_id=group.pk if group is not None else None,
        group_name=group.name if group is not None else "",
        package_id=package.pk if package is not None else None,
        package_name=(package.name or "") if package is not None else "",
        version=package.version if package is not None else None,
        target=target,
        comment=comment,
        in_feed=in_feed,
        batch=batch,
        before=before,
        after=after,
    )
    insert([event])
    return event
