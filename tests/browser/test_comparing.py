"""Selecting, comparing and sharing, from end to end."""

import re

from playwright.sync_api import expect

from tests.scripts import await_scripts

from .conftest import LONG_GROUP, LONG_VERSIONS, OpenPage


def test_compare_and_share(open_page: OpenPage):
    """Two rows by keyboard, side by side, only what differs; whoever opens the copied address sees the same."""
    page = open_page("/groups/us-east-1/digits-classifier/", "reviewer")
    for key in "jxjjjxc":
        page.keyboard.press(key)
    expect(page.locator("h1")).to_have_text("Compare 2 versions")
    expect(page.locator("thead .ver")).to_have_text(["v22", "v25"])
    expect(page.locator("thead")).to_contain_text("Baseline")
    same = page.get_by_role("row").filter(has=page.get_by_text("dataset.name", exact=True))
    differs = page.get_by_role("row").filter(has=page.get_by_text("git.branch", exact=True))
    expect(same).to_be_visible()
    page.get_by_label("Only differences").check()
    expect(same).to_be_hidden()
    expect(differs).to_be_visible()

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy link").click()
    expect(page.locator("#toasts")).to_contain_text("Copied")
    address = page.evaluate("navigator.clipboard.readText()")
    assert address == page.url

    other = open_page(address, "viewer")
    expect(other.get_by_label("Only differences")).to_be_checked()
    hidden = other.get_by_role("row").filter(has=other.get_by_text("dataset.name", exact=True))
    expect(hidden).to_be_hidden()
    # The other way round, with a third one: the address follows, and what was hidden stays so.
    other.get_by_role("link", name="Make baseline v25").click()
    expect(other.locator("caption")).to_contain_text("v25 is the baseline")
    other.get_by_role("button", name="Add version").click()
    other.get_by_role("link", name="v24").click()
    expect(other.locator("h1")).to_have_text("Compare 3 versions")
    expect(other.get_by_label("Only differences")).to_be_checked()
    other.get_by_label("Only differences").uncheck()
    assert "diff" not in other.url
    other.get_by_role("link", name="Remove v24").click()
    expect(other.locator("h1")).to_have_text("Compare 2 versions")
    assert "diff" not in other.url


def test_selected_rows_stay_while_rows_come_and_go(open_page: OpenPage):
    page = open_page(f"/groups/us-east-1/{LONG_GROUP}/", "viewer")
    page.get_by_label(f"Select v{LONG_VERSIONS}", exact=True).check()
    bar = page.locator("#picks")
    expect(bar).to_contain_text("1 selected")
    # Somebody else moves that version on: the row is drawn anew, and is still selected.
    other = open_page(f"/groups/us-east-1/{LONG_GROUP}/versions/{LONG_VERSIONS}/", "reviewer")
    row = page.locator(f"#v{LONG_VERSIONS}")
    stage = "Staging" if "Staging" not in row.inner_text() else "Production"
    other.locator("select[name=stage]").select_option(stage)
    expect(row).to_contain_text(stage)
    expect(page.get_by_label(f"Select v{LONG_VERSIONS}", exact=True)).to_be_checked()
    # Older rows are loaded.
    page.keyboard.press("End")
    expect(page.locator("tr.v")).to_have_count(75)
    older = page.get_by_label(f"Select v{LONG_VERSIONS - 60}", exact=True)
    older.check()
    expect(bar).to_contain_text(f"2 selected v{LONG_VERSIONS - 60} v{LONG_VERSIONS}")
    # A filter takes them off the page and brings them back.
    page.get_by_role("link", name=re.compile("^Rejected")).click()
    expect(page.get_by_label(f"Select v{LONG_VERSIONS}", exact=True)).to_have_count(0)
    expect(bar).to_contain_text("2 selected")
    page.locator("#timeline-status").get_by_role("link", name=re.compile("^All")).click()
    expect(page.get_by_label(f"Select v{LONG_VERSIONS}", exact=True)).to_be_checked()
    page.keyboard.press("c")
    expect(page.locator("thead .ver")).to_have_text([f"v{LONG_VERSIONS - 60}", f"v{LONG_VERSIONS}"])
    # Back again: the browser remembers them, or they are gone, but bar and boxes agree.
    page.go_back()
    expect(page.locator("tr.v").first).to_be_visible()
    await_scripts(page)
    checked = page.locator(".t-check :checked").count()
    assert page.locator("#picks.is-on").count() == (1 if checked else 0)


def test_compare_works_without_script(open_page: OpenPage):
    page = open_page("/groups/us-east-1/digits-classifier/", "viewer", java_script_enabled=False)
    for number in (25, 22):
        page.get_by_label(f"Select v{number}", exact=True).check()
    page.get_by_role("button", name="Compare").click()
    expect(page.locator("thead .ver")).to_have_text(["v22", "v25"])
    row = page.get_by_role("row").filter(has=page.get_by_text("dataset.name", exact=True))
    expect(row).to_be_visible()
    page.get_by_label("Only differences").check()
    expect(row).to_be_hidden()


# ---------- paste anything, and undo ----------
