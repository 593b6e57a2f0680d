"""Charts of a metric over a range of versions as server-rendered SVG: those of the Metrics page and of Compare.

As in charts.py: percent coordinates, no style attributes. The place of a version follows its number, so charts of one
range stand under each other, and numbers that are missing leave room.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from markupsafe import Markup, escape

from registry.catalog.directions import Direction
from registry.catalog.reports.metric_series import Mark, Span, Stretch

from .charts import mark_use, path_steps
from .wording import digits_for, number, plural, status_look

_LEFT, _RIGHT = 2.0, 98.0  # percent across, so that marks at the ends are not cut
_TOP, _BOTTOM = 6.0, 84.0
_TICK = 5.0  # height of an approval tick in percent
NOISE = 1e-6  # values that differ by less are drawn as one


@dataclass(frozen=True)
class MetricChart:
    """One metric over a span.

    `stretches` of `width` numbers each hold the line; `marks` are the versions that are drawn and linked, with their
    `values`; `approved` are the places of stretches with an approved version, drawn as ticks; `current` is the
    version approved now.
    """

    name: str
    span: Span
    width: int
    stretches: Sequence[Stretch]
    direction: Direction = ""
    leads: bool = False
    href: str = ""
    marks: Sequence[Mark] = ()
    values: Mapping[int, float] = field(default_factory=dict)
    approved: Collection[int] = ()
    current: int | None = None

    @property
    def is_exact(self) -> bool:
        """True where each version has its own mark."""
        return self.width == 1 and bool(self.marks) and not self.approved

    @cached_property
    def digits(self) -> int:
        return digits_for(value for stretch in self.stretches for value in (stretch.low, stretch.high))

    @cached_property
    def extremes(self) -> tuple[float, float]:
        return min(s.low for s in self.stretches), max(s.high for s in self.stretches)

    @property
    def label(self) -> str:
        """The sentence that says what the chart shows."""
        low, high = (number(value, self.digits) for value in self.extremes)
        words = f"{self.name} from v{self.span.first} to v{self.span.last}: between {low} and {high}"
        if self.direction:
            words += f", {self.direction} is better"
        if self.current in self.values and self.current is not None:
            words += f"; v{self.current}, approved now, has {number(self.values[self.current], self.digits)}"
        return words


class _Plane:
    """Where versions and values sit on a chart, in percent."""

    def __init__(self, span: Span, low: float, high: float, *, top: float = _TOP, bottom: float = _BOTTOM) -> None:
        flat = math.isclose(low, high, rel_tol=NOISE)
        pad = abs(high) * 0.1 or 1.0 if flat else (high - low) * 0.08
        if math.isfinite(pad) and math.isfinite(low - pad) and math.isfinite(high + pad):
            # A loss below nothing and an accuracy above one are nowhere: the axis ends there.
            low, high = 0.0 if 0 < low < pad else low - pad, 1.0 if 1 - pad < high < 1 else high + pad
        self.span, self.low, self.high, self.top, self.bottom = span, low, high, top, bottom
        # Scaled first: the difference of two huge numbers is no finite number.
        self.unit = max(abs(low), abs(high)) or 1.0

    def across(self, version: float) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (version - self.span.first + 0.5) / self.span.length

    def down(self, value: float) -> float:
        low, high = self.low / self.unit, self.high / self.unit
        if low == high:
            # One value only, so huge that there was no room beside it.
            return (self.bottom + self.top) / 2
        return self.bottom - (self.bottom - self.top) * (value / self.unit - low) / (high - low)

    def at(self, share: float) -> float:
        """The value at a share of the height, from the bottom."""
        return self.low * (1 - share) + self.high * share


def _path(plane: _Plane, stretches: Sequence[Stretch]) -> list[tuple[int, float]]:
    """The places of the line: two for a stretch whose values differ, the one nearer to the line first."""
    places: list[tuple[int, float]] = []
    before: float | None = None
    for place, low, high in stretches:
        pair = [low] if low == high else [low, high]
        if before is not None and len(pair) == 2 and abs(before - high) < abs(before - low):
            pair.reverse()
        places += [(2 * place + 1, round(plane.down(value), 1)) for value in pair]
        before = pair[-1]
    return places


def _line(span: Span, width: int, d: str, approved: Iterable[int] = ()) -> str:
    """The line and the ticks below it, stretched over the chart; an x of the path is half a stretch."""
    across = 2 * span.length / width
    ticks = "".join(f"M{2 * place + 1} {_BOTTOM + 1 + _TICK:g}v-{_TICK:g}" for place in approved)
    marks = f'<path class="ticks" d="{ticks}"/>' if ticks else ""
    return (
        f'<svg x="{_LEFT:g}%" width="{_RIGHT - _LEFT:g}%" height="100%" viewBox="0 0 {across:g} 100" '
        f'preserveAspectRatio="none" aria-hidden="true"><path class="line" d="{d}"/>{marks}</svg>'
    )


def metric_chart(chart: MetricChart, zooms: Sequence[tuple[Span, str]] = (), *, lines: int = 3) -> Markup:
    """Draw a metric with its axes, approval ticks and marks that are links.

    `zooms` are (span, address) of the stretches of the background that lead nearer. Returns "" without any value.
    """
    if not chart.stretches:
        return Markup()
    plane, digits = _Plane(chart.span, *chart.extremes), chart.digits
    steps = [plane.at(k / (lines - 1)) for k in range(lines)]
    if len({number(step, digits) for step in steps}) < lines:
        digits = min(6, digits + 2)
    axis = "".join(f'<text x="100%" y="{plane.down(v):.1f}%" dy="4">{number(v, digits)}</text>' for v in steps)
    grid = "".join(
        f'<line class="grid" x1="0" x2="100%" y1="{plane.down(v):.1f}%" y2="{plane.down(v):.1f}%"/>' for v in steps
    )
    if chart.current is not None and chart.current in chart.values:
        y = plane.down(chart.values[chart.current])
        grid += f'<line class="best" x1="0" x2="100%" y1="{y:.1f}%" y2="{y:.1f}%"/>'
    columns = "".join(
        f'<a href="{escape(href)}" tabindex="-1" aria-label="Zoom to v{span.first} to v{span.last}">'
        f"<title>Zoom to v{span.first} to v{span.last}</title>"
        f'<rect class="zoom" x="{plane.across(span.first - 0.5):.2f}%" y="0" height="{_BOTTOM + 6:g}%" '
        f'width="{plane.across(span.last + 0.5) - plane.across(span.first - 0.5):.2f}%"/></a>'
        for span, href in zooms
    )
    d = path_steps(_path(plane, chart.stretches))
    marks = "".join(_mark(chart, plane, mark) for mark in chart.marks if mark.version in chart.values)
    first, last = chart.span
    names = f'<text class="start" x="{_LEFT:g}%" y="99%">v{first}</text>'
    if last > first:
        names += f'<text class="end" x="{_RIGHT:g}%" y="99%">v{last}</text>'
    return Markup(
        f'<div class="trend"><svg class="trend__axis" aria-hidden="true">{axis}</svg>'
        f'<svg class="chart" role="group" aria-label="{escape(chart.label)}">{grid}{columns}'
        f"{_line(chart.span, chart.width, d, chart.approved)}{marks}{names}</svg></div>"
    )


def _mark(chart: MetricChart, plane: _Plane, mark: Mark) -> str:
    look, value = status_look(mark.status), chart.values[mark.version]
    title = escape(f"v{mark.version}, {chart.name} {number(value, chart.digits)}, {look.word.lower()}")
    halo = '<circle class="cur" r="7"/>' if mark.version == chart.current else ""
    return (
        f'<a href="{escape(chart.href)}versions/{mark.version}/" aria-label="{title}" tabindex="-1">'
        f"<title>{title}</title>"
        f'<svg x="{plane.across(mark.version):.1f}%" y="{plane.down(value):.1f}%" class="mark mark--{look.slug}" '
        f'width="16" height="16">{halo}{mark_use(look.slug, -5.5, -5.5, 11)}</svg></a>'
    )


def multiple(
    span: Span, width: int, stretches: Sequence[Stretch], picked: Sequence[tuple[int, float]], base: int | None
) -> Markup:
    """Draw a small chart: the line of a group's metric, and a dot for each (version, value) that is compared.

    The baseline's dot is filled. Decoration beside the table that has the same numbers. "" without a dot.
    """
    if not picked:
        return Markup()
    values = [value for _, value in picked] + [value for s in stretches for value in (s.low, s.high)]
    plane = _Plane(span, min(values), max(values), top=10, bottom=90)
    line = _line(span, width, path_steps(_path(plane, stretches))) if stretches else ""
    dots = "".join(
        f'<circle class="{"dot-base" if version == base else "dot-sel"}" cx="{plane.across(version):.1f}%" '
        f'cy="{plane.down(value):.1f}%" r="4"/>'
        for version, value in sorted(picked, key=lambda dot: dot[0] == base)
    )
    return Markup(f'<svg class="chart" aria-hidden="true">{line}{dots}</svg>')


def range_words(span: Span, versions: int, last: int) -> str:
    """What a span holds, in words: all versions, or from which to which."""
    if span.first == 1 and span.last >= last:
        return plural(versions, "version")
    return f"v{span.first} to v{span.last}" if span.length > 1 else f"v{span.first}"
