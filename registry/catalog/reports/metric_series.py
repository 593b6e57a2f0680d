"""The metrics of a group over a range of its versions: lowest and highest by stretch, approvals, rows; reads only.

A range of any length costs one aggregate over its metric rows and gives at most as many numbers as a chart can show.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from registry.statements import Prepared

from ..models import ApprovalStatus, Metric, ModelPackage, ModelPackageGroup
from ..models.lookups import AmongListed, listed
from ..models.packages import PackageQuerySet
from .trends import versions_of

SAMPLED = 100  # versions at each end of a range whose metric names count
ROWS = 25  # versions in one page of the table
WAITING_MARKED = 6
EXPORTED = 500  # versions read at once for a file


class Span(NamedTuple):
    """Version numbers from `first` to `last`, both in it."""

    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1

    def width(self, stretches: int) -> int:
        """How many numbers a stretch holds, so that there are at most `stretches` of them."""
        return max(1, -(-self.length // stretches))


class Stretch(NamedTuple):
    """The lowest and highest value among neighbouring versions; `place` counts stretches from the span's start."""

    place: int
    low: float
    high: float


class Mark(NamedTuple):
    """A version that a chart names: its number and status."""

    version: int
    status: str | None


@dataclass
class MetricRow:
    """One version of the table with its values by metric name."""

    id: int
    version: int
    status: str | None
    created_at: datetime
    author: str
    values: dict[str, float] = field(default_factory=dict)


def read_names(group: ModelPackageGroup, span: Span) -> set[str]:
    """The metric names of the newest and the oldest SAMPLED versions of a span, in one query."""
    asked = _NAMES if span.length <= SAMPLED else _NAMES_OF_ENDS
    return {name for (name,) in asked.rows(group=group.pk, first=span.first, last=span.last)}


def _inside(group: int, first: int, last: int) -> PackageQuerySet:
    return versions_of(group).filter(version__gte=first, version__lte=last)


def _names(versions: PackageQuerySet) -> QuerySet[Any]:
    end = versions.values("pk")[:SAMPLED]
    return Metric.objects.filter(package__in=end).order_by().values_list("name").distinct()


def _names_of_ends(group: int, first: int, last: int) -> QuerySet[Any]:
    inside = _inside(group, first, last)
    return _names(inside).union(_names(inside.order_by("version")))


def read_stretches(
    group: ModelPackageGroup, names: Collection[str], span: Span, width: int
) -> dict[str, list[Stretch]]:
    """The stretches of each metric in their order; those in which nothing was measured are left out. One query."""
    if not names:
        return {}
    quote = connection.ops.quote_name
    package, metric = quote(ModelPackage._meta.db_table), quote(Metric._meta.db_table)
    # From the versions to their metrics, never from the names, which other groups' rows share: CROSS JOIN keeps
    # SQLite to that, with a plus against one search for each name in place of one for each version, and OFFSET 0
    # PostgreSQL, which would read the whole table of metrics. GROUP BY by position: where parameters are bound by the
    # server, an expression with parameters equals no other.
    some = ", ".join(["%s"] * len(names))
    if connection.vendor == "sqlite":
        measured, matches = f"CROSS JOIN {metric} m", f"AND m.package_id = p.id AND +m.name IN ({some}) "
    else:
        inner = f"SELECT name, value FROM {metric} WHERE package_id = p.id AND name IN ({some}) OFFSET 0"
        measured, matches = f"CROSS JOIN LATERAL ({inner}) m", ""
    sql = (
        f"SELECT m.name, (p.version - %s) / %s, MIN(m.value), MAX(m.value) FROM {package} p {measured} "
        f"WHERE p.group_id = %s AND p.version BETWEEN %s AND %s AND p.deleted_at IS NULL {matches}GROUP BY 1, 2"
    )
    where: list[Any] = [group.pk, *span]
    given = [*where, *names] if connection.vendor == "sqlite" else [*names, *where]
    found: dict[str, list[Stretch]] = {name: [] for name in names}
    with connection.cursor() as cursor:
        cursor.execute(sql, [span.first, width, *given])
        # Sorted here: told to, PostgreSQL sorts every value of the span before it groups them.
        for name, place, low, high in sorted(cursor.fetchall()):
            found[name].append(Stretch(place, low, high))
    return found


