"""The index of groups, its filter box and its pages; what completes a filter is in test_suggestions.py."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from registry.accounts.models import User
from registry.catalog.filters import Query
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.reports.groups import SORTS, Cursor, Order, found_groups, group_page
from registry.catalog.reports.suggestions import regions
from tests.factories import make_group, make_user, make_version, specification

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


def rows(html: str) -> list[str]:
    """The names of the groups on a page, in order."""
    return re.findall(r'groups__name"><a href="[^"]+">([^<]+)<', html)


def get(client: Client, path: str, **headers: str) -> str:
    response = client.get(path, headers=headers)
    assert response.status_code == 200, response.content[:500]
    return response.content.decode()


# ---------- the index ----------


@pytest.mark.parametrize("text", ["meta:seed=7", "image:train", "meta:seed=7 OR approved:none", "status:approved"])
def test_a_filter_that_was_asked_before_finds_what_came_since(as_role: Any, text: str) -> None:
    client, address = as_role("viewer"), f"/groups/?q={quote(text)}"
    early, late = make_group("early"), make_group("late")
    with_all: dict[str, Any] = {"approval_status": "Approved", "customer_metadata_properties": {"seed": "7"}}
    with_all["inference_specification"] = specification("example.com/train:1")
    make_version(early, **with_all)
    make_version(late, approval_status="Rejected")
    before = rows(get(client, address))
    make_version(late, **with_all)
    assert "late" not in before or "approved:none" in text
    assert "early" in before
    assert {"early", "late"} <= set(rows(get(client, address)))


def test_index_shows_what_a_group_is_at(as_role: Any) -> None:
    group = make_group("fraud-xgb", description="Card fraud <score>", tags=[("team", "fraud")])
    make_version(group, approval_status="Approved")
    make_version(group, approval_status="Rejected")
    html = get(as_role("viewer"), "/groups/")
    assert "<title>Groups · Model Registry</title>" in html
    assert rows(html) == ["fraud-xgb"]
    assert "Card fraud &lt;score&gt;" in html
    assert 'href="/groups/?q=tag:team=fraud"' in html
    assert 'href="/groups/us-east-1/fraud-xgb/versions/2/">v2</a>' in html
    assert 'href="/groups/us-east-1/fraud-xgb/versions/1/">v1</a>' in html
    assert "2 versions. 1 approved, 0 waiting, 1 rejected." in html
    assert "any-admin" in html
    assert "1 group" in html


def test_index_costs_the_same_for_one_and_for_a_hundred_rows(as_role: Any) -> None:
    client = as_role("contributor")

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            get(client, path)
        return len(caught)

    make_version(make_group("first", tags=[("team", "fraud")]))
    paths = ["/groups/?per_page=100", "/groups/?per_page=100&q=status:waiting+tag:team=fraud&sort=name"]
    one = [queries(path) for path in paths]
    for number in range(100):
        group = make_group(f"g-{number}", tags=[("team", "fraud")], region="us-east-1" if number % 2 else "eu-west-1")
        make_version(group)
    # What a filter finds is counted only where a page does not show all of it.
    assert [queries(path) for path in paths] == [one[0], one[1] + 1]
    assert max(one) < 12
    assert max(queries(f"/groups/?sort={sort}") for sort in ("latest", "-approved", "versions")) <= 12


def test_strip_reads_the_newest_versions_past_gaps(cast: dict[str, User]) -> None:
    group = make_group("gaps")
    for number in range(1, 31):
        make_version(group, approval_status="Approved" if number % 2 else "Rejected")
    ModelPackage.objects.filter(group=group, version__in=[3, 29, 30]).update(deleted_at=NOW)
    make_group("empty")
    page = group_page(found_groups(cast["viewer"], Query()), Order("name"), 18)
    empty, gaps = page.rows
    assert (empty.strip, empty.latest_version) == ((), None)
    assert (len(gaps.strip), gaps.latest_version, gaps.latest_status) == (24, 28, "Rejected")


@pytest.mark.parametrize("sort", [*SORTS, *(f"-{name}" for name in SORTS)])
def test_pages_meet_without_gap_in_both_directions(cast: dict[str, User], sort: str) -> None:
    for number in range(11):
        group = make_group(f"g-{number:02}")
        values: dict[str, Any] = {"updated_at": NOW - timedelta(hours=number // 3), "version_count": 0}
        if number % 3:
            values |= {"latest_created_at": NOW - timedelta(days=number // 4), "approved_at": NOW}
        ModelPackageGroup.objects.filter(pk=group.pk).update(**values)
    order, groups = Order.read(sort), found_groups(cast["viewer"], Query())
    everything = [row.name for row in group_page(groups, order, 100).rows]
    assert len(set(everything)) == 11
    if SORTS[order.name].nullable:
        assert {int(name[2:]) % 3 for name in everything[-4:]} == {0}, "rows without a value come last"
    pages, after = [], ""
    while True:
        page = group_page(groups, order, 3, after=after)
        pages.append(page)
        if not page.older:
            break
        after = page.older
    assert [row.name for page in pages for row in page.rows] == everything
    assert not pages[0].newer
    for page, previous in zip(pages[1:], pages, strict=False):
        back = group_page(groups, order, 3, before=page.newer)
        assert [row.name for row in back.rows] == [row.name for row in previous.rows]
        assert bool(back.newer) == bool(previous.newer)
        assert back.older


def test_a_page_before_rows_that_are_gone_is_the_first_page(cast: dict[str, User]) -> None:
    for name in ("a", "b", "c"):
        make_group(name)
    groups, order = found_groups(cast["viewer"], Query()), Order("name")
    second = group_page(groups, order, 2, after=group_page(groups, order, 2).older)
    ModelPackageGroup.objects.filter(name="a").update(deleted_at=NOW)
    assert [row.name for row in group_page(groups, order, 2, before=second.newer).rows] == ["b", "c"]


@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "=",
        "é",
        "AAAA",
        "W10",
        "1" * 5000,
        "bnVsbA",
        Cursor("a", 2**63).write(Order("name")),
        Cursor("a", 1).write(Order("updated")),
    ],
)
def test_a_broken_cursor_is_left_out(as_role: Any, cursor: str) -> None:
    make_group("only")
    client = as_role("viewer")
    for name in ("after", "before"):
        for sort in SORTS:
            assert rows(get(client, f"/groups/?sort={sort}&{name}={quote(cursor)}")) == ["only"]


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("updated", "2026-11-22"),
        ("updated", "2026-11-22T10:00:00"),
        ("updated", 5),
        ("updated", None),
        ("versions", "1"),
        ("versions", 2**40),
        ("versions", True),
        ("name", "a b"),
        ("name", ["x"]),
        ("latest", {"a": 1}),
    ],
)
def test_a_made_up_cursor_is_left_out(sort: str, value: Any) -> None:
    order = Order(sort)
    assert Cursor.read(Cursor(value, 1).write(order), order) is None


def test_odd_parameters_fall_back_to_the_defaults(as_role: Any) -> None:
    make_group("only")
    client = as_role("viewer")
    for query in (
        "sort=none",
        "sort=--name",
        "per_page=1000000",
        "per_page=x",
        "q=" + "(" * 300,
        "q=%F0%9F%92%A9",
        "page=2",
    ):
        assert 'aria-sort="descending"' in get(client, f"/groups/?{query}") or "No group" in get(
            client, f"/groups/?{query}"
        )
    assert client.get("/groups/?q=%00").status_code == 400


def test_columns_sort_and_turn(as_role: Any) -> None:
    for name in ("a", "c", "b"):
        make_group(name)
    client = as_role("viewer")
    html = get(client, "/groups/?sort=name")
    assert rows(html) == ["a", "b", "c"]
    assert 'aria-sort="ascending"' in html
    assert 'href="/groups/?sort=-name"' in html
    assert rows(get(client, "/groups/?sort=-name")) == ["c", "b", "a"]


def test_next_page_is_a_link_that_keeps_the_state(as_role: Any) -> None:
    for number in range(20):
        make_group(f"g-{number:02}")
    client = as_role("viewer")
    html = get(client, "/groups/?sort=name&q=g")
    assert rows(html)[0] == "g-00"
    assert "18 of 20" in html
    older = re.search(r'href="(/groups/\?[^"]*after=[^"]+)"', html)
    assert older
    second = get(client, older[1].replace("&amp;", "&"))
    assert rows(second) == ["g-18", "g-19"]
    newer = re.search(r'href="(/groups/\?[^"]*before=[^"]+)"', second)
    assert newer
    assert rows(get(client, newer[1].replace("&amp;", "&"))) == rows(html)
    assert len(rows(get(client, "/groups/?per_page=50"))) == 20


def test_saved_views_are_counted_up_to_a_cap(as_role: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        make_version(make_group(f"g-{number}"), approval_status="Approved" if number == 0 else "PendingManualApproval")
    monkeypatch.setattr("registry.catalog.reports.groups.COUNT_CAP", 2)
    html = get(as_role("viewer"), "/groups/?q=status:waiting")
    views = re.findall(r'href="([^"]+)"[^>]*>(\w[\w ]+) <span class="count">([^<]+)', html)
    assert views == [("/groups/", "All", "2+"), ("/groups/?q=status:pending", "Waiting", "2+"),
                     ("/groups/?q=approved:none", "Never approved", "2+")]  # fmt: skip
    assert re.search(r'id="view-2"[^>]*aria-current="true"', html)


def test_what_a_filter_finds_is_counted_up_to_a_cap_of_its_own(as_role: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(20):
        make_group(f"g-{number}")
    monkeypatch.setattr("registry.catalog.reports.counts.FOUND_CAP", 19)
    client = as_role("viewer")
    assert "18 of 19+" in get(client, "/groups/?q=g")
    assert "18 of 20" in get(client, "/groups/")


def test_region_is_shown_only_where_there_are_several(as_role: Any) -> None:
    make_group("here")
    client = as_role("viewer")
    assert "chip--region" not in get(client, "/groups/")
    make_group("here", region="eu-west-1")
    html = get(client, "/groups/")
    assert html.count("chip--region") == 2
    assert '"/groups/eu-west-1/here/"' in html
    assert regions(make_user("viewer")) == ["eu-west-1", "us-east-1"]


# ---------- filter box and fragments ----------


def test_fragment_is_the_part_of_the_page_that_it_replaces(as_role: Any) -> None:
    make_group("fraud", tags=[("team", "a")])
    make_group("other")
    client = as_role("contributor")
    page = get(client, "/groups/?q=tag:team=a+fraud")
    response = client.get("/groups/?q=tag:team=a&q=fraud", headers=HTMX)
    fragment = response.content.decode()
    start, end = fragment.index('<div id="groups-list">'), fragment.index('<nav class="seg"')
    assert fragment[start:end].strip() in page
    assert response["HX-Push-Url"] == "/groups/?q=tag:team=a+fraud"
    assert "HX-Request" in response["Vary"]
    assert 'id="views" aria-label="Saved views" hx-swap-oob="true"' in fragment
    assert re.search(r'<form[^>]*id="filter"[^>]*hx-swap-oob="true"', fragment)
    assert "<html" not in fragment
    assert get(client, "/groups/", **HTMX, **{"HX-History-Restore-Request": "true"}).startswith("<!doctype")


def test_the_box_is_left_alone_while_somebody_types(as_role: Any) -> None:
    make_group("fraud", tags=[("team", "risk")])
    client = as_role("viewer")

    def typed(text: str, token: str = "region:us-east-1") -> str:
        return get(client, f"/groups/?q={token}&q={quote(text)}", **HTMX, **{"HX-Trigger": "q"})

    for unfinished in ("fra", "fra ", "status:appr", "tag:", "tag:te", "tag:team=", "tag:team=ri", "-tag:team=fr", ""):
        html = typed(unfinished)
        assert rows(html) == ["fraud"], unfinished
        assert 'id="filter"' not in html
        assert "does not filter" not in html
    assert rows(typed("", token="tag:te")) == [], "a token is complete"
    assert rows(typed("tag:team=x")) == []
    assert "does not filter" in typed("status:appr ")
    done = typed("status:none ")
    assert 'id="filter"' in done
    assert 'name="q" value="status:none"' in done
    response = client.get("/groups/?q=tag:team=ri", headers={**HTMX, "HX-Trigger": "q"})
    assert response["HX-Push-Url"] == "/groups/?q=tag:team=ri"


def test_removing_a_token_swaps_the_box_itself(as_role: Any) -> None:
    make_group("fraud")
    html = get(as_role("viewer"), "/groups/?q=fraud", **HTMX, **{"HX-Target": "filter"})
    assert re.search(r'<form[^>]*id="filter"[^>]*hx-sync="this:replace">', html)
    assert re.search(r'<input[^>]*id="q"[^>]* autofocus', html)


def test_a_mistake_is_a_token_with_an_error_and_the_rest_filters(as_role: Any) -> None:
    make_group("fraud")
    make_group("other")
    html = get(as_role("viewer"), "/groups/?q=team:x+fraud")
    assert rows(html) == ["fraud"]
    assert "token--bad" in html
    assert "There is no filter team:." in html
    assert 'href="/groups/?q=tag:team=x+fraud"' in html


def test_filters_from_several_inputs_are_joined(as_role: Any) -> None:
    make_group("fraud", tags=[("team", "a")])
    make_group("fraud-b")
    html = get(as_role("viewer"), "/groups/?q=tag:team=a&q=fraud&sort=name")
    assert rows(html) == ["fraud"]
    assert 'aria-label="Remove filter tag:team=a"' in html
    assert 'href="/groups/?q=fraud&amp;sort=name"' in html
    assert re.search(r'id="q"[^>]*value="fraud"', html)


def test_no_match_names_what_resembles_it(as_role: Any) -> None:
    make_group("fraud-detection", tags=[("team", "payment")])
    client = as_role("viewer")
    html = get(client, "/groups/?q=tag:team=payments")
    assert "No group has tag team=payments" in html
    assert "1 group has a similar tag" in html
    assert 'href="/groups/?q=tag:team=payment"' in html
    assert "newgroup" not in html
    assert 'href="/groups/?q=fraud-detection"' in get(client, "/groups/?q=fraud-detektion")
    assert "No group matches all of these filters" in get(as_role("contributor"), "/groups/?q=a+b")
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model-package/fraud/7"
    assert f"No group or version has the ARN {arn}" in get(client, f"/groups/?q={arn}")
    assert "No group has arn in its name or description" in get(client, "/groups/?q=arn")


def test_first_run_says_what_the_role_may_do(as_role: Any) -> None:
    assert "People with the role contributor create groups" in get(as_role("viewer"), "/groups/")
    html = get(as_role("contributor"), "/groups/")
    assert 'data-dialog="newgroup"' in html
    assert "importdump" not in html
    assert "python manage.py importdump PATH" in get(as_role("admin"), "/groups/")
