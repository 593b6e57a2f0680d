"""Imports and reviews: a decision comes as it was recorded, whatever the group asks, and says so."""

import pytest

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.contents import content_hash
from registry.catalog.models import ModelPackage, ModelPackageGroup, Vote
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import make_user

from .dumps import group_line, importdump, version_line, write_lines

pytestmark = pytest.mark.django_db

RULES = ReviewRules(approvals_needed=2, required_checks=("ci",))


def dump(tmp_path, *versions):
    return write_lines(tmp_path / "r.jsonl", [group_line(), *versions])


def ruled(tmp_path):
    importdump(dump(tmp_path))
    group = ModelPackageGroup.objects.get()
    services.update_review_rules(actor=Actor.system(), group=group, rules=RULES)
    return group


def test_a_new_approved_version_comes_in_against_the_rules_and_says_so(tmp_path):
    ruled(tmp_path)
    code, out, _ = importdump(dump(tmp_path, version_line(ModelApprovalStatus="Approved")))
    assert code == 0
    assert "1 decision was taken over as recorded; the rules of groups were not asked." in out
    version = ModelPackage.objects.get()
    assert (version.is_approved, version.decided_by_override) == (True, False)
    assert version.approved_content == content_hash(version)
    event = Event.objects.filter(kind="model_package.created").latest("id")
    assert (event.after["ByImport"], event.after["Rules"]) == (True, RULES.to_json())
    assert Event.objects.filter(kind="registry.imported").latest("id").after["decisions"] == 1


def test_an_update_takes_a_decision_over_and_ends_the_votes(tmp_path):
    ruled(tmp_path)
    importdump(dump(tmp_path, version_line(ModelApprovalStatus="PendingManualApproval")))
    version = ModelPackage.objects.select_related("group").get()
    Vote.objects.create(
        package=version, user=make_user("reviewer", username="ann"), user_name="ann", voted_at=version.created_at
    )
    source = dump(tmp_path, version_line(ModelApprovalStatus="Approved"))
    assert "1 decision would be taken over" in importdump(source, update=True, dry_run=True)[1]
    assert "1 decision was taken over as recorded" in importdump(source, update=True)[1]
    version.refresh_from_db()
    assert version.is_approved and not version.is_changed_since_approval and not Vote.objects.exists()
    event = Event.objects.filter(kind="model_package.approval_status_changed").get()
    assert event.after["ByImport"] and event.before["Votes"][0]["User"] == "ann"


def test_an_approval_of_other_content_than_is_here_waits_for_a_review(tmp_path):
    importdump(dump(tmp_path, version_line(ModelApprovalStatus="PendingManualApproval")))
    other = {"Containers": [{"Image": "other:1"}]}
    importdump(dump(tmp_path, version_line(ModelApprovalStatus="Approved", InferenceSpecification=other)), update=True)
    version = ModelPackage.objects.get()
    assert version.is_changed_since_approval and version.approved_content != content_hash(version)


def test_what_waits_and_a_second_run_are_no_decisions(tmp_path):
    source = dump(
        tmp_path,
        version_line(ModelApprovalStatus="PendingManualApproval"),
        version_line(2, ModelApprovalStatus="Rejected"),
    )
    assert "1 decision was taken over" in importdump(source)[1]
    assert "decision" not in importdump(source)[1]
    assert "decision" not in importdump(source, dry_run=True)[1]
