"""The line of the timeline: it joins from row to row, through headings, gaps and the edges of pages."""

from __future__ import annotations

import random
import re
from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.utils import timezone

from registry.catalog.reports.timeline import EDGE, Row, TimelinePage
from registry.catalog.reports.trends import Point
from registry.web.timelines import Scale, lay_out, scale_of
from tests.factories import make_user

from .test_timeline import ROWS, a_group, periods_of, rows_of


@pytest.fixture
def viewer(client: Client, db: None) -> Client:
    client.force_login(make_user("viewer"))
    return client


def ends_of(rail: str) -> tuple[float | None, float | None]:
    """Where a rail's line leaves the upper and the lower edge of its row, in percent; None where it does not."""
    path = re.search(r'<path d="([^"]*)"', rail)
    if not path:
        return None, None
    moves = re.findall(r"([MLqc])([^MLqc]*)", path[1])
    x = y = 0.0
    upper = None
    for letter, rest in moves:
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", rest)]
        x, y = (numbers[-2], numbers[-1]) if letter in "ML" else (x + numbers[-2], y + numbers[-1])
        upper = x if letter == "M" and y == 0 else upper
    return upper, x if y == 100 else None


def test_older_versions_follow_without_a_seam(viewer: Client) -> None:
    rng = random.Random(5)
    group = a_group([round(rng.random(), 4) for _ in range(120)], days=2.5)
    html = viewer.get(group.get_absolute_url()).text
    seen, headings, lines = list(rows_of(html)), periods_of(html), re.findall(r'<svg class="rail".*?</td>', html, re.S)
    assert seen == list(range(120, 95, -1))
    while more := re.search(r'<tbody class="t-more"[^>]*hx-get="([^"]*)"', html):
        fallback = re.search(r'<tbody class="t-more".*?<a class="link" href="([^"]*)"', html, re.S)
        assert fallback and fallback[1].startswith(f"{group.get_absolute_url()}?")
        assert fallback[1].endswith(f"before={seen[-1]}")
        html = viewer.get(more[1].replace("&amp;", "&"), headers=ROWS).text
        assert "<html" not in html
        seen += rows_of(html)
        headings += periods_of(html)
        lines += re.findall(r'<svg class="rail".*?</td>', html, re.S)
    assert seen == list(range(120, 0, -1))
    assert len(headings) == len(set(headings)) and headings[0] == "Last 7 days"
    edges = [ends_of(line) for line in lines]
    for (_, lower), (upper, _) in pairwise(edges[1:]):  # the first heading has nothing above it
        assert lower is not None and lower == upper
    assert edges[-1][1] is None


def a_row(version: int, value: float | None, days: float) -> Row:
    at = timezone.now() - timedelta(days=days)
    return Row(version, None, "", "", at, "", value, None, None, "", "", 0)


def drawn_rails(rows: list[Row], scale: Scale, cuts: list[int]) -> list[str]:
    """All rails of a timeline that is cut into pages, as the browser puts them below each other."""
    rails: list[str] = []
    for start, end in pairwise([0, *cuts, len(rows)]):
        page = TimelinePage(rows[start:end], rows[max(0, start - EDGE) : start], rows[end : end + EDGE])
        for period in lay_out(page, scale, continued=start > 0):
            rails += [period.rail] if period.rail else []
            rails += [line.rail for line in period.lines]
    return rails


@pytest.mark.parametrize("seed", range(60))
def test_the_line_joins_from_row_to_row_whatever_is_missing(seed: int) -> None:
    """Every row's line ends where the next one's begins, through headings and across pages."""
    rng = random.Random(seed)
    count = rng.randrange(3, 60)
    has = rng.choice([0.1, 0.4, 0.8])
    rows = [a_row(n, rng.random() if rng.random() < has else None, 9 * (count - n)) for n in range(count, 0, -1)]
    scale = scale_of([Point(row.version, row.value, None, "", "") for row in rows])
    edges = [ends_of(rail) for rail in drawn_rails(rows, scale, sorted(rng.sample(range(1, count), 2)))]
    for (_, lower), (upper, _) in pairwise(edges):
        assert lower == upper


def test_the_line_passes_a_gap_at_the_edge_of_a_page() -> None:
    rows = [a_row(n, value, 0) for n, value in ((4, 1.0), (3, None), (2, None), (1, 0.0))]
    scale = Scale(0.0, 1.0, 1)
    whole = [ends_of(rail) for rail in drawn_rails(rows, scale, [])]
    for cut in (1, 2, 3):
        assert [ends_of(rail) for rail in drawn_rails(rows, scale, [cut])] == whole
    assert whole[1:] == [(None, 76.0), (76.0, 50.0), (50.0, 24.0), (24.0, None)]


def test_a_gap_that_crosses_pages_is_read_from_both_sides(viewer: Client) -> None:
    values: list[float | None] = [0.1 + n / 100 for n in range(60)]
    values[33:37] = [None] * 4  # v34 to v37: the first page ends with v36
    group = a_group(values, days=0.01)
    first = viewer.get(group.get_absolute_url()).text
    older = viewer.get(f"{group.get_absolute_url()}timeline/?before=36&metric=auc", headers=ROWS).text
    drawn = [ends_of(row) for row in (rows_of(first) | rows_of(older)).values()]
    assert len(drawn) == 60 and None not in [end for pair in drawn[1:-1] for end in pair]
    assert all(lower == upper for (_, lower), (upper, _) in pairwise(drawn))
