"""The review card: rules, votes, checks, override, requests, comments, undo, changed content, history, going back."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.test import Client

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.metric_gates import parse_gates
from registry.catalog.models import ModelPackage, ModelPackageGroup, Vote
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_version, specification

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
HTMX = {"HX-Request": "true"}
GROUP = "/groups/us-east-1/fraud/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> ModelPackageGroup:
    return make_group("fraud")


@pytest.fixture
def reviewer(as_role: Any) -> Client:
    return as_role("reviewer")


def rule(group: ModelPackageGroup, **rules: Any) -> None:
    services.update_review_rules(actor=an_actor(), group=group, rules=ReviewRules(**rules))


def page_of(version: int = 1) -> str:
    return f"{GROUP}versions/{version}/"


def send(client: Client, decision: str, comment: str = "", *, version: int = 1, headers: Any = HTMX) -> Any:
    seen = ModelPackage.objects.get(version=version).revision
    sent = {"decision": decision, "comment": comment, "seen": seen}
    return client.post(f"{page_of(version)}review/", sent, headers=headers)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def card(client: Client, version: int = 1) -> str:
    page = client.get(page_of(version)).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.partition('id="review"')[2].partition('id="details"')[0]))


def toast(response: Any) -> str:
    return json.loads(response["HX-Trigger"])["toast"]["text"]


def change_content(version: int = 1, artifact: str = "s3://models/other.tar.gz") -> None:
    services.update_model_package(
        actor=an_actor("contributor"),
        package=ModelPackage.objects.get(version=version),
        changes=services.PackageChanges(inference_specification=specification(artifact=artifact)),
    )


class TestRules:
    def test_each_rule_says_how_it_stands(self, reviewer, group):
        make_version(group, approval_status=APPROVED, metrics=[("auc", 0.9)])
        make_version(group, metrics=[("auc", 0.8)], customer_metadata_properties={"owner": "risk"})
        rule(
            group,
            metric_gates=parse_gates("auc not more than 0.002 below the approved version\nauc > 0.5"),
            required_metadata_keys=("owner", "git.commit"),
            required_checks=("tests",),
        )
        text = card(reviewer, 2)
        assert "3 rules are not met" in text
        assert "not met: auc not more than 0.002 below the approved version" in text and "in v1 0.9" in text
        assert " met: auc &gt; 0.5" in text and " met: Metadata owner is set" in text
        assert "not met: Metadata git.commit is set" in text and "The check tests was not reported yet" in text

    def test_gates_compare_with_the_approved_version_whatever_the_page_compares_with(self, reviewer, group):
        make_version(group, approval_status=REJECTED, metrics=[("auc", 0.1)])
        make_version(group, approval_status=APPROVED, metrics=[("auc", 0.9)])
        make_version(group, metrics=[("auc", 0.8)])
        rule(group, metric_gates=parse_gates("auc not more than 0.002 below the approved version"))
        assert "in v2 0.9" in text_of(reviewer.get(f"{page_of(3)}?base=1"))

    def test_no_rules_are_said_too_and_readers_see_the_rules(self, as_role, group):
        make_version(group)
        assert "One approval is enough" in card(as_role("reviewer"))
        rule(group, required_checks=("tests",))
        text = card(as_role("viewer"))
        assert "Check tests has passed" in text and "Only reviewers decide" in text

    def test_checks_with_state_link_and_summary(self, reviewer, group):
        package = make_version(group)
        rule(group, required_checks=("tests",))
        for name, state, url in (("tests", "failure", "https://ci.example.com/7"), ("docs", "pending", "")):
            services.report_check(
                actor=an_actor("contributor"), package=package, name=name, state=state, url=url, summary=f"{name} said"
            )
        page = reviewer.get(page_of()).content.decode()
        assert '<a class="link" href="https://ci.example.com/7" rel="noreferrer noopener">Check tests</a>' in page
        text = card(reviewer)
        assert "Check tests failed tests said, any-contributor" in text
        assert "Further checks" in text and "docs pending docs said" in text

    def test_an_approval_against_the_rules_is_refused_in_words(self, reviewer, group):
        make_version(group)
        rule(group, required_checks=("tests",), comment_required=True)
        response = send(reviewer, APPROVED)
        assert response.status_code == 422
        response = send(reviewer, APPROVED, "Looks good")
        page = response.content.decode()
        assert response.status_code == 422 and "Not approved: 1 rule stands against it" in page
        assert "Looks good" in page and ModelPackage.objects.get().approval_status == WAITING
        whole = send(reviewer, APPROVED, "Looks good", headers={})
        assert whole.status_code == 422 and "<html" in whole.content.decode()

    def test_in_the_dialog_too(self, reviewer, group):
        make_version(group)
        rule(group, required_checks=("tests",))
        sent = {"decision": APPROVED, "seen": "0", "dialog": "approvedlg"}
        response = reviewer.post(f"{page_of()}review/", sent, headers=HTMX)
        assert (response.status_code, response["HX-Retarget"]) == (422, "#approvedlg")
        assert "The check tests was not reported yet" in response.content.decode()

    @pytest.mark.parametrize("events", [1, 30])
    def test_the_page_stays_within_its_queries(self, as_role, cast, group, events, django_assert_max_num_queries):
        make_version(group, approval_status=APPROVED, metrics=[("auc", 0.9)])
        package = make_version(group, metrics=[("auc", 0.8)])
        rule(
            group,
            approvals_needed=2,
            author_may_not_approve=True,
            metric_gates=parse_gates("auc not more than 0.2 below the approved version"),
            required_metadata_keys=("owner",),
            required_checks=("tests",),
        )
        services.update_customer_metadata(actor=an_actor(), package=package, put={"owner": "risk"})
        for _ in range(events):
            services.comment_on(actor=an_actor(), package=package, comment="Again")
        client = as_role("reviewer")
        with django_assert_max_num_queries(12 if events == 1 else 13):
            assert client.get(page_of(2)).status_code == 200


class TestVotes:
    def test_one_of_two_then_the_last(self, as_role, cast, group):
        make_version(group)
        rule(group, approvals_needed=2)
        reviewer, admin = as_role("reviewer"), as_role("admin")
        response = send(reviewer, APPROVED, "Fine")
        assert response.status_code == 200 and "others have to approve too" in toast(response)
        text = card(admin)
        assert "1 of 2 approvals : reviewer just now (Fine)" in text and "Waiting for your review" in text
        assert "Take my approval back" in card(reviewer) and "Approve again" in card(reviewer)
        assert toast(send(admin, APPROVED)) == "v1 is Approved"
        assert ModelPackage.objects.get().approval_status == APPROVED

    def test_is_taken_back(self, reviewer, cast, group):
        make_version(group)
        rule(group, approvals_needed=2)
        send(reviewer, APPROVED)
        assert "taken back" in toast(send(reviewer, "withdraw"))
        assert not Vote.objects.exists() and "0 of 2 approvals" in card(reviewer)
        response = send(reviewer, "withdraw")
        assert response.status_code == 409

    def test_the_author_is_told_why_not(self, reviewer, cast, group):
        make_version(group, actor=Actor.of(cast["reviewer"], "browser"))
        rule(group, author_may_not_approve=True)
        assert "reviewer registered it: somebody else has to approve it" in card(reviewer)
        assert send(reviewer, APPROVED).status_code == 422


class TestOverride:
    def test_only_admins_and_only_with_a_reason(self, as_role, group):
        make_version(group)
        rule(group, required_checks=("tests",))
        assert "Approve against the rules" not in card(as_role("reviewer"))
        assert send(as_role("reviewer"), "override", "now").status_code == 403
        admin = as_role("admin")
        assert "Approve against the rules" in card(admin)
        response = send(admin, "override")
        assert response.status_code == 422 and '<details class="override" open' in response.content.decode()
        response = send(admin, "override", "The check is down")
        assert toast(response) == "v1 is Approved, against the rules"
        assert "Approved against the rules of the group" in card(as_role("viewer"))
        assert "against the rules" in text_of(admin.get("/activity/"))
        assert "against the rules" in text_of(admin.get("/review/?done=1"))

    def test_is_not_offered_where_nothing_fails(self, as_role, group):
        make_version(group)
        assert "Approve against the rules" not in card(as_role("admin"))


class TestTalk:
    def test_a_request_stays_on_the_card_until_it_is_answered(self, as_role, group):
        make_version(group)
        reviewer = as_role("reviewer")
        assert send(reviewer, "changes").status_code == 422
        assert toast(send(reviewer, "changes", "Use the October data")) == "Changes of v1 requested"
        assert "reviewer asked for changes just now Use the October data" in card(as_role("viewer"))
        assert ModelPackage.objects.get().approval_status == WAITING
        change_content()
        assert "asked for changes" not in card(reviewer)

    def test_contributors_comment_and_viewers_do_not(self, as_role, group):
        make_version(group)
        assert toast(send(as_role("contributor"), "comment", "I will look")) == "Comment saved"
        assert send(as_role("viewer"), "comment", "Me too").status_code == 403
        assert send(as_role("contributor"), "comment").status_code == 422
        assert "commented on v1 I will look" in text_of(as_role("viewer").get(page_of()))
        assert send(as_role("contributor"), "comment", "x\0y").status_code in (400, 422)
        assert send(as_role("contributor"), "comment", "x" * 1025).status_code == 422

    def test_history_of_decisions_and_comments(self, reviewer, group):
        package = make_version(group)
        for comment in ("first", "second"):
            send(reviewer, "comment", comment)
        send(reviewer, REJECTED, "Too slow")
        services.update_customer_metadata(actor=an_actor(), package=package, put={"a": "1"})
        text = text_of(reviewer.get(f"{page_of()}?feed=decisions", headers=HTMX))
        assert "first" in text and "second" in text and "rejected v1 Too slow" in text
        assert "registered" not in text and "set a" not in text
        whole = reviewer.get(f"{page_of()}?feed=decisions").content.decode()
        # The page knows of the newest event, though it does not show it.
        newest = Event.objects.order_by("-id").values_list("pk", flat=True).first()
        assert f'data-after="{newest}"' in whole
        assert "registered" in text_of(reviewer.get(f"{page_of()}?feed=all", headers=HTMX))

    def test_history_goes_on_in_pages(self, reviewer, group):
        package = make_version(group)
        for n in range(25):
            services.comment_on(actor=an_actor(), package=package, comment=f"comment {n}.")
        page = reviewer.get(f"{page_of()}?feed=decisions", headers=HTMX).content.decode()
        (older,) = re.findall(r'hx-get="([^"]+before=\d+[^"]*)"', page)
        rest = text_of(reviewer.get(older.replace("&amp;", "&"), headers=HTMX))
        assert "comment 4." in rest and "comment 5." not in rest and "registered" not in rest


class TestUndo:
    def test_by_the_same_person_while_nothing_followed(self, as_role, group):
        package = make_version(group)
        reviewer, admin = as_role("reviewer"), as_role("admin")
        send(reviewer, REJECTED, "no")
        assert "Undo rejection" in card(reviewer)
        assert "Undo rejection" not in card(admin) and "Put back to Waiting" in card(admin)
        assert toast(send(reviewer, "undo")) == "Undone: v1 is Waiting"
        send(reviewer, REJECTED, "no")
        services.update_customer_metadata(actor=an_actor(), package=package, put={"a": "1"})
        assert "Put back to Waiting" in card(reviewer)
        response = send(reviewer, "undo")
        assert response.status_code == 409 and "something followed it" in response.content.decode()
        assert send(reviewer, "undo", headers={}).status_code == 409
        assert send(reviewer, WAITING).status_code == 200

    @pytest.mark.parametrize("address", ["", "?next=1"])
    @pytest.mark.parametrize("headers", [HTMX, {}])
    def test_one_that_the_rules_refuse_says_why(self, reviewer, group, headers, address):
        version = make_version(group, approval_status=APPROVED)
        send(reviewer, REJECTED, "no")
        rule(group, required_checks=("ci",))
        form = {"decision": "undo", "seen": ModelPackage.objects.get(pk=version.pk).revision}
        response = reviewer.post(f"{page_of()}review/{address}", form, headers=headers)
        assert (
            response.status_code == 422
            and "The check ci was not reported yet" in response.content.decode().partition('id="undo-against"')[2]
        )


class TestChangedContent:
    def test_the_badge_and_the_card_say_so(self, reviewer, group):
        make_version(group)
        send(reviewer, APPROVED)
        change_content()
        page = reviewer.get(page_of())
        text = text_of(page)
        assert "Approved, content changed" in text and "Its content changed after the approval" in text
        assert 'id="approvedlg"' in page.content.decode() and 'id="review-bar"' in page.content.decode()
        assert "Approved, content changed" in text_of(reviewer.get("/review/"))
        group_page = text_of(reviewer.get(GROUP))
        assert "content changed since" in group_page and "Approved · changed" in group_page
        assert toast(send(reviewer, APPROVED, "As it is now")) == "v1 is Approved"
        assert "content changed" not in card(reviewer)

    def test_the_rule_withdraws(self, reviewer, group):
        make_version(group)
        rule(group, content_withdraws_approval=True)
        send(reviewer, APPROVED)
        change_content()
        assert ModelPackage.objects.get().approval_status == WAITING
        assert "The content was changed after the approval" in card(reviewer)


class TestRollback:
    ROLLBACK = f"{page_of(2)}rollback/"

    @pytest.fixture(autouse=True)
    def approved(self, group):
        cycle = {"Stage": "Production", "StageStatus": "Approved"}
        make_version(group, approval_status=APPROVED)
        make_version(group, approval_status=APPROVED, model_life_cycle=cycle)
        make_version(group)

    def sent(self, reason: str) -> dict[str, Any]:
        return {"comment": reason, "seen": ModelPackage.objects.get(version=2).revision}

    def test_is_offered_on_the_group_and_on_the_version(self, as_role):
        for path in (GROUP, page_of(2)):
            page = as_role("reviewer").get(path).content.decode()
            assert f'href="{self.ROLLBACK}" hx-get="{self.ROLLBACK}" hx-target="#overlay"' in page
            assert "Back to v1" in page
            assert "Back to v1" not in as_role("contributor").get(path).content.decode()
        assert "Back to v" not in as_role("reviewer").get(page_of(1)).content.decode()
        asked = {"HX-Request": "true", "HX-Target": "overlay"}
        dialog = as_role("reviewer").get(self.ROLLBACK, headers=asked).content.decode()
        assert 'id="rollbackdlg" data-show' in dialog and f'hx-post="{self.ROLLBACK}"' in dialog

    def test_rejects_with_the_reason_and_gives_the_stage_back(self, reviewer):
        response = reviewer.post(self.ROLLBACK, self.sent("Scores drift"))
        assert (response.status_code, response["Location"]) == (302, GROUP)
        one, two = (ModelPackage.objects.get(version=n) for n in (1, 2))
        assert (two.approval_status, two.approval_description, two.stage) == (REJECTED, "Scores drift", "")
        assert one.stage == "Production"
        text = text_of(reviewer.get(GROUP))
        assert "Back to v1; v2 is Rejected" in text and "Production v1" in text

    def test_from_the_dialog(self, reviewer):
        response = reviewer.post(self.ROLLBACK, self.sent(""), headers=HTMX)
        page = response.content.decode()
        assert response.status_code == 422 and page.lstrip().startswith('<div id="rollback"')
        assert "Say why you go back." in page
        assert reviewer.post(self.ROLLBACK, self.sent("Why not"), headers=HTMX)["HX-Redirect"] == GROUP

    def test_without_a_reason_or_stale_nothing_changes(self, reviewer):
        assert reviewer.post(self.ROLLBACK, self.sent("")).status_code == 422
        services.update_customer_metadata(
            actor=an_actor(), package=ModelPackage.objects.get(version=2), put={"note": "x"}
        )
        for seen in ("0", "", "x", "9" * 30):
            response = reviewer.post(self.ROLLBACK, {"comment": "Drift", "seen": seen})
            assert response.status_code == 409
        assert "any-admin set note to x" in text_of(reviewer.post(self.ROLLBACK, {"comment": "Drift", "seen": "0"}))
        assert ModelPackage.objects.get(version=2).approval_status == APPROVED

    def test_with_nothing_to_go_back_to(self, reviewer):
        assert "Only from an approved version" in text_of(reviewer.get(f"{page_of(1)}rollback/"))
        response = reviewer.post(f"{page_of(3)}rollback/", {"comment": "x", "seen": "0"})
        assert response.status_code == 409 and "Only from an approved version" in text_of(response)


class TestStages:
    def test_the_group_says_which_version_stands_where(self, as_role, group):
        def staged(stage: str, status: str = WAITING) -> None:
            make_version(group, approval_status=status, model_life_cycle={"Stage": stage, "StageStatus": "Draft"})

        for stage in ("Production", "Staging", "Production"):
            staged(stage, APPROVED)
        staged("Production", REJECTED)
        staged("Development")
        page = as_role("viewer").get(GROUP).content.decode()
        head = page.partition('id="group-standing"')[2].partition("</ul>")[0]
        assert re.findall(r"versions/(\d+)/\" title=\"Current in (\w+)", head) == [
            ("3", "Production"),
            ("2", "Staging"),
            ("5", "Development"),
        ]

    def test_nothing_is_said_of_a_group_without_stages(self, as_role, group):
        make_version(group)
        assert "Current in Production" not in as_role("viewer").get(GROUP).content.decode()

    def test_the_group_page_stays_within_its_queries(self, as_role, cast, group, django_assert_max_num_queries):
        for number in range(30):
            make_version(group, approval_status=APPROVED, metrics=[("auc", number)])
        services.delete_model_package(actor=an_actor(), package=ModelPackage.objects.get(version=3))
        rule(group, required_checks=("tests",))
        client = as_role("reviewer")
        with django_assert_max_num_queries(12):
            assert client.get(GROUP).status_code == 200


def test_someone_elses_words_run_nothing(as_role, group):
    make_version(group)
    rule(group, required_checks=("<script>alert(1)</script>",))
    send(as_role("reviewer"), "changes", "<img src=x onerror=alert(1)>")
    page = as_role("reviewer").get(page_of()).content.decode()
    assert "<script>alert" not in page and "<img src=x" not in page
