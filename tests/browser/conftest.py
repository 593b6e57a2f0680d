"""One running product for all tests in a browser, people signed in to it, and ears for what a browser complains of."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Response, StorageState, expect

from tests.product import PASSWORD, Product, long_history, running_demo
from tests.scripts import act_when_ready, await_scripts

# Generous, since the tests on PostgreSQL run beside these on the same few cores.
expect.set_options(timeout=15_000)

LONG_GROUP = "hourly-forecast"
LONG_VERSIONS = 120

# Chromium says these itself; a page cannot do anything about them.
HARMLESS = ("Autofocus processing was blocked",)
REPORT_VIOLATIONS = """
document.addEventListener('securitypolicyviolation', (e) => {
  console.error(`CSP ${e.violatedDirective} ${e.blockedURI}`);
});
"""

OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Product]:
    """The demo as a process; `browser` is asked for first, so that nothing starts where there is none."""
    folder = tmp_path_factory.mktemp("product")
    with running_demo(folder) as running:
        running.load(long_history(folder / "long.jsonl", group=LONG_GROUP, versions=LONG_VERSIONS))
        yield running


@pytest.fixture(scope="session")
def signed_in(product: Product, browser: Browser) -> Callable[[str], StorageState]:
    """A function from a role's name to the cookies of that person; each signs in once, through the form."""
    kept: dict[str, StorageState] = {}

    def cookies(role: str) -> StorageState:
        if role not in kept:
            with browser.new_context(base_url=product.url) as context:
                page = context.new_page()
                page.goto("/login/")
                page.get_by_label("Username").fill(role)
                page.get_by_label("Password").fill(PASSWORD)
                page.get_by_role("button", name="Sign in").click()
                page.wait_for_url("**/groups/")
                kept[role] = context.storage_state()
        return kept[role]

    return cookies


class Complaints(list[str]):
    """What the browser complained of; `allowed` are the refusals that a test provokes, as HTTP statuses."""

    def __init__(self) -> None:
        self.allowed: set[int] = set()

    def hear(self, page: Page) -> None:
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.append(f"{page.url}: {error}"))
        page.on("response", self.response)

    def console(self, message: ConsoleMessage) -> None:
        text = message.text
        refused = text.startswith("Failed to load resource") and any(f"status of {s}" in text for s in self.allowed)
        # htmx logs each refused request as an error of its own.
        refused = refused or any(f"Response Status Error Code {s}" in text for s in self.allowed)
        if message.type in {"error", "warning"} and not refused and not text.startswith(HARMLESS):
            self.append(f"{message.location.get('url')}: {text}")

    def response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.allowed:
            self.append(f"{response.request.method} {response.url}: {response.status}")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """All that the test's pages complained of: there must be nothing."""
    heard = Complaints()
    yield heard
    assert not heard


@pytest.fixture
def open_page(
    browser: Browser, product: Product, signed_in: Callable[[str], StorageState], complaints: Complaints
) -> Iterator[OpenPage]:
    """A function that opens a page of somebody's own browser; without a role nobody is signed in."""
    contexts = []

    def opener(
        path: str = "", role: str = "", *, width: int = 1440, height: int = 900, theme: str = "", **options: Any
    ) -> Page:
        context = browser.new_context(
            base_url=product.url,
            storage_state=signed_in(role) if role else None,
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        context.set_default_timeout(15_000)
        context.add_init_script(REPORT_VIOLATIONS)
        if theme:
            context.add_cookies([{"name": "theme", "value": theme, "url": product.url}])
        page = context.new_page()
        complaints.hear(page)
        scripted = options.get("java_script_enabled", True)
        if scripted:
            act_when_ready(page)
        if path:
            page.goto(path)
            if scripted:
                await_scripts(page)
        return page

    yield opener
    for context in contexts:
        context.close()
