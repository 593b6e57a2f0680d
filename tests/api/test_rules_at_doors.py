"""Every rule of a group at every door through which a version becomes Approved: the same words, nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from django.contrib.messages import get_messages
from django.urls import reverse

from registry.accounts.access_keys import create_access_key
from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.metric_gates import parse_gate
from registry.catalog.models import CustomerMetadataProperty, ModelPackage, Vote
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import make_group, make_user, make_version
from tests.web.admin_forms import address, form_of

pytestmark = pytest.mark.django_db

WAITING = "PendingManualApproval"


@dataclass
class Case:
    """A rule, the words of its refusal, and what makes it hold; `made_by` is who registers the version."""

    rules: ReviewRules
    words: str
    mend: Callable[[ModelPackage], object] = lambda version: None
    made_by: str = "contributor"
    takes_comment: bool = False


def metadata(key: str, value: str) -> Callable[[ModelPackage], object]:
    return lambda version: services.update_customer_metadata(
        actor=Actor.system("test"), package=version, put={key: value}
    )


def vote_of_another(version: ModelPackage) -> object:
    other = Actor.of(make_user("reviewer", username="other"), "browser")
    return services.update_approval_status(actor=other, package=version, approval_status="Approved")


CASES = {
    "metric": Case(
        ReviewRules(metric_gates=(parse_gate("auc > 0.9"),)),
        "The metric auc is missing: report it, or add metric.auc.",
        metadata("metric.auc", "0.95"),
    ),
    "metadata": Case(
        ReviewRules(required_metadata_keys=("owner",)),
        "The metadata owner is missing: set it.",
        metadata("owner", "risk"),
    ),
    "check": Case(
        ReviewRules(required_checks=("ci",)),
        "The check ci was not reported yet: post its result.",
        lambda version: services.report_check(actor=Actor.system("test"), package=version, name="ci", state="success"),
    ),
    "comment": Case(ReviewRules(comment_required=True), "Say why, in a comment.", takes_comment=True),
}


class Doors:
    """The ways in, each signed in as `admin`; every one returns the words that it says."""

    def __init__(self, client: Any, wire: Any) -> None:
        self.client, self.wire = client, wire

    def browser(self, version: ModelPackage, comment: str = "") -> str:
        form = {"decision": "Approved", "comment": comment}
        address = reverse("package-review", args=[version.region, version.group.name, version.version])
        response = self.client.post(address, form, headers={"HX-Request": "true"})
        assert response.status_code in (200, 422)
        return response.content.decode() if response.status_code == 422 else ""

    def update(self, version: ModelPackage, comment: str = "") -> str:
        return self._wire("update_model_package", ModelPackageArn=version.arn, ModelApprovalStatus="Approved",
                          ApprovalDescription=comment)  # fmt: skip

    def admin_page(self, version: ModelPackage, comment: str = "", **more: str) -> str:
        url = address(version)
        form = form_of(self.client, url) | {"approval_status": "Approved", "approval_description": comment} | more
        response = self.client.post(url, form)
        assert response.status_code in (302, 422)
        return response.content.decode()

    def admin_bulk(self, version: ModelPackage, comment: str = "") -> str:
        form = {"action": "approve", "_selected_action": [version.pk]}
        response = self.client.post(address(ModelPackage, "changelist"), form)
        return " ".join(map(str, get_messages(response.wsgi_request)))

    def _wire(self, operation: str, **members: Any) -> str:
        try:
            getattr(self.wire, operation)(**members)
        except ClientError as error:
            assert error.response["Error"]["Code"] == "ValidationException"
            return error.response["Error"]["Message"]
        return ""


ALL_DOORS = ["browser", "update", "admin_page", "admin_bulk"]


@pytest.fixture
def doors(as_role, cast, client_for, settings):
    settings.ALLOWED_HOSTS = ["registry.test", "testserver"]
    key, secret = create_access_key(actor=Actor.system("test"), user=cast["admin"], name="pipeline")
    return Doors(as_role("admin"), client_for(key=(key.key_id, secret)))


def version_of(cast, case: Case) -> ModelPackage:
    group = make_group("fraud")
    services.update_review_rules(actor=Actor.system("test"), group=group, rules=case.rules)
    group.refresh_from_db()
    return make_version(group, actor=Actor.of(cast[case.made_by], "sagemaker"))


def state(version: ModelPackage) -> tuple[Any, ...]:
    version.refresh_from_db()
    return version.approval_status, version.revision, Event.objects.count(), Vote.objects.count()


@pytest.mark.parametrize("door", ALL_DOORS)
@pytest.mark.parametrize("name", CASES)
def test_a_rule_that_fails_refuses_at_every_door_until_it_holds(doors, cast, name, door):
    case = CASES[name]
    version = version_of(cast, case)
    approve = getattr(doors, door)
    before = state(version)
    assert case.words in approve(version)
    assert state(version) == before
    case.mend(version)
    if case.takes_comment and door == "admin_bulk":
        return  # it has no comment to give
    approve(version, "Fine." if case.takes_comment else "")
    version.refresh_from_db()
    assert (version.approval_status, version.decided_by_override) == ("Approved", False)
    decision = Event.objects.filter(kind="model_package.approval_status_changed").latest("id")
    assert decision.after["Rules"] == case.rules.to_json()
    assert all(finding["Met"] for finding in decision.after["Findings"])


@pytest.mark.parametrize("door", ALL_DOORS)
def test_the_author_may_not_approve_at_any_door(doors, cast, door):
    case = Case(ReviewRules(author_may_not_approve=True), "", made_by="admin")
    version = version_of(cast, case)
    before = state(version)
    assert "admin registered it: somebody else has to approve it." in getattr(doors, door)(version)
    assert state(version) == before


@pytest.mark.parametrize("door", ALL_DOORS)
def test_the_last_editor_may_not_approve_and_a_check_edits_nothing(doors, cast, door):
    version = version_of(cast, Case(ReviewRules(author_may_not_approve=True), ""))
    admin = Actor.of(cast["admin"], "browser")
    services.update_customer_metadata(actor=admin, package=version, put={"a": "1"})
    assert "admin edited it last: somebody else has to approve it." in getattr(doors, door)(version)
    other = Actor.of(cast["contributor"], "browser")
    services.update_customer_metadata(actor=other, package=version, put={"a": "2"})
    services.report_check(actor=admin, package=version, name="ci", state="success")
    services.comment_on(actor=admin, package=version, comment="Looks good.")
    services.update_model_life_cycle(actor=admin, package=version, stage="Staging", stage_status="Ready")
    getattr(doors, door)(version)
    version.refresh_from_db()
    assert version.is_approved


@pytest.mark.parametrize("door", ["browser", "admin_page", "admin_bulk"])
def test_one_of_several_approvals_is_a_vote_in_browser_and_admin(doors, cast, door):
    version = version_of(cast, Case(ReviewRules(approvals_needed=2), ""))
    getattr(doors, door)(version)
    version.refresh_from_db()
    assert (version.approval_status, version.waiting_since is not None) == (WAITING, True)
    assert list(Vote.objects.values_list("user_name", flat=True)) == ["admin"]
    assert Event.objects.latest("id").kind == "model_package.vote_given"
    vote_of_another(version)
    version.refresh_from_db()
    assert (version.approval_status, version.decided_by_name, Vote.objects.count()) == ("Approved", "other", 0)
    assert Event.objects.latest("id").after["Approvals"] == ["admin", "other"]


def test_the_wire_gives_the_last_approval_only(doors, cast):
    version = version_of(cast, Case(ReviewRules(approvals_needed=2), ""))
    before = state(version)
    said = doors.update(version)
    assert said.startswith("2 approvals by different people are needed, 1 of them given with this one (admin): one ")
    assert state(version) == before
    vote_of_another(version)
    assert doors.update(version) == ""
    version.refresh_from_db()
    assert (version.approval_status, version.decided_by_name) == ("Approved", "admin")
    assert Event.objects.latest("id").after["Approvals"] == ["other", "admin"]


@pytest.mark.parametrize("status", ["Approved", "Rejected"])
def test_the_comment_of_another_decision_is_no_comment_on_the_wire(doors, cast, status):
    version = version_of(cast, CASES["comment"])
    reviewer = Actor.of(cast["reviewer"], "browser")
    services.request_changes(actor=reviewer, package=version, comment="Not like this.")
    before = state(version)
    said = doors._wire("update_model_package", ModelPackageArn=version.arn, ModelApprovalStatus=status)
    assert "comment" in said and state(version) == before
    sent = {"ModelApprovalStatus": status, "ApprovalDescription": "Seen."}
    assert doors._wire("update_model_package", ModelPackageArn=version.arn, **sent) == ""
    # The same again without its words is no decision: they stay.
    assert doors._wire("update_model_package", ModelPackageArn=version.arn, ModelApprovalStatus=status) == ""
    version.refresh_from_db()
    assert (version.approval_status, version.approval_description) == (status, "Seen.")


def test_the_wire_counts_no_person_twice(doors, cast):
    version = version_of(cast, Case(ReviewRules(approvals_needed=2), ""))
    doors.browser(version)
    before = state(version)
    assert "one more person has to approve" in doors.update(version)
    assert state(version) == before


@pytest.mark.parametrize("name", [*CASES, "author", "approvals"])
def test_registering_as_approved_keeps_the_rules(doors, cast, name):
    more = {
        "author": Case(ReviewRules(author_may_not_approve=True), "admin registered it: somebody else has to"),
        "approvals": Case(ReviewRules(approvals_needed=2), "Register it as PendingManualApproval; then it can be"),
    }  # fmt: skip
    case = (CASES | more)[name]
    group = make_group("fraud")
    services.update_review_rules(actor=Actor.system("test"), group=group, rules=case.rules)
    words = "Register it as PendingManualApproval, then decide." if name == "comment" else case.words
    before = Event.objects.count()
    said = doors._wire("create_model_package", ModelPackageGroupName="fraud", ModelApprovalStatus="Approved")
    assert words in said
    page = doors.client.post(reverse("package-register", args=[group.region, "fraud"]), {"approval_status": "Approved"})
    assert page.status_code == 422 and words in page.content.decode()
    group.refresh_from_db()
    assert (group.last_version, group.version_count, ModelPackage.objects.count()) == (0, 0, 0)
    assert Event.objects.count() == before
    assert doors._wire("create_model_package", ModelPackageGroupName="fraud", ModelApprovalStatus=WAITING) == ""


def test_registering_as_approved_passes_where_the_rules_hold(doors, cast):
    group = make_group("fraud")
    rules = ReviewRules(required_metadata_keys=("owner",), metric_gates=(parse_gate("auc > 0.9"),))
    services.update_review_rules(actor=Actor.system("test"), group=group, rules=rules)
    pairs = {"owner": "risk", "metric.auc": "0.95"}
    assert not doors._wire("create_model_package", ModelPackageGroupName="fraud", ModelApprovalStatus="Approved",
                           CustomerMetadataProperties=pairs)  # fmt: skip
    version = ModelPackage.objects.get()
    assert version.is_approved and version.approved_content
    event = Event.objects.latest("id")
    assert event.after["Rules"] == rules.to_json() and event.after["ApprovedContent"] == version.approved_content


def test_one_call_may_bring_what_its_own_approval_needs(doors, cast):
    version = version_of(cast, CASES["metadata"])
    said = doors._wire("update_model_package", ModelPackageArn=version.arn, ModelApprovalStatus="Approved",
                       CustomerMetadataProperties={"owner": "risk"})  # fmt: skip
    version.refresh_from_db()
    assert (said, version.approval_status) == ("", "Approved")
    assert "owner is missing" in doors._wire(
        "update_model_package", ModelPackageArn=version_two(version).arn, ModelApprovalStatus="Approved",
        CustomerMetadataProperties={"other": "1"},
    )  # fmt: skip
    assert not CustomerMetadataProperty.objects.filter(key="other").exists()


def version_two(version: ModelPackage) -> ModelPackage:
    return make_version(version.group)


def test_a_rejection_needs_a_comment_only_where_the_rule_says_so(doors, cast):
    version = version_of(cast, CASES["metadata"])
    assert not doors._wire("update_model_package", ModelPackageArn=version.arn, ModelApprovalStatus="Rejected")
    services.update_review_rules(actor=Actor.system("test"), group=version.group, rules=CASES["comment"].rules)
    other = version_two(version)
    said = doors._wire("update_model_package", ModelPackageArn=other.arn, ModelApprovalStatus="Rejected")
    assert said == "ApprovalDescription: Every decision in this group needs a comment. Say why."


def test_an_admin_overrides_with_a_comment_on_the_admin_page(doors, cast):
    version = version_of(cast, CASES["check"])
    assert "Say why the rules do not count here." in doors.admin_page(version, override="on")
    doors.admin_page(version, "The CI is down.", override="on")
    version.refresh_from_db()
    assert (version.approval_status, version.decided_by_override) == ("Approved", True)
    after = Event.objects.latest("id").after
    assert (after["Override"], after["FailedRules"]) == (True, [CASES["check"].words])


def test_rules_of_one_group_say_nothing_to_others_and_packages_alone_have_none(doors, cast):
    version_of(cast, CASES["check"])
    other = make_version(make_group("other"))
    doors.update(other)
    other.refresh_from_db()
    assert other.is_approved
