"""The group page: approved now, waiting, trend and the timeline of versions; the address is its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from registry.addresses import url
from registry.catalog.directions import in_reading_order, metric_direction
from registry.catalog.filters import TIMELINE
from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports import trends
from registry.catalog.reports.comparisons import Ref
from registry.catalog.reports.stages import standing_of
from registry.catalog.reports.subjects import group_of_page
from registry.catalog.reports.timeline import read_page
from registry.catalog.reports.trends import Point
from registry.catalog.reports.version_filters import VersionFilter
from registry.catalog.rules import ReviewRules

from ..deletions import deletion_context
from ..forms.compare import compare_href
from ..forms.timeline import Asked, box_of, default_metric, facets, segments, told
from ..htmx import is_fragment, render_parts
from ..list_menus import ListMenu, params_of
from ..reviewing import Rollback
from ..subjects import actor_of, find_group
from ..timelines import lay_out, scale_of, trend_label, trend_words
from . import as_of


@require_safe
def group_detail(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The page, or for HTMX the part that a filter (#group-body) or another metric (#timeline) replaces.

    With `menu` in the address, that filter menu is open; alone, what it offers is all that HTMX gets.
    """
    if "as_of" in request.GET:
        return as_of.group_detail(request, region, name)
    group = find_group(request, region, name, group_of_page(tuple(settings.REGISTRY_STAGES)))
    params, note = params_of(request, TIMELINE)
    asked = Asked.read(request, params)
    may = actor_of(request).may
    context: dict[str, Any] = {"nav": "groups", "group": group, "may": may, "here": group.get_absolute_url()}
    target = request.headers.get("HX-Target", "") if is_fragment(request) else ""
    in_body = target in ("group-body", "filter")
    context |= _timeline(group, asked, with_band=not in_body, note=note)
    context["is_fragment"] = bool(target)
    context["opened"] = opened = request.GET.get("menu", "")
    if not target and is_fragment(request) and opened in context["facets"]:
        return render(request, "groups/_choices.html", context | {"name": opened, "chosen": asked.chosen(opened)})
    if not target:
        context["latest_event"] = getattr(group, "latest_event", None) or 0
        return render(
            request, "groups/detail.html", context | _head(group, may) | deletion_context(actor_of(request), group)
        )
    parts = ["groups/_timeline.html"]
    if in_body:
        parts = ["groups/_body.html", "views/_menu.html", *["filters/_box.html"] * asked.redraws]
    # The browser sends empty fields along; the address stays the shortest that says the same.
    return render_parts(request, parts, context, group.get_absolute_url() + asked.query())


