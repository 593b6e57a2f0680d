"""Votes, requests for changes, comments, undoing one's own decision, and going back to the version before."""

import pytest
from django.core.exceptions import ValidationError

from registry.accounts.models import Role
from registry.accounts.permissions import Actor, NotAllowed
from registry.catalog import services
from registry.catalog.errors import Conflict, Refused, RulesNotMet
from registry.catalog.models import ModelPackage, Vote
from registry.catalog.reports.reviews import review_state
from registry.catalog.rules import ReviewRules, digest_of_rules
from registry.events.models import Event
from tests.factories import make_group, make_version, specification

pytestmark = pytest.mark.django_db

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"


def group_with(people, **rules):
    group = make_group("fraud")
    return services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(**rules))


def decide(actor, version, status=APPROVED, comment="", **more):
    return services.update_approval_status(
        actor=actor, package=version, approval_status=status, comment=comment, **more
    )


def kinds():
    return list(Event.objects.order_by("id").values_list("kind", flat=True))


def columns(version):
    names = ("approval_status", "approval_description", "decided_at", "decided_by_name", "decided_by_override",
             "waiting_since", "approved_content")  # fmt: skip
    return ModelPackage.objects.values(*names).get(pk=version.pk)


def stage(people, version, name):
    services.update_model_life_cycle(
        actor=people["ann"], package=version, stage=name, stage_status="Approved", stage_description="All."
    )


def counts(group):
    group.refresh_from_db()
    return (group.waiting_count, group.approved_count, group.rejected_count, group.approved_version)


# ---------- rules of a group ----------


def test_changed_rules_leave_an_event_with_before_and_after(people):
    group = group_with(people, approvals_needed=2)
    services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(comment_required=True))
    event = Event.objects.latest("id")
    assert (event.kind, event.category) == ("model_package_group.rules_changed", "review")
    assert event.before == {"ReviewRules": {"approvals_needed": 2}}
    assert event.after == {"ReviewRules": {"comment_required": True}}
    services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(comment_required=True))
    assert kinds().count("model_package_group.rules_changed") == 2


def test_rules_that_changed_meanwhile_are_a_conflict(people):
    group = group_with(people, approvals_needed=2)
    seen = digest_of_rules(ReviewRules())
    with pytest.raises(Conflict) as refusal:
        services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(), seen=seen)
    assert refusal.value.current == ReviewRules(approvals_needed=2) and refusal.value.changed_by == "ada"
    seen = digest_of_rules(ReviewRules(approvals_needed=2))
    assert services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(), seen=seen)


def test_votes_end_where_one_approval_is_enough_and_do_not_come_back(people):
    group = group_with(people, approvals_needed=3)
    version = make_version(group)
    decide(people["ann"], version)
    for needed in (1, 2):
        services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(approvals_needed=needed))
    assert not Vote.objects.exists()
    assert decide(people["ben"], version).approval_status == WAITING


# ---------- votes ----------


def test_several_different_people_approve(people):
    version = make_version(group_with(people, approvals_needed=3))
    assert decide(people["ann"], version, comment="Good.").approval_status == WAITING
    decide(people["ann"], version, comment="Good.")
    decide(people["ann"], version, comment="Very good.")
    assert Vote.objects.get().comment == "Very good."
    assert decide(people["ben"], version).approval_status == WAITING
    assert decide(people["cat"], version).is_approved
    assert kinds()[-4:] == ["model_package.vote_given"] * 3 + ["model_package.approval_status_changed"]
    event = Event.objects.latest("id")
    assert event.after["Approvals"] == ["ann", "ben", "cat"]
    assert [vote["User"] for vote in event.before["Votes"]] == ["ann", "ben"]
    assert not Vote.objects.exists()


def test_a_vote_is_no_modification_on_the_wire_but_others_must_have_seen_it(people):
    version = make_version(group_with(people, approvals_needed=3))
    voted = decide(people["ann"], version, seen=version.revision)
    assert (voted.last_modified_at, voted.revision) == (None, 1)
    with pytest.raises(Conflict):
        decide(people["ben"], version, seen=version.revision)


def test_a_vote_can_be_taken_back(people):
    version = make_version(group_with(people, approvals_needed=2))
    decide(people["ann"], version)
    services.withdraw_vote(actor=people["ann"], package=version)
    assert decide(people["ben"], version).approval_status == WAITING
    with pytest.raises(Refused):
        services.withdraw_vote(actor=people["ann"], package=version)
    assert kinds()[-2:] == ["model_package.vote_withdrawn", "model_package.vote_given"]


def test_a_rejection_ends_the_round(people):
    version = make_version(group_with(people, approvals_needed=2))
    decide(people["ann"], version)
    decide(people["ben"], version, REJECTED, "No.")
    assert not Vote.objects.exists()
    with pytest.raises(RulesNotMet, match="Put it back to waiting first"):
        decide(people["ann"], version)
    decide(people["ann"], version, WAITING)
    assert decide(people["ann"], version).approval_status == WAITING
    assert decide(people["ben"], version).is_approved


