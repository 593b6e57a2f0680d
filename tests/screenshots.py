"""Takes the pictures of the README from the running demo; `--all FOLDER` takes every page in every look instead."""

import argparse
import base64
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, StorageState, sync_playwright

from tests.browser.pages import GROUP, PLACES, Place
from tests.conftest import BROWSER_FLAGS, BROWSER_HINT, find_chromium
from tests.product import PASSWORD, PROJECT_ROOT, Product, long_history, running_demo

README_FOLDER = PROJECT_ROOT / ".readme"
README_SIZE = {"width": 1440, "height": 900}
WIDTHS = (1440, 1280, 390)
THEMES = ("light", "dark")
WEBP_QUALITY = 82


def sign_in(browser: Browser, product: Product, role: str) -> StorageState:
    """Return the cookies of somebody with that role."""
    with browser.new_context(base_url=product.url) as context:
        page = context.new_page()
        page.goto("/login/")
        page.get_by_label("Username").fill(role)
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/groups/")
        return context.storage_state()


def new_context(browser: Browser, product: Product, cookies: StorageState | None, theme: str, **more) -> BrowserContext:
    """A browser of somebody who chose that theme."""
    context = browser.new_context(base_url=product.url, storage_state=cookies, reduced_motion="reduce", **more)
    context.add_cookies([{"name": "theme", "value": theme, "url": product.url}])
    return context


def take_readme(browser: Browser, product: Product) -> None:
    """Write the timeline, light and dark, as WebP: a quarter of a PNG's size, and every browser shows it."""
    README_FOLDER.mkdir(exist_ok=True)
    cookies = sign_in(browser, product, "reviewer")
    for theme in THEMES:
        with new_context(browser, product, cookies, theme, viewport=README_SIZE, device_scale_factor=2) as context:
            page = context.new_page()
            page.goto(GROUP, wait_until="networkidle")
            options = {"format": "webp", "quality": WEBP_QUALITY}
            taken = context.new_cdp_session(page).send("Page.captureScreenshot", options)
            target = README_FOLDER / f"timeline-{theme}.webp"
            target.write_bytes(base64.b64decode(taken["data"]))
            print(f"{target.relative_to(PROJECT_ROOT)}  {target.stat().st_size / 1000:.0f} kB")


def take_all(browser: Browser, product: Product, folder: Path, places: list[Place]) -> None:
    """Write NAME-WIDTH-THEME.png for every state of every page, as tall as the page is."""
    folder.mkdir(parents=True, exist_ok=True)
    people = {role: sign_in(browser, product, role) for role in sorted({place.role for place in places} - {""})}
    for place in places:
        for width in WIDTHS:
            for theme in THEMES:
                size = {"width": width, "height": 844 if width < 600 else 900}
                with new_context(browser, product, people.get(place.role), theme, viewport=size) as context:
                    page = context.new_page()
                    page.goto(place.path)
                    place.prepare(page)
                    # A dialog or menu lies over what is in view; everything else is shown whole.
                    page.screenshot(path=folder / f"{place.name}-{width}-{theme}.png", full_page=not place.part)
        print(place.name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", type=Path, metavar="FOLDER", help="every page, light and dark, at three widths")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="with --all: these states alone")
    arguments = parser.parse_args()
    chromium = find_chromium()
    if chromium is None:
        parser.exit(1, f"{BROWSER_HINT}\n")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_demo(Path(folder)) as product,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        if arguments.all:
            product.load(long_history(Path(folder) / "long.jsonl", group="hourly-forecast", versions=120))
            places = [place for place in PLACES if not arguments.only or place.name in arguments.only]
            take_all(browser, product, arguments.all, places)
        else:
            take_readme(browser, product)
        browser.close()


if __name__ == "__main__":
    main()
