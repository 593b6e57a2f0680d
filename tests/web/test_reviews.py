"""Approve, reject, undo and the stage, from the page of a version."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client, override_settings

from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_package, make_version

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
HTMX = {"HX-Request": "true"}
PAGE = "/groups/us-east-1/fraud/versions/1/"
REVIEW, STAGE = f"{PAGE}review/", f"{PAGE}stage/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def package() -> ModelPackage:
    return make_version(make_group("fraud"), model_life_cycle={"Stage": "Development", "StageStatus": "Draft"})


@pytest.fixture
def reviewer(as_role: Any) -> Client:
    return as_role("reviewer")


def fresh(package: ModelPackage) -> ModelPackage:
    return ModelPackage.objects.get(pk=package.pk)


def toast_of(response: Any) -> str:
    return json.loads(response["HX-Trigger"])["toast"]["text"]


class TestDecide:
    def test_approve_without_script(self, reviewer, package):
        response = reviewer.post(REVIEW, {"decision": APPROVED, "comment": "Fine\r\nby me", "seen": "0"})
        assert (response.status_code, response["Location"]) == (302, f"{PAGE}#review")
        decided = fresh(package)
        assert (decided.approval_status, decided.approval_description, decided.decided_by_name) == (
            APPROVED,
            "Fine\nby me",
            "reviewer",
        )
        assert package.group.__class__.objects.get().approved_version == 1

    def test_answers_the_card_and_what_follows(self, reviewer, package):
        response = reviewer.post(REVIEW, {"decision": APPROVED, "comment": "ok", "seen": "0"}, headers=HTMX)
        page = response.content.decode()
        assert response.status_code == 200 and toast_of(response) == "v1 is Approved"
        assert page.lstrip().startswith('<section class="card decided" id="review"')
        assert "Approved by reviewer" in page and "Undo approval" in page
        for part in ("version-status", "review-slot", "review-dialogs", "feed", "version-modified", "page-revision"):
            assert f'id="{part}"' in page.partition("<template>")[2]
        assert "review-bar" not in page and 'id="approvedlg"' not in page and 'id="rejectdlg"' in page

    @pytest.mark.parametrize("comment", ["", "   ", "\r\n"])
    def test_reject_needs_a_comment(self, reviewer, package, comment):
        for headers in (HTMX, {}):
            response = reviewer.post(REVIEW, {"decision": REJECTED, "comment": comment, "seen": "0"}, headers=headers)
            page = response.content.decode()
            assert response.status_code == 422
            assert "Say what has to change." in page and "autofocus" in page and 'id="rv-c-d"' in page
            assert ("<html" in page) is not bool(headers)
        assert fresh(package).approval_status == WAITING

    def test_a_comment_that_is_too_long_stays_typed(self, reviewer, package):
        response = reviewer.post(REVIEW, {"decision": APPROVED, "comment": "x" * 1025, "seen": "0"}, headers=HTMX)
        assert response.status_code == 422
        assert "x" * 1025 in response.content.decode() and "At most 1024 characters" in response.content.decode()

    @pytest.mark.parametrize("decision", ["", "approved", "Maybe", "Approved "])
    def test_a_decision_that_is_none_is_refused(self, reviewer, package, decision):
        response = reviewer.post(REVIEW, {"decision": decision, "seen": "0"}, headers=HTMX)
        assert response.status_code == 422 and "The status is one of" in response.content.decode()

    def test_errors_of_a_dialog_go_back_into_it(self, reviewer, package):
        sent = {"decision": REJECTED, "comment": "", "seen": "0", "dialog": "rejectdlg"}
        response = reviewer.post(REVIEW, sent, headers=HTMX)
        assert (response.status_code, response["HX-Retarget"]) == (422, "#rejectdlg")
        assert response.content.decode().lstrip().startswith('<dialog class="dialog" id="rejectdlg"')

    def test_undo_sets_back_to_waiting(self, reviewer, package):
        reviewer.post(REVIEW, {"decision": REJECTED, "comment": "no", "seen": "0"})
        response = reviewer.post(REVIEW, {"decision": WAITING, "seen": "1"}, headers=HTMX)
        assert "Waiting for your review" in response.content.decode()
        assert 'id="review-bar"' in response.content.decode()
        assert fresh(package).approval_status == WAITING

    def test_a_version_without_a_status_may_be_decided(self, reviewer, package):
        ModelPackage.objects.filter(pk=package.pk).update(approval_status=None)
        assert "No status yet" in reviewer.get(PAGE).content.decode()
        assert reviewer.post(REVIEW, {"decision": REJECTED, "comment": "old", "seen": "0"}).status_code == 302
        assert fresh(package).approval_status == REJECTED

    def test_a_decided_version_shows_who_and_lets_change(self, as_role, reviewer, package):
        services.update_approval_status(
            actor=an_actor("admin"), package=package, approval_status=REJECTED, comment="Too slow"
        )
        page = reviewer.get(PAGE).content.decode()
        assert "Rejected by any-admin" in page and "Too slow" in page
        assert "Put back to Waiting" in page and "Approve instead" in page and 'id="approvedlg"' in page
        read = as_role("viewer").get(PAGE).content.decode()
        assert "Rejected by any-admin" in read and "Approve instead" not in read

    def test_get_leads_to_the_page(self, reviewer, package):
        assert reviewer.get(REVIEW)["Location"] == f"{PAGE}#review"


class TestStale:
    def test_shows_what_changed_and_who_did_it(self, reviewer, package):
        services.update_customer_metadata(actor=an_actor("contributor"), package=package, put={"note": "leaks"})
        services.update_approval_status(
            actor=an_actor("admin"), package=package, approval_status=REJECTED, comment="no"
        )
        response = reviewer.post(REVIEW, {"decision": APPROVED, "comment": "mine", "seen": "0"}, headers=HTMX)
        page = response.content.decode()
        assert response.status_code == 409
        card = page.partition("<template>")[0]
        assert "this version changed since you opened it" in card
        assert "any-contributor" in card and "leaks" in card and "any-admin" in card
        assert card.index("any-contributor") < card.index("any-admin rejected")
        assert "mine" in card and 'name="seen" value="2"' in card
        assert fresh(package).approval_status == REJECTED

    def test_without_script_is_the_page(self, reviewer, package):
        services.update_customer_metadata(actor=an_actor(), package=package, put={"note": "x"})
        response = reviewer.post(REVIEW, {"decision": APPROVED, "comment": "mine", "seen": "0"})
        assert response.status_code == 409 and "<html" in response.content.decode()
        assert reviewer.post(REVIEW, {"decision": APPROVED, "seen": "1"}).status_code == 302

    def test_a_missing_comment_does_not_hide_what_changed(self, reviewer, package):
        services.update_customer_metadata(actor=an_actor(), package=package, put={"note": "x"})
        page = reviewer.post(REVIEW, {"decision": REJECTED, "comment": "", "seen": "0"}, headers=HTMX).content.decode()
        assert 'id="review-seen" name="seen" value="0"' in page and "page-revision" not in page

    @pytest.mark.parametrize("seen", ["", "abc", "-1", "9" * 40])
    def test_odd_revisions_are_stale_not_broken(self, reviewer, package, seen):
        response = reviewer.post(REVIEW, {"decision": APPROVED, "seen": seen}, headers=HTMX)
        assert response.status_code == 409 and fresh(package).approval_status == WAITING


class TestStage:
    def test_moves_and_follows_the_approval(self, reviewer, package):
        page = reviewer.post(STAGE, {"stage": "Staging", "seen": "Development"}, headers=HTMX).content.decode()
        moved = fresh(package)
        assert (moved.stage, moved.stage_status) == ("Staging", "PendingApproval")
        assert page.lstrip().startswith('<form class="stage-form" id="stage-form"')
        assert 'id="version-stage"' in page and "moved" in page.partition('id="feed"')[2]
        services.update_approval_status(actor=an_actor(), package=package, approval_status=APPROVED)
        assert reviewer.post(STAGE, {"stage": "Production", "seen": "Staging"})["Location"] == f"{PAGE}#details"
        assert fresh(package).stage_status == "Approved"

    def test_stale_shows_the_present_stage_and_who_set_it(self, reviewer, package):
        services.update_model_life_cycle(
            actor=an_actor("admin"), package=package, stage="Production", stage_status="Approved"
        )
        for headers in (HTMX, {}):
            response = reviewer.post(STAGE, {"stage": "Staging", "seen": "Development"}, headers=headers)
            page = response.content.decode()
            assert response.status_code == 409
            assert "any-admin changed the stage to Production" in page and "Staging was not saved" in page
            assert 'name="seen" value="Production"' in page
        assert fresh(package).stage == "Production"

    @pytest.mark.parametrize("stage", ["", "two words", "x" * 64])
    def test_a_wrong_stage_is_refused(self, reviewer, package, stage):
        response = reviewer.post(STAGE, {"stage": stage, "seen": "Development"}, headers=HTMX)
        assert response.status_code == 422 and 'id="stage-d"' in response.content.decode()

    def test_offers_the_settings_and_a_foreign_stage(self, reviewer, package):
        ModelPackage.objects.filter(pk=package.pk).update(stage="Canary")
        with override_settings(REGISTRY_STAGES=("Test", "Live")):
            page = reviewer.get(PAGE).content.decode()
        assert "<option>Test</option><option>Live</option><option selected>Canary</option>" in page

    def test_of_an_unversioned_package(self, reviewer):
        iris = make_package("iris")
        response = reviewer.post("/packages/us-east-1/iris/stage/", {"stage": "Staging", "seen": ""})
        assert response.status_code == 302 and fresh(iris).stage == "Staging"


class TestRights:
    @pytest.mark.parametrize("role", ["viewer", "contributor"])
    @pytest.mark.parametrize("headers", [HTMX, {}])
    def test_only_reviewers_decide_and_move(self, as_role, package, role, headers):
        client = as_role(role)
        for path, data in (
            (REVIEW, {"decision": APPROVED, "seen": "0"}),
            (REVIEW, {"decision": REJECTED, "comment": "", "seen": "0"}),
            (STAGE, {"stage": "Production", "seen": "Development"}),
        ):
            assert client.post(path, data, headers=headers).status_code == 403
        assert (fresh(package).approval_status, fresh(package).stage) == (WAITING, "Development")
        assert not Event.objects.filter(category="review").exists()

    def test_needs_the_csrf_token(self, cast, package):
        client = Client(enforce_csrf_checks=True)
        client.force_login(cast["reviewer"])
        assert client.post(REVIEW, {"decision": APPROVED, "seen": "0"}).status_code == 403
        assert fresh(package).approval_status == WAITING


def test_an_override_that_no_rule_stood_against_is_not_called_one(as_role, package):
    form = {"decision": "override", "comment": "To be safe", "seen": "0"}
    assert toast_of(as_role("admin").post(REVIEW, form, headers=HTMX)) == "v1 is Approved"


def test_going_back_to_waiting_with_a_blank_comment_says_why(reviewer):
    group = make_group("fraud")
    make_version(group, approval_status=REJECTED)
    services.update_review_rules(actor=an_actor(), group=group, rules=ReviewRules(comment_required=True))
    response = reviewer.post(REVIEW, {"decision": WAITING, "comment": "  ", "seen": "0"}, headers=HTMX)
    assert response.status_code == 422 and "Every decision in this group needs a comment" in response.content.decode()
