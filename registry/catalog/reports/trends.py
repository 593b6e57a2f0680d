"""What stands above the timeline of a group and in its menus: trend, approved now, waiting, vocabulary; reads only.

Each question starts at the index over (group, version), stops after a fixed number of versions, and is compiled once
a connection: a page of a group asks all of them.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from django.db.models import Count, FilteredRelation, Q, QuerySet, Subquery, Value

from registry.statements import Prepared

from ..models import ApprovalStatus, Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Tag
from ..models.packages import PackageQuerySet

SERIES = 600  # newest versions that trend and rail cover (DESIGN.md section 5)
RECENT = 100  # newest versions whose metric names, images and metadata the menus offer
WAITING_SHOWN = 3


class Point(NamedTuple):
    """One of the newest versions: what the trend draws and what the menus for stage and author offer."""

    version: int
    value: float | None
    status: str | None
    stage: str
    author: str


_POINT = ("version", "measured__value", "approval_status", "stage", "created_by_name")


class Waiting(NamedTuple):
    """One of the versions that wait for a decision."""

    version: int
    value: float | None
    created_at: datetime


class Vocabulary(NamedTuple):
    """What the newest versions hold: metric names, image names and metadata pairs, with how many versions hold each."""

    metrics: Counter[str]
    images: Counter[str]
    pairs: Counter[tuple[str, str]]


def versions_of(group: ModelPackageGroup | int) -> PackageQuerySet:
    """The live versions of a group, or of the one with that id, newest first."""
    return ModelPackage.objects.live().filter(group=group).order_by("-version")


def measured_by(metric: str) -> FilteredRelation:
    """The versions' one value of a metric, to annotate them with."""
    return FilteredRelation("metrics", condition=Q(metrics__name=metric))


def with_parts(packages: PackageQuerySet, metric: str) -> PackageQuerySet:
    """Annotated with the value of a metric as `measured` and the first container as `first`."""
    first = FilteredRelation("containers", condition=Q(containers__position=0))
    return packages.annotate(measured=measured_by(metric), first=first)


def read_series(group: ModelPackageGroup, metric: str) -> list[Point]:
    """The newest SERIES versions with their value of `metric`, newest first."""
    return list(map(Point._make, _SERIES.rows(group=group.pk, metric=metric)))


def _series(group: int, metric: str) -> QuerySet[Any]:
    return versions_of(group).annotate(measured=measured_by(metric)).values_list(*_POINT)[:SERIES]


def read_vocabulary(group: ModelPackageGroup) -> Vocabulary:
    """What the newest RECENT versions hold, in one query."""
    found = Vocabulary(Counter(), Counter(), Counter())
    for kind, first, second, times in _VOCABULARY.rows(group=group.pk):
        if kind == "metric":
            found.metrics[first] = times
        elif kind == "image":
            found.images[first] = times
        else:
            found.pairs[first, second] = times
    return found


def _vocabulary(group: int) -> QuerySet[Any]:
    recent = versions_of(group).values("pk")[:RECENT]

    def counted(kind: str, rows: QuerySet[Any], first: str, second: str = "") -> QuerySet[Any]:
        held = rows.filter(package__in=recent).order_by().values(first, *filter(None, [second]))
        times = held.annotate(times=Count("package", distinct=True))
        return times.values_list(Value(kind), first, second or Value(""), "times")

    metrics = counted("metric", Metric.objects.all(), "name")
    images = counted("image", Container.objects.exclude(image_name=""), "image_name")
    pairs = counted("pair", CustomerMetadataProperty.objects.all(), "key", "value")
    return metrics.union(images, pairs, all=True)


def read_approved(group: ModelPackageGroup, metric: str) -> dict[str, Any] | None:
    """The version approved now, with its value, first container and decision, and the one to go back to; or None."""
    if group.approved_version is None:
        return None
    found = _APPROVED.rows(group=group.pk, version=group.approved_version, metric=metric)
    return dict(zip(_STANDING, found[0], strict=True)) if found else None


_STANDING = (
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


def _approved(group: int, version: int, metric: str) -> QuerySet[Any]:
    intact = versions_of(group).approved().filter(version__lt=version, waiting_since=None)
    found = versions_of(group).filter(version=version)
    found = found.annotate(previous_approved=Subquery(intact.values("version")[:1]))
    return with_parts(found, metric).values_list(*_STANDING)[:1]


def read_waiting(group: ModelPackageGroup, metric: str) -> list[Waiting]:
    """The newest waiting versions; no query where there is none."""
    if not group.waiting_count:
        return []
    return [Waiting(*values) for values in _WAITING.rows(group=group.pk, metric=metric)]


def _waiting(group: int, metric: str) -> QuerySet[Any]:
    waiting = versions_of(group).filter(approval_status=ApprovalStatus.WAITING).annotate(measured=measured_by(metric))
    return waiting.values_list("version", "measured__value", "created_at")[:WAITING_SHOWN]


def read_tags(group: ModelPackageGroup) -> list[dict[str, str]]:
    """The tags of a group as key and value, in the order in which they were given."""
    return [{"key": key, "value": value} for key, value in _TAGS.rows(group=group.pk)]


_SERIES: Prepared[Any] = Prepared(_series, group=int, metric=str)
_VOCABULARY: Prepared[Any] = Prepared(_vocabulary, group=int)
_APPROVED: Prepared[Any] = Prepared(_approved, group=int, version=int, metric=str)
_WAITING: Prepared[Any] = Prepared(_waiting, group=int, metric=str)
_TAGS: Prepared[Any] = Prepared(lambda group: Tag.objects.filter(group=group).values_list("key", "value"), group=int)
