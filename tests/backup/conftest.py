"""What the tests of backups share: a registry that is emptied, and the files they write."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from registry.accounts.permissions import Actor
from registry.backup.services import back_up

SYSTEM = Actor.system("test")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where a backup goes."""
    return tmp_path / "registry.backup"


@pytest.fixture
def save(file: Path) -> Callable[[], Path]:
    """A function that backs this database up."""

    def run() -> Path:
        back_up(actor=SYSTEM, path=file, force=True)
        return file

    return run


@pytest.fixture(autouse=True)
def checkpoint_key(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of its own for the key that signs."""
    path = tmp_path_factory.mktemp("keys") / "checkpoint-key.pem"
    monkeypatch.setattr(settings, "REGISTRY_CHECKPOINT_KEY", path)
    return path


def empty() -> None:
    """Take everything out of the database but its tables."""
    call_command("flush", interactive=False, verbosity=0)
