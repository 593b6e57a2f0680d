"""Follow the chains of the log through the rows of a backup, as they go by: in memory is one place for each chain."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from registry.events.chains import COLUMNS, START, canonical, content_of_values, digest_of

from .tables import Table

EVENTS, HEADS = "events_event", "events_chainhead"
# So many are told; the rest is counted.
TOLD = 10

Watch = Callable[[Sequence[Sequence[Any]]], None]


class LogWalk:
    """Takes the rows of the log in the order of their ids, then the heads; `faults` says what does not fit.

    Without `with_contents` only the places are looked at: positions without a gap, each digest named by the next. With
    it each digest is computed anew from what the event says.
    """

    def __init__(self, table: Table, *, with_contents: bool) -> None:
        places = {column.name: place for place, column in enumerate(table.columns)}
        # A log from before it had chains has nothing to follow.
        self.is_chained = "digest" in places
        self.with_contents = with_contents
        self.ends: dict[int, tuple[int, str]] = {}
        self.faults: list[str] = []
        self.many = 0
        if self.is_chained:
            self._links = [places[name] for name in ("id", "chain", "position", "previous", "digest")]
            self._content = [places.get(name) for name in COLUMNS]

    def take(self, rows: Sequence[Sequence[Any]]) -> None:
        """Rows of the log in their canonical values."""
        if not self.is_chained:
            return
        pk_at, chain_at, position_at, previous_at, digest_at = self._links
        ends, start = self.ends, START.hex()
        for row in rows:
            chain, position, digest = row[chain_at], row[position_at], row[digest_at]
            last, previous = ends.get(chain, (0, start))
            if position != last + 1 or row[previous_at] != previous:
                self._fault(f"event {row[pk_at]} does not continue chain {chain} at position {last + 1}")
            elif self.with_contents and not self._has_digest(row, previous, digest):
                self._fault(f"event {row[pk_at]}, position {position} of chain {chain}, was edited")
            ends[chain] = (position, digest)

    def _has_digest(self, row: Sequence[Any], previous: str, digest: str) -> bool:
        values = {name: row[at] if at is not None else None for name, at in zip(COLUMNS, self._content, strict=True)}
        try:
            for name, read in _READ.items():
                if values[name] is not None:
                    values[name] = read(values[name])
            before, after = canonical(values["before"]), canonical(values["after"])
            content = content_of_values(list(values.values()), before=before, after=after)
        except (TypeError, ValueError, ArithmeticError):
            return False
        return digest_of(bytes.fromhex(previous), content).hex() == digest

    def finish(self, table: Table, heads: Sequence[Sequence[Any]]) -> None:
        """Compare the ends of the chains with the heads that the database kept; all of them at once."""
        if not self.is_chained:
            return
        names = [column.name for column in table.columns]
        chain_at, position_at, digest_at = (names.index(name) for name in ("chain", "position", "digest"))
        kept = {row[chain_at]: (row[position_at], row[digest_at]) for row in heads if row[position_at]}
        for chain in sorted(kept.keys() | self.ends.keys()):
            if kept.get(chain) != self.ends.get(chain):
                self._fault(f"chain {chain} does not end where its head is")

    def _fault(self, text: str) -> None:
        self.many += 1
        if self.many <= TOLD:
            self.faults.append(text)

    def told(self) -> list[str]:
        """The faults as people read them."""
        more = self.many - len(self.faults)
        return [*self.faults, *([f"and {more} more"] if more else [])]


_READ: dict[str, Callable[[Any], Any]] = {
    "at": datetime.fromisoformat,
    "batch": UUID,
    "before": json.loads,
    "after": json.loads,
    "in_feed": bool,
}


class LogWatch:
    """Watches the tables of the log go by and follows its chains."""

    def __init__(self, tables: list[Table], *, with_contents: bool) -> None:
        by_name = {table.name: table for table in tables}
        self.heads_table, self.heads = by_name.get(HEADS), list[Any]()
        self.walk = LogWalk(by_name[EVENTS], with_contents=with_contents)

    def watch(self, table: Table) -> Watch | None:
        """What is to see the rows of a table; None where nothing is."""
        if table.name == EVENTS:
            return self.walk.take
        return self._keep_heads if table.name == HEADS else None

    def _keep_heads(self, rows: Sequence[Sequence[Any]]) -> None:
        # Copies: a loader changes rows into what it writes.
        self.heads += map(tuple, rows)

    def faults(self) -> list[str]:
        """What is wrong with the log, after all tables went by."""
        if self.heads_table is not None:
            self.walk.finish(self.heads_table, self.heads)
        return self.walk.told()
