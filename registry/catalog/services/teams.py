"""Limit a group to teams, or open it to everybody with a role."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.db import transaction

from registry.accounts.permissions import Actor, authorize
from registry.accounts.teams import all_teams
from registry.events.services import record

from ..models import ModelPackageGroup, TeamAccess
from .locks import conflict, lock_group, touch_group


def digest_of_teams(names: Iterable[str]) -> str:
    """A short name for a set of teams; an edit form carries it, to tell whether anybody else changed them."""
    return hashlib.sha256(json.dumps(sorted(names)).encode()).hexdigest()[:16]


@transaction.atomic
def set_group_teams(
    *, actor: Actor, group: ModelPackageGroup, teams: Iterable[str], seen: str | None = None
) -> ModelPackageGroup:
    """Let only these teams, and admins, know of a group; everybody with a role for none. Counts at the next request.

    Needs admin; leaves `model_package_group.teams_changed` unless they are the same. `teams` are names; ValidationError
    for `teams` where there is no such team. `seen` is digest_of_teams of those that the editor saw: others now are a
    Conflict with them as `current`. Returns the locked, fresh group.
    """
    authorize(actor, "model_package_group.edit_teams", group)
    locked = lock_group(group.pk)
    wanted = set(teams)
    # Locked, by name as everywhere: a team that goes at this moment must not leave a row behind, nor open the group.
    found = {team.name: team for team in all_teams().select_for_update().filter(name__in=wanted)}
    if missing := sorted(wanted - set(found)):
        raise ValidationError({"teams": [f"There is no team {name}." for name in missing]})
    rows = {row.team.name: row for row in TeamAccess.objects.filter(group=locked).select_related("team")}
    before, after = sorted(rows), sorted(wanted)
    if seen is not None and seen != digest_of_teams(before):
        raise conflict(
            "The teams were changed meanwhile.",
            current=before,
            kind="model_package_group.teams_changed",
            group_id=locked.pk,
        )
    if before == after:
        return locked
    TeamAccess.objects.filter(pk__in=[row.pk for name, row in rows.items() if name not in wanted]).delete()
    TeamAccess.objects.bulk_create(TeamAccess(group=locked, team=found[name]) for name in after if name not in rows)
    touch_group(actor, locked)
    record(
        actor,
        "model_package_group.teams_changed",
        group=locked,
        before={"Teams": before},
        # A team may get another name: its id stays.
        after={"Teams": after, "TeamIds": sorted(team.pk for team in found.values())},
        at=locked.updated_at,
    )
    return locked
