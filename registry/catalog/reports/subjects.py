"""The statements by which the page of a group or of a version reads its subject, and later what happened to it."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery

from registry.accounts.models import User
from registry.events.models import Event
from registry.statements import Prepared

from ..models import ModelPackage, ModelPackageGroup
from ..models.teams import is_hidden
from .changes import neighbour_columns
from .stages import standing_columns

TOLD = 20  # events of one answer that are put into words


@cache
def group_with_standing(stages: tuple[str, ...]) -> Prepared[ModelPackageGroup]:
    """For ModelPackageGroup.find: the group with standing_columns(stages)."""

    def build(region: str, name: str) -> QuerySet[Any]:
        found = ModelPackageGroup.objects.live().filter(region=region, name=name)
        return found.annotate(**standing_columns(stages))

    return Prepared(build, region=str, name=str)


@cache
def group_of_page(stages: tuple[str, ...]) -> Prepared[ModelPackageGroup]:
    """For ModelPackageGroup.find: the same with `latest_event`, the id of its newest event or None.

    Read with the group, before what it counts for: nothing that happens meanwhile is missed.
    """

    def build(region: str, name: str) -> QuerySet[Any]:
        found = ModelPackageGroup.objects.live().filter(region=region, name=name)
        newest = Event.objects.filter(group_id=OuterRef("pk")).order_by("-id").values("id")[:1]
        return found.annotate(latest_event=Subquery(newest), **standing_columns(stages))

    return Prepared(build, region=str, name=str)


def _version(region: str, group: str, version: int) -> QuerySet[Any]:
    newest = Event.objects.filter(package_id=OuterRef("pk")).order_by("-id").values("id")[:1]
    found = ModelPackage.objects.live().of_version(region, group, version)
    return found.annotate(latest_event=Subquery(newest), **neighbour_columns())


# For ModelPackage.find_version: the version with `latest_event` and its neighbours.
VERSION_OF_PAGE: Prepared[ModelPackage] = Prepared(_version, region=str, group=str, version=int)


def _newest_of_name(region: str, name: str) -> Subquery:
    """The id of the newest group of that name, deleted or not: its last event is the deletion."""
    return Subquery(ModelPackageGroup.objects.filter(region=region, name=name).order_by("-id").values("pk")[:1])


def _group_events(region: str, name: str, after: int) -> QuerySet[Any]:
    return Event.objects.filter(group_id=_newest_of_name(region, name), id__gt=after).order_by("-id")[:TOLD]


def _others_events(region: str, group: str, version: int, after: int, user: int) -> QuerySet[Any]:
    found = ModelPackage.objects.filter(group_id=_newest_of_name(region, group), version=version).order_by()
    events = Event.objects.filter(package_id=Subquery(found.values("pk")[:1]), id__gt=after)
    return events.exclude(actor_id=user, door="browser").order_by("-id")[:1]


_GROUP_EVENTS: Prepared[Event] = Prepared(_group_events, region=str, name=str, after=int)
_OTHERS_EVENTS: Prepared[Event] = Prepared(_others_events, region=str, group=str, version=int, after=int, user=int)


def events_of_group(user: User, region: str, name: str, after: int) -> list[Event]:
    """The newest TOLD events of the newest group of that name after one of them; none that `user` may not know of."""
    events = _GROUP_EVENTS.all(region=region, name=name, after=after) if user.role is not None else []
    return [] if events and is_hidden(user, events[0].group_id) else events


def event_by_others(user: User, region: str, group: str, version: int, after: int) -> Event | None:
    """The newest event of a version after one of them that `user` did not make in the browser, and may know of."""
    if user.role is None:
        return None
    event = _OTHERS_EVENTS.first(region=region, group=group, version=version, after=after, user=user.pk)
    return None if event is None or is_hidden(user, event.group_id) else event
