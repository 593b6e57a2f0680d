"""What differs in a group between two moments: both ends are replayed from the log and compared, whatever lay between.

A version that was registered and deleted between them differs in nothing; the list of changes tells of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..models import ModelPackageGroup
from ..replay import GroupReplay, PackageReplay
from ..rules import ReviewRules
from .as_of import TooManyEvents, groups_at, packages_at
from .group_changes import VERSIONS_MAX, Between, changed_packages

# What is compared of a version besides its metadata, with the words of a page.
_OF_VERSION = {
    "approval_status": "Status",
    "approval_description": "Comment",
    "stage": "Stage",
    "stage_status": "Stage status",
    "stage_description": "Stage note",
    "description": "Description",
}
# Of the wire's other members it is said that they differ; they are long, and the pages of both moments show how.
_COMPARED = {"ModelApprovalStatus", "ApprovalDescription", "ModelPackageDescription"}
_OF_GROUP = {"description": "Description", "leading_metric": "Leading metric", "resource_policy": "Resource policy"}


@dataclass(frozen=True)
class Turn:
    """One thing that differs: `what` it is ("Status", "Tag"), its `key` where it has one, and both values.

    `was` is None where it was not there at the first moment, `now` where it is not at the second. Of "Content" only
    the member that differs is said, as its `key`.
    """

    what: str
    was: str | None
    now: str | None
    key: str = ""


@dataclass(frozen=True)
class VersionDifference:
    """One version that differs. `came` is "registered", "restored" or "imported" where it was not there at the first
    moment, `gone` tells that it is not at the second; then `status` is all that is said of it."""

    version: int
    turns: list[Turn]
    came: str = ""
    gone: bool = False
    status: str | None = None


@dataclass(frozen=True)
class GroupDifference:
    """What differs in the group itself and in its versions, the highest number first.

    `too_many`: more versions changed than are compared here. `imported_at` is set where the registry kept no log of
    the group at the first moment: then nothing is compared.
    """

    turns: list[Turn]
    versions: list[VersionDifference]
    too_many: bool = False
    imported_at: datetime | None = None


def difference_between(group: ModelPackageGroup, since: datetime, until: datetime, between: Between) -> GroupDifference:
    """Compare a group at two moments; `between` are its events of that time. At most five queries."""
    if group.imported_at is not None and group.created_at <= since < group.imported_at:
        return GroupDifference([], [], imported_at=group.imported_at)
    was, now = (groups_at([group.pk], moment)[group.pk] for moment in (since, until))
    turns = list(_group_turns(was, now))
    ids = changed_packages(between)
    if len(ids) > VERSIONS_MAX:
        return GroupDifference(turns, [], too_many=True)
    try:
        before, after = packages_at(ids, since), packages_at(ids, until)
    except TooManyEvents:
        return GroupDifference(turns, [], too_many=True)
    found = (_version_difference(before[pk], after[pk], since) for pk in ids)
    return GroupDifference(turns, sorted(filter(None, found), key=lambda one: -one.version))


def _group_turns(was: GroupReplay, now: GroupReplay) -> Iterator[Turn]:
    before, after = was.row or {}, now.row or {}
    yield from _columns(before, after, _OF_GROUP)
    rules = ["; ".join(ReviewRules.from_json(row.get("review_rules", {})).in_words()) for row in (before, after)]
    if rules[0] != rules[1]:
        yield Turn("Rules", rules[0] or "one approval", rules[1] or "one approval")
    yield from _pairs("Tag", dict(was.tags_shown), dict(now.tags_shown))


def _version_difference(was: PackageReplay, now: PackageReplay, since: datetime) -> VersionDifference | None:
    """What differs in one version; None where nothing does."""
    if now.row is None:
        return None
    stood, stands = was.row is not None and not was.is_deleted, not now.is_deleted
    number, status = now.row["version"], now.row["approval_status"]
    if not stood:
        came = "restored" if was.row is not None else "imported" if now.row["created_at"] <= since else "registered"
        return VersionDifference(number, [], came=came, status=status) if stands else None
    if not stands:
        return VersionDifference(number, [], gone=True, status=was.columns["approval_status"])
    turns = [*_columns(was.columns, now.row, _OF_VERSION), *_pairs("Metadata", was.pairs_shown, now.pairs_shown)]
    changed = [what for what, value in now.members.items() if value != was.members[what] and what not in _COMPARED]
    turns += [Turn("Content", None, None, what) for what in changed]
    return VersionDifference(number, turns) if turns else None


def _columns(was: Mapping[str, Any], now: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[Turn]:
    for name, what in words.items():
        old, new = was.get(name) or None, now.get(name) or None
        if old != new:
            yield Turn(what, old, new)


def _pairs(what: str, was: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Turn]:
    for key in sorted({*was, *now}):
        if was.get(key) != now.get(key):
            yield Turn(what, was.get(key), now.get(key), key)
