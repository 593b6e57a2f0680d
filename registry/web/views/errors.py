"""The pages that say no: 400, 403, 404, 409, 410, 429, 500, 503, as a page or, inside an open page, as a toast."""

from __future__ import annotations

import difflib
import logging
import math
import re
import secrets
import sys
from dataclasses import replace
from typing import Any
from urllib.parse import unquote, urlencode

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import BadRequest
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template import loader
from django.urls import reverse

from registry.accounts.models import Role, User
from registry.accounts.permissions import MINIMUM_ROLE, NotAllowed
from registry.accounts.throttle import TooManyFailures
from registry.capacity import RETRY_AFTER, OverCapacity
from registry.catalog.errors import AlreadyExists, Conflict, LimitReached, NotFound
from registry.catalog.models import ModelPackage, ModelPackageGroup
from registry.catalog.reports.deletions import refusal_of
from registry.catalog.restoring import restorable_until
from registry.outages import COMMITTED_AT, Outage, outage_of, reason_of

from ..htmx import is_fragment, toast
from ..subjects import Deleted, actor_of

logger = logging.getLogger("registry.errors")

ADMINS_SHOWN = 3
TYPED_MAX = 200_000  # characters of a form that the page of a 503 carries along
CANDIDATES = 300  # names that are compared with a misspelled one


def refuse(request: HttpRequest, status: int, text: str, template: str, context: dict[str, Any]) -> HttpResponse:
    """The answer of every refusal: the page, or for HTMX the sentence with a toast and nothing swapped."""
    if is_fragment(request):
        response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
        response["HX-Reswap"] = "none"
        return toast(response, text, "bad")
    return render(request, template, context, status=status)


# ---------- 403 ----------


