"""`manage.py filldemo --size big`: fill an empty registry with large demo data, to see and measure it at its size."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from registry.accounts.permissions import Actor
from registry.catalog.demo.scheme import SIZES, Scheme
from registry.catalog.errors import AlreadyExists, Refused
from registry.catalog.services import fill_with_demo
from registry.catalog.validators import validate_name
from registry.progress import Progress, ended_by_sigterm, plural

PREFIX_MAX = 20
MOST_GROUPS, MOST_VERSIONS = 1_000_000, 100_000_000


class Command(BaseCommand):
    help = (
        "Fill an empty registry with large demo data: groups with histories of a year, as pipelines and people would "
        "have left them. The same options on the same day give the same data."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        sizes = "; ".join(f"{name}: {groups:,} groups, {many:,} versions" for name, (groups, many) in SIZES.items())
        parser.add_argument("--size", choices=SIZES, help=f"a standard size ({sizes})")
        parser.add_argument("--groups", type=int, metavar="G", help="how many groups")
        parser.add_argument("--versions", type=int, metavar="V", help="how many versions; a tenth are in one group")
        parser.add_argument("--seed", type=int, default=1, help="another seed is other data (default: 1)")
        parser.add_argument("--prefix", default="fill", help="how the names of the groups begin (default: fill)")
        parser.add_argument("--until", metavar="DAY", help="the day on which the history ends (default: today)")
        parser.add_argument("--add", action="store_true", help="also into a registry that is not empty")

    def handle(self, *args: Any, **options: Any) -> None:
        scheme = self._scheme(options)
        quiet, started = options["verbosity"] == 0, time.monotonic()
        progress = Progress(self.stderr._out, scheme.versions, quiet=quiet)
        try:
            with ended_by_sigterm():
                rows = fill_with_demo(
                    actor=Actor.system("command"), scheme=scheme, add=options["add"], report=progress.show
                )
        except AlreadyExists as error:
            if not quiet:
                self.stdout.write(f"Nothing to do: {error}")
            return
        except Refused as error:
            raise CommandError(str(error), returncode=2) from None
        except KeyboardInterrupt:
            progress.clear()
            raise CommandError("Stopped. Begin again with an empty registry.", returncode=130) from None
        progress.clear()
        if not quiet:
            seconds = time.monotonic() - started
            held = f"{plural(scheme.groups, 'group')} and {plural(scheme.versions, 'version')}"
            self.stdout.write(f"Filled with {held}: {rows:,} rows in {seconds:.1f} s, {rows / seconds:,.0f} a second.")

    def _scheme(self, options: dict[str, Any]) -> Scheme:
        """What the options ask for; CommandError for what cannot be."""
        groups, versions = SIZES.get(options["size"], (options["groups"], options["versions"]))
        if options["size"] and (options["groups"] is not None or options["versions"] is not None):
            raise CommandError("Say --size, or --groups and --versions.", returncode=2)
        if groups is None or versions is None:
            raise CommandError("Say how much: --size big, or --groups G --versions V.", returncode=2)
        if not (1 <= groups <= MOST_GROUPS and 0 <= versions <= MOST_VERSIONS):
            words = f"1 to {MOST_GROUPS:,} groups and up to {MOST_VERSIONS:,} versions"
            raise CommandError(f"--groups {groups} --versions {versions}: expected {words}.", returncode=2)
        try:
            validate_name(options["prefix"])
        except ValidationError as error:
            raise CommandError(f"--prefix: {' '.join(error.messages)}", returncode=2) from None
        if len(options["prefix"]) > PREFIX_MAX:
            raise CommandError(f"--prefix: at most {PREFIX_MAX} characters.", returncode=2)
        return Scheme(
            groups=groups,
            versions=versions,
            seed=options["seed"],
            prefix=options["prefix"],
            region=settings.REGISTRY_REGION,
            until=self._until(options["until"]),
        )

    def _until(self, text: str | None) -> datetime:
        if text is None:
            return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        try:
            return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
        except ValueError:
            raise CommandError(f"--until {text}: expected a day such as 2026-11-22.", returncode=2) from None
