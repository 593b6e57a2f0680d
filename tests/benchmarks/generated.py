"""Groups and versions made up in bulk, for plans: the shape of real data, none of its rules."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection, transaction

from registry.catalog.models import (
    Check,
    Container,
    CustomerMetadataProperty,
    Metric,
    ModelPackage,
    ModelPackageGroup,
    Tag,
)
from registry.events.models import Event
from registry.events.services import append

from .asked import REGION

SIZES = (2000, *[40] * 450)  # versions of each group
UNVERSIONED = 500
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STATUSES = ("PendingManualApproval", "Approved", "Rejected")
STAGES = ("Development", "Staging", "Production")


def fill() -> tuple[int, str]:
    """Fill the product's tables; returns the id of the largest group, and what there is in words."""
    groups = ModelPackageGroup.objects.bulk_create(_group(place, size) for place, size in enumerate(SIZES))
    packages = ModelPackage.objects.bulk_create(_packages(groups), batch_size=2000)
    Tag.objects.bulk_create(Tag(group=group, key="team", value=f"team-{group.pk % 20}", slot=0) for group in groups)
    alone = [package for package in packages if package.group_id is None]
    Tag.objects.bulk_create(Tag(package=row, key="team", value=f"team-{row.pk % 20}", slot=0) for row in alone)
    for model, rows in (
        (Container, _containers(packages)),
        (CustomerMetadataProperty, _pairs(packages)),
        (Metric, _metrics(packages)),
        (Check, _checks(packages)),
    ):
        model.objects.bulk_create(rows, batch_size=5000)  # type: ignore[attr-defined]
    with transaction.atomic():
        append(list(_events(packages)))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    said = f"{len(groups)} groups, {len(packages) - len(alone):,} versions, {len(alone)} unversioned packages"
    return groups[0].pk, f"{said}, {Event.objects.count():,} events"


def _group(place: int, size: int) -> ModelPackageGroup:
    counts = [sum(1 for n in range(1, size + 1) if n % 3 == rest) for rest in range(3)]
    return ModelPackageGroup(
        region=REGION,
        name=f"model-{place:03}",
        description=f"Model number {place}",
        created_at=BEGAN,
        updated_at=BEGAN + timedelta(minutes=place),
        last_version=size,
        version_count=size,
        waiting_count=counts[0],
        approved_count=counts[1],
        rejected_count=counts[2],
        latest_created_at=BEGAN + timedelta(hours=size),
        approved_version=next(n for n in range(size, 0, -1) if n % 3 == 1),
        approved_at=BEGAN + timedelta(hours=size),
    )


def _packages(groups: list[ModelPackageGroup]) -> Iterator[ModelPackage]:
    for group in groups:
        for number in range(1, group.last_version + 1):
            yield _package(number, group=group, version=number)
    for number in range(UNVERSIONED):
        yield _package(number, name=f"package-{number:03}")


def _package(number: int, **named: Any) -> ModelPackage:
    status, moment = STATUSES[number % 3], BEGAN + timedelta(hours=number)
    return ModelPackage(
        region=REGION,
        description=f"Run {number}",
        approval_status=status,
        waiting_since=moment if status == STATUSES[0] else None,
        decided_at=None if status == STATUSES[0] else moment,
        stage=STAGES[number % 3],
        stage_status="PendingApproval",
        created_at=moment,
        created_by_name=f"person-{number % 12}",
        **named,
    )


def _containers(packages: list[ModelPackage]) -> Iterator[Container]:
    for row in packages:
        name = f"xgboost:1.{row.pk % 400}"
        image = f"registry.example/{name}"
        url = f"s3://models/{row.pk}.tar.gz"
        yield Container(package=row, position=0, image=image, image_name=name, image_tag=name[8:], model_data_url=url)


def _pairs(packages: list[ModelPackage]) -> Iterator[CustomerMetadataProperty]:
    for row in packages:
        values = {"commit": f"c{row.pk % 7000:05}", "feature_set": f"v{row.pk % 30}", "dataset": f"{row.pk % 90}"}
        for slot, (key, value) in enumerate(values.items()):
            yield CustomerMetadataProperty(package=row, key=key, value=value, slot=slot)


def _metrics(packages: list[ModelPackage]) -> Iterator[Metric]:
    for row in packages:
        yield Metric(package=row, name="auc", value=0.8 + row.pk % 100 / 1000, source=Metric.Source.REPORT)
        yield Metric(package=row, name="log_loss", value=0.3 + row.pk % 70 / 1000, source=Metric.Source.REPORT)


def _checks(packages: list[ModelPackage]) -> Iterator[Check]:
    for row in packages[::10]:
        yield Check(
            package=row, name="bias", state="success", reported_at=row.created_at, reported_by_name="ci", slot=0
        )


def _events(packages: list[ModelPackage]) -> Iterator[Event]:
    for place, row in enumerate(packages):
        yield Event(
            at=row.created_at,
            kind="model_package.created",
            category="registration" if place % 4 else "review",
            actor_name=row.created_by_name,
            door="wire",
            region=row.region,
            group_id=row.group_id,
            group_name=row.group.name if row.group is not None else "",
            package_id=row.pk,
            package_name=row.name or "",
            version=row.version,
        )
