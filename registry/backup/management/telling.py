"""What the commands of backups share: the bar, errors as sentences, and what is said at the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from registry.progress import Progress, ended_by_sigterm, listed, plural

from ..errors import Damaged, Refusal
from ..findings import Told


class BackupCommand(BaseCommand):
    """A command about one file; `begin` and `report` draw its bar."""

    # They work on databases that no page could be served from, empty ones too.
    requires_system_checks = []

    def file(self, options: dict[str, Any]) -> Path:
        """The file that was named; CommandError where that is none."""
        if "\x00" in options["file"] or not Path(options["file"]).name:
            raise CommandError("Name a file.", returncode=2)
        return Path(options["file"])

    @contextmanager
    def running(self, options: dict[str, Any], path: Path, stopped: str) -> Iterator[None]:
        """Run a block under the bar; what it raises becomes a sentence and an exit code: 1 damaged, 2 not begun."""
        self.quiet, self.started = options["verbosity"] == 0, time.monotonic()
        self.progress, self.done = Progress(self.stderr._out, 0, quiet=self.quiet), 0
        try:
            with ended_by_sigterm():
                yield
        except Refusal as error:
            raise CommandError(str(error), returncode=2) from None
        except Damaged as error:
            raise CommandError(str(error), returncode=1) from None
        except OSError as error:
            raise CommandError(
                f"{error.filename or path}: {error.strerror or error}. {stopped}", returncode=2
            ) from None
        except DatabaseError as error:
            reason = " ".join(str(error).split())
            # Of missing tables manage.py itself says what to do.
            if "no such table" in reason or "does not exist" in reason:
                raise
            raise CommandError(f"The database: {reason}. {stopped}", returncode=2) from None
        except KeyboardInterrupt:
            raise CommandError(f"Stopped. {stopped}", returncode=130) from None
        finally:
            self.progress.clear()

    def begin(self, total: int, what: str) -> None:
        self.progress.total, self.progress.what, self.done = total, what, 0

    def report(self, many: int) -> None:
        self.done += many
        self.progress.show(self.done, self.done)

    def say(self, text: str) -> None:
        if not self.quiet:
            self.stdout.write(text)

    @property
    def seconds(self) -> str:
        return f"{time.monotonic() - self.started:.1f} s"

    def say_faults(self, told: Told, where: str) -> None:
        """What is wrong with the log itself, to stderr."""
        if told.faults:
            self.stderr.write(f"The log in {where} was changed by hand: {'; '.join(told.faults)}.")

    def say_keys(self, told: Told) -> None:
        """Which keys are needed, and whether those at hand fit; what does not goes to stderr."""
        for remark in told.remarks:
            self.stderr.write(f"Note: {remark}")
        for key in told.keys:
            if key.fits:
                self.say(f"  {key.name}: {key.said}")
            else:
                self.stderr.write(f"  {key.name}: {key.said}")


def contents(told: Told) -> str:
    """What is in it, in words: groups, versions, events, rows."""
    words = {"version or package": "versions and packages"}
    counts = [plural(many, word, words.get(word, "")) for word, many in told.counts.items() if many]
    return listed([*counts, plural(told.rows, "row") + " in all"])


def size(many: int) -> str:
    """Bytes in words."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if many >= step:
            return f"{many / step:.1f} {unit}"
    return f"{many} bytes"
