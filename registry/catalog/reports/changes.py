"""What differs between a package and its baseline: which version that is, then metrics, containers and metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Literal

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from registry.events.models import Event
from registry.statements import Prepared, read

from ..directions import Direction, in_reading_order, metric_direction, same_value
from ..models import CustomerMetadataProperty, Metric, ModelPackage
from ..reviewing import REVISING
from .containers import ContainerChange, compare_containers
from .differences import Difference, compare_members

APPROVED_CHOICES = 10
USUAL_VERSIONS = 600  # the newest versions whose changes count as usual (DESIGN.md section 5)
# Numbers beyond this are shown but not averaged: PostgreSQL refuses the sum of their squares as an overflow.
USUAL_LIMIT = 1e150


# ---------- which version to compare with ----------


@dataclass(frozen=True)
class Choice:
    """A version that may be the baseline; `moment` is when it was decided, else registered.

    `is_intact` is False for an approved one whose content changed afterwards.
    """

    version: int
    approval_status: str | None
    moment: datetime | None
    is_previous: bool = False
    is_intact: bool = True


@dataclass(frozen=True)
class Baseline:
    """The version compared with (None: nothing to compare with), why it is that one, and the others on offer."""

    package: ModelPackage | None = None
    reason: Literal["approved", "previous", "asked", "first", "unversioned"] = "unversioned"
    choices: Sequence[Choice] = ()

    @property
    def version(self) -> int | None:
        return self.package.version if self.package is not None else None


def neighbour_columns() -> dict[str, Subquery]:
    """Annotations for a query of versions that spare neighbours() its own."""
    siblings = ModelPackage.objects.live().filter(group=OuterRef("group"))
    newer = siblings.filter(version__gt=OuterRef("version")).order_by("version").values("version")[:1]
    older = siblings.filter(version__lt=OuterRef("version")).order_by("-version").values("version")[:1]
    return {"newer": Subquery(newer), "older": Subquery(older)}


def neighbours(package: ModelPackage) -> tuple[int | None, int | None]:
    """The numbers of the next newer and the next older live version; one query unless they were read with it."""
    if hasattr(package, "newer") and hasattr(package, "older"):
        return package.newer, package.older
    found = ModelPackage.objects.filter(pk=package.pk).annotate(**neighbour_columns()).values_list("newer", "older")
    return found.first() or (None, None)


def choose_baseline(package: ModelPackage, older: int | None, asked: int | None = None) -> Baseline:
    """The baseline of a version: the one asked for, else the approved one below it, else the previous one.

    `older` is the previous live version. A number that is no other live version of the group is ignored. Two queries.
    """
    if package.group_id is None:
        return Baseline()
    choices = [
        Choice(number, status, decided or created, number == older, since is None)
        for number, status, decided, created, since in _APPROVED_BELOW.rows(
            group=package.group_id, version=package.version or 0
        )
    ]
    default = choices[0].version if choices else older
    wanted = [number if number and number != package.version else 0 for number in (default, asked, older)]
    rows = _BASELINES.all(group=package.group_id, default=wanted[0], asked=wanted[1], older=wanted[2])
    found = {row.version: row for row in rows}
    chosen = found.get(asked) or found.get(default)
    if chosen is None:
        return Baseline(reason="first", choices=choices)
    listed: set[int | None] = {choice.version for choice in choices}
    for number in (older, asked):
        row = found.get(number)
        if row is not None and number not in listed:
            listed.add(number)
            decided = row.decided_at or row.created_at
            choices.append(Choice(row.version or 0, row.approval_status, decided, number == older))
    if chosen.version != default:
        return Baseline(chosen, "asked", choices)
    return Baseline(chosen, "approved" if chosen.is_approved else "previous", choices)


def read_baseline(package: ModelPackage) -> Baseline:
    """The baseline that choose_baseline takes where nobody asked for one, without the others on offer; one query."""
    found = None
    if package.group_id is not None:
        found = _BASELINE.first(group=package.group_id, version=package.version or 0)
    if found is None:
        return Baseline(reason="unversioned" if package.group_id is None else "first")
    return Baseline(found, "approved" if found.is_approved else "previous")


# ---------- metrics ----------


@dataclass(frozen=True)
class MetricChange:
    """One metric of the package beside the baseline's; `ratio` is the change over the usual one, if that is known."""

    name: str
    direction: Direction
    value: float | None = None
    before: float | None = None
    standard_deviation: float | None = None
    source: str = ""
    ratio: float | None = None

    @property
    def change(self) -> float | None:
        """The difference; 0 for one that is only the noise of floating point."""
        if self.value is None or self.before is None:
            return None
        return 0.0 if same_value(self.value, self.before) else self.value - self.before

    @property
    def verdict(self) -> Literal["better", "worse", "changed", "same", ""]:
        """How the change is to be read; "" where one of the two was not measured."""
        if self.change is None:
            return ""
        if self.change == 0:
            return "same"
        if not self.direction:
            return "changed"
        return "better" if (self.change > 0) == (self.direction == "higher") else "worse"


