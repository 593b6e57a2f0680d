"""A registry with a row in every table that a backup holds, and values that databases like to change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from registry.accounts.access_keys import create_access_key
from registry.accounts.models import User
from registry.accounts.permissions import Actor
from registry.accounts.teams import create_team
from registry.catalog import services
from registry.catalog.models import AnsweredCall, Metric, ModelPackage, SavedView
from registry.catalog.rules import ReviewRules
from registry.events.checkpoints import make_checkpoint
from tests.factories import an_actor, make_group, make_package, make_user, make_version

ADMIN = an_actor("admin")
TEXTS = [
    "",
    " ",
    "Größe 模型 🤖 e\u0301",
    "\u202eright to left\u202c \u200f\u200b\ufeff",
    "a\tb\nc\rd\\N\\.\\x00 \"quoted\" 'single' \x7f\u2028\u2029",
    "\\N",
    "NULL",
]
NUMBERS = [
    0,
    -1,
    10**30,
    -(10**30),
    2**63,
    1e23,
    1.5e300,
    5e-324,
    1e-7,
    -0.0,
    0.0,
    100.0,
    1.5,
    0.1,
    1e16,
    123456789.125,
]


def deep(levels: int) -> Any:
    """An object within an object within …"""
    value: Any = {"end": None}
    for level in range(levels):
        value = {"in": value, "b": level} if level % 2 else [value, level]
    return value


HOSTILE = {"texts": TEXTS, "numbers": NUMBERS, "deep": deep(120), "zz": True, "a": [None, False, {}, []], "": ""}


def make_world() -> dict[str, Any]:
    """Everything once, by the services; what they would not take is put behind them into columns without a rule."""
    people = {role: make_user(role, username=role) for role in ("viewer", "contributor", "reviewer", "admin")}
    _, secret = create_access_key(
        actor=Actor.of(people["contributor"], "browser"), user=people["contributor"], name="ci"
    )
    group = make_group("fraud", description="Größe 🤖", tags=[("team", "risk"), ("empty", "")])
    versions = [
        make_version(group, customer_metadata_properties={"k": "v", "metric.auc": "0.94"}, description=text)
        for text in TEXTS[:3]
    ]
    make_package("alone")
    team = create_team(actor=ADMIN, name="risk")
    services.set_group_teams(actor=ADMIN, group=make_group("limited"), teams=[team.name])
    services.update_review_rules(actor=ADMIN, group=group, rules=ReviewRules(approvals_needed=2))
    reviewer = Actor.of(people["reviewer"], "browser")
    services.update_approval_status(actor=reviewer, package=versions[0], approval_status="Approved", comment="One.")
    services.report_check(actor=ADMIN, package=versions[1], name="ci", state="success")
    services.comment_on(actor=ADMIN, package=versions[1], comment="\n".join(TEXTS))
    # What no door would let in, or writes only in part.
    hostile = ModelPackage.objects.filter(pk=versions[2].pk)
    hostile.update(model_card=HOSTILE, status_details=[], security_config="text", domain=TEXTS[4], task=TEXTS[3])
    for place, number in enumerate([-0.0, 1e23, 5e-324, 1.7976931348623157e308, 0.1, 3.0]):
        Metric.objects.create(package=versions[2], name=f"m{place}", value=number, source="typed")
    moment = datetime(2026, 2, 28, 23, 59, 59, tzinfo=UTC)
    hostile.update(last_modified_at=moment, decided_at=moment + timedelta(microseconds=1), imported_at=moment)
    AnsweredCall.objects.create(
        region="us-east-1", operation="CreateModelPackage", token="t", request_hash="0", answer=HOSTILE
    )
    SavedView.objects.create(owner=people["admin"], page="groups", name="late", query="updated:>7d", saved_at=moment)
    DBTaskResult.objects.create(
        id=UUID("00112233-4455-6677-8899-aabbccddeeff"),
        args_kwargs={"args": [1], "kwargs": {}},
        task_path="nothing",
        worker_ids=[],
        queue_name="default",
        backend_name="default",
    )
    LogEntry.objects.create(
        user=people["admin"],
        content_type=ContentType.objects.get_for_model(User),
        object_id="1",
        object_repr="rosa",
        action_flag=ADDITION,
        action_time=timezone.now(),
    )
    permission = Permission.objects.get(codename="view_user", content_type__app_label="accounts")
    people["viewer"].user_permissions.add(permission)
    Group.objects.get(name="viewer").permissions.add(permission)
    people["viewer"].emailaddress_set.create(email="viewer@registry.example")
    make_checkpoint()
    return {**people, "group": group, "versions": versions, "secret": secret}
