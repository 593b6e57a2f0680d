"""The two roles of registry/deploy/postgresql-roles.sql: one migrates, the other works and cannot touch the log."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.conf import settings

from registry.configuration import PROJECT_ROOT
from tests.databases import find_programs, running_postgresql

pytestmark = [pytest.mark.postgresql_only, pytest.mark.operations]

# What a trigger of one's own would need, to change a table from within it.
MAKING = ("CREATE TABLE mine ()", "CREATE TEMPORARY TABLE mine ()")
ROLES = PROJECT_ROOT / "registry" / "deploy" / "postgresql-roles.sql"


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = settings.TEST_FOLDER / "roles"
    with running_postgresql(folder):
        yield folder


def as_role(place: Path, name: str) -> psycopg.Connection:
    return psycopg.connect(host=str(place), user=name, dbname="postgres", autocommit=True)


def make_roles(place: Path) -> None:
    program = find_programs() / "psql"
    command = [program, "-q", "-v", "ON_ERROR_STOP=1", "-h", place, "-U", "postgres", "-d", "postgres", "-f", ROLES]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def log_tables() -> list[str]:
    """What is added to and never changed: the log, its checkpoints and what belongs to them."""
    names = [model._meta.db_table for model in apps.get_app_config("events").get_models()]
    return [name for name in names if name != "events_chainhead"]


@pytest.fixture(scope="module")
def manage(place: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("roles")

    def run(role: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT_ROOT,
            env={
                "PATH": os.environ["PATH"],
                "REGISTRY_DATA_DIR": str(folder),
                "DATABASE_URL": f"postgresql://{role}@/postgres?host={place}",
                "DJANGO_SUPERUSER_PASSWORD": "quiet-harbour-42",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_the_owner_migrates_and_the_other_role_works_without_a_way_around_the_log(place, manage, tmp_path):
    make_roles(place)
    refused = manage("registry_app", "migrate")
    assert refused.returncode != 0 and "permission denied" in refused.stderr
    migrated = manage("registry_owner", "migrate")
    assert migrated.returncode == 0, migrated.stderr
    make_roles(place)
    assert "No migrations to apply" in manage("registry_app", "migrate").stdout
    # Work: users, keys, an import with its events.
    for words in (
        ("createsuperuser", "--noinput", "--username", "keeper"),
        ("createaccesskey", "keeper"),
        ("importdump", "registry/api/sagemaker/demo/registry.jsonl", "--verbosity", "0"),
        ("checkpoint",),
        ("verifylog",),
    ):
        done = manage("registry_app", *words)
        assert done.returncode == 0, (words, done.stderr)
    with as_role(place, "registry_app") as app:
        assert app.execute("SELECT count(*) FROM events_event").fetchone()[0] > 90
        for table in log_tables():
            column = app.execute(
                "SELECT column_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
                [table],
            ).fetchall()[1][0]
            for attack in (
                f"UPDATE {table} SET {column} = {column}",
                f"DELETE FROM {table}",
                f"TRUNCATE {table} CASCADE",
                f"ALTER TABLE {table} DISABLE TRIGGER ALL",
                f"DROP TABLE {table} CASCADE",
                f"CREATE TRIGGER mine BEFORE INSERT ON {table} FOR EACH ROW "
                "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(attack)
        triggers = app.execute(
            "SELECT tgname, tgrelid::regclass::text, proname FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid "
            "WHERE NOT tgisinternal AND tgrelid::regclass::text LIKE 'events\\_%'"
        ).fetchall()
        assert triggers
        for name, table, function in triggers:
            for attack in (
                f"DROP TRIGGER {name} ON {table}",
                f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
                f"DROP FUNCTION {function} CASCADE",
                f"ALTER FUNCTION {function} RENAME TO x",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    app.execute(attack)
        for attack in ("SET session_replication_role = replica", "SET ROLE registry_owner", *MAKING):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(attack)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("DELETE FROM django_migrations")
