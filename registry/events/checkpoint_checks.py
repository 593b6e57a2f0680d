"""Whether the checkpoints are whole and the log is still what they signed; reads everything, writes nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from datetime import datetime

from django.db.models import OuterRef, Subquery

from .checkpoint_keys import has_key, public_key
from .explaining import Finding
from .merkle import Tree
from .models import ChainHead, Checkpoint, CheckpointLeaf, Event
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

    def __len__(self) -> int:
        return len(self.chains)

    @property
    def root(self) -> bytes:
        return self._tree.root


def checkpoint_findings(trusted: Collection[bytes] = (), chains: Collection[int] | None = None) -> Iterator[Finding]:
    """Each thing that is wrong with the checkpoints or with the log they signed; nothing if all is well.

    `trusted` are public keys beside the one of this machine; a checkpoint that none of them signed counts for nothing,
    since whoever can write to the database could have made it. With `chains` only these are compared with the log.
    Memory holds a head for each chain.
    """
    check = _Check(trusted, chains)
    for checkpoint in Checkpoint.objects.order_by("number").iterator(chunk_size=_BATCH):
        yield from check.statement(checkpoint)
        yield from check.leaves(checkpoint)
    yield from check.end()


class _Check:
    """One way through the checkpoints, from the first to the last."""

    def __init__(self, trusted: Collection[bytes], chains: Collection[int] | None) -> None:
        self.keys = {key_name(public): public for public in trusted}
        if has_key():
            own = public_key()
            self.keys[key_name(own)] = own
        self.only = set(chains) if chains is not None else None
        self.heads = _Heads()
        self.previous, self.number = NO_CHECKPOINT, 0
        self.at: datetime | None = None
        self.unknown: dict[str, list[int]] = {}

    def statement(self, checkpoint: Checkpoint) -> Iterator[Finding]:
        """Its number, what it names before it, its time and its signature."""
        statement, number = checkpoint.statement, checkpoint.number
        if number != self.number + 1:
            yield _wrong(f"checkpoint {self.number + 1} is missing; the next one is {number}")
        elif statement.previous != self.previous:
            yield _wrong(
                f"{_named(checkpoint)} does not follow checkpoint {self.number}: it names another one before it"
            )
        if self.at is not None and checkpoint.at <= self.at:
            yield _wrong(f"{_named(checkpoint)} is not later than the one before")
        if checkpoint.key not in self.keys:
            self.unknown.setdefault(checkpoint.key, []).append(number)
        elif not is_signed(self.keys[checkpoint.key], bytes(checkpoint.signature), statement.text()):
            yield _wrong(f"{_named(checkpoint)} does not bear the signature of key {checkpoint.key}: it was changed")
        self.previous, self.number, self.at = statement.digest(), number, checkpoint.at

    def leaves(self, checkpoint: Checkpoint) -> Iterator[Finding]:
        """Its leaves beside the log, and beside the roots that it signed."""
        statement, when, waypoints = checkpoint.statement, _named(checkpoint), []
        for place, is_head, said in _leaves(checkpoint.number):
            if is_head:
                self.heads.put(place)
            else:
                waypoints.append(place)
            if said == place.digest or (self.only is not None and place.chain not in self.only):
                continue
            if said is None:
                text = f"cut off: there is no event at position {place.position}, which {when} signed"
            else:
                text = (
                    f"rewritten at position {place.position} or before: the digest there is not the one that "
                    f"{when} signed"
                )
            yield _wrong(text, place.chain, place.position)
        if (self.heads.root, len(self.heads), self.heads.events) != (
            statement.root,
            statement.chains,
            statement.events,
        ):
            yield _wrong(f"the heads that are kept for {when} are not those that it signed")
        tree = Tree(place.leaf for place in waypoints)
        if (tree.root, len(tree)) != (statement.waypoint_root, statement.waypoints):
            yield _wrong(f"the waypoints that are kept for {when} are not those that it signed")

    def end(self) -> Iterator[Finding]:
        """What is seen at the end only: unknown keys, leaves without a checkpoint, chains that are shorter now."""
        for name, numbers in sorted(self.unknown.items()):
            yield _wrong(
                f"{_many(numbers)} signed with key {name}, which this machine does not hold; if it is yours, name its "
                "public key with --public-key"
            )
        gone = CheckpointLeaf.objects.filter(checkpoint__gt=self.number).values_list("checkpoint", flat=True).first()
        if gone is not None:
            yield _wrong(f"checkpoint {gone} is missing: leaves of it are kept")
        now = dict(ChainHead.objects.values_list("chain", "position"))
        for chain, position in self.heads.positions.items():
            if now.get(chain, 0) < position and (self.only is None or chain in self.only):
                text = f"cut off: it ends at position {now.get(chain, 0)}, and a checkpoint covers {position}"
                yield _wrong(text, chain, position)


def _wrong(text: str, chain: int | None = None, position: int | None = None) -> Finding:
    group = ""
    if chain:
        named = Event.objects.filter(chain=chain).values_list("region", "group_name").first()
        group = "/".join(named) if named is not None else ""
    return Finding("checkpoint", text, chain=chain, group=group, position=position)


def _named(checkpoint: Checkpoint) -> str:
    return f"checkpoint {checkpoint.number} of {checkpoint.at:%Y-%m-%d %H:%M:%S} UTC"


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


def _many(numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"checkpoint {numbers[0]} was"
    return f"{len(numbers)} checkpoints ({numbers[0]} to {numbers[-1]}) were"
