"""`python -m tests.benchmarks.partitions`: which of the product's queries stay in one partition when groups are spread.

Starts the tests' own PostgreSQL, makes the product's tables, fills them with some 20,000 versions and copies them into
twins that are partitioned by group. Every page, form and wire call is asked once; the statements that the product ran
are then explained on the twins as they are: a search path finds the twins under the product's names. Prints what the
twins could not keep and one line a statement, with --plans also plans. Nothing is measured by the clock.
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

from .twins import LAYOUTS, PARTITIONS, keys, make_twins

EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON)"
READS = ("SELECT", "(", "WITH")
WRITES = ("INSERT", "UPDATE", "DELETE")


@dataclass
class Statement:
    """One statement as the product ran it first, the function it ran in, and the pages and calls that run it."""

    sql: str
    params: tuple[Any, ...]
    where: str
    about: str = ""
    asked_by: list[str] = field(default_factory=list)

    @property
    def reads(self) -> bool:
        return self.sql.startswith(READS) and not self.inserts

    @property
    def inserts(self) -> dict[str, str]:
        """Each table that gets rows, with the columns that are said of them; a version comes with its parts."""
        return dict(re.findall(r'(?:^|AS \()INSERT INTO "(\w+)" \(([^)]*)\)', self.sql))


@dataclass
class Touched:
    """What a plan reads of one partitioned table: which partitions, by which indexes."""

    partitions: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)


# ---------- what the product runs ----------


class Recorder:
    """Keeps every statement that the product runs, once for each text and function."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str], Statement] = {}
        self.name = self.about = ""

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        if isinstance(sql, str) and sql.startswith(READS + WRITES) and not many:
            where = caller()
            # As many rows or values as there happened to be are one statement.
            shape = re.sub(r"\((%s(, )?)+\)(, \((%s(, )?)+\))*", "(…)", sql)
            known = self.found.setdefault((shape, where), Statement(sql, tuple(params or ()), where, self.about))
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
            recorder.name, recorder.about = asking.name, asking.about
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
        # would not at a million. What it reads whole all the same is told as such.
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

    def generic(self, statement: Statement) -> list[str]:
        """The plan that PostgreSQL keeps for a prepared statement, whatever its values."""
        numbers = iter(range(1, len(statement.params) + 1))
        sql = re.sub("%s", lambda _: f"${next(numbers)}", statement.sql)
        with self.database.transaction(force_rollback=True):
            self.database.execute("SET LOCAL plan_cache_mode = force_generic_plan")
            self.database.execute(f"PREPARE kept AS {sql}")
            marks = ", ".join(["%s"] * len(statement.params))
            call = f"EXECUTE kept{f'({marks})' if marks else ''}"
            rows = (
                psycopg.ClientCursor(self.database).execute(f"EXPLAIN (COSTS OFF) {call}", statement.params).fetchall()
            )
            self.database.execute("DEALLOCATE kept")
        return [row[0] for row in rows]

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
                # Read from end to end, an index stands in for the table.
                everything = re.fullmatch(r"\(?id IS NOT NULL\)?", node.get("Index Cond", "-"))
                touched.indexes.add("whole" if everything else self.index_of[index][0])
            elif node["Node Type"] == "Seq Scan":
                touched.indexes.add("whole")
        for below in node.get("Plans", ()):
            self._walk(below, found)

    def said(self, statement: Statement) -> tuple[str, str]:
        """(partitions, indexes) in words."""
        if statement.inserts:
            spread = {table: f'"{key}"' for table, key in keys(self.layout).items()}
            told = [
                f"{short(table)} {f'1/{PARTITIONS}' if spread[table] in columns else 'no key'}"
                for table, columns in statement.inserts.items()
                if table in spread
            ]
            return ", ".join(told), ""
        found = self.touched(statement)
        where = ", ".join(f"{short(table)} {len(t.partitions)}/{PARTITIONS}" for table, t in sorted(found.items()))
        return where or "none", ", ".join(sorted(set().union(*(t.indexes for t in found.values())))) if found else ""


def short(table: str) -> str:
    names = {"modelpackage": "package", "customermetadataproperty": "pair"}
    name = table.partition("_")[2]
    return names.get(name, name)


def shard_key(statement: Statement) -> str:
    """How a statement says its group: as a value, through a join or subquery, or not at all."""
    sql = statement.sql
    if inserts := list(statement.inserts.values()):
        first, *parts = ["value" if '"group_id"' in columns else "no" for columns in inserts]
        return f"{first}; parts: {', '.join(sorted(set(parts)))}" if parts else first
    if re.search(r'"group_id" (= %s|IN \(%s|IS NULL)', sql):
        return "value"
    return (
        "join"
        if re.search(r'"group_id" = \(|"id" = \(?"?\w+"?\."group_id"|"group_id" = \(?"?\w+"?\."id"', sql)
        else "no"
    )


