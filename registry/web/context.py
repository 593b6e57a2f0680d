"""What every page is given beside its own context: who is signed in, the theme, messages."""

from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.utils.functional import SimpleLazyObject
from django.utils.html import format_html

from registry.catalog.models import ModelPackageGroup

THEMES = ("auto", "light", "dark")


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the context of base.html; whether there are several regions is looked up only by pages that ask."""
    theme = request.COOKIES.get("theme", "auto")
    user = getattr(request, "user", None)
    # One mask for the whole answer: Django masks at each use, and six random tokens weigh what nothing compresses.
    token = SimpleLazyObject(lambda: get_token(request))
    return {
        "csrf_token": token,
        "csrf_input": SimpleLazyObject(
            lambda: format_html('<input type="hidden" name="csrfmiddlewaretoken" value="{}">', token)
        ),
        "user": user,
        "role": getattr(user, "role", None) or "",
        "theme": theme if theme in THEMES else "auto",
        "messages": get_messages(request),
        "regions_many": SimpleLazyObject(ModelPackageGroup.objects.has_several_regions),
    }
