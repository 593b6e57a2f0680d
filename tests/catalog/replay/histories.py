"""Random histories in which time goes on: what the services do to a few groups, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4

import time_machine
from django.core.exceptions import ValidationError

from registry.accounts.models import User
from registry.accounts.permissions import Actor, NotAllowed
from registry.catalog import services
from registry.catalog.errors import Refused
from registry.catalog.metric_reports import ReportedMetric
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.rules import ReviewRules
from registry.catalog.services import GroupRecord, PackageRecord, Registration
from tests.factories import REGION, make_user, specification

BEGAN = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
PEOPLE = {"ada": "admin", "rita": "reviewer", "rolf": "reviewer"}
STATUSES = ("Approved", "Approved", "Rejected", "PendingManualApproval")
NAMES = ("fraud", "churn")


class History:
    """`steps` yields the moment after each step; what is refused has done nothing."""

    def __init__(self, seed: int) -> None:
        self.chance = Random(seed)
        self.people: dict[str, User] = {name: make_user(role, username=name) for name, role in PEOPLE.items()}

    def steps(self, many: int) -> Iterator[datetime]:
        at = BEGAN
        for _ in range(many):
            at += timedelta(minutes=self.chance.randrange(1, 2_000), microseconds=self.chance.randrange(1_000_000))
            with time_machine.travel(at, tick=False):
                self.act()
                yield at

    def act(self) -> None:
        names = [name for name in dir(self) if name.startswith("do_")]
        weights = [4 if name in ("do_register", "do_decide", "do_metadata") else 1 for name in names]
        (name,) = self.chance.choices(names, weights)
        person = self.chance.choice(["ada", "ada", "rita", "rolf"])
        with suppress(Refused, ValidationError, NotAllowed):
            getattr(self, name)(Actor.of(self.people[person], "browser"))

    def _one(self, rows: Any) -> Any:
        found = list(rows.order_by("pk"))
        if not found:
            raise Refused("There is none.")
        return self.chance.choice(found)

    def group(self) -> ModelPackageGroup:
        return self._one(ModelPackageGroup.objects.live())

    def package(self) -> ModelPackage:
        return self._one(ModelPackage.objects.live().select_related("group"))

    def pick(self, *choices: Any) -> Any:
        return self.chance.choice(choices)

    # ---------- what is done ----------

    def do_group(self, actor: Actor) -> None:
        tags = [("team", self.pick("risk", "card"))]
        services.create_model_package_group(actor=actor, region=REGION, name=self.pick(*NAMES), tags=tags)

    def do_register(self, actor: Actor) -> None:
        registration = Registration(
            approval_status=self.pick("PendingManualApproval", "PendingManualApproval", "Approved", None),
            inference_specification=specification(f"image:{self.chance.randrange(3)}"),
            customer_metadata_properties=self.pick({}, {"b": "1", "a": "2"}, {"metric.auc": "0.5"}),
            metrics=self.pick((), (("rmse", 0.25),)),
        )
        services.create_model_package(actor=actor, group=self.group(), registration=registration)

    def do_decide(self, actor: Actor) -> None:
        status, comment = self.pick(*STATUSES), self.pick("", "Why.", "So.")
        services.update_approval_status(actor=actor, package=self.package(), approval_status=status, comment=comment)

    def do_undo(self, actor: Actor) -> None:
        services.undo_decision(actor=actor, package=self.package())

    def do_request(self, actor: Actor) -> None:
        services.request_changes(actor=actor, package=self.package(), comment="More.")

    def do_metadata(self, actor: Actor) -> None:
        key = self.pick("a", "b", "zone", "metric.auc")
        changes = self.pick({"put": {key: "0.75", "c": "3"}}, {"put": {key: "1"}}, {"remove": [key]})
        services.update_customer_metadata(actor=actor, package=self.package(), **changes)

    def do_content(self, actor: Actor) -> None:
        changes = services.PackageChanges(inference_specification=specification(f"image:{self.chance.randrange(3)}"))
        services.update_model_package(actor=actor, package=self.package(), changes=changes)

    def do_stage(self, actor: Actor) -> None:
        stage = self.pick("Staging", "Production")
        services.update_model_life_cycle(actor=actor, package=self.package(), stage=stage, stage_status="Draft")

    def do_back(self, actor: Actor) -> None:
        services.back_to_previous_approved(actor=actor, package=self.package(), reason="Worse.")

    def do_check(self, actor: Actor) -> None:
        state = self.pick("success", "failure")
        services.report_check(actor=actor, package=self.package(), name=self.pick("ci", "bias"), state=state)

    def do_report(self, actor: Actor) -> None:
        found = [ReportedMetric("auc", self.pick(0.5, 0.75), None)]
        services.store_metrics(actor=actor, package=self.package(), metrics=found, note=self.pick("", "one is missing"))

    def do_rules(self, actor: Actor) -> None:
        rules = self.pick(ReviewRules(), ReviewRules(approvals_needed=2), ReviewRules(content_withdraws_approval=True))
        services.update_review_rules(actor=actor, group=self.group(), rules=rules)

    def do_tags(self, actor: Actor) -> None:
        tags = [(key, self.pick("1", "2")) for key in self.chance.sample("abc", 2)]
        services.set_tags(actor=actor, owner=self.group(), tags=tags)

    def do_describe(self, actor: Actor) -> None:
        words = self.pick("", "Cards.", "Payments.")
        services.update_model_package_group_description(actor=actor, group=self.group(), description=words)

    def do_delete(self, actor: Actor) -> None:
        services.delete_model_package(actor=actor, package=self.package())

    def do_restore(self, actor: Actor) -> None:
        gone = self._one(ModelPackage.objects.filter(deleted_at__isnull=False).select_related("group"))
        services.restore_model_package(actor=actor, package=gone)

    def do_delete_group(self, actor: Actor) -> None:
        services.delete_model_package_group(actor=actor, group=self.group())

    def do_restore_group(self, actor: Actor) -> None:
        gone = self._one(ModelPackageGroup.objects.filter(deleted_at__isnull=False))
        services.restore_model_package_group(actor=actor, group=gone)

    def do_import(self, actor: Actor) -> None:
        made = BEGAN - timedelta(days=self.chance.randrange(40))
        name = self.pick(*NAMES, "bought")
        records: list[Any] = [
            PackageRecord(
                place="a",
                region=REGION,
                group_name=name,
                version=self.chance.randrange(1, 12),
                created_at=made,
                created_by_name="somebody",
                last_modified_at=self.pick(None, made + timedelta(days=1)),
                last_modified_by_name="lead",
                registration=Registration(
                    approval_status=self.pick(*STATUSES), customer_metadata_properties=self.pick({}, {"x": "1"})
                ),
            ),
            GroupRecord(place="b", region=REGION, name=name, created_at=made, tags=[("from", "afar")]),
        ]
        self.chance.shuffle(records)
        services.import_records(
            actor=Actor.system("command"), records=records, source=f"dump {uuid4()}", update=self.pick(True, False)
        )
