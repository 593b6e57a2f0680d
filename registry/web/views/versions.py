"""The page of a version and of an unversioned package, and the context that their forms share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from markupsafe import Markup

from registry.addresses import url
from registry.catalog.models import ModelPackage, Tag
from registry.catalog.reports import changes, particulars
from registry.catalog.reports.reviews import NOTHING_KNOWN, SPOKEN, Known
from registry.catalog.reports.subjects import VERSION_OF_PAGE
from registry.events.models import Event
from registry.statements import Prepared

from ..deletions import deletion_context
from ..htmx import is_fragment, page_of_fragment, render_page
from ..reviewing import review_context
from ..searches import package_tag_href
from ..sentences import Sentence, tell
from ..subjects import actor_of, find_unversioned, find_version
from ..told import say
from . import as_of
from .tags import tags_context

FEED_LENGTH = 20
NUMBER_DIGITS = 9
ROW_DIGITS = 18
_ANY_ROW = 777_777_777_777


@require_safe
def package_detail(request: HttpRequest, region: str, name: str, version: int) -> HttpResponse:
    """The page of a version; as a fragment what depends on the baseline (`?base=`) or older activity (`?before=`)."""
    if "as_of" in request.GET:
        return as_of.package_detail(request, region, name, version)
    return _detail(request, find_version(request, region, name, version, VERSION_OF_PAGE))


@require_safe
def unversioned_detail(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The page of an unversioned package: the same without timeline, baseline and review."""
    return _detail(request, find_unversioned(request, region, name))


def _detail(request: HttpRequest, package: ModelPackage) -> HttpResponse:
    context = page_context(request, package, notes=is_fragment(request))
    fragment = "packages/_feed.html" if {"before", "feed"} & set(request.GET) else "packages/_comparison.html"
    return render_page(request, page_of(package), fragment, context)


def find_package(request: HttpRequest, region: str, name: str, version: int | None = None) -> ModelPackage:
    """The version or unversioned package of an address under which both kinds of form live; Http404 without one."""
    if version is None:
        return find_unversioned(request, region, name)
    return find_version(request, region, name, version)


def page_of(package: ModelPackage) -> str:
    """The template of the package's own page."""
    return "packages/detail.html" if package.is_versioned else "packages/unversioned.html"


class Addresses:
    """The addresses of a package's forms by their names: at("metadata-row", 12)."""

    def __init__(self, package: ModelPackage) -> None:
        self.namespace = "version" if package.group is not None else "unversioned"
        own = [package.group.name, package.version] if package.group is not None else [package.name]
        self.args = [package.region, *own]
        self.of_rows: dict[str, tuple[str, str]] = {}

    def __call__(self, name: str, pk: int | None = None) -> str:
        if not pk:
            return url(f"{self.namespace}:{name}", *self.args)
        # A row of a table has several addresses: each is looked up once, not once a row.
        if name not in self.of_rows:
            head, _, tail = url(f"{self.namespace}:{name}", *self.args, _ANY_ROW).rpartition(str(_ANY_ROW))
            self.of_rows[name] = head, tail
        head, tail = self.of_rows[name]
        return f"{head}{pk}{tail}"


