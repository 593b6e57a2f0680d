"""The list of unversioned packages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry.catalog.filters import PACKAGES
from registry.catalog.reports.packages import package_page

from ..filter_boxes import FilterBox, read_filter
from ..htmx import is_fragment, render_parts
from ..list_menus import ListMenu, params_of
from ..searches import package_list_path, package_tag_href
from ..subjects import actor_of

EXAMPLE = "Filter by name, tag:team=vision, metric:auc>0.94"


@require_safe
def package_list(request: HttpRequest) -> HttpResponse:
    """Unversioned packages, newest first, a page at a time; the filter language narrows them."""
    params, note = params_of(request, PACKAGES)
    after, before = _row_id(params.get("after", "")), _row_id(params.get("before", ""))
    typed = read_filter(request, params, PACKAGES)
    page = package_page(request.user, typed.query, after=after, before=before)  # type: ignore[arg-type]
    q = typed.written.text
    box = FilterBox(
        typed.written.quiet(typed.query),
        reverse("package-list"),
        "packages-list",
        "packages",
        EXAMPLE,
        package_list_path,
        note=note,
    )
    context = {
        "page": page,
        "box": box,
        "menu": ListMenu.of(PACKAGES, [("q", q)]),
        "tag_href": package_tag_href,
        "newer": package_list_path(q, before=page.newer) if page.newer else "",
        "older": package_list_path(q, after=page.older) if page.older else "",
        "may_register": actor_of(request).may("model_package.create"),
        "nav": "packages",
    }
    if not is_fragment(request):
        return render(request, "packages/list.html", context)
    parts = ["packages/_list.html", "views/_menu.html", *["filters/_box.html"] * typed.redraws]
    return render_parts(request, parts, context, package_list_path(q, after=after, before=before))


def _row_id(text: str) -> int | None:
    """The id of a row in the query; None where it is none (databases refuse more than 63 bits)."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
