"""The timeline of a group: its rows with their neighbours, what a filter narrows them to; reads only.

Every question starts at the index over (group, version) and stops after a fixed number of versions, so a group of
100,000 versions costs what one of 100 does. No window function: it would number the whole group first.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Left
from django.db.models.lookups import Exact

from registry.statements import Condition, Prepared

from ..models import (
    METADATA_PREFIX,
    ApprovalStatus,
    Container,
    CustomerMetadataProperty,
    ModelPackage,
    ModelPackageGroup,
)
from ..models.lookups import AmongListed, ByNoIndex, listed
from ..models.packages import PackageQuerySet
from .trends import measured_by, versions_of, with_parts
from .version_filters import VersionFilter

FIRST_ROWS = 25  # versions on the page at first: what a screen shows, and half of what it weighs
ROWS = 50  # versions in each further answer
EDGE = 8  # rows read beyond each edge of it
TOMBSTONES = 200  # deleted versions looked at for one answer
_LEAD = 200  # characters of a description that a row may show
_OFTEN = 1_000
_DIGEST = re.compile(r"[0-9a-f]{32,}")


class Row(NamedTuple):
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
    properties: tuple[tuple[str, str, bool], ...] = ()

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
    """One page of rows, newest first, with up to EDGE of the shown rows above and below, for the line and the headings.

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


def read_page(
    group: ModelPackageGroup, *, metric: str, shown: VersionFilter, before: int | None = None, further: bool = False
) -> TimelinePage:
    """The newest versions that `shown` lets through, of those below the number `before`.

    FIRST_ROWS of them, or ROWS where they go on from a page that is open (`further`).

    Three to five queries.
    """
    most = ROWS if further else FIRST_ROWS
    rows = _rows_from(group, metric, shown, before, most)
    above = [rows.pop(0)] if before is not None and rows and rows[0].version == before else []
    if above and rows and None in (above[0].value, rows[0].value):
        # A gap in the metric crosses the edge of the page: where does the line come from?
        higher = shown.apply(versions_of(group), group.pk).filter(version__gt=before).order_by("version")
        above = [*(Row(*values) for values in _row_values(higher, group.pk, metric)[: EDGE - 1])][::-1] + above
    end = rows[most - 1].version if len(rows) > most else 0
    gone = _tombstones(group, shown, before, end)
    return TimelinePage(_with_properties(group, rows[:most]), above, rows[most : most + EDGE], gone)


def _rows_from(group: ModelPackageGroup, metric: str, shown: VersionFilter, before: int | None, most: int) -> list[Row]:
    """The newest rows, those from `before` down with that one itself, and those beside `most` of them."""
    found: Iterable[Sequence[Any]]
    if shown.is_set:
        # Apart from what the filter asks, the rows are the same question each time.
        numbers = _numbers(group, shown, before, most + EDGE + 1)
        found = _LISTED.rows(group=group.pk, metric=metric, numbers=listed(numbers))
    elif before is None:
        found = _NEWEST.rows(group=group.pk, metric=metric)
    else:
        found = _BELOW[most].rows(group=group.pk, metric=metric, before=before)
    return [Row(*values) for values in found]


def _numbers(group: ModelPackageGroup, shown: VersionFilter, before: int | None, limit: int) -> Iterable[int]:
    """The numbers of the newest versions that `shown` lets through, from `before` down."""
    condition = shown.condition(group.pk)
    if condition is None:
        wanted = shown.apply(versions_of(group), group.pk)
        below = wanted if before is None else wanted.filter(version__lte=before)
        return (number for (number,) in below.values_list("version")[:limit])
    place = {} if before is None else {"before": before}
    statement = _numbered(limit, goes_on=before is not None, is_rare=shown.is_rare)
    return (number for (number,) in statement.rows(group=group.pk, found=condition, **place))


