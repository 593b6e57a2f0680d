"""Which keys do what: the dialog of "?" and the same as a page."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from ..htmx import render_page


@require_safe
def shortcuts(request: HttpRequest) -> HttpResponse:
    """All keys, and the switch that turns single ones off in this browser."""
    return render_page(request, "keyboard/page.html", "keyboard/_dialog.html")
