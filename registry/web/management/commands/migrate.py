"""`manage.py migrate`, one at a time on all machines, and never in a queue that stops everybody behind it.

A change of a table waits for the transactions that use it, and whoever comes after waits for the change. So each
migration waits for locks for two seconds only; then it lets everybody pass and is tried again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import OperationalError, connections

from registry.monitoring import logs

# How long a migration may hold up others, in milliseconds, and how long they then have before the next try.
LOCK_TIMEOUT_MS = 2000
PAUSE_SECONDS = 3
# Some minutes in all.
TRIES = 40
# The number of the lock that all machines take on PostgreSQL: "migr" in ASCII.
ADVISORY_LOCK = 0x6D696772
# Not had within LOCK_TIMEOUT_MS, or never to be had: each of two waits for the other.
LOCK_NOT_AVAILABLE = {"55P03", "40P01"}

BLOCKERS = """
    SELECT pid, usename, application_name, state, extract(epoch FROM now() - xact_start)::int
    FROM pg_stat_activity
    WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()
    AND pid NOT IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = %s)
    ORDER BY xact_start LIMIT 3
"""


class Command(migrate.Command):
    """Django's command, patient with other migrations and impatient with locks."""

    def add_arguments(self, parser: Any) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--tries", type=int, default=TRIES, help=f"how often a lock that is held is tried (default {TRIES})"
        )

    def handle(self, *args: Any, tries: int = TRIES, **options: Any) -> None:
        connection = connections[options["database"]]
        with self.alone(connection):
            if connection.vendor != "postgresql":
                super().handle(*args, **options)
                return
            editor = connection.SchemaEditorClass
            connection.SchemaEditorClass = impatient(editor)
            try:
                self.apply(tries, *args, **options)
            finally:
                connection.SchemaEditorClass = editor

    def apply(self, tries: int, *args: Any, **options: Any) -> None:
        """Run Django's command until no lock is in its way; what was applied before stays so."""
        for left in range(tries - 1, -1, -1):
            try:
                super().handle(*args, **options)
                return
            except OperationalError as error:
                if getattr(error.__cause__, "sqlstate", "") not in LOCK_NOT_AVAILABLE:
                    raise
                connection = connections[options["database"]]
                said = f"A table is in use by a transaction that does not end.{self.blockers(connection)}"
                connection.close()
                if not left:
                    raise CommandError(
                        f"{said} Nothing of this migration was applied. End it, and migrate again."
                    ) from None
                self.tell(f"{said} Everybody may pass now; trying again in {PAUSE_SECONDS} s.")
                time.sleep(PAUSE_SECONDS)

    def tell(self, text: str) -> None:
        """One line about waiting, in the form of the log."""
        if os.environ.get(logs.FORMAT_VARIABLE) == logs.JSON:
            logs.say(text, "WARNING")
        else:
            self.stderr.write(text)

    def blockers(self, connection: Any) -> str:
        """The oldest open transactions in words: who may be in the way."""
        with connection.cursor() as cursor:
            cursor.execute(BLOCKERS, [ADVISORY_LOCK])
            rows = cursor.fetchall()
        told = [
            f"process {pid} of {user}{f' ({name})' if name else ''}, {state}, open for {seconds} s"
            for pid, user, name, state, seconds in rows
        ]
        return f" The oldest open ones: {'; '.join(told)}." if told else ""

    @contextlib.contextmanager
    def alone(self, connection: Any) -> Iterator[None]:
        """Hold the one place in which migrations are applied: of a SQLite file, or of a PostgreSQL database."""
        if connection.vendor == "postgresql":
            with self.alone_on_postgresql(connection):
                yield
            return
        with Path(f"{os.fspath(connection.settings_dict['NAME'])}-migrate").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.tell("Another process migrates this database; waiting for it.")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def alone_on_postgresql(self, connection: Any) -> Iterator[None]:
        """A lock of a transaction on a connection of its own: it ends with this process, behind a pooler too."""
        import psycopg

        with (
            connection.wrap_database_errors,
            psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": 10}) as own,
        ):
            own.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            told = False
            while not own.execute("SELECT pg_try_advisory_xact_lock(%s)", [ADVISORY_LOCK]).fetchone()[0]:  # type: ignore[index]
                if not told:
                    self.tell("Another machine migrates this database; waiting for it.")
                    told = True
                time.sleep(0.5)
            yield


def impatient(editor: type) -> Any:
    """The schema editor, whose transactions wait for locks no longer than LOCK_TIMEOUT_MS."""

    class Impatient(editor):  # type: ignore[misc]
        def __enter__(self) -> Any:
            entered = super().__enter__()
            if self.atomic_migration and not self.collect_sql:
                with self.connection.cursor() as cursor:
                    cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            return entered

    return Impatient
