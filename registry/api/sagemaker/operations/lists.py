"""What the two list operations share: filters by time, order, and pages that go on after the last item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar

from django.db.models import Q, QuerySet

from registry.catalog.models.teams import hidden_from
from registry.statements import Given, PlannedAnew, Prepared

from .. import paging
from ..calls import Call

Row = TypeVar("Row", bound=NamedTuple)
Values = dict[str, Given]
# The rows that values ask for, by their names.
Build = Callable[..., QuerySet]
# A statement reads at most so many rows for a page of so many, or for any.
FEW = 10


def values_of(call: Call) -> Values:
    """What narrows every list: CreationTimeAfter and CreationTimeBefore, both exclusive, and what teams hide."""
    found: Values = {**hidden_from(call.actor)}
    for member, lookup in (("CreationTimeAfter", "created_at__gt"), ("CreationTimeBefore", "created_at__lt")):
        if (moment := call.get(member)) is not None:
            found[lookup] = moment
    return found


def after_position(fields: Sequence[str], values: Sequence[Any], *, descending: bool) -> Q:
    """The rows behind a position in the order of `fields`, which all run in one direction."""
    step = "lt" if descending else "gt"
    condition = Q()
    for index, field in enumerate(fields):
        equal = dict(zip(fields[:index], values[:index], strict=True))
        condition |= Q(**equal, **{f"{field}__{step}": values[index]})
    # Redundant, but it lets both databases start in the index at the first field.
    return Q(**{f"{fields[0]}__{step}e": values[0]}) & condition


def page(call: Call, build: Build, values: Values, kind: type[Row], *fields: str) -> tuple[list[Row], str | None]:
    """One page of the rows that `build` makes of `values`, ordered by `fields`, and the NextToken where more follow.

    Of each row the columns that `kind` names are read, by a statement compiled once for values of these names; it has
    all of `fields`, which say where the next page begins.
    """
    descending = call.get("SortOrder") == "Descending"
    position = paging.position(call.operation, call.region, call.members)
    for field, value in zip(fields, position or (), strict=position is not None):
        values = values | {f"after_{field}": datetime.fromisoformat(value) if field.endswith("_at") else value}
    size = call.get("MaxResults", paging.PAGE)
    names = tuple((name, type(value)) for name, value in sorted(values.items()))
    statement = _statement(build, kind, fields, descending, FEW if size <= FEW else paging.PAGE, names)
    found = list(map(kind._make, statement.rows(**values)))
    if len(found) <= size:
        return found, None
    last = [getattr(found[size - 1], field) for field in fields]
    position = [value.isoformat() if isinstance(value, datetime) else value for value in last]
    return found[:size], paging.issue(call.operation, call.region, call.members, position)


@cache
def _statement(
    build: Build, kind: type[Row], fields: Sequence[str], descending: bool, most: int, names: Sequence[tuple[str, Any]]
) -> Prepared[Any]:
    def rows(**values: Any) -> QuerySet:
        position = [values.pop(f"after_{field}") for field in fields if f"after_{field}" in values]
        found = build(**values)
        if position:
            found = found.filter(after_position(fields, position, descending=descending))
        found = found.order_by(*(f"-{field}" if descending else field for field in fields))
        return found.values_list(*kind._fields)[: most + 1]

    return PlannedAnew(rows, **dict(names))


def answer(name: str, items: list[Any], token: str | None) -> dict[str, Any]:
    """A list answer; NextToken is absent on the last page."""
    return {name: items, "NextToken": token} if token else {name: items}
