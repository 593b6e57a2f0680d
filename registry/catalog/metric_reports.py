"""Read a metric report of SageMaker Model Monitor's layout; no database, no network."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .validators import METRIC_NAME_MAX


@dataclass(frozen=True)
class ReportedMetric:
    """One number of a report; standard_deviation is None where the report has none, or has the text "NaN"."""

    name: str
    value: float
    standard_deviation: float | None = None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def metrics_of_report(report: Any) -> Iterator[ReportedMetric]:
    """Each metric of each `*_metrics` block of a report, in its order: {"name": {"value": x, "standard_deviation": y}}.

    What is no number (curves, matrices, "NaN") is passed over; so is a report of another layout.
    """
    if not isinstance(report, dict):
        return
    for kind, block in report.items():
        if not (isinstance(kind, str) and kind.endswith("_metrics") and isinstance(block, dict)):
            continue
        for name, entry in block.items():
            if not isinstance(entry, dict) or not 0 < len(name) <= METRIC_NAME_MAX:
                continue
            value = _number(entry.get("value"))
            if value is not None:
                yield ReportedMetric(name, value, _number(entry.get("standard_deviation")))
