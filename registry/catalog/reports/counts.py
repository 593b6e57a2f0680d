"""Counts that stop at a cap, several in one query: big tables are never counted out."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def counts_up_to(*asked: tuple[QuerySet[Any], int]) -> list[int]:
    """How many rows each queryset has, at most the number beside it; one query for all."""
    counts: list[str] = []
    given: list[Any] = []
    for rows, cap in asked:
        try:
            sql, params = rows.order_by().values("pk")[:cap].query.sql_with_params()
        except EmptyResultSet:
            sql, params = "SELECT 1 WHERE 1 = 0", ()
        counts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")
        given += params
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(counts)}", given)
        return list(cursor.fetchone())
