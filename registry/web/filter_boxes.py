"""The filter box of a list: its tokens, its text, its mistakes and its help, as the templates draw them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple
from urllib.parse import urlencode

from django.http import HttpRequest, QueryDict

from registry.addresses import url
from registry.catalog.filters import Not, Query, join, parse
from registry.catalog.filters.terms import leaf

from .htmx import is_fragment

# Signs that the filter language uses stay readable in the address; all are allowed in a query by RFC 3986.
READABLE = ":=*/,()"
FAULTS_SHOWN = 4


class Token(NamedTuple):
    """One filter in the box: as written, its quiet and its bold part, what is wrong, the addresses without it.

    `remove` keeps the words that the input was drawn with, `others` names the other tokens alone.
    """

    text: str
    head: str
    tail: str
    fault: str
    remove: str
    others: str


class Mistake(NamedTuple):
    """A mistake with the text around it, and what to write instead with the address that does."""

    before: str
    wrong: str
    behind: str
    message: str
    suggestion: str
    href: str


@dataclass(frozen=True)
class FilterBox:
    """What a filter box shows. `address` gives the address of the first page for another filter, as text.

    `hidden` are the parameters of the address that the box keeps, `target` is the id that HTMX replaces, `note` is
    told above the list.
    """

    query: Query
    path: str
    target: str
    label: str
    example: str
    address: Callable[[str], str]
    hidden: Sequence[tuple[str, str]] = ()
    note: str = ""

    @cached_property
    def tokens(self) -> list[Token]:
        """The filters that are drawn as tokens."""
        drawn, parts = [], self.query.split()[0]
        for place, part in parts:
            term = leaf(part)
            head = "-" * isinstance(part, Not) + term.head
            remove = self.address(self.query.without(place).text)
            others = self.address(" ".join(str(other) for at, other in parts if at != place))
            drawn.append(Token(str(part), head, term.tail, term.fault, remove, others))
        return drawn

    @cached_property
    def words(self) -> str:
        """The text of the input."""
        return self.query.split()[1]

    @cached_property
    def mistakes(self) -> list[Mistake]:
        """The first mistakes, each at its place."""
        return [
            Mistake(
                *self.query.around(fault),
                fault.message,
                fault.suggestion,
                self.address(self.query.mended(fault)) if fault.suggestion else "",
            )
            for fault in self.query.faults[:FAULTS_SHOWN]
        ]

    @property
    def more_mistakes(self) -> int:
        return max(0, len(self.query.faults) - FAULTS_SHOWN)

    @property
    def marked(self) -> list[tuple[str, str]]:
        """The filter in pieces, where it is more than a row of tokens; see Query.marked."""
        return [] if self.query.is_plain else self.query.marked

    @property
    def help(self) -> str:
        """The address of the card that explains the language."""
        return f"{url('filter-help')}?{urlencode({'of': self.query.of})}"

    @property
    def suggest(self) -> str:
        """The address that completes what is typed."""
        return f"{url('group-suggest')}?{urlencode({'of': self.query.of})}"


class Typed(NamedTuple):
    """The filter of a request. `written` is what the address keeps, `query` what filters now: not the same while
    somebody types. `redraws` tells whether the box has to be drawn again."""

    query: Query
    written: Query
    redraws: bool


def read_filter(request: HttpRequest, params: QueryDict, of: str) -> Typed:
    """The filter that `params` name; several of them, as the tokens and the input send them, must all match."""
    texts = params.getlist("q")
    written = parse(join(texts, of=of), of=of)
    typed = texts[-1] if texts else ""
    if not (is_fragment(request) and request.headers.get("HX-Trigger") == "q"):
        return Typed(written, written, True)
    # The address keeps what is typed; the list and its messages wait for the end of a filter.
    if not typed[-1:].isspace():
        return Typed(written.while_typing() if typed else written, written, False)
    return Typed(written, written, bool(parse(typed, of=of).split()[0]))
