"""Reading all tables as they were at one moment, beside whoever writes; and reading what this transaction sees."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from django.db import connection

from .canonical import line_maker
from .log_walks import Watch
from .tables import Table, quoted

# Rows that are in memory at a time.
STEP = 2_000


class Reader:
    """Answers queries out of one transaction; `open_cursor` gives a cursor that does not keep the whole answer."""

    def __init__(self, vendor: str, open_cursor: Callable[[], Any]) -> None:
        self.vendor, self.open_cursor = vendor, open_cursor

    def rows(self, sql: str) -> Iterator[Sequence[Sequence[Any]]]:
        """The rows of a query, some at a time."""
        with closing(self.open_cursor()) as cursor:
            cursor.execute(sql)
            while rows := cursor.fetchmany(STEP):
                yield rows

    def lines(self, table: Table, watch: Watch | None = None) -> Iterator[tuple[int, bytes]]:
        """All of a table in its canonical form: how many rows, and their lines. `watch` sees the rows go by."""
        lines_of = line_maker(table.kinds)
        for rows in self.rows(table.select(self.vendor)):
            if watch is not None:
                watch(rows)
            yield len(rows), lines_of(rows)

    def value(self, sql: str) -> Any:
        """The one value that a query gives; None without a row."""
        for rows in self.rows(sql):
            return rows[0][0]
        return None

    def last_number(self, table: Table) -> int | None:
        """The highest id that the database ever gave to a row of this table; None where it gives none."""
        if not table.is_numbered:
            return None
        if self.vendor == "sqlite":
            return self.value(f"SELECT seq FROM sqlite_sequence WHERE name = '{table.name}'") or 0
        # Names of Django's making; the sequence is a table of one row.
        sequence = self.value(f"SELECT pg_get_serial_sequence('{quoted(table.name)}', 'id')")
        return self.value(f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {sequence}")

    def applied_migrations(self) -> list[tuple[str, str]]:
        """App and name of what was migrated, sorted."""
        found = [tuple(row) for rows in self.rows("SELECT app, name FROM django_migrations") for row in rows]
        return sorted((str(app), str(name)) for app, name in found)


@contextmanager
def snapshot() -> Iterator[Reader]:
    """A reader of the database as it is now, on a connection of its own, however long it takes.

    Nobody waits for it: PostgreSQL keeps the old rows for a REPEATABLE READ transaction that only reads, SQLite's
    writers go on in the write-ahead log.
    """
    with (_sqlite_snapshot if connection.vendor == "sqlite" else _postgresql_snapshot)() as reader:
        yield reader


@contextmanager
def _sqlite_snapshot() -> Iterator[Reader]:
    settings = connection.settings_dict
    # Django's own connection begins each transaction with the write lock.
    timeout = settings["OPTIONS"].get("timeout", 20)
    with connection.wrap_database_errors:
        held = sqlite3.connect(settings["NAME"], timeout=timeout, isolation_level=None)
        with closing(held):
            held.execute("PRAGMA query_only = ON")
            held.execute("BEGIN")
            # The moment is that of the first read.
            held.execute("SELECT 1 FROM sqlite_master").fetchone()
            yield Reader("sqlite", held.cursor)


@contextmanager
def _postgresql_snapshot() -> Iterator[Reader]:
    # On SQLite its import would be for nothing.
    import psycopg

    with connection.wrap_database_errors:
        # Aside from the pool, whose connections are to come back soon.
        held = psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": 10})
        with closing(held):
            held.isolation_level, held.read_only = psycopg.IsolationLevel.REPEATABLE_READ, True
            with held.cursor() as cursor:
                for limit in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
                    cursor.execute(f"SET LOCAL {limit} = 0")
            yield Reader("postgresql", _named(lambda name: held.cursor(name)))


def _named(make: Callable[[str], Any]) -> Callable[[], Any]:
    """Cursors on the server: the client keeps what it fetched, not the whole answer. COPY was no quicker."""

    def open_cursor() -> Any:
        cursor = make("backup")
        cursor.itersize = STEP
        return cursor

    return open_cursor


def own_reader() -> Reader:
    """A reader of what the transaction that is open on Django's connection sees, its own rows included."""
    if connection.vendor == "sqlite":
        return Reader("sqlite", connection.cursor)
    return Reader("postgresql", _named(lambda name: connection.connection.cursor(name)))
