"""What a database would do for a statement, and what of that is wrong on large tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.db import connection

from tests.benchmarks.asking import Statement, plain_cursor, run_plainly

# The tables that grow; reading one of them from end to end is never right.
BIG = {
    "catalog_modelpackagegroup",
    "catalog_modelpackage",
    "catalog_customermetadataproperty",
    "catalog_container",
    "catalog_metric",
    "events_event",
}
SORTED_MAX = 1_000
# What a page may look at for one statement: asks whether more than 20,000 have something end there.
READ_MAX = 25_000
# The same without an index, where a third of all rows has it: PostgreSQL then reads the first ones. A whole table, of
# 100,000 versions or more, is longer.
SCANNED_MAX = 75_000
# Steps of SQLite's machine; a row of an index takes some ten of them.
STEPS_MAX = 400_000
STEP = 1_000
# The end of a statement that wants the first rows only.
LIMIT = re.compile(r"\sLIMIT \d+(?: OFFSET \d+)?\s*$")


def faults_of(statement: Statement, sorted_max: int = SORTED_MAX) -> list[str]:
    """What is wrong with how the database goes about a statement; an empty list where nothing is.

    `sorted_max`: rows that it may sort.
    """
    sql = statement[0].lstrip().upper()
    if not sql.startswith(("SELECT", "WITH", "UPDATE", "DELETE", "(")):
        return []
    on_postgresql = connection.vendor == "postgresql"
    found = _on_postgresql(statement, sql, sorted_max) if on_postgresql else _on_sqlite(statement, sql, sorted_max)
    return [f"{fault}: {statement[0][:1500]}" for fault in found]


# ---------- PostgreSQL ----------


def _on_postgresql(statement: Statement, sql: str, sorted_max: int) -> Iterator[str]:
    # A version and what hangs on it are one WITH of several INSERTs.
    changes = sql.startswith(("UPDATE", "DELETE")) or "INSERT INTO" in sql
    options = "FORMAT JSON" if changes else "ANALYZE, TIMING OFF, FORMAT JSON"
    with plain_cursor() as cursor:
        ((plan,),) = run_plainly(cursor, (f"EXPLAIN ({options}) {statement[0]}", statement[1]))
    root = json.loads(plan) if isinstance(plan, str) else plan
    for node in _nodes(root[0]["Plan"]):
        yield from _wrong_with(node, sorted_max, analyzed=not changes)


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for below in node.get("Plans", ()):
        yield from _nodes(below)


def _wrong_with(node: dict[str, Any], sorted_max: int, *, analyzed: bool) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    if not analyzed:
        if kind == "Seq Scan" and table in BIG:
            yield f"reads all of {table}"
        return
    loops = node["Actual Loops"]
    if kind in ("Sort", "Incremental Sort"):
        rows = max((below["Actual Rows"] * below["Actual Loops"] for below in node["Plans"]), default=0)
        if rows > sorted_max:
            yield f"sorts {rows:,.0f} rows by {', '.join(node['Sort Key'])}"
    if "Scan" in kind and table in BIG:
        removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
        # One that stops after the first rows, since most are wanted, is no scan of the table.
        if (rows := (node["Actual Rows"] + removed) * loops) > (SCANNED_MAX if kind == "Seq Scan" else READ_MAX):
            yield f"reads {rows:,.0f} rows of {table} by {node.get('Index Name', kind)}"


# ---------- SQLite ----------


def _on_sqlite(statement: Statement, sql: str, sorted_max: int) -> Iterator[str]:
    with plain_cursor() as cursor:
        nodes = run_plainly(cursor, (f"EXPLAIN QUERY PLAN {statement[0]}", statement[1]))
        plan = [row[3] for row in nodes]
        names = {alias: table for table, alias in re.findall(r'"(\w+)" "?([A-Z]+\d+)"?\b', statement[0])}
        for line in plan:
            # In the order of an index it may stop early; how early, the steps tell.
            scanned = re.match(r"SCAN (\w+)(?! USING)$", line)
            if scanned and names.get(scanned[1], scanned[1]) in BIG:
                yield f"reads all of {names.get(scanned[1], scanned[1])}"
        if sql.startswith(("UPDATE", "DELETE")):
            return
        steps = _steps(cursor, statement)
        if any(row[1] == 0 and row[3] == "USE TEMP B-TREE FOR ORDER BY" for row in nodes):
            # All that it finds is sorted, for the first of them.
            unlimited = LIMIT.sub("", statement[0])
            ((rows,),) = run_plainly(cursor, (f"SELECT COUNT(*) FROM ({unlimited})", statement[1]))
            if rows > sorted_max:
                yield f"sorts {rows:,} rows ({'; '.join(plan)})"
    if steps > STEPS_MAX:
        yield f"takes {steps:,} steps ({'; '.join(plan)})"


def _steps(cursor: Any, statement: Statement) -> int:
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += STEP
        return 0

    connection.connection.set_progress_handler(count, STEP)
    try:
        run_plainly(cursor, statement)
    finally:
        connection.connection.set_progress_handler(None, 0)
    return steps
