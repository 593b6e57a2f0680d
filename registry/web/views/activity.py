"""The activity page: what happened, newest first, by day, with filters that the address keeps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Any, TypeVar
from urllib.parse import urlencode

from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from registry.accounts.models import User
from registry.accounts.permissions import authorize
from registry.addresses import url
from registry.catalog.filters import ACTIVITY, Query, event_conditions
from registry.catalog.models import ModelPackageGroup
from registry.catalog.models.groups import GroupQuerySet
from registry.catalog.models.teams import sees_all
from registry.catalog.reports.feed import FeedRow, feed_events, read_feed
from registry.events.models import Event, EventQuerySet
from registry.statements import Prepared

from ..filter_boxes import READABLE, FilterBox, Typed, read_filter
from ..htmx import is_fragment, render_parts
from ..list_menus import ListMenu, params_of
from ..sentences import Sentence
from ..subjects import actor_of

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

Told = TypeVar("Told", FeedRow, Sentence)


@require_safe
def activity_list(request: HttpRequest) -> HttpResponse:
    """The feed, 50 events a page; HTMX gets the list, or with `before` the days to put below it."""
    authorize(actor_of(request), "registry.read")
    params, note = params_of(request, ACTIVITY)
    typed = read_filter(request, params, ACTIVITY)
    chosen = _chosen(params) | {"q": typed.written.text}
    before = _event_id(request.GET.get("before", ""))
    several = ModelPackageGroup.has_several_regions(request.user)  # type: ignore[arg-type]
    page = read_feed(request.user, _lookups(chosen), event_conditions(typed.query), before)  # type: ignore[arg-type]
    context: dict[str, Any] = {
        "days": by_day(page.rows),
        "several": several,
        "more": f"?{urlencode({**_set(chosen), 'before': page.older})}" if page.older else "",
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

    return FilterBox(query, url("activity"), "activity-list", "activity", EXAMPLE, address, hidden, note)


def _address(chosen: dict[str, str], **more: str) -> str:
    asked = urlencode(_set({**chosen, **more}), safe=READABLE)
    return f"{url('activity')}?{asked}" if asked else url("activity")


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
    return feed_events(user, _lookups(_chosen(params)), event_conditions(query))


def _lookups(chosen: dict[str, str]) -> dict[str, Any]:
    """What the choices of an address mean for events."""
    lookups: dict[str, Any] = _set({"category": chosen["type"], "actor_name": chosen["actor"]})
    if chosen["group"]:
        region, _, name = chosen["group"].partition("/")
        # Also the deleted ones of that name: the log outlives what it speaks of.
        ids = [pk for (pk,) in _GROUPS_NAMED.rows(region=region, name=name)]
        lookups |= {"group_id": ids[0]} if len(ids) == 1 else {"group_id__in": ids}
    return lookups


def by_day(happened: Iterable[Told]) -> list[tuple[date, list[Told]]]:
    """Events or sentences in their order, cut where the UTC day changes."""
    days: list[tuple[date, list[Told]]] = []
    for one in happened:
        day = one.at.date()
        if not days or days[-1][0] != day:
            days.append((day, []))
        days[-1][1].append(one)
    return days


def _day_of(before: int | None) -> date | None:
    """The day of the last event that is shown above, so that its heading is not said twice."""
    above = _MOMENT.rows(event=before) if before else []
    return above[0][0].date() if above else None


def _group_choices(user: User, chosen: str, several: bool) -> list[tuple[str, str]]:
    """The groups that changed last, as (value, words), by name; the chosen one is always there."""
    newest = _NEWEST.rows() if sees_all(user) else _newest(ModelPackageGroup.objects.visible_to(user))
    values = {f"{region}/{name}" for region, name in newest}
    if chosen:
        values.add(chosen)

    def words(value: str) -> str:
        region, _, name = value.partition("/")
        return f"{name} ({region})" if several and name else name or value

    return sorted(((value, words(value)) for value in values), key=lambda choice: choice[1].lower())


def _people(chosen: str) -> list[tuple[str, str]]:
    names = {name for (name,) in _NAMES.rows()} | {"system"}
    if chosen:
        names.add(chosen)
    return [(name, name) for name in sorted(names, key=str.lower)]


def _newest(groups: GroupQuerySet) -> QuerySet[ModelPackageGroup, Any]:
    return groups.order_by("-updated_at", "-id").values_list("region", "name")[:CHOICES]


_NEWEST: Prepared[ModelPackageGroup] = Prepared(lambda: _newest(ModelPackageGroup.objects.live()))
_NAMES: Prepared[User] = Prepared(lambda: User.objects.order_by("username").values_list("username")[:CHOICES])
_GROUPS_NAMED: Prepared[ModelPackageGroup] = Prepared(
    lambda region, name: ModelPackageGroup.objects.filter(region=region, name=name).values_list("pk"),
    region=str,
    name=str,
)
_MOMENT: Prepared[Event] = Prepared(
    lambda event: Event.objects.filter(pk=event).order_by().values_list("at"), event=int
)
