"""What only tests may do to the log: write behind its triggers' backs, and empty it between two tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from registry.events.models import Event
from registry.events.services import append


def triggers_of(connection: Any) -> dict[str, str]:
    """All triggers of a SQLite database with the statements that make them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        return dict(cursor.fetchall())


@contextmanager
def behind_the_triggers() -> Iterator[None]:
    """In a transaction in which no trigger stands in the way, as whoever owns the database can have it."""
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL session_replication_role = replica")
            yield
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
            return
        triggers = triggers_of(connection)
        for name in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
        yield
        for statement in triggers.values():
            cursor.execute(statement)


def add_event(**columns: Any) -> Event:
    """An event with just these columns, at the end of its chain."""
    event = Event(**columns)
    with transaction.atomic():
        append([event])
    return event


_PRODUCT: list[bool] = []


@contextmanager
def flushes_as_in_the_product() -> Iterator[None]:
    """Without the help that let_flushes_through gives."""
    _PRODUCT.append(True)
    try:
        yield
    finally:
        _PRODUCT.clear()


def let_flushes_through() -> None:
    """Have Django's flush, which empties all tables after a transactional test, pass the triggers."""
    from django.db import connections

    operations: Any = type(connections["default"].ops)
    plain = operations.sql_flush

    def sql_flush(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
        statements = plain(self, style, tables, **options)
        if not statements or _PRODUCT:
            return statements
        if self.connection.vendor == "postgresql":
            return [
                "SET LOCAL session_replication_role = replica",
                *statements,
                "SET LOCAL session_replication_role = DEFAULT",
            ]
        triggers = triggers_of(self.connection)
        return [*(f"DROP TRIGGER {name}" for name in triggers), *statements, *triggers.values()]

    operations.sql_flush = sql_flush