def with_group(statement: Statement, group: int) -> str:
    """The statement with its group said wherever a partitioned table is read; "" where it is about no single group.

    What the product would say if each table had a column group_id: `group_id = …` beside every other condition, and
    `part.group_id = package.group_id` beside every `part.package_id = package.id`.
    """
    if not statement.about or statement.inserts:
        return ""
    says = f"= {group}" if statement.about == "group" else "IS NULL"
    tables = "|".join(keys("by_group"))
    read = re.compile(rf'(FROM|UPDATE) "({tables})"(?: (\w+))?((?: SET (?:(?!WHERE).)*)?) WHERE ')
    sql = read.sub(lambda m: f'{m[0]}{m[3] or f"""{chr(34)}{m[2]}{chr(34)}"""}."group_id" {says} AND ', statement.sql)
    if statement.about == "group":
        name = r'("\w+"|\w+)'
        sql = re.sub(rf'{name}\."id" = {name}\."package_id"', r'\g<0> AND \1."group_id" = \2."group_id"', sql)
        sql = re.sub(rf'{name}\."package_id" = \(?{name}\."id"\)?', r'\g<0> AND \1."group_id" = \2."group_id"', sql)
    return sql if sql != statement.sql else ""


def verdict(statement: Statement, before: dict[str, Touched], after: dict[str, Touched]) -> str:
    """Whether a statement stays in one partition: as it is, or once it says its group."""
    if statement.inserts:
        return "single" if shard_key(statement) == "value" else "single once it says the group"
    if all(len(touched.partitions) == 1 for touched in before.values()):
        return "single"
    if after and all(len(touched.partitions) == 1 for touched in after.values()):
        return "single once it says the group"
    return "fan-out"


# ---------- the report ----------


def report(database: Callable[[], psycopg.Connection], statements: list[Statement], group: int, plans: str) -> None:
    """Print one line a statement, and the plans of the functions whose name holds `plans`."""
    lookers = {layout: Plans(database(), layout) for layout in LAYOUTS}
    spread = tuple(f'"{table}"' for table in keys("by_group"))
    wanted = [s for s in statements if any(table in s.sql for table in spread)]
    others = sorted({f"`{s.where}`" for s in statements} - {f"`{s.where}`" for s in wanted})
    print(f"\n## Statements\n\n{len(statements)} statements; {len(wanted)} of them speak of a partitioned table.\n")
    print("| in | what | first asked by | group in it | parts by package | parts by group | it is | indexes |")
    print("|---|---|---|---|---|---|---|---|")
    for statement in sorted(wanted, key=lambda s: (s.where, s.sql)):
        by_package, _ = lookers["by_package"].said(statement)
        by_group, indexes = lookers["by_group"].said(statement)
        more = with_group(statement, group)
        after = lookers["by_group"].touched(statement, more) if more else {}
        found = verdict(statement, {} if statement.inserts else lookers["by_group"].touched(statement), after)
        asked = statement.asked_by[0] + (f" and {len(statement.asked_by) - 1} more" if statement.asked_by[1:] else "")
        verb = "lock" if "FOR UPDATE" in statement.sql else statement.sql.split(None, 1)[0].strip("(").lower()
        if statement.inserts:
            verb = "insert"
        row = (f"`{statement.where}`", verb, asked, shard_key(statement), by_package, by_group, found, indexes)
        print(f"| {' | '.join(row)} |")
    print(f"\nOf other tables only: {', '.join(others)}.")
    for statement in [s for s in wanted if plans and re.search(plans, s.where)]:
        print(f"\n### `{statement.where}`, {statement.asked_by[0]}\n\n```sql\n{statement.sql}\n```")
        for layout, looker in lookers.items():
            print(f"\n{layout}:\n\n```", *looker.explain(statement, text=True), "```", sep="\n")
        if more := with_group(statement, group):
            print("\nby_group, with its group said:\n\n```")
            print(*lookers["by_group"].explain(statement, more, text=True), "```", sep="\n")
        print("\nby_group, one plan for all groups:\n\n```", *lookers["by_group"].generic(statement), "```", sep="\n")


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
    parser.add_argument(
        "--plans", default="", metavar="REGEX", help="print the plans of the functions of that name too"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work, product(Path(work)) as reach:
        from .generated import fill

        def database() -> psycopg.Connection:
            return psycopg.connect(reach, autocommit=True)

        group, counts = fill()
        own = database()
        version = own.execute("SHOW server_version").fetchone()
        said = f"PostgreSQL {version[0] if version else '?'}; {counts}; {PARTITIONS} partitions a table."
        print(f"# The product's statements on tables partitioned by group\n\n{said}")
        statements, failed = record_product()
        print("\nAnswers that were no success:", "; ".join(failed) or "none")
        for layout in LAYOUTS:
            print(f"\n## What the twins `{layout}` cannot keep\n")
            for what, why in make_twins(own, layout):
                print(f"- `{what}`: {why}")
        report(database, statements, group, options.plans)


if __name__ == "__main__":
    main()
