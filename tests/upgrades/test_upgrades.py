"""What earlier versions left is taken over: every row, every page, the log, old keys; and the scheme is as new."""

from __future__ import annotations

import json
import lzma
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connection

from registry.configuration import PROJECT_ROOT
from tests.databases import find_programs, running_postgresql
from tests.upgrades import old
from tests.upgrades.visit import scheme

KEPT = sorted(path.stem for path in old.KEPT.glob("v*.json"))


def take_over(folder: Path, database: str, facts: dict[str, Any]) -> dict[str, Any]:
    """Let today's code migrate the database and walk through it, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.upgrades.visit", "admin", str(folder / "new.jsonl"), json.dumps(facts)],
        cwd=PROJECT_ROOT,
        env={
            "PATH": os.environ["PATH"],
            "REGISTRY_DATA_DIR": str(folder / "new"),
            "REGISTRY_SECRET_KEY": old.SECRET_KEY,
            "DATABASE_URL": database,
            "OLD_PASSWORD": old.PASSWORD,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def check(found: dict[str, Any], before: bytes, after: bytes, facts: dict[str, Any], fresh: list[str]) -> None:
    """What holds after any upgrade."""
    assert found["missing"] == []
    assert found["groups_of_containers"] > 0
    assert sorted(after.splitlines()) == sorted(before.splitlines())
    last = facts["fraud_versions"]
    assert found["call"]["made"].endswith(f":model-package/fraud/{last + 1}")
    assert found["call"]["listed"] == [1, 2, 3, 5, 6]
    assert found["log"]["ok"], found["log"]
    assert found["log_after"]["ok"], found["log_after"]
    assert found["log_after"]["events"] > found["log"]["events"] > 100
    assert [line for line in found["scheme"] if line not in fresh] == []
    assert [line for line in fresh if line not in found["scheme"]] == []


@pytest.fixture
def fresh(db: None) -> list[str]:
    """The scheme of a new database: the tests' own."""
    return scheme(connection)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of the kind that this worker tests."""
    if settings.TEST_DB == "sqlite":
        yield f"sqlite:///{tmp_path}/old.sqlite3"
        return
    folder = settings.TEST_FOLDER / f"upgraded-{tmp_path.name}"
    with running_postgresql(folder):
        yield f"postgresql://postgres@/postgres?host={folder}"


@pytest.mark.parametrize("tag", KEPT)
def test_a_kept_database_of_an_earlier_release_is_taken_over(tag, tmp_path, place, fresh):
    facts = json.loads((old.KEPT / f"{tag}.json").read_text())[settings.TEST_DB]
    unpack(tag, tmp_path, place)
    before = lzma.decompress((old.KEPT / f"{tag}.{settings.TEST_DB}.jsonl.xz").read_bytes())
    found = take_over(tmp_path, place, facts)
    check(found, before, (tmp_path / "new.jsonl").read_bytes(), facts, fresh)


def unpack(tag: str, folder: Path, place: str) -> None:
    """Put the kept database of a release where `place` says."""
    if settings.TEST_DB == "sqlite":
        (folder / "old.sqlite3").write_bytes(lzma.decompress((old.KEPT / f"{tag}.sqlite3.xz").read_bytes()))
        return
    dump = lzma.decompress((old.KEPT / f"{tag}.sql.xz").read_bytes())
    command = [find_programs() / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", place.replace("@/", "@/", 1)]
    subprocess.run(command, input=dump, stdout=subprocess.DEVNULL, check=True)


@pytest.mark.operations
def test_the_newest_release_builds_a_database_and_it_is_taken_over(tmp_path, place, fresh):
    known = old.tags()
    if not known:
        pytest.skip("no release is tagged in this clone: `git fetch --tags`")
    facts = old.build(known[-1], tmp_path, place)
    found = take_over(tmp_path, place, facts)
    check(found, (tmp_path / "old.jsonl").read_bytes(), (tmp_path / "new.jsonl").read_bytes(), facts, fresh)


@pytest.mark.sqlite_only
def test_every_release_that_is_tagged_has_its_database_here():
    assert [tag for tag in old.tags() if tag not in KEPT] == []
    assert all(path.stat().st_size <= 300_000 for path in old.KEPT.glob("v*"))
