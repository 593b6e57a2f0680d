"""Puts the charts of a Metrics page together: which metrics, how finely, and which versions stand out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from registry.catalog.directions import in_reading_order, is_reference, metric_direction
from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports import metric_series as reports
from registry.catalog.reports.metric_series import Mark, Span

from .metric_charts import MetricChart

CHARTS = 12
READ_MAX = 120_000  # values that one answer reads
EXACT = 60  # versions up to which each has a mark (DESIGN.md section 5)
STRETCHES = 300  # two points each, the lowest and the highest
STRETCHES_TOGETHER = 900  # of all charts of a page


def drawn_names(group: ModelPackageGroup, names: Collection[str], metric: str, span: Span) -> list[str]:
    """The metrics that get a chart, in reading order: the one asked for, else as many as the range allows."""
    if metric:
        return [metric] if metric in names else []
    telling = [name for name in names if not is_reference(name) or name == group.leading_metric]
    return in_reading_order(telling or names, group)[: max(1, min(CHARTS, READ_MAX // span.length))]


def charts_of(group: ModelPackageGroup, names: Sequence[str], span: Span) -> list[MetricChart]:
    """The charts of those metrics over a span; two queries for a short one, else four."""
    if not names:
        return []
    if span.length <= EXACT:
        width, marks, approved = 1, reports.read_marks(group, span), []
        read = [mark.version for mark in marks]
    else:
        width = span.width(min(STRETCHES, STRETCHES_TOGETHER // len(names)))
        found = reports.read_approved(group, span, width)
        approved = [place for place, _ in found]
        marks = _standing_out(group, span, [version for _, version in found], 12 if len(names) == 1 else 5)
        read = [mark.version for mark in marks]
    stretches = reports.read_stretches(group, names, span, width)
    values = reports.read_values(group, names, read)
    leads = in_reading_order(names, group)[0]
    return [
        MetricChart(
            name,
            span,
            width,
            stretches[name],
            direction=metric_direction(name, group),
            leads=name == leads,
            href=group.get_absolute_url(),
            marks=marks,
            values=values[name],
            approved=approved,
            current=group.approved_version,
        )
        for name in names
        if stretches[name]
    ]


def _standing_out(group: ModelPackageGroup, span: Span, approved: Sequence[int], parts: int) -> list[Mark]:
    """The newest approved version of each part of a span, the one approved now, and the newest waiting ones."""
    width = span.width(parts)
    newest = {(version - span.first) // width: version for version in approved}
    marks = {version: Mark(version, "Approved") for version in newest.values()}
    current = group.approved_version
    if current is not None and span.first <= current <= span.last:
        marks[current] = Mark(current, "Approved")
    marks |= {mark.version: mark for mark in reports.read_waiting(group, span)}
    return [marks[version] for version in sorted(marks)]
