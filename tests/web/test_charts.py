"""Charts as SVG: what they say, that hostile or odd values cannot break them, and that they stay small."""

import math
import re
from functools import partial
from xml.etree import ElementTree

import pytest

from registry.catalog.reports.trends import Point
from registry.web import charts
from registry.web.charts import LINE_POINTS, rail, rail_x, strip, swing

WAITING = "PendingManualApproval"


def parsed(markup: str) -> ElementTree.Element:
    """Parse as XML, which fails on an unescaped character or an unclosed element."""
    assert "style=" not in markup
    return ElementTree.fromstring(f"<root>{markup}</root>")


def points(values: list[float | None], status: str | None = "Approved") -> list[Point]:
    return [Point(n, v, status, "", "") for n, v in enumerate(values, 1)]


trend = partial(charts.trend, base="/v/", says=lambda point: f"v{point.version}")


def line_of(markup: str) -> list[tuple[float, float]]:
    """The line's points in percent of the plot."""
    width = re.search(r'viewBox="0 0 (\d+) 100"', markup)
    path = re.search(r'class="line" d="M([^"l]+)l?([^"]*)"', markup)
    assert width and path
    x, y = map(float, path[1].split())
    found, steps = [(x, y)], [float(step) for step in path[2].split()]
    for dx, dy in zip(steps[::2], steps[1::2], strict=True):
        x, y = x + dx, y + dy
        found.append((x, y))
    return [(x / int(width[1]) * 100, round(y, 6)) for x, y in found]


def test_strip_draws_the_newest_24_and_says_all_counts() -> None:
    statuses = ["Approved"] * 20 + ["Rejected", None] * 3 + [WAITING]
    bars = parsed(strip(statuses)).findall(".//rect")
    assert len(bars) == 24
    assert bars[-1].attrib["class"] == "p"
    assert {"a", "r", "n", "p"} == {bar.attrib["class"] for bar in bars}
    assert "27 versions. 20 approved, 1 waiting, 3 rejected, 3 without status." in strip(statuses)


def test_strip_says_when_it_knows_only_the_newest() -> None:
    assert "212 versions. Newest 24: 24 approved, 0 waiting, 0 rejected." in strip(["Approved"] * 24, 212)


def test_strip_of_a_group_without_versions() -> None:
    assert parsed(strip([])).findall(".//rect") == []
    assert "No version yet." in strip([])


def test_rail_x_places_a_value_in_the_range() -> None:
    assert rail_x(0.5, 0.5, 1.0) == pytest.approx(11)
    assert rail_x(1.0, 0.5, 1.0) == pytest.approx(89)
    assert rail_x(7, 0.5, 1.0) == pytest.approx(89), "outside the covered range stays on the rail"
    assert rail_x(3, 3, 3) == 50
    assert rail_x(3, None, None) == 50
    assert rail_x(None, 0, 1) is None
    assert rail_x(math.nan, 0, 1) is None
    assert 11 <= (rail_x(0.0, -1e308, 1e308) or 0) <= 89


def test_rail_lines_of_neighbours_meet_at_the_edge_of_their_rows() -> None:
    upper, lower = rail(20, None, 60, "Approved"), rail(60, 20, None, None)
    assert 'd="M20 50q0 30 20 50"' in upper, "from the mark to 40 % at the lower edge"
    assert 'd="M40 0q20 20 20 50"' in lower, "from 40 % at the upper edge to the mark"
    assert "mark--none" in lower
    parsed(upper), parsed(lower)


def test_rail_bends_into_the_vertical_line_of_a_heading() -> None:
    assert 'd="M40 0c0 28 20 22 20 50"' in rail(60, 20, None, joins_above=False)
    assert 'd="M60 50c0 28 -20 22 -20 50"' in rail(60, None, 20, joins_below=False)
    assert 'd="M40 0q0 20 0 50q0 30 0 50"' in rail(40, 40, 40, marked=False)


def test_rail_without_value_or_neighbours_draws_no_line() -> None:
    assert "<path" not in rail(50, None, None, WAITING)
    assert "<path" not in rail(None, None, 30, WAITING)
    assert "M20 0L30 100" in rail(None, 20, 30, WAITING)
    assert "mark" not in rail(20, 20, 20, marked=False)


