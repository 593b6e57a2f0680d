"""Open pages that follow what others do: what they ask, what they are answered, and what the script does with it."""

from __future__ import annotations

import json
import re
from copy import copy
from typing import Any

import pytest
from django.test import Client

from registry.catalog import services
from registry.catalog.reports import timeline
from registry.events.models import Event
from tests.factories import an_actor, make_group, make_user, make_version

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client, db: None) -> Client:
    client.force_login(make_user("viewer"))
    return client


def newest() -> int:
    return Event.objects.values_list("id", flat=True)[0]


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def nobody() -> Any:
    """A user without a role."""
    user = make_user("viewer")
    user.groups.clear()
    return user


def approve(package: Any, actor: Any = None) -> None:
    services.update_approval_status(actor=actor or an_actor(), package=package, approval_status="Approved", comment="")


def test_nothing_new_is_204_with_one_query_beside_session_and_user(viewer, django_assert_num_queries):
    group = make_version().group
    for _ in range(3):
        make_version()
    address = f"{group.get_absolute_url()}live/?after={newest()}"
    with django_assert_num_queries(3):
        answer = viewer.get(address, headers={"HX-Request": "true"})
    assert (answer.status_code, answer.content) == (204, b"")


def test_an_event_of_another_group_is_nothing_new(viewer):
    group, after = make_version().group, newest()
    make_version()
    assert viewer.get(f"{group.get_absolute_url()}live/?after={after}").status_code == 204


def test_what_the_page_says_is_where_it_goes_on_from(viewer):
    group = make_version().group
    page = viewer.get(group.get_absolute_url()).content.decode()
    assert f'data-live="{group.get_absolute_url()}live/" data-after="{newest()}"' in page


def test_a_new_version_is_in_the_answer(viewer, django_assert_max_num_queries):
    group, after = make_version().group, newest()
    package = make_version(group)
    with django_assert_max_num_queries(12):
        answer = viewer.get(f"{group.get_absolute_url()}live/?after={after}")
    html = answer.content.decode()
    assert answer.headers["X-Live-After"] == str(newest())
    assert f'id="v{package.version}"' in html
    assert '<p class="vh" role="status" id="live">v2 registered</p>' in html
    assert '<span class="count" id="version-count">2</span>' in html
    assert viewer.get(f"{group.get_absolute_url()}live/?after={newest()}").status_code == 204


def test_what_is_announced(viewer):
    package = make_version()
    group, after = package.group, newest()
    approve(package)
    services.update_model_life_cycle(actor=an_actor(), package=package, stage="Staging", stage_status="Approved")
    services.delete_model_package(actor=an_actor(), package=package)
    html = viewer.get(f"{group.get_absolute_url()}live/?after={after}").content.decode()
    assert 'id="live">v1 is Approved, v1 moved to Staging, v1 deleted</p>' in html


def test_the_filters_of_the_page_are_respected(viewer):
    group, after = make_version().group, newest()
    approve(make_version(group))
    make_version(group)
    html = viewer.get(f"{group.get_absolute_url()}live/?after={after}&status=approved").content.decode()
    assert re.findall(r'<tr class="v[^"]*" data-row id="v(\d+)"', html) == ["2"]
    assert 'id="version-count">3<' in html


@pytest.mark.parametrize("after", ["", "x", "-1", "9" * 30, "1%00", "\N{SUPERSCRIPT TWO}"])
def test_an_odd_after_is_no_500(viewer, after):
    group = make_version().group
    assert viewer.get(f"{group.get_absolute_url()}live/?after={after}").status_code in (400, 404)


def test_who_may_not_read_learns_nothing(client):
    group = make_version().group
    address = f"{group.get_absolute_url()}live/?after=0"
    assert client.get(address, headers={"HX-Request": "true"}).status_code == 401
    client.force_login(nobody())
    assert client.get(address).status_code == 204
    assert client.get("/groups/us-east-1/no-such-group/live/?after=0").status_code == 204


def test_a_group_that_was_deleted_ends_it(viewer):
    group, after = make_group("old"), newest()
    services.delete_model_package_group(actor=an_actor(), group=group)
    answer = viewer.get(f"{group.get_absolute_url()}live/?after={after}", headers={"HX-Request": "true"})
    assert answer.status_code == 410
    assert "The group old was deleted by any-admin on " in answer.content.decode()


