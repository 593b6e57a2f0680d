"""The state of the groups index in its address: filter, sort, page; read from a request and written into links."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from django.http import HttpRequest
from django.urls import reverse

from registry.catalog.filters import Not, Query, parse, tag_text
from registry.catalog.filters.terms import leaf
from registry.catalog.reports.groups import Order

# Signs that the filter language uses stay readable in the address; all are allowed in a query by RFC 3986.
_READABLE = ":=*/,"
ROWS = (18, 50, 100)


def group_list_path(query: str = "", **more: str) -> str:
    """The address of the index for a filter and further parameters; empty ones are left out."""
    given = {name: value for name, value in {"q": query, **more}.items() if value}
    path = reverse("group-list")
    return f"{path}?{urlencode(given, safe=_READABLE)}" if given else path


def tag_href(key: str, value: str) -> str:
    """The index, filtered by a tag."""
    return group_list_path(tag_text(key, value))


def package_tag_href(key: str, value: str) -> str:
    """The list of unversioned packages, filtered by a tag."""
    return f"{reverse('package-list')}?{urlencode({'q': tag_text(key, value)}, safe=_READABLE)}"


@dataclass(frozen=True)
class GroupSearch:
    """What the index shows.

    `typed` is the text of the input beside the tokens, as it was sent; `written`, where it is set, is the query that
    addresses name instead of the one that filters now.
    """

    query: Query = field(default_factory=Query)
    order: Order = field(default_factory=Order)
    rows: int = ROWS[0]
    after: str = ""
    before: str = ""
    typed: str = ""
    written: Query | None = None

    @classmethod
    def read(cls, request: HttpRequest) -> GroupSearch:
        """The state that an address names; whatever it cannot mean is left at its default."""
        given = request.GET
        texts = given.getlist("q")
        rows = given.get("per_page", "")
        return cls(
            query=parse(" ".join(texts)),
            order=Order.read(given.get("sort", "")),
            rows=int(rows) if rows in map(str, ROWS) else ROWS[0],
            after=given.get("after", ""),
            before=given.get("before", ""),
            typed=texts[-1] if texts else "",
        )

    @property
    def text(self) -> str:
        """The filter as addresses name it."""
        return (self.query if self.written is None else self.written).text

    @property
    def href(self) -> str:
        """The address of what is shown."""
        order = "" if self.order == Order() else str(self.order)
        rows = "" if self.rows == ROWS[0] else str(self.rows)
        return group_list_path(self.text, sort=order, per_page=rows, after=self.after, before=self.before)

    def turn(self, *, after: str = "", before: str = "") -> str:
        """The address of a neighbouring page."""
        return replace(self, after=after, before=before).href

    def ask(self, query: Query) -> str:
        """The address of the first page for another filter."""
        return replace(self, query=query, written=None, after="", before="").href

    def ask_text(self, text: str) -> str:
        """As ask, for a filter given as text."""
        return self.ask(parse(text))

    def without(self, place: int) -> str:
        """The address without the filter at that place."""
        return self.ask(self.query.without(place))

    def replaced(self, place: int, text: str) -> str:
        """The address with another filter at that place."""
        return self.ask(self.query.replaced(place, text))

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
        """True if the filter is the one of a saved view, in either word for a status."""
        return self.query.text.replace("status:waiting", "status:pending") == text

    @property
    def tokens(self) -> list[tuple[int, str, str, str, str]]:
        """The filters drawn as tokens: place, text as written, quiet part, bold part, fault."""
        drawn = []
        for place, part in self.query.split()[0]:
            term = leaf(part)
            drawn.append((place, str(part), "-" * isinstance(part, Not) + term.head, term.tail, term.fault))
        return drawn

    @property
    def words(self) -> str:
        """The filters that stay text in the input."""
        return self.query.split()[1].text

    @property
    def faults(self) -> list[tuple[int, str, str, str]]:
        """The filters with a mistake: place, text, what is wrong, what to write instead."""
        parts = [(place, part, leaf(part)) for place, part in enumerate(self.query.parts)]
        return [(place, str(part), term.fault, term.suggestion) for place, part, term in parts if term.fault]

    @property
    def asked(self) -> str:
        """What a list without rows was asked for, as the end of "No group …"."""
        if len(self.query.parts) != 1:
            return "matches all of these filters"
        part = self.query.parts[0]
        term = leaf(part)
        if isinstance(part, Not) or term.fault:
            return f"matches {part}"
        match term.key:
            case "":
                return f"has {term.value} in its name or description"
            case "tag" | "meta":
                kind = "tag" if term.key == "tag" else "a version with metadata"
                return f"has {kind} {term.name}" if term.value is None else f"has {kind} {term.name}={term.value}"
        return f"matches {term}"