def test_trend_of_no_point_is_nothing() -> None:
    assert trend([], label="auc") == ""
    assert trend(points([None, math.nan, math.inf]), label="auc") == ""


def test_trend_of_one_point_sits_in_the_middle() -> None:
    root = parsed(trend(points([0.9]), label="auc", current=1))
    (mark,) = root.findall(".//a/svg")
    assert 45 < float(mark.attrib["x"].rstrip("%")) < 55
    assert 0 < float(mark.attrib["y"].rstrip("%")) < 100
    assert root.find(".//circle") is not None


def test_trend_puts_higher_values_higher_and_leaves_out_missing_ones() -> None:
    line = line_of(trend(points([0.1, None, 0.3, 0.2]), label="auc"))
    assert len(line) == 3
    assert line[1][1] < line[2][1] < line[0][1]


def test_trend_marks_every_version_up_to_60_and_then_only_what_matters() -> None:
    few = points([float(n % 7) for n in range(60)])
    assert trend(few, label="auc").count("<a ") == 60
    many = points([float(n % 7) for n in range(100)])
    many[10] = many[10]._replace(status=WAITING)
    drawn = trend(many, label="auc", current=50)
    assert re.findall(r'href="(/v/\d+/)"', drawn) == ["/v/11/", "/v/50/"]


def test_trend_of_100_000_versions_stays_small_and_keeps_the_peaks() -> None:
    values: list[float | None] = [math.sin(n / 900) for n in range(100_000)]
    values[54_321] = 40.0
    values[54_322] = -40.0
    drawn = trend(points(values, "Rejected"), label="auc")
    line = line_of(drawn)
    assert len(line) <= LINE_POINTS
    assert len(drawn) < 12_000
    heights = sorted(y for _, y in line)
    assert heights[1] - heights[0] > 20 and heights[-1] - heights[-2] > 20
    assert [x for x, _ in line] == sorted(x for x, _ in line)


@pytest.mark.parametrize(
    "values",
    [[0.0, 0.0], [1e308, -1e308, 0.0], [1e-300, 2e-300], [5.0], [-3.0, -3.0], [1e20, 1e20 + 1], [0.1 + 0.2, 0.3]],
)
def test_trend_keeps_every_point_inside_the_picture(values: list[float | None]) -> None:
    drawn = trend(points(values), label="auc", reference=values[0], current=1)
    parsed(drawn)
    assert "nan" not in drawn.lower() and "inf" not in drawn
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in line_of(drawn))


def test_trend_escapes_what_people_typed() -> None:
    evil = '"><script>alert(1)</script>'
    drawn = charts.trend([Point(1, 1.0, evil, "", "")], label=evil, base=evil, says=lambda point: evil)
    parsed(drawn)
    assert "<script" not in drawn


@pytest.mark.parametrize("count", [1, 2, 7, 25, 59, 60, 61, 600, 99_999])
def test_trend_labels_are_few_and_start_with_the_first_version(count: int) -> None:
    root = parsed(trend(points([float(n % 5) for n in range(count)]), label="auc"))
    labels = [text.text for text in root.findall(".//svg[@class='chart']/text")]
    assert labels[0] == "v1"
    assert len(labels) <= 8
    assert len(set(labels)) == len(labels)


def test_trend_labels_versions_whose_numbers_have_gaps() -> None:
    gapped = [Point(n * 997, float(n), None, "", "") for n in range(1, 30)]
    labels = parsed(trend(gapped, label="auc")).findall(".//svg[@class='chart']/text")
    assert 1 <= len(labels) <= 8


def test_swing_shows_length_and_side() -> None:
    better, worse = parsed(swing(1.9, better=True)), parsed(swing(40, better=False))
    bars = [root.find(".//rect") for root in (better, worse)]
    assert bars[0] is not None and bars[1] is not None
    assert float(bars[0].attrib["x"]) == 60
    assert float(bars[1].attrib["x"]) == pytest.approx(2)
    assert "1.9 times the usual change, better" in swing(1.9, better=True)


@pytest.mark.parametrize("ratio", [None, math.nan, 0.0, -1.0])
def test_swing_without_a_usual_change_is_nothing(ratio: float | None) -> None:
    assert swing(ratio, better=True) == ""


def test_swing_of_an_infinite_ratio_stays_inside() -> None:
    assert "∞ times" in swing(math.inf, better=True)
    parsed(swing(math.inf, better=True))
