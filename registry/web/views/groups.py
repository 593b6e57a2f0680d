"""The index of groups, making a group, and the description of one."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from registry.accounts.permissions import Actor, authorize
from registry.catalog import services
from registry.catalog.errors import AlreadyExists, Conflict, LimitReached
from registry.catalog.filters import ACTIVITY, GROUPS, KEYS, REVIEW, TIMELINE
from registry.catalog.models import ModelPackageGroup
from registry.catalog.reports import groups as reports
from registry.catalog.reports import suggestions
from registry.catalog.reports.counts import cap_of
from registry.statements import Condition

from ..forms.groups import GroupForm, one_line_ends
from ..htmx import is_fragment, redirect_to, render_page, render_parts, toast
from ..list_menus import params_of
from ..searches import ROWS, GroupSearch
from ..subjects import actor_of, find_group
from . import as_of


@require_GET
def group_list(request: HttpRequest) -> HttpResponse:
    """The index; a fragment request gets the list, with the saved views and the filter box out of band."""
    if "as_of" in request.GET:
        return as_of.group_list(request)
    search = GroupSearch.read(request, *params_of(request, GROUPS))
    context = _list_context(request, search)
    if not is_fragment(request):
        return render(request, "groups/list.html", context)
    parts = ["groups/_list.html", "groups/_views.html", "views/_menu.html"]
    # While somebody types, the box is left alone, but for a filter that is complete and becomes a token.
    return render_parts(request, [*parts, *["filters/_box.html"] * search.redraws], context, search.href)


def _list_context(request: HttpRequest, search: GroupSearch) -> dict[str, Any]:
    user, actor = request.user, actor_of(request)
    groups = reports.found_groups(user, search.query)  # type: ignore[arg-type]
    page = reports.group_page(groups, search.order, search.rows, after=search.after, before=search.before)
    counts = reports.view_counts(user)  # type: ignore[arg-type]
    views = [(name, text, count) for (name, text), count in zip(reports.VIEWS, counts, strict=True)]
    missed = not page.rows and not search.query.is_empty
    return {
        "nav": "groups",
        "search": search,
        "box": search.box,
        "menu": search.menu,
        "page": page,
        "views": views,
        "found": _count(groups, page, search, counts[0]),
        "cap": reports.COUNT_CAP,
        "found_cap": cap_of(search.query),
        "sizes": ROWS,
        "near": suggestions.nearest(user, search.query) if missed else [],  # type: ignore[arg-type]
        "regions": tuple(suggestions.regions(user)),  # type: ignore[arg-type]
        "may_create": actor.may("model_package_group.create"),
        "may_import": actor.may("registry.import"),
    }


def _count(groups: Condition, page: reports.GroupPage, search: GroupSearch, everything: int) -> int:
    """How many groups match the filter; counted only where it is not known without."""
    if search.query.is_empty:
        return everything
    return reports.count_found(groups, search.query) if page.newer or page.older else len(page.rows)


@require_GET
def group_suggest(request: HttpRequest) -> HttpResponse:
    """Ways to complete what is typed into the filter box of a list."""
    typed = (request.GET.getlist("q") or [""])[-1]
    of = request.GET.get("of", GROUPS)
    found = suggestions.suggest(request.user, typed, of=of if of in KEYS else GROUPS)  # type: ignore[arg-type]
    return render(request, "groups/_suggest.html", {"suggestions": found})


_WORDS = {
    TIMELINE: "number or description",
    REVIEW: "group, number or description",
    ACTIVITY: "group, person, name or comment",
}


@require_GET
def filter_help(request: HttpRequest) -> HttpResponse:
    """The filter language of a list: as the card under its filter box, or as a page."""
    of = request.GET.get("of", GROUPS)
    of = of if of in KEYS else GROUPS
    context = {"keys": KEYS[of], "words": _WORDS.get(of, "name or description; or an ARN")}
    return render_page(request, "filters/help.html", "filters/_help.html", context)


@require_http_methods(["GET", "POST"])
def group_create(request: HttpRequest) -> HttpResponse:
    """Make a group: as a page, and as the dialog of the index."""
    actor = actor_of(request)
    authorize(actor, "model_package_group.create")
    form = GroupForm(request.POST if request.method == "POST" else None, regions=suggestions.regions(request.user))  # type: ignore[arg-type]
    if form.is_bound and form.is_valid():
        group = _create(actor, form)
        if group is not None:
            messages.success(request, f"Group {group.name} created")
            return redirect_to(request, group.get_absolute_url())
    context = {"nav": "groups", "form": form, "check": _taken(request, form)}
    status = 422 if form.is_bound else 200
    return render_page(request, "groups/create.html", "groups/_create_form.html", context, status=status)


def _create(actor: Actor, form: GroupForm) -> ModelPackageGroup | None:
    """The group that the form describes, or None with the refusal in the form."""
    data = form.cleaned_data
    try:
        return services.create_model_package_group(
            actor=actor,
            region=data["region"],
            name=data["name"],
            description=data["description"],
            tags=form.tags.pairs,
        )
    except (AlreadyExists, LimitReached) as error:
        form.add_error("name", str(error))
    except ValidationError as error:
        for name, texts in error.message_dict.items():
            if name in form.fields:
                form.add_error(name, texts)
            else:
                form.tags.errors[0] = " ".join(texts)
    return None


def _taken(request: HttpRequest, form: GroupForm) -> reports.NameCheck | None:
    """What stands under the name of a form that was refused."""
    if "name" not in form.errors or not form["name"].value():
        return None
    region, name = str(form["region"].value() or form.regions[0]), str(form["name"].value()).strip()
    return reports.check_name(request.user, region, name)  # type: ignore[arg-type]


@require_GET
def group_check_name(request: HttpRequest) -> HttpResponse:
    """Whether the name that was typed is free; what is wrong with it, and a free one instead."""
    authorize(actor_of(request), "model_package_group.create")
    name = request.GET.get("name", "").strip()
    region = request.GET.get("region") or GroupForm().regions[0]
    check = reports.check_name(request.user, region, name) if name else None  # type: ignore[arg-type]
    return render(request, "groups/_name_note.html", {"check": check, "checked": True})


# ---------- description ----------


def description_context(actor: Actor, group: ModelPackageGroup) -> dict[str, Any]:
    """What templates/groups/_description.html needs, for every page that includes it."""
    return {
        "group": group,
        "description_path": reverse("group-description", args=[group.region, group.name]),
        "may_edit_description": actor.may("model_package_group.edit_description"),
    }


@require_http_methods(["GET", "POST"])
def group_description(request: HttpRequest, region: str, name: str) -> HttpResponse:
    """The description of a group: shown to fragments, as a form with ?edit or as a page; POST saves it."""
    group, actor = find_group(request, region, name), actor_of(request)
    context = {"nav": "groups", "typed": group.description, "seen": group.description}
    context |= description_context(actor, group)
    if request.method == "POST":
        return _save_description(request, actor, group, context)
    if is_fragment(request) and "edit" not in request.GET:
        return render(request, "groups/_description.html", context)
    authorize(actor, "model_package_group.edit_description", group)
    return render_page(request, "groups/description.html", "groups/_description_edit.html", context)


def _save_description(
    request: HttpRequest, actor: Actor, group: ModelPackageGroup, context: dict[str, Any]
) -> HttpResponse:
    typed = one_line_ends(request.POST.get("description", "")).strip()
    seen = one_line_ends(request.POST["seen"]) if "seen" in request.POST else None
    # Browsers change line ends: a description that differs in nothing else is the one that was seen.
    if seen == one_line_ends(group.description):
        seen = group.description
    context |= {"typed": typed}
    status = 200
    try:
        saved = services.update_model_package_group_description(actor=actor, group=group, description=typed, seen=seen)
    except ValidationError as error:
        context["error"], status = " ".join(error.messages), 422
    except Conflict as conflict:
        context |= {"conflict": conflict, "seen": conflict.current}
        status = 409
    if status != 200:
        return render_page(request, "groups/description.html", "groups/_description_edit.html", context, status=status)
    if is_fragment(request):
        context["group"] = saved
        return toast(render(request, "groups/_description.html", context), "Description saved")
    messages.success(request, "Description saved")
    return redirect_to(request, group.get_absolute_url())
