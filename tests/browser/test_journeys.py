"""What people come for, from end to end: with script, without it, and by keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import LONG_GROUP, LONG_VERSIONS, Complaints, OpenPage

ARTIFACT = "s3://ml-artifacts-demo/models/journey/model.tar.gz"


def see_version(page: Page, group: str, number: int) -> None:
    """A version's page shows where its parts are, its metrics and its metadata."""
    expect(page.locator("h1")).to_have_text(f"v{number}")
    main = page.locator("#main")
    expect(main).to_contain_text(f"s3://ml-artifacts-demo/models/{group}/{number:04}/model.tar.gz".rpartition("/")[2])
    expect(main.get_by_role("heading", name="Containers")).to_be_visible()
    expect(main.get_by_role("heading", name="Metrics")).to_be_visible()
    expect(main.get_by_role("heading", name="Metadata", exact=True)).to_be_visible()
    expect(main.locator(".kv")).to_contain_text("dataset.sha256")


def fill_registration(page: Page) -> None:
    page.get_by_label("Description").fill("Trained on a journey")
    page.get_by_label("Artifact URI").first.fill(ARTIFACT)
    page.get_by_label("Metric value 1").fill("0.91")
    page.locator("#property-1-value").fill("journey")


@pytest.mark.parametrize(("group", "newest", "script"), [("wine-cultivar", 8, True), ("randhie-visits", 3, False)])
def test_find_read_add_metadata_edit_tags_register(
    open_page: OpenPage, complaints: Complaints, group: str, newest: int, script: bool
):
    page = open_page("/groups/", "admin", java_script_enabled=script)
    # Find the group by a word.
    page.get_by_label("Filter groups").fill(group.partition("-")[0])
    if not script:
        page.get_by_label("Filter groups").press("Enter")
    expect(page.locator("#groups-list [data-row]")).to_have_count(1)
    page.get_by_role("link", name=group, exact=True).click()

    # Its timeline has all versions, the newest first.
    expect(page.locator("h1")).to_have_text(group)
    rows = page.locator("tr.v")
    expect(rows).to_have_count(newest)
    expect(rows.first).to_contain_text(f"v{newest}")
    rows.first.get_by_role("link", name=f"v{newest}", exact=True).click()
    see_version(page, group, newest)

    # Add a pair to the version.
    page.get_by_label("New key").fill("checked.by")
    page.get_by_label("New value").fill("a journey")
    page.get_by_role("button", name="Add", exact=True).click()
    added = page.get_by_role("row").filter(has_text="checked.by")
    expect(added).to_contain_text("a journey")
    expect(page.locator(".feed").first).to_contain_text("checked.by")

    # Change it and take it away again.
    added.get_by_label("Edit checked.by").click()
    page.get_by_label("Value of checked.by").fill("a second look")
    page.locator(".is-editing").get_by_role("button", name="Save").click()
    expect(page.get_by_role("row").filter(has_text="checked.by")).to_contain_text("a second look")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Remove checked.by").click()
    if not script:
        page.get_by_role("button", name="Remove checked.by").click()
    expect(page.locator(".kv").get_by_text("checked.by")).to_have_count(0)

    # Edit the tags of the group.
    page.get_by_role("link", name=group, exact=True).first.click()
    page.get_by_text(re.compile("(Edit|Add) tags")).click()
    page.get_by_label("New tag, key=value").fill("purpose=journey")
    page.get_by_role("button", name="Save tags").click()
    expect(page.locator("#group-tags")).to_contain_text("purposejourney")

    # Register the next version.
    page.get_by_role("link", name="Register version").click()
    expect(page.locator("h1")).to_have_text(f"Register v{newest + 1}")
    fill_registration(page)
    page.get_by_role("button", name=f"Register v{newest + 1}").click()
    expect(page.locator("h1")).to_have_text(f"v{newest + 1}")
    expect(page.locator("#toasts")).to_contain_text(f"Registered v{newest + 1}")
    expect(page.locator("#main")).to_contain_text("Trained on a journey")
    page.goto("/activity/")
    expect(page.locator("#main")).to_contain_text(group)


def test_a_refused_registration_keeps_what_was_typed_and_warns_of_what_is_unwise(
    open_page: OpenPage, complaints: Complaints
):
    complaints.allowed.add(422)
    page = open_page("/groups/us-east-1/DiabetesProgression/register/", "contributor")
    fill_registration(page)
    page.get_by_role("button", name="Add container").click()
    expect(page.get_by_label("Image URI").nth(1)).to_be_focused()
    page.get_by_label("Image URI").nth(1).fill("with space")
    page.get_by_label("Metric value 1").fill("0,91")
    page.keyboard.press("Control+Enter")
    summary = page.locator("#errors")
    expect(summary).to_be_focused()
    expect(summary.get_by_role("link")).to_have_count(2)
    expect(page.get_by_label("Description")).to_have_value("Trained on a journey")
    summary.get_by_role("link").last.click()
    expect(page.get_by_label("Metric value 1")).to_be_focused()
    page.get_by_label("Metric value 1").fill("0.91")
    page.get_by_label("Image URI").nth(1).fill("explain")
    page.get_by_role("button", name="Register v2").click()
    expect(page.locator("h1")).to_have_text("v2")
    expect(page.locator(".pagenote")).to_contain_text("Container 2: the image has no tag or digest")


