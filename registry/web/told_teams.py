"""The sentences about teams: who is in them, and which groups are theirs alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from .told import Read, Told, listed, say


def _teams(state: Mapping[str, Any]) -> list[str]:
    teams = state.get("Teams")
    return [str(name) for name in teams] if isinstance(teams, list) else []


def _named(names: list[str]) -> Markup:
    return listed([say("<b>{}</b>", name) for name in names])


def _tell_limited(event: Read) -> Told:
    now = _teams(event.after)
    if not now:
        return Told("users", say("opened {} to everybody with a role", event.subject))
    return Told("lock", say("limited {} to ", event.subject) + _named(now))


def _tell_members(event: Read) -> Told:
    before, after = _teams(event.before), _teams(event.after)
    added = [name for name in after if name not in before]
    removed = [name for name in before if name not in after]
    parts = [say("added {} to ", event.subject) + _named(added)] if added else []
    taken = Markup("the user") if added else event.subject
    parts += [say("took {} out of ", taken) + _named(removed)] if removed else []
    return Told("users", Markup(" and ").join(parts) or say("changed the teams of {}", event.subject))


def _tells(drawing: str, verb: str) -> Callable[[Read], Told]:
    return lambda event: Told(drawing, say("{} the team {}", verb, event.subject))


def _tell_renamed(event: Read) -> Told:
    return Told("users", say("renamed the team {} to {}", event.before.get("name") or "", event.subject))


TEAM_TELLERS: dict[str, Callable[[Read], Told]] = {
    "model_package_group.teams_changed": _tell_limited,
    "user.teams_changed": _tell_members,
    "team.created": _tells("users", "made"),
    "team.renamed": _tell_renamed,
    "team.deleted": _tells("trash-2", "deleted"),
}
