"""Lays a timeline out: where each row sits on its rail, how the line joins, which heading stands above; no query."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from registry.catalog.reports.timeline import Point, Row, TimelinePage, Tombstone

from .charts import TrendPoint, rail, rail_x
from .wording import digits_for, number, period_name, plural, short_image, status_look

_MIDDLE = 50.0  # where the marks stand when no version has a metric: a straight line


class Scale(NamedTuple):
    """The range of a metric over the newest versions; `low` is None where none of them has it."""

    low: float | None
    high: float | None
    digits: int

    def place(self, row: Row | None) -> float | None:
        """The place of a row on the rail in percent, None without a value."""
        if row is None:
            return None
        if self.low is None and row.value is None:
            return _MIDDLE
        x = rail_x(row.value, self.low, self.high)
        return None if x is None else round(x)  # a percent is a pixel and a half, and 50 rows of decimals are 0.5 kB


@dataclass(frozen=True)
class Line:
    """One version row, with its drawing."""

    row: Row
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
    values = [point.value for point in series if point.value is not None and math.isfinite(point.value)]
    return Scale(min(values, default=None), max(values, default=None), digits_for(values))


def lay_out(page: TimelinePage, scale: Scale, *, continued: bool) -> list[Period]:
    """Group the rows of a page under their headings; `continued` leaves out a heading that the page before had.

    The line passes versions without a value by, but only within a page: at its edge both pages end the line, since
    neither knows where the other's goes.
    """
    rows = page.rows
    places = _bridged([scale.place(row) for row in rows])
    around = [scale.place(page.above), *places, scale.place(page.below)]
    neighbours: list[Row | None] = [page.above, *rows, page.below]
    names = [period_name(row.created_at) if row else None for row in neighbours]
    periods: list[Period] = []
    gaps = list(page.tombstones)
    # Rows that a gap follows; their line bends into the vertical one that passes the gap.
    cut = {next((n for n, row in enumerate(rows) if row.version < gap.first), len(rows)) for gap in gaps}
    for i, row in enumerate(rows, start=1):
        is_first = i == 1
        new_period = names[i] != names[i - 1] or (is_first and not continued)
        if new_period or is_first:
            meeting = _between(around[i - 1], around[i])
            heading = rail(meeting, meeting, meeting, marked=False) if new_period else Markup()
            periods.append(Period(names[i] or "" if new_period else "", heading, []))
        passing = rail(*[_between(around[i - 1], around[i])] * 3, marked=False)
        while gaps and gaps[0].first > row.version:
            # Under a new heading only at the very top: else they belong to the row above, whose period this is not.
            place = periods[-2] if new_period and not is_first else periods[-1]
            place.lines.append(Gap(gaps.pop(0), passing))
        measured = row.value is not None or scale.low is None
        drawing = (
            rail(
                around[i],
                around[i - 1],
                around[i + 1],
                row.status,
                joins_above=not new_period and i - 1 not in cut,
                joins_below=names[i] == names[i + 1] and i not in cut,
            )
            if measured
            else rail(None, _between(around[i - 1], around[i]), _between(around[i], around[i + 1]), row.status)
        )
        periods[-1].lines.append(Line(row, drawing))
    if gaps:
        meeting = _between(around[-2], around[-1]) if rows else None
        if not periods:
            periods.append(Period("", Markup(), []))
        periods[-1].lines.extend(Gap(gap, rail(meeting, meeting, meeting, marked=False)) for gap in gaps)
    return periods


def trend_points(series: Sequence[Point], metric: str, base: str, digits: int) -> list[TrendPoint]:
    """The series as points of a trend, oldest first; `base` is the group's address."""
    return [
        TrendPoint(
            point.version,
            point.value,
            point.status,
            f"{base}versions/{point.version}/",
            f"v{point.version}, {metric} {number(point.value, digits)}, {status_look(point.status).word.lower()}",
        )
        for point in reversed(series)
        if point.value is not None
    ]


def trend_label(points: Sequence[TrendPoint], metric: str, digits: int, approved: int | None) -> str:
    """The sentence that says what a trend shows."""
    first, last = points[0], points[-1]
    words = f"{metric} over {plural(len(points), 'version')}"
    if len(points) > 1:
        words += f", from {number(first.value, digits)} in v{first.number}"
        words += f" to {number(last.value, digits)} in v{last.number}"
    return f"{words}; the dashed line is v{approved}, approved now" if approved is not None else words


def _between(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else (one + other) / 2


def _bridged(places: list[float | None]) -> list[float | None]:
    """The places with the gaps between two known ones filled in evenly; gaps at the edges stay."""
    filled = list(places)
    known = [i for i, place in enumerate(places) if place is not None]
    for left, right in pairwise(known):
        start, end = places[left], places[right]
        assert start is not None and end is not None
        for i in range(left + 1, right):
            filled[i] = round(start + (end - start) * (i - left) / (right - left))
    return filled
