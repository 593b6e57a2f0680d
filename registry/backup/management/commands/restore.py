"""`manage.py restore FILE`: bring a backup into an empty database and prove that nothing differs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from registry.accounts.permissions import Actor

from ...restoring import restore
from ..telling import BackupCommand, contents


class Command(BackupCommand):
    help = (
        "Bring a backup into this database, SQLite or PostgreSQL, and compare what is in it then with the backup. The "
        "database must hold no data of a registry: nothing is ever deleted for it, so there is no --force."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file that `backup` wrote")
        parser.add_argument(
            "--accept-broken-log",
            action="store_true",
            help="restore a log that was changed by hand before it was backed up, with its faults",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        path = self.file(options)
        with self.running(options, path, "Nothing was restored."):
            told = restore(
                actor=Actor.system("command"),
                path=path,
                accept_broken_log=options["accept_broken_log"],
                begin=self.begin,
                report=self.report,
            )
        self.say(f"Restored {contents(told)}, as they were at {told.made_at}, in {self.seconds}.")
        self.say("  Every table was read again and is the same, byte by byte. The log has one more event, of this.")
        if told.is_older:
            self.say("  The backup is of an older program: it was restored as it was, then migrated.")
        self.say_faults(told, str(path))
        self.say_keys(told)
