"""`manage.py exportlog [FILE|-]`: writes the log as JSON lines, with what is needed to check it elsewhere."""

from __future__ import annotations

import os
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandError
from django.utils.dateparse import parse_date, parse_datetime

from registry.events.log_files import log_lines

from ..logs import chains_of


class Command(BaseCommand):
    help = (
        "Write the log as JSON lines, chain by chain, each event with its digest; `verifylog --file` checks it. "
        "With --since and --until a part of each chain, without a gap."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", metavar="FILE", nargs="?", default="-", help="the file to write, - for the output")
        parser.add_argument("--group", metavar="REGION/NAME", help="only the chain of this group")
        parser.add_argument("--since", metavar="DATE", help="from the first event of this day or moment (UTC) on")
        parser.add_argument("--until", metavar="DATE", help="before the first event of this day or moment (UTC)")
        parser.add_argument("--force", action="store_true", help="replace the file where it is there already")

    def handle(self, *args: Any, **options: Any) -> None:
        started, many = time.monotonic(), 0
        lines = log_lines(
            chains=chains_of(options["group"]), since=_moment(options["since"]), until=_moment(options["until"])
        )
        name = options["file"]
        try:
            with self._open(name, force=options["force"]) as out:
                for line in lines:
                    out.write(line)
                    many += 1
        except BrokenPipeError:
            raise CommandError("Nobody reads on.", returncode=1) from None
        except OSError as error:
            raise CommandError(f"{name}: {error.strerror or error}.", returncode=2) from None
        except ValueError as error:
            raise CommandError(f"Nothing was written: {error}.", returncode=1) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped.", returncode=130) from None
        if name != "-" and options["verbosity"]:
            events = f"{many:,} event{'' if many == 1 else 's'}"
            self.stdout.write(f"Exported {events} to {name} in {time.monotonic() - started:.1f} s.")

    @contextmanager
    def _open(self, name: str, *, force: bool) -> Iterator[IO[str]]:
        """The output, or a file that is there under its name only once it is whole, readable by its owner."""
        if name == "-":
            yield self.stdout._out  # type: ignore[misc]
            return
        if "\x00" in name or not Path(name).name:
            raise CommandError("Name a file to write.", returncode=2)
        path = Path(name)
        if path.exists() and not force:
            raise CommandError(f"{name} is there already. Name another, or say --force.", returncode=2)
        draft = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            with suppress(FileNotFoundError):
                draft.unlink()


def _moment(text: str | None) -> datetime | None:
    """A day (its beginning) or a moment, in UTC where nothing else is said."""
    if not text:
        return None
    try:
        day = parse_date(text)
        found = datetime(day.year, day.month, day.day) if day else parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise CommandError(f"{text!r} is no date such as 2026-03-01 or 2026-03-01T12:00:00Z.", returncode=2)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
