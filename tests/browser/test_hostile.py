"""A registry full of hostile texts, opened in a browser: nothing runs, nothing leaves, nothing is out of place."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.hostile_values import ATTRIBUTES, CANARY, CHARACTERS, FEW, FORMULAS, LINKS, SCRIPTS, SIZES, VALUES, encodable
from tests.product import PASSWORD, PROJECT_ROOT, Product, running_demo

from .conftest import REPORT_VIOLATIONS, Complaints

WIDTHS = (1440, 390)
FEWEST = 300  # values that must have found a place
BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200f\u061c"
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")

# What a reader can see of a page that was moved about: regions on top of one another, something that does not fit.
LAYOUT = """
() => {
  const faults = [];
  const root = document.documentElement;
  if (root.scrollWidth > root.clientWidth) faults.push(`${root.scrollWidth} wide, of ${root.clientWidth}`);
  const shown = (e) => {
    const s = getComputedStyle(e), r = e.getBoundingClientRect();
    return s.visibility !== 'hidden' && r.width > 1 && r.height > 1 && s.position === 'static';
  };
  const regions = [...document.querySelectorAll('main > *, main .card, main section, main aside')].filter(shown);
  for (const [i, a] of regions.entries()) for (const b of regions.slice(i + 1)) {
    if (a.contains(b) || b.contains(a)) continue;
    const r = a.getBoundingClientRect(), s = b.getBoundingClientRect();
    const wide = Math.min(r.right, s.right) - Math.max(r.left, s.left);
    const high = Math.min(r.bottom, s.bottom) - Math.max(r.top, s.top);
    if (wide > 2 && high > 2) faults.push(`${a.id || a.className} lies on ${b.id || b.className}`);
  }
  const bar = document.querySelector('.topbar')?.getBoundingClientRect();
  if (!bar || bar.top !== 0 || bar.height > 90) faults.push('no top bar');
  return faults.slice(0, 5);
}
"""
# A text that turns the direction of writing must be alone in what it can turn.
TURNED = r"""
(signs) => {
  const faults = [], walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const turns = new RegExp(`[${signs}]`);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!turns.test(node.data.replace(/\u2068[^]*\u2069/, ''))) continue;
    let e = node.parentElement;
    if (e.closest('script,style,option,textarea,title')) continue;
    const alone = (e) => {
      const s = getComputedStyle(e);
      return s.display !== 'inline' || /isolate|plaintext/.test(s.unicodeBidi);
    };
    while (!alone(e)) e = e.parentElement;
    // Text of ours that stands in the same piece of writing, outside of every island of its own.
    // Texts with a place to break between them are one.
    const parts = (c) => /WBR/.test(`${c.previousSibling?.nodeName} ${c.nextSibling?.nodeName}`);
    const beside = (n) => [...n.childNodes].some((c) => c.nodeType === 3
      ? c !== node && /[A-Za-z0-9]/.test(c.data) && !turns.test(c.data) && !parts(c)
      : c.nodeType === 1 && !alone(c) && beside(c));
    if (beside(e)) faults.push(`${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 80)}`);
  }
  return faults.slice(0, 5);
}
"""


class Watched(Complaints):
    """What a page full of hostile texts did that it must not, with the page."""

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host
        self.allowed |= {400, 404, 409, 410, 422}

    def hear(self, page: Page) -> None:
        super().hear(page)
        page.on("dialog", self.dialog)
        page.on("request", self.request)
        page.on("popup", lambda popup: self.append(f"{page.url} opened {popup.url}"))

    def dialog(self, dialog: Any) -> None:
        self.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def request(self, request: Any) -> None:
        if urlsplit(request.url).netloc != self.host and not request.url.startswith(("data:image/", "blob:")):
            self.append(f"a request to {request.url[:100]}")

    def look(self, page: Page, where: str) -> None:
        """Note what is wrong with the page as it is, at both widths."""
        if page.evaluate(f"() => window.{CANARY}") is not None:
            self.append(f"{where}: something ran")
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            self += [f"{where} at {width}: {fault}" for fault in page.evaluate(LAYOUT)]
        self += [f"{where} turns what stands beside: {fault}" for fault in page.evaluate(TURNED, BIDI)]


class Hostile:
    """A running registry with all the values in it, and where they are."""

    def __init__(self, product: Product) -> None:
        self.product = product
        seed = [sys.executable, "-m", "tests.hostile.seed"]
        environ = {**product.environ, "DJANGO_SETTINGS_MODULE": "registry.settings"}
        done = subprocess.run(seed, cwd=PROJECT_ROOT, env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        found = json.loads(done.stdout)
        assert found["kept"] >= FEWEST, found["kept"]
        self.kept, self.groups, self.versions = found["kept"], found["groups"], found["versions"]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Hostile]:
    """All tests of this file share it; they only read."""
    with running_demo(tmp_path_factory.mktemp("hostile")) as product:
        yield Hostile(product)


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[[Hostile], tuple[Page, Watched]]]:
    """A function that opens a watched page of an admin; at the end nothing may have been noted."""
    opened: list[tuple[BrowserContext, Watched]] = []

    def start(hostile: Hostile) -> tuple[Page, Watched]:
        context = browser.new_context(base_url=hostile.product.url, reduced_motion="reduce")
        context.set_default_timeout(20_000)
        context.add_init_script(REPORT_VIOLATIONS)
        page = context.new_page()
        page.goto("/login/")
        page.get_by_label("Username").fill("admin")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/groups/")
        watched = Watched(hostile.product.address)
        watched.hear(page)
        opened.append((context, watched))
        return page, watched

    yield start
    for context, watched in opened:
        context.close()
        assert not watched, "\n".join(dict.fromkeys(watched[:40]))


def lists(hostile: Hostile) -> list[str]:
    """The pages beside those of single versions."""
    found = ["/groups/", "/groups/?per_page=100", "/activity/", "/review/", "/review/?who=all", "/views/groups/"]
    found += ["/settings/access-keys/", "/settings/users/", "/deleted/", "/packages/", "/used/?image=x"]
    for group in hostile.groups:
        found += [group, f"{group}metrics/", f"{group}rules/", f"{group}tags/edit/", f"{group}description/"]
        found += [f"{group}register/", f"/activity/?group={'/'.join(group.split('/')[2:4])}"]
        names = [
            "/".join(one.split("/")[2:4] + one.split("/")[5:6]) for one in hostile.versions if one.startswith(group)
        ]
        found += [f"/compare/?{'&'.join(f'v={name}' for name in names[at : at + 8])}" for at in range(0, len(names), 8)]
    return found


def admin_lists() -> list[str]:
    return [
        f"/admin/{name}/"
        for name in (
            *(
                f"catalog/{kind}"
                for kind in ("modelpackagegroup", "modelpackage", "tag", "check", "metric", "savedview")
            ),
            *("catalog/customermetadataproperty", "catalog/container", "accounts/user", "accounts/accesskey"),
            "events/event",
        )
    ]


def read_files(context: BrowserContext, hostile: Hostile, watched: Watched) -> None:
    """Every file: a download with a name of its own, whose cells no spreadsheet runs."""
    paths = [
        "/groups/csv/",
        "/packages/csv/",
        "/review/csv/",
        "/activity/csv/",
        *(f"{one}csv/" for one in hostile.groups),
    ]
    for path in paths:
        answer = context.request.get(path)
        assert answer.status == 200 and answer.headers["content-type"] == "text/csv; charset=utf-8", path
        assert answer.headers["content-disposition"].startswith('attachment; filename="')
        assert answer.headers["x-content-type-options"] == "nosniff"
        rows = list(csv.reader(io.StringIO(answer.body().decode("utf-8-sig"), newline="")))
        assert len({len(row) for row in rows}) == 1, path
        for row in rows[1:]:
            for cell in row:
                if cell.startswith(FORMULA_SIGNS) and not is_number(cell):
                    watched.append(f"{path}: a formula {cell[:60]!r}")


def is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.hostile
def test_every_list_full_of_hostile_texts(hostile: Hostile, visit: Any):
    page, watched = visit(hostile)
    for path in lists(hostile):
        page.goto(path)
        watched.look(page, path)
    for path in admin_lists():  # Django's own pages: nothing runs there either, their layout is not ours
        page.goto(path)
        assert page.evaluate(f"() => window.{CANARY}") is None
    page.goto("/activity/")
    while page.get_by_role("link", name="older").count() or page.get_by_role("link", name="Show more").count():
        href = page.get_by_role("link", name="Show more").or_(page.get_by_role("link", name="older")).last
        page.goto(str(href.get_attribute("href")))
        watched.look(page, page.url)
    read_files(page.context, hostile, watched)


@pytest.mark.hostile
@pytest.mark.parametrize("part", range(4))
def test_every_version_with_a_hostile_text(hostile: Hostile, visit: Any, part: int):
    page, watched = visit(hostile)
    for path in hostile.versions[part::4]:
        page.goto(path)
        watched.look(page, path)


@pytest.mark.hostile
def test_every_dialog_of_a_hostile_version(hostile: Hostile, visit: Any):
    """What a person does with such a version: open the menus, the metadata form, the review, the palette."""
    page, watched = visit(hostile)
    for path in hostile.versions[::6]:
        for inner in ("metrics/", "review/", "delete/", "tags/"):
            page.goto(f"{path}{inner}")
            watched.look(page, f"{path}{inner}")
        page.goto(path)
        # The second one first: what is clicked makes room for a form, and those behind it would count anew.
        for link in reversed(page.get_by_role("link", name="Edit ").all()[:2]):
            link.click()
        page.keyboard.press("Escape")
        page.keyboard.press("Control+k")
        page.locator(".palette__item").first.wait_for()
        page.keyboard.type("hostile <b>")
        page.wait_for_timeout(300)
        watched.look(page, f"{path} with the palette")


@pytest.mark.hostile
def test_every_kind_of_text_in_the_address(hostile: Hostile, visit: Any):
    page, watched = visit(hostile)
    typed = [*SCRIPTS, *ATTRIBUTES, *LINKS, *FORMULAS[:4], *CHARACTERS[:30], *SIZES[:14], *FEW]
    assert len(VALUES) > len(typed)
    for value in encodable(dict.fromkeys(typed)):
        if "\x00" in value or len(value) > 4000:
            continue
        for path in ("/groups/?q=", "/search/?q=", "/activity/?q=", f"{hostile.groups[0]}?metric="):
            page.goto(path + quote(value))
            watched.look(page, path + value[:60])
    assert Path(hostile.product.log).exists() and "Traceback" not in hostile.product.output
