"""What an open page asks every few seconds: 204 while nothing happened, else what to put in its place."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry.catalog.reports.stages import standing_of
from registry.catalog.reports.subjects import event_by_others, events_of_group, group_with_standing
from registry.events.models import Event

from ..sentences import tell
from ..subjects import find_group
from ..wording import status_look
from .timeline import timeline_context

ID_DIGITS = 18  # within both databases' largest id
AFTER = "X-Live-After"  # the newest event that an answer knows of


@require_safe
def group_live(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """204 to `?after=<event>` while the group has no newer event (one query), else band, counts and first rows."""
    after = _after(request)
    events = events_of_group(request.user, region, name, after)  # type: ignore[arg-type]
    if not events:
        return HttpResponse(status=204)
    group = find_group(request, region, name, group_with_standing(tuple(settings.REGISTRY_STAGES)))
    context = timeline_context(request, group) | {"announcement": _announced(reversed(events))}
    context["standing"] = standing_of(group, settings.REGISTRY_STAGES)
    response = render(request, "groups/_live.html", context)
    response[AFTER] = str(events[0].pk)
    return response


@require_safe
def package_live(request: HttpRequest, region: str, name: str, version: int) -> HttpResponse:
    """204 while nobody else changed the version since `?after=<event>`, else a note that says what was done."""
    newest = event_by_others(request.user, region, name, version, _after(request))  # type: ignore[arg-type]
    if newest is None:
        return HttpResponse(status=204)
    context = {
        "sentence": tell(newest, short=True, linked=False),
        "href": reverse("package-detail", args=[region, name, version]),
    }
    response = render(request, "packages/_live.html", context)
    response[AFTER] = str(newest.pk)
    return response


def _after(request: HttpRequest) -> int:
    text = request.GET.get("after", "")
    if not (text.isascii() and text.isdigit() and len(text) <= ID_DIGITS):
        raise Http404("There is no such event.")
    return int(text)


def _announced(events: Iterable[Event]) -> str:
    """What a screen reader is told: "v26 registered", "v25 is Approved"; nothing of what the page does not show."""
    told = []
    for event in events:
        if event.version is None:
            continue
        after = event.after or {}
        if event.kind == "model_package.created":
            told.append(f"v{event.version} registered")
        elif event.kind == "model_package.deleted":
            told.append(f"v{event.version} deleted")
        elif event.kind == "model_package.restored":
            told.append(f"v{event.version} restored")
        elif event.kind == "model_package.approval_status_changed":
            told.append(f"v{event.version} is {status_look(after.get('ModelApprovalStatus')).word}")
        elif event.kind == "model_package.stage_changed":
            stage = (after.get("ModelLifeCycle") or {}).get("Stage")
            told.append(f"v{event.version} moved to {stage}" if stage else f"v{event.version} left its stage")
    return ", ".join(dict.fromkeys(told))
