"""Events as a replay reads them: the columns that say what changed, as slim rows in their order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db.models import Model, QuerySet

CHUNK = 2_000


class Entry(NamedTuple):
    """One event; `before` and `after` are never None."""

    id: int
    at: datetime
    kind: str
    actor_id: int | None
    actor_name: str
    batch: UUID | None
    region: str
    group_id: int | None
    group_name: str
    package_id: int | None
    package_name: str
    version: int | None
    target: str
    before: dict[str, Any]
    after: dict[str, Any]

    @property
    def is_import(self) -> bool:
        """True where an import wrote it: times and names of the change are those of its record."""
        return self.batch is not None

    @property
    def context(self) -> dict[str, Any]:
        """The wire's UserContext of who did it."""
        principal = str(self.actor_id) if self.actor_id is not None else self.actor_name
        return user_context(self.actor_name, principal)


def user_context(name: str, principal: str) -> dict[str, Any]:
    """What services note of an actor; the account is the setting of today, as it is not in the log."""
    arn = f"arn:aws:iam::{settings.REGISTRY_ACCOUNT_ID}:user/{name}"
    return {"IamIdentity": {"Arn": arn, "PrincipalId": principal}}


def entries_of(events: QuerySet[Any], *, stream: bool = False) -> Iterator[Entry]:
    """The entries of some events as the query orders them; `stream` reads them a few thousand at a time."""
    rows = events.values_list(*Entry._fields)
    return map(entry_of, rows.iterator(chunk_size=CHUNK) if stream else rows)


def entry_of(row: Sequence[Any]) -> Entry:
    """The entry of a row that has its columns in their order."""
    return Entry._make((*row[:-2], row[-2] or {}, row[-1] or {}))


def ends_votes(entry: Entry) -> bool:
    """Whether the rules of the group changed so that no vote of it was left."""
    return entry.kind == "model_package_group.rules_changed" and "VotesEnded" in entry.after


def blank(model: type[Model]) -> dict[str, Any]:
    """A new row of a table: every column but the id, each with its default."""
    plain, made = _defaults(model)
    return plain | {name: default() for name, default in made.items()}


@cache
def _defaults(model: type[Model]) -> tuple[dict[str, Any], dict[str, Callable[[], Any]]]:
    """The defaults of a table's columns in their order, and those that are made anew for each row."""
    fields: list[Any] = [field for field in model._meta.local_concrete_fields if not field.primary_key]
    # A field without a default has a class in its place, which can be called too.
    made = {field.attname: field.default for field in fields if field.has_default() and callable(field.default)}
    return {field.attname: None if field.attname in made else field.get_default() for field in fields}, made


def moment(text: Any) -> datetime | None:
    """The time that an event wrote down."""
    return datetime.fromisoformat(text) if text else None


def pairs_of_tags(tags: Iterable[dict[str, str]] | None) -> dict[str, str]:
    """Tags in the wire's form as keys and values, in their order."""
    return {tag["Key"]: tag.get("Value") or "" for tag in tags or ()}


def replaced_tags(present: dict[str, tuple[str, int]], wanted: dict[str, str]) -> dict[str, tuple[str, int]]:
    """Tags (value and slot by key) after they were made to equal `wanted`: one that stays keeps its slot."""
    if not wanted:
        return {}
    kept = {key: (wanted[key], slot) for key, (_, slot) in present.items() if key in wanted}
    free = iter(sorted(set(range(len(wanted) + len(kept) + 1)) - {slot for _, slot in kept.values()}))
    return kept | {key: (value, next(free)) for key, value in wanted.items() if key not in kept}
