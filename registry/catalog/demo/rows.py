"""The tables that demo data goes into: rows as the columns' values, and the quickest way in for each database."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from typing import Any

from django.db import connection, models

from registry.events.chains import COLUMNS, canonical, content_of_values, digest_of
from registry.events.models import Event
from registry.events.services import lock_heads

from ..models import Container, CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup, Tag

# In the order in which they go in: what is pointed to comes first.
TABLES: tuple[type[models.Model], ...] = (
    ModelPackageGroup,
    ModelPackage,
    Container,
    CustomerMetadataProperty,
    Metric,
    Tag,
    Event,
)
# Their ids are given beforehand, since other rows point to them; all other ids come from the database.
NUMBERED = (ModelPackageGroup, ModelPackage)


class Written(str):
    """JSON that is text already, for what many rows share."""

    __slots__ = ()


class Table:
    """One table: `add` keeps a row as values by column, `load` writes what was kept."""

    def __init__(self, model: type[models.Model]) -> None:
        self.model = model
        fields: list[Any] = [f for f in model._meta.local_concrete_fields if model in NUMBERED or not f.primary_key]
        self.columns = [field.column for field in fields]
        self.places = {field.column: place for place, field in enumerate(fields)}
        self.writers = {place: writer for place, field in enumerate(fields) if (writer := _writer(field))}
        self.blank: list[Any] = [
            None if f.primary_key or not f.has_default() else self._written(f.column, f.get_default()) for f in fields
        ]
        self.rows: list[list[Any]] = []

    def add(self, **values: Any) -> None:
        """Keep a row; what is not named has its default."""
        row, places, writers = self.blank.copy(), self.places, self.writers
        for column, value in values.items():
            place = places[column]
            if value is not None and place in writers:
                value = writers[place](value)
            row[place] = value
        self.rows.append(row)

    def _written(self, column: str, value: Any) -> Any:
        write = self.writers.get(self.places[column])
        return value if value is None or write is None else write(value)

    def load(self) -> int:
        """Write the rows that were kept: by COPY on PostgreSQL, in one statement run for all on SQLite; how many."""
        rows, self.rows = self.rows, []
        if rows:
            (_copy if connection.vendor == "postgresql" else _insert)(self.model._meta.db_table, self.columns, rows)
        return len(rows)

    def update(self, changes: Mapping[int, Mapping[str, Any]]) -> None:
        """Change columns of rows that were loaded: the same columns of each, by id."""
        if not changes:
            return
        columns = list(next(iter(changes.values())))
        sets = ", ".join(f"{connection.ops.quote_name(column)} = %s" for column in columns)
        rows = [(*(self._written(column, value) for column, value in row.items()), pk) for pk, row in changes.items()]
        with connection.cursor() as cursor:
            cursor.executemany(f"UPDATE {_quoted([self.model._meta.db_table])} SET {sets} WHERE id = %s", rows)


class Log(Table):
    """The table of events: they get their places in the chains when they are loaded, not before.

    Whoever writes to a chain in between would be in the way otherwise: on SQLite others come in between two loads.
    """

    def __init__(self) -> None:
        super().__init__(Event)
        # Of these, what is hashed is the value itself.
        self.later = {column: self.writers.pop(self.places[column]) for column in ("at", "before", "after")}
        self.blank[self.places["at"]] = None

    def load(self) -> int:
        """Continue the chains with the rows that were kept, and write them; how many."""
        places, moment = self.places, self.later["at"]
        group_at, chain_at, position_at = places["group_id"], places["chain"], places["position"]
        previous_at, digest_at, at = places["previous"], places["digest"], places["at"]
        before_at, after_at = places["before"], places["after"]
        content_values = itemgetter(*(places[column] for column in COLUMNS))
        heads = lock_heads({row[group_at] or 0 for row in self.rows})
        for row in self.rows:
            chain = row[chain_at] = row[group_at] or 0
            position, previous = heads[chain]
            row[position_at], row[previous_at] = position + 1, previous
            before, after = canonical(row[before_at]), canonical(row[after_at])
            digest = row[digest_at] = digest_of(
                previous, content_of_values(content_values(row), before=before, after=after)
            )
            heads[chain] = (position + 1, digest)
            row[at] = moment(row[at])
            # The text that was hashed is JSON as good as any.
            row[before_at] = None if row[before_at] is None else before
            row[after_at] = None if row[after_at] is None else after
        return super().load()


def _writer(field: Any) -> Callable[[Any], Any] | None:
    """How the values of a field are written; None where they go as they are."""
    kind = field.get_internal_type()
    if kind == "JSONField":
        return lambda value: value if isinstance(value, Written) else json.dumps(value)
    if kind == "DateTimeField":
        # All times are UTC; SQLite has them without saying so.
        return str if connection.vendor == "postgresql" else lambda moment: str(moment)[: -len("+00:00")]
    return None


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(map(connection.ops.quote_name, names))


def _copy(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {_quoted([table])} ({_quoted(columns)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _insert(table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    sql = f"INSERT INTO {_quoted([table])} ({_quoted(columns)}) VALUES ({', '.join(['%s'] * len(columns))})"
    with connection.cursor() as cursor:
        cursor.executemany(sql, rows)


def reserve_ids(model: type[models.Model], many: int) -> int:
    """Take `many` ids that no other row will get; the first of them."""
    table = model._meta.db_table
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT pg_get_serial_sequence(%s, 'id')", [connection.ops.quote_name(table)])
            (sequence,) = cursor.fetchone()
            # Nobody draws a number between the two calls: the table is locked until this transaction ends.
            cursor.execute(f"LOCK TABLE {_quoted([table])} IN SHARE ROW EXCLUSIVE MODE")
            cursor.execute("SELECT nextval(%s)", [sequence])
            (first,) = cursor.fetchone()
            cursor.execute("SELECT setval(%s, %s)", [sequence, first + many])
            return int(first)
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        found = cursor.fetchone()
        first = (found[0] if found else 0) + 1
        sql = "UPDATE sqlite_sequence SET seq = %s WHERE name = %s"
        if not found:
            sql = "INSERT INTO sqlite_sequence (seq, name) VALUES (%s, %s)"
        cursor.execute(sql, [first + many, table])
        return int(first)


def flush_commit() -> None:
    """Have PostgreSQL write the end of this transaction out at once, however it is set: vacuum goes by that."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = on")


def vacuum() -> None:
    """Have PostgreSQL note which rows everybody sees, as its autovacuum will in some minutes.

    Before that an index alone answers nothing, and the planner reads whole tables for counts that could stop early.
    """
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM (ANALYZE) {_quoted(model._meta.db_table for model in TABLES)}")


@contextmanager
def roomy_sqlite() -> Iterator[None]:
    """A large cache and seldom a checkpoint while the block runs: rows of an index lie far apart."""
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size")
        (usual,) = cursor.fetchone()
        cursor.execute("PRAGMA cache_size=-262144")
        cursor.execute("PRAGMA wal_autocheckpoint=50000")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size={usual}")
            cursor.execute("PRAGMA wal_autocheckpoint=1000")
