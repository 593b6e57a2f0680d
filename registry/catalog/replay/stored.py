"""The tables as they stand, in the form that a replay has: rows without their ids, and parts by their names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import Model

from registry.accounts.models import AccessKey, Role, User
from registry.accounts.teams import all_teams

from ..models import (
    Check,
    Container,
    CustomerMetadataProperty,
    Metric,
    ModelPackage,
    ModelPackageGroup,
    SavedView,
    Tag,
    TeamAccess,
    Vote,
)
from .accounts import key_name
from .entries import blank
from .packages import PackageReplay
from .saved_views import Key

Parts = dict[str, dict[Any, dict[str, Any]]]

# Part -> its table, and the column that names one of a package's.
PARTS: dict[str, tuple[type[Model], str]] = {
    "tags": (Tag, "key"),
    "metadata": (CustomerMetadataProperty, "key"),
    "containers": (Container, "position"),
    "metrics": (Metric, "name"),
    "checks": (Check, "name"),
    "votes": (Vote, "user_name"),
}


def group_rows(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The rows of some groups by id."""
    names = list(blank(ModelPackageGroup))
    return {row.pop("pk"): row for row in ModelPackageGroup.objects.filter(pk__in=ids).values("pk", *names)}


def package_rows(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """The rows of some packages by id."""
    names = list(blank(ModelPackage))
    return {row.pop("pk"): row for row in ModelPackage.objects.filter(pk__in=ids).order_by().values("pk", *names)}


def group_tags(group_id: int) -> dict[str, dict[str, Any]]:
    """The tags of a group by key."""
    return {row.pop("key"): row for row in Tag.objects.filter(group=group_id).values("key", "value", "slot")}


def group_teams(group_id: int) -> dict[int, dict[str, Any]]:
    """The teams that see a limited group, by id."""
    return {pk: {} for pk in TeamAccess.objects.filter(group=group_id).values_list("team_id", flat=True)}


def parts_of(ids: Sequence[int]) -> dict[int, Parts]:
    """What hangs on some packages: by package, part and name, the other columns."""
    found: dict[int, Parts] = defaultdict(lambda: {part: {} for part in PARTS})
    for part, (model, key) in PARTS.items():
        owner = {"package_id"} if model is Container else {"package_id", "group_id"}
        names = [name for name in blank(model) if name not in owner]
        rows = model._default_manager.filter(package__in=ids).order_by()
        for row in rows.values("package_id", *names):
            found[row.pop("package_id")][part][row.pop(key)] = row
    return found


def replayed_parts(package: PackageReplay) -> Parts:
    """The same of a replay."""
    return {
        "tags": _slotted(package.tags),
        "metadata": _slotted(package.pairs),
        "containers": {row.pop("position"): row for row in package.containers()},
        "metrics": {
            name: {"value": value, "standard_deviation": spread, "source": source}
            for name, (value, spread, source) in package.metrics.items()
        },
        "checks": package.checks,
        "votes": package.votes,
    }


def _slotted(held: dict[str, tuple[str, int]]) -> dict[Any, dict[str, Any]]:
    return {key: {"value": value, "slot": slot} for key, (value, slot) in held.items()}


def saved_views() -> dict[Key, dict[str, Any]]:
    """The saved views by owner, list and name."""
    rows = SavedView.objects.order_by().values(*blank(SavedView))
    return {(row["owner_id"], row["page"], row["name"]): row for row in rows}


def users() -> dict[str, dict[str, Any]]:
    """The users by name: what they may do and are members of."""
    return {
        user.username: {
            "role": user.held_role,
            "is_service": user.is_service,
            "is_active": user.is_active,
            "is_staff": user.is_staff,
            "teams": sorted(group.name for group in user.groups.all() if group.name not in Role.values),
            "date_joined": user.date_joined,
        }
        for user in User.objects.with_roles().order_by()
    }


def access_keys() -> dict[str, dict[str, Any]]:
    """The access keys by owner and name, without their secrets and what tells of their use."""
    names = ("key_id", "role", "created_at", "created_by_name", "expires_at", "is_active")
    rows = AccessKey.objects.order_by().values("user__username", "name", *names)
    return {key_name(row.pop("user__username"), row.pop("name")): row for row in rows}


def teams() -> dict[str, dict[str, Any]]:
    """The teams by name; who is in one is a column of the users."""
    return {name: {} for name in all_teams().values_list("name", flat=True)}
