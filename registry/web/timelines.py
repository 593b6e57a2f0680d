"""Lays a timeline out: where each row sits on its rail, how the line joins, which heading stands above; no query."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from registry.catalog.reports.timeline import EDGE, Row, TimelinePage, Tombstone
from registry.catalog.reports.trends import Point

from .charts import rail, rail_x
from .wording import digits_for, number, period_name, plural, short_image, status_look

CHIPS = 2  # pairs of metadata in a row
_MIDDLE = 50.0  # where the marks stand when no version has a metric: a straight line


class Scale(NamedTuple):
    """The range of a metric over the newest versions; `low` is None where none of them has it."""

    low: float | None
    high: float | None
    digits: int

    def place(self, row: Row) -> int | float | None:
        """The place of a row on the rail in percent, None without a value."""
        if self.low is None and row.value is None:
            return _MIDDLE
        x = rail_x(row.value, self.low, self.high)
        return None if x is None else round(x)  # a percent is a pixel and a half, and 50 rows of decimals are 0.5 kB


class Line(NamedTuple):
    """One version row, with the metadata that has room, how much more there is, and its drawing."""

    row: Row
    more: int
    rail: Markup

    @property
    def image(self) -> tuple[str, str]:
        """Repository and tag of the first container; where space is short the repository gives way."""
        name, sign, tag = short_image(self.row.image).partition(":")
        return name, sign + tag


@dataclass(frozen=True)
class Gap:
    """Deleted versions in the place of their rows; the rail passes by."""

    tombstone: Tombstone
    rail: Markup

    @property
    def name(self) -> str:
        """The version, or the first and the last."""
        first, last = self.tombstone.first, self.tombstone.last
        return f"v{last}" if first == last else f"v{first} to v{last}"


@dataclass(frozen=True)
class Period:
    """The rows under one heading; `name` is empty where they go on from the page before."""

    name: str
    rail: Markup
    lines: list[Line | Gap]


def scale_of(series: Sequence[Point]) -> Scale:
    """The scale that rail, trend and metric column share."""
    return _scale(tuple([point.value for point in series]))


@lru_cache(maxsize=64)
def _scale(series: tuple[float | None, ...]) -> Scale:
    """The scale of these values: most openings of a page find a group as it was."""
    values = [value for value in series if value is not None and math.isfinite(value)]
    return Scale(min(values, default=None), max(values, default=None), digits_for(values))


def lay_out(page: TimelinePage, scale: Scale, *, continued: bool) -> list[Period]:
    """Group the rows of a page under their headings; `continued` leaves out a heading that the page before had."""
    around = [*page.above, *page.rows, *page.below]
    start, end = len(page.above), len(page.above) + len(page.rows)
    places = _bridged([scale.place(row) for row in around], start, end)
    days = [row.created_at.astimezone(UTC).date() for row in around]
    named = {day: period_name(day) for day in set(days)}
    names = [named[day] for day in days]
    periods: list[Period] = []
    gaps = list(page.tombstones)
    # Rows that a gap follows; their line bends into the vertical one that passes the gap.
    cut = {next((n for n, row in enumerate(page.rows) if row.version < gap.first), len(page.rows)) for gap in gaps}
    for i in range(start, end):
        row, x = around[i], places[i]
        up, down = (places[j] if 0 <= j < len(around) else None for j in (i - 1, i + 1))
        is_new = i == 0 or names[i] != names[i - 1] or (i == start and not continued)
        meeting = _between(up, x)
        if is_new or i == start:
            heading = rail(meeting, meeting, meeting, marked=False) if is_new else Markup()
            periods.append(Period(names[i] if is_new else "", heading, []))
        while gaps and gaps[0].first > row.version:
            # Under a new heading only at the very top: else they belong to the row above, whose period this is not.
            place = periods[-2] if is_new and i != start else periods[-1]
            place.lines.append(Gap(gaps.pop(0), rail(meeting, meeting, meeting, marked=False)))
        if row.value is None and scale.low is not None:
            drawing = rail(None, _between(up, x), _between(x, down), row.status)
        else:
            joins_above = not is_new and i - start not in cut
            joins_below = i + 1 < len(around) and names[i] == names[i + 1] and i - start + 1 not in cut
            drawing = rail(x, up, down, row.status, joins_above=joins_above, joins_below=joins_below)
        shown = row if len(row.properties) <= CHIPS else row._replace(properties=row.properties[:CHIPS])
        periods[-1].lines.append(Line(shown, len(row.properties) - len(shown.properties), drawing))
    if gaps:
        meeting = _between(places[end - 1], places[end] if end < len(places) else None) if page.rows else None
        if not periods:
            periods.append(Period("", Markup(), []))
        periods[-1].lines.extend(Gap(gap, rail(meeting, meeting, meeting, marked=False)) for gap in gaps)
    return periods


def trend_words(metric: str, digits: int) -> Callable[[Point], str]:
    """What the mark of a version in a trend says."""

    def words(point: Point) -> str:
        look = status_look(point.status).word.lower()
        return f"v{point.version}, {metric} {number(point.value, digits)}, {look}"

    return words


def trend_label(points: Sequence[Point], metric: str, digits: int, approved: int | None) -> str:
    """The sentence that says what a trend shows."""
    first, last = points[0], points[-1]
    words = f"{metric} over {plural(len(points), 'version')}"
    if len(points) > 1:
        words += f", from {number(first.value, digits)} in v{first.version}"
        words += f" to {number(last.value, digits)} in v{last.version}"
    return f"{words}; the dashed line is v{approved}, approved now" if approved is not None else words


def _between(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else (one + other) / 2


def _bridged(places: list[int | float | None], start: int, end: int) -> list[int | float | None]:
    """The places with each gap between two known ones filled in evenly, so that the line passes it by.

    The rows of the page are those from `start` to `end`. A gap across its edge is filled only where both pages see
    all of it, since their lines have to meet.
    """
    filled = list(places)
    known = [i for i, place in enumerate(places) if place is not None]
    for left, right in pairwise(known):
        inside = start <= left and right < end
        if not inside and right - left > EDGE:
            continue
        first, last = places[left], places[right]
        assert first is not None and last is not None
        for i in range(left + 1, right):
            filled[i] = round(first + (last - first) * (i - left) / (right - left))
    return filled
