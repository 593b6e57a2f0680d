"""Keep a filter and order of a list under a name: for oneself, or shared with everybody."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from registry.accounts.permissions import Actor, NotAllowed, authorize
from registry.events.services import record

from ..errors import AlreadyExists, NotFound
from ..models import SavedView


def _state(view: SavedView) -> dict[str, Any]:
    return {
        "Name": view.name,
        "List": view.page,
        "Query": view.query,
        "Shared": view.is_shared,
        "Owner": view.owner_id,
    }


def _record(actor: Actor, kind: str, view: SavedView, *, before: dict[str, Any] | None, shown: bool) -> None:
    """What somebody keeps for themselves is in the log, but in nobody's feed."""
    after = None if kind.endswith("deleted") else _state(view)
    at = None if after is None else view.saved_at
    record(actor, kind, target=view.name, before=before, after=after, at=at, in_feed=shown)


def _lock(view: SavedView) -> SavedView:
    found = SavedView.objects.select_for_update().filter(pk=view.pk).first()
    if found is None:
        raise NotFound("This view was deleted.")
    return found


def authorize_view(actor: Actor, view: SavedView) -> None:
    """Return if `actor` may change `view`: its owner and admins may. Raises NotAllowed."""
    own = actor.user is not None and view.owner_id == actor.user.pk
    authorize(actor, "saved_view.edit_own" if own else "saved_view.edit_others", view)


def _save(view: SavedView, **options: Any) -> None:
    """Check and save; ValidationError by field, AlreadyExists with the view that has the name."""
    try:
        view.clean_fields(exclude=["owner"])
    except ValidationError as error:
        if "query" in error.message_dict:
            raise ValidationError({"query": ["This filter is too long to be kept."]}) from error
        raise
    if not view.name.isprintable():
        raise ValidationError({"name": ["Letters, digits, signs and blanks only, on one line."]})
    try:
        with transaction.atomic():
            view.save(**options)
    except IntegrityError as error:
        taken = SavedView.objects.filter(page=view.page, name=view.name).exclude(pk=view.pk)
        own = taken.filter(owner=view.owner_id).first()
        if own is not None:
            raise AlreadyExists(f"You have a view {view.name} here already.", own) from error
        shared = taken.filter(is_shared=True).first()
        if shared is None or not view.is_shared:
            raise
        message = f"{shared.owner.get_username()} shares a view {view.name} here already. Take another name."
        raise AlreadyExists(message, shared) from error


@transaction.atomic
def save_view(*, actor: Actor, page: str, name: str, query: str, is_shared: bool = False) -> SavedView:
    """Keep the query of a list under a name; leaves `saved_view.saved`.

    Everybody with a role may; sharing needs contributor. Raises ValidationError by field, AlreadyExists where the name
    is taken among one's own views or, for a shared one, among the shared ones of that list.
    """
    authorize(actor, "saved_view.edit_own")
    if is_shared:
        authorize(actor, "saved_view.share")
    if actor.user is None:
        raise NotAllowed("saved_view.edit_own", None)
    now = timezone.now()
    view = SavedView(owner=actor.user, page=page, name=name.strip(), query=query, is_shared=is_shared, saved_at=now)
    _save(view, force_insert=True)
    _record(actor, "saved_view.saved", view, before=None, shown=is_shared)
    return view


@transaction.atomic
def update_view(*, actor: Actor, view: SavedView, query: str) -> SavedView:
    """Give a view another query; leaves `saved_view.changed` unless it is the same.

    The owner may, and admins. Raises NotAllowed, NotFound, ValidationError for `query`.
    """
    authorize_view(actor, view)
    locked = _lock(view)
    if locked.query == query:
        return locked
    before = _state(locked)
    locked.query, locked.saved_at = query, timezone.now()
    _save(locked)
    _record(actor, "saved_view.changed", locked, before=before, shown=locked.is_shared)
    return locked


@transaction.atomic
def share_view(*, actor: Actor, view: SavedView, is_shared: bool) -> SavedView:
    """Share a view with everybody, or keep it for its owner again; leaves `saved_view.shared` or `saved_view.unshared`
    unless it is so already.

    Needs contributor, and the owner or an admin. Raises NotAllowed, NotFound, AlreadyExists where a shared view of that
    list has the name.
    """
    authorize_view(actor, view)
    authorize(actor, "saved_view.share", view)
    locked = _lock(view)
    if locked.is_shared == is_shared:
        return locked
    before = _state(locked)
    locked.is_shared, locked.saved_at = is_shared, timezone.now()
    _save(locked)
    _record(actor, "saved_view.shared" if is_shared else "saved_view.unshared", locked, before=before, shown=True)
    return locked


@transaction.atomic
def delete_view(*, actor: Actor, view: SavedView) -> None:
    """Delete a view; leaves `saved_view.deleted`. The owner may, and admins. Raises NotAllowed, NotFound."""
    authorize_view(actor, view)
    locked = _lock(view)
    before = _state(locked)
    _record(actor, "saved_view.deleted", locked, before=before, shown=locked.is_shared)
    locked.delete()
