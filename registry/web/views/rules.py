"""The rules of a group: what an approval needs, for everybody to read and for admins to change."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from registry.accounts.permissions import authorize
from registry.catalog import services
from registry.catalog.errors import Conflict
from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports.rule_words import suggestions_for
from registry.catalog.rules import ReviewRules, digest_of_rules

from ..forms.rules import RulesForm
from ..htmx import redirect_to
from ..subjects import actor_of, find_group


@require_http_methods(["GET", "HEAD", "POST"])
def group_rules(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The rules in words; for admins the form that changes them (422 with faults, 409 when changed meanwhile)."""
    group, actor = find_group(request, region, name), actor_of(request)
    rules = ReviewRules.from_json(group.review_rules)
    if request.method != "POST":
        return _page(request, group, rules, RulesForm.of(rules), {"seen": digest_of_rules(rules)})
    authorize(actor, "model_package_group.edit_rules", group)
    form = RulesForm(request.POST)
    state: dict[str, Any] = {"seen": request.POST.get("seen", "")}
    if not form.is_valid():
        return _page(request, group, rules, form, state, status=422)
    try:
        services.update_review_rules(actor=actor, group=group, rules=form.rules, seen=request.POST.get("seen"))
    except ValidationError as refusal:
        for field, texts in refusal.message_dict.items():
            form.add_error(field, texts)
        return _page(request, group, rules, form, state, status=422)
    except Conflict as conflict:
        state |= {"conflict": conflict, "seen": digest_of_rules(conflict.current)}
        return _page(request, group, conflict.current, form, state, status=409)
    messages.success(request, "Rules saved")
    return redirect_to(request, request.path)


def _page(
    request: HttpRequest,
    group: ModelPackageGroup,
    rules: ReviewRules,
    form: RulesForm,
    state: dict[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    may_edit = actor_of(request).may("model_package_group.edit_rules")
    context = {
        "nav": "groups",
        "group": group,
        "here": group.get_absolute_url(),
        "rules": rules,
        "form": form,
        "may_edit": may_edit,
        "offered": suggestions_for(group) if may_edit else None,
    }
    return render(request, "groups/rules.html", context | state, status=status)
