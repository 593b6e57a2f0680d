"""Reads the state that the checker compares straight from the tables, past all code of the registry."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg

from .checker import Event, Group, State, Version
from .places import Registry, Sqlite

Ask = Callable[[str], list[tuple[Any, ...]]]

GROUPS = """
SELECT g.id, g.name, last_version, version_count, waiting_count, approved_count, rejected_count, approved_version
FROM catalog_modelpackagegroup g WHERE g.name LIKE '{prefix}-%' AND g.deleted_at IS NULL
"""
TAGS = "SELECT group_id, key, value FROM catalog_tag WHERE group_id IS NOT NULL"
VERSIONS = """
SELECT p.id, g.name, p.version, p.approval_status,
  (SELECT value FROM catalog_customermetadataproperty c WHERE c.package_id = p.id AND c.key = 'token'),
  (SELECT count(*) FROM catalog_container c WHERE c.package_id = p.id),
  (SELECT count(*) FROM catalog_customermetadataproperty c WHERE c.package_id = p.id),
  (SELECT count(*) FROM events_event e WHERE e.package_id = p.id AND e.kind = 'model_package.created')
FROM catalog_modelpackage p JOIN catalog_modelpackagegroup g ON g.id = p.group_id
WHERE g.name LIKE '{prefix}-%' AND p.deleted_at IS NULL
"""
ANSWERS = "SELECT token FROM catalog_answeredcall WHERE operation = 'CreateModelPackage'"
EVENTS = """
SELECT id, kind, group_name, version, comment, after FROM events_event
WHERE group_name LIKE '{prefix}-%' AND kind IN
  ('model_package.created', 'model_package.approval_status_changed', 'model_package_group.tagged')
"""


def read_state(ask: Ask, prefix: str) -> State:
    """The groups of that name before the hyphen, with all that hangs on them."""
    tags: dict[int, dict[str, str]] = {}
    for group, key, value in ask(TAGS):
        tags.setdefault(group, {})[key] = value
    groups = {
        name: Group(name, *counters, tags=tags.get(pk, {})) for pk, name, *counters in ask(GROUPS.format(prefix=prefix))
    }
    answers: dict[str, int] = {}
    for (token,) in ask(ANSWERS):
        answers[token] = answers.get(token, 0) + 1
    versions = [
        Version(group, number, token or "", status, containers, pairs, made, answers.get(token, 0))
        for _, group, number, status, token, containers, pairs, made in ask(VERSIONS.format(prefix=prefix))
    ]
    events = []
    for pk, kind, group, number, comment, after in ask(EVENTS.format(prefix=prefix)):
        members = (json.loads(after) if isinstance(after, str) else after) or {}
        events.append(
            Event(
                id=pk,
                kind=kind,
                group=group,
                number=number,
                comment=comment,
                status=str(members.get("ModelApprovalStatus", "")),
                tags={tag["Key"]: tag["Value"] for tag in members.get("Tags") or []},
            )
        )
    return State(groups, versions, events)


def of_registry(registry: Registry, prefix: str) -> State:
    """What is in the registry's database now, and what the check of the log says."""
    if isinstance(registry.database, Sqlite):
        state = of_file(registry.database.file, prefix)
    else:
        with psycopg.connect(registry.environ["DATABASE_URL"], autocommit=True) as database:
            state = read_state(lambda sql: database.execute(sql).fetchall(), prefix)
    state.faults += faults_of_log(registry)
    return state


def faults_of_log(registry: Registry, **environ: str) -> list[str]:
    """What `manage.py verifylog` finds: one line, or none where every chain is whole."""
    done = registry.manage("verifylog", **environ)
    return [f"log: {done.stdout[-600:]}{done.stderr[-600:]}"] if done.returncode else []


def of_file(file: Path, prefix: str) -> State:
    """What is in a SQLite file, and what SQLite says of it."""
    with closing(sqlite3.connect(file, timeout=20)) as database:
        state = read_state(lambda sql: database.execute(sql).fetchall(), prefix)
        (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
        broken = database.execute("PRAGMA foreign_key_check").fetchall()
    if verdict != "ok":
        state.faults.append(f"file: {verdict}")
    if broken:
        state.faults.append(f"file: {len(broken)} rows point to nothing")
    return state
