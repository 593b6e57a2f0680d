"""What reviewing leaves in the log, as the feeds say it."""

import pytest

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.metric_gates import parse_gate
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from registry.web.sentences import tell
from tests.factories import make_group, make_user, make_version, specification
from tests.log import add_event

pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return {name: Actor.of(make_user("admin", username=name), "browser") for name in ("ann", "ben")}


def last():
    return tell(Event.objects.order_by("-id").first())


def decide(actor, version, status="Approved", comment="", **more):
    services.update_approval_status(actor=actor, package=version, approval_status=status, comment=comment, **more)


def test_the_story_of_rules(people):
    ann, group = people["ann"], make_group("fraud")

    def change(**rules):
        services.update_review_rules(actor=ann, group=group, rules=ReviewRules(**rules))
        return last().text

    assert change(approvals_needed=2, comment_required=True) == "set 2 review rules for fraud"
    assert change(approvals_needed=3, metric_gates=(parse_gate("auc > 0.9"),)) == (
        "changed the review rules of fraud: approvals needed, comments, metrics"
    )
    assert change(approvals_needed=3) == "changed the review rules of fraud: metrics"
    assert change() == "removed the review rules of fraud"


def test_the_story_of_a_review(people):
    ann, ben = people.values()
    group = services.update_review_rules(actor=ann, group=make_group("fraud"), rules=ReviewRules(approvals_needed=2))
    version = make_version(group)
    services.report_check(actor=ben, package=version, name="unit tests", state="failure", summary="2 of 40 failed")
    assert (last().text, last().quote, last().tone) == (
        "reported that check unit tests failed on fraud v1", "2 of 40 failed", "bad",
    )  # fmt: skip
    services.report_check(actor=ben, package=version, name="unit tests", state="pending")
    assert last().text == "reported that check unit tests runs on fraud v1"
    services.comment_on(actor=ann, package=version, comment="Why?")
    assert (last().text, last().quote) == ("commented on fraud v1", "Why?")
    services.request_changes(actor=ann, package=version, comment="More data.")
    assert (last().text, last().quote) == ("asked for changes to fraud v1", "More data.")
    decide(ann, version, comment="Good.")
    assert (last().text, last().quote) == ("approved fraud v1, 1 of 2 approvals", "Good.")
    services.withdraw_vote(actor=ann, package=version)
    assert last().text == "took their approval of fraud v1 back"
    decide(ann, version, comment="No CI today.", override=True)
    assert last().text == "approved fraud v1 against the rules of its group"
    services.undo_decision(actor=ann, package=version)
    assert last().text == "took back a decision on fraud v1, which is Waiting again"


def test_the_story_of_changed_content(people):
    ann, ben = people.values()
    version = make_version(make_group("fraud"))
    decide(ann, version, comment="Good.")
    new = services.PackageChanges(inference_specification=specification("new:1"))
    services.update_model_package(actor=ben, package=version, changes=new)
    assert last().text == "changed the inference specification of fraud v1, which is not what was approved"
    old = services.PackageChanges(inference_specification=specification())
    services.update_model_package(actor=ben, package=version, changes=old)
    assert last().text == "changed the inference specification of fraud v1, back to what was approved"
    services.update_model_package(actor=ben, package=version, changes=new)
    decide(ann, version, comment="Good.")
    assert last().text == "approved fraud v1 again"
    decide(ann, version, comment="Really.")
    assert last().text == "commented on fraud v1"
    rules = ReviewRules(content_withdraws_approval=True)
    services.update_review_rules(actor=ann, group=version.group, rules=rules)
    newer = services.PackageChanges(inference_specification=specification("newer:1"))
    services.update_model_package(actor=ben, package=version, changes=newer)
    assert last().text == "changed what was approved, so fraud v1 went back to Waiting"


def test_a_way_back_is_three_sentences(people):
    ann, group = people["ann"], make_group("fraud")
    make_version(group, approval_status="Approved")
    version = make_version(group, approval_status="Approved")
    services.update_model_life_cycle(actor=ann, package=version, stage="Production", stage_status="Approved")
    services.back_to_previous_approved(actor=ann, package=version, reason="Drift.")
    told = [tell(event).text for event in Event.objects.order_by("-id")[:3]]
    assert told == ["moved fraud v1 to Production", "took fraud v2 out of Production", "rejected fraud v2"]


def test_odd_rows_are_told_all_the_same():
    group = make_group("fraud")
    common = {"category": "review", "actor_name": "a", "door": "browser", "region": group.region, "group_name": "fraud"}
    odd = (None, {}, {"Check": 3, "Vote": [], "Approvals": "x", "Needed": None, "ModelApprovalStatus": []})
    for kind in ("vote_given", "vote_withdrawn", "changes_requested", "commented", "check_reported"):
        for state in odd:
            add_event(kind=f"model_package.{kind}", version=1, after=state, **common)
            assert "fraud v1" in last().text
    changed = {"before": [], "after": {"ReviewRules": {"new": 1}}}
    add_event(kind="model_package_group.rules_changed", **changed, **common)
    assert last().text == "set 1 review rule for fraud"
