"""Paste what a log says, and undo a deletion: from end to end, with script, without it, and by keyboard alone."""

import re

import pytest
from playwright.sync_api import expect

from .conftest import Complaints, OpenPage


def test_paste_an_arn(open_page: OpenPage):
    """By keyboard alone: an ARN from a log leads to its version, the image of that to all that use it."""
    page = open_page("/activity/", "viewer")
    page.keyboard.press("Control+k")
    page.keyboard.insert_text("arn:aws:sagemaker:us-east-1:123456789012:model-package/digits-classifier/22")
    option = page.locator("#palette-list [role=option]")
    expect(option).to_have_count(1)
    expect(option).to_contain_text("digits-classifier v22")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("v22")
    uris = page.locator(".pkg__line [data-copy]")
    image, artifact = (uris.nth(n).get_attribute("data-copy") or "" for n in (0, 1))

    for uri, least in ((image, 2), (artifact, 1)):
        page.keyboard.press("Control+k")
        page.get_by_role("combobox", name="Search groups, versions and commands").press("Control+a")
        page.keyboard.insert_text(uri)
        expect(option.first).to_contain_text(uri)
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_have_text("Where used")
        expect(page.locator(".uses [data-row]").nth(least - 1)).to_be_visible()
    expect(page.locator(".uses [data-row]")).to_contain_text("digits-classifier v22")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("v22")


def test_paste_an_arn_without_script(open_page: OpenPage):
    page = open_page("/activity/", "viewer", java_script_enabled=False)
    page.get_by_role("link", name="Search or jump to").click()
    page.get_by_label("Search groups, versions and commands").first.fill("digits-classifier/22")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("v22")


@pytest.mark.parametrize("script", [True, False])
def test_undo_a_delete(open_page: OpenPage, complaints: Complaints, script: bool):
    """A version goes after its name was typed right, leaves a gap that explains itself, and comes back."""
    group = "/groups/us-east-1/breast-cancer-screening/"
    complaints.allowed |= {410, 422}
    page = open_page(f"{group}versions/5/", "admin", java_script_enabled=script)
    count = page.locator("#version-count")
    if script:
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("link", name="Delete version").click()
        expect(page.locator("#deletedlg")).to_be_visible()
    else:
        page.goto(f"{group}versions/5/delete/")
    page.get_by_label("to confirm").fill("breast-cancer-screening")
    page.get_by_role("button", name="Delete v5").click()
    expect(page.locator(".field__err")).to_contain_text("Nothing was deleted.")
    page.get_by_label("to confirm").fill("breast-cancer-screening v5")
    page.get_by_role("button", name="Delete v5").click()
    expect(page).to_have_url(re.compile(f"{group}$"))
    expect(count).to_have_text("11")
    expect(page.locator("#gone-5")).to_contain_text("v5 deleted by admin")
    page.locator("#toasts").get_by_role("button", name="Undo").click()
    expect(page.locator("h1")).to_have_text("v5")
    expect(page.locator(".feed").first).to_contain_text("restored v5")

    # And once more, from the address that led there.
    page.goto(f"{group}versions/5/delete/")
    page.get_by_label("to confirm").fill("breast-cancer-screening/5")
    page.get_by_role("button", name="Delete v5").click()
    expect(count).to_have_text("11")
    page.goto(f"{group}versions/5/")
    expect(page.locator("h1")).to_contain_text("v5 of breast-cancer-screening was deleted by admin")
    page.get_by_role("button", name="Restore v5").click()
    expect(page.locator("h1")).to_have_text("v5")
    page.goto(group)
    expect(count).to_have_text("12")
    expect(page.locator("#gone-5")).to_have_count(0)