def whole_number(text: str | None, digits: int = NUMBER_DIGITS) -> int | None:
    """The number that a text says in plain digits; None for anything else, however long."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= digits else None


def asked_base(request: HttpRequest, package: ModelPackage) -> int | None:
    """The baseline in the address; for a fragment in the address of the page that it goes into."""
    text = request.GET.get("base")
    if text is None:
        path, query = page_of_fragment(request)
        if path == package.get_absolute_url():
            text = parse_qs(query).get("base", [""])[0]
    return whole_number(text)


def comparison_context(request: HttpRequest, package: ModelPackage) -> dict[str, Any]:
    """What the cards that depend on the baseline show."""
    newer, older = changes.neighbours(package) if package.is_versioned else (None, None)
    baseline = changes.choose_baseline(package, older, asked_base(request, package))
    return {
        "newer": newer,
        "older": older,
        "baseline": baseline,
        "base": baseline.version,
        "comparison": changes.compare(package, baseline),
    }


def page_context(request: HttpRequest, package: ModelPackage, **state: Any) -> dict[str, Any]:
    """Everything the page of a package shows; `state` holds the forms that are open or were refused."""
    actor = actor_of(request)
    context = comparison_context(request, package)
    pairs = {pair.key: pair.value for pair in context["comparison"].pairs}
    before = whole_number(request.GET.get("before"), ROW_DIGITS)
    only = SPOKEN if request.GET.get("feed") == "decisions" else ()
    feed, older_events, known = feed_of(package, before, only)
    context |= {
        "nav": "groups" if package.is_versioned else "packages",
        "package": package,
        "group": package.group,
        "heading": f"v{package.version}" if package.is_versioned else package.name,
        "at": Addresses(package),
        "may_edit": actor.may("model_package.edit_metadata"),
        **review_context(actor, package, context["comparison"], known),
        "may_stage": actor.may("model_package.edit_stage"),
        "stages": stage_choices(package),
        **registered_context(package, pairs),
        "has_containers": bool((package.inference_specification or {}).get("Containers")),
        "endpoint": settings.REGISTRY_PUBLIC_URL or f"{request.scheme}://{request.get_host()}",
        "may_read_metrics": actor.may("model_package.create"),
        "feed": feed,
        "older_events": older_events,
        "before": before,
        "feed_only": "decisions" if only else "",
        "editing": None,
        "adding": {},
        "review": {},
        "stage_form": {},
    }
    context |= deletion_context(actor, package)
    if package.group is not None:
        context["live_path"] = url("package-live", package.region, package.group.name, package.version)
        context["latest_event"] = getattr(package, "latest_event", None) or max((line.id for line in feed), default=0)
    else:
        context |= tags_context(actor, package, _TAGS.all(package=package.pk))
        context["tag_href"] = package_tag_href
    return context | state


def stage_choices(package: ModelPackage) -> list[str]:
    """The stages on offer in their order; the present one too where the settings do not name it."""
    known = list(settings.REGISTRY_STAGES)
    return known if not package.stage or package.stage in known else [*known, package.stage]


def registered_context(package: ModelPackage, pairs: Mapping[str, str]) -> dict[str, Any]:
    """What a page says of a version as it was registered, and where its stage stands; `pairs` is its metadata."""
    return {
        "stage_position": stage_position(package.stage),
        "stage_count": len(settings.REGISTRY_STAGES),
        "lineage": particulars.lineage_of(package, pairs),
        "facts": particulars.facts_of(package),
        "reports": particulars.pointers_of(package.model_metrics),
        "drift_baselines": particulars.pointers_of(package.drift_check_baselines),
        "additional": particulars.additional_specifications(package),
        "model_card": particulars.model_card_of(package),
    }


def stage_position(stage: str) -> int:
    """The place of a stage in its order, from 1; 0 for none and for one that the settings do not name."""
    known = settings.REGISTRY_STAGES
    return known.index(stage) + 1 if stage in known else 0


def feed_of(
    package: ModelPackage, before: int | None = None, only: Sequence[str] = ()
) -> tuple[list[Sentence], int | None, Known]:
    """The newest lines of the package's activity, where older ones begin, and the events as far as they are all kinds.

    `before` gives those below an event, `only` those of some kinds. An imported package begins with what its record
    says happened before: its registration and its decision.
    """
    if before is None and not only:
        events = _NEWEST_EVENTS.all(package=package.pk)
    else:
        rows = Event.objects.for_package(package.pk).before(before).order_by("-id")
        events = list((rows.filter(kind__in=only) if only else rows)[: FEED_LENGTH + 1])
    lines = [tell_here(event, package) for event in events[:FEED_LENGTH]]
    more = len(events) > FEED_LENGTH
    if not more and package.imported_at:
        since = bool(package.decided_at and package.decided_at > package.imported_at)
        former = _before_import(package, decided_since=since)
        lines += [line for line in former if not only or line.tone]
    known = NOTHING_KNOWN if before is not None or only else Known(events, complete=not more)
    return lines, events[FEED_LENGTH - 1].pk if more else None, known


_TAGS: Prepared[Tag] = Prepared(lambda package: Tag.objects.filter(package=package), package=int)
_NEWEST_EVENTS: Prepared[Event] = Prepared(
    lambda package: Event.objects.for_package(package).order_by("-id")[: FEED_LENGTH + 1], package=int
)


def tell_here(event: Event, package: ModelPackage) -> Sentence:
    """One event as the package's own page tells it: by its version alone, without a link to where one is."""
    sentence = tell(event, short=True, linked=False)
    if package.imported_at and event.kind == "model_package.created":
        # Whoever ran the import did not register it: that line comes from the record.
        return sentence._replace(icon="download", quote="", words=Markup("imported ") + _subject(package))
    return sentence


def _subject(package: ModelPackage) -> Markup:
    return say("<b>{}</b>", f"v{package.version}" if package.is_versioned else package.name)


def _before_import(package: ModelPackage, *, decided_since: bool | None) -> list[Sentence]:
    subject = _subject(package)
    lines = []
    decided = {"Approved": ("check", "ok", "approved"), "Rejected": ("x", "bad", "rejected")}
    if package.decided_at and not decided_since and package.approval_status in decided:
        icon, tone, verb = decided[package.approval_status]
        words, by = Markup(f"{verb} ") + subject, package.decided_by_name or "somebody"
        lines.append(Sentence(0, package.decided_at, by, icon, words, tone, package.approval_description))
    words = Markup("registered ") + subject
    lines.append(Sentence(0, package.created_at, package.created_by_name or "unknown", "git-branch", words))
    return lines


def form_text(form: Mapping[str, Any], name: str) -> str:
    """A typed text with the line ends of the web made plain; "" where the form lacks it."""
    return str(form.get(name, "")).replace("\r\n", "\n")
