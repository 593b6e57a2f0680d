"""Which saved views somebody sees: their own and the shared ones; reads only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet

from ..models import SavedView

if TYPE_CHECKING:
    from registry.accounts.models import User

SHOWN = 200


def visible_views(user: User, page: str) -> QuerySet[SavedView]:
    """The views of a list that `user` may open, with their owners."""
    if user.role is None:
        return SavedView.objects.none()
    views = SavedView.objects.filter(Q(owner=user.pk) | Q(is_shared=True), page=page)
    return views.select_related("owner")


def find_view(user: User, page: str, name: str) -> SavedView | None:
    """The view of that name: one's own goes before a shared one of somebody else."""
    if "\0" in name:
        return None
    found = list(visible_views(user, page).filter(name=name)[:2])
    return next((view for view in found if view.owner_id == user.pk), found[0] if found else None)


def read_views(user: User, page: str) -> tuple[list[SavedView], list[SavedView]]:
    """One's own views and the shared ones of others, by name; one query."""
    views = list(visible_views(user, page).order_by("name", "id")[:SHOWN])
    return [v for v in views if v.owner_id == user.pk], [v for v in views if v.owner_id != user.pk]
