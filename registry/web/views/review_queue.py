"""The review queue: what waits over all groups in a list, and the version that is picked beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from typing import Any, get_args
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_safe

from registry.accounts.permissions import Actor, authorize
from registry.addresses import url
from registry.catalog.filters import REVIEW, queue_conditions
from registry.catalog.models import ModelPackage
from registry.catalog.models.packages import PackageQuerySet
from registry.catalog.reports import changes, queue
from registry.catalog.reports.differences import all_but_metrics
from registry.catalog.reports.queue import Decision, Place, QueueItem, Tab

from ..filter_boxes import READABLE, FilterBox, Typed, read_filter
from ..htmx import is_fragment, render_page
from ..list_menus import ListMenu, params_of
from ..reviewing import review_context
from ..subjects import actor_of, find_version
from .versions import stage_position, whole_number

PANE_DIFFERENCES = 40
EVENT_DIGITS = 18
EXAMPLE = "Filter by group or description, tag:team=fraud, check:unit-tests=failure"
_AT = re.compile(r"([a-z0-9-]{9,16})/([a-zA-Z0-9-]{1,63})/([1-9][0-9]{0,8})", re.ASCII)


@require_safe
def review_queue(request: HttpRequest) -> HttpResponse:
    """The list with the picked version (`?at=`) or the first one; as a fragment the items behind `?after=`."""
    actor, tab = actor_of(request), asked_tab(request)
    authorize(actor, "registry.read")
    page, q = _read_page(request, tab), asked_filter(request).written.text
    if is_fragment(request) and "after" in request.GET:
        return render_page(request, "review/list.html", "review/_items.html", list_context(page, tab, q))
    package = _picked(request, page)
    context = list_context(page, tab, q) | pane_context(actor, package, tab, q) | _frame(request, tab)
    return render_page(request, "review/list.html", "review/_pane.html", context)


@require_safe
def review_pane(request: HttpRequest, region: str, name: str, version: int) -> HttpResponse:
    """The version beside the list; without HTMX the queue with that version picked."""
    tab, package = asked_tab(request), find_version(request, region, name, version)
    q = asked_filter(request).written.text
    if not is_fragment(request):
        return redirect(queue_path(tab, at_of(package), q=q))
    return render(request, "review/_pane.html", pane_context(actor_of(request), package, tab, q))


def asked_tab(request: HttpRequest) -> Tab:
    """The tab of an address; whoever does not decide has nothing waiting and sees what waits for anybody."""
    asked = params_of(request, REVIEW)[0].get("who", "")
    if asked in get_args(Tab):
        return asked  # type: ignore[return-value]  # one of its words
    if request.GET.get("done"):
        return "decided"
    return "me" if actor_of(request).may("model_package.decide") else "all"


def asked_filter(request: HttpRequest) -> Typed:
    """The filter of an address."""
    return read_filter(request, params_of(request, REVIEW)[0], REVIEW)


def queue_path(tab: Tab, at: str = "", after: str = "", q: str = "") -> str:
    """The address of the queue, with the version that is picked in it and the filter `q`."""
    words = {"at": at, "who": "" if tab == "me" else tab, "after": after, "q": q}
    given = urlencode({name: value for name, value in words.items() if value}, safe=READABLE)
    return f"{url('review-queue')}?{given}" if given else url("review-queue")


def at_of(package: ModelPackage) -> str:
    """How an address names the version that is picked."""
    return f"{package.region}/{package.group.name}/{package.version}" if package.group is not None else ""


def _read_page(request: HttpRequest, tab: Tab) -> queue.QueuePage:
    after = request.GET.get("after", "")
    if tab == "decided":
        return queue.read_decisions(request.user, whole_number(after, EVENT_DIGITS))  # type: ignore[arg-type]
    place, conditions = Place.read(after), queue_conditions(asked_filter(request).query)
    if place is None and not conditions:
        return queue.read_first_page(request.user, tab)  # type: ignore[arg-type]
    return queue.read_queue(queue.queue_of(request.user, tab).filter(conditions), place)  # type: ignore[arg-type]


def _wanted(request: HttpRequest, tab: Tab) -> PackageQuerySet:
    """The versions of a tab that the filter lets through."""
    waiting = queue.queue_of(request.user, tab)  # type: ignore[arg-type]
    return waiting.filter(queue_conditions(asked_filter(request).query))


def _picked(request: HttpRequest, page: queue.QueuePage) -> ModelPackage | None:
    """The version that the address names, else the first of the list."""
    named = _AT.fullmatch(request.GET.get("at", ""))
    if named:
        visible = queue.for_review(ModelPackage.objects.visible_to(request.user))  # type: ignore[arg-type]
        found = visible.of_version(named[1], named[2], int(named[3])).first()
        if found is not None:
            return found
    first = next((item for item in page.items if isinstance(item, QueueItem) or item.is_live), None)
    if first is None:
        return None
    pk = first.id if isinstance(first, QueueItem) else first.package_id
    return queue.picked(request.user, pk)  # type: ignore[arg-type]


def list_context(page: queue.QueuePage, tab: Tab, q: str = "") -> dict[str, Any]:
    """What the list shows; its links keep the filter `q`."""
    return {
        "who": tab,
        "page": page,
        "periods": _periods(page.items),
        "more": queue_path(tab, after=page.after, q=q) if page.after else "",
        **_links(tab, q),
    }


def _periods(items: Sequence[QueueItem | Decision]) -> list[tuple[str, list[QueueItem | Decision]]]:
    now = datetime.now(UTC)
    moments = ((item.at if isinstance(item, Decision) else item.waiting_since, item) for item in items)
    named = ((_period(moment, now), item) for moment, item in moments)
    return [(name, [item for _, item in found]) for name, found in groupby(named, key=lambda pair: pair[0])]


def _period(moment: datetime, now: datetime) -> str:
    days = (now.date() - moment.astimezone(UTC).date()).days
    return "Today" if days <= 0 else "This week" if days < 7 else "Older than a week"


def _links(tab: Tab, q: str) -> dict[str, Any]:
    """How the templates write addresses: `kept` is what an address of one version keeps of the queue's."""
    kept = {"who": "" if tab == "me" else tab, "q": q}
    written = urlencode({name: value for name, value in kept.items() if value}, safe=READABLE)
    return {"queue_path": partial(queue_path, q=q), "kept": written}


