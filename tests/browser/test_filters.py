"""Filters and saved views as people use them: typed, by keyboard, without script, and shared by their address."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import Complaints, OpenPage
from .pages import GROUP


def rows(page: Page):
    return page.locator("#main [data-row]")


def test_a_filter_is_typed_and_becomes_tokens_or_stays_a_text(open_page: OpenPage):
    page = open_page("/groups/", "viewer")
    box = page.locator("#q")
    box.press_sequentially("tag:team=vis")
    expect(rows(page)).to_have_count(1)
    page.get_by_role("option", name="tag:team=vision").click()
    expect(page.locator(".token")).to_have_count(1)
    expect(box).to_be_focused()
    box.press_sequentially("zebra OR digits")
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(re.escape("?q=tag:team=vision+(zebra+OR+digits)") + "$"))
    box.press("Enter")
    expect(box).to_have_value("tag:team=vision (zebra OR digits)")
    expect(page.locator(".token")).to_have_count(0)
    expect(page.locator(".reading b").first).to_have_text("(")
    expect(box).to_be_focused()
    # Back to a row of terms: tokens again, and Backspace takes the last one.
    box.fill("tag:team=vision status:approved digits")
    box.press("Enter")
    expect(page.locator(".token")).to_have_count(2)
    expect(box).to_have_value("digits ")
    box.fill("")
    box.press("Backspace")
    expect(page.locator(".token")).to_have_count(1)
    expect(page.locator("#q")).to_be_focused()
    expect(page.locator("#groups-list")).to_have_count(1)
    expect(page).to_have_url(re.compile(re.escape("?q=tag:team=vision") + "$"))


def test_suggestions_and_help_leave_the_address_alone(open_page: OpenPage):
    page = open_page("/groups/", "viewer")
    visited: list[str] = []
    page.on("framenavigated", lambda frame: visited.append(frame.url))
    with page.expect_response(lambda answer: "/groups/suggest/" in answer.url):
        page.locator("#q").press_sequentially("tag:")
    expect(page).to_have_url(re.compile(r"\?q=tag:$"))
    page.get_by_role("button", name="How filters work").click()
    expect(page.locator("#filter-help")).to_contain_text("both; the same as a AND b")
    assert not [url for url in visited if "suggest" in url or "help" in url]


def test_a_mistake_is_mended_by_its_suggestion(open_page: OpenPage):
    page = open_page(f"{GROUP}?q=by:nobody+OR+statsu:approved", "viewer")
    expect(page.locator(".wrong u")).to_have_text("statsu:approved")
    page.get_by_role("link", name="status:approved", exact=True).click()
    expect(page.locator("#filter-faults")).to_have_count(0)
    expect(page.locator("#q")).to_have_value("by:nobody OR status:approved")
    for row in page.locator("tr.v .t-status").all():
        expect(row).to_contain_text("Approved")


def test_the_box_of_a_timeline_and_its_menus_keep_each_other(open_page: OpenPage):
    page = open_page(GROUP, "viewer")
    page.locator("#q").press_sequentially("metric:accuracy>0.99")
    expect(page.locator("#timeline-count")).to_contain_text("versions match")
    expect(page.locator("#q")).to_be_focused()
    page.get_by_role("navigation", name="Status").get_by_role("link", name="Waiting").click()
    expect(page).to_have_url(re.compile(re.escape("?q=metric:accuracy%3E0.99&status=waiting") + "$"))
    expect(page.locator(".token")).to_have_count(1)
    page.locator("#q").press_sequentially("-by:mlops-ci ")
    expect(page.locator(".token")).to_have_count(2)
    expect(page).to_have_url(re.compile(re.escape("?q=metric:accuracy%3E0.99+-by:mlops-ci&status=waiting") + "$"))


@pytest.mark.parametrize("script", [True, False])
def test_a_view_is_saved_shared_opened_and_deleted(open_page: OpenPage, complaints: Complaints, script: bool):
    complaints.allowed.add(422)
    name = f"Vision {'with' if script else 'without'} script"
    page = open_page("/groups/?q=tag:team=vision&sort=name", "contributor", java_script_enabled=script)
    page.locator("#list-menu > summary").click()
    if not script:
        page.get_by_role("link", name="Saved views").click()
        expect(page.locator("h1")).to_have_text("Views")
    page.get_by_label("Save what is shown now as").fill(name)
    page.get_by_label("Share with everybody").check()
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(lambda url: "?view=Vision" in url)
    expect(page.locator(".token")).to_have_text("tag:team=vision")

    other = open_page(page.url, "viewer", java_script_enabled=script)
    expect(rows(other)).to_have_count(1)
    expect(other.locator("th[aria-sort]")).to_have_text("Name")

    # The name is taken now.
    page.goto("/groups/?q=zebra")
    page.locator("#list-menu > summary").click()
    if not script:
        page.get_by_role("link", name="Saved views").click()
    page.get_by_label("Save what is shown now as").fill(name)
    with page.expect_response(lambda answer: answer.status == 422):
        page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#view-name-d")).to_contain_text("You have a view")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name=f"Delete {name}").click()
    expect(page.get_by_role("button", name=f"Delete {name}")).to_have_count(0)


def test_what_is_listed_is_downloaded(open_page: OpenPage, tmp_path: Path):
    page = open_page(f"{GROUP}?q=status:approved", "viewer")
    page.locator("#list-menu > summary").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    download.value.save_as(tmp_path / "file.csv")
    assert download.value.suggested_filename == "digits-classifier.csv"
    lines = (tmp_path / "file.csv").read_text("utf-8-sig").splitlines()
    assert lines[0].startswith("version,status,stage") and ",metric.accuracy," in lines[0]
    assert all(",Approved," in line for line in lines[1:] if line[:1].isdigit())
