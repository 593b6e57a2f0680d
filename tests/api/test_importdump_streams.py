"""Large imports: memory stays flat, and one that is killed goes on where it stopped."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from django.db import connection

from registry.accounts.permissions import Actor
from registry.api.sagemaker.dumps import Dump
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.services import import_runs
from registry.configuration import PROJECT_ROOT
from tests.factories import make_version

from .dumps import group_line, version_line, write_lines

STATUS = Path("/proc/self/status")


def own_memory() -> int:
    """Kilobytes of this process's own memory; without mapped files, which the system takes back as it likes."""
    return next(int(line.split()[1]) for line in STATUS.read_text().splitlines() if line.startswith("RssAnon"))


@pytest.mark.sqlite_only
@pytest.mark.django_db
@pytest.mark.skipif(not STATUS.exists(), reason="needs /proc to look at its own memory")
def test_memory_is_flat_while_thousands_of_versions_go_in(tmp_path):
    """3,000 versions with cards of 10 kB: to hold the last 2,000 would take more than 20 MB."""
    card = {"ModelCardContent": json.dumps({"text": "x" * 10_000})}
    bare = {"InferenceSpecification": None, "CustomerMetadataProperties": None}
    path = tmp_path / "r.jsonl"
    with path.open("w") as file:
        file.write(json.dumps(group_line()) + "\n")
        for number in range(1, 3001):
            file.write(json.dumps(version_line(number, ModelCard=card, **bare)) + "\n")
    memory: dict[int, int] = {}
    seen = 0

    def look(outcome: services.Outcome) -> None:
        nonlocal seen
        seen += 1
        if seen in (1001, 3001):
            memory[seen] = own_memory()

    counts = services.import_records(actor=Actor.system(), records=Dump([path]), source="r.jsonl", report=look)
    assert counts["versions"] == 3000
    assert memory[3001] - memory[1001] < 14_000


@pytest.mark.sqlite_only
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_import_goes_on_where_it_stopped(tmp_path, sent):
    source = write_lines(tmp_path / "r.jsonl", [group_line(), *map(version_line, range(1, 601))])
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("REGISTRY_", "DATABASE_URL"))}
    environ |= {"REGISTRY_DATA_DIR": str(tmp_path / "var"), "DJANGO_SETTINGS_MODULE": "registry.settings"}
    command = [sys.executable, "manage.py"]

    def manage(*args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*command, *args], cwd=PROJECT_ROOT, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def rows(question: str) -> list[tuple]:
        with sqlite3.connect(f"file:{tmp_path / 'var' / 'registry.sqlite3'}?mode=ro", uri=True) as connection:
            return connection.execute(question).fetchall()

    assert manage("migrate", "-v0").wait() == 0
    running = manage("importdump", str(source))
    while rows("SELECT count(*) FROM catalog_modelpackage") < [(100,)]:
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(sent)
    _, complaint = running.communicate()
    counts = "SELECT version_count, last_version, waiting_count FROM catalog_modelpackagegroup"
    [(kept, last, waiting)] = rows(counts)
    assert 99 <= kept < 600
    assert kept == last == waiting
    assert rows("SELECT count(*) FROM catalog_modelpackage") == [(kept,)]
    if sent == signal.SIGTERM:
        assert running.returncode == 130
        assert "Run it again to go on." in complaint
        assert rows("SELECT count(*) FROM events_event WHERE in_feed") == [(1,)]
    again = manage("importdump", str(source))
    said, _ = again.communicate()
    assert again.returncode == 0
    assert f"Imported {600 - kept} versions" in said
    assert rows(counts) == [(600, 600, 600)]


@pytest.mark.django_db(transaction=True)
def test_registering_while_an_import_runs_takes_free_numbers(tmp_path, monkeypatch):
    monkeypatch.setattr(import_runs, "CHUNK_RECORDS", 10)
    services.import_records(
        actor=Actor.system(), records=Dump([write_lines(tmp_path / "g.jsonl", [group_line()])]), source="g.jsonl"
    )
    group = ModelPackageGroup.objects.get()
    source = write_lines(tmp_path / "r.jsonl", [version_line(number) for number in range(1, 101)])
    counts: Counter[str] = Counter()

    def run_import() -> None:
        try:
            counts.update(services.import_records(actor=Actor.system(), records=Dump([source]), source="r.jsonl"))
        finally:
            connection.close()

    thread = threading.Thread(target=run_import)
    thread.start()
    ours = [make_version(group).version for _ in range(20)]
    thread.join()
    assert counts["faults"] == 0
    # A number that was registered here first is there already, and differs.
    assert counts["versions"] + counts["differs"] == 100
    group.refresh_from_db()
    numbers = sorted(ModelPackage.objects.values_list("version", flat=True))
    assert len(set(numbers)) == len(numbers) == group.version_count == group.waiting_count
    assert group.last_version == max(numbers)
    assert sorted(set(ours)) == ours
    assert not group.unset_count
