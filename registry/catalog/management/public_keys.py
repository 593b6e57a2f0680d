"""Public keys on a command line."""

from __future__ import annotations

from pathlib import Path

from django.core.management.base import CommandError

from registry.events.proofs import read_public_key


def public_key_of(value: str) -> bytes:
    """A public key from 64 hex digits, or from the file of that name that holds them or PEM; CommandError else."""
    path = Path(value)
    try:
        # `manage.py checkpoint --public-key` prints the key's name behind it.
        text = path.read_text(encoding="utf-8").partition("  ")[0] if path.is_file() else value
        return read_public_key(text)
    except (OSError, ValueError) as error:
        raise CommandError(f"--public-key {value}: {error}", returncode=2) from None
