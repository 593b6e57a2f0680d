"""The review queue over all groups: what waits, oldest first, and what was decided, newest first; reads only.

Everything starts at an index that holds the order (package_queue, event_category) and stops after a page, so a
registry of a million versions costs what one of a hundred does.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from django.contrib.auth import get_user_model
from django.db.models import Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Left

from registry.events.models import Event
from registry.statements import Prepared, numbered

from ..directions import ChosenMetrics, Direction, leading_metric, metric_direction
from ..models import ApprovalStatus, Metric, ModelPackage, ModelPackageGroup, Vote
from ..models.groups import beyond_first_region
from ..models.packages import PackageQuerySet
from ..models.teams import but_hidden, hidden_from, seen_by, sees_all
from ..reviewing import EDITING
from .counts import CountUpTo

if TYPE_CHECKING:
    from registry.accounts.models import User

Tab = Literal["me", "all", "decided"]

PER_PAGE = 25
COUNT_CAP = 100  # counts say "99+" from here on
_LEAD = 200  # characters of a description that an item may show
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECISION = "model_package.approval_status_changed"


class Place(NamedTuple):
    """The place of a version in the queue: since when it waits, and its id among those of one moment."""

    moment: datetime
    pk: int

    def write(self) -> str:
        """The place for an address."""
        return f"{(self.moment - _EPOCH) // timedelta(microseconds=1)}-{self.pk}"

    @classmethod
    def read(cls, text: str) -> Place | None:
        """The place in an address; None for one that is broken or made up."""
        found = re.fullmatch(r"([0-9]{1,17})-([1-9][0-9]{0,17})", text, re.ASCII)
        return cls(_EPOCH + timedelta(microseconds=int(found[1])), int(found[2])) if found else None


class QueueItem(NamedTuple):
    """One version that waits, with what its approval would be measured by.

    `value` is that of the leading metric, `before` the one of `base`: the newest approved version below it.
    """

    id: int
    region: str
    name: str
    version: int
    description: str
    status: str | None
    waiting_since: datetime
    votes: int
    base_id: int | None = None
    base: int | None = None
    metric: str = ""
    direction: Direction = ""
    value: float | None = None
    before: float | None = None

    @property
    def change(self) -> float | None:
        return None if self.value is None or self.before is None else self.value - self.before

    @property
    def is_changed(self) -> bool:
        """Approved before; back in the queue because its content changed."""
        return self.status == ApprovalStatus.APPROVED

    @property
    def place(self) -> Place:
        return Place(self.waiting_since, self.id)

    @property
    def path(self) -> str:
        """How an address of the queue names it."""
        return f"{self.region}/{self.name}/{self.version}"


@dataclass(frozen=True)
class Decision:
    """One decision of the log; `is_live` tells whether the version is still there."""

    id: int
    package_id: int
    region: str
    name: str
    version: int
    status: str
    actor: str
    comment: str
    at: datetime
    is_live: bool
    is_override: bool

    @property
    def path(self) -> str:
        """As of a QueueItem."""
        return f"{self.region}/{self.name}/{self.version}"


class QueuePage(NamedTuple):
    """One page of a tab; `after` continues it, "" at its end."""

    items: Sequence[QueueItem | Decision]
    after: str


# ---------- what waits ----------


def waiting(user: User) -> PackageQuerySet:
    """The versions that wait for a decision, of all groups that `user` may know of; index package_queue."""
    return _open(ModelPackage.objects.visible_to(user))


def _open(packages: PackageQuerySet) -> PackageQuerySet:
    return packages.versioned().filter(waiting_since__isnull=False)


def _edited_by() -> Coalesce:
    edits = Event.objects.filter(package_id=OuterRef("pk"), kind__in=EDITING).order_by("-id")
    return Coalesce(Subquery(edits.values("actor_name")[:1]), Value(""))


def waiting_for(user: User) -> PackageQuerySet:
    """Those of them that `user` can do something about: not voted on yet, not refused to them as the author."""
    return _undecided_by(waiting(user), user.pk, user.get_username())


def _undecided_by(packages: PackageQuerySet, pk: int, name: str) -> PackageQuerySet:
    voted = Vote.objects.filter(package=OuterRef("pk"), user=pk)
    # A rule that does not hold is not stored.
    anybody = Q(group__review_rules__author_may_not_approve__isnull=True)
    others = ~Q(created_by_name=name) & ~Q(editor=name)
    return packages.filter(~Exists(voted)).alias(editor=_edited_by()).filter(anybody | others)


def for_review(packages: PackageQuerySet) -> PackageQuerySet:
    """With group and `edited_by`, who changed content or metadata last, for review_state."""
    return packages.select_related("group").annotate(edited_by=_edited_by())


def queue_of(user: User, tab: Tab) -> PackageQuerySet:
    """The versions of a tab that lists what waits."""
    return waiting_for(user) if tab == "me" else waiting(user)


def _live(hidden_from: int | None) -> PackageQuerySet:
    """What whoever has that id may know of; all where None."""
    return but_hidden(ModelPackage.objects.live(), "group_id", hidden_from)


def _beyond(place: Place) -> Q:
    return Q(waiting_since__gte=place.moment) & (Q(waiting_since__gt=place.moment) | Q(pk__gt=place.pk))


def read_queue(queue: PackageQuerySet, after: Place | None = None) -> QueuePage:
    """A page of a queue, oldest first, from a place on; two queries."""
    return _page(list(_columns(queue.filter(_beyond(after)) if after else queue)))


def read_first_page(user: User, tab: Tab) -> QueuePage:
    """The first page of queue_of, as read_queue reads it, by a statement compiled once."""
    if user.role is None:
        return QueuePage([], "")
    mine: dict[str, Any] = {"pk": user.pk, "name": user.get_username()} if tab == "me" else {}
    values = mine | hidden_from(user)
    return _page(_first_page(tuple(values)).rows(**values))


@cache
def _first_page(names: tuple[str, ...]) -> Prepared[ModelPackage]:
    def build(hidden_from: int | None = None, **mine: Any) -> QuerySet[ModelPackage, Any]:
        packages = _open(_live(hidden_from))
        return _columns(_undecided_by(packages, **mine) if mine else packages)

    kinds: dict[str, type[str] | type[int]] = {"pk": int, "name": str, "hidden_from": int}
    return Prepared(build, **{name: kinds[name] for name in names})


def _columns(queue: PackageQuerySet) -> QuerySet[ModelPackage, Any]:
    siblings = ModelPackage.objects.live().approved().filter(group=OuterRef("group"), version__lt=OuterRef("version"))
    given = Vote.objects.counting().filter(package=OuterRef("pk")).order_by()
    votes = given.values("package").annotate(n=Count("pk")).values("n")
    columns = queue.order_by("waiting_since", "pk").values_list(
        "pk",
        "region",
        "group__name",
        "version",
        Left("description", _LEAD),
        "approval_status",
        "waiting_since",
        Coalesce(Subquery(votes, output_field=IntegerField()), 0),
        Subquery(siblings.order_by("-version").values("pk")[:1]),
        "group__leading_metric",
        "group__metric_directions",
    )
    return columns[: PER_PAGE + 1]


def _page(found: Sequence[Sequence[Any]]) -> QueuePage:
    items = [QueueItem(*values) for *values, _, _ in found[:PER_PAGE]]
    groups = [(leading, directions) for *_, leading, directions in found[:PER_PAGE]]
    items = _measured(items, groups)
    return QueuePage(items, items[-1].place.write() if len(found) > PER_PAGE else "")


def _measured(items: Sequence[QueueItem], groups: Sequence[tuple[str, Mapping[str, Any]]]) -> list[QueueItem]:
    """The items with the leading metric of each and of its baseline: one query."""
    ids = [item.id for item in items] + [item.base_id for item in items if item.base_id]
    values: dict[int, dict[str, float]] = {}
    numbers: dict[int, int | None] = {}
    rows = _METRICS.rows(**numbered("id", ids, _MEASURED, 0)) if ids else []
    for pk, version, name, value in rows:
        values.setdefault(pk, {})[name] = value
        numbers[pk] = version
    found = []
    for item, (leading, directions) in zip(items, groups, strict=True):
        ours, theirs = values.get(item.id, {}), values.get(item.base_id or 0, {})
        choices = ChosenMetrics(leading, directions or {})
        metric = leading_metric(ours, choices)
        measured = item._replace(
            base=numbers.get(item.base_id or 0),
            metric=metric,
            direction=metric_direction(metric, choices),
            value=ours.get(metric),
            before=theirs.get(metric),
        )
        found.append(measured)
    return found


_MEASURED = 2 * PER_PAGE  # a full page with all its baselines
_METRICS: Prepared[Metric] = Prepared(
    lambda **ids: (
        Metric.objects.filter(package__in=list(ids.values()))
        .order_by()
        .values_list("package", "package__version", "name", "value")
    ),
    **dict.fromkeys(numbered("id", (), _MEASURED, 0), int),
)


def picked(user: User, pk: int) -> ModelPackage | None:
    """The version of that id as for_review reads it; None where there is none that `user` may know of."""
    if user.role is None:
        return None
    hidden = hidden_from(user)
    return _PICKED[bool(hidden)].first(pk=pk, **hidden)


def _one(pk: int, hidden_from: int | None = None) -> PackageQuerySet:
    return for_review(_live(hidden_from).filter(pk=pk)).order_by()


_PICKED: dict[bool, Prepared[ModelPackage]] = {
    False: Prepared(_one, pk=int),
    True: Prepared(_one, pk=int, hidden_from=int),
}


def next_of(queue: PackageQuerySet, place: Place | None = None) -> ModelPackage | None:
    """The version behind a place, else the first one, with its group; None from an empty queue. At most two queries."""
    ordered = for_review(queue).order_by("waiting_since", "pk")
    return (ordered.filter(_beyond(place)).first() if place else None) or ordered.first()


# ---------- what was decided ----------


def read_decisions(user: User, before: int | None = None) -> QueuePage:
    """The newest decisions of all groups, or those below an event; two queries."""
    if user.role is None:
        return QueuePage([], "")
    events = Event.objects.in_feed().before(before).filter(category="review", kind=_DECISION)
    events = seen_by(user, events, "group_id")
    decided = [ApprovalStatus.APPROVED.value, ApprovalStatus.REJECTED.value]
    rows = list(
        events.filter(version__isnull=False, after__ModelApprovalStatus__in=decided).order_by("-id")[: PER_PAGE + 1]
    )
    ids = [row.package_id for row in rows]
    live: set[int | None] = set(ModelPackage.objects.visible_to(user).filter(pk__in=ids).values_list("pk", flat=True))
    items = [_decision(row, live) for row in rows[:PER_PAGE]]
    return QueuePage(items, str(items[-1].id) if len(rows) > PER_PAGE else "")


def _decision(event: Event, live: Collection[int | None]) -> Decision:
    after = event.after or {}
    return Decision(
        event.pk,
        event.package_id or 0,
        event.region,
        event.group_name,
        event.version or 0,
        after.get("ModelApprovalStatus", ""),
        event.actor_name,
        event.comment,
        event.at,
        event.package_id in live,
        bool(after.get("Override")),
    )


# ---------- counts ----------


class Navigation(NamedTuple):
    """What the frame of every page tells: are there several regions, how much waits for the reader, for anybody."""

    regions_many: bool
    waiting: int
    everybody: int


def _counts(pk: int, name: str = "", *, misses: bool = False) -> QuerySet[User, Any]:
    """One row, of the reader: has several regions, waits for anybody, and with a name, waits for the reader.

    `misses`: groups may be hidden from the reader.
    """
    reader = pk if misses else None
    groups, live = but_hidden(ModelPackageGroup.objects.live(), "pk", reader), _live(reader)
    columns = [Subquery(beyond_first_region(groups)), CountUpTo(_open(live), COUNT_CAP, "waiting_since")]
    if name:
        columns.append(CountUpTo(_undecided_by(_open(live), pk, name), COUNT_CAP, "waiting_since"))
    return get_user_model().objects.filter(pk=pk).order_by().values_list(*columns)


# Every page asks one of them, by whether it is for somebody who decides and from whom groups are hidden.
_NAVIGATION: dict[tuple[bool, bool], Prepared[Any]] = {
    (False, False): Prepared(_counts, pk=int),
    (True, False): Prepared(_counts, pk=int, name=str),
    (False, True): Prepared(partial(_counts, misses=True), pk=int),
    (True, True): Prepared(partial(_counts, misses=True), pk=int, name=str),
}


def read_navigation(user: User, *, decides: bool) -> Navigation:
    """One query; nothing waits for whoever does not decide, and nothing is told to somebody without a role."""
    if user.role is None:
        return Navigation(regions_many=False, waiting=0, everybody=0)
    name = {"name": user.get_username()} if decides else {}
    counted = _NAVIGATION[decides, not sees_all(user)].rows(pk=user.pk, **name)
    regions, everybody, *mine = counted[0] if counted else (0, 0)
    return Navigation(bool(regions), mine[0] if mine else 0, everybody)
