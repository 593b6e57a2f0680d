"""Whether the tables are what the log says: group by group, some packages at a time, each difference in words."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.events.models import Event

from ..models import ModelPackage, ModelPackageGroup
from . import stored
from .accounts import KINDS, AccountsReplay
from .entries import Entry, ends_votes, entries_of
from .groups import GroupReplay, Versions
from .packages import PackageReplay
from .saved_views import replay_saved_views

BATCH = 200  # packages whose rows and events are in memory at once
# Releases before this one noted an event some moments after the time that they wrote into the row.
_MOMENTS = timedelta(seconds=2)
_ACCOUNT = re.compile(r"^arn:aws:iam::\d{12}:")
_VIEW_KINDS = tuple(f"saved_view.{verb}" for verb in ("saved", "changed", "shared", "unshared", "deleted"))


@dataclass(frozen=True)
class Difference:
    """One place where tables and log part: `what` is a column or part of `subject`.

    `is_gap`: no contradiction, but something that a release before this one did not write into the log.
    """

    subject: str
    what: str
    words: str
    is_gap: bool = False

    def __str__(self) -> str:
        return f"{self.subject}: {self.what}: {self.words}"


# ---------- a group ----------


def compare_group(group_id: int) -> Iterator[Difference]:
    """The differences of one group, of its versions and of what hangs on them; memory holds BATCH versions."""
    group, ended, registered = GroupReplay(), [], set()
    name = f"group {group_id}"
    for entry in entries_of(Event.objects.for_group(group_id).order_by("id"), stream=True):
        name = f"{entry.group_name} ({entry.region})"
        group.take(entry)
        if entry.kind == "model_package.created" and entry.package_id:
            registered.add(entry.package_id)
        elif ends_votes(entry):
            ended.append(entry.id)
    present = ModelPackage.objects.filter(group=group_id).order_by().values_list("pk", flat=True)
    ids = sorted(registered.union(present.iterator()))
    versions = Versions()
    for batch in _batches(ids):
        yield from _compare_packages(batch, name, ended, versions)
    row = stored.group_rows([group_id]).get(group_id)
    if row is None or group.row is None:
        yield _missing(name, "group", in_tables=row is not None)
        return
    replayed = group.row | versions.columns()
    yield from _columns(name, row, replayed, group.since, unknown=group.unknown, exact=group.is_complete)
    tags = {key: {"value": value, "slot": slot} for key, (value, slot) in group.tags.items()}
    yield from _parts(name, "tags", stored.group_tags(group_id), tags, exact=group.is_complete)
    yield from _parts(name, "team", stored.group_teams(group_id), {pk: {} for pk in group.teams}, exact=True)


def _batches(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), BATCH):
        yield ids[start : start + BATCH]


def _compare_packages(
    ids: Sequence[int], group: str, ended: Sequence[int], versions: Versions | None
) -> Iterator[Difference]:
    """The differences of some packages of a group, or of unversioned ones; adds them to `versions`."""
    rows, parts, replays = stored.package_rows(ids), stored.parts_of(ids), replay_packages(ids, ended)
    for pk in ids:
        row, package = rows.get(pk), replays[pk]
        known = row or package.row or {}
        label = f"{group} v{known['version']}" if known.get("version") else str(known.get("name"))
        if package.row is not None and versions is not None:
            versions.add(package.row)
        if row is None or package.row is None:
            yield _missing(label, "registration", in_tables=row is not None)
            continue
        exact = package.is_complete
        yield from _columns(label, row, package.row, package.since, unknown=package.unknown, exact=exact)
        for part, replayed in stored.replayed_parts(package).items():
            yield from _parts(label, part, parts[pk][part], replayed, exact=exact)


def replay_packages(ids: Sequence[int], ended: Sequence[int] = ()) -> dict[int, PackageReplay]:
    """Packages by id as their events tell them; `ended` are the events that ended the open votes of their group."""
    found: dict[int, list[Entry]] = defaultdict(list)
    # Sorted here: with ORDER BY, SQLite walks the whole log in the order of its ids.
    for entry in sorted(entries_of(Event.objects.filter(package_id__in=ids).order_by()), key=lambda e: e.id):
        found[entry.package_id or 0].append(entry)
    return {pk: PackageReplay().take_all(found[pk], ended) for pk in ids}


# ---------- the registry ----------


def compare_unversioned() -> Iterator[Difference]:
    """The differences of all unversioned packages."""
    alone = Event.objects.filter(kind="model_package.created", group_id=None, package_id__isnull=False)
    ids = {pk for pk in alone.order_by().values_list("package_id", flat=True).iterator() if pk is not None}
    present = ModelPackage.objects.unversioned().order_by().values_list("pk", flat=True)
    for batch in _batches(sorted(ids.union(present.iterator()))):
        yield from _compare_packages(batch, "", (), None)


def compare_saved_views() -> Iterator[Difference]:
    """The differences of the saved views."""
    events = Event.objects.filter(kind__in=_VIEW_KINDS).order_by("id")
    replayed, complete = replay_saved_views(entries_of(events, stream=True))
    present = stored.saved_views()
    for key in sorted({*replayed, *present}, key=str):
        label = f"view {key[2]} of {key[1]}"
        row, said = present.get(key), replayed.get(key)
        if row is None or said is None:
            one = _missing(label, "view", in_tables=row is not None)
            yield Difference(one.subject, one.what, one.words, is_gap=not complete and said is None)
            continue
        yield from _columns(label, row, said, {}, unknown=set(), exact=complete)


def compare_accounts() -> Iterator[Difference]:
    """The differences of users with their roles, of access keys and of teams."""
    events = Event.objects.filter(chain=0, kind__in=KINDS).order_by("position")
    replay = AccountsReplay(entries_of(events, stream=True))
    for what, present, replayed in (
        ("user", stored.users(), replay.users),
        ("access key", stored.access_keys(), replay.keys),
        ("team", stored.teams(), replay.teams),
    ):
        for name in sorted({*present, *replayed}):
            row, said = present.get(name), replayed.get(name)
            if row is None or said is None:
                yield _missing(f"{what} {name}", what, in_tables=row is not None)
            else:
                yield from _columns(f"{what} {name}", row, said.columns, said.since, unknown=set(), exact=False)


def groups_of_registry() -> Iterator[int]:
    """The ids of all groups that the tables or the log know of, those of the tables first."""
    present = set(ModelPackageGroup.objects.order_by("pk").values_list("pk", flat=True).iterator())
    yield from sorted(present)
    told = Event.objects.filter(kind="model_package_group.created").order_by().values_list("group_id", flat=True)
    yield from sorted({pk for pk in told.iterator() if pk is not None} - present)


def compare_registry() -> Iterator[Difference]:
    """The differences of everything, one group after the other."""
    for group_id in groups_of_registry():
        yield from compare_group(group_id)
    yield from compare_unversioned()
    yield from compare_saved_views()
    yield from compare_accounts()


# ---------- values ----------


def _columns(
    subject: str,
    row: Mapping[str, Any],
    replayed: Mapping[str, Any],
    since: Mapping[str, Entry],
    *,
    unknown: set[str],
    exact: bool,
) -> Iterator[Difference]:
    for name, value in row.items():
        said = replayed[name]
        if _same(value, said):
            continue
        if name in unknown:
            words = f"the tables say {_shown(value)}, the log of an older release does not tell it"
            yield Difference(subject, name, words, is_gap=True)
            continue
        words = f"the tables say {_shown(value)}, the log says {_shown(said)}"
        if entry := since.get(name):
            words += f" since {entry.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC, by {entry.actor_name}"
        yield Difference(subject, name, words, is_gap=not exact and _about_same(value, said))


def _parts(
    subject: str, part: str, present: dict[Any, dict[str, Any]], replayed: dict[Any, dict[str, Any]], *, exact: bool
) -> Iterator[Difference]:
    for key in sorted({*present, *replayed}, key=str):
        row, said = present.get(key), replayed.get(key)
        if row == said:
            continue
        what = f"{part} {key}"
        if row is None or said is None:
            words = "the tables lack it, the log has it" if row is None else "the tables have it, the log lacks it"
            yield Difference(subject, what, f"{words}: {_shown(row or said)}")
            continue
        changed = [name for name in row if row[name] != said[name]]
        words = f"the tables say {_shown({n: row[n] for n in changed})}, the log says "
        # An older release gave places in an order that PostgreSQL does not keep in the log.
        gap = not exact and all(name == "slot" or _about_same(row[name], said[name]) for name in changed)
        yield Difference(subject, what, words + _shown({n: said[n] for n in changed}), is_gap=gap)


def _same(value: Any, said: Any) -> bool:
    return bool(value == said) or _without_account(value) == _without_account(said)


def _without_account(context: Any) -> Any:
    identity = context.get("IamIdentity") if isinstance(context, dict) else None
    if not isinstance(identity, dict) or not isinstance(identity.get("Arn"), str):
        return context
    return {**context, "IamIdentity": {**identity, "Arn": _ACCOUNT.sub("", identity["Arn"])}}


def _about_same(value: Any, said: Any) -> bool:
    return isinstance(value, datetime) and isinstance(said, datetime) and abs(value - said) < _MOMENTS


def _shown(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f} UTC"
    text = "nothing" if value in (None, "") else str(value)
    return text if len(text) <= 160 else f"{text[:159]}…"


def _missing(subject: str, what: str, *, in_tables: bool) -> Difference:
    words = "the tables have it, the log does not say that it was made"
    return Difference(subject, what, words if in_tables else "the log says that it was made, the tables lack it")
