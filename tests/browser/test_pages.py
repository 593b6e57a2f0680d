"""What holds on every page and dialog: no complaint, one heading, no sideways scrolling, no axe-core violation."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from .conftest import Complaints, OpenPage
from .pages import PLACES, Place

WIDTHS = (320, 390, 768, 1280, 1920)
FURTHER_STATES = [(1440, "light"), (390, "dark")]
# The rules that look at colours; nothing else differs between light and dark.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]


def violations(page: Page, part: str, *rules: str) -> list[str]:
    """What axe-core finds on the page as it is, by all its rules or the named ones; `part` narrows it."""
    options: dict = {"resultTypes": ["violations"], "preload": False}
    if rules:
        options["runOnly"] = {"type": "rule", "values": list(rules)}
    found = page.evaluate("([part, options]) => axe.run(part || document, options)", [part, options])
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


def resize(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})


def set_theme(page: Page, theme: str) -> None:
    """Change the colours and wait for the last transition, since axe-core would judge a colour on its way."""
    page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
    page.evaluate("() => Promise.all(document.getAnimations().map((a) => a.finished.catch(() => 0))).then(() => 0)")


def states(place: Place) -> list[tuple[int, str]]:
    """Width and theme to look at; a further state of a page that is looked at in all four needs two."""
    return [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")] if place.is_whole else FURTHER_STATES


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.name)
def test_a_page_is_accessible_and_fits_every_width(open_page: OpenPage, complaints: Complaints, place: Place):
    complaints.allowed.add(place.status)
    page = open_page(place.path, place.role)
    place.prepare(page)
    assert page.title().endswith(" · Model Registry")
    assert page.locator("h1").count() == 1

    page.evaluate(Axe().axe_script)
    faults = {}
    for width, theme in states(place):
        resize(page, width)
        set_theme(page, theme)
        first_of_width = theme == "light" or not place.is_whole
        faults[f"{theme}, {width}"] = violations(page, place.part, *(() if first_of_width else COLOUR_RULES))
    assert not {state: found for state, found in faults.items() if found}

    wider = {}
    for width in WIDTHS:
        resize(page, width)
        inner, outer = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
        if inner > outer:
            wider[width] = inner
    assert not wider


def test_the_browser_keeps_no_page_of_ours_and_runs_nothing_from_answers(open_page: OpenPage):
    page = open_page("/groups/", "viewer")
    kept = ("historyCacheSize", "refreshOnHistoryMiss", "allowEval", "allowScriptTags", "selfRequestsOnly")
    assert page.evaluate("names => names.map((name) => htmx.config[name])", kept) == [0, True, False, False, True]
    # What HTMX pushed to the history is nowhere kept: going back asks again.
    page.locator("th a[href*='sort=']").first.click()
    page.wait_for_url("**sort=**")
    assert (
        page.evaluate("Object.keys(sessionStorage).concat(Object.keys(localStorage)).join()").count(
            "htmx-history-cache"
        )
        == 0
    )
