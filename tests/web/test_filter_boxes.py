"""The filter box of the lists: one text with marks, mistakes at their place, suggestions, the box of a timeline."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from registry.accounts.models import User
from registry.catalog.reports.suggestions import suggest
from tests.factories import make_group, make_user, make_version
from tests.web.test_groups import get, rows
from tests.web.test_suggestions import texts
from tests.web.test_timeline import BODY, ROWS, a_group, rows_of

HTMX = {"HX-Request": "true"}


@pytest.fixture
def viewer(client: Client, db: None) -> Client:
    client.force_login(make_user("viewer"))
    return client


# ---------- AND, OR, NOT and parentheses ----------


def test_a_filter_with_signs_is_one_text_with_its_parts_marked(as_role: Any) -> None:
    make_group("fraud", tags=[("team", "a")])
    make_group("churn", tags=[("team", "b")])
    make_group("other")
    client = as_role("viewer")
    html = get(client, "/groups/?q=tag:team=a+OR+(tag:team+NOT+fraud)")
    assert sorted(rows(html)) == ["churn", "fraud"]
    assert re.search(r'id="q"[^>]*value="tag:team=a OR \(tag:team NOT fraud\)"', html)
    assert 'class="token"' not in html
    assert '<p class="reading" aria-label="The filter"><span>tag:team=a</span> <b>OR</b> <b>(</b>' in html
    html = get(client, "/groups/?q=tag:team=a+AND+(fraud)")
    assert 'class="token"' in html and "reading" not in html, "a row of terms is a row of tokens"
    assert 'href="/groups/?q=fraud"' in html


def test_a_mistake_in_the_signs_is_underlined_and_the_page_works(as_role: Any) -> None:
    make_group("fraud")
    html = get(as_role("viewer"), "/groups/?q=(fraud+OR+statsu:approved")
    assert rows(html) == ["fraud"]
    assert '<code class="wrong"><u>(</u>fraud OR statsu:approved</code> This parenthesis is never closed.' in html
    assert '<code class="wrong">(fraud OR <u>statsu:approved</u></code> There is no filter statsu:.' in html
    assert 'href="/groups/?q=(fraud+OR+status:approved"' in html
    assert "<u>(</u><span>fraud</span>" in html
    many = get(as_role("viewer"), "/groups/?q=" + "+OR+OR" * 9)
    assert "And 14 more mistakes." in many


def test_tokens_and_a_typed_or_must_both_match(as_role: Any) -> None:
    make_group("fraud", tags=[("team", "a")])
    make_group("churn", tags=[("team", "a")])
    make_group("other", tags=[("team", "b")])
    response = as_role("viewer").get("/groups/?q=tag:team=a&q=fraud+OR+other", headers=HTMX)
    assert rows(response.content.decode()) == ["fraud"]
    assert response["HX-Push-Url"] == "/groups/?q=tag:team=a+(fraud+OR+other)"
    while_typing = get(as_role("viewer"), "/groups/?q=(tag:team=b+OR", **HTMX, **{"HX-Trigger": "q"})
    assert rows(while_typing) == ["other"] and "never closed" not in while_typing and 'id="filter"' not in while_typing


def test_suggestions_know_the_list_and_what_stands_before(cast: dict[str, User]) -> None:
    group = make_group("fraud-xgb")
    make_version(group, metrics=[("auc", 0.9), ("a b", 1.0)])
    user = cast["viewer"]
    assert texts(user, "(x OR -metric:au") == ["-metric:auc>"]
    assert texts(user, "metric:auc") == ["metric:auc>", "metric:auc<", "metric:auc>=", "metric:auc<="]
    assert texts(user, "metric:a") == ['metric:"a b">', "metric:auc>"]
    assert texts(user, "created:<") == ["created:<24h", "created:<7d"]
    assert texts(user, "check:unit=") == [] and texts(user, "statsu:approved") == ["status:approved"]
    activity = [s.text for _, found in suggest(user, "", of="activity") for s in found]
    assert activity == ["by:", "type:", "group:", "tag:", "created:"], "a region only where there are several"
    assert [s.text for _, found in suggest(user, "group:fr", of="review") for s in found] == ["group:fraud-xgb"]
    assert [s.text for _, found in suggest(user, "tag:", of="timeline") for s in found] == []
    make_group("far", region="eu-west-1")
    assert "region:" in texts(user, "")


# ---------- versions of a group ----------


def test_the_filter_box_narrows_the_versions_beside_the_menus(viewer: Client) -> None:
    group = a_group([0.7, 0.8, 0.9, 0.95])
    path = group.get_absolute_url()
    page = viewer.get(f"{path}?q=metric:auc>0.85+OR+v1&status=waiting").text
    assert list(rows_of(page)) == [4, 3, 1]
    assert "3 versions match" in page
    assert f'href="{path}?q=metric:auc%3E0.85+OR+v1&amp;status=approved"' in page, "the switch keeps the filter"
    assert '<input type="hidden" name="q" value="metric:auc&gt;0.85 OR v1">' in page, "and so do the menus"
    assert '<input type="hidden" name="status" value="waiting">' in page, "and the box the menus"
    page = viewer.get(f"{path}?q=tag:team=a+0.9").text
    assert "Tags are on the group" in page
    assert "No version matches" in viewer.get(f"{path}?q=metric:auc>2").text


def test_the_box_is_left_alone_while_somebody_types_in_it(viewer: Client) -> None:
    group = a_group([0.7, 0.9])
    make_version(group, customer_metadata_properties={"window": "30d"})
    path, typing = group.get_absolute_url(), {**BODY, "HX-Trigger": "q"}
    answer = viewer.get(path, {"q": "meta:window=3"}, headers=typing)
    assert list(rows_of(answer.text)) == [3] and 'id="filter"' not in answer.text
    assert answer["HX-Push-Url"] == f"{path}?q=meta:window=3"
    assert list(rows_of(viewer.get(path, {"q": "metric:auc>"}, headers=typing).text)) == [3, 2, 1]
    assert 'id="filter"' in viewer.get(path, {"q": "by:any-admin "}, headers=typing).text
    answer = viewer.get(path, {"q": "v2"}, headers={**BODY, "HX-Target": "filter"}).text
    assert re.search(r'<div id="group-body" hx-swap-oob="true">', answer), "a removed token brings box and list"


def test_older_versions_keep_the_filter(viewer: Client) -> None:
    group = make_group()
    for n in range(120):
        make_version(group, metrics=[("auc", n % 2)])
    page = viewer.get(f"{group.get_absolute_url()}?q=metric:auc=1").text
    link = re.search(r'<tbody class="t-more"[^>]*hx-get="([^"]*)"', page)
    assert link
    older = viewer.get(link[1].replace("&amp;", "&"), headers=ROWS).text
    assert [*rows_of(page), *rows_of(older)] == list(range(120, 0, -2))


# ---------- the review queue ----------


@pytest.mark.django_db
def test_the_queue_is_filtered_and_its_links_keep_the_filter() -> None:
    fraud, churn = make_group("fraud", tags=[("team", "a")]), make_group("churn")
    first, second = make_version(fraud, metrics=[("auc", 0.9)]), make_version(fraud, metrics=[("auc", 0.95)])
    make_version(churn)
    reviewer = Client()
    reviewer.force_login(make_user("reviewer"))

    def items(html: str) -> list[str]:
        return re.findall(r'<a class="inbox__a"[^>]*data-at="([^"]+)"', html)

    html = reviewer.get("/review/?q=tag:team=a+-metric:auc>0.92+OR+group:chu*").text
    assert items(html) == ["us-east-1/fraud/1", "us-east-1/churn/1"]
    assert "/review/us-east-1/churn/1/?q=tag:team=a+-metric:auc%3E0.92+OR+group:chu*" in html
    html = reviewer.get("/review/?q=group:fraud").text
    assert items(html) == ["us-east-1/fraud/1", "us-east-1/fraud/2"]
    action = re.search(r'hx-post="([^"]*review/\?next=1[^"]*)"', html)
    assert action and action[1].endswith("?next=1&amp;q=group:fraud")
    form = {"decision": "Approved", "seen": first.revision}
    answer = reviewer.post(action[1].replace("&amp;", "&"), form, headers=HTMX)
    assert answer["HX-Push-Url"] == "/review/?at=us-east-1/fraud/2&q=group:fraud", "the next one of the filter"
    html = reviewer.get("/review/?q=statsu:x+group:nobody").text
    assert "There is no filter statsu:" in html and "Nothing that waits matches this filter" in html
    assert 'href="/review/csv/?q=statsu:x+group:nobody"' in html
    reviewer.post("/views/review/", {"name": "Fraud", "query": "q=group:fraud&who=all&at=x"})
    assert items(reviewer.get("/review/?view=Fraud").text) == ["us-east-1/fraud/2"]
    assert second.group is not None


@pytest.mark.django_db
def test_the_help_lists_what_a_list_knows(viewer: Client) -> None:
    card = viewer.get("/filters/help/?of=activity", headers=HTMX).text
    assert "<dt>type:</dt>" in card and "<dt>metric:</dt>" not in card and "<html" not in card
    assert "<dt>metric:</dt>" in viewer.get("/filters/help/?of=nothing").text
    assert 'hx-get="/filters/help/?of=packages"' in viewer.get("/packages/").text
