"""Groups and versions as they stood at a moment: found by the times of their rows, told by their events until then.

A page replays the rows that it shows and nothing else: 50 versions are some hundred events, whatever the group has.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, reduce
from operator import itemgetter, or_
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce

from registry.events.models import Event
from registry.statements import Condition, Prepared, read

from ..models import ApprovalStatus, ModelPackage, ModelPackageGroup
from ..replay import Entry, GroupReplay, PackageReplay, ends_votes, entry_of

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
CHIPS = 3  # pairs of metadata in a line of the list


class TooManyEvents(Exception):
    """The log of what a page would show is longer than a page may read."""


# ---------- replays ----------


def packages_at(ids: Collection[int], at: datetime, *, votes_of: int | None = None) -> dict[int, PackageReplay]:
    """Packages by id as they stood; one that the log did not know yet has no row. One query.

    `votes_of` is their group, where their votes are asked for: changed rules may have ended them. One query more.
    """
    found: dict[int, list[Entry]] = {pk: [] for pk in ids}
    for entry in _in_order(_OF_PACKAGES.rows(ids=list(ids), at=at)):
        found[entry.package_id or 0].append(entry)
    ended = []
    if votes_of is not None:
        ended = [e.id for e in _in_order(_OF_RULES.rows(group=votes_of, at=at)) if ends_votes(e)]
    return {pk: PackageReplay().take_all(entries, ended) for pk, entries in found.items()}


def groups_at(ids: Collection[int], at: datetime) -> dict[int, GroupReplay]:
    """Groups by id as they stood, without what follows from their versions. One query."""
    replays = {pk: GroupReplay() for pk in ids}
    if ids:
        own = _of_groups(len(ids)).rows(at=at, **{f"group{n}": pk for n, pk in enumerate(ids)})
        for entry in _in_order(own):
            replays[entry.group_id or 0].take(entry)
    return replays


def _in_order(rows: Sequence[Sequence[Any]]) -> list[Entry]:
    # Sorted here: with ORDER BY, SQLite walks the whole log in the order of its ids.
    if len(rows) > EVENTS_MAX:
        raise TooManyEvents
    return sorted(map(entry_of, rows), key=lambda entry: entry.id)


def _entries(at: datetime, condition: Q) -> QuerySet[Event, Any]:
    return Event.objects.filter(condition, at__lte=at).order_by().values_list(*Entry._fields)[: EVENTS_MAX + 1]


_OF_PACKAGES: Prepared[Any] = Prepared(
    lambda ids, at: _entries(at, Q(package_id__in=ids) & ~Q(kind__in=_SILENT)), ids=list[int], at=datetime
)
_OF_RULES: Prepared[Any] = Prepared(
    lambda group, at: _entries(at, Q(group_id=group, package_id=None, kind="model_package_group.rules_changed")),
    group=int,
    at=datetime,
)


@cache
def _of_groups(count: int) -> Prepared[Any]:
    """The events of that many groups themselves. One by one: of a list, SQLite would read those of all groups."""
    names = [f"group{n}" for n in range(count)]

    def build(at: datetime, **groups: int) -> QuerySet[Event, Any]:
        return _entries(at, reduce(or_, (Q(group_id=groups[name], package_id=None) for name in names)))

    return Prepared(build, at=datetime, **dict.fromkeys(names, int))


def statuses_at(ids: Collection[int], at: datetime) -> dict[int, str | None]:
    """The approval status of those packages that were registered and not deleted then, by id. One slim query."""
    stood: dict[int, str | None] = {}
    gone: dict[int, bool] = {}
    for pk, _, kind, status in sorted(_STATUSES.rows(ids=list(ids), at=at), key=itemgetter(1)):
        if kind in _STATUS_KINDS[:2]:
            # Of a JSON null SQLite gives the word.
            stood[pk] = None if status == "null" else status
        else:
            gone[pk] = kind == "model_package.deleted"
    return {pk: status for pk, status in stood.items() if not gone.get(pk)}


_STATUSES: Prepared[Any] = Prepared(
    lambda ids, at: (
        Event.objects.filter(package_id__in=ids, at__lte=at, kind__in=_STATUS_KINDS)
        .order_by()
        .values_list("package_id", "id", "kind", KT("after__ModelApprovalStatus"))[: EVENTS_MAX + 1]
    ),
    ids=list[int],
    at=datetime,
)


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

    @property
    def line(self) -> VersionLine:
        """What the list says of a version that stood then."""
        row, pairs = self.then.row or {}, tuple(self.then.pairs_shown.items())
        columns = (row[name] for name in VersionLine._fields[1:-2])
        return VersionLine._make((self.version, *columns, pairs[:CHIPS], len(pairs[CHIPS:])))


class VersionLine(NamedTuple):
    """A version as it stood, by the names of its columns; `pairs` is the metadata that has room, `more` the rest."""

    version: int
    approval_status: str | None
    stage: str
    decided_at: datetime | None
    decided_by_name: str
    approval_description: str
    waiting_since: datetime | None
    created_at: datetime
    created_by_name: str
    description: str
    pairs: tuple[tuple[str, str], ...]
    more: int


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


def _existing(group: int, at: datetime) -> QuerySet[ModelPackage]:
    """The versions registered until then, deleted ones too, the last first: the front of an index."""
    return ModelPackage.objects.filter(group=group, created_at__lte=at).order_by("-created_at", "-id")


def _page(group: int, at: datetime, created: datetime | None = None, pk: int = 0) -> QuerySet[ModelPackage, Any]:
    rows = _existing(group, at) if created is None else _behind(_existing(group, at), created, pk)
    return rows.values_list("pk", "version", "created_at", "imported_at")[: ROWS + 1]


_FIRST_PAGE: Prepared[Any] = Prepared(_page, group=int, at=datetime)
_NEXT_PAGE: Prepared[Any] = Prepared(_page, group=int, at=datetime, created=datetime, pk=int)


def versions_at(group_id: int, at: datetime, before: int | None = None) -> VersionsThen:
    """A page of the versions as they stood, or those registered before the version `before`. Two or three queries."""
    place = None
    if before is not None:
        place = ModelPackage.objects.filter(group=group_id, version=before).values_list("created_at", "pk").first()
    if place is None:
        rows = _FIRST_PAGE.rows(group=group_id, at=at)
    else:
        rows = _NEXT_PAGE.rows(group=group_id, at=at, created=place[0], pk=place[1])
    replays = packages_at([row[0] for row in rows[:ROWS]], at)
    shown = [VersionThen(pk, n or 0, created, imported, replays[pk]) for pk, n, created, imported in rows[:ROWS]]
    return VersionsThen(shown, shown[-1].version if len(rows) > ROWS else None)


def _behind(rows: Any, created: datetime, pk: int) -> Any:
    """Those behind one row in the order of creation, the last first."""
    return rows.filter(Q(created_at__lt=created) | Q(created_at=created, pk__lt=pk), created_at__lte=created)


def approved_at(group_id: int, at: datetime) -> ApprovedThen:
    """The approved version with the highest number among the SEARCHED newest of that moment. Two or three queries."""
    newest: dict[int, int | None] = dict(_SEARCHED.rows(group=group_id, at=at))
    stood = statuses_at(newest, at)
    approved = [pk for pk, status in stood.items() if status == ApprovalStatus.APPROVED]
    among = SEARCHED if len(newest) == SEARCHED else 0
    if not approved:
        return ApprovedThen(None, among=among)
    pk = max(approved, key=lambda pk: newest[pk] or 0)
    row = packages_at([pk], at)[pk].columns
    return ApprovedThen(newest[pk], row["decided_at"] or row["created_at"], row["decided_by_name"], among)


_SEARCHED: Prepared[Any] = Prepared(
    lambda group, at: _existing(group, at).values_list("pk", "version")[:SEARCHED], group=int, at=datetime
)


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
    place = groups.filter(pk=before).values_list("created_at", "pk").first() if before is not None else None
    behind: dict[str, Any] = {"created": place[0], "pk": place[1]} if place else {}
    found = []
    # Two questions, as the live ones have an index of their own; of those deleted since there are few.
    for is_live in (True, False):
        found += _made(rows + 1, is_live, bool(place)).rows(groups=Condition.of(groups), at=at, **behind)
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


@cache
def _made(limit: int, is_live: bool, goes_on: bool) -> Prepared[Any]:
    """The statement of the groups made until a moment and not deleted then; with `goes_on`, those behind a row."""

    def build(
        groups: Any, at: datetime, created: datetime | None = None, pk: int = 0
    ) -> QuerySet[ModelPackageGroup, Any]:
        made = ModelPackageGroup.objects.filter(groups, created_at__lte=at).order_by("-created_at", "-id")
        made = made.filter(deleted_at=None) if is_live else made.filter(deleted_at__gt=at)
        made = made if created is None else _behind(made, created, pk)
        return made.values_list("pk", "region", "name", "imported_at", "created_at")[:limit]

    place: dict[str, Any] = {"created": datetime, "pk": int} if goes_on else {}
    return Prepared(build, groups=Condition, at=datetime, **place)


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


def _newest(groups: Sequence[int], at: datetime) -> Sequence[Sequence[int]]:
    """(group, id, version) of the newest STRIP versions of each group, as they are asked for the index of today."""
    return (_newest_laterally if connection.vendor == "postgresql" else _NEWEST.rows)(groups=list(groups), at=at)


def _newest_from_time(groups: list[int], at: datetime) -> QuerySet[Any, Any]:
    older = ModelPackage.objects.filter(group=OuterRef("pk"), created_at__lte=at).order_by("-created_at")
    begin = Coalesce(Subquery(older.values("created_at")[STRIP - 1 : STRIP]), _NEVER)
    found = ModelPackageGroup.objects.filter(pk__in=groups).annotate(begin=begin)
    versions = found.filter(packages__created_at__gte=F("begin"), packages__created_at__lte=at)
    return versions.order_by().values_list("pk", "packages__pk", "packages__version")


_NEVER = datetime(1, 1, 1, tzinfo=UTC)
_NEWEST: Prepared[Any] = Prepared(_newest_from_time, groups=list[int], at=datetime)


def _newest_laterally(groups: list[int], at: datetime) -> Sequence[Sequence[int]]:
    table = connection.ops.quote_name(ModelPackage._meta.db_table)
    return read(
        "SELECT g.id, v.id, v.version FROM unnest(%s::bigint[]) AS g(id) CROSS JOIN LATERAL "
        f"(SELECT id, version FROM {table} WHERE group_id = g.id AND created_at <= %s "
        f"ORDER BY created_at DESC, id DESC LIMIT {STRIP}) v",
        [groups, at],
    )
