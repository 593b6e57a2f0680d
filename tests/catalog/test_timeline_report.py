"""The timeline's rows, series and vocabulary against the same computed naively, row by row."""

from __future__ import annotations

import random
from copy import copy
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from registry.catalog import services
from registry.catalog.directions import in_reading_order, leading_metric, metric_direction
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.reports import timeline, trends, version_filters
from registry.catalog.reports.timeline import read_page
from registry.catalog.reports.trends import read_series, read_vocabulary
from registry.catalog.reports.version_filters import VersionFilter
from tests.factories import IMAGE, an_actor, make_group, make_version, specification

pytestmark = pytest.mark.django_db

STATUSES = ["PendingManualApproval", "Approved", "Rejected", None]


def a_history(count: int, seed: int = 1) -> ModelPackageGroup:
    """A group whose versions differ in everything that a row shows; some lack the metric, some are deleted."""
    rng = random.Random(seed)
    group = make_group()
    for number in range(1, count + 1):
        images = rng.sample([IMAGE, "registry.example.com/team/sklearn:1.4", "registry.example.com/team/onnx:2"], 2)
        containers = [{"Image": image, "ModelDataUrl": f"s3://b/{number}/{i}"} for i, image in enumerate(images)]
        make_version(
            group,
            actor=an_actor(rng.choice(["reviewer", "admin"])),
            approval_status=rng.choice(STATUSES),
            description=f"Version {number} " + "long " * rng.choice([1, 60]),
            model_life_cycle=rng.choice([None, {"Stage": "Staging", "StageStatus": "PendingApproval"}]),
            inference_specification={"Containers": containers[: rng.choice([1, 2])]},
            customer_metadata_properties={
                "window": rng.choice(["30d", "90d"]),
                "seed": "7",
                **({"trial": str(number)} if number % 3 else {}),
            },
            metrics=[("auc", round(rng.random(), 4))] if rng.random() < 0.8 else [],
        )
    for number in rng.sample(range(1, count + 1), count // 10):
        ModelPackage.objects.filter(group=group, version=number).update(deleted_at="2026-01-01T00:00:00Z")
    return group


def naive(group: ModelPackageGroup) -> list[dict[str, Any]]:
    """Every live version, newest first, with what its row must say."""
    rows: list[dict[str, Any]] = []
    packages = list(ModelPackage.objects.filter(group=group, deleted_at=None).order_by("version"))
    before: dict[str, Any] | None = None
    for package in packages:
        pairs = {p.key: p.value for p in package.customer_metadata_properties.all()}
        metric = package.metrics.filter(name="auc").first()
        containers = list(package.containers.all())
        row = {
            "version": package.version,
            "status": package.approval_status,
            "stage": package.stage,
            "author": package.created_by_name,
            "value": metric.value if metric else None,
            "images": [c.image for c in containers],
            "pairs": pairs,
            "previous": before,
        }
        rows.append(row)
        before = row
    return rows[::-1]


def check(row: timeline.Row, expected: dict[str, Any]) -> None:
    previous = expected["previous"]
    assert (row.version, row.status, row.stage, row.author) == tuple(
        expected[name] for name in ("version", "status", "stage", "author")
    )
    assert row.value == expected["value"]
    assert row.previous_version == (previous["version"] if previous else None)
    both = previous and previous["value"] is not None and expected["value"] is not None
    assert row.change == (expected["value"] - previous["value"] if both else None)
    assert (row.image, row.container_count) == (expected["images"][0], len(expected["images"]))
    assert {key: value for key, value, _ in row.properties} == expected["pairs"]
    changed = {k for k, v in expected["pairs"].items() if previous and previous["pairs"].get(k) != v}
    assert {key for key, _, is_changed in row.properties if is_changed} == changed
    flags = [is_changed for _, _, is_changed in row.properties]
    assert flags == sorted(flags, reverse=True), "changed keys come first"
    assert len(row.description) <= 200


def test_pages_hold_every_version_once_with_the_right_neighbours() -> None:
    group = a_history(120)
    expected = naive(group)
    before, seen = None, []
    while True:
        page = read_page(group, metric="auc", shown=VersionFilter(), before=before, further=before is not None)
        assert len(page.rows) <= (timeline.FIRST_ROWS if before is None else timeline.ROWS)
        assert [row.version for row in page.above[-1:]] == [row.version for row in seen[-1:]]
        assert [row.version for row in page.above] == [row.version for row in seen][-len(page.above) or len(seen) :]
        seen += page.rows
        if page.older is None:
            break
        following = [row["version"] for row in expected[len(seen) :]]
        assert [row.version for row in page.below] == following[: timeline.EDGE]
        before = page.older
    assert [row.version for row in seen] == [row["version"] for row in expected]
    for row, want in zip(seen, expected, strict=True):
        check(row, want)


@pytest.mark.parametrize(
    ("shown", "keeps"),
    [
        (VersionFilter(status="approved"), lambda row: row["status"] == "Approved"),
        (VersionFilter(status="none"), lambda row: row["status"] is None),
        (VersionFilter(stages=("Staging",)), lambda row: row["stage"] == "Staging"),
        (VersionFilter(authors=("any-admin",)), lambda row: row["author"] == "any-admin"),
        (VersionFilter(images=("onnx:2",)), lambda row: any(i.endswith("/onnx:2") for i in row["images"])),
        (VersionFilter(images=(IMAGE, "onnx:2")), lambda row: any(i == IMAGE or "onnx" in i for i in row["images"])),
        (VersionFilter(pairs=("window=30d",)), lambda row: row["pairs"]["window"] == "30d"),
        (VersionFilter(pairs=("trial",)), lambda row: "trial" in row["pairs"]),
        (
            VersionFilter(status="waiting", pairs=("window=90d", "trial")),
            lambda row: (
                row["status"] == "PendingManualApproval" and row["pairs"]["window"] == "90d" and "trial" in row["pairs"]
            ),
        ),
        (VersionFilter(pairs=("nothing",)), lambda row: False),
        (
            VersionFilter(status="approved", stages=("Staging",), authors=("any-admin",)),
            lambda row: (row["status"], row["stage"], row["author"]) == ("Approved", "Staging", "any-admin"),
        ),
        (
            VersionFilter(status="none", stages=("Staging",)),
            lambda row: (row["status"], row["stage"]) == (None, "Staging"),
        ),
    ],
)
@pytest.mark.parametrize(
    ("rare", "few", "many"),
    [(9_999, 9_999, 9_999), (-1, 9_999, 9_999), (-1, -1, 9_999), (-1, -1, -1)],
    ids=["rare", "few", "some", "many"],
)
def test_a_filter_shows_the_matching_versions_with_changes_against_their_true_predecessor(
    shown: VersionFilter, keeps: Any, rare: int, few: int, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, most in (("_RARE", rare), ("_FEW", few), ("_MANY", many)):
        monkeypatch.setattr(version_filters, name, most)
    group = a_history(40, seed=2)
    expected = [row for row in naive(group) if keeps(row)]
    first = read_page(group, metric="auc", shown=shown)
    below = read_page(group, metric="auc", shown=shown, before=first.older, further=True) if first.older else None
    rows = first.rows + (below.rows if below else [])
    assert [row.version for row in rows] == [row["version"] for row in expected]
    for row, want in zip(rows, expected, strict=True):
        check(row, want)


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("shown", "index"),
    [
        (VersionFilter(status="approved"), "package_group_status"),
        (VersionFilter(authors=("any-admin",)), "package_group_author"),
        (VersionFilter(status="approved", authors=("any-admin",), stages=("Staging",)), "package_group_stage"),
    ],
)
def test_few_versions_are_in_a_stage_so_sqlite_begins_there(shown: VersionFilter, index: str) -> None:
    with connection.cursor() as cursor:
        sql, params = shown.apply(trends.versions_of(1)).values_list("version").query.sql_with_params()
        cursor.execute(f"EXPLAIN QUERY PLAN {sql} LIMIT 30", params)
        assert index in str(cursor.fetchall())


def test_a_pair_may_have_equal_signs_in_key_and_value() -> None:
    group = make_group()
    make_version(group, customer_metadata_properties={"a=b": "c=d"})
    make_version(group, customer_metadata_properties={"a": "other"})
    for pair in ("a=b=c=d", "a=b"):
        assert [row.version for row in read_page(group, metric="", shown=VersionFilter(pairs=(pair,))).rows] == [1]


def test_series_is_newest_first_and_has_gaps_where_the_metric_is_missing() -> None:
    group = a_history(30, seed=3)
    assert [(p.version, p.value, p.status) for p in read_series(group, "auc")] == [
        (row["version"], row["value"], row["status"]) for row in naive(group)
    ]
    assert {p.value for p in read_series(group, "no such metric")} == {None}


def test_vocabulary_counts_versions_not_rows() -> None:
    group = a_history(30, seed=4)
    rows = naive(group)
    found = read_vocabulary(group)
    assert found.metrics == {"auc": sum(row["value"] is not None for row in rows)}
    assert found.images["onnx:2"] == sum(any("onnx" in i for i in row["images"]) for row in rows)
    assert found.pairs["window", "30d"] == sum(row["pairs"]["window"] == "30d" for row in rows)
    assert found.pairs["seed", "7"] == len(rows)


def test_waiting_versions_are_found_beyond_the_series(monkeypatch: pytest.MonkeyPatch) -> None:
    group = make_group()
    for status in ["PendingManualApproval"] * 2 + ["Approved"] * 4:
        make_version(group, approval_status=status, metrics=[("auc", 0.5)])
    group.refresh_from_db()
    monkeypatch.setattr(trends, "SERIES", 3)
    monkeypatch.setattr(trends, "_SERIES", copy(trends._SERIES))  # compiled with the length above
    series = read_series(group, "auc")
    assert [point.version for point in series] == [6, 5, 4]
    assert [(point.version, point.value) for point in trends.read_waiting(group, "auc")] == [(2, 0.5), (1, 0.5)]


def test_approved_now_tells_decision_and_first_container() -> None:
    group = make_group()
    make_version(group, metrics=[("auc", 0.9)])
    package = make_version(
        group, inference_specification=specification(artifact="s3://b/second"), metrics=[("auc", 0.91)]
    )
    services.update_approval_status(actor=an_actor("reviewer"), package=package, approval_status="Approved")
    group.refresh_from_db()
    found = trends.read_approved(group, "auc")
    assert found is not None
    assert (found["version"], found["measured__value"], found["decided_by_name"]) == (2, 0.91, "any-reviewer")
    assert (found["first__image"], found["first__model_data_url"]) == (IMAGE, "s3://b/second")


def test_chips_put_what_seldom_changes_first_and_copies_of_metrics_last() -> None:
    group = make_group()
    for n in range(1, 6):
        make_version(
            group,
            customer_metadata_properties={
                "metric.auc": f"0.{n}",
                "git.commit": f"c{n}",
                "hp.depth": "6" if n < 4 else "9",
                "seed": "7",
            },
        )
    rows = read_page(group, metric="auc", shown=VersionFilter()).rows
    assert [key for key, _, _ in rows[1].properties] == ["hp.depth", "git.commit", "seed", "metric.auc"]
    assert [key for key, _, _ in rows[0].properties] == ["git.commit", "hp.depth", "seed", "metric.auc"]
    assert not any(changed for _, _, changed in rows[-1].properties), "the first version changed nothing"


@pytest.mark.parametrize("count", [1, 60])
def test_reading_takes_as_many_queries_for_many_versions_as_for_one(count: int) -> None:
    group = make_group()
    for _ in range(count):
        make_version(group, metrics=[("auc", 0.5)], customer_metadata_properties={"a": "b"})
    with CaptureQueriesContext(connection) as queries:
        read_page(group, metric="auc", shown=VersionFilter(status="waiting", pairs=("a=b",)))
        read_series(group, "auc")
        read_vocabulary(group)
    assert len(queries) == 6


@pytest.mark.parametrize(
    ("name", "direction"),
    [
        ("auc", "higher"),
        ("AUC", "higher"),
        ("weighted_f1", "higher"),
        ("f0_5", "higher"),
        ("valAccuracy", "higher"),
        ("recall_at_1pct_fpr", "higher"),
        ("r2", "higher"),
        ("true_positive_rate", "higher"),
        ("false_positive_rate", "lower"),
        ("log_loss", "lower"),
        ("validation:rmse", "lower"),
        ("mape", "lower"),
        ("latency_p95_ms", "lower"),
        ("psi_max", "lower"),
        ("train.seconds", "lower"),
        ("accuracy_loss", "lower"),
        ("accuracy_best_constant_classifier", ""),
        ("rows", ""),
        ("", ""),
    ],
)
def test_direction_is_told_from_the_name(name: str, direction: str) -> None:
    assert metric_direction(name, None) == direction


def test_the_leading_metric_is_the_plain_and_telling_one() -> None:
    assert leading_metric(["log_loss", "accuracy", "auc", "f1"], None) == "auc"
    assert leading_metric(["weighted_auc", "accuracy", "log_loss"], None) == "accuracy"
    assert leading_metric(["mae", "mse", "rmse", "r2"], None) == "rmse"
    assert leading_metric(["latency_p95_ms", "val_loss"], None) == "val_loss"
    assert leading_metric(["zeta", "alpha", "accuracy_best_constant_classifier"], None) == "alpha"
    assert leading_metric([], None) == ""
    assert in_reading_order(["psi_max", "auc", "unknown", "log_loss"], None) == [
        "auc",
        "log_loss",
        "psi_max",
        "unknown",
    ]
