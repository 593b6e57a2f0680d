"""`manage.py backup FILE`: write everything into one file while the registry runs."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from registry.accounts.permissions import Actor

from ...services import back_up, check
from ..telling import BackupCommand, contents, size


class Command(BackupCommand):
    help = (
        "Write all data of this moment into one file, readable by its owner only, while others go on writing. No key "
        "is in it: keep the secret key and the checkpoint key elsewhere. `restore` reads it into SQLite or PostgreSQL."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", help="the file to write, such as registry.backup")
        how = parser.add_mutually_exclusive_group()
        how.add_argument("--force", action="store_true", help="replace a file that is there already")
        how.add_argument("--verify", action="store_true", help="write nothing; check a file that is there")

    def handle(self, *args: Any, **options: Any) -> None:
        path = self.file(options)
        if options["verify"]:
            with self.running(options, path, "It was not checked to its end."):
                told = check(path=path, begin=self.begin, report=self.report)
            self.say(f"{path} is whole: {contents(told)}, of {told.made_at}. Checked in {self.seconds}.")
            self.say_faults(told, str(path))
            self.say_keys(told)
            if told.faults:
                raise CommandError("It restores only with --accept-broken-log.", returncode=1)
            return
        with self.running(options, path, f"{path} was not written."):
            written = back_up(
                actor=Actor.system("command"),
                path=path,
                force=options["force"],
                begin=self.begin,
                report=self.report,
            )
        self.say(f"Wrote {contents(written)} to {path}: {size(written.size)} in {self.seconds}.")
        self.say_faults(written, "this database")
        if written.faults:
            raise CommandError("Run `manage.py verifylog`. The file was written with the log as it is.", returncode=1)
