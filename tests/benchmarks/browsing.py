"""What people see in Chromium: when rows are visible, what came over the network, and how quickly a page reacts.

`python -m tests.benchmarks.browsing [--quick] [--sites file,saved,sqlite,postgresql,mlflow]`; `make bench` runs it too.
All sites are opened by the same browser in one run, the group with 25 versions as well as the one with 100,000.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.conftest import BROWSER_FLAGS, find_chromium
from tests.scripts import await_scripts

from . import report, servers
from .sites import SITES, SIZES, Site

HEADING = "# What Chromium shows"
# Rows that must stand on the page; MLflow shows 25 at first.
WANTED = 10
PATIENCE = 60_000  # ms until a page counts as not shown
COLD_KB, WARM_KB, REACTION = 60.0, 12.0, 100.0
TIMES_FILE, TIMES_FASTER = 2.0, 5.0

# Notes when the rows were painted first, how far things moved, and how long each interaction took until the next
# frame (in steps of 8 ms, from 16 ms on; what is quicker is not told).
WATCH = """([rows, wanted]) => {
  window.seen = 0; window.moved = 0; window.reactions = [];
  const hear = (type, note, more) => new PerformanceObserver((list) => list.getEntries().forEach(note))
    .observe({type, buffered: true, ...more});
  hear('layout-shift', (e) => { if (!e.hadRecentInput) window.moved += e.value; });
  hear('event', (e) => { if (e.interactionId) window.reactions.push(e.duration); }, {durationThreshold: 16});
  const look = () => {
    if (document.querySelectorAll(rows).length < wanted) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => { window.seen = performance.now(); }));
  };
  requestAnimationFrame(look);
}"""

# Not Playwright's waiting for a function: that evaluates text in the page, which the page's own policy forbids.
UNTIL = """new Promise((done) => {
  const look = () => { const said = %s; said ? done(said) : setTimeout(look, 5); };
  look();
})"""

NOTE = """() => {
  window.reactions = []; window.done = 0; window.began = 0;
  for (const kind of ['pointerdown', 'keydown'])
    addEventListener(kind, (e) => { window.began ||= e.timeStamp; }, {capture: true, once: true});
  const painted = () => requestAnimationFrame(() => setTimeout(() => { window.done = performance.now(); }));
  const look = () => (%s) ? painted() : requestAnimationFrame(look);
  look();
}"""


@dataclass
class Opening:
    """A page opened some times: ms until rows were visible, kB over the network, layout shift."""

    site: str
    size: int
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    cold_kb: float = 0.0
    warm_kb: float = 0.0
    requests: int = 0
    moved: float = 0.0


@dataclass
class Reaction:
    """One thing done on a page: ms to the next frame (0: below 16) and ms until its result stood there."""

    site: str
    what: str
    frame: list[float] = field(default_factory=list)
    result: list[float] = field(default_factory=list)


@dataclass
class Results:
    openings: list[Opening] = field(default_factory=list)
    reactions: list[Reaction] = field(default_factory=list)


class Network:
    """Counts what a page fetched, headers included, in kB."""

    def __init__(self, page: Page) -> None:
        self.kb, self.requests = 0.0, 0
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.loadingFinished", self._add)

    def _add(self, event: dict[str, Any]) -> None:
        self.kb += event["encodedDataLength"] / 1000
        self.requests += 1


def new_context(browser: Browser, site: Site) -> BrowserContext:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(PATIENCE)
    context.add_cookies(site.cookies)  # type: ignore[arg-type]
    return context


def watched_page(context: BrowserContext, site: Site) -> Page:
    page = context.new_page()
    page.add_init_script(f"({WATCH})(['{site.rows.replace(chr(39), chr(92) + chr(39))}', {WANTED}])")
    return page


def open_once(page: Page, url: str) -> tuple[float, Network, float]:
    """ms from the start of the navigation until the rows were painted, the network's counts, and what moved."""
    network = Network(page)
    page.goto(url, wait_until="commit")
    seen = page.evaluate(UNTIL % "window.seen")
    # Late pictures and scripts count, and what they move.
    page.wait_for_load_state("load")
    await_scripts(page)
    page.wait_for_timeout(300)
    return seen, network, page.evaluate("window.moved")


