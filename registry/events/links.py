"""The events of the log as links of their chains, read chain by chain with as little memory as a batch needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError
from django.db.models import Min

from .chains import COLUMNS, POSITION, canonical, content_of_values, digest_of
from .models import ChainHead, Event

BATCH = 2_000
AT, BEFORE, AFTER, CHAIN = (COLUMNS.index(name) for name in ("at", "before", "after", "chain"))
_REGION, _GROUP = COLUMNS.index("region"), COLUMNS.index("group_name")
# What reading or hashing a row ends with that holds what no event does.
UNREADABLE = (AttributeError, TypeError, ValueError, ArithmeticError, DatabaseError)


@dataclass(slots=True)
class Link:
    """An event with its place; `values` come in the order of COLUMNS, None where they cannot be read."""

    pk: int
    chain: int
    position: int
    previous: bytes
    digest: bytes
    values: Sequence[Any] | None

    @classmethod
    def of(cls, pk: int, previous: Any, digest: Any, values: Sequence[Any]) -> Link:
        return cls(pk, values[CHAIN], values[POSITION], bytes(previous or b""), bytes(digest or b""), values)

    @property
    def at(self) -> datetime | None:
        return self.values[AT] if self.values is not None else None

    @property
    def group(self) -> str:
        """REGION/NAME of the group, empty where there is none."""
        if self.values is None or not self.values[_GROUP]:
            return ""
        return f"{self.values[_REGION]}/{self.values[_GROUP]}"

    def content(self) -> bytes:
        """What is hashed of it."""
        assert self.values is not None
        return content_of_values(
            self.values, before=canonical(self.values[BEFORE]), after=canonical(self.values[AFTER])
        )

    def fits(self, position: int) -> bool:
        """True when its digest is that of its content at this position."""
        if self.values is None:
            return False
        values = [*self.values[:POSITION], position, *self.values[POSITION + 1 :]]
        try:
            content = content_of_values(values, before=canonical(values[BEFORE]), after=canonical(values[AFTER]))
        except UNREADABLE:
            return False
        return digest_of(self.previous, content) == self.digest


def head_of(chain: int) -> tuple[int, bytes] | None:
    """Position and digest of the head of a chain, None where there is none."""
    found = ChainHead.objects.filter(chain=chain).values_list("position", "digest").first()
    return (found[0], bytes(found[1])) if found else None


def heads() -> Iterator[tuple[int, int, bytes]]:
    """All heads (chain, position, digest) by the numbers of their chains, a page at a time."""
    rows = part = ChainHead.objects.order_by("chain").values_list("chain", "position", "digest")
    while page := list(part[:500]):
        for number, position, digest in page:
            yield number, position, bytes(digest)
        part = rows.filter(chain__gt=page[-1][0])


def next_chain(after: int | None, before: int | None) -> int | None:
    """The first chain that has events between two numbers, None without one."""
    rows = Event.objects.all()
    if after is not None:
        rows = rows.filter(chain__gt=after)
    if before is not None:
        rows = rows.filter(chain__lt=before)
    return rows.aggregate(first=Min("chain"))["first"]


def links(chain: int, *, after: int | None = None) -> Iterator[Link]:
    """The links of a chain by their positions (and ids, where one is there twice), those behind a position."""
    rows = Event.objects.filter(chain=chain).order_by("position", "id")
    if after is not None:
        rows = rows.filter(position__gt=after)
    part, place = rows, (-1, -1)
    while True:
        page = _page(part)
        for link in page:
            # The page before ended with this position, which may be there twice.
            if (link.position, link.pk) > place:
                yield link
        if len(page) < BATCH:
            return
        place = page[-1].position, page[-1].pk
        part = rows.filter(position__gte=place[0])


def _page(rows: Any) -> list[Link]:
    try:
        found = rows.values_list("id", "previous", "digest", *COLUMNS)[:BATCH]
        return [Link.of(pk, previous, digest, values) for pk, previous, digest, *values in found]
    except UNREADABLE:
        # Somebody wrote what is no JSON or no time: the others are read one by one.
        return [_one(*row) for row in rows.values_list("id", "chain", "position", "previous", "digest")[:BATCH]]


def _one(pk: int, chain: int, position: int, previous: Any, digest: Any) -> Link:
    try:
        values: Any = Event.objects.filter(pk=pk).values_list(*COLUMNS).first()
    except UNREADABLE:
        values = None
    return Link(pk, chain, position, bytes(previous or b""), bytes(digest or b""), values)
