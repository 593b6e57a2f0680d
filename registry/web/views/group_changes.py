"""What changed in a group between two dates, from the log."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from registry.catalog.models import ModelPackage
from registry.catalog.reports import as_of
from registry.catalog.reports.group_changes import events_between, page_of
from registry.catalog.reports.group_difference import difference_between
from registry.events.models import Event

from ..forms.as_of import Span
from ..sentences import Sentence, tell
from ..subjects import find_group
from ..wording import status_look
from .activity import by_day
from .versions import ROW_DIGITS, whole_number


@require_safe
def group_changes(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """What differs between two dates, and below it what happened between them."""
    group = find_group(request, region, name)
    span = Span.read(request.GET)
    before = whole_number(request.GET.get("before"), ROW_DIGITS)
    context = {"nav": "groups", "group": group, "here": group.get_absolute_url(), "span": span, "before": before}
    if span.has_error:
        return render(request, "groups/changes.html", context, status=422)
    events = events_between(group.pk, span.since.at, span.until.at)
    page = page_of(events, before)
    moves = {event.pk: move for event in page.events if (move := _move(event))}
    context |= {
        "days": by_day(_told(page.events)),
        "moves": moves,
        "older": span.query(before=page.older) if page.older else "",
    }
    if before is None:
        context["difference"] = difference_between(group, span.since.at, span.until.at, events)
        context["ends"] = [
            (moment, as_of.approved_at(group.pk, moment.at), not group.imported_at or group.imported_at <= moment.at)
            for moment in (span.since, span.until)
        ]
    return render(request, "groups/changes.html", context)


def _told(events: list[Event]) -> list[Sentence]:
    """The sentences of a live group's events; a version that is gone is named without a link (one query for all)."""
    packages = {event.package_id for event in events if event.package_id}
    live = set(ModelPackage.objects.live().filter(pk__in=packages).values_list("pk", flat=True))
    return [tell(event, short=True, linked=event.package_id is None or event.package_id in live) for event in events]


def _move(event: Event) -> tuple[str, str] | None:
    """The status before and after a decision, in words; None for what is no change of the status."""
    if event.kind != "model_package.approval_status_changed":
        return None
    was, now = ((state or {}).get("ModelApprovalStatus") for state in (event.before, event.after))
    return (status_look(was).word, status_look(now).word) if was != now else None
