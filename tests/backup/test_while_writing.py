"""Backups of a registry in use: each is of one moment, and nobody waits for it."""

from __future__ import annotations

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from registry.backup.archive import Reading
from registry.backup.canonical import rows_of
from registry.backup.findings import no_begin, no_report
from registry.backup.restoring import restore
from registry.backup.services import back_up, check
from registry.backup.snapshots import snapshot
from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event
from registry.events.verifying import verify_log
from tests.catalog.counters import assert_counts_equal_the_rows
from tests.factories import an_actor, make_group, make_version

from .conftest import SYSTEM, empty

pytestmark = pytest.mark.django_db(transaction=True)

WRITERS, ENOUGH = 4, 4


def rows_in(backup: Reading, name: str) -> list[dict[str, Any]]:
    (table,) = [table for table in backup.tables if table.name == name]
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for lines in backup.batches(table) for row in rows_of(lines)]


def assert_of_one_moment(path: Path) -> int:
    """Every version has its event and is counted by its group; how many there are."""
    assert check(path=path).faults == []
    with Reading(path, no_begin, no_report) as backup:
        packages, log = rows_in(backup, "catalog_modelpackage"), rows_in(backup, "events_event")
        groups = rows_in(backup, "catalog_modelpackagegroup")
        pairs = rows_in(backup, "catalog_customermetadataproperty")
    created = Counter(event["package_id"] for event in log if event["kind"] == "model_package.created")
    decided = {event["package_id"] for event in log if event["kind"] == "model_package.approval_status_changed"}
    assert created == Counter(package["id"] for package in packages)
    assert decided == {package["id"] for package in packages if package["approval_status"] == "Approved"}
    assert Counter(pair["package_id"] for pair in pairs) == created
    for group in groups:
        mine = [package["version"] for package in packages if package["group_id"] == group["id"]]
        assert sorted(mine) == list(range(1, group["version_count"] + 1))
        assert group["last_version"] == group["version_count"]
    return len(packages)


def test_four_writers_and_backups_meanwhile(tmp_path):
    groups = [make_group(f"group-{number}") for number in range(2)]
    ended = threading.Event()
    done: Counter[int] = Counter()

    def write(writer: int) -> None:
        try:
            while not ended.is_set():
                version = make_version(groups[done[writer] % 2], customer_metadata_properties={"writer": str(writer)})
                if done[writer] % 3 == 0:
                    services.update_approval_status(
                        actor=an_actor("reviewer"), package=version, approval_status="Approved"
                    )
                done[writer] += 1
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        jobs = [pool.submit(write, number) for number in range(WRITERS)]
        paths, begun = [], time.monotonic()
        try:
            while len(paths) < ENOUGH or sum(done.values()) < 40:
                assert time.monotonic() - begun < 60
                paths.append(tmp_path / f"{len(paths)}.backup")
                back_up(actor=SYSTEM, path=paths[-1])
        finally:
            ended.set()
        for job in jobs:
            job.result()
    counts = [assert_of_one_moment(path) for path in (*paths[:ENOUGH], paths[-1])]
    assert counts == sorted(counts)
    assert counts[0] < counts[-1] <= sum(done.values())
    empty()
    told = restore(actor=SYSTEM, path=paths[-1])
    assert told.faults == []
    assert ModelPackage.objects.count() == counts[-1]
    for group in ModelPackageGroup.objects.all():
        assert_counts_equal_the_rows(group)
    assert list(verify_log()) == []


def test_a_backup_that_takes_long_holds_nobody_up_and_sees_nothing_new():
    group = make_group()
    make_version(group)
    counts = "SELECT count(*) FROM catalog_modelpackage", "SELECT count(*) FROM events_event"
    with snapshot() as reader:
        before = [reader.value(sql) for sql in counts]
        began = time.monotonic()
        for _ in range(5):
            make_version(group)
        assert time.monotonic() - began < 5
        assert [reader.value(sql) for sql in counts] == before == [1, 2]
    assert Event.objects.count() == 7
    with snapshot() as reader:
        assert [reader.value(sql) for sql in counts] == [6, 7]


def test_a_snapshot_cannot_write():
    writes = {
        "sqlite": "DELETE FROM catalog_modelpackage RETURNING id",
        "postgresql": "SELECT nextval(pg_get_serial_sequence('catalog_tag', 'id'))",
    }
    with snapshot() as reader, pytest.raises(Exception, match=r"readonly|read-only"):
        list(reader.rows(writes[reader.vendor]))
