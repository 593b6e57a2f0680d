"""Which words somebody may be offered, where teams hide groups from them: those that a row has which they may see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.contrib.auth import get_user_model
from django.db import models
from django.db.models import Exists

from ..models import ModelPackage, ModelPackageGroup, Tag
from ..models.teams import seen_by, sees_all

if TYPE_CHECKING:
    from registry.accounts.models import User

# Rows of a word that are looked at, and words of an answer: a word is left out rather than looked for everywhere.
PROBED = 2000
WORDS = 32


def path_to_group(model: type[models.Model]) -> str:
    """How a row of the model leads to its group; a tag has one of its own, or is of an unversioned package."""
    if model is ModelPackageGroup:
        return "pk"
    return "group_id" if model in (ModelPackage, Tag) else "package__group_id"


def seen_values(
    user: User, model: type[models.Model], column: str, values: Sequence[str], where: dict[str, str] | None = None
) -> list[str]:
    """Those of `values` that stand in a row which `user` may know of; all of them where nothing is hidden.

    One query, of at most WORDS values and PROBED rows of each.
    """
    if sees_all(user):
        return list(values)
    asked = list(values)[:WORDS]
    if not asked:
        return []
    rows = model._default_manager.order_by()
    columns = [
        Exists(
            seen_by(
                user,
                rows.filter(pk__in=rows.filter(**{column: value}, **(where or {})).values("pk")[:PROBED]),
                path_to_group(model),
            )
        )
        for value in asked
    ]
    found = get_user_model().objects.filter(pk=user.pk).order_by().values_list(*columns).first()
    return [value for value, is_seen in zip(asked, found or (), strict=False) if is_seen]
