"""Metrics over a range of versions: nothing high or low is lost, nothing deleted or foreign is read."""

from __future__ import annotations

import random
from copy import copy

import pytest

from registry.catalog import services
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.reports import metric_series as reports
from registry.catalog.reports.metric_series import Span
from tests.factories import an_actor, make_group, make_version

pytestmark = pytest.mark.django_db


def a_group(values: list[float | None], name: str = "auc", **more) -> ModelPackageGroup:
    group = make_group()
    for value in values:
        make_version(group, metrics=[(name, value)] if value is not None else [], **more)
    group.refresh_from_db()
    return group


@pytest.mark.parametrize(("length", "stretches", "width"), [(10, 10, 1), (11, 10, 2), (1, 300, 1), (10_000, 300, 34)])
def test_a_span_is_cut_into_at_most_so_many_stretches(length, stretches, width):
    span = Span(5, 4 + length)
    assert span.length == length
    assert span.width(stretches) == width
    assert -(-length // width) <= stretches


def test_stretches_hold_the_lowest_and_highest_value_of_their_versions():
    numbers = random.Random(4)
    values = [round(numbers.random(), 3) for _ in range(41)]
    group = a_group(values)
    a_group([9.0] * 5)  # of another group
    span = Span(3, 39)
    for width in (1, 4, 7, 100):
        found = reports.read_stretches(group, ["auc"], span, width)["auc"]
        wanted = []
        for place in range(-(-span.length // width)):
            first = span.first + place * width
            part = values[first - 1 : min(first + width - 1, span.last)]
            wanted.append((place, min(part), max(part)))
        assert found == wanted


def test_stretches_leave_out_deleted_versions_and_gaps():
    group = a_group([0.1, None, None, 0.9, 0.5])
    gone = ModelPackage.objects.get(group=group, version=4)
    services.delete_model_package(actor=an_actor(), package=gone)
    assert reports.read_stretches(group, ["auc", "f1"], Span(1, 5), 1) == {
        "auc": [(0, 0.1, 0.1), (4, 0.5, 0.5)],
        "f1": [],
    }
    assert reports.read_stretches(group, [], Span(1, 5), 1) == {}


def test_names_are_those_of_both_ends_of_a_long_span(monkeypatch):
    monkeypatch.setattr(reports, "SAMPLED", 2)
    monkeypatch.setattr(reports, "_NAMES_OF_ENDS", copy(reports._NAMES_OF_ENDS))  # compiled with the number above
    monkeypatch.setattr(reports, "_NAMES", copy(reports._NAMES))
    group = make_group()
    for name in ("first", "second", "middle", "later", "last"):
        make_version(group, metrics=[(name, 1.0)])
    assert reports.read_names(group, Span(1, 5)) == {"first", "second", "later", "last"}
    assert reports.read_names(group, Span(3, 4)) == {"middle", "later"}


def test_approved_versions_by_stretch_and_the_newest_waiting():
    group = make_group()
    for n in range(1, 13):
        make_version(group, approval_status="Approved" if n in (1, 2, 7, 9, 11) else "PendingManualApproval")
    services.delete_model_package(actor=an_actor(), package=ModelPackage.objects.get(group=group, version=11))
    assert reports.read_approved(group, Span(1, 12), 4) == [(0, 2), (1, 7), (2, 9)]
    assert reports.read_approved(group, Span(2, 7), 1) == [(0, 2), (5, 7)]
    assert [mark.version for mark in reports.read_waiting(group, Span(1, 10))] == [10, 8, 6, 5, 4, 3]
    assert [(m.version, m.status) for m in reports.read_marks(group, Span(9, 12))] == [
        (9, "Approved"),
        (10, "PendingManualApproval"),
        (12, "PendingManualApproval"),
    ]


def test_values_of_single_versions():
    group = a_group([0.1, 0.2, 0.3])
    assert reports.read_values(group, ["auc", "f1"], [1, 3, 99]) == {"auc": {1: 0.1, 3: 0.3}, "f1": {}}


def test_rows_are_paged_by_number_and_all_of_them_go_into_a_file(monkeypatch):
    group = a_group([n / 10 for n in range(1, 8)])
    span = Span(2, 6)
    first, older = reports.read_rows(group, ["auc"], span, limit=2)
    assert ([(row.version, row.values) for row in first], older) == ([(6, {"auc": 0.6}), (5, {"auc": 0.5})], 5)
    rest, older = reports.read_rows(group, ["auc"], span, older, limit=3)
    assert ([row.version for row in rest], older) == ([4, 3, 2], None)
    monkeypatch.setattr(reports, "EXPORTED", 2)
    assert [row.version for row in reports.all_rows(group, ["auc"], span)] == [6, 5, 4, 3, 2]
