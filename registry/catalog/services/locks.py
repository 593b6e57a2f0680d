"""Row locks and the bookkeeping that every change of a locked row needs; no rule of its own.

SQLite has no row locks: there every transaction that writes begins IMMEDIATE, one at a time, which is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone

from registry.accounts.permissions import Actor
from registry.events.models import Event
from registry.statements import Prepared, update

from ..errors import Conflict, NotFound
from ..models import ModelPackage, ModelPackageGroup

_GROUP: Prepared[ModelPackageGroup] = Prepared(
    lambda pk: ModelPackageGroup.objects.select_for_update().live().filter(pk=pk), pk=int
)
_PACKAGE: Prepared[ModelPackage] = Prepared(
    lambda pk: ModelPackage.objects.select_for_update().live().filter(pk=pk), pk=int
)


def lock_group(pk: int) -> ModelPackageGroup:
    """The live group, locked until the transaction ends; NotFound when it was deleted meanwhile."""
    group = _GROUP.first(pk=pk)
    if group is None:
        raise NotFound("This group was deleted.")
    return group


def lock_package(seen: ModelPackage) -> ModelPackage:
    """The package as it is now, with its group, both locked, the group first; NotFound when it was deleted meanwhile.

    `seen` is the package as it was read before; its group never changes.
    """
    group = lock_group(seen.group_id) if seen.group_id else None
    package = _PACKAGE.first(pk=seen.pk)
    if package is None:
        raise NotFound("This version was deleted.")
    package.group = group
    return package


def user_context(actor: Actor) -> dict[str, Any]:
    """The wire's UserContext of an actor: IamIdentity with the ARN and id (contract section 6, Who and when)."""
    account = settings.REGISTRY_ACCOUNT_ID
    principal = str(actor.user.pk) if actor.user is not None else actor.name
    return {"IamIdentity": {"Arn": f"arn:aws:iam::{account}:user/{actor.name}", "PrincipalId": principal}}


def save(row: ModelPackageGroup | ModelPackage, **changes: Any) -> None:
    """Set and save these fields of a locked row, nothing else."""
    for field, value in changes.items():
        setattr(row, field, value)
    update(row, list(changes))


def touch_group(actor: Actor, group: ModelPackageGroup, *, at: datetime | None = None, **changes: Any) -> None:
    """Save `changes` on a locked group and note who changed it last, and when (now, unless `at` says)."""
    save(group, updated_at=at or timezone.now(), updated_by_name=actor.name, **changes)


def touch_package(
    actor: Actor,
    package: ModelPackage,
    *,
    at: datetime | None = None,
    group_changes: Callable[[], dict[str, Any]] = dict,
    **changes: Any,
) -> None:
    """Save `changes` on a locked package, raise its revision, note who changed it last, here and on its group.

    `group_changes` is asked, once the package is saved, for what else changes on the group; `at` is now by default.
    """
    now = at or timezone.now()
    save(package, **changes, revision=package.revision + 1, **_modified(actor, now))
    if package.group is not None:
        touch_group(actor, package.group, at=now, **group_changes())


def _modified(actor: Actor, at: datetime) -> dict[str, Any]:
    return {
        "last_modified_at": at,
        "last_modified_by": user_context(actor),
        "last_modified_by_name": actor.name,
    }


def note_modified(actor: Actor, package: ModelPackage) -> None:
    """Note who modified a locked package last, on the wire's word alone: nothing changed, so its revision stays."""
    now = timezone.now()
    save(package, **_modified(actor, now))
    if package.group is not None:
        touch_group(actor, package.group, at=now)


def note_review(package: ModelPackage) -> None:
    """Raise the revision of a locked package whose review goes on; nobody modified it, so the wire's times stay."""
    save(package, revision=package.revision + 1)


def conflict(message: str, *, current: Any, kind: str | tuple[str, ...], **subject: int) -> Conflict:
    """A Conflict that names who made the last change of that kind to the subject (group_id=… or package_id=…)."""
    kinds = (kind,) if isinstance(kind, str) else kind
    last = Event.objects.filter(kind__in=kinds, **subject).order_by("-id").first()
    who: tuple[str, datetime | None] = (last.actor_name, last.at) if last else ("", None)
    return Conflict(message, current=current, changed_by=who[0], changed_at=who[1])
