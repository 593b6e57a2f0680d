"""What changed in a group between two moments: its events of that time, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from registry.events.models import Event, EventQuerySet

ROWS = 50
# What leaves the group or a version another than it was; votes, checks and comments do not.
KINDS = (
    "model_package.approval_status_changed",
    "model_package.changes_requested",
    "model_package.content_changed",
    "model_package.created",
    "model_package.deleted",
    "model_package.metadata_changed",
    "model_package.restored",
    "model_package.stage_changed",
    "model_package_group.created",
    "model_package_group.deleted",
    "model_package_group.description_changed",
    "model_package_group.metrics_changed",
    "model_package_group.policy_changed",
    "model_package_group.restored",
    "model_package_group.rules_changed",
    "model_package_group.tagged",
    "model_package_group.teams_changed",
)
# Clocks of several machines differ: the ends are looked for this much around the times that are asked for.
_SLACK = timedelta(hours=1)


@dataclass(frozen=True)
class ChangesPage:
    """Up to ROWS events, newest first; `older` is the id to go on before."""

    events: list[Event]
    older: int | None


def events_between(group_id: int, since: datetime, until: datetime) -> EventQuerySet:
    """What changed the group or a version after `since` and not after `until`.

    The log has no index by time, but in a group's chain time rises with the position: both ends are found by halving,
    in 2 times 20 looks for a million events.
    """
    chain = Event.objects.filter(chain=group_id)
    last = chain.order_by("-position").values_list("position", flat=True).first() or 0
    low, high = _first(chain, since - _SLACK, last), _first(chain, until + _SLACK, last)
    return chain.filter(position__gte=low, position__lt=high, at__gt=since, at__lte=until, kind__in=KINDS)


def page_of(events: EventQuerySet, before: int | None = None) -> ChangesPage:
    """The newest of those events, or the part of them before one."""
    found = list(events.before(before).order_by("-position")[: ROWS + 1])
    return ChangesPage(found[:ROWS], found[ROWS - 1].pk if len(found) > ROWS else None)


def _first(chain: EventQuerySet, at: datetime, last: int) -> int:
    """The position from which on events are later than `at`; one above the last where none is."""
    low, high = 1, last + 1
    while low < high:
        middle = (low + high) // 2
        if chain.filter(position=middle, at__gt=at).exists():
            high = middle
        else:
            low = middle + 1
    return low
