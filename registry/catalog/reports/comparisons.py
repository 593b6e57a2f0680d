"""Two to eight packages side by side, also of different groups: one table of sections, rows and cells; reads only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from django.db.models import Q, QuerySet

from registry.statements import Prepared, numbered

from ..directions import Direction, in_reading_order, metric_direction, same_value
from ..models import Check, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Vote
from ..models.teams import but_hidden, hidden_from
from .containers import containers_of, facts_of_container, match_containers, title_of
from .particulars import facts_of, lineage_of, model_card_of, pointers_of

if TYPE_CHECKING:
    from registry.accounts.models import User

CARD_ROWS = 40  # members of a model card that are compared
CARD_TEXT = 300
CANDIDATES = 8
COMPARED_MAX = 8

Kind = Literal["text", "code", "uri", "metric", "time", "status", "stage"]


class Ref(NamedTuple):
    """The name of a package in an address: a version, or an unversioned package where `version` is None."""

    region: str
    name: str
    version: int | None = None

    def __str__(self) -> str:
        return "/".join(str(part) for part in self if part is not None)

    @classmethod
    def of(cls, package: ModelPackage) -> Ref:
        name = package.group.name if package.group is not None else str(package.name)
        return cls(package.region, name, package.version)


@dataclass(frozen=True)
class Cell:
    """What one package has in a row; None for nothing. `change` is a metric's difference from the baseline."""

    value: str | float | datetime | None
    changed: bool = False
    best: bool = False
    change: float | None = None


@dataclass(frozen=True)
class Row:
    """One fact of all packages; `kind` says how it is drawn, `base` what the baseline has."""

    label: str
    kind: Kind
    cells: Sequence[Cell]
    base: str | float | datetime | None = None
    direction: Direction = ""
    mono: bool = False  # the label is a name that a machine reads

    @property
    def differs(self) -> bool:
        return any(cell.changed for cell in self.cells)


@dataclass(frozen=True)
class Section:
    """The rows under one heading."""

    title: str
    rows: Sequence[Row]


def read_packages(user: User, refs: Sequence[Ref]) -> dict[Ref, ModelPackage]:
    """The packages of those names that `user` may see, versions with their group. At most three queries."""
    found: dict[Ref, ModelPackage] = {}
    versions = [ref for ref in refs if ref.version is not None]
    groups = {(group.region, group.name): group for group in _read_groups(user, versions)} if versions else {}
    wanted = [(groups[ref[:2]].pk, ref.version or 0) for ref in versions if ref[:2] in groups]
    if wanted:
        numbers = _given("group", [pk for pk, _ in wanted]) | _given("version", [number for _, number in wanted])
        by_id = {group.pk: group for group in groups.values()}
        for package in _VERSIONS.all(**numbers):
            package.group = by_id[package.group_id or 0]
            found[Ref.of(package)] = package
    loose = Q(pk__in=[])
    for ref in refs:
        if ref.version is None:
            loose |= Q(region=ref.region, name=ref.name)
    if len(versions) < len(refs):
        for package in ModelPackage.objects.visible_to(user).unversioned().filter(loose):
            found[Ref.of(package)] = package
    return found


def read_candidates(group: ModelPackageGroup, without: Iterable[int | None]) -> list[tuple[int, str | None]]:
    """(number, status) of the newest versions of a group that could be added, the approved one first. One query."""
    there = {number for number in without if number}
    newest = [(number, status) for number, status in _NEWEST.rows(group=group.pk, **_given("v", there))]
    approved = group.approved_version
    if approved and approved not in there and approved not in [number for number, _ in newest]:
        newest = [(approved, "Approved"), *newest[: CANDIDATES - 1]]
    return newest


