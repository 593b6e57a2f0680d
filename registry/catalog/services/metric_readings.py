"""Metric reports of what is registered one by one: asked for with the registration, read by the background worker.

The task is a row written in the registration's own transaction: it exists exactly when the version does, costs one
insert, and outlives a killed worker (`manage.py worker` takes up what one left behind).
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django_tasks import task

from registry.accounts.permissions import Actor, authorize

from ..errors import NotFound
from ..metric_reports import STORES, MetricReports
from ..models import ModelPackage
from .metrics import store_metrics

logger = logging.getLogger("registry.tasks")

RETRIES = 3
FIRST_WAIT = timedelta(seconds=30)  # doubled each time: a pipeline may write its report after it registered


def reports_in_reach() -> MetricReports:
    """What this server reads of its own accord: mapped folders, and object stores where the extra is installed."""
    return MetricReports(settings.REGISTRY_METRICS_ROOTS, schemes=STORES)


def note_out_of_reach(model_metrics: Any) -> tuple[bool, str]:
    """Whether to ask for a reading, and what to note at once where none is possible ("" where none is named)."""
    return reports_in_reach().within_reach(model_metrics) if model_metrics else (False, "")


def request_metric_reading(package: ModelPackage) -> None:
    """Have the reports of `package` read in the background; in the caller's transaction, one insert."""
    read_metric_reports.enqueue(package.pk, 0)


@transaction.atomic
def read_metrics_again(*, actor: Actor, package: ModelPackage) -> bool:
    """Have the reports of `package` read once more; False where none can be read, which is noted. Needs contributor.

    Leaves `model_package.metrics_read` when the reading (or the new note) changes anything.
    """
    authorize(actor, "model_package.create", package)
    readable, note = note_out_of_reach(package.model_metrics)
    if readable:
        request_metric_reading(package)
    elif note:
        store_metrics(actor=actor, package=package, metrics=(), note=note)
    return readable


@task()
def read_metric_reports(package_id: int, attempt: int) -> str:
    """Read the reports of a package and store their metrics; what cannot be read is tried RETRIES times again.

    Returns the note: "" when all was read. May run twice for the same package: storing is idempotent.
    """
    package = ModelPackage.objects.live().select_related("group").filter(pk=package_id).first()
    if package is None:
        return "deleted meanwhile"
    try:
        metrics, note = reports_in_reach().read(package.model_metrics)
        store_metrics(actor=Actor.system(), package=package, metrics=metrics, note=note)
    except NotFound:
        return "deleted meanwhile"
    except Exception as error:  # a locked database or the like: the job must not be lost with this attempt
        if attempt >= RETRIES:
            raise
        logger.warning("Metric reports of %s: %s, tried again", package, type(error).__name__)
        note = type(error).__name__
    if note and attempt < RETRIES:
        again = timezone.now() + FIRST_WAIT * 2**attempt
        read_metric_reports.using(run_after=again).enqueue(package_id, attempt + 1)
    return note
