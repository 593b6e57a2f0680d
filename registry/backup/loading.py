"""Writing rows of a backup into empty tables: by COPY on PostgreSQL, in one statement run for many on SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection

from .errors import Refusal
from .tables import KEPT_BY_TRIGGERS, MADE_BY_MIGRATE, NAMED, Table, quoted

Row = list[Any]


def filled_tables(tables: Sequence[Table]) -> list[str]:
    """The names of those tables that hold more than what migrate puts into them."""
    filled = []
    with connection.cursor() as cursor:
        for table in tables:
            if table.name in MADE_BY_MIGRATE:
                continue
            # A chain begins at 0 before anything happened in it.
            nothing = "WHERE position > 0 " if table.name in KEPT_BY_TRIGGERS else ""
            cursor.execute(f"SELECT 1 FROM {quoted(table.name)} {nothing}LIMIT 1")
            if cursor.fetchone():
                filled.append(table.name)
    return filled


def make_way() -> None:
    """Delete what migrate put into tables whose rows come from the backup: the roles, which nobody has yet."""
    with connection.cursor() as cursor:
        for name in MADE_BY_MIGRATE:
            cursor.execute(f"DELETE FROM {quoted(name)}")


class Loader:
    """Writes the rows of one table; used within a transaction, its batches one after the other."""

    def __init__(self, table: Table) -> None:
        self.table = table
        writers: dict[int, Callable[[Any], Any]] = {
            place: write for place, kind in enumerate(table.kinds) if (write := _writer(kind))
        }
        self.writers = list(writers.items())
        names = ", ".join(quoted(column.name) for column in table.columns)
        if connection.vendor == "postgresql":
            self.sql = f"COPY {quoted(table.name)} ({names}) FROM STDIN"
        else:
            places = ", ".join(["%s"] * len(table.columns))
            self.sql = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ({places})"

    def load(self, rows: list[Row]) -> None:
        """Write rows as they came out of a backup. The database's own errors pass through."""
        for row in rows:
            for place, write in self.writers:
                if (value := row[place]) is not None:
                    row[place] = write(value)
        with connection.cursor() as cursor:
            if connection.vendor == "postgresql":
                with connection.wrap_database_errors, cursor.copy(self.sql) as copy:
                    for row in rows:
                        copy.write_row(row)
            else:
                cursor.executemany(self.sql, rows)

    def replace_heads(self, rows: list[Row]) -> None:
        """Take the heads as they are; only while the log's triggers are away."""
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {quoted(self.table.name)}")
        self.load(rows)

    def begin_chains(self, rows: list[Row]) -> None:
        """Let chains begin, at position 0: their events move the heads to where the backup has them."""
        chain, position, digest = (
            [column.name for column in self.table.columns].index(name) for name in ("chain", "position", "digest")
        )
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT chain FROM {quoted(self.table.name)} WHERE position = 0")
            there = {number for (number,) in cursor.fetchall()}
        begun = []
        for row in rows:
            if row[chain] not in there:
                row[position], row[digest] = 0, "00" * 32
                begun.append(row)
        self.load(begun)


def _writer(kind: str) -> Callable[[Any], Any] | None:
    """How a value of the canonical form is written here; None where it goes as it is."""
    if kind in NAMED:
        known = _ids_by_name(kind)

        def find(name: str) -> int:
            if name not in known:
                raise Refusal(f"The backup names the {kind} {name}, which this program does not have.")
            return known[name]

        return find
    if connection.vendor == "postgresql":
        # As COPY reads bytea.
        return (lambda digits: f"\\x{digits}") if kind == "binary" else None
    if kind == "time":
        return _sqlite_time
    return bytes.fromhex if kind == "binary" else None


def _sqlite_time(moment: str) -> str:
    """A time as Django writes it: SQLite compares texts, so that whole seconds must have no fraction."""
    seconds = moment[:19] if moment.endswith(".000000Z") else moment[:26]
    return seconds.replace("T", " ")


def _ids_by_name(kind: str) -> dict[str, int]:
    source = "django_content_type t" if kind == "content type" else "auth_permission o"
    key = "t.id" if kind == "content type" else "o.id"
    name = "t.app_label || '.' || t.model"
    if kind == "permission":
        name = f"({NAMED[kind].format(t='t', column='o.id')})"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name}, {key} FROM {source}")
        return dict(cursor.fetchall())


def set_last_number(table: Table, number: int) -> None:
    """Have the database go on numbering behind `number`: an id that was given once is never given again."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            sequence = f"pg_get_serial_sequence('{quoted(table.name)}', 'id')"
            cursor.execute(f"SELECT setval({sequence}, %s, %s)", [max(number, 1), number > 0])
            return
        cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = %s", [number, table.name])
        if not cursor.rowcount and number:
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table.name, number])


def note_load(tables: Sequence[Table]) -> None:
    """Tell PostgreSQL's planner what the tables hold now; it would find out a minute later."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE {', '.join(quoted(table.name) for table in tables)}")


@contextmanager
def room_to_load() -> Iterator[None]:
    """Settings of the connection for much at once, while the block runs."""
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA cache_size")
        (usual,) = cursor.fetchone()
        # Rows of an index lie far apart.
        cursor.execute("PRAGMA cache_size = -262144")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA cache_size = {usual}")