def pane_context(actor: Actor, package: ModelPackage | None, tab: Tab, q: str = "", **state: Any) -> dict[str, Any]:
    """What the pane shows; `state` is that of a form that was refused."""
    if package is None:
        return {"package": None, "who": tab, "at": "", **_links(tab, q)}
    baseline = changes.read_baseline(package)
    comparison = changes.compare(package, baseline)
    differences = all_but_metrics(comparison)
    context = {
        "who": tab,
        "at": at_of(package),
        "package": package,
        "group": package.group,
        "heading": f"v{package.version}",
        "base": baseline.version,
        "baseline": baseline,
        "comparison": comparison,
        "differences_found": differences,
        "differences_shown": PANE_DIFFERENCES,
        "stage_position": stage_position(package.stage),
        "stage_count": len(settings.REGISTRY_STAGES),
        **_links(tab, q),
        "review": {},
    }
    return context | review_context(actor, package, comparison) | state


def refused_context(request: HttpRequest, package: ModelPackage, review: dict[str, Any]) -> dict[str, Any]:
    """The queue around a form that was refused without HTMX."""
    tab = asked_tab(request)
    page, q = _read_page(request, tab), asked_filter(request).written.text
    pane = pane_context(actor_of(request), package, tab, q, review=review)
    return list_context(page, tab, q) | pane | _frame(request, tab)


def _frame(request: HttpRequest, tab: Tab) -> dict[str, Any]:
    typed, who = asked_filter(request), "" if tab == "me" else tab
    note = params_of(request, REVIEW)[1]

    def address(text: str) -> str:
        return queue_path(tab, q=text)

    hidden = [("who", who)] if who else []
    return {
        "nav": "review",
        "decides": actor_of(request).may("model_package.decide"),
        "box": FilterBox(typed.written, url("review-queue"), "", "review queue", EXAMPLE, address, hidden, note),
        "menu": ListMenu.of(REVIEW, [("q", typed.written.text), ("who", who)]),
    }


def next_context(
    request: HttpRequest, decided: ModelPackage, place: Place | None, following: ModelPackage | None
) -> dict[str, Any]:
    """The pane with `following`, else with the version behind a place, and what goes out of the list."""
    tab, q = asked_tab(request), asked_filter(request).written.text
    waiting = _wanted(request, tab)
    still_there = waiting.filter(pk=decided.pk).exists()
    following = following or _following(waiting, decided, place)
    return pane_context(actor_of(request), following, tab, q) | {
        "gone": None if still_there else decided.pk,
        "decided": True,
    }


def _following(waiting: PackageQuerySet, decided: ModelPackage, place: Place | None) -> ModelPackage | None:
    return queue.next_of(waiting.exclude(pk=decided.pk), place)


def path_after(request: HttpRequest, package: ModelPackage, *, stays: bool) -> str:
    """Where a decision without HTMX leads: the queue with the next version, or with the same one."""
    tab, q = asked_tab(request), asked_filter(request).written.text
    if stays:
        return queue_path(tab, at_of(package), q=q)
    place = Place(package.waiting_since, package.pk) if package.waiting_since else None
    following = _following(_wanted(request, tab), package, place)
    return queue_path(tab, at_of(following) if following else "", q=q)
