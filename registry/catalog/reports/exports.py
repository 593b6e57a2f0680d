"""The rows of the lists as files hold them: everything that a filter finds, read a batch at a time by key.

Each function yields tuples beside a header of the same length. Batches are found by the key of the last row, so that
memory and the time of a batch stay the same however many rows there are; what is changed meanwhile may be in or not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from registry.events.models import Event
from registry.statements import Condition

from ..models import METADATA_PREFIX, Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Tag
from ..models.packages import PackageQuerySet
from .groups import Order, group_page
from .trends import versions_of
from .version_filters import VersionFilter

if TYPE_CHECKING:
    from registry.accounts.models import User

BATCH = 500
NAMES_FROM = 1000  # newest versions whose metric names and metadata keys become columns
NAMES_MAX = 100  # columns of each of the two kinds, the first by name

Line = tuple[Any, ...]

GROUP_HEADER = (
    "region", "name", "description", "tags", "versions", "waiting", "approved", "rejected", "latest_version",
    "latest_status", "latest_registered", "approved_version", "approved_at", "created", "created_by", "updated",
    "updated_by",
)  # fmt: skip
VERSION_HEADER = (
    "version", "status", "stage", "description", "registered", "registered_by", "decided", "decided_by",
    "decision_comment", "last_modified", "last_modified_by", "waiting_since", "images", "artifacts",
)  # fmt: skip
PACKAGE_HEADER = (
    "region", "name", "description", "status", "stage", "registered", "registered_by", "tags", "images", "artifacts",
    "framework",
)  # fmt: skip
QUEUE_HEADER = (
    "region", "group", "version", "status", "waiting_since", "stage", "description", "registered", "registered_by",
    "images", "artifacts",
)  # fmt: skip


# ---------- groups ----------


def group_lines(groups: Condition, order: Order) -> Iterator[Line]:
    """The groups in the order of the index; GROUP_HEADER."""
    after = ""
    while True:
        page = group_page(groups, order, BATCH, after=after)
        more = {
            pk: values
            for pk, *values in ModelPackageGroup.objects.filter(pk__in=[row.id for row in page.rows]).values_list(
                "pk",
                "description",
                "waiting_count",
                "approved_count",
                "rejected_count",
                "created_at",
                "created_by_name",
            )
        }
        for row in page.rows:
            description, waiting, approved, rejected, created_at, created_by = more[row.id]
            yield (
                row.region, row.name, description, _pairs(row.tags), row.version_count, waiting, approved, rejected,
                row.latest_version, row.latest_status, row.latest_created_at, row.approved_version, row.approved_at,
                created_at, created_by, row.updated_at, row.updated_by_name,
            )  # fmt: skip
        if not page.older:
            return
        after = page.older


# ---------- versions of a group ----------


def version_names(group: ModelPackageGroup) -> tuple[list[str], list[str]]:
    """The metric names and the metadata keys that become columns: those of the group's newest versions, by name.

    Metadata that is a copy of a metric (metric.*) is not repeated.
    """
    newest = versions_of(group).values("pk")[:NAMES_FROM]
    metrics = Metric.objects.filter(package__in=newest).order_by("name").values_list("name", flat=True).distinct()
    pairs = CustomerMetadataProperty.objects.filter(package__in=newest).exclude(key__prefix=METADATA_PREFIX)
    keys = pairs.order_by("key").values_list("key", flat=True).distinct()
    return list(metrics[:NAMES_MAX]), list(keys[:NAMES_MAX])


def version_header(metrics: list[str], keys: list[str]) -> list[str]:
    """VERSION_HEADER with a column metric.NAME for each metric and meta.KEY for each key."""
    return [*VERSION_HEADER, *(f"metric.{name}" for name in metrics), *(f"meta.{key}" for key in keys)]


def version_lines(
    group: ModelPackageGroup, shown: VersionFilter, metrics: list[str], keys: list[str]
) -> Iterator[Line]:
    """The versions of a group that a filter lets through, newest first; version_header(metrics, keys)."""
    columns = (
        "pk", "version", "approval_status", "stage", "description", "created_at", "created_by_name", "decided_at",
        "decided_by_name", "approval_description", "last_modified_at", "last_modified_by_name", "waiting_since",
    )  # fmt: skip
    wanted = shown.apply(versions_of(group), group.pk)
    below = wanted
    while rows := list(below.values_list(*columns)[:BATCH]):
        ids = [row[0] for row in rows]
        parts = _containers(ids)
        # Without the names: SQLite would start from those, which the whole registry shares.
        values = _values(Metric.objects.filter(package__in=ids), "name")
        held = _values(CustomerMetadataProperty.objects.filter(package__in=ids), "key")
        for pk, *row in rows:
            images, artifacts, _ = parts[pk]
            yield (
                *row, "\n".join(images), "\n".join(artifacts),
                *(values[pk].get(name) for name in metrics), *(held[pk].get(key) for key in keys),
            )  # fmt: skip
        if len(rows) < BATCH:
            return
        below = wanted.filter(version__lt=rows[-1][1])


# ---------- packages and the queue ----------


def package_lines(user: User, conditions: Q) -> Iterator[Line]:
    """The unversioned packages that meet a condition, newest first; PACKAGE_HEADER."""
    columns = ("region", "name", "description", "approval_status", "stage", "created_at", "created_by_name")
    wanted = ModelPackage.objects.visible_to(user).unversioned().filter(conditions)
    for rows in _batches(wanted, "created_at", columns, descending=True):
        ids = [row[0] for row in rows]
        parts, tags = _containers(ids), defaultdict(list)
        for pk, key, value in Tag.objects.filter(package__in=ids).values_list("package", "key", "value"):
            tags[pk].append((key, value))
        for pk, _, *row in rows:
            images, artifacts, framework = parts[pk]
            yield (*row, _pairs(tags[pk]), "\n".join(images), "\n".join(artifacts), framework)


def queue_lines(queue: PackageQuerySet) -> Iterator[Line]:
    """The versions of a queue, the one that waits longest first; QUEUE_HEADER."""
    columns = (
        "region", "group__name", "version", "approval_status", "waiting_since", "stage", "description", "created_at",
        "created_by_name",
    )  # fmt: skip
    for rows in _batches(queue, "waiting_since", columns, descending=False):
        parts = _containers([row[0] for row in rows])
        for pk, _, *row in rows:
            images, artifacts, _ = parts[pk]
            yield (*row, "\n".join(images), "\n".join(artifacts))


def _batches(wanted: QuerySet[Any], by: str, columns: tuple[str, ...], *, descending: bool) -> Iterator[list[Line]]:
    """Rows in the order of a time and the id, with those two in front (the id first)."""
    minus, op = ("-", "lt") if descending else ("", "gt")
    ordered = wanted.order_by(f"{minus}{by}", f"{minus}pk").values_list("pk", by, *columns)
    rows = list(ordered[:BATCH])
    while rows:
        yield rows
        if len(rows) < BATCH:
            return
        pk, moment, *_ = rows[-1]
        beyond = Q(**{f"{by}__{op}": moment}) | Q(**{f"pk__{op}": pk})
        rows = list(ordered.filter(beyond, **{f"{by}__{op}e": moment})[:BATCH])


# ---------- events ----------


def event_batches(events: QuerySet[Event]) -> Iterator[list[Event]]:
    """Events in lists, newest first."""
    rows = list(events.order_by("-id")[:BATCH])
    while rows:
        yield rows
        if len(rows) < BATCH:
            return
        rows = list(events.filter(id__lt=rows[-1].pk).order_by("-id")[:BATCH])


# ---------- parts ----------


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"{key}={value}" for key, value in pairs)


def _values(rows: QuerySet[Any], name: str) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = defaultdict(dict)
    for pk, key, value in rows.order_by().values_list("package", name, "value"):
        found[pk][key] = value
    return found


def _containers(ids: list[int]) -> dict[int, tuple[list[str], list[str], str]]:
    """Images, artifacts and the first framework of packages."""
    found: dict[int, tuple[list[str], list[str], str]] = defaultdict(lambda: ([], [], ""))
    rows = Container.objects.filter(package__in=ids).order_by("package", "position")
    for pk, image, artifact, name, version in rows.values_list(
        "package", "image", "model_data_url", "framework", "framework_version"
    ):
        images, artifacts, framework = found[pk]
        images += [image] if image else []
        artifacts += [artifact] if artifact else []
        found[pk] = (images, artifacts, framework or f"{name} {version}".strip())
    return found