def open_twice(browser: Browser, site: Site, address: str, opening: Opening) -> None:
    """Cold: a browser without any cache. Warm: a new tab of one that has been there."""
    with new_context(browser, site) as context:
        seen, network, moved = open_once(watched_page(context, site), site.origin + address)
        opening.cold.append(seen)
        opening.cold_kb, opening.requests = max(opening.cold_kb, network.kb), network.requests
        opening.moved = max(opening.moved, moved)
        seen, network, moved = open_once(watched_page(context, site), site.origin + address)
        opening.warm.append(seen)
        opening.warm_kb, opening.moved = max(opening.warm_kb, network.kb), max(opening.moved, moved)


def react(page: Page, do: Callable[[], None], result: str) -> tuple[float, float]:
    """What `do` took until the next frame, and until `result` (an expression) was true and painted."""
    page.evaluate(NOTE % result)
    do()
    page.evaluate(UNTIL % "window.done")
    # An event is told only after the frame that follows it.
    page.wait_for_timeout(150)
    return page.evaluate("Math.max(0, ...window.reactions)"), page.evaluate("window.done - window.began")


def measure_reactions(browser: Browser, site: Site, addresses: dict[int, str], times: int) -> list[Reaction]:
    """Filter the largest group, disclose and edit on a version's page, as with mouse and keyboard."""
    found = {what: Reaction(site.name, what) for what in ("filter", "menu of a row", "disclose", "edit", "save")}
    largest, small = max(addresses), min(addresses)

    def note(what: str, page: Page, do: Callable[[], None], result: str) -> None:
        frame, took = react(page, do, result)
        found[what].frame.append(frame)
        found[what].result.append(took)

    for number in range(times):
        with new_context(browser, site) as context:
            page = watched_page(context, site)
            open_once(page, site.origin + addresses[largest])
            await_scripts(page)
            note(
                "menu of a row", page, page.locator("tr[data-row] .t-menu button").nth(1).click,
                "document.querySelector('#rowmenu:popover-open') !== null",
            )  # fmt: skip
            page.keyboard.press("Escape")
            page.locator("#q").fill("status:rejected")
            note(
                "filter", page, lambda page=page: page.keyboard.press("Enter"),
                "[...document.querySelectorAll('tr[data-row] .status')].length > 0 && "
                "document.querySelector('tr[data-row] .status:not(.status--rejected)') === null",
            )  # fmt: skip
            page.goto(f"{site.origin}{addresses[small]}versions/{small}/")
            await_scripts(page)
            note(
                "disclose", page, page.locator("details.disclose > summary").first.click,
                "document.querySelector('details.disclose').open",
            )  # fmt: skip
            row = page.locator("tr[id^=md-]:has(a, button)").first
            note("edit", page, row.get_by_role("link", name="Edit").click,
                 "document.querySelector('tr[data-editing]') !== null")  # fmt: skip
            page.locator("tr[data-editing] [name=value]").fill(f"measured {number} {os.getpid()}")
            note("save", page, lambda page=page: page.keyboard.press("Enter"),
                 "document.querySelector('tr[data-editing]') === null")  # fmt: skip
    return list(found.values())


def section(results: Results, conditions: list[str]) -> str:
    """The section of the page: openings with their ratios to the file and to MLflow, then reactions."""
    cold = {(opening.site, opening.size): median(opening.cold) for opening in results.openings}
    warm = {(opening.site, opening.size): median(opening.warm) for opening in results.openings}
    lines = [
        HEADING,
        "",
        "By `python -m tests.benchmarks.browsing`: ms from the start of the navigation until ten rows of versions",
        "were painted, medians; cold in a browser without any cache, warm in a new tab of one that was there before.",
        f"kB over the network, headers included. Bold: over {TIMES_FILE:g} times the file, not {TIMES_FASTER:g} times",
        f"faster than MLflow, over {COLD_KB:g} kB cold or {WARM_KB:g} kB warm, or anything that moved.",
        "",
        *(f"- {line}." for line in conditions),
        "",
        "| versions | site | cold ms | warm ms | to the file | MLflow takes | cold kB (requests) | warm kB | moved |",
        "|---" * 9 + "|",
    ]
    for opening in sorted(results.openings, key=lambda opening: opening.size):
        own = opening.site.startswith(report.OURS)
        place = (opening.site, opening.size)
        floor, peer = ("a file", opening.size), ("MLflow", opening.size)
        ratios = [of[place] / of[floor] for of in (cold, warm)] if floor in cold else []
        faster = [of[peer] / of[place] for of in (cold, warm)] if own and peer in cold else []

        def bold(text: str, over: bool, own: bool = own) -> str:
            return f"**{text}**" if own and over else text

        lines.append(
            f"| {opening.size:,} | {opening.site} | {cold[place]:.0f} | {warm[place]:.0f} "
            f"| {', '.join(bold(f'{ratio:.1f}', ratio > TIMES_FILE) for ratio in ratios)} "
            f"| {', '.join(bold(f'{ratio:.1f} times', ratio < TIMES_FASTER) for ratio in faster)} "
            f"| {bold(f'{opening.cold_kb:.1f}', opening.cold_kb > COLD_KB)} ({opening.requests}) "
            f"| {bold(f'{opening.warm_kb:.1f}', opening.warm_kb > WARM_KB)} "
            f"| {bold(f'{opening.moved:.3f}', opening.moved > 0)} |"
        )
    lines += [
        "",
        "What is done on a page of this registry: ms until the next frame (the worst of all tries, as INP; below 16",
        f"the browser does not tell; bar {REACTION:g}), and until its result stood on the page (median).",
        "",
        "| done | site | next frame | result |",
        "|---|---|---|---|",
    ]
    for reaction in results.reactions:
        worst = max(reaction.frame)
        said = f"{worst:.0f}" if worst else "< 16"
        lines.append(
            f"| {reaction.what} | {reaction.site} | {f'**{said}**' if worst > REACTION else said} "
            f"| {median(reaction.result):.0f} |"
        )
    return "\n".join([*lines, ""])


