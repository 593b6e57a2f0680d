"""`manage.py checkpoint`: signs the log as it is now; serve does it every hour by itself."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.events.checkpoint_keys import public_key
from registry.events.checkpoints import LogContradicts, make_checkpoint, newest_checkpoint
from registry.events.proofs import key_name


class Command(BaseCommand):
    help = "Sign the state of the whole log, so that whoever has the line that is printed notices when it is rewritten."
    requires_system_checks = []

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument(
            "--public-key", action="store_true", help="only print the public key that checkpoints are checked with"
        )

    def handle(self, *args: Any, public_key: bool, **options: Any) -> None:
        if public_key:
            self.stdout.write(_public_key())
            return
        before = newest_checkpoint()
        try:
            made = make_checkpoint()
        except LogContradicts as error:
            lines = "\n".join(f"  {fault}" for fault in error.faults[:20])
            raise CommandError(
                f"No checkpoint was made: the log is not what the newest one signed.\n{lines}\n"
                "`manage.py verifylog` looks at all of it."
            ) from None
        if made is None:
            self.stdout.write("The log is empty: nothing to sign.")
            return
        if made == before:
            self.stdout.write("Nothing happened since the newest checkpoint:")
        statement = made.statement
        self.stdout.write(
            f"Checkpoint {made.number} of {statement.at}: {made.events} events in {made.chains} chains, "
            f"sha256 {statement.digest().hex()}, signed with key {made.key}"
        )


def _public_key() -> str:
    public = public_key()
    return f"{public.hex()}  key {key_name(public)}"
