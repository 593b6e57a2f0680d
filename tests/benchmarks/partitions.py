"""`python -m tests.benchmarks.partitions`: which of the product's queries stay in one partition when groups are spread.

Starts the tests' own PostgreSQL, makes the product's tables, fills them with some 20,000 versions and copies them into
twins that are partitioned by group. Every page, form and wire call is asked once; the statements that the product ran
are then explained on the twins as they are: a search path finds the twins under the product's names. Prints what the
twins could not keep, one line a statement, and with --plans the plans. Nothing is measured by the clock.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.databases import running_postgresql

PARTITIONS = 8
PARTS = ("container", "customermetadataproperty", "metric", "vote", "check")
PACKAGE, EVENT, TAG = "catalog_modelpackage", "events_event", "catalog_tag"
# Two ways to spread the tables below a package: by the package's id, which they have, or by a new column group_id.
LAYOUTS = {"by_package": "package_id", "by_group": "group_id"}
EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON)"
READS = ("SELECT", "(", "WITH")
WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Statement:
    """One statement as the product ran it first, the function it ran in, and the pages and calls that run it."""

    sql: str
    params: tuple[Any, ...]
    where: str
    asked_by: list[str] = field(default_factory=list)

    @property
    def reads(self) -> bool:
        return self.sql.startswith(READS)


@dataclass
class Touched:
    """What a plan reads of one partitioned table: which partitions, by which indexes."""

    partitions: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)


# ---------- the twins ----------


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
        column = "" if own else f", {key} bigint"
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
        wanted = "t.*" if own else "t.*, p.group_id"
        # Columns of the twin stand in the order of the original, the new one last.
        database.execute(f"INSERT INTO {layout}.{table} OVERRIDING SYSTEM VALUE SELECT {wanted} FROM {source}")
    for table in keys(layout):
        refused += copy_foreign_keys(database, layout, table)
        refused += copy_triggers(database, layout, table)
    database.execute("ANALYZE")
    return refused


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


# ---------- what the product runs ----------


class Recorder:
    """Keeps every statement that the product runs, once for each text and function."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Statement] = {}
        self.name = ""

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if isinstance(sql, str) and sql.startswith(READS + WRITES) and not many:
            where = caller()
            # As many rows or values as there happened to be are one statement.
            shape = re.sub(r"\((%s(, )?)+\)(, \((%s(, )?)+\))*", "(…)", sql)
            known = self.found.setdefault((shape, where), Statement(sql, tuple(params or ()), where))
            if self.name not in known.asked_by:
                known.asked_by.append(self.name)
        return execute(sql, params, many, context)


def caller() -> str:
    """The function of the product that runs a statement: the innermost one that is not the machinery of statements."""
    frame = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if "registry" in path.parts and path.name != "statements.py":
            module = ".".join(path.with_suffix("").parts[len(path.parts) - path.parts[::-1].index("registry") :])
            if module != "catalog.services.locks" or frame.f_code.co_name.startswith("lock"):
                return f"{module}.{frame.f_code.co_qualname.partition('.<locals>')[0]}"
        frame = frame.f_back  # type: ignore[assignment]
    return "Django"


def record_product() -> tuple[list[Statement], list[str]]:
    """Ask everything once; returns the statements, and the answers that were no success."""
    from django.db import connection
    from django.test import Client

    from registry.accounts.access_keys import create_access_key
    from registry.accounts.permissions import Actor
    from tests.factories import make_user

    from .asked import askings

    recorder, failed = Recorder(), []
    admin = make_user("admin", username="keeper")
    made, secret = create_access_key(actor=Actor.system("plans"), user=admin, name="plans")
    browser = Client()
    browser.force_login(admin)
    with connection.execute_wrapper(recorder):
        for asking in askings(browser, (made.key_id, secret)):
            recorder.name = asking.name
            status = asking.send()
            if status not in (200, 204, 302):
                failed.append(f"{asking.name}: {status}")
    return list(recorder.found.values()), failed


# ---------- what the plans say ----------