def usual_changes(package: ModelPackage, names: Iterable[str]) -> dict[str, float]:
    """The mean absolute change from one version to the next, by metric, over the newest versions of the group."""
    wanted = set(names)
    if package.group is None or not wanted:
        return {}
    since = package.group.last_version - USUAL_VERSIONS
    found = read(_usual_changes(), [package.group_id, since, USUAL_VERSIONS, -USUAL_LIMIT, USUAL_LIMIT])
    return {name: mean for name, mean in found if mean and name in wanted}


@cache
def _usual_changes() -> str:
    """SQL, since Django has no mean of window functions by group; the plan begins at the versions, not at the names."""
    metric, package = Metric._meta.db_table, ModelPackage._meta.db_table
    return (
        "SELECT name, AVG(ABS(value - previous)) FROM (SELECT m.name AS name, m.value AS value, "
        f"LAG(m.value) OVER (PARTITION BY m.name ORDER BY p.version) AS previous "
        f"FROM (SELECT id, version FROM {package} "
        "WHERE group_id = %s AND deleted_at IS NULL AND version > %s ORDER BY version DESC LIMIT %s) p "
        f"JOIN {metric} m ON m.package_id = p.id WHERE m.value > %s AND m.value < %s) AS measured GROUP BY name"
    )


def compare_metrics(package: ModelPackage, baseline: ModelPackage | None) -> list[MetricChange]:
    """Every metric of the two, in reading order: first what leads, last what only the baseline has. Two queries."""
    ours: dict[str, Metric] = {}
    theirs: dict[str, float] = {}
    for row in _METRICS.all(package=package.pk, baseline=baseline.pk if baseline is not None else 0):
        if row.package_id == package.pk:
            ours[row.name] = row
        else:
            theirs[row.name] = row.value
    usual = usual_changes(package, [name for name, row in ours.items() if theirs.get(name, row.value) != row.value])
    changes = []
    group = package.group
    for name in in_reading_order(ours, group):
        row, before = ours[name], theirs.get(name)
        ratio = abs(row.value - before) / usual[name] if before is not None and name in usual else None
        changes.append(
            MetricChange(
                name, metric_direction(name, group), row.value, before, row.standard_deviation, row.source, ratio
            )
        )
    gone = in_reading_order(theirs.keys() - ours.keys(), group)
    return changes + [MetricChange(name, metric_direction(name, group), before=theirs[name]) for name in gone]


# ---------- metadata ----------


@dataclass(frozen=True)
class PairChange:
    """One metadata pair with its row's id; `before` is the baseline's value, None where it has no such key."""

    pk: int
    key: str
    value: str
    before: str | None = None
    has_baseline: bool = False

    @property
    def note(self) -> str:
        """ "new", "was x", or "" where nothing differs."""
        if not self.has_baseline or self.before == self.value:
            return ""
        return "new" if self.before is None else f"was {self.before}"


def compare_pairs(
    package: ModelPackage, baseline: ModelPackage | None
) -> tuple[list[PairChange], list[tuple[str, str]]]:
    """The package's pairs in their order with what they were, and the (key, value) that only the baseline has."""
    ours: list[CustomerMetadataProperty] = []
    theirs: dict[str, str] = {}
    for row in _PAIRS.all(package=package.pk, baseline=baseline.pk if baseline is not None else 0):
        if row.package_id == package.pk:
            ours.append(row)
        else:
            theirs[row.key] = row.value
    here = {row.key for row in ours}
    pairs = [PairChange(row.pk, row.key, row.value, theirs.get(row.key), baseline is not None) for row in ours]
    return pairs, [(key, value) for key, value in theirs.items() if key not in here]


