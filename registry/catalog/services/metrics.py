"""Keep the metrics of a package: what reports hold, and what metadata names `metric.*`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.events.services import record

from ..metric_reports import ReportedMetric
from ..models import METADATA_PREFIX, Metric, ModelPackage
from ..validators import METRIC_NAME_MAX
from .locks import lock_package


def number_or_none(text: str) -> float | None:
    """The finite number that a text says, None if it says none."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def metrics_of_metadata(pairs: Mapping[str, str]) -> dict[str, float]:
    """The numeric `metric.NAME` pairs of customer metadata, as NAME and number."""
    found = {}
    for key, value in pairs.items():
        if not key.startswith(METADATA_PREFIX):
            continue
        name, number = key.removeprefix(METADATA_PREFIX), number_or_none(value)
        if name and len(name) <= METRIC_NAME_MAX and number is not None:
            found[name] = number
    return found


def sync_metadata_metrics(package: ModelPackage, pairs: Mapping[str, str]) -> None:
    """Make the metric rows that come from metadata follow `pairs`; rows of reports and typed ones are not touched."""
    wanted = metrics_of_metadata(pairs)
    rows = {row.name: row for row in Metric.objects.filter(package=package)}
    for name, row in rows.items():
        if row.source == Metric.Source.METADATA and name not in wanted:
            row.delete()
        elif row.source == Metric.Source.METADATA and row.value != wanted[name]:
            row.value = wanted[name]
            row.save(update_fields=["value"])
    Metric.objects.bulk_create(
        Metric(package=package, name=name, value=value, source=Metric.Source.METADATA)
        for name, value in wanted.items()
        if name not in rows
    )


@transaction.atomic
def store_metrics(
    *,
    actor: Actor,
    package: ModelPackage,
    metrics: Sequence[ReportedMetric],
    note: str = "",
    batch: UUID | None = None,
    in_feed: bool = False,
) -> None:
    """Take over what the metric reports of a package hold; a reported metric replaces one from metadata.

    `note` says why a report could not be read. Leaves `model_package.metrics_read` if that changes anything. Needs
    contributor, since it only reads what the registration names.
    """
    authorize(actor, "model_package.create", package)
    locked = lock_package(package)
    rows = {row.name: row for row in Metric.objects.filter(package=locked)}
    fresh = []
    for metric in metrics:
        row = rows.get(metric.name)
        same = row is not None and (row.value, row.standard_deviation) == (
            metric.value,
            metric.standard_deviation,
        )
        if same and row is not None and row.source == Metric.Source.REPORT:
            continue
        fresh.append(metric)
    if not fresh and locked.metrics_note == note:
        return
    Metric.objects.filter(package=locked, name__in=[metric.name for metric in fresh]).delete()
    Metric.objects.bulk_create(
        Metric(
            package=locked,
            name=metric.name,
            value=metric.value,
            standard_deviation=metric.standard_deviation,
            source=Metric.Source.REPORT,
        )
        for metric in fresh
    )
    ModelPackage.objects.filter(pk=locked.pk).update(metrics_note=note[:300])
    record(
        actor,
        "model_package.metrics_read",
        package=locked,
        after={
            "Metrics": {m.name: {"value": m.value, "standard_deviation": m.standard_deviation} for m in fresh},
            "Note": note[:300],
        },
        batch=batch,
        in_feed=in_feed,
    )
