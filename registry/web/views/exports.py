"""The lists as CSV files: what a list shows, all of it, with the same filter and order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry.accounts.permissions import authorize
from registry.catalog.filters import (
    ACTIVITY,
    GROUPS,
    PACKAGES,
    REVIEW,
    TIMELINE,
    Query,
    package_conditions,
    queue_conditions,
)
from registry.catalog.models import ModelPackage
from registry.catalog.reports import exports
from registry.catalog.reports.groups import found_groups
from registry.events.log_files import log_lines
from registry.events.models import Event

from ..filter_boxes import READABLE, read_filter
from ..forms.timeline import Asked
from ..list_menus import params_of
from ..searches import GroupSearch
from ..sentences import DOORS, tell
from ..spreadsheets import csv_response
from ..subjects import actor_of, find_group
from . import as_of
from .activity import chosen_events
from .errors import refuse

LINES = 100
ACTIVITY_HEADER = ("at", "by", "via", "what", "comment", "kind", "region", "group", "version", "package", "target")


@require_safe
def group_list_csv(request: HttpRequest) -> HttpResponseBase:
    """The groups that the filter finds, in the order of the index."""
    authorize(actor_of(request), "registry.read")
    search = GroupSearch.read(request, params_of(request, GROUPS)[0])
    if search.query.faults:
        return _refused(request, search.query, reverse("group-list"))
    groups = found_groups(request.user, search.query)  # type: ignore[arg-type]
    return csv_response("groups.csv", exports.GROUP_HEADER, exports.group_lines(groups, search.order))


@require_safe
def group_detail_csv(request: HttpRequest, region: str, name: str) -> HttpResponseBase:
    """The versions of a group that the filters let through, with a column for each metric and metadata key."""
    if "as_of" in request.GET:
        return as_of.group_csv(request, region, name)
    group = find_group(request, region, name)
    shown = Asked.read(request, params_of(request, TIMELINE)[0]).shown
    if shown.query.faults:
        return _refused(request, shown.query, group.get_absolute_url())
    metrics, keys = exports.version_names(group)
    rows = exports.version_lines(group, shown, metrics, keys)
    return csv_response(f"{name}.csv", exports.version_header(metrics, keys), rows)


@require_safe
def package_list_csv(request: HttpRequest) -> HttpResponseBase:
    """The unversioned packages that the filter finds, newest first."""
    authorize(actor_of(request), "registry.read")
    query = read_filter(request, params_of(request, PACKAGES)[0], PACKAGES).query
    if query.faults:
        return _refused(request, query, reverse("package-list"))
    rows = exports.package_lines(request.user, package_conditions(query))  # type: ignore[arg-type]
    return csv_response("packages.csv", exports.PACKAGE_HEADER, rows)


@require_safe
def review_csv(request: HttpRequest) -> HttpResponseBase:
    """The versions that wait for a decision, the one that waits longest first."""
    authorize(actor_of(request), "registry.read")
    query = read_filter(request, params_of(request, REVIEW)[0], REVIEW).query
    if query.faults:
        return _refused(request, query, reverse("review-queue"))
    waiting = ModelPackage.objects.visible_to(request.user).versioned().filter(waiting_since__isnull=False)  # type: ignore[arg-type]
    rows = exports.queue_lines(waiting.filter(queue_conditions(query)))
    return csv_response("review.csv", exports.QUEUE_HEADER, rows)


@require_safe
def activity_csv(request: HttpRequest) -> HttpResponseBase:
    """What happened, newest first, each event with its sentence."""
    authorize(actor_of(request), "registry.read")
    params, _ = params_of(request, ACTIVITY)
    query = read_filter(request, params, ACTIVITY).query
    if query.faults:
        return _refused(request, query, reverse("activity"))
    events = chosen_events(request.user, params, query)  # type: ignore[arg-type]
    rows = (line for batch in exports.event_batches(events) for line in _told(batch))
    return csv_response("activity.csv", ACTIVITY_HEADER, rows)


@require_safe
def activity_log(request: HttpRequest) -> HttpResponseBase:
    """The whole log as JSON lines with its digests, as `manage.py exportlog` writes it; for admins."""
    authorize(actor_of(request), "registry.export_log")
    lines = log_lines()
    # Some lines at a time: each part that is sent costs more than a line.
    parts = iter(lambda: "".join(islice(lines, LINES)), "")
    response = StreamingHttpResponse(parts, content_type="application/x-ndjson")
    response["Content-Disposition"] = 'attachment; filename="log.jsonl"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def _refused(request: HttpRequest, query: Query, path: str) -> HttpResponseBase:
    """422 for a filter with mistakes: a page says which of it does not filter, a file could not."""
    fault = query.faults[0]
    text = f"{fault.message} A file would hold what this part should leave out."
    back = f"{path}?{urlencode({'q': query.source}, safe=READABLE)}"
    context = {"wrong": query.source[fault.start : fault.end], "text": text, "back": back}
    return refuse(request, 422, text, "errors/422.html", context)


def _told(events: list[Event]) -> Iterator[tuple[Any, ...]]:
    for event in events:
        sentence = tell(event, linked=False)
        yield (
            event.at,
            event.actor_name,
            DOORS.get(event.door, event.door),
            sentence.text,
            event.comment,
            event.kind,
            event.region,
            event.group_name,
            event.version,
            event.package_name,
            event.target,
        )
