"""What the commands that import share: their options, the bar, what is said of each record and at the end."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from collections import Counter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registry.accounts.models import User
from registry.accounts.permissions import Actor, NotAllowed
from registry.catalog.metric_reports import MetricReports
from registry.catalog.services import Outcome, import_records
from registry.configuration import ConfigurationError, parse_metrics_root
from registry.progress import Progress, ended_by_sigterm, listed, plural


def counted(counts: Counter[str]) -> list[str]:
    """How many groups, versions and unversioned packages, each in words; none that is 0."""
    words = {"groups": "group", "versions": "version", "packages": "unversioned package"}
    return [plural(counts[name], word) for name, word in words.items() if counts[name]]


class ImportCommand(BaseCommand):
    """A command that feeds records of a source to the import; the source has `name`, `measure()` and `done`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--metrics-root",
            action="append",
            default=[],
            metavar="s3://BUCKET=FOLDER",
            help="read the metric reports of that bucket from a folder; may be given several times",
        )
        parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
        parser.add_argument(
            "--update",
            action="store_true",
            help="where a record differs from what is here, take over its status, stage, metadata and tags, and the "
            "description of a group",
        )
        parser.add_argument("--as", dest="user", metavar="USER", help="act as this user instead of as the system")

    def prepare(self, options: dict[str, Any]) -> None:
        """Take the shared options; CommandError for a user or a folder that is not there."""
        self.quiet, self.dry_run, self.update = options["verbosity"] == 0, options["dry_run"], options["update"]
        self.actor = self._actor(options["user"])
        self.reports = MetricReports(self._roots(options["metrics_root"]))
        self.seen = 0
        self.progress = Progress(self.stderr._out, 0, quiet=self.quiet)

    def run(self, source: Any) -> None:
        """Import the source's records and say what became of them; CommandError where some could not go in."""
        self.source = source
        self.progress.total = 0 if self.quiet else source.measure()
        started = time.monotonic()
        try:
            with ended_by_sigterm():
                counts = import_records(
                    actor=self.actor,
                    records=source,
                    source=source.name,
                    reports=self.reports,
                    update=self.update,
                    dry_run=self.dry_run,
                    report=self._tell,
                )
        except NotAllowed as error:
            raise CommandError(str(error), returncode=2) from None
        except KeyboardInterrupt:
            self.progress.clear()
            raise self.interrupted() from None
        self.progress.clear()
        self.add_counts(counts)
        self._sum_up(counts, time.monotonic() - started)
        self.remark()
        if counts["faults"]:
            raise CommandError(f"{plural(counts['faults'], 'record')} could not be imported.", returncode=1)

    def interrupted(self) -> CommandError:
        return CommandError(f"Stopped after {plural(self.seen, 'record')}. Run it again to go on.", returncode=130)

    def add_counts(self, counts: Counter[str]) -> None:
        """Add what the source knows of without having made a record of it."""

    def remark(self) -> None:
        """Say at the end what else the source came across; CommandError where it ended too early."""

    def draw(self) -> None:
        self.progress.show(self.source.done, self.seen)

    def _actor(self, name: str | None) -> Actor:
        if not name:
            return Actor.system("command")
        user = User.objects.filter(username=name, is_active=True).first() if "\x00" not in name else None
        if user is None:
            raise CommandError(f"There is no active user {name}.", returncode=2)
        return Actor.of(user, "command")

    def _roots(self, entries: list[str]) -> dict[str, Path]:
        roots = dict(settings.REGISTRY_METRICS_ROOTS)
        try:
            roots.update(parse_metrics_root(entry, name="--metrics-root") for entry in entries)
        except ConfigurationError as error:
            raise CommandError(str(error), returncode=2) from None
        return roots

    def _tell(self, outcome: Outcome) -> None:
        """Say what somebody should know about one record."""
        self.seen += 1
        if outcome.result == "fault":
            self.progress.clear()
            self.stderr.write(f"{outcome.record.place}: {outcome.reason}.")
        elif outcome.members and not self.quiet:
            self.progress.clear()
            still = "still differs" if outcome.result == "updated" or self.update else "differs"
            label = getattr(outcome.record, "label", "")
            self.stdout.write(f"{label} {still} from {outcome.record.place}: {', '.join(outcome.members)}")
        self.draw()

    def _sum_up(self, counts: Counter[str], seconds: float) -> None:
        if self.quiet:
            return
        new = counted(counts)
        if new and self.dry_run:
            self.stdout.write(f"{listed(new)} would be imported in {seconds:.1f} s.")
        elif new:
            self.stdout.write(f"Imported {listed(new)} in {seconds:.1f} s.")
        if counts["updated"]:
            verb = "would be" if self.dry_run else "were" if counts["updated"] > 1 else "was"
            self.stdout.write(f"{plural(counts['updated'], 'record')} {verb} updated.")
        if counts["decisions"]:
            verb = "would be" if self.dry_run else "was" if counts["decisions"] == 1 else "were"
            self.stdout.write(
                f"{plural(counts['decisions'], 'decision')} {verb} taken over as recorded; the rules of groups were "
                "not asked."
            )
        if counts["metrics"]:
            self.stdout.write(f"{plural(counts['metrics'], 'metric')} read from reports.")
        if counts["differs"]:
            one = counts["differs"] == 1
            how = "that cannot be taken over" if self.update else "--update takes over what may change"
            left = "was left as it is" if one else "were left as they are"
            self.stdout.write(
                f"{plural(counts['differs'], 'record')} {'differs' if one else 'differ'} and {left}: {how}."
            )
        if counts["same"]:
            start = "" if new or counts["updated"] or counts["differs"] or counts["faults"] else "Nothing to do: "
            are = "is" if counts["same"] == 1 else "are"
            self.stdout.write(f"{start}{plural(counts['same'], 'record')} {are} there already.")
        if not counts["records"]:
            self.stdout.write("Nothing to do: no records there.")

    def name_unknown(self, members: set[str]) -> None:
        """Name the members that were left out, if any."""
        if members and not self.quiet:
            names = ", ".join(sorted(members)[:10])
            self.stdout.write(f"Members that are not known here were left out: {names}.")
