"""From events to the signed leaves that cover them: the links between, read from the log."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from django.db.models import TextField
from django.db.models.functions import Cast

from registry.statements import Prepared

from .chains import COLUMNS, START, canonical, content_of_values, digest_behind
from .checkpoints import LogContradicts, heads_at, make_checkpoint, waypoints_of
from .merkle import Tree
from .models import Checkpoint, CheckpointLeaf, Event
from .proofs import Place, Stretch

# Two events that are further apart are proved apart: what lies between is of no use to either.
GAP = 1_000
_BEFORE, _AFTER = COLUMNS.index("before"), COLUMNS.index("after")
_TEXTS = {"before": "before_text", "after": "after_text"}


# A worker keeps the trees that were asked for last, of at most so many leaves in all: about 5 MB.
KEPT_LEAVES = 32_768
# And what it hashed of so many events, about 3 MB: evidence of neighbours has most of its links in common.
KEPT_LINKS = 2_048


class _Run(NamedTuple):
    """Events that one stretch proves: from the first position to the leaf that covers the last."""

    first: int
    leaf: CheckpointLeaf


class _Signed:
    """The tree of a checkpoint, and which of its leaves, in their order, is which place of a chain."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.tree = Tree(place.leaf for place in places)
        self._chains = array("q", [place.chain for place in places])
        self._positions = array("q", [place.position for place in places])

    def index(self, leaf: CheckpointLeaf) -> int:
        """The number of the leaf in the tree; raises LogContradicts where the tree has none for that place."""
        start, end = bisect_left(self._chains, leaf.chain), bisect_right(self._chains, leaf.chain)
        found = bisect_left(self._positions, leaf.position, start, end)
        if found == end or self._positions[found] != leaf.position:
            raise LogContradicts([f"Checkpoint {leaf.checkpoint_id} did not sign {leaf}."])
        return found


# By their roots: whatever has that root is that tree, so what is kept cannot be another one than was signed.
_kept: dict[bytes, _Signed] = {}


def _signed(checkpoint: int, *, heads: bool) -> _Signed:
    root = bytes(next(root for (root,) in _ROOTS[heads].rows(checkpoint=checkpoint)))
    if found := _kept.get(root):
        return found
    found = _Signed(heads_at(checkpoint) if heads else waypoints_of(checkpoint))
    if found.tree.root == root and len(found.tree) <= KEPT_LEAVES:
        if sum(len(signed.tree) for signed in [*_kept.values(), found]) > KEPT_LEAVES:
            _kept.clear()
        _kept[root] = found
    return found


def cover(chain: int, position: int) -> None:
    """See to it that a checkpoint covers that place of the log; raises LogContradicts as make_checkpoint does."""
    if _NEXT_LEAF.first(chain=chain, position=position) is None:
        make_checkpoint()


def content_and_link(event: Event) -> tuple[str, bytes]:
    """The content of an event as it was hashed, and its SHA-256."""
    values = [getattr(event, name) for name in COLUMNS]
    content = content_of_values(values, before=canonical(event.before), after=canonical(event.after))
    return content.decode("ascii"), sha256(content).digest()


def stretches(chain: int, positions: Iterable[int]) -> list[Stretch]:
    """The stretches that lead from these places of a chain, all covered by checkpoints, to signed leaves.

    One stretch where they are near to each other, at most GAP links between two of them and some hundred behind the
    last. Raises LogContradicts where the log does not follow its own digests.
    """
    return [_stretch(chain, run) for run in _runs(chain, sorted(set(positions)))]


def _runs(chain: int, positions: Sequence[int]) -> Iterator[_Run]:
    """Positions in order, put together where they are near."""
    run: _Run | None = None
    last = 0
    for position in positions:
        if run is not None and position > run.leaf.position and position - last > GAP:
            yield run
            run = None
        if run is None or position > run.leaf.position:
            run = _Run(run.first if run is not None else position, _leaf_of(chain, position))
        last = position
    if run is not None:
        yield run


def _leaf_of(chain: int, position: int) -> CheckpointLeaf:
    leaf = _NEXT_LEAF.first(chain=chain, position=position)
    if leaf is None:
        raise LogContradicts([f"No checkpoint covers position {position} of chain {chain}."])
    return leaf


def _stretch(chain: int, run: _Run) -> Stretch:
    previous, links = _links(chain, run)
    leaf = run.leaf
    signed = _signed(leaf.checkpoint_id, heads=leaf.is_head)
    index = signed.index(leaf)
    return Stretch(
        chain=chain,
        first=run.first,
        previous=previous,
        links=links,
        checkpoint=leaf.checkpoint_id,
        is_head=leaf.is_head,
        index=index,
        size=len(signed.tree),
        proof=signed.tree.proof(index),
    )


def _links(chain: int, run: _Run) -> tuple[bytes, list[bytes]]:
    """The digest before a run and SHA-256 of the content of each of its events, checked against the log's digests."""
    rows = _LINKS.rows(chain=chain, first=run.first, last=run.leaf.position)
    before = digest = START
    links: list[bytes] = []
    for *values, previous, said in rows:
        if not links:
            before = digest = bytes(previous)
        place = run.first + len(links)
        try:
            links.append(_link(*values))
        except (TypeError, ValueError, ArithmeticError):  # nothing that the registry wrote
            links.append(START)
        if bytes(previous) != digest or digest_behind(digest, links[-1]) != bytes(said):
            raise LogContradicts([f"The event at position {place} of chain {chain} is not the one that was chained."])
        digest = bytes(said)
    if len(links) != run.leaf.position - run.first + 1 or digest != bytes(run.leaf.digest):
        raise LogContradicts([f"Chain {chain} is not what checkpoint {run.leaf.checkpoint_id} signed."])
    return before, links


@lru_cache(KEPT_LINKS, typed=True)
def _link(*values: Any) -> bytes:
    """SHA-256 of the content of an event whose columns come as they are stored, JSON as text.

    It is kept under all of them, so a row that was changed is another one.
    """
    before, after = (_of_text(values[place]) for place in (_BEFORE, _AFTER))
    return sha256(content_of_values(values, before=before, after=after)).digest()


def _of_text(text: str | None) -> str:
    return canonical(None if text is None else json.loads(text))


_NEXT_LEAF: Prepared[CheckpointLeaf] = Prepared(
    lambda chain, position: CheckpointLeaf.objects.filter(chain=chain, position__gte=position).order_by("position")[:1],
    chain=int,
    position=int,
)
# By whether it is the tree of the heads.
_ROOTS: dict[bool, Prepared[Any]] = {
    heads: Prepared(
        lambda checkpoint, column=column: Checkpoint.objects.filter(pk=checkpoint).values_list(column), checkpoint=int
    )
    for heads, column in ((True, "root"), (False, "waypoint_root"))
}
_LINKS: Prepared[Any] = Prepared(
    lambda chain, first, last: (
        Event.objects.filter(chain=chain, position__gte=first, position__lte=last)
        .order_by("position")
        .annotate(before_text=Cast("before", TextField()), after_text=Cast("after", TextField()))
        .values_list(*(_TEXTS.get(name, name) for name in COLUMNS), "previous", "digest")
    ),
    chain=int,
    first=int,
    last=int,
)