def compare_packages(packages: Sequence[ModelPackage], base: int) -> list[Section]:
    """The sections of a comparison; `base` is the place of the baseline among the packages. Four queries."""
    ids = [package.pk for package in packages]
    places = _given("id", ids)
    metrics: dict[int, dict[str, float]] = {pk: {} for pk in ids}
    for pk, name, value in _METRICS.rows(**places):
        metrics[pk][name] = value
    pairs: dict[int, dict[str, str]] = {pk: {} for pk in ids}
    for pk, key, text in _PAIRS.rows(**places):
        pairs[pk][key] = text
    votes: dict[int, list[str]] = {pk: [] for pk in ids}
    for pk, name in _VOTES.rows(**places):
        votes[pk].append(name)
    checks: dict[int, dict[str, str]] = {pk: {} for pk in ids}
    for pk, name, state, summary in _CHECKS.rows(**places):
        checks[pk][name] = f"{Check.State(state).label}{f': {summary}' if summary else ''}"

    table = _Table(packages, base)
    table.section("Overview")
    table.row("Description", "text", lambda p: p.description)
    table.row("Group", "code", lambda p: p.group.name if p.group is not None else "", only_if_different=True)
    table.row("Region", "code", lambda p: p.region, only_if_different=True)
    table.row("Registered", "time", lambda p: p.created_at)
    table.row("Registered by", "text", lambda p: p.created_by_name)
    table.section("Approval")
    if any(package.is_versioned or package.approval_status for package in packages):
        table.row("Status", "status", lambda p: p.approval_status or "none")
    table.row("Stage", "stage", lambda p: p.stage)
    table.row("Decided", "time", lambda p: p.decided_at)
    table.row("Decided by", "text", _decided_by)
    table.row("Comment", "text", lambda p: p.approval_description)
    table.row("Votes", "text", lambda p: ", ".join(votes[p.pk]))
    table.rows("text", {p.pk: {f"Check {name}": said for name, said in checks[p.pk].items()} for p in packages})
    table.section("Metrics")
    group = packages[base].group
    for name in in_reading_order({name for held in metrics.values() for name in held}, group):
        table.metric(name, metric_direction(name, group), [metrics[package.pk].get(name) for package in packages])
    _add_containers(table, packages, base)
    table.section("Metadata")
    table.rows("code", pairs, mono=True)
    table.section("Lineage")
    steps = {p.pk: {s.title: _step(s.name, s.detail) for s in lineage_of(p, pairs[p.pk]).steps[:-1]} for p in packages}
    table.rows("code", steps)
    table.row("Source URI", "uri", lambda p: p.source_uri)
    table.section("Specification")
    table.rows("text", {p.pk: {label: ", ".join(texts) for label, texts in facts_of(p)} for p in packages})
    table.section("Reports")
    table.rows("uri", {p.pk: {one.what: one.uri for one in pointers_of(p.model_metrics)} for p in packages})
    table.section("Model card")
    table.rows("text", {p.pk: _card(p) for p in packages}, mono=True)
    return [section for section in table.sections if section.rows]


def _decided_by(package: ModelPackage) -> str:
    override = ", by override" if package.decided_by_override else ""
    changed = ", content changed since" if package.is_changed_since_approval else ""
    return f"{package.decided_by_name or 'unknown'}{override}{changed}" if package.decided_at else ""


def _step(name: str, detail: str) -> str:
    return f"{name} ({detail})" if detail else name


