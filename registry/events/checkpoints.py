"""Sign the state of all chains of the log: whoever holds a checkpoint notices when what it covers is rewritten."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import OuterRef, QuerySet, Subquery, Sum
from django.utils import timezone

from registry.statements import Prepared

from .checkpoint_keys import private_key
from .merkle import Tree
from .models import ChainHead, Checkpoint, CheckpointKey, CheckpointLeaf, Event
from .proofs import NO_CHECKPOINT, Place, key_name, public_bytes, sign

logger = logging.getLogger("registry.checkpoints")

# Every position that this divides gets a leaf of its own where a chain grew by more between two checkpoints: from an
# event of an import of 500,000 it is never further to a signed leaf.
WAYPOINTS = 250
_BATCH = 400


class LogContradicts(Exception):
    """The log is not what an earlier checkpoint signed; no further checkpoint is made over it. `faults` say where."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__(" ".join(faults[:3]))
        self.faults = faults


class _Overtaken(Exception):
    """Somebody else made a checkpoint in between."""


@dataclass(frozen=True)
class _Head:
    """The end of a chain beside the newest leaf that a checkpoint keeps of it (None: none yet)."""

    now: Place
    kept: Place | None

    @property
    def has_moved(self) -> bool:
        return self.kept is None or self.kept.position != self.now.position


def newest_checkpoint() -> Checkpoint | None:
    """The last checkpoint; None before the first."""
    return Checkpoint.objects.order_by("-number").first()


def make_checkpoint() -> Checkpoint | None:
    """Sign the log as it is now and return the checkpoint: the newest one where nothing happened since.

    None for an empty log. Raises LogContradicts where the log is not what the newest checkpoint signed. Writers wait
    only for the moment in which its rows are written; two at once become one after the other.
    """
    try:
        return _attempt()
    except _Overtaken:
        # Now before everybody else, who wait meanwhile.
        with transaction.atomic():
            _lock()
            return _attempt()


def _attempt() -> Checkpoint | None:
    """make_checkpoint, once; raises _Overtaken where somebody else made one meanwhile."""
    last = newest_checkpoint()
    heads = _read_heads()
    faults = list(_contradictions(heads, last))
    if faults:
        if newest_checkpoint() != last:
            raise _Overtaken
        logger.error("No checkpoint is made: %s", " ".join(faults[:3]))
        raise LogContradicts(faults)
    moved = [head for head in heads if head.has_moved]
    if not moved:
        return last
    made = _signed(last, heads, moved)
    logger.info("Checkpoint %s of %s events, sha256 %s", made.number, made.events, made.statement.digest().hex())
    return made


def is_due(now: datetime | None = None) -> bool:
    """Whether REGISTRY_CHECKPOINT_MINUTES have passed since the newest checkpoint and the log has grown since."""
    minutes = settings.REGISTRY_CHECKPOINT_MINUTES
    if not minutes:
        return False
    last = newest_checkpoint()
    if last is not None and (now or timezone.now()) - last.at < timedelta(minutes=minutes):
        return False
    return count_events() > (last.events if last is not None else 0)


def count_events() -> int:
    """How many events the log has, from the heads of its chains."""
    return ChainHead.objects.aggregate(events=Sum("position"))["events"] or 0


# ---------- reading ----------


def _read_heads() -> list[_Head]:
    """The ends of all chains, in one statement: together they are the log as it was at one moment."""
    newest = CheckpointLeaf.objects.filter(chain=OuterRef("chain")).order_by("-position")
    rows = (
        ChainHead.objects.filter(position__gt=0)
        .annotate(kept=Subquery(newest.values("position")[:1]), kept_digest=Subquery(newest.values("digest")[:1]))
        .order_by("chain")
        .values_list("chain", "position", "digest", "kept", "kept_digest")
    )
    return [
        _Head(
            Place(chain, position, bytes(digest)),
            Place(chain, kept, bytes(kept_digest)) if kept is not None else None,
        )
        for chain, position, digest, kept, kept_digest in rows
    ]


def _contradictions(heads: Sequence[_Head], last: Checkpoint | None) -> Iterator[str]:
    """Where the log is not a continuation of what was signed."""
    if last is None:
        return
    known = [head for head in heads if head.kept is not None]
    if len(known) != last.chains:
        yield f"{last} signed {last.chains} chains, the log has {len(known)} of them."
    moved = []
    for head in known:
        kept = head.kept
        assert kept is not None
        if head.now.position < kept.position:
            yield f"Chain {kept.chain} ends at position {head.now.position}; {last} covers {kept.position}."
        elif head.has_moved:
            moved.append(kept)
        elif head.now.digest != kept.digest:
            yield f"Chain {kept.chain} ends with another digest than {last} covers."
    there = digests_at([(place.chain, place.position) for place in moved])
    for place in moved:
        if there.get((place.chain, place.position)) != place.digest:
            yield f"Chain {place.chain} has another digest at position {place.position} than {last} covers."


