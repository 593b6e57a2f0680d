"""The activity page: what happened, newest first, by day, with filters that the address keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from registry.accounts.models import User
from registry.accounts.permissions import authorize
from registry.catalog.filters import ACTIVITY, Query, event_conditions
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.models.teams import seen_by
from registry.events.models import Event, EventQuerySet

from ..filter_boxes import READABLE, FilterBox, Typed, read_filter
from ..htmx import is_fragment, render_parts
from ..list_menus import ListMenu, params_of
from ..sentences import Sentence, tell
from ..subjects import actor_of

PER_PAGE = 50
EXAMPLE = "Filter by words, by:ana, type:review, created:<7d"
CHOICES = 100  # groups and people in the menus; any other can stand in the address

TYPES = [
    ("", "All"),
    ("review", "Reviews"),
    ("registration", "Registrations"),
    ("metadata", "Metadata"),
    ("tags", "Tags"),
    ("access", "Access"),
    ("views", "Views"),
]

Day = tuple[date, list[Sentence]]


@require_safe
def activity_list(request: HttpRequest) -> HttpResponse:
    """The feed, 50 events a page; HTMX gets the list, or with `before` the days to put below it."""
    authorize(actor_of(request), "registry.read")
    params, note = params_of(request, ACTIVITY)
    typed = read_filter(request, params, ACTIVITY)
    chosen = _chosen(params) | {"q": typed.written.text}
    before = _event_id(request.GET.get("before", ""))
    several = ModelPackageGroup.objects.has_several_regions(request.user)  # type: ignore[arg-type]
    events = chosen_events(request.user, params, typed.query)  # type: ignore[arg-type]
    rows = list(events.before(before).order_by("-id")[: PER_PAGE + 1])
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
    context["may_export"] = actor_of(request).may("registry.export_log")
    context |= {"nav": "activity", "types": TYPES, "groups": [], "people": []}
    context |= {"box": _box(typed, chosen, note), "menu": ListMenu.of(ACTIVITY, chosen.items())}
    if is_fragment(request):
        parts = ["activity/_list.html", "activity/_keeps.html", "views/_menu.html"]
        address = _address(chosen, before=str(before or ""))
        return render_parts(request, [*parts, *["filters/_box.html"] * typed.redraws], context, address)
    context["groups"] = _group_choices(request.user, chosen["group"], several)
    context["people"] = _people(chosen["actor"])
    return render(request, "activity/list.html", context)


def _box(typed: Typed, chosen: dict[str, str], note: str) -> FilterBox:
    hidden = [(name, value) for name, value in _set(chosen).items() if name != "q"]
    query = typed.written.quiet(typed.query)

    def address(text: str) -> str:
        return _address(chosen, q=text)

    return FilterBox(query, reverse("activity"), "activity-list", "activity", EXAMPLE, address, hidden, note)


def _address(chosen: dict[str, str], **more: str) -> str:
    asked = urlencode(_set({**chosen, **more}), safe=READABLE)
    return f"{reverse('activity')}?{asked}" if asked else reverse("activity")


def _chosen(params: QueryDict) -> dict[str, str]:
    """The choices of the address beside its filter; a type that there is not means all."""
    kind = params.get("type", "")
    kind = kind if kind in dict(TYPES) else ""
    return {"type": kind, "group": params.get("group", "")[:100], "actor": params.get("actor", "")[:256]}


def _set(chosen: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in chosen.items() if value}


def _event_id(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[1-9][0-9]{0,17}", text):
        raise BadRequest("The address says before which event to go on, but not with an event's number.")
    return int(text)


def chosen_events(user: User, params: QueryDict, query: Query) -> EventQuerySet:
    """The events that `user` may know of and that the choices of an address and its filter let through."""
    chosen = _chosen(params)
    events = seen_by(user, Event.objects.in_feed().filter(event_conditions(query)), "group_id")
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


def told(rows: list[Event], *, region: bool = False, short: bool = False) -> list[Sentence]:
    """The sentences of events; a subject that is gone is named without a link (two queries for all)."""
    groups = {row.group_id for row in rows if row.group_id}
    packages = {row.package_id for row in rows if row.package_id}
    live_groups = set(ModelPackageGroup.objects.live().filter(pk__in=groups).values_list("pk", flat=True))
    live = set(ModelPackage.objects.live().filter(pk__in=packages).values_list("pk", flat=True))
    return [
        tell(
            row,
            region=region,
            short=short,
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
