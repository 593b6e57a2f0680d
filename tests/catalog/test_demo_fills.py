"""Large demo data is what the services would have left: its own log, done again by them, gives the same rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine
from django.db.models import Q

from registry.accounts.models import Role
from registry.accounts.permissions import Actor, NotAllowed
from registry.catalog import services
from registry.catalog.demo.scheme import Scheme
from registry.catalog.errors import AlreadyExists, Refused
from registry.catalog.metric_reports import ReportedMetric
from registry.catalog.models import (
    Container,
    CustomerMetadataProperty,
    Metric,
    ModelPackage,
    ModelPackageGroup,
    Tag,
)
from registry.catalog.services.states import WIRE_MEMBERS
from registry.events.models import Event
from registry.web.sentences import TELLERS, tell
from tests.catalog.counters import assert_counts_equal_the_rows
from tests.factories import an_actor, make_group
from tests.log import behind_the_triggers

pytestmark = pytest.mark.django_db

SCHEME = Scheme(
    groups=12, versions=90, seed=7, prefix="fill", region="us-east-1", until=datetime(2026, 11, 1, tzinfo=UTC)
)
SYSTEM = Actor.system("command")
OTHER = "eu-west-1"


def fill(scheme: Scheme = SCHEME, **more: Any) -> int:
    return services.fill_with_demo(actor=SYSTEM, scheme=scheme, **more)


# ---------- the log done again ----------


def actor_of(event: Event) -> Actor:
    return Actor(
        name=event.actor_name,
        role=Role.ADMIN,
        door=event.door,
        access_key=event.access_key,
        user_agent=event.user_agent,
    )


def registration_of(after: dict[str, Any]) -> services.Registration:
    columns = {column: after[member] for column, member in WIRE_MEMBERS.items() if member in after}
    return services.Registration(
        **columns,
        model_life_cycle=after.get("ModelLifeCycle"),
        customer_metadata_properties=after.get("CustomerMetadataProperties", {}),
        tags=[(tag["Key"], tag["Value"]) for tag in after.get("Tags", [])],
    )


def do_again(event: Event) -> None:
    """Do in the other region what an event tells, by the service that leaves such events."""
    actor, after = actor_of(event), event.after or {}
    group = ModelPackageGroup.objects.filter(region=OTHER, name=event.group_name).first()
    if event.kind == "model_package_group.created":
        services.create_model_package_group(
            actor=actor,
            region=OTHER,
            name=event.group_name,
            description=after["ModelPackageGroupDescription"],
            tags=[(tag["Key"], tag["Value"]) for tag in after["Tags"]],
        )
    elif event.kind == "model_package_group.tagged":
        services.set_tags(actor=actor, owner=group, tags=[(tag["Key"], tag["Value"]) for tag in after["Tags"]])
    elif event.kind == "model_package.created":
        where = {"group": group} if group else {"region": OTHER, "name": event.package_name}
        services.create_model_package(actor=actor, registration=registration_of(after), **where)
    else:
        mine = Q(group=group, version=event.version) if group else Q(name=event.package_name)
        change(event, actor, ModelPackage.objects.get(mine, region=OTHER), after)


def change(event: Event, actor: Actor, package: ModelPackage, after: dict[str, Any]) -> None:
    if event.kind == "model_package.approval_status_changed":
        services.update_approval_status(
            actor=actor, package=package, approval_status=after["ModelApprovalStatus"], comment=event.comment
        )
    elif event.kind == "model_package.stage_changed":
        cycle = after["ModelLifeCycle"]
        services.update_model_life_cycle(
            actor=actor,
            package=package,
            stage=cycle["Stage"],
            stage_status=cycle["StageStatus"],
            stage_description=cycle.get("StageDescription", ""),
        )
    elif event.kind == "model_package.metadata_changed":
        services.update_customer_metadata(actor=actor, package=package, put=after["CustomerMetadataProperties"])
    else:
        assert event.kind == "model_package.metrics_read"
        found = [ReportedMetric(n, m["value"], m["standard_deviation"]) for n, m in after["Metrics"].items()]
        services.store_metrics(actor=actor, package=package, metrics=found, note=after["Note"])


def in_region(region: str) -> Iterator[Any]:
    """Every row of a region without its ids, each table in the order of its ids."""
    owners = {
        ModelPackageGroup: "region",
        ModelPackage: "region",
        Container: "package__region",
        CustomerMetadataProperty: "package__region",
        Metric: "package__region",
        Event: "region",
    }
    for model, path in owners.items():
        for row in model.objects.filter(**{path: region}).order_by("pk"):
            yield plain(row)
    for tag in Tag.objects.filter(Q(group__region=region) | Q(package__region=region)).order_by("pk"):
        yield plain(tag)


def plain(row: Any) -> tuple[str, dict[str, Any]]:
    subject = getattr(row, "package", None) or getattr(row, "group", None)
    values = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields}
    # The log on PostgreSQL (jsonb) does not keep the order of pairs, which is what slots are.
    # The ids are part of what a chain hashes.
    for name in ("id", "region", "group_id", "package_id", "slot", "chain", "position", "previous", "digest"):
        values.pop(name, None)
    return type(row).__name__, values | {"subject": str(subject)}


def test_the_services_leave_the_same_rows_for_the_same_log(settings, tmp_path):
    settings.REGISTRY_METRICS_ROOTS = {"ml-artifacts-demo": tmp_path}
    fill()
    log = list(Event.objects.exclude(kind="registry.imported").order_by("pk"))
    assert {"model_package.stage_changed", "model_package.metrics_read", "model_package_group.tagged"} <= {
        event.kind for event in log
    }
    with time_machine.travel(log[0].at, tick=False) as clock:
        for event in log:
            clock.move_to(event.at)
            do_again(event)
    ours, theirs = sorted(in_region("us-east-1"), key=repr), sorted(in_region(OTHER), key=repr)
    assert len(ours) == len(theirs) > 1000
    assert next((pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]), None) is None
    order = [[(e.kind, e.group_name, e.version) for e in Event.objects.filter(region=r).order_by("pk")] for r in (
        "us-east-1", OTHER,
    )]  # fmt: skip
    assert order[0] == order[1]


# ---------- counts and order ----------


def test_groups_count_what_they_hold():
    fill()
    groups = list(ModelPackageGroup.objects.all())
    for group in groups:
        assert_counts_equal_the_rows(group)
    assert (len(groups), sum(group.version_count for group in groups)) == (12, 90)
    waiting = ModelPackage.objects.filter(approval_status="PendingManualApproval")
    assert waiting.filter(waiting_since=None).count() == 0 < waiting.count()


def test_the_log_is_in_the_order_of_time_and_reads_as_sentences():
    fill()
    log = list(Event.objects.exclude(kind="registry.imported").order_by("pk"))
    assert [event.at for event in log] == sorted(event.at for event in log)
    assert log[-1].at < SCHEME.until
    for event in log:
        assert event.kind in TELLERS
        assert "None" not in tell(event).text


def test_the_same_scheme_gives_the_same_rows():
    def rows(seed: int) -> list[Any]:
        fill(replace(SCHEME, seed=seed))
        found = [row for row in in_region("us-east-1") if row[1].get("kind") != "registry.imported"]
        with behind_the_triggers():
            Event.objects.all().delete()
        for model in (Tag, Metric, CustomerMetadataProperty, Container, ModelPackage, ModelPackageGroup):
            model.objects.all().delete()
        return found

    first = rows(1)
    assert first == rows(1)
    assert first != rows(2)


# ---------- what is there ----------


def test_a_second_run_says_it_is_there_and_changes_nothing():
    fill()
    before = Event.objects.count()
    with pytest.raises(AlreadyExists):
        fill()
    with pytest.raises(Refused):
        fill(replace(SCHEME, seed=8), add=True)
    assert Event.objects.count() == before


def test_it_goes_into_a_registry_that_is_not_empty_only_when_told():
    made = make_group("fraud")
    with pytest.raises(Refused):
        fill()
    fill(add=True)
    fill(replace(SCHEME, prefix="more"), add=True)
    assert ModelPackageGroup.objects.count() == 25
    # Ids that are given by the database go on behind those that were reserved.
    assert make_group("later").pk > made.pk
    assert services.create_model_package(
        actor=SYSTEM, group=ModelPackageGroup.objects.order_by("pk").last(), registration=services.Registration()
    )


def test_only_who_may_import_may_fill():
    with pytest.raises(NotAllowed):
        services.fill_with_demo(actor=an_actor(Role.REVIEWER), scheme=SCHEME)
    assert not ModelPackageGroup.objects.exists()
