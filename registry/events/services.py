"""The one way to write the log."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from registry.statements import Prepared, insert

from .chains import START, content_of, digest_of
from .models import ChainHead, Event

Head = tuple[int, bytes]

# Rows of one INSERT: a database takes some ten thousand values in a statement.
_AT_ONCE = 300

_HEAD: Prepared[ChainHead] = Prepared(
    lambda chain: ChainHead.objects.select_for_update().filter(chain=chain).values_list("position", "digest"), chain=int
)

# The filter words of the activity page.
CATEGORIES = {
    "model_package_group.created": "registration",
    "model_package_group.description_changed": "registration",
    "model_package_group.tagged": "tags",
    "model_package.created": "registration",
    "model_package.approval_status_changed": "review",
    "model_package.vote_given": "review",
    "model_package.vote_withdrawn": "review",
    "model_package.changes_requested": "review",
    "model_package.commented": "review",
    "model_package.check_reported": "review",
    "model_package.stage_changed": "review",
    "model_package.metadata_changed": "metadata",
    "model_package.metrics_read": "metadata",
    "model_package.tagged": "tags",
    "model_package_group.deleted": "registration",
    "model_package_group.policy_changed": "access",
    "model_package_group.metrics_changed": "metadata",
    "model_package_group.rules_changed": "review",
    "model_package_group.teams_changed": "access",
    "model_package.deleted": "registration",
    "model_package.restored": "registration",
    "model_package_group.restored": "registration",
    "model_package.content_changed": "registration",
    "model_package.touched": "registration",
    "access_key.created": "access",
    "access_key.renamed": "access",
    "access_key.enabled": "access",
    "access_key.disabled": "access",
    "access_key.rotated": "access",
    "access_key.reencrypted": "access",
    "access_key.deleted": "access",
    "registry.imported": "registration",
    "registry.restored": "registration",
    "saved_view.saved": "views",
    "saved_view.changed": "views",
    "saved_view.shared": "views",
    "saved_view.unshared": "views",
    "saved_view.deleted": "views",
    "user.created": "access",
    "user.role_changed": "access",
    "user.activated": "access",
    "user.deactivated": "access",
    "user.password_changed": "access",
    "user.teams_changed": "access",
    "team.created": "access",
    "team.renamed": "access",
    "team.deleted": "access",
}


def record(
    actor: Any,
    kind: str,
    *,
    group: Any = None,
    package: Any = None,
    target: str = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    comment: str = "",
    at: datetime | None = None,
    batch: UUID | None = None,
    in_feed: bool = True,
) -> Event:
    """Write one event at the end of its chain and return it. Must run in the transaction of the change it tells of: one
    that cannot be written is an error, and the change is undone with it.

    `actor` has name, user, door, access_key and user_agent (accounts.permissions.Actor); `group` and `package` are
    rows of the catalog, read by attribute only, since this app knows no other. `kind` must be in CATEGORIES: a kind
    that nobody declared is a KeyError, so that no page meets an event it cannot tell.
    """
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{kind}: an event belongs into the transaction of its change")
    if package is not None and group is None and package.group_id:
        group = package.group
    subject = package if package is not None else group
    event = Event(
        at=at or timezone.now(),
        kind=kind,
        category=CATEGORIES[kind],
        actor=actor.user,
        actor_name=actor.name,
        door=actor.door,
        access_key=actor.access_key[:128],
        user_agent=actor.user_agent[:512],
        region=subject.region if subject is not None else "",
        group_id=group.pk if group is not None else None,
        group_name=group.name if group is not None else "",
        package_id=package.pk if package is not None else None,
        package_name=(package.name or "") if package is not None else "",
        version=package.version if package is not None else None,
        target=target,
        comment=comment,
        in_feed=in_feed,
        batch=batch,
        before=before,
        after=after,
    )
    held = _HELD.get()
    if held is None:
        append([event])
    else:
        held.events.append(event)
    return event


class Held:
    """The events of a block of `held_back`, in the order in which they were recorded."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    @contextmanager
    def together(self) -> Iterator[None]:
        """A part whose events are forgotten when it fails, as what it wrote is."""
        before = len(self.events)
        try:
            yield
        except BaseException:
            del self.events[before:]
            raise


_HELD: ContextVar[Held | None] = ContextVar("held", default=None)


@contextmanager
def held_back() -> Iterator[Held]:
    """Keep the events of the block and write them together at its end, in the same transaction; none when it fails.

    For changes of many groups at once: a chain's head, for which others wait, is then the last lock that is taken, and
    each is read once. Until the end these events have no id, and no query finds them.
    """
    held = Held()
    token = _HELD.set(held)
    try:
        yield held
    finally:
        _HELD.reset(token)
    if held.events:
        append(held.events)


def append(events: Sequence[Event]) -> None:
    """Write new events at the ends of their chains, in this order; within a transaction.

    The heads of the chains stay locked until it ends: the group's row and the package's come before (lock order).
    """
    chains = {event.group_id or 0 for event in events}
    heads = {chain: _lock_head(chain) for chain in chains} if len(chains) == 1 else lock_heads(chains)
    for event in events:
        event.chain = event.group_id or 0
        position, event.previous = heads[event.chain]
        event.position = position + 1
        event.digest = digest_of(event.previous, content_of(event))
        heads[event.chain] = (event.position, event.digest)
    for start in range(0, len(events), _AT_ONCE):
        insert(events[start : start + _AT_ONCE])


def _lock_head(chain: int) -> Head:
    for _ in range(2):
        if found := _HEAD.rows(chain=chain):
            position, digest = found[0]
            return position, bytes(digest)
        _begin([chain])
    raise RuntimeError(f"chain {chain} has no head")


def lock_heads(chains: Collection[int]) -> dict[int, Head]:
    """Where these chains end, locked until the transaction ends, in the order of their numbers; new ones begin.

    Chain 0, which everybody writes to, comes last: whoever waits for it holds all else, and whoever has it goes on.
    """
    heads: dict[int, Head] = {}
    for some in [sorted(chain for chain in chains if chain), [0] if 0 in chains else []]:
        for start in range(0, len(some), 1000):
            part = some[start : start + 1000]
            heads |= _read_heads(part)
            if missing := [chain for chain in part if chain not in heads]:
                _begin(missing)
                heads |= _read_heads(missing)
    return heads


def _read_heads(chains: Sequence[int]) -> dict[int, Head]:
    rows = ChainHead.objects.select_for_update().filter(chain__in=chains).order_by("chain")
    return {chain: (at, bytes(digest)) for chain, at, digest in rows.values_list("chain", "position", "digest")}


def _begin(chains: Sequence[int]) -> None:
    """Make the heads of new chains; where somebody else was quicker, theirs stays."""
    there = set(ChainHead.objects.filter(chain__in=chains).values_list("chain", flat=True))
    heads = [ChainHead(chain=chain, position=0, digest=START) for chain in chains if chain not in there]
    ChainHead.objects.bulk_create(heads, ignore_conflicts=True)