def test_only_an_admin_overrides_and_only_with_a_comment(people):
    version = make_version(group_with(people, approvals_needed=2, required_checks=("ci",)))
    with pytest.raises(NotAllowed):
        decide(people["ann"], version, comment="I may.", override=True)
    with pytest.raises(ValidationError, match="Say why"):
        decide(people["ada"], version, override=True)
    with pytest.raises(ValidationError, match="Only an approval"):
        decide(people["ada"], version, REJECTED, "No.", override=True)
    assert decide(people["ada"], version, comment="CI is down.", override=True).decided_by_override
    assert len(Event.objects.latest("id").after["FailedRules"]) == 2
    decide(people["ada"], version, REJECTED, "No.")
    assert not columns(version)["decided_by_override"]


def test_an_override_of_rules_that_hold_is_no_override(people):
    version = make_version(group_with(people, comment_required=True))
    assert not decide(people["ada"], version, comment="Good.", override=True).decided_by_override
    assert "Override" not in Event.objects.latest("id").after


# ---------- requests and comments ----------


def test_a_request_for_changes_leaves_it_waiting_and_takes_the_own_vote_back(people):
    version = make_version(group_with(people, approvals_needed=3))
    for name in ("ann", "ben"):
        decide(people[name], version)
    with pytest.raises(ValidationError):
        services.request_changes(actor=people["ann"], package=version, comment=" ")
    asked = services.request_changes(actor=people["ann"], package=version, comment="Add the drift report.")
    assert (asked.approval_status, asked.approval_description) == (WAITING, "Add the drift report.")
    assert list(Vote.objects.values_list("user_name", flat=True)) == ["ben"]
    event = Event.objects.latest("id")
    assert (event.kind, event.comment) == ("model_package.changes_requested", "Add the drift report.")
    with pytest.raises(Conflict):
        decide(people["cat"], version, seen=version.revision)


def test_changes_are_requested_only_of_what_waits(people):
    version = make_version()
    decide(people["ann"], version)
    with pytest.raises(Refused):
        services.request_changes(actor=people["ann"], package=version, comment="Late.")


def test_a_comment_changes_nothing(people):
    version = make_version()
    before = ModelPackage.objects.values().get()
    event = services.comment_on(actor=people["max"], package=version, comment=" Which data? ")
    assert ModelPackage.objects.values().get() == before
    assert (event.kind, event.comment) == ("model_package.commented", "Which data?")
    for bad in ("", " \n", "x" * 1025, "a\0b"):
        with pytest.raises(ValidationError):
            services.comment_on(actor=people["max"], package=version, comment=bad)


# ---------- undo ----------


@pytest.mark.parametrize("start", [WAITING, None])
@pytest.mark.parametrize("status", [APPROVED, REJECTED])
def test_undo_brings_back_every_column_and_count(people, start, status):
    group = make_group("fraud")
    version = make_version(group, approval_status=start)
    before = columns(version), counts(group)
    decide(people["ann"], version, status, "Oops.")
    services.undo_decision(actor=people["ann"], package=version)
    assert (columns(version), counts(group)) == before
    event = Event.objects.latest("id")
    assert (event.kind, event.after["Undone"]) == ("model_package.approval_status_changed", True)
    with pytest.raises(Refused):
        services.undo_decision(actor=people["ann"], package=version)


def test_undo_of_a_rejection_brings_the_approval_back(people):
    group = group_with(people, approvals_needed=2)
    version = make_version(group)
    for name in ("ann", "ben"):
        decide(people[name], version, comment="Good.")
    before = columns(version), counts(group)
    decide(people["cat"], version, REJECTED, "No.")
    services.undo_decision(actor=people["cat"], package=version)
    assert (columns(version), counts(group)) == before


def test_undo_of_an_approval_keeps_the_votes_of_the_others(people):
    version = make_version(group_with(people, approvals_needed=2))
    decide(people["ann"], version, comment="Good.")
    given = Vote.objects.values("user_name", "comment", "voted_at").get()
    decide(people["ben"], version)
    services.undo_decision(actor=people["ben"], package=version)
    assert Vote.objects.values("user_name", "comment", "voted_at").get() == given
    assert decide(people["cat"], version).is_approved


