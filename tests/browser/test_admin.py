"""The admin site in a browser, under the product's content policy, and the activity page's filters in place."""

import re

from playwright.sync_api import expect

from .conftest import Complaints, OpenPage
from .pages import GROUP

MODELS = [
    "accounts/user", "accounts/signinfailure", "auth/group", "catalog/modelpackagegroup", "catalog/modelpackage",
    "catalog/tag", "catalog/customermetadataproperty", "catalog/container", "catalog/metric", "events/event",
]  # fmt: skip


def test_every_list_and_form_opens_without_a_complaint(open_page: OpenPage, complaints: Complaints):
    page = open_page("/admin/", "admin")
    for model in MODELS:
        page.goto(f"/admin/{model}/")
        expect(page.locator("#changelist")).to_be_visible()
        first = page.locator("#result_list tbody a").first
        if first.count():
            first.click()
            expect(page.locator("#content h1")).to_be_visible()
    for form in ("accounts/user/add/", "catalog/modelpackagegroup/add/"):
        page.goto(f"/admin/{form}")
        expect(page.locator("input[name=_save]")).to_be_visible()


def test_tags_are_added_in_rows_and_the_feed_tells_it(open_page: OpenPage):
    page = open_page("/admin/catalog/modelpackagegroup/?q=elnino", "admin")
    page.get_by_role("link", name="elnino-sst-forecast").click()
    page.get_by_text("Add another Tag").click()
    rows = page.locator("tr.dynamic-tags:not(.has_original)")
    expect(rows).to_have_count(2)
    for number, key in enumerate(("first", "second")):
        rows.nth(number).locator("input.vTextField[name$='-key']").fill(f"admin-{key}")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator("tr.has_original input[value=admin-second]").first).to_be_attached()
    page.goto("/activity/")
    newest = page.locator(".feed__item").first
    expect(newest).to_contain_text(re.compile("changed tags of elnino-sst-forecast: added admin-first, admin-second"))
    expect(newest).to_contain_text("via admin site")
    # As found: the other tests look at this group too.
    page.go_back()
    for box in page.locator("tr.has_original:has(input[value^=admin-]) input[type=checkbox]").all():
        box.check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#changelist")).to_be_visible()


def test_activity_filters_in_place_and_the_address_keeps_them(open_page: OpenPage):
    page = open_page("/activity/", "admin")
    page.get_by_text("Access", exact=True).click()
    page.wait_for_url("**/activity/?type=access**")
    expect(page.locator("#activity-list")).to_contain_text("made the user")
    expect(page.locator("#activity-list")).not_to_contain_text("imported")
    page.get_by_label("Person").select_option("viewer")
    expect(page.locator("#activity-list")).to_contain_text("Nothing like this has happened")
    page.reload()
    expect(page.get_by_label("Person")).to_have_value("viewer")
    expect(page.get_by_role("radio", name="Access")).to_be_checked()


def test_activity_filters_without_script(open_page: OpenPage):
    page = open_page("/activity/", "admin", java_script_enabled=False)
    page.get_by_text("Access", exact=True).click()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#activity-list")).to_contain_text("made the user")
    expect(page.locator("#activity-list")).not_to_contain_text("imported")


def test_a_refused_fragment_is_told_in_a_toast(open_page: OpenPage, complaints: Complaints):
    complaints.allowed.add(403)
    page = open_page(GROUP, "viewer")
    before = page.locator("#main").inner_html()
    page.evaluate(f"() => htmx.ajax('GET', '{GROUP}tags/edit/', {{target: '#main', swap: 'innerHTML'}})")
    expect(page.locator(".toast--bad")).to_contain_text("You need the role admin to change the tags of a group.")
    assert page.locator("#main").inner_html() == before
