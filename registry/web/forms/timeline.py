"""The browser's words for the group page: what its address asks for, and what its filter menus offer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest, QueryDict
from markupsafe import Markup

from registry.catalog.directions import leading_metric
from registry.catalog.filters import TIMELINE, parse
from registry.catalog.models import METADATA_PREFIX, ModelPackageGroup
from registry.catalog.reports.timeline import TimelinePage
from registry.catalog.reports.trends import RECENT, SERIES, Point, Vocabulary
from registry.catalog.reports.version_filters import STATUS_WORDS, VersionFilter

from ..filter_boxes import READABLE, FilterBox, read_filter
from ..wording import plural

MOST_CHOICES = 20  # per filter in an address
PAIRS_OFFERED = 14
EXAMPLE = "Filter by description, metric:auc>0.94, by:ana OR by:ben"

Choices = list[tuple[str, str, int | None]]

# Parameter of the address -> member of VersionFilter.
_MEMBERS = {"stage": "stages", "image": "images", "meta": "pairs", "by": "authors"}


@dataclass(frozen=True)
class Asked:
    """What an address of the group page asks for; what it cannot mean is left out, so a bad link shows the group."""

    shown: VersionFilter
    metric: str
    before: int | None
    # Whether the filter box has to be drawn again: not while somebody types in it.
    redraws: bool = True

    @classmethod
    def read(cls, request: HttpRequest, given: QueryDict) -> Asked:
        """Read the parameters of an address."""

        def several(name: str) -> tuple[str, ...]:
            texts = (text.strip() for text in given.getlist(name))
            return tuple(dict.fromkeys(text for text in texts if text))[:MOST_CHOICES]

        status = given.get("status", "").lower()
        status = {"pending": "waiting", "pendingmanualapproval": "waiting"}.get(status, status)
        before = given.get("before", "")
        typed = read_filter(request, given, TIMELINE)
        return cls(
            VersionFilter(
                status=status if status in STATUS_WORDS else "",
                stages=several("stage"),
                images=several("image"),
                pairs=several("meta"),
                authors=several("by"),
                query=typed.written,
                typed=None if typed.query is typed.written else typed.query,
            ),
            metric=given.get("metric", "").strip()[:256],
            before=int(before) if before.isascii() and before.isdigit() and len(before) <= 9 else None,
            redraws=typed.redraws,
        )

    def pairs(self) -> list[tuple[str, str]]:
        """This state as parameters of an address."""
        shown = self.shown
        pairs = [("q", shown.query.text)] if shown.query.text else []
        pairs += [("status", shown.status)] if shown.status else []
        for name in _MEMBERS:
            pairs += [(name, value) for value in self.chosen(name)]
        if self.metric:
            pairs.append(("metric", self.metric))
        if self.before is not None:
            pairs.append(("before", str(self.before)))
        return pairs

    def query(self) -> str:
        """The query string of this state, "" for the plain page."""
        return f"?{urlencode(self.pairs(), safe=READABLE)}" if self.pairs() else ""

    def chosen(self, menu: str) -> tuple[str, ...]:
        """What is chosen in a filter menu, named as its parameter."""
        return getattr(self.shown, _MEMBERS[menu])  # type: ignore[no-any-return]

    def hidden(self, *but: str) -> Markup:
        """This state as hidden fields, for a form that has controls for the parameters `but`."""
        field = Markup('<input type="hidden" name="{}" value="{}">')
        return Markup("").join(field.format(name, value) for name, value in self.pairs() if name not in but)


def box_of(group: ModelPackageGroup, asked: Asked, note: str = "") -> FilterBox:
    """The filter box of a group's versions; the menus' choices stay as they are."""

    def address(text: str) -> str:
        shown = replace(asked.shown, query=parse(text, of=TIMELINE), typed=None)
        return group.get_absolute_url() + Asked(shown, asked.metric, None).query()

    hidden = [(name, value) for name, value in asked.pairs() if name not in ("q", "before")]
    query = asked.shown.query if asked.shown.typed is None else asked.shown.query.quiet(asked.shown.typed)
    return FilterBox(query, group.get_absolute_url(), "group-body", "versions", EXAMPLE, address, hidden, note)


def default_metric(vocabulary: Vocabulary, group: ModelPackageGroup) -> str:
    """The metric to show where the address names none: the group's choice, else one that half of the versions have.

    Of the recent versions; a chosen metric that none of them has does not lead.
    """
    most = max(vocabulary.metrics.values(), default=0)
    common = [name for name, times in vocabulary.metrics.items() if times * 2 >= most or name == group.leading_metric]
    return leading_metric(common, group)


def segments(group: ModelPackageGroup, asked: Asked) -> list[tuple[str, str, int, str]]:
    """(word, label, count, address) of the status switch; "No status" only where there is such a version."""
    counts = [
        ("", "All", group.version_count),
        ("waiting", "Waiting", group.waiting_count),
        ("approved", "Approved", group.approved_count),
        ("rejected", "Rejected", group.rejected_count),
    ]
    if group.unset_count or asked.shown.status == "none":
        counts.append(("none", "No status", group.unset_count))
    return [
        (
            word,
            label,
            count,
            group.get_absolute_url() + Asked(replace(asked.shown, status=word), asked.metric, None).query(),
        )
        for word, label, count in counts
    ]


def told(group: ModelPackageGroup, asked: Asked, page: TimelinePage) -> str:
    """What the rows are, in words; counts only what was counted."""
    rows = len(page.rows)
    if not asked.shown.is_set:
        return f"{plural(group.version_count, 'version')}, newest first" if page.older and not asked.before else ""
    if asked.before is not None:
        return f"{plural(rows, 'version')} below v{asked.before}"
    return f"{rows}+ versions match" if page.older else f"{plural(rows, 'version')} match{'es' if rows == 1 else ''}"


def facets(
    group: ModelPackageGroup, shown: VersionFilter, series: list[Point], vocabulary: Vocabulary
) -> dict[str, Choices]:
    """What the filter menus offer: what the newest versions hold, and what is chosen already.

    A count is given only where all versions were looked at.
    """
    in_series, in_recent = group.version_count <= SERIES, group.version_count <= RECENT
    stages = Counter(point.stage for point in series if point.stage)
    order = {stage: place for place, stage in enumerate(settings.REGISTRY_STAGES)}
    authors = Counter(point.author for point in series if point.author)
    shared = {
        f"{key}={value}": times
        for (key, value), times in vocabulary.pairs.items()
        if 1 < times < min(group.version_count, RECENT) and not key.startswith(METADATA_PREFIX)
    }
    pairs = dict(sorted(shared.items(), key=lambda item: (-item[1], item[0]))[:PAIRS_OFFERED])
    return {
        "stage": _choices(sorted(stages, key=lambda s: (order.get(s, len(order)), s)), stages, shown.stages, in_series),
        "image": _choices(sorted(vocabulary.images), vocabulary.images, shown.images, in_recent),
        "meta": _choices(sorted(pairs), pairs, shown.pairs, in_recent),
        "by": _choices(sorted(authors), authors, shown.authors, in_series),
    }


def _choices(offered: Iterable[str], counts: Mapping[str, int], chosen: tuple[str, ...], counted: bool) -> Choices:
    names = dict.fromkeys([*offered, *chosen])
    return [(name, name, counts.get(name) if counted else None) for name in names]