def test_the_version_page_tells_of_others_only(client, django_assert_num_queries):
    me = make_user("reviewer", username="me")
    client.force_login(me)
    package = make_version()
    page = client.get(package.get_absolute_url()).content.decode()
    address = f"{package.get_absolute_url()}live/"
    assert f'data-live="{address}" data-after="{newest()}"' in page
    after = newest()
    with django_assert_num_queries(3):
        assert client.get(f"{address}?after={after}").status_code == 204
    client.post(f"{package.get_absolute_url()}review/", {"decision": "Approved", "comment": "", "seen": "0"})
    assert newest() > after, "decided"
    assert client.get(f"{address}?after={after}").status_code == 204
    package.refresh_from_db()
    services.update_model_life_cycle(actor=an_actor(), package=package, stage="Staging", stage_status="Approved")
    answer = client.get(f"{address}?after={after}")
    assert "any-admin moved v1 from" in text_of(answer.content.decode()) or "any-admin moved v1 to Staging" in text_of(
        answer.content.decode()
    )
    assert client.get(f"{address}?after={answer.headers['X-Live-After']}").status_code == 204


# ---------- deleted versions ----------


def test_a_deleted_version_leaves_a_line_in_its_place(viewer):
    group = make_version().group
    two, _ = make_version(group), make_version(group)
    services.delete_model_package(actor=an_actor(), package=two)
    html = viewer.get(group.get_absolute_url()).content.decode()
    ids = re.findall(r'<tr class="(?:v|t-gone)[^"]*"[^>]* id="([a-z0-9-]+)"', html)
    assert ids == ["v3", "gone-2", "v1"]
    assert "v2 deleted by any-admin on 20" in text_of(html)
    assert 'id="version-count">2<' in html


def test_deleted_side_by_side_are_one_line(viewer):
    group = make_group()
    for package in [make_version(group) for _ in range(5)][1:4]:
        services.delete_model_package(actor=an_actor(), package=package)
    html = viewer.get(group.get_absolute_url()).content.decode()
    assert re.findall(r'id="(gone-\d+)" data-first="(\d+)"', html) == [("gone-4", "2")]
    assert "v2 to v4 deleted by any-admin on " in text_of(html)


def test_a_group_of_deleted_versions_only_still_shows_them(viewer):
    package = make_version()
    services.delete_model_package(actor=an_actor(), package=package)
    html = viewer.get(package.group.get_absolute_url()).content.decode()
    assert "v1 deleted by any-admin on " in text_of(html)
    cards = viewer.get("/groups/").content.decode()
    assert "v1" not in text_of(cards).split()


def test_filters_leave_out_deleted_versions_that_they_would_not_show(viewer):
    group = make_version().group
    for status in ("Approved", "Rejected"):
        services.delete_model_package(actor=an_actor(), package=make_version(group, approval_status=status))
    html = viewer.get(f"{group.get_absolute_url()}?status=approved").content.decode()
    assert re.findall(r'id="(gone-\d+)"', html) == ["gone-2"]


