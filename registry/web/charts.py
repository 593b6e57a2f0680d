"""Charts as server-rendered SVG: strip, rail, trend and swing.

Percent coordinates: the markup needs no width, the browser scales it and text keeps its size. No style attributes,
so a strict Content-Security-Policy holds. Values come in as numbers and statuses in the wire's spelling.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from itertools import islice, pairwise

from markupsafe import Markup, escape

from registry.catalog.reports.trends import Point

from .icons import MARKS, SPRITE_URL
from .wording import number, plural, status_look

STRIP_LENGTH = 24
MARKED_POINTS = 60  # above, a trend is a line with the marks that matter (DESIGN.md section 5)
MARKED_WAITING = 8  # more would cover the line
LINE_POINTS = 80  # more weigh a kilobyte and show nothing more of the line
_STRIP_WIDTH = 132
_STRIP_STEP = 5.5
_RAIL_EDGES = (11.0, 89.0)  # where the lowest and the highest value of a group sit, in percent
_RAIL_NO_VALUE = 8.0

_SHAPES = {
    "approved": '<rect class="a" x="{0:g}" y="1" width="3.5" height="18" rx="1"/>',
    "pending": '<rect class="p" x="{1:g}" y="5.6" width="2.5" height="12.8" rx=".8"/>',
    "rejected": '<rect class="r" x="{0:g}" y="12" width="3.5" height="7" rx="1"/>',
    "none": '<rect class="n" x="{1:g}" y="12.6" width="2.5" height="5.8" rx=".8"/>',
}
# Slug -> its bar at each place of a strip.
_BARS = {
    slug: [shape.format(x * _STRIP_STEP, x * _STRIP_STEP + 0.6) for x in range(STRIP_LENGTH)]
    for slug, shape in _SHAPES.items()
}


def mark_use(slug: str, x: float, y: float, size: float) -> str:
    return f'<use href="{SPRITE_URL}#mark-{slug}" x="{x:g}" y="{y:g}" width="{size:g}" height="{size:g}"/>'


def _finite(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def strip(statuses: Iterable[str | None], total: int | None = None) -> Markup:
    """Draw the newest 24 statuses, oldest first; `total` is how many versions there are when only those were read."""
    shown = tuple(statuses)
    return _strip(shown[-STRIP_LENGTH:], len(shown) if total is None else total, Counter(shown))


def _strip(shown: tuple[str | None, ...], total: int, counted: Counter[str | None]) -> Markup:
    by_slug: Counter[str] = Counter()
    for status, times in counted.items():
        by_slug[status_look(status).slug] += times
    words = (("approved", "approved"), ("pending", "waiting"), ("rejected", "rejected"), ("none", "without status"))
    told = ", ".join(f"{by_slug[slug]} {word}" for slug, word in words if by_slug[slug] or slug != "none")
    among = "" if counted.total() == total else f"Newest {counted.total()}: "
    label = f"{plural(total, 'version')}. {among}{told}." if total else "No version yet."
    bars = "".join([_BARS[status_look(status).slug][x] for x, status in enumerate(shown, STRIP_LENGTH - len(shown))])
    return Markup(
        f'<svg class="strip" role="img" aria-label="{label}" viewBox="0 0 {_STRIP_WIDTH} 20" '
        f'preserveAspectRatio="xMaxYMid"><title>{label}</title>{bars}</svg>'
    )


@lru_cache(maxsize=256)
def stage_bars(position: int, of: int) -> Markup:
    """Draw three rising bars, filled up to the stage at `position` (from 1) among `of` stages."""
    filled = math.ceil(3 * position / of)
    on = ' class="on"'
    bars = "".join(
        f'<rect{on if i < filled else ""} x="{i * 5.5}" y="{6 - i * 3}" height="{4 + i * 3}"/>' for i in range(3)
    )
    return Markup(f'<svg aria-hidden="true" viewBox="0 0 16 10">{bars}</svg>')


def rail_x(value: float | None, low: float | None, high: float | None) -> float | None:
    """Return the place of a value in the group's range in percent; the middle when all are alike; None without one."""
    if not _finite(value):
        return None
    assert value is not None
    if low is None or high is None or not (_finite(low) and _finite(high)) or high <= low:
        return 50.0
    left, right = _RAIL_EDGES
    return left + (right - left) * min(1.0, max(0.0, value / (high - low) - low / (high - low)))


