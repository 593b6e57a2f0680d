"""`manage.py verifylog`: checks that the log is as it was written, and says what was done to it where it is not."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Sum

from registry.events.checkpoints import newest_checkpoint
from registry.events.explaining import Finding
from registry.events.log_files import verify_file
from registry.events.models import ChainHead
from registry.events.verifying import Counts, verify_log
from registry.progress import Progress

from ..logs import chains_of
from ..public_keys import public_key_of


class Command(BaseCommand):
    help = (
        "Check the log: that no event was edited, removed, reordered, put in or cut off. Ends with 1 when anything is "
        "wrong, and names it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--group", metavar="REGION/NAME", help="only the chain of this group")
        parser.add_argument("--file", metavar="FILE", help="a log that exportlog wrote, without a database")
        parser.add_argument(
            "--public-key",
            action="append",
            default=[],
            metavar="KEY",
            help="take checkpoints of this key too: 64 hex digits or a file; for keys that this machine does not hold",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object instead of sentences")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["file"] and options["group"]:
            raise CommandError("Name a group or a file, not both.", returncode=2)
        counts, started = Counts(), time.monotonic()
        progress = self._progress(options)
        found: list[Finding] = []
        try:
            for finding in self._findings(options, counts, progress):
                found.append(finding)
                progress.clear()
                if not options["json"]:
                    self.stdout.write(sentence(finding))
        except OSError as error:
            raise CommandError(f"{options['file']}: {error.strerror or error}.", returncode=2) from None
        except KeyboardInterrupt:
            raise CommandError("Stopped: not all of the log was checked.", returncode=130) from None
        finally:
            progress.clear()
        seconds = time.monotonic() - started
        if options["json"]:
            told = {"ok": not found, "seconds": round(seconds, 3), **asdict(counts)}
            findings = [asdict(finding) for finding in found]
            self.stdout.write(json.dumps(told | {"findings": findings}, default=str))
        size = f"{_many(counts.chains, 'chain')}, {_many(counts.events, 'event')}, {seconds:.1f} s"
        if found:
            raise CommandError(f"{_many(len(found), 'thing')} wrong with the log: {size}.", returncode=1)
        if not options["json"]:
            self.stdout.write(f"The log is as it was written: {size}.")
            if not options["file"]:
                self.stdout.write(signed_until())
            if counts.partial:
                self.stdout.write(f"Of {_many(counts.partial, 'chain')} the file does not have the beginning.")

    def _progress(self, options: dict[str, Any]) -> Progress:
        quiet = options["verbosity"] == 0 or options["json"]
        total = 0
        if not options["file"] and not options["group"]:
            total = ChainHead.objects.aggregate(events=Sum("position"))["events"] or 0
        return Progress(self.stderr._out, total, quiet=quiet or not total, what="events")

    def _findings(self, options: dict[str, Any], counts: Counts, progress: Progress) -> Iterator[Finding]:
        def report(counts: Counts) -> None:
            progress.show(counts.events, counts.events)

        if options["file"]:
            return verify_file(Path(options["file"]), counts=counts, report=report)
        trusted = [public_key_of(value) for value in options["public_key"]]
        return verify_log(chains=chains_of(options["group"]), counts=counts, report=report, trusted=trusted)


def signed_until() -> str:
    """What is signed of the log, as a sentence."""
    newest = newest_checkpoint()
    if newest is None:
        return "No checkpoint signs it yet: `manage.py checkpoint` makes one."
    made = _many(newest.number, "checkpoint")
    return f"{made}; the newest signs {_many(newest.events, 'event')} until {newest.at:%Y-%m-%d %H:%M} UTC."


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def sentence(finding: Finding) -> str:
    """A finding on one line: what, where, why."""
    about = ""
    if finding.chain is not None:
        about = finding.group or ("no group" if finding.chain == 0 else f"chain {finding.chain}")
    if finding.event_id is not None:
        at = f", {finding.at:%Y-%m-%d %H:%M:%S} UTC" if finding.at is not None else ""
        about += f" event {finding.position} (id {finding.event_id}{at})"
    said = f"{finding.kind.upper()}  {about and f'{about}: '}{finding.text}."
    # A name that somebody wrote behind the registry's back must not speak to a terminal.
    return "".join(sign if sign.isprintable() else "?" for sign in said)
