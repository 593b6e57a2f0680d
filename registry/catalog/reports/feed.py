"""The feed over all groups: what happened, newest first, as the rows that sentences are made of; reads only."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models import OuterRef, Q, QuerySet, Subquery, TextField
from django.db.models.functions import Cast

from registry.events.models import Event, EventQuerySet
from registry.statements import PlannedAnew, Prepared

from ..models import ModelPackage, ModelPackageGroup
from ..models.teams import but_hidden, hidden_from

if TYPE_CHECKING:
    from registry.accounts.models import User

PER_PAGE = 50

# What an address may choose, and by what a page of the feed is narrowed beside it.
_KINDS: dict[str, type[str] | type[int]] = {
    "category": str,
    "actor_name": str,
    "group_id": int,
    "id__lt": int,
    "hidden_from": int,
}


class FeedRow(NamedTuple):
    """What a sentence needs of an event, by the event's own names; `live_…` are None where the subject is gone.

    The states before and after are read from their text when they are asked for.
    """

    pk: int
    at: datetime
    kind: str
    actor_name: str
    door: str
    region: str
    group_id: int | None
    group_name: str
    package_id: int | None
    package_name: str
    version: int | None
    target: str
    comment: str
    before_text: str | None
    after_text: str | None
    live_group_id: int | None
    live_package_id: int | None

    @property
    def before(self) -> Any:
        return json.loads(self.before_text or "null")

    @property
    def after(self) -> Any:
        return json.loads(self.after_text or "null")

    @property
    def is_live(self) -> bool:
        return self.live_group_id == self.group_id and self.live_package_id == self.package_id


class FeedPage(NamedTuple):
    """Up to PER_PAGE rows; `older` is the id to go on before, None at the end."""

    rows: list[FeedRow]
    older: int | None


def feed_events(user: User, chosen: dict[str, Any], where: Q | None = None) -> EventQuerySet:
    """The events of the feed that `user` may know of, narrowed by lookups and by a condition."""
    return _narrowed(**chosen, **hidden_from(user)).filter(where or Q())


def read_feed(user: User, chosen: dict[str, Any], where: Q | None = None, before: int | None = None) -> FeedPage:
    """A page of feed_events, newest first, or what comes below the event `before`; one query."""
    values = {**chosen, **({"id__lt": before} if before else {})}
    if not where and values.keys() <= _KINDS.keys():
        values |= hidden_from(user)
        rows = _page(tuple(sorted(values))).rows(**values)
    else:
        rows = list(_rows(feed_events(user, values, where)))
    found = [FeedRow._make(row) for row in rows]
    return FeedPage(found[:PER_PAGE], found[PER_PAGE - 1].pk if len(found) > PER_PAGE else None)


def _narrowed(hidden_from: int | None = None, **chosen: Any) -> EventQuerySet:
    return but_hidden(Event.objects.in_feed().filter(**chosen), "group_id", hidden_from)


def _rows(events: EventQuerySet) -> QuerySet[Event, Any]:
    # Not Exists: PostgreSQL may look for all of the rows at once, which is all of the table.
    live_groups = ModelPackageGroup.objects.live().filter(pk=OuterRef("group_id")).values("pk")[:1]
    live_packages = ModelPackage.objects.live().filter(pk=OuterRef("package_id")).order_by().values("pk")[:1]
    states = [Cast(name, TextField()) for name in ("before", "after")]
    columns = events.values_list(*FeedRow._fields[:-4], *states, Subquery(live_groups), Subquery(live_packages))
    return columns.order_by("-id")[: PER_PAGE + 1]


@cache
def _page(names: tuple[str, ...]) -> Prepared[Event]:
    """The statement of a page, by what narrows it; some kinds of event and some people are rare."""
    kinds = {name: _KINDS[name] for name in names}
    return PlannedAnew(lambda **values: _rows(_narrowed(**values)), **kinds)
