"""When the scripts of a page have run: they come after the page is seen (static/start.js)."""

from typing import Any

from playwright.sync_api import Page, expect

# A page that has scripts which have not all run; pages of the admin and texts have none of them.
_UNREADY = "html:not([data-ready]):has(meta[name=script])"


def await_scripts(page: Page) -> None:
    """Wait until the page that is open does all that it can."""
    expect(page.locator(_UNREADY)).to_have_count(0)


def act_when_ready(page: Page) -> None:
    """Let what is clicked and what is pressed on the page wait for its scripts, as nobody is that quick."""
    page.add_locator_handler(page.locator(_UNREADY), lambda: await_scripts(page), no_wait_after=True)
    press = page.keyboard.press

    def press_when_ready(key: str, **options: Any) -> None:
        await_scripts(page)
        press(key, **options)

    page.keyboard.press = press_when_ready  # type: ignore[method-assign]
