"""The Metrics page of a group: its range, charts, table and file, and the form of the group's choices."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from registry.catalog import services
from registry.catalog.models import ModelPackageGroup
from registry.events.models import Event
from tests.factories import REGION, an_actor, make_group, make_user, make_version

pytestmark = pytest.mark.django_db

PATH = f"/groups/{REGION}/fraud/metrics/"
FRAGMENT = {"HX-Request": "true", "HX-Target": "metrics-body"}


def sign_in(role: str) -> Client:
    client = Client()
    client.force_login(make_user(role))
    return client


@pytest.fixture
def viewer() -> Client:
    return sign_in("viewer")


def a_group(versions: int = 30, **more: Any) -> ModelPackageGroup:
    group = make_group("fraud")
    for n in range(1, versions + 1):
        status = "Approved" if n % 10 == 0 else "PendingManualApproval"
        make_version(group, approval_status=status, metrics=[("auc", 0.5 + n / 1000), ("log_loss", 1 / n)], **more)
    group.refresh_from_db()
    return group


def page(client: Client, path: str = PATH, status: int = 200, **more: Any) -> str:
    response = client.get(path, **more)
    assert response.status_code == status
    return unescape(response.content.decode())


def charts_of(html: str) -> list[str]:
    return re.findall(r'<div class="multiple">.*?(?=<div class="multiple">|</section>)', html, re.S)


def rows_of(html: str) -> list[int]:
    return [int(n) for n in re.findall(r'<tr><th scope="row"><a class="ver" href="[^"]*">v(\d+)</a>', html)]


# ---------- charts ----------


def test_each_metric_has_a_chart_with_its_versions_as_links(viewer):
    a_group()
    html = page(viewer)
    auc, loss = charts_of(html)
    assert "auc from v1 to v30: between 0.501 and 0.530, higher is better; v30, approved now, has 0.530" in auc
    assert "lower is better" in loss
    assert len(re.findall(rf'href="/groups/{REGION}/fraud/versions/\d+/"', auc)) == 30
    assert 'aria-label="v30, auc 0.530, approved"' in auc
    assert 'class="ticks"' not in auc
    assert "30 versions" in html


def test_a_long_range_is_a_line_with_ticks_and_the_versions_that_stand_out(viewer):
    a_group(80)
    auc, _ = charts_of(page(viewer))
    links = [int(n) for n in re.findall(r"versions/(\d+)/", auc)]
    assert {10, 30, 40, 60, 80} <= set(links)
    assert set(links) - {10, 30, 40, 60, 80} == {74, 75, 76, 77, 78, 79}
    # One tick for each approved version.
    ticks = re.search(r'class="ticks" d="([^"]*)"', auc)
    assert ticks
    assert ticks[1].count("M") == 8


def test_a_line_never_has_more_than_600_points(viewer, monkeypatch):
    monkeypatch.setattr("registry.web.metric_pages.STRETCHES", 20)
    monkeypatch.setattr("registry.web.metric_pages.STRETCHES_TOGETHER", 20)
    a_group(90)
    (auc,) = charts_of(page(viewer, f"{PATH}?metric=auc"))
    line = re.search(r'class="line" d="M[^l]*l([^"]*)"', auc)
    assert line
    # 18 stretches of 5 versions, the lowest and highest of each.
    assert len(line[1].replace("-", " -").split()) // 2 + 1 == 36


def test_a_range_is_part_of_the_address(viewer):
    a_group()
    html = page(viewer, f"{PATH}?from=5&to=9")
    assert "auc from v5 to v9" in html
    assert rows_of(html) == [9, 8, 7, 6, 5]
    assert f'href="{PATH}?from=1&to=4"' not in html
    assert f'href="{PATH}?to=5"' in html or f'href="{PATH}?from=1&to=5"' in html or f'href="{PATH}?to=4"' in html
    assert f'href="{PATH}?from=10&to=14"' in html
    assert f'href="{PATH}?from=3&to=11"' in html


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("from=9&to=5", (5, 9)),
        ("from=0&to=0", (1, 1)),
        ("from=28&to=900", (28, 30)),
        ("from=900", (30, 30)),
        ("from=x&to=y", (1, 30)),
        (f"from={'9' * 30}&to=-3", (1, 30)),
        ("from=0x1&to=٣", (1, 30)),
        ("from=&to=", (1, 30)),
    ],
)
def test_a_range_that_the_group_does_not_have_gives_the_nearest(viewer, query, shown):
    a_group()
    assert "auc from v{} to v{}:".format(*shown) in page(viewer, f"{PATH}?{query}")


def test_one_metric_is_drawn_large_with_stretches_that_lead_nearer(viewer):
    a_group(80)
    html = page(viewer, f"{PATH}?metric=auc")
    assert len(charts_of(html)) == 1
    assert f'<a href="{PATH}?metric=auc&from=8&to=14" tabindex="-1" aria-label="Zoom to v8 to v14">' in html
    assert "log_loss</th>" not in html


def test_scores_of_a_constant_classifier_wait_in_the_menu(viewer):
    make_version(make_group("fraud"), metrics=[("auc", 0.9), ("auc_best_constant_classifier", 0.5)])
    html = page(viewer)
    assert len(charts_of(html)) == 1
    assert "<option>auc_best_constant_classifier</option>" in html
    assert len(charts_of(page(viewer, f"{PATH}?metric=auc_best_constant_classifier"))) == 1


def test_numbers_at_the_edge_of_what_there_is_are_drawn(viewer):
    group = make_group("fraud")
    for value in (1e308, -1e308, 0.0, 5e-324, 1e-12):
        make_version(group, metrics=[("auc", value)])
    html = page(viewer)
    assert "nan" not in html.lower().replace("nano", "")
    assert "inf%" not in html


def test_names_of_people_are_never_markup(viewer):
    make_version(make_group("fraud"), metrics=[("<b>&", 0.5)])
    html = viewer.get(PATH).content.decode()
    assert "<b>&" not in html
    assert "&lt;b&gt;&amp;" in html


# ---------- table and file ----------


def test_the_table_is_paged_by_number(viewer):
    a_group(60)
    first = page(viewer)
    assert rows_of(first) == list(range(60, 35, -1))
    assert f'href="{PATH}?before=36"' in first
    assert rows_of(page(viewer, f"{PATH}?before=36")) == list(range(35, 10, -1))
    assert rows_of(page(viewer, f"{PATH}?before=11")) == list(range(10, 0, -1))
    assert "No version here below v1." in page(viewer, f"{PATH}?before=1")


def test_the_file_has_every_version_of_the_range(viewer):
    a_group(40)
    response = viewer.get(f"{PATH}?from=3&to=38&format=csv")
    rows = list(csv.reader(io.StringIO(b"".join(response).decode("utf-8-sig"), newline="")))
    assert rows[0] == ["version", "approval_status", "registered_at", "registered_by", "auc", "log_loss"]
    assert [int(row[0]) for row in rows[1:]] == list(range(38, 2, -1))
    assert rows[1][1] == "PendingManualApproval"
    assert float(rows[1][4]) == 0.538


def test_the_fragment_is_the_part_of_the_page_that_it_replaces(viewer):
    a_group(12)
    fragment = viewer.get(f"{PATH}?from=3", headers=FRAGMENT)
    assert "HX-Request" in fragment["Vary"]
    part = fragment.content.decode().strip()
    assert part.startswith('<div id="metrics-body">')
    whole = viewer.get(f"{PATH}?from=3").content.decode()
    # The fragment brings the address of the file along, which stands outside of it.
    body = re.sub(r'<a class="btn" id="metrics-file"[^>]*hx-swap-oob.*?</a>', "", part)
    assert "".join(body.split()) in "".join(whole.split())


# ---------- empty states ----------


def test_empty_states(viewer):
    group = make_group("fraud")
    assert "No version yet" in page(viewer)
    make_version(group)
    assert "No metric yet" in page(viewer)
    make_version(group, metrics=[("auc", 0.5)])
    assert "No metric in this range" in page(viewer, f"{PATH}?to=1")
    assert "No f1 here" in page(viewer, f"{PATH}?metric=f1")
    assert "No f1 here" in page(viewer, f"{PATH}?metric=f1&from=1&to=1")


def test_another_group_is_not_found(viewer):
    page(viewer, PATH, 404)


# ---------- choices ----------


def form(group: ModelPackageGroup, **more: Any) -> dict[str, Any]:
    return {
        "leading_metric": "log_loss",
        "name": ["auc", "log_loss"],
        "direction": ["lower", ""],
        "seen": services.digest_of_metric_choices(group),
    } | more


def test_a_reviewer_chooses_what_leads_and_which_way_is_better():
    group, reviewer = a_group(3), sign_in("reviewer")
    html = page(reviewer)
    assert "By name: higher" in html
    response = reviewer.post(PATH, form(group))
    assert (response.status_code, response["Location"]) == (302, PATH)
    group.refresh_from_db()
    assert (group.leading_metric, group.metric_directions) == ("log_loss", {"auc": "lower"})
    loss, auc = charts_of(page(reviewer))
    assert "Leads" in loss
    assert "lower is better" in auc
    # The timeline follows: its metric and the reading of its changes.
    timeline = page(reviewer, group.get_absolute_url())
    assert "<option selected>log_loss</option><option>auc</option>" in timeline
    auc = page(reviewer, f"{group.get_absolute_url()}?metric=auc")
    assert "delta--worse" in auc
    assert "delta--better" not in auc
    assert "lower is better" in auc
    # And the page of a version.
    version = page(reviewer, f"{group.get_absolute_url()}versions/3/?base=1")
    assert re.search(r"auc</code> <span[^>]*>lower is better", version)


def test_a_chosen_metric_leads_although_few_versions_have_it_and_not_where_none_has():
    group, viewer = a_group(5), sign_in("viewer")
    for name in ("rare", "gone"):
        group = services.update_metric_choices(actor=an_actor(), group=group, leading_metric=name)
    make_version(group, metrics=[("auc", 0.6), ("rare", 1.0)])
    assert "<option selected>auc</option>" in page(viewer, group.get_absolute_url())
    services.update_metric_choices(actor=an_actor(), group=group, leading_metric="rare")
    assert "<option selected>rare</option>" in page(viewer, group.get_absolute_url())


def test_the_form_is_not_drawn_for_who_may_not_choose():
    group = a_group(3)
    viewer = sign_in("viewer")
    assert "How these metrics are read" not in page(viewer)
    assert viewer.post(PATH, form(group)).status_code == 403
    assert not Event.objects.filter(kind="model_package_group.metrics_changed").exists()


def test_choices_that_cannot_be_come_back_as_they_were_typed():
    group, reviewer = a_group(3), sign_in("reviewer")
    response = reviewer.post(PATH, form(group, direction=["sideways", "lower"]))
    html = unescape(response.content.decode())
    assert response.status_code == 422
    assert "Better is higher, lower or none." in html
    assert '<option value="log_loss" selected>' in html
    assert '<option value="lower" selected>' in html
    assert "<details" in html
    assert re.search(r'<details[^>]* id="choices" open', html)


def test_choices_over_those_of_somebody_else_are_shown_first():
    group, reviewer = a_group(3), sign_in("reviewer")
    stale = form(group)
    services.update_metric_choices(actor=an_actor(), group=group, leading_metric="auc")
    response = reviewer.post(PATH, stale)
    html = unescape(response.content.decode())
    assert response.status_code == 409
    assert "any-admin" in html
    assert '<option value="auc" selected>' in html
    group.refresh_from_db()
    assert group.leading_metric == "auc"


@pytest.mark.parametrize(
    "typed",
    [
        {"leading_metric": "\0", "name": "auc", "direction": "lower"},
        {"leading_metric": "x" * 9000},
        {"name": ["auc"] * 5000, "direction": ["lower"] * 5000},
        {"name": ["auc", "auc"], "direction": ["lower"]},
        {"direction": "lower"},
        {"name": "", "direction": "lower"},
        {"seen": "x" * 9000, "leading_metric": "f1"},
        {},
    ],
)
def test_odd_forms_are_no_error(typed):
    a_group(1)
    assert sign_in("reviewer").post(PATH, typed).status_code in (302, 400, 409, 422)


# ---------- what it costs ----------


@pytest.mark.parametrize("query", ["", "?from=2&to=20", "?metric=auc", "?before=40"])
def test_queries_stay_few(viewer, django_assert_max_num_queries, query):
    a_group(80)
    page(viewer, f"{PATH}{query}")
    with django_assert_max_num_queries(12):
        page(viewer, f"{PATH}{query}")
