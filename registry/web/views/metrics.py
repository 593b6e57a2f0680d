"""Have the metric reports of a package read again, from its page."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods

from registry.catalog import services

from ..subjects import actor_of
from .versions import find_package


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
