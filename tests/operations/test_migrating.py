"""Migrations beside a registry in use: they wait for locks without stopping others, and one at a time."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.commands.migrate import Command as DjangosCommand
from django.db import OperationalError, connections
from django.db.migrations.recorder import MigrationRecorder
from psycopg.errors import DeadlockDetected

from registry.configuration import PROJECT_ROOT
from registry.web.management.commands import migrate
from tests.databases import running_postgresql
from tests.test_serve import wait_until

# A migration that changes one table, and the one before it.
BEFORE, AFTER = "0001", "0002"


@pytest.fixture
def scratch(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database of its own, migrated up to BEFORE; its name is its alias too. Threads may use it."""
    name = "scratch"
    place = {"host": settings.DATABASES["default"]["HOST"], "user": "postgres", "dbname": "postgres"}
    with psycopg.connect(**place, autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
    connections.settings[name] = {**connections.settings["default"], "NAME": name}
    try:
        with django_db_blocker.unblock():
            call_command("migrate", "events", BEFORE, database=name, verbosity=0)
            yield name
    finally:
        connections[name].close()
        connections[name].close_pool()
        del connections[name], connections.settings[name]
        with psycopg.connect(**place, autocommit=True) as server:
            server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def open_on(name: str) -> psycopg.Connection:
    return psycopg.connect(host=settings.DATABASES["default"]["HOST"], user="postgres", dbname=name)


def use_the_table(one: psycopg.Connection) -> None:
    """As every write of an event does."""
    one.execute("LOCK TABLE events_event IN ROW EXCLUSIVE MODE")


class Migrating:
    """The command in a thread of its own, as on another machine."""

    def __init__(self, name: str, tries: int) -> None:
        self.name, self.tries, self.said, self.error = name, tries, io.StringIO(), None
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        try:
            call_command(
                "migrate", "events", AFTER, database=self.name, verbosity=0, tries=self.tries, stderr=self.said
            )
        except CommandError as error:
            self.error = error
        finally:
            connections[self.name].close()

    def end(self) -> str:
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()
        return self.said.getvalue()


def applied(name: str) -> bool:
    found = MigrationRecorder(connections[name]).migration_qs.filter(app="events", name__startswith=AFTER).exists()
    connections[name].close()
    return found


@pytest.mark.postgresql_only
def test_a_lock_in_its_way_is_named_and_holds_up_nobody_else(scratch, monkeypatch):
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_MS", 700)
    with open_on(scratch) as holder, open_on(scratch) as bystander:
        use_the_table(holder)
        began = time.monotonic()
        migrating = Migrating(scratch, tries=1)
        longest = 0.0
        while migrating.thread.is_alive():
            asked = time.monotonic()
            use_the_table(bystander)
            bystander.commit()
            longest = max(longest, time.monotonic() - asked)
            time.sleep(0.02)
        migrating.end()
        assert time.monotonic() - began < 6
        said = str(migrating.error)
        assert "in use by a transaction that does not end" in said
        assert f"The oldest open ones: process {holder.info.backend_pid} of postgres, idle in transaction," in said
        assert said.endswith("Nothing of this migration was applied. End it, and migrate again.")
        # It did wait in front of others, and let go.
        assert 0.3 < longest < 1.6
        assert not applied(scratch)


@pytest.mark.postgresql_only
def test_it_is_tried_again_until_the_lock_is_gone(scratch, monkeypatch):
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_MS", 200)
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)
    with open_on(scratch) as holder:
        use_the_table(holder)
        migrating = Migrating(scratch, tries=100)
        wait_until(lambda: migrating.said.getvalue().count("trying again") >= 2, seconds=20)
        assert migrating.error is None
    assert "Everybody may pass now" in migrating.end()
    assert migrating.error is None
    assert applied(scratch)


@pytest.mark.postgresql_only
def test_a_deadlock_is_tried_again(scratch, monkeypatch):
    monkeypatch.setattr(migrate, "PAUSE_SECONDS", 0.1)
    handle, deadlocks = DjangosCommand.handle, [DeadlockDetected()]

    def ended_once(command: Any, *args: Any, **options: Any) -> None:
        if deadlocks:
            raise OperationalError from deadlocks.pop()
        handle(command, *args, **options)

    monkeypatch.setattr(DjangosCommand, "handle", ended_once)
    migrating = Migrating(scratch, tries=2)
    assert "trying again" in migrating.end()
    assert migrating.error is None
    assert applied(scratch)


@pytest.mark.postgresql_only
def test_a_second_machine_waits_for_the_first(scratch):
    with open_on(scratch) as first:
        first.execute("SELECT pg_advisory_xact_lock(%s)", [migrate.ADVISORY_LOCK])
        migrating = Migrating(scratch, tries=1)
        wait_until(lambda: "Another machine migrates" in migrating.said.getvalue(), seconds=20)
        assert not applied(scratch)
    migrating.end()
    assert migrating.error is None
    assert applied(scratch)


def migrate_twice_at_once(tmp_path: Path, **environ: str) -> list[str]:
    """Start two migrations of an empty database together; what both said."""
    values = {"PATH": os.environ["PATH"], **environ}
    started = [
        subprocess.Popen(
            [sys.executable, "manage.py", "migrate"],
            cwd=PROJECT_ROOT,
            env={**values, "REGISTRY_DATA_DIR": str(tmp_path / folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for folder in ("one", "two")
    ]
    said = [process.communicate(timeout=180)[0] for process in started]
    assert [process.returncode for process in started] == [0, 0], said
    return sorted(said, key=len)


@pytest.mark.operations
def test_two_machines_migrate_a_new_database_at_once(tmp_path):
    if settings.TEST_DB == "sqlite":
        said = migrate_twice_at_once(tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/registry.sqlite3")
    else:
        place = settings.TEST_FOLDER / "migrated"
        with running_postgresql(place):
            said = migrate_twice_at_once(tmp_path, DATABASE_URL=f"postgresql://postgres@/postgres?host={place}")
    assert "No migrations to apply." in said[0]
    assert "Applying events.0001_initial... OK" in said[1]