class Plans:
    """Explains statements on the twins of one layout."""

    def __init__(self, database: psycopg.Connection, layout: str) -> None:
        self.database, self.layout = database, layout
        database.execute(f"SET search_path = {layout}, public")
        # Twenty thousand rows in eight partitions are few: without this the planner reads many of them whole, as it
        # would not at a million. A sequential scan that is still in a plan is one that no index can replace.
        database.execute("SET enable_seqscan = off")
        rows = database.execute(
            "SELECT c.relname, p.relname, t.relname FROM pg_inherits h JOIN pg_class c ON c.oid = h.inhrelid"
            " JOIN pg_class p ON p.oid = h.inhparent JOIN pg_index i ON i.indexrelid = c.oid"
            " JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE n.nspname = %s AND p.relkind = 'I'",
            [layout],
        )
        self.index_of = {child: (parent, table) for child, parent, table in rows}

    def explain(self, statement: Statement, sql: str = "", text: bool = False) -> Any:
        """The plan of a statement: as JSON, or as lines. Reading runs, so that what is never executed is known."""
        how = EXPLAIN if statement.reads else "EXPLAIN (FORMAT JSON)"
        if text:
            how = "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF)" if statement.reads else "EXPLAIN (COSTS OFF)"
        with self.database.transaction(force_rollback=True):
            cursor = psycopg.ClientCursor(self.database)
            cursor.execute(f"{how} {sql or statement.sql}", statement.params)
            rows = cursor.fetchall()
        return [row[0] for row in rows] if text else rows[0][0][0]["Plan"]

    def touched(self, statement: Statement, sql: str = "") -> dict[str, Touched]:
        """Partitioned table -> what the plan reads of it; the row of an INSERT goes where its key says."""
        found: dict[str, Touched] = {}
        self._walk(self.explain(statement, sql), found)
        return found

    def _walk(self, node: dict[str, Any], found: dict[str, Touched]) -> None:
        ran = node.get("Actual Loops", 1) > 0
        index, relation = node.get("Index Name", ""), node.get("Relation Name", "")
        if index in self.index_of and not relation:
            relation = self.index_of[index][1]
        table = re.sub(r"_p\d$", "", relation)
        if ran and table in keys(self.layout) and table != relation:
            touched = found.setdefault(table, Touched())
            touched.partitions.add(relation)
            if index:
                touched.indexes.add(self.index_of[index][0])
            elif node["Node Type"] == "Seq Scan":
                touched.indexes.add("whole")
        for below in node.get("Plans", ()):
            self._walk(below, found)

    def said(self, statement: Statement) -> tuple[str, str]:
        """(partitions, indexes) in words."""
        inserted = re.match(r'INSERT INTO "(\w+)" \(([^)]*)\)', statement.sql)
        if inserted:
            has_key = f'"{keys(self.layout)[inserted[1]]}"' in inserted[2]
            return f"{short(inserted[1])} {f'1/{PARTITIONS}' if has_key else 'no key'}", ""
        found = self.touched(statement)
        where = ", ".join(f"{short(table)} {len(t.partitions)}/{PARTITIONS}" for table, t in sorted(found.items()))
        return where or "none", ", ".join(sorted(set().union(*(t.indexes for t in found.values())))) if found else ""


def short(table: str) -> str:
    names = {"modelpackage": "package", "customermetadataproperty": "pair"}
    name = table.partition("_")[2]
    return names.get(name, name)


def shard_key(sql: str) -> str:
    """Where a statement says its group: as a value, through a join, or not at all."""
    if sql.startswith("INSERT"):
        return "value" if '"group_id"' in sql else "no"
    if re.search(r'"group_id" (= %s|IN \(%s|IS NULL|= \(SELECT|= \(\(SELECT)', sql):
        return "value"
    if re.search(r'"group_id" = (\(?\w|")|= \(?"?\w+"?\."group_id"', sql):
        return "join"
    return "no"


