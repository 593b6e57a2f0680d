"""Saved views of the lists: which there are, saving what is shown, and changing, sharing and deleting one."""

from __future__ import annotations

import re
from typing import Any

from django.contrib import messages
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_http_methods, require_POST

from registry.accounts.permissions import Actor, authorize
from registry.catalog import services
from registry.catalog.errors import AlreadyExists
from registry.catalog.models import SavedView
from registry.catalog.reports.saved_views import read_views, visible_views

from ..htmx import is_fragment, redirect_to, render_page, toast
from ..list_menus import ListMenu
from ..subjects import actor_of, find_group

TITLES = {
    "groups": "Groups",
    "timeline": "Versions of a group",
    "packages": "Unversioned packages",
    "review": "Review",
    "activity": "Activity",
}


@require_http_methods(["GET", "POST"])
def view_list(request: HttpRequest, page: str) -> HttpResponse:
    """The views of a list, with a form that keeps what the list shows; POST saves it under a name."""
    actor = actor_of(request)
    authorize(actor, "saved_view.edit_own")
    menu = _menu(request, page, QueryDict(request.POST.get("query", "")) if request.method == "POST" else request.GET)
    if request.method == "GET":
        return _show(request, actor, menu)
    typed = {"name": request.POST.get("name", "").strip(), "shared": "shared" in request.POST}
    try:
        view = services.save_view(
            actor=actor, page=page, name=str(typed["name"]), query=menu.state, is_shared=bool(typed["shared"])
        )
    except AlreadyExists as error:
        return _show(request, actor, menu, status=422, typed=typed, error=str(error))
    except ValidationError as error:
        text = " ".join(text for texts in error.message_dict.values() for text in texts)
        return _show(request, actor, menu, status=422, typed=typed, error=text)
    messages.success(request, f"View {view.name} saved")
    return redirect_to(request, menu.opened(view))


@require_POST
def view_change(request: HttpRequest, page: str, pk: int) -> HttpResponse:
    """Give a view what is shown now, share it or keep it for oneself, or delete it, as `do` says."""
    actor = actor_of(request)
    view = get_object_or_404(visible_views(request.user, page), pk=pk)  # type: ignore[arg-type]
    services.authorize_view(actor, view)
    menu = _menu(request, page, QueryDict(request.POST.get("query", "")))
    try:
        done = _change(actor, view, menu, request.POST.get("do", ""))
    except (AlreadyExists, ValidationError) as error:
        text = str(error) if isinstance(error, AlreadyExists) else " ".join(error.messages)
        return _show(request, actor, menu, status=409, problem=text)
    if is_fragment(request):
        return toast(_show(request, actor, menu), done)
    messages.success(request, done)
    return redirect_to(request, menu.views)


def _change(actor: Actor, view: SavedView, menu: ListMenu, do: str) -> str:
    """Do it and say what was done."""
    match do:
        case "update":
            services.update_view(actor=actor, view=view, query=menu.state)
            return f"View {view.name} changed"
        case "share" | "unshare":
            services.share_view(actor=actor, view=view, is_shared=do == "share")
            return f"View {view.name} {'shared' if do == 'share' else 'no longer shared'}"
        case "delete":
            services.delete_view(actor=actor, view=view)
            return f"View {view.name} deleted"
    raise BadRequest("The form does not say what to do with the view.")


def _menu(request: HttpRequest, page: str, state: QueryDict) -> ListMenu:
    """The menu of the list that is spoken of; Http404 for a timeline without its group."""
    group: tuple[str, ...] = ()
    if page == "timeline":
        at = re.fullmatch(r"([a-z0-9-]{9,16})/([a-zA-Z0-9-]{1,63})", request.POST.get("at", request.GET.get("at", "")))
        if at is None:
            raise Http404("The address does not say of which group.")
        found = find_group(request, *at.groups())
        group = (found.region, found.name)
    return ListMenu.of(page, [(name, value) for name, values in state.lists() for value in values], group)


def _show(request: HttpRequest, actor: Actor, menu: ListMenu, *, status: int = 200, **more: Any) -> HttpResponse:
    own, shared = read_views(request.user, menu.page)  # type: ignore[arg-type]
    context = {
        "nav": "groups" if menu.page == "timeline" else menu.page,
        "menu": menu,
        "title": TITLES[menu.page],
        "own": own,
        "shared": shared,
        "may_share": actor.may("saved_view.share"),
        "may_others": actor.may("saved_view.edit_others"),
        **more,
    }
    return render_page(request, "views/list.html", "views/_views.html", context, status=status)
