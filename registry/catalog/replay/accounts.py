"""Users, access keys and teams as the log tells them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from registry.accounts.models import Role
from registry.events.services import CATEGORIES

from .entries import Entry, moment

KINDS = [kind for kind in CATEGORIES if kind.partition(".")[0] in ("user", "access_key", "team")]


class Told(NamedTuple):
    """A row's columns, and the event that each is of."""

    columns: dict[str, Any]
    since: dict[str, Entry]


class AccountsReplay:
    """`users` by name, `keys` by owner and name, `teams` by name, as the events that were taken left them."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.users: dict[str, Told] = {}
        self.keys: dict[str, Told] = {}
        self.teams: dict[str, Told] = {}
        for entry in entries:
            subject, _, verb = entry.kind.partition(".")
            getattr(self, f"_{subject}")(verb, entry)

    def _user(self, verb: str, entry: Entry) -> None:
        columns: dict[str, Any] = {}
        if verb == "created":
            self.users[entry.target] = Told({}, {})
            is_service = entry.after.get("is_service", False)
            columns = {"is_service": is_service, "is_active": True, "teams": [], "date_joined": entry.at}
        elif verb == "teams_changed":
            columns = {"teams": sorted(entry.after["Teams"])}
        elif verb in ("activated", "deactivated"):
            columns = {"is_active": verb == "activated"}
        if "role" in entry.after and entry.target in self.users:
            is_service = (self.users[entry.target].columns | columns)["is_service"]
            role = entry.after["role"]
            columns |= {"role": role, "is_staff": role == Role.ADMIN and not is_service}
        _put(self.users.get(entry.target), columns, entry)

    def _access_key(self, verb: str, entry: Entry) -> None:
        if verb == "deleted":
            self.keys.pop(entry.target, None)
            return
        columns: dict[str, Any] = {}
        if verb == "created":
            self.keys[entry.target] = Told({}, {})
            columns = {
                "key_id": entry.after["key_id"],
                "role": entry.after["role"] or "",
                "created_at": entry.at,
                "created_by_name": entry.actor_name,
                "expires_at": moment(entry.after["expires_at"]),
                "is_active": True,
            }
        elif verb == "renamed":
            owner = entry.target.partition("/")[0]
            before = key_name(owner, entry.before["name"])
            if before in self.keys:
                self.keys[entry.target] = self.keys.pop(before)
        elif verb == "rotated":
            columns = {"key_id": entry.after["key_id"]}
        elif verb in ("enabled", "disabled"):
            columns = {"is_active": verb == "enabled"}
        _put(self.keys.get(entry.target), columns, entry)

    def _team(self, verb: str, entry: Entry) -> None:
        gone = "" if verb == "created" else entry.before["name"]
        fresh = "" if verb == "deleted" else entry.after["name"]
        self.teams.pop(gone, None)
        if fresh:
            self.teams[fresh] = Told({}, {})
        if gone:
            for user in self.users.values():
                if gone in user.columns["teams"]:
                    others = [name for name in user.columns["teams"] if name != gone]
                    _put(user, {"teams": sorted([*others, fresh] if fresh else others)}, entry)


def key_name(owner: str, name: str) -> str:
    """What the log calls an access key."""
    return f"{owner}/{name}"[:256]


def _put(told: Told | None, columns: Mapping[str, Any], entry: Entry) -> None:
    if told is not None:
        told.columns.update(columns)
        told.since.update(dict.fromkeys(columns, entry))
