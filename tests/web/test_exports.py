"""The lists as CSV files: all that the list shows, its filter and order, inert in a spreadsheet, in flat memory."""

from __future__ import annotations

import csv
import io
import tracemalloc
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from registry.catalog.models import CustomerMetadataProperty, Metric, ModelPackage, ModelPackageGroup
from registry.catalog.reports import exports
from registry.events.log_files import log_lines
from registry.events.models import Event
from tests.factories import IMAGE, make_group, make_package, make_version
from tests.log import add_event

pytestmark = pytest.mark.django_db


def read(client: Client, path: str) -> list[dict[str, str]]:
    response = client.get(path)
    assert response.status_code == 200 and response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith("attachment") and response.streaming
    text = b"".join(response.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_groups_with_filter_and_order(as_role: Any) -> None:
    fraud = make_group("fraud", description="x" * 900, tags=[("team", "a"), ("tier", "1")])
    make_version(fraud, approval_status="Approved")
    make_version(fraud, approval_status="Rejected")
    make_group("churn", tags=[("team", "a")])
    make_group("other")
    rows = read(as_role("viewer"), "/groups/csv/?q=tag:team=a&sort=name&after=nonsense")
    assert [row["name"] for row in rows] == ["churn", "fraud"]
    row = rows[1]
    assert list(row) == list(exports.GROUP_HEADER)
    assert row["description"] == "x" * 900 and row["tags"] == "team=a\ntier=1"
    assert (row["versions"], row["approved"], row["rejected"], row["waiting"]) == ("2", "1", "1", "0")
    assert (row["approved_version"], row["latest_version"], row["latest_status"]) == ("1", "2", "Rejected")
    assert row["updated"].endswith("Z") and row["region"] == "us-east-1"


def test_versions_with_metrics_and_metadata_as_columns(as_role: Any) -> None:
    group = make_group("fraud")
    make_version(group, metrics=[("auc", 0.9), ("loss", 1e-7)], customer_metadata_properties={"seed": "1"})
    make_version(group, metrics=[("auc", 0.95)], customer_metadata_properties={"window": "30d", "metric.f1": "0.5"})
    make_version(group, approval_status="Approved", description="Third")
    make_version(make_group("else"), metrics=[("other", 1.0)])
    rows = read(as_role("viewer"), f"{group.get_absolute_url()}csv/")
    assert [row["version"] for row in rows] == ["3", "2", "1"]
    more = list(rows[0])[len(exports.VERSION_HEADER) :]
    assert more == ["metric.auc", "metric.f1", "metric.loss", "meta.seed", "meta.window"]
    assert [row["metric.auc"] for row in rows] == ["", "0.95", "0.9"]
    assert (rows[2]["metric.loss"], rows[1]["meta.window"], rows[2]["meta.seed"]) == ("1e-07", "30d", "1")
    assert (rows[0]["status"], rows[0]["description"], rows[0]["images"]) == ("Approved", "Third", IMAGE)
    rows = read(as_role("viewer"), f"{group.get_absolute_url()}csv/?q=metric:auc>0.92+OR+meta:seed=1&status=waiting")
    assert [row["version"] for row in rows] == ["2", "1"]
    assert as_role("viewer").get("/groups/us-east-1/no-such/csv/").status_code == 404


def test_packages_queue_and_activity(as_role: Any) -> None:
    make_package("sold", tags=[("team", "a")], description="Sold model")
    make_package("kept")
    waiting = make_version(make_group("fraud", tags=[("team", "a")]))
    make_version(make_group("churn"))
    make_version(make_group("done"), approval_status="Approved")
    client = as_role("viewer")
    (row,) = read(client, "/packages/csv/?q=tag:team=a")
    assert (row["name"], row["tags"], row["images"], row["description"]) == ("sold", "team=a", IMAGE, "Sold model")
    assert [row["group"] for row in read(client, "/review/csv/")] == ["fraud", "churn"]
    (row,) = read(client, "/review/csv/?q=tag:team=a+OR+by:nobody")
    assert (row["group"], row["version"], row["status"]) == ("fraud", "1", "PendingManualApproval")
    assert row["waiting_since"] == f"{waiting.waiting_since:%Y-%m-%dT%H:%M:%SZ}"
    rows = read(client, "/activity/csv/?type=registration&q=group:fraud")
    assert [row["what"] for row in rows] == ["registered fraud v1", "created group fraud"]
    assert [row["by"] for row in rows] == ["any-admin"] * 2


def test_what_people_wrote_is_no_formula(as_role: Any) -> None:
    evil = "=cmd|' /C calc'!A0"
    group = make_group("fraud", description=evil, tags=[("+a", "-b")])
    version = make_version(group, description=evil, customer_metadata_properties={"=key": "@SUM 1", "n": "-1"})
    make_package("sold", description=evil)
    Metric.objects.create(package=version, name="=1+1", value=-0.5, source="report")
    add_event(kind="model_package.created", category="review", actor_name="+x", door="browser", comment=evil)
    client = as_role("viewer")
    for path in ("/groups/csv/", "/packages/csv/", "/review/csv/", "/activity/csv/", f"{group.get_absolute_url()}csv/"):
        rows = read(client, path)
        assert rows
        for row in rows:
            for cell in (*row, *row.values()):
                assert not cell.startswith(("=", "+", "-", "@")) or cell == "-0.5", (path, cell)
    assert rows[0]["metric.=1+1"] == "-0.5", "a number is no text"


def test_files_are_read_in_batches_without_gap(as_role: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "BATCH", 3)
    group, same = make_group("many"), timezone.now()
    for _ in range(10):
        make_version(group)
        make_package(), make_group()
    ModelPackage.objects.filter(version__in=[2, 3, 4, 5]).update(waiting_since=same)
    ModelPackage.objects.unversioned().filter(name__contains="1").update(created_at=same)
    ModelPackageGroup.objects.filter(name__contains="1").update(updated_at=same)
    client = as_role("viewer")
    assert [row["version"] for row in read(client, f"{group.get_absolute_url()}csv/")] == [
        str(n) for n in range(10, 0, -1)
    ]
    for path, key, count in (
        ("/groups/csv/", "name", 11),
        ("/groups/csv/?sort=approved", "name", 11),
        ("/packages/csv/", "name", 10),
        ("/review/csv/", "version", 10),
    ):
        found = [row[key] for row in read(client, path)]
        assert len(found) == len(set(found)) == count, path
    assert len(read(client, "/activity/csv/")) == Event.objects.in_feed().count()


def test_a_large_group_takes_little_memory_and_few_queries(as_role: Any) -> None:
    group, now = make_group("large"), timezone.now()
    many = 8000
    rows = ModelPackage.objects.bulk_create(
        ModelPackage(region="us-east-1", group=group, version=n, created_at=now, description="x" * 1000)
        for n in range(1, many + 1)
    )
    Metric.objects.bulk_create(Metric(package=row, name="auc", value=0.5, source="report") for row in rows)
    CustomerMetadataProperty.objects.bulk_create(
        CustomerMetadataProperty(package=row, key="k", value="v" * 200, slot=0) for row in rows
    )
    del rows
    client = as_role("viewer")
    with CaptureQueriesContext(connection) as queries:
        response = client.get(f"{group.get_absolute_url()}csv/")
        before = len(queries)
        tracemalloc.start()
        size = sum(len(part) for part in response.streaming_content)  # type: ignore[attr-defined]
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert size > many * 1200
    assert peak < 4_000_000, f"{peak:,} bytes for a file of {size:,}"
    assert len(queries) - before <= 4 * (many // exports.BATCH + 1)


def test_only_the_newest_names_and_not_too_many_become_columns(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    group = make_group("fraud")
    make_version(group, metrics=[("old", 1.0)])
    make_version(group, metrics=[(name, 1.0) for name in "dcba"])
    assert exports.version_names(group)[0] == ["a", "b", "c", "d", "old"]
    monkeypatch.setattr(exports, "NAMES_FROM", 1)
    monkeypatch.setattr(exports, "NAMES_MAX", 3)
    assert exports.version_names(group)[0] == ["a", "b", "c"]


def test_whoever_may_not_read_gets_no_file(as_role: Any, cast: dict[str, Any]) -> None:
    group = make_group("fraud")
    client = as_role("viewer")
    cast["viewer"].groups.clear()
    for path in ("/groups/csv/", "/packages/csv/", "/review/csv/", "/activity/csv/"):
        assert client.get(path).status_code == 403, path
        assert Client().get(path).status_code == 302
    assert client.get(f"{group.get_absolute_url()}csv/").status_code == 404


def test_admins_download_the_whole_log_as_the_command_writes_it(as_role: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("registry.web.views.exports.LINES", 2)
    make_version(make_group("fraud", description="Ä"))
    admin = as_role("admin")
    assert 'href="/activity/log/"' in admin.get("/activity/").content.decode()
    response = admin.get("/activity/log/")
    assert response["Content-Disposition"] == 'attachment; filename="log.jsonl"'
    assert b"".join(response.streaming_content).decode() == "".join(log_lines())
    reviewer = as_role("reviewer")
    assert reviewer.get("/activity/log/").status_code == 403
    assert "/activity/log/" not in reviewer.get("/activity/").content.decode()


@pytest.mark.parametrize("path", ["/groups/csv/", "/packages/csv/", "/review/csv/", "/activity/csv/", "group"])
def test_a_filter_with_a_mistake_makes_no_file(as_role: Any, path: str) -> None:
    group = make_group("fraud")
    path = f"{group.get_absolute_url()}csv/" if path == "group" else path
    response = as_role("viewer").get(path, {"q": "fraud colour:red"})
    html = response.content.decode()
    assert response.status_code == 422 and "There is no filter colour:" in html
    # The way back shows the same filter, with the mistake at its place.
    assert f'href="{path.removesuffix("csv/")}?q=fraud+colour:red"' in html