def last_change_of_pair(package: ModelPackage, key: str) -> Event | None:
    """The newest event that touched a key of the package's metadata, among the newest hundred; None without one."""
    events = Event.objects.for_package(package.pk).filter(kind="model_package.metadata_changed").order_by("-id")
    for event in events[:100]:
        states: list[Mapping[str, Any]] = [event.before or {}, event.after or {}]
        if any(key in (state.get("CustomerMetadataProperties") or {}) for state in states):
            return event
    return None


def changes_since(package: ModelPackage, revision: int) -> list[Event]:
    """What happened to a package since it had that revision, oldest first; at most the newest ten."""
    many = min(package.revision - revision, 10)
    events = Event.objects.for_package(package.pk).filter(kind__in=REVISING).order_by("-id")
    return list(reversed(events[:many])) if many > 0 else []


# ---------- all of it ----------


@dataclass(frozen=True)
class Comparison:
    """A package beside its baseline, with the sums that its page shows first."""

    baseline: Baseline
    metrics: tuple[MetricChange, ...]
    containers: Sequence[ContainerChange]
    pairs: Sequence[PairChange]
    pairs_gone: Sequence[tuple[str, str]]
    members: Sequence[Difference] = ()
    tally: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def compare(package: ModelPackage, baseline: Baseline) -> Comparison:
    """Compare a package with its baseline; four queries."""
    base = baseline.package
    metrics = compare_metrics(package, base)
    containers = compare_containers(
        package.inference_specification, base.inference_specification if base is not None else None
    )
    pairs, gone = compare_pairs(package, base)
    members = compare_members(package, base)
    tally: dict[str, dict[str, int]] = {}
    if base is not None:
        tally = {
            "metrics": _count(m.verdict or ("added" if m.before is None else "removed") for m in metrics),
            "containers": _count(_container_state(change) for change in containers),
            "artifacts": _count(change.artifact_state for change in containers if change.has_artifact),
            "metadata": _count([*("added" if p.note == "new" else "changed" for p in pairs if p.note)])
            | ({"removed": len(gone)} if gone else {}),
            "members": _count(member.kind for member in members),
        }
    return Comparison(baseline, tuple(metrics), containers, pairs, gone, members, tally)


def _container_state(change: ContainerChange) -> str:
    """As its image's; but one of the same image with another environment or framework is changed too."""
    of_artifact = {"Artifact URI", "ETag", "Stored as", "Manifest"}
    others = [line for line in [*change.lines, *change.environment] if line.label not in of_artifact]
    return "changed" if change.image_state == "same" and any(line.differs for line in others) else change.image_state


def _count(words: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for word in words:
        if word != "same":
            found[word] = found.get(word, 0) + 1
    order = ("better", "worse", "changed", "moved", "added", "removed")
    return {word: found[word] for word in order if word in found}


# ---------- what every page of a version asks, compiled once a connection ----------

_APPROVED_BELOW: Prepared[Any] = Prepared(
    lambda group, version: (
        ModelPackage.objects.live()
        .filter(group=group, version__lt=version)
        .approved()
        .order_by("-version")
        .values_list("version", "approval_status", "decided_at", "created_at", "waiting_since")[:APPROVED_CHOICES]
    ),
    group=int,
    version=int,
)


def _baseline(group: int, version: int) -> QuerySet[ModelPackage]:
    below = ModelPackage.objects.live().filter(group=group, version__lt=version).order_by("-version")
    chosen = Coalesce(Subquery(below.approved().values("pk")[:1]), Subquery(below.values("pk")[:1]))
    return ModelPackage.objects.filter(pk=chosen).order_by()


_BASELINE: Prepared[ModelPackage] = Prepared(_baseline, group=int, version=int)
_BASELINES: Prepared[ModelPackage] = Prepared(
    lambda group, default, asked, older: ModelPackage.objects.live().filter(
        group=group, version__in=[default, asked, older]
    ),
    group=int,
    default=int,
    asked=int,
    older=int,
)
_METRICS: Prepared[Metric] = Prepared(
    lambda package, baseline: Metric.objects.filter(package__in=[package, baseline]), package=int, baseline=int
)
_PAIRS: Prepared[CustomerMetadataProperty] = Prepared(
    lambda package, baseline: CustomerMetadataProperty.objects.filter(package__in=[package, baseline]),
    package=int,
    baseline=int,
)
