"""How long what was deleted may come back, and in which words it may not; no query, no write."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

RESTORABLE = timedelta(days=30)


def restorable_until(deleted_at: datetime) -> datetime:
    """The moment after which nobody may restore it; the tombstone and its events stay."""
    return deleted_at + RESTORABLE


def why_not(
    what: str, deleted_at: datetime, *, group_deleted: str = "", name_taken: str = "", now: datetime | None = None
) -> str:
    """The sentence that refuses to restore `what`; "" where it may come back.

    `group_deleted` is the name of its group where that is deleted, `name_taken` its own where something else has it.
    """
    if (now or timezone.now()) > restorable_until(deleted_at):
        return f"{what} was deleted more than {RESTORABLE.days} days ago and stays deleted."
    if group_deleted:
        return f"The group {group_deleted} was deleted too. Restore the group first."
    if name_taken:
        return f"The name {name_taken} is taken again."
    return ""
