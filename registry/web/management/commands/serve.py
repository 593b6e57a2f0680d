"""`manage.py serve [ADDRESS:PORT]`: prepares the database and the static files, then serves."""

import argparse
import contextlib
import fcntl
import hashlib
import logging.config
import os
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from registry.accounts.access_keys import reencrypt_secrets
from registry.capacity import threads
from registry.configuration import without_password
from registry.monitoring import instruments, logs
from registry.web import server

DEFAULT_ADDRESS = "127.0.0.1:8000"


def parse_address(value: str) -> tuple[str, int]:
    """Return host and port of ADDRESS:PORT, :PORT or PORT; raises ArgumentTypeError with one sentence."""
    match = re.fullmatch(r"(?:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):)?(?P<port>[0-9]{1,5})", value)
    if not match or not 1 <= int(match["port"]) <= 65535:
        raise argparse.ArgumentTypeError(f"{value!r} is no address, expected ADDRESS:PORT such as {DEFAULT_ADDRESS}")
    host = (match["host"] or "").strip("[]") or "127.0.0.1"
    return host, int(match["port"])


class Command(BaseCommand):
    help = "Migrate, collect the static files and serve with the production server."
    # The server's workers load everything anyway; checking it here too would double the time to start.
    requires_system_checks = []

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "address",
            nargs="?",
            type=parse_address,
            default=parse_address(DEFAULT_ADDRESS),
            metavar="ADDRESS:PORT",
            help=f"where to listen (default {DEFAULT_ADDRESS})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        host, port = options["address"]
        if not os.environ.get(logs.FORMAT_VARIABLE):
            os.environ[logs.FORMAT_VARIABLE] = self.log_format()
        logging.config.dictConfig(logs.django_logging(os.environ[logs.FORMAT_VARIABLE]))
        taken = server.address_is_free(host, port)
        if taken:
            raise CommandError(
                f"Cannot listen on {host}:{port}: {taken.strerror or taken}. "
                "Stop what listens there or name another ADDRESS:PORT."
            )
        with one_at_a_time(settings.REGISTRY_DATA_DIR / ".prepare.lock"):
            self.check_database()
            self.prepare()
        self.announce(host)
        self.become_server(host, port)

    def log_format(self) -> str:
        """JSON, except where a person looks on."""
        return logs.PLAIN if settings.DEBUG or sys.stderr.isatty() else logs.JSON

    def tell(self, line: str, level: str = "INFO") -> None:
        """Write one line as the log is written: to a person as it is."""
        if os.environ.get(logs.FORMAT_VARIABLE) == logs.JSON:
            logs.say(line.strip(), level)
        else:
            (self.stdout if level == "INFO" else self.stderr).write(line)

    def prepare(self) -> None:
        """Bring database and static files up to date; quick when they are."""
        self.migrate()
        self.renew_secrets()
        self.collect_static()

    def check_database(self) -> None:
        """Refuse with one sentence when the database cannot be reached."""
        try:
            if connection.vendor == "postgresql":
                # Only here: on SQLite its import would be a tenth of the start.
                import psycopg

                with connection.wrap_database_errors:
                    # Aside from the pool, which would try for its whole timeout before it says why.
                    psycopg.connect(**{**connection.get_connection_params(), "connect_timeout": 10}).close()
            else:
                connection.ensure_connection()
        except DatabaseError as error:
            where = without_password(os.environ.get("DATABASE_URL", "")) or settings.DATABASES["default"]["NAME"]
            reason = " ".join(str(error).split())
            raise CommandError(f"The database {where} cannot be used: {reason}", returncode=2) from None

    def migrate(self) -> None:
        """Apply new migrations; with none this is one query instead of a second of work."""
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            self.tell("Preparing the database …")
            call_command("migrate", interactive=False, verbosity=0)

    def renew_secrets(self) -> None:
        """Put the access keys' secrets under the first of REGISTRY_SECRET_KEY; say which ones none of them opens."""
        for key in reencrypt_secrets():
            self.tell(
                f"Warning: the access key {key.name} of {key.user.username} cannot sign any more: its secret is under "
                "a REGISTRY_SECRET_KEY that is no longer listed. List it again, or rotate the key.",
                "WARNING",
            )

    def collect_static(self) -> None:
        """Collect, name by hash and compress the static files, unless nothing changed since the last time."""
        stamp = Path(settings.STATIC_ROOT) / ".collected"
        fingerprint = static_fingerprint()
        if stamp.is_file() and stamp.read_text(encoding="utf-8") == fingerprint:
            return
        self.tell("Preparing the static files …")
        # The package carries htmx 4 and extensions too; the pages use htmx 2.
        ignored = ["htmx-4*", "htmax-*", "ext"]
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=ignored)
        stamp.write_text(fingerprint, encoding="utf-8")

    def announce(self, host: str) -> None:
        """Say what will be served; the address follows from the server once it answers."""
        self.tell(f"Model Registry, data in {shown_path(settings.REGISTRY_DATA_DIR)}")
        if settings.REGISTRY_PUBLIC_URL:
            self.tell(f"  Public address  {settings.REGISTRY_PUBLIC_URL}/")
        if host in {"0.0.0.0", "::"}:
            self.tell(f"  Listening on every address, answering for {', '.join(settings.ALLOWED_HOSTS)}")
            self.tell("  (REGISTRY_ALLOWED_HOSTS names others)")

    def more_settings(self) -> dict[str, str]:
        """Return what else the server's environment says."""
        return {}

    def become_server(self, host: str, port: int) -> None:
        """Replace this process by the supervisor, which needs a fraction of its memory."""
        environ = dict(os.environ)
        environ["DJANGO_SETTINGS_MODULE"] = "registry.settings"
        if host not in {*settings.ALLOWED_HOSTS, "0.0.0.0", "::"} and "*" not in settings.ALLOWED_HOSTS:
            # Who names an address to listen on wants it answered.
            name = f"[{host}]" if ":" in host else host
            environ["REGISTRY_ALLOWED_HOSTS"] = ",".join([*settings.ALLOWED_HOSTS, name])
        environ |= self.more_settings()
        if settings.REGISTRY_METRICS_TOKEN:
            environ[instruments.FOLDER_VARIABLE] = str(empty_folder(settings.REGISTRY_DATA_DIR / "metrics" / str(port)))
        connections.close_all()
        os.chdir(settings.BASE_DIR)
        sys.stdout.flush()
        sys.stderr.flush()
        arguments = [host, str(port), str(settings.REGISTRY_WORKERS), str(threads(settings.REGISTRY_MAX_IN_FLIGHT))]
        os.execve(sys.executable, [sys.executable, "-m", "registry.web.server", *arguments], environ)


@contextlib.contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Hold a lock file: two starts at once would switch a fresh SQLite file to WAL at once, and one would fail."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def empty_folder(path: Path) -> Path:
    """Make the folder of the counters anew: they begin at nothing with each start, as Prometheus expects."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True, mode=0o700)
    return path


def static_fingerprint() -> str:
    """Return a hash of names, sizes and times of all static files."""
    digest = hashlib.sha256(settings.STORAGES["staticfiles"]["BACKEND"].encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            state = Path(storage.path(name)).stat()
            digest.update(f"{name}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def shown_path(path: Path) -> str:
    """Return a path as people type it: from the project's folder where it is inside."""
    return str(path.relative_to(settings.BASE_DIR) if path.is_relative_to(settings.BASE_DIR) else path)
