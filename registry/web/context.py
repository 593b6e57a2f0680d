"""What every page is given beside its own context: who is signed in, the theme, messages."""

from typing import Any

from django.contrib.messages import get_messages
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from registry.catalog.models import ModelPackageGroup

THEMES = ("auto", "light", "dark")


def page(request: HttpRequest) -> dict[str, Any]:
    """Return the context of base.html; whether there are several regions is looked up only by pages that ask."""
    theme = request.COOKIES.get("theme", "auto")
    user = getattr(request, "user", None)
    return {
        "user": user,
        "role": getattr(user, "role", None) or "",
        "theme": theme if theme in THEMES else "auto",
        "messages": get_messages(request),
        "regions_many": SimpleLazyObject(ModelPackageGroup.objects.has_several_regions),
    }
