"""The steps of a walk that change who may do what: users, roles, teams and access keys, at every door."""

from __future__ import annotations

import io
from collections.abc import Callable
from random import Random
from typing import Any

from django.contrib.auth.models import Group
from django.core.management import call_command
from django.test import Client

from registry.accounts.models import AccessKey, Role, User
from registry.accounts.teams import all_teams
from tests.factories import PASSWORD
from tests.web import admin_forms

# Those of whom a walk itself needs nothing.
OTHERS = ("mona", "nils", "robot")


class AccountSteps:
    """What a walk has beside this: chance, people, and a way to send a form."""

    chance: Random
    people: dict[str, Client]
    pick: Callable[..., Any]
    _one: Callable[[Any], Any]
    _post: Callable[..., None]

    def _other(self) -> User | None:
        user: User | None = self._one(User.objects.filter(username__in=OTHERS))
        return user

    def browser_users(self) -> None:
        user, name = self._other(), self.pick(*OTHERS)
        if user is None or not User.objects.filter(username=name).exists():
            kind = {"is_service": "on"} if name == "robot" else {"password": PASSWORD}
            self._post("/settings/users/new/", {"username": name, "role": self.pick(*Role.values), **kind}, "ada")
            return
        form = self.pick(
            {"change": "role", "role": self.pick(*Role.values)},
            {"change": "role", "role": self.pick(*Role.values)},
            {"change": "active", "active": self.pick("on", "off")},
            {"change": "password", "password": f"{PASSWORD}-again"},
        )
        self._post(f"/settings/users/{user.pk}/", form, "ada")

    def browser_keys(self) -> None:
        user = self._other()
        if user is None:
            return
        key = self._one(AccessKey.objects.filter(user=user))
        if key is None or self.pick(True, False):
            form = {"name": self.pick("ci", "nightly"), "role": self.pick("", "viewer"), "expires": self.pick("90", "")}
            self._post(f"/settings/users/{user.pk}/access-keys/", form, "ada")
            return
        what, form = self.pick(
            ("rename", {"name": self.pick("ci", "weekly"), "seen": key.name}),
            ("active", {"active": "off" if key.is_active else "on"}),
            ("rotate", {"seen": key.key_id}),
            ("delete", {"seen": key.key_id}),
        )
        self._post(f"/settings/access-keys/{key.pk}/{what}/", form, "ada")

    def admin_teams(self) -> None:
        """Teams are made, renamed and deleted, and people put into them."""
        user, team = self._other(), self._one(all_teams().filter(name__startswith="team"))
        names, name = [*all_teams().values_list("name", flat=True)], {"name": f"team {self.pick(*'abcd')}"}
        url, values = self.pick(
            (admin_forms.address(Group, "add"), name),
            (team and admin_forms.address(team), name),
            (team and admin_forms.address(team, "delete"), {"post": "yes"}),
            *[(user and admin_forms.address(user), {"teams": self.chance.sample(names, min(2, len(names)))})] * 3,
        )
        if url:
            values = values if "post" in values else admin_forms.form_of(self.people["ada"], url) | values
            assert self.people["ada"].post(url, values).status_code < 500

    def command_accounts(self) -> None:
        user = self._other()
        if user is not None and user.is_active and user.access_keys.count() < 5:
            call_command("createaccesskey", user.username, stdout=io.StringIO(), stderr=io.StringIO())
