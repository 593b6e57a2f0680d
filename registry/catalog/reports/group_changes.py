"""What changed in a group between two moments: its events of that time, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet

from registry.events.models import Event, EventQuerySet
from registry.statements import Prepared, read

ROWS = 50
EVENTS_COMPARED = 2_000  # of one time, for the difference between its ends; of more, the list of changes tells
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
# Positions that are looked through for a page at first; of ten events eight leave something another than it was.
_STRETCH, _WIDER = 4 * ROWS, 5
# Clocks of several machines differ: the ends are looked for this much around the times that are asked for.
_SLACK = timedelta(hours=1)


@dataclass(frozen=True)
class ChangesPage:
    """Up to ROWS events, newest first; `older` is the id to go on before."""

    events: list[Event]
    older: int | None


class Between(NamedTuple):
    """Where in the log the changes of a group between two moments are: in its chain, from `low` to before `high`."""

    chain: int
    low: int
    high: int
    since: datetime
    until: datetime


def events_between(group_id: int, since: datetime, until: datetime) -> Between:
    """What changed the group or a version after `since` and not after `until`.

    The log has no index by time, but in a group's chain time rises with the position: both ends are found by halving,
    each by one statement.
    """
    return Between(group_id, _first(group_id, since - _SLACK), _first(group_id, until + _SLACK), since, until)


def page_of(between: Between, before: int | None = None) -> ChangesPage:
    """The newest of those events, or those before the one with the id `before`.

    Read stretch by stretch from the end, each _WIDER than the last: told the whole of a long time at once, PostgreSQL
    collects and sorts all of it for a page.
    """
    values = between._asdict()
    high = between.high
    if before is not None and (place := _POSITION.rows(chain=between.chain, event=before)):
        high = min(high, place[0][0])
    length, low, found = _STRETCH, high, list[Event]()
    while len(found) <= ROWS and low > between.low:
        low = max(between.low, high - length)
        found = _NEWEST.all(**values | {"low": low, "high": high})
        length *= _WIDER
    return ChangesPage(found[:ROWS], found[ROWS - 1].pk if len(found) > ROWS else None)


def changed_packages(between: Between) -> list[int] | None:
    """The ids of the versions that changed; None where more than EVENTS_COMPARED events would have to be read."""
    if between.high - between.low > EVENTS_COMPARED:
        return None
    return list(dict.fromkeys(pk for (pk,) in _PACKAGES.rows(**between._asdict())))


def _events(chain: int, low: int, high: int, since: datetime, until: datetime) -> EventQuerySet:
    places = Event.objects.filter(chain=chain, position__gte=low, position__lt=high)
    return places.filter(at__gt=since, at__lte=until, kind__in=KINDS)


def _page(**values: Any) -> EventQuerySet:
    return _events(**values).order_by("-position")[: ROWS + 1]


def _packages(**values: Any) -> QuerySet[Event, Any]:
    return _events(**values).exclude(package_id=None).order_by().values_list("package_id")


_VALUES: dict[str, Any] = {"chain": int, "low": int, "high": int, "since": datetime, "until": datetime}
_NEWEST: Prepared[Event] = Prepared(_page, **_VALUES)
_POSITION: Prepared[Event] = Prepared(
    lambda chain, event: Event.objects.filter(chain=chain, pk=event).values_list("position"), chain=int, event=int
)
_PACKAGES: Prepared[Any] = Prepared(_packages, **_VALUES)

_HALVING = """
WITH RECURSIVE halves(low, high) AS (
    SELECT CAST(1 AS bigint), COALESCE((SELECT MAX(position) FROM events_event WHERE chain = %s), 0) + 1
    UNION ALL
    SELECT CASE WHEN e.at > %s THEN low ELSE (low + high) / 2 + 1 END,
           CASE WHEN e.at > %s THEN (low + high) / 2 ELSE high END
    FROM halves LEFT JOIN events_event e ON e.chain = %s AND e.position = (low + high) / 2
    WHERE low < high
)
SELECT low FROM halves WHERE low = high
"""


def _first(chain: int, at: datetime) -> int:
    """The position from which on events are later than `at`; one above the last where none is."""
    moment = connection.ops.adapt_datetimefield_value(at)
    return read(_HALVING, [chain, moment, moment, chain])[0][0]
