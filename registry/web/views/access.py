"""Who sees a group: everybody with a role, or some teams; for all who see it to read, for admins to change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from registry.accounts.permissions import authorize
from registry.accounts.teams import all_teams
from registry.catalog import services
from registry.catalog.errors import Conflict
from registry.catalog.models import ModelPackageGroup

from ..htmx import redirect_to
from ..subjects import actor_of, find_group

TEAMS_SHOWN = 500


@require_http_methods(["GET", "HEAD", "POST"])
def group_access(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The teams that see a group; for admins the form that chooses them (422 unknown team, 409 changed meanwhile)."""
    group, actor = find_group(request, region, name), actor_of(request)
    now = sorted(group.teams.values_list("name", flat=True))
    if request.method != "POST":
        return _page(request, group, now, now)
    authorize(actor, "model_package_group.edit_teams", group)
    chosen = [team for team in request.POST.getlist("team") if team]
    try:
        services.set_group_teams(actor=actor, group=group, teams=chosen, seen=request.POST.get("seen"))
    except ValidationError as refusal:
        return _page(request, group, now, chosen, status=422, errors=refusal.message_dict["teams"])
    except Conflict as conflict:
        return _page(request, group, conflict.current, chosen, status=409, conflict=conflict)
    messages.success(request, "Access saved")
    return redirect_to(request, request.path)


def _page(
    request: HttpRequest,
    group: ModelPackageGroup,
    now: Sequence[str],
    chosen: Sequence[str],
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    may_edit = actor_of(request).may("model_package_group.edit_teams")
    context = {
        "nav": "groups",
        "group": group,
        "here": group.get_absolute_url(),
        "now": now,
        "chosen": set(chosen),
        "seen": services.digest_of_teams(now),
        "may_edit": may_edit,
        "teams": list(all_teams().values_list("name", flat=True)[:TEAMS_SHOWN]) if may_edit else [],
    }
    return render(request, "groups/access.html", context | more, status=status)