class _Table:
    """Collects sections and rows; a row that no package has anything in is left out."""

    def __init__(self, packages: Sequence[ModelPackage], base: int) -> None:
        self.packages, self.base = packages, base
        self.sections: list[Section] = []
        self._rows: list[Row] = []

    def section(self, title: str) -> None:
        self._rows = []
        self.sections.append(Section(title, self._rows))

    def add(self, label: str, kind: Kind, values: Sequence[str | datetime | None], *, mono: bool = False) -> None:
        held = [value or None for value in values]
        if any(held):
            base = held[self.base]
            self._rows.append(Row(label, kind, [Cell(value, value != base) for value in held], base, mono=mono))

    def row(
        self,
        label: str,
        kind: Kind,
        read: Callable[[ModelPackage], str | datetime | None],
        *,
        only_if_different: bool = False,
    ) -> None:
        values = [read(package) for package in self.packages]
        if not only_if_different or len(set(values)) > 1:
            self.add(label, kind, values)

    def rows(self, kind: Kind, held: Mapping[int, Mapping[str, str]], *, mono: bool = False) -> None:
        """A row for each key that any package has; the baseline's come first, in its order."""
        order = [self.packages[self.base], *self.packages]
        for key in dict.fromkeys(key for package in order for key in held[package.pk]):
            self.add(key, kind, [held[package.pk].get(key) for package in self.packages], mono=mono)

    def metric(self, name: str, direction: Direction, values: Sequence[float | None]) -> None:
        """Best is marked where a direction is known and not all are alike."""
        base = values[self.base]
        there = [value for value in values if value is not None]
        best = max(there) if direction == "higher" else min(there) if direction == "lower" else None
        if len(there) < 2 or all(same_value(value, there[0]) for value in there):
            best = None
        cells = []
        for value in values:
            changed = (value is None) != (base is None) or (
                value is not None and base is not None and not same_value(value, base)
            )
            change = value - base if changed and value is not None and base is not None else None
            cells.append(
                Cell(value, changed, best is not None and value is not None and same_value(value, best), change)
            )
        self._rows.append(Row(name, "metric", cells, base, direction, mono=True))


_PLACES = ("Artifact URI", "ETag", "Stored as", "Manifest", "Extra data")


def _add_containers(table: _Table, packages: Sequence[ModelPackage], base: int) -> None:
    """Containers, artifacts and environment, each container of a package beside the one that it stands for."""
    slots = _slots([containers_of(package.inference_specification) for package in packages], base)
    titles = [title_of(next(one for one in slot if one is not None)) for slot in slots]
    names = [f"{title} {place}" if titles.count(title) > 1 else title for place, title in enumerate(titles, 1)]
    facts = [[facts_of_container(one) if one is not None else {} for one in slot] for slot in slots]
    for heading, is_place in (("Containers", False), ("Artifacts", True)):
        table.section(heading)
        for name, held in zip(names, facts, strict=True):
            labels = dict.fromkeys(label for one in [held[base], *held] for label in one)
            for label in labels:
                if (label in _PLACES or label.startswith("Channel ")) is not is_place:
                    continue
                kind: Kind = next(one[label][1] for one in held if label in one)
                shown = label in ("Image URI", "Artifact URI")
                row = name if shown else f"{name}, {label if label == 'ETag' else _lower(label)}"
                table.add(row, kind, [one.get(label, ("", kind))[0] for one in held])
    table.section("Environment")
    for name, slot in zip(names, slots, strict=True):
        maps = [one.get("Environment") if one is not None else None for one in slot]
        texts = [{str(k): str(v) for k, v in one.items()} if isinstance(one, Mapping) else {} for one in maps]
        prefix = f"{name}: " if len(slots) > 1 else ""
        for key in dict.fromkeys(key for one in [texts[base], *texts] for key in one):
            table.add(prefix + key, "code", [one.get(key) for one in texts], mono=True)


def _lower(label: str) -> str:
    return label[:1].lower() + label[1:]


def _slots(listed: Sequence[Sequence[Mapping[str, Any]]], base: int) -> list[list[Mapping[str, Any] | None]]:
    """The containers in rows: those of the baseline first, each with its twins; the rest in rows of their own."""
    slots: list[list[Mapping[str, Any] | None]] = []
    for place in [base, *(other for other in range(len(listed)) if other != base)]:
        heads = [next(one for one in slot if one is not None) for slot in slots]
        twins = match_containers(heads, listed[place])
        for slot, twin in zip(slots, twins, strict=True):
            slot[place] = twin
        for container in listed[place]:
            if not any(twin is container for twin in twins):
                slots.append([None] * len(listed))
                slots[-1][place] = container
    return slots


