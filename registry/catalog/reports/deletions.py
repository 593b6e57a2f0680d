"""What was deleted, newest first: who did it, until when it can be restored, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from ..models import ModelPackage, ModelPackageGroup
from ..restoring import restorable_until, why_not

ROWS = 50


@dataclass(frozen=True)
class DeletedRow:
    """A tombstone as the list shows it; `refusal` says why it cannot be restored, "" where it can."""

    id: int
    region: str
    title: str
    deleted_at: datetime
    deleted_by: str
    refusal: str

    @property
    def until(self) -> datetime:
        return restorable_until(self.deleted_at)


@dataclass(frozen=True)
class DeletedPage:
    """Up to ROWS rows; `older` is the id to go on behind, None on the last page."""

    rows: list[DeletedRow]
    older: int | None


def deleted_packages(after: int | None = None) -> DeletedPage:
    """Deleted versions and unversioned packages, those behind the row `after` where that is a deleted one."""
    columns = ("id", "region", "name", "version", "deleted_at", "deleted_by_name", "group__name", "group__deleted_at")
    found, older = _page(ModelPackage.objects.all(), after, columns)
    taken = _taken(ModelPackage.objects.live().unversioned(), found)
    rows = []
    for row in found:
        title = f"{row['group__name']} v{row['version']}" if row["version"] else row["name"]
        name_taken = row["name"] if row["name"] and (row["region"], row["name"]) in taken else ""
        gone = row["group__name"] if row["group__deleted_at"] else ""
        refusal = why_not(title, row["deleted_at"], group_deleted=gone, name_taken=name_taken)
        rows.append(_row(row, title, refusal))
    return DeletedPage(rows, older)


def deleted_groups(after: int | None = None) -> DeletedPage:
    """Deleted groups, those behind the row `after` where that is a deleted one."""
    columns = ("id", "region", "name", "deleted_at", "deleted_by_name")
    found, older = _page(ModelPackageGroup.objects.all(), after, columns)
    taken = _taken(ModelPackageGroup.objects.live(), found)
    rows = []
    for row in found:
        name_taken = row["name"] if (row["region"], row["name"]) in taken else ""
        rows.append(_row(row, row["name"], why_not(row["name"], row["deleted_at"], name_taken=name_taken)))
    return DeletedPage(rows, older)


def refusal_of(tombstone: ModelPackage | ModelPackageGroup) -> str:
    """Why one deleted row cannot be restored; "" where it can. At most one query."""
    assert tombstone.deleted_at is not None
    if isinstance(tombstone, ModelPackage) and tombstone.group is not None:
        gone = tombstone.group.name if tombstone.group.deleted_at else ""
        return why_not(str(tombstone), tombstone.deleted_at, group_deleted=gone)
    live: QuerySet[Any] = type(tombstone).objects.live()
    taken = live.filter(region=tombstone.region, name=tombstone.name).exists()
    return why_not(str(tombstone), tombstone.deleted_at, name_taken=str(tombstone) if taken else "")


def _page(rows: QuerySet[Any], after: int | None, columns: tuple[str, ...]) -> tuple[list[dict[str, Any]], int | None]:
    deleted = rows.filter(deleted_at__isnull=False)
    moment = deleted.filter(pk=after).values_list("deleted_at", flat=True).first() if after else None
    if moment:
        deleted = deleted.filter(Q(deleted_at__lt=moment) | Q(deleted_at=moment, pk__lt=after))
    found = list(deleted.order_by("-deleted_at", "-pk").values(*columns)[: ROWS + 1])
    return found[:ROWS], found[ROWS - 1]["id"] if len(found) > ROWS else None


def _taken(live: QuerySet[Any], found: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    """Which names of the rows something live has."""
    names = {row["name"] for row in found if row["name"]}
    return set(live.filter(name__in=names).values_list("region", "name")) if names else set()


def _row(row: dict[str, Any], title: str, refusal: str) -> DeletedRow:
    return DeletedRow(row["id"], row["region"], title, row["deleted_at"], row["deleted_by_name"], refusal)
