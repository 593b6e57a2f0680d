"""Metric reports: what counts as a metric, where reports are read, and what is never read."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os

import pytest

from registry.catalog import metric_reports
from registry.catalog.metric_reports import MetricReports, ReportedMetric, metrics_of_report

REPORT = {"binary_classification_metrics": {"auc": {"value": 0.91, "standard_deviation": 0.01}}}


def pointer(uri, digest=None, kind="ModelQuality", member="Statistics"):
    return {
        kind: {
            member: {"S3Uri": uri, "ContentType": "application/json"} | ({"ContentDigest": digest} if digest else {})
        }
    }


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "bucket"
    folder.mkdir()
    (folder / "report.json").write_text(json.dumps(REPORT))
    (tmp_path / "secret.json").write_text(json.dumps(REPORT))
    return folder


@pytest.fixture
def read(root):
    reports = MetricReports({"models": root})
    return lambda uri, *args, **values: reports.read(pointer(uri, *args, **values))


def test_three_kinds_and_any_other_block():
    report = {
        "version": 0.0,
        "dataset": {"item_count": 450},
        "multiclass_classification_metrics": {
            "confusion_matrix": {"0": {"0": 45}},
            "accuracy": {"value": 0.97, "standard_deviation": "NaN"},
        },
        "regression_metrics": {"rmse": {"value": 3, "standard_deviation": 0.5}},
        "fairness_metrics": {"gap": {"value": 0.02}, "empty": {}, "text": {"value": "0.5"}, "yes": {"value": True}},
        "metrics": {"no": {"value": 1}},
    }
    assert list(metrics_of_report(report)) == [
        ReportedMetric("accuracy", 0.97),
        ReportedMetric("rmse", 3.0, 0.5),
        ReportedMetric("gap", 0.02),
    ]


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        3,
        {"a_metrics": []},
        {"a_metrics": {"": {"value": 1}, "x" * 129: {"value": 1}, "a\x00": {"value": 1}}},
        {"a_metrics": {"huge": {"value": 10**400}, "nan": {"value": float("nan")}}},
    ],
)
def test_what_is_no_metric_is_passed_over(report):
    assert list(metrics_of_report(report)) == []


def test_a_report_in_a_mapped_folder(read):
    assert read("s3://models/report.json") == ([ReportedMetric("auc", 0.91, 0.01)], "")


def test_reports_of_bias_and_data_quality_add_to_the_first(root):
    (root / "bias.json").write_text(json.dumps({"bias_metrics": {"auc": {"value": 0}, "dpl": {"value": 0.1}}}))
    metrics = pointer("s3://models/report.json") | pointer("s3://models/bias.json", kind="Bias", member="Report")
    assert MetricReports({"models": root}).read(metrics)[0] == [
        ReportedMetric("auc", 0.91, 0.01),
        ReportedMetric("dpl", 0.1),
    ]


@pytest.mark.parametrize(
    "metrics", [None, {}, [], "x", {"ModelQuality": {}}, {"ModelQuality": []}, {"Bias": {"Report": {"S3Uri": 3}}}]
)
def test_without_a_pointer_there_is_nothing_to_note(metrics):
    assert MetricReports().read(metrics) == ([], "")


def test_a_byte_order_mark_and_bare_nan_are_read(root, read):
    text = '{"a_metrics": {"x": {"value": 1, "standard_deviation": NaN}}}'
    (root / "report.json").write_text(text, encoding="utf-8-sig")
    assert read("s3://models/report.json")[0] == [ReportedMetric("x", 1.0)]


def test_the_digest_of_the_registration_is_checked(root, read):
    digest = hashlib.sha256((root / "report.json").read_bytes()).hexdigest()
    assert read("s3://models/report.json", f"SHA256:{digest.upper()}")[0]
    found, note = read("s3://models/report.json", "sha256:" + "0" * 64)
    assert (found, note) == (
        [],
        "it is not the report that was registered (its sha256 differs): s3://models/report.json",
    )
    assert "no sha256" in read("s3://models/report.json", "md5:abc")[1]


@pytest.mark.parametrize(
    "key",
    [
        "../secret.json",
        "a/../../secret.json",
        "/etc/passwd",
        "//etc/passwd",
        "link.json",
        "folder/secret.json",
        "missing.json",
        "",
        ".",
        "report.json/x",
        "a\x00b",
        "pipe",
        "x" * 5000,
    ],
)
def test_nothing_outside_the_folder_is_read(root, read, key):
    (root / "link.json").symlink_to(root.parent / "secret.json")
    (root / "folder").symlink_to(root.parent)
    os.mkfifo(root / "pipe")
    found, note = read(f"s3://models/{key}")
    assert found == []
    assert note
    assert len(note) <= 300 and "\x00" not in note


def test_a_link_within_the_folder_is_followed(root, read):
    (root / "latest.json").symlink_to(root / "report.json")
    assert read("s3://models/latest.json")[0]


def test_a_report_of_more_than_5_mb_is_refused(root, read):
    (root / "report.json").write_bytes(b" " * (5 * 1024 * 1024) + b"{}")
    assert read("s3://models/report.json") == ([], "it is larger than 5 MB: s3://models/report.json")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"9" * 5000])
def test_a_broken_report_is_a_note(root, read, data):
    (root / "report.json").write_bytes(data)
    assert read("s3://models/report.json") == ([], "it is no JSON: s3://models/report.json")


@pytest.mark.parametrize(
    "uri",
    ["file:///etc/passwd", "/etc/passwd", "local:///etc/passwd", "simplecache::file:///etc/passwd", "x", "http://a/b"],
)
def test_addresses_of_this_machine_are_never_read(uri):
    assert MetricReports().read(pointer(uri)) == ([], f"such addresses are not read: {uri}")


def test_without_the_extra_only_mapped_folders_are_read(monkeypatch, read):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "fsspec" else find(name))
    note = "no folder is mapped to s3://other, and the extra s3 is not installed: s3://other/r.json"
    assert read("s3://other/r.json") == ([], note)


def test_an_fsspec_address_is_read_with_the_extra():
    fsspec = pytest.importorskip("fsspec", reason="the development set has it; a bare runtime does not")
    with fsspec.open("memory://reports/r.json", "wb") as file:
        file.write(json.dumps(REPORT).encode())
    reports = MetricReports()
    assert reports.read(pointer("memory://reports/r.json"))[0] == [ReportedMetric("auc", 0.91, 0.01)]
    assert "there is no such object" in reports.read(pointer("memory://reports/gone.json"))[1]
    assert "such addresses are not read" in reports.read(pointer("memory://x::file:///etc/passwd"))[1]


def test_a_bucket_that_cannot_be_reached_is_asked_once(monkeypatch):
    pytest.importorskip("fsspec", reason="the development set has it; a bare runtime does not")
    asked = []

    def refuse(scheme, address):
        asked.append(address)
        raise OSError("no network")

    monkeypatch.setattr(metric_reports, "_read_remote", refuse)
    reports = MetricReports()
    for name in "abc":
        note = reports.read(pointer(f"https://far/{name}.json"))[1]
        assert note == f"https://far cannot be reached (OSError): https://far/{name}.json"
    assert asked == ["https://far/a.json"]
