"""Every change to teams: make, rename and delete one, and put users into them.

A team is a Django group that is no role. What a team sees is said where the thing is: here nobody knows.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import ProtectedError

from registry.events.services import record

from .models import Role, User
from .permissions import Actor, authorize
from .services import forget_role, lock_user

NAME_MAX = 150  # the column's


def all_teams() -> models.QuerySet[Group]:
    """The teams, by name."""
    return Group.objects.exclude(name__in=Role.values).order_by("name")


def _clean_name(name: str, but: Group | None = None) -> str:
    name = name.strip()
    fault = ""
    if not name:
        fault = "Enter a name, for example the team that shares the models."
    elif len(name) > NAME_MAX or not name.isprintable():
        fault = f"A name has at most {NAME_MAX} printable characters."
    elif name.lower() in Role.values:
        # Whoever is in the Django group of that name has the role.
        fault = f"{name} is the name of a role."
    else:
        others = Group.objects.filter(name__iexact=name)
        if (others.exclude(pk=but.pk) if but is not None else others).exists():
            fault = "A team with that name exists; upper and lower case make no difference."
    if fault:
        raise ValidationError({"name": [fault]})
    return name


def _lock_team(team: Group) -> Group:
    """The team as it is now, locked. Raises Group.DoesNotExist for one that is gone, and for what is a role."""
    return Group.objects.select_for_update().exclude(name__in=Role.values).get(pk=team.pk)


@transaction.atomic
def create_team(*, actor: Actor, name: str) -> Group:
    """Make a team without members. Only admins; leaves `team.created`. Raises ValidationError for `name`."""
    authorize(actor, "team.edit")
    # Two of one name at once: the second waits here and finds the first.
    Group.objects.select_for_update().filter(name=Role.ADMIN.value).first()
    team = Group.objects.create(name=_clean_name(name))
    record(actor, "team.created", target=team.name, after={"name": team.name})
    return team


@transaction.atomic
def rename_team(*, actor: Actor, team: Group, name: str) -> Group:
    """Give a team another name; its members and what it sees stay. Only admins; leaves `team.renamed`.

    Raises ValidationError for `name`, Group.DoesNotExist for one that is gone.
    """
    authorize(actor, "team.edit", team)
    Group.objects.select_for_update().filter(name=Role.ADMIN.value).first()
    locked = _lock_team(team)
    before, name = locked.name, _clean_name(name, but=locked)
    if name != before:
        locked.name = name
        locked.save(update_fields=["name"])
        record(actor, "team.renamed", target=name, before={"name": before}, after={"name": name})
    return locked


@transaction.atomic
def delete_team(*, actor: Actor, team: Group) -> None:
    """Delete a team; its members stay users. Only admins; leaves `team.deleted`.

    Raises ValidationError while anything is limited to it: without the team, that would be open to everybody.
    """
    authorize(actor, "team.edit", team)
    locked = _lock_team(team)
    members = sorted(User.objects.filter(groups=locked).values_list("username", flat=True))
    try:
        # A savepoint: what the database refuses must not end the caller's transaction.
        with transaction.atomic():
            locked.delete()
    except ProtectedError as error:
        limited = sorted(str(getattr(row, "group", row)) for row in error.protected_objects)
        named = ", ".join(limited[:3]) + (f" and {len(limited) - 3} more" if len(limited) > 3 else "")
        words = f"{locked.name} limits who sees {named}. Take the team away there first."
        raise ValidationError(words, "in_use") from error
    record(actor, "team.deleted", target=locked.name, before={"name": locked.name, "Members": members})


@transaction.atomic
def set_user_teams(*, actor: Actor, user: User, teams: Iterable[str]) -> User:
    """Make `user` a member of exactly these teams, by name; counts at that user's next request.

    Only admins; leaves `user.teams_changed` unless they are the same. Raises ValidationError for `teams` where there
    is no such team. The role stays.
    """
    authorize(actor, "user.edit", user)
    lock_user(user)
    wanted = set(teams)
    found = {team.name: team for team in all_teams().select_for_update().filter(name__in=wanted)}
    if missing := sorted(wanted - set(found)):
        raise ValidationError({"teams": [f"There is no team {name}." for name in missing]})
    present = {team.name: team for team in all_teams().filter(user=user)}
    if set(present) == wanted:
        return user
    user.groups.remove(*[team for name, team in present.items() if name not in wanted])
    user.groups.add(*[team for name, team in found.items() if name not in present])
    forget_role(user)
    record(
        actor,
        "user.teams_changed",
        target=user.username,
        before={"Teams": sorted(present)},
        after={"Teams": sorted(wanted)},
    )
    return user
