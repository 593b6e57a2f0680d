"""The palette's list and the same as a page, and where an image, artifact or digest is used."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from registry.accounts.permissions import authorize
from registry.catalog.reports.uses import COUNT_CAP, uses_page

from ..htmx import is_fragment, page_of_fragment, render_page
from ..palette import find
from ..subjects import actor_of
from ..uses import guess_used, read_used, too_long, used_path
from .versions import whole_number

ROW_DIGITS = 18


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Groups, versions, pages and what a pasted text names: the palette's list for HTMX, else a page of results.

    With `go`, as the forms send it, a text that names one thing leads there at once.
    """
    text = " ".join(request.GET.get("q", "").split())[:1200]
    # Without script the page itself asks, and speaks of no other page.
    here, _ = page_of_fragment(request)
    found = find(request.user, actor_of(request), text, here)  # type: ignore[arg-type]
    if "go" in request.GET and found.target and not is_fragment(request):
        return redirect(found.target)
    context = {"found": found, "q": text}
    return render_page(request, "search/page.html", "search/_list.html", context)


@require_safe
def where_used(request: HttpRequest) -> HttpResponse:
    """All that use an image, artifact or digest, the last added first; `?q=` guesses which of the three it is."""
    authorize(actor_of(request), "registry.read")
    if (used := guess_used(request.GET.get("q", ""))) is not None:
        return redirect(used_path(used))
    used, fault = read_used(request), too_long(request)
    after = whole_number(request.GET.get("after"), ROW_DIGITS)
    page = uses_page(request.user, used, after=after) if used is not None else None  # type: ignore[arg-type]
    older = used_path(used, page.older) if used is not None and page is not None and page.older else ""
    context = {
        "nav": "groups",
        "used": used,
        "fault": fault,
        "page": page,
        "after": after,
        "newest": used_path(used) if used is not None and after else "",
        "older": older,
        "cap": COUNT_CAP,
        "stages": settings.REGISTRY_STAGES,
    }
    return render_page(request, "search/used.html", "search/_uses.html", context, status=422 if fault else None)
