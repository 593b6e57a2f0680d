"""What the two list operations share: filters by time, order, and pages that go on after the last item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from .. import paging
from ..calls import Call

Row = Any


def created_between(call: Call) -> Q:
    """CreationTimeAfter and CreationTimeBefore, both exclusive."""
    condition = Q()
    if (after := call.get("CreationTimeAfter")) is not None:
        condition &= Q(created_at__gt=after)
    if (before := call.get("CreationTimeBefore")) is not None:
        condition &= Q(created_at__lt=before)
    return condition


def after_position(fields: Sequence[str], values: Sequence[Any], *, descending: bool) -> Q:
    """The rows behind a position in the order of `fields`, which all run in one direction."""
    step = "lt" if descending else "gt"
    condition = Q()
    for index, field in enumerate(fields):
        equal = dict(zip(fields[:index], values[:index], strict=True))
        condition |= Q(**equal, **{f"{field}__{step}": values[index]})
    # Redundant, but it lets both databases start in the index at the first field.
    return Q(**{f"{fields[0]}__{step}e": values[0]}) & condition


def page(
    call: Call, rows: QuerySet, fields: Sequence[str], position_of: Callable[[Row], list[Any]]
) -> tuple[list[Row], str | None]:
    """One page of `rows` ordered by `fields`, and the NextToken where more follow.

    `position_of` gives a row's values of `fields`, JSON-ready; times as ISO texts.
    """
    descending = call.get("SortOrder") == "Descending"
    position = paging.position(call.operation, call.region, call.members)
    if position is not None:
        values = [datetime.fromisoformat(v) if f.endswith("_at") else v for f, v in zip(fields, position, strict=True)]
        rows = rows.filter(after_position(fields, values, descending=descending))
    size = call.get("MaxResults", paging.PAGE)
    found = list(rows.order_by(*(f"-{field}" if descending else field for field in fields))[: size + 1])
    if len(found) <= size:
        return found, None
    last = found[size - 1]
    return found[:size], paging.issue(call.operation, call.region, call.members, position_of(last))


def answer(name: str, items: list[Any], token: str | None) -> dict[str, Any]:
    """A list answer; NextToken is absent on the last page."""
    return {name: items, "NextToken": token} if token else {name: items}
