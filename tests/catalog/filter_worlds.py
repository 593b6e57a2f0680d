"""Groups, versions and packages with random values, in the database and as plain values side by side."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.accounts.models import Role
from registry.accounts.permissions import Actor
from registry.catalog.models import Check, ModelPackage, ModelPackageGroup
from tests.factories import IMAGE, make_group, make_package, make_version, specification

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TEAMS, IMAGES, PEOPLE = ["fraud", "risk", "Risk", ""], [IMAGE, IMAGE.replace("1.7-1", "1.5-1")], ["ci", "ana"]
STAGES = ["Development", "Production", ""]
STATUS_VALUES = ["Approved", "PendingManualApproval", "Rejected", None]
AGES = [1, 30, 24 * 7, 24 * 60]


@dataclass
class Version:
    """A version or an unversioned package; `group` is None for those."""

    number: int
    status: str | None
    stage: str
    by: str
    image: str
    meta: dict[str, str]
    metrics: dict[str, float]
    checks: dict[str, str]
    description: str
    created_at: datetime
    updated_at: datetime | None
    tags: dict[str, str] = field(default_factory=dict)
    region: str = ""
    name: str = ""
    pk: int = 0


@dataclass
class Group:
    name: str
    description: str
    tags: dict[str, str]
    region: str
    created_at: datetime
    updated_at: datetime
    versions: list[Version] = field(default_factory=list)


@dataclass
class World:
    groups: list[Group] = field(default_factory=list)
    packages: list[Version] = field(default_factory=list)


def a_version(dice: random.Random, number: int) -> Version:
    return Version(
        number=number,
        status=dice.choice(STATUS_VALUES),
        stage=dice.choice(STAGES),
        by=dice.choice(PEOPLE),
        image=dice.choice(IMAGES),
        meta={key: dice.choice(["v13", "v14"]) for key in ("feature_set", "seed") if dice.random() < 0.5},
        metrics={name: dice.choice([0.5, 0.9, 0.95]) for name in ("auc", "loss") if dice.random() < 0.6},
        checks={
            name: dice.choice(["success", "failure", "pending"]) for name in ("unit", "e2e") if dice.random() < 0.5
        },
        description=dice.choice(["Fraud score", "retrained weekly", ""]),
        created_at=NOW - timedelta(hours=dice.choice(AGES)),
        updated_at=None if dice.random() < 0.4 else NOW - timedelta(hours=dice.choice(AGES)),
    )


def saved(version: Version, **where: Any) -> ModelPackage:
    cycle = {"Stage": version.stage, "StageStatus": "Done"} if version.stage else None
    make = make_version if "group" in where else make_package
    row = make(
        **where,
        actor=Actor(name=version.by, role=Role.ADMIN, door="browser"),
        approval_status=version.status,
        model_life_cycle=cycle,
        description=version.description,
        customer_metadata_properties=version.meta,
        metrics=list(version.metrics.items()),
        inference_specification=specification(version.image),
    )
    times = {"created_at": version.created_at, "last_modified_at": version.updated_at}
    ModelPackage.objects.filter(pk=row.pk).update(**times)
    for slot, (name, state) in enumerate(version.checks.items()):
        Check.objects.create(package=row, name=name, state=state, reported_at=NOW, reported_by_name="ci", slot=slot)
    version.pk = row.pk
    return row


def make_world(seed: int) -> World:
    """A dozen groups and packages with random values, in the database and as plain values."""
    dice, made = random.Random(seed), World()
    for number in range(12):
        tags = {key: dice.choice(TEAMS) for key in ("team", "tier") if dice.random() < 0.6}
        group = Group(
            name=f"{dice.choice(['fraud', 'demand', 'Score'])}-{dice.choice(['xgb', 'skl'])}-{number}",
            description=" ".join(dice.sample(["Fraud score", "retrained weekly", "demand"], dice.randint(0, 2))),
            tags=tags,
            region=dice.choice(["us-east-1", "eu-west-1"]),
            created_at=NOW - timedelta(hours=dice.choice(AGES)),
            updated_at=NOW - timedelta(hours=dice.choice(AGES)),
        )
        row = make_group(group.name, description=group.description, region=group.region, tags=list(tags.items()))
        for place in range(dice.randint(0, 3)):
            version = a_version(dice, place + 1)
            version.region, version.tags = group.region, group.tags
            saved(version, group=row)
            group.versions.append(version)
        times = {"created_at": group.created_at, "updated_at": group.updated_at}
        ModelPackageGroup.objects.filter(pk=row.pk).update(**times)
        made.groups.append(group)
        package = a_version(dice, 0)
        package.name, package.region, package.tags = f"pack-{number}", dice.choice(["us-east-1", "eu-west-1"]), tags
        saved(package, name=package.name, region=package.region, tags=list(tags.items()))
        made.packages.append(package)
    return made
