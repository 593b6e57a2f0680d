"""The timeline of a group: its rows with their neighbours, its trend, and what its filters offer; reads only.

Every question starts at the index over (group, version) and stops after a fixed number of versions, so a group of
100,000 versions costs what one of 100 does. No window function: it would number the whole group first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

from django.db.models import Count, FilteredRelation, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Left

from ..filters import TIMELINE, Query, is_wide, version_conditions
from ..models import (
    METADATA_PREFIX,
    ApprovalStatus,
    Container,
    CustomerMetadataProperty,
    Metric,
    ModelPackage,
    ModelPackageGroup,
)
from ..models.lookups import ExistsApart
from ..models.packages import PackageQuerySet

ROWS = 50  # versions in one answer
EDGE = 8  # rows read beyond each edge of it
SERIES = 600  # newest versions that trend and rail cover (DESIGN.md section 5)
RECENT = 100  # newest versions whose metric names, images and metadata the menus offer
WAITING_SHOWN = 3
TOMBSTONES = 200  # deleted versions looked at for one answer
_LEAD = 200  # characters of a description that a row may show
_OFTEN = 1_000
_MANY = 5_000  # parts in the whole registry from which on they are not collected for one group
_DIGEST = re.compile(r"[0-9a-f]{32,}")
_EVERYTHING = Query(of=TIMELINE)

STATUS_WORDS: dict[str, str | None] = {
    "waiting": ApprovalStatus.WAITING,
    "approved": ApprovalStatus.APPROVED,
    "rejected": ApprovalStatus.REJECTED,
    "none": None,
}


@dataclass(frozen=True)
class VersionFilter:
    """Which versions of a group are shown; an empty member narrows nothing.

    `status` is a key of STATUS_WORDS. Several stages, images or authors widen (any of them), several pairs narrow (all
    of them). An image is a name with its tag, or a whole URI; a pair is "key=value", or a key alone. `query` is what
    the filter box says; `typed`, while somebody types in it, is what that means so far.
    """

    status: str = ""
    stages: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    query: Query = _EVERYTHING
    typed: Query | None = None

    @property
    def is_set(self) -> bool:
        return self != VersionFilter()

    def apply(self, packages: PackageQuerySet) -> PackageQuerySet:
        """Narrow `packages`."""
        if self.status:
            packages = packages.filter(approval_status=STATUS_WORDS[self.status])
        if self.stages:
            packages = packages.filter(stage__in=self.stages)
        if self.authors:
            packages = packages.filter(created_by_name__in=self.authors)
        if self.images:
            packages = packages.filter(_having(Container.objects.filter(_any_image(self.images)), Q()))
        for pair in self.pairs:
            packages = packages.filter(_having(CustomerMetadataProperty.objects.filter(_pair(pair)), _usual_pair(pair)))
        return packages.filter(self._conditions)

    @cached_property
    def _conditions(self) -> Q:
        query = self.query if self.typed is None else self.typed
        return version_conditions(query, wide=is_wide(query)) if query else Q()


def _having(parts: QuerySet[Any], counted: Q) -> Q:
    """The condition to have one of these parts: they are collected where they are few, else asked for one by one.

    `counted` says which of them may be many; it is counted from an index alone, up to _MANY.
    """
    parts = parts.order_by()
    if parts.filter(counted).values("package")[: _MANY + 1].count() > _MANY:
        return Q(ExistsApart(parts.filter(package=OuterRef("pk"))))
    return Q(pk__in=parts.values("package"))


def _any_image(images: Iterable[str]) -> Q:
    names = [image for image in images if "/" not in image]
    return Q(image_name__in=names) | Q(image__in=[image for image in images if "/" in image])


def _pair(text: str) -> Q:
    """A key may hold "=" itself, so every place of one may be where the value begins."""
    found = Q(key=text)
    for at in [place for place, sign in enumerate(text) if sign == "="][:8]:
        if text[:at] and text[at + 1 :]:
            found |= Q(key=text[:at], value=text[at + 1 :])
    return found


def _usual_pair(text: str) -> Q:
    """What a pair most likely means: the first "=" parts key and value."""
    key, _, value = text.partition("=")
    return Q(key=key, value=value) if key and value else Q(key=text)


class Point(NamedTuple):
    """One of the newest versions: what the trend draws and what the menus for stage and author offer."""

    version: int
    value: float | None
    status: str | None
    stage: str
    author: str
    created_at: datetime


_POINT = ("version", "measured__value", "approval_status", "stage", "created_by_name", "created_at")


class Vocabulary(NamedTuple):
    """What the newest versions hold: metric names, image names and metadata pairs, with how many versions hold each."""

    metrics: Counter[str]
    images: Counter[str]
    pairs: Counter[tuple[str, str]]


@dataclass
class Row:
    """One version of the timeline.

    `value` is that of the chosen metric, `previous` the version below it in the group (whatever the filter shows).
    `properties` are (key, value, changed against `previous`), the telling ones first.
    """

    version: int
    status: str | None
    stage: str
    description: str
    created_at: datetime
    author: str
    value: float | None
    previous_version: int | None
    previous_value: float | None
    image: str
    model_data_url: str
    container_count: int
    waiting_since: datetime | None = None
    properties: list[tuple[str, str, bool]] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        """Approved, but its content changed afterwards."""
        return self.status == ApprovalStatus.APPROVED and self.waiting_since is not None

    @property
    def change(self) -> float | None:
        """The change of the metric against the previous version; None where one of them lacks it."""
        return None if self.value is None or self.previous_value is None else self.value - self.previous_value


@dataclass(frozen=True)
class Tombstone:
    """Deleted versions that stood side by side, from `last` down to `first`, deleted by one person on one day."""

    first: int
    last: int
    deleted_at: datetime
    deleted_by: str


@dataclass(frozen=True)
class TimelinePage:
    """Up to ROWS rows, newest first, with up to EDGE of the shown rows above and below, for the line and the headings.

    `above` ends, and `below` begins, with the row next to the page. `tombstones` are the deleted versions between the
    rows, newest first: down to the last row, or to the end of the group.
    """

    rows: list[Row]
    above: list[Row]
    below: list[Row]
    tombstones: list[Tombstone] = field(default_factory=list)

    @property
    def older(self) -> int | None:
        """The number that the next page starts below; None on the last page."""
        return self.rows[-1].version if self.rows and self.below else None


def versions_of(group: ModelPackageGroup) -> PackageQuerySet:
    """The live versions of a group, newest first."""
    return ModelPackage.objects.live().filter(group=group).order_by("-version")


def read_series(group: ModelPackageGroup, metric: str) -> list[Point]:
    """The newest SERIES versions with their value of `metric`, newest first."""
    points = versions_of(group).annotate(measured=_measured(metric))
    return [Point(*values) for values in points.values_list(*_POINT)[:SERIES]]


def read_vocabulary(group: ModelPackageGroup) -> Vocabulary:
    """What the newest RECENT versions hold, in one query."""
    recent = versions_of(group).values("pk")[:RECENT]

    def counted(kind: str, rows: QuerySet[Any], first: str, second: str = "") -> QuerySet[Any]:
        held = rows.filter(package__in=recent).order_by().values(first, *filter(None, [second]))
        times = held.annotate(times=Count("package", distinct=True))
        return times.values_list(Value(kind), first, second or Value(""), "times")

    metrics = counted("metric", Metric.objects.all(), "name")
    images = counted("image", Container.objects.exclude(image_name=""), "image_name")
    pairs = counted("pair", CustomerMetadataProperty.objects.all(), "key", "value")
    found = Vocabulary(Counter(), Counter(), Counter())
    for kind, first, second, times in metrics.union(images, pairs, all=True):
        if kind == "metric":
            found.metrics[first] = times
        elif kind == "image":
            found.images[first] = times
        else:
            found.pairs[first, second] = times
    return found


def read_approved(group: ModelPackageGroup, metric: str) -> dict[str, Any] | None:
    """The version approved now, with its value, first container and decision, and the one to go back to; or None."""
    if group.approved_version is None:
        return None
    intact = versions_of(group).approved().filter(version__lt=group.approved_version, waiting_since=None)
    found = versions_of(group).filter(version=group.approved_version)
    found = found.annotate(previous_approved=Subquery(intact.values("version")[:1]))
    return (
        _with_parts(found, metric)
        .values(
            "version",
            "stage",
            "revision",
            "waiting_since",
            "previous_approved",
            "decided_at",
            "decided_by_name",
            "measured__value",
            "first__image",
            "first__model_data_url",
        )
        .first()
    )


def read_waiting(group: ModelPackageGroup, metric: str, series: Sequence[Point]) -> list[Point]:
    """The newest waiting versions; a query only where they are older than the series."""
    found = [point for point in series if point.status == ApprovalStatus.WAITING][:WAITING_SHOWN]
    if len(found) == min(WAITING_SHOWN, group.waiting_count):
        return found
    waiting = versions_of(group).filter(approval_status=ApprovalStatus.WAITING).annotate(measured=_measured(metric))
    return [Point(*values) for values in waiting.values_list(*_POINT)[:WAITING_SHOWN]]


def read_page(
    group: ModelPackageGroup, *, metric: str, shown: VersionFilter, before: int | None = None
) -> TimelinePage:
    """The newest ROWS versions that `shown` lets through, or those below the number `before`; three or four queries."""
    wanted = shown.apply(versions_of(group))
    below = wanted if before is None else wanted.filter(version__lte=before)  # with the row above, if it is shown
    rows = [Row(*values) for values in _row_values(below, group, metric)[: ROWS + EDGE + 1]]
    above = [rows.pop(0)] if before is not None and rows and rows[0].version == before else []
    if above and rows and None in (above[0].value, rows[0].value):
        # A gap in the metric crosses the edge of the page: where does the line come from?
        further = wanted.filter(version__gt=before).order_by("version")
        above = [*(Row(*values) for values in _row_values(further, group, metric)[: EDGE - 1])][::-1] + above
    end = rows[ROWS - 1].version if len(rows) > ROWS else 0
    gone = _tombstones(group, shown, before, end)
    page = TimelinePage(rows[:ROWS], above, rows[ROWS : ROWS + EDGE], gone)
    _add_properties(group, page.rows)
    return page


def _tombstones(group: ModelPackageGroup, shown: VersionFilter, before: int | None, down_to: int) -> list[Tombstone]:
    """The deleted versions below `before` and above `down_to`; the next page begins with those below its last row.

    No query where no number is missing.
    """
    if group.version_count == group.last_version:
        return []
    gone = shown.apply(ModelPackage.objects.filter(group=group, deleted_at__isnull=False, version__gt=down_to))
    if before is not None:
        gone = gone.filter(version__lt=before)
    found: list[Tombstone] = []
    deleted: QuerySet[Any] = gone.order_by("-version").values_list("version", "deleted_at", "deleted_by_name")
    for version, at, by in deleted[:TOMBSTONES]:
        run = found[-1] if found else None
        if run and run.first == version + 1 and (run.deleted_by, run.deleted_at.date()) == (by, at.date()):
            found[-1] = Tombstone(version, run.last, run.deleted_at, by)
        else:
            found.append(Tombstone(version, version, at, by))
    return found


def _measured(metric: str) -> FilteredRelation:
    return FilteredRelation("metrics", condition=Q(metrics__name=metric))


def _with_parts(packages: PackageQuerySet, metric: str) -> PackageQuerySet:
    first = FilteredRelation("containers", condition=Q(containers__position=0))
    return packages.annotate(measured=_measured(metric), first=first)


def _row_values(packages: PackageQuerySet, group: ModelPackageGroup, metric: str) -> QuerySet[Any]:
    previous = versions_of(group).filter(version__lt=OuterRef("version")).annotate(measured=_measured(metric))
    containers = Container.objects.filter(package=OuterRef("pk")).order_by().values("package")
    return (
        _with_parts(packages, metric)
        .annotate(
            lead=Left("description", _LEAD),
            previous_version=Subquery(previous.values("version")[:1]),
            previous_value=Subquery(previous.values("measured__value")[:1]),
            container_count=Subquery(containers.annotate(n=Count("*")).values("n"), output_field=IntegerField()),
        )
        .values_list(
            "version",
            "approval_status",
            "stage",
            "lead",
            "created_at",
            "created_by_name",
            "measured__value",
            "previous_version",
            "previous_value",
            "first__image",
            "first__model_data_url",
            "container_count",
            "waiting_since",
        )
    )


def _add_properties(group: ModelPackageGroup, rows: Sequence[Row]) -> None:
    """Read the metadata of the rows and of their previous versions, and order it for the chips."""
    numbers = {row.version for row in rows} | {row.previous_version for row in rows if row.previous_version}
    held: dict[int | None, dict[str, str]] = {number: {} for number in numbers}
    if numbers:
        found = CustomerMetadataProperty.objects.filter(package__group=group, package__version__in=numbers)
        # Sorted here: with ORDER BY, SQLite walks the whole table in the order of its ids.
        for _, version, key, value in sorted(found.order_by().values_list("id", "package__version", "key", "value")):
            held[version][key] = value
    changed: dict[int, set[str]] = {}
    for row in rows:
        before = held[row.previous_version] if row.previous_version else held[row.version]
        changed[row.version] = {key for key, value in held[row.version].items() if before.get(key) != value}
    often = Counter(key for keys in changed.values() for key in keys)
    seldom = {key: times for key, times in often.items() if times * 2 < len(rows)}
    for row in rows:
        news = changed[row.version]
        pairs = sorted(held[row.version].items(), key=lambda pair: _telling(pair[0], pair[1], news, seldom))
        row.properties = [(key, value, key in news) for key, value in pairs]


def _telling(key: str, value: str, changed: set[str], seldom: dict[str, int]) -> tuple[bool, bool, bool, int]:
    """The order of the chips: what changed first, what seldom changes before what always does, digests late.

    Copies of metrics come last: they are shown as metrics.
    """
    is_new = key in changed
    return (
        key.startswith(METADATA_PREFIX),
        not is_new,
        bool(_DIGEST.fullmatch(value)),
        seldom.get(key, _OFTEN) if is_new else 0,
    )
