"""`manage.py exportdump PATH`: write the registry as a dump that importdump reads."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.accounts.permissions import Actor
from registry.progress import Progress, ended_by_sigterm, listed

from ...exports import Export, Folders, Lines, Refusal
from ..importing import counted


class Command(BaseCommand):
    help = (
        "Write groups, versions and unversioned packages with their tags as importdump reads them: one file with one "
        "answer a line, or folders as the AWS CLI leaves them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("path", metavar="PATH", help="the file (jsonl) or folder (cli) to write")
        parser.add_argument("--region", metavar="R", help="only this region")
        parser.add_argument("--group", metavar="G", help="only the group of this name and its versions")
        parser.add_argument(
            "--layout", choices=("jsonl", "cli"), default="jsonl", help="one file (the default), or folders"
        )
        parser.add_argument("--force", action="store_true", help="replace what is there already")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["path"])
        if "\x00" in options["path"] or not path.name:
            raise CommandError("Name a file or folder to write.", returncode=2)
        quiet = options["verbosity"] == 0
        export = Export(Actor.system("command"), region=options["region"], group=options["group"])
        total = export.measure()
        if not total and (options["region"] or options["group"]):
            where = " ".join(filter(None, [options["group"], options["region"] and f"in {options['region']}"]))
            raise CommandError(f"There is nothing to export: {where}.", returncode=2)
        if options["layout"] == "jsonl":
            writing: Lines | Folders = Lines(path, force=options["force"])
        else:
            writing = Folders(path, force=options["force"], by_region=len(export.regions()) > 1)
        progress, started = Progress(self.stderr._out, total, quiet=quiet), time.monotonic()
        try:
            with ended_by_sigterm(), writing:
                for row, answers in export:
                    writing.write(row, answers)
                    done = sum(writing.counts.values())
                    progress.show(done, done)
                writing.finish()
        except Refusal as error:
            raise CommandError(str(error), returncode=2) from None
        except OSError as error:
            raise CommandError(f"{error.filename or path}: {error.strerror or error}.", returncode=2) from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {path} was not written.", returncode=130) from None
        finally:
            progress.clear()
        if not quiet:
            new = listed(counted(writing.counts)) or "an empty registry"
            self.stdout.write(f"Exported {new} to {path} in {time.monotonic() - started:.1f} s.")
