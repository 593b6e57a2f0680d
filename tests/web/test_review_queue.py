"""The review queue: list and pane, decisions one after the other, with and without script."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from registry.accounts.permissions import Actor
from registry.catalog import services
from registry.catalog.models import ModelPackage
from registry.catalog.reports import queue
from registry.catalog.rules import ReviewRules
from tests.factories import an_actor, make_group, make_version

WAITING, APPROVED, REJECTED = "PendingManualApproval", "Approved", "Rejected"
HTMX = {"HX-Request": "true"}
QUEUE = "/review/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def three() -> list[ModelPackage]:
    """fraud v1 to v3, waiting for 9, 3 and 0 days."""
    group = make_group("fraud")
    packages = [make_version(group, description=f"Run {n}", metrics=[("auc", 0.9 + n / 100)]) for n in (1, 2, 3)]
    for package, days in zip(packages, (9, 3, 0), strict=True):
        ModelPackage.objects.filter(pk=package.pk).update(waiting_since=timezone.now() - timedelta(days=days))
    return packages


@pytest.fixture
def reviewer(as_role: Any) -> Client:
    return as_role("reviewer")


def review(number: int, who: str = "") -> str:
    return f"/groups/us-east-1/fraud/versions/{number}/review/?next=1{'&who=' + who if who else ''}"


def at(number: int) -> str:
    return f"us-east-1/fraud/{number}"


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def listed(page: str) -> list[str]:
    return re.findall(r'data-row data-at="([^"]+)"', page)


def shown(page: str) -> str:
    return (re.findall(r'inbox__scroll" data-at="([^"]+)"', page) or [""])[0]


def decide(client: Client, number: int, decision: str, comment: str = "", *, who: str = "", headers: Any = HTMX) -> Any:
    seen = ModelPackage.objects.get(version=number).revision
    return client.post(review(number, who), {"decision": decision, "comment": comment, "seen": seen}, headers=headers)


class TestPage:
    def test_lists_what_waits_oldest_first_and_shows_the_first(self, reviewer, three):
        page = reviewer.get(QUEUE).content.decode()
        assert listed(page) == [at(1), at(2), at(3)] and shown(page) == at(1)
        assert re.findall(r'inbox__period">([^<]+)', page) == ["Older than a week", "This week", "Today"]
        assert page.count('aria-current="true"') == 1 and f'data-at="{at(1)}" href' in page
        assert "Run 1" in page and page.count("<h1") == 1
        # Without script a click leads to the version's own page.
        assert 'href="/groups/us-east-1/fraud/versions/2/" hx-get="/review/us-east-1/fraud/2/"' in page
        assert 'hx-push-url="/review/?at=us-east-1/fraud/2"' in page

    def test_the_picked_version_is_in_the_address(self, reviewer, three):
        assert shown(reviewer.get(f"{QUEUE}?at={at(3)}").content.decode()) == at(3)
        assert reviewer.get("/review/us-east-1/fraud/3/")["Location"] == f"{QUEUE}?at={at(3)}"
        assert reviewer.get("/review/us-east-1/fraud/3/?who=all")["Location"] == f"{QUEUE}?at={at(3)}&who=all"
        pane = reviewer.get("/review/us-east-1/fraud/3/", headers=HTMX).content.decode()
        assert shown(pane) == at(3) and "<html" not in pane
        assert pane.strip() in re.sub(r" autofocus", "", pane) or "autofocus" in pane

    @pytest.mark.parametrize(
        "query",
        [
            "?at=x",
            "?at=us-east-1/fraud/99",
            "?at=us-east-1/fraud/" + "9" * 30,
            "?who=x",
            "?after=x",
            "?after=\N{FULLWIDTH DIGIT ONE}-1",
            "?after=" + "9" * 17 + "-1",
            "?after=1-" + "9" * 30,
            "?who=decided&after=" + "9" * 40,
        ],
    )
    def test_odd_addresses_are_read_as_well_as_can_be(self, reviewer, three, query):
        assert reviewer.get(QUEUE + query).status_code == 200
        assert reviewer.get(QUEUE + query, headers=HTMX).status_code == 200

    def test_older_pages_come_as_items(self, reviewer, three, monkeypatch):
        monkeypatch.setattr(queue, "PER_PAGE", 2)
        page = reviewer.get(QUEUE).content.decode()
        assert listed(page) == [at(1), at(2)]
        (more,) = re.findall(r'loadmore" hx-get="([^"]+)"', page)
        rest = reviewer.get(more, headers=HTMX).content.decode()
        assert listed(rest) == [at(3)] and "loadmore" not in rest and "<section" not in rest
        assert listed(reviewer.get(more).content.decode()) == [at(3)]

    def test_who_decides_nothing_sees_what_waits_for_anybody(self, as_role, three):
        page = as_role("viewer").get(QUEUE).content.decode()
        assert listed(page) == [at(1), at(2), at(3)]
        assert "Only reviewers decide" in page and 'name="decision"' not in page
        assert "Waiting for me" not in page and 'id="review-count"' not in page

    def test_the_pane_says_what_an_approval_would_change(self, reviewer):
        group = make_group("fraud")
        old = {"metrics": [("auc", 0.9)], "customer_metadata_properties": {"features": "v13"}}
        make_version(group, approval_status=APPROVED, **old)
        make_version(group, metrics=[("auc", 0.91)], customer_metadata_properties={"features": "v14"}, domain="OTHER")
        text = text_of(reviewer.get(QUEUE))
        pane = text.partition("Open version")[0].rpartition("fraud v2")[2], text.partition("Open version")[2]
        assert "compared with v1 , approved" in pane[0]
        assert "+0.01 better" in pane[1]
        assert "features v1 v13 v2 v14" in pane[1] and "Domain v1 not set v2 OTHER" in pane[1]

    def test_empty(self, as_role, cast):
        text = text_of(as_role("reviewer").get(QUEUE))
        assert "Nothing is waiting for you" in text and "What was decided" in text
        assert "Nothing is waiting" in text_of(as_role("viewer").get(QUEUE))
        assert "Nothing was decided yet" in text_of(as_role("viewer").get(f"{QUEUE}?done=1"))

    def test_what_waits_for_others_is_offered(self, as_role, cast):
        group = make_group("fraud")
        services.update_review_rules(actor=an_actor(), group=group, rules=ReviewRules(approvals_needed=2))
        package = make_version(group)
        services.update_approval_status(
            actor=Actor.of(cast["reviewer"], "browser"), package=package, approval_status=APPROVED
        )
        assert "Everyone, 1" in text_of(as_role("reviewer").get(QUEUE))
        assert listed(as_role("reviewer").get(f"{QUEUE}?who=all").content.decode()) == [at(1)]
        assert listed(as_role("admin").get(QUEUE).content.decode()) == [at(1)]

    def test_decided(self, reviewer, three):
        decide(reviewer, 2, REJECTED, "Leaks")
        page = reviewer.get(f"{QUEUE}?done=1").content.decode()
        assert listed(page) == [at(2)] and "Rejected by reviewer" in page and "Leaks" in page
        assert "Newest first" in page and "inbox__act" not in page
        services.delete_model_package(actor=an_actor(), package=three[1])
        page = reviewer.get(f"{QUEUE}?done=1").content.decode()
        assert listed(page) == [] and "deleted since" not in page and "Leaks" in page

    @pytest.mark.parametrize("many", [1, 40])
    @pytest.mark.parametrize("query", ["", "?who=all", "?done=1"])
    def test_the_same_few_queries_for_one_and_for_many(self, reviewer, many, query, django_assert_max_num_queries):
        group = make_group("fraud")
        rules = ReviewRules(approvals_needed=2, author_may_not_approve=True, required_checks=("tests",))
        for number in range(many):
            metrics = [("auc", number / 100), ("loss", 1.0)]
            make_version(group, metrics=metrics, approval_status=APPROVED if number % 2 else WAITING)
        for package in ModelPackage.objects.filter(approval_status=WAITING)[:5]:
            services.update_approval_status(actor=an_actor(), package=package, approval_status=REJECTED, comment="no")
        make_version(group, metrics=[("auc", 0.5)])
        services.update_review_rules(actor=an_actor(), group=group, rules=rules)
        with django_assert_max_num_queries(12):
            assert reviewer.get(QUEUE + query).status_code == 200


class TestDecide:
    def test_answers_with_the_next_and_takes_the_item_out(self, reviewer, three):
        response = decide(reviewer, 1, APPROVED)
        page = response.content.decode()
        assert response.status_code == 200 and shown(page) == at(2)
        assert f'<a id="q-{three[0].pk}" hx-swap-oob="delete">' in page
        assert 'id="review-count" hx-swap-oob="true">2<' in page and 'id="count-all" hx-swap-oob="true">2<' in page
        assert json.loads(response["HX-Trigger"])["toast"]["text"] == "fraud: v1 is Approved"
        assert response["HX-Push-Url"] == f"{QUEUE}?at={at(2)}"
        assert ModelPackage.objects.get(version=1).approval_status == APPROVED

    def test_goes_on_from_where_it_was_and_ends_with_nothing(self, reviewer, three):
        assert shown(decide(reviewer, 2, APPROVED).content.decode()) == at(3)
        assert shown(decide(reviewer, 3, REJECTED, "no").content.decode()) == at(1)
        page = decide(reviewer, 1, APPROVED).content.decode()
        assert "Nothing is waiting" in page and shown(page) == ""
        assert 'id="review-count" hx-swap-oob="true" hidden>0<' in page

    def test_without_script_redirects_to_the_next(self, reviewer, three):
        assert decide(reviewer, 1, APPROVED, headers={})["Location"] == f"{QUEUE}?at={at(2)}"
        assert decide(reviewer, 2, APPROVED, who="all", headers={})["Location"] == f"{QUEUE}?at={at(3)}&who=all"
        assert decide(reviewer, 3, "changes", "More", headers={})["Location"] == f"{QUEUE}?at={at(3)}"
        assert decide(reviewer, 3, APPROVED, headers={})["Location"] == QUEUE

    def test_reject_without_comment_stays_in_the_pane(self, reviewer, three):
        response = decide(reviewer, 1, REJECTED)
        page = response.content.decode()
        assert response.status_code == 422 and shown(page) == at(1)
        assert "Say what has to change." in page and "hx-swap-oob" not in page
        whole = decide(reviewer, 1, REJECTED, headers={})
        assert whole.status_code == 422 and "<html" in whole.content.decode()
        assert listed(whole.content.decode()) == [at(1), at(2), at(3)]

    @pytest.mark.parametrize(("decision", "key"), [(REJECTED, "reject"), (APPROVED, "approve")])
    def test_ctrl_enter_still_means_the_decision_that_was_refused(self, reviewer, three, decision, key):
        services.update_review_rules(actor=an_actor(), group=three[0].group, rules=ReviewRules(comment_required=True))
        assert "data-default" not in reviewer.get(QUEUE).content.decode()
        page = decide(reviewer, 1, decision).content.decode()
        assert re.findall(r'data-decide="(\w+)" data-default', page) == [key]

    def test_rules_that_fail_are_named(self, reviewer, three):
        services.update_review_rules(
            actor=an_actor(), group=three[0].group, rules=ReviewRules(required_checks=("tests",))
        )
        response = decide(reviewer, 1, APPROVED, "please")
        page = response.content.decode()
        assert response.status_code == 422 and "1 rule stands against it" in page
        assert "The check tests was not reported yet" in page and "please" in page

    @pytest.mark.parametrize("headers", [HTMX, {}])
    def test_stale_says_what_changed(self, reviewer, three, headers):
        services.update_customer_metadata(actor=an_actor("contributor"), package=three[0], put={"note": "leaks"})
        sent = {"decision": APPROVED, "comment": "mine", "seen": "0"}
        response = reviewer.post(review(1), sent, headers=headers)
        page = response.content.decode()
        assert response.status_code == 409 and shown(page) == at(1)
        assert "any-contributor" in page and "leaks" in page and 'name="seen" value="1"' in page and "mine" in page

    def test_a_vote_leaves_my_list_and_stays_in_everyones(self, reviewer, three):
        services.update_review_rules(actor=an_actor(), group=three[0].group, rules=ReviewRules(approvals_needed=2))
        page = decide(reviewer, 1, APPROVED).content.decode()
        assert f'id="q-{three[0].pk}" hx-swap-oob="delete"' in page and shown(page) == at(2)
        page = decide(reviewer, 2, APPROVED, who="all").content.decode()
        assert 'hx-swap-oob="delete"' not in page and shown(page) == at(3)
        assert "1 approval so far" in text_of(reviewer.get(f"{QUEUE}?who=all"))

    @pytest.mark.parametrize("decision", ["changes", "comment"])
    def test_a_comment_or_a_request_stays_where_it_is(self, reviewer, three, decision):
        page = decide(reviewer, 1, decision, "More data").content.decode()
        assert shown(page) == at(1) and 'hx-swap-oob="delete"' not in page
        assert listed(reviewer.get(QUEUE).content.decode()) == [at(1), at(2), at(3)]

    def test_undo_from_what_was_decided(self, reviewer, three):
        decide(reviewer, 1, REJECTED, "no")
        page = reviewer.get(f"{QUEUE}?who=decided").content.decode()
        assert "Undo rejection" in page
        page = decide(reviewer, 1, "undo", who="decided").content.decode()
        assert shown(page) == at(1) and 'value="Approved"' in page
        assert ModelPackage.objects.get(version=1).approval_status == WAITING
        response = decide(reviewer, 1, "undo", who="decided")
        assert response.status_code == 409 and "It cannot be undone" in response.content.decode()

    def test_somebody_else_decided_meanwhile(self, reviewer, three):
        services.update_approval_status(actor=an_actor(), package=three[0], approval_status=REJECTED, comment="Leaks")
        response = reviewer.post(review(1), {"decision": APPROVED, "comment": "mine", "seen": "0"}, headers=HTMX)
        page = response.content.decode()
        assert response.status_code == 409 and "any-admin rejected v1: Leaks" in re.sub(r"<[^>]+>", "", page)
        assert 'name="decision"' not in page and "Your comment was not saved" in page and "mine" in page

    def test_viewers_decide_nothing(self, as_role, three):
        for headers in (HTMX, {}):
            assert decide(as_role("viewer"), 1, APPROVED, headers=headers).status_code == 403
        assert ModelPackage.objects.get(version=1).approval_status == WAITING


class TestNavigation:
    def test_counts_what_waits_for_the_reader(self, as_role, three):
        assert 'id="review-count">3<' in as_role("reviewer").get("/groups/").content.decode()
        assert 'id="review-count">3<' in as_role("admin").get("/activity/").content.decode()
        assert 'id="review-count"' not in as_role("contributor").get("/groups/").content.decode()
        assert 'href="/review/"' in as_role("viewer").get("/groups/").content.decode()

    def test_is_hidden_at_nothing(self, as_role, cast):
        assert 'id="review-count" hidden>0<' in as_role("reviewer").get("/groups/").content.decode()
