"""Back to the version that was approved before: one step, all or nothing."""

import pytest
from django.core.exceptions import ValidationError

from registry.catalog import services
from registry.catalog.errors import Refused
from registry.events.models import Event
from tests.factories import make_group, make_package, make_version

from .test_reviews import APPROVED, FOLLOWING, REJECTED, counts, kinds, stage

pytestmark = pytest.mark.django_db


def test_back_rejects_the_current_one_and_moves_its_stage(people):
    group = make_group("fraud")
    old, rejected, current = (make_version(group, approval_status=s) for s in (APPROVED, REJECTED, APPROVED))
    stage(people, current, "Production")
    stage(people, old, "Archived")
    previous = services.back_to_previous_approved(actor=people["ann"], package=current, reason="Drift in Spain.")
    assert previous == old
    for version in (old, current, rejected):
        version.refresh_from_db()
    assert (old.is_approved, old.stage, old.stage_status) == (True, "Production", "Approved")
    assert (current.approval_status, current.stage) == (REJECTED, "")
    assert (current.approval_description, current.model_life_cycle) == ("Drift in Spain.", None)
    assert counts(group) == (0, 1, 2, 1)
    assert kinds()[-3:] == ["model_package.approval_status_changed"] + ["model_package.stage_changed"] * 2
    assert {event.comment for event in Event.objects.order_by("-id")[:3]} == {"Drift in Spain."}


def test_back_without_a_stage_moves_none(people):
    group = make_group("fraud")
    old, current = (make_version(group, approval_status=APPROVED) for _ in range(2))
    stage(people, old, "Staging")
    services.back_to_previous_approved(actor=people["ann"], package=current, reason="Drift.")
    old.refresh_from_db()
    assert old.stage == "Staging"
    assert services.undo_decision(actor=people["ann"], package=current).is_approved


def test_back_passes_over_what_is_not_what_was_approved(people):
    group = make_group("fraud")
    oldest, changed, current = (make_version(group, approval_status=APPROVED) for _ in range(3))
    FOLLOWING["content"](people, changed)
    assert services.back_to_previous_approved(actor=people["ann"], package=current, reason="Drift.") == oldest


def test_back_is_refused_without_reason_target_or_approval_and_changes_nothing(people):
    group = make_group("fraud")
    first, waiting = make_version(group, approval_status=APPROVED), make_version(group)
    before = Event.objects.count()
    with pytest.raises(ValidationError):
        services.back_to_previous_approved(actor=people["ann"], package=first, reason="  ")
    for package in (first, waiting, make_package("alone", approval_status=APPROVED)):
        with pytest.raises(Refused):
            services.back_to_previous_approved(actor=people["ann"], package=package, reason="Drift.")
    assert Event.objects.count() == before + 1  # the package alone