@lru_cache(maxsize=4096)
def rail(
    x: float | None,
    above: float | None = None,
    below: float | None = None,
    status: str | None = None,
    *,
    joins_above: bool = True,
    joins_below: bool = True,
    marked: bool = True,
) -> Markup:
    """Draw one row of the version rail: the mark at `x` percent and half of the line to each neighbour.

    The line is half of an S, cut where the rows meet; `joins_above` or `joins_below` False bends it into the vertical
    line of a period heading, which is drawn with `marked` False. Without a value the mark sits at the edge and the
    line passes straight from neighbour to neighbour. Few numbers, since a page has 50 of these.
    """
    path = ""
    if x is not None:
        if above is not None:
            step = (x - above) / 2
            path = f"M{x - step:g} 0{'q' if joins_above else 'c0 28 '}{step:g} {20 if joins_above else 22} {step:g} 50"
        if below is not None:
            step = (below - x) / 2
            path += f"{'' if path else f'M{x:g} 50'}{'q0 30' if joins_below else f'c0 28 {step:g} 22'} {step:g} 50"
    elif above is not None and below is not None:
        path = f"M{above:g} 0L{below:g} 100"
    line = f'<svg viewBox="0 0 100 100" preserveAspectRatio="none"><path d="{path}"/></svg>' if path else ""
    slug = status_look(status).slug
    at = _RAIL_NO_VALUE if x is None else x
    dot = (
        f'<svg x="{at:g}%" y="50%" class="mark mark--{slug}"><g transform="translate(-8-8)">{MARKS[slug]}</g></svg>'
        if marked
        else ""
    )
    return Markup(f'<svg class="rail" aria-hidden="true">{line}{dot}</svg>')


