"""From the terms of a filter to conditions on the log: whom, what, when and where the activity page shows."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db.models import Q

from .parser import Query
from .terms import Term
from .versions import combined, groups_named, spelled, tags_of, within


def event_conditions(query: Query, now: datetime | None = None) -> Q:
    """The condition on Event that a filter of the activity means. No query is run.

    Groups are asked for by their ids, through the index over (group, id); a word has to be looked for event by event.
    """
    at = now or datetime.now(UTC)
    return combined(query.node, lambda term: _event_term(term, at))


def _event_term(term: Term, now: datetime) -> Q:
    value = term.value or ""
    match term.key:
        case "":
            return spelled(value, "group_name", "package_name", "target", "actor_name", "comment")
        case "by":
            return Q(actor_name=value)
        case "type":
            return Q(category=value.lower())
        case "group":
            return Q(group_id__isnull=False, group_id__in=groups_named(value).values("pk"))
        case "tag":
            owners = tags_of(term)
            groups = Q(group_id__in=owners.filter(group__isnull=False).values("group_id"))
            packages = Q(package_id__in=owners.filter(package__isnull=False).values("package_id"))
            return (Q(group_id__isnull=False) & groups) | (Q(package_id__isnull=False) & packages)
        case "created":
            return within("at", term, now)
        case "region":
            return Q(region=value)
    raise KeyError(term.key)