def with_key(statement: Statement, group: int) -> str:
    """The statement of one partitioned table with its group beside the id; "" for any other."""
    tables = [table for table in keys("by_group") if f'"{table}"' in statement.sql]
    if len(tables) != 1 or statement.sql.count("WHERE ") != 1 or '"group_id"' in statement.sql.partition("WHERE ")[2]:
        return ""
    return statement.sql.replace("WHERE ", f'WHERE "{tables[0]}"."group_id" = {group} AND ', 1)


# ---------- the report ----------


def report(database: Callable[[], psycopg.Connection], statements: list[Statement], group: int, plans: bool) -> None:
    """Print one line a statement, and the plans."""
    lookers = {layout: Plans(database(), layout) for layout in LAYOUTS}
    spread = tuple(f'"{table}"' for table in keys("by_group"))
    wanted = [s for s in statements if any(table in s.sql for table in spread)]
    others = sorted({s.where for s in statements if s not in wanted})
    print(f"\n{len(statements)} statements; {len(wanted)} of them speak of a partitioned table.\n")
    print("| where | asked by | group in it | parts by package | parts by group | group added | indexes |")
    print("|---|---|---|---|---|---|---|")
    for statement in sorted(wanted, key=lambda s: (s.where, s.sql)):
        by_package, _ = lookers["by_package"].said(statement)
        by_group, indexes = lookers["by_group"].said(statement)
        more = with_key(statement, group)
        added = ", ".join(f"{len(t.partitions)}/{PARTITIONS}" for t in touched(lookers["by_group"], statement, more))
        asked = statement.asked_by[0] + (f" and {len(statement.asked_by) - 1} more" if statement.asked_by[1:] else "")
        verb = statement.sql.split(None, 1)[0].strip("(").lower() + " for update" * ("FOR UPDATE" in statement.sql)
        row = (f"`{statement.where}` {verb}", asked, shard_key(statement.sql), by_package, by_group, added, indexes)
        print(f"| {' | '.join(row)} |")
    print(f"\nOf other tables only: {', '.join(others)}.")
    if plans:
        for statement in wanted:
            print(f"\n--- {statement.where}, {statement.asked_by[0]}\n{statement.sql}")
            print("\n".join(lookers["by_group"].explain(statement, text=True)))


def touched(looker: Plans, statement: Statement, sql: str) -> list[Touched]:
    return list(looker.touched(statement, sql).values()) if sql else []


@contextmanager
def product(folder: Path) -> Iterator[str]:
    """Django on the tests' PostgreSQL with the product's tables; yields how psycopg reaches it."""
    sockets = folder / "postgresql"
    with running_postgresql(sockets):
        for name in [name for name in os.environ if name.startswith("REGISTRY_")]:
            del os.environ[name]
        os.environ["REGISTRY_DATA_DIR"] = str(folder / "var")
        os.environ["DATABASE_URL"] = f"postgresql://postgres@/postgres?host={sockets}"
        os.environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        import django
        from django.core.management import call_command
        from django.db import connections
        from django.test import override_settings

        django.setup()
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        # Pages are asked without a server: no files are collected for them.
        with override_settings(STORAGES={"staticfiles": plain}, ALLOWED_HOSTS=["*"]):
            call_command("migrate", verbosity=0)
            yield f"host={sockets} user=postgres dbname=postgres"
        connections.close_all()
        connections["default"].close_pool()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plans", action="store_true", help="print the plan of every statement too")
    parser.add_argument("--only", default="", help="only statements of functions whose name contains this")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, product(Path(work)) as reach:
        from .generated import fill

        def database() -> psycopg.Connection:
            return psycopg.connect(reach, autocommit=True)

        group, counts = fill()
        own = database()
        version = own.execute("SHOW server_version").fetchone()
        print(f"PostgreSQL {version[0] if version else '?'}; {counts}; {PARTITIONS} partitions a table.")
        statements, failed = record_product()
        print("Answers that were no success:", "; ".join(failed) or "none")
        for layout in LAYOUTS:
            print(f"\nWhat the twins {layout} cannot keep:")
            for what, why in make_twins(own, layout):
                print(f"- {what}: {why}")
        report(database, [s for s in statements if options.only in s.where], group, options.plans)


if __name__ == "__main__":
    main()
