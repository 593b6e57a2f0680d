"""Charts over a range of versions: whatever the numbers are, every mark lies on the chart."""

from __future__ import annotations

import math
import re

from hypothesis import example, given
from hypothesis import strategies as st

from registry.catalog.reports.metric_series import Mark, Span, Stretch
from registry.web.metric_charts import MetricChart, metric_chart, multiple, range_words

floats = st.floats(allow_nan=False, allow_infinity=False)
percents = re.compile(r'\b(?:x|y|cx|cy|x1|x2|y1|y2|width)="(-?[\d.e+-]+|nan|-?inf)%"')


def a_chart(line: list[float], first: int = 1, width: int = 1, **more) -> MetricChart:
    span = Span(first, first + len(line) * width - 1)
    stretches = [Stretch(place, value, value) for place, value in enumerate(line)]
    return MetricChart("auc", span, width, stretches, **more)


@example([1.7976931348623157e308], 1, 1)
@given(st.lists(floats, min_size=1, max_size=20), st.integers(1, 10**9 - 100), st.integers(1, 5))
def test_every_place_is_on_the_chart(values, first, width):
    versions = {first + place * width: value for place, value in enumerate(values)}
    chart = a_chart(
        values, first, width, values=versions, current=first, marks=[Mark(version, None) for version in versions]
    )
    for drawing in (metric_chart(chart), multiple(chart.span, width, chart.stretches, list(versions.items()), first)):
        found = [float(text) for text in percents.findall(str(drawing))]
        assert len(found) >= 2
        assert all(math.isfinite(place) and -0.1 <= place <= 100.1 for place in found), found


def test_a_stretch_is_drawn_from_the_end_that_is_nearer_to_the_line():
    chart = MetricChart("auc", Span(1, 8), 4, [Stretch(0, 0.0, 0.1), Stretch(1, 0.0, 0.9)])
    line = re.search(r'class="line" d="M1 ([\d.]+)l0 (-?[\d.]+) 2 (-?[\d.]+) 0 (-?[\d.]+)"', metric_chart(chart))
    assert line
    # Up to 0.1, down to the nearer end of the next stretch, up to its other end.
    assert [float(step) < 0 for step in line.groups()[1:]] == [True, False, True]


def test_a_loss_is_never_below_nothing_and_an_accuracy_never_above_one():
    assert ">0.000<" in metric_chart(a_chart([0.001, 0.9]))
    low, middle, high = re.findall(r"<text[^>]*>([^<v]+)</text>", metric_chart(a_chart([0.5, 0.999])))
    assert high == "1.000"
    assert float(low) < 0.5 < float(middle)


def test_values_that_differ_by_noise_are_one_line():
    drawing = metric_chart(a_chart([0.1, 0.1 + 1e-12, 0.1]))
    line = re.search(r'class="line" d="M1 [\d.]+l([^"]*)"', drawing)
    assert line
    assert line[1] == "2 0 2 0"


def test_no_value_draws_nothing():
    assert metric_chart(MetricChart("auc", Span(1, 3), 1, [])) == ""
    assert multiple(Span(1, 3), 1, [], [], None) == ""


def test_words_of_a_range():
    assert range_words(Span(1, 30), 28, 30) == "28 versions"
    assert range_words(Span(3, 9), 28, 30) == "v3 to v9"
    assert range_words(Span(3, 3), 28, 30) == "v3"
