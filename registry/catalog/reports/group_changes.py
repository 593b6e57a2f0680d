"""What changed in a group between two moments: its events of that time, newest first, a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from registry.events.models import Event, EventQuerySet
from registry.statements import Prepared, read

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


def changes_between(group_id: int, since: datetime, until: datetime, before: int | None = None) -> ChangesPage:
    """What happened after `since` and not after `until`, or the part of it before an event.

    The log has no index by time, but in a group's chain time rises with the position: both ends are found by halving,
    each by one statement.
    """
    low, high = _first(group_id, since - _SLACK), _first(group_id, until + _SLACK)
    end = {} if before is None else {"before": before}
    page = _PAGE if before is None else _OLDER
    found = page.all(chain=group_id, low=low, high=high, since=since, until=until, **end)
    return ChangesPage(found[:ROWS], found[ROWS - 1].pk if len(found) > ROWS else None)


def _page(
    chain: int, low: int, high: int, since: datetime, until: datetime, before: int | None = None
) -> EventQuerySet:
    events = Event.objects.filter(chain=chain, position__gte=low, position__lt=high, kind__in=KINDS)
    return events.filter(at__gt=since, at__lte=until).before(before).order_by("-position")[: ROWS + 1]


_VALUES: dict[str, Any] = {"chain": int, "low": int, "high": int, "since": datetime, "until": datetime}
_PAGE: Prepared[Event] = Prepared(_page, **_VALUES)
_OLDER: Prepared[Event] = Prepared(_page, before=int, **_VALUES)

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
