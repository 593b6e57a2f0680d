"""Check the whole log: every digest, every place, every end; what is wrong is told one finding at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from django.db import connection

from .chains import START, digest_of
from .checkpoint_checks import checkpoint_findings
from .explaining import Finding, Head, explain
from .links import UNREADABLE, Link, head_of, heads, links, next_chain
from .triggers import missing_triggers


@dataclass
class Counts:
    """How much was checked."""

    chains: int = 0
    events: int = 0
    partial: int = 0  # chains of a file that do not begin with their first event


Report = Callable[[Counts], None]


def silent(counts: Counts) -> None:
    """For a check that nobody watches."""


class Walk:
    """One way along a chain: `holds` says whether all links so far are as they were written."""

    def __init__(self, begin: Head = (0, START)) -> None:
        self.position, self.digest = begin
        self.last_id = 0
        self.holds = True

    def take(self, link: Link) -> None:
        """Go on to the next link."""
        self.holds = self.holds and self._continues(link)
        self.position, self.digest, self.last_id = link.position, link.digest, link.pk

    def _continues(self, link: Link) -> bool:
        if link.position != self.position + 1 or link.previous != self.digest or link.pk <= self.last_id:
            return False
        if link.values is None:
            return False
        try:
            return digest_of(link.previous, link.content()) == link.digest
        except UNREADABLE:
            return False


def verify_log(
    *,
    chains: Sequence[int] | None = None,
    counts: Counts | None = None,
    report: Report = silent,
    trusted: Sequence[bytes] = (),
) -> Iterator[Finding]:
    """Everything that is wrong with the log, or with these chains of it; nothing when it is as it was written.

    Reads one batch at a time; only of a chain that does not hold together some numbers of each event are kept, to say
    what was done to it. Others may write meanwhile. `report` hears of the counts after each batch. `trusted` are public
    keys of checkpoints beside the one that this machine holds. A chain that somebody computed anew to its end, or that
    is gone with its head, is found out by what signed checkpoints say of it: a Finding of the kind "checkpoint".
    """
    counts = Counts() if counts is None else counts
    for name in missing_triggers(connection):
        text = f"the trigger {name} is missing or switched off, so the database would let the log be changed"
        yield Finding("unprotected", text)
    for number, head in numbered_chains(chains):
        counts.chains += 1
        yield from _verify_chain(number, head, counts, report)
    yield from checkpoint_findings(trusted, chains)


def numbered_chains(only: Sequence[int] | None = None) -> Iterator[tuple[int, Head | None]]:
    """The numbers of all chains (or of these) with their heads, also those that lost theirs."""
    if only is not None:
        for number in only:
            yield number, head_of(number)
        return
    last: int | None = None
    for number, position, digest in heads():
        for lost in _without_head(last, number):
            yield lost, None
        yield number, (position, digest)
        last = number
    for lost in _without_head(last, None):
        yield lost, None


def _without_head(after: int | None, before: int | None) -> Iterator[int]:
    while (lost := next_chain(after, before)) is not None:
        yield lost
        after = lost


def _verify_chain(chain: int, head: Head | None, counts: Counts, report: Callable[[Counts], None]) -> Iterator[Finding]:
    walk = Walk()
    for link in links(chain):
        walk.take(link)
        counts.events += 1
        if counts.events % 500 == 0:
            report(counts)
    if head is not None and walk.position > head[0]:
        # The head was read before the events: others may have gone on meanwhile.
        head = head_of(chain)
        for link in _until(head, links(chain, after=walk.position)):
            walk.take(link)
            counts.events += 1
    if not walk.holds or head != (walk.position, walk.digest):
        rest = _Rest(chain)
        yield from explain(chain, rest, lambda: rest.head)


def _until(head: Head | None, found: Iterable[Link]) -> Iterator[Link]:
    return takewhile(lambda link: head is not None and link.position <= head[0], found)


class _Rest:
    """All links of a chain, and the head that was there when the last was read."""

    def __init__(self, chain: int) -> None:
        self.chain, self.head = chain, head_of(chain)

    def __iter__(self) -> Iterator[Link]:
        last = None
        for last in links(self.chain):
            yield last
        self.head = head_of(self.chain)
        if last is not None:
            yield from _until(self.head, links(self.chain, after=last.position))
