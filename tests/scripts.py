"""When the scripts of a page have run: they come after the page is seen (static/start.js)."""

from playwright.sync_api import Page, expect

# A page that has scripts which have not all run; pages of the admin and texts have none of them.
UNREADY = "html:not([data-ready]):has(link[data-script])"


def await_scripts(page: Page) -> None:
    """Wait until the page that is open does all that it can."""
    expect(page.locator(UNREADY)).to_have_count(0)
