"""`manage.py verifyevidence FILE`: checks the evidence of a version without the registry and without a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.catalog.evidence_checks import verify
from registry.catalog.evidence_files import Damaged

from ..public_keys import public_key_of


class Command(BaseCommand):
    help = "Check an evidence file (the JSON of a version's evidence page); needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("file", metavar="FILE", help="the evidence as it was downloaded")
        parser.add_argument(
            "--public-key",
            action="append",
            default=[],
            metavar="KEY",
            help="the registry's public key as you know it: 64 hex digits, or a file with them or with PEM; "
            "again for each key the registry has had",
        )

    def handle(self, *args: Any, file: str, public_key: list[str], **options: Any) -> None:
        trusted = [public_key_of(value) for value in public_key]
        try:
            text = Path(file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8"
            raise CommandError(f"{file} cannot be read: {reason}", returncode=2) from None
        try:
            found = verify(text, trusted)
        except Damaged as damage:
            raise CommandError(f"This evidence does not hold. {damage}", returncode=1) from None
        for title, sentences in (("Holds", found.holds), ("Not proved", found.unproved)):
            self.stdout.write(f"{title}:")
            for sentence in sentences:
                self.stdout.write(f"  {sentence}")
