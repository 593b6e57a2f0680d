"""The index, a group and a version as they stood at a moment of the past: without any control that edits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.replay import GroupReplay, PackageReplay
from registry.catalog.reports import as_of as reports
from registry.catalog.reports.containers import compare_containers
from registry.catalog.rules import ReviewRules
from registry.events.models import Event
from registry.statements import Prepared

from ..forms.as_of import Moment, read_moment
from ..searches import ROWS
from ..sentences import Sentence
from ..spreadsheets import csv_response
from ..subjects import actor_of
from . import versions

FEED_LENGTH = 20
CSV_HEADER = (
    "version", "status", "comment", "decided_at", "decided_by", "stage", "registered_at", "registered_by",
    "description", "imported_at", "metadata",
)  # fmt: skip


View = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Banner:
    """What stands above a page of the past: the moment, the page's address without it, and what is not claimed."""

    moment: Moment
    path: str
    notes: list[str] = field(default_factory=list)


def _show(
    request: HttpRequest, template: str, banner: Banner, context: dict[str, Any], status: int | None = None
) -> HttpResponse:
    if banner.moment.error:
        template, status = "as_of/none.html", 422
    page = {"nav": "groups", "banner": banner, "moment": banner.moment, "as_of": banner.moment.query, **context}
    return render(request, template, page, status=status)


def _nothing(
    request: HttpRequest, banner: Banner, title: str, words: str, status: int = 404, begins: datetime | None = None
) -> HttpResponse:
    """A page without what did not exist then, which leads to another day; `begins` is the first that shows it."""
    return _show(request, "as_of/none.html", banner, {"title": title, "words": words, "begins": begins}, status)


def _bounded(view: View) -> View:
    """A view that says so where a page would have to read more of the log than it may."""

    @wraps(view)
    def bounded(request: HttpRequest, *args: Any) -> HttpResponseBase:
        try:
            return view(request, *args)
        except reports.TooManyEvents:
            banner = Banner(read_moment(request.GET.get("as_of", "")), request.path)
            words = f"More than {reports.EVENTS_MAX:,} events tell of it. The activity has each of them."
            return _nothing(request, banner, "Too much happened here for one page", words, 200)

    return bounded


def _before_import(what: str, imported_at: datetime | None) -> str:
    day = f"{imported_at.day} {imported_at:%B %Y}" if imported_at else "a later day"
    return f"{what} was imported on {day}; before that this registry kept no log of it."


def _later(rows: Sequence[tuple[str, reports.VersionThen | reports.GroupThen]]) -> list[str]:
    """What the banner says of those rows of a page that an import brought later; nothing without any."""
    names = [name for name, row in rows if row.then.row is None]
    days = sorted(row.imported_at for _, row in rows if row.then.row is None and row.imported_at)
    if not names:
        return []
    if len(names) == 1:
        return [_before_import(names[0], days[0] if days else None)]
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
    first, last = (f"{day.day} {day:%B %Y}" for day in (days[0], days[-1])) if days else ("a later day",) * 2
    when = f"on {first}" if first == last else f"between {first} and {last}"
    return [f"{listed} were imported {when}; before that this registry kept no log of them."]


# ---------- the index ----------


@_bounded
def group_list(request: HttpRequest) -> HttpResponse:
    """The groups that stood at the moment of the address, the last made first."""
    moment = read_moment(request.GET.get("as_of", ""))
    banner = Banner(moment, reverse("group-list"))
    if moment.error:
        return _show(request, "as_of/groups.html", banner, {"title": "Model groups"})
    before = versions.whole_number(request.GET.get("before"), versions.ROW_DIGITS)
    groups = ModelPackageGroup.objects.open_to(request.user)
    page = reports.index_at(groups, moment.at, rows=ROWS[0], before=before)
    context = {"title": "Model groups", "page": page, "strip_length": reports.STRIP, "before": before}
    return _show(request, "as_of/groups.html", replace(banner, notes=_later([(g.name, g) for g in page.rows])), context)


# ---------- a group ----------


def _find_group(request: HttpRequest, region: str, name: str, at: datetime) -> ModelPackageGroup:
    """The group of that name that stood then; else the one that was there first after it, or the last one before."""
    found = ModelPackageGroup.all_named(request.user, region, name)  # type: ignore[arg-type]
    if not found:
        raise Http404(f"There is no group {name}.")
    standing = [
        group for group in found if group.created_at <= at and not (group.deleted_at and group.deleted_at <= at)
    ]
    later = [group for group in found if group.created_at > at]
    return (standing[-1:] or later[:1] or found[-1:])[0]


def _group_missing(request: HttpRequest, banner: Banner, group: ModelPackageGroup, then: GroupReplay) -> HttpResponse:
    moment = banner.moment
    if then.row is not None:
        by, at = then.row["deleted_by_name"] or "somebody", then.row["deleted_at"]
        words = f"It was deleted by {by} on {at.day} {at:%B %Y}."
    elif group.created_at > moment.at:
        words = f"It was made on {group.created_at.day} {group.created_at:%B %Y}."
        return _nothing(request, banner, f"There was no group {group.name} then", words, begins=group.created_at)
    else:
        words = _before_import(group.name, group.imported_at)
        return _nothing(request, banner, group.name, words, 200, group.imported_at)
    return _nothing(request, banner, f"There was no group {group.name} then", words)