def _thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """Return (index, value) of the lowest and highest value per bucket: at most LINE_POINTS, peaks kept."""
    if len(values) <= LINE_POINTS:
        return list(enumerate(values))
    edges = [len(values) * bucket // (LINE_POINTS // 2) for bucket in range(LINE_POINTS // 2 + 1)]
    kept: list[tuple[int, float]] = []
    for start, end in pairwise(edges):
        bucket = values[start:end]
        lowest, highest = min(bucket), max(bucket)
        kept += sorted({(start + bucket.index(lowest), lowest), (start + bucket.index(highest), highest)})
    return kept


def path_steps(places: Sequence[tuple[int, float]]) -> str:
    """Return a path from place to place in relative numbers, which are short and pack well."""
    (x, y), *rest = places
    steps = []
    for to_x, to_y in rest:
        steps.append(f"{to_x - x} {to_y - y:.3g}")
        x, y = to_x, to_y
    return f"M{places[0][0]} {places[0][1]:g}" + (f"l{' '.join(steps)}" if steps else "")


def _marked(points: Sequence[Point], current: int | None) -> set[int]:
    """Return which points get a mark: all of a few, else the newest waiting ones and the current one."""
    if len(points) <= MARKED_POINTS:
        return set(range(len(points)))
    newest_first = range(len(points) - 1, -1, -1)
    waiting = islice((i for i in newest_first if status_look(points[i].status).slug == "pending"), MARKED_WAITING)
    return {*waiting, *(i for i, point in enumerate(points) if point.version == current)}


def _label_step(span: int) -> int:
    """Return the distance of the labels under a trend: about six of them, at round numbers."""
    power = 10 ** max(0, int(math.log10(max(span, 1))) - 1)
    return next(s * power for s in (1, 2, 5, 10, 20, 50, 100) if span / (s * power) <= 6)


def trend(
    points: Iterable[Point],
    *,
    label: str,
    base: str,
    says: Callable[[Point], str],
    reference: float | None = None,
    current: int | None = None,
) -> Markup:
    """Draw a metric over versions, oldest first, with an axis at the left.

    `label` is the sentence that says what the chart shows, `says` that of a mark, which leads to its version below the
    address `base`; `reference` draws the dashed line (the value of the version approved now) and `current` is that
    version's number, which gets a halo. Points without a finite value are left out; with more than 60 only the newest
    waiting ones and the current one are marked. Returns "" without any point.
    """
    shown = [point for point in points if _finite(point.value)]
    values = [float(point.value) for point in shown if point.value is not None]
    if not values:
        return Markup()
    spread = [*values, *([reference] if reference is not None and _finite(reference) else [])]
    low, high = min(spread), max(spread)
    pad = (high - low) * 0.14 or abs(high) * 0.1 or 1.0
    if math.isfinite(pad):
        low, high = low - pad, high + pad
    unit = max(abs(low), abs(high)) or 1.0  # scaled first: the difference of two huge numbers is no finite number
    first, last, top, bottom = 1.2, 98.4, 5.0, 84.0

    def across(index: int) -> float:
        return (first + last) / 2 if len(values) == 1 else first + (last - first) * index / (len(values) - 1)

    def down(value: float) -> float:
        return bottom - (bottom - top) * (value / unit - low / unit) / (high / unit - low / unit)

    ticks = [low * (1 - k / 3) + high * (k / 3) for k in range(4)]
    step = (high / unit - low / unit) / 3 * unit
    digits = min(6, max(0, math.ceil(-math.log10(step)) + 1)) if 0 < step < 1e9 else None  # neighbours differ
    axis = "".join(f'<text x="100%" y="{down(v):.1f}%" dy="4">{number(v, digits)}</text>' for v in ticks)
    grid = "".join(f'<line class="grid" x1="0" x2="100%" y1="{down(v):.1f}%" y2="{down(v):.1f}%"/>' for v in ticks)
    if reference is not None and _finite(reference):
        grid += f'<line class="best" x1="0" x2="100%" y1="{down(reference):.1f}%" y2="{down(reference):.1f}%"/>'
    line = _thinned(values)
    # A line that leaves points out needs no tenth of a percent.
    path = path_steps([(i, round(down(v), 1 if len(line) == len(values) else None)) for i, v in line])
    every = _label_step(len(shown))
    labelled = {0, *(i for i, p in enumerate(shown) if p.version % every == 0)}
    if len(labelled) > 7:  # gaps in the numbers: a label at every so-many-th point instead
        labelled = set(range(0, len(shown), every))
    labelled -= {i for i in labelled if 0 < i < every * 0.6}  # would touch the first one
    marks, names = [], []
    marked = _marked(shown, current)
    for i in sorted(labelled | marked):
        point = shown[i]
        if i in labelled:
            anchor = ' class="start"' if i == 0 and len(shown) > 1 else ""
            names.append(f'<text x="{across(i):.1f}%" y="99%"{anchor}>v{point.version}</text>')
        if i not in marked:
            continue
        halo = '<circle class="cur" r="7"/>' if point.version == current else ""
        title, slug = escape(says(point)), status_look(point.status).slug
        marks.append(
            f'<a href="{escape(base)}{point.version}/" tabindex="-1"><title>{title}</title>'
            f'<svg x="{across(i):.1f}%" y="{down(values[i]):.1f}%" class="mark mark--{slug}" width="16" height="16">'
            f"{halo}{mark_use(slug, -6.5, -6.5, 13)}</svg></a>"
        )
    return Markup(
        f'<div class="trend"><svg class="trend__axis" aria-hidden="true">{axis}</svg>'
        f'<svg class="chart" role="group" aria-label="{escape(label)}">{grid}'
        f'<svg x="{first}%" width="{last - first:g}%" viewBox="0 0 {max(len(values) - 1, 1)} 100" '
        'preserveAspectRatio="none" height="100%" aria-hidden="true">'
        f'<path class="line" d="{path}"/></svg>{"".join(marks)}{"".join(names)}</svg></div>'
    )


def swing(ratio: float | None, better: bool) -> Markup:
    """Draw a change as a bar: `ratio` is its size over the usual change between versions; right of the axis is better.

    Returns "" where there is no usual change to compare with.
    """
    if ratio is None or math.isnan(ratio) or ratio <= 0:
        return Markup()
    width = max(3.0, min(ratio / 4, 1.0) * 58)
    left = 60.0 if better else 60.0 - width
    label = f"{number(ratio, 1)} times the usual change, {'better' if better else 'worse'}"
    return Markup(
        f'<svg class="swing" viewBox="0 0 120 16" role="img"><title>{label}</title>'
        '<line class="axis" x1="60" x2="60" y1="0" y2="16"/>'
        f'<rect class="{"better" if better else "worse"}" x="{left:.0f}" y="4" width="{width:.0f}" height="8" rx="2"/>'
        "</svg>"
    )
