"""The activity page: what happened, newest first, by day, with filters that the address keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from registry.accounts.models import User
from registry.accounts.permissions import authorize
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.events.models import Event

from ..htmx import is_fragment, render_page
from ..sentences import Sentence, tell
from ..subjects import actor_of

PER_PAGE = 50
CHOICES = 100  # groups and people in the menus; any other can stand in the address

TYPES = [
    ("", "All"),
    ("review", "Reviews"),
    ("registration", "Registrations"),
    ("metadata", "Metadata"),
    ("tags", "Tags"),
    ("access", "Access"),
]

Day = tuple[date, list[Sentence]]


@require_safe
def activity_list(request: HttpRequest) -> HttpResponse:
    """The feed, 50 events a page; HTMX gets the list, or with `before` the days to put below it."""
    authorize(actor_of(request), "registry.read")
    chosen = _chosen(request)
    before = _event_id(request.GET.get("before", ""))
    several = ModelPackageGroup.objects.has_several_regions()
    rows = list(_events(request.user, chosen, before)[: PER_PAGE + 1])
    more = f"?{urlencode({**_set(chosen), 'before': rows[PER_PAGE - 1].pk})}" if len(rows) > PER_PAGE else ""
    context: dict[str, Any] = {
        "days": by_day(told(rows[:PER_PAGE], region=several)),
        "more": more,
        "before": before,
        "continues": _day_of(before),
        "chosen": chosen,
        "chosen_query": urlencode(_set(chosen)),
    }
    if is_fragment(request) and before:
        response = render(request, "activity/_days.html", context)
        patch_vary_headers(response, ["HX-Request"])
        return response
    context["may_restore"] = actor_of(request).may("model_package.restore")
    context |= {"nav": "activity", "types": TYPES, "groups": [], "people": []}
    if not is_fragment(request):
        context |= {
            "groups": _group_choices(request.user, chosen["group"], several),
            "people": _people(chosen["actor"]),
        }
    return render_page(request, "activity/list.html", "activity/_list.html", context)


def _chosen(request: HttpRequest) -> dict[str, str]:
    """The filters of the address; a type that there is not means all."""
    kind = request.GET.get("type", "")
    kind = kind if kind in dict(TYPES) else ""
    return {"type": kind, "group": request.GET.get("group", "")[:100], "actor": request.GET.get("actor", "")[:256]}


def _set(chosen: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in chosen.items() if value}


def _event_id(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise BadRequest("The address says before which event to go on, but not with an event's number.")
    return int(text)


def _events(user: User, chosen: dict[str, str], before: int | None) -> Any:
    events = Event.objects.in_feed().before(before).order_by("-id")
    if chosen["type"]:
        events = events.filter(category=chosen["type"])
    if chosen["actor"]:
        events = events.filter(actor_name=chosen["actor"])
    if chosen["group"]:
        region, _, name = chosen["group"].partition("/")
        # Also the deleted ones of that name: the log outlives what it speaks of.
        ids = ModelPackageGroup.objects.filter(region=region, name=name).values_list("pk", flat=True)
        events = events.filter(group_id__in=list(ids))
    return events


def told(rows: list[Event], *, region: bool = False) -> list[Sentence]:
    """The sentences of events; a subject that is gone is named without a link (two queries for all)."""
    groups = {row.group_id for row in rows if row.group_id}
    packages = {row.package_id for row in rows if row.package_id}
    live_groups = set(ModelPackageGroup.objects.live().filter(pk__in=groups).values_list("pk", flat=True))
    live = set(ModelPackage.objects.live().filter(pk__in=packages).values_list("pk", flat=True))
    return [
        tell(
            row,
            region=region,
            linked=(row.group_id is None or row.group_id in live_groups)
            and (row.package_id is None or row.package_id in live),
        )
        for row in rows
    ]


def by_day(sentences: Iterable[Sentence]) -> list[Day]:
    """Sentences in their order, cut where the UTC day changes."""
    days: list[Day] = []
    for sentence in sentences:
        day = sentence.at.date()
        if not days or days[-1][0] != day:
            days.append((day, []))
        days[-1][1].append(sentence)
    return days


def _day_of(before: int | None) -> date | None:
    """The day of the last event that is shown above, so that its heading is not said twice."""
    above = Event.objects.filter(pk=before).values_list("at", flat=True).first() if before else None
    return above.date() if above else None


def _group_choices(user: User, chosen: str, several: bool) -> list[tuple[str, str]]:
    """The groups that changed last, as (value, words), by name; the chosen one is always there."""
    newest = ModelPackageGroup.objects.visible_to(user).order_by("-updated_at", "-id")
    values = {f"{region}/{name}" for region, name in newest.values_list("region", "name")[:CHOICES]}
    if chosen:
        values.add(chosen)

    def words(value: str) -> str:
        region, _, name = value.partition("/")
        return f"{name} ({region})" if several and name else name or value

    return sorted(((value, words(value)) for value in values), key=lambda choice: choice[1].lower())


def _people(chosen: str) -> list[tuple[str, str]]:
    names = set(User.objects.order_by("username").values_list("username", flat=True)[:CHOICES]) | {"system"}
    if chosen:
        names.add(chosen)
    return [(name, name) for name in sorted(names, key=str.lower)]