def set_rows(monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    """Pages of so many rows; a statement is compiled with their number, so these are new ones."""
    for name in ("FIRST_ROWS", "ROWS"):
        monkeypatch.setattr(timeline, name, many)
    monkeypatch.setattr(timeline, "_NEWEST", copy(timeline._NEWEST))
    monkeypatch.setattr(timeline, "_BELOW", {many: timeline._below(many)})


def test_pages_of_a_timeline_share_no_deleted_version_and_miss_none(viewer, monkeypatch):
    set_rows(monkeypatch, 3)
    group = make_group()
    packages = [make_version(group) for _ in range(12)]
    for package in packages:
        if package.version % 2 == 0 or package.version == 1:
            services.delete_model_package(actor=an_actor("admin"), package=package)
    found, path = [], f"{group.get_absolute_url()}"
    while path:
        html = viewer.get(path).content.decode()
        found += re.findall(r'<tr class="(?:v|t-gone)[^"]*"[^>]* id="(?:v|gone-)(\d+)"', html)
        more = re.search(r'href="([^"]*before=\d+[^"]*)">Show older', html)
        path = more[1].replace("&amp;", "&") if more else ""
    assert found == ["12", "11", "10", "9", "8", "7", "6", "5", "4", "3", "2"], "v2 and v1 are one line"


def test_the_address_of_what_was_deleted_says_who_did_it(viewer, client):
    package = make_version()
    services.delete_model_package(actor=an_actor(), package=package)
    answer = viewer.get(package.get_absolute_url())
    assert answer.status_code == 410
    assert f"v1 of {package.group.name} was deleted by any-admin on 20" in text_of(answer.content.decode())
    services.delete_model_package_group(actor=an_actor(), group=package.group)
    for address in (package.get_absolute_url(), package.group.get_absolute_url()):
        answer = viewer.get(address)
        assert answer.status_code == 410
        assert f"The group {package.group.name} was deleted by any-admin" in text_of(answer.content.decode())
    stranger = Client()
    stranger.force_login(nobody())
    assert "deleted by" not in stranger.get(package.get_absolute_url()).content.decode()


# ---------- the script ----------


@pytest.fixture
def group_page(page: Any, live_server: Any, cast: dict[str, Any], settings: Any) -> Any:
    """An open group page of two versions, of an admin; `page.problems` are the browser's complaints."""
    client = Client()
    client.force_login(cast["admin"])
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": live_server.url}])
    page.problems = []
    page.on("console", lambda message: page.problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.live_group = make_version(metrics=[("auc", 0.9)]).group
    make_version(page.live_group, metrics=[("auc", 0.91)])
    page.base = live_server.url
    page.goto(live_server.url + page.live_group.get_absolute_url())
    return page


def numbers(page: Any) -> list[str]:
    return page.eval_on_selector_all("tr.v, tr.t-gone", "rows => rows.map(r => r.id)")


@pytest.mark.django_db(transaction=True)
def test_a_new_version_shows_within_five_seconds_and_disturbs_nobody(group_page):
    page = group_page
    page.locator("#f-meta summary").click()
    page.locator("#f-meta input[name=meta]").first.fill("region=")
    make_version(page.live_group, metrics=[("auc", 0.95)])
    page.wait_for_selector("#v3.is-new", timeout=5000)
    assert numbers(page) == ["v3", "v2", "v1"]
    assert page.locator("#live").text_content() == "v3 registered"
    assert page.locator("#version-count").text_content() == "3"
    assert "v3" in page.locator("#band-waiting").inner_text()
    assert page.locator("#f-meta").get_attribute("open") is not None
    assert page.locator("#f-meta input[name=meta]").first.input_value() == "region="
    assert page.evaluate("document.activeElement.name") == "meta"
    assert page.problems == []


@pytest.mark.django_db(transaction=True)
def test_cursor_focus_older_pages_and_the_view_stay(page, group_page, monkeypatch):
    set_rows(monkeypatch, 20)
    group = page.live_group
    packages = [make_version(group) for _ in range(28)]
    page.goto(page.base + group.get_absolute_url())
    page.locator(".t-more").scroll_into_view_if_needed()
    page.wait_for_selector("#v1")
    page.locator("#v25 a.ver").focus()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.textContent") == "v24"
    page.locator("#v8").scroll_into_view_if_needed()
    top = page.locator("#v8").bounding_box()["y"]
    make_version(group)
    approve(packages[-1])
    services.delete_model_package(actor=an_actor(), package=packages[-2])
    page.wait_for_selector("#v31", timeout=5000)
    expected = [f"v{n}" for n in range(31, 0, -1)]
    expected[expected.index("v29")] = "gone-29"
    assert numbers(page) == expected
    assert page.evaluate("document.activeElement.textContent") == "v24"
    assert page.locator("tr.is-cursor").get_attribute("id") == "v24"
    assert abs(page.locator("#v8").bounding_box()["y"] - top) < 2
    assert "Approved" in page.locator("#v30").inner_text()
    assert page.problems == []


@pytest.mark.django_db(transaction=True)
def test_the_first_version_replaces_the_empty_page(page, group_page):
    group = make_group("fresh")
    page.goto(page.base + group.get_absolute_url())
    assert page.locator("#group-body").count() == 0
    make_version(group)
    page.wait_for_selector("#v1", timeout=5000)
    assert page.problems == []


@pytest.mark.django_db(transaction=True)
def test_an_open_menu_and_marked_text_are_waited_for(page, group_page):
    page.locator("#v2 [popovertarget=rowmenu]").click()
    make_version(page.live_group)
    page.locator("#live", has_text="v3 registered").wait_for(state="attached", timeout=5000)
    assert numbers(page) == ["v2", "v1"]
    page.keyboard.press("Escape")
    page.wait_for_selector("#v3", timeout=5000)


@pytest.mark.django_db(transaction=True)
def test_signed_out_it_asks_no_more_and_stays_silent(page, group_page):
    asked = []
    page.on("response", lambda answer: asked.append(answer.status) if "/live/" in answer.url else None)
    page.context.clear_cookies()
    page.wait_for_timeout(7500)
    assert asked == [401]
    assert page.locator(".toast").count() == 0
    assert "/groups/" in page.url


@pytest.mark.django_db(transaction=True)
def test_the_version_page_says_that_somebody_else_changed_it(page, group_page):
    package = page.live_group.packages.get(version=2)
    page.goto(page.base + package.get_absolute_url())
    page.locator("#md-add input").first.fill("half a key")
    approve(package)
    page.wait_for_selector("#live-note.notice", timeout=5000)
    assert "any-admin approved v2. Reload" in page.locator("#live-note").inner_text()
    assert page.locator("#md-add input").first.input_value() == "half a key"
    assert page.problems == []


def test_snippets_hold_the_public_address(viewer, settings):
    package = make_version()
    page = viewer.get(package.get_absolute_url()).content.decode()
    assert 'endpoint_url=<span class="s">"http://testserver"</span>' in page
    settings.REGISTRY_PUBLIC_URL = "https://registry.example.com"
    page = viewer.get(package.get_absolute_url()).content.decode()
    assert page.count("https://registry.example.com") >= 3
    assert json.dumps({"ModelPackageName": package.arn}) in page
