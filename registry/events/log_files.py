"""The log as a file of JSON lines: written for whoever shall check it elsewhere, and checked without a database.

A line is `{"content":{…},"digest":"…","id":…,"previous":"…"}`. What stands between `"content":` and `,"digest":` is
what is hashed, byte for byte: SHA-256 of the 32 bytes of `previous` and of its own SHA-256 is `digest` (events.chains).
Lines come chain by chain, and within a chain by position.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import dropwhile, takewhile
from pathlib import Path
from typing import Any

from .chains import COLUMNS, START, canonical
from .explaining import Finding, Head, explain
from .links import AFTER, AT, BEFORE, Link, links
from .verifying import Counts, Report, Walk, numbered_chains, silent

_STATES = (BEFORE, AFTER)


class NoEvent(Exception):
    """A line is no line of an export; the text says why."""


def log_lines(
    *, chains: Sequence[int] | None = None, since: datetime | None = None, until: datetime | None = None
) -> Iterator[str]:
    """The log, or these chains of it, as lines.

    With `since` each chain begins with its first event of that moment or later, with `until` it ends before the first
    event of that moment or later: in both cases without a gap. An event that cannot be read is a ValueError.
    """
    for chain, _ in numbered_chains(chains):
        found: Iterator[Link] = links(chain)
        if since is not None:
            found = dropwhile(lambda link: _at(link) < since, found)
        if until is not None:
            found = takewhile(lambda link: _at(link) < until, found)
        yield from map(line_of, found)


def _at(link: Link) -> datetime:
    if link.at is None:
        raise ValueError(f"event {link.pk} cannot be read: `manage.py verifylog` says more")
    return link.at


def line_of(link: Link) -> str:
    """One event as a line, with its end of line."""
    _at(link)
    content = link.content().decode("ascii")
    return f'{{"content":{content},"digest":"{link.digest.hex()}","id":{link.pk},"previous":"{link.previous.hex()}"}}\n'


def link_of(line: str) -> Link:
    """The event of a line; NoEvent says what is wrong with it."""
    try:
        told = json.loads(line)
        content = told["content"]
        if tuple(sorted(content)) != COLUMNS or len(told) != 4:
            raise NoEvent("its members are not those of an event")
        values: list[Any] = [content[name] for name in COLUMNS]
        values[AT] = datetime.fromisoformat(values[AT])
        for place in _STATES:
            canonical(values[place])
        link = Link.of(told["id"], bytes.fromhex(told["previous"]), bytes.fromhex(told["digest"]), values)
        if not all(type(number) is int for number in (link.pk, link.chain, link.position)):
            raise NoEvent("its id, chain or position is no number")
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise NoEvent("it is no line of an exported log") from error
    return link


def verify_file(path: Path, *, counts: Counts | None = None, report: Report = silent) -> Iterator[Finding]:
    """Everything that is wrong within an exported log; OSError where it cannot be read.

    A chain that begins later than with its first event is taken up where it begins, and counted in `counts.partial`.
    Where a chain ends nobody can tell from the file alone: compare its last digest with the registry or a checkpoint.
    """
    counts = Counts() if counts is None else counts
    seen: set[int] = set()
    chain: _FileChain | None = None
    for number, offset, line in _numbered(path):
        try:
            link = link_of(line)
        except NoEvent as error:
            yield Finding("edited", f"line {number}: {error}")
            continue
        if chain is None or link.chain != chain.number:
            if chain is not None:
                yield from chain.findings(path)
            if link.chain in seen:
                yield Finding("reordered", f"line {number}: the chain was ended before", link.chain, link.group)
            seen.add(link.chain)
            chain = _FileChain(link, offset)
            counts.chains += 1
            counts.partial += link.position != 1
        chain.walk.take(link)
        chain.last = link
        counts.events += 1
        if counts.events % 500 == 0:
            report(counts)
    if chain is not None:
        yield from chain.findings(path)


def _numbered(path: Path, offset: int = 0) -> Iterator[tuple[int, int, str]]:
    """The lines of a file with their numbers and where they begin."""
    with path.open("rb") as file:
        file.seek(offset)
        for number, line in enumerate(file, start=1):
            if line.strip():
                yield number, offset, line.decode("utf-8", "replace")
            offset += len(line)


class _FileChain:
    """A chain of a file, while its lines go by."""

    def __init__(self, first: Link, offset: int) -> None:
        self.number, self.offset, self.last = first.chain, offset, first
        self.begin: Head = (0, START) if first.position == 1 else (first.position - 1, first.previous)
        self.walk = Walk(self.begin)

    def findings(self, path: Path) -> list[Finding]:
        """What is wrong with the chain, once its last line was taken; its lines are read again for that."""
        if self.walk.holds:
            return []
        return explain(self.number, self._again(path), lambda: (self.last.position, self.last.digest), self.begin)

    def _again(self, path: Path) -> Iterator[Link]:
        for _, _, line in _numbered(path, self.offset):
            try:
                link = link_of(line)
            except NoEvent:
                continue
            if link.chain != self.number:
                return
            yield link
