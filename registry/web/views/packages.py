"""The list of unversioned packages."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from registry.catalog.filters import parse, tag_text
from registry.catalog.reports.packages import COUNT_CAP, faults, package_page

from ..htmx import render_page
from ..subjects import actor_of

QUERY_MAX = 500


@require_safe
def package_list(request: HttpRequest) -> HttpResponse:
    """Unversioned packages, newest first, a page at a time; the filter language of the groups narrows them."""
    q = request.GET.get("q", "").strip()[:QUERY_MAX]
    after, before = _row_id(request, "after"), _row_id(request, "before")
    query = parse(q)
    page = package_page(request.user, query, after=after, before=before)  # type: ignore[arg-type]

    def address(**place: int | None) -> str:
        asked = {name: value for name, value in {"q": q, **place}.items() if value}
        return f"{reverse('package-list')}?{urlencode(asked)}"

    context = {
        "page": page,
        "q": q,
        "faults": faults(query),
        "tag_href": lambda key, value: f"{reverse('package-list')}?{urlencode({'q': tag_text(key, value)})}",
        "cap": COUNT_CAP,
        "newer": address(before=page.newer) if page.newer else "",
        "older": address(after=page.older) if page.older else "",
        "may_register": actor_of(request).may("model_package.create"),
        "nav": "packages",
    }
    return render_page(request, "packages/list.html", "packages/_list.html", context)


def _row_id(request: HttpRequest, name: str) -> int | None:
    """The id of a row in the query; None where it is none (databases refuse more than 63 bits)."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
