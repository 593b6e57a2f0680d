"""What was done to a chain that does not hold together: which of its events were edited, removed, moved or put in.

A digest tells at which position its event stood when it was written, and which event stood before it. So the order in
which the events were written can be followed from digest to digest, and compared with what is there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .chains import START
from .links import Link

Kind = Literal["edited", "removed", "reordered", "inserted", "cut off", "unprotected", "checkpoint"]
Head = tuple[int, bytes]

# How far off its place an event is looked for, where others before it were removed or put in.
_NEAR = 8


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with the log, in words; what it is about, as far as it is known."""

    kind: Kind
    text: str
    chain: int | None = None
    group: str = ""
    position: int | None = None
    event_id: int | None = None
    at: datetime | None = None


@dataclass(slots=True)
class _Row:
    """What is kept of an event: where it is, and where it was written (None where its digest is not its own)."""

    pk: int
    position: int
    previous: bytes
    digest: bytes
    at: datetime | None
    written_at: int | None
    place: int = 0  # in the order of writing


class _Explanation:
    """The rows of one chain, put into the order in which they were written."""

    def __init__(self, chain: int, rows: list[_Row], head: Head | None, group: str, begin: Head) -> None:
        self.chain, self.rows, self.head, self.group, self.begin = chain, rows, head, group, begin
        self.continuing: dict[bytes, list[_Row]] = defaultdict(list)
        for row in rows:
            self.continuing[row.previous].append(row)
        self.order: list[_Row] = []
        self.edited: dict[int, str] = {}
        self.missing: list[tuple[int, int]] = []
        self.breaks: set[int] = set()

    def follow(self) -> None:
        """Go from digest to digest; where the way ends, go on with the next event that says where it was written."""
        place, digest = self.begin
        open_rows = {row.pk: row for row in self.rows}
        later = sorted((row for row in self.rows if row.written_at), key=lambda row: (row.written_at, row.pk))
        cursor = 0
        while open_rows:
            options = [row for row in self.continuing.get(digest, []) if row.pk in open_rows]
            if options:
                row = max(options, key=lambda row: (self._goes_on(row), row.written_at == place + 1, -row.pk))
                if row.written_at is None:
                    self.edited[row.pk] = "its content does not give its digest"
                elif row.written_at != place + 1:
                    self.edited[row.pk] = f"it says that it is event {row.written_at}, and follows event {place}"
            else:
                while cursor < len(later) and (
                    later[cursor].pk not in open_rows or (later[cursor].written_at or 0) <= place
                ):
                    cursor += 1
                if cursor == len(later):
                    return
                row = later[cursor]
                written = row.written_at or 0
                self.breaks.add(row.pk)
                if written > place + 1:
                    self.missing.append((place + 1, written - 1))
                elif self.order:
                    last = self.order[-1]
                    self.edited.setdefault(
                        last.pk, "it was written anew with its digest: the next event continues another one"
                    )
                else:
                    self.edited[row.pk] = "it is the first event, and continues another one"
                place = written - 1
            place, digest, row.place = place + 1, row.digest, place + 1
            del open_rows[row.pk]
            self.order.append(row)

    def _goes_on(self, row: _Row) -> bool:
        return row.digest in self.continuing or (self.head is not None and row.digest == self.head[1])

    def findings(self) -> Iterator[Finding]:
        self.follow()
        known = {row.pk for row in self.order}
        end = self.order[-1].place if self.order else self.begin[0]
        if self.head is not None and self.head[0] > end:
            self.missing.append((end + 1, self.head[0]))
        strangers = [row for row in self.rows if row.pk not in known]
        for row in strangers:
            if self._fills_a_gap(row.position):
                self.edited[row.pk] = "its content does not give its digest, and it does not continue the one before"
                row.place = row.position
                self.order.append(row)
            else:
                yield self._about(row, "inserted", "no event of the chain continues it")
        self.order.sort(key=lambda row: row.place)
        end = max(end, self.order[-1].place if self.order else end)
        beyond: set[int] = set()
        renumbered = self.order and self.head == (self.order[-1].position, self.order[-1].digest)
        if self.head is not None and self.head[0] < end and not renumbered:
            if any(row.place == self.head[0] and row.digest == self.head[1] for row in self.order):
                beyond = {row.pk for row in self.order if row.place > self.head[0]}
            else:
                text = f"the head of the chain stands at event {self.head[0]}, though the chain goes on"
                yield Finding("edited", text, self.chain, self.group, self.head[0])
        for row in self.order:
            if row.pk in beyond:
                yield self._about(row, "inserted", "it stands behind the end of the chain")
            elif row.pk in self.edited:
                yield self._about(row, "edited", self.edited[row.pk])
        yield from self._gone(end)
        yield from self._moved()
        yield from self._end(end)

    def _fills_a_gap(self, position: int) -> bool:
        for gap in self.missing:
            if gap[0] <= position <= gap[1]:
                self.missing.remove(gap)
                parts = (gap[0], position - 1), (position + 1, gap[1])
                self.missing += [(first, last) for first, last in parts if first <= last]
                return True
        return False

    def _gone(self, end: int) -> Iterator[Finding]:
        for first, last in sorted(self.missing):
            if first > end:
                yield self._range("cut off", first, last, ": the end of the chain is gone")
            else:
                yield self._range("removed", first, last, "")

    def _range(self, kind: Kind, first: int, last: int, more: str) -> Finding:
        gone = f"event {first} is" if first == last else f"events {first} to {last} are"
        return Finding(kind, f"{gone} no longer there{more}", self.chain, self.group, first)

    def _moved(self) -> Iterator[Finding]:
        """Those that are not where they were written; all behind a place where some were removed or put in may be."""
        # An event that was written anew may have come in with another id.
        sure = [row.pk for row in self.order if row.pk not in self.edited]
        shift, wanted_id = 0, dict(zip(sure, sorted(sure), strict=True))
        known = {row.position for row in self.order}
        for row in self.order:
            off = row.position - row.place
            # So many strangers stand right before it as it is off its place.
            pushed = off > shift and known.isdisjoint(range(row.position - off + shift, row.position))
            if off != shift and (row.pk in self.breaks or pushed):
                shift = off
            if off != shift:
                yield self._about(row, "reordered", f"it was written as event {row.place}")
            elif wanted_id.get(row.pk, row.pk) != row.pk:
                yield self._about(row, "reordered", "its id does not rise with its position")

    def _end(self, end: int) -> Iterator[Finding]:
        if self.head is None:
            if self.rows:
                yield Finding(
                    "cut off", "the chain has lost its head, which says where it ends", self.chain, self.group
                )
        elif self.head[0] == end and self.order and self.head[1] != self.order[-1].digest:
            last = self.order[-1]
            if last.pk not in self.edited:
                yield self._about(last, "edited", "the head of the chain says another digest")

    def _about(self, row: _Row, kind: Kind, text: str) -> Finding:
        return Finding(kind, text, self.chain, self.group, row.position, row.pk, row.at)


def explain(
    chain: int, found: Iterable[Link], head: Callable[[], Head | None], begin: Head = (0, START)
) -> list[Finding]:
    """What is wrong with a chain that does not hold together; at least one finding.

    `head` is asked after the last link. `begin` is the position and digest that the first link has to continue. Keeps
    some numbers of each link in memory.
    """
    rows, group, shift = [], "", 0
    for link in found:
        near = [link.position, link.position - shift, *_around(link.position)]
        written = next((position for position in near if link.fits(position)), None)
        if written is not None:
            shift = link.position - written
        rows.append(_Row(link.pk, link.position, link.previous, link.digest, link.at, written))
        group = group or link.group
    findings = list(_Explanation(chain, rows, head(), group, begin).findings())
    return findings or [Finding("edited", "the chain does not hold together", chain, group)]


def _around(position: int) -> Iterator[int]:
    for step in range(1, _NEAR + 1):
        yield position - step
        yield position + step
