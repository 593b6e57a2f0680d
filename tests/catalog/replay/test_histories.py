"""Random histories: what stood after each step is what a replay, and the pages of the past, say of that moment."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.utils import timezone

from registry.catalog.models import Container, ModelPackage, ModelPackageGroup
from registry.catalog.replay import compare_registry, stored
from registry.catalog.replay.groups import Versions
from registry.catalog.reports import as_of
from registry.events.services import record
from tests.catalog.counters import assert_containers_name_their_groups
from tests.catalog.replay.histories import History
from tests.factories import an_actor, make_version

pytestmark = pytest.mark.django_db

# What a page of the past does not show: it follows from the events of all versions.
_LEFT_OUT = {*Versions().columns(), "updated_at", "updated_by_name"}


class Snapshot:
    """The tables at a moment."""

    def __init__(self) -> None:
        packages = list(ModelPackage.objects.values_list("pk", flat=True))
        groups = list(ModelPackageGroup.objects.values_list("pk", flat=True))
        self.packages, self.parts = stored.package_rows(packages), stored.parts_of(packages)
        self.groups = stored.group_rows(groups)
        self.tags = {pk: stored.group_tags(pk) for pk in groups}


def faults_of(at: datetime, snapshot: Snapshot) -> list[Any]:
    """Where the past as it is told parts from the past as it was."""
    faults: list[Any] = []
    packages = {}
    for group_id in ModelPackageGroup.objects.values_list("pk", flat=True):
        ids = list(ModelPackage.objects.filter(group=group_id).values_list("pk", flat=True))
        packages |= as_of.packages_at(ids, at, votes_of=group_id)
    for pk, package in packages.items():
        was = snapshot.packages.get(pk)
        if package.row != was:
            faults.append(("package", pk, {k: (v, (was or {}).get(k)) for k, v in (package.row or {}).items()
                                           if was is None or was[k] != v}))  # fmt: skip
        elif was is not None and stored.replayed_parts(package) != snapshot.parts[pk]:
            faults.append(("parts", pk))
    groups = as_of.groups_at(list(ModelPackageGroup.objects.values_list("pk", flat=True)), at)
    for pk, group in groups.items():
        was = snapshot.groups.get(pk)
        replayed = {k: v for k, v in (group.row or {}).items() if k not in _LEFT_OUT}
        if replayed != {k: v for k, v in (was or {}).items() if k not in _LEFT_OUT}:
            faults.append(("group", pk, replayed))
        elif was is not None:
            faults += _page_faults(pk, at, snapshot)
    return faults


def _page_faults(group_id: int, at: datetime, snapshot: Snapshot) -> list[Any]:
    live = {
        row["version"]: row["approval_status"]
        for row in snapshot.packages.values()
        if row["group_id"] == group_id and row["deleted_at"] is None
    }
    shown = {
        line.version: line.then.columns["approval_status"]
        for line in as_of.version_lines(group_id, at)
        if line.is_known and not line.is_deleted
    }
    faults: list[Any] = [] if shown == live else [("versions", group_id, shown, live)]
    approved, was = as_of.approved_at(group_id, at), snapshot.groups[group_id]
    if (approved.version, approved.decided_at) != (was["approved_version"], was["approved_at"]):
        faults.append(("approved", group_id, approved, was["approved_version"]))
    return faults


def _index_faults(at: datetime, snapshot: Snapshot) -> list[Any]:
    page = as_of.index_at(ModelPackageGroup.objects.all(), at, rows=50)
    shown = {row.pk: (row.latest, row.approved, tuple(row.strip)) for row in page.rows if row.then.row is not None}
    was = {}
    for pk, group in snapshot.groups.items():
        if group["deleted_at"] is None:
            own = [r for r in snapshot.packages.values() if r["group_id"] == pk and r["deleted_at"] is None]
            strip = sorted((row["version"], row["approval_status"]) for row in own)
            was[pk] = (strip[-1][0] if strip else None, group["approved_version"], tuple(s for _, s in strip))
    return [] if shown == was else [("index", shown, was)]


def check_history(seed: int, steps: int) -> None:
    history, snapshots = History(seed), []
    for at in history.steps(steps):
        snapshots.append((at, Snapshot()))
    assert not [str(one) for one in compare_registry()][:5]
    assert_containers_name_their_groups(Container.objects.all())
    for at, snapshot in snapshots:
        faults = faults_of(at, snapshot) + _index_faults(at, snapshot)
        assert not faults, (at, faults[:3])
    assert timezone.now() > snapshots[-1][0]


def test_what_stood_after_each_step_is_what_is_told_of_that_moment():
    check_history(5, 80)


def test_a_status_that_was_taken_back_is_none_on_both_databases():
    version = make_version(approval_status="Approved")
    taken_back = {"before": {"ModelApprovalStatus": "Approved"}, "after": {"ModelApprovalStatus": None}}
    record(an_actor("admin"), "model_package.approval_status_changed", package=version, **taken_back)
    assert as_of.statuses_at([version.pk], timezone.now()) == {version.pk: None}


@pytest.mark.replay
@pytest.mark.parametrize("seed", range(1, 21))
def test_what_stood_after_each_step_of_a_long_history_is_what_is_told_of_that_moment(seed):
    check_history(seed, 200)
