"""What an open page asks every few seconds: 204 while nothing happened, else what to put in its place."""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.db.models import Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.reports.stages import standing_of
from registry.catalog.reports.subjects import group_with_standing
from registry.events.models import Event

from ..sentences import tell
from ..subjects import find_group
from ..wording import status_look
from .timeline import timeline_context

ID_DIGITS = 18  # within both databases' largest id
TOLD = 20  # events of one answer that are put into words
AFTER = "X-Live-After"  # the newest event that an answer knows of


@require_safe
def group_live(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """204 to `?after=<event>` while the group has no newer event (one query), else band, counts and first rows."""
    after = _after(request)
    # The newest group of that name, deleted or not: its last event is the deletion.
    groups = ModelPackageGroup.objects.open_to(request.user)  # type: ignore[arg-type]
    group_id = groups.filter(region=region, name=name).order_by("-id").values("pk")[:1]
    events = list(Event.objects.filter(group_id=Subquery(group_id), id__gt=after).order_by("-id")[:TOLD])
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
    packages = ModelPackage.objects.open_to(request.user)  # type: ignore[arg-type]
    package = packages.filter(group__region=region, group__name=name, version=version).order_by("-id")
    events = Event.objects.filter(package_id=Subquery(package.values("pk")[:1]), id__gt=_after(request))
    newest = events.exclude(actor_id=request.user.pk, door="browser").order_by("-id").first()
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