def measure(browser: Browser, sites: Sequence[Site], times: int, results: Results) -> None:
    """Add what the sites show to `results`. They take turns, so that a slow minute of the machine counts for all."""
    addresses: dict[str, dict[int, str]] = {site.name: {} for site in sites}
    for size in SIZES:
        for site in sites:
            addresses[site.name][size] = site.grow(size)
        openings = {site.name: Opening(site.name, size) for site in sites}
        for _ in range(times):
            for site in sites:
                open_twice(browser, site, addresses[site.name][size], openings[site.name])
        for opening in openings.values():
            results.openings.append(opening)
            print(
                f"{opening.site}, {size:,}: cold {median(opening.cold):.0f} ms, {opening.cold_kb:.1f} kB; "
                f"warm {median(opening.warm):.0f} ms, {opening.warm_kb:.1f} kB; moved {opening.moved:.3f}",
                flush=True,
            )
    for site in sites:
        if site.used:
            for reaction in measure_reactions(browser, site, addresses[site.name], times):
                results.reactions.append(reaction)
                print(
                    f"{site.name}, {reaction.what}: {max(reaction.frame):.0f}, {median(reaction.result):.0f} ms",
                    flush=True,
                )


def run(*, output: Path, quick: bool, sites: str = ",".join(SITES)) -> None:
    """Measure and put the section into `output`; a site that cannot be measured is a line of the conditions."""
    load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
    times, results = 3 if quick else 9, Results()
    said = [f"{datetime.now(UTC):%Y-%m-%d}; {os.cpu_count()} cores, load {load} when the run began; {times} times each"]
    chromium = find_chromium()
    if chromium is None:
        print("Chromium is not installed here; it is left out.")
        return
    with tempfile.TemporaryDirectory(prefix="registry-browsing-") as folder, sync_playwright() as playwright:
        # PostgreSQL may run as another user, who must be able to get there.
        Path(folder).chmod(0o711)
        browser = playwright.chromium.launch(executable_path=chromium, args=BROWSER_FLAGS)
        said.append(f"Chromium {browser.version}")
        with ExitStack() as stack:
            opened = []
            for name in sites.split(","):
                if name == "mlflow" and not servers.mlflow_is_there():
                    said.append("MLflow's server is not installed here (`make .clients/mlflow/.installed`)")
                    continue
                try:
                    opened.append(stack.enter_context(SITES[name](Path(folder) / name)))
                except (RuntimeError, OSError) as error:
                    said.append(f"{name} could not be measured: {str(error).splitlines()[0]}")
            try:
                measure(browser, opened, times, results)
            except (RuntimeError, OSError) as error:
                said.append(f"Not measured to the end: {str(error).splitlines()[0]}")
            report.put_section(output, section(results, said))
        browser.close()


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.browsing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three tries each instead of nine")
    parser.add_argument("--sites", default=",".join(SITES), help=f"which of {', '.join(SITES)}")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("results.md"))
    options = parser.parse_args(arguments)
    run(output=options.output, quick=options.quick, sites=options.sites)
    print(f"Written: {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
