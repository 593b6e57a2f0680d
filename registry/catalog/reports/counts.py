"""Counts that stop at a cap: big tables are never counted out."""

from __future__ import annotations

from typing import Any

from django.db import connection
from django.db.models import IntegerField, Model, QuerySet, Subquery

from registry.statements import Condition

from ..filters import Query

# Above these "1,000+" and "100+": big tables are not counted out, and what a filter finds costs more to count.
COUNT_CAP, FOUND_CAP = 1000, 100


def cap_of(query: Query) -> int:
    """How far the rows of a list are counted under its filter."""
    return COUNT_CAP if query.is_empty else FOUND_CAP


class CountUpTo(Subquery):
    """How many rows a queryset has, at most `cap`; an expression, so that several counts are one query.

    `by` names the order of an index that has just these rows: PostgreSQL reads the table instead where it takes a good
    part of it for such rows, a page of it for every few that count.
    """

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()

    def __init__(self, rows: QuerySet[Any], cap: int, *by: str) -> None:
        super().__init__(rows.order_by(*by).values("pk")[:cap])


def count_up_to(model: type[Model], found: Condition, cap: int) -> int:
    """How many rows of a table meet a condition, at most `cap`."""
    table = connection.ops.quote_name(model._meta.db_table)
    counted = f"SELECT 1 FROM {table} WHERE {found.sql} LIMIT {cap}"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({counted}) AS counted", found.values)
        return cursor.fetchone()[0]