def digests_at(places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bytes]:
    """The digests that the log has at these places (chain, position); one query for a few hundred."""
    found: dict[tuple[int, int], bytes] = {}
    table = connection.ops.quote_name(Event._meta.db_table)
    for start in range(0, len(places), _BATCH):
        part = places[start : start + _BATCH]
        values = ", ".join(["(%s, %s)"] * len(part))
        sql = (
            f"WITH wanted (chain, position) AS (VALUES {values}) SELECT e.chain, e.position, e.digest "
            f"FROM wanted JOIN {table} e ON e.chain = wanted.chain AND e.position = wanted.position"
        )
        with connection.cursor() as cursor:
            cursor.execute(sql, [number for place in part for number in place])
            found |= {(chain, position): bytes(digest) for chain, position, digest in cursor.fetchall()}
    return found


def heads_at(checkpoint: int) -> list[Place]:
    """The leaves of a checkpoint's tree in their order: of each chain the newest head that was kept until then."""
    return [Place(chain, position, bytes(digest)) for chain, position, digest in _HEADS.rows(checkpoint=checkpoint)]


def _heads(checkpoint: int) -> QuerySet[ChainHead, Any]:
    newest = CheckpointLeaf.objects.filter(chain=OuterRef("chain"), is_head=True, checkpoint__lte=checkpoint).order_by(
        "-checkpoint_id"
    )
    kept = ChainHead.objects.annotate(
        kept=Subquery(newest.values("position")[:1]), of=Subquery(newest.values("digest")[:1])
    )
    return kept.filter(kept__isnull=False).order_by("chain").values_list("chain", "kept", "of")


def waypoints_of(checkpoint: int) -> list[Place]:
    """The leaves of a checkpoint's second tree in their order."""
    return [Place(chain, place, bytes(digest)) for chain, place, digest in _WAYPOINTS.rows(checkpoint=checkpoint)]


_HEADS: Prepared[Any] = Prepared(_heads, checkpoint=int)
_WAYPOINTS: Prepared[Any] = Prepared(
    lambda checkpoint: (
        CheckpointLeaf.objects.filter(checkpoint=checkpoint, is_head=False)
        .order_by("chain", "position")
        .values_list("chain", "position", "digest")
    ),
    checkpoint=int,
)


# ---------- writing ----------


def _signed(last: Checkpoint | None, heads: Sequence[_Head], moved: Sequence[_Head]) -> Checkpoint:
    """Sign these heads and keep the checkpoint; raises _Overtaken where another one came in between."""
    waypoints = _waypoints(moved)
    private = private_key()
    public = public_bytes(private)
    # Times rise from one to the next, also when a clock is set back.
    now = timezone.now()
    made = Checkpoint(
        number=last.number + 1 if last is not None else 1,
        at=max(now, last.at + timedelta(microseconds=1)) if last is not None else now,
        registry=settings.REGISTRY_ACCOUNT_ID,
        chains=len(heads),
        events=sum(head.now.position for head in heads),
        root=Tree(head.now.leaf for head in heads).root,
        waypoints=len(waypoints),
        waypoint_root=Tree(place.leaf for place in waypoints).root,
        previous=last.statement.digest() if last is not None else NO_CHECKPOINT,
        key=key_name(public),
    )
    made.signature = sign(private, made.statement.text())
    leaves = [
        CheckpointLeaf(
            checkpoint=made, chain=place.chain, position=place.position, digest=place.digest, is_head=is_head
        )
        for places, is_head in (([head.now for head in moved], True), (waypoints, False))
        for place in places
    ]
    with transaction.atomic():
        _lock()
        if newest_checkpoint() != last:
            raise _Overtaken
        if not CheckpointKey.objects.filter(name=made.key).exists():
            CheckpointKey.objects.create(name=made.key, public=public, since=made.at.astimezone(UTC))
        made.save(force_insert=True)
        CheckpointLeaf.objects.bulk_create(leaves, batch_size=1000)
    return made


# The number of the lock that all machines take on PostgreSQL: "chkp" in ASCII.
_ADVISORY_LOCK = 0x63686B70


def _lock() -> None:
    """One at a time: on SQLite every transaction that writes is alone anyway.

    Not a lock of the table: that takes the right to change its rows, which the role that serves need not have.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_ADVISORY_LOCK])


def _waypoints(moved: Sequence[_Head]) -> list[Place]:
    """The further places that get a leaf, in the order of their chains and positions."""
    wanted = [
        (head.now.chain, position)
        for head in moved
        for position in range(
            (head.kept.position if head.kept is not None else 0) // WAYPOINTS * WAYPOINTS + WAYPOINTS,
            head.now.position,
            WAYPOINTS,
        )
    ]
    there = digests_at(wanted)
    return [Place(*place, there[place]) for place in wanted if place in there]
