"""Whether the checkpoints are whole and the log is still what they signed; reads everything, writes nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from datetime import datetime

from django.db.models import OuterRef, Subquery

from .checkpoint_keys import has_key, public_key
from .merkle import Tree
from .models import ChainHead, Checkpoint, CheckpointKey, CheckpointLeaf, Event
from .proofs import NO_CHECKPOINT, Place, is_signed, key_name

_BATCH = 2_000


class _Heads:
    """The heads of all chains as the leaves tell them, one checkpoint after the other, and their tree."""

    def __init__(self) -> None:
        self.chains: list[int] = []
        self.positions: dict[int, int] = {}
        self.events = 0
        self._tree = Tree()

    def put(self, place: Place) -> None:
        """Take over a head that a checkpoint keeps."""
        self.events += place.position - self.positions.get(place.chain, 0)
        at = bisect_left(self.chains, place.chain)
        if place.chain in self.positions or at == len(self.chains):
            if at == len(self.chains):
                self.chains.append(place.chain)
            self._tree.put(at, place.leaf)
        else:
            # Chains begin in the order of their numbers, but for some that began at the same moment.
            self.chains.insert(at, place.chain)
            self._tree = Tree([*self._tree.leaves[:at], place.leaf, *self._tree.leaves[at:]])
        self.positions[place.chain] = place.position

    @property
    def root(self) -> bytes:
        return self._tree.root


def checkpoint_faults(trusted: Collection[bytes] = ()) -> Iterator[str]:
    """Each thing that is wrong with the checkpoints or with the log they signed, in words; nothing if all is well.

    `trusted` are public keys beside the one of this machine; a checkpoint that none of them signed counts for nothing,
    since whoever can write to the database could have made it. Memory holds a head for each chain.
    """
    keys = {key_name(public): public for public in trusted}
    if has_key():
        own = public_key()
        keys[key_name(own)] = own
    for name, public in CheckpointKey.objects.values_list("name", "public"):
        if key_name(bytes(public)) != name:
            yield f"Key {name} is kept with the public key of another one."
    heads, previous, number, at = _Heads(), NO_CHECKPOINT, 0, None
    unknown: dict[str, list[int]] = {}
    for checkpoint in Checkpoint.objects.order_by("number").iterator(chunk_size=_BATCH):
        statement = checkpoint.statement
        when = f"checkpoint {checkpoint.number} of {statement.at}"
        if checkpoint.number != number + 1:
            yield f"Checkpoint {number + 1} is missing; the next one is {checkpoint.number}."
        if statement.previous != previous and checkpoint.number == number + 1:
            yield f"C{when[1:]} does not follow checkpoint {number}: it names another one before it."
        if at is not None and checkpoint.at <= at:
            yield f"C{when[1:]} is not later than the one before."
        if checkpoint.key not in keys:
            unknown.setdefault(checkpoint.key, []).append(checkpoint.number)
        elif not is_signed(keys[checkpoint.key], bytes(checkpoint.signature), statement.text()):
            yield f"C{when[1:]} does not bear the signature of key {checkpoint.key}: it was changed."
        waypoints = []
        for place, is_head, said in _leaves(checkpoint.number):
            if is_head:
                heads.put(place)
            else:
                waypoints.append(place)
            if said is None:
                yield f"Chain {place.chain} has no event at position {place.position}, which {when} signed: cut off."
            elif said != place.digest:
                yield (
                    f"Chain {place.chain} was rewritten at position {place.position} or before: "
                    f"its digest there is not the one that {when} signed."
                )
        if (heads.root, len(heads.chains), heads.events) != (statement.root, statement.chains, statement.events):
            yield f"The heads that are kept for {when} are not those that it signed."
        tree = Tree(place.leaf for place in waypoints)
        if (tree.root, len(tree)) != (statement.waypoint_root, statement.waypoints):
            yield f"The waypoints that are kept for {when} are not those that it signed."
        previous, number, at = statement.digest(), checkpoint.number, checkpoint.at
    for name, numbers in sorted(unknown.items()):
        yield (
            f"{_many(numbers)} signed with key {name}, which this machine does not hold. If it is yours, name its "
            "public key with --public-key."
        )
    gone = CheckpointLeaf.objects.filter(checkpoint__gt=number).values_list("checkpoint", flat=True).first()
    if gone is not None:
        yield f"Checkpoint {gone} is missing: leaves of it are kept."
    yield from _lost_heads(heads)


def _leaves(checkpoint: int) -> Iterator[tuple[Place, bool, bytes | None]]:
    """The leaves of a checkpoint in order, each with the digest that the log has at its place (None: no event)."""
    event = Event.objects.filter(chain=OuterRef("chain"), position=OuterRef("position"))
    rows = (
        CheckpointLeaf.objects.filter(checkpoint=checkpoint)
        .annotate(said=Subquery(event.values("digest")[:1]))
        .order_by("chain", "position")
        .values_list("chain", "position", "digest", "is_head", "said")
    )
    for chain, position, digest, is_head, said in rows.iterator(chunk_size=_BATCH):
        yield Place(chain, position, bytes(digest)), is_head, None if said is None else bytes(said)


def _lost_heads(heads: _Heads) -> Iterator[str]:
    """Chains that a checkpoint covers further than the log's own heads reach."""
    now = dict(ChainHead.objects.values_list("chain", "position"))
    for chain, position in heads.positions.items():
        if now.get(chain, 0) < position:
            yield f"Chain {chain} ends at position {now.get(chain, 0)}; a checkpoint covers {position}: cut off."


def _many(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"Checkpoint {numbers[0]} was"
    return f"{len(numbers)} checkpoints ({numbers[0]} to {numbers[-1]}) were"


def checkpoints_in_words() -> str:
    """What there is to check, as one line."""
    newest: tuple[int, int, datetime] | None = (
        Checkpoint.objects.order_by("-number").values_list("number", "events", "at").first()
    )
    if newest is None:
        return "No checkpoint was made yet."
    return f"{newest[0]} checkpoints; the newest covers {newest[1]} events until {newest[2]:%Y-%m-%d %H:%M} UTC."
