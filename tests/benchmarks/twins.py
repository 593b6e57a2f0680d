"""The product's tables once more, partitioned by the hash of the group, with their indexes, keys and triggers."""

from __future__ import annotations

import psycopg

PARTITIONS = 8
PARTS = ("container", "customermetadataproperty", "metric", "vote", "check")
PACKAGE, EVENT, TAG = "catalog_modelpackage", "events_event", "catalog_tag"
# Two ways to spread the tables below a package: by the package's id, which they have, or by a new column group_id.
LAYOUTS = {"by_package": "package_id", "by_group": "group_id"}


def keys(layout: str) -> dict[str, str]:
    """Table -> the column that its twin is partitioned by."""
    return {PACKAGE: "group_id", EVENT: "group_id", TAG: "group_id"} | {
        f"catalog_{part}": LAYOUTS[layout] for part in PARTS
    }


def make_twins(database: psycopg.Connection, layout: str) -> list[tuple[str, str]]:
    """Make and fill the partitioned twins in a schema of that name; returns (constraint, why it cannot be kept)."""
    refused: list[tuple[str, str]] = []
    database.execute(f"CREATE SCHEMA {layout}")
    for table, key in keys(layout).items():
        own = table in (PACKAGE, EVENT, TAG) or key == "package_id"
        names = columns(database, table)
        column = "" if own or key in names else f", {key} bigint"
        database.execute(
            f"CREATE TABLE {layout}.{table} (LIKE public.{table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS"
            f" INCLUDING IDENTITY{column}) PARTITION BY HASH ({key})"
        )
        for number in range(PARTITIONS):
            database.execute(
                f"CREATE TABLE {layout}.{table}_p{number} PARTITION OF {layout}.{table}"
                f" FOR VALUES WITH (MODULUS {PARTITIONS}, REMAINDER {number})"
            )
        refused += copy_indexes(database, layout, table)
        source = f"public.{table} t" if own else f"public.{table} t JOIN public.{PACKAGE} p ON p.id = t.package_id"
        # Columns of the twin stand in the order of the original, a new one last. A container names the group of a live
        # version only; here it lies beside its package.
        wanted = ", ".join("p.group_id" if name == key and not own else f't."{name}"' for name in names)
        wanted += ", p.group_id" if column else ""
        database.execute(f"INSERT INTO {layout}.{table} OVERRIDING SYSTEM VALUE SELECT {wanted} FROM {source}")
    for table in keys(layout):
        refused += copy_foreign_keys(database, layout, table)
        refused += copy_triggers(database, layout, table)
    database.execute("ANALYZE")
    return refused


def columns(database: psycopg.Connection, table: str) -> list[str]:
    """The columns of a table of the product, in their order."""
    rows = database.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped"
        " ORDER BY attnum",
        [f"public.{table}"],
    )
    return [name for (name,) in rows.fetchall()]


def attempt(database: psycopg.Connection, sql: str) -> str:
    """Run a statement; returns the database's refusal, "" where it was taken."""
    try:
        with database.transaction():
            database.execute(sql)
    except psycopg.Error as error:
        detail = error.diag.message_detail
        return f"{error.diag.message_primary}{f' ({detail})' if detail else ''}"
    return ""


def copy_indexes(database: psycopg.Connection, layout: str, table: str) -> list[tuple[str, str]]:
    """Give a twin the indexes of its original; a unique one that PostgreSQL refuses becomes a plain one."""
    refused = []
    rows = database.execute(
        "SELECT c.relname, pg_get_indexdef(c.oid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
        " WHERE i.indrelid = %s::regclass ORDER BY 1",
        [f"public.{table}"],
    ).fetchall()
    for name, definition in rows:
        here = definition.replace(f" ON public.{table} ", f" ON {layout}.{table} ")
        why = attempt(database, here)
        if why:
            refused.append((f"{table}: {name} {definition.partition(' USING btree ')[2]}", why))
            database.execute(here.replace("CREATE UNIQUE INDEX", "CREATE INDEX"))
    return refused


def copy_foreign_keys(database: psycopg.Connection, layout: str, table: str) -> list[tuple[str, str]]:
    rows = database.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype = 'f' AND conrelid = %s::regclass ORDER BY 1",
        [f"public.{table}"],
    ).fetchall()
    database.execute(f"SET search_path = {layout}, public")
    refused = []
    for name, definition in rows:
        why = attempt(
            database, f'ALTER TABLE {layout}.{table} ADD CONSTRAINT "{name}" {definition.replace("public.", "")}'
        )
        refused += [(f"{table}: {definition.partition(' DEFERRABLE')[0]}", why)] if why else []
    database.execute("SET search_path = public")
    return refused


def copy_triggers(database: psycopg.Connection, layout: str, table: str) -> list[tuple[str, str]]:
    rows = database.execute(
        "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid = %s::regclass",
        [f"public.{table}"],
    ).fetchall()
    refused = []
    for name, definition in rows:
        why = attempt(database, definition.replace(f" ON public.{table} ", f" ON {layout}.{table} "))
        refused += [(f"{table}: trigger {name}", why)] if why else []
    return refused
