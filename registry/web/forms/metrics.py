"""The browser's words for the Metrics page of a group: what its address asks for, and the form of the choices."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.http import urlencode

from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports.metric_series import Span
from registry.catalog.validators import METRIC_NAME_MAX

NUMBER_DIGITS = 9
PRESETS = (100, 1000, 10_000)
COLUMNS = 12  # stretches of a large chart's background that lead nearer
NEAREST = 8  # versions; nearer than this there is nothing more to see
ROWS_MAX = 100  # metrics in one form


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= NUMBER_DIGITS else None


@dataclass(frozen=True)
class MetricsAsked:
    """What an address of the Metrics page asks for; numbers that the group does not have give the nearest it has."""

    path: str
    whole: Span
    span: Span
    metric: str = ""
    before: int | None = None

    @classmethod
    def of(cls, request: HttpRequest, group: ModelPackageGroup) -> MetricsAsked:
        """Read the address."""
        whole = Span(1, max(1, group.last_version))
        ends = [_number(request.GET.get(name)) for name in ("from", "to")]
        first, last = (end if end is not None else edge for end, edge in zip(ends, whole, strict=True))
        first, last = min(first, last), max(first, last)
        span = Span(min(max(first, 1), whole.last), min(max(last, 1), whole.last))
        metric = request.GET.get("metric", "").strip()[:METRIC_NAME_MAX]
        return cls(f"{group.get_absolute_url()}metrics/", whole, span, metric, _number(request.GET.get("before")))

    def href(self, **more: str) -> str:
        """The address of this state."""
        pairs: list[tuple[str, object]] = [("metric", self.metric)] if self.metric else []
        if self.span.first != self.whole.first:
            pairs.append(("from", self.span.first))
        if self.span.last != self.whole.last:
            pairs.append(("to", self.span.last))
        if self.before is not None:
            pairs.append(("before", self.before))
        pairs += more.items()
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path

    def at(self, first: int, last: int) -> str:
        """The address of another range, cut to what there is."""
        span = Span(max(1, first), min(self.whole.last, last))
        return replace(self, span=span, before=None).href()

    def of_metric(self, metric: str) -> str:
        """The address of one metric, or of all with ""."""
        return replace(self, metric=metric, before=None).href()

    def below(self, before: int | None) -> str:
        """The address of a page of the table."""
        return replace(self, before=before).href()

    @property
    def presets(self) -> list[tuple[str, str, bool]]:
        """(words, address, whether it is shown) of the ranges that are one click away."""
        last = self.whole.last
        listed = [("All", Span(1, last))]
        listed += [(f"Newest {many:,}", Span(last - many + 1, last)) for many in PRESETS if many < last]
        return [(words, self.at(*span), span == self.span) for words, span in listed]

    @property
    def steps(self) -> list[tuple[str, str, str]]:
        """(icon, words, address) of the moves from this range; the address is "" where there is no such move."""
        first, last = self.span
        length, whole = self.span.length, self.whole
        quarter = length // 4
        nearer = self.at(first + quarter, last - quarter) if length >= NEAREST else ""
        further = self.at(first - max(1, length // 2), last + max(1, length // 2)) if self.span != whole else ""
        earlier = self.at(max(1, first - length), max(1, first - length) + length - 1) if first > 1 else ""
        end = min(whole.last, last + length)
        later = self.at(end - length + 1, end) if last < whole.last else ""
        return [
            ("chevron-left", "Earlier versions", earlier),
            ("minus", "Zoom out", further),
            ("plus", "Zoom in", nearer),
            ("chevron-right", "Later versions", later),
        ]

    @property
    def columns(self) -> list[tuple[Span, str]]:
        """The stretches of a large chart that lead nearer; none where a version is as wide as a finger."""
        if self.span.length < COLUMNS * 4:
            return []
        width = self.span.width(COLUMNS)
        starts = range(self.span.first, self.span.last + 1, width)
        spans = [Span(start, min(self.span.last, start + width - 1)) for start in starts]
        return [(span, self.at(*span)) for span in spans]


def typed_choices(form: QueryDict) -> dict[str, Any]:
    """What the form says, as update_metric_choices takes it; rows beyond ROWS_MAX are not read."""
    pairs = list(zip(form.getlist("name"), form.getlist("direction"), strict=False))[:ROWS_MAX]
    return {"leading_metric": form.get("leading_metric", "").strip(), "metric_directions": dict(pairs)}