@_bounded
def group_detail(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """A group as it stood: description, tags, rules, the version approved then, and its versions."""
    moment = read_moment(request.GET.get("as_of", ""))
    path = reverse("group-detail", args=[region, name])
    if moment.error:
        return _show(request, "as_of/group.html", Banner(moment, path), {"title": name})
    group = _find_group(request, region, name, moment.at)
    then = reports.groups_at([group.pk], moment.at)[group.pk]
    if then.row is None or then.is_deleted:
        return _group_missing(request, Banner(moment, path), group, then)
    before = versions.whole_number(request.GET.get("before"))
    page = reports.versions_at(group.pk, moment.at, before)
    context = {
        "title": name,
        "group": then.as_group(group.pk),
        "then": then,
        "page": page,
        "before": before,
        "approved": reports.approved_at(group.pk, moment.at) if before is None else None,
        "rules": ReviewRules.from_json(then.row["review_rules"]).in_words(),
        "stages": settings.REGISTRY_STAGES,
    }
    notes = _later([(f"v{row.version}", row) for row in page.rows])
    return _show(request, "as_of/group.html", Banner(moment, path, notes), context)


def group_csv(request: HttpRequest, region: str, name: str) -> HttpResponseBase:
    """All versions of a group as they stood, as a file."""
    moment = read_moment(request.GET.get("as_of", ""))
    banner = Banner(moment, reverse("group-detail", args=[region, name]))
    if moment.error:
        return _show(request, "as_of/group.html", banner, {"title": name})
    group = _find_group(request, region, name, moment.at)
    then = reports.groups_at([group.pk], moment.at)[group.pk]
    if then.row is None or then.is_deleted:
        return _group_missing(request, banner, group, then)
    return csv_response(f"{name}-{moment.day}.csv", CSV_HEADER, _csv_lines(group.pk, moment.at))


def _csv_lines(group_id: int, at: datetime) -> Iterator[tuple[Any, ...]]:
    for line in reports.version_lines(group_id, at):
        if not line.is_known:
            yield (line.version, "not known", *[None] * 7, line.imported_at, None)
        elif not line.is_deleted:
            row = line.then.columns
            yield (
                line.version,
                row["approval_status"],
                row["approval_description"],
                row["decided_at"],
                row["decided_by_name"],
                row["stage"],
                row["created_at"],
                row["created_by_name"],
                row["description"],
                line.imported_at,
                "; ".join(f"{key}={value}" for key, value in line.then.pairs_shown.items()),
            )


# ---------- a version ----------


@_bounded
def package_detail(request: HttpRequest, region: str, name: str, version: int) -> HttpResponse:
    """A version as it stood: decision, stage, metadata, metrics, checks and what was registered."""
    moment = read_moment(request.GET.get("as_of", ""))
    banner = Banner(moment, reverse("package-detail", args=[region, name, version]))
    title = f"{name} v{version}"
    if moment.error:
        return _show(request, "as_of/version.html", banner, {"title": title})
    group = _find_group(request, region, name, moment.at)
    package = _PACKAGE.first(group=group.pk, version=version)
    if package is None:
        raise Http404(f"There is no version {version} of {name}.")
    then = reports.packages_at([package.pk], moment.at, votes_of=group.pk)[package.pk]
    if then.row is None and package.imported_at and package.created_at <= moment.at:
        return _nothing(request, banner, title, _before_import(title, package.imported_at), 200, package.imported_at)
    if then.row is None:
        day = f"{package.created_at.day} {package.created_at:%B %Y}"
        words = f"It was registered on {day}."
        return _nothing(request, banner, f"There was no {title} then", words, begins=package.created_at)
    if then.is_deleted:
        by, at = then.row["deleted_by_name"] or "somebody", then.row["deleted_at"]
        words = f"It was deleted by {by} on {at.day} {at:%B %Y}."
        return _nothing(request, banner, f"There was no {title} then", words)
    context = _version_context(request, package.pk, group, then, moment)
    return _show(request, "as_of/version.html", banner, context)


def _version_context(
    request: HttpRequest, pk: int, group: ModelPackageGroup, then: PackageReplay, moment: Moment
) -> dict[str, Any]:
    package = then.as_package(pk, group)
    pairs = then.pairs_shown
    return {
        "title": f"{group.name} v{package.version}",
        "heading": f"v{package.version}",
        "group": group,
        "package": package,
        "then": then,
        "pairs": pairs,
        "metrics": sorted(then.metrics.items()),
        "checks": sorted(then.checks.items()),
        "votes": list(then.votes.items()),
        **versions.registered_context(package, pairs),
        "comparison": {"containers": compare_containers(package.inference_specification)},
        "base": None,
        "feed": _feed(package, moment.at),
        "actor": actor_of(request),
    }


def _feed(package: ModelPackage, at: datetime) -> list[Sentence]:
    """The last lines of its activity until then."""
    return [versions.tell_here(event, package) for event in _EVENTS.all(package=package.pk, at=at)]


# Live or deleted: a number is used once.
_PACKAGE: Prepared[ModelPackage] = Prepared(
    lambda group, version: ModelPackage.objects.filter(group=group, version=version).order_by(),
    group=int,
    version=int,
)
_EVENTS: Prepared[Event] = Prepared(
    lambda package, at: Event.objects.for_package(package).filter(at__lte=at).order_by("-id")[:FEED_LENGTH],
    package=int,
    at=datetime,
)
