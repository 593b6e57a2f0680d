"""Which teams see a limited group: one row for each of them, and the questions that follow from the rows.

A group without a row is seen by everybody with a role; a limited one by the members of its teams and by admins. While
there is no row, no query is any other than it would be without teams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from django.contrib.auth.models import Group
from django.db import models
from django.db.models import Exists, OuterRef

from registry.accounts.models import Role, User
from registry.statements import Prepared

if TYPE_CHECKING:
    from registry.accounts.permissions import Actor


Rows = TypeVar("Rows", bound="models.QuerySet[Any, Any]")


class TeamAccess(models.Model):
    """One team that sees a limited group. No team can go while a group is limited to it: that would open the group."""

    group = models.ForeignKey(
        "catalog.ModelPackageGroup", on_delete=models.CASCADE, related_name="team_accesses", db_index=False
    )
    team = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "team of a limited group"
        verbose_name_plural = "teams of limited groups"
        constraints = [models.UniqueConstraint(fields=["group", "team"], name="team_access_once")]

    def __str__(self) -> str:
        return self.team.name


def sees_all(user: User | Actor) -> bool:
    """True where nothing is kept from `user` by teams; no query. An admin administers what everybody has."""
    return user.role == Role.ADMIN or not user.may_miss_groups


def hidden_from(user: User | Actor) -> dict[str, int]:
    """The value `hidden_from` of what goes through `but_hidden`; none where nothing is kept from `user`."""
    return {} if sees_all(user) else {"hidden_from": person_id(user)}


def groups_hidden_from(user_id: int) -> models.QuerySet[TeamAccess, Any]:
    """The ids of the limited groups that no team of that user sees, whatever the user's role."""
    mine = TeamAccess.objects.filter(team__user=user_id).values("group_id")
    return TeamAccess.objects.exclude(group_id__in=mine).values("group_id")


def seen_by(user: User | Actor, rows: Rows, path: str) -> Rows:
    """The rows whose group, which `path` leads to from them, `user` may know of; those of no group are among them.

    The very query that came in where nothing is kept from `user`.
    """
    return but_hidden(rows, path, **hidden_from(user))


def but_hidden(rows: Rows, path: str, hidden_from: int | None = None) -> Rows:
    """The same for the user with that id, from whom groups may be hidden; all rows where None."""
    return rows if hidden_from is None else rows.exclude(**{f"{path}__in": groups_hidden_from(hidden_from)})


def is_hidden(user: User | Actor, group_id: int | None) -> bool:
    """True if `user` may not know of that group; at most one query, none while nothing is limited."""
    if group_id is None or sees_all(user):
        return False
    return bool(_HIDDEN.rows(group_id=group_id, user_id=person_id(user)))


def person_id(user: User | Actor) -> int:
    """The id of the user, or of the one who acts; 0 is nobody."""
    person = user if isinstance(user, User) else user.user
    return (person.pk or 0) if person is not None else 0


def others_see_more(user: str) -> Exists:
    """Whether a team sees limited groups that the user of that lookup is no member of (accounts.models.Teams)."""
    limiting = TeamAccess.objects.filter(team=OuterRef("pk"))
    mine = User.groups.through.objects.filter(group=OuterRef("pk"), user=OuterRef(OuterRef(user)))
    return Exists(Group.objects.filter(Exists(limiting), ~Exists(mine)))


_HIDDEN: Prepared[TeamAccess] = Prepared(
    lambda group_id, user_id: groups_hidden_from(user_id).filter(group_id=group_id)[:1].values_list("group_id"),
    group_id=int,
    user_id=int,
)
