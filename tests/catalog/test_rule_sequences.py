"""Any order of actions, and eight people at once: nothing is approved while a rule fails, but by an override."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from registry.accounts.models import User
from registry.accounts.permissions import Actor, NotAllowed
from registry.catalog import services
from registry.catalog.errors import Refused
from registry.catalog.metric_gates import parse_gate
from registry.catalog.models import ModelPackage, ModelPackageGroup, Vote
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import make_group, make_user, specification

from .review_oracle import Oracle
from .test_concurrency import at_once

PEOPLE = {"ann": "reviewer", "ben": "reviewer", "cat": "reviewer", "ada": "admin", "max": "contributor"}
NAMES = list(PEOPLE)
STATUSES = ["Approved", "Approved", "Approved", "Rejected", "PendingManualApproval"]
# 0.875 and 0.5 are exact in binary, so that the oracle's plain arithmetic is right.
GATES = (parse_gate("auc > 0.875"), parse_gate("auc not more than 0.0625 below the approved version"))
RULES = [
    ReviewRules(),
    ReviewRules(approvals_needed=2),
    ReviewRules(approvals_needed=3, author_may_not_approve=True),
    ReviewRules(author_may_not_approve=True, comment_required=True),
    ReviewRules(metric_gates=GATES[:1], required_checks=("ci",)),
    ReviewRules(metric_gates=GATES[1:], required_metadata_keys=("owner",)),
    ReviewRules(approvals_needed=2, content_withdraws_approval=True, required_checks=("ci",)),
]

people, rounds = st.sampled_from(NAMES), st.integers(0, 2)
actions = st.one_of(
    st.tuples(st.just("decide"), people, rounds, st.sampled_from(STATUSES), st.sampled_from(["", "Why."]),
              st.sampled_from([False, False, False, True]), st.sampled_from(["browser", "sagemaker", "admin"])),
    st.tuples(st.just("decide"), people, rounds, st.just("Approved"), st.just("Why."), st.just(False),
              st.just("browser")),
    st.tuples(st.just("register"), people, rounds, st.sampled_from(STATUSES), st.sampled_from(["0.9375", "0.75", ""])),
    st.tuples(st.just("metadata"), people, rounds, st.sampled_from(["owner", "metric.auc"]),
              st.sampled_from(["0.875", "0.9375", ""])),
    st.tuples(st.just("content"), people, rounds, st.integers(0, 2), st.sampled_from([None, "Approved"])),
    st.tuples(st.just("check"), people, rounds, st.sampled_from(["success", "success", "failure"])),
    st.tuples(st.just("rules"), st.just("ada"), rounds, st.integers(0, len(RULES) - 1)),
    st.tuples(st.sampled_from(["undo", "undo", "withdraw", "request", "back"]), people, rounds),
)  # fmt: skip


def do(action: tuple[Any, ...], users: dict[str, User], group: ModelPackageGroup) -> None:
    """One action of one person; what is refused has done nothing."""
    kind, name, place, *more = action
    actor = Actor.of(users[name], more[3] if kind == "decide" else "browser")
    package = ModelPackage.objects.filter(version=place + 1).first()
    group = ModelPackageGroup.objects.get(pk=group.pk)
    try:
        if kind == "register":
            status, auc = more
            pairs = {"owner": "x", "metric.auc": auc} if auc else {}
            registration = services.Registration(
                approval_status=status,
                customer_metadata_properties=pairs,
                inference_specification=specification("image:0"),
            )
            services.create_model_package(actor=actor, group=group, registration=registration)
        elif kind == "rules":
            services.update_review_rules(actor=actor, group=group, rules=RULES[more[0]])
        elif package is None:
            return
        elif kind == "decide":
            services.update_approval_status(
                actor=actor, package=package, approval_status=more[0], comment=more[1], override=more[2]
            )
        elif kind == "metadata":
            key, value = more
            changes = {"put": {key: value}} if value else {"remove": [key]}
            services.update_customer_metadata(actor=actor, package=package, **changes)
        elif kind == "content":
            changes = services.PackageChanges(
                inference_specification=specification(f"image:{more[0]}"), approval_status=more[1]
            )
            services.update_model_package(actor=actor, package=package, changes=changes)
        elif kind == "check":
            services.report_check(actor=actor, package=package, name="ci", state=more[0])
        elif kind == "undo":
            services.undo_decision(actor=actor, package=package)
        elif kind == "withdraw":
            services.withdraw_vote(actor=actor, package=package)
        elif kind == "request":
            services.request_changes(actor=actor, package=package, comment="More.")
        elif kind == "back":
            services.back_to_previous_approved(actor=actor, package=package, reason="Drift.")
    except (ValidationError, Refused, NotAllowed):
        pass


@pytest.mark.django_db
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(start=st.integers(0, len(RULES) - 1), steps=st.lists(actions, min_size=5, max_size=25))
@example(
    start=0,
    steps=[
        ("decide", "ann", 0, "Approved", "Why.", False, "browser"),
        ("decide", "ben", 0, "Rejected", "Why.", False, "browser"),
        ("rules", "ada", 0, 4),
        ("undo", "ben", 0),
        ("check", "max", 0, "success"),
        ("undo", "ben", 0),
    ],
)
@example(
    start=1,
    steps=[
        ("decide", "ann", 0, "Approved", "Why.", False, "browser"),
        ("decide", "ben", 0, "Approved", "Why.", False, "sagemaker"),
        ("rules", "ada", 0, 0),
        ("undo", "ben", 0),
        ("rules", "ada", 0, 1),
        ("decide", "cat", 0, "Approved", "Why.", False, "browser"),
    ],
)
def test_nothing_is_approved_while_a_rule_fails_but_by_a_marked_override(start, steps):
    with transaction.atomic():
        users = {name: make_user(role, username=name) for name, role in PEOPLE.items()}
        oracle, group = Oracle({"ada"}), make_group("fraud")
        for step in [("rules", "ada", 0, start), ("register", "max", 0, "PendingManualApproval", "0.9375"), *steps]:
            do(step, users, group)
            assert not oracle.read_on(), step
            votes = set(Vote.objects.values_list("package", "user_name"))
            assert votes == {(pk, name) for pk, version in oracle.versions.items() for name in version.votes}, step
        transaction.set_rollback(True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_approved_while_a_rule_fails_with_eight_people_at_once(seed):
    users = {name: make_user(role, username=name) for name, role in PEOPLE.items()}
    oracle, group, chance = Oracle({"ada"}), make_group("fraud"), random.Random(seed)
    do(("rules", "ada", 0, 2), users, group)
    for _ in range(3):
        do(("register", "max", 0, "PendingManualApproval", "0.9375"), users, group)
    assert not oracle.read_on()

    def action() -> tuple[Any, ...]:
        name, place, kind = chance.choice(NAMES), chance.randrange(3), chance.random()
        if kind < 0.45:
            door = chance.choice(["browser", "browser", "sagemaker"])
            return ("decide", name, place, chance.choice(STATUSES), "Why.", chance.random() < 0.05, door)
        if kind < 0.55:
            return ("check", name, place, chance.choice(["success", "success", "failure"]))
        if kind < 0.65:
            return ("metadata", name, place, "metric.auc", chance.choice(["0.875", "0.9375", "0.75"]))
        if kind < 0.75:
            return ("content", name, place, chance.randrange(2), None)
        if kind < 0.85:
            return (chance.choice(["undo", "withdraw", "request", "back"]), name, place)
        if kind < 0.92:
            return ("register", name, place, "Approved", "0.9375")
        return ("rules", "ada", 0, chance.randrange(1, len(RULES)))

    plan = [action() for _ in range(96)]
    raised = [error for error in at_once(lambda number: do(plan[number], users, group), len(plan)) if error]
    assert not raised
    assert not oracle.read_on()
    assert oracle.approvals
    group.refresh_from_db()
    approved = ModelPackage.objects.filter(approval_status="Approved").values_list("version", flat=True)
    assert (group.approved_count, group.approved_version) == (len(approved), max(approved, default=None))


@pytest.mark.django_db(transaction=True)
def test_eight_people_at_once_are_eight_different_approvals_and_the_fifth_decides():
    group = make_group("fraud")
    admin = Actor.of(make_user("admin"), "browser")
    services.update_review_rules(actor=admin, group=group, rules=ReviewRules(approvals_needed=5))
    group.refresh_from_db()
    version = services.create_model_package(
        actor=admin, group=group, registration=services.Registration(approval_status="PendingManualApproval")
    )
    reviewers = [Actor.of(make_user("reviewer"), "browser") for _ in range(8)]
    at_once(
        lambda n: services.update_approval_status(
            actor=reviewers[n % 8], package=version, approval_status="Approved", comment=f"{n % 8}"
        ),
        16,
    )
    version.refresh_from_db()
    assert version.is_approved
    decision = Event.objects.filter(kind="model_package.approval_status_changed").earliest("id")
    assert len(set(decision.after["Approvals"])) == 5
    assert Event.objects.filter(kind="model_package.vote_given", id__lt=decision.pk).count() == 4
    assert not Vote.objects.exists()
