"""The Metrics page of a group with its choices, and having the metric reports of a package read again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from registry.catalog import services
from registry.catalog.directions import direction_by_name, in_reading_order
from registry.catalog.errors import Conflict
from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports import metric_series as reports

from ..forms.metrics import ROWS_MAX, MetricsAsked, typed_choices
from ..htmx import is_fragment, render_page
from ..metric_charts import range_words
from ..metric_pages import charts_of, drawn_names
from ..spreadsheets import csv_response
from ..subjects import actor_of, find_group
from .versions import find_package


@require_http_methods(["GET", "HEAD", "POST"])
def group_metrics(request: HttpRequest, region: str, name: str) -> HttpResponseBase:
    """One chart for each metric over a range of versions, the values as a table; POST keeps the group's choices."""
    group = find_group(request, region, name)
    asked = MetricsAsked.of(request, group)
    if request.method == "POST":
        return _save_choices(request, group, asked)
    names = reports.read_names(group, asked.span)
    if request.GET.get("format") == "csv":
        return _file(group, asked, in_reading_order(names, group))
    return _page(request, group, asked, names, {})


def _page(
    request: HttpRequest, group: ModelPackageGroup, asked: MetricsAsked, names: set[str], form: dict[str, Any]
) -> HttpResponse:
    drawn = drawn_names(group, names, asked.metric, asked.span)
    rows, older = reports.read_rows(group, drawn, asked.span, asked.before)
    may_choose = actor_of(request).may("model_package_group.edit_metric_choices")
    context = {
        "nav": "groups",
        "group": group,
        "here": group.get_absolute_url(),
        "asked": asked,
        "charts": charts_of(group, drawn, asked.span),
        "names": in_reading_order(names, group),
        "drawn": drawn,
        "words": range_words(asked.span, group.version_count, group.last_version),
        "rows": rows,
        "older": asked.below(older) if older else "",
        "newest": asked.below(None) if asked.before is not None else "",
        "file": asked.href(format="csv"),
        "may_choose": may_choose,
    }
    if may_choose and not is_fragment(request):
        context |= _choices(group, names) | form
    return render_page(request, "groups/metrics.html", "groups/_metrics.html", context, status=form.get("status", 200))


def _choices(group: ModelPackageGroup, names: set[str]) -> dict[str, Any]:
    """What the form of the choices shows: every metric of the range, and those that were chosen before."""
    listed = in_reading_order({*names, *group.metric_directions, *filter(None, [group.leading_metric])}, group)
    return {
        "leading": group.leading_metric,
        "directions": group.metric_directions,
        "choice_rows": [(name, direction_by_name(name)) for name in listed[:ROWS_MAX]],
        "seen": services.digest_of_metric_choices(group),
    }


def _save_choices(request: HttpRequest, group: ModelPackageGroup, asked: MetricsAsked) -> HttpResponse:
    typed = typed_choices(request.POST)
    form: dict[str, Any] = {"leading": typed["leading_metric"], "directions": typed["metric_directions"]}
    try:
        services.update_metric_choices(actor=actor_of(request), group=group, seen=request.POST.get("seen"), **typed)
    except ValidationError as refusal:
        form |= {"errors": refusal.messages, "status": 422}
    except Conflict as conflict:
        # The choices as they are now, to be looked at before anything is saved over them.
        group = conflict.current
        form = {"conflict": conflict, "status": 409}
    else:
        messages.success(request, "Choices saved")
        return HttpResponseRedirect(asked.href())
    return _page(request, group, asked, reports.read_names(group, asked.span), form)


def _file(group: ModelPackageGroup, asked: MetricsAsked, names: list[str]) -> HttpResponseBase:
    names = [asked.metric] if asked.metric in names else names

    def rows() -> Iterator[list[Any]]:
        for row in reports.all_rows(group, names, asked.span):
            values = [row.values.get(name) for name in names]
            yield [row.version, row.status, row.created_at, row.author, *values]

    header = ["version", "approval_status", "registered_at", "registered_by", *names]
    return csv_response(f"{group.name}-metrics.csv", header, rows())


@require_http_methods(["GET", "HEAD", "POST"])
def metrics_read(request: HttpRequest, region: str, name: str, version: int | None = None) -> HttpResponse:
    """Queue the reading and go back to the page, which shows what comes of it."""
    package = find_package(request, region, name, version)
    if request.method == "POST":
        if services.read_metrics_again(actor=actor_of(request), package=package):
            messages.success(request, "The metric reports are being read")
        else:
            messages.error(request, "No metric report can be read from here")
    return HttpResponseRedirect(f"{package.get_absolute_url()}#metrics")