def read_approved(group: ModelPackageGroup, span: Span, width: int) -> list[tuple[int, int]]:
    """(place, number) of the newest approved version in each stretch that has one, in their order. One query."""
    # Raw for the same reason as above: Django gives each use of a parameter a place of its own.
    table = connection.ops.quote_name(ModelPackage._meta.db_table)
    sql = (
        f"SELECT (version - %s) / %s, MAX(version) FROM {table} WHERE group_id = %s AND approval_status = %s "
        "AND version BETWEEN %s AND %s AND deleted_at IS NULL GROUP BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(sql, [span.first, width, group.pk, ApprovalStatus.APPROVED, *span])
        return sorted((place, version) for place, version in cursor.fetchall())


def read_marks(group: ModelPackageGroup, span: Span) -> list[Mark]:
    """Every version of a span with its status, oldest first. One query."""
    return [Mark(*values) for values in _MARKS.rows(group=group.pk, first=span.first, last=span.last)]


def read_waiting(group: ModelPackageGroup, span: Span) -> list[Mark]:
    """The newest waiting versions of a span. One query."""
    return [Mark(*values) for values in _WAITING.rows(group=group.pk, first=span.first, last=span.last)]


def read_values(
    group: ModelPackageGroup, names: Collection[str], versions: Iterable[int]
) -> dict[str, dict[int, float]]:
    """The values of single versions by metric name and number. One query."""
    found: dict[str, dict[int, float]] = {name: {} for name in names}
    for name, version, value in _VALUES.rows(group=group.pk, numbers=listed(versions)):
        if name in found:
            found[name][version] = value
    return found


def read_rows(
    group: ModelPackageGroup, names: Collection[str], span: Span, before: int | None = None, limit: int = ROWS
) -> tuple[list[MetricRow], int | None]:
    """The newest versions of a span (those below the number `before`), and where older ones begin. Two queries."""
    last = span.last if before is None else min(span.last, before - 1)
    found = _rows(limit).rows(group=group.pk, first=span.first, last=last)
    rows = [MetricRow(*values) for values in found]
    older = rows[limit - 1].version if len(rows) > limit else None
    del rows[limit:]
    by_id = {row.id: row for row in rows}
    for pk, name, value in _VALUES_OF.rows(ids=listed(by_id)):
        if name in names:
            by_id[pk].values[name] = value
    return rows, older


def all_rows(group: ModelPackageGroup, names: Sequence[str], span: Span) -> Iterator[MetricRow]:
    """Every version of a span, newest first, read a few hundred at a time; for a file."""
    before: int | None = None
    while True:
        rows, before = read_rows(group, names, span, before, EXPORTED)
        yield from rows
        if before is None:
            return


def _values(group: int, numbers: str) -> QuerySet[Any]:
    ids = ModelPackage.objects.live().filter(AmongListed("version", numbers), group=group).values("pk")
    # All metrics of these few: asked for by name too, SQLite starts from the names, which the whole registry shares.
    return Metric.objects.filter(package__in=ids).order_by().values_list("name", "package__version", "value")


@cache
def _rows(limit: int) -> Prepared[Any]:
    columns = ("pk", "version", "approval_status", "created_at", "created_by_name")
    return Prepared(
        lambda group, first, last: _inside(group, first, last).values_list(*columns)[: limit + 1],
        group=int,
        first=int,
        last=int,
    )


_SPAN: dict[str, type[int]] = {"group": int, "first": int, "last": int}
_NAMES: Prepared[Any] = Prepared(lambda group, first, last: _names(_inside(group, first, last)), **_SPAN)
_NAMES_OF_ENDS: Prepared[Any] = Prepared(_names_of_ends, **_SPAN)
_MARKS: Prepared[Any] = Prepared(
    lambda group, first, last: (
        _inside(group, first, last).order_by("version").values_list("version", "approval_status")
    ),
    **_SPAN,
)
_WAITING: Prepared[Any] = Prepared(
    lambda group, first, last: (
        _inside(group, first, last)
        .filter(approval_status=ApprovalStatus.WAITING)
        .values_list("version", "approval_status")[:WAITING_MARKED]
    ),
    **_SPAN,
)
_VALUES: Prepared[Any] = Prepared(_values, group=int, numbers=str)
_VALUES_OF: Prepared[Any] = Prepared(
    lambda ids: Metric.objects.filter(AmongListed("package", ids)).order_by().values_list("package", "name", "value"),
    ids=str,
)
