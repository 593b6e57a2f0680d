"""What every page is given beside its own context: who is signed in, the theme, messages."""

from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html

from registry.accounts.models import Role
from registry.catalog.reports.queue import Navigation, read_navigation

THEMES = ("auto", "light", "dark")


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the context of base.html; what the navigation tells is looked up once, by pages that ask."""
    theme = request.COOKIES.get("theme", "auto")
    user = getattr(request, "user", None)
    # One mask for the whole answer: Django masks at each use, and six random tokens weigh what nothing compresses.
    token = SimpleLazyObject(lambda: get_token(request))
    navigation = SimpleLazyObject(lambda: _navigation(user))
    return {
        "csrf_token": token,
        "csrf_input": SimpleLazyObject(
            lambda: format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token)
        ),
        "user": user,
        "role": getattr(user, "role", None) or "",
        "theme": theme if theme in THEMES else "auto",
        "messages": get_messages(request),
        "navigation": navigation,
        "regions_many": SimpleLazyObject(lambda: navigation.regions_many),
    }


def _navigation(user: Any) -> Navigation:
    role = getattr(user, "role", None)
    if role is None:  # also a stranger, who is no user
        return Navigation(regions_many=False, waiting=0, everybody=0)
    return read_navigation(user, decides=role.rank >= Role.REVIEWER.rank)