@login_not_required
def permission_denied(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403: who you are, which role you have, which you need, and whom to ask."""
    needed = exception.needed if isinstance(exception, NotAllowed) else None
    text = str(exception or "") or "Your role does not allow this."
    title = _only(needed, text) if isinstance(exception, NotAllowed) else text.rstrip(".")
    return _refuse_role(request, title, text, needed)


def refuse_role(request: HttpRequest, action: str, title: str) -> HttpResponse:
    """403 for a page that needs the role of `action` but belongs to no service."""
    needed = MINIMUM_ROLE[action]
    return _refuse_role(request, title, f"{title}.", needed)


def _only(needed: Role | None, text: str) -> str:
    """ "You need the role admin to import." as a heading: "Only admins import"."""
    done = re.fullmatch(r"You need the role \w+ to (.+)\.", text)
    return f"Only {needed.value}s {done[1]}" if needed is not None and done else text.rstrip(".")


def _refuse_role(request: HttpRequest, title: str, text: str, needed: Role | None) -> HttpResponse:
    user = getattr(request, "user", None)
    signed_in = user is not None and user.is_authenticated
    subject, back = _subject(request)
    context = {
        "title": title,
        "saved": request.method not in ("GET", "HEAD"),
        "role_now": user.role if signed_in else None,
        "needed": needed,
        "subject": subject,
        "back": back,
        "admins": list(User.objects.admins().order_by("username").values_list("username", flat=True)[:ADMINS_SHOWN])
        if signed_in
        else [],
    }
    return refuse(request, 403, text, "errors/403.html", context)


def _subject(request: HttpRequest) -> tuple[str, str]:
    """The group, version or package of the address in words, and the way back to it; empty without one."""
    match = request.resolver_match
    given = match.kwargs if match is not None else {}
    if "region" not in given or "name" not in given:
        return "", ""
    place = [given["region"], given["name"]]
    if "version" in given:
        return f"{given['name']} v{given['version']}", reverse("package-detail", args=[*place, given["version"]])
    kind = "unversioned-detail" if request.path.startswith("/packages/") else "group-detail"
    return given["name"], reverse(kind, args=place)


@login_not_required
def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form without the token of this browser: mostly blocked cookies or a page older than the sign-in."""
    text = "The form is from before your last sign-in, or cookies are blocked. Reload the page and try again."
    return refuse(request, 403, text, "errors/csrf.html", {"back": request.path})


# ---------- 404 ----------


@login_not_required
def page_not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: what is not there, and what has a name close to it."""
    user = getattr(request, "user", None)
    reads = user is not None and user.is_authenticated and user.role is not None
    said = exception.args[0] if exception is not None and exception.args else ""
    context: dict[str, Any] = {"title": said.rstrip(".") if isinstance(said, str) and said else "", "close": []}
    place = re.match(r"/(groups|packages)/([^/]+)(?:/([^/]+))?", request.path_info)
    if reads and place and not is_fragment(request):
        kind, name = place[1], unquote(place[3] or place[2])[:200]
        context |= {"kind": kind, "name": name, "close": close_names(user, kind, name), "latest": _latest(request)}
        context["title"] = context["title"] or f"There is no {kind[:-1]} {name}"
    text = f"{context['title'] or 'There is no such page'}."
    context["title"] = text.rstrip(".")
    return refuse(request, 404, text, "errors/404.html", context)


def close_names(user: User, kind: str, name: str) -> list[tuple[str, str, str]]:
    """Up to three (region, name, address) that are nearly called so: same beginning first, then by likeness."""
    rows = (
        ModelPackageGroup.objects.visible_to(user)
        if kind == "groups"
        else ModelPackage.objects.visible_to(user).unversioned()
    )
    found: dict[tuple[str, str], None] = {}
    for length in (4, 2, 1):
        beginning = rows.filter(name__prefix=name[:length]).order_by("name")
        found |= dict.fromkeys(beginning.values_list("region", "name")[:CANDIDATES])
        names = [known for _, known in found]
        close = difflib.get_close_matches(name, names, n=3, cutoff=0.6)
        if close:
            break
    else:
        return []
    view = "group-detail" if kind == "groups" else "unversioned-detail"
    ranked = sorted((pair for pair in found if pair[1] in close), key=lambda pair: close.index(pair[1]))
    return [(region, known, reverse(view, args=[region, known])) for region, known in ranked[:3]]


def _latest(request: HttpRequest) -> dict[str, Any]:
    """For a version that is not there: its group's address and numbers; empty for anything else."""
    place = re.match(r"/groups/([a-z0-9-]{9,16})/([a-zA-Z0-9-]{1,63})/versions/", request.path_info)
    group = (
        ModelPackageGroup.objects.visible_to(request.user).filter(region=place[1], name=place[2]).first()  # type: ignore[arg-type]
        if place
        else None
    )
    if group is None:
        return {}
    return {"group": group.name, "href": group.get_absolute_url(), "last": group.last_version}


# ---------- 410 ----------


def deleted(request: HttpRequest, exception: Deleted) -> HttpResponse:
    """410 for a tombstone: who deleted it, until when it can be restored, and a button for those who may."""
    row, text = exception.row, str(exception)
    assert row.deleted_at is not None
    if isinstance(row, ModelPackageGroup):
        kind, what, group, back = "group", row.name, row, (reverse("group-list"), "All groups")
    elif row.group is not None:
        kind, what, group = "package", f"v{row.version}", row.group
        back = (group.get_absolute_url(), f"All versions of {group.name}")
    else:
        kind, what, group, back = "package", str(row.name), None, (reverse("package-list"), "All packages")
    of_group = f"?{urlencode({'group': f'{group.region}/{group.name}'})}" if group is not None else ""
    context = {
        "title": text.rstrip("."),
        "what": what,
        "refusal": refusal_of(row),
        "until": restorable_until(row.deleted_at),
        "may_restore": actor_of(request).may("model_package.restore"),
        "restore": reverse(f"{kind}-restore", args=[row.pk]),
        "activity": reverse("activity") + of_group,
        "back": back[0],
        "back_words": back[1],
    }
    return refuse(request, 410, text, "errors/410.html", context)


# ---------- 400, 409, 429 ----------


@login_not_required
def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400: the request is broken; the reason only where it is ours to tell."""
    text = str(exception) if isinstance(exception, BadRequest) else "The server could not read this request."
    return refuse(request, 400, text, "errors/400.html", {"text": text})


def conflict(request: HttpRequest, error: Conflict | AlreadyExists | LimitReached) -> HttpResponse:
    """409 for a refusal that no view showed at its field: what happened and, if known, who did it."""
    _, back = _subject(request)
    return refuse(request, 409, str(error), "errors/409.html", {"error": error, "back": back or "/groups/"})


def gone(request: HttpRequest, error: NotFound) -> HttpResponse:
    """404 for an object that went away between the page and the form."""
    return page_not_found(request, error)


def too_many_requests(request: HttpRequest, error: TooManyFailures, next_url: str = "") -> HttpResponse:
    """429: how long to wait, for a person and for a program."""
    response = refuse(request, 429, str(error), "errors/429.html", {"error": error, "next": next_url})
    response["Retry-After"] = str(error.retry_after)
    return response


# ---------- 500, 503 ----------


@login_not_required
def server_error(request: HttpRequest) -> HttpResponse:
    """500: an id that stands in the log beside the traceback, and nothing else; 503 for an outage of the database."""
    error = sys.exc_info()[1]
    if isinstance(error, OverCapacity):  # while a form was read
        return busy(request, error)
    path = request.path.encode("unicode_escape").decode("ascii")
    if (outage := outage_of(error)) is not None:
        logger.warning("%s %s: %s (%s)", request.method, path, outage.what, reason_of(error))
        return out_of_order(request, outage)
    # The id that the log has in every line of this request; none where no middleware ran.
    error_id = getattr(request, "request_id", "") or secrets.token_hex(8)
    logger.error("error %s: %s %s", error_id, request.method, path, exc_info=True)
    text = f"Something went wrong here. If it happens again, tell an admin the id {error_id}."
    return _without_database(request, 500, text, "errors/500.html", {"error_id": error_id})


def busy(request: HttpRequest, error: OverCapacity) -> HttpResponse:
    """503 for a request that the worker has no room for."""
    text = str(error)
    return _unavailable(request, "The registry is busy", text if _reads(request) else f"{text} Nothing was saved.")


def out_of_order(request: HttpRequest, outage: Outage) -> HttpResponse:
    """503 while the database is away, locked or full; a form comes back as it was typed, to be sent again."""
    # The change itself may be done: then it was the page about it that could not be read.
    if getattr(connection, COMMITTED_AT, 0.0) > getattr(request, "began", math.inf):
        outage = replace(outage, undecided=True)
    return _unavailable(request, outage.what.rstrip("."), outage.words(saving=not _reads(request)))


def _reads(request: HttpRequest) -> bool:
    return request.method in ("GET", "HEAD")


def _unavailable(request: HttpRequest, title: str, text: str) -> HttpResponse:
    context = {
        "title": title,
        "text": text.removeprefix(f"{title}. "),
        "again": request.get_full_path() if _reads(request) else "",
        "to": request.get_full_path(),
        "typed": _typed(request),
    }
    response = _without_database(request, 503, text, "errors/503.html", context)
    response["Retry-After"] = str(RETRY_AFTER)
    return response


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """The fields of a form that was read, to be sent once more; none where it holds a password or a file."""
    if request.method != "POST" or is_fragment(request) or not hasattr(request, "_post") or request.FILES:
        return []
    fields = [(name, value) for name, values in request.POST.lists() for value in values]
    size = sum(len(name) + len(value) for name, value in fields)
    secret = any(word in name.lower() for name, _ in fields for word in ("password", "secret"))
    return [] if secret or size > TYPED_MAX else fields


def _without_database(
    request: HttpRequest, status: int, text: str, template: str, context: dict[str, Any]
) -> HttpResponse:
    """As `refuse`, but with a page that knows nobody: it asks neither the session nor the database."""
    if is_fragment(request):
        response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
        response["HX-Reswap"] = "none"
        # What asks again by itself every few seconds need not tell each time.
        if not request.path_info.endswith("/live/"):
            toast(response, text, "bad")
    else:
        theme = request.COOKIES.get("theme", "auto")
        theme = theme if theme in ("light", "dark") else "auto"
        try:
            page = loader.get_template(template).render({**context, "theme": theme})
            response = HttpResponse(page, status=status)
        except Exception:  # the template itself may be what is broken
            logger.exception("The page %s cannot be drawn", template)
            response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
    # Django would log the traceback a second time, without the id.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
