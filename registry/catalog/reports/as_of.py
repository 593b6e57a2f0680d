"""Groups and versions as they stood at a moment: found by the times of their rows, told by their events until then.

A page replays the rows that it shows and nothing else: 50 versions are some hundred events, whatever the group has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT

from registry.events.models import Event

from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup
from ..replay import Entry, GroupReplay, PackageReplay, ends_votes, entries_of

ROWS = 50
# Versions, the newest of that moment, among which a page looks for the one that was approved.
SEARCHED = 200
# Events that one page reads; a version with more of them is told by `manage.py replaylog` alone.
EVENTS_MAX = 20_000
_SILENT = ("model_package.commented",)  # changes nothing of what stands
_STATUS_KINDS = (
    "model_package.created",
    "model_package.approval_status_changed",
    "model_package.deleted",
    "model_package.restored",
)


class TooManyEvents(Exception):
    """The log of what a page would show is longer than a page may read."""


# ---------- replays ----------


def packages_at(ids: Collection[int], at: datetime, *, votes_of: int | None = None) -> dict[int, PackageReplay]:
    """Packages by id as they stood; one that the log did not know yet has no row. One query.

    `votes_of` is their group, where their votes are asked for: changed rules may have ended them. One query more.
    """
    events = Event.objects.filter(package_id__in=ids, at__lte=at).exclude(kind__in=_SILENT)
    found: dict[int, list[Entry]] = {pk: [] for pk in ids}
    for entry in _in_order(events):
        found[entry.package_id or 0].append(entry)
    ended = []
    if votes_of is not None:
        rules = Event.objects.filter(group_id=votes_of, package_id=None, at__lte=at)
        ended = [e.id for e in _in_order(rules.filter(kind="model_package_group.rules_changed")) if ends_votes(e)]
    return {pk: PackageReplay().take_all(entries, ended) for pk, entries in found.items()}


def groups_at(ids: Collection[int], at: datetime) -> dict[int, GroupReplay]:
    """Groups by id as they stood, without what follows from their versions. One query."""
    replays = {pk: GroupReplay() for pk in ids}
    # One by one: of a list, SQLite would read the events of all groups of the registry.
    own = reduce(or_, (Q(group_id=pk, package_id=None) for pk in ids), Q(pk__in=()))
    for entry in _in_order(Event.objects.filter(own, at__lte=at)):
        replays[entry.group_id or 0].take(entry)
    return replays


def _in_order(events: QuerySet[Event]) -> list[Entry]:
    # Sorted here: with ORDER BY, SQLite walks the whole log in the order of its ids.
    found = list(entries_of(events.order_by()[: EVENTS_MAX + 1]))
    if len(found) > EVENTS_MAX:
        raise TooManyEvents
    return sorted(found, key=lambda entry: entry.id)


def statuses_at(ids: Collection[int], at: datetime) -> dict[int, str | None]:
    """The approval status of those packages that were registered and not deleted then, by id. One slim query."""
    events = Event.objects.filter(package_id__in=ids, at__lte=at, kind__in=_STATUS_KINDS).order_by()
    rows = events.values_list("package_id", "id", "kind", KT("after__ModelApprovalStatus"))
    stood: dict[int, str | None] = {}
    gone: dict[int, bool] = {}
    for pk, _, kind, status in sorted(rows[: EVENTS_MAX + 1], key=lambda row: row[1]):
        if pk is None:
            continue
        if kind in _STATUS_KINDS[:2]:
            # Of a JSON null SQLite gives the word.
            stood[pk] = None if status == "null" else status
        else:
            gone[pk] = kind == "model_package.deleted"
    return {pk: status for pk, status in stood.items() if not gone.get(pk)}


# ---------- a group ----------


@dataclass(frozen=True)
class VersionThen:
    """A version in the list: `then` has no row where an import brought it later, at `imported_at`."""

    pk: int
    version: int
    created_at: datetime
    imported_at: datetime | None
    then: PackageReplay

    @property
    def is_known(self) -> bool:
        return self.then.row is not None

    @property
    def is_deleted(self) -> bool:
        return self.is_known and self.then.is_deleted


@dataclass(frozen=True)
class VersionsThen:
    """Up to ROWS versions, the last registered first; `older` is the number to go on behind."""

    rows: list[VersionThen]
    older: int | None


@dataclass(frozen=True)
class ApprovedThen:
    """The approved version of a moment; `among` how many were looked at where that were not all."""

    version: int | None
    decided_at: datetime | None = None
    decided_by: str = ""
    among: int = 0


def existing(group_id: int, at: datetime) -> QuerySet[ModelPackage]:
    """The versions registered until then, deleted ones too, the last first: the front of an index."""
    return ModelPackage.objects.filter(group=group_id, created_at__lte=at).order_by("-created_at", "-id")


def versions_at(group_id: int, at: datetime, before: int | None = None) -> VersionsThen:
    """A page of the versions as they stood, or those registered before the version `before`. Two or three queries."""
    found = existing(group_id, at)
    if before is not None:
        found = _behind(found, ModelPackage.objects.filter(group=group_id, version=before))
    rows = list(found.values_list("pk", "version", "created_at", "imported_at")[: ROWS + 1])
    replays = packages_at([row[0] for row in rows[:ROWS]], at)
    shown = [VersionThen(pk, n or 0, created, imported, replays[pk]) for pk, n, created, imported in rows[:ROWS]]
    return VersionsThen(shown, shown[-1].version if len(rows) > ROWS else None)


def _behind(rows: QuerySet[Any], anchor: QuerySet[Any]) -> QuerySet[Any]:
    """Those behind one row in the order of creation, the last first; all where that row is not there."""
    place = anchor.values_list("created_at", "pk").first()
    if place is None:
        return rows
    created, pk = place
    return rows.filter(Q(created_at__lt=created) | Q(created_at=created, pk__lt=pk), created_at__lte=created)


def approved_at(group_id: int, at: datetime) -> ApprovedThen:
    """The approved version with the highest number among the SEARCHED newest of that moment. Two or three queries."""
    newest = dict(existing(group_id, at).values_list("pk", "version")[:SEARCHED])
    stood = statuses_at(newest, at)
    approved = [pk for pk, status in stood.items() if status == ApprovalStatus.APPROVED]
    among = SEARCHED if len(newest) == SEARCHED else 0
    if not approved:
        return ApprovedThen(None, among=among)
    pk = max(approved, key=lambda pk: newest[pk] or 0)
    row = packages_at([pk], at)[pk].columns
    return ApprovedThen(newest[pk], row["decided_at"] or row["created_at"], row["decided_by_name"], among)


def version_lines(group_id: int, at: datetime) -> Iterator[VersionThen]:
    """All versions of the group as they stood, a page at a time, for a file."""
    page = versions_at(group_id, at)
    yield from page.rows
    while page.older is not None:
        page = versions_at(group_id, at, page.older)
        yield from page.rows


# ---------- the index ----------

STRIP = 24


@dataclass(frozen=True)
class GroupThen:
    """A group in the index: `then` has no row where an import brought it later; `strip` are the statuses of its
    newest versions, the oldest first, `latest` and `approved` the numbers among them."""

    pk: int
    region: str
    name: str
    imported_at: datetime | None
    then: GroupReplay
    strip: list[str | None]
    latest: int | None
    approved: int | None


@dataclass(frozen=True)
class GroupsThen:
    """A page of groups, the last made first; `older` is the id to go on behind."""

    rows: list[GroupThen]
    older: int | None


def index_at(groups: QuerySet[ModelPackageGroup], at: datetime, *, rows: int, before: int | None = None) -> GroupsThen:
    """A page of the groups that stood then, the last made first. `groups` are those that the reader may know of,
    deleted ones too. At most seven queries."""
    made = groups.filter(created_at__lte=at).order_by("-created_at", "-id")
    if before is not None:
        made = _behind(made, groups.filter(pk=before))
    columns = ("pk", "region", "name", "imported_at", "created_at")
    # Two questions, as the live ones have an index of their own; of those deleted since there are few.
    found = list(made.filter(deleted_at=None).values_list(*columns)[: rows + 1])
    found += made.filter(deleted_at__gt=at).values_list(*columns)[: rows + 1]
    found.sort(key=lambda row: (row[4], row[0]), reverse=True)
    shown = found[:rows]
    replays = groups_at([row[0] for row in shown], at)
    # One that was deleted and restored meanwhile did not stand either.
    standing = [row for row in shown if replays[row[0]].row is None or not replays[row[0]].is_deleted]
    strips = _strips([row[0] for row in standing], at)
    lines = []
    for pk, region, name, imported, _ in standing:
        strip = strips[pk]
        approved = [number for number, status in strip if status == ApprovalStatus.APPROVED]
        lines.append(
            GroupThen(
                pk,
                region,
                name,
                imported,
                replays[pk],
                [status for _, status in strip],
                strip[-1][0] if strip else None,
                max(approved, default=None),
            )
        )
    return GroupsThen(lines, shown[-1][0] if len(found) > rows else None)


def _strips(groups: Sequence[int], at: datetime) -> dict[int, list[tuple[int, str | None]]]:
    """Number and status of the newest STRIP versions of each group, the oldest first. Three queries."""
    numbers: dict[int, tuple[int, int]] = {}
    for group_id, pk, version in _newest(groups, at):
        numbers[pk] = (group_id, version)
    stood = statuses_at(numbers, at)
    strips: dict[int, list[tuple[int, str | None]]] = defaultdict(list)
    for pk, (group_id, version) in numbers.items():
        if pk in stood:
            strips[group_id].append((version, stood[pk]))
    return defaultdict(list, {group_id: sorted(strip) for group_id, strip in strips.items()})


def _newest(groups: Sequence[int], at: datetime) -> Iterable[tuple[int, int, int]]:
    """(group, id, version) of the newest STRIP versions of each group."""
    if not groups:
        return []
    older = ModelPackage.objects.filter(group=OuterRef("pk"), created_at__lte=at).order_by("-created_at")
    begin = Subquery(older.values("created_at")[STRIP - 1 : STRIP])
    begins = ModelPackageGroup.objects.filter(pk__in=groups).annotate(begin=begin).values_list("pk", "begin")
    wanted = Q()
    for group_id, since in begins:
        wanted |= Q(group=group_id, created_at__lte=at, **({"created_at__gte": since} if since else {}))
    found = ModelPackage.objects.filter(wanted).order_by().values_list("group_id", "pk", "version")
    return ((group_id or 0, pk, version or 0) for group_id, pk, version in found)