FOLLOWING = {
    "decision": lambda p, v: decide(p["ben"], v, REJECTED, "No."),
    "other words": lambda p, v: decide(p["ben"], v, APPROVED, "Really."),
    "stage": lambda p, v: stage(p, v, "Staging"),
    "metadata": lambda p, v: services.update_customer_metadata(actor=p["max"], package=v, put={"a": "1"}),
    "content": lambda p, v: services.update_model_package(
        actor=p["max"], package=v, changes=services.PackageChanges(inference_specification=specification("new:1"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FOLLOWING)
def test_undo_is_refused_once_something_followed(people, what):
    version = make_version()
    decide(people["ann"], version)
    FOLLOWING[what](people, version)
    before = columns(version)
    with pytest.raises(Refused):
        services.undo_decision(actor=people["ann"], package=version)
    assert columns(version) == before


def test_undo_is_for_the_same_person_and_comments_and_checks_do_not_follow(people):
    version = make_version()
    decide(people["ann"], version)
    with pytest.raises(Refused):
        services.undo_decision(actor=people["ada"], package=version)
    services.comment_on(actor=people["ben"], package=version, comment="Hm.")
    services.report_check(actor=people["max"], package=version, name="ci", state="failure")
    assert services.undo_decision(actor=people["ann"], package=version).approval_status == WAITING


def test_undo_approves_nothing_that_the_rules_refuse_now(people):
    group = make_group("fraud")
    version = make_version(group)
    decide(people["ann"], version)
    decide(people["ben"], version, REJECTED, "No.")
    services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(required_checks=("ci",)))
    with pytest.raises(RulesNotMet):
        services.undo_decision(actor=people["ben"], package=version)
    services.report_check(actor=people["max"], package=version, name="ci", state="success")
    assert services.undo_decision(actor=people["ben"], package=version).is_approved


def test_undo_brings_back_an_approval_from_before_hashes(people):
    version = make_version()
    decide(people["ann"], version)
    ModelPackage.objects.update(approved_content="")
    decide(people["ben"], version, REJECTED, "No.")
    assert services.undo_decision(actor=people["ben"], package=version).is_approved


def test_a_stale_decision_names_who_changed_the_version(people):
    version = make_version(group_with(people, approvals_needed=3))
    decide(people["ann"], version)
    with pytest.raises(Conflict) as refusal:
        decide(people["ben"], version, seen=0)
    assert refusal.value.changed_by == "ann"


def test_undo_counts_the_approvals_of_then_against_the_rules_of_now(people):
    group = make_group("fraud")
    version = make_version(group)
    decide(people["ann"], version)
    decide(people["ben"], version, REJECTED, "No.")
    services.update_review_rules(actor=people["ada"], group=group, rules=ReviewRules(approvals_needed=2))
    with pytest.raises(RulesNotMet):
        services.undo_decision(actor=people["ben"], package=version)


def test_undo_counts_the_approvals_of_then_although_their_words_were_changed(people):
    version = make_version(group_with(people, approvals_needed=2))
    decide(people["ann"], version)
    decide(people["ben"], version)
    decide(people["ada"], version, comment="Said better.")
    decide(people["ben"], version, REJECTED, "No.")
    assert services.undo_decision(actor=people["ben"], package=version).is_approved


def test_a_version_that_an_import_or_nobody_decided_cannot_be_undone(people):
    with pytest.raises(Refused):
        services.undo_decision(actor=people["ann"], package=make_version())
    with pytest.raises(Refused):
        services.undo_decision(actor=people["ada"], package=make_version(actor=people["ada"], approval_status=APPROVED))


# ---------- what a page shows ----------


def test_the_state_of_a_review_for_each_person(people):
    group = group_with(people, approvals_needed=2, author_may_not_approve=True, required_metadata_keys=("owner",))
    version = make_version(group, actor=people["cat"])

    def state(name):
        return review_state(ModelPackage.objects.select_related("group").get(), people[name])

    assert [reason.kind for reason in state("ann").reasons] == ["metadata"] and not state("ann").may_approve
    services.update_customer_metadata(actor=people["max"], package=version, put={"owner": "risk"})
    assert state("ann").may_approve and not state("ann").would_decide
    assert [reason.kind for reason in state("cat").reasons] == ["author"]
    assert not state("max").may_decide and not state("max").may_approve and state("max").may_comment
    decide(people["ann"], version)
    assert state("ben").would_decide and state("ben").approvals == ["ann"] and not state("ann").would_decide
    assert state("ann").has_voted and state("ada").may_override and not state("ben").may_override
    decide(people["ben"], version)
    assert state("ben").may_undo and not state("ann").may_undo and not state("ben").is_open
    assert state("ben").findings == []


@pytest.mark.parametrize("approval_status", [WAITING, APPROVED, REJECTED])
def test_the_state_of_a_review_takes_few_queries(people, django_assert_max_num_queries, approval_status):
    version = make_version(group_with(people), approval_status=approval_status)
    with django_assert_max_num_queries(2):
        review_state(version, people["ann"])


def test_a_group_without_rules_asks_no_query_more_for_a_decision(people, django_assert_max_num_queries):
    version = make_version()
    with django_assert_max_num_queries(9):
        decide(people["ann"], version)


def test_comments_and_requests_are_not_for_viewers():
    version, viewer = make_version(), Actor(name="v", role=Role.VIEWER, door="browser")
    for call in (services.comment_on, services.request_changes):
        with pytest.raises(NotAllowed):
            call(actor=viewer, package=version, comment="x")