def _card(package: ModelPackage) -> dict[str, str]:
    """The members of a model card as path and text; its status first."""
    card = model_card_of(package)
    if card is None:
        return {}
    lines = {"Status": card.status}
    lines |= dict(_leaves(card.members))
    return {path: text[:CARD_TEXT] for path, text in list(lines.items())[:CARD_ROWS]}


def _leaves(value: Any, path: str = "", depth: int = 0) -> Iterable[tuple[str, str]]:
    """The texts and numbers within a JSON value by their path; what lies deeper than six levels is one text."""
    if isinstance(value, Mapping) and depth < 6:
        for name, inner in value.items():
            yield from _leaves(inner, f"{path}.{name}" if path else str(name), depth + 1)
    elif isinstance(value, list) and not any(isinstance(inner, Mapping | list) for inner in value):
        yield path or "Content", ", ".join(str(inner) for inner in value)
    elif value not in (None, "", {}):
        yield path or "Content", value if isinstance(value, str) else str(value)


# ---------- the statements, compiled once a connection ----------


def _places(*names: str) -> dict[str, type[int]]:
    return {place: int for name in names for place in _given(name, ())}


def _read_groups(user: User, refs: Sequence[Ref]) -> list[ModelPackageGroup]:
    """The visible groups that have one of these regions and one of these names."""
    if user.role is None:
        return []
    regions = numbered("region", dict.fromkeys(ref.region for ref in refs), COMPARED_MAX, "")
    names = numbered("name", dict.fromkeys(ref.name for ref in refs), COMPARED_MAX, "")
    hidden = hidden_from(user)
    return _GROUPS[bool(hidden)].all(**regions, **names, **hidden)


def _groups(hidden_from: int | None = None, **named: str) -> QuerySet[ModelPackageGroup]:
    groups = but_hidden(ModelPackageGroup.objects.live(), "pk", hidden_from)
    values = list(named.values())
    return groups.filter(region__in=values[:COMPARED_MAX], name__in=values[COMPARED_MAX:])


_CALLED = {name: str for what in ("region", "name") for name in numbered(what, (), COMPARED_MAX, "")}
_GROUPS: dict[bool, Prepared[ModelPackageGroup]] = {
    False: Prepared(_groups, **_CALLED),
    True: Prepared(_groups, hidden_from=int, **_CALLED),
}


def _given(name: str, numbers: Iterable[int]) -> dict[str, int]:
    return numbered(name, numbers, COMPARED_MAX, 0)


def _versions(**numbers: int) -> QuerySet[ModelPackage]:
    named = Q()
    for place in range(COMPARED_MAX):
        named |= Q(group=numbers[f"group{place}"], version=numbers[f"version{place}"])
    return ModelPackage.objects.live().filter(named)


# Of groups that were found to be visible.
_VERSIONS: Prepared[ModelPackage] = Prepared(_versions, **_places("group", "version"))
_NEWEST: Prepared[ModelPackage] = Prepared(
    lambda group, **there: (
        ModelPackage.objects.live()
        .filter(group=group)
        .exclude(version__in=list(there.values()))
        .order_by("-version")
        .values_list("version", "approval_status")[:CANDIDATES]
    ),
    group=int,
    **_places("v"),
)


def _of_packages(rows: Callable[[], QuerySet[Any]], *columns: str) -> Prepared[Any]:
    def build(**ids: int) -> QuerySet[Any, Any]:
        return rows().filter(package__in=list(ids.values())).values_list("package", *columns)

    return Prepared(build, **_places("id"))


_METRICS = _of_packages(Metric.objects.all, "name", "value")
_PAIRS = _of_packages(CustomerMetadataProperty.objects.all, "key", "value")
_VOTES = _of_packages(Vote.objects.counting, "user_name")
_CHECKS = _of_packages(Check.objects.all, "name", "state", "summary")
