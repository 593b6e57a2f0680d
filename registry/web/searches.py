"""The state of the groups index in its address: filter, sort, page; read from a request and written into links."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from registry.addresses import url
from registry.catalog.filters import GROUPS, Not, Query, parse, tag_text
from registry.catalog.filters.conditions import is_arn
from registry.catalog.filters.terms import is_leaf, leaf
from registry.catalog.reports.groups import Order

from .filter_boxes import READABLE, FilterBox, read_filter
from .list_menus import ListMenu

ROWS = (18, 50, 100)
EXAMPLE = "Filter by name, tag:team=fraud, status:approved, metric:auc>0.94"


@lru_cache(maxsize=256)
def group_list_path(query: str = "", **more: str) -> str:
    """The address of the index for a filter and further parameters; empty ones are left out."""
    given = {name: value for name, value in {"q": query, **more}.items() if value}
    path = url("group-list")
    return f"{path}?{urlencode(given, safe=READABLE)}" if given else path


@lru_cache(maxsize=4096)
def tag_href(key: str, value: str) -> str:
    """The index, filtered by a tag."""
    return group_list_path(tag_text(key, value))


def package_list_path(query: str = "", **more: int | None) -> str:
    """The address of the list of unversioned packages, as group_list_path."""
    given = {name: value for name, value in {"q": query, **more}.items() if value}
    path = url("package-list")
    return f"{path}?{urlencode(given, safe=READABLE)}" if given else path


@lru_cache(maxsize=4096)
def package_tag_href(key: str, value: str) -> str:
    """The list of unversioned packages, filtered by a tag."""
    return package_list_path(tag_text(key, value))


@dataclass(frozen=True)
class GroupSearch:
    """What the index shows.

    `written`, where it is set, is the query that addresses name instead of the one that filters now; `redraws` tells
    whether the box has to be drawn again, `note` is told above the list.
    """

    query: Query = field(default_factory=Query)
    order: Order = field(default_factory=Order)
    rows: int = ROWS[0]
    after: str = ""
    before: str = ""
    written: Query | None = None
    redraws: bool = True
    note: str = ""

    @classmethod
    def read(cls, request: HttpRequest, given: QueryDict, note: str = "") -> GroupSearch:
        """The state that an address names; whatever it cannot mean is left at its default."""
        rows = given.get("per_page", "")
        typed = read_filter(request, given, GROUPS)
        return cls(
            query=typed.query,
            order=Order.read(given.get("sort", "")),
            rows=int(rows) if rows in map(str, ROWS) else ROWS[0],
            after=given.get("after", ""),
            before=given.get("before", ""),
            written=typed.written,
            redraws=typed.redraws,
            note=note,
        )

    @property
    def text(self) -> str:
        """The filter as addresses name it."""
        return (self.query if self.written is None else self.written).text

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """What is kept from one filter to another, as parameters."""
        order = "" if self.order == Order() else str(self.order)
        rows = "" if self.rows == ROWS[0] else str(self.rows)
        return [(name, value) for name, value in (("sort", order), ("per_page", rows)) if value]

    @property
    def href(self) -> str:
        """The address of what is shown."""
        return group_list_path(self.text, **dict(self.pairs), after=self.after, before=self.before)

    def turn(self, *, after: str = "", before: str = "") -> str:
        """The address of a neighbouring page."""
        return replace(self, after=after, before=before).href

    def ask(self, query: Query) -> str:
        """The address of the first page for another filter."""
        return replace(self, query=query, written=None, after="", before="").href

    def ask_text(self, text: str) -> str:
        """As ask, for a filter given as text."""
        return self.ask(parse(text))

    def sorted(self, name: str) -> str:
        """The address behind a column's heading: its first direction, or the other one where it is sorted by it."""
        turned = self.order.name == name and not self.order.turned
        return replace(self, order=Order(name, turned), after="", before="").href

    def aria_sort(self, name: str) -> str:
        """ "ascending", "descending", or "" for a column that the list is not sorted by."""
        if self.order.name != name:
            return ""
        return "descending" if self.order.descending else "ascending"

    def shows(self, text: str) -> bool:
        """True if the filter is the one of a built-in view, in either word for a status."""
        return self.query.text.replace("status:waiting", "status:pending") == text

    @property
    def box(self) -> FilterBox:
        """The filter box."""
        query = self.query if self.written is None else self.written.quiet(self.query)
        path = url("group-list")
        return FilterBox(query, path, "groups-list", "groups", EXAMPLE, self.ask_text, self.pairs, self.note)

    @property
    def menu(self) -> ListMenu:
        """The menu in the head of the list."""
        return ListMenu.of(GROUPS, [("q", self.text), *self.pairs])

    @property
    def asked(self) -> str:
        """What a list without rows was asked for, as the end of "No group …"."""
        if len(self.query.parts) != 1 or not is_leaf(self.query.parts[0]):
            return "matches this filter" if len(self.query.parts) == 1 else "matches all of these filters"
        part = self.query.parts[0]
        term = leaf(part)
        if isinstance(part, Not) or term.fault:
            return f"matches {part}"
        match term.key:
            case "" if is_arn(term.value or ""):
                return f"or version has the ARN {term.value}"
            case "":
                return f"has {term.value} in its name or description"
            case "tag" | "meta":
                kind = "tag" if term.key == "tag" else "a version with metadata"
                return f"has {kind} {term.name}" if term.value is None else f"has {kind} {term.name}={term.value}"
        return f"matches {term}"
