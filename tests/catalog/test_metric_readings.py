"""Metric reports of new versions: what is asked for with the registration, what the task does, what is tried again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from registry.accounts.permissions import NotAllowed
from registry.catalog import services
from registry.catalog.management.commands.worker import take_up_lost_jobs
from registry.catalog.models import Metric
from registry.catalog.services.metric_readings import FIRST_WAIT, RETRIES, read_metric_reports
from tests.factories import an_actor, make_user, make_version

REPORT = {"binary_classification_metrics": {"auc": {"value": 0.91, "standard_deviation": 0.01}}}
METRICS = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": "s3://models/r.json"}}}

pytestmark = pytest.mark.django_db


@pytest.fixture
def root(tmp_path: Path, settings: Any) -> Path:
    """The folder that is mapped to the bucket."""
    settings.REGISTRY_METRICS_ROOTS = {"models": tmp_path}
    return tmp_path


def jobs() -> list[DBTaskResult]:
    return list(DBTaskResult.objects.order_by("enqueued_at"))


def run(job: DBTaskResult) -> str:
    """Do a job as the worker does."""
    return read_metric_reports.call(*job.args_kwargs["args"])


def test_a_registration_asks_for_its_reports_with_one_insert(root):
    make_version()
    with CaptureQueriesContext(
        connection,
    ) as without:
        make_version()
    with CaptureQueriesContext(connection) as with_report:
        package = make_version(model_metrics=METRICS)
    assert len(with_report) - len(without) <= 1
    (job,) = jobs()
    assert job.args_kwargs["args"] == [package.pk, 0]
    assert package.metrics_note == ""


def test_the_task_stores_what_the_report_holds(root):
    (root / "r.json").write_text(json.dumps(REPORT))
    package = make_version(model_metrics=METRICS)
    (job,) = jobs()
    assert run(job) == ""
    assert run(job) == "", "a job that is done twice does no harm"
    metric = Metric.objects.get(package=package)
    assert (metric.name, metric.value, metric.source) == ("auc", 0.91, Metric.Source.REPORT)
    assert len(jobs()) == 1


def test_what_cannot_be_read_is_tried_three_times_more_with_doubling_waits(root):
    package = make_version(model_metrics=METRICS)
    for attempt in range(RETRIES + 1):
        started, job = timezone.now(), jobs()[-1]
        assert job.args_kwargs["args"] == [package.pk, attempt]
        assert "no such file" in run(job)
        if attempt < RETRIES:
            waited = jobs()[-1].run_after - started
            assert FIRST_WAIT * 2**attempt <= waited < FIRST_WAIT * 2**attempt + timedelta(seconds=20)
    assert len(jobs()) == 1 + RETRIES
    package.refresh_from_db()
    assert package.metrics_note == "there is no such file in the mapped folder: s3://models/r.json"


def test_a_report_that_comes_late_is_read(root):
    package = make_version(model_metrics=METRICS)
    run(jobs()[0])
    (root / "r.json").write_text(json.dumps(REPORT))
    assert run(jobs()[1]) == ""
    package.refresh_from_db()
    assert package.metrics_note == ""
    assert package.metrics.get().value == 0.91


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("s3://elsewhere/r.json", "no folder is mapped to s3://elsewhere, and the extra s3 is not installed"),
        ("https://internal.example/r.json", "such addresses are not read"),
        ("file:///etc/passwd", "such addresses are not read"),
    ],
)
def test_nothing_is_asked_for_that_cannot_be_read_and_the_note_says_so_at_once(root, address, why):
    metrics = {"ModelQuality": {"Statistics": {"ContentType": "application/json", "S3Uri": address}}}
    package = make_version(model_metrics=metrics)
    package.refresh_from_db()
    assert package.metrics_note == f"{why}: {address}"
    assert jobs() == []


def test_a_version_that_was_deleted_meanwhile_is_passed_over(root):
    package = make_version(model_metrics=METRICS)
    services.delete_model_package(actor=an_actor(), package=package)
    assert run(jobs()[0]) == "deleted meanwhile"
    assert len(jobs()) == 1


def test_what_went_wrong_within_is_tried_again(root, monkeypatch):
    package = make_version(model_metrics=METRICS)

    def fail(**_: Any) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr("registry.catalog.services.metric_readings.store_metrics", fail)
    assert run(jobs()[0]) == "OSError"
    assert jobs()[1].args_kwargs["args"] == [package.pk, 1]


def test_reading_again_needs_a_contributor(root):
    package = make_version(model_metrics=METRICS)
    with pytest.raises(NotAllowed):
        services.read_metrics_again(actor=an_actor("viewer"), package=package)
    assert services.read_metrics_again(actor=an_actor("contributor"), package=package) is True
    assert len(jobs()) == 2


def test_the_page_says_why_and_reads_again(root):
    package = make_version(model_metrics=METRICS)
    run(jobs()[0])
    contributor, viewer = Client(), Client()
    contributor.force_login(make_user("contributor"))
    viewer.force_login(make_user("viewer"))
    page = contributor.get(package.get_absolute_url()).content.decode()
    assert "Metric report not read: there is no such file in the mapped folder" in page.replace("<wbr>", "")
    assert "Read again" in page
    assert "Read again" not in viewer.get(package.get_absolute_url()).content.decode()
    address = f"{package.get_absolute_url()}metrics/"
    before = len(jobs())
    assert viewer.post(address).status_code == 403
    assert len(jobs()) == before
    answer = contributor.post(address)
    assert (answer.status_code, answer["Location"]) == (302, f"{package.get_absolute_url()}#metrics")
    assert len(jobs()) == before + 1


def test_a_killed_worker_loses_no_job(root):
    make_version(model_metrics=METRICS)
    (job,) = jobs()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    job.claim(f"here:{dead.pid}")
    assert not DBTaskResult.objects.ready().exists()
    assert take_up_lost_jobs("here") == 1
    assert DBTaskResult.objects.ready().get() == job
    job.refresh_from_db()
    job.claim(f"here:{os.getppid()}")
    assert take_up_lost_jobs("here") == 0, "that one lives"
    assert take_up_lost_jobs("elsewhere") == 0, "and another machine cannot know"
    DBTaskResult.objects.update(started_at=timezone.now() - timedelta(hours=1))
    assert take_up_lost_jobs("elsewhere") == 1
