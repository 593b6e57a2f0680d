"""What a page costs on the wire, counted by the browser itself with headers, from the server that people run.

And that nothing moves while it opens.
"""

import pytest

from tests.scripts import await_scripts

from .conftest import OpenPage
from .pages import PLACES, Place, nothing

FIRST_LOAD = 60_000
LATER_LOAD = 12_000
# Icons come after the page counts as loaded.
SETTLING = 150

WATCH = """
  window.moved = 0;
  const note = (entry) => { if (!entry.hadRecentInput) window.moved += entry.value; };
  new PerformanceObserver((list) => list.getEntries().forEach(note)).observe({type: 'layout-shift', buffered: true});
"""


@pytest.mark.parametrize(
    "place",
    [place for place in PLACES if place.prepare is nothing and place.status == 200],
    ids=lambda place: place.name,
)
def test_a_page_stays_within_its_bytes_and_moves_nothing(open_page: OpenPage, place: Place):
    page = open_page(role=place.role)
    page.add_init_script(WATCH)
    received: list[int] = []
    browser_events = page.context.new_cdp_session(page)
    browser_events.send("Network.enable")
    browser_events.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(place.path)
    await_scripts(page)
    page.wait_for_timeout(SETTLING)
    first, moved = sum(received), page.evaluate("window.moved")
    received.clear()
    page.goto(place.path)
    await_scripts(page)
    page.wait_for_timeout(SETTLING)
    later = sum(received)
    assert moved == 0
    assert 2_000 < first < FIRST_LOAD
    assert 500 < later < LATER_LOAD