@cache
def _numbered(limit: int, *, goes_on: bool, is_rare: bool) -> Prepared[Any]:
    def build(group: int, found: Any, before: int = 0) -> QuerySet[Any]:
        of_group = ModelPackage.objects.live().filter(Exact(ByNoIndex("group"), group)).order_by("-version")
        wanted = (of_group if is_rare else versions_of(group)).filter(found)
        return (wanted.filter(version__lte=before) if goes_on else wanted).values_list("version")[:limit]

    return Prepared(build, group=int, found=Condition, **({"before": int} if goes_on else {}))


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


def _row_values(packages: PackageQuerySet, group: int, metric: str) -> QuerySet[Any]:
    previous = versions_of(group).filter(version__lt=OuterRef("version")).annotate(measured=measured_by(metric))
    containers = Container.objects.filter(package=OuterRef("pk")).order_by().values("package")
    return (
        with_parts(packages, metric)
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


def _with_properties(group: ModelPackageGroup, rows: Sequence[Row]) -> list[Row]:
    """The rows with their metadata in the order of the chips; read with that of their previous versions."""
    numbers = {row.version for row in rows} | {row.previous_version for row in rows if row.previous_version}
    held: dict[int | None, dict[str, str]] = {number: {} for number in numbers}
    # Sorted here: with ORDER BY, SQLite walks the whole table in the order of its ids.
    for _, version, key, value in sorted(_pairs_of(group, numbers)):
        if version in held:
            held[version][key] = value
    changed: dict[int, set[str]] = {}
    for row in rows:
        before = held[row.previous_version] if row.previous_version else held[row.version]
        changed[row.version] = {key for key, value in held[row.version].items() if before.get(key) != value}
    often = Counter(key for keys in changed.values() for key in keys)
    seldom = {key: times for key, times in often.items() if times * 2 < len(rows)}
    found = []
    for row in rows:
        news = changed[row.version]
        pairs = sorted(held[row.version].items(), key=lambda pair: _telling(pair[0], pair[1], news, seldom))
        found.append(row._replace(properties=tuple((key, value, key in news) for key, value in pairs)))
    return found


def _pairs_of(group: ModelPackageGroup, numbers: set[int]) -> Iterable[Any]:
    """(id, version, key, value) of these versions' metadata, and of some between them."""
    if not numbers:
        return []
    if max(numbers) - min(numbers) < len(numbers) + EDGE:
        return _PAIRS.rows(group=group.pk, first=min(numbers), last=max(numbers))
    return _PAIRS_LISTED.rows(group=group.pk, numbers=listed(numbers))


def _pairs(group: int) -> QuerySet[Any]:
    found = CustomerMetadataProperty.objects.filter(package__group=group).order_by()
    return found.values_list("id", "package__version", "key", "value")


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


def _newest(group: int, metric: str) -> QuerySet[Any]:
    return _row_values(versions_of(group), group, metric)[: FIRST_ROWS + EDGE + 1]


def _below(most: int) -> Prepared[Any]:
    def build(group: int, metric: str, before: int) -> QuerySet[Any]:
        return _row_values(versions_of(group).filter(version__lte=before), group, metric)[: most + EDGE + 1]

    return Prepared(build, group=int, metric=str, before=int)


_NEWEST: Prepared[Any] = Prepared(_newest, group=int, metric=str)
_BELOW = {most: _below(most) for most in (FIRST_ROWS, ROWS)}
_LISTED: Prepared[Any] = Prepared(
    lambda group, metric, numbers: _row_values(
        versions_of(group).filter(AmongListed("version", numbers)), group, metric
    ),
    group=int,
    metric=str,
    numbers=str,
)
_PAIRS: Prepared[Any] = Prepared(
    lambda group, first, last: _pairs(group).filter(package__version__gte=first, package__version__lte=last),
    group=int,
    first=int,
    last=int,
)
_PAIRS_LISTED: Prepared[Any] = Prepared(
    lambda group, numbers: _pairs(group).filter(AmongListed("package__version", numbers)), group=int, numbers=str
)