@require_safe
def group_timeline(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The versions below `before`, to stand in place of the link to them; the whole page where HTMX does not ask."""
    group = find_group(request, region, name)
    asked = Asked.read(request, params_of(request, TIMELINE)[0])
    if not is_fragment(request) or asked.before is None:
        return redirect(group.get_absolute_url() + asked.query())
    metric = asked.metric or default_metric(trends.read_vocabulary(group), group)
    context = {"group": group, "may": actor_of(request).may, "here": group.get_absolute_url()}
    context |= _rows(group, asked, metric, trends.read_series(group, metric), continued=True)
    return render(request, "groups/_timeline_rows.html", context)


def timeline_context(request: HttpRequest, group: ModelPackageGroup) -> dict[str, Any]:
    """What band and timeline show for the address of `request`; also for the page that is open already."""
    context = {"group": group, "may": actor_of(request).may, "here": group.get_absolute_url()}
    return context | _timeline(group, Asked.read(request, params_of(request, TIMELINE)[0]), with_band=True)


def _head(group: ModelPackageGroup, may: Callable[[str], bool]) -> dict[str, Any]:
    address = [group.region, group.name]
    return {
        "tags": trends.read_tags(group),
        "tags_path": url("group-tags", *address),
        "may_edit_tags": may("model_package_group.edit_tags"),
        "description_path": url("group-description", *address),
        "may_edit_description": may("model_package_group.edit_description"),
        "register_path": url("package-register", *address),
        "live_path": url("group-live", *address),
        "standing": standing_of(group, settings.REGISTRY_STAGES),
        "rule_count": len(ReviewRules.from_json(group.review_rules).in_words()),
    }


def _timeline(group: ModelPackageGroup, asked: Asked, *, with_band: bool, note: str = "") -> dict[str, Any]:
    vocabulary = trends.read_vocabulary(group)
    metric = asked.metric or default_metric(vocabulary, group)
    series = trends.read_series(group, metric)
    context = _rows(group, asked, metric, series, continued=False)
    context |= {
        "asked": asked,
        "box": box_of(group, asked, note),
        "menu": ListMenu.of(TIMELINE, asked.pairs(), (group.region, group.name)),
        "segments": segments(group, asked),
        "facets": facets(group, asked.shown, series, vocabulary),
        "menus": f"{group.get_absolute_url()}?{urlencode([*asked.pairs(), ('menu', '')])}",
        "clear": group.get_absolute_url() + Asked(VersionFilter(), asked.metric, None).query(),
        "told": told(group, asked, context["page"]),
        "newest": group.get_absolute_url() + replace(asked, before=None).query(),
    }
    if with_band:
        context |= _band(group, metric, series, context["scale"].digits)
        waiting = Asked(VersionFilter(status="waiting"), asked.metric, None)
        context["all_waiting"] = group.get_absolute_url() + waiting.query()
        context["metrics"] = in_reading_order({*vocabulary.metrics, *filter(None, [metric])}, group)
    return context


def _rows(
    group: ModelPackageGroup, asked: Asked, metric: str, series: list[Point], *, continued: bool
) -> dict[str, Any]:
    page = read_page(group, metric=metric, shown=asked.shown, before=asked.before, further=continued)
    scale = scale_of(series)
    older = replace(asked, before=page.older)
    rows_path = url("group-timeline", group.region, group.name)
    return {
        "metric": metric,
        "direction": metric_direction(metric, group),
        "scale": scale,
        "page": page,
        "periods": lay_out(page, scale, continued=continued),
        "older": group.get_absolute_url() + older.query() if page.older else "",
        # Named, so that the rows that follow are measured by the same metric whatever is registered meanwhile.
        "older_rows": rows_path + replace(older, metric=metric).query() if page.older else "",
        "stages": settings.REGISTRY_STAGES,
        "arn": f"{group.arn.replace(':model-package-group/', ':model-package/')}/",
    }


def _band(group: ModelPackageGroup, metric: str, series: list[Point], digits: int) -> dict[str, Any]:
    approved = trends.read_approved(group, metric)
    previous = approved["previous_approved"] if approved else None
    points = [point for point in reversed(series) if point.value is not None]
    waiting = trends.read_waiting(group, metric)
    value = approved["measured__value"] if approved else None
    reference = group.approved_version if value is not None else None
    return {
        "approved": approved,
        "back": Rollback(approved["version"], approved["stage"], previous, approved["revision"])
        if approved and previous
        else None,
        "waiting": waiting,
        "compare_waiting": _compare_waiting(group, [point.version for point in waiting]),
        "points": points,
        "trend_label": trend_label(points, metric, digits, reference) if points else "",
        "trend_words": trend_words(metric, digits),
        "reference": value,
        "series_length": len(series),
    }


def _compare_waiting(group: ModelPackageGroup, waiting: list[int]) -> tuple[str, str] | None:
    """(words, address) of the comparison of the waiting versions with the one approved now; None where it is no use.

    That is with fewer than two versions, or where more wait than the band shows.
    """
    numbers = sorted({*waiting, *filter(None, [group.approved_version])})
    if not waiting or len(waiting) < group.waiting_count or len(numbers) < 2:
        return None
    refs = [Ref(group.region, group.name, number) for number in numbers]
    base = next((ref for ref in refs if ref.version == group.approved_version), refs[0])
    words = {2: "Compare both", 3: "Compare all three"}.get(len(refs), f"Compare all {len(refs)}")
    return words, compare_href(refs, base)