def test_older_versions_come_when_they_are_scrolled_to(open_page: OpenPage):
    page = open_page(f"/groups/us-east-1/{LONG_GROUP}/", "viewer")
    rows = page.locator("tr.v")
    expect(rows).to_have_count(25)
    page.keyboard.press("End")
    expect(rows).to_have_count(75)
    page.keyboard.press("End")
    expect(rows).to_have_count(LONG_VERSIONS)
    numbers = [int(text.removeprefix("v")) for text in page.locator("tr.v .ver").all_text_contents()]
    assert numbers == list(range(LONG_VERSIONS, 0, -1))
    # A month that goes on in the next fifty is not announced again.
    periods = page.locator(".t-period .t-label").all_text_contents()
    assert len(periods) == len(set(periods))


def test_older_versions_are_a_link_without_script(open_page: OpenPage):
    page = open_page(f"/groups/us-east-1/{LONG_GROUP}/", "viewer", java_script_enabled=False)
    page.get_by_role("link", name="Show older versions").click()
    expect(page.locator("tr.v").first).to_contain_text(f"v{LONG_VERSIONS - 25}")
    expect(page.locator("tr.v")).to_have_count(25)


def test_the_second_of_two_people_is_told_what_the_first_saved(open_page: OpenPage, complaints: Complaints):
    complaints.allowed.add(409)
    path = "/groups/us-east-1/co2-weekly-forecast/versions/40/"
    first, second = open_page(path, "contributor"), open_page(path, "admin")
    for page, value in ((first, "11"), (second, "22")):
        page.get_by_label("Edit seed").click()
        page.get_by_label("Value of seed").fill(value)
    first.locator(".is-editing").get_by_role("button", name="Save").click()
    expect(first.get_by_label("Edit seed")).to_be_visible()
    second.locator(".is-editing").get_by_role("button", name="Save").click()
    told = second.locator(".is-editing")
    expect(told).to_contain_text("contributor changed it to 11")
    expect(second.get_by_label("Value of seed")).to_have_value("22")
    expect(second.get_by_label("Value of seed")).to_be_focused()
    second.get_by_role("button", name="Overwrite").click()
    expect(second.get_by_role("row").filter(has_text=re.compile(r"^seed"))).to_contain_text("22")


def test_a_viewer_is_offered_nothing_to_change(open_page: OpenPage):
    page = open_page("/groups/us-east-1/digits-classifier/", "viewer")
    for words in ("Register version", "Edit tags", "Add tags", "Edit description"):
        expect(page.get_by_text(words)).to_have_count(0)
    page.goto("/groups/us-east-1/digits-classifier/versions/25/")
    expect(page.locator("#main form[method=post]")).to_have_count(0)
    expect(page.locator("#review")).to_contain_text("Only reviewers decide")


def test_all_of_it_by_keyboard(open_page: OpenPage, complaints: Complaints):
    page = open_page("/groups/", "admin")

    def press(*keys: str) -> None:
        for key in keys:
            page.keyboard.press(key)

    # The first stop is the way past the navigation.
    press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    # Filter, go down to the row, open it.
    press("/")
    expect(page.get_by_label("Filter groups")).to_be_focused()
    page.keyboard.type("breast")
    expect(page.locator("#groups-list [data-row]")).to_have_count(1)
    # Esc closes the suggestions where there are any, then leaves the box.
    for _ in range(3):
        press("Escape")
    press("j")
    expect(page.get_by_role("link", name="breast-cancer-screening")).to_be_focused()
    press("Enter")
    # The timeline: second row, open it.
    expect(page.locator("tr.v")).to_have_count(12)
    press("j", "j", "k", "j")
    expect(page.locator("#v11 a.ver")).to_be_focused()
    press("Enter")
    expect(page.locator("h1")).to_have_text("v11")
    # Newer and older.
    press("]")
    expect(page.locator("h1")).to_have_text("v10")
    press("[")
    expect(page.locator("h1")).to_have_text("v11")
    # Add a pair; the row is empty again and has the focus.
    press("m")
    expect(page.get_by_label("New key")).to_be_focused()
    page.keyboard.type("keys.only")
    press("Tab")
    page.keyboard.type("yes")
    press("Enter")
    expect(page.locator(".kv").get_by_text("keys.only")).to_be_visible()
    expect(page.get_by_label("New key")).to_be_focused()
    expect(page.get_by_label("New key")).to_have_value("")
    # Edit it; Esc leaves, and the focus comes back to the pencil.
    page.get_by_label("Edit keys.only").focus()
    press("Enter")
    expect(page.get_by_label("Value of keys.only")).to_be_focused()
    press("Escape")
    expect(page.get_by_label("Edit keys.only")).to_be_focused()
    # Help opens and closes; keys do nothing inside.
    press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    press("g", "a", "Escape")
    expect(page.locator("#shortcuts")).to_be_hidden()
    expect(page.locator("h1")).to_have_text("v11")
    # To the groups, and a new one in its dialog.
    press("g", "g")
    expect(page.locator("h1")).to_have_text("Model groups")
    press("n")
    expect(page.locator("#newgroup")).to_be_visible()
    page.keyboard.type("typed-by-keys")
    press("Control+Enter")
    expect(page.locator("h1")).to_have_text("typed-by-keys")
    # N on a group registers its first version.
    press("n")
    expect(page.locator("h1")).to_have_text("Register v1")
    page.get_by_label("Description").focus()
    page.keyboard.type("From the keyboard")
    press("Control+Enter")
    expect(page.locator("h1")).to_have_text("v1")
